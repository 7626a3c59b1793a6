"""The lab of chapter 07: find the fault in a region proposal network, in three checked steps.

The network is that of S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN", NeurIPS 2015 (section 3.1.2: which
anchors are positive; equation 1: what is trained on them), small enough to train in seconds: `tiny_rpn.py`.

A box is x1, y1, x2, y2 in pixels. Shapes: N anchors, M boxes of a picture, B pictures, D detections.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch07.solutions import box_iou, encode, match_anchors
from lecture_utils.detection.anchors import BACKGROUND, BETWEEN
from lecture_utils.exercises.exercise import Exercise, Lab, mistake


# --- step 1: from boxes to what each anchor is trained to say --------------------------------------
def rpn_targets(anchors: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """What anchors (N, 4) are taught by boxes (M, 4): labels (N,) 1, 0 or -1, and offsets (N, 4).

    1 is an object, 0 background, -1 left out, at the paper's bounds of 0.7 and 0.3. The offsets lead from an
    anchor of label 1 to its box; for all other anchors they are 0.
    """
    match = match_anchors(box_iou(boxes, anchors), 0.7, 0.3)  # (N,)
    labels = torch.zeros(len(anchors), dtype=torch.long)
    labels[match >= 0], labels[match == BETWEEN] = 1, -1
    offsets = torch.zeros(len(anchors), 4)
    offsets[match >= 0] = encode(boxes[match[match >= 0]], anchors[match >= 0])
    return labels, offsets


def _laid(width: int, height: int, side: float, stride: float) -> Tensor:
    """Square anchors (N, 4) at width × height places."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    centre = torch.stack([x, y], dim=2).view(-1, 2) * stride
    return torch.cat([centre - side / 2, centre + side / 2], dim=1)


def _boxes(rng: np.random.Generator, number: int, room: float) -> Tensor:
    """Boxes (number, 4) inside a square of `room` pixels."""
    sides = rng.uniform(0.15 * room, 0.6 * room, size=(number, 2))
    corner = rng.uniform(0, room - sides)
    return torch.tensor(np.concatenate([corner, corner + sides], axis=1), dtype=torch.float32)


def _pictures(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[0.0, 0, 8, 8], [8, 0, 16, 8]]), torch.tensor([[1.0, 0, 9, 8]])
    yield _laid(3, 1, 8, 8), torch.tensor([[2.0, 2.0, 5.0, 5.0]])  # smaller than any anchor
    yield _laid(3, 1, 8, 8), torch.zeros(0, 4)  # a picture without objects
    yield _laid(4, 4, 8, 4), torch.tensor([[3.0, 3.0, 12.0, 11.0]])
    for number in (1, 2, 4):
        yield torch.cat([_laid(4, 4, 12, 8), _laid(4, 4, 18, 8)]), _boxes(rng, number, 32)


def _altered(anchors: Tensor, boxes: Tensor, change: Callable[..., None]) -> tuple[Tensor, Tensor]:
    """The right answer after `change(labels, offsets, match)`."""
    labels, offsets = rpn_targets(anchors, boxes)
    change(labels, offsets, match_anchors(box_iou(boxes, anchors), 0.7, 0.3))
    return labels, offsets


@mistake(
    "Anchors that are left out have become background with you. They get -1: half an object is neither an "
    "example of an object nor of none."
)
def _left_out_as_background(anchors: Tensor, boxes: Tensor) -> Any:
    labels, offsets = rpn_targets(anchors, boxes)
    return labels.clamp(min=0), offsets


@mistake(
    "Your labels still hold the numbers of the boxes. The network is asked only whether there is an object:"
    " 1, whichever box it is."
)
def _numbers_of_boxes(anchors: Tensor, boxes: Tensor) -> Any:
    def change(labels: Tensor, offsets: Tensor, match: Tensor) -> None:
        labels[match >= 0] = match[match >= 0]

    return _altered(anchors, boxes, change)


