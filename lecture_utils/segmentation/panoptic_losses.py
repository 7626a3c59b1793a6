"""What UPSNet's two pixel-wise heads learn from: cross-entropy over a picture, and in true boxes.

Y. Xiong et al., "UPSNet: A Unified Panoptic Segmentation Network", CVPR 2019, section 3.1. The authors' code
crops the maps before its 1 × 1 convolution; the paper, and this file, the logits after it. Both steps are
linear, so inside the map the order does not matter.

Shapes: B pictures, H × W pixels, h × w cells, S + K classes, G objects.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.detection.structures import check_proposals, picture_index
from lecture_utils.ops.checks import check_tensor, check_whole
from lecture_utils.ops.roi import roi_align
from lecture_utils.segmentation.panoptic_codes import VOID

ROI_SIDE = 28  # of the patches that the RoI loss looks at


def semantic_loss(x: Tensor, semantic: Tensor) -> Tensor:
    """Pixel-wise cross-entropy of logits (B, S + K, h, w), brought to the size of the truth (B, H, W).

    Raises ValueError for shapes that do not fit, or classes that there are not.
    """
    check_tensor(x, "x", "B", "S + K", "h", "w", some=True)
    check_semantic(semantic, x.shape[1], len(x), "H", "W")
    logits = F.interpolate(x, semantic.shape[1:], mode="bilinear", align_corners=False)
    return pixel_loss(logits, semantic)


def roi_loss(x: Tensor, semantic: Tensor, boxes: Sequence[Tensor], side: int = ROI_SIDE) -> Tensor:
    """The same once more inside the true boxes, resized to 28 × 28: small objects weigh as much as large.

    Parameters
    ----------
    x : Tensor
        (B, S + K, h, w) logits.
    semantic : Tensor
        (B, H, W) integers, VOID where nobody labelled.
    boxes : sequence of Tensor
        A picture: (G, 4) in pixels.
    side : int
        Of a patch.

    Returns
    -------
    Tensor
        A scalar; 0 where there is no box.

    Raises
    ------
    ValueError
        For shapes that do not fit, or classes that there are not.
    """
    check_tensor(x, "x", "B", "S + K", "h", "w", some=True)
    check_semantic(semantic, x.shape[1], len(x), "H", "W")
    check_proposals(boxes, len(x))
    check_whole(side, "side")
    every, index = torch.cat(list(boxes)).to(x), picture_index(boxes).to(x.device)
    scale = x.shape[3] / semantic.shape[2]  # cells per pixel
    patches = roi_align(x, every, index, (side, side), scale, sampling_ratio=1)  # (G of all, S + K, 28, 28)
    at = (torch.arange(side).to(x) + 0.5) / side  # of a box's width, the centres of its bins
    x1, y1, x2, y2 = every[:, :, None].unbind(1)  # (G, 1)
    column = (x1 + at * (x2 - x1)).long().clamp(0, semantic.shape[2] - 1)  # (G, 28)
    row = (y1 + at * (y2 - y1)).long().clamp(0, semantic.shape[1] - 1)
    wanted = semantic[index[:, None, None], row[:, :, None], column[:, None]]  # (G, 28, 28)
    return pixel_loss(patches, wanted)


def pixel_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Mean cross-entropy of (B, C, H, W) over the pixels that are not VOID in (B, H, W); 0 where all are."""
    check_tensor(logits, "logits", "B", "C", "H", "W")
    check_semantic(wanted, logits.shape[1], len(logits), *logits.shape[2:], name="wanted", some=False)
    count = (wanted != VOID).sum()
    return F.cross_entropy(logits, wanted.long(), ignore_index=VOID, reduction="sum") / count.clamp_min(1)


def at_cells(x: Tensor, stride: int) -> Tensor:
    """Of a map (…, H, W) the pixel in the middle of each cell: (…, H // stride, W // stride)."""
    check_tensor(x, "x", "…", "H", "W", kind="any")
    check_whole(stride, "stride")
    height, width = x.shape[-2] // stride * stride, x.shape[-1] // stride * stride
    return x[..., stride // 2 : height : stride, stride // 2 : width : stride]


def check_semantic(
    semantic: Tensor, classes: int, *shape: int | str, name: str = "semantic", some: bool = True
) -> None:
    """Raise ValueError unless these are integers of this shape, each VOID or a class below `classes`."""
    check_tensor(semantic, name, *shape, kind="int", some=some)
    low, high = (int(semantic.min()), int(semantic.max())) if semantic.numel() else (0, 0)
    if low < VOID or high >= classes:
        raise ValueError(f"{name}: got {low} to {high}, want {VOID} for void or 0 to {classes - 1}")
