"""What the widgets draw with: photographs that are loaded once, and quick axes without layout engine."""

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
