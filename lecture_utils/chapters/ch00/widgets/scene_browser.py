"""Scene browser: a toy-world scene beside any of its annotation layers, with its objects and caption."""

import textwrap
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lecture_utils.plotting.annotations import panoptic_image
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.scenes import LAYERS, STUFF, TITLES
from lecture_utils.plotting.style import INK, PALETTE, QUIET, label_colour
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

if TYPE_CHECKING:
    from lecture_utils.data.toyworld import Sample

SCENES = 24
SIZE = 260  # pixels a side: one to one in its panel
GAP, MARGIN, COLUMN = 12, 5, 190  # pixels between the pictures, around them, and of the legend
LABEL = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.5}
_TOUR = (
    (3, "boxes", "Detection: a box and a class for each object, around what is seen of it."),
    (3, "boxes_full", "The full extent, also behind whatever hides part of it."),
    (
        3,
        "instance",
        "Instance segmentation: which pixels belong to which object; the background has no label.",
    ),
    (
        3,
        "semantic",
        "Semantic segmentation: a class for every pixel; two objects of one class look the same.",
    ),
    (3, "panoptic", "Panoptic segmentation: both at once, a class and an instance for every pixel."),
    (3, "depth", "Depth: metres along the viewing axis, near is bright."),
    (
        3,
        "normals",
        "Surface normals: which way each surface faces. Red is right, green up, blue towards you.",
    ),
    (3, "keypoints", "Keypoints: named places on each object; hollow where something hides them."),
)


def browse(scene: int, layer: str) -> Figure:
    """Draw a scene, one of its annotation layers, the objects in it and its caption.

    Parameters
    ----------
    scene : int
        Number of the scene, 0 to 23.
    layer : str
        A name in `lecture_utils.plotting.scenes.LAYERS`.

    Returns
    -------
    Figure
    """
    from lecture_utils.data.toyworld import CLASSES
    from lecture_utils.plotting.scenes import TITLES, draw_layer, layer_image

    sample = rendered()
    fig, ax = sheet(sample.captions[scene])
    if layer == "panoptic":
        draw_panoptic(ax, sample, scene)
    else:
        draw_layer(ax, sample, scene, layer, CLASSES)
    ax.imshow(layer_image(sample, scene, "image"), extent=(-SIZE - GAP, -GAP, SIZE, 0))
    ax.set(xlim=(-SIZE - GAP, SIZE), ylim=(SIZE, 0))  # one axes for both pictures: an axes costs 20 ms
    ax.text(-SIZE - GAP, -7, f"scene {scene}", fontweight="bold")
    ax.text(0, -7, TITLES[layer], fontweight="bold")
    legend(fig, sample, scene, layer)
    return fig


def scene_browser() -> Widget:
    """Make the scene browser: a scene's number and an annotation layer.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Scene browser",
        compute=browse,
        controls={
            "scene": Slider(0, SCENES - 1, 1, 0, label="scene number"),
            "layer": Choice([(TITLES[layer], layer) for layer in LAYERS], "boxes", label="annotation"),
        },
        tour=[(caption, {"scene": scene, "layer": layer}) for scene, layer, caption in _TOUR],
        trivial={"layer": "image"},
        alt="A toy scene of coloured shapes in a landscape, one of its annotations, and its objects listed.",
    )


@lru_cache(maxsize=1)
def rendered() -> "Sample":
    """Render all scenes once, with every annotation."""
    from lecture_utils.data.toyworld import Objects, render, sample_scenes

    return render(sample_scenes(SCENES, seed=0, split="val", objects=Objects(count=(3, 4))), SIZE)


def sheet(caption: str) -> tuple[Figure, Axes]:
    """Make a figure with room for two pictures side by side, a legend beside and the caption beneath."""
    width, height = (2 * SIZE + GAP + 2 * MARGIN + COLUMN) / 100, (SIZE + 82) / 100
    fig = Figure(figsize=(width, height))
    fig.set_layout_engine("none")
    both = (2 * SIZE + GAP) / 100
    ax = bare(fig.add_axes((MARGIN / 100 / width, 0.52 / height, both / width, SIZE / 100 / height)))
    text = "\n".join(textwrap.wrap(f"“{caption}”", 92, max_lines=2))
    fig.text(MARGIN / 100 / width, 0.25 / height, text, fontsize=10, va="center", color=INK, style="italic")
    return fig, ax


def draw_panoptic(ax: Axes, sample: "Sample", i: int) -> None:
    """Draw the panoptic map as `plotting.draw_panoptic` does, its outlines as pixels: contours cost 80 ms."""
    semantic, ids = np.divmod(sample.panoptic[i].numpy(), 1000)
    image = panoptic_image(semantic, ids, STUFF)
    border = np.zeros(ids.shape, dtype=bool)
    for axis in (0, 1):
        step = np.diff(ids, axis=axis) != 0
        border |= np.pad(step, [(0, axis == 0), (0, axis == 1)]) | np.pad(
            step, [(axis == 0, 0), (axis == 1, 0)]
        )
    image[border] = to_rgb(INK)
    ax.imshow(image)
    for k in np.unique(ids[ids > 0]):
        row, column = (float(np.median(place)) for place in np.nonzero(ids == k))
        ax.text(column, row, str(k), ha="center", va="center", fontsize=9, bbox=LABEL)


def legend(fig: Figure, sample: "Sample", i: int, layer: str) -> None:
    """List what is in scene i beside its annotation: the classes for maps of classes, else the objects."""
    from lecture_utils.data.toyworld import CLASSES, COLOURS, MATERIALS, SEMANTIC

    rows: list[tuple[Any, str, str]] = []
    if layer in ("semantic", "panoptic"):
        rows = [(label_colour(k, STUFF), SEMANTIC[k], "") for k in sample.semantic[i].unique().tolist()]
    else:
        for k in sample.present[i].nonzero().flatten().tolist():
            words = (
                COLOURS[sample.colour_id[i, k]],
                MATERIALS[sample.material_id[i, k]],
                CLASSES[sample.class_id[i, k]],
            )
            name = f"{words[0]} {words[2]}" if words[1] == "plain" else " ".join(words)
            note = f"{sample.visibility[i, k]:.0%} visible"
            if layer == "depth" and (sample.instance[i] == k + 1).any():
                note = f"{sample.depth[i][sample.instance[i] == k + 1].median():.1f} m away"
            rows.append((PALETTE[k % 7], name, note))
    step = 22 if layer in ("semantic", "panoptic") else 42
    wide, high = 100 * fig.get_size_inches()
    for n, (colour, name, note) in enumerate(rows):
        left, y = wide - COLUMN, high - 42 - step * n  # pixels at 100 to the inch
        mark = (left / wide, (y - 5) / high), 11 / wide, 11 / high
        fig.add_artist(Rectangle(*mark, facecolor=colour, edgecolor=QUIET, linewidth=0.5))
        fig.text((left + 17) / wide, y / high, name, fontsize=9, va="center", color=INK)
        fig.text((left + 17) / wide, (y - 17) / high, note, fontsize=8.5, va="center", color=QUIET)
