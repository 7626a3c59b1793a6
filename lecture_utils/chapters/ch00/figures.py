"""Chapter 00's figures: the map of the field, a scene's answers, and the plots whose code is only drawing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from lecture_utils.plotting.annotations import boxes
from lecture_utils.plotting.charts import curves
from lecture_utils.plotting.images import bare, image_grid, panels
from lecture_utils.plotting.scenes import SKY_DEPTH_M, TITLES, draw_layer
from lecture_utils.plotting.style import INK, PALETTE, QUIET

if TYPE_CHECKING:
    from torch import Tensor

    from lecture_utils.data.toyworld import Sample

#: Where each kind of thing stands on the map, in units of the figure's width.
PLACES = {
    "image": (0.0, 0.0),
    "numbers that\nmean something": (-1.0, 0.62),
    "labels, boxes,\nmasks, points": (0.98, 0.62),
    "words": (1.12, -0.16),
    "3D scene": (-1.12, -0.16),
    "people": (-0.74, -0.72),
    "a better\nimage": (0.74, -0.72),
}
#: From, to, chapters, bend, and which colour: one for graphics, one for vision, one for making.
ARROWS = (
    ("image", "numbers that\nmean something", "01–05", 0.0, "vision"),
    ("image", "labels, boxes,\nmasks, points", "06–11", 0.0, "vision"),
    ("image", "words", "13, 14", 0.16, "vision"),
    ("words", "image", "15–17", 0.16, "making"),
    ("image", "3D scene", "18, 19", 0.16, "vision"),
    ("3D scene", "image", "00", 0.16, "graphics"),
    ("image", "people", "10, 20", 0.0, "vision"),
    ("image", "a better\nimage", "12, 15, 17", 0.0, "making"),
)
PAPER = "#F4F1E8"  # behind the image in the middle
COLOURS = {"vision": PALETTE[0], "graphics": PALETTE[2], "making": PALETTE[5]}


def field_map() -> Figure:
    """Draw the field: kinds of things, and an arrow for each family of tasks, with its chapters."""
    fig = Figure(figsize=(7.4, 3.9), layout="constrained")
    ax = bare(fig.subplots())
    ax.set(xlim=(-1.45, 1.45), ylim=(-1.0, 0.86))
    for source, target, chapters, bend, kind in ARROWS:
        start, end = np.array(PLACES[source]), np.array(PLACES[target])
        colour = COLOURS[kind]
        ax.add_patch(
            FancyArrowPatch(
                PLACES[source], PLACES[target], connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>",
                mutation_scale=17, shrinkA=46, shrinkB=46, linewidth=2.2, color=colour,
            )
        )  # fmt: skip
        middle = 0.5 * (start + end)
        across = np.array([end[1] - start[1], start[0] - end[0]])  # to the side to which the arrow bends
        middle += 0.5 * bend * across + (0.0, 0.02)
        ax.text(
            float(middle[0]), float(middle[1]), chapters, color=colour, fontsize=10, fontweight="bold",
            ha="center", va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2},
        )  # fmt: skip
    for name, (x, y) in PLACES.items():
        first = name == "image"
        ax.text(
            x, y, name, ha="center", va="center", fontsize=12 if first else 10, color=INK, zorder=5,
            fontweight="bold" if first else "normal",
            bbox={"boxstyle": "round,pad=0.5", "facecolor": PAPER if first else "white", "edgecolor": QUIET},
        )  # fmt: skip
    words = (
        ("graphics", "graphics: draw it"),
        ("vision", "vision: read it"),
        ("making", "both: make or mend it"),
    )
    for k, (kind, text) in enumerate(words):
        ax.text(-1.42 + 0.98 * k, -0.98, f"→ {text}", color=COLOURS[kind], fontsize=9.5, va="bottom")
    fig.suptitle("The field as a map: 21 chapters, 8 arrows", x=0.01, ha="left", fontsize=11)
    return fig


def scene_answers(
    sample: "Sample",
    layers: Sequence[str],
    class_names: Sequence[str],
    *,
    columns: int = 3,
    size: float = 2.05,
) -> Figure:
    """Draw a scene with its annotations, one a panel; the panel of the depth has a scale in metres."""
    fig, axes = panels(
        len(layers), columns, size, titled=True, suptitle="One scene, and answers that are exact"
    )
    for ax, layer in zip(axes, layers, strict=True):
        draw_layer(ax, sample, 0, layer, class_names)
        bare(ax, TITLES[layer])
        if layer == "depth":
            metres = np.asarray(sample.depth[0])
            ground = metres[metres < SKY_DEPTH_M]  # as in draw_layer: by the logarithm, near is bright
            scale = ScalarMappable(LogNorm(float(ground.min()), float(ground.max())), "viridis_r")
            bar = fig.colorbar(scale, ax=ax, fraction=0.05, pad=0.02)
            ticks = [v for v in (2, 4, 10, 20, 40) if ground.min() <= v <= ground.max()]
            bar.set_ticks(ticks, labels=[f"{v} m" for v in ticks])
            bar.ax.minorticks_off()
            bar.ax.tick_params(labelsize=8)
    return fig


def posts(distances: Sequence[float], heights: Sequence[float]) -> Figure:
    """Draw a pinhole from the side and posts of one metre, at distances in metres, with heights in pixels."""
    fig = Figure(figsize=(7.5, 2.5), layout="constrained")
    ax = fig.subplots()
    for z, height in zip(distances, heights, strict=True):
        ax.plot([z, z], [-0.5, 0.5], color=PALETTE[0], linewidth=4)
        ax.fill([0, z, z], [0, -0.5, 0.5], color=PALETTE[1], alpha=0.16, linewidth=0)
        ax.text(z, 0.57, f"{z:.0f} m away: {height:.0f} pixels", ha="center", fontsize=9)
    ax.plot([1, 1], [-0.6, 0.6], color=INK, linewidth=1.5)
    for z, y, text in ((0, -0.25, "pinhole"), (1, -0.8, "picture"), (0, -0.045, "●")):
        ax.text(z, y, text, ha="center", fontsize=9)
    ax.set(xlim=(-0.5, 9), ylim=(-0.9, 0.8), xlabel="distance Z (m)", yticks=[])
    ax.set_title("Twice as far, half as tall")
    return fig


def value_table(image: "Tensor", left: int, top: int, side: int = 8) -> Figure:
    """Draw an image (3, H, W), a square window of it, and the window's reds as numbers from 0 to 255."""
    window = image[:, top : top + side, left : left + side]
    fig = image_grid(
        [image, window, window[0]],
        [f"{image.shape[2]} × {image.shape[1]} pixels", f"{side} × {side} of them", "their reds"],
        columns=3,
        size=1.6,
        suptitle="Look closely, and a face is a table of numbers",
    )
    boxes(fig.axes[0], [[left, top, left + side, top + side]], colours=[PALETTE[4]])
    for r, c in np.ndindex(side, side):
        ink = "white" if window[0, r, c] < 0.5 else "black"
        text = f"{255 * window[0, r, c]:.0f}"
        fig.axes[2].text(c, r, text, ha="center", va="center", fontsize=6, color=ink)
    return fig


