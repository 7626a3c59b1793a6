"""Chapter 16: figures of guidance: arrows, guided points, the curve of the trade.

Each returns a Figure; the alt texts are the notebook's.

Shapes: N points or pictures, W scales.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch16.guidance_points import (
    guided_points,
    points_measured,
    points_of,
    points_schedule,
    score,
    sharpened_density,
)
from lecture_utils.chapters.ch16.guidance_study import Guide
from lecture_utils.generative.diffusion.forward_process import noised
from lecture_utils.generative.diffusion.guidance import guide
from lecture_utils.plotting.blocks import arrow
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET, VERMILION

REACH_X, REACH_Y = (-3.8, 2.9), (-2.1, 2.4)
SHARES = (0.99, 0.5)  # of the points, inside the lines of a contour


def grid(count: int = 121) -> tuple[Tensor, tuple[int, int]]:
    """Points (N, 2) all over the panel, and their rows and columns."""
    y = torch.linspace(*REACH_Y, count, dtype=torch.float64)
    x = torch.linspace(*REACH_X, count, dtype=torch.float64)
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns.ravel(), rows.ravel()], dim=1), (count, count)


def contour(ax: Axes, density: Tensor, colour: str, *, style: str = "-", width: float = 1.3) -> None:
    """Draw the lines inside which SHARES of the points lie, of a density (N,) on the grid."""
    points, shape = grid()
    sorted_density = density.sort(descending=True).values
    inside = sorted_density.cumsum(0) / density.sum()
    levels = sorted({float(sorted_density[int((inside < share).sum())]) for share in SHARES})
    x, y = (points[:, k].reshape(shape).numpy() for k in (0, 1))
    ax.contour(
        x, y, density.reshape(shape).numpy(), levels, colors=colour, linewidths=width, linestyles=style
    )


def class_contours(ax: Axes, *names: str) -> None:
    """Draw both classes' contours on an axes without ticks, as far as the figure reaches."""
    bare(ax).set(xlim=REACH_X, ylim=REACH_Y, aspect="equal")
    for name in names or ("blue", "orange"):
        density = points_of(name).log_density(grid()[0], 0, points_schedule()).exp()
        contour(ax, density, BLUE if name == "blue" else ORANGE)


def arrows_figure(
    scale: float = 3.0, *, t: int = 450, guide: Guide = guide, probe: tuple[float, float] = (0.3, 0.5)
) -> Figure:
    """Draw the scores of noised points without the class, with it, and guided; and all three at one place.

    Arrows of a field are as long as the root of the score, so that long and short ones can be seen; those of
    the last panel are as long as the score.

    Parameters
    ----------
    scale : float
        w.
    t : int
        Step, of 1,000.
    guide : callable
        The learner's: prediction without, with, w → guided.
    probe : (float, float)
        The place of the last panel.
    """
    y, x = torch.linspace(-1.8, 2.1, 8), torch.linspace(-2.9, 2.4, 10)
    places = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2).double()
    at = torch.cat([places, torch.tensor([probe], dtype=torch.float64)])
    without, given = (score(points_of(*names), at, t) for names in (("blue", "orange"), ("blue",)))
    fields = {f"without the class, t = {t}": (without, QUIET), "with the class, blue": (given, BLUE)}
    fields[f"guided, w = {scale:g}"] = guide(without, given, scale), GREEN
    fig = Figure(figsize=(10.4, 2.35), layout="constrained")
    axes = fig.subplots(1, 4)
    for ax, (name, (field, hue)) in zip(axes, fields.items(), strict=False):
        clouds(ax, t)
        u, v = (field[:-1] / field[:-1].norm(dim=1, keepdim=True).sqrt()).T.numpy()
        ax.quiver(*places.T.numpy(), u, v, color=hue, scale=30, width=0.008, headwidth=4, zorder=3)
        ax.plot(*probe, "o", color=INK, markersize=5, zorder=6)
        ax.set_title(name, fontsize=10, fontweight="bold", loc="left")
    last = bare(axes[3])
    last.set_title("at the black point", fontsize=10, fontweight="bold", loc="left")
    ends = torch.stack([field[-1] for field, _ in fields.values()])  # (3, 2)
    last.plot(*ends[[0, 2]].T.numpy(), ":", color=INK, linewidth=1.4)
    for end, (_, hue) in zip(ends.tolist(), fields.values(), strict=True):
        arrow(last, (0.0, 0.0), (end[0], end[1]), hue, 2.4)
    last.plot(0, 0, "o", color=INK, markersize=6, zorder=6)
    low, high = torch.cat([ends, torch.zeros(1, 2)]).aminmax(dim=0)
    gap = 0.15 * (high - low).max()
    (left, bottom), (right, top) = (low - gap).tolist(), (high + gap).tolist()
    last.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    return fig


