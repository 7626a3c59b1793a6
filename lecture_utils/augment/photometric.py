"""Photometric augmentation (S05.2): the light, the colour and the sharpness change, and no annotation moves.

Brightness, contrast, saturation, hue, gamma, noise and blur as in torchvision's transforms; cutout from
T. DeVries, G. W. Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, arXiv 2017.

Most of these are a blend: factor · picture + (1 - factor) · something duller. 0 gives the dull one, 1 the
picture itself, and a factor above 1 goes on in the same direction.

Simplified: values are taken as they stand in the file (gamma-encoded), as the libraries do; light itself adds
up only in linear values.

Shapes: B pictures, C channels, H and W height and width. All values lie in [0, 1].
"""

import math
import numbers

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.imaging.colour import hsv_to_rgb, rgb_to_hsv, rgb_to_luma
from lecture_utils.ops.checks import (
    check_boxes,
    check_images,
    check_number,
    check_numbers,
    check_size,
    check_tensor,
    check_whole,
)
from lecture_utils.ops.photometric import filter_channels

Number = float | Tensor  # one for all pictures, or (B,) one for each
GREY = (0.2989, 0.5870, 0.1140)  # BT.601 as torchvision rounds it


def _each(value: Number, x: Tensor, name: str, low: float = 0.0, high: float = math.inf) -> Tensor:
    """A number, or one for each picture, as (B or 1, 1, 1, 1); raise ValueError outside [low, high]."""
    if not isinstance(value, Tensor | np.ndarray | numbers.Real):
        raise ValueError(f"{name}: got {type(value).__name__}, want one number or ({len(x)},)")
    each = torch.as_tensor(value, dtype=x.dtype, device=x.device)
    if each.ndim > 1 or each.numel() not in (1, len(x)):
        raise ValueError(f"{name}: got shape {tuple(each.shape)}, want one number or ({len(x)},)")
    if not bool(((each >= low) & (each <= high) & each.isfinite()).all()):
        raise ValueError(f"{name}: got {each.tolist()}, want {low:g} to {high:g}, finite")
    return each.reshape(-1, 1, 1, 1)


def _grey(x: Tensor) -> Tensor:
    """How bright each pixel looks, (B, 1, H, W); a picture with one channel is grey already."""
    return rgb_to_luma(x, GREY) if x.shape[1] == 3 else x.mean(1, keepdim=True)


def _blend(x: Tensor, dull: Tensor | float, factor: Tensor) -> Tensor:
    """factor · x + (1 - factor) · dull, cut off to [0, 1]."""
    return (factor * x + (1 - factor) * dull).clamp(0, 1)


def brightness(x: Tensor, factor: Number) -> Tensor:
    """Blend with black: 0 is black, 2 twice as bright.

    Parameters
    ----------
    x : Tensor
        (B, C, H, W) in [0, 1].
    factor : float or Tensor (B,)
        0 or more, for all pictures or for each; so in `contrast` and `saturation`.

    Returns
    -------
    Tensor
        (B, C, H, W) in [0, 1].

    Raises
    ------
    ValueError
        For another shape, type or range.
    """
    check_images(x, unit_range=True)
    return _blend(x, 0.0, _each(factor, x, "factor"))


def contrast(x: Tensor, factor: Number) -> Tensor:
    """Blend with the picture's own mean grey: 0 is that grey everywhere."""
    check_images(x, unit_range=True)
    return _blend(x, _grey(x).mean((-3, -2, -1), keepdim=True), _each(factor, x, "factor"))


def saturation(x: Tensor, factor: Number) -> Tensor:
    """Blend with each pixel's own grey: 0 is a grey picture."""
    check_images(x, channels=3, unit_range=True)
    return _blend(x, _grey(x), _each(factor, x, "factor"))


def hue(x: Tensor, turn: Number) -> Tensor:
    """Turn every colour around the colour circle: by 1/3 red becomes green.

    Parameters
    ----------
    x : Tensor
        (B, 3, H, W) in [0, 1].
    turn : float or Tensor (B,)
        From -0.5 to 0.5 circles.

    Returns
    -------
    Tensor
        (B, 3, H, W) in [0, 1].

    Raises
    ------
    ValueError
        For another shape, type or range.
    """
    check_images(x, channels=3, unit_range=True)
    h, s, v = rgb_to_hsv(x).split(1, dim=1)  # each (B, 1, H, W)
    return hsv_to_rgb(torch.cat([(h + _each(turn, x, "turn", -0.5, 0.5)) % 1, s, v], dim=1))


def gamma(x: Tensor, exponent: Number) -> Tensor:
    """Raise to a power: below 1 lifts the shadows, above 1 deepens them; black and white stay."""
    check_images(x, unit_range=True)
    return x.clamp(0, 1) ** _each(exponent, x, "exponent")


def gaussian_noise(x: Tensor, sigma: Number, generator: torch.Generator) -> Tensor:
    """Add independent normal noise of standard deviation `sigma`, cut off to [0, 1]."""
    check_images(x, unit_range=True)
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=generator.device).to(x.device)
    return (x + _each(sigma, x, "sigma") * noise).clamp(0, 1)


