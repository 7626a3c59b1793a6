"""Shadows that the objects cast on the ground.

Legend: N scenes, M objects, P shadow pixels, S the image's side in pixels. Colours are linear light.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from lecture_utils.data.toyworld.scene import Scenes, cos_sin
from lecture_utils.data.toyworld.surfaces.background import pixel_centres
from lecture_utils.data.toyworld.surfaces.layers import (
    boxed_pixels,
    count_by_rank,
    order_objects,
    outline_distance,
    slices,
)


def shadow_layers(scenes: Scenes, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Shadows on the ground, a rank at a time: pixels (P,) and the share of light (P, 3) that is left there.

    The shadow is the outline itself, laid on the ground away from the light by an affine map about the foot,
    softer the farther from it; and a small dark smudge right under the foot. It falls on the ground only.
    """
    scene, place, rank = order_objects(scenes)
    if not len(scene):
        return
    box, numbers = _casts(scenes, scene, place)
    obj, row, column = boxed_pixels(box, size)
    cx, cy, ground, lean, lift, cos, sin, scale, wide = numbers.index_select(1, obj).unbind(0)
    centres = pixel_centres(size, box.device)
    px, py = centres.index_select(0, column), centres.index_select(0, row)
    up = (ground - py) / lift  # height of the point that casts its shadow here
    dx, dy = px - lean * up - cx, ground - up - cy
    counts = count_by_rank(scenes, obj, scene, place, rank)
    distance = outline_distance(dx * cos + dy * sin, dy * cos - dx * sin, counts)
    soft = 0.16 + 0.22 * (up * scale).clamp(0, 2)
    t = (0.5 - distance / soft).clamp(0, 1)
    ellipse = ((px - cx) / wide).square() + ((ground - py) * 5.0 / wide).square()
    smudge = (1.0 - ellipse).clamp_min(0)
    dark = torch.maximum(0.62 * t * t * (3 - 2 * t), 0.45 * smudge)
    pixel = (scene.index_select(0, obj) * size + row) * size + column
    keep = 1.0 - dark[:, None] * dark.new_tensor([1.0, 0.94, 0.84])
    for part in slices([sum(c) for c in counts]):
        yield pixel[part], keep[part]


def _casts(scenes: Scenes, scene: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Where each object's shadow lies, as boxes (M, 4), and the nine numbers (9, M) of its affine map.

    The numbers are the centre's x and y, the foot's y, lean and lift (sideways and upward shift per unit of
    height), cosine and sine of the turn over the radius, one over the radius, and half the width.
    """
    left, top, right, bottom = scenes.extent[scene, place].unbind(1)
    light = scenes.light[scene]
    foot = bottom - scenes.horizon[scene]
    lean = light[:, 0] / light[:, 1]  # light y is negative
    lift = (foot * light[:, 2] / light[:, 1]).clamp(0.16, 0.6)
    height, blur = bottom - top, 0.10 * (right - left)
    shift = lean * height
    box = [
        torch.minimum(left, left + shift) - blur,
        torch.maximum(bottom - lift * height - blur, scenes.horizon[scene]),
        torch.maximum(right, right + shift) + blur,
        bottom + blur,
    ]
    cos, sin = cos_sin(scenes.turn[scene, place])
    scale = 1.0 / scenes.radius[scene, place]
    cx, cy = scenes.centre[scene, place].unbind(1)
    numbers = [cx, cy, bottom, lean, lift, cos * scale, sin * scale, scale, 0.5 * (right - left)]
    return torch.stack(box, dim=1), torch.stack(numbers)
