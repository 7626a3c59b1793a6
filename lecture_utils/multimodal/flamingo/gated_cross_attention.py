"""Flamingo's new layers (S14.3): cross-attention to pictures behind gates that are shut when training begins.

J.-B. Alayrac et al., "Flamingo: a Visual Language Model for Few-Shot Learning", NeurIPS 2022, section 2.2 and
the listing of figure 4 (GATED XATTN-DENSE), section 2.3 and appendix A.1.3 (which picture a token looks at).

What enters the sum is tanh(alpha) times what a branch has made, and alpha is 0 at first. It is the branch's
output that becomes 0; keys and queries are what they are.

Simplified: no key or value is kept for generation, since the latents are few.

Shapes: B batch, N text tokens, M pictures in a text, R latents a picture, D model width.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from lecture_utils.multimodal.flamingo.resampler import SquaredReLU
from lecture_utils.nn.attention import MultiHeadAttention
from lecture_utils.nn.transformer import MLP
from lecture_utils.ops.checks import check_ids, check_sizes, check_tensor, check_tokens

Attend = Callable[[Tensor, Tensor], Tensor]
Combine = Callable[[Tensor, Tensor, Attend, Callable[[Tensor], Tensor], Tensor], Tensor]


def gated_cross_attention(
    text: Tensor, latents: Tensor, attend: Attend, mlp: Callable[[Tensor], Tensor], alpha: Tensor
) -> Tensor:
    """Add to the text what it finds in the pictures, then what an MLP makes of it, each behind a gate.

    Parameters
    ----------
    text, latents : Tensor
        (B, N, D), and what is looked at, (B, M · R, D).
    attend, mlp : callable
        ``attend(text, latents)`` and ``mlp(text)``, both -> (B, N, D).
    alpha : Tensor
        (2,): the gates are tanh(alpha), of the attention and of the MLP. At 0 the text leaves as it came.
    """
    check_tokens(text, name="text")
    check_tokens(latents, text.shape[2], batch=len(text), name="latents")
    check_tensor(alpha, "alpha", 2)
    text = text + alpha[0].tanh() * attend(text, latents)
    return text + alpha[1].tanh() * mlp(text)


def last_picture_mask(which: Tensor, pictures: int, latents: int) -> Tensor:
    """Return which latents each text token may look at: those of the last picture before it, and no others.

    Through the frozen layers, whose attention reaches back, a token still hears of earlier pictures.

    Parameters
    ----------
    which : Tensor
        (B, N) int64, the number of that picture, from 1; 0 where no picture stands before the token.
    pictures, latents : int
        M and R.

    Returns
    -------
    Tensor
        (B, N, M · R) bool, True where it may look: nowhere, for a token of number 0.

    Raises
    ------
    ValueError
        For numbers above M, or that fall along the text.
    """
    check_sizes("mask", pictures=pictures, latents=latents)
    check_tensor(which, "which", "B", "N", kind="int", some=True)
    check_ids(which, pictures + 1, name="which")
    if bool((which[:, 1:] < which[:, :-1]).any()):
        raise ValueError("which: got a number that falls along the text, want the last picture so far")
    owner = torch.arange(1, pictures + 1, device=which.device).repeat_interleave(latents)  # (M · R,)
    return which[:, :, None] == owner


class GatedCrossAttention(nn.Module):
    """One new layer, to stand before a frozen one.

    Parameters
    ----------
    dim, heads : int
        D and the number of heads; the MLP is four times as wide.
    combine : callable
        How its branches are added: `gated_cross_attention`, or one of the same arguments.
    """

    def __init__(self, dim: int, heads: int, *, combine: Combine = gated_cross_attention) -> None:
        super().__init__()
        check_sizes("gated cross-attention", dim=dim, heads=heads)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = MultiHeadAttention(dim, heads, bias=False)
        self.mlp = MLP(dim, 4 * dim, activation=SquaredReLU)
        self.alpha = nn.Parameter(torch.zeros(2))  # of the attention, of the MLP
        self.combine = combine

    def forward(self, text: Tensor, latents: Tensor | None, which: Tensor) -> Tensor:
        """Let text (B, N, D) look at its pictures' latents (B, M, R, D), or None; see `last_picture_mask`."""
        check_tokens(text, self.attention.dim, like=self.attention.to_query.weight)
        check_tensor(which, "which", *text.shape[:2], kind="int")
        if latents is None and bool(which.any()):
            raise ValueError(f"which: got a picture's number {int(which.max())}, want 0, there is none")
        latents = text.new_zeros(len(text), 1, 1, text.shape[2]) if latents is None else latents
        check_tensor(latents, "latents", len(text), "M", "R", text.shape[2], some=True)
        see = last_picture_mask(which, *latents.shape[1:3])  # (B, N, M · R)
        attend = partial(self.attend, see=see)
        return self.combine(text, latents.flatten(1, 2), attend, self.think, self.alpha)

    def attend(self, text: Tensor, latents: Tensor, see: Tensor) -> Tensor:
        """What each token finds in the latents that it sees; zero where it sees none."""
        blind = ~see.any(dim=-1, keepdim=True)  # (B, N, 1)
        found = self.attention(self.norm1(text), latents, (see | blind)[:, None])  # a row may not be empty
        return found.masked_fill(blind, 0)

    def think(self, text: Tensor) -> Tensor:
        """The MLP's branch."""
        return self.mlp(self.norm2(text))
