"""Chapter 18, exercise 18.2: the usual mistakes, each with its hint (`block_matching` has the exercise).

Shapes: H × W pixels.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch18.solutions import block_matching
from lecture_utils.exercises.exercise import mistake

__all__ = ["MISTAKES"]


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


MISTAKES = (
    _to_the_right, _right_is_the_reference, _single_pixels, _signed, _absolute_after_the_mean,
    _squared_differences, _worst_wins, _rolled, _zeros_beyond_the_border, _largest_left_out,
    _not_at_zero, _all_or_nothing, _zero_for_nothing, _last_of_equals, _at_the_windows_corner,
    _compared_with_zeros, _cost_for_disparity, _windows_of_one_row, _no_window_fits,
)  # fmt: skip
