"""Diagrams of chapter 02: matrices as heat maps with their numbers, and the two transformer layers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from einops import rearrange
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_utils.plotting.blocks import arrow, box, page, way_round
from lecture_utils.plotting.charts import curves
from lecture_utils.plotting.images import bare, panels, to_array, to_image
from lecture_utils.plotting.overlays import heat_overlay
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, PALETTE, QUIET

FORBIDDEN = "#B5B5B5"  # what a mask forbids, wherever it is drawn


def heat_maps(
    tables: Sequence[Any],
    titles: Sequence[str],
    suptitle: str = "",
    *,
    numbers: bool = False,
    signed: bool | Sequence[bool] = False,
    labels: Sequence[str] = (),
    height: float = 2.6,
    every: int = 0,
) -> Figure:
    """Draw matrices side by side.

    Parameters
    ----------
    tables : sequence of (N, M)
        NaN is drawn grey.
    titles : sequence of str
    suptitle : str
    numbers : bool
        Write each value into its cell: whole numbers as they are, others with two decimals.
    signed : bool, or one for each table
        Blue below zero, red above; else white to blue up to each table's largest value, from 0 or, where
        there are numbers below it, from the least.
    labels : sequence of str
        For the rows of the first and the columns of all, where they have as many.
    height : float
        Of the figure, in inches.
    every : int
        Draw a line after so many rows and columns; 0 for none.
    """
    fig = Figure(figsize=(8, height), layout="constrained")
    signs = [signed] * len(tables) if isinstance(signed, bool) else signed
    shapes = [to_array(table).shape for table in tables]
    widths = [columns / rows for rows, columns in shapes]  # so that all are equally high
    axes = fig.subplots(1, len(tables), squeeze=False, width_ratios=widths)[0]
    for k, (ax, table, title, sign) in enumerate(zip(axes, tables, titles, signs, strict=True)):
        array = to_array(table)
        decimals = 2 if np.issubdtype(array.dtype, np.floating) else 0
        array = array.astype(float)
        limit = max(float(np.nanmax(np.abs(array))), 1e-9)
        least, most = min(0.0, float(np.nanmin(array))), max(float(np.nanmax(array)), 1e-9)
        low, high = (-limit, limit) if sign else (least, least + 1.25 * (most - least))
        colours = colormaps["RdBu_r" if sign else "Blues"].with_extremes(bad=FORBIDDEN)
        ax.imshow(array, cmap=colours, vmin=low, vmax=high)
        bare(ax, title)
        for edge in range(every, max(array.shape), every) if every else ():
            ax.axhline(edge - 0.5, color=INK, linewidth=0.6)
            ax.axvline(edge - 0.5, color=INK, linewidth=0.6)
        if labels and array.shape[1] == len(labels):
            ax.set_xticks(range(len(labels)), labels, fontsize=8)
        if labels and array.shape[0] == len(labels) and k == 0:
            ax.set_yticks(range(len(labels)), labels, fontsize=8)
        ax.tick_params(length=0)
        if numbers:
            for (row, column), value in np.ndenumerate(array):
                strong = abs(value) / limit if sign else (value - least) / (most - least)
                colour = "white" if strong > (0.7 if sign else 0.85) else INK
                text = f"{value:.{decimals}f}".replace("-", "−")
                ax.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    if suptitle:
        fig.suptitle(suptitle, x=0.01, ha="left", fontsize=11)
    return fig


def layer_diagram() -> Figure:
    """Draw an encoder layer and a decoder layer (pre-norm): what is added to what, and who looks where."""
    fig, ax = page(8, 4.0)
    _stack(ax, 1.9, "Encoder layer", [("self-attention", BLUE), ("MLP", GREEN)], "source tokens")
    parts = [("masked self-attention", BLUE), ("cross-attention", ORANGE), ("MLP", GREEN)]
    _stack(ax, 6.1, "Decoder layer", parts, "target tokens")
    ax.plot((1.9, 4.1, 4.1), (3.5, 3.5, 1.73), color=ORANGE, linewidth=2.0, solid_joinstyle="round")
    arrow(ax, (4.1, 1.73), (5.08, 1.73), ORANGE, 2.0)
    ax.text(4.2, 3.1, "keys, values:\nwhat was read", fontsize=9.5, color=INK, ha="left", va="center")
    return fig


def _stack(ax: Axes, x: float, title: str, parts: list[tuple[str, str]], source: str) -> None:
    """Draw a residual stream going up at x, with one branch and its addition for each part."""
    step = 2.5 / len(parts)
    ax.text(x, 3.78, title, fontsize=11, fontweight="bold", ha="center", va="center")
    ax.text(x, 0.16, source, fontsize=9.5, ha="center", va="center", color=QUIET)
    arrow(ax, (x, 0.28), (x, 3.6), INK, 1.6)
    for k, (name, colour) in enumerate(parts):
        low = 0.55 + k * step
        centre = low + 0.5 * step - 0.07
        box(ax, (x, centre), f"norm, {name}", colour, width=2.0, height=0.36, size=9)
        way_round(ax, (x, low - 0.06), (x, centre + 0.32), x + 1.35)


def tiled(picture: Any, patch: int, gap: int = 2, zoom: int = 8) -> np.ndarray:
    """Lay the patches of a picture (3, H, W) out as a grid with white gaps, `zoom` times as large."""
    image = to_image(picture)
    rows, columns = image.shape[0] // patch, image.shape[1] // patch
    side = patch * zoom
    page = np.ones((rows * (side + gap) - gap, columns * (side + gap) - gap, 3))
    for r, c in np.ndindex(rows, columns):
        tile = image[r * patch : (r + 1) * patch, c * patch : (c + 1) * patch]
        top, left = r * (side + gap), c * (side + gap)
        page[top : top + side, left : left + side] = tile.repeat(zoom, 0).repeat(zoom, 1)
    return page


def asked(
    picture: Any, maps: Sequence[Any], titles: Sequence[str], at: tuple[int, int], patch: int
) -> Figure:
    """Draw a picture with the asking patch (row, column) framed, and over copies of it who is asked how much.

    `maps` are attention weights (rows, columns), hot where the patch looks.
    """
    fig, axes = panels(len(maps) + 1, len(maps) + 1, 1.9, titled=True)
    shown = [to_image(picture), *(heat_overlay(picture, weights) for weights in maps)]
    for ax, image, title in zip(axes, shown, ("the asking patch", *titles), strict=True):
        ax.imshow(image, interpolation="nearest")
        ax.set_title(title, fontsize=9)
        corner = (at[1] * patch - 0.5, at[0] * patch - 0.5)
        ax.add_patch(Rectangle(corner, patch, patch, fill=False, edgecolor=BLUE, linewidth=2))
    return fig


def seed_bars(shares: dict[str, Sequence[float]], title: str, chance: float) -> Figure:
    """Draw mean accuracies as bars with a dot for each seed, and a dashed line at chance."""
    fig = Figure(figsize=(8, 1.6), layout="constrained")
    ax = fig.subplots()
    for row, values in enumerate(shares.values()):
        ax.barh(row, float(np.mean(values)), color=(ORANGE, BLUE)[row % 2], alpha=0.55, height=0.6)
        ax.plot(values, [row] * len(values), "o", color=INK, markersize=4)
        ax.text(float(np.mean(values)) + 0.015, row, f"{np.mean(values):.0%}", va="center", fontsize=10)
    ax.axvline(chance, color=INK, linestyle="--", linewidth=1)
    ax.text(chance + 0.01, len(shares) - 0.45, "chance", fontsize=9)
    ax.set_yticks(range(len(shares)), list(shares))
    ax.set_xlim(0, 1.08)
    ax.set_xlabel("accuracy (a dot is a seed)")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def hunger_curves(seeds: Sequence[dict[str, Any]]) -> Figure:
    """Draw C02.3: both networks' accuracy on new pictures and on those trained on, and the gap between them.

    Lines are means over the seeds, shaded ranges go from the lowest to the highest seed.
    """
    sizes = seeds[0]["sizes"]
    fig = Figure(figsize=(7.6, 2.9), layout="constrained")
    left, right = fig.subplots(1, 2)
    runs = {
        part: {name: np.array([row[part][name] for row in seeds]) for name in ("CNN", "ViT")}
        for part in ("test", "train")
    }
    test = runs["test"]
    means = {name: (sizes, run.mean(0)) for name, run in test.items()}
    bands = {name: (run.min(0), run.max(0)) for name, run in test.items()}
    title = "Solid: new pictures; dashed: trained on"
    curves(means, "training pictures", "accuracy", title, bands=bands, log_x=True, ax=left)
    for run, colour in zip(runs["train"].values(), PALETTE, strict=False):
        left.plot(sizes, run.mean(0), "--", color=colour, linewidth=1)
    dip = runs["train"]["ViT"].mean(0)[-2]
    left.text(sizes[-2], dip - 0.02, "ViT, trained on", ha="center", va="top", fontsize=9, color=QUIET)
    gap = test["CNN"] - test["ViT"]
    band = {"gap": (gap.min(0), gap.max(0))}
    title = "The gap grows, then shrinks"
    mean = {"gap": (sizes, gap.mean(0))}
    curves(mean, "training pictures", "CNN minus ViT", title, bands=band, log_x=True, ax=right)
    left.set_ylim(0, 1.03)
    right.set_ylim(0, None)
    for ax in (left, right):
        ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
        ax.set_xticks([], minor=True)
    return fig


def seen_from_corner(
    mask_of: Callable[[int, int, int], Tensor], side: int = 8, window: int = 4, shift: int = 2
) -> Tensor:
    """Where in the picture the tokens stand that the top left one may look at by a mask: (side, side)."""
    place = torch.arange(side * side).view(side, side).roll((-shift, -shift), dims=(0, 1))
    place = rearrange(place, "(h m) (w n) -> (h w) (m n)", m=window, n=window)  # who sits in which window
    which, where = (place == 0).nonzero()[0]
    seen = torch.zeros(side * side)
    seen[place[which][mask_of(side, window, shift)[which, where]]] = 1
    return seen.view(side, side)
