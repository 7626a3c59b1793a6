"""Figures of chapter 08: the tags of corners, and how precise and how fast detectors are.

Shapes: N objects of several pictures.
"""

import math
from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.plotting.annotations import object_colour
from lecture_utils.plotting.style import BLUE, INK, VERMILION


def tag_figure(top_left: Tensor, bottom_right: Tensor, picture: Tensor, title: str) -> Figure:
    """Draw the tags of both corners of each object, a row a picture, a colour an object.

    Parameters
    ----------
    top_left, bottom_right : Tensor
        (N,) tags.
    picture : Tensor
        (N,) whose object each is, from 0.
    title : str
    """
    rows = int(picture.max()) + 1
    fig = Figure(figsize=(8, 0.42 * rows + 1.4), layout="constrained")
    ax = fig.subplots()
    for row in range(rows):
        own = (picture == row).nonzero()[:, 0]
        for k, i in enumerate(own.tolist()):
            first, second, colour = float(top_left[i]), float(bottom_right[i]), object_colour(k)
            ax.plot([first, second], [row, row], color=colour, linewidth=1.5, zorder=2)
            ax.plot(first, row, "^", color=colour, markersize=9, markeredgecolor="white", zorder=3)
            ax.plot(second, row, "s", color=colour, markersize=7, markeredgecolor="white", zorder=3)
    ax.plot([], [], "^", color=INK, label="top-left corner")
    ax.plot([], [], "s", color=INK, label="bottom-right corner")
    fig.legend(loc="outside lower center", ncols=2, fontsize=9)
    ax.set_yticks(range(rows), [f"scene {row + 1}" for row in range(rows)])
    ax.set(ylim=(rows - 0.4, -0.6), xlabel="tag", title=title)
    return fig


def speed_figure(table: Mapping[str, tuple[float, float]], two_stage: str, title: str) -> Figure:
    """Draw detectors by frames per second and average precision, the two-stage one in another colour.

    Parameters
    ----------
    table : dict of detector to (frames per second, AP)
    two_stage : str
        Which of them has two stages.
    title : str
    """
    fig = Figure(figsize=(8, 3.6), layout="constrained")
    ax = fig.subplots()
    for name, (frames, ap) in table.items():
        colour = VERMILION if name == two_stage else BLUE
        ax.plot(frames, ap, "o", color=colour, markersize=9)
        rivals = [own for own in table.values() if own != (frames, ap)]
        higher = sum(abs(math.log(x / frames)) < 0.4 and 0 <= y - ap < 0.02 for x, y in rivals)
        at, side = (((9, -3), "left"), ((0, 8), "center"), ((-9, -3), "right"))[min(higher, 2)]  # names apart
        ax.annotate(name, (frames, ap), at, textcoords="offset points", fontsize=9.5, color=colour, ha=side)
    values = torch.tensor(list(table.values()))
    ax.set_xscale("log")
    low, high = float(values[:, 0].min()), float(values[:, 0].max())
    ticks = [t for t in (5, 10, 20, 50, 100, 200, 500) if low / 1.5 <= t <= high * 2]
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.minorticks_off()
    ax.set(xlim=(low / 1.9, high * 2.2), xlabel="frames per second", ylabel="AP", title=title)
    return fig
