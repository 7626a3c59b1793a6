"""IoU and GIoU: move one box beside another, and see what both measures say.

GIoU is of H. Rezatofighi et al., "Generalized Intersection over Union", CVPR 2019: IoU less the share of the
smallest box around both that neither of them covers.
"""

from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lecture_utils.ops.boxes import box_iou, generalized_box_iou
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import BLUE, HAIRLINE, INK, ORANGE, QUIET, VERMILION
from lecture_utils.widgets.controls import Slider
from lecture_utils.widgets.widget import Widget

FIXED = (40.0, 28.0, 70.0, 58.0)  # the box that stays, in a field of WIDE × HIGH
WIDE, HIGH = 160.0, 106.0
FARTHEST = 60.0
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    ({"right": 42}, "Apart: IoU is 0 wherever the box goes, so it cannot say which way is better. GIoU can."),
    ({"right": 60}, "Further apart: IoU is still 0, and GIoU falls on."),
    (
        {"right": 30},
        "Touching: no common area. GIoU is 0 too: the hull, the smallest box around both, is full.",
    ),
    ({"right": 10}, "Overlapping: both rise, and where no part of the hull is empty they are equal."),
    (
        {"right": 12, "down": 12},
        "Moved along the diagonal: two corners of the hull are empty, so GIoU is lower.",
    ),
    ({"right": 5, "down": 5, "width": 20, "height": 20}, "One inside the other: the hull is the larger box."),
    ({"right": -10, "down": 10, "width": 60, "height": 10}, "A cross: much is shared by neither."),
    ({}, "The same box twice: both are 1."),
)


def moved(right: float, down: float, width: float, height: float) -> torch.Tensor:
    """The box that moves: (1, 4) x1, y1, x2, y2, `right` and `down` from the one that stays."""
    x, y = FIXED[0] + right, FIXED[1] + down
    return torch.tensor([[x, y, x + width, y + height]])


def overlap(right: float, down: float, width: float, height: float) -> Figure:
    """Draw both boxes with their hull, and both measures against how far right the second one is.

    Parameters
    ----------
    right, down : float
        From the first box's corner to the second's.
    width, height : float
        Of the second box; the first is 30 × 30.

    Returns
    -------
    Figure
    """
    first, second = torch.tensor([FIXED]), moved(right, down, width, height)
    iou, giou = float(box_iou(first, second)), float(generalized_box_iou(first, second))
    fig = Figure(figsize=(8.0, 2.7))
    fig.set_layout_engine("none")
    ax = bare(fig.add_axes((0.005, 0.02, 0.46, 0.84)))
    hull = torch.cat([torch.minimum(first, second)[:, :2], torch.maximum(first, second)[:, 2:]], 1)
    _rectangle(ax, hull, QUIET, fill=HAIRLINE, style="--")
    for box, colour in ((first, BLUE), (second, ORANGE)):
        _rectangle(ax, box, colour, fill="white")
    for box, colour in ((first, BLUE), (second, ORANGE)):
        _rectangle(ax, box, colour, fill=colour, alpha=0.35)
        _rectangle(ax, box, colour)
    ax.set(xlim=(0, WIDE), ylim=(HIGH, 0), aspect="equal")
    where = "apart" if iou == 0 else "the same" if iou == 1 else "overlapping"
    ax.set_title(f"{where}: IoU {iou:.2f}, GIoU {giou:.2f}".replace("-", "−"), fontsize=10.5, loc="left")
    ax.text(2, HIGH - 3, "grey: the empty part of the smallest box around both", fontsize=9, color=INK)
    _curves(fig, right, down, width, height, (iou, giou))
    return fig


def _curves(
    fig: Figure, right: float, down: float, width: float, height: float, now: tuple[float, float]
) -> None:
    """Both measures for every place to the right, the present one marked."""
    ax = fig.add_axes((0.545, 0.19, 0.44, 0.67))
    places = torch.arange(-40.0, FARTHEST + 1)
    second = torch.cat([moved(float(x), down, width, height) for x in places])
    first = torch.tensor([FIXED])
    ax.axhline(0, color=QUIET, linewidth=0.8)
    for name, measure, colour, value in (
        ("GIoU", generalized_box_iou, VERMILION, now[1]),
        ("IoU", box_iou, INK, now[0]),
    ):
        ax.plot(places, measure(first, second)[0], color=colour, label=name)
        ax.plot([right], [value], "o", color=colour, markersize=7)
    ax.axvline(right, color=ORANGE, linewidth=1.2, linestyle=":")
    ax.set(xlim=(-40, FARTHEST), ylim=(-1.05, 1.1), xlabel="how far right the orange box is")
    ax.legend(loc="upper right")
    ax.set_title("along its row", fontsize=10.5, fontweight="normal", loc="left")


def _rectangle(
    ax: Axes, box: torch.Tensor, colour: str, *, fill: str | None = None, alpha: float = 1.0, style: str = "-"
) -> None:
    """Draw one box (1, 4)."""
    x1, y1, x2, y2 = box[0].tolist()
    edge = "none" if fill and style == "-" else colour
    face = fill or "none"
    ax.add_patch(
        Rectangle(
            (x1, y1),
            x2 - x1,
            y2 - y1,
            facecolor=face,
            edgecolor=edge,
            alpha=alpha,
            linewidth=1.8,
            linestyle=style,
        )
    )


def iou_giou() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="IoU and GIoU of two boxes",
        compute=overlap,
        controls={
            "right": Slider(-40, 60, 1, 0, label="to the right"),
            "down": Slider(-25, 25, 1, 0, label="down"),
            "width": Slider(10, 60, 1, 30, label="width"),
            "height": Slider(10, 50, 1, 30, label="height"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={},
        alt="Two boxes with the smallest box around both, and curves of IoU and GIoU as one of them moves.",
    )
