"""Chapter 07: the checked exercises about boxes and two-stage detection; the lab stands in `lab.py`.

The references, which the notebook shows as solutions, stand in `solutions.py`. Here are inputs to try
(smallest first), general hints that say more each time, and the usual mistakes, each with its own hint. A box
is x1, y1, x2, y2 in pixels. Shapes: N, M boxes, anchors or detections, H × W a feature map.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch07.lab import LAB
from lecture_utils.chapters.ch07.solutions import (
    average_precision,
    box_iou,
    encode,
    greedy_nms,
    match_anchors,
    roi_pool,
)
from lecture_utils.detection.anchors import BACKGROUND, BETWEEN
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISES", "LAB"]


def random_boxes(rng: np.random.Generator, number: int, *, room: float = 20, largest: float = 14) -> Tensor:
    """Draw boxes (N, 4) with first corners in a square of `room` pixels, 1 to `largest` wide and high."""
    corner = rng.uniform(0, room, size=(number, 2))
    sides = rng.uniform(1, largest, size=(number, 2))
    return torch.tensor(np.concatenate([corner, corner + sides], axis=1), dtype=torch.float32)


# --- 07.1 intersection over union ------------------------------------------------------------------
def _pairs(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    one = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    yield one, torch.tensor([[1.0, 0.0, 3.0, 2.0]])  # half of each is shared: 1/3
    yield one, one  # the same box: 1
    yield one, torch.tensor([[3.0, 0.0, 5.0, 2.0]])  # beside it, a gap between
    yield one, torch.tensor([[3.0, 3.0, 5.0, 5.0]])  # apart in both directions
    yield torch.tensor([[0.0, 0.0, 6.0, 6.0]]), torch.tensor([[1.0, 2.0, 3.0, 5.0]])  # one inside the other
    yield torch.tensor([[1.0, 1.0, 1.0, 1.0]]), torch.tensor([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 2.0, 2.0]])
    yield random_boxes(rng, 3), random_boxes(rng, 2)
    yield random_boxes(rng, 5), random_boxes(rng, 4)
    yield random_boxes(rng, 4) + 50, random_boxes(rng, 6) + 50


def _shared_and_areas(a: Tensor, b: Tensor, grow: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """Area of each pair's intersection (N, M), and areas (N, 1) and (1, M), every side `grow` longer."""
    sides = torch.minimum(a[:, None, 2:], b[None, :, 2:]) - torch.maximum(a[:, None, :2], b[None, :, :2])
    area_a, area_b = ((boxes[:, 2:] - boxes[:, :2] + grow).prod(1) for boxes in (a, b))
    return (sides + grow).clamp(min=0).prod(2), area_a[:, None], area_b[None, :]


@mistake(
    "You add 1 to the sides, as if x2 were the last pixel that belongs to the box. Here a box ends where its "
    "last pixel ends, and its width is the difference of its x."
)
def _one_pixel_more(a: Tensor, b: Tensor) -> Tensor:
    shared, area_a, area_b = _shared_and_areas(a, b, 1.0)
    return shared / (area_a + area_b - shared)


@mistake(
    "Where two boxes lie apart, the smaller of their ends is left of the larger of their starts. What does "
    "your formula make of a negative width, and of two of them multiplied?"
)
def _negative_overlap(a: Tensor, b: Tensor) -> Tensor:
    _, area_a, area_b = _shared_and_areas(a, b)
    sides = torch.minimum(a[:, None, 2:], b[None, :, 2:]) - torch.maximum(a[:, None, :2], b[None, :, :2])
    union = area_a + area_b - sides.prod(2)
    return sides.prod(2) / torch.where(union > 0, union, 1)


@mistake(
    "You read the last two numbers as width and height. Here they are the second corner: the width is the "
    "difference of the two x."
)
def _read_as_width_and_height(a: Tensor, b: Tensor) -> Tensor:
    a, b = (torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1) for boxes in (a, b))
    return box_iou(a, b)


