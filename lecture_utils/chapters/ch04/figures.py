"""Drawing what explanations give: points in the colours of their labels, bars, curves."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.explain.dissection import Dissection, unit_masks
from lecture_utils.plotting import display
from lecture_utils.plotting.charts import curves
from lecture_utils.plotting.images import bare, image_grid, to_array
from lecture_utils.plotting.overlays import dim_outside, heat_overlay
from lecture_utils.plotting.style import INK, PALETTE, rgb

show_photographs = functools.partial(display.show_photographs, quality=55, scale=1.2)
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
        ax.text(
            x, y, names[k], fontsize=11, fontweight="bold", ha="center", va="center", color=INK, bbox=halo
        )
    bare(ax, title)
    ax.set_aspect("equal", adjustable="datalim")


def named_bars(values: Mapping[str, float], title: str, xlabel: str, chance: float) -> Figure:
    """Draw one horizontal bar a name, from 0 to 1, and a dashed line at chance."""
    figure = Figure(figsize=(7, 0.6 + 0.34 * len(values)), layout="constrained")
    ax = figure.subplots()
    ax.barh(list(values), list(values.values()), color=PALETTE[0])
    ax.axvline(chance, color=PALETTE[5], linestyle="--")
    ax.set(xlabel=f"{xlabel} (dashed: chance)", xlim=(0, 1))
    ax.invert_yaxis()
    ax.set_title(title)
    return figure


def grouped_bars(rows: Mapping[str, Mapping[str, float]], title: str, xlabel: str) -> Figure:
    """Draw for each name a group of horizontal bars, one a measure; each measure in its colour."""
    measures = list(next(iter(rows.values())))
    figure = Figure(figsize=(7.4, 0.9 + 0.4 * len(rows)), layout="constrained")
    ax, at = figure.subplots(), np.arange(len(rows))
    width = 0.8 / len(measures)
    for j, measure in enumerate(measures):
        shift = width * (j - (len(measures) - 1) / 2)
        values = [row[measure] for row in rows.values()]
        ax.barh(at + shift, values, 0.92 * width, label=measure, color=PALETTE[(5, 0, 2, 3)[j]])
    ax.set_yticks(at, list(rows))
    ax.invert_yaxis()
    ax.set_xlabel(xlabel)
    ax.set_title(title)
    ax.legend(loc="lower right")
    return figure


def point_views(
    views: Mapping[str, Any],
    labels: Any,
    names: Sequence[str],
    suptitle: str,
    size: float = 14,
    unnamed: Sequence[str] = (),
) -> Figure:
    """Draw several maps of the same points, two in a row, with each label's name at its median.

    Views in `unnamed` get no names: where all labels are mixed, their medians lie in a heap.
    """
    rows = -(-len(views) // 2)
    figure = Figure(figsize=(7.6, 3.5 * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, 2)).flatten()
    for ax, (title, xy) in zip(axes, views.items(), strict=True):
        points(ax, xy, labels, names, title, size=size, named=title not in unnamed)
        ax.set_aspect("auto")
    figure.suptitle(suptitle, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


KIND_COLOURS = {
    "colour": PALETTE[1],
    "texture": PALETTE[3],
    "stuff": "#BBBBBB",
    "part": PALETTE[2],
    "class": PALETTE[0],
}


def kinds_by_stage(tables: Mapping[str, Mapping[str, Mapping[str, float]]], suptitle: str) -> Figure:
    """Draw for each network a stacked bar a stage: what share of its units detects which kind of concept."""
    figure = Figure(figsize=(7.6, 3.1), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(tables), sharey=True))
    for ax, (title, stages) in zip(axes, tables.items(), strict=True):
        below = np.zeros(len(stages))
        for kind, colour in KIND_COLOURS.items():
            values = np.array([row[kind] for row in stages.values()])
            ax.bar(range(len(stages)), values, bottom=below, color=colour, label=kind, width=0.75)
            below += values
        ax.set_xticks(range(len(stages)), list(stages))
        ax.set_title(title, fontsize=9.5)
        ax.set_ylim(0, 1)
    axes[0].set_ylabel("share of the stage's units")
    axes[-1].legend(fontsize=8)
    figure.suptitle(suptitle, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


def cascade_curves(lines: Mapping[str, Sequence[float]], steps: Sequence[str], title: str) -> Figure:
    """Draw how much of each map is left when more and more layers are randomised."""
    figure = curves(lines, "", "rank correlation", title)
    figure.set_size_inches(7.4, 2.8)
    figure.axes[0].set_xticks(range(len(steps)), list(steps))
    return figure


def heat_grid(
    pictures: Any, maps: Any, titles: Sequence[str] | None, columns: int, size: float, suptitle: str
) -> Figure:
    """Draw each picture under the heat of its map, in a grid."""
    warm = [heat_overlay(picture, heat) for picture, heat in zip(pictures, maps, strict=True)]
    return image_grid(warm, titles, columns, size, suptitle)


def units_firing(
    pictures: Tensor,
    maps: Tensor,
    found: Dissection,
    each: int,
    suptitle: str,
    *,
    dark: float = 0.25,
    units: Sequence[int] = (),
) -> Figure:
    """Draw for each unit the pictures in most of which it fires, bright where it does.

    The units are `units`, or the best ones of the two concepts with the best units.
    """
    leaders = {label.concept: label for label in reversed(found.labels())}  # the best unit of each concept
    shown: list[Any] = []
    titles: list[str] = []
    best = sorted(leaders.values(), key=lambda label: -label.iou)[:2]
    named = {label.unit: label for label in found.labels()}
    for unit, concept, iou in [named[unit] for unit in units] or best:
        own, level = maps[:, unit : unit + 1], found.thresholds[unit : unit + 1]
        fires = unit_masks(own, level, pictures.shape[-1])[:, 0]  # (N, S, S)
        most = fires.flatten(1).sum(1).topk(each).indices
        shown += [dim_outside(pictures[i], fires[i], dark) for i in most]
        titles += [f"unit {unit}: {concept}", f"IoU {iou:.2f}", *[""] * (each - 2)]
    return image_grid(shown, titles, each, 7.4 / each, suptitle)
