"""The distillation loss against its formula, by value and by gradient."""

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.selfsup.distillation import distillation_loss

pytestmark = pytest.mark.system("S03.4")


def example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(6, 5, dtype=torch.float64, generator=generator) for _ in range(2))
    return student.requires_grad_(), teacher, torch.arange(6) % 5


@pytest.mark.parametrize(("temperature", "soft"), [(1.0, 1.0), (4.0, 0.9), (7.0, 0.0), (0.5, 0.5)])
def test_value_and_gradient_equal_the_formula(temperature: float, soft: float) -> None:
    student, teacher, target = example()
    p, q = (teacher / temperature).softmax(1), (student / temperature).softmax(1)
    divergence = (p * (p / q).log()).sum(1).mean()
    want = soft * temperature**2 * divergence + (1 - soft) * F.cross_entropy(student, target)
    got = distillation_loss(student, teacher, target, temperature=temperature, soft=soft)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(
        *(torch.autograd.grad(loss, student, retain_graph=True)[0] for loss in (got, want))
    )


def test_without_settings_it_is_nine_tenths_soft_at_temperature_four() -> None:
    student, teacher, target = example()
    want = distillation_loss(student, teacher, target, temperature=4.0, soft=0.9)
    assert torch.equal(distillation_loss(student, teacher, target), want)


def test_the_gradient_is_t_times_the_difference_of_the_two_distributions() -> None:
    student, teacher, target = example()
    t = 3.0
    loss = distillation_loss(student, teacher, target, temperature=t, soft=1.0)
    want = t * ((student / t).softmax(1) - (teacher / t).softmax(1)) / len(student)  # by hand
    torch.testing.assert_close(torch.autograd.grad(loss, student)[0], want.detach())


def test_the_factor_keeps_the_gradients_size_at_high_temperatures() -> None:
    student, teacher, target = example()
    norms = []
    for t in (20.0, 40.0):
        loss = distillation_loss(student, teacher, target, temperature=t, soft=1.0)
        norms.append(torch.autograd.grad(loss, student)[0].norm().item())
    assert abs(norms[1] / norms[0] - 1) < 0.05


def test_a_student_that_agrees_has_no_soft_loss_and_the_teacher_no_gradient() -> None:
    student, teacher, target = example()
    assert distillation_loss(teacher, teacher, target, soft=1.0).abs() < 1e-12
    teacher.requires_grad_()
    distillation_loss(student, teacher, target).backward()
    assert teacher.grad is None


def test_bad_input_is_told() -> None:
    student, teacher, target = example()
    with pytest.raises(
        ValueError, match=r"teacher: got torch.float64 \(6, 4\), want floating point \(6, 5\)"
    ):
        distillation_loss(student, teacher[:, :4], target)
    with pytest.raises(ValueError, match="temperature: got 0, want a finite number above 0"):
        distillation_loss(student, teacher, target, temperature=0)
    for soft in (-0.01, 1.01):
        with pytest.raises(ValueError, match=f"soft: got {soft}"):
            distillation_loss(student, teacher, target, soft=soft)
    for bad, message in (
        ((student.detach().byte(), teacher, target), "student: got torch.uint8"),
        ((student[:0], teacher[:0], target[:0]), "no axis of length 0"),
        ((student, teacher, target + 1), "class numbers from 1 to 5, want 0 to 4"),
        ((student, teacher, target - 1), "class numbers from -1 to 3"),
        ((student, teacher, target[:, None]), r"target: got torch.int64 \(6, 1\)"),
        ((student, teacher, target.float()), "target: got torch.float32"),
        ((student, teacher, target.numpy()), "target: got ndarray"),
    ):
        with pytest.raises(ValueError, match=message):
            distillation_loss(*bad)
    with pytest.raises(ValueError, match="temperature: got nan"):
        distillation_loss(student, teacher, target, temperature=float("nan"))
