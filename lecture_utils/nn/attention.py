"""Attention: every query looks at every key and takes home a mixture of the values.

A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2 (equation 1, multi-head attention).

`attention` is the equation and is the one to read. `MultiHeadAttention` calls PyTorch's fused kernel unless
it is asked for the weights; the tests hold the two equal.

Simplified: no dropout on the attention weights.

Shapes: B batch, N queries, M keys, D model width, d = D / heads the width of a head.
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


def causal_mask(n: int) -> Tensor:
    """Return the (n, n) mask in which token i sees tokens 0 to i: True on and below the diagonal."""
    return torch.ones(n, n, dtype=torch.bool).tril()


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention: softmax(Q Kᵀ / √d) V (equation 1).

    Parameters
    ----------
    query : Tensor
        (…, N, d), floating point.
    key, value : Tensor
        (…, M, d) and (…, M, any width).
    mask : Tensor, optional
        Boolean, broadcastable to (…, N, M); True where the query may look. A query that may look nowhere gets
        zeros.

    Returns
    -------
    output, weights : Tensor
        (…, N, width of value) and (…, N, M); each row of the weights sums to 1, or to 0 where all is masked.

    Raises
    ------
    ValueError
        If the shapes do not fit or the mask is not boolean.
    """
    check_attention(query, key, value, mask)
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (…, N, M)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1)  # (…, N, M)
    if mask is not None:
        weights = weights.masked_fill(~mask.any(dim=-1, keepdim=True), 0.0)  # 0/0 where all is masked
    return weights @ value, weights


def check_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> None:
    """Raise ValueError unless the tensors fit together."""
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            f"attention: got queries of width {query.shape[-1]} and keys of width {key.shape[-1]}, want one"
        )
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"attention: got {key.shape[-2]} keys and {value.shape[-2]} values, want one value a key"
        )
    if mask is not None and mask.dtype != torch.bool:
        raise ValueError(f"attention: got a mask of {mask.dtype}, want torch.bool (True = may look)")


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each on its own projection of width d = D / heads (section 3.2.2).

    Parameters
    ----------
    dim : int
        Model width D, a multiple of `heads`.
    heads : int
        Their number.
    bias : bool
        Whether the four projections have one.

    Raises
    ------
    ValueError
        If `dim` is not a multiple of `heads`.
    """

    def __init__(self, dim: int, heads: int, *, bias: bool = True) -> None:
        super().__init__()
        if heads < 1 or dim % heads:
            raise ValueError(f"multi-head attention: got width {dim} and {heads} heads, want a multiple")
        self.heads = heads
        self.to_query = nn.Linear(dim, dim, bias=bias)
        self.to_key = nn.Linear(dim, dim, bias=bias)
        self.to_value = nn.Linear(dim, dim, bias=bias)
        self.to_output = nn.Linear(dim, dim, bias=bias)

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Attend from `x` (B, N, D) to `context` (B, M, D), to itself where none is given.

        `mask` is boolean, broadcastable to (B, heads, N, M), True where a query may look.
        """
        query, key, value = self.project(x, context)
        check_attention(query, key, value, mask)
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)  # (B, heads, N, d)
        return self.to_output(rearrange(y, "b h n d -> b n (h d)"))

    def weights(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return each head's attention weights (B, heads, N, M), for looking at."""
        return attention(*self.project(x, context), mask)[1]

    def project(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries (B, heads, N, d), keys and values (B, heads, M, d)."""
        context = x if context is None else context
        projections = self.to_query(x), self.to_key(context), self.to_value(context)
        query, key, value = (rearrange(p, "b n (h d) -> b h n d", h=self.heads) for p in projections)
        return query, key, value
