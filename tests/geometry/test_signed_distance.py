"""Signed distances: against nearest points on the shapes, joins, sphere tracing against closed forms."""

import math

import pytest
import torch

from lecture_utils.geometry import signed_distance as sd
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.1")
MODULE = "lecture_utils.geometry.signed_distance"


def places(count=60, seed=0, reach=1.5):
    made = torch.Generator().manual_seed(seed)
    return reach * (2 * torch.rand(count, 3, generator=made, dtype=torch.float64) - 1)


def on(shape, n=300):
    """Points on a shape's surface, closer together than 0.02, from its own parameters."""
    t = torch.linspace(0, 2 * math.pi, n + 1, dtype=torch.float64)[:-1]
    line = torch.linspace(-1, 1, 161, dtype=torch.float64)
    if shape == "torus":
        a, b = torch.meshgrid(t, t[::3], indexing="ij")
        level = 0.8 + 0.3 * b.cos()
        return torch.stack([level * a.cos(), level * a.sin(), 0.3 * b.sin()], -1).reshape(-1, 3)
    if shape == "box":
        half = torch.tensor([0.5, 0.7, 0.3], dtype=torch.float64)
        a, b = torch.meshgrid(line, line, indexing="ij")
        sides = []
        for axis in range(3):
            for end in (-1.0, 1.0):
                face = [a, b]
                face.insert(axis, torch.full_like(a, end))
                sides.append(torch.stack(face, -1).reshape(-1, 3) * half)
        return torch.cat(sides)
    a, z = torch.meshgrid(t, 0.4 * line, indexing="ij")  # a cylinder: its side, then its two lids
    side = torch.stack([0.6 * a.cos(), 0.6 * a.sin(), z], -1).reshape(-1, 3)
    a, r = torch.meshgrid(t, 0.6 * line[80:], indexing="ij")
    lids = [
        torch.stack([r * a.cos(), r * a.sin(), torch.full_like(a, z)], -1).reshape(-1, 3) for z in (-0.4, 0.4)
    ]
    return torch.cat([side, *lids])


def shape_gap(module, shape):
    p = places(300, reach=1.0)
    if shape == "torus":
        got, inside = module.torus(p, 0.8, 0.3), (p[:, :2].norm(dim=1) - 0.8).square() + p[:, 2] ** 2 < 0.09
    elif shape == "box":
        got, inside = module.box(p, (0.5, 0.7, 0.3)), (p.abs() < torch.tensor([0.5, 0.7, 0.3])).all(1)
    else:
        got, inside = module.cylinder(p, 0.6, 0.4), (p[:, :2].norm(dim=1) < 0.6) & (p[:, 2].abs() < 0.4)
    assert 3 <= int(inside.sum()) <= 297
    nearest = torch.cdist(p, on(shape)).amin(1)
    return float((got - torch.where(inside, -nearest, nearest)).abs().max())


@pytest.mark.parametrize("shape", ["torus", "box", "cylinder"])
def test_distances_are_those_to_the_nearest_point_of_the_surface(shape):
    assert shape_gap(sd, shape) < 0.01  # half the distance of two of the points


FAULTS = (
    ("torus", ("points[..., :2].norm(dim=-1) - ring", "points[..., :2].norm(dim=-1)")),
    ("box", ("points.abs() - torch.tensor(half)", "points.abs() - 2 * torch.tensor(half)")),
    ("cylinder", ("points[..., 2].abs() - half\n", "points[..., 2] - half\n")),
)  # fmt: skip


@pytest.mark.parametrize(("shape", "fault"), FAULTS)
def test_planted_faults_turn_the_distances_red(shape, fault):
    assert shape_gap(planted(MODULE, fault), shape) > 0.1


def test_joins_hold_what_they_say():
    p = places(500)
    a, b = sd.sphere(p, 0.9), sd.box(p, (0.4, 1.2, 0.5))
    assert torch.equal(sd.union(a, b) < 0, (a < 0) | (b < 0))
    assert torch.equal(sd.intersection(a, b) < 0, (a < 0) & (b < 0))
    assert torch.equal(sd.difference(a, b) < 0, (a < 0) & ~(b < 0))


