"""Voxels: round trips, and depth maps of a sphere fused into a grid whose level 0 is the sphere."""

import math

import pytest
import torch

from lecture_utils.geometry import voxels as vx
from lecture_utils.geometry.meshes import grid_to_mesh
from lecture_utils.ops import camera
from tests.geometry.test_depth_maps import ring, sphere_depth
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.1")
MODULE = "lecture_utils.geometry.voxels"
GRID = vx.Grid((-1.0, -1.25, -0.75), 0.25, (8, 10, 6))


def test_centres_lie_where_the_grid_says():
    centres = GRID.centres()
    assert centres.shape == (8, 10, 6, 3)
    assert centres[0, 0, 0].tolist() == [-0.875, -1.125, -0.625]
    assert centres[7, 9, 5].tolist() == [0.875, 1.125, 0.625]
    cube = vx.Grid.cube(4, 2.0, (1.0, 0.0, 0.0))
    assert cube.centres()[..., 0].unique().tolist() == [-0.5, 0.5, 1.5, 2.5]


def test_index_and_world_are_one_another_s_inverse():
    points = torch.rand(20, 3, dtype=torch.float64)
    torch.testing.assert_close(GRID.to_world(GRID.to_index(points)), points)


def test_voxels_to_points_and_back():
    occupied = torch.rand(GRID.shape, generator=torch.Generator().manual_seed(0)) < 0.3
    points = vx.voxels_to_points(occupied, GRID)
    assert torch.equal(vx.points_to_voxels(points, GRID), occupied)
    jitter = 0.124 * (2 * torch.rand(points.shape, generator=torch.Generator().manual_seed(1)) - 1)
    assert torch.equal(vx.points_to_voxels(points + jitter, GRID), occupied)


def test_points_outside_are_left_out_and_corners_fall_inside():
    points = torch.tensor([[-1.01, 0, 0], [0, 1.26, 0], [0, 0, 99.0], [-1.0, -1.25, -0.75]])
    occupied = vx.points_to_voxels(points, GRID)
    assert occupied.nonzero().tolist() == [[0, 0, 0]]


def fused(module=vx):
    upper, lower = ring(8, (48, 60), 30.0), ring(8, (48, 60), -30.0)
    cameras = camera.Cameras(
        torch.cat([upper.rotation, lower.rotation]), torch.cat([upper.translation, lower.translation]),
        torch.cat([upper.intrinsics, lower.intrinsics]), upper.size,
    )  # fmt: skip
    grid = vx.Grid.cube(24, 1.2)
    return module.fuse_depth(sphere_depth(cameras, (0, 0, 0)), cameras, grid, 0.3), grid


def sphere_wrong(module):
    """How far the fused surface is from the sphere, in voxels, and the share of voxels with a wrong value.

    The values themselves are no distances: along the depth, they are too long where a surface is seen aslant.
    """
    found, grid = fused(module)
    true = grid.centres().norm(dim=-1).double() - 0.9
    known = (found.weight > 0) & (true.abs() > grid.voxel_m)
    wrong = ((found.distance_m > 0) != (true > 0))[known] | (found.distance_m.abs()[known] > 0.3 + 1e-9)
    mesh = grid_to_mesh(found.distance_m.float(), grid, known=found.weight > 0)
    apart = (mesh.vertices.norm(dim=1) - 0.9).abs().tolist()
    return max(apart, default=math.inf) / grid.voxel_m, float(wrong.double().mean())


def test_fused_depth_has_its_surface_on_the_sphere():
    apart, wrong = sphere_wrong(vx)
    assert apart < 1 and wrong == 0


FAULTS = (
    ("seen - z[0]", "z[0] - seen"),
    ("(ahead > -truncation_m)", "(ahead > -9)"),
    ("total / weight.clamp_min(1)", "total"),
    ("[row.clamp(0, h - 1), column.clamp(0, w - 1)]", "[column.clamp(0, h - 1), row.clamp(0, w - 1)]"),
)


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_turn_the_fusion_red(fault):
    apart, wrong = sphere_wrong(planted(MODULE, fault))
    assert apart > 1.5 or wrong > 0.05


def test_what_no_view_measured_weighs_nothing_and_what_was_seen_empty_is_outside():
    cameras, grid = ring(1, (8, 8)), vx.Grid.cube(6, 0.5)
    nothing = vx.fuse_depth(torch.zeros(1, 8, 8).double(), cameras, grid, 0.1)
    assert not bool(nothing.weight.any()) and not bool(nothing.distance_m.any())
    empty = vx.fuse_depth(torch.full((1, 8, 8), torch.inf).double(), cameras, grid, 0.1)
    assert bool((empty.distance_m[empty.weight > 0] == 0.1).all()) and bool(empty.weight.any())


def test_bad_grids_are_refused():
    for bad in ({"voxel_m": 0.0}, {"shape": (0, 2, 2)}, {"lower": (0.0, 0.0)}):
        with pytest.raises(ValueError, match=r"got .*want"):
            vx.Grid(**{"lower": (0.0, 0.0, 0.0), "voxel_m": 0.1, "shape": (2, 2, 2), **bad})