@mistake(
    "You divide by the sum of both areas. The part that they share is in that sum twice, and two equal boxes "
    "get one half."
)
def _shared_counted_twice(a: Tensor, b: Tensor) -> Tensor:
    shared, area_a, area_b = _shared_and_areas(a, b)
    return shared / torch.where(area_a + area_b > 0, area_a + area_b, 1)


@mistake(
    "You divide by the area of the smaller box, so a small box inside a large one counts as a perfect match. "
    "Divide by what the two cover together."
)
def _over_the_smaller(a: Tensor, b: Tensor) -> Tensor:
    shared, area_a, area_b = _shared_and_areas(a, b)
    smaller = torch.minimum(area_a, area_b)
    return shared / torch.where(smaller > 0, smaller, 1)


@mistake(
    "Two boxes without any area give NaN: zero divided by zero. They share no area, so their IoU is 0 here; "
    "what could you divide by there instead?"
)
def _zero_over_zero(a: Tensor, b: Tensor) -> Tensor:
    shared, area_a, area_b = _shared_and_areas(a, b)
    return shared / (area_a + area_b - shared)


# --- 07.2 non-maximum suppression ------------------------------------------------------------------
def _scored(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 3]]), torch.tensor([0.6, 0.9]), 0.5  # one object, twice
    yield torch.tensor([[0.0, 0, 4, 4], [8, 0, 12, 4]]), torch.tensor([0.6, 0.9]), 0.5  # two objects
    yield torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 2]]), torch.tensor([0.9, 0.6]), 0.5  # IoU just 0.5
    chain = torch.tensor([[0.0, 0, 10, 4], [4, 0, 14, 4], [8, 0, 18, 4]])  # each overlaps only the next
    yield chain, torch.tensor([0.9, 0.8, 0.7]), 0.3
    yield chain, torch.tensor([0.7, 0.9, 0.8]), 0.3
    yield chain[[0, 2, 0]] + torch.tensor([[0.0], [0], [1]]), torch.tensor([0.9, 0.8, 0.7]), 0.5
    yield chain[:1], torch.tensor([0.2]), 0.5
    yield torch.zeros(0, 4), torch.zeros(0), 0.5
    for number, threshold in ((6, 0.2), (10, 0.3), (14, 0.5), (20, 0.1)):
        scores = torch.tensor(rng.permutation(number) / number, dtype=torch.float32)
        yield random_boxes(rng, number, room=10), scores, threshold


def _by_rounds(
    boxes: Tensor, scores: Tensor, goes: Callable[[Tensor, list[int]], bool], order: Tensor | None = None
) -> Tensor:
    """Take boxes in order; one goes if `goes` says so of its IoUs with all boxes and the kept ones."""
    kept: list[int] = []
    for index in (scores.argsort(descending=True) if order is None else order).tolist():
        if not goes(box_iou(boxes[[index]], boxes)[0], kept):
            kept.append(index)
    return torch.tensor(kept, dtype=torch.long)


