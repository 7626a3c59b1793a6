"""What widgets draw with: photographs loaded once, and panels placed by hand (a layout engine is slow)."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import INK

PANEL = 2.1  # inches a side
PHOTOGRAPH_SIZE = 210  # pixels: one to one in a panel at 100 dpi


@lru_cache(maxsize=8)
def photograph(name: str, size: int = PHOTOGRAPH_SIZE) -> Tensor:
    """Load a bundled photograph once.

    Parameters
    ----------
    name : str
    size : int
        Side in pixels.

    Returns
    -------
    Tensor (3, size, size), float32 in [0, 1]
    """
    from lecture_utils.data.photographs import load

    return load(name, size=size)


@lru_cache(maxsize=8)
def grey_photograph(name: str, size: int = PHOTOGRAPH_SIZE) -> Tensor:
    """Give a photograph's luma (ITU-R BT.601 weights) as a batch of one, (1, 1, size, size) in [0, 1]."""
    weights = photograph(name, size).new_tensor([0.299, 0.587, 0.114])
    return (weights[:, None, None] * photograph(name, size)).sum(0)[None, None].clamp(0, 1)


def three_panels(captioned: bool = False) -> tuple[Figure, list[Axes]]:
    """Make a figure of three square panels with a title each (and a caption below), placed by hand: quick."""
    gap, margin = 0.12, 0.05
    width, height = 3 * PANEL + 2 * gap + 2 * margin, PANEL + 0.36 + (0.5 if captioned else 0)
    fig = Figure(figsize=(width, height))
    fig.set_layout_engine("none")
    axes = []
    for k in range(3):
        left, low = margin + k * (PANEL + gap), height - 0.30 - PANEL
        axes.append(bare(fig.add_axes((left / width, low / height, PANEL / width, PANEL / height))))
        axes[-1].set_title("", loc="left")
    return fig, axes


def draw_kernel(ax: Axes, table: np.ndarray) -> None:
    """Draw a kernel (k, k) as coloured cells with its weights written in."""
    limit = float(np.abs(table).max()) or 1.0
    ax.imshow(
        table, cmap="RdBu_r", vmin=-1.8 * limit, vmax=1.8 * limit
    )  # paler ends keep the numbers readable
    for (row, column), value in np.ndenumerate(table):
        text = (
            f"{value:.0f}" if float(value).is_integer() else f"{value:.3f}".lstrip("0").replace("-0.", "-.")
        )
        text = text.replace("-", "−")
        ax.text(column, row, text, ha="center", va="center", fontsize=13 if len(table) == 3 else 9, color=INK)
    ax.set_xticks(np.arange(0.5, len(table) - 1), minor=True)
    ax.set_yticks(np.arange(0.5, len(table) - 1), minor=True)
    ax.grid(True, which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="both", length=0)


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
