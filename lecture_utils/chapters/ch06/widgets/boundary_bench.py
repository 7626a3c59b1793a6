"""Boundary bench: an object, a guess that is off by some pixels, and what IoU, Dice and boundary IoU say.

The same error of the outline costs a large object little IoU, since most of its pixels lie inside. Boundary
IoU looks at a band along the outline alone (B. Cheng et al., "Boundary IoU", CVPR 2021).
"""

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.metrics.boundary_iou import band_width, boundary, boundary_iou_by_class
from lecture_utils.metrics.segmentation import confusion, dice_by_class, iou_by_class
from lecture_utils.plotting.annotations import outline
from lecture_utils.plotting.style import BLUE, INK, VERMILION, rgb
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

SIZE = 144  # pixels a side
BAND = band_width(SIZE, SIZE)  # 4 pixels
BOTH, MISSED, EXTRA = "#C9C9C9", BLUE, VERMILION  # in both maps, in the truth alone, in the guess alone
SHAPES = ("disc", "star")
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"radius": 58, "error": "too large", "pixels": 3},
        "A large disc, 3 pixels too large all around: IoU and Dice hardly notice. Boundary IoU does.",
    ),
    (
        {"radius": 30, "error": "too large", "pixels": 3},
        "Half as large, the same 3 pixels: IoU falls, and boundary IoU stays where it was.",
    ),
    (
        {"radius": 10, "error": "too large", "pixels": 3},
        "A small disc is nearly all outline: now IoU, too, says that something is badly wrong.",
    ),
    (
        {"radius": 58, "error": "ragged", "pixels": 3},
        "A ragged outline, up to 3 pixels off: the eye sees it at once, and IoU hardly.",
    ),
    (
        {"radius": 58, "error": "shifted", "pixels": 5},
        "Shifted by 5 pixels: wrong left and right, right above and below.",
    ),
    (
        {"shape": "star", "radius": 58, "error": "too large", "pixels": 3},
        "A star has more outline for its area than a disc, so the same error costs it more IoU.",
    ),
    (
        {"shape": "star", "radius": 58, "error": "too small", "pixels": 6},
        "6 pixels too small, more than the band is wide: boundary IoU has nothing left in common.",
    ),
    ({"radius": 58, "pixels": 0}, "No error: all three say 1."),
)


def distance(shape: str, radius: float, x: float = 0.0) -> Tensor:
    """Pixels from the outline of a shape in the middle, shifted right by x; negative inside, (SIZE, SIZE).

    `radius` is the disc's; the toy world's star reaches a little further.
    """
    from lecture_utils.data.toyworld import CLASSES
    from lecture_utils.data.toyworld.surfaces import sdf

    place = torch.arange(SIZE) + 0.5 - SIZE / 2
    down, right = torch.meshgrid(place, place - x, indexing="ij")
    if shape == "disc":
        return torch.hypot(right, down) - radius
    away = sdf.distance(right.flatten() / radius, down.flatten() / radius, CLASSES.index(shape))
    return radius * away.view(SIZE, SIZE)


def masks(shape: str, radius: float, error: str, pixels: float) -> tuple[Tensor, Tensor]:
    """The true mask and the guess, both (SIZE, SIZE) bool."""
    away = distance(shape, radius)
    if error == "shifted":
        return away < 0, distance(shape, radius, pixels) < 0
    if error == "ragged":
        place = torch.arange(SIZE) + 0.5 - SIZE / 2
        angle = torch.atan2(place[:, None], place[None, :])
        teeth = (torch.sin(17 * angle) + torch.sin(29 * angle + 1) + torch.sin(41 * angle + 2)) / 2
        return away < 0, away < pixels * teeth.clamp(-1, 1)
    return away < 0, away < (pixels if error == "too large" else -pixels)


def scores(truth: Tensor, guess: Tensor) -> dict[str, float]:
    """IoU, Dice and boundary IoU of a guess (H, W), bool."""
    table = confusion(guess.long(), truth.long(), 2)
    return {
        "IoU": float(iou_by_class(table)[1]),
        "Dice": float(dice_by_class(table)[1]),
        "boundary IoU": float(boundary_iou_by_class(guess[None].long(), truth[None].long(), 2, BAND)[1]),
    }


def bench(shape: str = "disc", radius: int = 58, error: str = "too large", pixels: int = 3) -> Figure:
    """Draw truth and guess, the bands along their outlines, and three scores as bars.

    Parameters
    ----------
    shape : "disc" or "star"
    radius : int
        Of the object, in pixels.
    error : "too large", "too small", "shifted" or "ragged"
    pixels : int
        How far off, at most.

    Returns
    -------
    Figure
    """
    truth, guess = masks(shape, radius, error, pixels)
    bands = boundary(truth, BAND), boundary(guess, BAND)
    fig, axes = strip([2.3, 2.3, 2.5], 2.3, foot=" ")
    _compare(axes[0], truth, guess, "all pixels: IoU, Dice")
    _compare(axes[1], *bands, f"a band of {BAND} pixels: boundary IoU")
    for ax in axes[:2]:
        outline(ax, truth, MISSED, 1.3)
        outline(ax, guess, EXTRA, 1.3)
    _bars(axes[2], scores(truth, guess))
    words = (("in both", "#6B6B6B"), ("in the truth alone", MISSED), ("in the guess alone", EXTRA))
    for k, (word, colour) in enumerate(words):
        fig.text(0.01 + 0.21 * k, 0.045, f"\u25a0 {word}", color=colour, fontsize=9.5, va="center")
    return fig


def _compare(ax: Axes, truth: Tensor, guess: Tensor, title: str) -> None:
    image = np.ones((*truth.shape, 3), dtype=np.float32)
    for where, colour in ((truth & guess, BOTH), (truth & ~guess, MISSED), (guess & ~truth, EXTRA)):
        image[where.numpy()] = 0.35 + 0.65 * np.array(rgb(colour)) if colour != BOTH else rgb(colour)
    ax.imshow(image, interpolation="nearest")
    ax.set_title(title, fontsize=9.5, loc="center", pad=3, color=INK)


def _bars(ax: Axes, values: dict[str, float]) -> None:
    ax.set_position((0.775, 0.16, 0.2, 0.72))
    ax.barh(range(3), list(values.values()), color=["#8A8A8A", "#8A8A8A", INK], height=0.5)
    for row, (name, value) in enumerate(values.items()):
        ax.text(0.0, row - 0.33, name, fontsize=9.5, va="bottom", color=INK)
        ax.text(value + 0.02, row, f"{value:.2f}", fontsize=10.5, va="center", fontweight="bold", color=INK)
    ax.set(xlim=(0, 1.2), ylim=(2.5, -0.75))


def boundary_bench() -> Widget:
    """Make the boundary bench.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Boundary bench",
        compute=bench,
        controls={
            "shape": Choice(list(SHAPES), "disc", label="object"),
            "radius": Slider(8, 60, 1, 58, label="radius (pixels)"),
            "error": Choice(
                ["too large", "too small", "shifted", "ragged"], "too large", label="the guess is"
            ),
            "pixels": Slider(0, 8, 1, 3, label="off by (pixels)"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"pixels": 0},
        alt="An object and a guess at it, bands along both outlines, bars of IoU, Dice and boundary IoU.",
    )
