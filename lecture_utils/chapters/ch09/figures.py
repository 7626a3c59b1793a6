"""Figures of chapter 09: panoptic maps by identity, matched segments, motion, kernels that move, and gains.

Codes as in `segmentation/panoptic_codes.py`: class · 1000 + instance, VOID where nothing is said. The classes
are the toy world's, stuff first. Shapes: H × W pixels, K classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.data import toyworld
from lecture_utils.experiments.gains import gain_figure as gain_figure  # the notebook draws with it
from lecture_utils.metrics.panoptic import match_segments
from lecture_utils.plotting.annotations import draw, draw_semantic, object_colour, semantic_image
from lecture_utils.plotting.images import bare, panels, to_array
from lecture_utils.plotting.style import BLUE, INK, ORANGE, QUIET, VERMILION
from lecture_utils.segmentation.panoptic_codes import CODES, VOID

STUFF, NAMES = len(toyworld.STUFF), toyworld.SEMANTIC
THINGS = range(STUFF, len(NAMES))
LEAST_NAMED = 0.08  # share of the picture from which a region of stuff gets its name


def draw_codes(
    ax: Axes,
    codes: Any,
    *,
    words: Mapping[int, str] | None = None,
    hues: Mapping[int, str] | None = None,
) -> None:
    """Draw a panoptic map: stuff in pale tones, each object in the hue of its number, VOID white.

    Parameters
    ----------
    ax : Axes
    codes : (H, W) of integers
    words : dict of code to str, optional
        What is written in a segment: class and number of objects if not given, nothing in stuff.
    hues : dict of code to colour, optional
        Of objects.
    """
    array = to_array(codes).astype(int)
    found = [code for code in np.unique(array).tolist() if code != VOID]
    objects = [code for code in found if code % CODES]
    if words is None:
        words = {code: f"{NAMES[code // CODES]} {code % CODES}" for code in objects}
    classes = np.where(array == VOID, VOID, array // CODES)
    said = [words.get(k * CODES, "") for k in range(STUFF)] + [""] * len(THINGS)
    large = [(classes == k).mean() >= LEAST_NAMED for k in range(len(NAMES))]
    draw_semantic(
        ax, classes, [word if own else "" for word, own in zip(said, large, strict=True)], stuff=STUFF
    )
    colours = [(hues or {}).get(code, object_colour(code % CODES - 1)) for code in objects]
    masks = np.stack([array == code for code in objects]) if objects else np.zeros((0, *array.shape), bool)
    labels = [words.get(code, "") for code in objects]
    draw(ax, semantic_image(classes, STUFF), masks=masks, labels=labels, colours=colours, fill=1.0)


def panoptic_rows(rows: Mapping[str, Sequence[Any]], title: str, *, size: float = 1.9) -> Figure:
    """Draw rows of pictures (3, H, W) or panoptic maps (H, W), each row with its name at the left.

    Parameters
    ----------
    rows : dict of the row's name to pictures or maps, as many in each
    title : str
    size : float
        Width of one picture, in inches.
    """
    count = len(next(iter(rows.values())))
    fig = Figure(figsize=(size * count + 0.35, (size + 0.08) * len(rows) + 0.4), layout="constrained")
    axes = fig.subplots(len(rows), count, squeeze=False)
    for (name, items), line in zip(rows.items(), axes, strict=True):
        for ax, item in zip(line, items, strict=True):
            bare(ax)
            if item.ndim == 3:
                draw(ax, item)
            else:
                draw_codes(ax, item)
        line[0].set_ylabel(name, fontsize=9.5)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def matched_rows(
    pictures: Sequence[Any],
    found: Sequence[Tensor],
    truth: Sequence[Tensor],
    title: str,
    *,
    size: float = 2.5,
) -> Figure:
    """Draw scenes, a row each: picture, what is so, what was found; segments that match nothing in vermilion.

    In what was found a match has its IoU. Objects that match are blue.

    Parameters
    ----------
    pictures : N images
    found, truth : N maps (H, W)
    title : str
    size : float
        Width of one picture, in inches.
    """
    fig, axes = panels(3 * len(pictures), 3, size, titled=True, suptitle=title)
    for k, (picture, own, true) in enumerate(zip(pictures, found, truth, strict=True)):
        match = match_segments(own, true, things=THINGS)
        ious = {int(code): f"{iou:.2f}" for code, iou in zip(match.found, match.iou, strict=True)}
        missed = dict.fromkeys(match.false_negatives.tolist(), "missed")
        false = dict.fromkeys(match.false_positives.tolist(), "false")
        columns = (("what is so", true, missed), ("what was found", own, ious | false))
        draw(axes[3 * k], picture)
        axes[3 * k].set_title("picture", fontsize=9)
        for ax, (name, codes, notes) in zip(axes[3 * k + 1 : 3 * k + 3], columns, strict=True):
            here = [code for code in codes.unique().tolist() if code != VOID]
            words = {code: f"{NAMES[code // CODES]} {notes.get(code, '')}".strip() for code in here}
            wrong = {code for code, note in notes.items() if note in ("missed", "false")}
            draw_codes(
                ax, codes, words=words, hues={code: VERMILION if code in wrong else BLUE for code in here}
            )
            ax.set_title(name, fontsize=9)
    return fig


def draw_flow(ax: Axes, picture: Any, flow: Any, *, step: int = 5, known: Any = None) -> None:
    """Draw a picture with arrows from pixels to where their content was in the frame before.

    Parameters
    ----------
    ax : Axes
    picture : (3, H, W)
    flow : (2, H, W)
        In pixels, x and y.
    step : int
        An arrow every so many pixels.
    known : (H, W) bool, optional
        Where arrows may start.
    """
    draw(ax, picture)
    vectors = to_array(flow)
    rows, columns = np.mgrid[step // 2 : vectors.shape[1] : step, step // 2 : vectors.shape[2] : step]
    own = np.ones_like(rows, dtype=bool) if known is None else to_array(known)[rows, columns].astype(bool)
    u, v = (part[rows, columns][own] for part in vectors)
    ax.quiver(
        columns[own], rows[own], u, v, angles="xy", scale_units="xy", scale=1, color=INK, width=0.008,
        headwidth=4, zorder=3,
    )  # fmt: skip


def kernel_figure(picture: Any, kernels: Sequence[tuple[Any, Any]], title: str) -> Figure:
    """Draw where the points of kernels lie: white as an ordinary kernel has them, coloured as they moved.

    Parameters
    ----------
    picture : (3, H, W)
    kernels : sequence of (points (N, 2), moved (N, 2))
        x, y in pixels; a panel each.
    title : str
    """
    fig, axes = panels(len(kernels), len(kernels), 2.5, suptitle=title)
    for ax, (points, moved) in zip(axes, kernels, strict=True):
        draw(ax, picture)
        before, after = to_array(points), to_array(moved)
        for a, b in zip(before, after, strict=True):
            ax.plot(*zip(a, b, strict=True), color=INK, linewidth=1.2, zorder=3)
        ax.plot(*before.T, "o", markerfacecolor="white", markeredgecolor=INK, markersize=5.5, zorder=4)
        ax.plot(*after.T, "o", color=VERMILION, markeredgecolor="white", markersize=6.5, zorder=5)
    return fig


def quality_figure(quality: Any, names: Sequence[str], title: str) -> Figure:
    """Draw SQ, RQ and PQ of each class, the highest PQ on top.

    Parameters
    ----------
    quality : PanopticQuality
        Or anything with `pq`, `sq` and `rq` (K,); classes with NaN are left out.
    names : sequence of K str
    title : str
    """
    pq, sq, rq = (to_array(own) for own in (quality.pq, quality.sq, quality.rq))
    order = [k for k in np.argsort(pq) if np.isfinite(pq[k])]
    fig = Figure(figsize=(8, 0.26 * len(order) + 1.3), layout="constrained")
    ax = fig.subplots()
    rows = range(len(order))
    ax.hlines(rows, pq[order], 1, color=QUIET, linewidth=0.8, zorder=1)
    for values, name, colour, mark in (
        (sq, "SQ, how well drawn", BLUE, "s"), (rq, "RQ, how well found", ORANGE, "^"), (pq, "PQ", INK, "o"),
    ):  # fmt: skip
        ax.plot(values[order], rows, mark, color=colour, markersize=7, markeredgecolor="white", label=name)
    ax.set_yticks(rows, [names[k] for k in order])
    ax.set(xlim=(min(0.5, float(np.nanmin(pq)) - 0.05), 1.02), title=title)
    fig.legend(loc="outside lower center", ncols=3, fontsize=9)
    return fig
