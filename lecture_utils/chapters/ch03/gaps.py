"""What a masked auto-encoder paints into its gaps, in decibels, and the photographs that it learns from.

Any model will do that has ``reconstruct(images, generator=...)`` -> (pictures, mask of patches), with patches
of 6 × 6 pixels.

Shapes: B pictures of 48 × 48, N = 64 patches.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from lecture_utils.data import photographs
from lecture_utils.metrics.psnr import psnr
from lecture_utils.selfsup.fills import hidden_pixels, linear_fill
from lecture_utils.selfsup.views import crop_batch

PATCH, HIDDEN = 6, 0.75
PHOTOGRAPHS = {
    "learn": (
        "rocket", "motorcycle", "retina", "camera", "coins", "moon", "clock", "brick", "grass", "gravel",
        "flower", "hubble",
    ),
    "test": ("astronaut", "cat", "coffee", "china"),
}  # fmt: skip


class Painter(Protocol):
    """A masked auto-encoder that can show what it makes of a picture."""

    reconstruct: Callable[..., tuple[Tensor, Tensor]]


def gaps_filled(model: Painter, images: Tensor, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (B, 3, 48, 48) filled in, their masks (B, N), and the PSNR in dB of each one's gaps (B,)."""
    with torch.no_grad():
        filled, mask = model.reconstruct(images, generator=torch.Generator().manual_seed(seed))
    filled = filled.clamp(0, 1)
    return filled, mask, psnr(filled, images, hidden_pixels(mask, PATCH, *images.shape[-2:]))


def gap_psnr(model: Painter, images: Tensor, seed: int = 0) -> float:
    """Mean PSNR in dB of what a model paints into the gaps."""
    return gaps_filled(model, images, seed)[2].mean().item()


def interpolated_psnr(images: Tensor, seed: int = 0) -> float:
    """Mean PSNR in dB of interpolation from the visible pixels; three patches in four are hidden."""
    count = (images.shape[-1] // PATCH) ** 2
    noise = torch.rand(len(images), count, generator=torch.Generator().manual_seed(seed))
    places = noise.argsort(1).argsort(1)
    hidden = hidden_pixels(places >= round(count * (1 - HIDDEN)), PATCH, *images.shape[-2:])
    return psnr(linear_fill(images, hidden), images, hidden).mean().item()


def photograph_crops(kind: str, number: int) -> Tensor:
    """Cuts of 48 × 48 pixels from the photographs of a kind, in turn: (number, 3, 48, 48)."""
    names = PHOTOGRAPHS[kind]
    whole = torch.stack([photographs.load(name, size=144) for name in names])
    some = whole.repeat(-(-number // len(names)), 1, 1, 1)[:number]
    return crop_batch(some, 48, (0.1, 0.5), generator=torch.Generator().manual_seed(0))
