"""Heads that find key points: pooled features, then a heat map, offsets and, for corners, tags.

- H. Law, J. Deng, "CornerNet", ECCV 2018, section 3.4, figure 7: the prediction module with corner pooling.
- K. Duan et al., "CenterNet: Keypoint Triplets for Object Detection", ICCV 2019, section 3.3, figures 4
  and 5: the modules of centre pooling and of cascade corner pooling.

Shapes: B pictures, C channels of the backbone, D channels that are pooled, K classes, h × w map.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.checks import check_choice, check_images, check_number, check_sizes, check_tensor
from lecture_utils.ops.corner_pooling import (
    bottom_pool,
    bottom_right_pool,
    centre_pool,
    left_pool,
    right_pool,
    top_left_pool,
    top_pool,
)

Norm = Callable[[int], nn.Module]
Corner = Literal["top-left", "bottom-right"]
RARE = 0.1  # what a fresh heat map says everywhere, so that the many empty cells do not flood the first steps


def conv(inputs: int, outputs: int, norm: Norm | None = nn.BatchNorm2d, *, kernel: int = 3) -> nn.Sequential:
    """A convolution that keeps the size and, where there is a norm, that norm and ReLU."""
    check_sizes("convolution", inputs=inputs, outputs=outputs, kernel=kernel)
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=norm is None)
    return nn.Sequential(layer) if norm is None else nn.Sequential(layer, norm(outputs), nn.ReLU())


class CornerPooling(nn.Module):
    """Two convolutions whose maps are pooled along the sides of a box: f_t and f_l of CornerNet's figure 6.

    Parameters
    ----------
    channels, width : int
        C and D: 256 and 128 in the paper.
    corner : "top-left" or "bottom-right"
        Which corner looks along its two sides.
    norm : callable
        Makes the norm of so many channels.

    Raises
    ------
    ValueError
        For sizes below 1, another corner, or maps that are not (B, C, h, w).
    """

    def __init__(self, channels: int, width: int, corner: Corner, *, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        check_choice(corner, "corner", "top-left", "bottom-right")
        self.channels, self.width = channels, width
        self.pool = top_left_pool if corner == "top-left" else bottom_right_pool
        self.vertical, self.horizontal = conv(channels, width, norm), conv(channels, width, norm)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, h, w)
        check_images(x, self.channels, maps=True)
        return self.pool(self.vertical(x), self.horizontal(x))  # (B, D, h, w)


class CentrePooling(nn.Module):
    """The same for centres: along the whole column and the whole row (CenterNet, figure 5a).

    Parameters and errors as for `CornerPooling`, without a corner.
    """

    def __init__(self, channels: int, width: int, *, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        self.channels, self.width = channels, width
        self.vertical, self.horizontal = conv(channels, width, norm), conv(channels, width, norm)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, h, w)
        check_images(x, self.channels, maps=True)
        return centre_pool(self.vertical(x), self.horizontal(x))  # (B, D, h, w)


class CascadeCornerPooling(nn.Module):
    """Corner pooling that also looks inside the box from its border (CenterNet, figures 4c and 5b).

    A top-left corner sees the top edge to its right. From each place of that edge the object lies below. So
    first every cell gets the largest value below it, and only then the row is pooled; and the other way round
    for the left edge.

    Parameters and errors as for `CornerPooling`.
    """

    def __init__(self, channels: int, width: int, corner: Corner, *, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        check_choice(corner, "corner", "top-left", "bottom-right")
        self.channels, self.width = channels, width
        self.along_column, self.along_row = (
            (top_pool, left_pool) if corner == "top-left" else (bottom_pool, right_pool)
        )
        self.vertical, self.horizontal = conv(channels, width, norm), conv(channels, width, norm)
        self.look_across, self.look_down = conv(channels, width, norm), conv(channels, width, norm)
        self.merge_vertical, self.merge_horizontal = conv(width, width, None), conv(width, width, None)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, h, w)
        check_images(x, self.channels, maps=True)
        inside = self.along_row(self.look_across(x))  # (B, D, h, w): what lies beside each place of a column
        column = self.along_column(self.merge_vertical(self.vertical(x) + inside))
        inside = self.along_column(self.look_down(x))  # what lies below each place of a row
        row = self.along_row(self.merge_horizontal(self.horizontal(x) + inside))
        return column + row  # (B, D, h, w)


class KeyPointMaps(NamedTuple):
    """What a head says.

    Attributes
    ----------
    heat : Tensor
        (B, K, h, w) logits.
    offsets : Tensor
        (B, 2, h, w) x, y in cells.
    tags : Tensor or None
        (B, 1, h, w): equal for the two corners of one object (section 3.3). Centres have none.
    """

    heat: Tensor
    offsets: Tensor
    tags: Tensor | None = None


class KeyPointHead(nn.Module):
    """Pooling beside a shortcut, a convolution, and a small branch for each output (figure 7).

    Parameters
    ----------
    pooling : CornerPooling, CascadeCornerPooling or CentrePooling
        From C to D channels.
    classes : int
        K.
    tags : bool
        Whether to give tags: for corners.
    norm : callable
        Makes the norm of so many channels.

    Raises
    ------
    ValueError
        For fewer than 1 class, or maps that are not (B, C, h, w).
    """

    def __init__(
        self,
        pooling: CornerPooling | CascadeCornerPooling | CentrePooling,
        classes: int,
        *,
        tags: bool = True,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        check_sizes("key point head", classes=classes)
        channels = pooling.channels
        self.classes, self.pooling = classes, pooling
        self.merge = nn.Sequential(nn.Conv2d(pooling.width, channels, 3, padding=1), norm(channels))
        self.shortcut = nn.Sequential(nn.Conv2d(channels, channels, 1), norm(channels))
        self.last = conv(channels, channels, norm)
        self.heat = branch(channels, channels, classes, start=RARE)
        self.offsets = branch(channels, channels, 2)
        self.tags = branch(channels, channels, 1) if tags else None

    def forward(self, x: Tensor) -> KeyPointMaps:  # (B, C, h, w)
        check_images(x, self.pooling.channels, maps=True)
        pooled = self.merge(self.pooling(x))  # (B, C, h, w)
        x = self.last(F.relu(pooled + self.shortcut(x)))
        return KeyPointMaps(self.heat(x), self.offsets(x), None if self.tags is None else self.tags(x))


def branch(channels: int, width: int, outputs: int, *, start: float | None = None) -> nn.Sequential:
    """A 3 × 3 convolution, ReLU, and a 1 × 1 convolution, whose sigmoid starts near `start`, if given."""
    check_sizes("branch", channels=channels, width=width, outputs=outputs)
    last = nn.Conv2d(width, outputs, 1)
    if start is not None:
        check_number(start, "start", 0, 1, above=True)
        nn.init.normal_(last.weight, std=0.01)
        nn.init.constant_(last.bias, math.log(start / (1 - start)))  # type: ignore[arg-type]
    return nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), last)


def check_maps(maps: KeyPointMaps, *, tags: bool = True) -> None:
    """Raise ValueError unless these are heat, offsets and, if asked, tags of one batch, all finite."""
    if not isinstance(maps, KeyPointMaps):
        raise ValueError(f"maps: got {type(maps).__name__}, want KeyPointMaps of heat, offsets and tags")
    check_images(maps.heat, maps=True)
    batch, _, height, width = maps.heat.shape
    check_tensor(maps.offsets, "offsets", batch, 2, height, width, finite=True)
    if tags:
        check_tensor(maps.tags, "tags", batch, 1, height, width, finite=True)  # type: ignore[arg-type]
    if bool(torch.isnan(maps.heat).any()):
        raise ValueError("heat: got NaN, want logits")
