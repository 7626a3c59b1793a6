"""Chapter 15, part a: the references are what the package computes, and other right ways pass."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical, Normal, kl_divergence

from lecture_utils.chapters.ch15 import solutions
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.examine import examine
from lecture_utils.generative import elbo
from lecture_utils.generative.pixel import likelihood, masked_convolution
from lecture_utils.generative.pixel.pixelcnn import PixelCNN
from tests.references import check_reference

BY_ID = {exercise.id: exercise for exercise in exercises("15")}


def drawn_by_the_package(model: Any, n: int, size: int, generator: torch.Generator) -> Tensor:
    return likelihood.sample(model, n, (size, size), seed=generator.initial_seed())


def cloud_by_the_package(mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    return elbo.reparameterise(mean, log_var, noise), elbo.kl_to_standard_normal(mean, log_var)


THEIRS: dict[str, Callable[..., Any]] = {
    "15.1": masked_convolution.pixel_mask,
    "15.2": likelihood.bits_per_dim,
    "15.3": drawn_by_the_package,
    "15.4": cloud_by_the_package,
    "15.5": elbo.importance_log_likelihood,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    check_reference(BY_ID[id], THEIRS[id])


def test_the_learners_functions_fit_into_the_packages_network() -> None:
    """A PixelCNN made with the learner's mask is trained by the learner's bits and drawn by its loop."""
    torch.manual_seed(0)
    own = PixelCNN(5, width=8, layers=2, mask=solutions.pixel_mask)
    torch.manual_seed(0)
    package = PixelCNN(5, width=8, layers=2)
    image = torch.randint(5, (2, 1, 4, 4))
    torch.testing.assert_close(own(image), package(image))
    solutions.bits_per_dim(own(image), image).mean().backward()
    assert all(p.grad is not None for p in own.parameters())
    with torch.no_grad():
        made = solutions.sample_digits(own, 3, 4, torch.Generator().manual_seed(7))
    assert torch.equal(made, likelihood.sample(package, 3, (4, 4), seed=7))


def test_the_distance_of_a_cloud_is_what_many_points_say() -> None:
    """Closed form against Monte Carlo, within five standard errors."""
    generator = torch.Generator().manual_seed(0)
    mean, log_var = torch.tensor([[1.0, -0.5, 0.0]]), torch.tensor([[-1.0, 0.5, 0.0]])
    noise = torch.randn(20_000, 3, generator=generator)
    z, kl = solutions.draw_latent(mean.expand(20_000, 3), log_var.expand(20_000, 3), noise)
    q, p = Normal(mean, (log_var / 2).exp()), Normal(torch.zeros(3), torch.ones(3))
    points = (q.log_prob(z) - p.log_prob(z)).sum(1)
    assert abs(float(points.mean() - kl[0])) < 5 * float(points.std()) / math.sqrt(20_000)
    assert float(kl_divergence(q, p).sum()) == pytest.approx(float(kl[0]), rel=1e-5)


def test_more_vectors_come_nearer_to_the_evidence() -> None:
    """For a Gaussian prior and likelihood the evidence is known: it is approached from below."""
    generator = torch.Generator().manual_seed(0)
    x, prior = torch.tensor(1.5), Normal(0.0, 1.0)
    cloud = Normal(0.3, 0.9)  # a poor stand-in for the posterior N(x / 2, 1 / √2)
    evidence = float(Normal(0.0, math.sqrt(2)).log_prob(x))
    found = []
    for count in (1, 10, 1000):
        z = cloud.mean + cloud.stddev * torch.randn(count, 2000, generator=generator)
        log_joint = prior.log_prob(z) + Normal(z, 1.0).log_prob(x)
        found.append(float(solutions.importance_log_likelihood(log_joint, cloud.log_prob(z)).mean()))
    assert found[0] < found[1] < found[2] < evidence + 0.01
    assert found[2] == pytest.approx(evidence, abs=0.01) and found[0] < evidence - 0.1


# --- other right ways pass ---------------------------------------------------------------------------
def mask_by_loops(kind: str, size: int, in_channels: int, out_channels: int, colours: int) -> Tensor:
    mask = torch.zeros(out_channels, in_channels, size, size, dtype=torch.bool)
    c = size // 2
    for o in range(out_channels):
        for i in range(in_channels):
            go, gi = o // (out_channels // colours), i // (in_channels // colours)
            for row in range(size):
                for col in range(size):
                    if (row, col) == (c, c):
                        mask[o, i, row, col] = gi < go or (kind == "B" and gi == go)
                    else:
                        mask[o, i, row, col] = row * size + col < c * size + c
    return mask


def bits_by_cross_entropy(logits: Tensor, image: Tensor) -> Tensor:
    return F.cross_entropy(logits, image, reduction="none").mean(dim=(1, 2, 3)) / math.log(2)


def bits_by_one_hot(logits: Tensor, image: Tensor) -> Tensor:
    there = F.one_hot(image, logits.shape[1]).movedim(-1, 1)  # (B, L, C, S, S)
    log2_p = logits.log_softmax(1) / np.log(2)
    return -(there * log2_p).sum(1).mean((1, 2, 3))


def drawn_by_categorical(model: Any, n: int, size: int, generator: torch.Generator) -> Tensor:
    """Another way to draw with a generator: the numbers are others, and the shares the same."""
    image = torch.full((n, 1, size, size), 1)
    for place in range(size * size):
        logits = model(image).flatten(3)[:, :, 0, place]
        noise = torch.rand(logits.shape, generator=generator).clamp(min=1e-20)
        image.flatten(1)[:, place] = (logits - (-noise.log()).log()).argmax(1)
    return image


def drawn_by_the_cumulated(model: Any, n: int, size: int, generator: torch.Generator) -> Tensor:
    image = torch.zeros((n, 1, size, size), dtype=torch.long)
    for row in range(size):
        for column in range(size):
            p = Categorical(logits=model(image)[..., row, column].squeeze(2)).probs  # (n, L)
            u = torch.rand(n, 1, generator=generator)
            image[:, 0, row, column] = (p.cumsum(1) < u).sum(1).clamp(max=p.shape[1] - 1)
    return image


def cloud_by_distributions(mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    q = Normal(mean, log_var.exp().sqrt())
    return q.loc + q.scale * noise, kl_divergence(q, Normal(0.0, 1.0)).sum(-1)


def cloud_as_in_the_paper(mean: Tensor, log_var: Tensor, noise: Tensor) -> list[Tensor]:
    std = torch.exp(0.5 * log_var)
    return [noise.mul(std).add(mean), -0.5 * torch.sum(1 + log_var - mean**2 - std**2, dim=1)]


def evidence_by_hand(log_joint: Tensor, log_posterior: Tensor) -> Tensor:
    log_w = log_joint - log_posterior
    largest = log_w.max(dim=0, keepdim=True).values
    return largest[0] + (log_w - largest).exp().mean(0).log()


def evidence_by_halves(log_joint: Tensor, log_posterior: Tensor) -> Tensor:
    k = torch.tensor(float(log_joint.shape[0]))
    return torch.logsumexp(log_joint - log_posterior - torch.log(k), dim=0)


RIGHT = [
    ("15.1", mask_by_loops),
    ("15.2", bits_by_cross_entropy),
    ("15.2", bits_by_one_hot),
    ("15.3", drawn_by_categorical),
    ("15.3", drawn_by_the_cumulated),
    ("15.4", cloud_by_distributions),
    ("15.4", cloud_as_in_the_paper),
    ("15.5", evidence_by_hand),
    ("15.5", evidence_by_halves),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT, ids=[f"{id} {a.__name__}" for id, a in RIGHT])
def test_another_right_way_passes(id: str, answer: Callable[..., Any]) -> None:
    found = examine(BY_ID[id], answer)
    assert found.state == "right", found
