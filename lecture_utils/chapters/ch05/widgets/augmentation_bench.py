"""Augmentation bench: turn, stretch, lean, mirror and darken a scene, and see its annotations move along.

One matrix moves the pixels (fetched back through its inverse), the masks (nearest pixel), the keypoints and
the corners of the boxes. Broken lines: the box around the four moved corners; whole lines: the one around the
moved mask.
"""

from functools import lru_cache
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.augment.annotations import boxes_from_masks
from lecture_utils.augment.geometric import Annotated, warp
from lecture_utils.augment.photometric import brightness
from lecture_utils.augment.warp import flip_matrix, rotation, scaling, shearing
from lecture_utils.chapters.ch05.figures import draw_annotated
from lecture_utils.plotting.images import bare
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

SIZE = 240  # pixels a side: one to one in its panel
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"turn": 40},
        "Turned: masks and keypoints follow; boxes of corners (broken) are loose, those of masks tight.",
    ),
    ({"mirror": True}, "Mirrored: x becomes W − x for every pixel and for every number of the annotation."),
    ({"grow": 1.6}, "Enlarged: what leaves the picture is cut off, masks, boxes and keypoints alike."),
    ({"light": 0.3}, "Darker: the pixels change, and no annotation does."),
    ({"lean": 30}, "Sheared: right angles are lost, straight lines stay straight."),
    (
        {"turn": -25, "grow": 0.8, "lean": -15, "mirror": True, "light": 1.4},
        "All at once: the matrices are multiplied first, so the pixels are read only once.",
    ),
)


@lru_cache(maxsize=2)
def scene(size: int = SIZE) -> Annotated:
    """Render one scene with its annotations, as (1, …) tensors, `size` pixels a side."""
    from lecture_utils.data.toyworld import Objects, render, sample_scenes

    fields = ("image", "instance", "boxes", "keypoints")
    three = Objects(count=3, size=(0.4, 0.54), distance=(2.4, 4.2))
    scenes = sample_scenes(1, seed=19, split="val", objects=three)
    sample = render(scenes, size, only=fields)
    masks = sample.instance[:, None] == torch.arange(1, 4)[:, None, None]  # (1, 3, H, W)
    return Annotated(sample.image, masks, boxes_from_masks(masks), sample.keypoints)


def bench_matrix(turn: float, grow: float, lean: float, mirror: bool) -> Tensor:
    """The bench's one matrix (1, 3, 3): mirror, then lean, grow and turn about the middle."""
    middle = (SIZE / 2, SIZE / 2)
    matrix = rotation(turn, middle) @ scaling(grow, grow, middle) @ shearing(lean, 0.0, middle)
    return matrix @ flip_matrix(SIZE) if mirror else matrix


def bench(turn: float, grow: float, lean: float, mirror: bool, light: float) -> Figure:
    """Draw the scene before and after, with everything that is annotated.

    Parameters
    ----------
    turn, lean : float
        Degrees.
    grow, light : float
        Factors of size and brightness.
    mirror : bool
        Left and right, before all else.

    Returns
    -------
    Figure
    """
    before = scene()
    moved = warp(before, bench_matrix(turn, grow, lean, mirror), fill=0.5)
    assert moved.masks is not None and moved.boxes is not None
    tight, loose = boxes_from_masks(moved.masks), moved.boxes  # around the masks, around the corners
    loose = torch.where((loose - tight).abs().amax(-1, keepdim=True) > 1.5, loose, 0)  # where they differ
    after = Annotated(brightness(moved.image, light), moved.masks, tight, moved.keypoints)
    fig = Figure(figsize=(5.1, 2.75))
    fig.set_layout_engine("none")
    axes = [bare(fig.add_axes((left, 0.0, 2.4 / 5.1, 2.4 / 2.75))) for left in (0.005, 0.522)]
    draw_annotated(axes[0], before, outline=True)
    draw_annotated(axes[1], after, dashed=loose[0], outline=True)
    axes[0].set_title("before", fontsize=10)
    axes[1].set_title("after", fontsize=10)
    return fig


def augmentation_bench() -> Widget:
    """Make the augmentation bench.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Augmentation bench",
        compute=bench,
        controls={
            "turn": Slider(-90, 90, 1, 0, label="turn (degrees)"),
            "grow": Slider(0.5, 2.0, 0.05, 1.0, label="size"),
            "lean": Slider(-40, 40, 1, 0, label="shear (degrees)"),
            "mirror": Choice([("no", False), ("yes", True)], False, label="mirror"),
            "light": Slider(0.1, 2.0, 0.05, 1.0, label="brightness"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={},
        alt="A toy scene before and after a warp, with masks, boxes and keypoints drawn on both.",
    )
