"""Diagrams of chapter 02: matrices as heat maps with their numbers, and the two transformer layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from .images import bare, to_array
from .style import BLUE, GREEN, INK, ORANGE, QUIET, VERMILION


def heat_maps(
    tables: Sequence[Any],
    titles: Sequence[str],
    suptitle: str = "",
    *,
    numbers: bool = False,
    signed: bool = False,
    labels: Sequence[str] = (),
    height: float = 2.6,
) -> Figure:
    """Draw matrices side by side.

    Parameters
    ----------
    tables : sequence of (N, M)
    titles : sequence of str
    suptitle : str
    numbers : bool
        Write each value into its cell.
    signed : bool
        Blue below zero, red above; else white to blue from 0 up to each table's largest value.
    labels : sequence of str
        For the rows of the first and the columns of all, where they have as many.
    height : float
        Of the figure, in inches.
    """
    fig = Figure(figsize=(8, height), layout="constrained")
    arrays = [to_array(table).astype(float) for table in tables]
    axes = fig.subplots(1, len(arrays), squeeze=False)[0]
    for k, (ax, array, title) in enumerate(zip(axes, arrays, titles, strict=True)):
        limit = max(float(np.abs(array).max()), 1e-9)
        ax.imshow(
            array, cmap="RdBu_r" if signed else "Blues", vmin=-limit if signed else 0, vmax=1.25 * limit
        )
        bare(ax, title)
        if labels and array.shape[1] == len(labels):
            ax.set_xticks(range(len(labels)), labels, fontsize=8)
        if labels and array.shape[0] == len(labels) and k == 0:
            ax.set_yticks(range(len(labels)), labels, fontsize=8)
        ax.tick_params(length=0)
        if numbers:
            for (row, column), value in np.ndenumerate(array):
                strong = abs(value) if signed else value
                colour = "white" if strong > 0.85 * limit else INK
                text = f"{value:.2f}".replace("-", "−")
                ax.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    if suptitle:
        fig.suptitle(suptitle, x=0.01, ha="left", fontsize=11)
    return fig


def layer_diagram() -> Figure:
    """Draw an encoder layer and a decoder layer (pre-norm): what is added to what, and who looks where."""
    fig = Figure(figsize=(8, 4.0))
    fig.set_layout_engine("none")
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, 8), ylim=(0, 4.0))
    ax.axis("off")
    _stack(ax, 1.9, "Encoder layer", [("self-attention", BLUE), ("MLP", GREEN)], "source tokens")
    parts = [("masked self-attention", BLUE), ("cross-attention", ORANGE), ("MLP", GREEN)]
    _stack(ax, 6.1, "Decoder layer", parts, "target tokens")
    ax.add_patch(
        FancyArrowPatch(
            (2.0, 3.3), (5.0, 1.86), arrowstyle="-|>", mutation_scale=13, color=ORANGE, linewidth=2
        )
    )
    ax.text(3.95, 2.86, "keys, values", fontsize=9.5, color=INK, ha="center")
    return fig


def _stack(ax: Axes, x: float, title: str, parts: list[tuple[str, str]], source: str) -> None:
    """Draw a residual stream going up at x, with one branch and its addition for each part."""
    step = 2.5 / len(parts)
    ax.text(x, 3.78, title, fontsize=11, fontweight="bold", ha="center", va="center")
    ax.text(x, 0.16, source, fontsize=9.5, ha="center", va="center", color=QUIET)
    ax.add_patch(
        FancyArrowPatch((x, 0.28), (x, 3.6), arrowstyle="-|>", mutation_scale=13, color=INK, linewidth=1.6)
    )
    for k, (name, colour) in enumerate(parts):
        low = 0.55 + k * step
        centre = low + 0.5 * step - 0.05
        box = FancyBboxPatch(
            (x - 1.0, centre - 0.17),
            2.0,
            0.34,
            boxstyle="round,pad=0.03",
            facecolor="white",
            edgecolor=colour,
            linewidth=1.8,
            zorder=3,
        )
        ax.add_patch(box)
        ax.text(x, centre, f"norm, {name}", fontsize=9, ha="center", va="center", zorder=4)
        top = centre + 0.36
        ax.plot(
            [x, x + 1.35, x + 1.35, x + 0.1],
            [low - 0.06, low - 0.06, top, top],
            color=VERMILION,
            linewidth=1.6,
        )
        ax.text(x, top, "⊕", fontsize=13, ha="center", va="center", color=VERMILION, zorder=4,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4})  # fmt: skip