@mistake(
    "Background anchors have offsets too: boxes[-1] is the last box, and no error. Only anchors with label 1 "
    "may get any; the others stay at 0."
)
def _offsets_for_all(anchors: Tensor, boxes: Tensor) -> Any:
    def change(labels: Tensor, offsets: Tensor, match: Tensor) -> None:
        if len(boxes):
            offsets[:] = encode(boxes[match.clamp(min=-1)], anchors)

    return _altered(anchors, boxes, change)


@mistake(
    "Each of your offsets leads to the first box. `match` holds, for every anchor, the number of the box "
    "that it answers for: use it as an index."
)
def _all_to_the_first(anchors: Tensor, boxes: Tensor) -> Any:
    def change(labels: Tensor, offsets: Tensor, match: Tensor) -> None:
        positive = match >= 0
        offsets[positive] = encode(boxes[torch.zeros_like(match[positive])], anchors[positive])

    return _altered(anchors, boxes, change)


@mistake(
    "In `match` -1 is background and -2 not asked; in the labels background is 0 and not asked is -1. You "
    "have the two the wrong way round."
)
def _codes_mixed_up(anchors: Tensor, boxes: Tensor) -> Any:
    def change(labels: Tensor, offsets: Tensor, match: Tensor) -> None:
        labels[match == BACKGROUND], labels[match == BETWEEN] = -1, 0

    return _altered(anchors, boxes, change)


@mistake("Your offsets lead from the box to the anchor. encode takes the boxes first, then their anchors.")
def _led_the_other_way(anchors: Tensor, boxes: Tensor) -> Any:
    def change(labels: Tensor, offsets: Tensor, match: Tensor) -> None:
        positive = match >= 0
        offsets[positive] = encode(anchors[positive], boxes[match[positive]])

    return _altered(anchors, boxes, change)


@mistake(
    "The offsets hold the boxes themselves. What the network has to say is how its anchor moves: encode them."
)
def _boxes_not_encoded(anchors: Tensor, boxes: Tensor) -> Any:
    def change(labels: Tensor, offsets: Tensor, match: Tensor) -> None:
        offsets[match >= 0] = boxes[match[match >= 0]]

    return _altered(anchors, boxes, change)


# --- step 2: a batch at a time, with a fault -------------------------------------------------------
def match_batch_faulty(anchors: Tensor, boxes: Tensor) -> Tensor:
    """Match anchors (N, 4) with the boxes (B, M, 4) of a batch: (B, N). A box of zeros is no object.

    A picture's row is to be what `match_anchors` gives for its boxes, at bounds of 0.7 and 0.3.
    """
    batch, most = boxes.shape[:2]
    iou = box_iou(boxes.flatten(0, 1), anchors).view(batch, most, -1)  # (B, M, N)
    best, match = iou.max(dim=1)  # (B, N)
    favourite = (iou == iou.amax(dim=(1, 2), keepdim=True)) & (iou > 0)  # (B, M, N)
    positive = (best >= 0.7) | favourite.any(dim=1)  # (B, N)
    match = match.masked_fill(~positive, -2)
    return match.masked_fill((best < 0.3) & ~positive, -1)


def match_batch(anchors: Tensor, boxes: Tensor) -> Tensor:
    """Match anchors (N, 4) with the boxes (B, M, 4) of a batch: (B, N). A box of zeros is no object.

    A picture's row is what `match_anchors` gives for its boxes, at bounds of 0.7 and 0.3.
    """
    batch, most = boxes.shape[:2]
    iou = box_iou(boxes.flatten(0, 1), anchors).view(batch, most, -1)  # (B, M, N)
    best, match = iou.max(dim=1)  # (B, N)
    favourite = (iou == iou.amax(dim=2, keepdim=True)) & (iou > 0)  # the best anchor of each box
    positive = (best >= 0.7) | favourite.any(dim=1)  # (B, N)
    match = match.masked_fill(~positive, -2)
    return match.masked_fill((best < 0.3) & ~positive, -1)


