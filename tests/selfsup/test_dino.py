"""DINO's loss against its algorithm in loops, and what each of its parts is for."""

import math

import pytest
import torch
from torch import nn

from lecture_utils.selfsup.dino import (
    DINO,
    DINOHead,
    crop_batch,
    dino_loss,
    entropy,
    jitter_colour,
    momentum_schedule,
    multi_crop,
)

pytestmark = pytest.mark.system("S03.2")


def tiny(**changes: object) -> DINO:
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return DINO(backbone, 8, hidden=16, bottleneck=8, prototypes=12, **changes)  # type: ignore[arg-type]


def test_loss_equals_the_algorithm_in_loops() -> None:
    student, teacher = [torch.randn(5, 7) for _ in range(4)], [torch.randn(5, 7) for _ in range(2)]
    centre, total, pairs = torch.randn(7), 0.0, 0
    for i, t in enumerate(teacher):
        for j, s in enumerate(student):
            if i == j:
                continue
            for row in range(5):
                p = torch.exp((t[row] - centre) / 0.04 - torch.logsumexp((t[row] - centre) / 0.04, 0))
                q = torch.exp(s[row] / 0.1) / torch.exp(s[row] / 0.1).sum()
                total += -(p * q.log()).sum().item() / 5
            pairs += 1
    assert pairs == 6
    assert math.isclose(dino_loss(student, teacher, centre).item(), total / pairs, rel_tol=1e-4)


def test_no_gradient_reaches_the_teacher() -> None:
    student, teacher = (
        [torch.randn(2, 4, requires_grad=True) for _ in range(2)],
        torch.randn(2, 4).requires_grad_(),
    )
    dino_loss(student, [teacher], torch.zeros(4)).backward()
    assert teacher.grad is None and student[1].grad is not None
    model = tiny()
    model([torch.rand(2, 3, 16, 16)] * 2).backward()
    assert all(p.grad is None for p in model.teacher.parameters())
    assert any(p.grad is not None and p.grad.any() for p in model.student.parameters())


def test_the_head_gives_cosines() -> None:
    logits = DINOHead(6, hidden=8, bottleneck=4, prototypes=9)(torch.randn(3, 6))
    assert logits.shape == (3, 9) and logits.abs().max() <= 1 + 1e-6


def test_centre_is_a_moving_mean_of_the_teachers_logits() -> None:
    model, views = tiny(centre_momentum=0.9), [torch.rand(4, 3, 16, 16) for _ in range(2)]
    with torch.no_grad():
        mean = torch.cat([model.teacher(v) for v in views]).mean(0)
    model(views)
    torch.testing.assert_close(model.centre, 0.1 * mean)
    still = tiny(centring=False)
    still(views)
    assert not still.centre.any()
    model.eval()
    before = model.centre.clone()
    model(views)
    assert torch.equal(model.centre, before)


def test_the_teacher_follows_only_when_told() -> None:
    model = tiny(momentum=0.5)
    before = model.teacher[0][0].weight.clone()
    with torch.no_grad():
        model.student[0][0].weight.add_(1)
    model.update_teacher(0, 10)
    torch.testing.assert_close(model.teacher[0][0].weight, before + 0.5)
    model.update_teacher(10, 10)  # momentum 1 at the end
    torch.testing.assert_close(model.teacher[0][0].weight, before + 0.5)


def test_momentum_rises_from_start_to_one() -> None:
    values = [momentum_schedule(k, 100, 0.9) for k in range(101)]
    assert math.isclose(values[0], 0.9) and math.isclose(values[50], 0.95) and math.isclose(values[-1], 1)
    assert values == sorted(values)


def test_entropy_of_the_two_collapses() -> None:
    assert math.isclose(entropy(torch.zeros(3, 8)).item(), math.log(8), rel_tol=1e-6)
    assert entropy(torch.tensor([[100.0, 0, 0]])).item() < 1e-6


def test_crops_of_the_whole_image_are_the_image_or_its_mirror() -> None:
    images = torch.rand(8, 3, 12, 12)
    crops = crop_batch(images, 12, (1.0, 1.0), generator=torch.Generator().manual_seed(0))
    plain = [torch.allclose(c, i, atol=1e-5) for c, i in zip(crops, images, strict=True)]
    mirrored = [torch.allclose(c, i.flip(-1), atol=1e-5) for c, i in zip(crops, images, strict=True)]
    assert all(p != m for p, m in zip(plain, mirrored, strict=True)) and any(plain) and any(mirrored)


def test_crops_cover_the_share_they_were_asked_for() -> None:
    """On a ramp, the spread of a crop tells its side."""
    ramp = torch.linspace(-1, 1, 64).expand(50, 1, 64, 64)
    crops = crop_batch(ramp, 32, (0.25, 0.25), generator=torch.Generator().manual_seed(0))
    spread = crops.amax((1, 2, 3)) - crops.amin((1, 2, 3))
    torch.testing.assert_close(spread, torch.full((50,), 1.0), atol=0.05, rtol=0)  # half of 2, less a pixel


def test_multi_crop_gives_two_large_and_several_small_views() -> None:
    large, small = multi_crop(torch.rand(3, 3, 32, 32), global_size=32, local_size=16, local_views=5)
    assert [v.shape for v in large] == [(3, 3, 32, 32)] * 2 and [v.shape for v in small] == [
        (3, 3, 16, 16)
    ] * 5
    assert all(v.min() >= 0 and v.max() <= 1 for v in large + small)
    assert not torch.equal(large[0], large[1])
    torch.testing.assert_close(jitter_colour(large[0], strength=0.0), large[0])


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match="1 student views"):
        dino_loss([torch.randn(1, 2)], [torch.randn(1, 2)], torch.zeros(2))
    with pytest.raises(ValueError, match="0 teacher views"):
        dino_loss([torch.randn(1, 2)] * 2, [], torch.zeros(2))
