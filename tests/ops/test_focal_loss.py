"""Focal loss against torchvision's, its gradient against autograd, and what easy examples count for."""

import math

import pytest
import torch
import torchvision
from torch import Tensor

from lecture_utils.ops import focal_loss as module
from lecture_utils.ops.focal_loss import focal_gradient, focal_loss, gradient_share
from tests.mutants import planted

pytestmark = pytest.mark.system("S08.2")
SETTINGS = [(0.25, 2.0), (0.25, 0.0), (None, 2.0), (0.9, 0.5), (0.0, 1.0), (1.0, 5.0)]


def decisions(kind: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Logits (5, 7, 3) from -8 to 8, and targets, a quarter of them 1."""
    made = torch.Generator().manual_seed(0)
    logits = 16 * torch.rand(5, 7, 3, generator=made, dtype=torch.float64) - 8
    return logits.to(kind), (torch.rand(5, 7, 3, generator=made) < 0.25).to(kind)


def compare(with_: object, alpha: float | None, gamma: float, reduction: str = "none") -> None:
    """Values and gradients against torchvision's."""
    logits, targets = decisions()
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    got = with_.focal_loss(ours, targets, alpha=alpha, gamma=gamma, reduction=reduction)
    want = torchvision.ops.sigmoid_focal_loss(
        theirs, targets, alpha=-1 if alpha is None else alpha, gamma=gamma, reduction=reduction
    )
    torch.testing.assert_close(got, want)
    got.sum().backward(), want.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    if reduction != "mean":
        torch.testing.assert_close(
            with_.focal_gradient(logits, targets, alpha=alpha, gamma=gamma), theirs.grad
        )


@pytest.mark.parametrize(("alpha", "gamma"), SETTINGS)
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_values_and_gradients_equal_torchvision(alpha, gamma, reduction):
    compare(module, alpha, gamma, reduction)


FAULTS = [
    ("factor = (gamma * F.logsigmoid(-z)).exp()  # (1 - p_t)^γ\n    loss", "factor = z.sigmoid()\n    loss"),
    ("torch.where(targets == 1, x, -x)", "x"),
    ("torch.where(targets == 1, alpha, 1 - alpha)", "torch.where(targets == 1, 1 - alpha, alpha)"),
    ("log_p = F.logsigmoid(z)", "log_p = F.logsigmoid(-z)"),
    ("torch.where(targets == 1, slope, -slope)", "slope"),
    ("gamma * z.sigmoid() * F.logsigmoid(z)", "gamma * F.logsigmoid(z)"),
    ("- (-z).sigmoid()", "- z.sigmoid()"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[wrong for _, wrong in FAULTS])
def test_the_comparison_sees(fault):
    with pytest.raises(AssertionError):
        compare(planted("lecture_utils.ops.focal_loss", fault), 0.25, 2.0)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize(("alpha", "gamma"), SETTINGS)
def test_it_is_right_and_finite_at_logits_of_100(kind, alpha, gamma):
    """A sure mistake costs its logit, weighted by α; what is sure and right costs nothing."""
    logits = torch.tensor([100.0, -100, 100, -100], dtype=kind, requires_grad=True)
    targets = torch.tensor([1, 0, 0, 1])
    loss = focal_loss(logits, targets, alpha=alpha, gamma=gamma)
    one, zero = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    torch.testing.assert_close(
        loss, torch.tensor([0, 0, 100 * zero, 100 * one], dtype=kind), atol=1e-12, rtol=1e-6
    )
    loss.sum().backward()
    assert logits.grad.isfinite().all()
    torch.testing.assert_close(
        logits.grad, focal_gradient(logits.detach(), targets, alpha=alpha, gamma=gamma), atol=1e-12, rtol=1e-6
    )  # fmt: skip


def test_gamma_0_is_cross_entropy():
    logits, targets = decisions()
    want = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    torch.testing.assert_close(focal_loss(logits, targets, alpha=None, gamma=0.0), want)


def test_nothing_counts_for_more_than_under_cross_entropy():
    """Section 3.2: at γ = 2, p_t = 0.9 costs 100 times less, and p_t of 0.5 or less 4 times at most."""
    p = torch.tensor([0.1, 0.5, 0.9, 0.968], dtype=torch.float64)
    less = focal_loss(p.logit(), torch.ones(4), alpha=None, gamma=0.0) / focal_loss(
        p.logit(), torch.ones(4), alpha=None
    )
    assert (less >= 1).all()
    torch.testing.assert_close(less[:3], torch.tensor([1 / 0.81, 4.0, 100.0], dtype=torch.float64))
    assert less[3] == pytest.approx(1000, rel=0.05)  # "approximately 1000" in the paper


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_the_share_of_easy_negatives_equals_its_closed_form(gamma):
    """One object at p = 0.5 among 1,000 negatives at p = 0.01."""
    logits = torch.cat([torch.zeros(1), torch.full((1000,), 0.01).logit()])
    targets = (torch.arange(1001) == 0).long()

    def slope(p: float) -> float:  # of one example, p_t = p
        return (1 - p) ** gamma * (1 - p - gamma * p * math.log(p))

    want = 1000 * slope(0.99) / (1000 * slope(0.99) + slope(0.5))
    got = gradient_share(logits, targets, targets == 0, alpha=None, gamma=gamma)
    assert got == pytest.approx(want, rel=1e-5)
    assert got > 0.95 if gamma == 0 else got < 0.02  # cross-entropy: the easy ones rule
    assert gradient_share(logits, targets, targets == 1, alpha=None, gamma=gamma) == pytest.approx(1 - want)


def test_shares_do_not_vanish_in_single_precision_and_the_paper_s_settings_are_the_defaults():
    logits, targets = (
        torch.full((4,), -60.0),
        torch.zeros(4),
    )  # (1 - p_t)² = e^-120, less than a float32 can be
    assert gradient_share(logits, targets, torch.arange(4) < 1) == pytest.approx(0.25)
    logits, targets = decisions()
    paper, chosen = {"alpha": 0.25, "gamma": 2.0}, targets == 0
    for function in (focal_loss, focal_gradient):
        torch.testing.assert_close(function(logits, targets), function(logits, targets, **paper))
    assert gradient_share(logits, targets, chosen) == gradient_share(logits, targets, chosen, **paper)


def test_shares_where_there_is_no_gradient_and_half_precision():
    logits, targets = torch.full((3,), 2e4), torch.ones(3)
    assert gradient_share(logits, targets, torch.ones(3, dtype=torch.bool)) == 0.0
    assert focal_loss(logits.half(), targets.half(), reduction="sum").dtype == torch.float32
    assert focal_loss(torch.zeros(0, 4), torch.zeros(0, 4), reduction="sum") == 0
    assert focal_loss(torch.tensor(1.0), torch.tensor(True)).shape == ()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: focal_loss(torch.zeros(2, 3), torch.zeros(2)), "targets"),
        (lambda: focal_loss(torch.zeros(2), torch.tensor([0.5, 1])), "0 and 1"),
        (lambda: focal_loss(torch.zeros(2), torch.tensor([0, 2])), "0 and 1"),
        (lambda: focal_loss(torch.zeros(2).long(), torch.zeros(2)), "floating"),
        (lambda: focal_loss(torch.zeros(2), torch.zeros(2), alpha=1.5), "alpha"),
        (lambda: focal_loss(torch.zeros(2), torch.zeros(2), gamma=-1), "gamma"),
        (lambda: focal_loss(torch.zeros(2), torch.zeros(2), reduction="all"), "reduction"),
        (lambda: focal_loss(torch.zeros(0), torch.zeros(0), reduction="mean"), "length 0"),
        (lambda: gradient_share(torch.zeros(2), torch.zeros(2), torch.zeros(2)), "chosen"),
        (lambda: gradient_share(torch.zeros(0), torch.zeros(0), torch.zeros(0) > 0), "length 0"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
