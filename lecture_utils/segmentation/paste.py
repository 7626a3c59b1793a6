"""From the small mask of a box to a mask of the picture.

K. He et al., "Mask R-CNN", ICCV 2017, section 3.1: the m × m mask is resized to the size of its box, and cut
at 0.5. Around it lies a border of zeros, one cell wide.

Where the mask lies can be exact, in the spirit of RoIAlign, or rounded to whole pixels as the first
implementations did and torchvision still does. Rounding makes masks up to a pixel too wide, which matters for
small objects: a full mask over a box of 30 × 25 pixels then covers 32 × 25.

Shapes: D detections, m × m a mask, H × W picture.
"""

import torch
from torch import Tensor

from lecture_utils.detection.resize import scale_boxes
from lecture_utils.ops.boxes import check_box_set
from lecture_utils.ops.checks import check_float, check_size, check_tensor
from lecture_utils.segmentation.structures import Instances


def paste_masks(masks: Tensor, boxes: Tensor, size: tuple[int, int], *, rounded: bool = False) -> Tensor:
    """Lay each mask over its box, bilinearly; the rest of the picture is 0.

    A bilinear sample is a weighted sum of cells whose weights are a product: one number for the row, one for
    the column. So each pasted mask is W_y · mask · W_xᵀ, two matrix products for all detections at once.

    Parameters
    ----------
    masks : Tensor
        (D, m, m) probabilities in [0, 1].
    boxes : Tensor
        (D, 4) x1, y1, x2, y2 in pixels.
    size : (int, int)
        H, W.
    rounded : bool
        Round the boxes with their borders to whole pixels, the last one included, as torchvision does.

    Returns
    -------
    Tensor
        (D, H, W) in [0, 1].

    Raises
    ------
    ValueError
        For shapes that do not fit, values out of range, or boxes with x2 < x1.
    """
    check_tensor(masks, "masks", "D", "m", "m")
    if masks.shape[1] != masks.shape[2]:
        raise ValueError(f"masks: got {tuple(masks.shape)}, want (D, m, m), as wide as high")
    check_float(masks, unit_range=True, name="masks")
    check_box_set(boxes)
    check_tensor(boxes, "boxes", len(masks), 4)
    height, width = check_size(size)
    side = masks.shape[1]
    centre = (boxes[:, 2:] + boxes[:, :2]) * 0.5
    half = (boxes[:, 2:] - boxes[:, :2]) * 0.5 * ((side + 2) / side)  # grown by the border
    first, stop = centre - half, centre + half  # (D, 2) x, y where the mask and its border begin and end
    if rounded:
        first, stop = first.trunc(), stop.trunc() + 1
    columns = pixel_weights(first[:, 0], stop[:, 0], side, width).to(masks)  # (D, W, m)
    rows = pixel_weights(first[:, 1], stop[:, 1], side, height).to(masks)  # (D, H, m)
    return rows @ masks @ columns.mT  # (D, H, W)


def pixel_weights(first: Tensor, stop: Tensor, side: int, length: int) -> Tensor:
    """Say how much each cell of a mask counts for each pixel of an axis.

    Parameters
    ----------
    first, stop : Tensor
        (D,) where the masks with their borders begin and end, in pixels.
    side, length : int
        Cells of a mask without border, and pixels of the axis.

    Returns
    -------
    Tensor
        (D, length, side).
    """
    pixel = torch.arange(length, device=first.device, dtype=first.dtype) + 0.5  # their centres
    at = pixel - first[:, None]  # (D, length) pixels from the start
    wide = (stop - first)[:, None].clamp(min=1e-6)  # pixels that the side + 2 cells are spread over
    cell = torch.arange(1, side + 1, device=first.device, dtype=first.dtype) + 0.5  # 0, side + 1: the border
    source = at * ((side + 2) / wide)  # where the pixel's centre lies, in cells
    return (1 - (source[..., None] - cell).abs()).clamp(min=0)  # linear between two cells


def at_size(
    found: Instances, size: tuple[int, int], to: tuple[int, int], *, rounded: bool = False
) -> Instances:
    """Carry what was found in a picture of one size to another, and paste the masks there.

    Parameters
    ----------
    found : Instances
        As `MaskRCNN.find` gives it: its masks are (D, m, m), over their boxes.
    size, to : (int, int)
        Height and width of the picture that was read, and of the one that is wanted.
    rounded : bool
        As for `paste_masks`.
    """
    boxes = scale_boxes(found.boxes, size, to)
    masks = paste_masks(found.masks, boxes, to, rounded=rounded) if found.masks.shape[1] else found.masks
    if found.keypoints is None:
        return found._replace(boxes=boxes, masks=masks)
    scale = boxes.new_tensor([to[1] / size[1], to[0] / size[0], 1])  # x, y, score
    return found._replace(boxes=boxes, masks=masks, keypoints=found.keypoints * scale)
