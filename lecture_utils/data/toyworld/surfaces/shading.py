"""Shading: how the sun and the sky light the objects.

Legend: N scenes, M objects, P object pixels, S the image's side in pixels. Colours are linear light.
"""

import torch
from torch import Tensor

from lecture_utils.data.toyworld.scene import Scenes, cos_sin
from lecture_utils.data.toyworld.surfaces import background
from lecture_utils.data.toyworld.surfaces.layers import Layers
from lecture_utils.data.toyworld.surfaces.texture import pattern


def shade(scenes: Scenes, layers: Layers, size: int) -> Tensor:
    """Linear light (P, 3) from the objects' pixels: a matte pattern under sun and sky, with a soft highlight.

    Sun by Lambert's law wrapped a little around the rim, sky from above, highlight by the halfway vector
    (Blinn, "Models of light reflection for computer synthesized pictures", SIGGRAPH 1977).
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
    material = scenes.material_id[scene, place].index_select(0, obj)
    share = pattern(layers.x, layers.y, material, cos, sin, period, phase, texel)[:, None]
    albedo = torch.lerp(
        (base * exposure).index_select(0, obj), (second * exposure).index_select(0, obj), share
    )
    highlight = (0.16 * shine * sun)[:, None] * exposure.index_select(0, obj)
    return albedo * (0.80 * sun + sky)[:, None] + highlight
