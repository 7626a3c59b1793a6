"""Chapter 20, exercise 20.8: the mixture prior of poses (reference: `fitting_solutions.gmm_prior`)."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch20.fitting_solutions import gmm_prior
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _mixtures(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    one = torch.ones(1)
    yield floats([[2.0]]), floats([[0.0]]), floats([[[1.0]]]), one  # two standard deviations away
    yield floats([[2.0]]), floats([[0.0]]), floats([[[4.0]]]), one  # a narrower Gaussian
    two = floats([[[1.0]], [[1.0]]])
    yield floats([[0.4]]), floats([[0.0], [1.0]]), two, floats([0.5, 0.5])
    yield floats([[0.4]]), floats([[0.0], [1.0]]), two, floats([0.2, 0.8])  # the farther one has more people
    yield floats([[2.0]]), floats([[0.0], [3.0]]), floats([[[0.2]], [[6.0]]]), floats([0.5, 0.5])
    for poses, parts, numbers in ((2, 2, 2), (3, 2, 3), (4, 3, 3), (5, 4, 2)):
        half = rng.normal(size=(parts, numbers, numbers))
        precisions = half @ half.transpose(0, 2, 1) + 0.3 * np.eye(numbers)
        means, weights = rng.normal(size=(parts, numbers)), rng.dirichlet(np.ones(parts))
        yield (
            floats(1.5 * rng.normal(size=(poses, numbers))),
            floats(means),
            floats(precisions),
            floats(weights),
        )


def _energies(
    pose: Tensor,
    means: Tensor,
    precisions: Tensor,
    weights: Tensor,
    *,
    matrix: Callable[[Tensor], Tensor] = lambda precisions: precisions,
    measure: Callable[[Tensor], Tensor] = lambda distance: distance / 2,
    mix: Callable[[Tensor], Any] = lambda weights: -weights.log(),
    size: Callable[[Tensor], Any] = lambda precisions: -torch.logdet(precisions) / 2,
    pick: Callable[..., Tensor] = lambda energy, distance, offset: energy.amin(1),
) -> Tensor:
    """The prior with one part exchanged."""
    offset = pose[:, None] - means
    distance = torch.einsum("bmd,mde,bme->bm", offset, matrix(precisions), offset)
    return pick(measure(distance) + mix(weights) + size(precisions), distance, offset)


@mistake("The half before the squared distance is missing. A Gaussian is exp(-½ …): its -log has a half.")
def _no_half(*given: Tensor) -> Tensor:
    return _energies(*given, measure=lambda distance: distance)


@mistake("You take the root of the squared distance. The -log of a Gaussian grows with the square itself.")
def _root(*given: Tensor) -> Tensor:
    return _energies(*given, measure=lambda distance: distance.sqrt() / 2)


@mistake(
    "Wide and narrow Gaussians are alike to you: the term with log det is missing. A wide one is flat, and "
    "so low, and a pose near it is less likely than it looks."
)
def _no_determinant(*given: Tensor) -> Tensor:
    return _energies(*given, size=lambda precisions: 0)


@mistake(
    "Your log det has the wrong sign. P is the inverse of the covariance: large where a Gaussian is narrow, "
    "and high, which makes the energy smaller."
)
def _determinant_sign(*given: Tensor) -> Tensor:
    return _energies(*given, size=lambda precisions: torch.logdet(precisions) / 2)


@mistake("The half before log det is missing. A Gaussian has the *root* of the determinant before it.")
def _determinant_whole(*given: Tensor) -> Tensor:
    return _energies(*given, size=lambda precisions: -torch.logdet(precisions))


@mistake("The components' weights do nothing in your prior. Where do the g_m come in, and by which function?")
def _no_weights(*given: Tensor) -> Tensor:
    return _energies(*given, mix=lambda weights: 0)


@mistake("The logarithm of the weights has the wrong sign: with you a rare component is the likelier one.")
def _weights_sign(*given: Tensor) -> Tensor:
    return _energies(*given, mix=lambda weights: weights.log())


@mistake(
    "You take the weights themselves away, or multiply by them. An energy is a -log, and the -log of a "
    "product is a sum of logs."
)
def _weights_plain(*given: Tensor) -> Tensor:
    return _energies(*given, mix=lambda weights: -weights)


@mistake(
    "You multiply each component's energy by its weight and add them up. A pose has to be near *one* of the "
    "components, not near all: the smallest counts."
)
def _weighted_sum(pose: Tensor, means: Tensor, precisions: Tensor, weights: Tensor) -> Tensor:
    return _energies(
        pose,
        means,
        precisions,
        weights,
        pick=lambda e, distance, offset: ((e + weights.log()) * weights).sum(1),
    )


@mistake(
    "You take the largest of the components' energies, which belongs to the least likely. It is the "
    "smallest that counts."
)
def _largest(*given: Tensor) -> Tensor:
    return _energies(*given, pick=lambda energy, distance, offset: energy.amax(1))


@mistake(
    "You add up all components' energies. A pose would have to be near all of them: only the smallest counts."
)
def _sum(*given: Tensor) -> Tensor:
    return _energies(*given, pick=lambda energy, distance, offset: energy.sum(1))


@mistake(
    "You take the mean of the components' energies. A pose has to be near one of them: take the smallest."
)
def _mean(*given: Tensor) -> Tensor:
    return _energies(*given, pick=lambda energy, distance, offset: energy.mean(1))


@mistake(
    "That is the -log of the whole mixture, with a logsumexp. It is true to the word mixture, and a little "
    "smaller; SMPLify takes the likeliest component alone, by a minimum."
)
def _whole_mixture(*given: Tensor) -> Tensor:
    return _energies(*given, pick=lambda energy, distance, offset: -torch.logsumexp(-energy, 1))


@mistake(
    "You use the inverse of P. It is the inverse of the covariance already, so that nothing has to be "
    "inverted here."
)
def _covariance(*given: Tensor) -> Tensor:
    return _energies(*given, matrix=torch.linalg.inv)


@mistake(
    "You pick the component whose mean is nearest, and only then ask what it says. A wide or common one "
    "farther away may say less: compute all, and take the smallest."
)
def _nearest_mean(*given: Tensor) -> Tensor:
    return _energies(
        *given, pick=lambda e, distance, offset: e.gather(1, offset.norm(dim=2).argmin(1, keepdim=True))[:, 0]
    )


@mistake(
    "You pick the component by its squared distance alone, and add weight and determinant of that one. They "
    "decide too which is the smallest."
)
def _smallest_distance(*given: Tensor) -> Tensor:
    return _energies(
        *given, pick=lambda e, distance, offset: e.gather(1, distance.argmin(1, keepdim=True))[:, 0]
    )


@mistake(
    "You use the diagonal of P alone. What joints do together, a knee that bends as the hip does, stands "
    "beside the diagonal."
)
def _diagonal(*given: Tensor) -> Tensor:
    return _energies(*given, matrix=lambda precisions: torch.diag_embed(precisions.diagonal(dim1=1, dim2=2)))


@mistake(
    "You keep D/2 log 2π. It moves nothing, and is left out here: your energies are all higher by the same."
)
def _constant(*given: Tensor) -> Tensor:
    def pick(energy: Tensor, distance: Tensor, offset: Tensor) -> Tensor:
        return energy.amin(1) + offset.shape[2] / 2 * math.log(2 * math.pi)

    return _energies(*given, pick=pick)


EXERCISE = Exercise(
    "20.8",
    "Which poses do people have?",
    gmm_prior,
    _mixtures,
    difficulty=2,
    minutes=12,
    hints=(
        "Work out the energy of every pose under every component, a table (B, M), and take the smallest of "
        "each row. Three things add up in it: weight, distance, and determinant.",
        "pose[:, None] - means is (B, M, D). The squared distance θᵀPθ of each pair comes from one einsum "
        "with the offset twice and the precisions between; torch.logdet takes a stack of matrices.",
        "distance is torch.einsum('bmd,mde,bme->bm', offset, precisions, offset); the energy is distance / "
        "2 - weights.log() - torch.logdet(precisions) / 2; the answer is energy.amin(dim=1).",
    ),
    mistakes=(
        _no_half,
        _root,
        _no_determinant,
        _determinant_sign,
        _determinant_whole,
        _no_weights,
        _weights_sign,
        _weights_plain,
        _weighted_sum,
        _largest,
        _sum,
        _mean,
        _whole_mixture,
        _covariance,
        _nearest_mean,
        _smallest_distance,
        _diagonal,
        _constant,
    ),
)
