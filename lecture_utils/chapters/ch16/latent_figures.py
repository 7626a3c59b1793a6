"""Chapter 16, part b: figures of latent diffusion: prices, codes, sentences, boxes, and what goes wrong.

Each returns a Figure; the alt texts are the notebook's. What is drawn comes from `latent_study`.

Shapes: N pictures, S side, Z × h × w code.
"""

import textwrap
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_utils.chapters.ch16.latent_outcomes import Tried
from lecture_utils.chapters.ch16.latent_study import OUTSIDE, Rebuilt, Swap, Walk, said
from lecture_utils.chapters.ch16.steps_figures import rows_figure, titled
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.ops.checks import check_boxes, check_tensor
from lecture_utils.plotting.charts import confusion_matrix
from lecture_utils.plotting.images import bare, few, signed_image
from lecture_utils.plotting.overlays import heat_overlay
from lecture_utils.plotting.style import BLUE, GREEN, HAIRLINE, INK, ORANGE, PINK, QUIET, VERMILION

ERROR = 4  # times which errors of a reconstruction are drawn
WRAP = 20  # letters of a sentence in a row


# --- codes ----------------------------------------------------------------------------------------------
def operations_figure(found: Mapping[str, float], title: str) -> Figure:
    """Draw `latent_study.operations`: a bar for what a network works on, in millions of multiplications."""
    fig = titled(8.5, 0.45 * len(found) + 0.9, title)
    ax = fig.subplots()
    least = min(found.values())
    for row, value in enumerate(found.values()):
        ax.barh(row, value, color=ORANGE if row == 0 else BLUE, height=0.62)
        ax.text(value, row, f" {value:.0f}  ({value / least:.1f} ×)", va="center", fontsize=9.5, color=INK)
    ax.set_yticks(range(len(found)), list(found))
    ax.invert_yaxis()
    ax.set(xlabel="million multiplications for one prediction", xlim=(0, 1.2 * max(found.values())))
    ax.grid(False)
    return fig


def rebuilt_figure(seen: Rebuilt, title: str) -> Figure:
    """Draw pictures, their codes' four channels, what is decoded, and the error, four times as large."""
    reach = float(seen.code.abs().max())
    rows = {"picture": seen.picture}
    for channel in range(seen.code.shape[1]):
        hues = [torch.as_tensor(signed_image(code[channel], reach)) for code in seen.code]
        maps = torch.stack(hues).permute(0, 3, 1, 2)  # (N, 3, 8, 8)
        rows[f"code, channel {channel + 1}"] = F.interpolate(maps, seen.picture.shape[2:])
    rows["decoded"] = seen.made
    rows[f"error, × {ERROR}"] = ERROR * (seen.made - seen.picture).abs()
    return rows_figure(rows, title, heads=[f"{value:.1f} dB" for value in seen.decibel.tolist()], width=7.6)


def codes_figure(codes: Tensor, scale: float, title: str) -> Figure:
    """Draw how the numbers of codes (N, Z, h, w) are spread, as the encoder draws them and scaled."""
    check_tensor(codes, "codes", "N", "Z", "h", "w", finite=True, some=True)
    fig = titled(8.5, 2.9, title)
    grid = torch.linspace(-4, 4, 161)
    normal = (-grid.square() / 2).exp() / (2 * torch.pi) ** 0.5
    for ax, (name, some) in zip(
        fig.subplots(1, 2, sharey=True),
        {"as drawn": codes, f"times {scale:.3f}": scale * codes}.items(),
        strict=True,
    ):
        hues = (BLUE, ORANGE, GREEN, PINK)
        for channel in range(codes.shape[1]):
            height, edges = torch.histogram(some[:, channel].flatten(), 60, range=(-4.0, 4.0), density=True)
            middle = (edges[1:] + edges[:-1]) / 2
            ax.plot(middle, height, color=hues[channel % 4], lw=1.4, label=f"channel {channel + 1}")
        ax.plot(grid, normal, color=INK, lw=1, ls="--", label="N(0, 1)")
        ax.set_title(f"{name}: deviation {float(some.std()):.2f}", fontsize=10, loc="left")
        ax.set(xlabel="number of the code", yticks=[])
    ax.legend(frameon=False, fontsize=8.5)
    return fig


