"""Chapter 16: figures of points that a learner's own network and steps bring from noise to clouds.

Each returns a Figure; the alt texts are the notebook's.

Shapes: N points, K + 1 states of a way.
"""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch16.noising_figures import draw_points
from lecture_utils.chapters.ch16.steps_figures import draw_paths
from lecture_utils.generative.diffusion.mixture import GaussianMixture
from lecture_utils.plotting.images import panels
from lecture_utils.plotting.style import BLUE, INK


def cloud_figure(way: Sequence[Tensor], shown: Sequence[int], real: Tensor, title: str) -> Figure:
    """Draw points (N, 2) on their way, x_T first, at the steps `shown`, and beside them real ones."""
    states = [(f"t = {t}", way[len(way) - 1 - t]) for t in shown] + [("real", real)]
    fig, axes = panels(len(states), len(states), 1.5, titled=True, suptitle=title)
    for ax, (name, x) in zip(axes, states, strict=True):
        draw_points(ax, x, INK if name == "real" else BLUE)
        ax.set_title(name, fontsize=9.5, loc="center")
    return fig


def ways_figure(
    ways: Mapping[str, Sequence[Tensor]], mixture: GaussianMixture, title: str, *, particles: int = 5
) -> Figure:
    """Draw the ways of the first few points, a panel for each name: from noise (hollow) to the end."""
    fig, axes = panels(len(ways), len(ways), 2.9, titled=True, suptitle=title)
    for ax, (name, way) in zip(axes, ways.items(), strict=True):
        draw_paths(ax, mixture, torch.stack([x[:particles] for x in way]))
        ax.set_title(name, fontsize=9.5, loc="center")
    return fig
