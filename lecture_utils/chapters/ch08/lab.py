"""The lab of chapter 08: from heat map to boxes, in three checked steps.

The system is that of X. Zhou, D. Wang, P. Krähenbühl, "Objects as Points", 2019: what is learned at each
centre (sections 3 and 4), and how peaks become boxes (section 4).

A box is x1, y1, x2, y2 in pixels. Shapes: G objects of a picture, K classes, h × w map, D detections.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch08.solutions import find_peaks
from lecture_utils.exercises.exercise import Exercise, Lab, mistake
from lecture_utils.ops.boxes import box_iou

SIZES = {"small": (0, 15), "middle": (15, 22), "large": (22, math.inf)}  # pixels: √(w·h) of an object


# --- step 1: from maps to boxes --------------------------------------------------------------------
def boxes_from_maps(
    heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes (D, 4), labels (D,) and scores (D,) of one picture, by falling score, at most `most`.

    From scores `heat` (K, h, w), `sizes` (2, h, w) w and h in pixels, and `offsets` (2, h, w) x and y in
    cells of `stride` pixels. Boxes are cut off where the map ends; those without an area are left out.
    """
    scores, labels, cells = find_peaks(heat, most)
    x, y = cells.unbind(1)
    centre = (cells + offsets[:, y, x].T) * stride  # (D, 2) in pixels
    half = sizes[:, y, x].T / 2
    edge = torch.tensor([heat.shape[2], heat.shape[1]]) * stride
    boxes = torch.cat([centre - half, centre + half], dim=1).clamp(min=0).minimum(edge.repeat(2))
    some = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    return boxes[some], labels[some], scores[some]


