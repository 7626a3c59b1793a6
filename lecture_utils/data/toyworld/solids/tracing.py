"""Sphere tracing: where rays meet solids, to a hundredth of a millimetre.

J. Hart, "Sphere tracing: a geometric method for the antialiased ray tracing of implicit surfaces", The Visual
Computer 12, 1996. A signed distance says how far no surface is, in any direction: so go that far, and ask
again. Each solid is traced by itself, in its own axes, from where the ray enters the ball around it.

Legend: R rays, P points.
"""

import torch
from torch import Tensor

from lecture_utils.data.toyworld.solids import shapes
from lecture_utils.data.toyworld.solids.scene import SolidScene

NOTHING, GROUND = -1, -2  # what stands in a map of solids where there is none
_NEAR = 2e-6  # units: so close is a hit
_LEAST = 4e-3  # units: the smallest step
_HALVINGS = 12  # of the smallest step: to 1e-6
_PENUMBRA = 12.0  # the inverse of the sun's apparent radius: the larger, the sharper the shadows


def ball_span(origin: Tensor, direction: Tensor, radius: float) -> tuple[Tensor, Tensor, Tensor]:
    """Where rays (R, 3) enter and leave a ball around 0: near and far (R,), and whether they meet it."""
    middle = -(origin * direction).sum(-1)  # the point of the ray that is nearest to 0
    half = radius**2 - (origin + middle[:, None] * direction).square().sum(-1)
    root = half.clamp_min(0).sqrt()
    near, far = (middle - root).clamp_min(0), middle + root
    return near, far, (half > 0) & (far > 0)


def trace_solid(origin: Tensor, direction: Tensor, class_id: int) -> Tensor:
    """Distance (R,) along rays (R, 3) in a solid's own axes and unit to its surface; inf where they miss.

    Rays that glide along a surface would take ever smaller steps: none is smaller than c = 0.004 units, and
    where that led inside, bisection finds the way back. Missed is what a ray enters for less than c: no
    deeper than c² / 8r below a surface of radius r, 0.00003 units for the sharpest edge.
    """
    near, far, meets = ball_span(origin, direction, shapes.reach(class_id) + 1e-3)
    found = torch.full_like(near, torch.inf)
    ray = meets.nonzero()[:, 0]  # the rays that are still on their way
    start, way, end = origin[ray] + near[ray, None] * direction[ray], direction[ray], (far - near)[ray]
    gone, last = torch.zeros_like(end), torch.zeros_like(end)  # from the ball's rim: small numbers
    while len(ray):
        free = shapes.distance(start + gone[:, None] * way, class_id)
        hit = free < _NEAR
        low, high = last[hit], gone[hit]
        for _ in range(_HALVINGS if bool((free < 0).any()) else 0):
            middle = (low + high) / 2
            into = shapes.distance(start[hit] + middle[:, None] * way[hit], class_id) < 0
            low, high = torch.where(into, low, middle), torch.where(into, middle, high)
        found[ray[hit]] = near[ray[hit]] + torch.where(free[hit] < 0, high, gone[hit])
        on = ~hit & (gone < end)
        ray, start, way, end, last = ray[on], start[on], way[on], end[on], gone[on]
        gone = last + free[on].clamp_min(_LEAST)
    return found


def trace(scene: SolidScene, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Follow rays of the world (R, 3), directions of length 1, to what they meet first.

    Returns
    -------
    distance_m : Tensor (R,)
        Along the ray; inf where it meets nothing.
    solid : Tensor (R,)
        int64: which solid of the scene, GROUND, or NOTHING.
    """
    nearest, which = ground_distance(scene, origin, direction)
    for k in range(len(scene)):
        turned = direction @ scene.rotation[k]
        far = trace_solid(scene.to_own(origin, k), turned, int(scene.class_id[k])) * scene.scale[k]
        closer = far < nearest
        nearest, which = torch.where(closer, far, nearest), torch.where(closer, k, which)
    return nearest, which


def ground_distance(scene: SolidScene, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Distance (R,) along rays to the disc of ground, inf where they miss it; GROUND or NOTHING (R,)."""
    way = (scene.ground_z - origin[:, 2]) / torch.where(direction[:, 2] == 0, 1e-9, direction[:, 2])
    at = origin + way[:, None] * direction
    meets = (way > 0) & (at[:, :2].norm(dim=-1) < scene.ground_m)
    return torch.where(meets, way, torch.inf), torch.where(meets, GROUND, NOTHING)


def sunlight(scene: SolidScene, points: Tensor, normal: Tensor) -> Tensor:
    """Share of the sun's disc (P,) that points of surfaces (P, 3) see, in [0, 1]: soft shadows.

    The clearance of the ray towards the sun, in relation to the way gone, tells how much of the sun's disc is
    hidden; an estimate (I. Quilez, "Soft shadows in raymarched SDFs", 2010), smooth and the same from all
    cameras.
    """
    share = points.new_ones(len(points))
    raised = points + 0.012 * normal
    for k in range(len(scene)):
        class_id, scale = int(scene.class_id[k]), float(scene.scale[k])
        origin, way = scene.to_own(raised, k), scene.sun @ scene.rotation[k]
        near, far, meets = ball_span(origin, way.expand_as(origin), shapes.reach(class_id) + 0.25 / scale)
        ray = meets.nonzero()[:, 0]
        start, gone, end = origin[ray], near[ray] + 0.01, far[ray]
        for _ in range(48):
            free = shapes.distance(start + gone[:, None] * way, class_id)
            share[ray] = torch.minimum(share[ray], (_PENUMBRA * free / gone).clamp_min(0))
            on = (free > 1e-3) & (gone < end)
            ray, start, end = ray[on], start[on], end[on]
            gone = (gone + free.clamp_min(0.01))[on]
            if not len(ray):
                break
    return share * share * (3 - 2 * share)
