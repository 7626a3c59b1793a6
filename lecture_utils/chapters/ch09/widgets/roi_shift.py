"""RoIPool and RoIAlign under a shift of less than a cell: one stands still and jumps, the other glides.

RoIPool rounds a box to whole cells (R. Girshick, "Fast R-CNN", ICCV 2015, section 2.1), RoIAlign samples
between them (K. He et al., "Mask R-CNN", ICCV 2017, section 3). Both operators are those of `ops/roi.py`.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_utils.ops.roi import roi_align, roi_pool
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.overlays import heat_overlay
from lecture_utils.plotting.style import BLUE, HAIRLINE, INK, QUIET, VERMILION
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

SIZE, STRIDE, BINS, SAMPLES = 64, 4, 5, 2  # pixels a side, pixels a cell, bins a side, points a side of a bin
FINE = 4  # points a pixel of the drawn picture
SCENE = 9  # whose map is shown
BOX = (15.0, 14.6, 48.5, 49.4)  # of the drawn disc, in pixels, before it is shifted
SHIFTS = torch.linspace(0, 4, 129)  # of the curve
WAYS = {"right": (1.0, 0.0), "down": (0.0, 1.0), "both": (1.0, 1.0)}
MAPS = ("a drawn disc", "a network's channel")
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"shift": 1.25},
        "The box has moved by 1.25 pixels, a third of a cell. RoIPool's box and bins are what they were.",
    ),
    ({"shift": 0.0}, "Before the shift: RoIPool's box is already up to 3.5 pixels off, at its right edge."),
    (
        {"shift": 1.5},
        "A quarter pixel further: the right edge jumps by a whole cell, and a column of bins with it.",
    ),
    ({"shift": 2.75}, "RoIPool stands still again. RoIAlign changes a little with every step."),
    ({"shift": 3.0}, "Now the left edge jumps: twice in four pixels, and nothing between."),
    (
        {"shift": 1.25, "way": "both"},
        "Right and down at once: four edges, four jumps. Two boxes a hair apart can get very different bins.",
    ),
    (
        {"shift": 1.25, "map": "a network's channel"},
        "A channel of a trained network: the bins are ragged. RoIPool has jumped at 1 pixel, and will at 3.",
    ),
    (
        {"shift": 2.75, "map": "a network's channel"},
        "RoIPool's bins are those of the frame before; RoIAlign's have moved on.",
    ),
)


class Region(NamedTuple):
    """A feature map and a box on it."""

    image: Tensor  # (3, SIZE·FINE, SIZE·FINE): what the map was made from
    cells: Tensor  # (1, 1, SIZE / STRIDE, SIZE / STRIDE) from 0 to 1
    box: Tensor  # (4,) pixels


@lru_cache(maxsize=2)
def region(name: str) -> Region:
    """Give one of MAPS with the box of its object."""
    return _drawn() if name == MAPS[0] else _seen()


def _drawn() -> Region:
    """A disc, its edge softened over about a cell, and each cell the mean of its pixels."""
    box = torch.tensor(BOX)
    place = (torch.arange(SIZE * FINE) + 0.5) / FINE
    u, v = (2 * (place - low) / (high - low) - 1 for low, high in ((box[0], box[2]), (box[1], box[3])))
    disc = ((1 - torch.hypot(u[None, :], v[:, None])) * 8).sigmoid()
    cells = F.avg_pool2d(disc[None, None], STRIDE * FINE)
    return Region(0.92 - 0.5 * disc.expand(3, -1, -1), cells / cells.max(), box)


def _seen() -> Region:
    """The channel of a trained backbone that tells an object of a toy scene best from what is around it."""
    from lecture_utils import zoo
    from lecture_utils.data.toyworld import Objects, render, sample_scenes

    scenes = sample_scenes(SCENE + 1, seed=0, split="val", objects=Objects(count=1, size=(0.4, 0.5)))
    drawn = render(scenes[SCENE : SCENE + 1], SIZE, only=("image", "boxes", "instance"))
    large = render(scenes[SCENE : SCENE + 1], SIZE * FINE, only=("image",))
    with torch.no_grad():
        maps = zoo.load("shapes_backbone").get_submodule("backbone")(drawn.image)[0]  # (1, C, h, w)
    inside = F.avg_pool2d((drawn.instance == 1)[:, None].float(), STRIDE)  # (1, 1, h, w)
    contrast = (maps * inside).sum((0, 2, 3)) / inside.sum()
    contrast = contrast - (maps * (1 - inside)).sum((0, 2, 3)) / (1 - inside).sum()
    best = maps[:, int((contrast / maps.amax((0, 2, 3)).clamp(min=1e-6)).argmax())][:, None]
    return Region(large.image[0], (best / best.max()).clamp(min=0), drawn.boxes[0, 0].float())


def shifted(box: Tensor, way: str, shift: Tensor) -> Tensor:
    """Boxes (N, 4): one box (4,) moved by each of N shifts (N,) in pixels."""
    return box + shift[:, None] * box.new_tensor(WAYS[way] * 2)


def pooled(features: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """What RoIPool and RoIAlign give for boxes (N, 4) on one map: (N, BINS, BINS) each."""
    common = features, boxes, torch.zeros(len(boxes), dtype=torch.int64), (BINS, BINS), 1 / STRIDE
    return roi_pool(*common)[:, 0], roi_align(*common, sampling_ratio=SAMPLES)[:, 0]


def whole_cells(box: Tensor) -> Tensor:
    """The cells that RoIPool takes for a box (4,): both corners' nearest and what is between, in pixels."""
    first, last = (box.view(2, 2) / STRIDE + 0.5).floor()
    return torch.cat([first, last + 1]) * STRIDE


