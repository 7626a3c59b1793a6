"""How well a class token's attention outlines the foreground.

M. Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021, section 4.2.2 and
figure 4: of each head's attention from the class token, keep the places that hold 60 % of the mass, and
compare the mask with the true foreground by the Jaccard index. The best head counts; here it is chosen on
other pictures than those of the test, for every model alike.

Shapes: B pictures, H heads, N = h·w patches.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def top_mass(attention: Tensor, mass: float = 0.6) -> Tensor:
    """Keep the fewest places that together hold `mass` of the attention.

    Parameters
    ----------
    attention : Tensor
        (…, N), not negative; its sum need not be 1.
    mass : float
        In (0, 1].

    Returns
    -------
    Tensor
        (…, N) bool.

    Raises
    ------
    ValueError
        For a mass outside (0, 1].
    """
    if not 0 < mass <= 1:
        raise ValueError(f"top mass: got {mass}, want a share in (0, 1]")
    share = attention / attention.sum(dim=-1, keepdim=True).clamp(min=1e-12)
    sorted_, order = share.sort(dim=-1, descending=True)
    before = sorted_.cumsum(dim=-1) - sorted_  # what larger places hold already
    return torch.zeros_like(share, dtype=torch.bool).scatter_(-1, order, before < mass)


def intersection_over_union(mask: Tensor, truth: Tensor) -> Tensor:
    """Jaccard index of boolean maps (…, H, W): (…,); 1 where both are empty."""
    if mask.dtype != torch.bool or truth.dtype != torch.bool:
        raise ValueError(f"IoU: got {mask.dtype} and {truth.dtype}, want torch.bool twice")
    both, either = (mask & truth).sum(dim=(-2, -1)), (mask | truth).sum(dim=(-2, -1))
    return torch.where(either > 0, both / either.clamp(min=1), torch.ones_like(both, dtype=torch.float32))


def head_masks(attention: Tensor, size: int, mass: float = 0.6) -> Tensor:
    """Turn the class token's attention to h·w patches (B, H, N) into masks of `size` pixels a side.

    Returns
    -------
    Tensor
        (B, H, size, size) bool: each patch's decision, enlarged without smoothing.
    """
    side = round(attention.shape[-1] ** 0.5)
    if attention.ndim != 3 or side * side != attention.shape[-1]:
        raise ValueError(f"head masks: got {tuple(attention.shape)}, want (B, H, a square number)")
    kept = top_mass(attention, mass).reshape(*attention.shape[:2], side, side)
    return F.interpolate(kept.float(), size=(size, size), mode="nearest") > 0.5


def head_ious(attention: Tensor, truth: Tensor, mass: float = 0.6) -> Tensor:
    """Mean IoU of each head with the foreground: attention (B, H, N), truth (B, S, S) bool → (H,)."""
    masks = head_masks(attention, truth.shape[-1], mass)
    return intersection_over_union(masks, truth[:, None].expand_as(masks)).mean(dim=0)
