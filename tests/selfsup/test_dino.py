"""DINO's loss against its algorithm in loops, and what each of its parts is for."""

import math

import pytest
import torch
from torch import nn

from lecture_utils.selfsup.dino import (
    DINO,
    DINOHead,
    dino_loss,
    divergence,
    entropy,
    momentum_schedule,
    temperature_schedule,
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


def test_divergence_equals_the_sum_and_is_zero_for_twins() -> None:
    teacher, student = torch.randn(4, 6), torch.randn(4, 6)
    p, q = teacher.softmax(1), student.softmax(1)
    torch.testing.assert_close(divergence(teacher, student), (p * (p / q).log()).sum(1).mean())
    assert abs(divergence(teacher, teacher).item()) < 1e-6


def test_entropy_and_divergence_make_up_the_loss() -> None:
    model, views = tiny(), [torch.rand(4, 3, 16, 16) for _ in range(2)]
    model.eval()
    both = [sum(model.diagnose(*pair)) for pair in (views, views[::-1])]
    assert model(views).item() == pytest.approx(sum(both) / 2, rel=1e-5)
    assert model.teacher_entropy(views[0]) == pytest.approx(model.diagnose(*views)[0])


def test_temperature_warms_up_and_stays() -> None:
    values = [temperature_schedule(k, 10) for k in range(15)]
    assert values[0] == 0.04 and values[5] == pytest.approx(0.055) and values[10:] == [0.07] * 5
    assert values == sorted(values)


def test_a_student_learns_one_batch_of_its_teachers_answers() -> None:
    model, x = tiny().eval(), torch.rand(12, 3, 16, 16)  # evaluation mode: the centre rests, as the teacher
    with torch.no_grad():
        for p in model.student.parameters():
            p.add_(0.3 * torch.randn_like(p))
    before = model.diagnose(x, x)[1]
    optimizer = torch.optim.Adam(model.student.parameters(), lr=3e-3)
    for _ in range(200):
        loss = model([x, x])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.diagnose(x, x)[1] < 0.05 * before


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match="1 student views"):
        dino_loss([torch.randn(1, 2)], [torch.randn(1, 2)], torch.zeros(2))
    with pytest.raises(ValueError, match="0 teacher views"):
        dino_loss([torch.randn(1, 2)] * 2, [], torch.zeros(2))
