"""A pyramid's levels: which of them answers for a box, and how many of its cells the box covers.

Two rules: equation 1 of T.-Y. Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017, for the
regions of a two-stage detector; and the anchors of RetinaNet, of which those with an IoU of 0.5 or more
answer (T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, section 4).
"""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from lecture_utils.detection.anchors import cell_anchors, grid_anchors
from lecture_utils.detection.retinanet import RETINA_ANCHORS
from lecture_utils.ops.boxes import box_iou
from lecture_utils.ops.roi import roi_levels
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.style import HAIRLINE, INK, ORANGE, QUIET
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

SIZE = 800  # pixels a side
LEAST_IOU = 0.5
RULES = {"FPN, equation 1": range(2, 6), "RetinaNet's anchors": range(3, 8)}
ASPECTS = {"1 : 3": 1 / 3, "1 : 2": 0.5, "1 : 1": 1.0, "2 : 1": 2.0, "3 : 1": 3.0}
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"side": 224},
        "A box of 224 × 224 pixels belongs to P4, where it covers 14 × 14 cells. P2 would have 56 × 56.",
    ),
    (
        {"side": 112},
        "Half the side: one level down, and again 14 × 14 cells. The head sees objects of one size.",
    ),
    ({"side": 216}, "A little below 224: P3 already, with 27 × 27 cells."),
    (
        {"side": 48},
        "A small box: the equation asks for P1. There is none, so P2 takes it, with 12 × 12 cells.",
    ),
    ({"side": 448, "aspect": "2 : 1"}, "448 on average: P5. What counts is the area, not the longer side."),
    (
        {"side": 224, "rule": "RetinaNet's anchors"},
        "RetinaNet has no equation: on each level whose anchors fit the box well enough, they answer for it.",
    ),
    (
        {"side": 224, "rule": "RetinaNet's anchors", "aspect": "3 : 1"},
        "A box three times as wide as high: anchors are at most twice as wide, so fewer fit.",
    ),
)


class Level(NamedTuple):
    """What a level has for the box."""

    k: int
    chosen: bool
    words: str


@lru_cache(maxsize=1)
def scene() -> tuple[np.ndarray, np.ndarray]:
    """Render an empty scene (H, W, 3), and one object cut out of another (h, w, 4)."""
    from lecture_utils.data.toyworld import Objects, render, sample_scenes

    ground = render(sample_scenes(1, seed=3, split="val", objects=Objects(count=0)), 300, only=("image",))
    one = Objects(count=1, classes=("ball",), size=(0.5, 0.5), distance=(2.2, 2.3))
    drawn = render(
        sample_scenes(1, seed=3, split="val", objects=one), 400, only=("image", "boxes", "instance")
    )
    x1, y1, x2, y2 = (int(v) for v in drawn.boxes[0, 0])
    colour, own = drawn.image[0, :, y1:y2, x1:x2], drawn.instance[0, y1:y2, x1:x2] > 0
    return to_image(ground.image[0]), torch.cat([colour, own[None].to(colour)]).permute(1, 2, 0).numpy()


def box_of(side: float, aspect: str) -> tuple[float, float, float, float]:
    """A box of area side² in the middle of the picture, with this width : height: x1, y1, x2, y2."""
    half = side * math.sqrt(ASPECTS[aspect]) / 2, side / math.sqrt(ASPECTS[aspect]) / 2
    return SIZE / 2 - half[0], SIZE / 2 - half[1], SIZE / 2 + half[0], SIZE / 2 + half[1]


def fitting(k: int, box: torch.Tensor) -> tuple[int, float]:
    """How many of RetinaNet's anchors of level k have LEAST_IOU or more with a box, and the best IoU."""
    cells = math.ceil(SIZE / 2**k)
    own = cell_anchors(RETINA_ANCHORS.sizes[k - 3], RETINA_ANCHORS.ratios)
    laid = grid_anchors(own, (cells, cells), (2**k, 2**k), offset=RETINA_ANCHORS.offset)
    iou = box_iou(box, laid)[0]
    return int((iou >= LEAST_IOU).sum()), float(iou.max())


def levels(side: float, aspect: str, rule: str) -> list[Level]:
    """Say for each level of a rule, finest first, whether it answers for the box, and what it has for it."""
    box = torch.tensor([box_of(side, aspect)])
    if rule == "RetinaNet's anchors":
        found = [(k, *fitting(k, box)) for k in RULES[rule]]
        return [
            Level(k, n > 0, f"{n or 'no'} anchor{'s' * (n != 1)}, best IoU {best:.2f}")
            for k, n, best in found
        ]
    own = int(roi_levels(box, finest=RULES[rule][0], coarsest=RULES[rule][-1]))
    wide, high = (box[0, 2:] - box[0, :2]).tolist()
    return [Level(k, k == own, f"{_short(wide / 2**k)} × {_short(high / 2**k)} cells") for k in RULES[rule]]


