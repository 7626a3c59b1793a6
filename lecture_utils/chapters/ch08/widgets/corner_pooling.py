"""Corner pooling, played back: running maxima carry an object's edges to the corner of its box.

H. Law, J. Deng, "CornerNet: Detecting Objects as Paired Keypoints", ECCV 2018, section 3.4. The maps are
made by hand: how much of a cell's height the object's left edge crosses, and of its width the top edge.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_utils.ops.corner_pooling import bottom_pool, left_pool, right_pool, top_pool
from lecture_utils.plotting.annotations import outline
from lecture_utils.plotting.overlays import heat_overlay
from lecture_utils.plotting.style import BLUE, GREEN, INK
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

CELLS, FINE = 12, 16  # cells a side, and points a side of each cell
BOX = (3, 2, 10, 9)  # in cells: x1, y1, x2, y2
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"step": 12},
        "All pooled: the left edge's column meets the top edge's row in the box's corner, beside the object.",
    ),
    ({"step": 0}, "Before pooling: each map knows where its edge is. No cell knows of both."),
    ({"step": 5}, "Five cells pooled. The maxima run up from the bottom, and from the right to the left."),
    ({"step": 9}, "Nine cells pooled: one row short of the top edge. No sum is 2 yet."),
    ({"step": 12, "corner": "bottom-right"}, "For the other corner maxima run down, and to the right."),
    (
        {"step": 12, "shape": "square"},
        "A square: here the corner is on the object, and the sum peaks there too.",
    ),
    (
        {"step": 12, "shape": "diamond"},
        "A diamond: the corner is far from the object, and the sum peaks there still.",
    ),
)
SHAPES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {  # inside, for u, v from -1 to 1 across the box
    "disc": lambda u, v: u**2 + v**2 < 1,
    "square": lambda u, v: (u.abs() < 1) & (v.abs() < 1),
    "diamond": lambda u, v: u.abs() + v.abs() < 1.001,  # with the last point of each tip
}


class Maps(NamedTuple):
    """The two maps that are pooled: (1, 1, CELLS, CELLS) in [0, 1] each."""

    vertical: Tensor
    horizontal: Tensor


@lru_cache(maxsize=8)
def silhouette(shape: str) -> Tensor:
    """Draw a shape that fills its box, (CELLS·FINE, CELLS·FINE) in 0 and 1."""
    x1, y1, x2, y2 = BOX
    place = (torch.arange(CELLS * FINE) + 0.5) / FINE
    u, v = (2 * (place - low) / (high - low) - 1 for low, high in ((x1, x2), (y1, y2)))
    return SHAPES[shape](u[None, :], v[:, None]).float()


def edges(shape: str, corner: str) -> Maps:
    """Say which share of each cell's side a shape's edges cross, from 0 to 1.

    Returns
    -------
    Maps
        `vertical` for the left (or right) edge, `horizontal` for the top (or bottom) edge.
    """
    inside = F.pad(silhouette(shape), (1, 1, 1, 1))
    across, down = inside.diff(dim=1)[1:-1], inside.diff(dim=0)[:, 1:-1]
    if corner == "top-left":  # from outside to inside
        entering = across[:, :-1].clamp(min=0), down[:-1].clamp(min=0)
    else:
        entering = (-across[:, 1:]).clamp(min=0), (-down[1:]).clamp(min=0)
    return Maps(*(F.avg_pool2d(x[None, None], FINE) * FINE for x in entering))


def pooled(maps: Maps, corner: str, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pool what the running maxima have reached after `step` cells; the rest stays as it is.

    Parameters
    ----------
    maps : Maps
    corner : "top-left" or "bottom-right"
    step : int
        From 0 to CELLS.

    Returns
    -------
    vertical, horizontal, total : Tensor
        (1, 1, CELLS, CELLS) each.
    """
    vertical, horizontal = maps.vertical.clone(), maps.horizontal.clone()
    if step:
        done = slice(CELLS - step, None) if corner == "top-left" else slice(None, step)
        pools = (top_pool, left_pool) if corner == "top-left" else (bottom_pool, right_pool)
        vertical[:, :, done] = pools[0](vertical[:, :, done])
        horizontal[..., done] = pools[1](horizontal[..., done])
    return vertical, horizontal, vertical + horizontal


def pooling(step: int, corner: str, shape: str) -> Figure:
    """Draw both maps and their sum after some steps of the running maxima.

    Parameters
    ----------
    step : int
        Cells that the maxima have run over.
    corner : "top-left" or "bottom-right"
    shape : str
        A key of SHAPES.

    Returns
    -------
    Figure
    """
    first = corner == "top-left"
    vertical, horizontal, total = pooled(edges(shape, corner), corner, step)
    best, at = float(total.max()), total[0, 0] == total.max()
    names = ("left edge, read downwards", "top edge, read to the right") if first else (
        "right edge, read upwards", "bottom edge, read to the left")  # fmt: skip
    row, column = (int(v) for v in at.nonzero()[0])
    cells = int(at.sum())
    where = f"row {row + 1}, column {column + 1}" if cells == 1 else f"in {cells} cells"
    running = "green: how far the maxima have come   " if 0 < step < CELLS else ""
    foot = f"blue: the object's box   {running}ring: the largest sum"
    fig, axes = strip((2.55,) * 3, 2.55, foot=foot)
    titles = (*names, f"largest sum {best:.1f}: {where}")
    for ax, values, title in zip(axes, (vertical, horizontal, total), titles, strict=True):
        _map(ax, values[0, 0], shape, limit=2.0 if values is total else 1.0)
        ax.set_title(title, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
    reached = (CELLS - step if first else step) * FINE - 0.5
    if 0 < step < CELLS:
        axes[0].axhline(reached, color=GREEN, linewidth=3)
        axes[1].axvline(reached, color=GREEN, linewidth=3)
    if cells == 1:
        middle = (column + 0.5) * FINE - 0.5, (row + 0.5) * FINE - 0.5
        axes[2].plot(*middle, "o", markersize=19, fillstyle="none", color=INK, markeredgewidth=2.2)
    return fig


def _map(ax: Axes, values: Tensor, shape: str, limit: float) -> None:
    """Lay a map over the object, with its outline, its box and the cells."""
    own = silhouette(shape)
    ax.imshow(heat_overlay((1 - 0.25 * own)[None], values, limit))
    for line in range(1, CELLS):
        ax.axhline(line * FINE - 0.5, color="white", linewidth=0.6)
        ax.axvline(line * FINE - 0.5, color="white", linewidth=0.6)
    outline(ax, own, INK, 1.6)
    x1, y1, x2, y2 = (v * FINE for v in BOX)
    corner, sides = (x1 - 0.5, y1 - 0.5), (x2 - x1, y2 - y1)
    ax.add_patch(
        Rectangle(corner, *sides, fill=False, edgecolor=BLUE, linewidth=1.8, linestyle="--", zorder=2.4)
    )


def corner_pooling() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Corner pooling, step by step",
        compute=pooling,
        controls={
            "step": Slider(0, CELLS, 1, CELLS, label="cells pooled"),
            "corner": Choice(["top-left", "bottom-right"], "top-left", label="corner"),
            "shape": Choice(list(SHAPES), "disc", label="object"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"step": 0},
        alt="Maps of an object's left edge and of its top edge, pooled by running maxima, and their sum with "
        "its peak.",
    )
