"""Figures of chapter 18's claims about radiance fields: arms side by side, a boundary, views against quality.

NeRF is blue and Gaussians green, as in `radiance_figures`; of two arms the other is vermilion.
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from lecture_utils.chapters.ch18.radiance_figures import plain_log
from lecture_utils.experiments import gains
from lecture_utils.plotting.style import BLUE, GREEN, QUIET, VERMILION

gain_figure = functools.partial(gains.gain_figure, height=3.2)


def pairs_figure(
    rows: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    names: tuple[str, str],
    xlabel: str,
    title: str,
    *,
    log: bool = False,
    colours: tuple[str, str] = (BLUE, VERMILION),
) -> Figure:
    """Draw two arms side by side: a dot a seed, and a line between the means.

    Parameters
    ----------
    rows : dict of name to (values of the first arm, values of the second)
        In each one value a seed.
    names : (str, str)
        The arms.
    xlabel, title : str
    log : bool
    colours : (str, str)
        Of the arms.
    """
    fig = Figure(figsize=(8, 0.62 * len(rows) + 1.4), layout="constrained")
    ax = fig.subplots()
    for y, arms in enumerate(reversed(list(rows.values()))):
        ax.plot([np.mean(own) for own in arms], [y, y], color=QUIET, linewidth=1.5, zorder=1)
        for own, colour, name in zip(arms, colours, names, strict=True):
            label = name if y == 0 else None
            ax.plot(own, [y] * len(own), "o", color=colour, alpha=0.55, markersize=6, label=label)
            ax.plot(np.mean(own), y, "D", color=colour, markersize=8, markeredgecolor="white")
    ax.set_yticks(range(len(rows)), list(rows)[::-1])
    ax.set(xlabel=xlabel, title=title, ylim=(-0.6, len(rows) - 0.4))
    if log:
        plain_log(ax)
    fig.legend(loc="outside lower center", ncols=2, fontsize=9)
    return fig


def by_views_figure(scores: Sequence[Mapping[str, Mapping[str, float]]], title: str) -> Figure:
    """Draw PSNR against the number of training views, a thin line a seed and the means thick.

    Parameters
    ----------
    scores : sequence of dict of method to dict of number of views to dB
        One for each seed; "NeRF" is blue, the other green.
    title : str
    """
    fig = Figure(figsize=(8, 3.6), layout="constrained")
    ax = fig.subplots()
    for method in scores[0]:
        colour = BLUE if method == "NeRF" else GREEN
        views = [int(n) for n in scores[0][method]]
        lines = np.array([list(own[method].values()) for own in scores])  # (seeds, numbers of views)
        for line in lines:
            ax.plot(views, line, color=colour, linewidth=0.8, alpha=0.5)
        ax.plot(views, lines.mean(0), "-o", color=colour, label=method)
    ax.set_xscale("log", base=2)
    ax.set_xticks(views, [str(n) for n in views])
    ax.set(xlabel="training views", ylabel="PSNR of other views, dB", title=title)
    ax.legend()
    return fig
