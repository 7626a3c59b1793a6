"""Chapter 13, part b: the figures of what is found, said, heard and drawn across senses.

Shapes: N pictures, S their side, R results, K classes or questions, P places that are looked at.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.plotting.images import bare, few, to_image
from lecture_utils.plotting.overlays import heat_overlay
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET, VERMILION

PALE = "#BFD5E5"


def heard_and_found(
    spectra: Tensor, names: Sequence[str], images: Tensor, order: Tensor, right: Tensor, title: str
) -> Figure:
    """Draw sounds (Q, F, T), and beside each the pictures that it finds, nearest first.

    `order` (Q, R) are places in `images`; a picture is framed in green where `right` (Q, R), bool.
    """
    rows, columns = order.shape
    if len(spectra) != rows or len(names) != rows or right.shape != order.shape:
        got = f"{len(spectra)} sounds, {len(names)} names, right {tuple(right.shape)}"
        raise ValueError(f"order: got {got}, want as many as its {rows} rows of {columns}")
    fig = Figure(figsize=(8.0, 1.3 * rows + 0.4), layout="constrained")
    grid = fig.subplots(rows, columns + 1, width_ratios=[1.6] + [1] * columns, squeeze=False)
    for i in range(rows):
        bare(grid[i, 0], names[i]).imshow(spectra[i].numpy(), origin="lower", aspect="auto", cmap="magma")
        for k in range(columns):
            ax = bare(grid[i, k + 1])
            ax.imshow(few(images[int(order[i, k])]), interpolation="nearest")
            colour = GREEN if right[i, k] else VERMILION
            for spine in ax.spines.values():
                spine.set(visible=True, color=colour, linewidth=2.4)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def share_bars(
    table: Mapping[str, Mapping[str, float]], title: str, *, label: str = "right class", chance: float = 0.0
) -> Figure:
    """Draw groups of bars: `table` has for each arm its shares by name; a line shows chance where given."""
    arms, names = list(table), list(next(iter(table.values())))
    fig = Figure(figsize=(8.0, 0.7 + 0.42 * len(names)), layout="constrained")
    ax = fig.subplots()
    high = 0.8 / len(arms)
    for row, (arm, colour) in enumerate(zip(arms, (BLUE, ORANGE, GREEN, QUIET), strict=False)):
        places = np.arange(len(names)) + (row - (len(arms) - 1) / 2) * high
        values = [table[arm][name] for name in names]
        ax.barh(places, values, height=0.9 * high, color=colour, label=arm)
        for place, value in zip(places, values, strict=True):
            ax.text(value + 0.01, place, f"{value:.2f}", va="center", fontsize=8.5, color=INK)
    if chance:
        ax.axvline(chance, color=INK, linewidth=1, linestyle=":", label="chance")
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xlim=(0, 1.08), xlabel=label)
    ax.grid(axis="y", visible=False)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
    ax.set_title(title)
    return fig


def pulled_figure(image: Tensor, so_far: str, words: Sequence[str], shares: Mapping[str, Tensor]) -> Figure:
    """Draw the picture and what may come next: for each opinion the probabilities (K,) of the words."""
    fig = Figure(figsize=(8.0, 2.9), layout="constrained")
    axes = fig.subplots(1, 1 + len(shares), width_ratios=[1.05] + [1] * len(shares))
    bare(axes[0], f"“{so_far} …”").imshow(few(image), interpolation="nearest")
    for ax, (name, values), colour in zip(axes[1:], shares.items(), (QUIET, ORANGE, BLUE), strict=False):
        ax.barh(range(len(words)), values.numpy(), color=colour)
        ax.set_yticks(range(len(words)), list(words) if ax is axes[1] else [""] * len(words), fontsize=9)
        ax.set(ylim=(len(words) - 0.5, -0.5), xlim=(0, 1))
        ax.set_title(name, fontsize=10)
        ax.grid(axis="y", visible=False)
    fig.suptitle("CLIP moves the context a little, and the next word follows", x=0.01, ha="left", fontsize=11)
    return fig


def rows_figure(
    rows: Mapping[str, Tensor], title: str, *, notes: Mapping[str, Sequence[str]] | None = None
) -> Figure:
    """Draw rows of pictures (N, 3, S, S), named at the left; `notes` stand under a row's pictures."""
    count = len(next(iter(rows.values())))
    if any(len(images) != count for images in rows.values()):
        raise ValueError(f"rows: got {[len(x) for x in rows.values()]} pictures, want as many in each")
    told = notes or {}
    size = 6.6 / count
    height = sum(size + (0.2 if name in told else 0.04) for name in rows)
    fig = Figure(figsize=(8.0, height + 0.35), layout="constrained")
    grid = fig.subplots(len(rows), count + 1, width_ratios=[1.25 / size] + [1] * count, squeeze=False)
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        head = bare(line[0])
        head.text(1, 0.5, name, ha="right", va="center", fontsize=9.5, transform=head.transAxes)
        for k, ax in enumerate(line[1:]):
            bare(ax).imshow(few(images[k]), interpolation="nearest")
            if name in told:
                ax.set_xlabel(told[name][k], fontsize=8, labelpad=2)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def looking_figure(image: Tensor, attention: Tensor, places: Sequence[float], title: str) -> Figure:
    """Draw where a captioner looks: attention (N, P) over a square of places, before some of its units."""
    side = round(attention.shape[1] ** 0.5)
    if side * side != attention.shape[1]:
        raise ValueError(f"attention: got {attention.shape[1]} places, want a square number")
    steps = [round(place * (len(attention) - 1)) for place in places]
    fig = Figure(figsize=(8.0, 8.0 / (1 + len(steps)) + 0.5), layout="constrained")
    axes = fig.subplots(1, 1 + len(steps))
    bare(axes[0], "picture").imshow(to_image(image), interpolation="nearest")
    for ax, step in zip(axes[1:], steps, strict=True):
        heat = attention[step].reshape(1, 1, side, side)
        heat = torch.nn.functional.interpolate(heat, image.shape[1:], mode="bilinear")[0, 0]
        bare(ax, f"before unit {step + 1}").imshow(heat_overlay(image, heat / heat.max()))
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def told_figure(known: Mapping[str, Mapping[str, float]], answers: Mapping[str, int], title: str) -> Figure:
    """Draw for each question how far from chance (0) to perfect (1) a voice gets, and a face.

    `known` has the balanced accuracies by source ("voice", "face") and question; of a question with n
    `answers` chance is 1 / n.
    """
    fig = Figure(figsize=(8.0, 0.8 + 0.3 * len(answers)), layout="constrained")
    ax = fig.subplots()
    for source, colour, off in (("face", PALE, 0.0), ("voice", BLUE, 0.0)):
        values = [(known[source][name] - 1 / n) / (1 - 1 / n) for name, n in answers.items()]
        high = 0.8 if source == "face" else 0.4
        ax.barh(np.arange(len(values)) + off, values, height=high, color=colour, label=f"from the {source}")
    ax.axvline(0, color=INK, linewidth=1)
    ax.set_yticks(range(len(answers)), list(answers))
    ax.invert_yaxis()
    ax.set(xlim=(-0.1, 1.05), xlabel="0 is chance, 1 is always right")
    ax.grid(axis="y", visible=False)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
    ax.set_title(title)
    return fig
