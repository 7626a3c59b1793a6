"""Rendering solids: from parameters and cameras to pictures, and to everything known about them (S18.1).

Light: a sun with soft shadows, light from all sides that a near surface takes away, and, for shiny things, a
highlight after J. Blinn, "Models of light reflection for computer synthesized pictures", SIGGRAPH 1977.
Simplified: no light goes from surface to surface, the sky's light has no direction but up.

Legend: N views, H × W pixels, R rays, P points that rays met.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lecture_utils.data.toyworld.solids import shapes, textures
from lecture_utils.data.toyworld.solids.scene import SolidScene
from lecture_utils.data.toyworld.solids.tracing import GROUND, NOTHING, sunlight, trace
from lecture_utils.ops.camera import Cameras, rays
from lecture_utils.ops.checks import check_whole

_CHUNK = 1 << 18  # rays at a time
_SKY = ((0.93, 0.95, 0.97), (0.45, 0.66, 0.92))  # sRGB at the horizon, and above
_CORNER_M = 0.14  # metres: a surface so near takes light away


@dataclass(frozen=True, eq=False)
class SolidViews:
    """N views of a scene. All but `image` is what the middle of the pixel shows, exactly.

    Attributes
    ----------
    image : Tensor
        (N, 3, H, W) in [0, 1], sRGB.
    depth_m : Tensor
        (N, H, W): z in the camera, in metres; inf where nothing is.
    normal : Tensor
        (N, 3, H, W): of length 1, in the world's axes; 0 where nothing is.
    mask : Tensor
        (N, H, W) bool: a solid is there. The ground is none.
    solid : Tensor
        (N, H, W) int64: which one, its place in the scene's lists; -1 where nothing is, -2 on the ground.
    part : Tensor
        (N, H, W) int64: its part, an index into `PARTS`; -1 where no solid is.
    """

    image: Tensor
    depth_m: Tensor
    normal: Tensor
    mask: Tensor
    solid: Tensor
    part: Tensor


@torch.no_grad()
def render_solids(scene: SolidScene, cameras: Cameras, *, samples: int = 1) -> SolidViews:
    """Render N views of a scene.

    Parameters
    ----------
    scene : SolidScene
    cameras : Cameras
        N of them; the device of their tensors is where the work is done.
    samples : int
        Colours are means over samples × samples rays a pixel: 1 leaves edges jagged, 2 is smooth.

    Returns
    -------
    SolidViews
        float32 and int64.

    Raises
    ------
    ValueError
        For fewer than one sample.
    """
    check_whole(samples, "samples")
    scene, cameras = scene.to(cameras.rotation.device), cameras.to(torch.float32)
    n, (h, w) = len(cameras), cameras.size
    surface, colour = _look(scene, cameras, shaded=samples == 1)
    if samples > 1:  # the middles of the finer pixels are a pixel's samples
        _, fine = _look(scene, cameras.scaled((h * samples, w * samples)), shaded=True)
        colour = F.avg_pool2d(fine, samples)
    distance, normal, solid, part = surface
    forward = (rays(cameras)[1] * cameras.rotation[:, None, None, 2]).sum(-1)  # (N, H, W): cosine to the axis
    return SolidViews(
        image=colour.clamp(0, 1).sqrt(),
        depth_m=distance.reshape(n, h, w) * forward,
        normal=normal.reshape(n, h, w, 3).permute(0, 3, 1, 2).contiguous(),
        mask=(solid >= 0).reshape(n, h, w),
        solid=solid.reshape(n, h, w),
        part=part.reshape(n, h, w),
    )


def _look(
    scene: SolidScene, cameras: Cameras, *, shaded: bool
) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """Surfaces that the rays meet, each (N·H·W, …): distance, normal, solid, part; and light (N, 3, H, W)."""
    origins, directions = (r.reshape(-1, 3) for r in rays(cameras))
    parts = []
    for o, d in zip(origins.split(_CHUNK), directions.split(_CHUNK), strict=True):
        distance, solid = trace(scene, o, d)
        points = o + distance.nan_to_num(posinf=0.0)[:, None] * d
        normal, part, albedo = surface_at(scene, points, solid)
        colour = shade(scene, points, d, normal, albedo, solid) if shaded else torch.zeros_like(points)
        parts.append((distance, normal, solid, part, colour))
    distance, normal, solid, part, colour = (torch.cat(p) for p in zip(*parts, strict=True))
    picture = colour.reshape(len(cameras), *cameras.size, 3).permute(0, 3, 1, 2)
    return (distance, normal, solid, part), picture


def surface_at(scene: SolidScene, points: Tensor, solid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Normal (R, 3), part (R,) and linear colour (R, 3) where rays met the surfaces of `solid` (R,)."""
    normal, albedo = torch.zeros_like(points), torch.zeros_like(points)
    part = torch.full_like(solid, NOTHING)
    for k in range(len(scene)):
        here = (solid == k).nonzero()[:, 0]
        if len(here):
            class_id, own = int(scene.class_id[k]), scene.to_own(points[here], k)
            normal[here] = shapes.normals(own, class_id) @ scene.rotation[k].mT
            part[here] = shapes.part_of(own, class_id)
            albedo[here] = textures.albedo(scene, own, k)
    ground = (solid == GROUND).nonzero()[:, 0]
    normal[ground] = normal.new_tensor([0.0, 0.0, 1.0])
    albedo[ground] = textures.ground_albedo(scene, points[ground])
    return normal, part, albedo


def shade(
    scene: SolidScene, points: Tensor, direction: Tensor, normal: Tensor, albedo: Tensor, solid: Tensor
) -> Tensor:
    """Light (R, 3), linear, that comes along rays from the points that they met, or from the background."""
    light = background(scene, direction)
    at = (solid != NOTHING).nonzero()[:, 0]
    points, normal, albedo = points[at], normal[at], albedo[at]
    facing = (normal @ scene.sun).clamp_min(0)  # (P,) Lambert's cosine
    lit = torch.zeros_like(facing)
    bright = (facing > 0).nonzero()[:, 0]
    lit[bright] = sunlight(scene, points[bright], normal[bright])
    around = scene.ambient * (0.75 + 0.25 * normal[:, 2]) * openness(scene, points, normal)
    light[at] = albedo * (1.12 * (1 - scene.ambient) * facing * lit + 1.18 * around)[:, None]
    if scene.specular > 0:
        half = F.normalize(scene.sun - direction[at], dim=-1)  # between the ways to the sun and to the camera
        gloss = (normal * half).sum(-1).clamp_min(0) ** scene.shininess
        shiny = (solid[at] >= 0) & (facing > 0)
        light[at] += (scene.specular * gloss * lit * shiny)[:, None]
    return light


def openness(scene: SolidScene, points: Tensor, normal: Tensor) -> Tensor:
    """How freely light from all sides reaches surfaces (P,), in [0.45, 1]: less in corners."""
    off = points + _CORNER_M * normal
    free = scene.distance(off)
    if scene.ground_m > 0:
        free = torch.minimum(free, off[:, 2] - scene.ground_z)
    return 0.45 + 0.55 * (free / _CORNER_M).clamp(0, 1)


def background(scene: SolidScene, direction: Tensor) -> Tensor:
    """Light (R, 3), linear, from behind everything, along rays (R, 3)."""
    if scene.background != "sky":
        return torch.full_like(direction, 1.0 if scene.background == "white" else 0.0)
    horizon, above = (direction.new_tensor(c).square() for c in _SKY)
    return horizon + direction[:, 2:].clamp(0, 1).sqrt() * (above - horizon)
