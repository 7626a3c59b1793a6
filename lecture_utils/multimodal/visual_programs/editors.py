"""The editors that visual programs call (S14.7): grey or blur all but the object, recolour it, stamp it.

T. Gupta and A. Kembhavi, "Visual Programming", CVPR 2023, section 4.4 and figure 3: COLORPOP, BGBLUR, REPLACE
and EMOJI. Simplified: REPLACE changes the colour and keeps the shade, where the paper paints anew with a
diffusion model; there is one emoji, drawn here.

Shapes: H × W pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lecture_utils.imaging.formation import gaussian_blur
from lecture_utils.multimodal.visual_programs.modules import the
from lecture_utils.multimodal.visual_programs.values import Found, Picture
from lecture_utils.ops.checks import check_choice, check_rgb, check_tensor

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in a grey
BLUR = 0.04  # spread of the blur, as a share of the picture's width


def brightness(pixels: Tensor) -> Tensor:
    """Return the grey of each pixel, (1, H, W), of (3, H, W)."""
    check_rgb(pixels, unit_range=True)
    check_tensor(pixels, "pixels", 3, "H", "W")
    return (pixels * pixels.new_tensor(LUMA)[:, None, None]).sum(0, keepdim=True)


def checked(image: Picture, mask: Tensor, doing: str) -> Tensor:
    """Return the mask (H, W), or raise ValueError where it is not the picture's, or is empty."""
    check_tensor(mask, f"{doing}, mask", *image.pixels.shape[1:], kind="bool")
    if not bool(mask.any()):
        raise ValueError(f"{doing}: got no pixel of an object, want one at least")
    return mask


def colour_pop(image: Picture, mask: Tensor) -> Picture:
    """COLOURPOP: all is grey but the object."""
    keep = checked(image, mask, "COLOURPOP")
    return Picture(torch.where(keep, image.pixels, brightness(image.pixels)))


def background_blur(image: Picture, mask: Tensor) -> Picture:
    """BGBLUR: what is behind is blurred, from itself alone, so that no colour of the object runs out."""
    behind = ~checked(image, mask, "BGBLUR")
    sigma = BLUR * image.pixels.shape[2]
    share = gaussian_blur(behind[None].to(image.pixels), sigma)  # (1, H, W) of the weights that lie behind
    soft = gaussian_blur(image.pixels * behind, sigma) / share.clamp(min=1e-6)
    return Picture(torch.where(behind, soft.clamp(0, 1), image.pixels))


def replace(palette: Mapping[str, Sequence[float]], image: Picture, mask: Tensor, colour: str) -> Picture:
    """REPLACE: the object in another colour of the palette, with the light and shade that it has."""
    check_choice(colour, "REPLACE, colour", *palette)
    inside = checked(image, mask, "REPLACE")
    grey = brightness(image.pixels)  # (1, H, W)
    shade = grey / grey[:, inside].median().clamp(min=1e-3)
    painted = (image.pixels.new_tensor(palette[colour])[:, None, None] * shade).clamp(0, 1)
    return Picture(torch.where(inside, painted, image.pixels))


def emoji(image: Picture, box: list[Found]) -> Picture:
    """EMOJI: a smiling face on the one thing, as large as its box."""
    x1, y1, x2, y2 = the(box, "EMOJI").box
    height, width = image.pixels.shape[1:]
    radius = max(x2 - x1, y2 - y1) / 2
    right = ((torch.arange(width) + 0.5 - (x1 + x2) / 2) / radius)[None, :]  # (1, W), in radii
    down = ((torch.arange(height) + 0.5 - (y1 + y2) / 2) / radius)[:, None]  # (H, 1)
    far = (right**2 + down**2).sqrt()
    eyes = ((right.abs() - 0.35) ** 2 + (down + 0.25) ** 2).sqrt() < 0.17
    mouth = ((far - 0.58).abs() < 0.1) & (down > 0.2)
    dark = eyes | mouth | ((far > 0.9) & (far <= 1.0))
    pixels = torch.where(far <= 1.0, image.pixels.new_tensor((1.0, 0.8, 0.2))[:, None, None], image.pixels)
    return Picture(torch.where(dark, image.pixels.new_tensor((0.2, 0.12, 0.05))[:, None, None], pixels))


def editor_modules(palette: Mapping[str, Sequence[float]]) -> dict[str, Callable[..., Any]]:
    """What programs that edit may call besides; `palette` has the colours that REPLACE knows, in sRGB."""
    return {
        "COLOURPOP": colour_pop,
        "BGBLUR": background_blur,
        "REPLACE": partial(replace, palette),
        "EMOJI": emoji,
    }
