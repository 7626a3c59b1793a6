"""Signed distance functions: how far a point is from a shape's outline, negative inside; and the height of the soft solid over it.

The outline's distance is exact. The height rises from the rim by a quarter-circle profile of a *smooth* inner distance (a power mean
of the distances to all edges, in the spirit of Belyaev, Fayolle and Pasko, "Signed Lp-distance fields", CAD 2013), so that the solid has no
hard creases.

Legend: P points, E edges. All lengths are in the shape's own unit, x to the right and y down.
"""

from functools import lru_cache

import torch
from torch import Tensor

from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.data.toyworld.shapes import BEVEL, CAPSULE_HALF, POLYGONS, RING_RADIUS, ROUNDING


@lru_cache(maxsize=32)
def _edges(name: str, device: torch.device) -> tuple[Tensor, ...]:
    start = torch.as_tensor(POLYGONS[name], dtype=torch.float32, device=device)
    edge = start.roll(-1, 0) - start
    slope = edge[:, 0] / torch.where(edge[:, 1] == 0, 1.0, edge[:, 1])
    return start[:, 0], start[:, 1], edge[:, 0], edge[:, 1], 1.0 / edge.square().sum(1), slope


def polygon(x: Tensor, y: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Distance to a polygon, and the smooth inner distance with its gradient.

    Parameters
    ----------
    x, y : (P,) float. name : a key of `shapes.POLYGONS`.

    Returns
    -------
    distance (P,), negative inside; inner (P,), smooth, positive inside, minus the distance outside; its gradient (P,), (P,).
    """
    ax, ay, ex, ey, inverse, slope = _edges(name, x.device)
    wx, wy = x[:, None] - ax, y[:, None] - ay  # (P, E)
    along = ((wx * ex + wy * ey) * inverse).clamp(0, 1)
    dx, dy = wx - along * ex, wy - along * ey  # (P, E): from the closest point of each edge
    square = (dx * dx + dy * dy).clamp_min(1e-8)
    nearest, which = square.min(1)
    below = wy < 0
    crossing = (below != below.roll(-1, 1)) & (wx < wy * slope)
    inside = crossing.sum(1) % 2 == 1
    distance = nearest.sqrt()
    # Power mean: inner = (sum of distance^-4)^(-1/4), scaled by the nearest distance to stay in range.
    ratio = nearest[:, None] / square
    weight = ratio * ratio
    inner = distance * weight.sum(1).rsqrt().sqrt()
    factor = weight * ratio * ((inner / distance) ** 5 / distance)[:, None]
    gx, gy = (factor * dx).sum(1), (factor * dy).sum(1)
    outward = (1.0 / distance)[:, None]
    pick = which[:, None]
    ox, oy = (dx.gather(1, pick) * outward)[:, 0], (dy.gather(1, pick) * outward)[:, 0]
    signed = torch.where(inside, -distance, distance)
    return signed, torch.where(inside, inner, -distance), torch.where(inside, gx, -ox), torch.where(inside, gy, -oy)


def _round_core(x: Tensor, y: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Distance to a point, a segment or a circle, with its gradient."""
    if name == "capsule":
        x = x - x.clamp(-CAPSULE_HALF, CAPSULE_HALF)
    length = (x * x + y * y).clamp_min(1e-12).sqrt()
    gx, gy = x / length, y / length
    if name != "ring":
        return length, gx, gy
    side = torch.sign(length - RING_RADIUS)
    return (length - RING_RADIUS).abs(), gx * side, gy * side


def distance(x: Tensor, y: Tensor, class_id: int) -> Tensor:
    """Signed distance (P,) of points (P,), (P,) to the outline of a class; negative inside."""
    name = CLASSES[class_id]
    core = polygon(x, y, name)[0] if name in POLYGONS else _round_core(x, y, name)[0]
    return core - ROUNDING[name]


def solid(x: Tensor, y: Tensor, class_id: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Distance and surface of a class's soft solid at points of its own frame.

    Parameters
    ----------
    x, y : (P,) float. class_id : index into `CLASSES`.

    Returns
    -------
    distance (P,), negative inside; height (P,) towards the viewer, 0 at the rim; unit normal (P,), (P,), (P,) with z away from the viewer
    (so a face that looks at the viewer has z = -1).
    """
    name = CLASSES[class_id]
    if name in POLYGONS:
        core, inner, gx, gy = polygon(x, y, name)
    else:
        core, gx, gy = _round_core(x, y, name)
        inner, gx, gy = -core, -gx, -gy
    bevel = BEVEL[name]
    tilt = (1.0 - (inner + ROUNDING[name]) / bevel).clamp(0, 1)  # 1 at the rim, 0 on the plateau
    rise = (1.0 - tilt * tilt).clamp_min(1e-6).sqrt()
    nx, ny = -tilt * gx, -tilt * gy
    length = (nx * nx + ny * ny + rise * rise).rsqrt()
    return core - ROUNDING[name], bevel * rise, nx * length, ny * length, -rise * length
