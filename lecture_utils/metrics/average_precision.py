"""Average precision (S07.3): how good a list of boxes with scores is.

- Which detection finds which object, precision against recall: M. Everingham et al., "The PASCAL Visual
  Object Classes (VOC) Challenge", IJCV 2010, section 4.2.
- The mean over 101 recalls: the COCO benchmark, T.-Y. Lin et al., "Microsoft COCO: Common Objects in
  Context", ECCV 2014, and its page "Detection Evaluation". `coco.py` has the rest of that benchmark.

Shapes: T IoU thresholds, D detections, G objects (ground truth), R = 101 recalls.
"""

import numpy as np
import torch
from torch import Tensor

from lecture_utils.ops.checks import check_float, check_tensor, check_whole
from lecture_utils.ops.precision import precise

RECALLS = torch.from_numpy(np.linspace(0, 1, 101))


def match_detections(ious: Tensor, thresholds: Tensor, counted: Tensor | None = None) -> Tensor:
    """Let each detection of a picture, best first, take the object that it covers best of those still free.

    Parameters
    ----------
    ious : Tensor
        (D, G), detections by falling score.
    thresholds : Tensor
        (T,) least IoUs; the matching is made for each by itself.
    counted : Tensor, optional
        (G,) bool: objects that count. Those that do not are taken only where no other fits.

    Returns
    -------
    Tensor
        (T, D) int64, the number of the object; -1 for a detection without one. Of objects with the same IoU
        the last is taken, as in pycocotools.

    Raises
    ------
    ValueError
        For other shapes or types, NaN, or numbers out of [0, 1].
    """
    check_matching(ious, thresholds, counted)
    iou, least = as_array(ious), as_array(thresholds)[:, None]  # (D, G) and (T, 1)
    free = np.ones((len(least), iou.shape[1]), dtype=bool)  # (T, G)
    counts = free[0].copy() if counted is None else as_array(counted)
    matched = np.full((len(least), len(iou)), -1)
    for d in np.flatnonzero((iou >= least.min()).any(1)):  # the others find nothing
        fits = free & (iou[d] >= least)  # (T, G)
        fits = np.where((fits & counts).any(1, keepdims=True), fits & counts, fits)
        best = iou.shape[1] - 1 - np.where(fits, iou[d], -1)[:, ::-1].argmax(1)  # (T,) the last of equals
        finds = fits.any(1)
        matched[finds, d] = best[finds]
        free[finds, best[finds]] = False
    return torch.from_numpy(matched)


def as_array(x: Tensor) -> np.ndarray:
    """A tensor as an array on the CPU, floating point as double."""
    x = x.detach().cpu()
    return (x.double() if x.is_floating_point() else x).numpy()


def precision_recall(matched: Tensor, scores: Tensor, positives: int) -> tuple[Tensor, Tensor]:
    """Precision and recall of the best 1, 2, …, D detections.

    Parameters
    ----------
    matched : Tensor
        (D,) bool: which detections found an object.
    scores : Tensor
        (D,). Of equal scores the first goes first.
    positives : int
        How many objects there are, 1 or more.

    Returns
    -------
    precision, recall : Tensor
        (D,) double: the share of the detections so far that are right, the share of the objects found so far.

    Raises
    ------
    ValueError
        For other shapes or types, NaN, or fewer objects than matches.
    """
    check_tensor(matched, "matched", "D", kind="bool")
    check_tensor(scores, "scores", len(matched), finite=True)
    check_whole(positives, "positives", max(1, int(matched.sum())))
    hits = precise(matched[scores.argsort(descending=True, stable=True)])
    true = hits.cumsum(0)
    detections = torch.arange(1, len(hits) + 1).to(hits)
    return true / detections, true / positives


def average_precision(precision: Tensor, recall: Tensor) -> float:
    """Mean precision over the recalls 0, 0.01, …, 1: at each the best that is had at this recall or above.

    Parameters
    ----------
    precision, recall : Tensor
        (D,) from `precision_recall`; recall rises.

    Returns
    -------
    float
        In [0, 1]. Recalls that are never reached count as precision 0.

    Raises
    ------
    ValueError
        For other shapes or types, numbers out of [0, 1], or recall that falls.
    """
    check_curve(precision, recall)
    return float(interpolate(precision, recall).mean())


def interpolate(precision: Tensor, recall: Tensor) -> Tensor:
    """The best precision at the recalls 0, 0.01, …, 1 or above, (101,) double."""
    reached = torch.searchsorted(recall.cpu().double(), RECALLS)  # the first detection there; D for none
    best = precision.cpu().double().flip(0).cummax(0).values.flip(0)  # (D,) from each on
    return torch.cat([best, best.new_zeros(1)])[reached]


def check_matching(ious: Tensor, thresholds: Tensor, counted: Tensor | None) -> None:
    """Raise ValueError unless ious (D, G) and thresholds (T,) lie in [0, 1], and counted is (G,) bool."""
    check_tensor(ious, "ious", "D", "G")
    check_tensor(thresholds, "thresholds", "T", some=True)
    check_float(ious, unit_range=True, name="ious")
    check_float(thresholds, unit_range=True, name="thresholds")
    if counted is not None:
        check_tensor(counted, "counted", ious.shape[1], kind="bool")


def check_curve(precision: Tensor, recall: Tensor) -> None:
    """Raise ValueError unless both are (D,) in [0, 1], and recall does not fall."""
    check_tensor(precision, "precision", "D")
    check_tensor(recall, "recall", len(precision))
    check_float(precision, unit_range=True, name="precision")
    check_float(recall, unit_range=True, name="recall")
    if bool((recall.diff() < 0).any()):
        raise ValueError("recall: got values that fall, want them as `precision_recall` gives them")
