"""Chapter 18, exercise 18.3: eight points, with two faults (reference: `solutions.eight_point`).

Shapes: P matches.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch18.draws import turned, uniform
from lecture_utils.chapters.ch18.solutions import eight_point, eight_point_faulty, normalisation, project
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def two_views(rng: np.random.Generator, number: int, noise: float, *, centred: bool) -> tuple[Tensor, Tensor]:
    """Matches (P, 2) in two pictures: of 640 × 480 pixels, or told from the matches' own middle, near 1."""
    scale = 1.0 if centred else 500.0
    intrinsics = torch.tensor([[scale, 0, 0.64 * scale], [0, scale, 0.48 * scale], [0, 0, 1]]).double()
    points = uniform(rng, -1, 1, number, 3)
    first, _ = project(points, torch.eye(3).double(), torch.tensor([0.0, 0, 4]).double(), intrinsics)
    second, _ = project(points, turned(rng, 0.4), torch.tensor([-0.8, 0.2, 4]).double(), intrinsics)
    pair = (first + noise * torch.tensor(rng.normal(size=(number, 2))), second)
    return (pair[0] - pair[0].mean(0), pair[1] - pair[1].mean(0)) if centred else pair


def _matches(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield two_views(rng, 9, 0.0, centred=True)  # the colleague's own test
    yield two_views(rng, 9, 0.0, centred=False)
    yield two_views(rng, 10, 0.02, centred=True)
    for number in (8, 12, 20, 30):
        yield two_views(rng, number, 1.0, centred=False)


def lines_and_rank(answer: Callable[..., Any], first: Tensor, second: Tensor) -> Any:
    """How far F is from rank 2, and how far each match is from its lines: F itself has no scale.

    The third singular value is a share of the first, for coordinates of about 1; the distances are in pixels.
    """
    f = answer(first, second)
    if not isinstance(f, Tensor) or f.shape != (3, 3):
        return f
    f, x1, x2 = f.double(), F.pad(first, (0, 1), value=1.0), F.pad(second, (0, 1), value=1.0)
    size = first.abs().mean()
    unit = torch.diag(torch.stack([size, size, torch.ones_like(size)]))
    values = torch.linalg.svdvals(unit @ f @ unit)
    told = {"third singular value": (values[2] / values[0]).float().round(decimals=6)}
    for name, points, lines in (("second", x2, x1 @ f.mT), ("first", x1, x2 @ f)):
        off = (points * lines).sum(1).abs() / lines[:, :2].norm(dim=1)
        told[f"off the lines in the {name} picture"] = off.float().round(decimals=4)
    return told


def _fitted(
    first: Tensor,
    second: Tensor,
    *,
    normalise: Callable[[Tensor], Tensor] = normalisation,
    vector: Callable[[Tensor], Tensor] = lambda vh: vh[-1],
    cut: Callable[[Tensor], Tensor] = lambda s: s * torch.tensor([1.0, 1, 0]),
    back: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda f, t1, t2: t2.mT @ f @ t1,
    right: Callable[[Tensor], Tensor] = lambda vh: vh,
) -> Tensor:
    """The eight-point algorithm with one part exchanged."""
    t1, t2 = normalise(first), normalise(second)
    x1, x2 = (F.pad(x, (0, 1), value=1.0) @ t.mT for x, t in ((first, t1), (second, t2)))
    system = (x2[:, :, None] * x1[:, None, :]).flatten(1)
    u, s, vh = torch.linalg.svd(vector(torch.linalg.svd(system)[2]).view(3, 3))
    return back(u @ torch.diag(cut(s)) @ right(vh), t1, t2)


@mistake(
    "Both symptoms are still there. Put T₁ x₁ and T₂ x₂ into x₂ᵀ F x₁: which matrix then stands between x₂ᵀ "
    "and x₁? And is the third singular value of noisy matches below 0.000001?"
)
def _both_faults(first: Tensor, second: Tensor) -> Tensor:
    return eight_point_faulty(first, second)


@mistake(
    "One fault is mended: the lines pass near their points. But they do not meet in one point yet. How "
    "large is the third singular value of noisy matches, and what has to become of it?"
)
def _rank_as_before(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, cut=lambda s: s)


@mistake(
    "One fault is mended: the rank is 2. But in pixels the lines miss their points. Write T₁ x₁ and T₂ x₂ "
    "into x₂ᵀ F x₁, and read off what stands between x₂ᵀ and x₁."
)
def _back_without_transposing(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, back=lambda f, t1, t2: t2 @ f @ t1)


@mistake(
    "You have exchanged the two pictures' matrices on the way back. T₂ belongs to the second picture's "
    "points: on which side of F do they stand?"
)
def _matrices_exchanged(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, back=lambda f, t1, t2: t1.mT @ f @ t2)


@mistake("Your F is one for normalised coordinates still. The way back to pixels is missing.")
def _not_taken_back(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, back=lambda f, t1, t2: f)


@mistake(
    "You go back with inverses. For a line that would be right, or for a point; but F is put between two "
    "points, and takes up the T that each of them was multiplied by."
)
def _back_by_inverses(first: Tensor, second: Tensor) -> Tensor:
    inverse = torch.linalg.inv
    return _fitted(first, second, back=lambda f, t1, t2: inverse(t2).mT @ f @ inverse(t1))


@mistake(
    "Your F is transposed: it gives lines in the first picture for points of the second. The second "
    "picture's point stands at the left, x₂ᵀ F x₁."
)
def _transposed(first: Tensor, second: Tensor) -> Tensor:
    return eight_point(first, second).mT


@mistake(
    "You left out the normalisation. Columns of the system are then from 1 to 400,000 in size, and a pixel "
    "of noise weighs in each by another measure."
)
def _not_normalised(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, normalise=lambda x: torch.eye(3).to(x))


@mistake(
    "You cut the wrong singular value. They are listed from large to small; rank 2 is reached with the "
    "least change by giving up the smallest."
)
def _largest_cut(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, cut=lambda s: s * torch.tensor([0.0, 1, 1]))


@mistake(
    "You take a column where a row is meant. torch.linalg.svd gives V already transposed: which of its rows "
    "belongs to the smallest singular value?"
)
def _column_for_row(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, vector=lambda vh: vh[:, -1].contiguous())


@mistake(
    "You take the singular vector of the largest value: of all F of unit length this one fits worst. They "
    "are listed from large to small."
)
def _worst_vector(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, vector=lambda vh: vh[0])


@mistake(
    "When you put F together again, V is transposed once too often. torch.linalg.svd gives it as it has to "
    "be used."
)
def _transposed_twice(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, right=lambda vh: vh.mT)


@mistake(
    "You go back with an inverse of T₂. Put T₁ x₁ and T₂ x₂ into x₂ᵀ F x₁ and read off what stands between: "
    "the left point is written lying down, (T₂ x₂)ᵀ, and that transposes T₂, no more."
)
def _inverse_for_transposed(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, back=lambda f, t1, t2: torch.linalg.inv(t2) @ f @ t1)


@mistake(
    "You transpose T₁. It is T₂ that has to be: its point is the one that is written lying down, (T₂ x₂)ᵀ, "
    "or x₂ᵀ T₂ᵀ."
)
def _other_one_transposed(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, back=lambda f, t1, t2: t2 @ f @ t1.mT)


@mistake(
    "You transpose both matrices. Only the point at the left is written lying down: T₁ x₁ stays as it is."
)
def _both_transposed(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, back=lambda f, t1, t2: t2.mT @ f @ t1.mT)


@mistake(
    "You keep one singular value only, so that the rank is 1: then all lines are the same line. Rank 2 keeps"
    " the first *two* as they are."
)
def _rank_1(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, cut=lambda s: s * torch.tensor([1.0, 0, 0]))


@mistake(
    "You set the first two singular values to 1. They are equal in an *essential* matrix, where K is known; "
    "in F they stay what they are."
)
def _as_if_essential(first: Tensor, second: Tensor) -> Tensor:
    return _fitted(first, second, cut=lambda s: torch.tensor([1.0, 1, 0]).to(s))


@mistake(
    "You cut the rank after the way back to pixels. There a change that looks least moves the lines by "
    "pixels, as the numbers of F are of very different size: cut first, while the points are normalised."
)
def _cut_in_pixels(first: Tensor, second: Tensor) -> Tensor:
    u, s, vh = torch.linalg.svd(_fitted(first, second, cut=lambda s: s))
    return u @ torch.diag(s * torch.tensor([1.0, 1, 0])) @ vh


EXERCISE = Exercise(
    "18.3",
    "A colleague's eight points, with two faults",
    eight_point,
    _matches,
    difficulty=3,
    minutes=15,
    use=lines_and_rank,
    hints=(
        "Take the symptoms one by one. Which lines run only where the coordinates' middle is not 0? "
        "And what makes all lines of a picture meet in one point?",
        "The matches that were solved for are T₁ x₁ and T₂ x₂. So x₂ᵀ (T₂ᵀ F T₁) x₁ is 0, and the "
        "matrix in brackets is the one for pixels.",
        "F has rank 2 if its third singular value is 0. Noise makes it as large as the noise is: set "
        "it to 0, however large, and put the three factors together again.",
    ),
    mistakes=(
        _both_faults, _rank_as_before, _back_without_transposing, _matrices_exchanged,
        _not_taken_back, _back_by_inverses, _transposed, _not_normalised, _largest_cut,
        _column_for_row, _worst_vector, _transposed_twice, _inverse_for_transposed,
        _other_one_transposed, _both_transposed, _rank_1, _as_if_essential, _cut_in_pixels,
    ),
)  # fmt: skip
