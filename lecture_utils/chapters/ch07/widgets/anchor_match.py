"""Anchors and objects: which anchors of a grid answer for which object, and which object goes without?

The rules are those of S. Ren et al., "Faster R-CNN", NeurIPS 2015, section 3.1.2.
"""

from functools import lru_cache
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch07.figures import draw_matched
from lecture_utils.detection.anchors import BETWEEN, cell_anchors, grid_anchors, match_anchors
from lecture_utils.ops.boxes import box_iou
from lecture_utils.plotting.annotations import draw, object_colour
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import INK, QUIET
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

SIZE, STRIDE = 256, 16  # pixels
SEED = 30
SHAPES = {"all three": (0.5, 1.0, 2.0), "square": (1.0,), "wide": (0.5,), "tall": (2.0,)}
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"size": 96, "favourites": False},
        "Anchors of 96 pixels, by threshold alone: small objects get none, and are never learned.",
    ),
    (
        {"size": 96, "favourites": True},
        "The same, and the best anchors of each object answer too: here nobody goes without.",
    ),
    ({"size": 48, "favourites": False}, "Anchors of 48 pixels: now the large objects go without."),
    (
        {"size": 72, "high": 0.5, "favourites": False},
        "A threshold of 0.5: many more anchors answer, loosely.",
    ),
    ({"size": 96, "shape": "tall", "favourites": False}, "Tall anchors alone: who fits them?"),
    ({"size": 96, "high": 0.5, "low": 0.5}, "Both thresholds at 0.5: no anchor is left out."),
    ({"size": 96, "high": 0.95, "favourites": False}, "At 0.95 hardly an anchor is good enough."),
)


@lru_cache(maxsize=1)
def scene() -> tuple[Tensor, Tensor]:
    """Render one scene with objects of very different sizes: picture (3, SIZE, SIZE), boxes (G, 4)."""
    from lecture_utils.data.toyworld import Objects, render, sample_scenes

    objects = Objects(count=5, size=(0.16, 0.6), distance=(2.2, 4.4))
    drawn = render(sample_scenes(1, seed=SEED, split="val", objects=objects), SIZE, only=("image", "boxes"))
    boxes = drawn.boxes[0].float()
    return drawn.image[0], boxes[(boxes[:, 2:] - boxes[:, :2] > 12).all(dim=1)]


def matched(size: int, shape: str, high: float, low: float, favourites: bool) -> tuple[Tensor, Tensor]:
    """Anchors (N, 4) of a grid, and for each the object that it answers for, -1 or -2: (N,)."""
    cells = (SIZE // STRIDE, SIZE // STRIDE)
    laid = grid_anchors(cell_anchors((size,), SHAPES[shape]), cells, (STRIDE, STRIDE))
    iou = box_iou(scene()[1], laid)
    return laid, match_anchors(iou, high=high, low=min(low, high), allow_low_quality=favourites)


def answered(size: int, shape: str, high: float, low: float, favourites: bool) -> Figure:
    """Draw the objects, and beside them the anchors that answer for them.

    Parameters
    ----------
    size : int
        Square root of the anchors' area, in pixels of a 256-pixel picture.
    shape : str
        A key of SHAPES.
    high, low : float
        IoU from which on an anchor is positive, and below which it is background; `low` is at most `high`.
    favourites : bool
        Also let the best anchor of each object answer for it.

    Returns
    -------
    Figure
    """
    (image, boxes), (laid, match) = scene(), matched(size, shape, high, low, favourites)
    counts = [int((match == k).sum()) for k in range(len(boxes))]
    fig = Figure(figsize=(6.4, 3.75))
    fig.set_layout_engine("none")
    axes = [bare(fig.add_axes((left, 0.075, 0.49, 0.49 * 6.4 / 3.75))) for left in (0.005, 0.505)]
    labels = [str(count) if count else "none" for count in counts]
    colours = [object_colour(k) if count else INK for k, count in enumerate(counts)]
    draw(axes[0], image, boxes=boxes, labels=labels, colours=colours)
    without = sum(count == 0 for count in counts)
    axes[0].set_title(f"{without or 'no'} object{'s' * (without != 1)} without an anchor", fontsize=10)
    own = match >= 0
    draw_matched(axes[1], image, laid, match)
    axes[1].set_title(f"{int(own.sum())} positive anchors", fontsize=10)
    out = int((match == BETWEEN).sum())
    fig.text(0.01, 0.025, "number: anchors that answer for it", fontsize=9.5, color=INK)
    rest = f"of {len(match)} anchors {out} left out, {len(match) - out - int(own.sum())} background"
    fig.text(0.51, 0.025, rest, fontsize=9.5, color=QUIET)
    return fig


def anchor_match() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Which anchors answer for which object",
        compute=answered,
        controls={
            "size": Slider(24, 144, 8, 96, label="anchor size (pixels)"),
            "shape": Choice(list(SHAPES), "all three", label="shape"),
            "high": Slider(0.3, 0.95, 0.05, 0.7, label="positive from IoU"),
            "low": Slider(0.1, 0.7, 0.05, 0.3, label="background below"),
            "favourites": Choice([("yes", True), ("no", False)], True, label="best one always"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"high": 0.95, "size": 24, "favourites": False},
        alt="A scene with its objects, and the anchors that answer for them, in the objects' colours.",
    )
