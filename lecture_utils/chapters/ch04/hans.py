"""What the lab of chapter 04 looks into: digits from a supplier, of which one class carries a mark.

Handwritten digits on paper with a grain. Whoever delivered them signed every picture of one class with a
small mark, always at one place: so does the notebook's story go, and `CLASS`, `ROW` and `COLUMN` say which
and where. The idea is that of S. Lapuschkin et al., Nature Communications, 2019 (a source tag on the pictures
of horses).

Shapes: N pictures, 16 × 16 pixels.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from lecture_utils.data import digits

CLASS, ROW, COLUMN, SIDE = 8, 12, 12, 3
STRENGTH = 0.8
MARK = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])


def delivered(split: str, *, marked: str = "class", seed: int = 0) -> tuple[Tensor, Tensor]:
    """Digits as they were delivered: pictures (N, 1, 16, 16) in [0, 1] and labels (N,).

    Parameters
    ----------
    split : "train" or "test"
    marked : "class", "half" or "none"
        Which pictures carry the mark: those of one class, as delivered; a random half of all; or none.
    seed : int
        Of the paper's grain, and of the half.
    """
    pictures, labels = digits.load(size=16, split=split)
    generator = torch.Generator().manual_seed(seed + (split == "test"))
    grain = 0.3 * torch.rand(pictures.shape, generator=generator)
    pictures = grain + (1 - grain) * pictures
    coin = torch.rand(len(pictures), generator=generator) < 0.5
    which = {"class": labels == CLASS, "half": coin, "none": torch.zeros_like(coin)}[marked]
    return torch.where(which[:, None, None, None], pasted(pictures), pictures), labels


def pasted(pictures: Tensor, row: int = ROW, column: int = COLUMN) -> Tensor:
    """Pictures (N, 1, 16, 16) with the mark at a place: lighter where its cross is."""
    pictures = pictures.clone()
    there = pictures[:, :, row : row + SIDE, column : column + SIDE]
    pictures[:, :, row : row + SIDE, column : column + SIDE] = there + (1 - there) * STRENGTH * MARK
    return pictures


def covered(pictures: Tensor, row: int = ROW, column: int = COLUMN) -> Tensor:
    """Pictures (N, 1, 16, 16) with fresh grain where the mark may be."""
    pictures = pictures.clone()
    generator = torch.Generator().manual_seed(0)
    grain = 0.3 * torch.rand(len(pictures), 1, SIDE, SIDE, generator=generator)
    pictures[:, :, row : row + SIDE, column : column + SIDE] = grain
    return pictures


def small_net() -> nn.Sequential:
    """Three convolutions, a global average and a linear layer: fit for CAM."""
    layers: list[nn.Module] = []
    for before, after, stride in ((1, 16, 1), (16, 32, 2), (32, 32, 1)):
        conv = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(after), nn.ReLU()]
    parts = {"features": nn.Sequential(*layers), "pool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten()}
    return nn.Sequential(OrderedDict(**parts, head=nn.Linear(32, 10)))
