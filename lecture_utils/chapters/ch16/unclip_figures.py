"""Figures of DALL-E 2: variations, strips between pictures, what the prior is for, faults.

Each returns a Figure; the alt texts are the notebook's.

Shapes: N pictures of side S, n cosines.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_utils.chapters.ch16.unclip_study import Faults, Tries, Way
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.ops.checks import check_images
from lecture_utils.plotting.images import bare, few
from lecture_utils.plotting.sheets import GAP, mosaic
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, PINK, QUIET, VERMILION

LOWEST = 0.4  # cosine at the left end of the histograms
COLOURS = (BLUE, GREEN, VERMILION, ORANGE, PINK)


def sheet_of(rows: Sequence[Tensor]) -> np.ndarray:
    """Rows of pictures (N, 3, S, S) in [0, 1] on white, one below the other: (height, width, 3)."""
    for images in rows:
        check_images(images, 3, unit_range=True)
    longest = max(map(len, rows))
    return mosaic(torch.cat([F.pad(x, (0,) * 7 + (longest - len(x),), value=1.0) for x in rows]), longest)


def variation_figure(picture: Tensor, made: Tensor, title: str, *, columns: int = 5) -> Figure:
    """Draw a picture (3, S, S), and at its right what was painted of its embedding, (N, 3, S, S)."""
    sheet = sheet_of(made.split(columns))
    wide = 4.4 * sheet.shape[1] / sheet.shape[0]
    fig = Figure(figsize=(min(8.0, wide + 2.2), 4.4 * min(1.0, 5.6 / wide) + 0.3), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=(1, 2.8))
    bare(left, "the picture told").imshow(few(picture, 32), interpolation="nearest")
    bare(right, "painted of its embedding, from other noise each").imshow(sheet, interpolation="nearest")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def strips(rows: Mapping[str, Tensor], title: str, names: Sequence[str] = ()) -> Figure:
    """Draw rows of pictures (N, 3, S, S), each with its name at the left, `names` above the columns."""
    if not rows:
        raise ValueError("rows: got none, want one or more")
    sheet = sheet_of(list(rows.values()))
    step = next(iter(rows.values())).shape[-1] + GAP
    beside, wide = 0.095 * max(map(len, rows)) + 0.2, min(8.0, 1.0 * (sheet.shape[1] + GAP) / step)
    high = wide * sheet.shape[0] / sheet.shape[1]
    fig = Figure(figsize=(wide + beside, high + 0.65), layout="constrained")
    ax = bare(fig.subplots())
    ax.set_anchor("NW")  # in the middle of its place it would hide from the layout how wide the names are
    ax.imshow(sheet, interpolation="nearest")
    ax.set_yticks([step * i + step / 2 for i in range(len(rows))], list(rows), fontsize=9, color=INK)
    ax.set_xticks([step * i + step / 2 for i in range(len(names))], names, fontsize=8.5, color=INK)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def stays_figure(found: Mapping[str, tuple[float, float]], title: str) -> Figure:
    """Draw how far variations agree with their own picture (full dot) and with another one (ring)."""
    fig = Figure(figsize=(6.4, 0.42 * len(found) + 1.2), layout="constrained")
    ax = fig.subplots()
    for y, (own, other) in enumerate(found.values()):
        ax.plot((other, own), (y, y), color=QUIET, linewidth=2, zorder=1)
        ax.plot(other, y, "o", color=VERMILION, markersize=8, fillstyle="none", markeredgewidth=1.8)
        ax.plot(own, y, "o", color=BLUE, markersize=8)
        ax.text(1.03, y, f"{own:.2f} : {other:.2f}", va="center", fontsize=9, color=INK, clip_on=False)
    ax.plot([], [], "o", color=BLUE, label="with the picture that was told")
    ax.plot([], [], "o", color=VERMILION, fillstyle="none", markeredgewidth=1.8, label="with another picture")
    ax.set(xlim=(min(0.0, *(min(pair) for pair in found.values())), 1.0), ylim=(len(found) - 0.5, -0.5))
    ax.set_yticks(range(len(found)), list(found))
    ax.set_xlabel("agreement of variations")
    ax.grid(axis="y", visible=False)
    fig.legend(loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def cosine_figure(found: Mapping[str, Tensor], title: str) -> Figure:
    """Draw the distribution of cosines (n,), one row a name, with its mean."""
    fig = Figure(figsize=(7.2, 0.85 * len(found) + 1.0), layout="constrained")
    axes = fig.subplots(len(found), 1, squeeze=False, sharex=True)[:, 0]
    bins = np.linspace(LOWEST, 1.0, 46)  # what lies below is counted in the first
    for ax, (name, values), colour in zip(axes, found.items(), COLOURS * 9, strict=False):
        ax.hist(values.clamp(min=LOWEST).numpy(), bins, color=colour, alpha=0.75)
        mean = values.mean().item()
        ax.axvline(mean, color=INK, linewidth=1.2)
        ax.set_yticks([])
        ax.grid(visible=False)
        ax.text(
            0.01, 0.9, f"{name}: mean {mean:.2f}", transform=ax.transAxes, va="top", fontsize=9, color=INK
        )
    axes[-1].set_xlabel("cosine with the embedding of the sentence's own picture")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def way_figure(found: Mapping[str, Way], title: str) -> Figure:
    """Draw, for each way to tell the decoder, what the judges see and the cosine of told and made."""
    parts = {
        "class, by the judge": "shows_class",
        "class, by the ResNet": "by_resnet",
        "colour": "shows_colour",
        "cosine, told and made": "cosine",
    }
    fig = Figure(figsize=(8.0, 2.6), layout="constrained")
    for ax, (said, part) in zip(fig.subplots(1, len(parts), sharey=True), parts.items(), strict=True):
        values = [getattr(way, part) for way in found.values()]
        ax.barh(range(len(found)), values, color=BLUE, alpha=0.8)
        for y, value in enumerate(values):
            ax.text(value + 0.02, y, f"{value:.2f}", va="center", fontsize=9, color=INK)
        ax.set(xlim=(0, 1.4), ylim=(len(found) - 0.5, -0.5), xticks=(0, 0.5, 1))
        ax.set_yticks(range(len(found)), list(found))
        ax.grid(axis="y", visible=False)
        ax.set_title(said, fontsize=9.5, loc="left", color=INK)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def tries_figure(rows: Sequence[Tries], title: str) -> Figure:
    """Draw the cosines of what is kept of K draws, with the sentence and with the picture, against K."""
    fig = Figure(figsize=(6.0, 3.0), layout="constrained")
    ax = fig.subplots()
    for part, colour, said in (
        ("to_picture", BLUE, "with the picture that the sentence was written of"),
        ("to_sentence", VERMILION, "with the sentence, by which it was chosen"),
    ):
        values = [getattr(row, part) for row in rows]
        ax.plot([row.tries for row in rows], values, "o-", color=colour, label=said)
    ax.set_xscale("log", base=2)
    ax.set_xticks([row.tries for row in rows], [str(row.tries) for row in rows])
    ax.set(xlabel="draws, of which the best is kept", ylabel="mean cosine")
    ax.legend(fontsize=9, frameon=False)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def fault_figure(found: Faults, title: str) -> Figure:
    """Draw a sheet, one class a row, with a frame and a name where the judge sees another class."""
    each = int((found.class_id == found.class_id[0]).sum())
    fig = Figure(figsize=(each * 0.86 + 0.8, len(found.images) / each * 0.88 + 0.4), layout="constrained")
    grid = fig.subplots(len(found.images) // each, each, squeeze=False)
    wrong = found.wrong()
    for i, (ax, image) in enumerate(zip(grid.ravel(), found.images, strict=True)):
        bare(ax).imshow(few(image, 32), interpolation="nearest")
        if wrong[i]:
            _framed(ax, image.shape[-1], CLASSES[int(found.named[i])])
    for row, line in enumerate(grid):
        name = CLASSES[int(found.class_id[row * each])]
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def solver_figure(steps: Sequence[int], found: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw how far each sampler's pictures are from those of many steps, by its steps."""
    fig = Figure(figsize=(6.4, 3.3), layout="constrained")
    ax = fig.subplots()
    for (name, values), colour in zip(found.items(), COLOURS * 9, strict=False):
        ax.plot(steps, values, "o-", color=colour, label=name)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(list(steps), [str(count) for count in steps])
    ax.set(xlabel="calls of the network", ylabel="difference of pixels (RMS)")
    ax.legend(fontsize=9, frameon=False)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def _framed(ax: Axes, side: int, text: str) -> None:
    """Frame a picture, and write into it what it was taken for."""
    ax.add_patch(Rectangle((-0.5, -0.5), side, side, fill=False, edgecolor=VERMILION, linewidth=2.5))
    style = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
    ax.text(side / 2, side - 1.5, text, ha="center", va="bottom", fontsize=8, color=VERMILION, bbox=style)
