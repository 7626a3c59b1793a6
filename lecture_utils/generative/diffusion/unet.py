"""The conditional U-Net of diffusion models: x_t, step and context in, a prediction out, S16.2.

J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, appendix B;
cross-attention to a context: R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion
Models", CVPR 2022, section 3.3. The layout is that of Stable Diffusion's U-Net in small: a level has some
residual blocks, each followed by a spatial transformer where the level has attention; every map on the way
down is handed across.

Simplified: no dropout; one transformer block at a place.

Shapes: B batch, C channels, H × W picture, M context tokens of width D, E = 4 × the first width.
"""

from collections.abc import Sequence
from typing import cast

import torch
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


class Stage(nn.Module):
    """A residual block and, where asked for, a spatial transformer: one stop on the way down or up."""

    def __init__(
        self, channels: int, out_channels: int, *, embedding: int, heads: int, context: int | None,
        groups: int, scale_shift: bool, attention: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.residual = ResNetBlock(channels, out_channels, embedding, groups=groups, scale_shift=scale_shift)
        self.transformer = (
            SpatialTransformer(out_channels, heads, context, groups=groups) if attention else None
        )

    def forward(self, x: Tensor, step: Tensor, context: Tensor | None = None) -> Tensor:
        """Map (B, C, H, W), embedded steps (B, E), context (B, M, D) → (B, C', H, W)."""
        x = self.residual(x, step)
        return x if self.transformer is None else self.transformer(x, context)


class ConditionalUNet(nn.Module):
    """x_t (B, C, H, W), steps (B,) and context tokens (B, M, D) → a prediction (B, C, H, W).

    Parameters
    ----------
    channels : int
        C.
    widths : sequence of int
        Channels of the levels, from the finest; multiples of `groups` and, with attention, of `heads`.
    attention : sequence of bool
        Which levels have transformers; the middle has one in any case.
    context : int, optional
        D; None for a network without a condition.
    blocks : int
        Residual blocks a level on the way down; one more on the way up.
    heads, groups : int
        Of attention and of the norms.
    scale_shift : bool
        How the step enters (`ResNetBlock`).
    out_channels : int, optional
        C where not given.

    Raises
    ------
    ValueError
        If the widths do not fit; when called, if sides are no multiple of 2 to the number of levels - 1, or
        for steps or context that do not fit.
    """

    def __init__(
        self,
        channels: int = 3,
        widths: Sequence[int] = (32, 64),
        *,
        attention: Sequence[bool] = (False, True),
        context: int | None = None,
        blocks: int = 1,
        heads: int = 4,
        groups: int = 8,
        scale_shift: bool = True,
        out_channels: int | None = None,
    ) -> None:
        super().__init__()
        out_channels = channels if out_channels is None else out_channels
        check_sizes("conditional U-Net", channels=channels, out_channels=out_channels, blocks=blocks)
        check_groups("conditional U-Net", groups, *widths)
        if not widths or len(widths) != len(attention):
            got = f"{len(widths)} widths and attention for {len(attention)} levels"
            raise ValueError(f"conditional U-Net: got {got}, want as many of each, one or more")
        self.widths, self.context = tuple(widths), context
        embedding = 4 * widths[0]

        def stage(before: int, after: int, look: bool) -> Stage:
            return Stage(
                before, after, embedding=embedding, heads=heads, context=context,
                groups=groups, scale_shift=scale_shift, attention=look,
            )  # fmt: skip

        self.embed = StepEmbedding(widths[0], embedding)
        self.enter = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.shrink, self.grow = nn.ModuleList(), nn.ModuleList()
        handed, now = [widths[0]], widths[0]  # channels of what is handed across, and of the map
        for level, width in enumerate(widths):
            befores = [now, *[width] * (blocks - 1)]
            self.down.append(nn.ModuleList(stage(before, width, attention[level]) for before in befores))
            handed += [width] * blocks
            if level < len(widths) - 1:
                self.shrink.append(Downsample(width))
                handed.append(width)
            now = width
        self.middle = stage(now, now, True)
        self.middle_end = ResNetBlock(now, now, embedding, groups=groups, scale_shift=scale_shift)
        for level in reversed(range(len(widths))):
            stops = nn.ModuleList()
            for _ in range(blocks + 1):
                stops.append(stage(now + handed.pop(), widths[level], attention[level]))
                now = widths[level]
            self.up.append(stops)
            if level:
                self.grow.append(Upsample(now))
        self.norm = nn.GroupNorm(groups, now)
        self.leave = zero(nn.Conv2d(now, out_channels, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor, context: Tensor | None = None) -> Tensor:
        """Down, through the middle, and up: (B, C, H, W) → (B, C, H, W)."""
        self.check(x, t, context)
        step = self.embed(t)  # (B, E)
        x, handed = self.go_down(x, step, context)
        x = self.middle_end(self.middle(x, step, context), step)
        x = self.go_up(x, handed, step, context)
        return self.leave(F.silu(self.norm(x)))

    def go_down(self, x: Tensor, step: Tensor, context: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """Return the smallest map, and all that is handed across on the way."""
        x = self.enter(x)
        handed = [x]
        for level, stops in enumerate(self.down):
            for stop in cast(nn.ModuleList, stops):
                x = stop(x, step, context)
                handed.append(x)
            if level < len(self.shrink):
                x = self.shrink[level](x)
                handed.append(x)
        return x, handed

    def go_up(self, x: Tensor, handed: list[Tensor], step: Tensor, context: Tensor | None) -> Tensor:
        """Return the finest map; what was handed across comes last in, first out."""
        handed = list(handed)
        for level, stops in enumerate(self.up):
            for stop in cast(nn.ModuleList, stops):
                x = stop(torch.cat([x, handed.pop()], dim=1), step, context)
            if level < len(self.grow):
                x = self.grow[level](x)
        return x

    def check(self, x: Tensor, t: Tensor, context: Tensor | None) -> None:
        """Raise ValueError unless pictures, steps and context fit."""
        check_images(x, self.enter.in_channels, like=self.enter.weight, maps=True)
        check_tensor(t, "t", len(x), kind="any")
        factor = 2 ** (len(self.widths) - 1)
        if x.shape[2] % factor or x.shape[3] % factor:
            got = f"{x.shape[2]} × {x.shape[3]}"
            raise ValueError(f"images: got {got}, want sides that are multiples of {factor}")
        check_context(context, self.context, len(x))
