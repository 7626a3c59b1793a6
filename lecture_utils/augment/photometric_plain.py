"""Brightness, contrast and saturation as one blend: what chapter 05 shows; a test holds them equal.

photometric.py's check what they are given, and take other types of numbers.

Shapes: B pictures, C channels, H and W height and width. All values lie in [0, 1].
"""

import torch
from torch import Tensor


def blend(x: Tensor, dull: Tensor | float, factor: float | Tensor) -> Tensor:
    """k · x + (1 - k) · dull, cut to [0, 1]; k is one number, or (B,) one for each picture."""
    k = torch.as_tensor(factor).reshape(-1, 1, 1, 1)  # (B or 1, 1, 1, 1)
    return (k * x + (1 - k) * dull).clamp(0, 1)


def grey(x: Tensor) -> Tensor:
    """How bright each pixel looks, (B, 1, H, W): green counts most."""
    if x.shape[1] == 1:  # not shown
        return x
    red, green, blue = x.split(1, dim=1)
    return 0.2989 * red + 0.5870 * green + 0.1140 * blue


def brightness(x: Tensor, factor: float | Tensor) -> Tensor:
    """Blend with black."""
    return blend(x, 0.0, factor)


def contrast(x: Tensor, factor: float | Tensor) -> Tensor:
    """Blend with the picture's own mean grey."""
    return blend(x, grey(x).mean((1, 2, 3), keepdim=True), factor)


def saturation(x: Tensor, factor: float | Tensor) -> Tensor:
    """Blend with each pixel's own grey."""
    return blend(x, grey(x), factor)
