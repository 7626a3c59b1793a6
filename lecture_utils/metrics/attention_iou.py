"""How well a class token's attention outlines the foreground.

M. Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021, section 4.2.2 and
figure 4: of each head's attention from the class token, keep the places that hold 60 % of the mass, and
compare the mask with the true foreground by the Jaccard index. The best head counts; here it is chosen on
other pictures than those of the test, for every model alike.

Shapes: B pictures, H heads, N = h·w patches.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_finite, check_number, check_tensor, check_whole


def top_mass(attention: Tensor, mass: float = 0.6) -> Tensor:
    """Keep the fewest places that together hold `mass` of the attention.

    Parameters
    ----------
    attention : Tensor
        (…, N), not negative; its sum need not be 1. Where it is 0 everywhere, all places are kept.
    mass : float
        In (0, 1].

    Returns
    -------
    Tensor
        (…, N) bool.

    Raises
    ------
    ValueError
        For a mass outside (0, 1], or attention that is negative or not finite.
    """
    check_number(mass, "mass", 0, 1, above=True)
    check_finite(attention, "attention")
    if attention.ndim == 0 or attention.numel() == 0:
        raise ValueError(f"attention: got shape {tuple(attention.shape)}, want (…, N), not empty")
    if bool((attention < 0).any()):
        raise ValueError(f"attention: got {attention.min().item():.4g}, want no negative number")
    share = attention / attention.sum(dim=-1, keepdim=True).clamp(min=1e-12)
    sorted_, order = share.sort(dim=-1, descending=True)
    before = sorted_.cumsum(dim=-1) - sorted_  # what larger places hold already
    return torch.zeros_like(share, dtype=torch.bool).scatter_(-1, order, before < mass)


def intersection_over_union(mask: Tensor, truth: Tensor) -> Tensor:
    """Jaccard index of boolean maps (…, H, W): (…,); 1 where both are empty.

    Raises
    ------
    ValueError
        For other types, different shapes or no pixels.
    """
    check_tensor(mask, "mask", "…", "H", "W", kind="bool", some=True)
    check_tensor(truth, "truth", *mask.shape, kind="bool")
    both, either = (mask & truth).sum(dim=(-2, -1)), (mask | truth).sum(dim=(-2, -1))
    return torch.where(either > 0, both / either.clamp(min=1), torch.ones_like(both, dtype=torch.float32))


def head_masks(attention: Tensor, size: int, mass: float = 0.6) -> Tensor:
    """Turn the class token's attention to h·w patches (B, H, N) into masks of `size` pixels a side.

    Returns
    -------
    Tensor
        (B, H, size, size) bool: each patch's decision, enlarged without smoothing.

    Raises
    ------
    ValueError
        As `top_mass`, or if N is no square number: the grid of a square picture.
    """
    check_tensor(attention, "attention", "B", "H", "N", some=True)
    check_whole(size, "size")
    side = math.isqrt(attention.shape[-1])
    if side * side != attention.shape[-1]:
        raise ValueError(f"attention: got {tuple(attention.shape)}, want (B, H, a square number)")
    kept = top_mass(attention, mass).reshape(*attention.shape[:2], side, side)
    return F.interpolate(kept.float(), size=(size, size), mode="nearest") > 0.5


def head_ious(attention: Tensor, truth: Tensor, mass: float = 0.6) -> Tensor:
    """Mean IoU of each head with the foreground: attention (B, H, N), truth (B, S, S) bool → (H,)."""
    check_tensor(attention, "attention", "B", "H", "N", some=True)
    side = truth.shape[-1] if isinstance(truth, Tensor) and truth.ndim else "S"
    check_tensor(truth, "truth", len(attention), side, side, kind="bool")
    masks = head_masks(attention, truth.shape[-1], mass)
    return intersection_over_union(masks, truth[:, None].expand_as(masks)).mean(dim=0)
