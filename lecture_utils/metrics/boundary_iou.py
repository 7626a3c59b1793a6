"""Boundary IoU: intersection over union of the pixels near the outlines alone.

B. Cheng, R. Girshick, P. Dollár, A. Berg, A. Kirillov, "Boundary IoU: Improving Object-Centric Image
Segmentation Evaluation", CVPR 2021 (section 4). The IoU of a large object hardly notices a ragged outline:
its inside has too many pixels. Here only a band along the outline counts.

The paper measures single masks; this is the same for the region of each class, pixels of all pictures counted
together. Distance is counted in steps to any of the eight neighbours, and what lies outside the picture
belongs to no region, as in the authors' program.

Shapes: … any axes, N pictures, H × W pixels, K classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_classes, check_whole

SHARE = 0.02  # the paper's width of the band: 2 % of the picture's diagonal


def band_width(height: int, width: int) -> int:
    """The paper's width of the band in pixels, 2 % of the diagonal, and 1 at least: 3 for 96 × 96 pixels.

    Raises ValueError for a side below 1.
    """
    check_whole(height, "height")
    check_whole(width, "width")
    return max(1, round(SHARE * (height**2 + width**2) ** 0.5))


def boundary(mask: Tensor, width: int) -> Tensor:
    """Keep of a mask what lies at most `width` pixels from its outline.

    Parameters
    ----------
    mask : Tensor
        (…, H, W) bool.
    width : int
        1 or more.

    Returns
    -------
    Tensor
        (…, H, W) bool: the mask without what is left after taking one layer of pixels off it `width` times.

    Raises
    ------
    ValueError
        For another type or rank, or a width below 1.
    """
    check_whole(width, "width")
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.ndim < 2:
        got = f"{mask.dtype} {tuple(mask.shape)}" if isinstance(mask, Tensor) else type(mask).__name__
        raise ValueError(f"mask: got {got}, want bool (…, H, W)")
    if mask.numel() == 0:
        return mask.clone()
    outside = (~mask).reshape(-1, 1, *mask.shape[-2:]).float()  # (M, 1, H, W)
    for _ in range(width):  # the outside grows by one layer of pixels
        outside = F.max_pool2d(F.pad(outside, (1, 1, 1, 1), value=1.0), 3, stride=1)
    return mask & (outside > 0).reshape(mask.shape)


def boundary_iou_by_class(
    predicted: Tensor, target: Tensor, classes: int, width: int | None = None
) -> Tensor:
    """Boundary IoU of each class.

    Parameters
    ----------
    predicted, target : Tensor
        (N, H, W) integers in 0..classes - 1, of the same shape, with at least one pixel.
    classes : int
        K.
    width : int, optional
        Of the band, in pixels; the paper's where not given.

    Returns
    -------
    Tensor
        (K,) float64 in [0, 1], over the pixels of all pictures; NaN where a class never occurs.

    Raises
    ------
    ValueError
        For different shapes, no pixel, or a number that is no class.
    """
    check_whole(classes, "classes")
    check_classes(predicted, "predicted", "N", "H", "W", classes=classes)
    check_classes(target, "target", *predicted.shape, classes=classes)
    if predicted.numel() == 0:
        raise ValueError(f"predicted: got the empty shape {tuple(predicted.shape)}, want at least one pixel")
    width = band_width(*predicted.shape[1:]) if width is None else width
    ious = []
    for k in range(classes):
        ours, truth = boundary(predicted == k, width), boundary(target.to(predicted.device) == k, width)
        both, either = (ours & truth).sum().double(), (ours | truth).sum()
        ious.append(torch.where(either > 0, both / either.clamp_min(1), torch.nan))
    return torch.stack(ious)


def mean_boundary_iou(predicted: Tensor, target: Tensor, classes: int, width: int | None = None) -> float:
    """Mean of `boundary_iou_by_class` over the classes that occur in prediction or truth, in [0, 1].

    Raises ValueError as that does.
    """
    return float(boundary_iou_by_class(predicted, target, classes, width).nanmean())
