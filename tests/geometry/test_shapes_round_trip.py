"""From exact views of the toy world's solids to points, a grid and a mesh: one surface in all of them."""

import pytest
import torch

from lecture_utils.data.toyworld import solids
from lecture_utils.geometry import chamfer, depth_maps, meshes, voxels
from lecture_utils.ops import camera

pytestmark = pytest.mark.system("S18.1")
NEAR_M = 0.05  # of objects of about 1 m; 6,000 true points lie about 3 cm apart


@pytest.fixture(scope="module")
def seen():
    """A scene without ground, its views from above and below, and points on its surfaces."""
    scene = solids.sample_solid(3, ground=False)
    rings = [camera.orbit(10, (96, 96), elevation_deg=elevation) for elevation in (35.0, -35.0)]
    parts = [[getattr(ring, name) for ring in rings] for name in ("rotation", "translation", "intrinsics")]
    cameras = camera.Cameras(*(torch.cat(part) for part in parts), (96, 96))
    return cameras, solids.render_solids(scene, cameras), solids.surface_points(scene, 6000)


def test_normals_of_the_depth_are_the_exact_ones(seen):
    cameras, views, _ = seen
    normals = depth_maps.depth_to_normals(views.depth_m, cameras)
    found = views.mask & (normals.norm(dim=1) > 0)
    cosine = (normals * views.normal).sum(1)[found]
    assert float(found.sum() / views.mask.sum()) > 0.8
    assert float(torch.rad2deg(cosine.clamp(-1, 1).acos()).median()) < 3


def test_points_of_the_depth_lie_on_the_surface_and_cover_it(seen):
    cameras, views, true = seen
    depth = torch.where(views.mask, views.depth_m, torch.inf)
    points, colours = depth_maps.depth_to_cloud(depth, cameras, views.image)
    some = torch.randperm(len(points), generator=torch.Generator().manual_seed(0))[:6000]
    score = chamfer.f_score(points[some][None], true.points[None], NEAR_M)
    print(f"precision {float(score.precision):.3f}, recall {float(score.recall):.3f}")
    assert float(score.precision) > 0.98 and float(score.recall) > 0.9
    again, back = depth_maps.draw_points(points, colours, cameras[:1])
    own = views.mask[0]
    nearer = back[0][own] < views.depth_m[0][own] + 1e-4  # points of other views may fall a little before
    assert bool(nearer.all()) and float((again[0] - views.image[0]).abs()[:, own].mean()) < 0.1


def test_the_fused_mesh_is_the_surface(seen):
    cameras, views, true = seen
    grid = voxels.Grid.cube(56, 1.1)
    depth = torch.where(views.mask, views.depth_m, torch.inf)
    fused = voxels.fuse_depth(depth, cameras, grid, 3 * grid.voxel_m)
    mesh = meshes.grid_to_mesh(fused.distance_m, grid, known=fused.weight > 0)
    points, normals = meshes.sample_mesh(mesh, 6000, torch.Generator().manual_seed(0))
    score = chamfer.f_score(points[None], true.points[None], NEAR_M)
    agree = chamfer.normal_consistency(points[None], normals[None], true.points[None], true.normals[None])
    print(f"F-score {float(score.f_score):.3f}, normals {float(agree):.3f}")
    assert float(score.f_score) > 0.9 and float(agree) > 0.85
