"""Chapter 18, exercise 18.1: projection (reference: `solutions.project`).

Shapes: P points.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch18.draws import turned, uniform
from lecture_utils.chapters.ch18.solutions import project
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


K = torch.tensor([[10.0, 0, 5], [0, 12, 4], [0, 0, 1]])


def _seen_points(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    here, level = torch.zeros(3), torch.eye(3)
    yield torch.tensor([[1.0, 0.5, 2]]), level, here, K
    yield (
        torch.tensor([[1.0, 0.5, 2], [1, 0.5, -2], [1, 0.5, 0]]),
        level,
        here,
        K,
    )  # before, behind, beside the camera
    yield torch.tensor([[1.0, 0.5, 2]]), level, torch.tensor([0.2, -0.1, 1]), K
    quarter = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    yield torch.tensor([[-2.0, 0.5, 0.3], [2, 0.5, 0.3]]), quarter, here, K
    yield torch.tensor([[-2.0, 0.5, 0.3]]), quarter, torch.tensor([0.2, -0.1, 1]), K
    for number in (3, 6, 20):
        focal, middle = uniform(rng, 40, 90, 2), uniform(rng, 20, 50, 2)
        intrinsics = torch.eye(3, dtype=torch.float64)
        intrinsics[[0, 1], [0, 1]], intrinsics[:2, 2] = focal, middle
        drawn = uniform(rng, -1, 1, number, 3), turned(rng, 3), uniform(rng, -0.5, 1.0, 3), intrinsics
        yield tuple(part.float() for part in drawn)


def _projected(
    points_cam: Tensor, intrinsics: Tensor, divide: Callable[[Tensor], Tensor] = lambda x: x[:, 2]
) -> tuple[Tensor, Tensor]:
    """As the reference from the camera's axes on, but for what is divided by."""
    pixels = (points_cam @ intrinsics.mT)[:, :2] / divide(points_cam)[:, None]
    return torch.where(points_cam[:, 2:] > 0, pixels, torch.nan), points_cam[:, 2]


