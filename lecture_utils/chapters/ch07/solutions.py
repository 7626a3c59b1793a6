"""Chapter 07: the six functions that the exercises ask for, as short as they can be said.

The package's own versions check their input, run on batches and are quick: `ops.boxes`, `ops.nms`, `ops.roi`,
`metrics.average_precision`, `detection.anchors`. The tests hold each of these six equal to its counterpart
there; the papers are named there too.

A box is x1, y1, x2, y2 in pixels. Shapes: N, M boxes, anchors or detections, H × W a feature map.
"""

import math

import torch
from torch import Tensor

from lecture_utils.detection.anchors import BACKGROUND, BETWEEN


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union (N, M) of boxes (N, 4) with boxes (M, 4); 0 where neither has an area."""
    top_left = torch.maximum(a[:, None, :2], b[None, :, :2])  # (N, M, 2)
    bottom_right = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (bottom_right - top_left).clamp(min=0).prod(dim=2)  # (N, M)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(dim=1) for boxes in (a, b)]  # (N,) and (M,)
    union = areas[0][:, None] + areas[1][None, :] - shared
    return shared / torch.where(union > 0, union, 1)


def greedy_nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Indices (K,) of the boxes (N, 4) that are kept, by falling score (N,): none overlaps a better kept one.

    A box goes if its IoU with a kept one is above `threshold`; at just that IoU it stays.
    """
    left = scores.argsort(descending=True).tolist()  # indices that are still in, the best first
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        overlap = box_iou(boxes[[best]], boxes[left])[0]  # (what is left,)
        left = [index for index, iou in zip(left, overlap.tolist(), strict=True) if iou <= threshold]
    return torch.tensor(kept, dtype=torch.long)


def average_precision(hits: Tensor, scores: Tensor, positives: int) -> float:
    """Mean precision over the recalls 0, 0.01, …, 1; at each the best that is had at this recall or above.

    Of N detections `hits` (N,) says which found an object, `scores` (N,) how sure each is; there are
    `positives` objects. A recall that is never reached counts as precision 0.
    """
    if len(hits) == 0:
        return 0.0
    right = hits[scores.argsort(descending=True)].cumsum(0).double()  # among the best 1, 2, …, N
    precision = right / torch.arange(1, len(hits) + 1)
    recall = right / positives
    levels = torch.linspace(0, 1, 101, dtype=torch.float64)
    reached = recall >= levels[:, None]  # (101, N)
    best = (precision * reached).amax(dim=1)  # (101,), 0 where a level is never reached
    return float(best.mean())


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Offsets (N, 4) from anchors (N, 4) to boxes (N, 4): shift of the centre, growth of the sides."""
    sides, anchor_sides = boxes[:, 2:] - boxes[:, :2], anchors[:, 2:] - anchors[:, :2]  # (N, 2)
    centres, anchor_centres = (boxes[:, :2] + boxes[:, 2:]) / 2, (anchors[:, :2] + anchors[:, 2:]) / 2
    shift = (centres - anchor_centres) / anchor_sides
    return torch.cat([shift, torch.log(sides / anchor_sides)], dim=1)


def roi_pool(feature: Tensor, box: Tensor, bins: int, scale: float) -> Tensor:
    """Cut a box (4,) in pixels out of a map (H, W), `scale` cells a pixel: each bin's largest value, (k, k).

    The corners go to the nearest cells, both of which belong to the region. Bin p of k begins at the cell
    p/k of the way, rounded down, and ends before the one (p + 1)/k of the way, rounded up. Cells outside the
    map do not count; a bin without cells is 0.
    """
    x1, y1, x2, y2 = (math.floor(number * scale + 0.5) for number in box.tolist())
    height, width = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)  # in cells
    pooled = torch.zeros(bins, bins)
    for p in range(bins):
        top, bottom = y1 + math.floor(p * height / bins), y1 + math.ceil((p + 1) * height / bins)
        for q in range(bins):
            left, right = x1 + math.floor(q * width / bins), x1 + math.ceil((q + 1) * width / bins)
            cells = feature[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
            if cells.numel():
                pooled[p, q] = cells.max()
    return pooled


def match_anchors(iou: Tensor, high: float, low: float) -> Tensor:
    """For each anchor the number of the box that it answers for, -1 for background, -2 if left out: (N,).

    From IoUs (M, N) of M boxes with N anchors. An anchor answers for the box that it overlaps most, if by
    `high` or more; below `low` it is background, between the two it is left out. One rule goes before these
    bounds: where no other anchor overlaps some box more, and it does overlap it, an anchor answers for the
    box that it overlaps most itself.
    """
    if len(iou) == 0:
        return torch.full((iou.shape[1],), BACKGROUND)
    best, number = iou.max(dim=0)  # (N,)
    answer = number.clone()
    answer[best < high] = BETWEEN
    answer[best < low] = BACKGROUND
    favourite = (iou == iou.max(dim=1, keepdim=True).values) & (iou > 0)  # (M, N)
    some = favourite.any(dim=0)
    answer[some] = number[some]
    return answer
