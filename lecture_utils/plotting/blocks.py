"""Boxes with words, arrows and ⊕, for diagrams of what flows where."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from .style import INK, QUIET, VERMILION

Point = tuple[float, float]


def page(width: float, height: float) -> tuple[Figure, Axes]:
    """Make an empty figure whose coordinates are inches from the lower left corner."""
    fig = Figure(figsize=(width, height))
    fig.set_layout_engine("none")
    ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.axis("off")
    ax.patch.set_alpha(0)
    return fig, ax


def box(
    ax: Axes,
    centre: Point,
    text: str,
    colour: str = QUIET,
    *,
    width: float = 1.2,
    height: float = 0.5,
    face: str = "white",
    size: float = 9.5,
) -> None:
    """Draw a round box with words in it.

    Parameters
    ----------
    ax : Axes
    centre : (float, float)
    text : str
    colour : str
        Of the border.
    width, height : float
        In the panel's units.
    face : str
        Colour of the inside.
    size : float
        Of the letters, in points.
    """
    x, y = centre
    pad = 0.05 * height
    ax.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle=f"round,pad={pad:g},rounding_size={0.25 * height:g}",
            facecolor=face,
            edgecolor=colour,
            linewidth=1.8,
            zorder=3,
        )
    )
    ax.text(x, y, text, ha="center", va="center", fontsize=size, color=INK, zorder=4)


def arrow(ax: Axes, start: Point, end: Point, colour: str = QUIET, width: float = 1.2) -> None:
    """Draw an arrow from point to point; `width` of its line in points."""
    head = 9 + 2.2 * width
    line = FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=head, color=colour, linewidth=width,
                           shrinkA=0, shrinkB=0)  # fmt: skip
    ax.add_patch(line)


def way_round(ax: Axes, start: Point, end: Point, aside: float, colour: str = VERMILION) -> None:
    """Draw a shortcut: out at `start`, along x = `aside`, and back to a ⊕ at `end`."""
    (x1, y1), (x2, y2) = start, end
    ax.plot([x1, aside, aside, x2], [y1, y1, y2, y2], color=colour, linewidth=1.8, zorder=2)
    plus(ax, end, colour)


def plus(ax: Axes, at: Point, colour: str = VERMILION, size: float = 14) -> None:
    """Write the ⊕ of an addition on a white plate."""
    plate = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
    ax.text(*at, "⊕", fontsize=size, ha="center", va="center", color=colour, zorder=4, bbox=plate)
