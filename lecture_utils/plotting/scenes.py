"""A toy-world sample with its annotations drawn: one picture a layer, or several layers on one picture.

Shape letters: N scenes, K objects, P keypoints, H, W pixels.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import annotations
from .images import bare, panels, to_array, to_image

if TYPE_CHECKING:
    from lecture_utils.data.toyworld import Sample

SKY_DEPTH_M = 99.0  # at or beyond: sky, which the toy world puts at 100 m
STUFF = 4  # the first labels of a semantic map: sky, grass, water, sand
LAYERS = ("image", "boxes", "boxes_full", "instance", "semantic", "panoptic", "depth", "normals", "keypoints")
TITLES = {
    "image": "image",
    "boxes": "visible boxes",
    "boxes_full": "full boxes",
    "instance": "instances",
    "semantic": "semantic classes",
    "panoptic": "panoptic",
    "depth": "depth (m)",
    "normals": "surface normals",
    "keypoints": "keypoints",
}


def annotated_scene(
    sample: "Sample",
    i: int = 0,
    layers: Sequence[str | tuple[str, ...]] = ("image", "boxes", "instance"),
    *,
    class_names: Sequence[str] | None = None,
    columns: int = 4,
    size: float = 2.0,
    suptitle: str | None = None,
) -> Figure:
    """Draw one scene of a sample with its annotations.

    Parameters
    ----------
    sample : Sample
        What `lecture_utils.data.toyworld.render` gives.
    i : int
        Which scene of it.
    layers : sequence
        One panel per entry; an entry that is a tuple lays several layers on one picture. Names: see `LAYERS`.
    class_names : sequence of str, optional
        Written at the boxes; their numbers where not given.
    columns, size, suptitle
        As in `image_grid`.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        On an unknown layer, or a scene number outside the sample.
    """
    count = len(sample.image)
    if not 0 <= i < count:
        raise ValueError(f"scene: got number {i}, want 0 to {count - 1}")
    groups = [(layer,) if isinstance(layer, str) else tuple(layer) for layer in layers]
    for name in (name for group in groups for name in group):
        if name not in LAYERS:
            raise ValueError(f"layer: got {name!r}, want one of {', '.join(LAYERS)}")
    fig, axes = panels(len(groups), columns, size, titled=True, suptitle=suptitle)
    for ax, group in zip(axes, groups, strict=True):
        for name in group:
            draw_layer(ax, sample, i, name, class_names)
        bare(ax, " + ".join(TITLES[name] for name in group))
    return fig


def draw_layer(
    ax: Axes, sample: "Sample", i: int, layer: str, class_names: Sequence[str] | None = None
) -> None:
    """Draw one annotation layer of scene `i`; boxes and keypoints lie over what is there."""
    picture = None if ax.images else sample.image[i]
    if layer in ("boxes", "boxes_full"):
        present = to_array(sample.present[i]).astype(bool)
        xyxy = np.where(present[:, None], to_array(getattr(sample, layer)[i]), 0)
        names = [_name(label, class_names) for label in to_array(sample.class_id[i]).tolist()]
        annotations.draw(ax, picture, boxes=xyxy, labels=names, dashed=layer == "boxes_full")
    elif layer == "keypoints":
        points = to_array(sample.keypoints[i]).astype(float)  # (K, P, 3)
        points[~to_array(sample.present[i]).astype(bool)] = np.nan
        annotations.draw(ax, picture, keypoints=points)
    elif layer == "instance":
        annotations.draw_instances(ax, sample.image[i], sample.instance[i])
    elif layer == "panoptic":
        semantic, instance = divmod(to_array(sample.panoptic[i]), 1000)
        annotations.draw_panoptic(ax, semantic, instance, stuff=STUFF)
    else:
        ax.imshow(layer_image(sample, i, layer))


def _name(label: int, class_names: Sequence[str] | None) -> str:
    """A class's name, or its number where there are no names."""
    return str(label) if class_names is None else class_names[label]


def layer_image(sample: "Sample", i: int, layer: str) -> np.ndarray:
    """Give the picture (H, W, 3) of a dense layer: image, semantic, depth or normals."""
    if layer == "image":
        return to_image(sample.image[i])
    if layer == "semantic":
        return annotations.semantic_image(sample.semantic[i], STUFF)
    if layer == "depth":
        from matplotlib import colormaps

        return to_image(colormaps["viridis_r"](_nearness(to_array(sample.depth[i])))[..., :3])
    if layer == "normals":
        right, down, away = to_array(sample.normals[i])  # camera frame; drawn as right, up, towards us
        return to_image(np.stack([right, -down, -away]).clip(-1, 1) / 2 + 0.5)
    raise ValueError(f"layer: got {layer!r}, want image, semantic, depth or normals")


def _nearness(metres: np.ndarray) -> np.ndarray:
    """Map depth (H, W) in metres to [0, 1] by its logarithm, nearest point to farthest ground."""
    logs = np.log(np.maximum(metres.astype(float), 1e-3))
    ground = logs[metres < SKY_DEPTH_M]
    near, far = (ground.min(), ground.max()) if ground.size else (0.0, 1.0)
    return ((logs - near) / max(far - near, 1e-9)).clip(0, 1)
