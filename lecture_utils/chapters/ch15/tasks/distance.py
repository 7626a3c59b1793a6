"""Chapter 15, exercise 15.7: the Fréchet distance of two sets (reference: `game_solutions.frechet`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch15.game_solutions import frechet
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _sets(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[0.0, 0.0], [2.0, 2.0]]), floats([[1.0, 0.0], [3.0, 2.0]])  # moved by 1, and nothing else
    yield floats([[-1.0, 0.0], [1.0, 0.0]]), floats([[-3.0, 0.0], [3.0, 0.0]])  # three times as wide
    for n, m, dim in ((6, 6, 2), (9, 6, 3), (20, 30, 4)):
        mix = normal(rng, dim, dim) + torch.eye(dim)
        yield normal(rng, n, dim) @ mix, normal(rng, m, dim, scale=1.5) @ normal(rng, dim, dim) + 2
    for n, m, dim in ((3, 4, 8), (4, 4, 12), (5, 3, 12)):  # fewer pictures than features
        yield normal(rng, n, dim), 2 * normal(rng, m, dim) + 1


def _cov(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    return centred.T @ centred / (len(x) - 1)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def _roots(values: Tensor) -> Tensor:
    return values.clamp(min=0).sqrt().sum()


def _middle(cov_a: Tensor, cov_b: Tensor) -> Tensor:
    root = _root(cov_a)
    return root @ cov_b @ root


def _cross(cov_a: Tensor, cov_b: Tensor) -> Tensor:
    return _roots(torch.linalg.eigvalsh(_middle(cov_a, cov_b)))


def _apart(a: Tensor, b: Tensor) -> Tensor:
    return (a.mean(0) - b.mean(0)).square().sum()


def _distance(
    a: Tensor,
    b: Tensor,
    *,
    cov: Callable[[Tensor], Tensor] = _cov,
    apart: Callable[[Tensor, Tensor], Tensor] = _apart,
    trace: Callable[[Tensor], Tensor] = torch.trace,
    cross: Callable[[Tensor, Tensor], Tensor] = _cross,
    times: float = 2,
) -> float:
    """The distance with one part exchanged."""
    a, b = a.double(), b.double()
    cov_a, cov_b = cov(a), cov(b)
    return float(apart(a, b) + trace(cov_a) + trace(cov_b) - times * cross(cov_a, cov_b))


@mistake("Your covariances divide by N. The unbiased ones divide by N - 1, as torch.cov does.")
def _biased(*given: Tensor) -> float:
    return _distance(*given, cov=lambda x: _cov(x) * (len(x) - 1) / len(x))


@mistake("Your covariances do not divide by N - 1 at all: they grow with the number of pictures.")
def _scatter(*given: Tensor) -> float:
    return _distance(*given, cov=lambda x: _cov(x) * (len(x) - 1))


@mistake("Your covariances are taken about 0: take away the mean of each feature first.")
def _about_zero(*given: Tensor) -> float:
    return _distance(*given, cov=lambda x: x.T @ x / (len(x) - 1))


@mistake("Only the means count with you. Two sets of the same mean may be as wide as they like.")
def _means_alone(a: Tensor, b: Tensor) -> float:
    return float(_apart(a.double(), b.double()))


@mistake("Only the covariances count with you: the squared distance of the two means is missing.")
def _no_means(*given: Tensor) -> float:
    return _distance(*given, apart=lambda a, b: torch.zeros(()))


@mistake("The distance of your means is not squared, as the covariances are squares too.")
def _length(*given: Tensor) -> float:
    return _distance(*given, apart=lambda a, b: _apart(a, b).sqrt())


@mistake("You average the squared differences of the means over the features. They are added up.")
def _mean_square(*given: Tensor) -> float:
    return _distance(*given, apart=lambda a, b: _apart(a, b) / a.shape[1])


@mistake("You compare the mean of all features together. Each feature has a mean of its own: mean(0).")
def _grand_mean(*given: Tensor) -> float:
    return _distance(*given, apart=lambda a, b: (a.mean() - b.mean()).square())


@mistake("The last trace counts once with you. It is taken away twice, as 2ab is in (a - b)².")
def _once(*given: Tensor) -> float:
    return _distance(*given, times=1)


@mistake("You add the last trace. Two equal sets would be far from each other: it is taken away.")
def _added(*given: Tensor) -> float:
    return _distance(*given, times=-2)


@mistake(
    "You take roots of the numbers in a matrix. The root of a matrix is another thing: that which gives it "
    "when multiplied by itself. Go by the eigenvalues."
)
def _root_of_numbers(*given: Tensor) -> float:
    return _distance(*given, cross=lambda a, b: torch.trace((a @ b).clamp(min=0).sqrt()))


@mistake(
    "Your √Σ_a is made number by number. It is the matrix that gives Σ_a when multiplied by itself: "
    "take the eigenvectors, and the roots of the eigenvalues."
)
def _half_of_numbers(*given: Tensor) -> float:
    def cross(cov_a: Tensor, cov_b: Tensor) -> Tensor:
        root = cov_a.clamp(min=0).sqrt()
        return _roots(torch.linalg.eigvalsh(root @ cov_b @ root))

    return _distance(*given, cross=cross)


@mistake("Your last trace has no root: the eigenvalues themselves are added up. Take the root of each.")
def _no_root(*given: Tensor) -> float:
    return _distance(*given, cross=lambda a, b: torch.trace(a @ b))


@mistake("You take the root of the sum of the eigenvalues. Each has its own root, and these are added up.")
def _root_of_sum(*given: Tensor) -> float:
    return _distance(*given, cross=lambda a, b: torch.trace(a @ b).sqrt())


@mistake(
    "You multiply √Σ_a by √Σ_b. That has the same trace as (Σ_a Σ_b)^½ only where the two lie along the same "
    "axes. Put Σ_b between two √Σ_a, and take the roots of the eigenvalues then."
)
def _roots_apart(*given: Tensor) -> float:
    return _distance(*given, cross=lambda a, b: torch.trace(_root(a) @ _root(b)))


@mistake("You pair eigenvalues of Σ_a with those of Σ_b. Those of the product √Σ_a Σ_b √Σ_a are wanted.")
def _paired(*given: Tensor) -> float:
    def cross(cov_a: Tensor, cov_b: Tensor) -> Tensor:
        return _roots(torch.linalg.eigvalsh(cov_a).clamp(min=0) * torch.linalg.eigvalsh(cov_b).clamp(min=0))

    return _distance(*given, cross=cross)


@mistake(
    "Only variances count with you: what two features have to do with each other is lost. The whole "
    "covariance goes into the product."
)
def _variances(*given: Tensor) -> float:
    return _distance(*given, cov=lambda x: _cov(x).diag().diag())


@mistake("You add up all numbers of a covariance. A trace is the sum of the diagonal alone.")
def _whole_sum(*given: Tensor) -> float:
    return _distance(*given, trace=torch.sum)


@mistake(
    "Your result is no number where there are fewer pictures than features: an eigenvalue that should be 0 "
    "has come out a little below. Clamp before the root."
)
def _no_clamp(*given: Tensor) -> float:
    def cross(cov_a: Tensor, cov_b: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(cov_a)
        root = vectors * values.sqrt() @ vectors.T
        return torch.linalg.eigvalsh(root @ cov_b @ root).sqrt().sum()

    return _distance(*given, cross=cross)


@mistake("You take the root of the whole. What is called the Fréchet distance here, and FID, is the square.")
def _rooted(*given: Tensor) -> float:
    return max(frechet(*given), 0.0) ** 0.5


@mistake(
    "You compare one picture with one picture. Nothing ties picture 0 of one set to picture 0 of the other."
)
def _pictures(a: Tensor, b: Tensor) -> float:
    n = min(len(a), len(b))
    return float((a[:n] - b[:n]).square().sum(1).mean())


WRONG: Any = (
    _biased, _scatter, _about_zero, _means_alone, _no_means, _length, _mean_square, _grand_mean, _once,
    _added, _root_of_numbers, _half_of_numbers, _no_root, _root_of_sum, _roots_apart, _paired, _variances,
    _whole_sum, _no_clamp, _rooted, _pictures,
)  # fmt: skip
EXERCISE = Exercise(
    "15.7",
    "How far are two sets apart?",
    frechet,
    _sets,
    difficulty=3,
    minutes=12,
    hints=(
        "Three parts: the means' squared distance, the two traces, and twice the trace of a root. Begin with "
        "one feature: there the whole is (μ_a - μ_b)² + (σ_a - σ_b)². Does yours give that?",
        "features.double().T.cov() is the covariance. torch.linalg.eigh(cov) gives values and vectors; the "
        "root of the matrix is vectors * values.clamp(min=0).sqrt() @ vectors.T.",
        "torch.linalg.eigvalsh(root_a @ cov_b @ root_a) gives the eigenvalues of the product. Clamp them at "
        "0, take the root of each, add them up: that is the last trace.",
    ),
    mistakes=WRONG,
)
