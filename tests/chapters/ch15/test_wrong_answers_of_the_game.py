"""Chapter 15, part b: wrong answers, written before any was tried, get the hint for their mistake.

Each comes with a word that the hint has to have.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.exercises.checker import exercises
from tests.wrong_answers import check_hint

BY_ID = {exercise.id: exercise for exercise in exercises("15")}
bce = F.binary_cross_entropy_with_logits


def minimax(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    loss_d = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    return loss_d, F.logsigmoid(-fake).mean()


def generator_with_zeros(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    loss_d = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    return loss_d, bce(fake, torch.zeros_like(fake))


def half(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    loss_d = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    return loss_d / 2, bce(fake, torch.ones_like(fake))


def of_probabilities(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    d_real, d_fake = torch.sigmoid(real), torch.sigmoid(fake)
    return -d_real.log().mean() - (1 - d_fake).log().mean(), -d_fake.log().mean()


def plus_epsilon(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    d_real, d_fake = torch.sigmoid(real) + 1e-8, torch.sigmoid(fake)
    loss_d = -torch.log(d_real).mean() - torch.log(1 - d_fake + 1e-8).mean()
    return loss_d, -torch.log(d_fake + 1e-8).mean()


def double_sigmoid(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    r, f = torch.sigmoid(real), torch.sigmoid(fake)
    return bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f)), bce(f, torch.ones_like(f))


def covs(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    a, b = a.double(), b.double()
    return torch.cov(a.T), torch.cov(b.T), ((a.mean(0) - b.mean(0)) ** 2).sum()


def root_by_sqrt(a: Tensor, b: Tensor) -> float:
    ca, cb, d = covs(a, b)
    return (d + torch.trace(ca + cb - 2 * torch.sqrt((ca @ cb).clamp(min=0)))).item()


def roots_multiplied(a: Tensor, b: Tensor) -> float:
    def root(c: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(c)
        return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T

    ca, cb, d = covs(a, b)
    return (d + ca.trace() + cb.trace() - 2 * (root(ca) @ root(cb)).trace()).item()


def norm_not_squared(a: Tensor, b: Tensor) -> float:
    ca, cb, d = covs(a, b)
    values = torch.linalg.eigvals(ca @ cb).real.clamp(min=0)
    return (d.sqrt() + ca.trace() + cb.trace() - 2 * values.sqrt().sum()).item()


def by_n(a: Tensor, b: Tensor) -> float:
    x, y = a.double().numpy(), b.double().numpy()
    ca, cb = np.cov(x.T, bias=True), np.cov(y.T, bias=True)
    values = np.linalg.eigvals(ca @ cb).real.clip(0)
    apart = ((x.mean(0) - y.mean(0)) ** 2).sum()
    return float(apart + ca.trace() + cb.trace() - 2 * np.sqrt(values).sum())


def variances_only(a: Tensor, b: Tensor) -> float:
    a, b = a.double(), b.double()
    return (((a.mean(0) - b.mean(0)) ** 2) + (a.std(0) - b.std(0)) ** 2).sum().item()


def strides_forgotten(layers: Any) -> int:
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def forwards(layers: Any) -> int:
    size = 1
    for kernel, stride in layers:
        size = (size - 1) * stride + kernel
    return size


def jump_too_early(layers: Any) -> int:
    field, jump = 1, 1
    for kernel, stride in layers:
        jump *= stride
        field += (kernel - 1) * jump
    return field


def l2(scores: Tensor, fake: Tensor, target: Tensor, weight: float = 100) -> Tensor:
    return bce(scores, torch.ones_like(scores)) + weight * F.mse_loss(fake, target)


def mean_first(scores: Tensor, fake: Tensor, target: Tensor, weight: float = 100) -> Tensor:
    return F.softplus(-scores.mean()) + weight * F.l1_loss(fake, target)


def weight_in_front(scores: Tensor, fake: Tensor, target: Tensor, weight: float = 100) -> Tensor:
    return weight * bce(scores, torch.ones_like(scores)) + F.l1_loss(fake, target)


def against_zeros(scores: Tensor, fake: Tensor, target: Tensor, weight: float = 100) -> Tensor:
    return bce(scores, torch.zeros_like(scores)) + weight * F.l1_loss(fake, target)


def only_a(a: Tensor, b: Tensor, to_b: Any, to_a: Any, cycle: float = 10, identity: float = 5) -> Any:
    fake_b, fake_a = to_b(a), to_a(b)
    same = F.l1_loss(to_a(a), a) + F.l1_loss(to_b(b), b)
    return cycle * F.l1_loss(to_a(fake_b), a) + identity * same, fake_b, fake_a


def identity_crossed(
    a: Tensor, b: Tensor, to_b: Any, to_a: Any, cycle: float = 10, identity: float = 5
) -> Any:
    fake_b, fake_a = to_b(a), to_a(b)
    back = F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b)
    same = F.l1_loss(fake_b, a) + F.l1_loss(fake_a, b)
    return cycle * back + identity * same, fake_b, fake_a


def as_if_paired(a: Tensor, b: Tensor, to_b: Any, to_a: Any, cycle: float = 10, identity: float = 5) -> Any:
    fake_b, fake_a = to_b(a), to_a(b)
    pairs = F.l1_loss(fake_b, b) + F.l1_loss(fake_a, a)
    same = F.l1_loss(to_a(a), a) + F.l1_loss(to_b(b), b)
    return cycle * pairs + identity * same, fake_b, fake_a


def fakes_turned(a: Tensor, b: Tensor, to_b: Any, to_a: Any, cycle: float = 10, identity: float = 5) -> Any:
    fake_a, fake_b = to_a(b), to_b(a)
    back = F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b)
    same = F.l1_loss(to_a(a), a) + F.l1_loss(to_b(b), b)
    return cycle * back + identity * same, fake_a, fake_b


WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("15.6", minimax, "flat"),
    ("15.6", generator_with_zeros, "wrong way"),
    ("15.6", half, "half as large"),
    ("15.6", of_probabilities, "after the sigmoid"),
    ("15.6", plus_epsilon, "small number"),
    ("15.6", double_sigmoid, "taken twice"),
    ("15.7", root_by_sqrt, "roots of the numbers"),
    ("15.7", roots_multiplied, "√Σ_b"),
    ("15.7", norm_not_squared, "not squared"),
    ("15.7", by_n, "divide by N"),
    ("15.7", variances_only, "variances"),
    ("15.8", strides_forgotten, "no effect"),
    ("15.8", forwards, "wrong way"),
    ("15.8", jump_too_early, "too early"),
    ("15.9", l2, "L2"),
    ("15.9", mean_first, "average the scores"),
    ("15.9", weight_in_front, "before the adversarial"),
    ("15.9", against_zeros, "discriminator's"),
    ("15.10", only_a, "one way only"),
    ("15.10", identity_crossed, "identity term a goes through"),
    ("15.10", as_if_paired, "no pairs"),
    ("15.10", fakes_turned, "other order"),
]


@pytest.mark.parametrize(("id", "answer", "word"), WRONG, ids=[f"{id} {a.__name__}" for id, a, _ in WRONG])
def test_a_wrong_answer_gets_the_hint_for_its_mistake(id: str, answer: Callable[..., Any], word: str) -> None:
    check_hint(BY_ID[id], answer, word, "value", "raises", "kind")
