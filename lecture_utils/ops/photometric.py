"""Operations on pixels that the views of chapter 03 and the augmentation of chapter 05 share.

Shapes: B pictures, C channels, H and W height and width, h and w those of a kernel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_images, check_tensor, check_type

# Luma and two axes of colour (the NTSC system): a turn in the plane of the last two changes the hue alone.
YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def turn_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn each picture's hue in the YIQ plane, which keeps its luma.

    One matrix for each picture, and so faster than by way of HSV (`augment.photometric.hue`), where the
    colours keep their saturation instead.

    Parameters
    ----------
    images : Tensor
        (B, 3, H, W), floating point.
    turn : Tensor
        (B,) radians.

    Returns
    -------
    Tensor
        (B, 3, H, W), not clamped.

    Raises
    ------
    ValueError
        For other shapes or types, or a turn that is not finite.
    """
    check_images(images, 3)
    check_tensor(turn, "turn", len(images), finite=True)
    yiq = YIQ.to(images)
    cos, sin, zero = turn.cos(), turn.sin(), torch.zeros_like(turn)
    rows = [[zero + 1, zero, zero], [zero, cos, -sin], [zero, sin, cos]]
    rotation = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2).to(images)  # (B, 3, 3)
    return torch.einsum("bij,bjhw->bihw", torch.linalg.inv(yiq) @ rotation @ yiq, images)


def filter_channels(images: Tensor, kernel: Tensor) -> Tensor:
    """Slide one kernel (h, w) over each channel by itself: (B, C, H, W) → (B, C, H - h + 1, W - w + 1)."""
    check_images(images)
    check_tensor(kernel, "kernel", "h", "w", some=True)
    check_type(kernel, images, name="kernel")
    each = kernel.expand(images.shape[1], 1, *kernel.shape)  # (C, 1, h, w)
    return F.conv2d(images, each, groups=images.shape[1])
