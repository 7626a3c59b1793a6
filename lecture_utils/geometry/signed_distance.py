"""Signed distances (S18.1): shapes as formulas, joined and carved; seen by sphere tracing; from points.

A signed distance says of every place how far the surface is: above 0 outside, below 0 inside. Its level 0 is
the shape; its gradient there is the normal.

Closed forms and joins: J. Hart, "Sphere Tracing: A Geometric Method for the Antialiased Ray Tracing of
Implicit Surfaces", The Visual Computer, 1996, section 3 and appendix. The smooth union is the polynomial one
of I. Quilez, "Smooth minimum", iquilezles.org/articles/smin. From points: H. Hoppe et al., "Surface
Reconstruction from Unorganized Points", SIGGRAPH 1992, section 3.3; networks that learn one: J. Park et al.,
"DeepSDF", CVPR 2019.

Shapes: points (…, 3) in metres → distances (…) in metres. Q queries, P points.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from lecture_utils.ops.checks import check_number, check_numbers, check_tensor, check_whole

from .chamfer import nearest

Distance = Callable[[Tensor], Tensor]


def sphere(points: Tensor, radius: float) -> Tensor:
    """Distance to a sphere around the origin."""
    check_tensor(points, "points", "…", 3, finite=True)
    check_number(radius, "radius", 0, above=True)
    return points.norm(dim=-1) - radius


def box(points: Tensor, half: tuple[float, float, float]) -> Tensor:
    """Distance to a box around the origin, from its middle `half` (x, y, z) metres long each way."""
    check_tensor(points, "points", "…", 3, finite=True)
    check_numbers(half, "half", 3)
    beyond = points.abs() - torch.tensor(half).to(points)  # (…, 3): how far outside of each pair of faces
    return beyond.clamp_min(0).norm(dim=-1) + beyond.amax(-1).clamp_max(0)


def torus(points: Tensor, ring: float, tube: float) -> Tensor:
    """Distance to a torus around z: a tube of radius `tube` bent into a ring of radius `ring`."""
    check_tensor(points, "points", "…", 3, finite=True)
    check_number(ring, "ring", 0, above=True)
    check_number(tube, "tube", 0, above=True)
    level = points[..., :2].norm(dim=-1) - ring
    return torch.stack([level, points[..., 2]], dim=-1).norm(dim=-1) - tube


def cylinder(points: Tensor, radius: float, half: float) -> Tensor:
    """Distance to a cylinder around z that reaches `half` metres up and down."""
    check_tensor(points, "points", "…", 3, finite=True)
    check_number(radius, "radius", 0, above=True)
    check_number(half, "half", 0, above=True)
    side, lid = points[..., :2].norm(dim=-1) - radius, points[..., 2].abs() - half
    beyond = torch.stack([side, lid], dim=-1)
    return beyond.clamp_min(0).norm(dim=-1) + beyond.amax(-1).clamp_max(0)


def union(a: Tensor, b: Tensor) -> Tensor:
    """What is in one shape or the other: the nearer surface. Exact outside; inside a bound from above."""
    _check_two(a, b)
    return torch.minimum(a, b)


def intersection(a: Tensor, b: Tensor) -> Tensor:
    """What is in both shapes."""
    _check_two(a, b)
    return torch.maximum(a, b)


def difference(a: Tensor, b: Tensor) -> Tensor:
    """What is in the first shape and not in the second."""
    _check_two(a, b)
    return torch.maximum(a, -b)


def smooth_union(a: Tensor, b: Tensor, width: float) -> Tensor:
    """A union with a fillet where both surfaces are nearer to one another than `width` metres.

    There the surface lies up to width / 4 outside of both.
    """
    _check_two(a, b)
    check_number(width, "width", 0, above=True)
    overlap = (width - (a - b).abs()).clamp_min(0) / width  # 1 where both are equally near
    return torch.minimum(a, b) - overlap**2 * width / 4


def normals_of(distance: Distance, points: Tensor) -> Tensor:
    """Return the direction in which a distance grows fastest, (…, 3) of length 1; on the surface: normals."""
    check_tensor(points, "points", "…", 3, finite=True)
    with torch.enable_grad():
        places = points.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(distance(places).sum(), places)
    return normalize(gradient, dim=-1)


class Traced(NamedTuple):
    """Where rays meet a surface: the distance along the ray (…), in metres, and whether they do (…) bool."""

    along_m: Tensor
    hit: Tensor


def sphere_trace(
    distance: Distance,
    origins: Tensor,
    directions: Tensor,
    *,
    farthest_m: float = 10.0,
    tolerance_m: float = 1e-5,
    steps: int = 100,
) -> Traced:
    """Walk along rays in steps that cannot go through the surface: as far as the distance says.

    Parameters
    ----------
    distance : callable
        (…, 3) → (…): a signed distance, or a bound from below.
    origins, directions : Tensor
        (…, 3): metres; of length 1.
    farthest_m : float
        Where a ray gives up.
    tolerance_m : float
        As near as this is a hit.
    steps : int
        At most so many.

    Returns
    -------
    Traced
        Where nothing is hit, along_m is infinite.
    """
    check_tensor(origins, "origins", "…", 3, finite=True)
    check_tensor(directions, "directions", *origins.shape, finite=True)
    check_number(farthest_m, "farthest_m", 0, above=True)
    check_number(tolerance_m, "tolerance_m", 0, above=True)
    check_whole(steps, "steps")
    if bool(((directions.norm(dim=-1) - 1).abs() > 1e-3).any()):
        raise ValueError("directions: got one whose length is not 1, want all of length 1")
    along = torch.zeros_like(origins[..., 0])
    for _ in range(steps):
        left = distance(origins + along[..., None] * directions)
        done = (left.abs() < tolerance_m) | (along > farthest_m)
        if bool(done.all()):
            break
        along = along + torch.where(done, 0.0, left)
    left = distance(origins + along[..., None] * directions)
    hit = (left.abs() < tolerance_m) & (along <= farthest_m)
    return Traced(torch.where(hit, along, torch.inf), hit)


def points_to_distance(queries: Tensor, points: Tensor, normals: Tensor) -> Tensor:
    """Signed distance to a surface of which only points with normals are known: to the nearest one's plane.

    Parameters
    ----------
    queries : Tensor
        (Q, 3), metres.
    points, normals : Tensor
        (P, 3): on the surface; outwards, of length 1.

    Returns
    -------
    Tensor
        (Q,) metres: (q − p) · n. Near the surface better than |q − p|, which never comes to 0 between points;
        far away, and at sharp edges, too small.
    """
    check_tensor(queries, "queries", "Q", 3, finite=True)
    check_tensor(points, "points", "P", 3, finite=True, some=True)
    check_tensor(normals, "normals", len(points), 3, finite=True)
    index = nearest(queries[None], points[None]).which[0]  # (Q,)
    return ((queries - points[index]) * normals[index]).sum(-1)


def _check_two(a: Tensor, b: Tensor) -> None:
    """Two fields of finite distances of one shape."""
    check_tensor(a, "a", "…", finite=True)
    check_tensor(b, "b", *a.shape, finite=True)
