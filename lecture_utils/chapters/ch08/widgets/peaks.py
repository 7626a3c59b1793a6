"""Peaks of a heat map: which cells become detections, by their neighbours and by a threshold?

The heat map of one class is simulated: the true centres' Gaussian slopes, surer for some objects than for
others, blurred, with noise, and with two bumps where nothing is. Peaks are picked as by X. Zhou et al.,
"Objects as Points", 2019, section 4: a cell counts if no neighbour is higher.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.detection.heatmaps import Peaks, gaussian_radius, gaussian_targets, pick_peaks
from lecture_utils.detection.key_points import to_cells
from lecture_utils.plotting.annotations import draw
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.overlays import heat_overlay
from lecture_utils.plotting.style import BLUE, INK, ORANGE, VERMILION
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

SIZE, STRIDE, SCENE, OBJECTS = 192, 4, 21, 6  # pixels a side, pixels a cell, which scene, its objects
CELLS = SIZE // STRIDE
NEAR = 1  # cells that a right peak may lie beside the true centre
SURE = (0.85, 0.75, 0.55, 0.4, 0.9, 0.8)  # height of each object's slope
FALSE = (((8, 40), 0.42), ((36, 38), 0.24))  # cell (x, y) and height of what is none
NOISE = 0.35
PLACES = (0.01, 0.11, 0.24, 0.41, 0.555)  # of the words below the pictures
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"threshold": 0.3, "window": 3},
        "3 × 3, the usual window: one peak an object, two close neighbours too, without NMS. Two are false.",
    ),
    (
        {"threshold": 0.3, "window": 1},
        "No window: every cell above the threshold is a detection. An object's slope gives doubles.",
    ),
    (
        {"threshold": 0.3, "window": 7},
        "7 × 7: two centres lie within one window, and the lower one is lost.",
    ),
    ({"threshold": 0.6, "window": 3}, "A threshold of 0.6: no false peak is left, and one object is missed."),
    ({"threshold": 0.1, "window": 3}, "0.1: peaks of the noise become detections."),
    ({"threshold": 0.1, "window": 7}, "0.1 with 7 × 7: fewer of them, and one object fewer."),
)


class Scene(NamedTuple):
    """A scene, its objects and a simulated heat map."""

    image: Tensor  # (3, SIZE, SIZE)
    boxes: Tensor  # (OBJECTS, 4) pixels
    centres: Tensor  # (OBJECTS, 2) cells x, y
    heat: Tensor  # (1, 1, CELLS, CELLS) in [0, 1]


@lru_cache(maxsize=1)
def scene() -> Scene:
    """Render objects of one class, and simulate what a network says about their centres."""
    from lecture_utils.data.toyworld import Objects, render, sample_scenes

    objects = Objects(count=OBJECTS, size=(0.24, 0.5), distance=(2.4, 8.0), classes=("triangle",))
    scenes = sample_scenes(SCENE + 1, seed=0, split="val", objects=objects)
    drawn = render(scenes[SCENE : SCENE + 1], SIZE, only=("image", "boxes"))
    boxes = drawn.boxes[0].float()
    centres, _ = to_cells((boxes[:, :2] + boxes[:, 2:]) / 2, (CELLS, CELLS), STRIDE)
    radius = gaussian_radius((boxes[:, 2:] - boxes[:, :2]) / STRIDE, 0.3)
    where = torch.cat([centres, torch.tensor([cell for cell, _ in FALSE])])
    reach = torch.cat([radius, radius.mean().expand(len(FALSE))]).clamp(min=4.0)
    height = torch.tensor([*SURE, *(high for _, high in FALSE)])
    bumps = gaussian_targets(where, reach, torch.arange(len(where)), len(where), (CELLS, CELLS))
    clean = (height[:, None, None] * bumps).amax(0)
    noise = torch.randn(1, 1, CELLS, CELLS, generator=torch.Generator().manual_seed(8))
    noise = F.avg_pool2d(noise, 3, stride=1, padding=1)
    rough = NOISE * ((noise - 0.3).clamp(min=0) + clean * noise)
    return Scene(drawn.image[0], boxes, centres, (clean + rough).clamp(0, 1))


def picked(threshold: float, window: int) -> Peaks:
    """The peaks from a threshold on, by falling score."""
    peaks = pick_peaks(scene().heat, CELLS * CELLS, window=window)[0]
    own = peaks.scores >= threshold
    return Peaks(peaks.scores[own], peaks.labels[own], peaks.cells[own])


def judged(cells: Tensor) -> tuple[Tensor, Tensor]:
    """Say of each peak whether it is right, and of each object whether it was missed.

    A peak is right if it lies within NEAR cells of a centre that no surer peak took (of the nearest one);
    other peaks in an object's box are doubles.

    Parameters
    ----------
    cells : Tensor
        (P, 2) x, y, by falling score.

    Returns
    -------
    verdict : Tensor
        (P,) 1 right, 0 a double, -1 false.
    missed : Tensor
        (OBJECTS,) bool.
    """
    _, boxes, centres, _ = scene()
    apart = (cells[:, None] - centres).abs().amax(-1)  # (P, OBJECTS)
    at = (cells[:, None] + 0.5) * STRIDE
    inside = ((at >= boxes[:, :2]) & (at <= boxes[:, 2:])).all(-1).any(1)  # (P,)
    missed, verdict = torch.ones(OBJECTS, dtype=torch.bool), inside.long() - 1
    for k, row in enumerate(apart):
        free = row.masked_fill(~missed, CELLS)
        if int(free.min()) <= NEAR:
            verdict[k], missed[free.argmin()] = 1, False
    return verdict, missed


def peaks_drawn(threshold: float, window: int) -> Figure:
    """Draw the scene with its true centres, and the heat map with its peaks.

    Parameters
    ----------
    threshold : float
        Cells of less are no peaks.
    window : int
        Side of the neighbourhood in which a peak is the highest, in cells; 1 asks no neighbour.

    Returns
    -------
    Figure
    """
    image, boxes, centres, heat = scene()
    cells = picked(threshold, window).cells
    verdict, missed = judged(cells)
    fig = Figure(figsize=(7.0, 4.0))
    fig.set_layout_engine("none")
    axes = [bare(fig.add_axes((left, 0.075, 0.49, 0.49 * 7.0 / 4.0))) for left in (0.005, 0.505)]
    draw(axes[0], image, boxes=boxes[~missed], colours=[BLUE] * int((~missed).sum()))
    draw(axes[0], None, boxes=boxes[missed], colours=[INK] * int(missed.sum()), dashed=True)
    axes[0].plot(*_place(centres), "+", color=INK, markersize=9, markeredgewidth=2)
    axes[0].set_title(f"{OBJECTS} objects of one class, {OBJECTS - int(missed.sum())} found", fontsize=10.5)
    axes[1].imshow(heat_overlay(image, heat[0, 0], 1.0))
    for value, colour in ((-1, VERMILION), (0, ORANGE), (1, BLUE)):
        at = _place(cells[verdict == value])
        axes[1].plot(
            *at, "o", color=colour, markersize=6 if value else 5, markeredgecolor="white", zorder=4 + value
        )
    for x, y in zip(*_place(centres[missed]), strict=True):
        for colour, style, width in (("white", "-", 4.0), (INK, "--", 2.2)):
            axes[1].scatter(
                x, y, 250, "none", edgecolors=colour, linestyles=style, linewidths=width, zorder=6
            )
    axes[1].set_title(f"{len(cells)} peaks: {int(missed.sum())} of {OBJECTS} objects missed", fontsize=10.5)
    told = [
        f"{int((verdict == k).sum())} {name}" for k, name in ((1, "right"), (0, "doubles"), (-1, "false"))
    ]
    words = ("peaks:", *told, "missed object: broken line")
    for text, colour, x in zip(words, (INK, BLUE, ORANGE, VERMILION, INK), PLACES, strict=True):
        fig.text(x, 0.025, text, color=colour, fontsize=9.5, fontweight="bold")
    return fig


def _place(cells: Tensor) -> tuple[list[float], list[float]]:
    """The middles of cells (N, 2) on the picture: x of all, y of all."""
    x, y = ((cells + 0.5) * STRIDE - 0.5).T.tolist() if len(cells) else ([], [])
    return x, y


def peaks() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Peaks of a heat map",
        compute=peaks_drawn,
        controls={
            "threshold": Slider(0.05, 0.9, 0.05, 0.3, label="threshold"),
            "window": Choice([("none", 1), ("3 × 3", 3), ("5 × 5", 5), ("7 × 7", 7)], 3, label="window"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"threshold": 0.05, "window": 1},
        alt="A scene with its true centres, and a heat map over it with the peaks that are picked, right, "
        "double and false.",
    )
