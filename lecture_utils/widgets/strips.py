"""Rows of small panels for widgets, placed by hand: a layout engine would take longer than the drawing."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import INK

GAP, MARGIN, TITLE, FOOT = 0.08, 0.04, 0.24, 0.26  # inches


def strip(
    widths: Sequence[float], height: float, *, rows: int = 1, foot: str = "", titled: bool = True
) -> tuple[Figure, list[Axes]]:
    """Make a figure with rows of bare panels.

    Parameters
    ----------
    widths : sequence of float
        Inches of the panels in a row, the same in each.
    height : float
        Inches of a panel.
    rows : int
        How many rows.
    foot : str
        A line below all, left out where empty.
    titled : bool
        Leave room for a title above each panel.

    Returns
    -------
    (Figure, list of Axes)
        Row by row.
    """
    head, below = TITLE if titled else 0.0, FOOT if foot else 0.0
    width = sum(widths) + GAP * (len(widths) - 1) + 2 * MARGIN
    whole = rows * (height + head + GAP) + below + MARGIN
    fig = Figure(figsize=(width, whole))
    fig.set_layout_engine("none")
    axes = []
    for row in range(rows):
        low, left = whole - (row + 1) * (height + head) - row * GAP, MARGIN
        for wide in widths:
            axes.append(bare(fig.add_axes((left / width, low / whole, wide / width, height / whole))))
            left += wide + GAP
    if foot:
        fig.text(MARGIN / width, 0.11 / whole, foot, fontsize=9.5, va="center", color=INK)
    return fig, axes


def picture(ax: Axes, image: np.ndarray, title: str = "", *, bold: bool = False) -> None:
    """Show an image (H, W, 3) in a panel with square pixels and a centred title."""
    ax.imshow(image, interpolation="nearest", aspect="auto")
    weight = "bold" if bold else "normal"
    ax.set_title(title, fontsize=8.5, fontweight=weight, loc="center", pad=3, color=INK)
