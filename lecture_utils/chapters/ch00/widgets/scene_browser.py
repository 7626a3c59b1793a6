"""Scene browser: a toy-world scene beside any of its annotation layers, with its objects and caption."""

import textwrap
from functools import lru_cache
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lecture_utils.plotting.images import bare
from lecture_utils.plotting.scenes import LAYERS, STUFF, TITLES
from lecture_utils.plotting.style import INK, PALETTE, QUIET, label_colour
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

if TYPE_CHECKING:
    from lecture_utils.data.toyworld import Sample

SCENES = 24
SIZE = 260  # pixels a side: one to one in its panel
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
    from lecture_utils.plotting.scenes import TITLES, draw_layer

    sample = rendered()
    fig, (left, right, aside) = two_panels(SIZE / 100, sample.captions[scene])
    draw_layer(left, sample, scene, "image")
    left.set_title(f"scene {scene}")
    draw_layer(right, sample, scene, layer, CLASSES)
    right.set_title(TITLES[layer])
    legend(aside, sample, scene, layer)
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


def two_panels(side: float, caption: str) -> tuple[Figure, list[Axes]]:
    """Make a figure of two panels, `side` inches each, a legend beside and the caption beneath."""
    gap, margin, column = 0.12, 0.05, 1.85
    width, height = 2 * side + 2 * gap + 2 * margin + column, side + 0.32 + 0.50
    fig = Figure(figsize=(width, height))
    fig.set_layout_engine("none")
    axes = []
    for k, wide in enumerate((side, side, column)):
        low = height - 0.30 - side
        axes.append(
            bare(
                fig.add_axes(((margin + k * (side + gap)) / width, low / height, wide / width, side / height))
            )
        )
    axes[2].set(xlim=(0, column), ylim=(0, side))
    text = "\n".join(textwrap.wrap(f"“{caption}”", 92, max_lines=2))
    fig.text(margin / width, 0.25 / height, text, fontsize=10, va="center", color=INK, style="italic")
    return fig, axes


def legend(ax: Axes, sample: "Sample", i: int, layer: str) -> None:
    """List what is in scene i beside its annotation: the classes for maps of classes, else the objects."""
    from lecture_utils.data.toyworld import CLASSES, COLOURS, MATERIALS, SEMANTIC

    rows: list[tuple[object, str, str]] = []
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
    top = ax.get_ylim()[1]
    step = 0.22 if layer in ("semantic", "panoptic") else 0.42
    for n, (colour, name, note) in enumerate(rows):
        y = top - 0.12 - step * n
        ax.plot([0.08], [y], "s", color=colour, markersize=9, markeredgecolor=QUIET, markeredgewidth=0.5)
        ax.text(0.22, y, name, fontsize=9, va="center", color=INK)
        ax.text(0.22, y - 0.17, note, fontsize=8.5, va="center", color=QUIET)