def changes(name: str, way: str, shift: Tensor) -> tuple[Tensor, Tensor]:
    """How much the bins of RoIPool and RoIAlign differ from those without a shift: mean of |…|, (N,) each."""
    features, box = region(name)[1:]
    both = pooled(features, shifted(box, way, torch.cat([shift.new_zeros(1), shift])))
    pool, align = ((bins[1:] - bins[:1]).abs().mean((1, 2)) for bins in both)
    return pool, align


def shifts(shift: float, way: str, map: str) -> Figure:
    """Draw the map with both boxes, what both operators give, and how that changes with the shift.

    Parameters
    ----------
    shift : float
        Pixels by which the box has moved.
    way : str
        A key of WAYS.
    map : str
        One of MAPS.

    Returns
    -------
    Figure
    """
    image, features, box = region(map)
    now = shifted(box, way, torch.tensor([shift]))
    width, height = 7.8, 4.16
    fig = Figure(figsize=(width, height))
    fig.set_layout_engine("none")

    def place(left: float, low: float, wide: float, high: float) -> Axes:
        return fig.add_axes((left / width, low / height, wide / width, high / height))

    _map(bare(place(0.04, 0.34, 3.52, 3.52)), image, features[0, 0], now[0])
    words = (("box, with RoIAlign's samples", BLUE, 0.05), ("RoIPool's cells", VERMILION, 2.42))
    for text, colour, x in words:
        fig.text(x / width, 0.17 / height, text, color=colour, fontsize=9.5, fontweight="bold", va="center")
    limit = float(features.max())
    measured = changes(map, way, torch.tensor([shift]))
    panels = zip((3.74, 5.82), ("RoIPool", "RoIAlign"), (VERMILION, BLUE), pooled(features, now), strict=True)
    for (x, title, colour, bins), change in zip(panels, measured, strict=True):
        ax = bare(place(x, 1.92, 1.94, 1.94))
        ax.imshow(bins[0].numpy(), cmap="inferno", vmin=0, vmax=limit)
        ax.set_title(f"{title}: change {float(change):.3f}", fontsize=9.5, color=colour, loc="center", pad=4)
    _curve(place(4.2, 0.5, 3.46, 1.0), shift, map, way)
    return fig


def _map(ax: Axes, image: Tensor, cells: Tensor, box: Tensor) -> None:
    """Lay the map over its picture, with the cells, the box with its samples, and RoIPool's box."""
    scale = FINE
    ax.imshow(heat_overlay(image, cells, 1.0), interpolation="nearest")
    for line in range(1, SIZE // STRIDE):
        ax.axhline(line * STRIDE * scale - 0.5, color="white", linewidth=0.5, alpha=0.8)
        ax.axvline(line * STRIDE * scale - 0.5, color="white", linewidth=0.5, alpha=0.8)
    share = (np.arange(BINS * SAMPLES) + 0.5) / (BINS * SAMPLES)
    x1, y1, x2, y2 = box.tolist()
    x, y = np.meshgrid(x1 + share * (x2 - x1), y1 + share * (y2 - y1))
    ax.plot(x.ravel() * scale - 0.5, y.ravel() * scale - 0.5, ".", color=BLUE, markersize=3.4,
            markeredgecolor="white", markeredgewidth=0.3)  # fmt: skip
    for corners, colour, style in ((whole_cells(box), VERMILION, "--"), (box, BLUE, "-")):
        left, top, right, bottom = (float(v) * scale - 0.5 for v in corners)
        for edge, wide, how in (("white", 3.8, "-"), (colour, 2.2, style)):
            ax.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=edge,
                                   linewidth=wide, linestyle=how))  # fmt: skip
    pixels = (whole_cells(box) - box).abs().max()
    ax.set_title(f"RoIPool's box: up to {float(pixels):.1f} pixels off", fontsize=10,
                 fontweight="normal", loc="center", pad=4, color=INK)  # fmt: skip


def _curve(ax: Axes, shift: float, name: str, way: str) -> None:
    """The change of both against the shift, and where the slider is."""
    pool, align = changes(name, way, SHIFTS)
    now = changes(name, way, torch.tensor([shift]))
    ax.axvline(shift, color=QUIET, linewidth=1)
    for values, dot, colour in ((pool, now[0], VERMILION), (align, now[1], BLUE)):
        ax.plot(SHIFTS.numpy(), values.numpy(), color=colour, linewidth=2)
        ax.plot(
            shift,
            float(dot),
            "o",
            color=colour,
            markersize=7,
            markeredgecolor="white",
            clip_on=False,
            zorder=4,
        )
    ax.set(xlim=(0, 4), ylim=(0, 1.08 * float(torch.cat([pool, align]).max())), xticks=range(5))
    ax.set_xlabel("shift in pixels", fontsize=9.5, labelpad=1)
    ax.set_title("mean change of the 25 bins", fontsize=10, fontweight="normal", loc="left", pad=3, color=INK)
    ax.tick_params(labelsize=8.5)
    ax.grid(True, color=HAIRLINE, linewidth=0.6)


def roi_shift() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="RoIPool and RoIAlign under a shift",
        compute=shifts,
        controls={
            "shift": Slider(0.0, 4.0, 0.25, 1.25, label="shift in pixels"),
            "way": Choice(list(WAYS), "right", label="to the"),
            "map": Choice(list(MAPS), MAPS[0], label="map"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"shift": 0.0},
        alt="A feature map with a box and the whole cells that RoIPool takes for it, the bins of RoIPool and "
        "RoIAlign, and how both change as the box is shifted.",
    )
