"""Depth from two eyes (S18.1): block matching along the rows of a rectified pair, and semi-global matching.

D. Scharstein and R. Szeliski, "A Taxonomy and Evaluation of Dense Two-Frame Stereo Correspondence
Algorithms", IJCV 2002, names the steps: matching cost, aggregation, choice, refinement. H. Hirschmüller,
"Stereo Processing by Semiglobal Matching and Mutual Information", PAMI 2008, is the better aggregation
(`semi_global.py`).

The pair is rectified: what one eye sees in a row, the other sees in the same row, `disparity` pixels further
to the left in the right picture. Simplified: absolute differences or correlation as the cost, not mutual
information; nothing is filled in where the check fails.

Shapes: B pairs, C channels, H × W pixels, D disparities, lowest first.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import (
    check_choice,
    check_finite,
    check_images,
    check_number,
    check_numbers,
    check_tensor,
    check_type,
    check_whole,
)

from .semi_global import check_volume, semi_global


class Matches(NamedTuple):
    """What stereo matching gives, seen from the left eye.

    disparity : (B, H, W) pixels, for every pixel.
    valid : (B, H, W) bool: whether the right eye agrees.
    """

    disparity: Tensor
    valid: Tensor


def block_cost(left: Tensor, right: Tensor, radius: int, measure: str = "sad") -> Tensor:
    """How badly blocks around the same pixel of two pictures fit, (B, H, W); 0 is a perfect fit.

    Parameters
    ----------
    left, right : Tensor
        (B, C, H, W).
    radius : int
        Blocks have 2 radius + 1 pixels a side; at the border, what lies inside of them.
    measure : {"sad", "zncc"}
        The mean absolute difference, or 1 − the correlation of the two blocks (zero-mean, normalised: blind
        to brightness and contrast), from 0 to 2.

    Returns
    -------
    Tensor
        (B, H, W), of the pictures' type.
    """
    check_choice(measure, "measure", "sad", "zncc")
    check_pair(left, right)
    check_whole(radius, "radius", 0)
    if measure == "sad":
        return block_mean((left - right).abs(), radius)
    a, b = block_mean(left, radius), block_mean(right, radius)  # (B, H, W)
    ab = block_mean(left * right, radius) - a * b  # covariance
    aa = block_mean(left * left, radius) - a * a
    bb = block_mean(right * right, radius) - b * b
    return 1 - ab / (aa.clamp_min(1e-6) * bb.clamp_min(1e-6)).sqrt()


def block_mean(x: Tensor, radius: int) -> Tensor:
    """Mean of x (B, C, H, W) over channels and blocks of 2 radius + 1 pixels a side, (B, H, W)."""
    check_images(x, maps=True)
    side, x = 2 * check_whole(radius, "radius", 0) + 1, x.mean(1, keepdim=True)
    x = F.avg_pool2d(
        x, (side, 1), 1, (radius, 0), count_include_pad=False
    )  # columns, then rows: the same mean
    return F.avg_pool2d(x, (1, side), 1, (0, radius), count_include_pad=False)[:, 0]


def cost_volume(
    left: Tensor, right: Tensor, most: int, *, least: int = 0, radius: int = 4, measure: str = "sad"
) -> Tensor:
    """Cost of every disparity at every pixel of the left picture.

    Parameters
    ----------
    left, right : Tensor
        (B, C, H, W), a rectified pair.
    most, least : int
        The disparities to try: least, …, most.
    radius, measure
        As for `block_cost`.

    Returns
    -------
    Tensor
        (B, D, H, W), D = most − least + 1; infinite where the partner would lie outside the right picture.

    Raises
    ------
    ValueError
        For pictures that do not fit together, and where 0 ≤ least ≤ most < W does not hold.
    """
    check_pair(left, right)
    check_whole(least, "least", 0)
    check_whole(most, "most", least)
    if most >= left.shape[3]:
        raise ValueError(f"most: got {most}, want less than the pictures' width, {left.shape[3]}")
    b, _, h, w = left.shape
    volume = left.new_full((b, most - least + 1, h, w), torch.inf)
    for k, d in enumerate(range(least, most + 1)):
        seen, partner = left[..., d:], right[..., : w - d]  # column j of the left, j − d of the right
        volume[:, k, :, d:] = block_cost(seen, partner, radius, measure)
    return volume


def best_disparity(volume: Tensor, least: int = 0) -> Tensor:
    """Take the cheapest disparity of each pixel, and between whole ones the lowest point of a parabola.

    Parameters
    ----------
    volume : Tensor
        (B, D, H, W): costs; infinite ones are no choice.
    least : int
        The first disparity.

    Returns
    -------
    Tensor
        (B, H, W) pixels; NaN where a pixel has no choice at all.
    """
    check_volume(volume)
    check_whole(least, "least", 0)
    cost, winner = volume.min(1)  # (B, H, W)
    before = volume.gather(1, (winner - 1).clamp_min(0)[:, None])[:, 0]
    after = volume.gather(1, (winner + 1).clamp_max(volume.shape[1] - 1)[:, None])[:, 0]
    bend = before - 2 * cost + after
    shift = 0.5 * (before - after) / bend  # where the parabola through the three costs is lowest
    inside = (winner > 0) & (winner < volume.shape[1] - 1) & bend.isfinite() & (bend > 0)
    disparity = least + winner + torch.where(inside, shift, 0.0)
    return torch.where(cost.isfinite(), disparity, torch.nan)


def seen_from_the_right(volume: Tensor, least: int = 0) -> Tensor:
    """Costs (B, D, H, W) of the left pixels → of the right: its column j has its partner in column j + d."""
    check_volume(volume)
    check_whole(least, "least", 0)
    turned = torch.full_like(volume, torch.inf)
    for k in range(volume.shape[1]):
        d = least + k
        turned[:, k, :, : max(volume.shape[3] - d, 0)] = volume[:, k, :, d:]
    return turned


def left_right_check(left: Tensor, right: Tensor, tolerance: float = 1.0) -> Tensor:
    """Whether the partner's own best match leads back.

    Parameters
    ----------
    left, right : Tensor
        (B, H, W): disparity of each pixel of the left and of the right picture, NaN where there is none.
    tolerance : float
        Pixels by which the two may differ.

    Returns
    -------
    Tensor
        (B, H, W) bool, for the left picture. False where a thing hides from one eye, mostly.
    """
    check_tensor(left, "left", "B", "H", "W", some=True)
    check_tensor(right, "right", *left.shape)
    check_number(tolerance, "tolerance", 0)
    column = torch.arange(left.shape[2]).to(left)
    partner = (column - left).round()  # (B, H, W)
    inside = (partner >= 0) & (partner < left.shape[2])  # also False for NaN
    back = right.gather(2, torch.where(inside, partner, 0.0).long())
    return inside & ((left - back).abs() <= tolerance)


def match(
    left: Tensor,
    right: Tensor,
    most: int,
    *,
    least: int = 0,
    radius: int = 4,
    measure: str = "sad",
    smooth: tuple[float, float] | None = None,
    tolerance: float = 1.0,
) -> Matches:
    """Match a rectified pair: costs, paths if asked, the cheapest disparity, and the other eye's opinion.

    Parameters
    ----------
    left, right, most, least, radius, measure
        As for `cost_volume`.
    smooth : (float, float), optional
        P₁ and P₂ of `semi_global`; plain block matching without.
    tolerance : float
        Pixels by which the two eyes may disagree.

    Returns
    -------
    Matches
    """
    volume = cost_volume(left, right, most, least=least, radius=radius, measure=measure)
    if smooth is not None:
        check_numbers(smooth, "smooth", 2)
        volume = semi_global(volume, *smooth)
    disparity = best_disparity(volume, least)
    other = best_disparity(seen_from_the_right(volume, least), least)
    return Matches(disparity, left_right_check(disparity, other, tolerance))


def check_pair(left: Tensor, right: Tensor) -> None:
    """Two batches of finite pictures of one shape and type."""
    check_images(left)
    check_images(right)
    if left.shape != right.shape:
        raise ValueError(f"right: got shape {tuple(right.shape)}, want that of left, {tuple(left.shape)}")
    check_type(right, left, name="right")
    check_finite(left, "left")
    check_finite(right, "right")
