"""Colour spaces: the same three numbers a pixel, organised differently.

HSV: A. R. Smith, "Color Gamut Transform Pairs", SIGGRAPH 1978. Luma weights: Recommendations ITU-R BT.601 and
BT.709.

Simplified: RGB is taken as it stands in the file, gamma-encoded; no white points or profiles.

Shapes: … any leading axes, H height, W width. All values lie in [0, 1]; hue too: 0 red, 1/3 green, 2/3 blue,
and 1 is red again.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_numbers, check_rgb

BT601 = (0.299, 0.587, 0.114)  # standard television, JPEG
BT709 = (0.2126, 0.7152, 0.0722)  # high definition, sRGB screens


def rgb_to_hsv(image: Tensor) -> Tensor:
    """Hue, saturation and value of every pixel.

    Parameters
    ----------
    image : Tensor
        (…, 3, H, W), floating point, in [0, 1].

    Returns
    -------
    Tensor
        (…, 3, H, W): hue, saturation and value in [0, 1]. Hue 1 is red, as is 0; it appears only where
        rounding lifts the hue of a red with a trace of blue. Grey has hue 0, black also saturation 0.

    Raises
    ------
    ValueError
        For another shape or type, values outside [0, 1], or NaN.
    """
    check_rgb(image, unit_range=True)
    r, g, b = image.unbind(dim=-3)  # each (…, H, W)
    value, low = image.amax(dim=-3), image.amin(dim=-3)
    chroma = value - low
    span = torch.where(chroma > 0, chroma, 1)  # no division by zero on grey
    sector = torch.where(value == g, 2 + (b - r) / span, 4 + (r - g) / span)  # green or blue is largest
    sector = torch.where(value == r, (g - b) / span, sector)  # red is largest
    hue = (sector / 6) % 1
    saturation = chroma / torch.where(value > 0, value, 1)
    return torch.stack([hue, saturation, value], dim=-3)


def hsv_to_rgb(image: Tensor) -> Tensor:
    """The inverse of `rgb_to_hsv`.

    Parameters
    ----------
    image : Tensor
        (…, 3, H, W), floating point: hue, saturation, value in [0, 1].

    Returns
    -------
    Tensor
        (…, 3, H, W), red, green, blue in [0, 1].

    Raises
    ------
    ValueError
        For another shape or type, values outside [0, 1], or NaN.
    """
    check_rgb(image, unit_range=True)
    hue, saturation, value = image.unbind(dim=-3)  # each (…, H, W)
    channels = []
    for offset in (5, 3, 1):  # red, green, blue: one curve over the hue, a third of the circle apart
        k = (offset + 6 * hue) % 6
        # 0: full brightness, 1: as dark as the saturation makes it
        share = torch.minimum(k, 4 - k).clamp(0, 1)
        channels.append(value * (1 - saturation * share))
    return torch.stack(channels, dim=-3)


def rgb_to_luma(image: Tensor, weights: tuple[float, float, float] = BT601) -> Tensor:
    """How bright every pixel looks: a weighted mean in which green counts most and blue least.

    Parameters
    ----------
    image : Tensor
        (…, 3, H, W), floating point, in [0, 1].
    weights : tuple of 3 float
        For red, green and blue, with sum 1: `BT601` or `BT709`.

    Returns
    -------
    Tensor
        (…, 1, H, W) in [0, 1].

    Raises
    ------
    ValueError
        For another shape or type, values outside [0, 1], NaN, or weights that do not sum to 1.
    """
    check_rgb(image, unit_range=True)
    check_numbers(weights, "weights", 3)
    if abs(sum(weights) - 1) > 1e-3:
        raise ValueError(f"weights: got {weights}, want three numbers with sum 1")
    return (image * image.new_tensor(weights)[:, None, None]).sum(dim=-3, keepdim=True)
