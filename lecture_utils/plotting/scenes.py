"""A toy-world sample with its annotations drawn: one picture a layer, or several layers on one picture.

Shape letters: N scenes, K objects, P keypoints, H, W pixels.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import images
from .images import bare, panels, to_array, to_image
from .style import PALETTE, label_palette

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
        raise ValueError(f"scene number wants 0 to {count - 1}, got {i}")
    groups = [(layer,) if isinstance(layer, str) else tuple(layer) for layer in layers]
    for name in (name for group in groups for name in group):
        if name not in LAYERS:
            raise ValueError(f"layer wants one of {', '.join(LAYERS)}, got {name!r}")
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
    if layer in ("boxes", "boxes_full", "keypoints"):
        if not ax.images:
            ax.imshow(to_image(sample.image[i]))
        if layer == "keypoints":
            _keypoints(ax, sample, i)
        else:
            _boxes(ax, sample, i, layer, class_names)
        return
    ax.imshow(layer_image(sample, i, layer))


def layer_image(sample: "Sample", i: int, layer: str) -> np.ndarray:
    """Give the picture (H, W, 3) of a dense layer: image, instance, semantic, panoptic, depth or normals."""
    picture = to_image(sample.image[i])
    if layer == "instance":
        return images.mask_overlay(picture, sample.instance[i], alpha=0.75, palette=object_palette())
    if layer == "semantic":
        return images.colour_labels(sample.semantic[i], label_palette(STUFF + 12, STUFF))
    if layer == "panoptic":
        semantic, instance = divmod(to_array(sample.panoptic[i]), 1000)
        shades = images.colour_labels(semantic, label_palette(STUFF + 12, STUFF))
        return np.where((_edges(instance) | _edges(semantic))[..., None], np.float32(1), shades)
    if layer == "depth":
        from matplotlib import colormaps

        return to_image(colormaps["viridis_r"](_nearness(to_array(sample.depth[i])))[..., :3])
    if layer == "normals":
        right, down, away = to_array(sample.normals[i])  # camera frame; drawn as right, up, towards us
        return to_image(np.stack([right, -down, -away]).clip(-1, 1) / 2 + 0.5)
    if layer == "image":
        return picture
    raise ValueError(f"no picture for layer {layer!r}")


def _nearness(metres: np.ndarray) -> np.ndarray:
    """Map depth (H, W) in metres to [0, 1] by its logarithm, nearest point to farthest ground."""
    logs = np.log(np.maximum(metres.astype(float), 1e-3))
    ground = logs[metres < SKY_DEPTH_M]
    near, far = (ground.min(), ground.max()) if ground.size else (0.0, 1.0)
    return ((logs - near) / max(far - near, 1e-9)).clip(0, 1)


def object_palette() -> np.ndarray:
    """Give the colours (7, 3) by which objects are told apart, the same in masks, boxes and keypoints."""
    return label_palette(7)


def _edges(labels: np.ndarray) -> np.ndarray:
    """Mark the pixels (H, W) whose right or lower neighbour has another label."""
    edge = np.zeros(labels.shape, dtype=bool)
    edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    edge[:-1] |= labels[:-1] != labels[1:]
    return edge


def _present(sample: Any, i: int) -> list[int]:
    """List the object slots of scene i that hold an object."""
    return [int(k) for k in np.flatnonzero(to_array(sample.present[i]))]


def _boxes(ax: Axes, sample: Any, i: int, layer: str, class_names: Sequence[str] | None) -> None:
    """Draw the boxes of scene i, solid for the visible part and dashed for the full extent."""
    xyxy, ids = to_array(getattr(sample, layer)[i]), to_array(sample.class_id[i])
    for k in _present(sample, i):
        if not (xyxy[k, 2:] > xyxy[k, :2]).all():
            continue  # nothing of it is seen
        name = class_names[int(ids[k])] if class_names is not None else str(int(ids[k]))
        images.boxes(ax, xyxy[k : k + 1], [name], [PALETTE[k % 7]], dashed=layer == "boxes_full")


def _keypoints(ax: Axes, sample: Any, i: int) -> None:
    """Draw keypoints: filled where seen, hollow where something hides them."""
    points = to_array(sample.keypoints[i])  # (K, P, 3)
    height, width = to_array(sample.image[i]).shape[-2:]
    for k in _present(sample, i):
        x, y, seen = points[k, :, 0] - 0.5, points[k, :, 1] - 0.5, points[k, :, 2] > 0.5
        inside = (x > -1) & (x < width) & (y > -1) & (y < height)
        colour = PALETTE[k % 7]
        ax.scatter(
            x[inside & seen], y[inside & seen], s=34, color=colour, edgecolor="white", linewidth=1.2, zorder=3
        )
        ax.scatter(
            x[inside & ~seen],
            y[inside & ~seen],
            s=30,
            facecolor="white",
            edgecolor=colour,
            linewidth=1.5,
            zorder=3,
            alpha=0.9,
        )
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