def _batches(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    row = _laid(4, 1, 8, 8)
    near, small, none = [1.0, 0.0, 9.0, 8.0], [26.0, 2.0, 30.0, 6.0], [0.0, 0.0, 0.0, 0.0]
    yield row, torch.tensor([[near]])
    yield row, torch.tensor([[small]])
    yield row, torch.tensor([[near, small]])  # a small object in company
    yield row, torch.tensor([[near, none], [small, none]])
    yield row, torch.tensor([[small, none, near]])  # the second is hidden: its number stays free
    yield row, torch.tensor([[near, small], [none, none]])  # a picture without objects
    anchors = torch.cat([_laid(4, 4, 10, 8), _laid(4, 4, 18, 8)])
    for batch, most in ((2, 2), (3, 3), (4, 4)):
        boxes = torch.stack([_boxes(rng, most, 32) for _ in range(batch)])
        boxes[torch.tensor(rng.uniform(size=(batch, most)) < 0.25)] = 0
        yield anchors, boxes


def _matched(anchors: Tensor, boxes: Tensor, favourites: Callable[[Tensor], Tensor]) -> Tensor:
    """Match a batch with the favourites (B, M, N) that are made of the IoUs."""
    iou = box_iou(boxes.flatten(0, 1), anchors).view(*boxes.shape[:2], -1)
    best, match = iou.max(1)
    positive = (best >= 0.7) | favourites(iou).any(1)
    return match.masked_fill(~positive, BETWEEN).masked_fill((best < 0.3) & ~positive, BACKGROUND)


@mistake(
    "The second object of a picture still has no anchor. Over what is the largest IoU taken: all boxes of "
    "the picture together, or each box by itself?"
)
def _best_of_the_picture(anchors: Tensor, boxes: Tensor) -> Tensor:
    return match_batch_faulty(anchors, boxes)


@mistake(
    "Now every anchor that touches a box is positive: you took the best box of each anchor. Wanted is the "
    "best anchor of each box. Which axis of (B, M, N) counts the anchors?"
)
def _best_box_of_each_anchor(anchors: Tensor, boxes: Tensor) -> Tensor:
    return _matched(anchors, boxes, lambda iou: (iou == iou.amax(1, keepdim=True)) & (iou > 0))


@mistake(
    "You compare pictures with one another: the best IoU is now taken over the batch, and what an anchor is "
    "depends on which other pictures are there."
)
def _best_over_the_batch(anchors: Tensor, boxes: Tensor) -> Tensor:
    return _matched(anchors, boxes, lambda iou: (iou == iou.amax((0, 2), keepdim=True)) & (iou > 0))


@mistake(
    "A box of zeros overlaps no anchor, so all anchors share its best IoU, 0, and all become positive. The "
    "test for more than 0 was not the fault."
)
def _zeros_are_somebody(anchors: Tensor, boxes: Tensor) -> Tensor:
    return _matched(anchors, boxes, lambda iou: iou == iou.amax(2, keepdim=True))


@mistake(
    "You left the favourites out altogether. Now every object whose best anchor stays below 0.7 goes "
    "without, alone or in company."
)
def _no_favourites(anchors: Tensor, boxes: Tensor) -> Tensor:
    return _matched(anchors, boxes, lambda iou: torch.zeros_like(iou, dtype=torch.bool))


@mistake(
    "Your numbers count only the boxes that are there. A hidden box keeps its place, so that boxes[b, "
    "number] is the right one: leave the boxes of zeros where they are."
)
def _renumbered(anchors: Tensor, boxes: Tensor) -> Tensor:
    there = (boxes[..., 2:] > boxes[..., :2]).all(-1)
    kept = [
        match_anchors(box_iou(own[seen], anchors), 0.7, 0.3) for own, seen in zip(boxes, there, strict=True)
    ]
    return torch.stack(kept)


# --- step 3: a threshold for a need ----------------------------------------------------------------
def threshold_for(scores: Tensor, hits: Tensor, pictures: int, rate: float) -> float:
    """The lowest score from which on detections can be believed: at most `rate` false alarms a picture.

    Of D detections in a number of pictures `scores` (D,) says how sure each is, `hits` (D,) which found an
    object. Believed is every detection whose score is the threshold or more. The answer is one of the scores,
    or infinity where even the highest brings too many false alarms.
    """
    answer = math.inf
    for score in scores.unique():
        alarms = (~hits[scores >= score]).sum()
        if alarms <= rate * pictures:
            answer = min(answer, float(score))
    return answer


def _needs(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([0.9, 0.8, 0.7]), torch.tensor([True, False, True]), 2, 0.5
    yield torch.tensor([0.9, 0.8, 0.7]), torch.tensor([True, False, False]), 2, 0.5
    yield torch.tensor([0.7, 0.9, 0.8]), torch.tensor([False, True, False]), 2, 0.5  # not in order
    yield torch.tensor([0.9, 0.8, 0.8, 0.7]), torch.tensor([True, True, False, True]), 10, 0.05  # a tie
    yield torch.tensor([0.9, 0.8]), torch.tensor([False, True]), 10, 0.05  # the surest is false
    yield torch.tensor([0.9, 0.4]), torch.tensor([True, True]), 20, 0.05  # all right: all believed
    for number, pictures, rate in (
        (8, 4, 0.5),
        (20, 20, 0.05),
        (40, 20, 0.25),
        (60, 40, 0.05),
        (60, 10, 0.0),
    ):
        hits = rng.uniform(size=number) < 0.6
        scores = (rng.uniform(0.1, 0.8, number) + 0.2 * hits).round(1 if number == 40 else 3)
        yield torch.tensor(scores, dtype=torch.float32), torch.tensor(hits), pictures, rate


def _lowest(scores: Tensor, allowed: Callable[[float], bool], nothing: float = math.inf) -> float:
    """The lowest score that is allowed."""
    return min((score for score in scores.tolist() if allowed(score)), default=nothing)


@mistake(
    "You count false alarms as a share of the detections. The need is told per picture: `rate` times the "
    "number of pictures may be wrong."
)
def _share_of_the_detections(scores: Tensor, hits: Tensor, pictures: int, rate: float) -> float:
    wrong = lambda score: (~hits[scores >= score]).float().mean()  # noqa: E731
    return _lowest(scores, lambda score: bool(wrong(score) <= rate))


@mistake(
    "You stop before the first false alarm. Some are allowed, `rate` times the number of pictures, and every "
    "find that is left behind is lost."
)
def _no_alarm_at_all(scores: Tensor, hits: Tensor, pictures: int, rate: float) -> float:
    return threshold_for(scores, hits, pictures, 0.0)


@mistake(
    "Your threshold lets in one false alarm too many. The detection at which it becomes too much must not be "
    "believed any more."
)
def _one_too_many(scores: Tensor, hits: Tensor, pictures: int, rate: float) -> float:
    ordered = scores.sort(descending=True)
    alarms = (~hits[ordered.indices]).cumsum(0)
    return float(ordered.values[min(int((alarms <= rate * pictures).sum()), len(scores) - 1)])


@mistake(
    "Detections with equal scores are believed together or not at all. You count down the sorted list and "
    "stop between two equal scores: what stands behind the last one that you count comes with it."
)
def _stops_inside_a_tie(scores: Tensor, hits: Tensor, pictures: int, rate: float) -> float:
    ordered = scores.sort(descending=True, stable=True)
    fine = ordered.values[(~hits[ordered.indices]).cumsum(0) <= rate * pictures]
    return float(fine[-1]) if len(fine) else math.inf


@mistake("Just `rate` false alarms a picture are still allowed: at most, not fewer than.")
def _fewer_than_allowed(scores: Tensor, hits: Tensor, pictures: int, rate: float) -> float:
    alarms = lambda score: int((~hits[scores >= score]).sum())  # noqa: E731
    return _lowest(scores, lambda score: alarms(score) < rate * pictures)


@mistake(
    "You go through the detections in the order in which they came. Scores are in no order: sort them, or "
    "look at each score by itself."
)
def _as_they_came(scores: Tensor, hits: Tensor, pictures: int, rate: float) -> float:
    fine = scores[(~hits).cumsum(0) <= rate * pictures]
    return float(fine[-1]) if len(fine) else math.inf


@mistake(
    "Where even the surest detection brings too many false alarms, you answer with a score all the same. "
    "Then nothing may be believed: the answer is math.inf."
)
def _something_must_do(scores: Tensor, hits: Tensor, pictures: int, rate: float) -> float:
    return min(threshold_for(scores, hits, pictures, rate), float(scores.max()))


@mistake(
    "You keep to the false alarms, but take the highest such score. Of all thresholds that keep to them the "
    "lowest finds the most."
)
def _the_highest(scores: Tensor, hits: Tensor, pictures: int, rate: float) -> float:
    best = float(scores.max())
    return best if int((~hits[scores >= best]).sum()) <= rate * pictures else math.inf


# --- the three steps -------------------------------------------------------------------------------
STEP_1 = Exercise(
    "07.L1",
    "What each anchor is taught",
    rpn_targets,
    _pictures,
    difficulty=2,
    minutes=12,
    hints=(
        "Three calls do most of it: box_iou(boxes, anchors), which is (M, N); match_anchors of that; encode"
        " for the anchors that answer for a box.",
        "From `match` make the labels: 1 where it is 0 or more, 0 where it is -1, and -1 where it is -2.",
        "positive = match >= 0 is a mask of anchors, match[positive] the number of each one's box: "
        "encode(boxes[match[positive]], anchors[positive]) goes into the rows of `positive`.",
    ),
    mistakes=(
        _left_out_as_background,
        _codes_mixed_up,
        _numbers_of_boxes,
        _offsets_for_all,
        _all_to_the_first,
        _led_the_other_way,
        _boxes_not_encoded,
    ),
)
STEP_2 = Exercise(
    "07.L2",
    "The fast version misses objects",
    match_batch,
    _batches,
    difficulty=2,
    minutes=12,
    hints=(
        "You have a slow version that is right: match_anchors, one picture at a time. Compare the two, "
        "picture by picture, and look for what the pictures have in common on which they differ.",
        "A picture with one object comes out right, a second object goes without an anchor. Which line has "
        "to do with objects that no anchor overlaps by 0.7?",
        "iou is (B, M, N): picture, box, anchor. The best anchor of each box is the largest over the "
        "anchors alone.",
    ),
    mistakes=(
        _best_of_the_picture,
        _best_box_of_each_anchor,
        _best_over_the_batch,
        _zeros_are_somebody,
        _no_favourites,
        _renumbered,
    ),
)
STEP_3 = Exercise(
    "07.L3",
    "A threshold for a need",
    threshold_for,
    _needs,
    difficulty=2,
    minutes=10,
    hints=(
        "Lowering the threshold only ever adds detections: finds and false alarms both. So go as low as the "
        "false alarms allow.",
        "For one score: believed are hits[scores >= score], and those of them that are False are false "
        "alarms. At most rate * pictures may be.",
        "Try each score of the list as a threshold (equal scores come together), keep those that are "
        "allowed, return the lowest as a float; math.inf if there is none.",
    ),
    mistakes=(
        _share_of_the_detections,
        _no_alarm_at_all,
        _one_too_many,
        _stops_inside_a_tie,
        _fewer_than_allowed,
        _as_they_came,
        _something_must_do,
        _the_highest,
    ),
)
LAB = Lab("07.L", "Find the fault in a region proposal network", (STEP_1, STEP_2, STEP_3))
