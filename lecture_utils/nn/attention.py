"""Attention: every query looks at every key and receives a mixture of the values.

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

from lecture_utils.ops.checks import check_float, check_sizes, check_tokens


def causal_mask(n: int) -> Tensor:
    """Return the (n, n) mask in which token i sees tokens 0 to i: True on and below the diagonal."""
    check_sizes("causal mask", n=n)
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
        If shapes or types do not fit, an axis is empty, or the mask is not boolean.

    Notes
    -----
    The query is divided by √d before the product: in half precision the undivided product can overflow.
    """
    check_attention(query, key, value, mask)
    scores = (query / math.sqrt(query.shape[-1])) @ key.transpose(-2, -1)  # (…, N, M)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1)  # (…, N, M)
    if mask is not None:
        weights = weights.masked_fill(~mask.any(dim=-1, keepdim=True), 0.0)  # 0/0 where all is masked
    return weights @ value, weights


def check_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> None:
    """Raise ValueError unless the tensors fit together."""
    for name, x in (("queries", query), ("keys", key), ("values", value)):
        check_float(x, name=f"attention: {name}")
        if x.ndim < 2 or 0 in x.shape:
            want = "(…, tokens, width) with no axis of length 0"
            raise ValueError(f"attention: {name}: got shape {tuple(x.shape)}, want {want}")
    if not query.dtype == key.dtype == value.dtype:
        got = f"{query.dtype}, {key.dtype} and {value.dtype}"
        raise ValueError(f"attention: got queries, keys and values of {got}, want one type")
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            f"attention: got queries of width {query.shape[-1]} and keys of width {key.shape[-1]}, want one"
        )
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"attention: got {key.shape[-2]} keys and {value.shape[-2]} values, want one value a key"
        )
    leading = [tuple(x.shape[:-2]) for x in (query, key, value)]
    if broadcast(*leading) is None:
        raise ValueError(f"attention: got leading axes {leading}, want axes that broadcast")
    if mask is not None:
        if mask.dtype != torch.bool:
            raise ValueError(f"attention: got a mask of {mask.dtype}, want torch.bool (True = may look)")
        scores = (*(broadcast(*leading) or ()), query.shape[-2], key.shape[-2])
        if broadcast(tuple(mask.shape), scores) != scores:
            want = f"a shape that broadcasts to {scores}"
            raise ValueError(f"attention: got a mask of shape {tuple(mask.shape)}, want {want}")


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape that these broadcast to, None where they do not."""
    try:
        return tuple(torch.broadcast_shapes(*shapes))
    except RuntimeError:
        return None


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
        If `dim` is not a multiple of `heads`; when called, for tokens or a mask that do not fit.
    """

    def __init__(self, dim: int, heads: int, *, bias: bool = True) -> None:
        super().__init__()
        check_sizes("multi-head attention", dim=dim, heads=heads)
        if dim % heads:
            raise ValueError(f"multi-head attention: got width {dim} and {heads} heads, want a multiple")
        self.dim, self.heads = dim, heads
        self.to_query = nn.Linear(dim, dim, bias=bias)
        self.to_key = nn.Linear(dim, dim, bias=bias)
        self.to_value = nn.Linear(dim, dim, bias=bias)
        self.to_output = nn.Linear(dim, dim, bias=bias)

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Attend from `x` (B, N, D) to `context` (B, M, D), to itself where none is given.

        `mask` is boolean, True where a query may look: (N, M) for all, or four axes that broadcast to
        (B, heads, N, M), such as (B, 1, N, M) for one mask a picture.
        """
        self.check(x, context, mask)
        query, key, value = self.project(x, context)
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)  # (B, heads, N, d)
        return self.to_output(rearrange(y, "b h n d -> b n (h d)"))

    def weights(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return each head's attention weights (B, heads, N, M), for looking at."""
        self.check(x, context, mask)
        return attention(*self.project(x, context), mask)[1]

    def project(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries (B, heads, N, d), keys and values (B, heads, M, d)."""
        context = x if context is None else context
        projections = self.to_query(x), self.to_key(context), self.to_value(context)
        query, key, value = (rearrange(p, "b n (h d) -> b h n d", h=self.heads) for p in projections)
        return query, key, value

    def check(self, x: Tensor, context: Tensor | None, mask: Tensor | None) -> None:
        """Raise ValueError unless tokens and mask fit the layer and each other."""
        like = self.to_query.weight
        check_tokens(x, self.dim, like=like)
        if context is not None:
            check_tokens(context, self.dim, like=like, batch=len(x), name="context")
            if bool(x.isnan().any()):  # the fused kernel would answer a NaN query with zeros
                raise ValueError("tokens: got NaN, want numbers")
        if mask is None:
            return
        if mask.dtype != torch.bool:
            raise ValueError(f"attention: got a mask of {mask.dtype}, want torch.bool (True = may look)")
        scores = (len(x), self.heads, x.shape[1], (x if context is None else context).shape[1])
        shape = tuple(mask.shape)
        if mask.ndim not in (2, 4) or broadcast(shape, scores) != scores:
            want = f"{scores[2:]} or four axes that broadcast to {scores}"
            raise ValueError(f"attention: got a mask of shape {shape}, want {want}")
