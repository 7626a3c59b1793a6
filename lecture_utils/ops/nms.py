"""Non-maximum suppression (S07.2): of boxes that mean the same object, keep the one with the highest score.

- Greedy: the procedure of P. Felzenszwalb et al., "Object Detection with Discriminatively Trained Part Based
  Models", TPAMI 2010, section 7.2, with IoU for the overlap (R-CNN, CVPR 2014, section 2.2).
- Soft-NMS: N. Bodla, B. Singh, R. Chellappa, L. Davis, "Soft-NMS – Improving Object Detection With One Line
  of Code", ICCV 2017, figure 2; linear decay is equation 2, Gaussian decay equation 3.

Of equal scores the first box goes first.

Shapes: N boxes x1, y1, x2, y2, K kept.
"""

import numpy as np
import torch
from torch import Tensor

from lecture_utils.ops.boxes import box_iou, check_box_set
from lecture_utils.ops.checks import check_choice, check_classes, check_number, check_tensor
from lecture_utils.ops.precision import precise

BLOCK = 256  # boxes whose overlaps with all others are computed at once


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Take the best box, drop all that overlap it by more than the threshold, and so on with those left.

    Parameters
    ----------
    boxes : Tensor
        (N, 4) x1, y1, x2, y2, floating point and finite.
    scores : Tensor
        (N,), floating point, without NaN.
    iou_threshold : float
        In [0, 1]. A box with just this IoU stays.

    Returns
    -------
    Tensor
        (K,) int64, indices of the kept boxes by falling score.

    Raises
    ------
    ValueError
        For other shapes or types, NaN, a box with x2 < x1, or a threshold out of range.
    """
    check_scored(boxes, scores, iou_threshold)
    order = scores.argsort(descending=True, stable=True)  # indices, best first
    ranked = boxes[order]
    stays = np.ones(len(boxes), dtype=bool)
    for start in range(0, len(boxes), BLOCK):
        overlaps = box_iou(ranked[start : start + BLOCK], ranked[start:]) > iou_threshold  # (block, the rest)
        for i, row in enumerate(overlaps.cpu().numpy(), start):
            if stays[i]:
                stays[i + 1 :] &= ~row[i + 1 - start :]
    return order[torch.from_numpy(stays).to(order.device)]


def batched_nms(boxes: Tensor, scores: Tensor, labels: Tensor, iou_threshold: float) -> Tensor:
    """NMS for each class by itself, in one run: every class is moved to a place of its own.

    Parameters
    ----------
    boxes, scores, iou_threshold
        As for `nms`.
    labels : Tensor
        (N,) class numbers from 0.

    Returns
    -------
    Tensor
        (K,) int64, indices of the kept boxes of all classes by falling score.

    Raises
    ------
    ValueError
        As `nms`, and for labels that are no class numbers.
    """
    check_scored(boxes, scores, iou_threshold)
    check_classes(labels, "labels", len(boxes))
    if len(boxes) == 0:
        return labels.long()
    exact = precise(boxes)  # far from 0 single precision would round the corners
    span = exact.max() - exact.min() + 1  # boxes of two classes are at least 1 apart
    return nms(exact + labels[:, None] * span, scores, iou_threshold)


def soft_nms(
    boxes: Tensor,
    scores: Tensor,
    *,
    method: str = "gaussian",
    sigma: float = 0.5,
    iou_threshold: float = 0.3,
    threshold: float = 0.001,
) -> tuple[Tensor, Tensor]:
    """Lower the scores of overlapping boxes instead of dropping them.

    Parameters
    ----------
    boxes, scores
        As for `nms`; scores 0 or more.
    method : {"gaussian", "linear"}
        Multiply a score by exp(-IoU² / sigma), or by 1 - IoU where the IoU is above `iou_threshold`.
    sigma : float
        Above 0: how slowly the Gaussian decays.
    iou_threshold : float
        In [0, 1], for the linear decay.
    threshold : float
        0 or more: boxes whose score is not above this any more are dropped.

    Returns
    -------
    indices : Tensor
        (K,) int64, by falling lowered score.
    scores : Tensor
        (K,), the lowered scores.

    Raises
    ------
    ValueError
        As `nms`, and for negative scores, another method, or a sigma or threshold out of range.
    """
    check_scored(boxes, scores, iou_threshold)
    check_choice(method, "method", "gaussian", "linear")
    check_number(sigma, "sigma", 0, above=True)
    check_number(threshold, "threshold", 0)
    if len(scores) and bool((scores < 0).any()):
        raise ValueError(f"scores: got {float(scores.min()):.4g}, want 0 or more")
    overlaps = box_iou(boxes, boxes)  # (N, N)
    if method == "gaussian":
        decay = torch.exp(-overlaps.square() / sigma)
    else:
        decay = torch.where(overlaps > iou_threshold, 1 - overlaps, 1)
    left = scores.clone()  # of the boxes not taken yet
    kept, lowered = [left.new_empty(0, dtype=torch.long)], [left.new_empty(0)]
    while len(left) and left.max() > threshold:
        best = left.argmax()[None]
        kept.append(best)
        lowered.append(left[best])
        left = left * decay[best][0].to(left)
        left[best] = 0  # taken: never above the threshold again
    return torch.cat(kept), torch.cat(lowered)


def check_scored(boxes: Tensor, scores: Tensor, iou_threshold: float) -> None:
    """Raise ValueError unless boxes and scores fit, without NaN, and the threshold is in [0, 1]."""
    check_box_set(boxes)
    check_tensor(scores, "scores", len(boxes), finite=True)
    check_number(iou_threshold, "iou_threshold", 0, 1)
