"""Receptive-field calculator: stack up to five layers and see which input pixels one output unit looks at."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from lecture_utils.ops.receptive_field import Field, Layer
from lecture_utils.plotting.style import INK, PALETTE
from lecture_utils.widgets.controls import Choice
from lecture_utils.widgets.widget import Widget

NONE = "none"
PLACES = 5
LAYERS = {
    "conv 3×3": Layer(3, padding=1),
    "conv 3×3, stride 2": Layer(3, stride=2, padding=1),
    "conv 3×3, dilation 2": Layer(3, padding=2, dilation=2),
    "conv 5×5": Layer(5, padding=2),
    "conv 7×7": Layer(7, padding=3),
    "conv 7×7, stride 2": Layer(7, stride=2, padding=3),
    "conv 1×1": Layer(1),
    "max-pool 2×2": Layer(2, stride=2),
    "max-pool 3×3, stride 2": Layer(3, stride=2, padding=1),
}
_COLOURS = (PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[3], PALETTE[5])
_TOUR = (
    (
        ["conv 3×3", "max-pool 2×2", "conv 3×3"],
        "After the pool, neighbouring inputs lie 2 pixels apart: a 3×3 layer now adds 4.",
    ),
    (["conv 3×3"], "One 3×3 convolution: each output sees 3×3 pixels."),
    (["conv 3×3"] * 2, "Two of them see 5×5: every further 3×3 layer adds one pixel on each side."),
    (
        ["conv 3×3"] * 3,
        "Three see 7×7, as one 7×7 layer does, with 27 weights a pair of channels instead of 49.",
    ),
    (
        ["conv 5×5", "max-pool 2×2"],
        "A 2-pool after a 5-convolution sees 5 + 2 − 1 = 6 pixels, and its outputs lie 2 apart.",
    ),
    (
        ["conv 3×3", "max-pool 2×2"] * 2 + ["conv 3×3"],
        "Each pool doubles the jump, so the field grows faster and faster.",
    ),
    (
        ["conv 3×3"] + ["conv 3×3, dilation 2"] * 3,
        "Dilation 2 adds 4 pixels a layer and keeps the jump at 1: no resolution is lost.",
    ),
    (
        ["conv 7×7, stride 2", "max-pool 3×3, stride 2"] + ["conv 3×3"] * 2,
        "A ResNet's stem and its first block: four layers, 27×27 pixels.",
    ),
)


def fields(**layers: str) -> Figure:
    """Draw how the receptive field of one output unit grows through a stack of layers.

    Parameters
    ----------
    **layers : str
        Names in `LAYERS`, or "none", from the input up (layer_1, layer_2, …).

    Returns
    -------
    Figure
        Left the input grid with one square a layer; right the same in one dimension, with size and jump.
    """
    from lecture_utils.ops.receptive_field import receptive_field

    stack = [LAYERS[name]._replace(name=name) for name in layers.values() if name != NONE]
    rows = receptive_field(stack)  # one (name, size, jump, start) a layer
    fig = Figure(figsize=(7.2, 3.3))
    fig.set_layout_engine("none")
    draw_grid(fig.add_axes((0.01, 0.02, 0.40, 0.87)), stack, rows)
    draw_cone(fig.add_axes((0.43, 0.02, 0.56, 0.87)), stack, rows)
    return fig


def receptive_field() -> Widget:
    """Make the receptive-field calculator: five menus of layers.

    Returns
    -------
    Widget
    """
    first = ["conv 3×3", "max-pool 2×2", "conv 3×3", NONE, NONE]
    keys = [f"layer_{k + 1}" for k in range(PLACES)]
    controls = {key: Choice([NONE, *LAYERS], value) for key, value in zip(keys, first, strict=True)}
    padded = [(caption, [*stack, *[NONE] * (PLACES - len(stack))]) for stack, caption in _TOUR]
    return Widget(
        title="Receptive-field calculator",
        compute=fields,
        controls=controls,
        tour=[(caption, dict(zip(keys, stack, strict=True))) for caption, stack in padded],
        trivial={"layer_2": NONE, "layer_3": NONE},
        alt="Left, nested squares on the input's pixels: what one output of each layer sees. Right, in 1-D.",
    )


def reached(stack: Sequence[Layer]) -> list[np.ndarray]:
    """List which units of the input and of each layer, along one axis, the last layer's unit 0 sees."""
    units = [np.array([0])]
    for layer in reversed(stack):
        taps = layer.dilation * np.arange(layer.kernel) - layer.padding
        units.insert(0, np.unique(units[0][:, None] * layer.stride + taps))
    return units


