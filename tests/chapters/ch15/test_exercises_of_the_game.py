"""Chapter 15, part b: the references are what the package computes, and other right ways pass."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch15 import game_solutions
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.examine import examine
from lecture_utils.generative import gan_loss
from lecture_utils.generative.cyclegan import losses as cyclegan
from lecture_utils.generative.pix2pix import losses as pix2pix
from lecture_utils.generative.pix2pix.patchgan import PatchGAN, patch_field, patch_plan
from lecture_utils.metrics import frechet
from tests.references import check_reference

BY_ID = {exercise.id: exercise for exercise in exercises("15")}


def losses_by_the_package(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    return gan_loss.discriminator_loss(real, fake), gan_loss.generator_loss(fake)


def distance_by_the_package(a: Tensor, b: Tensor) -> float:
    return frechet.frechet_distance(frechet.gaussian_fit(a), frechet.gaussian_fit(b))


def paired_by_the_package(scores: Tensor, fake: Tensor, target: Tensor, weight: float = 100.0) -> Tensor:
    return pix2pix.generator_objective(scores, fake, target, weight=weight)


def unmoved(x: Tensor) -> Tensor:
    """A discriminator that scores every patch 0."""
    return torch.zeros_like(x[:, :1])


def cycle_by_the_package(
    a: Tensor, b: Tensor, to_b: Any, to_a: Any, cycle: float = 10.0, identity: float = 5.0
) -> tuple[Tensor, Tensor, Tensor]:
    terms, fake_b, fake_a = cyclegan.generator_objective(
        a, b, to_b, to_a, unmoved, unmoved, cycle=cycle, identity=identity
    )
    return terms["loss"] - terms["adversarial"], fake_b, fake_a


THEIRS: dict[str, Callable[..., Any]] = {
    "15.6": losses_by_the_package,
    "15.7": distance_by_the_package,
    "15.9": paired_by_the_package,
    "15.10": cycle_by_the_package,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    check_reference(BY_ID[id], THEIRS[id])


@pytest.mark.parametrize("layers", range(5))
def test_the_field_is_the_packages_and_what_a_gradient_shows(layers: int) -> None:
    """One score of a real PatchGAN has gradients in a patch of so many pixels, and nowhere else."""
    field = game_solutions.receptive_field(patch_plan(layers))
    assert field == patch_field(layers)
    if layers > 3:
        return
    torch.manual_seed(0)
    judge = PatchGAN(1, layers=layers, width=2, norm="none")
    for p in judge.parameters():
        nn.init.uniform_(p, 0.1, 0.5)  # nothing cancels
    picture = torch.rand(1, 1, 2 * field + 32, 2 * field + 32, requires_grad=True)
    scores = judge(picture)
    middle = scores.shape[-1] // 2
    (slope,) = torch.autograd.grad(scores[0, 0, middle, middle], picture)
    seen = slope[0, 0].nonzero()
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [field, field]


# --- other right ways pass ---------------------------------------------------------------------------
def losses_by_bce(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    bce = F.binary_cross_entropy_with_logits
    loss_d = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    return loss_d, bce(fake, torch.ones_like(fake))


def losses_by_logsigmoid(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    loss_d = -F.logsigmoid(real).mean() - F.logsigmoid(-fake).mean()
    return loss_d, -F.logsigmoid(fake).mean()


def distance_by_numpy(a: Tensor, b: Tensor) -> float:
    x, y = a.double().numpy(), b.double().numpy()
    cov_a, cov_b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    values = np.linalg.eigvals(cov_a @ cov_b)  # not symmetric, but with the same eigenvalues
    cross = np.sqrt(np.clip(values.real, 0, None)).sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * cross)


def distance_by_singular_values(a: Tensor, b: Tensor) -> Tensor:
    """tr (Σ_a Σ_b)^½ is the sum of the singular values of A Bᵀ, for Σ_a = Aᵀ A and Σ_b = Bᵀ B."""
    a, b = a.double(), b.double()
    x = (a - a.mean(0)) / (len(a) - 1) ** 0.5
    y = (b - b.mean(0)) / (len(b) - 1) ** 0.5
    cross = torch.linalg.svdvals(x @ y.T).sum()
    return (a.mean(0) - b.mean(0)).pow(2).sum() + x.pow(2).sum() + y.pow(2).sum() - 2 * cross


def field_from_a_score(layers: Any) -> int:
    size = 1
    for kernel, stride in layers[::-1]:
        size = (size - 1) * stride + kernel
    return size


def field_recursive(layers: Any) -> int:
    if not layers:
        return 1
    kernel, stride = layers[0]
    return (field_recursive(layers[1:]) - 1) * stride + kernel


def paired_by_bce(scores: Tensor, fake: Tensor, target: Tensor, weight: float = 100) -> Tensor:
    game = F.binary_cross_entropy_with_logits(scores, torch.ones_like(scores))
    return game + weight * F.l1_loss(fake, target)


def cycle_by_l1(
    a: Tensor, b: Tensor, to_b: Any, to_a: Any, cycle: float = 10, identity: float = 5
) -> tuple[Tensor, ...]:
    made_b, made_a = to_b(a), to_a(b)
    loss = cycle * F.l1_loss(to_a(made_b), a) + cycle * F.l1_loss(to_b(made_a), b)
    loss = loss + identity * (F.l1_loss(to_a(a), a) + F.l1_loss(to_b(b), b))
    return loss, made_b, made_a


RIGHT = [
    ("15.6", losses_by_bce),
    ("15.6", losses_by_logsigmoid),
    ("15.7", distance_by_numpy),
    ("15.7", distance_by_singular_values),
    ("15.8", field_from_a_score),
    ("15.8", field_recursive),
    ("15.9", paired_by_bce),
    ("15.10", cycle_by_l1),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT, ids=[f"{id} {a.__name__}" for id, a in RIGHT])
def test_another_right_way_passes(id: str, answer: Callable[..., Any]) -> None:
    found = examine(BY_ID[id], answer)
    assert found.state == "right", found
