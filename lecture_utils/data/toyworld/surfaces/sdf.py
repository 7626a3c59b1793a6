"""Signed distance functions: how far a point is from an outline (negative inside), and the solid over it.

The outline's distance is exact. The height rises from the rim by a quarter-circle profile of a *smooth*
inner distance (a power mean of the distances to all edges, in the spirit of Belyaev, Fayolle and Pasko,
"Signed Lp-distance fields", CAD 2013), so that the solid has no hard creases.

Legend: P points, E edges. All lengths are in the shape's own unit, x to the right and y down.
"""

from functools import lru_cache

import torch
from torch import Tensor

from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.data.toyworld.shapes import (
    BEVEL,
    CAPSULE_HALF,
    HEART_HALF,
    HEART_MIDDLE,
    POLYGONS,
    RING_RADIUS,
    ROUNDING,
)

CORNERED = frozenset((*POLYGONS, "heart"))
_THIN = 1e-3  # closer to a core's outline than this, directions are rounding noise


@lru_cache(maxsize=32)
def _edges(name: str, device: torch.device) -> tuple[Tensor, ...]:
    start = torch.as_tensor(POLYGONS[name], dtype=torch.float32, device=device)
    edge = start.roll(-1, 0) - start
    slope = edge[:, 0] / torch.where(edge[:, 1] == 0, 1.0, edge[:, 1])
    return start[:, 0], start[:, 1], edge[:, 0], edge[:, 1], 1.0 / edge.square().sum(1), slope


def _to_polygon(x: Tensor, y: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Offsets (P, E), (P, E) from the closest point of each edge of a polygon; are the points inside (P,)?"""
    ax, ay, ex, ey, inverse, slope = _edges(name, x.device)
    wx, wy = x[:, None] - ax, y[:, None] - ay  # (P, E)
    along = ((wx * ex + wy * ey) * inverse).clamp(0, 1)
    below = wy < 0
    crossing = (below != below.roll(-1, 1)) & (wx < wy * slope)
    return wx - along * ex, wy - along * ey, crossing.sum(1) % 2 == 1


def _to_heart(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same for a heart's four pieces: the two half circles and the two straight flanks."""
    h = HEART_HALF
    y = y - HEART_MIDDLE
    dx, dy = [], []
    for side in (1.0, -1.0):
        mx = x * side  # the right half, or the mirrored left one
        cx, cy = mx - h / 2, y + h / 2  # from the half circle's centre
        stretch = 1.0 - h * 0.5**0.5 * (cx * cx + cy * cy).clamp_min(1e-12).rsqrt()
        on_arc, on_cleft = cx > cy, cx + cy < 0
        dx.append(torch.where(on_arc, cx * stretch, torch.where(on_cleft, mx, mx - h)) * side)
        dy.append(torch.where(on_arc, cy * stretch, torch.where(on_cleft, y + h, y)))
        along = ((h - mx + y) * (0.5 / h)).clamp(0, 1)  # flank from (h, 0) to (0, h)
        dx.append((mx - h + along * h) * side)
        dy.append(y - along * h)
    lobes = (x.abs() - h / 2).square() + (y + h / 2).square() < h * h / 2
    return torch.stack(dx, 1), torch.stack(dy, 1), lobes | (x.abs() + y.abs() < h)


def outline(
    x: Tensor, y: Tensor, name: str, *, stepped_in: bool = False
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Distance to a core's outline, and the smooth inner distance with its gradient.

    Parameters
    ----------
    x, y : Tensor (P,)
    name : str
        A key of `shapes.POLYGONS`, or "heart".
    stepped_in : bool
        Leave points on the outline as they are.

    Returns
    -------
    distance : Tensor (P,)
        Negative inside.
    inner : Tensor (P,)
        Smooth, positive inside, minus the distance outside.
    gradient_x, gradient_y : Tensor (P,)
        Of `inner`.
    """
    dx, dy, inside = _to_heart(x, y) if name == "heart" else _to_polygon(x, y, name)
    square = (dx * dx + dy * dy).clamp_min(1e-8)  # (P, E)
    nearest, which = square.min(1)
    distance = nearest.sqrt()
    # Power mean: inner = (sum of distance^-4)^(-1/4), scaled by the nearest distance to stay in range.
    ratio = nearest[:, None] / square
    weight = ratio * ratio
    inner = distance * weight.sum(1).rsqrt().sqrt()
    factor = weight * ratio * ((inner / distance) ** 5 / distance)[:, None]
    gx, gy = (factor * dx).sum(1), (factor * dy).sum(1)
    pick = which[:, None]
    ox, oy = dx.gather(1, pick)[:, 0] / distance, dy.gather(1, pick)[:, 0] / distance
    gx, gy = torch.where(inside, gx, -ox), torch.where(inside, gy, -oy)
    # On the outline itself no direction is nearest: take the slope a little further in.
    on_line = (distance < _THIN).nonzero()[:, 0]
    if len(on_line) and not stepped_in:
        _, _, inner_x, inner_y = outline(0.98 * x[on_line], 0.98 * y[on_line], name, stepped_in=True)
        gx[on_line], gy[on_line] = inner_x, inner_y
    return torch.where(inside, -distance, distance), torch.where(inside, inner, -distance), gx, gy


def _core_distance(x: Tensor, y: Tensor, name: str) -> Tensor:
    """Signed distance (P,) to a core with corners, without its surface."""
    dx, dy, inside = _to_heart(x, y) if name == "heart" else _to_polygon(x, y, name)
    distance = (dx * dx + dy * dy).amin(1).sqrt()
    return torch.where(inside, -distance, distance)


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
    core = _core_distance(x, y, name) if name in CORNERED else _round_core(x, y, name)[0]
    return core - ROUNDING[name]


def solid(x: Tensor, y: Tensor, class_id: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Distance and surface of a class's soft solid at points of its own frame.

    Parameters
    ----------
    x, y : Tensor (P,)
    class_id : int
        Index into `CLASSES`.

    Returns
    -------
    distance : Tensor (P,)
        Negative inside.
    height : Tensor (P,)
        Towards the viewer, 0 at the rim.
    normal_x, normal_y, normal_z : Tensor (P,)
        Of unit length; z points away from the viewer, so a face that looks at the viewer has z = -1.
    """
    name = CLASSES[class_id]
    if name in CORNERED:
        core, inner, gx, gy = outline(x, y, name)
    else:
        core, gx, gy = _round_core(x, y, name)
        inner, gx, gy = -core, -gx, -gy
    bevel = BEVEL[name]
    tilt = (1.0 - (inner + ROUNDING[name]) / bevel).clamp(0, 1)  # 1 at the rim, 0 on the plateau
    rise = (1.0 - tilt * tilt).clamp_min(1e-6).sqrt()
    nx, ny = -tilt * gx, -tilt * gy
    length = (nx * nx + ny * ny + rise * rise).rsqrt()
    return core - ROUNDING[name], bevel * rise, nx * length, ny * length, -rise * length