@mistake(
    "You take the boxes in the order in which they are given. The surest must come first: among several "
    "boxes of one object it is the one to keep."
)
def _not_sorted(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    goes = lambda iou, kept: bool((iou[kept] > threshold).any())  # noqa: E731
    return _by_rounds(boxes, scores, goes, torch.arange(len(boxes)))


@mistake(
    "Your numbers count the sorted boxes. The answer is wanted in numbers of the list that came in, so that "
    "boxes[answer] are the kept boxes."
)
def _places_in_the_sorted_list(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    rank = scores.argsort(descending=True).argsort()
    return rank[greedy_nms(boxes, scores, threshold)]


@mistake("The right boxes, in another order. They are wanted by falling score, as detections are listed.")
def _in_order_of_index(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    return greedy_nms(boxes, scores, threshold).sort().values


@mistake(
    "You drop a box that overlaps any surer one, even one that was itself dropped. A box that is gone "
    "suppresses nobody any more."
)
def _the_dropped_still_suppress(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    order = scores.argsort(descending=True)
    above = (box_iou(boxes[order], boxes[order]) > threshold).triu(1)
    return order[~above.any(0)]


@mistake(
    "You compare a box only with the one that was kept last. It has to be compared with all that were kept."
)
def _only_the_last_kept(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    return _by_rounds(boxes, scores, lambda iou, kept: bool((iou[kept[-1:]] > threshold).any()))


@mistake(
    "A box whose IoU is just the threshold goes with you. Here it stays: only more than the threshold is too "
    "much."
)
def _at_the_threshold_too(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    return _by_rounds(boxes, scores, lambda iou, kept: bool((iou[kept] >= threshold).any()))


@mistake(
    "You keep what overlaps and drop what does not. Boxes that lie apart are different objects, and stay."
)
def _the_wrong_ones_stay(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    goes = lambda iou, kept: bool(len(kept)) and not bool((iou[kept] > threshold).any())  # noqa: E731
    return _by_rounds(boxes, scores, goes)


# --- 07.3 average precision ------------------------------------------------------------------------
def _detections(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([True]), torch.tensor([0.9]), 1
    yield torch.tensor([False, True]), torch.tensor([0.9, 0.8]), 1
    yield torch.tensor([False, True]), torch.tensor([0.2, 0.8]), 1  # not listed by score
    yield torch.tensor([True]), torch.tensor([0.9]), 2  # one is never found
    yield torch.tensor([True, False, True]), torch.tensor([0.9, 0.8, 0.7]), 2
    yield torch.tensor([True, False, False, True, True]), torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5]), 3
    yield torch.tensor([False, False]), torch.tensor([0.9, 0.8]), 3
    yield torch.zeros(0, dtype=torch.bool), torch.zeros(0), 3
    for number, positives in ((6, 7), (10, 9), (15, 8), (30, 17)):  # no recall is a hundredth, or exactly
        hits = np.zeros(number, dtype=bool)
        hits[rng.permutation(number)[: min(number // 2, positives)]] = True
        scores = (rng.permutation(number) + 1.0) / (number + 1)
        yield torch.tensor(hits), torch.tensor(scores, dtype=torch.float32), positives


def _precision_recall(hits: Tensor, scores: Tensor, positives: int) -> tuple[Tensor, Tensor]:
    right = hits[scores.argsort(descending=True)].cumsum(0).double()
    return right / torch.arange(1, len(hits) + 1), right / positives


def _over_levels(
    precision: Tensor, recall: Tensor, levels: Tensor, best: Callable[[Tensor], Tensor]
) -> float:
    """Mean over recall levels of what `best` makes of the precisions from there on; 0 where there is none."""
    reached = [precision[recall >= level] for level in levels.double()]
    return sum(float(best(some)) for some in reached if len(some)) / len(levels)


_LEVELS = torch.linspace(0, 1, 101, dtype=torch.float64)


@mistake(
    "You count along the list as it was given. It has to be walked from the surest detection down; scores "
    "come in any order."
)
def _list_not_sorted(hits: Tensor, scores: Tensor, positives: int) -> float:
    return average_precision(hits, torch.arange(len(hits), 0, -1).double(), positives)


@mistake("You sort the wrong way round: the surest detection comes first.")
def _least_sure_first(hits: Tensor, scores: Tensor, positives: int) -> float:
    return average_precision(hits, -scores, positives)


@mistake(
    "At each recall you take the precision where it is first reached. If a higher recall has a better "
    "precision, that one counts: the best from there on, so that the curve never rises."
)
def _no_envelope(hits: Tensor, scores: Tensor, positives: int) -> float:
    return _over_levels(*_precision_recall(hits, scores, positives), _LEVELS, lambda some: some[0])


@mistake(
    "Your recall ends at 1 although objects were missed: you divide by how many were found. It is the share "
    "of all objects that there are."
)
def _share_of_the_found(hits: Tensor, scores: Tensor, positives: int) -> float:
    return average_precision(hits, scores, max(int(hits.sum()), 1))


@mistake(
    "You take the mean over the recalls that are reached only. Those that are never reached count too, as "
    "precision 0: otherwise it would pay to say little."
)
def _reached_only(hits: Tensor, scores: Tensor, positives: int) -> float:
    precision, recall = _precision_recall(hits, scores, positives)
    best = [precision[recall >= level].max() for level in _LEVELS if bool((recall >= level).any())]
    return float(torch.stack(best).mean()) if best else 0.0


@mistake(
    "You average the precision at the objects that are found: the exact area under the curve. Asked for is "
    "what COCO reads, the mean over 101 recalls, from 0 to 1 in steps of a hundredth."
)
def _at_the_objects(hits: Tensor, scores: Tensor, positives: int) -> float:
    precision, _ = _precision_recall(hits, scores, positives)
    sorted_hits = hits[scores.argsort(descending=True)]
    return sum(float(precision[i:].max()) for i in sorted_hits.nonzero()[:, 0].tolist()) / positives


@mistake(
    "You use a hundred recalls. From 0 to 1 in steps of a hundredth there are 101, both ends among them."
)
def _one_end_missing(hits: Tensor, scores: Tensor, positives: int) -> float:
    return _over_levels(*_precision_recall(hits, scores, positives), _LEVELS[1:], torch.max)


@mistake(
    "You use eleven recalls, as the PASCAL challenge did until 2009. COCO takes 101, in steps of a hundredth."
)
def _eleven_recalls(hits: Tensor, scores: Tensor, positives: int) -> float:
    return _over_levels(*_precision_recall(hits, scores, positives), _LEVELS[::10], torch.max)


# --- 07.4 a box as offsets from an anchor ----------------------------------------------------------
def _boxes_with_anchors(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    anchor = torch.tensor([[0.0, 0.0, 4.0, 4.0]])
    yield anchor + 1, anchor  # shifted by a quarter
    yield anchor, anchor
    yield torch.tensor([[2.0, 3.0, 10.0, 5.0]]), torch.tensor([[4.0, 2.0, 8.0, 6.0]])  # same centre
    yield (
        torch.tensor([[10.0, 0.0, 20.0, 10.0]]),
        torch.tensor([[0.0, 0.0, 20.0, 10.0]]),
    )  # an anchor not square
    yield (
        torch.tensor([[0.0, 0.0, 4.0, 4.0], [5.0, 5.0, 9.0, 7.0]]),
        torch.tensor([[0.0, 0, 8, 8]]).repeat(2, 1),
    )
    for number in (2, 3, 5):
        yield random_boxes(rng, number), random_boxes(rng, number)


def _sides(boxes: Tensor) -> Tensor:
    return boxes[:, 2:] - boxes[:, :2]


@mistake(
    "Your shifts go from corner to corner. They have to go from the anchor's centre to the box's centre: a "
    "box that grows evenly does not shift."
)
def _corner_to_corner(boxes: Tensor, anchors: Tensor) -> Tensor:
    shift = (boxes[:, :2] - anchors[:, :2]) / _sides(anchors)
    return torch.cat([shift, encode(boxes, anchors)[:, 2:]], 1)


@mistake(
    "Your shifts are in pixels. Measured in widths and heights of the anchor, the same offset means the same "
    "to a small anchor as to a large one."
)
def _shift_in_pixels(boxes: Tensor, anchors: Tensor) -> Tensor:
    offsets = encode(boxes, anchors)
    return torch.cat([offsets[:, :2] * _sides(anchors), offsets[:, 2:]], 1)


@mistake(
    "You divide the shifts by the sides of the box. When the offsets are read back only the anchor is known, "
    "so it has to be the anchor's sides."
)
def _over_the_box(boxes: Tensor, anchors: Tensor) -> Tensor:
    offsets = encode(boxes, anchors)
    return torch.cat([offsets[:, :2] * _sides(anchors) / _sides(boxes), offsets[:, 2:]], 1)


@mistake(
    "The last two are bare ratios. With the logarithm twice as wide and half as wide are equally far from no "
    "change, which is 0."
)
def _no_logarithm(boxes: Tensor, anchors: Tensor) -> Tensor:
    offsets = encode(boxes, anchors)
    return torch.cat([offsets[:, :2], offsets[:, 2:].exp()], 1)


@mistake("Your growth has the wrong sign: a box larger than its anchor must get a number above 0.")
def _upside_down(boxes: Tensor, anchors: Tensor) -> Tensor:
    offsets = encode(boxes, anchors)
    return torch.cat([offsets[:, :2], -offsets[:, 2:]], 1)


@mistake(
    "You start from the box and end at the anchor. The offsets say how the anchor must move to become the "
    "box."
)
def _from_box_to_anchor(boxes: Tensor, anchors: Tensor) -> Tensor:
    return encode(anchors, boxes)


@mistake(
    "You read the last two numbers of a box as its width and height. They are its second corner; make centre "
    "and sides from the corners first."
)
def _sides_misread(boxes: Tensor, anchors: Tensor) -> Tensor:
    shift = (boxes[:, :2] - anchors[:, :2]) / anchors[:, 2:]
    return torch.cat([shift, torch.log(boxes[:, 2:] / anchors[:, 2:])], 1)


# --- 07.5 RoIPool of one region --------------------------------------------------------------------
def _regions(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    count = torch.arange(16.0).view(4, 4)
    yield count[:2, :2], torch.tensor([0.0, 0.0, 1.0, 1.0]), 1, 1.0
    yield count, torch.tensor([0.0, 0.0, 3.0, 3.0]), 2, 1.0
    yield count, torch.tensor([0.3, 0.8, 2.2, 2.9]), 1, 1.0  # to the nearest cells
    yield count, torch.tensor([0.0, 0.0, 2.0, 2.0]), 2, 1.0  # 3 cells, 2 bins: they overlap
    yield count, torch.tensor([1.0, 1.0, 1.0, 1.0]), 2, 1.0  # one cell, 2 × 2 bins
    yield count, torch.tensor([0.0, 1.0, 4.0, 4.0]), 2, 1.0  # as far as the right and lower edge
    yield -count, torch.tensor([0.0, 9.0, 31.0, 22.0]), 2, 1 / 8  # pixels of the picture, 8 a cell
    yield count[:2, :2], torch.tensor([0.0, 0.0, 2.0, 2.0]), 3, 1.0  # a bin beyond the edge
    for side, bins in ((6, 2), (8, 3), (11, 4), (14, 7)):
        feature = torch.tensor(rng.normal(size=(side, side + 2)), dtype=torch.float32)
        corner = rng.integers(0, side // 2, size=2)
        low = corner + rng.uniform(-0.4, 0.4, 2).clip(-corner)
        high = corner + rng.integers(1, side // 2, size=2) + rng.uniform(-0.4, 0.4, 2)
        yield feature, torch.tensor(np.r_[low, high] * 16, dtype=torch.float32), bins, 1 / 16


def _pooled(
    feature: Tensor,
    corners: Iterable[float],
    bins: int,
    *,
    last: int = 1,
    ends: Callable[[float], int] = math.ceil,
    best: Callable[[Tensor], Tensor] = torch.max,
) -> Tensor:
    """RoIPool between cells x1, y1, x2, y2, with one of its parts exchanged."""
    x1, y1, x2, y2 = (int(number) for number in corners)
    height, width = max(y2 - y1 + last, 1), max(x2 - x1 + last, 1)
    pooled = torch.zeros(bins, bins)
    for p in range(bins):
        for q in range(bins):
            top, left = y1 + math.floor(p * height / bins), x1 + math.floor(q * width / bins)
            bottom, right = y1 + ends((p + 1) * height / bins), x1 + ends((q + 1) * width / bins)
            cells = feature[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
            if cells.numel():
                pooled[p, q] = best(cells)
    return pooled


def _nearest(box: Tensor, scale: float) -> list[int]:
    return [math.floor(number * scale + 0.5) for number in box.tolist()]


@mistake(
    "You average each bin. RoIPool keeps its largest value: is there anywhere here what the map looks for?"
)
def _averaged(feature: Tensor, box: Tensor, bins: int, scale: float) -> Tensor:
    return _pooled(feature, _nearest(box, scale), bins, best=torch.mean)


@mistake(
    "Your bins end where the next begins, rounded down. Each ends at the rounded-up border, so that "
    "neighbours may share a row of cells and none is empty."
)
def _bins_side_by_side(feature: Tensor, box: Tensor, bins: int, scale: float) -> Tensor:
    return _pooled(feature, _nearest(box, scale), bins, ends=math.floor)


@mistake("You cut the corners down to whole cells. They go to the nearest cell, up or down.")
def _cut_down(feature: Tensor, box: Tensor, bins: int, scale: float) -> Tensor:
    return _pooled(feature, [math.floor(number * scale) for number in box.tolist()], bins)


@mistake(
    "Your region ends before the cell of its second corner. Both corners' cells belong to it: from 1 to 3 "
    "are three cells."
)
def _last_cell_left_out(feature: Tensor, box: Tensor, bins: int, scale: float) -> Tensor:
    return _pooled(feature, _nearest(box, scale), bins, last=0)


@mistake(
    "Rows and columns are exchanged: x runs to the right and counts columns, and feature[row, column] wants"
    " y first."
)
def _transposed(feature: Tensor, box: Tensor, bins: int, scale: float) -> Tensor:
    x1, y1, x2, y2 = _nearest(box, scale)
    return _pooled(feature, (y1, x1, y2, x2), bins)


@mistake(
    "The right values, with rows and columns of the answer exchanged: pooled[p, q] is bin p down and bin q "
    "across."
)
def _answer_transposed(feature: Tensor, box: Tensor, bins: int, scale: float) -> Tensor:
    return roi_pool(feature, box, bins, scale).T


@mistake(
    "You begin each bin's largest value at 0, and a bin whose cells are all below 0 stays there. Take the "
    "largest of the cells alone."
)
def _largest_from_zero(feature: Tensor, box: Tensor, bins: int, scale: float) -> Tensor:
    return roi_pool(feature, box, bins, scale).clamp(min=0)


@mistake(
    "You read the box as if it were in cells. It is in pixels of the picture: `scale` says how many cells a "
    "pixel is worth."
)
def _not_scaled(feature: Tensor, box: Tensor, bins: int, scale: float) -> Tensor:
    return roi_pool(feature, box, bins, 1.0)


# --- 07.6 which anchor answers for which box -------------------------------------------------------
def _overlaps(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[0.8, 0.5, 0.1]]), 0.7, 0.3
    yield torch.tensor([[0.5, 0.4, 0.1]]), 0.7, 0.3  # none reaches 0.7
    yield torch.tensor([[0.9, 0.8, 0.1]]), 0.7, 0.3  # two do
    yield torch.tensor([[0.2, 0.1, 0.0]]), 0.7, 0.3  # none reaches 0.3
    yield torch.tensor([[0.8, 0.7, 0.3, 0.29]]), 0.7, 0.3  # just at the bounds
    yield torch.tensor([[0.0, 0.8, 0.4], [0.9, 0.0, 0.1]]), 0.7, 0.3
    yield torch.tensor([[0.2, 0.2, 0.1]]), 0.7, 0.3  # two anchors overlap it alike
    yield torch.tensor([[0.8, 0.1, 0.0], [0.0, 0.0, 0.0]]), 0.7, 0.3  # a box that no anchor touches
    yield torch.tensor([[0.9, 0.2, 0.1], [0.4, 0.1, 0.0]]), 0.7, 0.3  # both like the same anchor best
    yield torch.zeros(0, 4), 0.7, 0.3  # a picture without boxes
    for boxes, anchors, high, low in (
        (2, 5, 0.7, 0.3),
        (3, 8, 0.6, 0.4),
        (4, 12, 0.7, 0.3),
        (5, 20, 0.5, 0.5),
    ):
        iou = box_iou(random_boxes(rng, boxes, room=8), random_boxes(rng, anchors, room=8))
        yield iou, high, low


def _by_bounds(iou: Tensor, high: float, low: float) -> Tensor:
    """The first half of the answer: by the two bounds alone."""
    if len(iou) == 0:
        return torch.full((iou.shape[1],), BACKGROUND)
    best, number = iou.max(0)
    return number.masked_fill(best < high, BETWEEN).masked_fill(best < low, BACKGROUND)


def _favourite(iou: Tensor) -> Tensor:
    return (iou == iou.max(1, keepdim=True).values) & (iou > 0)


@mistake(
    "A box that no anchor overlaps by `high` is answered for by none, and a network never learns to find it. "
    "Its best anchor is positive all the same."
)
def _boxes_go_without(iou: Tensor, high: float, low: float) -> Tensor:
    return _by_bounds(iou, high, low)


@mistake(
    "You call everything below `high` background. Between the two bounds an anchor covers part of an object: "
    "it is left out, with -2."
)
def _nothing_left_out(iou: Tensor, high: float, low: float) -> Tensor:
    answer = match_anchors(iou, high, low)
    return answer.masked_fill(answer == BETWEEN, BACKGROUND)


@mistake("Your two signs are exchanged: -1 is for background, -2 for an anchor that is left out.")
def _signs_exchanged(iou: Tensor, high: float, low: float) -> Tensor:
    answer = match_anchors(iou, high, low)
    return torch.where(answer < 0, -3 - answer, answer)


@mistake(
    "Only the best anchor of each box answers for it. All others with an IoU of `high` or more do so too: "
    "the more, the more there is to learn from."
)
def _one_anchor_a_box(iou: Tensor, high: float, low: float) -> Tensor:
    answer = match_anchors(iou, high, low)
    return answer.masked_fill((answer >= 0) & ~_favourite(iou).any(0), BETWEEN)


@mistake(
    "A box that no anchor touches has made anchors positive: all of them share its largest IoU, which is 0. "
    "An IoU of 0 is no reason to answer."
)
def _untouched_box_counts(iou: Tensor, high: float, low: float) -> Tensor:
    if len(iou) == 0:
        return _by_bounds(iou, high, low)
    some = (iou == iou.max(1, keepdim=True).values).any(0)
    return torch.where(some, iou.argmax(0), _by_bounds(iou, high, low))


@mistake(
    "Two anchors overlap a box equally, and more than all others, and you took one of them. Both answer for "
    "it."
)
def _one_of_equals(iou: Tensor, high: float, low: float) -> Tensor:
    answer = _by_bounds(iou, high, low)
    for row in iou:
        if row.max() > 0:
            answer[row.argmax()] = iou[:, row.argmax()].argmax()
    return answer


@mistake(
    "An anchor is the best of one box, but overlaps another box more. It answers for the one that it "
    "overlaps most itself."
)
def _for_whom_it_is_best(iou: Tensor, high: float, low: float) -> Tensor:
    answer = _by_bounds(iou, high, low)
    for number, row in enumerate(_favourite(iou)):
        answer[row] = number
    return answer


@mistake(
    "At just `high` an anchor is positive, and at just `low` it is left out: only less than `low` is "
    "background."
)
def _bounds_not_included(iou: Tensor, high: float, low: float) -> Tensor:
    if len(iou) == 0:
        return _by_bounds(iou, high, low)
    best, number = iou.max(0)
    answer = number.masked_fill(best <= high, BETWEEN).masked_fill(best <= low, BACKGROUND)
    return torch.where(_favourite(iou).any(0), number, answer)


EXERCISES = [
    Exercise(
        "07.1",
        "How much two boxes overlap",
        box_iou,
        _pairs,
        difficulty=2,
        minutes=10,
        hints=(
            "The intersection is a box too: from the larger of the two x1 to the smaller of the two x2, and"
            " the same for y.",
            "A side of the intersection below 0 means that there is none: clamp it at 0 before you "
            "multiply. The union is area + area - intersection.",
            "For all pairs at once: a[:, None, :2] against b[None, :, :2] gives (N, M, 2). Where the union "
            "is 0, divide by 1.",
        ),
        mistakes=(
            _one_pixel_more,
            _negative_overlap,
            _read_as_width_and_height,
            _shared_counted_twice,
            _over_the_smaller,
            _zero_over_zero,
        ),
    ),
    Exercise(
        "07.2",
        "One box an object",
        greedy_nms,
        _scored,
        difficulty=2,
        minutes=12,
        hints=(
            "Go through the boxes from the highest score down. Keep a list of those that stay, as indices.",
            "A box stays if its IoU with every box kept so far is at most `threshold`. box_iou(boxes[[i]], "
            "boxes[kept])[0] gives them all.",
            "Walk over scores.argsort(descending=True).tolist(); at the end torch.tensor(kept, "
            "dtype=torch.long), which also works when nothing is kept.",
        ),
        mistakes=(
            _not_sorted,
            _places_in_the_sorted_list,
            _in_order_of_index,
            _the_dropped_still_suppress,
            _only_the_last_kept,
            _at_the_threshold_too,
            _the_wrong_ones_stay,
        ),
    ),
    Exercise(
        "07.3",
        "Average precision",
        average_precision,
        _detections,
        difficulty=3,
        minutes=15,
        hints=(
            "Sort the hits by falling score. Among the best k detections: precision is the right ones over "
            "k, recall the right ones over `positives`. cumsum counts the right ones.",
            "For each of the recalls 0, 0.01, …, 1: look at all k whose recall is this or more, and take "
            "their largest precision; 0 if there are none.",
            "recall >= torch.linspace(0, 1, 101, dtype=torch.float64)[:, None] is (101, N). Return the mean "
            "of the 101 as a float, and 0.0 where there is no detection at all.",
        ),
        mistakes=(
            _list_not_sorted,
            _least_sure_first,
            _no_envelope,
            _share_of_the_found,
            _reached_only,
            _at_the_objects,
            _one_end_missing,
            _eleven_recalls,
        ),
    ),
    Exercise(
        "07.4",
        "A box, told from its anchor",
        encode,
        _boxes_with_anchors,
        difficulty=1,
        minutes=8,
        hints=(
            "From corners to centre and sides first: the centre is the mean of the two corners, the sides "
            "are their difference.",
            "The four columns are (x - x_a) / w_a, (y - y_a) / h_a, log(w / w_a) and log(h / h_a): x, y "
            "centres, index a the anchor.",
        ),
        mistakes=(
            _corner_to_corner,
            _shift_in_pixels,
            _over_the_box,
            _no_logarithm,
            _upside_down,
            _from_box_to_anchor,
            _sides_misread,
        ),
    ),
    Exercise(
        "07.5",
        "Any region, made k × k",
        roi_pool,
        _regions,
        difficulty=3,
        minutes=15,
        hints=(
            "First the corners: times `scale`, then to the nearest whole number. The region is x2 - x1 + 1 "
            "cells wide and y2 - y1 + 1 high, since both corners' cells belong to it.",
            "Bin p of k begins floor(p * height / k) cells below y1 and ends before ceil((p + 1) * height /"
            " k). The same across, with the width.",
            "The region may reach beyond the map: a slice stops at the edge by itself, but below 0 it must "
            "not start. A bin without any cell keeps its 0.",
        ),
        mistakes=(
            _averaged,
            _bins_side_by_side,
            _cut_down,
            _last_cell_left_out,
            _transposed,
            _answer_transposed,
            _largest_from_zero,
            _not_scaled,
        ),
    ),
    Exercise(
        "07.6",
        "Which anchor answers for which box",
        match_anchors,
        _overlaps,
        difficulty=3,
        minutes=15,
        hints=(
            "Column by column: iou.max(dim=0) gives each anchor's best IoU and the number of the box that "
            "it is with. Set -2 where that IoU is below `high`, then -1 where it is below `low`.",
            "Row by row: which anchors have the largest IoU of their row, if that is above 0? They get "
            "the number of the box that they overlap most back, whatever the two bounds said.",
            "iou == iou.max(dim=1, keepdim=True).values marks them, (M, N); .any(dim=0) says it for each "
            "anchor. Do this last, and treat a picture without boxes by itself: all background.",
        ),
        mistakes=(
            _boxes_go_without,
            _nothing_left_out,
            _signs_exchanged,
            _one_anchor_a_box,
            _untouched_box_counts,
            _one_of_equals,
            _for_whom_it_is_best,
            _bounds_not_included,
        ),
    ),
]
