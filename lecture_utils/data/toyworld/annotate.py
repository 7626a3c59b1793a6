"""Annotations: boxes, visibility, silhouettes and keypoints, from parameters or from rendered pixels.

Legend: N scenes, K places for objects, M objects, S the image's side in pixels.
"""

import torch
from torch import Tensor

from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.data.toyworld.scene import Scenes, cos_sin
from lecture_utils.data.toyworld.shapes import KEYPOINT_XY
from lecture_utils.data.toyworld.surfaces import sdf
from lecture_utils.data.toyworld.surfaces.layers import Layers


def boxes_full(scenes: Scenes, size: int) -> Tensor:
    """Boxes around whole objects from closed form, (N, K, 4) pixels; zeros where there is no object."""
    return torch.where(scenes.present[..., None], scenes.extent * size, 0.0)


def silhouette(scenes: Scenes, size: int, layers: Layers) -> Tensor:
    """Each object's pixels as if nothing stood before it, (N, K, S, S) bool."""
    out = torch.zeros(len(scenes) * scenes.places * size * size, dtype=torch.bool, device=scenes.key.device)
    area = size * size
    scene = layers.solid_pixel // area
    out[(scene * scenes.places + layers.solid_place) * area + layers.solid_pixel % area] = True
    return out.reshape(len(scenes), scenes.places, size, size)


def _seen(layers: Layers, instance: Tensor) -> Tensor:
    """Which solid pixels (Q,) show their object in the instance map."""
    return instance.reshape(-1)[layers.solid_pixel] == layers.solid_place + 1


def visibility(scenes: Scenes, layers: Layers, instance: Tensor) -> Tensor:
    """Unhidden share of each object's pixels in the image, (N, K) in [0, 1]; 0 where it has none."""
    obj = layers.object[layers.solid]
    total = torch.bincount(obj, minlength=len(layers.scene))
    seen = torch.bincount(obj[_seen(layers, instance)], minlength=len(layers.scene))
    out = torch.zeros(scenes.present.shape, device=scenes.key.device)
    out[layers.scene, layers.place] = seen / total.clamp_min(1)
    return out


def boxes_visible(scenes: Scenes, size: int, layers: Layers, instance: Tensor) -> Tensor:
    """Boxes around visible pixels, (N, K, 4) pixels; zeros where nothing of the object is visible."""
    seen = _seen(layers, instance)
    pixel, obj = layers.solid_pixel[seen], layers.object[layers.solid][seen]
    rows = torch.zeros(len(layers.scene) * size, dtype=torch.bool, device=scenes.key.device)
    columns = rows.clone()
    rows[obj * size + pixel // size % size] = True
    columns[obj * size + pixel % size] = True
    spans = torch.stack([columns.reshape(-1, size), rows.reshape(-1, size)], dim=1)
    spans = spans.to(torch.uint8)  # (M, 2, S)
    first = spans.argmax(2)
    last = size - spans.flip(2).argmax(2)
    box = torch.cat([first, last], dim=1) * spans.amax(2)[:, :1]
    out = torch.zeros(*scenes.present.shape, 4, device=scenes.key.device)
    out[layers.scene, layers.place] = box.float()
    return out


def keypoints(scenes: Scenes, size: int) -> Tensor:
    """Keypoints (N, K, 5, 3): x, y in pixels and visible (1) or not (0), from closed form.

    A keypoint is visible if it lies in the image and outside the outline of every nearer object.
    """
    device = scenes.key.device
    n, k = scenes.present.shape
    local = torch.as_tensor(KEYPOINT_XY, dtype=torch.float32, device=device)[scenes.class_id]  # (N, K, 5, 2)
    cos, sin = (t[..., None] for t in cos_sin(scenes.turn))
    radius = scenes.radius[..., None]
    x = scenes.centre[..., :1] + radius * (local[..., 0] * cos - local[..., 1] * sin)  # (N, K, 5)
    y = scenes.centre[..., 1:] + radius * (local[..., 0] * sin + local[..., 1] * cos)
    visible = scenes.present[..., None] & (x >= 0) & (x < 1) & (y >= 0) & (y < 1)
    # (N, hidden, hider): pairs of which the second is nearer.
    nearer = (
        (scenes.depth[:, None, :] < scenes.depth[:, :, None])
        & scenes.present[:, None, :]
        & scenes.present[:, :, None]
    )
    for class_id in range(len(CLASSES)):
        scene, hidden, hider = (nearer & (scenes.class_id == class_id)[:, None, :]).nonzero().unbind(1)
        dx = x[scene, hidden] - scenes.centre[scene, hider, :1]  # (pairs, 5)
        dy = y[scene, hidden] - scenes.centre[scene, hider, 1:]
        c, s, r = cos[scene, hider], sin[scene, hider], scenes.radius[scene, hider, None]
        u, v = (dx * c + dy * s) / r, (dy * c - dx * s) / r
        covered = sdf.distance(u.reshape(-1), v.reshape(-1), class_id).reshape(u.shape) < 0
        hit = torch.zeros(n, k, u.shape[-1] if u.ndim == 2 else 5, dtype=torch.int64, device=device)
        hit.index_put_((scene, hidden), covered.long(), accumulate=True)
        visible = visible & (hit == 0)
    out = torch.stack([x * size, y * size, visible.float()], dim=3)
    return torch.where(scenes.present[..., None, None], out, 0.0)