def _maps(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    heat, sizes, offsets = torch.zeros(1, 2, 4), torch.zeros(2, 2, 4), torch.zeros(2, 2, 4)
    heat[0, 1, 2] = 0.9
    sizes[:, 1, 2] = torch.tensor([4.0, 2.0])
    yield heat, sizes, offsets, 4, 10  # one peak, no offset
    offsets[:, 1, 2] = torch.tensor([0.25, 0.5])
    yield heat, sizes, offsets, 4, 10
    yield heat, 6 * sizes, offsets, 4, 10  # wider and higher than the picture
    yield heat, -sizes, offsets, 4, 10  # less than no width
    yield torch.zeros(1, 2, 3), sizes[..., :3], offsets[..., :3], 4, 10  # no peak
    for (classes, height, width), stride, most in (
        ((1, 3, 5), 4, 2),
        ((2, 4, 4), 4, 100),
        ((2, 5, 7), 8, 4),
        ((3, 8, 6), 2, 100),
    ):
        drawn = [rng.uniform(0.01, 1, (classes, height, width)), rng.uniform(-0.5, 3, (2, height, width))]
        drawn[1] *= stride
        drawn.append(rng.uniform(0, 1, (2, height, width)))
        yield *(torch.tensor(numbers, dtype=torch.float32) for numbers in drawn), stride, most


def _boxed(
    heat: Tensor,
    sizes: Tensor,
    offsets: Tensor,
    stride: int,
    most: int,
    *,
    place: Callable[[Tensor, Tensor], Tensor] | None = None,
    corners: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
    cut: bool = True,
    empty: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes from maps with one part exchanged: `place` of cell and offset, `corners` of centre and sides."""
    scores, labels, cells = find_peaks(heat, most)
    x, y = cells.unbind(1)
    own, sides = offsets[:, y, x].T, sizes[:, y, x].T
    centre = place(cells, own) if place else (cells + own) * stride
    boxes = torch.cat(corners(centre, sides) if corners else (centre - sides / 2, centre + sides / 2), 1)
    if cut:
        edge = torch.tensor([heat.shape[2], heat.shape[1]]) * stride
        boxes = boxes.clamp(min=0).minimum(edge.repeat(2))
    some = (boxes[:, 2:] > boxes[:, :2]).all(1) | empty
    return boxes[some], labels[some], scores[some]


@mistake(
    "You read sizes and offsets at the wrong cells: the maps are (2, h, w). Which of x and y is the row, and "
    "which index comes first?"
)
def _read_at_x_y(heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int) -> Any:
    x, y = find_peaks(heat, most)[2].unbind(1)
    wide, moved = torch.zeros_like(sizes), torch.zeros_like(offsets)
    wide[:, y, x], moved[:, y, x] = sizes[:, x, y], offsets[:, x, y]
    return boxes_from_maps(heat, wide, moved, stride, most)


@mistake(
    "Each of your boxes lies up to one cell too far left and up. The cell's number is the centre rounded "
    "down: which map holds what that took away?"
)
def _offsets_left_out(heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int) -> Any:
    return boxes_from_maps(heat, sizes, torch.zeros_like(offsets), stride, most)


@mistake(
    "You put each centre into the middle of its cell. That is a guess; the network says where in the cell it "
    "lies."
)
def _middle_of_the_cell(heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int) -> Any:
    return boxes_from_maps(heat, sizes, torch.full_like(offsets, 0.5), stride, most)


@mistake(
    "You add the offset as if it were in pixels, and it hardly moves anything. It is in cells: what comes "
    "first, the sum or `stride`?"
)
def _offsets_in_pixels(heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int) -> Any:
    return _boxed(heat, sizes, offsets, stride, most, place=lambda cells, own: cells * stride + own)


@mistake(
    "Your boxes are in cells, not in pixels. A cell is `stride` pixels wide: which of the numbers need it?"
)
def _boxes_in_cells(heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int) -> Any:
    return _boxed(heat, sizes, offsets, stride, most, place=lambda cells, own: cells + own)


@mistake(
    "You multiply the sizes by the stride. In this system the size map is in pixels already; only places are "
    "in cells."
)
def _sizes_in_cells(heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int) -> Any:
    return boxes_from_maps(heat, sizes * stride, offsets, stride, most)


@mistake(
    "Your boxes are twice as wide and high as the size map says. From the centre to either side it is how "
    "much of the width?"
)
def _twice_as_wide(heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int) -> Any:
    return boxes_from_maps(heat, 2 * sizes, offsets, stride, most)


@mistake(
    "You let each box begin at its peak. The peak is the object's centre, so the box reaches out from it to "
    "all four sides."
)
def _begun_at_the_peak(heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int) -> Any:
    whole = lambda centre, sides: (centre, centre + sides)  # noqa: E731
    return _boxed(heat, sizes, offsets, stride, most, corners=whole)


@mistake("You return centres and sides. A box is wanted by its two corners, x1, y1, x2, y2.")
def _centre_and_sides(heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int) -> Any:
    boxes, labels, scores = boxes_from_maps(heat, sizes, offsets, stride, most)
    return torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1), labels, scores


@mistake(
    "Some of your boxes reach out of the picture. It is as large as the map times `stride`: cut them off "
    "there, on all four sides."
)
def _not_cut_off(heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int) -> Any:
    return _boxed(heat, sizes, offsets, stride, most, cut=False)


@mistake(
    "A network may say a width below 0, and then x2 is left of x1. Which boxes do you have to leave out at "
    "the end?"
)
def _boxes_of_no_area(heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int) -> Any:
    return _boxed(heat, sizes, offsets, stride, most, empty=True)


# --- step 2: from boxes to maps, with a fault ------------------------------------------------------
def point_targets_faulty(boxes: Tensor, size: tuple[int, int], stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """What is learned at the centres of boxes (G, 4): sizes, offsets (2, h, w), and centres (h, w) bool.

    `size` is h, w. Each object writes to the cell in which its centre lies: its width and height in pixels,
    and where in the cell the centre is, x and y in cells. Of several in one cell the smallest stays. A centre
    on the last edge of the picture belongs to the last cell.
    """
    sizes, offsets = torch.zeros(2, 2, *size)
    centres = torch.zeros(size, dtype=torch.bool)
    sides = boxes[:, 2:] - boxes[:, :2]
    place = (boxes[:, :2] + boxes[:, 2:]) / 2 / stride  # (G, 2) x, y in cells
    last = torch.tensor([size[1] - 1, size[0] - 1])
    cells = place.round().long().minimum(last)
    for i in sides.prod(dim=1).argsort(descending=True, stable=True):  # the smallest last
        x, y = cells[i]
        sizes[:, y, x], offsets[:, y, x] = sides[i], place[i] % 1
        centres[y, x] = True
    return sizes, offsets, centres


def point_targets(boxes: Tensor, size: tuple[int, int], stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """What is learned at the centres of boxes (G, 4): sizes, offsets (2, h, w), and centres (h, w) bool.

    `size` is h, w. Each object writes to the cell in which its centre lies: its width and height in pixels,
    and where in the cell the centre is, x and y in cells. Of several in one cell the smallest stays. A centre
    on the last edge of the picture belongs to the last cell.
    """
    sizes, offsets = torch.zeros(2, 2, *size)
    centres = torch.zeros(size, dtype=torch.bool)
    sides = boxes[:, 2:] - boxes[:, :2]
    place = (boxes[:, :2] + boxes[:, 2:]) / 2 / stride  # (G, 2) x, y in cells
    last = torch.tensor([size[1] - 1, size[0] - 1])
    cells = place.floor().long().minimum(last)
    for i in sides.prod(dim=1).argsort(descending=True, stable=True):  # the smallest last
        x, y = cells[i]
        sizes[:, y, x], offsets[:, y, x] = sides[i], place[i] - cells[i]
        centres[y, x] = True
    return sizes, offsets, centres


def _pictures(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[1.0, 1.0, 4.0, 4.0]]), (2, 3), 4  # centre at 2.5, 2.5: past the middle of a cell
    yield torch.tensor([[2.0, 4.0, 8.0, 6.0]]), (2, 3), 4  # before it
    yield torch.tensor([[0.0, 0.0, 10.0, 6.0]]), (2, 3), 4  # across before, down past it
    twice = torch.tensor(
        [[4.0, 4.0, 7.0, 8.0], [2.0, 3.0, 9.0, 11.0]]
    )  # two in one cell, the small one first
    yield twice, (3, 3), 4
    yield twice.flip(0), (3, 3), 4
    yield torch.tensor([[8.0, 1.0, 16.0, 6.0], [10.0, 6.0, 14.0, 10.0]]), (2, 3), 4  # on the last edge
    yield torch.zeros(0, 4), (2, 2), 4
    for number, (height, width), stride in ((3, (4, 6), 4), (6, (8, 8), 4), (12, (6, 9), 8), (20, (6, 5), 4)):
        room = stride * np.array([width, height])
        sides = rng.uniform(0.1, 0.6, size=(number, 2)) * room
        corner = rng.uniform(0, room - sides)
        boxes = torch.tensor(np.concatenate([corner, corner + sides], axis=1), dtype=torch.float32)
        yield boxes, (height, width), stride


def _written(
    boxes: Tensor,
    size: tuple[int, int],
    stride: int,
    *,
    cell: Callable[[Tensor], Tensor] = torch.floor,
    offset: Callable[[Tensor, Tensor], Tensor] = torch.sub,
    order: Callable[[Tensor], Tensor] = lambda areas: areas.argsort(descending=True, stable=True),
) -> tuple[Tensor, Tensor, Tensor]:
    """The maps with another rule for the cell of a place, the offset of place and cell, or the order."""
    sizes, offsets = torch.zeros(2, 2, *size)
    centres = torch.zeros(size, dtype=torch.bool)
    sides, place = boxes[:, 2:] - boxes[:, :2], (boxes[:, :2] + boxes[:, 2:]) / 2 / stride
    cells = cell(place).long().minimum(torch.tensor([size[1] - 1, size[0] - 1]))
    for i in order(sides.prod(1)):
        x, y = cells[i]
        sizes[:, y, x], offsets[:, y, x], centres[y, x] = sides[i], offset(place[i], cells[i]), True
    return sizes, offsets, centres


@mistake(
    "Half of the objects still lie one cell too far right or down. Cell and offset must add up to the place: "
    "is the cell rounded the same way for both?"
)
def _the_fault(boxes: Tensor, size: tuple[int, int], stride: int) -> Any:
    return point_targets_faulty(boxes, size, stride)


@mistake(
    "Cell and offset now fit each other, but some offsets are below 0: the nearest cell is not the one in "
    "which the centre lies, and the heat map's peak stands there."
)
def _nearest_and_signed(boxes: Tensor, size: tuple[int, int], stride: int) -> Any:
    return _written(boxes, size, stride, cell=torch.round)


@mistake(
    "You round to the nearest cell and say no offset at all. The boxes are nearer now, but still up to half "
    "a cell off: what is lost by rounding can be kept."
)
def _nearest_without_offset(boxes: Tensor, size: tuple[int, int], stride: int) -> Any:
    return _written(boxes, size, stride, cell=torch.round, offset=lambda place, cell: torch.zeros(2))


@mistake(
    "Rows and columns are exchanged: the maps are (2, h, w), so the row, which comes from y, stands before "
    "the column."
)
def _stored_at_x_y(boxes: Tensor, size: tuple[int, int], stride: int) -> Any:
    sizes, offsets, centres = point_targets(boxes, (size[1], size[0]), stride)
    turned = [torch.zeros(2, *size), torch.zeros(2, *size), torch.zeros(size, dtype=torch.bool)]
    for y, x in centres.nonzero().tolist():
        turned[0][:, x, y], turned[1][:, x, y], turned[2][x, y] = sizes[:, y, x], offsets[:, y, x], True
    return tuple(turned)


@mistake(
    "Your sizes are in cells. Only the place was divided by the stride: width and height are learned in "
    "pixels."
)
def _sizes_by_stride(boxes: Tensor, size: tuple[int, int], stride: int) -> Any:
    sizes, offsets, centres = point_targets(boxes, size, stride)
    return sizes / stride, offsets, centres


@mistake(
    "Your offsets have the wrong sign: they lead from the centre to the cell. Added to the cell's number, an "
    "offset should give the place."
)
def _offset_backwards(boxes: Tensor, size: tuple[int, int], stride: int) -> Any:
    return _written(boxes, size, stride, offset=lambda place, cell: cell - place)


@mistake("Your offsets are in pixels. They are wanted in cells, which is what the place is in already.")
def _offset_by_stride(boxes: Tensor, size: tuple[int, int], stride: int) -> Any:
    sizes, offsets, centres = point_targets(boxes, size, stride)
    return sizes, offsets * stride, centres


@mistake(
    "Where two objects share a cell, yours is the one that is listed last. The order in which the colleague "
    "goes through them was not the fault: who should stay?"
)
def _the_last_stays(boxes: Tensor, size: tuple[int, int], stride: int) -> Any:
    return _written(boxes, size, stride, order=lambda areas: torch.arange(len(areas)))


@mistake(
    "Where two objects share a cell, your maps keep the larger one. Whoever is written last stays, and that "
    "should be the smallest."
)
def _the_largest_stays(boxes: Tensor, size: tuple[int, int], stride: int) -> Any:
    return _written(boxes, size, stride, order=lambda areas: areas.argsort(stable=True))


@mistake(
    "A centre on the right or lower edge of the picture comes to a cell that is not there. The colleague's "
    "line that keeps it in the last cell is still needed."
)
def _beyond_the_map(boxes: Tensor, size: tuple[int, int], stride: int) -> Any:
    place = (boxes[:, :2] + boxes[:, 2:]) / 2 / stride
    maps = point_targets(boxes, size, stride)
    for x, y in place.long().tolist():
        maps[2][y, x] = True
    return maps


@mistake(
    "The cell is right now. But a centre on the last edge of the picture is held in the last cell, and lies "
    "a whole cell from its start: the remainder says 0 there. How far is the place from the cell's number?"
)
def _remainder_at_the_edge(boxes: Tensor, size: tuple[int, int], stride: int) -> Any:
    return _written(boxes, size, stride, offset=lambda place, cell: place % 1)


class Fit(NamedTuple):
    """How well objects of one size come back: how many, their mean IoU, shares with 0.5 and 0.75 or more."""

    objects: int
    iou: float
    at_half: float
    at_three_quarters: float


def iou_by_size(
    targets: Sequence[tuple[Tensor, Tensor]],
    encode: Callable[[Tensor, tuple[int, int], int], tuple[Tensor, Tensor, Tensor]],
    decode: Callable[..., tuple[Tensor, Tensor, Tensor]] = boxes_from_maps,
    *,
    size: int = 64,
    stride: int = 4,
) -> dict[str, Fit]:
    """Test both ways without a network: what is left of true boxes that are written as maps and read back?

    Each centre becomes a peak of height 1, so only `encode` and `decode` can be at fault, and objects that
    share a cell. An object's IoU is that with the box that fits it best.

    Parameters
    ----------
    targets : sequence of (Tensor, Tensor)
        A picture: boxes (G, 4) in pixels, and classes, which do not matter here.
    encode : callable
        As `point_targets`.
    decode : callable
        As `boxes_from_maps`.
    size, stride : int
        Pixels a side of the pictures, and a cell.

    Returns
    -------
    dict
        For the objects of each size in `SIZES`; NaN in place of means where there is no such object.
    """
    sides, best = [], []
    for boxes, _ in targets:
        sizes, offsets, centres = encode(boxes, (size // stride, size // stride), stride)
        found = decode(centres[None].float(), sizes, offsets, stride, max(1, len(boxes)))[0]
        none = torch.zeros(len(boxes), 1)  # where nothing is found
        best.append(torch.cat([none, box_iou(boxes, found)], dim=1).amax(1))
        sides.append((boxes[:, 2:] - boxes[:, :2]).prod(1).sqrt())
    side, iou = torch.cat(sides), torch.cat(best)
    fits = {}
    for name, (low, high) in SIZES.items():
        own = iou[(side >= low) & (side < high)]
        shares = [(own >= bound).float().mean().item() for bound in (0.5, 0.75)]
        fits[name] = Fit(len(own), own.mean().item(), *shares)
    return fits


# --- step 3: what is lost without offsets ----------------------------------------------------------
def worst_iou(w: Tensor, h: Tensor, stride: float) -> Tensor:
    """The least IoU (N,) of boxes w × h (N,) with themselves, moved by one cell to the left and one up.

    That is the bound for a box whose offset is left out: rounding takes away almost `stride` pixels both
    ways.
    """
    shared = (w - stride).clamp(min=0) * (h - stride).clamp(min=0)
    return shared / (2 * w * h - shared)


def _sides(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([8.0]), torch.tensor([8.0]), 4.0  # a quarter is shared: 1/7
    yield torch.tensor([8.0, 40.0]), torch.tensor([16.0, 40.0]), 4.0
    yield torch.tensor([4.0, 2.0, 3.0]), torch.tensor([8.0, 8.0, 2.0]), 4.0  # narrower than a cell
    yield torch.tensor([20.0]), torch.tensor([12.0]), 1.0
    for number, stride in ((3, 4.0), (5, 8.0), (8, 4.0)):
        w, h = torch.tensor(rng.uniform(2, 60, size=(2, number)), dtype=torch.float32)
        yield w, h, stride


@mistake(
    "You move the box by half a cell. That is the mean of what rounding down takes away; what is the most?"
)
def _half_a_cell(w: Tensor, h: Tensor, stride: float) -> Tensor:
    return worst_iou(w, h, stride / 2)


@mistake(
    "You move the box across only. Both x and y are rounded down, and in the worst case both lose a cell."
)
def _across_only(w: Tensor, h: Tensor, stride: float) -> Tensor:
    shared = (w - stride).clamp(min=0) * h
    return shared / (2 * w * h - shared)


@mistake(
    "A box that is narrower and lower than a cell no longer overlaps itself. What does your formula make of "
    "two sides below 0?"
)
def _not_clamped(w: Tensor, h: Tensor, stride: float) -> Tensor:
    shared = (w - stride) * (h - stride)
    return shared / (2 * w * h - shared)


@mistake(
    "You give the share of the box that is still covered. IoU divides by what both boxes cover together."
)
def _share_of_the_box(w: Tensor, h: Tensor, stride: float) -> Tensor:
    return (w - stride).clamp(min=0) * (h - stride).clamp(min=0) / (w * h)


@mistake("You divide by the sum of both areas. What the two share is in it twice.")
def _shared_counted_twice(w: Tensor, h: Tensor, stride: float) -> Tensor:
    return (w - stride).clamp(min=0) * (h - stride).clamp(min=0) / (2 * w * h)


@mistake("You move the box by one pixel. Offsets are shares of a cell: how many pixels is a whole one?")
def _one_pixel(w: Tensor, h: Tensor, stride: float) -> Tensor:
    return worst_iou(w, h, 1.0)


@mistake(
    "You take a cell off each of the four sides, as if the box shrank. It keeps its size and moves: only two "
    "of its sides leave what is shared."
)
def _shrunk(w: Tensor, h: Tensor, stride: float) -> Tensor:
    return worst_iou(w, h, 2 * stride)


# --- the three steps -------------------------------------------------------------------------------
STEP_1 = Exercise(
    "08.L1",
    "From heat map to boxes",
    boxes_from_maps,
    _maps,
    difficulty=2,
    minutes=13,
    hints=(
        "find_peaks gives scores, labels and cells (D, 2) x, y. All that is left is to read two maps at these"
        " cells, and to make corners of what stands there.",
        "With x, y from cells.unbind(1): maps[:, y, x] is (2, D), and .T makes it (D, 2). The centre in "
        "pixels is cell plus offset, times the stride; half of the size goes to each side.",
        "Cut off with .clamp(min=0) and .minimum(…) of width, height, width, height in pixels. Keep the boxes"
        " with x2 > x1 and y2 > y1, their labels and scores.",
    ),
    mistakes=(
        _read_at_x_y,
        _offsets_left_out,
        _middle_of_the_cell,
        _offsets_in_pixels,
        _boxes_in_cells,
        _sizes_in_cells,
        _twice_as_wide,
        _begun_at_the_peak,
        _centre_and_sides,
        _not_cut_off,
        _boxes_of_no_area,
    ),
)
STEP_2 = Exercise(
    "08.L2",
    "Small objects do not come back",
    point_targets,
    _pictures,
    difficulty=2,
    minutes=14,
    hints=(
        "Take one box that does not come back, and follow it by hand: its centre in pixels, in cells, the "
        "cell that it is written to, the offset there.",
        "Some boxes come back just as they were, others lie 4 pixels off, to the right, or down, or both. "
        "What do the centres of the good ones have in common?",
        "Cell plus offset must be the place again. With an offset of 0.75 the place was rounded down: was "
        "the cell?",
    ),
    mistakes=(
        _the_fault,
        _nearest_and_signed,
        _nearest_without_offset,
        _stored_at_x_y,
        _sizes_by_stride,
        _offset_backwards,
        _offset_by_stride,
        _the_last_stays,
        _the_largest_stays,
        _beyond_the_map,
        _remainder_at_the_edge,
    ),
)
STEP_3 = Exercise(
    "08.L3",
    "Who can do without offsets",
    worst_iou,
    _sides,
    difficulty=1,
    minutes=8,
    hints=(
        "Draw a box and the same box one cell further left and up. How wide and how high is what they share?",
        "Shared is (w - stride) times (h - stride), and nothing where a side is below 0. The union is both "
        "areas less what is shared.",
    ),
    mistakes=(
        _half_a_cell,
        _across_only,
        _not_clamped,
        _share_of_the_box,
        _shared_counted_twice,
        _one_pixel,
        _shrunk,
    ),
)
LAB = Lab("08.L", "From heat map to boxes", (STEP_1, STEP_2, STEP_3))
