"""Heat maps: targets with Gaussian slopes, the loss that forgives near misses, and peaks.

H. Law, J. Deng, "CornerNet: Detecting Objects as Paired Keypoints", ECCV 2018, section 3.2: how far the
slopes of targets reach, and the focal loss (equation 1). CenterNet with triplets (ICCV 2019) and CenterNet
with objects as points (2019) take both over, and all three find peaks by max pooling.

Simplified: a slope is not cut off at its radius, where it is down to exp(-4.5) = 0.011.

Shapes: B pictures, K classes, h × w map, N key points of all pictures. A cell is (x, y).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import (
    check_classes,
    check_images,
    check_number,
    check_size,
    check_tensor,
    check_whole,
)

NARROWEST = 1e-3  # cells; a slope's spread where the radius is 0


class Peaks(NamedTuple):
    """The peaks of one picture's heat maps, by falling score: scores (P,), labels (P,), cells (P, 2) x, y."""

    scores: Tensor
    labels: Tensor
    cells: Tensor


def corner_radii(sides: Tensor, iou: float) -> Tensor:
    """How far both corners of a box may move so that its IoU with the true one stays `iou`: three cases.

    Each corner moves by up to r along both axes.

    Parameters
    ----------
    sides : Tensor
        (N, 2) widths and heights w, h, above 0.
    iou : float
        t in (0, 1].

    Returns
    -------
    Tensor
        (N, 3) r, in the unit of `sides`: for a box that shrinks, grows, or is shifted.

    Raises
    ------
    ValueError
        For sides that are not finite and above 0, or t out of range.

    Notes
    -----
    In each case the IoU is t where a quadratic in r is 0:

    - shrinks: (w - 2r)(h - 2r) = t·w·h
    - grows: w·h = t·(w + 2r)(h + 2r)
    - is shifted: (w - r)(h - r) = t·(2·w·h - (w - r)(h - r))
    """
    check_tensor(sides, "sides", "N", 2, finite=True)
    if bool((sides <= 0).any()):
        raise ValueError(f"sides: got {float(sides.min()):.4g}, want widths and heights above 0")
    t = check_number(iou, "iou", 0, 1, above=True)
    total, area = sides.sum(1), sides.prod(1)  # w + h, w·h
    shrinks = (total - (total**2 - 4 * (1 - t) * area).clamp(min=0).sqrt()) / 4
    grows = ((t**2 * total**2 + 4 * t * (1 - t) * area).sqrt() - t * total) / (4 * t)
    shifted = (total - (total**2 - 4 * (1 - t) / (1 + t) * area).clamp(min=0).sqrt()) / 2
    return torch.stack([shrinks, grows, shifted], dim=1)


def gaussian_radius(sides: Tensor, iou: float) -> Tensor:
    """The radius within which any two corners make a box with IoU of `iou` or more (section 3.2), (N,).

    It is the smallest of the three of `corner_radii`, which is always that of a box that shrinks. (Code that
    the authors published solves this quadratic with another denominator and so comes to larger radii.)

    Parameters and errors as for `corner_radii`.
    """
    return corner_radii(sides, iou).amin(1)


def gaussian_targets(
    cells: Tensor, radius: Tensor, channel: Tensor, channels: int, size: tuple[int, int]
) -> Tensor:
    """Draw a Gaussian of height 1 around each cell; where two overlap, the higher one counts.

    Parameters
    ----------
    cells : Tensor
        (N, 2) int64 x, y.
    radius : Tensor
        (N,) in cells: three times the Gaussian's spread σ.
    channel : Tensor
        (N,) which map each is drawn on.
    channels : int
        How many maps.
    size : (int, int)
        h, w.

    Returns
    -------
    Tensor
        (channels, h, w) in [0, 1], of the type of `radius`.

    Raises
    ------
    ValueError
        For shapes that do not fit, negative radii, or cells outside the map.
    """
    height, width = check_size(size)
    check_cells(cells, size)
    check_tensor(radius, "radius", len(cells), finite=True)
    check_whole(channels, "channels")
    check_classes(channel, "channel", len(cells), classes=channels)
    if bool((radius < 0).any()):
        raise ValueError(f"radius: got {float(radius.min()):.4g}, want 0 or more")
    x, y = torch.arange(width, device=cells.device), torch.arange(height, device=cells.device)
    across = (x - cells[:, :1]).square()[:, None, :]  # (N, 1, w)
    down = (y - cells[:, 1:]).square()[:, :, None]  # (N, h, 1)
    sigma = (radius / 3).clamp(min=NARROWEST)[:, None, None]
    bumps = torch.exp(-(across + down) / (2 * sigma**2))  # (N, h, w)
    heat = bumps.new_zeros(channels, height, width)
    return heat.scatter_reduce(0, channel.long()[:, None, None].expand_as(bumps), bumps, "amax")


