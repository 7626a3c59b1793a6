"""Segmentation: how well the predicted area of each class covers its true area.

Intersection over union by class, and its mean, as in M. Everingham et al., The PASCAL Visual Object Classes
Challenge: A Retrospective, IJCV 2015 (section 2.2).

Shapes: … any axes, the same for prediction and truth; K classes.
"""

import torch
from torch import Tensor


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
    if predicted.shape != target.shape:
        raise ValueError(
            f"got predicted {tuple(predicted.shape)}, target {tuple(target.shape)}, want the same"
        )
    for name, value in (("predicted", predicted), ("target", target)):
        if value.is_floating_point() or (value.numel() and not 0 <= value.min() <= value.max() < classes):
            raise ValueError(f"{name}: got {value.dtype} values, want integers from 0 to {classes - 1}")
    cell = target.long().flatten() * classes + predicted.long().flatten()
    return torch.bincount(cell, minlength=classes * classes).reshape(classes, classes)


def iou_by_class(table: Tensor) -> Tensor:
    """Intersection over union of each class (K,) float64 from `confusion`; NaN where a class never occurs."""
    both = table.diagonal().double()
    either = table.sum(0) + table.sum(1) - table.diagonal()
    return torch.where(either > 0, both / either.clamp_min(1), torch.nan)


def mean_iou(predicted: Tensor, target: Tensor, classes: int) -> float:
    """Mean of `iou_by_class` over the classes that occur in prediction or truth, in [0, 1]."""
    return float(iou_by_class(confusion(predicted, target, classes)).nanmean())
