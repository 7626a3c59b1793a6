"""Average precision of masks: as that of boxes, with the overlap of two masks in place of two boxes.

B. Hariharan, P. Arbeláez, R. Girshick, J. Malik, "Simultaneous Detection and Segmentation", ECCV 2014,
section 5 (AP^r); T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, for the ten IoUs.
pycocotools gives the same numbers.

Left out of COCO's benchmark: ranges of size, crowds, and limits other than 100 detections a picture.

Shapes: D detections, G objects, H × W pixels, T IoUs, K classes.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_utils.metrics.average_precision import (
    interpolate,
    match_detections,
    precision_recall,
)
from lecture_utils.metrics.coco import COCO_IOUS
from lecture_utils.ops.checks import check_classes, check_number, check_tensor, check_whole

MOST = 100  # detections of a class in a picture
Found = Sequence[tuple[Tensor, Tensor, Tensor]]  # a picture: masks (D, H, W) bool, classes (D,), scores (D,)
Truth = Sequence[tuple[Tensor, Tensor]]  # a picture: masks (G, H, W) bool, classes (G,)


def mask_iou(a: Tensor, b: Tensor) -> Tensor:
    """Pixels that two masks share over pixels that either has, for each pair.

    Parameters
    ----------
    a, b : Tensor
        (D, H, W) and (G, H, W) bool.

    Returns
    -------
    Tensor
        (D, G) double in [0, 1]; 0 for two empty masks.

    Raises
    ------
    ValueError
        For masks that are not bool, or not of one size.
    """
    check_tensor(a, "a", "D", "H", "W", kind="bool")
    check_tensor(b, "b", "G", *a.shape[1:], kind="bool")
    one, other = a.flatten(1).double(), b.flatten(1).double()  # (D, H·W) and (G, H·W)
    shared = one @ other.T  # (D, G)
    either = one.sum(1)[:, None] + other.sum(1) - shared
    return shared / either.clamp(min=1)


def evaluate_masks(found: Found, truth: Truth, *, classes: int, ious: Sequence[float] = COCO_IOUS) -> Tensor:
    """Average precision by IoU and class.

    Parameters
    ----------
    found : sequence of (masks, labels, scores)
        For each picture (D, H, W) bool, (D,) class numbers and (D,). Of a class the best 100 count.
    truth : sequence of (masks, labels)
        For each picture (G, H, W) bool and (G,).
    classes : int
        K.
    ious : sequence of float
        The T least IoUs.

    Returns
    -------
    Tensor
        (T, K) double in [0, 1]; NaN for a class of which there is no object.

    Raises
    ------
    ValueError
        For other shapes or types, other numbers of pictures, or a number that is no class.
    """
    check_found_masks(found, truth, classes)
    for iou in ious:
        check_number(iou, "ious", 0, 1)
    least = torch.tensor(ious, dtype=torch.float64)
    overlaps = [mask_iou(own[0], there[0]) for own, there in zip(found, truth, strict=True)]
    precision = torch.full((len(least), classes), math.nan, dtype=torch.float64)
    for k in range(classes):
        positives = sum(int((labels == k).sum()) for _, labels in truth)
        if positives == 0:
            continue
        hits, scores = [], []
        for (_, labels, score), (_, there), overlap in zip(found, truth, overlaps, strict=True):
            own = (labels == k).nonzero()[:, 0]
            own = own[score[own].argsort(descending=True, stable=True)][:MOST]  # best first
            hits.append(match_detections(overlap[own][:, there == k], least) >= 0)  # (T, d)
            scores.append(score[own])
        for t, hit in enumerate(torch.cat(hits, dim=1)):
            curve = precision_recall(hit, torch.cat(scores), positives)
            precision[t, k] = interpolate(*curve).mean()
    return precision


def mask_summary(found: Found, truth: Truth, *, classes: int) -> dict[str, float]:
    """AP over the ten IoUs from 0.5 to 0.95, AP50 and AP75; means over the classes that occur.

    Parameters and errors as for `evaluate_masks`.
    """
    precision = evaluate_masks(found, truth, classes=classes)
    parts = {
        "AP": precision,
        "AP50": precision[COCO_IOUS.index(0.5)],
        "AP75": precision[COCO_IOUS.index(0.75)],
    }
    return {name: float(values.nanmean()) for name, values in parts.items()}


def check_found_masks(found: Found, truth: Truth, classes: int) -> None:
    """Raise ValueError unless there are (masks, labels, scores) and (masks, labels) for each picture."""
    check_whole(classes, "classes")
    for name, given, parts in (("found", found, 3), ("truth", truth, 2)):
        listed = isinstance(given, Sequence) and all(
            isinstance(one, Sequence) and len(one) == parts for one in given
        )
        if not listed or len(given) != len(truth) or len(truth) == 0:
            got = f"{len(given)} items" if isinstance(given, Sequence) else type(given).__name__
            want = "masks, labels" + ", scores" * (parts - 2)
            raise ValueError(f"{name}: got {got}, want ({want}) for each picture of found and of truth")
        for masks, labels, *scores in given:
            check_tensor(masks, f"{name}, masks", "N", "H", "W", kind="bool")
            check_classes(labels, f"{name}, labels", len(masks), classes=classes)
            for score in scores:
                check_tensor(score, f"{name}, scores", len(masks), finite=True)
