"""Objects as layers of pixels: which pixels an object covers, and its surface there.

Legend: N scenes, K places, M objects, P object pixels, S the image's side in pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.data.toyworld.scene import Scenes, cos_sin
from lecture_utils.data.toyworld.surfaces import background, sdf


@dataclass
class Layers:
    """Flat lists of object pixels, farthest rank first.

    ranks : slices of the P pixels, one per depth rank; within a rank no pixel of a scene occurs twice.
    pixel : (P,) index into the N * S * S pixels.
    object : (P,) row of `scene`, `place`.
    x, y : (P,) place in the shape's own frame.
    distance : (P,) signed, in pixels.
    cover : (P,) share of the pixel that the object covers, in [0, 1].
    normal : (P, 3) unit vectors, where asked for.
    depth : (P,) metres, likewise.
    solid : (Q,) the pixels whose centre is inside; solid_ranks, solid_pixel, solid_place : the same lists cut
        down to them.
    """

    scene: Tensor
    place: Tensor
    ranks: list[slice]
    pixel: Tensor
    object: Tensor
    x: Tensor
    y: Tensor
    distance: Tensor
    cover: Tensor
    normal: Tensor
    depth: Tensor
    solid: Tensor
    solid_ranks: list[slice]
    solid_pixel: Tensor
    solid_place: Tensor


def slices(counts: list[int]) -> list[slice]:
    """Cut a list into consecutive parts of the given lengths."""
    out, at = [], 0
    for c in counts:
        out.append(slice(at, at + c))
        at += c
    return out


def order_objects(scenes: Scenes) -> tuple[Tensor, Tensor, Tensor]:
    """List the objects by depth rank (0: farthest), then class: scene (M,), place (M,), rank (M,)."""
    far_first = torch.where(scenes.present, scenes.depth, -1.0).argsort(dim=1, descending=True, stable=True)
    rank = far_first.argsort(dim=1)
    scene, place = scenes.present.nonzero().unbind(1)
    rank, kind = rank[scene, place], scenes.class_id[scene, place]
    order = (rank * len(CLASSES) + kind).argsort(stable=True)
    return scene[order], place[order], rank[order]


def boxed_pixels(box: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """List the pixels with their centre in boxes (M, 4), box by box: box (P,), row (P,), column (P,)."""
    centres = background.pixel_centres(size, box.device)
    columns = (centres > box[:, 0:1]) & (centres < box[:, 2:3])  # (M, S)
    rows = (centres > box[:, 1:2]) & (centres < box[:, 3:4])
    box_id, row, column = (rows[:, :, None] & columns[:, None, :]).nonzero().unbind(1)
    return box_id, row, column


def count_by_rank(scenes: Scenes, obj: Tensor, scene: Tensor, place: Tensor, rank: Tensor) -> list[list[int]]:
    """How many of the listed pixels belong to each depth rank and, within it, to each class."""
    cells = torch.zeros(max(1, scenes.places), len(CLASSES), dtype=torch.int64, device=obj.device)
    which = rank * len(CLASSES) + scenes.class_id[scene, place]
    cells.view(-1).index_add_(0, which, torch.bincount(obj, minlength=len(scene)))
    return cells.tolist()


def class_slices(counts: list[list[int]]) -> Iterator[tuple[int, slice]]:
    """Cut a list that is ordered by rank, then class, into one part a rank and class: class, slice."""
    at = 0
    for per_class in counts:
        for class_id, count in enumerate(per_class):
            if count:
                yield class_id, slice(at, at + count)
                at += count


def outline_distance(x: Tensor, y: Tensor, counts: list[list[int]]) -> Tensor:
    """Signed distance (P,) of points in their shapes' own frames, listed by rank, then class."""
    distance = x.new_empty(len(x))
    for class_id, part in class_slices(counts):
        distance[part] = sdf.distance(x[part], y[part], class_id)
    return distance


def _surface(x: Tensor, y: Tensor, counts: list[list[int]], cos: Tensor, sin: Tensor) -> tuple[Tensor, ...]:
    """Distance (P,), height (P,) and normal (P, 3) of points in their shapes' own frames.

    The normals are turned into the camera's frame by cos, sin (P,).
    """
    distance, height, normal = x.new_empty(len(x)), x.new_empty(len(x)), x.new_empty(len(x), 3)
    for class_id, part in class_slices(counts):
        distance[part], height[part], nx, ny, normal[part, 2] = sdf.solid(x[part], y[part], class_id)
        normal[part, 0], normal[part, 1] = nx, ny
    nx, ny = normal[:, 0].clone(), normal[:, 1].clone()
    normal[:, 0], normal[:, 1] = nx * cos - ny * sin, nx * sin + ny * cos
    return distance, height, normal


def list_layers(scenes: Scenes, size: int, *, surface: bool) -> Layers:
    """Find every object's pixels and its signed distance there; with `surface` also its normal and depth."""
    scene, place, rank = order_objects(scenes)
    box = scenes.extent[scene, place] + scenes.extent.new_tensor([-1.0, -1.0, 1.0, 1.0]) / size
    obj, row, column = boxed_pixels(box, size)
    cos, sin = cos_sin(scenes.turn[scene, place])
    scale = 1.0 / scenes.radius[scene, place]
    centre_x, centre_y = scenes.centre[scene, place].unbind(1)
    numbers = torch.stack([centre_x, centre_y, cos * scale, sin * scale, size / scale])
    numbers = numbers.index_select(1, obj)  # (5, P)
    centres = background.pixel_centres(size, box.device)
    dx, dy = centres.index_select(0, column) - numbers[0], centres.index_select(0, row) - numbers[1]
    x, y = dx * numbers[2] + dy * numbers[3], dy * numbers[2] - dx * numbers[3]
    counts = count_by_rank(scenes, obj, scene, place, rank)
    if surface:
        cos, sin = numbers[2] * numbers[4] / size, numbers[3] * numbers[4] / size
        distance, height, normal = _surface(x, y, counts, cos, sin)
        depth = scenes.depth[scene, place][obj] * (1.0 - height * (numbers[4] / size))
    else:
        distance, normal, depth = outline_distance(x, y, counts), x.new_empty(0, 3), x.new_empty(0)
    distance = distance * numbers[4]
    pixel = (scene.index_select(0, obj) * size + row) * size + column
    solid = (distance < 0).nonzero()[:, 0]
    ranks = slices([sum(c) for c in counts])
    solid_counts = torch.bincount(rank[obj[solid]], minlength=len(counts)).tolist()
    return Layers(
        scene, place, ranks, pixel, obj, x, y, distance, (0.5 - distance).clamp(0, 1), normal, depth,
        solid, slices(solid_counts), pixel[solid], place[obj[solid]],
    )  # fmt: skip