@mistake(
    "Your rotation turns the wrong way: you use it transposed. R X is written for a column; your points are "
    "the rows of a matrix."
)
def _rotation_transposed(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    return project(points, rotation.mT, translation, intrinsics)


@mistake("You move first, and turn then. In R X + t it is the other way round.")
def _moved_first(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    return _projected((points + translation) @ rotation.mT, intrinsics)


@mistake(
    "You take t for the place where the camera stands. It stands at -Rᵀ t; t is what is added after the turn."
)
def _translation_is_the_place(
    points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor
) -> Any:
    return _projected((points - translation) @ rotation.mT, intrinsics)


@mistake(
    "This is Rᵀ (X - t), the way back from the camera to the world. Wanted is the way there, R X + t: what "
    "is done first?"
)
def _the_way_back(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    return _projected((points - translation) @ rotation, intrinsics)


@mistake("You leave the division out. What makes far things small in a picture?")
def _not_divided(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    return _projected(points @ rotation.mT + translation, intrinsics, lambda x: torch.ones_like(x[:, 2]))


@mistake(
    "You divide by the distance from the camera. A plane parallel to the picture must not bend: which of "
    "the three coordinates is the same all over it?"
)
def _by_the_distance(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    return _projected(points @ rotation.mT + translation, intrinsics, lambda x: x.norm(dim=1))


@mistake(
    "You add c_x and c_y before you divide, so that the picture's middle moves with the depth. In K they "
    "stand in the column of z: what are they multiplied by before all is divided by z?"
)
def _middle_divided(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    x = points @ rotation.mT + translation
    pixels = (x[:, :2] * intrinsics.diagonal()[:2] + intrinsics[:2, 2]) / x[:, 2:]
    return torch.where(x[:, 2:] > 0, pixels, torch.nan), x[:, 2]


@mistake(
    "Your pixels are counted from the picture's middle. K keeps the place of that in its last *column*: is "
    "it left out, or do you multiply by K where rows need K.mT?"
)
def _no_middle(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    return project(points, rotation, translation, intrinsics.diagonal().diag())


@mistake(
    "You return row and column. Wanted are u, to the right, and v, down: in which order does K give them?"
)
def _row_and_column(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    pixels, depth_m = project(points, rotation, translation, intrinsics)
    return pixels.flip(1), depth_m


@mistake(
    "What lies behind the camera has a pixel with you, mirrored through the lens. The formula gives one, "
    "but nobody sees it: it should be NaN."
)
def _behind_is_seen(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    x = points @ rotation.mT + translation
    return (x @ intrinsics.mT)[:, :2] / x[:, 2:], x[:, 2]


@mistake(
    "You leave out the points behind the camera. Who comes after must know which is which: keep their rows."
)
def _behind_left_out(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    pixels, depth_m = project(points, rotation, translation, intrinsics)
    return pixels[depth_m > 0], depth_m[depth_m > 0]


@mistake("Your depth is the distance from the camera. In this course depth is z, along the way it looks.")
def _depth_is_the_distance(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    pixels, _ = project(points, rotation, translation, intrinsics)
    return pixels, (points @ rotation.mT + translation).norm(dim=1)


@mistake(
    "You return the depth in the world, the points' own third coordinate. It is asked for in the camera."
)
def _depth_of_the_world(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    return project(points, rotation, translation, intrinsics)[0], points[:, 2]


@mistake(
    "Your y points up. This camera has y down, as rows of a picture are counted: nothing has to be turned "
    "over."
)
def _y_is_up(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    x = (points @ rotation.mT + translation) * torch.tensor([1.0, -1, 1])
    return _projected(x, intrinsics)


@mistake(
    "You multiply by K as it stands, and then divide by a third number that is no depth. K (x, y, z) is said"
    " of a column; for points that are rows it is points @ K.mT."
)
def _k_from_the_wrong_side(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    x = points @ rotation.mT + translation
    put = x @ intrinsics
    return torch.where(x[:, 2:] > 0, put[:, :2] / put[:, 2:], torch.nan), x[:, 2]


@mistake(
    "You write R X and K X as X @ R and X @ K. Both are said of columns; your points are the rows of a "
    "matrix: (R X)ᵀ is Xᵀ Rᵀ."
)
def _nothing_transposed(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    x = points @ rotation + translation
    put = x @ intrinsics
    return torch.where(x[:, 2:] > 0, put[:, :2] / put[:, 2:], torch.nan), x[:, 2]


@mistake(
    "You use one focal length for both. Pixels need not be square: K has one across, K[0, 0], and one down, "
    "K[1, 1]."
)
def _one_focal_length(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    square = intrinsics.clone()
    square[1, 1] = intrinsics[0, 0]
    return project(points, rotation, translation, square)


@mistake(
    "What lies behind the camera has no pixel with you, as it should. But its depth is known all the same, a"
    " number below 0: only the pixel is NaN."
)
def _no_depth_behind(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    pixels, depth_m = project(points, rotation, translation, intrinsics)
    return pixels, torch.where(depth_m > 0, depth_m, torch.nan)


@mistake("At depth 0 you divide by 0. Such a point is beside the lens, not before it: NaN there, too.")
def _zero_is_in_front(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    x = points @ rotation.mT + translation
    pixels = (x @ intrinsics.mT)[:, :2] / x[:, 2:]
    return torch.where(x[:, 2:] >= 0, pixels, torch.nan), x[:, 2]


@mistake("You round to whole pixels. u and v say a place in the picture, and it may lie between two pixels.")
def _whole_pixels(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    pixels, depth_m = project(points, rotation, translation, intrinsics)
    return pixels.round(), depth_m


EXERCISE = Exercise(
    "18.1",
    "From the world to a pixel",
    project,
    _seen_points,
    difficulty=1,
    minutes=8,
    hints=(
        "Two steps: from the world to the camera, R X + t, and from there to the picture. Depth is "
        "known after the first.",
        "R X is said of a column. For points that are rows of a matrix it is points @ R.mT, since (R "
        "X)ᵀ is Xᵀ Rᵀ. The same holds of K.",
        "K (x, y, z) is (f_x x + c_x z, f_y y + c_y z, z). Divide the first two by the third, and use "
        "torch.where to put NaN where z is 0 or less.",
    ),
    mistakes=(
        _rotation_transposed, _moved_first, _translation_is_the_place, _the_way_back, _not_divided,
        _by_the_distance, _middle_divided, _no_middle, _row_and_column, _behind_is_seen,
        _behind_left_out, _depth_is_the_distance, _depth_of_the_world, _y_is_up,
        _k_from_the_wrong_side, _nothing_transposed, _one_focal_length, _no_depth_behind,
        _zero_is_in_front, _whole_pixels,
    ),
)  # fmt: skip