def test_the_smooth_union_is_rounder_near_both_surfaces_only_and_by_no_more_than_a_quarter_of_its_width():
    p = places(2000)
    a, b = sd.sphere(p, 0.7), sd.box(p, (0.3, 1.2, 0.3))
    hard, soft = sd.union(a, b), sd.smooth_union(a, b, 0.2)
    assert bool((soft <= hard).all()) and float((hard - soft).max()) <= 0.05 + 1e-12
    assert torch.equal(soft[(a - b).abs() >= 0.2], hard[(a - b).abs() >= 0.2])
    same = torch.tensor([0.3], dtype=torch.float64)
    assert float(sd.smooth_union(same, same, 0.2)) == pytest.approx(0.25)


def test_normals_are_the_closed_form_s_and_numeric_ones():
    p = places(30) + 0.01
    torch.testing.assert_close(sd.normals_of(lambda x: sd.sphere(x, 1.0), p), p / p.norm(dim=1, keepdim=True))
    step = 1e-6 * torch.eye(3, dtype=torch.float64)
    torus = lambda x: sd.torus(x, 0.8, 0.3)  # noqa: E731
    numeric = torch.stack([(torus(p + e) - torus(p - e)) / 2e-6 for e in step], 1)
    torch.testing.assert_close(sd.normals_of(torus, p), numeric, atol=1e-6, rtol=0)


def rays(count=200, seed=3):
    origins = places(count, seed, 1.0)
    origins = 3 * origins / origins.norm(dim=1, keepdim=True)
    directions = torch.nn.functional.normalize(places(count, seed + 1, 0.9) - origins, dim=1)
    return origins, directions


def trace_gap(module):
    """Sphere tracing of a sphere against the quadratic equation."""
    origins, directions = rays()
    b = (origins * directions).sum(1)
    inside = b.square() - origins.square().sum(1) + 0.64
    found = module.sphere_trace(lambda p: sd.sphere(p, 0.8), origins, directions, tolerance_m=1e-9, steps=400)
    clear = inside.abs() > 1e-4  # a ray that grazes it goes on for long
    assert torch.equal(found.hit[clear], inside[clear] > 0) and 0.2 < float(found.hit.double().mean()) < 0.9
    assert bool(found.along_m[~found.hit].isinf().all())
    hit = clear & found.hit
    return float((found.along_m + b + inside.clamp_min(0).sqrt())[hit].abs().max())


def test_sphere_tracing_solves_the_quadratic_equation():
    assert trace_gap(sd) < 1e-7


@pytest.mark.parametrize(
    "fault",
    [
        ("0.0, left)", "0.0, 2 * left)"),
        ("along[..., None] * directions)\n        done", "directions)\n        done"),
    ],
)
def test_planted_faults_turn_the_tracing_red(fault):
    with pytest.raises(AssertionError):  # other rays hit, or they end elsewhere
        assert trace_gap(planted(MODULE, fault)) < 1e-3


def test_no_step_goes_through_a_thin_wall():
    origins = torch.tensor([[3.0, 0.01, 0.02]], dtype=torch.float64)
    wall = lambda p: sd.box(p, (0.001, 1.0, 1.0))  # noqa: E731
    found = sd.sphere_trace(wall, origins, torch.tensor([[-1.0, 0, 0]], dtype=torch.float64))
    assert bool(found.hit) and float(found.along_m) == pytest.approx(2.999, abs=1e-4)


def test_points_with_normals_give_a_sphere_s_distance():
    made = torch.Generator().manual_seed(0)
    normals = torch.nn.functional.normalize(torch.randn(4000, 3, generator=made), dim=1)
    queries = places(300, 7).float()
    got = sd.points_to_distance(queries, 0.9 * normals, normals)
    true = sd.sphere(queries, 0.9)
    near = true.abs() < 0.2
    assert (got - true)[near].abs().max() < 0.01
    assert torch.equal((got > 0)[true.abs() > 0.01], (true > 0)[true.abs() > 0.01])


def test_directions_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"directions: got .*want"):
        sd.sphere_trace(lambda p: sd.sphere(p, 1.0), torch.zeros(1, 3), torch.ones(1, 3))
