"""Where a vision transformer looks: its heads' attention, and attention rolled out through all layers.

Per head, from the class token: M. Caron et al., "Emerging Properties in Self-Supervised Vision Transformers",
ICCV 2021, figure 1. Rollout: S. Abnar, W. Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020,
section 3.

Attention takes no target: it is the same whatever class one asks about.

Shapes: L layers, B batch, A heads, N = h·w patches.
"""

import torch
from einops import rearrange
from torch import Tensor

from lecture_utils.explain.maps import patch_grid
from lecture_utils.ops.checks import check_number, check_whole


def cls_attention(attention: Tensor, *, grid: tuple[int, int], layer: int = -1) -> Tensor:
    """How much the class token takes from each patch, head by head.

    Parameters
    ----------
    attention : Tensor
        (L, B, A, 1 + N, 1 + N), as `ViT.attention_maps` gives it; query first, then key.
    grid : (h, w)
        Rows and columns of the patches, h·w = N, as `ViT.grid` gives them for the images.
    layer : int
        Which one; the last by default.

    Returns
    -------
    Tensor
        (B, A, h, w). A head's map sums to 1 less what the class token takes from itself.

    Raises
    ------
    ValueError
        For other shapes, rows that do not sum to 1, a grid of more or fewer places, or a layer that there is
        not.
    """
    check_attention(attention)
    check_whole(layer, "layer", None)
    layers = len(attention)
    if not -layers <= layer < layers:
        raise ValueError(f"layer: got {layer}, want {-layers} to {layers - 1}")
    h, w = patch_grid(attention.shape[-1] - 1, grid)
    return rearrange(attention[layer][:, :, 0, 1:], "b a (h w) -> b a h w", h=h, w=w)


def rollout(attention: Tensor, *, residual: float = 0.5) -> Tensor:
    """Follow attention down through all layers: Ã_L · … · Ã_2 · Ã_1.

    Each layer's heads are averaged, and its residual connection is an attention of every token to itself:
    Ã = 0.5 A + 0.5 I, rows normalised.

    Parameters
    ----------
    attention : Tensor
        (L, B, A, 1 + N, 1 + N).
    residual : float
        Share of the identity, 0 to 1 (the paper: 0.5).

    Returns
    -------
    Tensor
        (B, 1 + N, 1 + N): how much each token of the last layer is made of each of the first. Rows sum to 1.
    """
    check_attention(attention)
    check_number(residual, "residual", 0, 1)
    tokens = attention.shape[-1]
    identity = torch.eye(tokens, dtype=attention.dtype, device=attention.device)
    result = identity.expand(attention.shape[1], tokens, tokens)  # (B, 1 + N, 1 + N)
    for weights in attention.mean(2):  # (B, 1 + N, 1 + N), first layer first
        mixed = (1 - residual) * weights + residual * identity
        result = mixed / mixed.sum(-1, keepdim=True) @ result
    return result


def rollout_map(attention: Tensor, *, grid: tuple[int, int], residual: float = 0.5) -> Tensor:
    """The class token's row of `rollout`, laid out on the image: (B, h, w) = (B, *grid)."""
    row = rollout(attention, residual=residual)[:, 0, 1:]  # (B, N)
    h, w = patch_grid(row.shape[1], grid)
    return rearrange(row, "b (h w) -> b h w", h=h, w=w)


def check_attention(attention: Tensor) -> None:
    """Raise ValueError unless these are attention weights (L, B, A, 1 + N, 1 + N)."""
    shape = tuple(attention.shape)
    if attention.ndim != 5 or shape[-1] != shape[-2] or 0 in shape or not attention.is_floating_point():
        want = "floating-point (layers, B, heads, 1 + N, 1 + N)"
        raise ValueError(f"attention: got {attention.dtype} {shape}, want {want}")
    worst = (attention.sum(-1) - 1).abs().max().item()
    if not worst < 1e-3:  # NaN fails too
        raise ValueError(f"attention: got rows off a sum of 1 by {worst:.3g}, want weights after softmax")
