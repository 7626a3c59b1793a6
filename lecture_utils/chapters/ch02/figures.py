"""Diagrams of chapter 02: matrices as heat maps with their numbers, and the two transformer layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lecture_utils.plotting.blocks import arrow, box, page, way_round
from lecture_utils.plotting.images import bare, to_array
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET

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
        Blue below zero, red above; else white to blue from 0 up to each table's largest value.
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
        low, high = (-limit, limit) if sign else (0, 1.25 * limit)
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
                strong = abs(value) if sign else value
                colour = "white" if strong > (0.7 if sign else 0.85) * limit else INK
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
    arrow(ax, (2.0, 3.3), (5.0, 1.86), ORANGE, 2.0)
    ax.text(3.95, 2.86, "keys, values", fontsize=9.5, color=INK, ha="center")
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
