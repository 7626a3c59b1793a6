"""Digits as levels, for networks that tell one pixel after another: data, baselines, training, measures.

Shapes: N digits, B batch, L = 17 levels, 8 × 8 pixels.
"""


import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.data import digits

LEVELS, SIDE, BATCH = 17, 8, 32  # whole numbers from 0 to 16; pixels a side


def as_levels(images: Tensor) -> Tensor:
    """Pictures (N, 1, 8, 8) in [0, 1] as levels 0 to 16, int64."""
    return (images * (LEVELS - 1)).round().long()


def as_pictures(levels: Tensor) -> Tensor:
    """Levels 0 to 16 as pictures in [0, 1]."""
    return levels.float() / (LEVELS - 1)


def levels_of(split: str) -> Tensor:
    """The digits of a split, (N, 1, 8, 8) int64."""
    return as_levels(digits.load(SIDE, split)[0])


def shifted(image: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Move each picture (B, C, H, W) by a pixel along a side, with probability `share` for each side."""
    padded = F.pad(image, (1, 1, 1, 1))
    height, width = image.shape[2:]
    rows, columns = (
        1 + (torch.rand(len(image), generator=generator) < share).long()
        * (2 * torch.randint(0, 2, (len(image),), generator=generator) - 1)
        for _ in range(2)
    )  # fmt: skip
    y = rows[:, None, None] + torch.arange(height)[:, None]  # (B, H, 1)
    x = columns[:, None, None] + torch.arange(width)  # (B, 1, W)
    each = torch.arange(len(image))[:, None, None]
    return padded.permute(0, 2, 3, 1)[each, y, x].permute(0, 3, 1, 2)  # (B, C, H, W)
