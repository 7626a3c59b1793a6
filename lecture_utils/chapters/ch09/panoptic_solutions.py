"""Chapter 09, part b: the four functions that its exercises ask for, as short as they can be said.

The package's own versions check their input and take more settings: `metrics.panoptic`,
`segmentation.panoptic_head`, `ops.flow_warp`, `segmentation.tracking`. The tests hold each of these four
equal to its counterpart there; the papers are named there too.

Shapes: H × W or h × w a map, S classes of stuff, K classes of things, D objects of a picture, M objects known
from earlier, C channels.
"""

import torch
from torch import Tensor


def panoptic_quality(found: Tensor, truth: Tensor) -> tuple[float, float, float]:
    """PQ, SQ and RQ of one class from its segments in two maps (H, W): 0 nothing, 1, 2, … segment numbers.

    The numbers of one map say nothing of those of the other. Two segments match if their IoU is above ½: then
    they share more than half of each, so neither can have a second match, as segments of one map share no
    pixel. SQ is the mean IoU of the matches, RQ = TP / (TP + FP / 2 + FN / 2), PQ = SQ · RQ; where there is
    nothing to divide by, they are 0.
    """
    mine = [found == number for number in found.unique() if number > 0]
    theirs = [truth == number for number in truth.unique() if number > 0]
    ious = [((own & true).sum() / (own | true).sum()).item() for own in mine for true in theirs]
    matched = [iou for iou in ious if iou > 0.5]
    tp = len(matched)
    fp, fn = len(mine) - tp, len(theirs) - tp
    sq = sum(matched) / tp if tp else 0.0
    rq = tp / (tp + fp / 2 + fn / 2) if mine or theirs else 0.0
    return sq * rq, sq, rq


def panoptic_logits(semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int) -> Tensor:
    """UPSNet's panoptic logits (S + D + 1, h, w) of a picture: stuff, each object, and "unknown".

    `semantic` (S + K, h, w) has S = `stuff` classes of stuff first; `labels` (D,) count things from 0;
    `masks` (D, h, w) are logits; `inside` (D, h, w) bool says where each one's box is. An object has, in its
    box, the semantic logit of its class plus its mask logit; elsewhere 0. Unknown is the largest semantic
    logit of things, less the largest of the objects' semantic parts. Outside its box an object's part counts
    as 0, and where D is 0, nothing is subtracted.
    """
    things = semantic[stuff:]
    cropped = things[labels] * inside  # (D, h, w)
    instances = cropped + masks * inside
    taken_up = cropped.amax(dim=0) if len(labels) else 0
    unknown = things.amax(dim=0) - taken_up
    return torch.cat([semantic[:stuff], instances, unknown[None]])


def warp(features: Tensor, flow: Tensor) -> Tensor:
    """Bring the earlier map (C, H, W) to now: each cell fetches what lay where its flow points.

    `flow` (2, H, W), x and y in cells, leads from a cell of now to its place in the earlier map. Between
    cells: bilinear, the four around, each weighed by (1 - |Δx|) (1 - |Δy|). Cells outside the map hold 0.
    """
    height, width = features.shape[1:]
    x = torch.arange(width) + flow[0]  # (H, W): where to look
    y = torch.arange(height)[:, None] + flow[1]
    left, top = x.floor().long(), y.floor().long()
    out = torch.zeros_like(features)
    for row in (top, top + 1):
        for column in (left, left + 1):
            near = (1 - (x - column).abs()) * (1 - (y - row).abs())
            within = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            cell = features[:, row.clamp(0, height - 1), column.clamp(0, width - 1)]  # (C, H, W)
            out += near * within * cell
    return out


def track(scores: Tensor, confidence: Tensor) -> Tensor:
    """Say of each of D objects which of M known ones it is, (D,): that one's number, or -1 if it is new.

    `scores` (D, M + 1) tell how well each object fits each known one and, in the last column, how well it
    fits somebody new. The object with the highest `confidence` (D,) chooses first, and takes its best column.
    A known one is given once; the other objects choose among those that are left and the last column, which
    is never used up.
    """
    known = scores.shape[1] - 1
    left = scores.clone()
    given = torch.full((len(scores),), -1)
    for i in confidence.argsort(descending=True, stable=True):
        best = int(left[i].argmax())
        if best < known:
            given[i] = best
            left[:, best] = -torch.inf
    return given
