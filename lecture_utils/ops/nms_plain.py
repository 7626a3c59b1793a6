"""Greedy non-maximum suppression, as one says it: `ops/nms.py` does the same in blocks, and faster."""

import torch
from torch import Tensor

from lecture_utils.ops.boxes import box_iou


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Take the best box, drop all that overlap it by more than the threshold, and so on with those left."""
    left = scores.argsort(descending=True, stable=True)  # indices, best first
    kept = []
    while len(left) > 0:
        best, rest = left[:1], left[1:]
        kept.append(best)
        overlap = box_iou(boxes[best], boxes[rest])[0]  # of the best with each of the rest
        left = rest[overlap <= iou_threshold]
    return torch.cat([left, *kept])
