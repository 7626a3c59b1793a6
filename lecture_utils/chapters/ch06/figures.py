"""Figures of chapter 06: label maps beside pictures, bands along outlines, stamps, the U, claims by arm."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lecture_utils.data import toyworld
from lecture_utils.plotting.annotations import draw_semantic, outline
from lecture_utils.plotting.blocks import page
from lecture_utils.plotting.images import bare, to_array, to_image
from lecture_utils.plotting.style import BLUE, INK, PALETTE, QUIET, VERMILION

STUFF = len(toyworld.STUFF)  # how many of the toy world's classes are stuff


def label_rows(
    pictures: Any, maps: Mapping[str, Any], names: Sequence[str], title: str, *, size: float = 1.75
) -> Figure:
    """Draw pictures (N, 3, H, W) in a row, and below them a row of label maps (N, H, W) for each name.

    Parameters
    ----------
    pictures : N images
    maps : dict of the row's name to N label maps
    names : sequence of str
        Of the classes; written into the regions of every map.
    title : str
    size : float
        Width of one picture, in inches.
    """
    count, rows = len(pictures), 1 + len(maps)
    fig = Figure(figsize=(0.35 + size * count, 0.45 + size * rows))
    axes = fig.subplots(rows, count, squeeze=False)
    for k, picture in enumerate(pictures):
        axes[0, k].imshow(to_image(picture))
    for row, labels in enumerate(maps.values(), start=1):
        for k in range(count):
            draw_semantic(axes[row, k], labels[k], named(labels[k], names), stuff=STUFF)
    for row, name in enumerate(["picture", *maps]):
        for ax in axes[row]:
            bare(ax)
        axes[row, 0].set_ylabel(name, fontsize=10)
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def named(labels: Any, names: Sequence[str], least: float = 0.025) -> list[str]:
    """The names of the classes that cover at least a share of a label map (H, W); "" for the others."""
    counts = np.bincount(to_array(labels).ravel(), minlength=len(names))
    return [name if count >= least * counts.sum() else "" for name, count in zip(names, counts, strict=True)]


def outline_panels(
    picture: Any, truth: Any, guesses: Mapping[str, Any], classes: Sequence[int], title: str
) -> Figure:
    """Draw one picture several times, on each the true outlines (blue) and those of a guess (vermilion).

    Parameters
    ----------
    picture : (3, H, W)
    truth : (H, W) of integers
    guesses : dict of the panel's title to (H, W)
    classes : sequence of int
        Whose outlines are drawn.
    title : str
    """
    fig = Figure(figsize=(max(0.1 + 2.0 * len(guesses), 5.4), 2.6))
    for ax, (name, guess) in zip(
        fig.subplots(1, len(guesses), squeeze=False)[0], guesses.items(), strict=True
    ):
        bare(ax, name)
        ax.imshow(0.45 + 0.55 * to_image(picture))
        for k in classes:
            outline(ax, to_array(truth) == k, BLUE, 2.2)
            outline(ax, to_array(guess) == k, VERMILION, 1.4)
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def u_diagram(sizes: Sequence[int], widths: Sequence[int], title: str) -> Figure:
    """Draw a U-Net's levels: the side of the map after each pair of convolutions, channels, and the skips.

    Parameters
    ----------
    sizes : sequence of 2·levels + 1 int
        As `unet.sizes` gives them.
    widths : sequence of levels + 1 int
        Channels of each level, the finest first.
    title : str
    """
    levels = len(widths) - 1
    fig, ax = page(8.0, 0.62 * (levels + 1) + 0.6)
    height = 0.62 * (levels + 1)
    ax.text(0.08, height + 0.33, title, fontsize=11.5, fontweight="bold", color=INK)
    for step, side in enumerate(sizes):
        level = step if step <= levels else 2 * levels - step
        x, y = 0.75 + step * 6.5 / (len(sizes) - 1), height - 0.1 - 0.58 * level
        colour = BLUE if step <= levels else VERMILION
        bar = 0.24 + 0.5 * side / max(sizes)
        ax.add_patch(_rectangle(x - bar / 2, y - 0.14, bar, 0.28, colour))
        ax.text(x, y, f"{side}", ha="center", va="center", fontsize=9.5, color="white", fontweight="bold")
        ax.text(x, y - 0.235, f"{widths[level]} ch.", ha="center", va="center", fontsize=8.5, color=INK)
        if step < levels:
            other = 0.75 + (2 * levels - step) * 6.5 / (len(sizes) - 1)
            ax.annotate(
                "",
                (other - 0.42, y),
                (x + 0.42, y),
                arrowprops={"arrowstyle": "->", "color": QUIET, "lw": 1.6},
            )
            cut = sizes[2 * levels - step - 1] * 2
            ax.text((x + other) / 2, y + 0.1, f"copy, the middle {cut}", ha="center", fontsize=8.5, color=INK)
    return fig


def _rectangle(x: float, y: float, width: float, height: float, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, facecolor=colour, edgecolor="none")


def arm_dots(
    panels: Mapping[str, Mapping[str, Sequence[float]]], title: str, *, width: float = 7.6
) -> Figure:
    """Draw for each panel and arm a dot a seed and the mean as a line, on one scale from the lowest up.

    Parameters
    ----------
    panels : dict of the panel's title to {arm: one value a seed}
    title : str
    width : float
        Inches.
    """
    fig = Figure(figsize=(width, 2.7))
    axes = fig.subplots(1, len(panels), sharey=False, squeeze=False)[0]
    for ax, (name, arms) in zip(axes, panels.items(), strict=True):
        for k, (_, values) in enumerate(arms.items()):
            mean = float(np.mean(values))
            ax.plot([k] * len(values), values, "o", color=PALETTE[k % len(PALETTE)], alpha=0.55, ms=5)
            ax.plot([k - 0.28, k + 0.28], [mean, mean], color=PALETTE[k % len(PALETTE)], lw=2.2)
            ax.text(k + 0.33, mean, f"{mean:.2f}", va="center", fontsize=9, color=INK)
        ax.set_xticks(range(len(arms)), [arm.replace(" from ", "\nfrom ") for arm in arms])
        ax.set_xlim(-0.6, len(arms) - 0.2)
        ax.set_title(name, fontsize=10, fontweight="normal")
        ax.grid(False, axis="x")
    fig.suptitle(title, x=0.01, ha="left")
    return fig