def draw_grid(ax: Axes, stack: Sequence[Layer], rows: Sequence[Field]) -> None:
    """Draw the input's pixels, and on them the square that one unit of each layer sees, nested."""
    pixels = reached(stack)[0]
    size = int(pixels[-1] - pixels[0]) + 1
    side = max(16 - (size % 2), size + 4)
    ax.set(xlim=(0, side), ylim=(side, 0), aspect="equal")
    offset = (side - size) // 2 - pixels[0]  # grid column of pixel 0
    if side <= 70:
        ax.vlines(np.arange(side + 1), 0, side, color="#DDDDDD", linewidth=0.6)
        ax.hlines(np.arange(side + 1), 0, side, color="#DDDDDD", linewidth=0.6)
    unit, corners = 0, []
    for k in reversed(range(len(rows))):  # follow the middle tap down from the last layer
        row = rows[k]
        corners.append((k, row.start + unit * row.jump - (row.size - 1) / 2 + offset, row.size))
        layer = stack[k]
        unit = unit * layer.stride - layer.padding + layer.dilation * ((layer.kernel - 1) // 2)
    for k, corner, extent in corners:
        ax.add_patch(Rectangle((corner, corner), extent, extent, facecolor="white", linewidth=0))
        ax.add_patch(
            Rectangle((corner, corner), extent, extent, facecolor=_COLOURS[k], alpha=0.35, linewidth=0)
        )
        ax.add_patch(
            Rectangle((corner, corner), extent, extent, fill=False, edgecolor=_COLOURS[k], linewidth=1.8)
        )
    if not rows:
        ax.add_patch(Rectangle((offset, offset), 1, 1, facecolor=INK))
    ax.axis("off")
    ax.set_title(f"One output sees {size}×{size} input pixels", fontsize=10.5, loc="center")


def draw_cone(ax: Axes, stack: Sequence[Layer], rows: Sequence[Field]) -> None:
    """Draw the layers as rows of units over the input's, and in each what the topmost unit reaches."""
    units = reached(stack)
    centres = [units[0] * 1.0] + [row.start + u * row.jump for row, u in zip(rows, units[1:], strict=True)]
    left, right = float(centres[0][0]), float(centres[0][-1])
    middle, span = (left + right) / 2, max(right - left, 8.0)
    x = [
        0.75 + 0.235 * 2 * (c - middle) / span for c in centres
    ]  # the cone's part of the axes, 0.515 to 0.985
    level = np.arange(len(units)) * 5.0 / PLACES
    ax.set(xlim=(0, 1), ylim=(-0.45, 5.45))
    ax.axis("off")
    for k in range(1, len(units)):
        low, high = level[k - 1], level[k]
        corners = [(x[k - 1][0], low), (x[k - 1][-1], low), (x[k][-1], high), (x[k][0], high)]
        ax.add_patch(Polygon(corners, facecolor=_COLOURS[k - 1], alpha=0.22, linewidth=0))
    for k, positions in enumerate(x):
        colour = INK if k == 0 else _COLOURS[k - 1]
        dense = span / max(len(positions) - 1, 1) < span / 45
        ax.plot(
            positions, np.full(len(positions), level[k]), "s", color=colour, markersize=2.2 if dense else 4.5
        )
        name = "input" if k == 0 else f"{k}  {stack[k - 1].name}"
        seen = (
            f"{units[0].size} columns are read"
            if k == 0
            else f"sees {rows[k - 1].size}×{rows[k - 1].size}, jump {rows[k - 1].jump}"
        )
        ax.text(0.0, level[k] + 0.17, name, fontsize=9, color=INK, va="center", fontweight="bold")
        ax.text(0.0, level[k] - 0.19, seen, fontsize=9, color=INK, va="center")
