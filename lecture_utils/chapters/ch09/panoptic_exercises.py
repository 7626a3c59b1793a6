"""Chapter 09, part b: the checked exercises about panoptic segmentation and video.

The references, which the notebook shows as solutions, stand in `panoptic_solutions.py`. Here are inputs to
try (smallest first), general hints that say more each time, and the usual mistakes, each with its own hint.
Shapes: H × W or h × w a map, S classes of stuff, K classes of things, D objects of a picture, M objects known
from earlier, C channels.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from lecture_utils.chapters.ch09.panoptic_solutions import panoptic_logits, panoptic_quality, track, warp
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISES"]


def normal(rng: np.random.Generator, *shape: int) -> Tensor:
    """Draw a tensor of normally distributed numbers."""
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


# --- 09.5 panoptic quality -------------------------------------------------------------------------
def _maps(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[1, 1, 0]]), torch.tensor([[1, 1, 0]])
    yield torch.tensor([[1, 1, 1, 0]]), torch.tensor([[0, 1, 1, 1]])  # an IoU of just ½
    yield torch.tensor([[1, 1, 2, 2]]), torch.tensor([[1, 1, 1, 1]])  # and twice
    yield torch.tensor([[1, 1, 1, 2, 2, 2]]), torch.tensor([[2, 2, 2, 2, 1, 1]])  # numbers differ
    yield torch.tensor([[1, 1, 1, 0, 2]]), torch.tensor([[1, 1, 1, 1, 0]])  # one too many
    yield torch.tensor([[4, 4, 4, 0, 0]]), torch.tensor([[7, 7, 7, 7, 3]])  # one too few
    yield torch.tensor([[1, 0, 2, 0]]), torch.tensor([[1, 0, 0, 1]])  # numbers agree, segments do not
    yield torch.zeros(1, 3, dtype=torch.long), torch.zeros(1, 3, dtype=torch.long)
    yield torch.tensor([[0, 1, 1]]), torch.zeros(1, 3, dtype=torch.long)
    yield torch.zeros(1, 3, dtype=torch.long), torch.tensor([[0, 1, 2]])
    for number, (height, width) in ((2, (4, 9)), (4, (6, 12)), (6, (8, 16)), (8, (8, 24))):
        truth = torch.zeros(height, width, dtype=torch.long)
        ends = np.sort(rng.choice(np.arange(1, width), number, replace=False))
        for k, (start, end) in enumerate(zip(np.r_[0, ends[:-1]], ends, strict=True)):
            truth[int(rng.integers(0, 2)) : height - int(rng.integers(0, 2)), start:end] = k + 1
        names = torch.tensor(np.r_[0, rng.permutation(number) + 1])
        found = names[truth]
        found[:, 1:] = torch.where(torch.tensor(rng.random((height, 1)) < 0.4), found[:, :-1], found[:, 1:])
        found[found == 1] = 0
        found[-1, -2:] = number + 1
        yield found, truth


def _ious(found: Tensor, truth: Tensor) -> tuple[Tensor, int, int]:
    """IoU of each found with each true segment (F, G), and how many there are."""
    mine, theirs = (torch.stack([m == n for n in m.unique()])[m.min() == 0 :] for m in (found, truth))
    f, g = mine.flatten(1).float(), theirs.flatten(1).float()
    shared = f @ g.T
    return shared / (f.sum(1)[:, None] + g.sum(1) - shared).clamp(min=1), len(f), len(g)


def _three(
    matched: list[float], found: int, truth: int, wrong: float = 0.5, missed: float = 0.5
) -> tuple[float, float, float]:
    """PQ, SQ and RQ with these IoUs of matches, and other weights of what is unmatched."""
    tp = len(matched)
    all_ = tp + wrong * (found - tp) + missed * (truth - tp)
    sq, rq = (sum(matched) / tp if tp else 0.0), (tp / all_ if all_ else 0.0)
    return sq * rq, sq, rq


def _above_half(found: Tensor, truth: Tensor) -> tuple[list[float], int, int]:
    iou, f, g = _ious(found, truth)
    return iou[iou > 0.5].tolist(), f, g


@mistake(
    "An IoU of just ½ counts as a match with you. Then two found halves both match one true segment, and "
    "more is matched than there is. What must each of two segments hold of the other?"
)
def _half_is_enough(found: Tensor, truth: Tensor) -> Any:
    iou, f, g = _ious(found, truth)
    return _three(iou[iou >= 0.5].tolist(), f, g)


@mistake(
    "You compare segments that have the same number. The two maps were numbered by different people: "
    "segment 1 here may be segment 2 there. With which ones does each have to be compared?"
)
def _by_number(found: Tensor, truth: Tensor) -> Any:
    same = [(found == n, truth == n) for n in found.unique() if n > 0 and bool((truth == n).any())]
    ious = [float((a & b).sum() / (a | b).sum()) for a, b in same]
    return _three([iou for iou in ious if iou > 0.5], *_ious(found, truth)[1:])


@mistake(
    "Your SQ falls with every segment that is missed. What is missed counts in RQ already: over which "
    "segments is the mean IoU taken?"
)
def _mean_over_all_true(found: Tensor, truth: Tensor) -> Any:
    matched, f, g = _above_half(found, truth)
    rq = _three(matched, f, g)[2]
    sq = sum(matched) / g if g else 0.0
    return sq * rq, sq, rq


@mistake(
    "Your SQ falls with every found segment that matches nothing. It is too many, and counts in RQ already: "
    "which found segments are asked how well they are drawn?"
)
def _mean_over_all_found(found: Tensor, truth: Tensor) -> Any:
    matched, f, g = _above_half(found, truth)
    rq = _three(matched, f, g)[2]
    sq = sum(matched) / f if f else 0.0
    return sq * rq, sq, rq


@mistake(
    "Your SQ is the mean over all found segments of the best IoU that each has. Some of these are ½ or less, "
    "so no matches: leave them out, and do not divide by their number."
)
def _best_of_all_found(found: Tensor, truth: Tensor) -> Any:
    iou, f, g = _ious(found, truth)
    rq = _three(iou[iou > 0.5].tolist(), f, g)[2]
    sq = float(iou.amax(1).mean()) if f and g else 0.0
    return sq * rq, sq, rq


@mistake(
    "Two maps without any segment agree, and you call that perfect: 1, 1, 1. But this exercise says 0 where "
    "there is nothing to divide by, and here that holds of all three."
)
def _nothing_is_perfect(found: Tensor, truth: Tensor) -> Any:
    if not (found.any() or truth.any()):
        return 1.0, 1.0, 1.0
    return panoptic_quality(found, truth)


@mistake(
    "You let each segment that is too many, or missed, count in full. Then one object that is drawn badly "
    "costs twice: it is both. Which weight has each of the two in RQ?"
)
def _in_full(found: Tensor, truth: Tensor) -> Any:
    return _three(*_above_half(found, truth), 1.0, 1.0)


@mistake(
    "Whoever finds a hundred segments that are not there loses nothing with you. What else than the missed "
    "ones belongs into the denominator of RQ?"
)
def _only_the_missed(found: Tensor, truth: Tensor) -> Any:
    matched, f, g = _above_half(found, truth)
    return _three(matched, f, g, 0.0, 1.0)


@mistake(
    "Segments that are missed cost you nothing: you count only the found ones. Whoever finds one easy "
    "segment of ten would have RQ 1."
)
def _only_the_found(found: Tensor, truth: Tensor) -> Any:
    matched, f, g = _above_half(found, truth)
    return _three(matched, f, g, 1.0, 0.0)


@mistake(
    "You take for each true segment the one that overlaps it most, however little that is. From which IoU "
    "on is it found at all?"
)
def _the_best_whatever(found: Tensor, truth: Tensor) -> Any:
    iou, f, g = _ious(found, truth)
    best = iou.amax(0) if f and g else iou.new_zeros(0)
    return _three(best[best > 0].tolist(), f, g)


@mistake(
    "You treat 0 as one more segment. It stands for all that is not of this class: where there is nothing, "
    "nothing can be found."
)
def _nothing_is_a_segment(found: Tensor, truth: Tensor) -> Any:
    return panoptic_quality(found + 1, truth + 1)


@mistake(
    "You divide twice what is shared by the sum of both areas. That measure has another name (Dice), and "
    "is always higher: IoU divides by what the two cover together."
)
def _dice(found: Tensor, truth: Tensor) -> Any:
    iou, f, g = _ious(found, truth)
    dice = 2 * iou / (1 + iou)
    return _three(dice[dice > 0.5].tolist(), f, g)


@mistake(
    "Your PQ is the mean of SQ and RQ. Then a map in which nothing is drawn well but all is found would "
    "have ½. How do the two go together in Kirillov's equation?"
)
def _mean_of_both(found: Tensor, truth: Tensor) -> Any:
    _, sq, rq = panoptic_quality(found, truth)
    return (sq + rq) / 2, sq, rq


@mistake(
    "Where a map has no segment, or nothing matches, you divide by 0. Which of the three can still be said "
    "there, and what are the others by this exercise's definition?"
)
def _nothing_to_divide_by(found: Tensor, truth: Tensor) -> Any:
    matched, f, g = _above_half(found, truth)
    sq = sum(matched) / len(matched)
    rq = len(matched) / ((f + g) / 2)
    return sq * rq, sq, rq


# --- 09.6 panoptic logits --------------------------------------------------------------------------
def _heads(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    semantic = torch.tensor([1.0, 2.0, 5.0])[:, None, None].expand(3, 1, 2).contiguous()  # one class of stuff
    masks, inside = torch.tensor([[[3.0, -3.0]]]), torch.tensor([[[True, False]]])
    yield semantic, torch.tensor([0]), masks, inside, 1  # the other class of things is more likely
    yield semantic, torch.tensor([1]), masks, inside, 1
    yield -semantic, torch.tensor([1]), masks, inside, 1  # logits below 0
    yield semantic, torch.tensor([1]), torch.tensor([[[-8.0, 8.0]]]), inside, 1  # in its box, not in its mask
    twice = torch.tensor([[[True, True]], [[False, True]]])
    # at the first pixel one box alone, its logit below 0: the other object counts as 0 there
    yield -semantic, torch.tensor([1, 0]), torch.tensor([[[1.0, 2.0]], [[4.0, 3.0]]]), twice, 1
    yield semantic, torch.tensor([1, 0]), torch.tensor([[[1.0, 2.0]], [[4.0, 3.0]]]), twice, 1
    none = torch.zeros(0, dtype=torch.long)
    yield semantic, none, torch.zeros(0, 1, 2), torch.zeros(0, 1, 2, dtype=torch.bool), 1
    yield -semantic, none, torch.zeros(0, 1, 2), torch.zeros(0, 1, 2, dtype=torch.bool), 2
    for number, stuff, things, (height, width) in ((1, 2, 3, (3, 4)), (2, 4, 2, (4, 6)), (5, 4, 8, (6, 7))):
        inside = torch.zeros(number, height, width, dtype=torch.bool)
        for own in inside:
            top, left = rng.integers(0, height - 1), rng.integers(0, width - 1)
            own[top : rng.integers(top, height) + 1, left : rng.integers(left, width) + 1] = True
        labels = torch.tensor(rng.integers(0, things, number))
        yield (
            2 * normal(rng, stuff + things, height, width),
            labels,
            2 * normal(rng, number, height, width),
            inside,
            stuff,
        )


def _joined(
    semantic: Tensor,
    labels: Tensor,
    masks: Tensor,
    inside: Tensor,
    stuff: int,
    *,
    instances: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda own, masks, inside: (own + masks) * inside,
    unknown: Callable[[Tensor, Tensor], Tensor] = lambda things, taken: things.amax(0) - taken,
    own: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """The panoptic logits with one part exchanged.

    `instances` of semantic and mask logits (D, h, w) and boxes, `unknown` of (K, h, w) and (h, w), `own` the
    semantic logits (D, h, w) of each label.
    """
    things = semantic[stuff:]
    each = own(labels) if own else things[labels]
    taken = (each * inside).amax(0) if len(labels) else torch.zeros_like(semantic[0])
    return torch.cat([semantic[:stuff], instances(each, masks, inside), unknown(things, taken)[None]])


@mistake(
    "Your instances read the semantic logits of stuff. Labels count things from 0, and in `semantic` the "
    "stuff comes first: where does class 0 of the things stand?"
)
def _labels_count_from_stuff(
    semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int
) -> Tensor:
    return _joined(semantic, labels, masks, inside, stuff, own=lambda labels: semantic[labels])


@mistake(
    "You add the semantic logits over the whole picture. An instance then claims every pixel of its class, "
    "those of its neighbours too: what keeps it in its place?"
)
def _semantic_not_cut(semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int) -> Tensor:
    things = semantic[stuff:]
    taken = things[labels].amax(0) if len(labels) else torch.zeros_like(semantic[0])
    instances = things[labels] + masks * inside
    return torch.cat([semantic[:stuff], instances, (things.amax(0) - taken)[None]])


@mistake(
    "Outside its box an instance still has its mask logit with you. The mask branch never saw what lies "
    "there: what should both parts be outside the box?"
)
def _mask_not_cut(semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int) -> Tensor:
    return _joined(
        semantic, labels, masks, inside, stuff, instances=lambda own, masks, inside: own * inside + masks
    )


@mistake(
    "Your instances hold the mask logit alone. What the semantic head says of their class in the box is "
    "the second witness: how do the two come together?"
)
def _mask_alone(semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int) -> Tensor:
    return _joined(
        semantic, labels, masks, inside, stuff, instances=lambda own, masks, inside: masks * inside
    )


@mistake(
    "You multiply the two logits. Two that are both below 0, both against the instance, then make a high "
    "one. Logits that speak of one thing are added."
)
def _multiplied(semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int) -> Tensor:
    return _joined(
        semantic, labels, masks, inside, stuff, instances=lambda own, masks, inside: own * masks * inside
    )


@mistake(
    "You turn the mask logits into probabilities first. A softmax follows over all channels, and a mask "
    "that says no would still add a little: leave them as they are."
)
def _masks_as_probabilities(
    semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int
) -> Tensor:
    return _joined(semantic, labels, masks.sigmoid(), inside, stuff)


@mistake(
    "Outside their boxes your instances are at minus infinity. UPSNet fills with 0 there, a logit like any "
    "other."
)
def _minus_infinity(semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int) -> Tensor:
    far = lambda own, masks, inside: torch.where(inside, own + masks, -torch.inf)  # noqa: E731
    return _joined(semantic, labels, masks, inside, stuff, instances=far)


@mistake(
    "Your unknown channel says what things say at most, also where an instance has taken it up already. "
    "What has to be subtracted there?"
)
def _nothing_taken_up(semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int) -> Tensor:
    return _joined(semantic, labels, masks, inside, stuff, unknown=lambda things, taken: things.amax(0))


@mistake(
    "You subtract the instances' whole logits, masks included. Only their semantic part is compared with "
    "the semantic logits of things: the unknown channel asks what of those is left."
)
def _masks_taken_up(semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int) -> Tensor:
    things = semantic[stuff:]
    instances = (things[labels] + masks) * inside
    taken = instances.amax(0) if len(labels) else torch.zeros_like(semantic[0])
    return torch.cat([semantic[:stuff], instances, (things.amax(0) - taken)[None]])


@mistake(
    "Your unknown channel also looks at stuff. Stuff has its own channels, and nobody has to find it "
    "first: which classes can be seen by the semantic head and missed by the instance head?"
)
def _stuff_may_be_unknown(
    semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int
) -> Tensor:
    return _joined(
        semantic, labels, masks, inside, stuff, unknown=lambda things, taken: semantic.amax(0) - taken
    )


@mistake(
    "You take all that instances hold at a pixel together, summed. Two boxes on one object would then take "
    "up twice what the semantic head says. Which of them counts?"
)
def _all_taken_up(semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int) -> Tensor:
    things = semantic[stuff:]
    cropped = things[labels] * inside
    unknown = things.amax(0) - cropped.sum(0)
    return torch.cat([semantic[:stuff], cropped + masks * inside, unknown[None]])


@mistake(
    "Outside its box an object's logit counts as 0 there, not as missing. You take the largest among the "
    "objects whose box holds the pixel: where all of these are below 0, which is the largest really?"
)
def _missing_outside(semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int) -> Tensor:
    things = semantic[stuff:]
    there = torch.where(inside, things[labels], -torch.inf)
    taken = there.amax(0) if len(labels) else torch.zeros_like(semantic[0])
    unknown = things.amax(0) - taken.where(inside.any(0), 0.0)
    return torch.cat([semantic[:stuff], (things[labels] + masks) * inside, unknown[None]])


@mistake(
    "A picture without any instance stops your code: there is no largest of nothing. Then nothing is taken "
    "up, and all that things say is unknown."
)
def _none_to_take_up(semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int) -> Tensor:
    things = semantic[stuff:]
    cropped = things[labels] * inside
    unknown = things.amax(0) - cropped.amax(0)
    return torch.cat([semantic[:stuff], cropped + masks * inside, unknown[None]])


@mistake("Your unknown channel stands before the instances. It is the last one, after all of them.")
def _unknown_before(semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int) -> Tensor:
    logits = panoptic_logits(semantic, labels, masks, inside, stuff)
    return torch.cat([logits[:stuff], logits[-1:], logits[stuff:-1]])


# --- 09.7 warping ----------------------------------------------------------------------------------
def _flows(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    small = torch.tensor([[[1.0, 2, 4], [8, 16, 32]]])  # (1, 2, 3)
    zero = torch.zeros(2, 3)
    yield small, torch.stack([zero - 1, zero])  # all was one cell further left
    yield small, torch.stack([zero + 0.25, zero])
    yield small, torch.stack([zero - 0.25, zero])  # partly from outside
    yield small, torch.stack([zero, zero + 0.5])
    yield small, torch.stack([zero - 5, zero])  # from far outside
    board = torch.arange(12.0).view(1, 3, 4) ** 1.5
    yield board, torch.zeros(2, 3, 4)
    yield board, torch.tensor([2.0, -1.0])[:, None, None].expand(2, 3, 4).contiguous()
    yield board, torch.tensor([-0.5, 0.75])[:, None, None].expand(2, 3, 4).contiguous()
    one = torch.zeros(2, 3, 4)
    one[:, 1, 2] = torch.tensor([1.0, -1.0])  # one cell alone was elsewhere
    yield board, one
    for channels, height, width, far in ((2, 4, 3, 1.0), (3, 5, 7, 2.0), (2, 6, 9, 4.0)):
        flow = torch.tensor(rng.uniform(-far, far, (2, height, width)), dtype=torch.float32)
        yield normal(rng, channels, height, width), flow


def _looked_up(
    features: Tensor,
    x: Tensor,
    y: Tensor,
    *,
    down: Callable[[Tensor], Tensor] = torch.floor,
    within: Callable[[Tensor, Tensor, int, int], Tensor] | None = None,
) -> Tensor:
    """Values (C, H, W) at places x, y (H, W), with another rule for the first cell or for what is inside."""
    height, width = features.shape[1:]
    left, top, out = down(x).long(), down(y).long(), torch.zeros_like(features)
    for row in (top, top + 1):
        for column in (left, left + 1):
            near = (1 - (x - column).abs()) * (1 - (y - row).abs())
            ok = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            ok = within(x, y, height, width) if within else ok
            out = out + near * ok * features[:, row.clamp(0, height - 1), column.clamp(0, width - 1)]
    return out


def _places(features: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    height, width = features.shape[1:]
    return torch.arange(width) + flow[0], torch.arange(height)[:, None] + flow[1]


@mistake(
    "Everything moves to the wrong side with you. The flow leads from a cell of now to where it was: is "
    "that place the cell plus the flow, or the cell minus the flow?"
)
def _against_the_flow(features: Tensor, flow: Tensor) -> Tensor:
    return warp(features, -flow)


@mistake(
    "You take the flow's first channel for the rows. It is x, which runs to the right: does it count rows "
    "or columns?"
)
def _x_for_rows(features: Tensor, flow: Tensor) -> Tensor:
    return warp(features, flow.flip(0))


@mistake(
    "You take the nearest cell. A thing that moves by a quarter of a cell then stands still, and one that "
    "moves by three quarters jumps: mix the four cells around the place."
)
def _nearest(features: Tensor, flow: Tensor) -> Tensor:
    return warp(features, flow.round())


@mistake(
    "You send each earlier cell along the flow. But the flow says of each cell of now where it came from: "
    "sent forward, two cells may fall on one, and others stay empty. Fetch, do not send."
)
def _sent_forward(features: Tensor, flow: Tensor) -> Tensor:
    height, width = features.shape[1:]
    out = torch.zeros_like(features)
    x, y = (place.round().long() for place in _places(features, flow))
    for i in range(height):
        for j in range(width):
            if 0 <= y[i, j] < height and 0 <= x[i, j] < width:
                out[:, y[i, j], x[i, j]] = features[:, i, j]
    return out


@mistake(
    "What comes from outside the map has the value of the nearest border cell with you. It is unknown, and "
    "cells outside count as 0."
)
def _border_repeated(features: Tensor, flow: Tensor) -> Tensor:
    height, width = features.shape[1:]
    x, y = _places(features, flow)
    return _looked_up(features, x.clamp(0, width - 1), y.clamp(0, height - 1))


@mistake(
    "What leaves the map on one side comes in again on the other: an index below 0 counts from the end. "
    "Which cells have to be taken as 0?"
)
def _round_about(features: Tensor, flow: Tensor) -> Tensor:
    height, width = features.shape[1:]
    x, y = _places(features, flow)
    left, top, out = x.floor().long(), y.floor().long(), torch.zeros_like(features)
    for row in (top, top + 1):
        for column in (left, left + 1):
            near = (1 - (x - column).abs()) * (1 - (y - row).abs())
            out += near * features[:, row % height, column % width]
    return out


@mistake(
    "A place a quarter of a cell outside the map gives 0 with you. Three of its four quarters still come "
    "from the border cell: ask each of the four cells by itself whether it is there."
)
def _all_or_nothing(features: Tensor, flow: Tensor) -> Tensor:
    inner = lambda x, y, height, width: (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)  # noqa: E731
    return _looked_up(features, *_places(features, flow), within=inner)


@mistake(
    "A place just left of the first cell, or above it, comes out wrong: .long() cuts -0.25 to 0. The cell "
    "to the left of it is number -1: which function rounds down also below 0?"
)
def _cut_towards_zero(features: Tensor, flow: Tensor) -> Tensor:
    return _looked_up(features, *_places(features, flow), down=torch.trunc)


@mistake(
    "Your weights are exchanged: the cell that is farther away counts more. At a quarter of the way from "
    "one cell to the next, which one should have three quarters?"
)
def _weights_exchanged(features: Tensor, flow: Tensor) -> Tensor:
    x, y = _places(features, flow)
    return _looked_up(features, 2 * x.floor() + 1 - x, 2 * y.floor() + 1 - y)


@mistake(
    "A flow of 0 already moves something. You call F.grid_sample with two conventions at once: -1 and 1 "
    "are either the centres of the outer cells (align_corners=True), or the map's edges."
)
def _two_conventions(features: Tensor, flow: Tensor) -> Tensor:
    height, width = features.shape[1:]
    x, y = _places(features, flow)
    grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], 2)
    return F.grid_sample(features[None], grid[None], align_corners=False)[0]


@mistake(
    "You look the place up at the flow itself. It is a step from a cell: what has to be added to it before "
    "it names a place?"
)
def _step_for_place(features: Tensor, flow: Tensor) -> Tensor:
    return _looked_up(features, *flow)


# --- 09.8 tracking ---------------------------------------------------------------------------------
def _newcomers(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[2.0, 1.0]]), torch.tensor([0.9])  # the known one
    yield torch.tensor([[1.0, 2.0]]), torch.tensor([0.9])  # somebody new
    both = torch.tensor([[3.0, 2.0, 1.0], [4.0, 2.5, 1.0]])  # both want number 0
    yield both, torch.tensor([0.9, 0.5])
    yield both, torch.tensor([0.5, 0.9])
    yield torch.tensor([[3.0, 0.5, 1.0], [4.0, 0.0, 1.0]]), torch.tensor([0.9, 0.5])  # the second best is new
    yield torch.tensor([[3.0, 2.0, 1.0], [3.5, -2.0, 1.0]]), torch.tensor([0.8, 0.7])  # not the best sum
    yield torch.tensor([[0.0, 1.0, 2.0], [0.5, -1.0, 3.0]]), torch.tensor([0.6, 0.7])  # two new ones
    yield torch.zeros(2, 1), torch.tensor([0.3, 0.4])  # nobody known
    yield torch.zeros(0, 3), torch.zeros(0)  # nobody there
    yield torch.tensor([[-3.0, -1.0, -2.0], [-4.0, -2.0, -3.0]]), torch.tensor([0.4, 0.8])  # scores below 0
    for number, known in ((3, 2), (4, 4), (6, 4), (9, 7)):
        scores = normal(rng, number, known + 1)
        scores[:, -1] += 0.3
        yield scores, torch.tensor(rng.permutation(number) + 1) / (number + 1)


def _chosen(
    scores: Tensor, order: Iterable[Any], *, new_once: bool = False, second: bool = True, new: bool = True
) -> Tensor:
    """Choosing in another order, or with another rule for what is taken."""
    left, taken = scores.clone(), set()
    known = scores.shape[1] - 1
    given = torch.full((len(scores),), -1)
    for i in order:
        choice = left[i] if new or not known else torch.cat([left[i, :-1], left.new_tensor([-1e9])])
        best = int(choice.argmax())
        if best < known and best not in taken:
            given[i] = best
            taken.add(best)
            if second:
                left[:, best] = -torch.inf
        elif new_once and best == known:
            left[:, best] = -1e9  # above what is taken
    return given


def _by_confidence(confidence: Tensor) -> Tensor:
    return confidence.argsort(descending=True, stable=True)


@mistake(
    "Two objects have got the same number. Nobody can be in two places: what has to be remembered when a "
    "number is given away?"
)
def _each_for_itself(scores: Tensor, confidence: Tensor) -> Tensor:
    known = scores.shape[1] - 1
    best = scores.argmax(1) if len(scores) else torch.zeros(0, dtype=torch.long)
    return torch.where(best < known, best, -1)


@mistake(
    "You let them choose in the order in which they are listed. A poor detection at the top of the list "
    "then takes a number from a sure one. Who should come first?"
)
def _as_listed(scores: Tensor, confidence: Tensor) -> Tensor:
    return _chosen(scores, range(len(scores)))


@mistake("With you the least confident one chooses first. Which end of the sorted list do you begin at?")
def _least_confident_first(scores: Tensor, confidence: Tensor) -> Tensor:
    return _chosen(scores, confidence.argsort(stable=True))


@mistake(
    "You let the highest score choose first, whoever it belongs to. The order asked for is that of how "
    "sure the detector is of each object, which stands in `confidence`."
)
def _highest_score_first(scores: Tensor, confidence: Tensor) -> Tensor:
    return _chosen(scores, scores.amax(1).argsort(descending=True, stable=True))


@mistake(
    "Whoever finds the best number taken is new at once with you. It may fit another known one nearly as "
    "well: let it choose among those that are left."
)
def _new_at_once(scores: Tensor, confidence: Tensor) -> Tensor:
    return _chosen(scores, _by_confidence(confidence), second=False)


@mistake(
    "Only one object may be new with you. The last column is not a person but a way out: it is open to "
    "everybody, however many took it before."
)
def _one_new_one(scores: Tensor, confidence: Tensor) -> Tensor:
    return _chosen(scores, _by_confidence(confidence), new_once=True)


@mistake(
    "You never ask the last column. Then everyone is given a known number while there are any, also an "
    "object that has just come in."
)
def _never_new(scores: Tensor, confidence: Tensor) -> Tensor:
    return _chosen(scores, _by_confidence(confidence), new=False)


@mistake(
    "Somebody new gets the number of the last column with you. That is no object: the answer for new is -1."
)
def _the_last_columns_number(scores: Tensor, confidence: Tensor) -> Tensor:
    given = track(scores, confidence)
    return torch.where(given < 0, scores.shape[1] - 1, given)


@mistake(
    "Here the last column is the new one. You take column 0 for it, and count the known ones from column 1 "
    "on: who stands in column 0?"
)
def _column_0_is_new(scores: Tensor, confidence: Tensor) -> Tensor:
    return track(scores.roll(-1, dims=1), confidence)


@mistake(
    "Whoever likes column 0 best is new with you. Column 0 is the known object number 0; here the last "
    "column is the new one."
)
def _number_0_is_new(scores: Tensor, confidence: Tensor) -> Tensor:
    given = track(scores.roll(-1, dims=1), confidence)
    return torch.where(given < 0, -1, given + 1)


@mistake(
    "You look for the largest sum of scores over all pairs. It is a good rule (the Hungarian method), but "
    "not this one: here the most confident one takes what is best for itself."
)
def _largest_sum(scores: Tensor, confidence: Tensor) -> Tensor:
    number, known = len(scores), scores.shape[1] - 1
    table = torch.cat([scores[:, :-1], scores[:, -1:].expand(-1, number)], 1)
    who, whom = (torch.as_tensor(found) for found in linear_sum_assignment(table.numpy(), maximize=True))
    given = torch.full((number,), -1)
    given[who] = torch.where(whom < known, whom, -1)
    return given


@mistake(
    "You strike a taken number out by setting its scores to 0. Where the others' scores are below 0, that "
    "is the highest of all. What is below every score?"
)
def _struck_out_with_zero(scores: Tensor, confidence: Tensor) -> Tensor:
    left, known = scores.clone(), scores.shape[1] - 1
    given = torch.full((len(scores),), -1)
    for i in _by_confidence(confidence):
        best = int(left[i].argmax())
        if best < known:
            given[i] = best
            left[:, best] = 0
    return given


EXERCISES = [
    Exercise(
        "09.5",
        "Panoptic quality of one class",
        panoptic_quality,
        _maps,
        difficulty=2,
        minutes=12,
        hints=(
            "Make a list of masks for each map: `found == number` for each number that occurs, 0 left out. "
            "Then take the IoU of each found mask with each true one.",
            "The IoUs above ½ are the matches, and no segment is in two of them. So TP is how many there "
            "are; FP and FN are what is left of the found and of the true ones.",
            "SQ is the mean of the matched IoUs, RQ is TP / (TP + FP / 2 + FN / 2), and PQ their product. "
            "Ask before each division whether there is something to divide by.",
        ),
        mistakes=(
            _half_is_enough,
            _by_number,
            _mean_over_all_true,
            _mean_over_all_found,
            _best_of_all_found,
            _nothing_is_perfect,
            _in_full,
            _only_the_missed,
            _only_the_found,
            _the_best_whatever,
            _nothing_is_a_segment,
            _dice,
            _mean_of_both,
            _nothing_to_divide_by,
        ),
    ),
    Exercise(
        "09.6",
        "One channel for each instance, and one for what nobody found",
        panoptic_logits,
        _heads,
        difficulty=2,
        minutes=12,
        hints=(
            "Split `semantic` after its first `stuff` channels. The first part goes into the answer as it "
            "is; the second has one channel for each class of things, to be chosen by `labels`.",
            "things[labels] is (D, h, w): each instance's class. Times `inside` it is cut to the boxes. "
            "Add the mask logits, cut the same way.",
            "Unknown is things.amax(dim=0), less the amax over instances of their cut semantic logits "
            "(without the masks). Where D is 0, subtract 0. Join the three with torch.cat.",
        ),
        mistakes=(
            _labels_count_from_stuff,
            _semantic_not_cut,
            _mask_not_cut,
            _mask_alone,
            _multiplied,
            _masks_as_probabilities,
            _minus_infinity,
            _nothing_taken_up,
            _masks_taken_up,
            _stuff_may_be_unknown,
            _all_taken_up,
            _missing_outside,
            _none_to_take_up,
            _unknown_before,
        ),
    ),
    Exercise(
        "09.7",
        "Features carried along by a flow",
        warp,
        _flows,
        difficulty=3,
        minutes=14,
        hints=(
            "First compute, for each cell of now, the place to look at: x is its column plus flow[0], y "
            "its row plus flow[1]. torch.arange and broadcasting give both as (H, W).",
            "The four cells around a place: floor of x and of y, and the same plus 1. Each weighs (1 - |x "
            "- column|) (1 - |y - row|), and counts only if it lies on the map.",
            "features[:, row, column] with two index tensors (H, W) gives (C, H, W). Clamp the indices so "
            "that they exist, and multiply by the weight and by whether the cell was on the map.",
        ),
        mistakes=(
            _against_the_flow,
            _x_for_rows,
            _nearest,
            _sent_forward,
            _border_repeated,
            _round_about,
            _all_or_nothing,
            _cut_towards_zero,
            _weights_exchanged,
            _two_conventions,
            _step_for_place,
        ),
    ),
    Exercise(
        "09.8",
        "Who was that?",
        track,
        _newcomers,
        difficulty=2,
        minutes=10,
        hints=(
            "Go through the objects by falling confidence, confidence.argsort(descending=True), and start "
            "with an answer that is -1 everywhere.",
            "Each takes the column with its highest score. If that is not the last one, write its number "
            "down, and see to it that no other can take it.",
            "On a copy of the scores, set the whole column of a given number to -torch.inf: whoever comes "
            "later finds its next best by the same argmax. Leave the last column alone.",
        ),
        mistakes=(
            _each_for_itself,
            _as_listed,
            _least_confident_first,
            _highest_score_first,
            _new_at_once,
            _one_new_one,
            _never_new,
            _the_last_columns_number,
            _column_0_is_new,
            _number_0_is_new,
            _largest_sum,
            _struck_out_with_zero,
        ),
    ),
]
