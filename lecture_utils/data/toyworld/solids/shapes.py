"""The toy world's eight shapes as solids (S18.1): signed distances and parts, each in its own axes.

A solid's own axes are x to the right, y away from the viewer and z up; its unit is that of the flat shapes
(`toyworld.shapes`: about one unit from the centre to the outline), and seen along y it has their outline.

=========  ==========================================  ===========================================
class      solid                                       parts
=========  ==========================================  ===========================================
ball       sphere                                      upper half, lower half
square     cube with rounded edges                     top, sides, bottom (by the largest |coordinate|)
triangle   cone with rounded edges                     tip (upper third), side, base (the underside)
star       star, extruded, rounded                     middle (the inner disk), points
heart      heart, extruded, rounded                    lobes, middle, point (by height)
cross      three rounded bars at right angles          upright bar, level bars
ring       torus, standing                             upper half, lower half
capsule    cylinder along x between half spheres       middle, ends
=========  ==========================================  ===========================================

Parts that a turn about z would make the same (a capsule's left and right end) are one part, so that each
label can be told from the points alone.

Each distance f changes by no more than the point moves, |f(p) - f(q)| ≤ |p - q|, and is 0 on the surface: so
it never exceeds the true distance, and a step of that length along a ray cannot jump over the surface
(J. Hart, "Sphere tracing", The Visual Computer 12, 1996, theorem 1). Outside, those of all but the star, the
heart and the cross are the true distances.

Legend: P points, in a solid's own axes and unit.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld.checks import check_integer
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.data.toyworld.shapes import CAPSULE_HALF, RING_RADIUS, ROUNDING, extents
from lecture_utils.data.toyworld.surfaces import sdf

PARTS = (
    ("ball", "upper half"),
    ("ball", "lower half"),
    ("square", "top"),
    ("square", "sides"),
    ("square", "bottom"),
    ("triangle", "tip"),
    ("triangle", "side"),
    ("triangle", "base"),
    ("star", "middle"),
    ("star", "points"),
    ("heart", "lobes"),
    ("heart", "middle"),
    ("heart", "point"),
    ("cross", "upright bar"),
    ("cross", "level bars"),
    ("ring", "upper half"),
    ("ring", "lower half"),
    ("capsule", "middle"),
    ("capsule", "ends"),
)  # (class, part); a part label is an index into this list
CUBE_HALF = 0.62  # of the cube's core, which is thickened by ROUNDING
BAR_HALF = (0.25, 0.82)  # half width and half length of the cores of a cross's bars
THICK = {"star": 0.36, "heart": 0.44}  # half thickness of what is extruded
EDGE = {"star": 0.24, "heart": 0.34}  # radius by which its edges are rounded


def parts_of(class_id: int) -> range:
    """Return the part labels, indices into `PARTS`, of a class."""
    check_integer("class_id", class_id, 0, len(CLASSES) - 1)
    own = [i for i, (name, _) in enumerate(PARTS) if name == CLASSES[class_id]]
    return range(own[0], own[-1] + 1)


def distance(points: Tensor, class_id: int) -> Tensor:
    """Signed distance (P,) of points (P, 3) to a class's surface, negative inside: a lower bound."""
    x, y, z = points.unbind(-1)
    match CLASSES[class_id]:
        case "ball":
            return _length(x, y, z) - ROUNDING["ball"]
        case "square":
            return _box(points, (CUBE_HALF,) * 3) - ROUNDING["square"]
        case "triangle":  # the flat triangle, turned about z
            return sdf.distance(_length(x, y), -z, class_id)
        case "star" | "heart" as name:
            return _extruded(sdf.distance(x, -z, class_id), y.abs(), THICK[name], EDGE[name])
        case "cross":
            w, b = BAR_HALF
            bars = [_box(points, half) for half in ((b, w, w), (w, b, w), (w, w, b))]
            return torch.stack(bars).amin(0) - ROUNDING["cross"]
        case "ring":
            return _length(_length(x, z) - RING_RADIUS, y) - ROUNDING["ring"]
        case _:  # capsule
            return _length(x - x.clamp(-CAPSULE_HALF, CAPSULE_HALF), y, z) - ROUNDING["capsule"]