def _short(value: float) -> str:
    """Write a number with one digit behind the point, or none where that is 0."""
    return f"{value:.1f}".removesuffix(".0")


def told(side: float, aspect: str, rule: str) -> str:
    """Say in a line how the level is found."""
    found = [level.k for level in levels(side, aspect, rule) if level.chosen]
    if rule == "RetinaNet's anchors":
        names = " and ".join(f"P{k}" for k in found) or "no level"
        return f"IoU of {LEAST_IOU} or more: {names}"
    exact = 4 + math.log2(side / 224)
    floor = math.floor(exact + 1e-6)
    held = f", so {found[0]}" if floor != found[0] else ""
    return f"k = ⌊4 + log₂({side} / 224)⌋ = ⌊{exact:.2f}⌋ = {floor}{held}".replace("-", "−")


def pyramid(side: int, aspect: str, rule: str) -> Figure:
    """Draw a box in a picture, and the levels of a pyramid with the box on each.

    Parameters
    ----------
    side : int
        Square root of the box's area, in pixels of a picture of 800 × 800.
    aspect : str
        A key of ASPECTS: width to height.
    rule : str
        A key of RULES.

    Returns
    -------
    Figure
    """
    x1, y1, x2, y2 = box = box_of(side, aspect)
    fig = Figure(figsize=(8.0, 3.6))
    fig.set_layout_engine("none")
    left = bare(fig.add_axes((0.005, 0.02, 3.25 / 8.0, 3.25 / 3.6)))
    right = bare(fig.add_axes((0.43, 0.02, 0.565, 3.25 / 3.6)))
    ground, thing = scene()
    left.imshow(ground, extent=(0, SIZE, SIZE, 0))
    left.imshow(thing, extent=(x1, x2, y2, y1), zorder=2)
    for colour, width in (("white", 3.6), (ORANGE, 2.0)):
        left.add_patch(
            Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=width, zorder=3)
        )
    left.set(xlim=(0, SIZE), ylim=(SIZE, 0))
    left.set_title(f"box of {x2 - x1:.0f} × {y2 - y1:.0f} pixels of {SIZE}", fontsize=10.5, loc="left")
    right.set_title(told(side, aspect, rule), fontsize=10.5, loc="left")
    every = levels(side, aspect, rule)
    for place, level in enumerate(every):
        _level(right, place, level, box)
    right.set(xlim=(-0.01, 2.0), ylim=(-0.05, len(every) - 0.1))
    return fig


def _level(ax: Axes, place: int, level: Level, box: tuple[float, float, float, float]) -> None:
    """Draw a level as a map seen from the side, `place` steps above the finest, with cells and box."""

    def seen(points: Any) -> np.ndarray:
        """Pixels (…, 2) of the picture to a place on the panel."""
        x, y = np.moveaxis(np.asarray(points, dtype=float) / SIZE, -1, 0)
        return np.stack([0.76 * x + 0.28 * (1 - y), place + 0.82 * (1 - y)], axis=-1)

    stride, whole = 2**level.k, [(0, 0), (SIZE, 0), (SIZE, SIZE), (0, SIZE)]
    ax.add_patch(Polygon(seen(whole), facecolor="white"))
    edge = INK if level.chosen else QUIET
    ax.add_patch(Polygon(seen(whole), fill=False, edgecolor=edge, linewidth=1.2, zorder=2.5))
    at = np.arange(stride, SIZE, stride)
    lines = [[(v, 0), (v, SIZE)] for v in at] + [[(0, v), (SIZE, v)] for v in at]
    width = min(0.8, stride / 32)
    ax.add_collection(LineCollection(list(seen(lines)), colors=HAIRLINE, linewidths=width))
    x1, y1, x2, y2 = box
    corners = seen([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
    face = ORANGE if level.chosen else "none"
    ax.add_patch(Polygon(corners, facecolor=face, edgecolor=ORANGE, linewidth=1.5, alpha=0.9, zorder=3))
    weight, colour = ("bold", INK) if level.chosen else ("normal", QUIET)
    text = f"P{level.k}, stride {stride}\n{level.words}"
    ax.text(
        1.07, place + 0.4, text, va="center", fontsize=9.5, fontweight=weight, color=colour, linespacing=1.35
    )


def pyramid_levels() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Which level of a pyramid answers for a box",
        compute=pyramid,
        controls={
            "side": Slider(16, 456, 8, 224, label="√(width · height), pixels"),
            "aspect": Choice(list(ASPECTS), "1 : 1", label="width : height"),
            "rule": Choice(list(RULES), "FPN, equation 1", label="rule"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"side": 16},
        alt="A picture with a box around an object, and the levels of a feature pyramid above one another, "
        "with the box on each and the level that answers for it filled.",
    )
