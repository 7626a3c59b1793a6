"""Light: how the sun and the sky shade the objects, and the shadows that they cast on the ground.

Legend: N scenes, M objects, P object pixels, S the image's side in pixels. Colours are linear light.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from lecture_utils.data.toyworld import background, sdf
from lecture_utils.data.toyworld.layers import Layers, boxed_pixels, count_by_rank, order_objects, slices
from lecture_utils.data.toyworld.scene import Scenes, cos_sin
from lecture_utils.data.toyworld.texture import pattern


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
    angle, period, phase = scenes.pattern[scene, place].unbind(1)
    cos, sin = cos_sin(angle)
    exposure = scenes.brightness[scene][:, None] * background.sun_colour(scenes)[scene]
    base, second = scenes.rgb[scene, place].square(), scenes.second[scene, place].square()
    scalars = torch.stack(
        [*light.unbind(1), *half.unbind(1), cos, sin, period, phase,
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
    softer the farther from it; and a small dark smudge right under the foot. It falls on the ground only.
    """
    scene, place, rank = order_objects(scenes)
    if not len(scene):
        return
    left, top, right, bottom = scenes.extent[scene, place].unbind(1)
    light = scenes.light[scene]
    foot = bottom - scenes.horizon[scene]
    lean = light[:, 0] / light[:, 1]  # sideways shift per unit of height; light y is negative
    lift = (foot * light[:, 2] / light[:, 1]).clamp(0.16, 0.6)  # upward shift per unit of height
    height, blur = bottom - top, 0.10 * (right - left)
    shift = lean * height
    box = torch.stack(
        [
            torch.minimum(left, left + shift) - blur,
            torch.maximum(bottom - lift * height - blur, scenes.horizon[scene]),
            torch.maximum(right, right + shift) + blur,
            bottom + blur,
        ],
        dim=1,
    )
    obj, row, column = boxed_pixels(box, size)
    cos, sin = cos_sin(scenes.turn[scene, place])
    scale = 1.0 / scenes.radius[scene, place]
    cx, cy = scenes.centre[scene, place].unbind(1)
    numbers = torch.stack(
        [
            cx,
            cy,
            bottom,
            lean,
            lift,
            cos * scale,
            sin * scale,
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
    counts = count_by_rank(scenes, obj, scene, place, rank)
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
    for part in slices([sum(c) for c in counts]):
        yield pixel[part], keep[part]