def part_of(points: Tensor, class_id: int) -> Tensor:
    """Part label (P,) int64, index into `PARTS`, of points (P, 3) on a class's surface."""
    x, y, z = points.unbind(-1)
    match CLASSES[class_id]:
        case "ball" | "ring":
            own = (z < 0).long()
        case "square":
            level = torch.maximum(x.abs(), y.abs())
            own = torch.where(z > level, 0, torch.where(z < -level, 2, 1))
        case "triangle":
            own = torch.where(z > 0.36, 0, torch.where(z < -0.68, 2, 1))
        case "star":
            own = (_length(x, z) > 0.56).long()
        case "heart":
            own = torch.where(z > 0.25, 0, torch.where(z < -0.30, 2, 1))
        case "cross":
            own = (torch.maximum(x.abs(), y.abs()) > z.abs()).long()
        case _:  # capsule
            own = (x.abs() > CAPSULE_HALF).long()
    return own + parts_of(class_id).start


def normals(points: Tensor, class_id: int) -> Tensor:
    """Outward normals (P, 3), of length 1: the gradient of the distance, by autograd."""
    with torch.inference_mode(False), torch.enable_grad():
        at = points.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(distance(at, class_id).sum(), at)
    return torch.nn.functional.normalize(slope.nan_to_num(0.0), dim=-1)


@lru_cache(maxsize=16)
def box_of(class_id: int) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Lower and upper corner of a solid's bounding box in its own axes, from closed form."""
    name = CLASSES[class_id]
    left, top, right, bottom = (float(v) for v in extents(np.array(class_id), np.zeros(())))
    if name == "ring":
        deep = ROUNDING["ring"]
    elif name in THICK:
        deep = THICK[name]
    elif name == "capsule":
        deep = ROUNDING["capsule"]
    else:  # as deep as it is wide
        deep = right
    return (left, -deep, -bottom), (right, deep, -top)


@lru_cache(maxsize=16)
def reach(class_id: int) -> float:
    """Radius of a ball around the own origin that holds the whole solid."""
    return _REACH[CLASSES[class_id]]


_REACH = {
    "ball": ROUNDING["ball"],
    "square": math.sqrt(3) * CUBE_HALF + ROUNDING["square"],
    "triangle": math.hypot(0.96 * math.sin(2 * math.pi / 3), 0.64) + ROUNDING["triangle"],
    "star": 1.08,
    "heart": 1.18,
    "cross": math.hypot(BAR_HALF[1], BAR_HALF[0], BAR_HALF[0]) + ROUNDING["cross"],
    "ring": RING_RADIUS + ROUNDING["ring"],
    "capsule": CAPSULE_HALF + ROUNDING["capsule"],
}


def _length(*coordinates: Tensor) -> Tensor:
    """Length of vectors given by their coordinates; its gradient at 0 is 0, not NaN."""
    return sum((c * c for c in coordinates), torch.zeros(())).clamp_min(1e-18).sqrt()


def _box(points: Tensor, half: tuple[float, float, float]) -> Tensor:
    """Signed distance to a box of half sizes `half`, exact."""
    beyond = points.abs() - points.new_tensor(half)
    return _length(*beyond.clamp_min(0).unbind(-1)) + beyond.amax(-1).clamp_max(0)


def _extruded(flat: Tensor, y: Tensor, thick: float, edge: float) -> Tensor:
    """Signed distance to a flat shape made 2 · `thick` deep, its edges rounded by a radius `edge`."""
    u, v = flat + edge, y - thick + edge  # to the core, whose outline lies `edge` further in
    return _length(u.clamp_min(0), v.clamp_min(0)) + torch.maximum(u, v).clamp_max(0) - edge