def heatmap_focal_loss(
    logits: Tensor, heat: Tensor, objects: int, *, alpha: float = 2.0, beta: float = 4.0
) -> Tensor:
    """Focal loss on heat maps (equation 1): wrong answers near a key point cost less than far from it.

    Parameters
    ----------
    logits : Tensor
        (B, K, h, w); p is their sigmoid.
    heat : Tensor
        (B, K, h, w) in [0, 1]: y, just 1 at the key points.
    objects : int
        N, what the sum is divided by; 0 counts as 1.
    alpha : float
        How much what is already right is left alone.
    beta : float
        How much the slope around a key point is spared.

    Returns
    -------
    Tensor
        Scalar.

    Raises
    ------
    ValueError
        For shapes that do not fit, heat outside [0, 1], or settings below 0.
    """
    check_images(logits, maps=True)
    check_tensor(heat, "heat", *logits.shape, finite=True)
    if not 0 <= float(heat.min()) <= float(heat.max()) <= 1:
        raise ValueError(f"heat: got values from {heat.min():.4g} to {heat.max():.4g}, want all in [0, 1]")
    check_whole(objects, "objects", 0)
    check_number(alpha, "alpha", 0)
    check_number(beta, "beta", 0)
    p, q = logits.sigmoid(), (-logits).sigmoid()  # q = 1 - p, without rounding
    at_points = q**alpha * F.logsigmoid(logits)  # (1 - p)^α log p
    elsewhere = (1 - heat) ** beta * p**alpha * F.logsigmoid(-logits)  # (1 - y)^β p^α log(1 - p)
    return -torch.where(heat == 1, at_points, elsewhere).sum() / max(1, objects)


def pick_peaks(heat: Tensor, most: int, *, window: int = 3) -> list[Peaks]:
    """Find where heat maps are as large as all their neighbours, and keep the highest such cells.

    This takes the place of non-maximum suppression. All cells of a plateau are peaks; cells of 0 are none.

    Parameters
    ----------
    heat : Tensor
        (B, K, h, w) scores in [0, 1].
    most : int
        Peaks a picture, of all classes together.
    window : int
        Odd side of the neighbourhood: 3.

    Returns
    -------
    list of Peaks
        One a picture.

    Raises
    ------
    ValueError
        For maps that are none, scores outside [0, 1] or NaN, or settings out of range.
    """
    check_images(heat, maps=True, unit_range=True)
    check_whole(most, "most")
    if check_whole(window, "window") % 2 == 0:
        raise ValueError(f"window: got {window}, want an odd number, so that it has a middle")
    highest = F.max_pool2d(heat, window, stride=1, padding=window // 2)
    peaks = torch.where(heat == highest, heat, 0).flatten(1)  # (B, K·h·w)
    scores, place = peaks.topk(min(most, peaks.shape[1]), dim=1)
    height, width = heat.shape[2:]
    found = []
    for score, where in zip(scores, place, strict=True):
        where, score = where[score > 0], score[score > 0]
        label, cell = where // (height * width), where % (height * width)
        found.append(Peaks(score, label, torch.stack([cell % width, cell // width], dim=1)))
    return found


def check_cells(cells: Tensor, size: Sequence[int]) -> None:
    """Raise ValueError unless cells are integers (N, 2) x, y inside a map of h × w."""
    check_tensor(cells, "cells", "N", 2, kind="int")
    height, width = size
    last = torch.tensor([width - 1, height - 1], device=cells.device)
    if bool(((cells < 0) | (cells > last)).any()):
        raise ValueError(f"cells: got one outside the map, want x from 0 to {width - 1}, y to {height - 1}")