# --- sentences and boxes --------------------------------------------------------------------------------
def sentences_figure(rows: Mapping[str, Tensor], title: str, *, width: float = 8.5) -> Figure:
    """Draw a row of pictures (N, 3, S, S) for each sentence."""
    return rows_figure(
        {textwrap.fill(text, WRAP): images for text, images in rows.items()}, title, width=width
    )


def outside_figure(title: str, count: int = 6, *, seed: int = 0) -> Figure:
    """Draw what comes of sentences that are outside of the grammar, each with what is new in it."""
    made = said(list(OUTSIDE.values()), count, seed=seed)
    rows = {f"{kind}\n{textwrap.fill(f'“{text}”', WRAP)}": made[text] for kind, text in OUTSIDE.items()}
    return rows_figure(rows, title, width=7.8)


def swap_figure(swaps: Mapping[str, Swap], title: str) -> Figure:
    """Draw pictures of two sentences from the same noise, and over the first one where they differ.

    `swaps` is "word → other word" → `latent_study.swapped` of one picture.
    """
    most = max(float(swap.change.max()) for swap in swaps.values())
    fig = titled(8.5, 1.75 * len(swaps) / 2 + 0.55, title)
    grid = fig.subplots(-(-len(swaps) // 2), 6, squeeze=False)
    for ax in grid.flat:
        bare(ax)
    for i, (name, swap) in enumerate(swaps.items()):
        axes = grid[i // 2, 3 * (i % 2) : 3 * (i % 2) + 3]
        first, second = name.split(" → ")
        heat = heat_overlay(swap.one[0], swap.change[0], most)
        shown = ((few(swap.one[0], 32), first), (few(swap.other[0], 32), second), (heat, "change"))
        for ax, (image, text) in zip(axes, shown, strict=True):
            bare(ax).imshow(image, interpolation="nearest")
            ax.set_title(text, fontsize=9.5, color=QUIET if text == "change" else INK, loc="center")
    return fig


def draw_box(ax: Axes, box: Tensor, side: int, hue: str, style: str = "-", width: float = 1.6) -> None:
    """Draw a box (4,), in shares of the sides, on a picture of `side` pixels."""
    x1, y1, x2, y2 = (side * float(v) - 0.5 for v in box)
    ax.add_patch(
        Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=hue, linewidth=width, linestyle=style)
    )


def walk_figure(walks: Mapping[str, Walk], title: str) -> Figure:
    """Draw rows of pictures with the box that was asked for (solid) and the one that was found (dashed)."""
    left, first = 1.1, next(iter(walks.values()))
    count, width = len(first.image), 8.5
    side = (width - left) / count
    height = len(walks) * (side + 0.22) + 0.45
    fig = Figure(figsize=(width, height))
    fig.set_layout_engine("none")
    fig.text(0.01, 1 - 0.18 / height, title, fontsize=11, weight="bold", va="center", color=INK)
    for row, (name, walk) in enumerate(walks.items()):
        check_boxes(walk.box, count)
        bottom = (len(walks) - row - 1) * (side + 0.22)
        at = (left - 0.08) / width, (bottom + 0.22 + side / 2) / height
        fig.text(*at, name, ha="right", va="center", fontsize=9, color=INK)
        for i, (image, box, found) in enumerate(zip(walk.image, walk.box, walk.found, strict=True)):
            place = ((left + i * side) / width, (bottom + 0.22) / height)
            ax = bare(fig.add_axes((*place, 0.96 * side / width, 0.96 * side / height)))
            ax.imshow(few(image, 32), interpolation="nearest", aspect="auto")
            draw_box(ax, box, image.shape[-1], INK)
            draw_box(ax, found, image.shape[-1], "white", "--", 1.2)
            said_ = f"{float(walk.iou[i]):.2f}" if i or row else f"IoU {float(walk.iou[i]):.2f}"
            under = (left + (i + 0.48) * side) / width, (bottom + 0.1) / height
            fig.text(*under, said_, ha="center", va="center", fontsize=8.5, color=QUIET)
    return fig


# --- how often it is right ------------------------------------------------------------------------------
LINES = {
    "colour": ("colour", ORANGE, "-"), "ground": ("ground", GREEN, "-"), "class": ("class", BLUE, "-"),
    "class_by_resnet": ("class, second judge", BLUE, "--"), "box_iou": ("box, IoU", VERMILION, "-"),
}  # fmt: skip


def sweep_figure(found: Mapping[float, Mapping[str, float]], title: str) -> Figure:
    """Draw `latent_study.sweep`: what is right over the scale of guidance."""
    fig = titled(7.5, 3.4, title)
    ax, scales = fig.subplots(), sorted(found)
    for key, (name, hue, style) in LINES.items():
        values = [found[w][key] for w in scales]
        wide = 4 if key == "colour" else 1.5  # it lies under that of the ground
        ax.plot(range(len(scales)), values, "o", ls=style, lw=wide, color=hue, ms=4, label=name)
    ax.axhline(1 / len(CLASSES), color=HAIRLINE, lw=1)
    ax.text(
        len(scales) - 1, 1 / len(CLASSES) + 0.015, "class by chance", fontsize=8.5, color=QUIET, ha="right"
    )
    ax.set_xticks(range(len(scales)), [f"{w:g}" for w in scales])
    ax.set(xlabel="guidance scale (1: none)", ylabel="share that is right", ylim=(0, 1.04))
    ax.legend(frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(1.0, 0.14), ncols=2)
    return fig


def confusions_figure(seen: Tried, title: str) -> Figure:
    """Draw which classes were asked for (rows), and which the judge saw (columns)."""
    fig = confusion_matrix(seen.table, CLASSES, title)
    fig.axes[0].set(xlabel="seen by the judge", ylabel="asked for")
    return fig


def failures_figure(seen: Tried, title: str, *, columns: int = 6, most: int = 18) -> Figure:
    """Draw the first pictures that are not what was asked for, each with both."""
    rows = seen.wrong.nonzero()[:most, 0].tolist()
    if not rows:
        raise ValueError("seen: got no picture that is wrong, want one or more")
    deep = -(-len(rows) // columns)
    fig = titled(8.5, 1.72 * deep + 0.4, title)
    axes = fig.subplots(deep, columns, squeeze=False)
    for ax in axes.flat:
        bare(ax)
    for ax, i in zip(axes.flat, rows, strict=False):
        ax.imshow(few(seen.image[i], 32), interpolation="nearest")
        want = f"{COLOURS[int(seen.some.colour_id[i])]} {CLASSES[int(seen.some.class_id[i])]}"
        got = f"{COLOURS[int(seen.colour_id[i])]} {CLASSES[int(seen.class_id[i])]}"
        count = int(seen.things[i])
        ax.set_title(want, fontsize=9, color=INK, loc="center", pad=3)
        ax.set_xlabel(
            got if count == 1 else f"{got}, {count} things", fontsize=9, color=VERMILION, labelpad=2
        )
    return fig


def neighbours_figure(found: tuple[Tensor, Tensor, Tensor], title: str) -> Figure:
    """Draw made pictures above the nearest training pictures, with their distance."""
    made, near, distance = found
    heads = [f"{value:.3f}" for value in distance.tolist()]
    return rows_figure({"made": made, "nearest of the\ntraining pictures": near}, title, heads=heads)
