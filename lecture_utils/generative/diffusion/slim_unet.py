"""A U-Net for diffusion that one CPU core can train: few pixels, few blocks, skips added, S16.2.

Our own slim version of `unet.ConditionalUNet`, from the same blocks. What costs time is pixels, not weights:
the picture is first folded (W. Shi et al., "Real-Time Single Image and Video Super-Resolution Using an
Efficient Sub-Pixel Convolutional Neural Network", CVPR 2016, section 3.2: here the other way round), each
level has one residual block down and one up, skips are added instead of stacked, so that the blocks on the
way up are half as wide at their input, and attention is kept for the coarsest maps.

The context enters twice: the mean of its tokens joins the embedding of the step, and pixels look at the
tokens.

Shapes: B batch, C channels, S side of the picture, p side of a fold, M context tokens of width D, E
embedding.
"""

import itertools
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.generative.diffusion.attention_blocks import SpatialTransformer, check_context
from lecture_utils.generative.diffusion.resnet_blocks import (
    Downsample,
    ResNetBlock,
    StepEmbedding,
    Upsample,
    check_groups,
    zero,
)
from lecture_utils.ops.checks import check_images, check_sizes, check_tensor


class SlimUNet(nn.Module):
    """x_t (B, C, H, W), steps (B,) and context tokens (B, M, D) → a prediction (B, C, H, W).

    Parameters
    ----------
    channels : int
        C.
    widths : sequence of int
        Channels of the levels, from the finest; multiples of `groups`.
    fold : int
        p: p × p pixels become channels of one.
    context : int, optional
        D; None for a network without a condition.
    attention : int
        On how many of the coarsest levels, counted on the way down, pixels look at each other and the
        context.
    heads, groups, embedding : int
        Of attention, of the norms, and E.

    Raises
    ------
    ValueError
        If the widths do not fit; when called, if sides are no multiple of p · 2 to the number of levels - 1,
        or for steps or context that do not fit.
    """

    def __init__(
        self,
        channels: int = 3,
        widths: Sequence[int] = (48, 80, 112),
        *,
        fold: int = 2,
        context: int | None = None,
        attention: int = 1,
        heads: int = 4,
        groups: int = 8,
        embedding: int = 128,
    ) -> None:
        super().__init__()
        check_sizes("slim U-Net", channels=channels, fold=fold, embedding=embedding, levels=len(widths))
        check_sizes("slim U-Net", least=0, attention=attention, context=context or 0)
        check_groups("slim U-Net", groups, *widths)
        self.fold, self.widths, self.context = fold, tuple(widths), context
        self.embed = StepEmbedding(widths[0], embedding)
        self.embed_context = None if context is None else nn.Linear(context, embedding)
        self.enter = nn.Conv2d(channels * fold**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList(ResNetBlock(w, w, embedding, groups=groups) for w in widths)
        self.look = nn.ModuleList(
            SpatialTransformer(w, heads, context, groups=groups)
            if level >= len(widths) - attention
            else Unseeing()
            for level, w in enumerate(widths)
        )
        pairs = list(itertools.pairwise(widths))
        self.shrink = nn.ModuleList(Downsample(fine, coarse) for fine, coarse in pairs)
        self.grow = nn.ModuleList(Upsample(coarse, fine) for fine, coarse in pairs)
        self.up = nn.ModuleList(ResNetBlock(w, w, embedding, groups=groups) for w in widths)
        self.norm = nn.GroupNorm(groups, widths[0])
        self.leave = zero(nn.Conv2d(widths[0], channels * fold**2, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor, context: Tensor | None = None) -> Tensor:
        """Fold, down, up, unfold: (B, C, H, W) → (B, C, H, W)."""
        self.check(x, t, context)
        step = self.embed(t)  # (B, E)
        if self.embed_context is not None and context is not None:
            step = step + self.embed_context(context.mean(dim=1))
        x = self.enter(F.pixel_unshuffle(x, self.fold))  # (B, w, S / p, S / p)
        handed = []
        for level in range(len(self.widths)):
            x = self.look[level](self.down[level](x, step), context)
            handed.append(x)
            x = self.shrink[level](x) if level < len(self.shrink) else x
        for level in reversed(range(len(self.widths))):
            x = self.up[level](x + handed[level], step)
            x = self.grow[level - 1](x) if level else x
        return F.pixel_shuffle(self.leave(F.silu(self.norm(x))), self.fold)

    def check(self, x: Tensor, t: Tensor, context: Tensor | None) -> None:
        """Raise ValueError unless pictures, steps and context fit."""
        channels = self.enter.in_channels // self.fold**2
        check_images(x, channels, like=self.enter.weight, maps=True)
        check_tensor(t, "t", len(x), kind="any")
        factor = self.fold * 2 ** (len(self.widths) - 1)
        if x.shape[2] % factor or x.shape[3] % factor:
            raise ValueError(
                f"images: got {x.shape[2]} × {x.shape[3]}, want sides that are multiples of {factor}"
            )
        check_context(context, self.context, len(x))


class Unseeing(nn.Module):
    """Stands where a level has no attention: the map as it is."""

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return x."""
        return x
