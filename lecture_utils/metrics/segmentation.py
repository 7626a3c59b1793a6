"""Segmentation: how well the predicted area of each class covers its true area.

Intersection over union by class, and its mean, as in M. Everingham et al., The PASCAL Visual Object Classes
Challenge: A Retrospective, IJCV 2015 (section 2.2). Dice: L. R. Dice, Measures of the Amount of Ecologic
Association Between Species, Ecology 1945. All count pixels of the whole data set together.

Shapes: … any axes, the same for prediction and truth; K classes, P pixels.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_classes, check_whole
from lecture_utils.ops.precision import precise


def confusion(predicted: Tensor, target: Tensor, classes: int) -> Tensor:
    """Count pixels by true class (row) and predicted class (column).

    Parameters
    ----------
    predicted, target : Tensor
        (…) integers in 0..classes - 1, of the same shape.
    classes : int
        K.

    Returns
    -------
    Tensor
        (K, K) int64. Tables of several batches may be added up.

    Raises
    ------
    ValueError
        For different shapes, or a number that is no class.
    """
    check_whole(classes, "classes")
    check_classes(predicted, "predicted", "…", classes=classes)
    check_classes(target, "target", *predicted.shape, classes=classes)
    cell = target.long().to(predicted.device).flatten() * classes + predicted.long().flatten()
    return torch.bincount(cell, minlength=classes * classes).reshape(classes, classes)


def iou_by_class(table: Tensor) -> Tensor:
    """Intersection over union of each class (K,), double, from `confusion`; NaN where a class never occurs.

    Raises ValueError for what is no table (K, K) of counts.
    """
    side = len(table) if isinstance(table, Tensor) and table.ndim else "K"
    check_classes(table, "table", side, side)
    both = precise(table.diagonal())
    either = table.sum(0) + table.sum(1) - table.diagonal()
    return torch.where(either > 0, both / either.clamp_min(1), torch.nan)


def dice_by_class(table: Tensor) -> Tensor:
    """Dice coefficient of each class (K,), double, from `confusion`; NaN where a class never occurs.

    2 |A ∩ B| / (|A| + |B|) = 2 IoU / (1 + IoU): the same order of results as the IoU, on another scale.
    Raises ValueError for what is no table (K, K) of counts.
    """
    iou = iou_by_class(table)
    return 2 * iou / (1 + iou)


def without_ignored(predicted: Tensor, target: Tensor, ignored: int = 255) -> tuple[Tensor, Tensor]:
    """Leave out the pixels that nobody labelled.

    Data sets mark borders and doubtful places by a number that is no class, 255 in PASCAL VOC. They count
    neither for nor against a prediction, so they must go before anything is counted.

    Parameters
    ----------
    predicted, target : Tensor
        (…) integers, of the same shape.
    ignored : int
        The number that marks them in `target`.

    Returns
    -------
    predicted, target : Tensor
        (P,), the labelled pixels in reading order.

    Raises
    ------
    ValueError
        For what are no integers, or different shapes.
    """
    check_whole(ignored, "ignored", None)
    check_classes(predicted, "predicted", "…")
    check_classes(target, "target", *predicted.shape)
    labelled = target.to(predicted.device) != ignored
    return predicted[labelled], target.to(predicted.device)[labelled]


def mean_iou(predicted: Tensor, target: Tensor, classes: int) -> float:
    """Mean of `iou_by_class` over the classes that occur in prediction or truth, in [0, 1].

    Raises ValueError as `confusion` does, and for no pixels at all.
    """
    if isinstance(predicted, Tensor) and predicted.numel() == 0:
        raise ValueError(f"predicted: got the empty shape {tuple(predicted.shape)}, want at least one pixel")
    return float(iou_by_class(confusion(predicted, target, classes)).nanmean())
