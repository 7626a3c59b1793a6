"""Objects as layers of pixels: which pixels an object covers, its surface there, its light and its shadow.

Legend: N scenes, K places, M objects, P object pixels, S the image's side in pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.data.toyworld import background, sdf
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.data.toyworld.texture import pattern


@dataclass
class Layers:
    """Flat lists of object pixels, farthest rank first.

    ranks : slices of the P pixels, one per depth rank; within a rank no pixel of a scene occurs twice.
    pixel : (P,) index into the N * S * S pixels. object : (P,) row of `scene`, `place`. x, y : (P,) shape's
        own frame.
    distance : (P,) signed, in pixels. cover : (P,) share of the pixel that the object covers, in [0, 1].
    normal : (P, 3) and depth : (P,) metres, where asked for.
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


def _slices(counts: list[int]) -> list[slice]:
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


def _boxed_pixels(box: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """List the pixels with their centre in boxes (M, 4), box by box: box (P,), row (P,), column (P,)."""
    centres = background.pixel_centres(size, box.device)
    columns = (centres > box[:, 0:1]) & (centres < box[:, 2:3])  # (M, S)
    rows = (centres > box[:, 1:2]) & (centres < box[:, 3:4])
    box_id, row, column = (rows[:, :, None] & columns[:, None, :]).nonzero().unbind(1)
    return box_id, row, column


def list_layers(scenes: Scenes, size: int, *, surface: bool) -> Layers:
    """Find every object's pixels and its signed distance there; with `surface` also its normal and depth."""
    scene, place, rank = order_objects(scenes)
    kind = scenes.class_id[scene, place]
    box = scenes.extent[scene, place] + scenes.extent.new_tensor([-1.0, -1.0, 1.0, 1.0]) / size
    obj, row, column = _boxed_pixels(box, size)
    turn = scenes.turn[scene, place].double()
    scale = 1.0 / scenes.radius[scene, place]
    numbers = torch.stack(
        [
            *scenes.centre[scene, place].unbind(1),
            turn.cos().float() * scale,
            turn.sin().float() * scale,
            size / scale,
        ]
    ).index_select(1, obj)  # (5, P)
    centres = background.pixel_centres(size, box.device)
    dx, dy = centres.index_select(0, column) - numbers[0], centres.index_select(0, row) - numbers[1]
    x, y = dx * numbers[2] + dy * numbers[3], dy * numbers[2] - dx * numbers[3]
    per_object = torch.bincount(obj, minlength=len(scene))
    cells = torch.zeros(max(1, scenes.places), len(CLASSES), dtype=torch.int64, device=box.device)
    cells.view(-1).index_add_(0, rank * len(CLASSES) + kind, per_object)
    counts = cells.tolist()
    distance = x.new_empty(len(x))
    normal, depth = (
        (x.new_empty(len(x), 3), x.new_empty(len(x))) if surface else (x.new_empty(0, 3), x.new_empty(0))
    )
    at = 0
    for per_class in counts:
        for class_id, count in enumerate(per_class):
            if count:
                part = slice(at, at + count)
                if surface:
                    distance[part], depth[part], nx, ny, normal[part, 2] = sdf.solid(
                        x[part], y[part], class_id
                    )
                    normal[part, 0], normal[part, 1] = nx, ny
                else:
                    distance[part] = sdf.distance(x[part], y[part], class_id)
                at += count
    if surface:
        cos, sin = numbers[2] * numbers[4] / size, numbers[3] * numbers[4] / size
        nx, ny = normal[:, 0].clone(), normal[:, 1].clone()
        normal[:, 0], normal[:, 1] = nx * cos - ny * sin, nx * sin + ny * cos
        plane = scenes.depth[scene, place][obj]
        depth = plane * (1.0 - depth * (numbers[4] / size))
    distance = distance * numbers[4]
    pixel = (scene.index_select(0, obj) * size + row) * size + column
    solid = (distance < 0).nonzero()[:, 0]
    ranks = _slices([sum(c) for c in counts])
    solid_counts = torch.bincount(rank[obj[solid]], minlength=len(counts)).tolist()
    return Layers(
        scene, place, ranks, pixel, obj, x, y, distance, (0.5 - distance).clamp(0, 1), normal, depth,
        solid, _slices(solid_counts), pixel[solid], place[obj[solid]],
    )  # fmt: skip


def shade(scenes: Scenes, layers: Layers, size: int) -> Tensor:
    """Linear light (P, 3) from the objects' pixels: a matte pattern under sun and sky, with a soft highlight.

    Sun by Lambert's law wrapped a little around the rim, sky from above, highlight by the halfway vector
    (Blinn, "Models of light reflection for
    computer synthesized pictures", SIGGRAPH 1977).
    """
    scene, place = layers.scene, layers.place
    obj = layers.object
    light = scenes.light[scene]  # (M, 3)
    half = light - light.new_tensor([0.0, 0.0, 1.0])
    half = half / half.square().sum(1, keepdim=True).sqrt()
    angle, period, phase = scenes.pattern[scene, place].double().unbind(1)
    exposure = scenes.brightness[scene][:, None] * background.sun_colour(scenes)[scene]
    base, second = scenes.rgb[scene, place].square(), scenes.second[scene, place].square()
    scalars = torch.stack(
        [*light.unbind(1), *half.unbind(1), angle.cos().float(), angle.sin().float(), period.float(),
        phase.float(),
         1.0 / (size * scenes.radius[scene, place])]
    ).index_select(1, obj)  # fmt: skip
    lx, ly, lz, hx, hy, hz, cos, sin, period, phase, texel = scalars.unbind(0)
    nx, ny, nz = layers.normal.unbind(1)
    sun = ((nx * lx + ny * ly + nz * lz) * 0.85 + 0.15).clamp_min(0)
    sky = 0.42 - 0.14 * ny
    shine = (nx * hx + ny * hy + nz * hz).clamp_min(0)
    shine = shine * shine
    shine = shine * shine
    shine = shine * shine
    shine = shine * shine * shine  # 24th power
    share = pattern(
        layers.x,
        layers.y,
        scenes.material_id[scene, place].index_select(0, obj),
        cos,
        sin,
        period,
        phase,
        texel,
    )[:, None]
    albedo = torch.lerp(
        (base * exposure).index_select(0, obj), (second * exposure).index_select(0, obj), share
    )
    return albedo * (0.80 * sun + sky)[:, None] + (0.16 * shine * sun)[:, None] * exposure.index_select(
        0, obj
    )


def shadow_layers(scenes: Scenes, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Shadows on the ground, a rank at a time: pixels (P,) and the share of light (P, 3) that is left there.

    The shadow is the outline itself, laid on the ground away from the light by an affine map about the foot,
    softer the farther from it; and a
    small dark smudge right under the foot.
    """
    scene, place, rank = order_objects(scenes)
    if not len(scene):
        return
    left, top, right, bottom = scenes.extent[scene, place].unbind(1)
    light = scenes.light[scene].double()
    foot = (bottom - scenes.horizon[scene]).double()
    lean = (light[:, 0] / light[:, 1]).float()  # sideways shift per unit of height; light y is negative
    lift = (foot * light[:, 2] / light[:, 1]).clamp(0.16, 0.6).float()  # upward shift per unit of height
    height, blur = bottom - top, 0.10 * (right - left)
    shift = lean * height
    box = torch.stack(
        [torch.minimum(left, left + shift) - blur, torch.maximum(bottom - lift * height - blur,
        scenes.horizon[scene]),
         torch.maximum(right, right + shift) + blur, bottom + blur], dim=1
    )  # fmt: skip
    obj, row, column = _boxed_pixels(box, size)
    turn = scenes.turn[scene, place].double()
    scale = 1.0 / scenes.radius[scene, place]
    cx, cy = scenes.centre[scene, place].unbind(1)
    numbers = torch.stack(
        [
            cx,
            cy,
            bottom,
            lean,
            lift,
            turn.cos().float() * scale,
            turn.sin().float() * scale,
            scale,
            0.5 * (right - left),
        ]
    ).index_select(1, obj)
    cx, cy, ground, lean, lift, cos, sin, scale, wide = numbers.unbind(0)
    centres = background.pixel_centres(size, box.device)
    px, py = centres.index_select(0, column), centres.index_select(0, row)
    up = (ground - py) / lift  # height of the point that casts its shadow here
    dx, dy = px - lean * up - cx, ground - up - cy
    x, y = dx * cos + dy * sin, dy * cos - dx * sin
    kind = scenes.class_id[scene, place]
    cells = torch.zeros(scenes.places, len(CLASSES), dtype=torch.int64, device=box.device)
    cells.view(-1).index_add_(0, rank * len(CLASSES) + kind, torch.bincount(obj, minlength=len(scene)))
    counts = cells.tolist()
    distance = x.new_empty(len(x))
    at = 0
    for per_class in counts:
        for class_id, count in enumerate(per_class):
            if count:
                distance[at : at + count] = sdf.distance(x[at : at + count], y[at : at + count], class_id)
                at += count
    soft = 0.16 + 0.22 * (up * scale).clamp(0, 2)
    t = (0.5 - distance / soft).clamp(0, 1)
    ellipse = ((px - cx) / wide).square() + ((ground - py) * 5.0 / wide).square()
    smudge = (1.0 - ellipse).clamp_min(0)
    dark = torch.maximum(0.62 * t * t * (3 - 2 * t), 0.45 * smudge)
    pixel = (scene.index_select(0, obj) * size + row) * size + column
    keep = 1.0 - dark[:, None] * dark.new_tensor([1.0, 0.94, 0.84])
    for part in _slices([sum(c) for c in counts]):
        yield pixel[part], keep[part]
