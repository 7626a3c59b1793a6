"""Does a map point at the object? Two ways to compare a map of importance with the object's exact mask.

- Pointing game: J. Zhang, Z. Lin, J. Brandt, X. Shen, S. Sclaroff, "Top-down Neural Attention by Excitation
  Backprop", ECCV 2016, section 4: a hit if the map's largest value lies on the object.
- Energy in the mask: H. Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural
  Networks", CVPR 2020 workshops (there with boxes).

For the IoU of a mask with the pixels that hold most of a map's mass, see `attention_iou.top_mass`.

Only positive values count. A map with several largest values is judged by the share of them that hits, as if
one were drawn; so a map of zeros hits by chance, and its energy is spread evenly.

Shapes: B maps, H × W pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_float, check_number, check_tensor


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
    check_maps_and_masks(maps, masks)
    check_number(tolerance, "tolerance", 0)
    positive = maps.clamp_min(0)
    largest = positive == positive.amax((1, 2), keepdim=True)  # (B, H, W), at least one each
    hits = largest & dilate(masks, tolerance)
    return hits.sum((1, 2)) / largest.sum((1, 2))


def dilate(masks: Tensor, radius: float) -> Tensor:
    """Grow masks (B, H, W) by all pixels whose centre lies within `radius` of one of theirs."""
    check_tensor(masks, "masks", "B", "H", "W", kind="bool", some=True)
    check_number(radius, "radius", 0)
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
    check_maps_and_masks(maps, masks)
    mass = spread_zeros(maps)
    return (mass * masks).sum((1, 2)) / mass.sum((1, 2))


def spread_zeros(maps: Tensor) -> Tensor:
    """Positive part of maps (B, H, W); one without any becomes 1 everywhere."""
    positive = maps.clamp_min(0)
    empty = positive.amax((1, 2), keepdim=True) == 0
    return torch.where(empty, torch.ones_like(positive), positive)


def check_maps_and_masks(maps: Tensor, masks: Tensor) -> None:
    """Raise ValueError unless maps and masks fit, without NaN and with no mask empty."""
    check_float(maps, name="maps")
    if maps.ndim != 3 or maps.numel() == 0:
        raise ValueError(f"maps: got shape {tuple(maps.shape)}, want (B, H, W) with no axis of length 0")
    if not isinstance(masks, Tensor):
        raise ValueError(f"masks: got {type(masks).__name__}, want a torch.bool Tensor {tuple(maps.shape)}")
    if masks.dtype != torch.bool or masks.shape != maps.shape:
        got = f"{masks.dtype} {tuple(masks.shape)}"
        raise ValueError(f"masks: got {got}, want torch.bool {tuple(maps.shape)}, like the maps")
    if not bool(torch.isfinite(maps).all()):
        raise ValueError("maps: got NaN or infinite values, want finite numbers")
    empty = (~masks.flatten(1).any(1)).nonzero().flatten().tolist()
    if empty:
        raise ValueError(f"masks: got no pixel in mask {empty[0]}, want at least one in each")
