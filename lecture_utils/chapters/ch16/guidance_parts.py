"""Chapter 16: figures of the conditional U-Net's parts: codes of steps, stages, what pixels look at.

Each returns a Figure; the alt texts are the notebook's.

Shapes: B batch, C channels, H × W map, N pixels of a map, M tokens, D width.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from lecture_utils.chapters.ch16.guidance_study import shipped_scenes
from lecture_utils.generative.diffusion.attention_blocks import Attention, SpatialTransformer
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.diffusion.resnet_blocks import (
    Downsample,
    ResNetBlock,
    StepEmbedding,
    Upsample,
    step_encoding,
)
from lecture_utils.plotting.blocks import arrow, box, page
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.overlays import heat_overlay
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, PINK, QUIET, VERMILION
from lecture_utils.recipes._latent_diffusion import ids_of


# --- the code of a step ---------------------------------------------------------------------------------
def step_code_figure(dim: int = 32, steps: int = 1000, shown: Sequence[int] = (100, 600)) -> Figure:
    """Draw the codes of all steps as a picture, and how alike two codes are by how far apart the steps are.

    Parameters
    ----------
    dim : int
        Numbers in a code.
    steps : int
        T.
    shown : sequence of int
        Two steps that are compared with those after them: the curves are the same.
    """
    t = torch.arange(1, steps + 1)
    codes = step_encoding(t, dim)  # (T, dim)
    fig = Figure(figsize=(9.2, 3.2), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=(1.35, 1))
    extent = (0.5, steps + 0.5, dim - 0.5, -0.5)
    shade = left.imshow(codes.T.numpy(), aspect="auto", cmap="RdBu_r", extent=extent, interpolation="nearest")
    left.axhline(dim / 2 - 0.5, color=INK, linewidth=0.8)
    left.set(xlabel="step t", ylabel="number in the code")
    left.set_yticks([dim / 4, 3 * dim / 4], ["cosines", "sines"], rotation=90, va="center")
    left.grid(False)
    left.set_title("each column is the code of a step", fontsize=10, loc="left")
    fig.colorbar(shade, ax=left, ticks=(-1, 0, 1), fraction=0.04)
    away = torch.arange(min(301, steps - max(shown) + 1))
    for step, hue, style in zip(shown, (BLUE, VERMILION), ("-", ":"), strict=False):
        alike = F.cosine_similarity(codes[step - 1 : step], codes[step - 1 + away], dim=1)
        right.plot(
            away.numpy(), alike.numpy(), style, color=hue, linewidth=2, label=f"step {step} and a later one"
        )
    right.set(xlabel="steps apart", ylabel="cosine of the two codes", ylim=(0, 1.05))
    right.legend(fontsize=9, loc="upper right")
    right.set_title("near steps have near codes", fontsize=10, loc="left")
    return fig


# --- the stages of a U-Net ------------------------------------------------------------------------------
@dataclass(frozen=True)
class Stop:
    """One block that ran: its kind, the map that left it, and whether step and context came in."""

    kind: str
    channels: int
    side: int
    step: bool
    context: bool


KINDS: dict[type[nn.Module], tuple[str, str]] = {
    ResNetBlock: ("residual block", BLUE),
    SpatialTransformer: ("attention", PINK),
    Downsample: ("half as wide", ORANGE),
    Upsample: ("twice as wide", GREEN),
}


@torch.no_grad()
def stops(net: nn.Module, x: Tensor, t: Tensor, context: Tensor | None = None) -> list[Stop]:
    """Run a U-Net once, and note each block in the order in which they ran (by hooks).

    Parameters
    ----------
    net : nn.Module
        `ConditionalUNet` or `SlimUNet`.
    x, t, context : Tensor
        (B, C, H, W), (B,), (B, M, D).
    """
    seen: list[Stop] = []

    def note(module: nn.Module, given: tuple[Tensor | None, ...], out: Tensor) -> None:
        more = given[1] if len(given) > 1 else None
        looks = isinstance(module, SpatialTransformer)
        seen.append(
            Stop(
                KINDS[type(module)][0], out.shape[1], out.shape[3],
                step=more is not None and not looks, context=more is not None and looks,
            )
        )  # fmt: skip

    hooks = [part.register_forward_hook(note) for part in net.modules() if type(part) in KINDS]
    try:
        net(x, t, context)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def unet_figure(net: nn.Module, x: Tensor, t: Tensor, context: Tensor | None = None) -> Figure:
    """Draw a U-Net as it ran: a row for each side of the map, letters where step and context come in.

    Parameters are those of `stops`.
    """
    seen = stops(net, x, t, context)
    sides = sorted({stop.side for stop in seen}, reverse=True)
    colours = dict(KINDS.values())
    wide, high = 9.6, 0.95 * len(sides) + 1.45
    pitch = (wide - 0.9) / max(1, len(seen))
    size = 0.7 * pitch
    places = [
        (0.85 + (i + 0.5) * pitch, high - 0.95 - 0.95 * sides.index(stop.side)) for i, stop in enumerate(seen)
    ]
    fig, ax = page(wide, high)
    for (x1, y1), (x2, y2) in itertools.pairwise(places):
        arrow(ax, (x1 + size / 2, y1), (x2 - size / 2, y2))
    for stop, place in zip(seen, places, strict=True):
        box(ax, place, "", colours[stop.kind], width=size - 0.06, height=0.36)
        ax.text(place[0], place[1] - 0.36, str(stop.channels), ha="center", fontsize=9.5, color=INK)
        for here, letter, hue in ((stop.step, "t", VERMILION), (stop.context, "c", PINK)):
            if here:
                style: dict[str, Any] = {
                    "ha": "center",
                    "va": "center",
                    "fontsize": 12,
                    "weight": "bold",
                    "color": hue,
                }
                ax.text(*place, letter, zorder=5, **style)
    for row, side in enumerate(sides):
        y = high - 0.95 - 0.95 * row
        ax.text(0.08, y, f"{side} × {side}", va="center", fontsize=10, color=INK)
        own = [place[0] for stop, place in zip(seen, places, strict=True) if stop.side == side]
        gap, left = max(((b - a, a) for a, b in itertools.pairwise(own)), default=(0.0, 0.0))
        if gap > 1.5 * pitch:  # the way down left this row, and the way up came back to it
            middle = left + gap / 2
            dashed: dict[str, Any] = {"color": QUIET, "linestyle": "--", "linewidth": 1.3}
            ax.plot([left + size / 2, left + gap - size / 2], [y + 0.1, y + 0.1], **dashed)
            ax.text(middle, y + 0.16, "handed across", ha="center", fontsize=9, color=QUIET)
    legend(ax, high, net, context)
    return fig


def legend(ax: Axes, high: float, net: nn.Module, context: Tensor | None) -> None:
    """Say what colours, numbers and letters mean, and where else the context comes in."""
    for k, (name, hue) in enumerate(KINDS.values()):
        box(ax, (0.3 + 1.75 * k, high - 0.28), "", hue, width=0.34, height=0.2)
        ax.text(0.56 + 1.75 * k, high - 0.28, name, va="center", fontsize=9.5, color=INK)
    ax.text(7.35, high - 0.28, "numbers: channels", va="center", fontsize=9.5, color=INK)
    embed = next(part for part in net.modules() if isinstance(part, StepEmbedding))
    said = f"t: the step's code, {embed.dim} numbers → {embed.second.out_features}, scales and shifts the map"
    ax.text(0.1, 0.36, said, fontsize=10, color=VERMILION)
    if context is not None:
        tokens = "1 token" if context.shape[1] == 1 else f"{context.shape[1]} tokens"
        words = f"c: the condition: pixels look at {tokens} of {context.shape[2]} numbers"
        words += "; their mean is added to t" if getattr(net, "embed_context", None) is not None else ""
        ax.text(0.1, 0.1, words, fontsize=10, color=PINK)


# --- which word a pixel looks at ------------------------------------------------------------------------
@torch.no_grad()
def looked_at(
    sentence: str, *, model: LatentDiffusion | None = None, seed: int = 0, steps: int = 20, scale: float = 3.0
) -> tuple[Tensor, Tensor]:
    """Sample a picture of a sentence, and add up what its pixels look at (heads and steps averaged).

    Returns
    -------
    image : Tensor, (3, 32, 32)
    share : Tensor, (M, h, w)
        Of the finest cross-attention; sums to 1 over the M tokens.
    """
    model = model or shipped_scenes()
    layers = [
        part for part in model.net.modules() if isinstance(part, Attention) and part.context is not None
    ]
    found: list[Tensor] = []

    def note(layer: nn.Module, given: tuple[Tensor, Tensor]) -> None:
        assert isinstance(layer, Attention)
        found.append(layer.weights(*given)[-1].mean(dim=0))  # (N, M): the told half stands last

    finest = layers[0]
    hook = finest.register_forward_pre_hook(note)
    try:
        image = model.sample(ids_of([sentence]), seed=seed, steps=steps, scale=scale)[0]
    finally:
        hook.remove()
    share = torch.stack(found).mean(dim=0)  # (N, M)
    side = round(len(share) ** 0.5)
    return image, share.T.reshape(-1, side, side)


def attention_figure(
    sentence: str = "a photo of a red ring on grass", *, model: LatentDiffusion | None = None, seed: int = 0
) -> Figure:
    """Draw a sampled picture, and over it where each word's token gets more attention than on average.

    Above a panel: the word, and the share of all attention that its token gets.

    Parameters
    ----------
    sentence : str
    model : LatentDiffusion, optional
        The shipped one where not given.
    seed : int
        Of the noise.
    """
    image, share = looked_at(sentence, model=model, seed=seed)
    words = sentence.split()
    maps = share[1 : 1 + len(words)]  # the token before the words says that a sentence begins
    more = maps / maps.mean(dim=(1, 2), keepdim=True)  # against the word's own mean
    columns = math.ceil((len(words) + 1) / 2)
    fig = Figure(figsize=(1.75 * columns, 4.1), layout="constrained")
    axes = fig.subplots(2, columns).ravel()
    bare(axes[0], "sampled").imshow(to_image(image), interpolation="nearest")
    for ax, word, part, share_of_it in zip(axes[1:], words, more, maps, strict=False):
        bare(ax, f"{word}: {float(share_of_it.mean()):.2f}")
        ax.imshow(heat_overlay(image, part, float(more.max())), interpolation="nearest")
    for ax in axes[len(words) + 1 :]:
        ax.set_visible(False)
    fig.suptitle(f"“{sentence}”", x=0.01, ha="left", fontsize=11)
    return fig
