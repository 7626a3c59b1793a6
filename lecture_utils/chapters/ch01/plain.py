"""The three networks of the history as whole short classes, and the way back of im2col, as chapter 01 shows.

Each does what its namesake in `backbones` or `ops` does, without the options: tests copy the weights over and
hold the outputs equal.

Shapes: B batch, C channels, H and W height and width, K classes; kh × kw the kernel, h × w the output,
L = h·w its places.
"""

from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F


class AlexNet(nn.Module):
    """Five convolutions, three pools, three fully connected layers: 61.1 million weights."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(  # (B, 3, 224, 224)
            nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2),  # 27 × 27
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2),  # 13 × 13
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, stride=2),  # (B, 256, 6, 6)
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(),
            nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))  # (B, K)


class VGG(nn.Module):
    """Stages of 3×3 convolutions, each ended by a 2×2 pool; then three fully connected layers."""

    def __init__(self, depths: tuple[int, ...] = (2, 2, 3, 3, 3), classes: int = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for depth, channels in zip(depths, (64, 128, 256, 512, 512), strict=True):
            for _ in range(depth):
                layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
                before = channels
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)  # (B, 3, 224, 224) -> (B, 512, 7, 7)
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4096, classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))  # (B, K)


class BasicBlock(nn.Module):
    """ReLU(F(x) + x): two 3×3 convolutions, and a 1×1 convolution around them where the shape changes."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()  # nothing in a row: the identity
        if before != channels:
            projection = nn.Conv2d(before, channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        y = F.relu(self.norm1(self.conv1(x)))  # (B, C', H / stride, W / stride)
        y = self.norm2(self.conv2(y))  # F(x)
        return F.relu(y + self.shortcut(x))


class ResNet(nn.Module):
    """A stem, four stages of blocks, the mean over all places, one fully connected layer."""

    def __init__(self, blocks: tuple[int, ...] = (2, 2, 2, 2), classes: int = 1000) -> None:
        super().__init__()
        conv = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.stem = nn.Sequential(conv, nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1))
        layers: list[nn.Module] = []
        before = 64
        for channels, depth in zip((64, 128, 256, 512), blocks, strict=True):
            for _ in range(depth):
                layers.append(BasicBlock(before, channels, stride=channels // before))
                before = channels
        self.stages = nn.Sequential(*layers)
        self.head = nn.Linear(512, classes)

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, 224, 224)
        x = self.stages(self.stem(x))  # (B, 64, 56, 56) -> (B, 512, 7, 7)
        return self.head(x.mean(dim=(2, 3)))  # (B, K)


def col2im(
    columns: Tensor, size: tuple[int, int], kernel: tuple[int, int], *, stride: int = 1, padding: int = 0
) -> Tensor:
    """Add every column (B, C·kh·kw, L) back to the pixels (B, C, H, W) that it came from."""
    (height, width), (kh, kw) = size, kernel
    h, w = (height + 2 * padding - kh) // stride + 1, (width + 2 * padding - kw) // stride + 1
    patches = rearrange(columns, "b (c kh kw) (h w) -> b c h w kh kw", kh=kh, kw=kw, h=h, w=w)
    image = columns.new_zeros(*patches.shape[:2], height + 2 * padding, width + 2 * padding)
    for i, j in np.ndindex(h, w):
        top, left = i * stride, j * stride
        image[:, :, top : top + kh, left : left + kw] += patches[:, :, i, j]
    return image[:, :, padding : padding + height, padding : padding + width]


def touched_pixels(layers: Sequence[tuple[int, int, int]], unit: int) -> tuple[int, int]:
    """First and last pixel, of a row of 300, that has a gradient from output `unit` of a chain.

    Each layer is (kernel, stride, padding).
    """
    row = torch.zeros(1, 1, 300, requires_grad=True)
    value = row
    for kernel, stride, padding in layers:
        value = F.conv1d(value, torch.ones(1, 1, kernel), stride=stride, padding=padding)
    (gradient,) = torch.autograd.grad(value[0, 0, unit], row)
    touched = gradient[0, 0].nonzero()[:, 0]
    return int(touched[0]), int(touched[-1])
