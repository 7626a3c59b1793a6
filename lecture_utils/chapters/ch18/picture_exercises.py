"""Chapter 18, part a: the checked exercises about one picture and two eyes, 18.1 to 18.2.

The references, which the notebook shows as solutions, stand in `solutions.py`. Here are inputs to try
(smallest first), general hints that say more each time, and the usual mistakes, each with its own hint.
Shapes as there: H × W pixels, P points.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch18.draws import turned, uniform
from lecture_utils.chapters.ch18.solutions import block_matching, project
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISES"]

# --- 18.1 projection -------------------------------------------------------------------------------
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


# --- 18.2 block matching ---------------------------------------------------------------------------
def _pair(rng: np.random.Generator, height: int, width: int, *shifts: int) -> tuple[Tensor, Tensor]:
    """Two pictures (H, W) of whole grey values, in which bands of rows are shifted, with a little noise."""
    scene = torch.tensor(rng.integers(0, 60, size=(height, width + max(shifts)))).float()
    left, right = scene[:, :width].clone(), scene[:, :width].clone()
    for rows, d in zip(torch.arange(height).tensor_split(len(shifts)), shifts, strict=True):
        right[rows] = scene[rows, d : d + width]
    return left, right + torch.tensor(rng.integers(0, 6, size=(height, width)))


def _pairs(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    row = torch.tensor([[9.0, 1, 5, 3, 7]])
    yield row, torch.tensor([[1.0, 5, 3, 7, 2]]), 2, 1  # all moved by one
    yield row, row + 2, 2, 1  # brighter, and not moved
    steps = torch.tensor([[0.0, 0, 4, 4, 4]]).expand(3, 5).clone()
    yield steps, steps, 1, 3  # flat: all costs alike
    yield *_pair(rng, 5, 9, 2), 3, 3
    yield *_pair(rng, 6, 8, 0), 2, 3
    yield *_pair(rng, 5, 6, 1), 9, 3  # further than the picture is wide
    yield *_pair(rng, 12, 16, 1, 4), 4, 3
    yield *_pair(rng, 12, 18, 5, 0), 6, 5
    yield *_pair(rng, 16, 24, 3, 7, 2), 8, 5


def _matched(
    left: Tensor,
    right: Tensor,
    largest: int,
    size: int,
    *,
    compare: Callable[[Tensor, Tensor], Tensor] = lambda a, b: (a - b).abs(),
    after: Callable[[Tensor], Tensor] = lambda cost: cost,
    worst: bool = False,
    last: bool = False,
    round_about: bool = False,
) -> Tensor:
    """Block matching with one part exchanged."""
    half, (height, width) = size // 2, left.shape
    volume = left.new_full((largest + 1, height, width), -torch.inf if worst else torch.inf)
    for d in range(largest + 1 if round_about else min(largest, width - size) + 1):
        start = 0 if round_about else d
        moved = right.roll(d, 1)[:, start:]
        cost = after(F.avg_pool2d(compare(left[:, start:], moved)[None, None], size, stride=1)[0, 0])
        volume[d, half : height - half, start + half : width - half] = cost
    if last:
        best, winner = volume.flip(0).min(0)
        return torch.where(best.isfinite(), largest - winner, torch.nan)
    best, winner = volume.max(0) if worst else volume.min(0)
    return torch.where(best.isfinite(), winner, torch.nan)


@mistake(
    "You look to the right for the match. The right eye sees everything further to the left: column x of "
    "the left picture is column x - d of the right one."
)
def _to_the_right(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    return block_matching(left.flip(1), right.flip(1), largest, size).flip(1)


@mistake(
    "This is the disparity of the right picture's pixels. It is asked for at each pixel of the left one: at "
    "which column does the cost of d belong?"
)
def _right_is_the_reference(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    return block_matching(right.flip(1), left.flip(1), largest, size).flip(1)


@mistake("You compare single pixels, and many a pixel resembles another by chance. What is `size` for?")
def _single_pixels(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    return block_matching(left, right, largest, 1)


@mistake(
    "Your differences have a sign, so that the lowest cost is where the right picture is brightest. A "
    "difference is bad in both directions."
)
def _signed(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    return _matched(left, right, largest, size, compare=lambda a, b: a - b)


@mistake(
    "You take the mean first and the absolute value then: two windows with the same mean fit perfectly, "
    "whatever is in them. Which has to come first?"
)
def _absolute_after_the_mean(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    return _matched(left, right, largest, size, compare=lambda a, b: a - b, after=torch.abs)


@mistake(
    "You square the differences. It is a good cost as well, but one pixel that is far off (a highlight) "
    "then counts for many: here absolute differences are wanted."
)
def _squared_differences(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    return _matched(left, right, largest, size, compare=lambda a, b: (a - b).square())


@mistake("You choose the highest cost. Cost says how badly two windows fit.")
def _worst_wins(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    return _matched(left, right, largest, size, worst=True)


@mistake(
    "With torch.roll what leaves on the left comes back on the right, so that the left border finds matches "
    "at the other end of the row. There is nothing to compare with: which columns have no column x - d?"
)
def _rolled(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    return _matched(left, right, largest, size, round_about=True)


@mistake(
    "You let windows hang over the border, filled up with zeros, and get a disparity where there should be "
    "none. A window must lie inside its picture, the shifted one too."
)
def _zeros_beyond_the_border(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    volume = left.new_full((largest + 1, *left.shape), torch.inf)
    for d in range(min(largest, left.shape[1] - 1) + 1):
        cost = (left[:, d:] - right[:, : left.shape[1] - d]).abs()
        volume[d, :, d:] = F.avg_pool2d(cost[None, None], size, 1, size // 2)[0, 0]
    return volume.min(0).indices.float()


@mistake("You stop one too early: `largest` itself is to be tried as well. Where does a range end?")
def _largest_left_out(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    return block_matching(left, right, largest - 1, size)


@mistake("You leave d at 0 out. What is very far away has the same column in both pictures.")
def _not_at_zero(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    short = block_matching(left[:, 1:], right[:, :-1], largest - 1, size) + 1
    return F.pad(short, (1, 0), value=torch.nan)


@mistake(
    "Your whole left border is NaN, as wide as the largest disparity. Where only small ones can be tried, "
    "the best of those is wanted."
)
def _all_or_nothing(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    found = block_matching(left, right, largest, size)
    column = torch.arange(left.shape[1]).expand_as(found)
    return found.masked_fill(column < largest + size // 2, torch.nan)


@mistake(
    "Where nothing can be compared you say 0. That is a disparity as well, of what is infinitely far away: "
    "say NaN."
)
def _zero_for_nothing(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    return block_matching(left, right, largest, size).nan_to_num(0.0)


@mistake("Where several fit equally well, the smallest disparity is wanted. Your last one wins: < or <=?")
def _last_of_equals(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    return _matched(left, right, largest, size, last=True)


@mistake(
    "You put the cost of a window at its upper left corner. It belongs to the pixel in the window's middle: "
    "half a window further down and to the right."
)
def _at_the_windows_corner(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    found, half = block_matching(left, right, largest, size), size // 2
    return F.pad(found[half:, half:], (0, half, 0, half), value=torch.nan)


@mistake(
    "Where the right picture has no column x - d you fill it up with zeros and compare with those. There is "
    "nothing to compare with: leave these d out of the choice."
)
def _compared_with_zeros(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    half, (height, width) = size // 2, left.shape
    volume = left.new_full((largest + 1, height, width), torch.inf)
    for d in range(largest + 1):
        cost = (left - F.pad(right, (d, 0))[:, :width]).abs()[None, None]
        volume[d, half : height - half, half : width - half] = F.avg_pool2d(cost, size, stride=1)[0, 0]
    best, winner = volume.min(0)
    return torch.where(best.isfinite(), winner, torch.nan)


@mistake("You return the lowest cost itself. Wanted is the d that has it: min(dim=0) gives both.")
def _cost_for_disparity(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    found, half = block_matching(left, right, largest, size), size // 2
    own = torch.where(found.isfinite(), found, 0.0).long()
    column = (torch.arange(left.shape[1]) - own).clamp(min=0)
    cost = torch.full_like(found, torch.nan)
    for y, x in torch.nonzero(found.isfinite()).tolist():
        rows, at = slice(y - half, y + half + 1), int(column[y, x])
        apart = left[rows, x - half : x + half + 1] - right[rows, at - half : at + half + 1]
        cost[y, x] = apart.abs().mean()
    return cost


@mistake("Your windows are one row high. They are squares, size × size: rows above and below count as well.")
def _windows_of_one_row(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    rows = zip(left[:, None], right[:, None], strict=True)
    half = size // 2
    padded = [(F.pad(a, (0, 0, half, half)), F.pad(b, (0, 0, half, half))) for a, b in rows]
    return torch.cat([block_matching(a, b, largest, size)[half : half + 1] for a, b in padded])


@mistake(
    "You try a d at which no window fits: it is larger than the width of the picture minus that of the "
    "window. Where must the loop end?"
)
def _no_window_fits(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    half, (height, width) = size // 2, left.shape
    volume = left.new_full((largest + 1, height, width), torch.inf)
    for d in range(largest + 1):
        cost = (left[:, d:] - right[:, : width - d]).abs()[None, None]
        volume[d, half : height - half, d + half : width - half] = F.avg_pool2d(cost, size, stride=1)[0, 0]
    best, winner = volume.min(0)
    return torch.where(best.isfinite(), winner, torch.nan)


EXERCISES = [
    Exercise(
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
            _rotation_transposed,
            _moved_first,
            _translation_is_the_place,
            _the_way_back,
            _not_divided,
            _by_the_distance,
            _middle_divided,
            _no_middle,
            _row_and_column,
            _behind_is_seen,
            _behind_left_out,
            _depth_is_the_distance,
            _depth_of_the_world,
            _y_is_up,
            _k_from_the_wrong_side,
            _nothing_transposed,
            _one_focal_length,
            _no_depth_behind,
            _zero_is_in_front,
            _whole_pixels,
        ),
    ),
    Exercise(
        "18.2",
        "How far to the left does the other eye see it?",
        block_matching,
        _pairs,
        difficulty=3,
        minutes=15,
        hints=(
            "Make a table of costs (largest + 1, H, W) that is infinite everywhere, and fill in one d at a "
            "time. The winner is its smallest along the first axis.",
            "For one d, columns d, d + 1, … of the left picture stand over columns 0, 1, … of the right "
            "one: left[:, d:] and right[:, : W - d]. F.avg_pool2d(…[None, None], size, stride=1) is the "
            "mean of every window that lies inside.",
            "With half = size // 2, the first of these windows has its middle in row half and column d + "
            "half of the left picture: cost[d, half : H - half, d + half : W - half]. No window fits where "
            "d is above W - size.",
            "cost.min(dim=0) gives the lowest cost and its d. Where that cost is infinite, put NaN.",
        ),
        mistakes=(
            _to_the_right,
            _right_is_the_reference,
            _single_pixels,
            _signed,
            _absolute_after_the_mean,
            _squared_differences,
            _worst_wins,
            _rolled,
            _zeros_beyond_the_border,
            _largest_left_out,
            _not_at_zero,
            _all_or_nothing,
            _zero_for_nothing,
            _last_of_equals,
            _at_the_windows_corner,
            _compared_with_zeros,
            _cost_for_disparity,
            _windows_of_one_row,
            _no_window_fits,
        ),
    ),
]