def two_waves(fast: int, rate: int) -> Figure:
    """Draw the left half of a wave of `fast` cycles, its samples, and the slower wave that has the same."""
    x, at = np.linspace(0, 1, 1000), np.arange(rate) / rate
    wave = lambda f, x: 0.5 + 0.5 * np.cos(2 * np.pi * f * x)  # noqa: E731
    title = f"At {rate} samples, {fast} cycles and {rate - fast} are one and the same"
    fig = curves({"": (x, wave(fast, x))}, "position", "brightness", title)
    ax = fig.axes[0]
    ax.lines[0].set(linewidth=0.6)
    ax.plot(x, wave(rate - fast, x), color=PALETTE[5])
    ax.plot(at, wave(fast, at), "ko", markersize=5)
    names = [f"scene: {fast} cycles", f"{rate - fast} cycles", "samples"]
    ax.legend(names, ncols=3, loc="upper center")
    ax.set(ylim=(-0.1, 1.4), xlim=(0, 0.5))  # the left half is enough to see it
    fig.set_size_inches(6.2, 1.9)
    return fig


def folding(
    cycles: Sequence[int], predicted: Sequence[float], seen: Sequence[int], kept: Sequence[float], rate: int
) -> Figure:
    """Draw the cycles seen against those of the scene, and the contrast that averaging over a pixel keeps."""
    fig = Figure(figsize=(7, 2.3), layout="constrained")
    left, right = fig.subplots(1, 2)
    curves({"": (cycles, predicted)}, "cycles in the scene", "cycles seen", "Frequency folds", ax=left)
    left.plot(cycles[::3], seen[::3], "o", color=PALETTE[1], markersize=4)
    left.legend(["predicted", "seen"], loc="upper right", ncols=2)
    left.set_ylim(-0.5, 21)
    title = "Averaging first fades them"
    curves({"": (cycles[1:], kept[1:])}, "cycles in the scene", "contrast kept", title, ax=right)
    right.axvspan(rate / 2, 96, color=PALETTE[5], alpha=0.08)
    right.text(56, 0.65, "can only be seen\nas something false", ha="center", color="#9A4400")
    return fig


def valley(lines: dict[str, tuple["Tensor", "Tensor"]], start: float) -> Figure:
    """Draw errors against the distance still to go, (pixels, error) for each blur; truth and start dotted."""
    title = "The error on the way to the true place, sharp and with two blurs"
    fig = curves(lines, "pixels from the true place (dotted: truth and start)", "error / largest", title)
    for x in (0.0, start):
        fig.axes[0].axvline(x, color=INK, linewidth=0.8, linestyle=":")
    fig.set_size_inches(7, 2.3)
    return fig
