"""Marching squares (S18.1): the outline where a grid of values has a level, cell by cell.

The plane's version of marching cubes (W. Lorensen and H. Cline, SIGGRAPH 1987). A cell has four corners, each
above the level or not: 16 cases, each with a fixed answer which of the cell's sides the outline crosses. In
space a cell has eight corners, and 256 cases. Where the outline crosses a side is a straight line's guess.

Two cases, of opposite corners above the level, have two answers; here such corners stay apart.

Shapes: H × W samples, S segments.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor

TOP, RIGHT, BOTTOM, LEFT = range(4)
# Corners above the level, clockwise from the upper left, as the digits of a binary number from its end → the
# sides that the outline enters and leaves by. What is above the level lies on its left.
CASES: dict[int, tuple[tuple[int, int], ...]] = {
    0b0001: ((LEFT, TOP),), 0b1110: ((TOP, LEFT),),
    0b0010: ((TOP, RIGHT),), 0b1101: ((RIGHT, TOP),),
    0b0100: ((RIGHT, BOTTOM),), 0b1011: ((BOTTOM, RIGHT),),
    0b1000: ((BOTTOM, LEFT),), 0b0111: ((LEFT, BOTTOM),),
    0b0011: ((LEFT, RIGHT),), 0b1100: ((RIGHT, LEFT),),
    0b0110: ((TOP, BOTTOM),), 0b1001: ((BOTTOM, TOP),),
    0b0101: ((LEFT, TOP), (RIGHT, BOTTOM)), 0b1010: ((TOP, RIGHT), (BOTTOM, LEFT)),
}  # fmt: skip


class Outline(NamedTuple):
    """The segments of an outline.

    segments : (S, 2 ends, 2): row, column, counted in samples.
    sides : (S, 2 ends) int64: the number of the grid's side on which each end lies; neighbours share it.
    """

    segments: Tensor
    sides: Tensor


def marching_squares(values: Tensor, level: float = 0.0) -> Outline:
    """Find the outline of where values are above a level.

    Parameters
    ----------
    values : Tensor
        (H, W), two or more samples each way.
    level : float
        A value equal to it counts as below.

    Returns
    -------
    Outline
        What is above the level lies to the left of each segment, seen with the rows downwards.
    """
    _check_values(values, level)
    h, w = values.shape
    points, numbers = side_crossings(values, level)
    above = (values > level).long()
    case = above[:-1, :-1] + 2 * above[:-1, 1:] + 4 * above[1:, 1:] + 8 * above[1:, :-1]  # (H - 1, W - 1)
    found = []
    for number, pairs in CASES.items():
        row, column = (case == number).nonzero(as_tuple=True)
        of_side = (
            row * w + column,
            h * w + row * w + column + 1,
            (row + 1) * w + column,
            h * w + row * w + column,
        )
        found += [torch.stack([of_side[enter], of_side[leave]], dim=1) for enter, leave in pairs]
    sides = torch.cat(found)  # (S, 2)
    return Outline(points[sides], numbers[sides])


def side_crossings(values: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """Return where the level is crossed on the line to the right and to the lower neighbour of each sample.

    Returns
    -------
    points : Tensor
        (2 · H · W, 2): row, column; meaningless where nothing is crossed.
    numbers : Tensor
        (2 · H · W,), the sides' numbers: lines to the right first.
    """
    _check_values(values, level)
    h, w = values.shape
    row, column = torch.meshgrid(torch.arange(h).to(values), torch.arange(w).to(values), indexing="ij")
    across, down = values.roll(-1, 1), values.roll(-1, 0)  # the neighbours' values
    right = torch.stack([row, column + (level - values) / (across - values)], dim=2)
    below = torch.stack([row + (level - values) / (down - values), column], dim=2)
    return torch.cat([right.reshape(-1, 2), below.reshape(-1, 2)]), torch.arange(2 * h * w)


def join_segments(outline: Outline) -> list[Tensor]:
    """Join segments that share an end into lines (K, 2): row, column. A closed one ends where it began."""
    check_tensor(outline.segments, "segments", "S", 2, 2, finite=True)
    check_tensor(outline.sides, "sides", len(outline.segments), 2, kind="int")
    after = {enter: (leave, k) for k, (enter, leave) in enumerate(outline.sides.tolist())}
    entered = {leave for leave, _ in after.values()}
    lines = []
    for start in [side for side in after if side not in entered] + list(after):  # open lines first
        order, side = [], start
        while side in after:
            side, k = after.pop(side)
            order.append(k)
        if order:
            lines.append(torch.cat([outline.segments[order[:1], 0], outline.segments[order, 1]]))
    return lines


def _check_values(values: Tensor, level: float) -> None:
    check_tensor(values, "values", "H", "W", finite=True)
    check_number(level, "level")
    if min(values.shape) < 2:
        raise ValueError(f"values: got shape {tuple(values.shape)}, want (H, W) of two or more each way")
