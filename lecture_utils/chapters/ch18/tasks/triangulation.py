"""Chapter 18, exercise 18.5: triangulation (reference: `solutions.triangulate`).

Shapes: N views, P points.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch18.draws import turned, uniform
from lecture_utils.chapters.ch18.solutions import project, triangulate
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


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


EXERCISE = Exercise(
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
        _first_vector, _last_column, _from_u, _not_divided_by_the_fourth, _u_for_v,
        _pixel_times_its_own_row, _sum_for_difference, _unseen_in_the_corner, _all_must_see,
        _one_is_enough, _first_two_views, _fourth_is_one, _nan_in_the_equations, _unseen_left_out,
        _origin_for_unseen, _axes_not_moved, _v_left_out, _four_numbers,
    ),
)  # fmt: skip
