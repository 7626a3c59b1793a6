"""Corners (S18.2): places that look different after a small shift in any direction, to a part of a pixel.

- C. Harris, M. Stephens, "A Combined Corner and Edge Detector", Alvey Vision Conference 1988: the structure
  tensor and the score det A - κ (trace A)².
- J. Shi, C. Tomasi, "Good Features to Track", CVPR 1994: the smaller eigenvalue of A instead.
- M. Brown, D. Lowe, "Invariant Features from Interest Point Groups", BMVC 2002: the peak between pixels, of a
  quadratic through its neighbours.

Simplified: one scale (SIFT looks for peaks over scales too), so two pictures must show things about equally
large.

Shapes: B pictures of C = 1 or 3 channels, H × W; K corners. Pixels are u, v with centres at + 0.5.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_images, check_number, check_tensor, check_whole

LUMA = (0.299, 0.587, 0.114)  # of R, G, B (ITU-R BT.601)


class Corners(NamedTuple):
    """K corners, the strongest first: pixels (K, 2) as u, v, and their score (K,)."""

    pixels: Tensor
    score: Tensor


def grey(images: Tensor) -> Tensor:
    """Brightness (B, 1, H, W) of pictures (B, 3, H, W) or (B, 1, H, W) in [0, 1]."""
    check_images(images, unit_range=True)
    if images.shape[1] == 1:
        return images
    check_images(images, 3)
    return (images * torch.tensor(LUMA).to(images)[:, None, None]).sum(1, keepdim=True)


def blur(x: Tensor, sigma_px: float) -> Tensor:
    """Smooth each channel of (B, C, H, W) with a Gaussian; beyond the border the last pixel goes on."""
    check_images(x, maps=True)
    check_number(sigma_px, "sigma_px", 0, 100, above=True)
    reach = int(4 * sigma_px + 0.5)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma_px) ** 2).to(x)
    weights = (weights / weights.sum()).expand(x.shape[1], 1, -1)
    wide = F.pad(x, (reach, reach, reach, reach), mode="replicate")
    along = F.conv2d(wide, weights[:, :, None, :], groups=x.shape[1])
    return F.conv2d(along, weights[:, :, :, None], groups=x.shape[1])


def gradients(image: Tensor) -> Tensor:
    """Slope of brightness per pixel along u and v, (B, 2, H, W), of (B, 1, H, W), by Sobel's filter."""
    check_images(image, 1)
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]).to(image) / 8
    filters = torch.stack([across, across.mT])[:, None]  # (2, 1, 3, 3)
    return F.conv2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), filters)


def structure_tensor(image: Tensor, sigma_px: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """The sums A_uu, A_uv, A_vv, each (B, H, W), of products of slopes in a Gaussian window.

    Shift the window by d: the squared difference is about dᵀ A d. A corner has two large eigenvalues.
    """
    slope_u, slope_v = gradients(image).unbind(1)  # each (B, H, W)
    products = torch.stack([slope_u**2, slope_u * slope_v, slope_v**2], dim=1)
    uu, uv, vv = blur(products, sigma_px).unbind(1)
    return uu, uv, vv


def harris_score(image: Tensor, *, sigma_px: float = 1.0, kappa: float = 0.05) -> Tensor:
    """Harris's score of each pixel: det A - κ (trace A)², negative on edges, about 0 where nothing changes.

    Parameters
    ----------
    image : Tensor
        (B, 1, H, W) brightness.
    sigma_px : float
        Of the Gaussian window. A small one finds many corners of a fine texture; where four fields of a
        checkerboard meet it must be wider (2 pixels), as the slopes are 0 in the middle.
    kappa : float
        0.04 to 0.06 is usual.

    Returns
    -------
    Tensor
        (B, H, W).

    Raises
    ------
    ValueError
        For another shape or type, or settings out of range.
    """
    check_number(kappa, "kappa", 0, 0.25)
    uu, uv, vv = structure_tensor(image, sigma_px)
    return uu * vv - uv**2 - kappa * (uu + vv) ** 2


def shi_tomasi_score(image: Tensor, *, sigma_px: float = 1.0) -> Tensor:
    """The smaller eigenvalue of A at each pixel, (B, H, W): how much the least telling shift changes."""
    uu, uv, vv = structure_tensor(image, sigma_px)
    half_gap = torch.sqrt(((uu - vv) / 2) ** 2 + uv**2)
    return (uu + vv) / 2 - half_gap


def find_corners(
    score: Tensor, *, count: int = 1000, radius: int = 2, border: int = 10, least: float = 0.001
) -> Corners:
    """Peaks of a score map: non-maximum suppression, the strongest kept, refined between the pixels.

    Parameters
    ----------
    score : Tensor
        (H, W), of one picture.
    count : int
        How many at most.
    radius : int
        A peak is the highest within a square of 2 · radius + 1 pixels.
    border : int
        Pixels along each side where no peak is taken, 1 or more.
    least : float
        Peaks below this share of the highest are dropped.

    Raises
    ------
    ValueError
        For another shape, NaN, or settings out of range.
    """
    check_tensor(score, "score", "H", "W", finite=True, some=True)
    check_whole(count, "count")
    check_whole(radius, "radius")
    check_whole(border, "border")
    check_number(least, "least", 0, 1)
    highest = F.max_pool2d(score[None, None], 2 * radius + 1, stride=1, padding=radius)[0, 0]
    peak = (score == highest) & (score > least * score.max()) & (score > 0)
    inside = torch.zeros_like(peak)
    inside[border:-border, border:-border] = True
    row, column = torch.nonzero(peak & inside, as_tuple=True)  # each (K,)
    order = score[row, column].argsort(descending=True, stable=True)[:count]
    row, column = row[order], column[order]
    return Corners(refine(score, row, column), score[row, column])


def refine(score: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Move each peak to the top of the quadratic through its 3 × 3 pixels, by half a pixel at most.

    The top of s + gᵀ d + ½ dᵀ H d is at d = -H⁻¹ g; g and H are differences of neighbours.

    Returns
    -------
    Tensor
        (K, 2): u, v of the pixels (row, column), each (K,) and off the border.
    """
    check_tensor(score, "score", "H", "W", finite=True)
    check_tensor(row, "row", "K", kind="int")
    check_tensor(column, "column", len(row), kind="int")
    for line, length, name in ((row, score.shape[0], "row"), (column, score.shape[1], "column")):
        if bool(((line < 1) | (line > length - 2)).any()):
            raise ValueError(f"{name}: got a pixel at the border, want 1 to {length - 2}")
    near = {(i, j): score[row + i, column + j] for i in (-1, 0, 1) for j in (-1, 0, 1)}  # each (K,)
    g_u, g_v = (near[0, 1] - near[0, -1]) / 2, (near[1, 0] - near[-1, 0]) / 2
    h_uu = near[0, 1] + near[0, -1] - 2 * near[0, 0]
    h_vv = near[1, 0] + near[-1, 0] - 2 * near[0, 0]
    h_uv = (near[1, 1] + near[-1, -1] - near[1, -1] - near[-1, 1]) / 4
    det = h_uu * h_vv - h_uv**2
    det = torch.where(det > 0, det, math.inf)  # no top there: the peak stays where it is
    moved = torch.stack([h_uv * g_v - h_vv * g_u, h_uv * g_u - h_uu * g_v], dim=1) / det[:, None]
    return torch.stack([column, row], dim=1) + 0.5 + moved.clamp(-0.5, 0.5)
