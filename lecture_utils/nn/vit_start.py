"""Where a small vision transformer starts, so that minutes of training are enough.

Positions as sines and cosines of row and column: X. Chen, S. Xie, K. He, "An Empirical Study of Training
Self-Supervised Vision Transformers", ICCV 2021, section 5. Attention that looks like that of trained ViTs:
A. Trockman, J. Z. Kolter, "Mimetic Initialization of Self-Attention Layers", ICML 2023.

Shapes: D width, d head width.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from lecture_utils.nn.attention import MultiHeadAttention
from lecture_utils.ops.checks import check_float, check_sizes


@torch.no_grad()
def start_(position: Tensor, attentions: Iterable[MultiHeadAttention]) -> None:
    """Give a ViT both starts, in place.

    Parameters
    ----------
    position : Tensor
        (1, 1 + side², D), the class token's position first, which is left alone.
    attentions : iterable of MultiHeadAttention
        Those of its layers.

    Raises
    ------
    ValueError
        For positions that are no square grid, or of a width that four does not divide.
    """
    check_float(position, name="positions")
    if (
        position.ndim != 3
        or len(position) != 1
        or math.isqrt(position.shape[1] - 1) ** 2 != position.shape[1] - 1
    ):
        raise ValueError(f"positions: got shape {tuple(position.shape)}, want (1, 1 + side², D)")
    count, dim = position.shape[1] - 1, position.shape[2]
    position[0, 1:] = 0.5 * grid_encoding(math.isqrt(count), dim)
    for attention in attentions:
        mimetic_(attention)


def grid_encoding(side: int, dim: int) -> Tensor:
    """Return (side², dim): half the channels are sines and cosines of the row, half of the column.

    Raises ValueError for a width that is not a multiple of 4.
    """
    check_sizes("grid encoding", side=side, width=dim)
    if dim % 4:
        raise ValueError(f"grid encoding: got width {dim}, want a multiple of 4")
    frequency = 100.0 ** (-torch.arange(dim // 4) / (dim // 4))  # 1 down to about 1/100 radian a patch
    angle = torch.arange(side)[:, None] * frequency
    line = torch.cat([angle.sin(), angle.cos()], dim=1)  # (side, dim / 2)
    rows, columns = line[:, None].expand(side, side, -1), line[None].expand(side, side, -1)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)


@torch.no_grad()
def mimetic_(attention: MultiHeadAttention) -> None:
    """Start with W_Qᵀ W_K near 0.7 (noise + I) in each head and W_O W_V near 0.4 (noise - I)."""
    dim = attention.to_query.weight.shape[0]
    d = dim // attention.heads

    def factors(size: float, sign: int, rank: int) -> tuple[Tensor, Tensor]:
        u, s, v = torch.linalg.svd(size * (torch.randn(dim, dim) / math.sqrt(dim) + sign * torch.eye(dim)))
        root = s[:rank].sqrt()
        return u[:, :rank] * root, v[:rank].T * root  # two (D, rank), whose product is the matrix to have

    for rows in torch.arange(dim).split(d):
        query, key = factors(0.7, 1, d)
        attention.to_query.weight[rows], attention.to_key.weight[rows] = query.T, key.T
    value, output = factors(0.4, -1, dim)
    attention.to_value.weight.copy_(value.T)
    attention.to_output.weight.copy_(output)
    for layer in (attention.to_query, attention.to_key, attention.to_value, attention.to_output):
        if layer.bias is not None:
            layer.bias.zero_()