def clouds(ax: Axes, t: int) -> None:
    """Draw noised points of both classes."""
    draw = torch.Generator().manual_seed(0)
    bare(ax).set(xlim=REACH_X, ylim=REACH_Y, aspect="equal")
    for kind, colour in (("blue", BLUE), ("orange", ORANGE)):
        x0 = points_of(kind).sample(250, draw)
        cloud = noised(points_schedule(), x0, t, torch.randn(x0.shape, generator=draw, dtype=x0.dtype))
        ax.scatter(cloud[:, 0], cloud[:, 1], s=5, color=colour, alpha=0.3, linewidths=0)


def points_figure(
    scales: Sequence[float] = (1.0, 2.0, 4.0, 8.0, 16.0),
    *,
    n: int = 600,
    guide: Guide = guide,
    sharpened: bool = True,
) -> Figure:
    """Draw guided blue points at several scales over the contours of both classes.

    Parameters
    ----------
    scales : sequence of float
    n : int
        Points a panel, all panels from the same noise.
    guide : callable
        The learner's.
    sharpened : bool
        Dashed: what guidance is often said to sample, p(x) p(blue | x)^w.
    """
    fig = Figure(figsize=(2.1 * len(scales), 2.2), layout="constrained")
    for ax, scale in zip(fig.subplots(1, len(scales), squeeze=False)[0], scales, strict=True):
        class_contours(ax)
        if sharpened and scale > 1:
            contour(ax, sharpened_density(grid()[0], scale), GREEN, style="--", width=1.1)
        points = guided_points(scale, n, guide=guide)
        found = points_measured(points)
        ax.scatter(points[:, 0], points[:, 1], s=4, color=INK, alpha=0.45, linewidths=0, zorder=3)
        ax.set_title(f"w = {scale:g}", fontsize=10, fontweight="bold", loc="left")
        said = (
            f"sure of blue {found['sure']:.3f}\nnear orange {found['near']:.2f}\noutside {found['off']:.2f}"
        )
        ax.set_xlabel(said, fontsize=9, loc="left")
    return fig


# --- the curve ------------------------------------------------------------------------------------------
def by_scale(record: Any) -> dict[float, list[dict[str, dict[str, float]]]]:
    """Return scale → for each seed world → figures, from the record of C16.4."""
    found = {4.0: [one["guided"] for one in record.figures], 1.0: [one["plain"] for one in record.figures]}
    for point in record.boundary["points"]:
        found[point["at"]] = [one["guided"] for one in point["figures"]]
    return dict(sorted(found.items()))


def trade_figure(
    record: Any,
    worlds: Mapping[str, str] | None = None,
    panels: Sequence[tuple[tuple[str, str], ...]] = (
        (("accuracy", GREEN), ("precision", BLUE), ("recall", ORANGE)),
        (("frechet", VERMILION),),
    ),
) -> Figure:
    """Draw what the seeds of C16.4 measured over the scale: a dot a seed, lines through the means.

    Parameters
    ----------
    record : Record
        ``ledger.load("C16.4")``.
    worlds : mapping, optional
        "small", "digits" or "scenes" → its title; the small model and the scenes where not given.
    panels : sequence of tuples of (figure, colour)
        Which figures share a panel; one row of panels a world.
    """
    worlds = worlds or {"small": "digits of 8 × 8", "scenes": "told scenes"}
    points = by_scale(record)
    fig = Figure(figsize=(9.2, 2.7 * len(worlds)), layout="constrained")
    rows = fig.subplots(len(worlds), len(panels), squeeze=False)
    words = {"frechet": "Fréchet distance", "accuracy": "shows what was asked for"}
    for row, (world, title) in zip(rows, worlds.items(), strict=True):
        scales = [scale for scale, seeds in points.items() if world in seeds[0]]
        for ax, lines in zip(row, panels, strict=True):
            for key, hue in lines:
                values = np.array([[seed[world][key] for seed in points[scale]] for scale in scales])
                ax.plot(scales, values, "o", color=hue, markersize=3.5, alpha=0.6)
                ax.plot(scales, values.mean(axis=1), color=hue, linewidth=2, label=words.get(key, key))
            ax.axvline(1.0, color=QUIET, linewidth=0.9, linestyle=":")
            ax.set_xscale("log", base=2)
            ax.set_xticks(scales, [f"{scale:g}" for scale in scales])
            ax.minorticks_off()
            ax.set(xlabel="scale w", ylim=(0, 1.04 if len(lines) > 1 else None))
            ax.set_title(title, fontsize=10, loc="left")
    handles = [line for ax in rows[0] for line in ax.get_lines() if line.get_label()[0] != "_"]
    fig.legend(handles=handles, loc="outside upper left", ncols=len(handles), fontsize=9.5, frameon=False)
    return fig
