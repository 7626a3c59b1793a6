"""Chapter 18, part a: the checked exercises about two views and more, 18.3 to 18.5.

The references, which the notebook shows as solutions, stand in `solutions.py`. Here are inputs to try
(smallest first), general hints that say more each time, and the usual mistakes, each with its own hint.
Shapes as there: N views, P points, R rounds of s data each.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch18.draws import turned, uniform
from lecture_utils.chapters.ch18.solutions import (
    eight_point,
    eight_point_faulty,
    normalisation,
    project,
    ransac,
    triangulate,
)
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISES"]


# --- 18.3 eight points, with two faults ------------------------------------------------------------
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


# --- 18.4 RANSAC -----------------------------------------------------------------------------------
def fit_line(points: Tensor) -> Tensor:
    """The line a x + b y + c = 0 with a² + b² = 1, (3,), through two points (2, 2); NaN if they are one."""
    (x1, y1), (x2, y2) = points
    normal = torch.stack([y1 - y2, x2 - x1])
    normal = normal / normal.norm()
    return torch.cat([normal, -(normal @ points[0])[None]])


def line_distances(line: Tensor, points: Tensor) -> Tensor:
    """Distances (P,) of points (P, 2) from a line."""
    return (points @ line[:2] + line[2]).abs()


def fit_mean(values: Tensor) -> Tensor:
    """The mean of numbers, (s,) -> ()."""
    return values.mean()


def mean_distances(mean: Tensor, values: Tensor) -> Tensor:
    """How far numbers (P,) are from it, (P,)."""
    return (values - mean).abs()


def points_on_a_line(rng: np.random.Generator, number: int, share: float) -> Tensor:
    """Points (P, 2) in the unit square, a share of them near a line, in mixed order."""
    points = uniform(rng, 0, 1, number, 2)
    on = torch.tensor(rng.permutation(number) < round(share * number))
    near = 0.2 + 0.5 * points[:, 0] + 0.02 * torch.tensor(rng.normal(size=number))
    points[:, 1] = torch.where(on, near, points[:, 1])
    return points


def _rounds(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    numbers, means = torch.tensor([1.0, 5.0, 5.1, 5.2]), (fit_mean, mean_distances)
    yield numbers, *means, torch.tensor([[0], [2], [1], [3]]), 0.25, 0.999  # the second has three
    yield numbers, *means, torch.tensor([[0], [2], [1], [3]]), 0.25, 0.9  # ended after the second
    yield numbers[1:], *means, torch.tensor([[1], [0]]), 0.25, 0.99  # no outlier: ended at once
    yield torch.tensor([0.0, 0.15, 9.0, 9.8]), *means, torch.tensor([[2], [0], [3]]), 0.5, 0.999
    square = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.52]])
    lines = (fit_line, line_distances)
    yield square, *lines, torch.tensor([[1, 1], [0, 1], [0, 2]]), 0.05, 0.9  # one point twice: no line
    yield square, *lines, torch.tensor([[0, 2], [1, 3], [0, 1]]), 0.05, 0.99  # two lines with three
    for number, share, rounds, certainty in (
        (8, 0.7, 6, 0.5),
        (12, 0.5, 8, 0.9),
        (20, 0.6, 14, 0.95),
        (30, 0.8, 12, 0.95),
        (20, 0.3, 8, 0.999),
    ):
        points = points_on_a_line(rng, number, share)
        samples = torch.tensor(np.stack([rng.permutation(number)[:2] for _ in range(rounds)]))
        yield points, *lines, samples, 0.06, certainty


def _consensus(
    data: Tensor,
    fit: Callable[..., Tensor],
    distances: Callable[..., Tensor],
    samples: Tensor,
    within: float,
    certainty: float,
    *,
    score: Callable[[Tensor], float] = lambda off: float((off > 0).sum()),
    least: float = 0,
    last: bool = False,
    clean: Callable[[float, int], float] = lambda share, s: share**s,
    enough: Callable[[float, int, float], bool] = lambda clean, n, sure: (1 - clean) ** n <= 1 - sure,
    own: bool = False,
) -> tuple[Tensor, int]:
    """RANSAC with one part exchanged; `score` sees by how much each datum is nearer than `within`."""
    best, highest, rounds = torch.zeros(len(data), dtype=torch.bool), least, 0
    for rounds, sample in enumerate(samples, start=1):
        spare = within - distances(fit(data[sample]), data)
        if score(spare) > highest or (last and score(spare) == highest):
            best, highest = spare > 0, score(spare)
        share = float((spare > 0 if own else best).double().mean())
        if enough(clean(share, len(sample)), rounds, certainty):
            break
    return best, rounds


@mistake(
    "You put the share of outliers into the formula. A sample is of use if *none* of its data is an "
    "outlier: which share, to the power of what, is the probability of that?"
)
def _share_of_outliers(*given: Any) -> Any:
    return _consensus(*given, clean=lambda share, s: (1 - share) ** s)


@mistake(
    "You take 1 - eˢ, with e the share of outliers, for the probability of a clean sample. But eˢ says that "
    "all of it are outliers; one is enough to spoil it."
)
def _not_all_outliers(*given: Any) -> Any:
    return _consensus(*given, clean=lambda share, s: 1 - (1 - share) ** s)


@mistake("Your sample counts as clean if one datum is an inlier. All s of them have to be.")
def _one_inlier_is_enough(*given: Any) -> Any:
    return _consensus(*given, clean=lambda share, s: share)


@mistake(
    "Your exponent is the number of data. How many of them are drawn for a hypothesis, and have to be "
    "inliers?"
)
def _power_of_all_data(*given: Any) -> Any:
    return _consensus(*given, clean=lambda share, s: share ** len(given[0]))


@mistake(
    "You end when the probability of having missed falls below `certainty`. What should be that high is the "
    "probability of having hit."
)
def _missed_for_hit(*given: Any) -> Any:
    return _consensus(*given, enough=lambda clean, n, sure: (1 - clean) ** n <= sure)


@mistake(
    "You add up the chances of the rounds. Two rounds of a chance of a half make no certainty: all of them "
    "miss with which probability?"
)
def _chances_added(*given: Any) -> Any:
    return _consensus(*given, enough=lambda clean, n, sure: n * clean >= sure)


@mistake(
    "While there is no inlier, your formula divides by log(1), which is 0, and says minus infinity: done. "
    "No inlier means that no number of rounds is enough."
)
def _minus_infinity(*given: Any) -> Any:
    def formula(clean: float, rounds: int, sure: float) -> bool:
        return rounds >= float(math.log(1 - sure) / torch.log(torch.tensor(1.0 - clean).double()))

    return _consensus(*given, enough=formula)


@mistake("You go through all samples. As soon as the certainty is reached, the rest is wasted time.")
def _to_the_end(*given: Any) -> Any:
    return _consensus(*given, enough=lambda clean, n, sure: False)


@mistake(
    "You reckon with the inliers of the present hypothesis. What is known of the true share is what the "
    "best one so far has shown."
)
def _share_of_the_present(*given: Any) -> Any:
    return _consensus(*given, own=True)


@mistake(
    "You square the distances and compare them with `within`, which is a distance. Below 1 that lets far "
    "too many pass: square both, or none."
)
def _squared_distances(data: Tensor, fit: Any, distances: Any, samples: Tensor, *rest: float) -> Any:
    return ransac(data, fit, lambda model, all: distances(model, all).square(), samples, *rest)


@mistake(
    "Your best hypothesis is the one with the least sum of distances. That is least squares' trap again: a "
    "single outlier can decide it. Only the number of inliers counts."
)
def _least_sum(data: Tensor, fit: Any, distances: Any, samples: Tensor, within: float, sure: float) -> Any:
    return _consensus(
        data, fit, distances, samples, within, sure, score=lambda spare: float(spare.sum()), least=-torch.inf
    )


@mistake("Of several with equally many inliers the first is to stay. The last wins with you: > or >=?")
def _last_with_as_many(*given: Any) -> Any:
    return _consensus(*given, last=True)


@mistake(
    "You return the inliers of the last hypothesis that was tried. The best one may have come before it."
)
def _latest(data: Tensor, fit: Any, distances: Any, samples: Tensor, within: float, sure: float) -> Any:
    _, rounds = ransac(data, fit, distances, samples, within, sure)
    return distances(fit(data[samples[rounds - 1]]), data) < within, rounds


@mistake("Your rounds are one too few. The one in which it ends was a round as well; Python counts from 0.")
def _rounds_from_0(*given: Any) -> Any:
    best, rounds = ransac(*given)
    return best, rounds - 1


@mistake("You return the outliers. True is wanted for who agrees with the hypothesis.")
def _outliers(*given: Any) -> Any:
    best, rounds = ransac(*given)
    return ~best, rounds


@mistake(
    "Your exponent is one too small: after the first round n is 1, and Python's count is still at 0. So you "
    "go on for a round too many."
)
def _exponent_from_0(*given: Any) -> Any:
    return _consensus(*given, enough=lambda clean, n, sure: (1 - clean) ** (n - 1) <= 1 - sure)


@mistake(
    "You round the number of rounds down. With fewer than the formula says the certainty is not reached: up."
)
def _rounded_down(*given: Any) -> Any:
    def formula(clean: float, rounds: int, sure: float) -> bool:
        if clean in (0.0, 1.0):
            return clean == 1.0
        return rounds >= int(math.log(1 - sure) / math.log(1 - clean))

    return _consensus(*given, enough=formula)


@mistake(
    "You ask only after a better hypothesis whether it may end. Each further round that finds none makes it "
    "surer as well: ask after every round."
)
def _asked_when_better(
    data: Tensor, fit: Any, distances: Any, samples: Tensor, within: float, certainty: float
) -> Any:
    best, rounds = torch.zeros(len(data), dtype=torch.bool), 0
    for rounds, sample in enumerate(samples, start=1):
        inliers = distances(fit(data[sample]), data) < within
        if inliers.sum() > best.sum():
            best = inliers
            if (1 - best.double().mean() ** len(sample)) ** rounds <= 1 - certainty:
                break
    return best, rounds


@mistake(
    "You count who agrees among the sample's own data. They agree nearly always, as the hypothesis was "
    "fitted to them: ask all the data."
)
def _sample_asked(
    data: Tensor, fit: Any, distances: Any, samples: Tensor, within: float, certainty: float
) -> Any:
    best, most, rounds = torch.zeros(len(data), dtype=torch.bool), 0, 0
    for rounds, sample in enumerate(samples, start=1):
        model = fit(data[sample])
        agree = int((distances(model, data[sample]) < within).sum())
        if agree > most:
            best, most = distances(model, data) < within, agree
        if (1 - best.double().mean() ** len(sample)) ** rounds <= 1 - certainty:
            break
    return best, rounds


@mistake(
    "You fit once more to all inliers at the end, and return whom that fit agrees with. It is a good idea, "
    "and the notebook does it afterwards; wanted here are the inliers of the best hypothesis itself."
)
def _fitted_again(
    data: Tensor, fit: Any, distances: Any, samples: Tensor, within: float, certainty: float
) -> Any:
    best, rounds = ransac(data, fit, distances, samples, within, certainty)
    return distances(fit(data[best]), data) < within, rounds


# --- 18.5 triangulation ----------------------------------------------------------------------------
def _views(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    def seen(number: int, views: int, noise: float) -> tuple[Tensor, Tensor]:
        points = uniform(rng, -1, 1, number, 3)
        intrinsics = torch.tensor([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]]).double()
        pixels, matrices = [], []
        for _ in range(views):
            rotation, translation = turned(rng, 0.6), uniform(rng, -0.7, 0.7, 3) + torch.tensor([0, 0, 4])
            pixels.append(project(points, rotation, translation, intrinsics)[0])
            matrices.append(intrinsics @ torch.cat([rotation, translation[:, None]], 1))
        noisy = torch.stack(pixels) + noise * torch.tensor(rng.normal(size=(views, number, 2)))
        return noisy, torch.stack(matrices)

    def hidden(pixels: Tensor, *which: tuple[int, int]) -> Tensor:
        for view, point in which:
            pixels[view, point] = torch.nan
        return pixels

    yield seen(1, 2, 0.0)
    yield seen(2, 3, 0.0)
    yield seen(3, 2, 0.3)
    pixels, matrices = seen(2, 3, 0.3)
    yield hidden(pixels, (0, 1)), matrices
    pixels, matrices = seen(3, 3, 0.3)
    yield hidden(pixels, (0, 0), (2, 0), (1, 2)), matrices  # the first in one view only
    pixels, matrices = seen(4, 2, 0.3)
    yield hidden(pixels, (0, 1), (1, 1), (1, 3)), matrices  # one in none
    yield seen(6, 5, 0.5)
    pixels, matrices = seen(12, 6, 0.5)
    yield (
        hidden(pixels, *((view, point) for view in range(6) for point in range(12) if rng.random() < 0.4)),
        matrices,
    )


def _solved(
    pixels: Tensor,
    projections: Tensor,
    *,
    vector: Callable[[Tensor], Tensor] = lambda vh: vh[:, -1],
    rows: Callable[[Tensor, Tensor], Tensor] = lambda uv, p: uv[..., None] * p[:, None, 2:] - p[:, None, :2],
    divide: bool = True,
    least: int = 2,
) -> Tensor:
    """The direct linear transformation with one part exchanged."""
    system = rows(pixels, projections).nan_to_num(0.0).movedim(0, 1).flatten(1, 2)
    x = vector(torch.linalg.svd(system)[2])
    seen = pixels.isfinite().all(2).sum(0)
    return torch.where(seen[:, None] >= least, x[:, :3] / x[:, 3:] if divide else x[:, :3], torch.nan)


@mistake(
    "You take the singular vector of the largest value, the one that solves the system worst. They are "
    "listed from large to small."
)
def _first_vector(pixels: Tensor, projections: Tensor) -> Tensor:
    return _solved(pixels, projections, vector=lambda vh: vh[:, 0])


@mistake(
    "You take a column where a row is meant. torch.linalg.svd gives V already transposed: its last row "
    "belongs to the smallest singular value."
)
def _last_column(pixels: Tensor, projections: Tensor) -> Tensor:
    return _solved(pixels, projections, vector=lambda vh: vh[:, :, -1])


@mistake(
    "You take the vector from U, which has a number for each equation. The unknowns, X, Y, Z and 1, are "
    "what V speaks of."
)
def _from_u(pixels: Tensor, projections: Tensor) -> Tensor:
    rows = pixels[..., None] * projections[:, None, 2:] - projections[:, None, :2]
    u = torch.linalg.svd(rows.nan_to_num(0.0).movedim(0, 1).flatten(1, 2))[0]
    seen = pixels.isfinite().all(2).sum(0)
    return torch.where(seen[:, None] >= 2, u[:, :3, -1] / u[:, 3:4, -1], torch.nan)


@mistake(
    "The singular vector has length 1; a point has a 1 as its fourth coordinate. What has to be done with "
    "the other three?"
)
def _not_divided_by_the_fourth(pixels: Tensor, projections: Tensor) -> Tensor:
    return _solved(pixels, projections, divide=False)


@mistake("You have exchanged u and v. u goes with the first row of the projection, v with the second.")
def _u_for_v(pixels: Tensor, projections: Tensor) -> Tensor:
    return triangulate(pixels.flip(2), projections)


@mistake(
    "You multiply the wrong row by the pixel. u is the first coordinate over the third: which of them has "
    "to be multiplied by u, so that nothing is divided?"
)
def _pixel_times_its_own_row(pixels: Tensor, projections: Tensor) -> Tensor:
    return _solved(pixels, projections, rows=lambda uv, p: uv[..., None] * p[:, None, :2] - p[:, None, 2:])


@mistake(
    "A sign is wrong: u times the third row and the first row must be equal, so that their *difference* is 0."
)
def _sum_for_difference(pixels: Tensor, projections: Tensor) -> Tensor:
    return _solved(pixels, projections, rows=lambda uv, p: uv[..., None] * p[:, None, 2:] + p[:, None, :2])


@mistake(
    "You take NaN for the pixel 0, 0. Then a view that does not see the point says that it is in the "
    "corner. It should say nothing: what do its two equations have to be?"
)
def _unseen_in_the_corner(pixels: Tensor, projections: Tensor) -> Tensor:
    seen = pixels.isfinite().all(2).sum(0)
    found = triangulate(pixels.nan_to_num(0.0), projections)
    return torch.where(seen[:, None] >= 2, found, torch.nan)


@mistake("You give up a point as soon as one view does not see it. Two views are enough, whichever they are.")
def _all_must_see(pixels: Tensor, projections: Tensor) -> Tensor:
    return _solved(pixels, projections, least=len(pixels))


@mistake(
    "You give a place to a point that fewer than two views see. One ray does not say how far away it is: "
    "the numbers that come out mean nothing."
)
def _one_is_enough(pixels: Tensor, projections: Tensor) -> Tensor:
    return _solved(pixels, projections, least=0)


@mistake(
    "You use the first two views alone. The others would make the noise smaller: stack all the equations."
)
def _first_two_views(pixels: Tensor, projections: Tensor) -> Tensor:
    return triangulate(pixels[:2], projections[:2])


@mistake(
    "You fix the fourth coordinate at 1 and solve for the other three by least squares. Without noise that "
    "is the same; the direct linear transformation keeps all four, and their length at 1."
)
def _fourth_is_one(pixels: Tensor, projections: Tensor) -> Tensor:
    rows = pixels[..., None] * projections[:, None, 2:] - projections[:, None, :2]
    system = rows.nan_to_num(0.0).movedim(0, 1).flatten(1, 2)
    found = (torch.linalg.pinv(system[:, :, :3]) @ -system[:, :, 3:])[:, :, 0]
    seen = pixels.isfinite().all(2).sum(0)
    return torch.where(seen[:, None] >= 2, found, torch.nan)


@mistake(
    "NaN is still in the equations, and no singular vector can be found then. A view that does not see the "
    "point should say nothing: what do its two equations have to be?"
)
def _nan_in_the_equations(pixels: Tensor, projections: Tensor) -> Tensor:
    rows = pixels[..., None] * projections[:, None, 2:] - projections[:, None, :2]
    x = torch.linalg.svd(rows.movedim(0, 1).flatten(1, 2))[2][:, -1]
    return x[:, :3] / x[:, 3:]


@mistake(
    "You leave out points that too few views see. Who comes after must know which is which: keep the row, as"
    " NaN."
)
def _unseen_left_out(pixels: Tensor, projections: Tensor) -> Tensor:
    return triangulate(pixels, projections)[pixels.isfinite().all(2).sum(0) >= 2]


@mistake(
    "You give the point 0, 0, 0 where too few views see it. That is a place like any other, and the world's "
    "origin at that: say NaN."
)
def _origin_for_unseen(pixels: Tensor, projections: Tensor) -> Tensor:
    return triangulate(pixels, projections).nan_to_num(0.0)


@mistake(
    "You reshape (N, P, …) to (P, …) without moving the axes, so that equations of different points are "
    "mixed. Bring the points to the front first: movedim, or permute."
)
def _axes_not_moved(pixels: Tensor, projections: Tensor) -> Tensor:
    rows = (pixels[..., None] * projections[:, None, 2:] - projections[:, None, :2]).nan_to_num(0.0)
    x = torch.linalg.svd(rows.reshape(pixels.shape[1], -1, 4))[2][:, -1]
    seen = pixels.isfinite().all(2).sum(0)
    return torch.where(seen[:, None] >= 2, x[:, :3] / x[:, 3:], torch.nan)


@mistake(
    "You use the equations of u alone. v gives one for each view as well, with the second row of the "
    "projection."
)
def _v_left_out(pixels: Tensor, projections: Tensor) -> Tensor:
    return _solved(
        pixels, projections, rows=lambda uv, p: uv[..., :1, None] * p[:, None, 2:] - p[:, None, :1]
    )


@mistake("You return four numbers, X, Y, Z and the 1. A point has three.")
def _four_numbers(pixels: Tensor, projections: Tensor) -> Tensor:
    found = triangulate(pixels, projections)
    return F.pad(found, (0, 1), value=1.0).masked_fill(found.isnan().any(1, keepdim=True), torch.nan)


EXERCISES = [
    Exercise(
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
            _both_faults,
            _rank_as_before,
            _back_without_transposing,
            _matrices_exchanged,
            _not_taken_back,
            _back_by_inverses,
            _transposed,
            _not_normalised,
            _largest_cut,
            _column_for_row,
            _worst_vector,
            _transposed_twice,
            _inverse_for_transposed,
            _other_one_transposed,
            _both_transposed,
            _rank_1,
            _as_if_essential,
            _cut_in_pixels,
        ),
    ),
    Exercise(
        "18.4",
        "How many rounds are enough?",
        ransac,
        _rounds,
        difficulty=3,
        minutes=15,
        hints=(
            "Go through the rows of `samples`, and keep the best inliers so far: first none, "
            "torch.zeros(P, dtype=torch.bool). After each round ask whether it may end.",
            "With a share w of inliers, a sample of s data is without an outlier with probability wˢ. So "
            "what is the probability that n samples all have one?",
            "After n rounds all have missed with probability (1 - wˢ)ⁿ. End when that is 1 - certainty or "
            "less. Asked like this, there is no logarithm, and w may be 0 or 1.",
        ),
        mistakes=(
            _share_of_outliers,
            _not_all_outliers,
            _one_inlier_is_enough,
            _power_of_all_data,
            _missed_for_hit,
            _chances_added,
            _minus_infinity,
            _to_the_end,
            _share_of_the_present,
            _squared_distances,
            _least_sum,
            _last_with_as_many,
            _latest,
            _rounds_from_0,
            _outliers,
            _exponent_from_0,
            _rounded_down,
            _asked_when_better,
            _sample_asked,
            _fitted_again,
        ),
    ),
    Exercise(
        "18.5",
        "Where two rays or more nearly meet",
        triangulate,
        _views,
        difficulty=2,
        minutes=12,
        hints=(
            "With the rows p₁, p₂, p₃ of a projection, u is p₁·X / p₃·X. Multiply by the denominator: (u "
            "p₃ - p₁)·X is 0, and (v p₃ - p₂)·X as well. N views give 2N such equations for one X.",
            "pixels[..., None] is (N, P, 2, 1), projections[:, None, 2:] is (N, 1, 1, 4): their product "
            "minus projections[:, None, :2] holds all equations, (N, P, 2, 4). Bring it to (P, 2N, 4).",
            "torch.linalg.svd(system)[2][:, -1] is the unit vector that comes nearest to solving each "
            "system. Divide by its fourth number.",
            "An equation 0 · X is 0 says nothing: replace the NaNs in the equations, not in the pixels. "
            "Count the views that see a point, and put NaN where they are fewer than two.",
        ),
        mistakes=(
            _first_vector,
            _last_column,
            _from_u,
            _not_divided_by_the_fourth,
            _u_for_v,
            _pixel_times_its_own_row,
            _sum_for_difference,
            _unseen_in_the_corner,
            _all_must_see,
            _one_is_enough,
            _first_two_views,
            _fourth_is_one,
            _nan_in_the_equations,
            _unseen_left_out,
            _origin_for_unseen,
            _axes_not_moved,
            _v_left_out,
            _four_numbers,
        ),
    ),
]