def gaussian_kernel(sigma: float, size: int) -> Tensor:
    """The bell curve at `size` whole-numbered places about its middle, (size,) with sum 1."""
    check_number(sigma, "blur, sigma", 0, above=True)
    if check_whole(size, "blur, size") % 2 == 0:
        raise ValueError(f"blur, size: got {size}, want an odd number")
    place = torch.arange(size, dtype=torch.float64) - size // 2
    bell = torch.exp(-0.5 * (place / sigma) ** 2)
    return bell / bell.sum()


def gaussian_blur(x: Tensor, sigma: float, kernel_size: int | None = None) -> Tensor:
    """Blur by a bell curve, first along the rows and then along the columns; the edge is mirrored.

    Parameters
    ----------
    x : Tensor
        (B, C, H, W), floating point.
    sigma : float
        Width in pixels.
    kernel_size : int, optional
        An odd number, at most 2 · min(H, W) - 1; default: three sigma to either side, as far as that fits.

    Returns
    -------
    Tensor
        (B, C, H, W).

    Raises
    ------
    ValueError
        For another shape or type, or a kernel that does not fit.
    """
    check_images(x)
    check_number(sigma, "blur, sigma", 0, above=True)
    most = 2 * min(x.shape[-2:]) - 1
    if kernel_size is not None:
        check_whole(kernel_size, "kernel_size")
    size = min(2 * math.ceil(3 * sigma) + 1, most) if kernel_size is None else kernel_size
    if size > most:
        raise ValueError(
            f"kernel_size: got {size} for pictures of {tuple(x.shape[-2:])}, want at most {most}"
        )
    bell = gaussian_kernel(sigma, size).to(x)  # (size,)
    padded = F.pad(x, (size // 2,) * 4, mode="reflect")
    along_rows = filter_channels(padded, bell[None, :])
    return filter_channels(along_rows, bell[:, None])


def box_mask(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Which pixels lie in boxes (B, 4) of whole numbers x1, y1, x2, y2: (B, 1, H, W) bool."""
    check_tensor(boxes, "boxes", "B", 4, kind="int")
    check_boxes(boxes, "B")
    check_size(size)
    x1, y1, x2, y2 = boxes[:, :, None].unbind(1)  # (B, 1)
    row, column = (torch.arange(n, device=boxes.device) for n in size)
    inside_rows, inside_columns = (row >= y1) & (row < y2), (column >= x1) & (column < x2)
    return (inside_rows[:, :, None] & inside_columns[:, None, :])[:, None]


def random_boxes(n: int, size: tuple[int, int], side: int, generator: torch.Generator) -> Tensor:
    """Draw squares about any pixel and cut them off at the edge, as cutout does: (n, 4) int64.

    Their area is therefore side² only where they fit; that they may stick out is what made cutout work best,
    its authors found (section 3.2).
    """
    check_whole(n, "n", 0)
    check_whole(side, "side")
    height, width = check_size(size)
    x = (torch.rand(n, generator=generator) * width).long() - side // 2
    y = (torch.rand(n, generator=generator) * height).long() - side // 2
    limit = torch.tensor([width, height, width, height])
    return torch.stack([x, y, x + side, y + side], dim=1).clamp_min(0).minimum(limit)


def cutout(x: Tensor, boxes: Tensor, fill: float = 0.0) -> Tensor:
    """Paint a box of each picture (B, 4) in one colour, so that no single part can be relied on."""
    check_images(x)
    check_tensor(boxes, "boxes", len(x), 4, kind="int")
    check_number(fill, "fill")
    return torch.where(box_mask(boxes, (x.shape[-2], x.shape[-1])).to(x.device), fill, x)


def random_photometric(
    x: Tensor,
    generator: torch.Generator,
    *,
    brightness_range: tuple[float, float] = (0.3, 1.7),
    contrast_range: tuple[float, float] = (0.5, 1.5),
    saturation_range: tuple[float, float] = (0.5, 1.5),
    most_hue: float = 0.1,
) -> Tensor:
    """Change brightness, contrast, saturation, hue, in this order, each by its own number for each picture.

    Parameters
    ----------
    x : Tensor
        (B, C, H, W) in [0, 1]; without three channels only brightness and contrast change.
    generator : torch.Generator
        Source of the random numbers.
    brightness_range, contrast_range, saturation_range : tuple of float
        Between which the factors are drawn evenly.
    most_hue : float
        Largest turn to either side, in circles, 0 to 0.5.

    Returns
    -------
    Tensor
        (B, C, H, W) in [0, 1].

    Raises
    ------
    ValueError
        For another shape, type or range.
    """
    check_images(x, unit_range=True)
    check_numbers(brightness_range, "brightness_range", 2)
    check_numbers(contrast_range, "contrast_range", 2)
    check_numbers(saturation_range, "saturation_range", 2)
    check_number(most_hue, "most_hue")
    u = torch.rand(4, len(x), generator=generator).to(x)  # (4, B) in [0, 1)

    def between(span: tuple[float, float], share: Tensor) -> Tensor:
        return span[0] + (span[1] - span[0]) * share

    x = contrast(brightness(x, between(brightness_range, u[0])), between(contrast_range, u[1]))
    if x.shape[1] != 3:
        return x
    return hue(saturation(x, between(saturation_range, u[2])), between((-most_hue, most_hue), u[3]))
