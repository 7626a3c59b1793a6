"""Figures of chapter 07: anchors, recall of proposals, time by stage.

Shapes: A anchors a place, N anchors in all.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_utils.plotting.annotations import draw, object_colour
from lecture_utils.plotting.charts import curves
from lecture_utils.plotting.images import bare, panels, to_array
from lecture_utils.plotting.style import INK, PALETTE, on_colour


def curves_recall(recalls: Mapping[str, tuple[Any, Any]], title: str, *, mark: int | None = None) -> Figure:
    """Draw the share of objects that are found against the number of proposals, a line a proposer.

    Parameters
    ----------
    recalls : dict of name to (numbers (N,), recalls (N,))
    title : str
    mark : int, optional
        A number of proposals at which to draw a line, and to write each recall.
    """
    fig = curves(recalls, "proposals of a picture", "share of the objects found", title, log_x=True)
    fig.set_size_inches(7.4, 3.4)
    ax = fig.axes[0]
    ax.set(ylim=(0, 1.02))
    counts = sorted({int(n) for numbers, _ in recalls.values() for n in to_array(numbers)})
    ticks = [n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if counts[0] <= n <= counts[-1]]
    ax.set_xticks(ticks, [f"{n:,}" for n in ticks])
    ax.minorticks_off()
    if mark is not None:
        ax.axvline(mark, color=INK, linewidth=1, linestyle=":")
        for line, (numbers, recall) in zip(ax.lines, recalls.values(), strict=False):
            at = float(np.interp(mark, to_array(numbers), to_array(recall)))
            ax.plot(mark, at, "o", color=line.get_color(), markersize=7)
            ax.annotate(f"{at:.2f}", (mark, at), xytext=(6, -11), textcoords="offset points", fontsize=9)
    return fig


def stage_times(
    table: Mapping[str, Mapping[str, float]], title: str, *, ap: Mapping[str, float] | None = None
) -> Figure:
    """Draw how long a detector takes for a picture, stage by stage, and how good it is.

    Parameters
    ----------
    table : dict of detector to {stage: seconds}
        A stage keeps its colour in all detectors; stages stand in the order in which they are first named.
    title : str
    ap : dict of detector to float, optional
        AP50, written behind the time.
    """
    stages = list(dict.fromkeys(stage for row in table.values() for stage in row))
    whole = {name: sum(row.values()) for name, row in table.items()}
    longest = max(whole.values())
    fig = Figure(figsize=(8, 0.62 * len(table) + 1.35))
    ax = fig.subplots()
    for y, (name, row) in enumerate(table.items()):
        left = 0.0
        for stage, seconds in row.items():
            colour = PALETTE[stages.index(stage) % len(PALETTE)]
            ax.barh(y, seconds, left=left, color=colour, height=0.62)
            if seconds > 0.1 * longest:
                ax.text(left + seconds / 2, y, in_time(seconds), ha="center", va="center", fontsize=9,
                        color=on_colour(colour))  # fmt: skip
            left += seconds
        quality = f", AP50 {ap[name]:.2f}" if ap else ""
        ax.text(left + 0.01 * longest, y, in_time(whole[name]) + quality, va="center", fontsize=9.5,
                fontweight="bold", color=INK)  # fmt: skip
    handles = [Rectangle((0, 0), 1, 1, color=PALETTE[k % len(PALETTE)]) for k in range(len(stages))]
    fig.legend(handles, stages, loc="outside lower center", ncols=min(4, len(stages)), fontsize=9)
    ax.set_yticks(range(len(table)), list(table), fontsize=10)
    ax.set(xlim=(0, longest * 1.3), ylim=(len(table) - 0.5, -0.5), xlabel="seconds a picture", title=title)
    ax.grid(False, axis="y")
    return fig


def in_time(seconds: float) -> str:
    """Write a time so that it can be read: "2.3 s", "45 ms"."""
    return (
        f"{seconds:.1f} s"
        if seconds >= 0.95
        else f"{1000 * seconds:.2g} ms"
        if seconds < 0.01
        else (f"{1000 * seconds:.0f} ms")
    )


def anchors_figure(
    picture: Any,
    anchors: Tensor,
    boxes: Tensor,
    match: Tensor,
    title: str,
    *,
    per_place: int,
    place: int | None = None,
) -> Figure:
    """Draw the anchors of one place among the centres of all, and those that answer for an object.

    Parameters
    ----------
    picture : image
    anchors : Tensor
        (N, 4), those of a place one after the other.
    boxes : Tensor
        (G, 4), the objects.
    match : Tensor
        (N,): number of the object that an anchor answers for, or below 0.
    title : str
    per_place : int
        A.
    place : int, optional
        Which place to show; the middle of all where not given.
    """
    fig, (left, right) = panels(2, 2, 3.3, titled=True, suptitle=title)
    centres = (anchors[::per_place, :2] + anchors[::per_place, 2:]) / 2
    centre = int((centres - centres.mean(0)).norm(dim=1).argmin()) if place is None else place
    here = anchors[centre * per_place : (centre + 1) * per_place]
    draw(left, picture, boxes=here, colours=[object_colour(k) for k in range(len(here))])
    left.plot(
        *(centres.T - 0.5),
        "o",
        color="white",
        markeredgecolor=INK,
        markeredgewidth=0.4,
        markersize=2.6,
        zorder=2.6,
    )
    left.set_title(f"{len(centres)} places, {per_place} anchors at each", fontsize=9.5)
    draw_matched(right, picture, anchors, match)
    draw(right, None, boxes=boxes, colours=[INK] * len(boxes), dashed=True)
    right.set_title(f"{int((match >= 0).sum())} of {len(match)} answer for an object (dashed)", fontsize=9.5)
    for ax in (left, right):
        bare(ax)
    return fig


def draw_matched(ax: Axes, picture: Any, anchors: Tensor, match: Tensor) -> None:
    """Draw anchors (N, 4) in the colour of the object that they answer for: match (N,), below 0 for none."""
    own = match >= 0
    draw(ax, picture, boxes=anchors[own], colours=[object_colour(int(k)) for k in match[own]])
