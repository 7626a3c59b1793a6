"""Does a map point at the object? Three ways to compare a map of importance with the object's exact mask.

- Pointing game: J. Zhang, Z. Lin, J. Brandt, X. Shen, S. Sclaroff, "Top-down Neural Attention by Excitation
  Backprop", ECCV 2016, section 4: a hit if the map's largest value lies on the object.
- Energy in the mask: H. Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural
  Networks", CVPR 2020 workshops (there with boxes).
- IoU of the mask with the few pixels that hold a share of the map's mass.

Only positive values count. A map with several largest values is judged by the share of them that hits, as if
one were drawn; so a map of zeros hits by chance, and its energy is spread evenly.

Shapes: B maps, H × W pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_float


def pointing_game(maps: Tensor, masks: Tensor, *, tolerance: float = 0) -> Tensor:
    """Whether each map's largest value lies on the object: 1 a hit, 0 a miss, between for ties, (B,).

    Parameters
    ----------
    maps : Tensor
        (B, H, W), floating point.
    masks : Tensor
        (B, H, W) bool, none empty.
    tolerance : float
        Pixels by which the point may miss the object, measured between pixel centres.

    Raises
    ------
    ValueError
        For other shapes, NaN, an empty mask or a negative tolerance.
    """
    check(maps, masks)
    if tolerance < 0:
        raise ValueError(f"tolerance: got {tolerance}, want 0 or more pixels")
    positive = maps.clamp_min(0)
    largest = positive == positive.amax((1, 2), keepdim=True)  # (B, H, W), at least one each
    hits = largest & dilate(masks, tolerance)
    return hits.sum((1, 2)) / largest.sum((1, 2))


def dilate(masks: Tensor, radius: float) -> Tensor:
    """Grow masks (B, H, W) by all pixels whose centre lies within `radius` of one of theirs."""
    reach = min(int(radius), max(masks.shape[1:]))
    if reach < 1:
        return masks
    at = torch.arange(-reach, reach + 1, device=masks.device)
    disc = (at[:, None].square() + at.square() <= radius**2).float()
    return F.conv2d(masks[:, None].float(), disc[None, None], padding=reach)[:, 0] > 0.5


def energy_in_mask(maps: Tensor, masks: Tensor) -> Tensor:
    """Share of each map's positive mass that lies on the object, (B,) in [0, 1].

    Parameters and errors as for `pointing_game`.
    """
    check(maps, masks)
    mass = spread_zeros(maps)
    return (mass * masks).sum((1, 2)) / mass.sum((1, 2))


def top_mass_iou(maps: Tensor, masks: Tensor, *, mass: float = 0.5) -> Tensor:
    """IoU of the mask and the fewest pixels that hold a share of the map's positive mass, (B,).

    Parameters
    ----------
    maps, masks : Tensor
        As for `pointing_game`.
    mass : float
        The share, 0 < mass ≤ 1. Pixels that are equal to the least of them are in too.
    """
    check(maps, masks)
    if not 0 < mass <= 1:
        raise ValueError(f"mass: got {mass}, want more than 0 and at most 1")
    positive = spread_zeros(maps).flatten(1).double()  # (B, H·W)
    ordered = positive.sort(1, descending=True).values
    held = ordered.cumsum(1)
    enough = held < mass * held[:, -1:] * (1 - 1e-9)  # True where the pixels so far do not suffice
    last = enough.sum(1, keepdim=True).clamp(max=positive.shape[1] - 1)  # (B, 1): the one that completes it
    chosen = positive >= ordered.gather(1, last)
    truth = masks.flatten(1)
    return (chosen & truth).sum(1) / (chosen | truth).sum(1)


def spread_zeros(maps: Tensor) -> Tensor:
    """Positive part of maps (B, H, W); one without any becomes 1 everywhere."""
    positive = maps.clamp_min(0)
    empty = positive.amax((1, 2), keepdim=True) == 0
    return torch.where(empty, torch.ones_like(positive), positive)


def check(maps: Tensor, masks: Tensor) -> None:
    """Raise ValueError unless maps and masks fit, without NaN and with no mask empty."""
    check_float(maps, name="maps")
    if maps.ndim != 3 or maps.numel() == 0:
        raise ValueError(f"maps: got shape {tuple(maps.shape)}, want (B, H, W) with no axis of length 0")
    if masks.dtype != torch.bool or masks.shape != maps.shape:
        got = f"{masks.dtype} {tuple(masks.shape)}"
        raise ValueError(f"masks: got {got}, want torch.bool {tuple(maps.shape)}, like the maps")
    if not bool(torch.isfinite(maps).all()):
        raise ValueError("maps: got NaN or infinite values, want finite numbers")
    empty = (~masks.flatten(1).any(1)).nonzero().flatten().tolist()
    if empty:
        raise ValueError(f"masks: got no pixel in mask {empty[0]}, want at least one in each")
