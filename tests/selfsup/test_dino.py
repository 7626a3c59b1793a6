"""DINO's loss against its algorithm in loops, and what each of its parts is for."""

import math
from collections.abc import Callable

import numpy as np
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


def test_the_paper_s_settings_are_the_defaults() -> None:
    assert momentum_schedule(0, 10) == pytest.approx(0.996)
    model = tiny()
    assert (model.momentum, model.centre_momentum, model.centring) == (0.996, 0.9, True)
    assert (model.student_temperature, model.teacher_temperature) == (0.1, 0.04)
    assert tiny(sharpening=False).teacher_temperature == 0.1  # as soft as the student's
    assert DINO(nn.Flatten(), 12).centre.shape == DINO(nn.Flatten(), 12).teacher(torch.rand(2, 12)).shape[1:]


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
    """As the authors': `linspace` over the warm-up, then constant."""
    for warmup in (0, 1, 2, 10, 30):
        want = [*np.linspace(0.04, 0.07, warmup), *[0.07] * 5]
        got = [temperature_schedule(k, warmup) for k in range(warmup + 5)]
        assert got == pytest.approx(want, abs=1e-12)


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
    with pytest.raises(ValueError, match="0 global and 2 local"):
        tiny()([], [torch.rand(1, 3, 16, 16)] * 2)
    with pytest.raises(ValueError, match="for one image use"):
        tiny()(torch.rand(2, 3, 16, 16))  # a batch is no list of views
    with pytest.raises(ValueError, match=r"views of \[2, 3\] pictures"):
        tiny()([torch.rand(2, 3, 16, 16), torch.rand(3, 3, 16, 16)])


L = torch.randn(3, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dino_loss([L, L], [L[:1]], torch.zeros(4)), r"teacher: got .*\(1, 4\), want .*\(3, 4\)"),
        (lambda: dino_loss([L, L[0]], [L], torch.zeros(4)), r"student: got .*\(4,\)"),
        (lambda: dino_loss([L[0]] * 2, [L[0]], torch.zeros(4)), r"student: got .*\(4,\), want .*\(B, K\)"),
        (lambda: dino_loss([L[:0]] * 2, [L[:0]], torch.zeros(4)), "student: got .* no axis of length 0"),
        (lambda: dino_loss([L, L], [L], torch.zeros(1)), r"centre: got .*\(1,\), want .*\(4,\)"),
        (
            lambda: dino_loss([L, L], [L], torch.zeros(4), teacher_temperature=0),
            "teacher's temperature: got 0",
        ),
        (
            lambda: dino_loss([L, L], [L], torch.zeros(4), student_temperature=-1),
            "student's temperature: got -1",
        ),
        (lambda: dino_loss([L.byte()] * 2, [L], torch.zeros(4)), "student: got torch.uint8"),
        (lambda: divergence(L[:1], L), r"student: got .*\(3, 4\), want .*\(1, 4\)"),
        (lambda: divergence(L[:0], L[:0]), "no axis of length 0"),
        (lambda: entropy(L[0]), r"logits: got .*\(4,\)"),
        (lambda: momentum_schedule(0, 0), "steps: got 0"),
        (lambda: momentum_schedule(11, 10), "step 11 of 10"),
        (lambda: momentum_schedule(-1, 10), "step: got -1"),
        (lambda: momentum_schedule(1, 10, 1.5), "momentum 1.5"),
        (lambda: temperature_schedule(-(10**6), 10), "step: got -1000000"),
        (lambda: temperature_schedule(1, 10, 0.0), "start: got 0.0"),
        (lambda: temperature_schedule(1, 10, 0.1, -0.1), "end: got -0.1"),
        (lambda: DINOHead(4)(L[:, :3]), r"features: got .*\(3, 3\), want .*\(B, 4\)"),
        (lambda: DINOHead(4, prototypes=0), "prototypes: got 0"),
        (lambda: tiny(centre_momentum=1.5), "momentum 1.5"),
        (lambda: DINO(len, 4), "got the backbone builtin"),
    ],
)
def test_wrong_shapes_and_ranges_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_another_temperature_can_be_given_for_a_step() -> None:
    model, views = tiny().eval(), [torch.rand(4, 3, 16, 16) for _ in range(2)]
    with torch.no_grad():
        student, teacher = ([net(v) for v in views] for net in (model.student, model.teacher))
        want = dino_loss(student, teacher, model.centre, teacher_temperature=0.02)
        assert torch.equal(model(views, teacher_temperature=0.02), want)
        assert torch.equal(model(views), dino_loss(student, teacher, model.centre))
        model.teacher_temperature = 0.02
        assert torch.equal(model(views), want)


def test_without_sharpening_the_temperatures_are_the_same() -> None:
    assert tiny(sharpening=False).teacher_temperature == tiny().student_temperature == 0.1
    assert tiny().teacher_temperature == 0.04


def test_the_teacher_stays_in_evaluation_mode() -> None:
    """So its batch norm moves only with the average of the student's."""
    backbone = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = DINO(backbone, 8, hidden=16, bottleneck=8, prototypes=12).train()
    assert model.student.training and not any(m.training for m in model.teacher.modules())
    model([torch.rand(4, 3, 16, 16) for _ in range(2)])
    assert model.student[0][1].num_batches_tracked == 2
    assert not model.teacher[0][1].running_mean.any() and model.teacher[0][1].num_batches_tracked == 0


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_trains_under_autocast(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA")
    model = tiny().to(device)
    views = [torch.rand(4, 3, 16, 16, device=device) for _ in range(2)]
    with torch.autocast(device, dtype=torch.bfloat16):
        loss = model(views)
    loss.backward()
    assert loss.isfinite() and model.centre.dtype == torch.float32 and model.centre.any()
