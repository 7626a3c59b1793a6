"""Descriptors and matches (S18.2): which corner of one picture is which of another.

- M. Brown, R. Szeliski, S. Winder, "Multi-Image Matching using Multi-Scale Oriented Patches", CVPR 2005:
  a corner's neighbourhood, sampled coarsely, less its mean, over its length.
- D. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints" (SIFT), IJCV 2004, section 6: 4 × 4
  histograms of 8 gradient directions; section 7.1: the ratio test.

Simplified: neither is turned with the corner nor scaled, so the cameras must be about upright and about
equally far away; that makes them more telling. The histograms are read from smoothed maps of each direction,
as in E. Tola, V. Lepetit, P. Fua, "DAISY", PAMI 2010, instead of being gathered at each corner, and no window
weighs the middle more.

Shapes: K and L corners; D numbers each.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.geometry.corners import (
    blur,
    find_corners,
    gradients,
    grey,
    shi_tomasi_score,
)
from lecture_utils.ops.checks import check_choice, check_images, check_number, check_tensor, check_whole

DIRECTIONS, CELLS = 8, 4  # SIFT's histograms


class Features(NamedTuple):
    """K corners of a picture: pixels (K, 2) as u, v, and descriptors (K, D) of length 1."""

    pixels: Tensor
    descriptors: Tensor


class Matches(NamedTuple):
    """M pairs: which corner of each picture, (M, 2) int64, and the distance of their descriptors, (M,)."""

    pairs: Tensor
    distance: Tensor


def sample_grid(maps: Tensor, pixels: Tensor, *, cells: int, spacing_px: float) -> Tensor:
    """Read maps (C, H, W) on a grid of cells × cells around each pixel, (K, C, cells, cells), bilinearly."""
    check_tensor(maps, "maps", "C", "H", "W", finite=True)
    check_tensor(pixels, "pixels", "K", 2, finite=True)
    check_whole(cells, "cells")
    check_number(spacing_px, "spacing_px", 0, above=True)
    steps = (torch.arange(cells) - (cells - 1) / 2).to(maps) * spacing_px
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    at = pixels.to(maps)[:, None, None] + torch.stack([u, v], dim=-1)  # (K, cells, cells, 2)
    size = torch.tensor([maps.shape[2], maps.shape[1]]).to(maps)
    at = (2 * at / size - 1).flatten(1, 2)[None]  # (1, K, cells², 2) in [-1, 1]
    read = F.grid_sample(maps[None], at, padding_mode="border", align_corners=False)  # (1, C, K, cells²)
    return read[0].movedim(1, 0).unflatten(2, (cells, cells))


def patches(image: Tensor, pixels: Tensor, *, cells: int = 8, spacing_px: float = 3.0) -> Tensor:
    """Normalised patches around pixels (K, 2) of brightness (1, 1, H, W): (K, cells²), mean 0, length 1."""
    check_images(image, 1)
    check_number(spacing_px, "spacing_px", 0, 100, above=True)
    smooth = blur(image, spacing_px / 2)[0]  # so that no sample steps over what lies between two
    read = sample_grid(smooth, pixels, cells=cells, spacing_px=spacing_px).flatten(1)
    return F.normalize(read - read.mean(1, keepdim=True), dim=1)


def gradient_histograms(image: Tensor, pixels: Tensor, *, spacing_px: float = 4.0) -> Tensor:
    """SIFT's descriptor without scale and turn, (K, 128) of length 1.

    Parameters
    ----------
    image : Tensor
        (1, 1, H, W) brightness.
    pixels : Tensor
        (K, 2): u, v.
    spacing_px : float
        Side of one of the 4 × 4 cells.

    Raises
    ------
    ValueError
        For other shapes or types, NaN.
    """
    check_images(image, 1)
    check_number(spacing_px, "spacing_px", 0, 100, above=True)
    slope_u, slope_v = gradients(blur(image, 1.0))[0]  # (H, W) each
    strength = torch.hypot(slope_u, slope_v)
    place = torch.atan2(slope_v, slope_u) * DIRECTIONS / (2 * math.pi)  # 0 to 8, going round
    bins = torch.arange(DIRECTIONS).to(place)[:, None, None]
    apart = ((place - bins + DIRECTIONS / 2) % DIRECTIONS - DIRECTIONS / 2).abs()
    maps = strength * (1 - apart).clamp_min(0)  # (8, H, W): each slope is shared by its two nearest bins
    maps = blur(maps[None], spacing_px / 2)[0]  # a cell's sum
    read = sample_grid(maps, pixels, cells=CELLS, spacing_px=spacing_px).flatten(1)
    clipped = F.normalize(read, dim=1).clamp_max(0.2)  # one strong edge is not all (section 6.1)
    return F.normalize(clipped, dim=1)


def find_features(image: Tensor, *, count: int = 1000, kind: str = "histograms") -> Features:
    """Corners of a picture by Shi and Tomasi's score, with their descriptors.

    Parameters
    ----------
    image : Tensor
        (C, H, W) in [0, 1], C of 1 or 3.
    count : int
        How many corners at most.
    kind : "histograms" or "patches"
        The descriptor.

    Raises
    ------
    ValueError
        For another shape, type or range.
    """
    check_tensor(image, "image", "C", "H", "W")
    check_choice(kind, "kind", "histograms", "patches")
    bright = grey(image[None])
    corners = find_corners(shi_tomasi_score(bright)[0], count=count)
    describe = gradient_histograms if kind == "histograms" else patches
    return Features(corners.pixels, describe(bright, corners.pixels))


def match(first: Tensor, second: Tensor, *, ratio: float = 0.8) -> Matches:
    """Pairs that are each other's nearest, and clearly nearer than the next best.

    Parameters
    ----------
    first, second : Tensor
        (K, D) and (L, D) descriptors.
    ratio : float
        Lowe's: the nearest must be nearer than this share of the second nearest, both ways. 1 asks nothing.

    Returns
    -------
    Matches
        The nearest pairs first; perhaps none.

    Raises
    ------
    ValueError
        For other shapes or types, NaN, or a ratio that is not in (0, 1].
    """
    check_tensor(first, "first", "K", "D", finite=True)
    check_tensor(second, "second", "L", first.shape[1], finite=True)
    check_number(ratio, "ratio", 0, 1, above=True)
    if not len(first) or not len(second):
        return Matches(torch.zeros(0, 2, dtype=torch.long), first.new_zeros(0))
    distance = torch.cdist(first, second)  # (K, L)
    near, chosen = distance.min(1)  # (K,)
    back = distance.min(0).indices  # (L,)
    row = torch.arange(len(first))
    mutual = back[chosen] == row
    clear = near <= ratio * torch.minimum(_second(distance), _second(distance.mT)[chosen])
    row = row[mutual & clear]
    row = row[near[row].argsort(stable=True)]
    return Matches(torch.stack([row, chosen[row]], dim=1), near[row])


def _second(distance: Tensor) -> Tensor:
    """The second smallest of each row; infinite where there is only one."""
    if distance.shape[1] < 2:
        return torch.full_like(distance[:, 0], math.inf)
    return distance.topk(2, dim=1, largest=False).values[:, 1]
