"""Chapter 16: figures of what breaks a diffusion model: rows of digits with their numbers, guided points.

Each returns a Figure; the alt texts are the notebook's.
"""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch16.broken_study import Made
from lecture_utils.chapters.ch16.guidance_figures import class_contours
from lecture_utils.plotting.images import bare, few, to_image
from lecture_utils.plotting.style import INK, QUIET

COLUMNS = 8
LEFT = -4.9  # as far as guided points go where the class was never dropped


def faults_figure(made: Mapping[str, Made], title: str = "", *, columns: int = COLUMNS) -> Figure:
    """Draw a row of digits for each fault, the same noise in each column, and what a judge says of all.

    Parameters
    ----------
    made : mapping
        Name of the fault → `broken_study.Made`.
    title : str
    columns : int
        Digits in a row: 0, 1, 2, … are asked for.
    """
    side, left = 0.8, 2.35
    wide, high = left + side * columns + 0.05, side * len(made) + (0.45 if title else 0.1)
    fig = Figure(figsize=(wide, high))
    fig.set_layout_engine("none")
    for row, (name, one) in enumerate(made.items()):
        bottom = high - (0.4 if title else 0.05) - (row + 1) * side
        for column in range(columns):
            place = ((left + column * side) / wide, bottom / high, 0.95 * side / wide, 0.95 * side / high)
            image = few(to_image(one.images[column]), 16)
            bare(fig.add_axes(place)).imshow(image, interpolation="nearest", aspect="auto", vmin=0, vmax=1)
        y = (bottom + 0.47 * side) / high
        fig.text(0.02, y + 0.12 / high, name, fontsize=10.5, color=INK, va="center", weight="bold")
        said = f"called rightly {one.accuracy:.2f}\ndistance {one.frechet:.2f}"
        fig.text(0.02, y - 0.16 / high, said, fontsize=9.5, color=QUIET, va="center")
    if title:
        fig.text(0.02, 1 - 0.2 / high, title, fontsize=11, color=INK, va="center")
    return fig


def drops_figure(found: Mapping[float, Mapping[float, tuple[Tensor, Mapping[str, Any]]]]) -> Figure:
    """Draw blue points asked for at some scales, of models that dropped the class in training and did not.

    Parameters
    ----------
    found : mapping
        Dropping rate → scale → points and figures, as `broken_study.without_drops` gives them.
    """
    columns = max(len(row) for row in found.values())
    fig = Figure(figsize=(2.6 * columns + 0.6, 2.2 * len(found)), layout="constrained")
    axes = fig.subplots(len(found), columns, squeeze=False)
    for row, (drop, by_scale) in zip(axes, found.items(), strict=True):
        for ax, (scale, (points, figures)) in zip(row, by_scale.items(), strict=True):
            class_contours(ax)
            ax.set_xlim(LEFT, None)
            ax.scatter(points[:, 0], points[:, 1], s=4, color=INK, alpha=0.45, linewidths=0, zorder=3)
            ax.set_title(f"w = {scale:g}", fontsize=10, fontweight="bold", loc="left")
            ax.set_xlabel(f"outside {figures['off']:.2f}", fontsize=9.5, loc="left")
        row[0].set_ylabel(f"class\ndropped:\n{drop:.0%}", fontsize=10, rotation=0, ha="right", va="center")
    return fig


def codes_figure(made: Mapping[str, Tensor]) -> Figure:
    """Draw scenes decoded from codes that were free, and from codes that were held in [-1, 1]."""
    count = len(next(iter(made.values())))
    fig = Figure(figsize=(1.75 * count * len(made), 2.1), layout="constrained")
    axes = iter(fig.subplots(1, count * len(made)))
    for name, images in made.items():
        for image in images:
            bare(next(axes), f"codes {name}").imshow(few(to_image(image), 32), interpolation="nearest")
    return fig
