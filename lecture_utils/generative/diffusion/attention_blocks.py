"""The attention of a diffusion model's U-Net: pixels look at pixels, and at the condition's tokens, S16.2.

R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022, section 3.3 and
appendix E.2.1 (table 16): a map's pixels are a sequence; self-attention, cross-attention to the context, a
gated MLP (N. Shazeer, "GLU Variants Improve Transformer", arXiv 2002.05202), and back to a map.

Simplified: no dropout.

Shapes: B batch, C channels, H × W map, N = H · W pixels as tokens, M context tokens of width D.
"""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.generative.diffusion.resnet_blocks import check_groups, zero
from lecture_utils.nn.attention import attention
from lecture_utils.ops.checks import check_images, check_sizes, check_tokens


class Attention(nn.Module):
    """Multi-head attention whose keys and values may come from tokens of another width.

    Parameters
    ----------
    dim : int
        Width of the queries, a multiple of `heads`.
    heads : int
        Their number.
    context : int, optional
        D; where None, the tokens look at themselves.
    bias : bool
        Whether queries, keys and values have one.

    Raises
    ------
    ValueError
        If `dim` is no multiple of `heads`; when called, for tokens that do not fit.
    """

    def __init__(self, dim: int, heads: int, context: int | None = None, *, bias: bool = False) -> None:
        super().__init__()
        check_sizes("attention", dim=dim, heads=heads, context=dim if context is None else context)
        if dim % heads:
            raise ValueError(f"attention: got width {dim} and {heads} heads, want a multiple")
        self.heads, self.context = heads, context
        self.to_query = nn.Linear(dim, dim, bias=bias)
        self.to_key = nn.Linear(context or dim, dim, bias=bias)
        self.to_value = nn.Linear(context or dim, dim, bias=bias)
        self.to_output = nn.Linear(dim, dim)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Tokens (B, N, C), and context (B, M, D) → (B, N, C)."""
        query, key, value = self.project(x, context)
        y = F.scaled_dot_product_attention(query, key, value)  # (B, heads, N, C / heads)
        return self.to_output(rearrange(y, "b h n d -> b n (h d)"))

    def weights(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return each head's attention (B, heads, N, M): which word each pixel looks at."""
        return attention(*self.project(x, context))[1]

    def project(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries (B, heads, N, d), keys and values (B, heads, M, d)."""
        check_tokens(x, self.to_query.in_features, like=self.to_query.weight)
        check_context(context, self.context, len(x))
        if bool(x.isnan().any()):  # the fused kernel would answer a NaN query with zeros
            raise ValueError("tokens: got NaN, want numbers")
        context = x if context is None else context
        projections = self.to_query(x), self.to_key(context), self.to_value(context)
        query, key, value = (rearrange(p, "b n (h d) -> b h n d", h=self.heads) for p in projections)
        return query, key, value


class GatedMLP(nn.Module):
    """GEGLU: one half of the hidden units, times what GELU makes of the other; (B, N, C) → (B, N, C)."""

    def __init__(self, dim: int, *, growth: int = 4) -> None:
        super().__init__()
        check_sizes("gated MLP", dim=dim, growth=growth)
        self.expand = nn.Linear(dim, 2 * growth * dim)
        self.shrink = nn.Linear(growth * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Treat each token."""
        check_tokens(x, self.expand.in_features, like=self.expand.weight)
        value, gate = self.expand(x).chunk(2, dim=-1)
        return self.shrink(value * F.gelu(gate))


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention where there is a context, a gated MLP: each normed before and added.

    Parameters
    ----------
    dim, heads, context
        As in `Attention`.
    """

    def __init__(self, dim: int, heads: int, context: int | None = None) -> None:
        super().__init__()
        check_sizes("transformer block", dim=dim)
        self.norm1, self.look_around = nn.LayerNorm(dim), Attention(dim, heads)
        self.norm2 = None if context is None else nn.LayerNorm(dim)
        self.look_at_context = None if context is None else Attention(dim, heads, context)
        self.norm3, self.think = nn.LayerNorm(dim), GatedMLP(dim)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Tokens (B, N, C), context (B, M, D) → (B, N, C)."""
        check_tokens(x, self.norm1.normalized_shape[0], like=self.norm1.weight)
        x = x + self.look_around(self.norm1(x))
        if self.norm2 is not None and self.look_at_context is not None:
            x = x + self.look_at_context(self.norm2(x), context)
        return x + self.think(self.norm3(x))


class SpatialTransformer(nn.Module):
    """A transformer block over a map's pixels: (B, C, H, W), context (B, M, D) → (B, C, H, W).

    Parameters
    ----------
    channels : int
        C, a multiple of `heads` and of `groups`.
    heads, context
        As in `Attention`.
    groups : int
        Of the group norm in front.

    Notes
    -----
    The last layer starts at zero, so that the block starts as the identity.
    """

    def __init__(self, channels: int, heads: int, context: int | None = None, *, groups: int = 8) -> None:
        super().__init__()
        check_groups("spatial transformer", groups, channels)
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.enter = nn.Conv2d(channels, channels, 1)
        self.block = TransformerBlock(channels, heads, context)
        self.leave = zero(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Add what the pixels learn from one another and from the context."""
        check_images(x, self.enter.in_channels, like=self.enter.weight, maps=True)
        y = self.enter(self.norm(x))
        tokens = self.block(rearrange(y, "b c h w -> b (h w) c"), context)  # (B, N, C)
        y = rearrange(tokens, "b (h w) c -> b c h w", h=x.shape[2])
        return x + self.leave(y)


def check_context(context: Tensor | None, dim: int | None, batch: int) -> None:
    """Raise ValueError unless context tokens (B, M, D) are given where, and only where, they are wanted."""
    if (context is None) != (dim is None):
        got, want = ("no context", "one") if context is None else ("a context", "none")
        raise ValueError(f"context: got {got}, want {want}: the network was made so")
    if context is not None:
        check_tokens(context, dim, batch=batch, name="context")
