"""Drawing what explanations give: points in the colours of their labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lecture_utils.plotting.images import bare, to_array
from lecture_utils.plotting.style import INK, PALETTE, rgb

# Ten colours for ten digits: the style's eight, and two more that stay apart from them in grey as well.
TEN = (*PALETTE[:6], "#B8A800", "#000000", "#8C8C8C", "#7F3C8D")


def points(
    ax: Axes,
    xy: Any,
    labels: Any,
    names: Sequence[str],
    title: str = "",
    *,
    size: float = 9,
    named: bool = True,
) -> None:
    """Draw points (N, 2) in the colours of their labels, each label's name written at its median point.

    Raises
    ------
    ValueError
        On other shapes, or a label without a name.
    """
    at, which = to_array(xy).astype(float), to_array(labels).astype(int)
    if at.ndim != 2 or at.shape != (len(which), 2):
        raise ValueError(f"points want (N, 2) with N labels, got {at.shape} and {which.shape}")
    if which.size and (which.min() < 0 or which.max() >= len(names)):
        raise ValueError(f"labels want 0 to {len(names) - 1}, got {which.min()} to {which.max()}")
    colours = np.array([rgb(TEN[k % len(TEN)]) for k in which])
    ax.scatter(at[:, 0], at[:, 1], s=size, c=colours, linewidths=0)
    for k in np.unique(which) if named else ():
        x, y = np.median(at[which == k], axis=0)
        halo = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
        ax.text(x, y, names[k], fontsize=9, fontweight="bold", ha="center", va="center", color=INK, bbox=halo)
    bare(ax, title)
    ax.set_aspect("equal", adjustable="datalim")
