"""The z-buffer: rays cast at every triangle, trimesh's rays, the plain twin, cracks, clipping, faults."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lecture_utils.ops.camera import Cameras, orbit, pinhole, rays
from lecture_utils.rendering.rasteriser import hard, hard_plain
from tests.mutants import planted
from tests.rendering.rasteriser.meshes import ball, cameras_at, cast, soup

pytestmark = pytest.mark.system("S19.1")
MODULE = "lecture_utils.rendering.rasteriser.hard"
AROUND = ((3.0, 1.0, 0.5), (-2.0, 2.0, -1.5))
WITHIN = ((0.3, 0.1, 0.05), (-0.2, 0.5, -0.1))  # in the middle of the triangles: most are cut or behind
ODD = ((1, 1), (2, 40), (24, 31))


def gap(module, vertices, faces, cameras, **settings) -> float:
    """The largest difference of the z-buffer to cast rays; infinite where another triangle is seen."""
    got = module.rasterise(vertices, faces, cameras, **settings)
    face, weights, depth, margin = cast(vertices, faces, cameras, **settings)
    if bool(((got.face != face) & (margin > 1e-9)).any()):
        return torch.inf
    same = (got.face == face) & (face >= 0)
    return float(
        torch.cat([(got.barycentric - weights)[same].flatten(), (got.depth_m - depth)[same]]).abs().amax()
    )


@pytest.mark.parametrize("size", ODD)
@pytest.mark.parametrize("eyes", [AROUND, WITHIN])
@pytest.mark.parametrize("cull_back", [False, True])
def test_the_nearest_triangle_is_the_one_that_the_ray_meets_first(size, eyes, cull_back):
    vertices, faces = soup(40)
    cameras = cameras_at(*eyes, size=size, field_of_view_deg=80)
    assert gap(hard, vertices, faces, cameras, cull_back=cull_back, near_m=0.05) < 1e-9


FAULTS = {
    "farthest": ('depth_m, "amin")', 'depth_m, "amax", include_self=False)'),
    "pixel corners": ("(column[:, None] + 0.5)", "column[:, None]"),
    "flat weights": ("x[:, i] * y[:, j] - y[:, i] * x[:, j]", "(x[:, i] * y[:, j] - y[:, i] * x[:, j]) * z"),
    "behind is seen": ("& (depth_m >= near_m)", ""),
    "front and back alike": ("(turn == -3) if cull_back", "(turn.abs() == 3) if cull_back"),
    "front is culled": ("(turn == -3) if cull_back", "(turn == 3) if cull_back"),
    "boxes not cut": ("cut = (ahead.any(1) & ~ahead.all(1))", "cut = (ahead.any(1) & (z < -99).all(1))"),
    "columns for rows": ("(row * width + column)[keep]", "(column * height + row)[keep]"),
    "last column lost": ("reach + _SLACK).floor() + 1)", "reach + _SLACK).floor())"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault):
    vertices, faces = soup(40)
    broken = planted(MODULE, FAULTS[fault])
    cameras = [cameras_at(*eyes, field_of_view_deg=80) for eyes in (AROUND, WITHIN)]
    gaps = [
        gap(broken, vertices, faces, c, cull_back=cull, near_m=0.05)
        for c in cameras
        for cull in (False, True)
    ]
    assert max(gaps) > 1e-3


def test_values_are_those_of_trimesh_s_rays():
    trimesh = pytest.importorskip("trimesh")
    vertices, faces = ball()
    cameras = cameras_at((2.5, 1.2, 0.7), size=(14, 18))
    got = hard.rasterise(vertices, faces, cameras)
    origins, directions = (r[0].reshape(-1, 3) for r in rays(cameras))
    each = SimpleNamespace(
        bounds=[-1] * 3 + [1] * 3, intersection=lambda box: range(len(faces))
    )  # a tree that leaves nothing out
    _, which, places = trimesh.ray.ray_triangle.ray_triangle_id(
        vertices[faces].numpy(), origins.numpy(), directions.numpy(), tree=each, multiple_hits=False
    )
    depth = np.full(len(origins), np.inf)
    depth[which] = ((places - origins.numpy()[which]) @ cameras.rotation[0, 2].numpy()).reshape(-1)
    assert np.isfinite(depth).sum() > 30
    np.testing.assert_allclose(got.depth_m[0].flatten().numpy(), depth, atol=1e-9)


@pytest.mark.parametrize("size", ODD)
def test_the_plain_twin_is_the_same(size):
    vertices, faces = ball(9, 7)
    cameras = cameras_at(*AROUND, size=size)
    got, want = hard.rasterise(vertices, faces, cameras), hard_plain.rasterise(vertices, faces, cameras)
    assert torch.equal(got.face, want.face)
    torch.testing.assert_close(got.barycentric, want.barycentric, atol=1e-10, rtol=0)
    torch.testing.assert_close(got.depth_m, want.depth_m, atol=1e-10, rtol=0)


def lattice(cells: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A flat sheet (z = 2 in the camera) of triangles whose corners and edges run through pixels' middles."""
    v, u = torch.meshgrid(torch.arange(cells + 1.0), torch.arange(cells + 1.0), indexing="ij")
    vertices = torch.stack([u - cells / 2, v - cells / 2, torch.full_like(u, 2.0)], -1).reshape(-1, 3)
    i = (torch.arange(cells)[:, None] * (cells + 1) + torch.arange(cells)).reshape(-1)
    a, b, c, d = i, i + 1, i + cells + 1, i + cells + 2
    return vertices, torch.cat([torch.stack([a, b, c], 1), torch.stack([b, d, c], 1)])


def straight(size: tuple[int, int], focal: float) -> Cameras:
    """A camera at the origin whose axes are the world's."""
    height, width = size
    intrinsics = torch.tensor([[[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]]])
    return Cameras(torch.eye(3)[None], torch.zeros(1, 3), intrinsics, size)


@pytest.mark.parametrize("focal", [1.0, 2.0, 3.0, 4.0])
def test_a_middle_on_edges_and_corners_is_drawn_once(focal):
    """All corners of the sheet fall on middles or edges of pixels: each pixel has one triangle, none two."""
    vertices, faces = lattice(7)
    cameras = straight((9, 9), focal)
    times = torch.zeros(9, 9, dtype=torch.long)
    for face in faces:  # one triangle at a time: nothing hides a second drawing
        times += hard.rasterise(vertices, face[None], cameras).mask[0]
    reach = 7 * focal / 4  # half of the sheet's picture
    u = torch.arange(9) + 0.5 - 4.5
    inside = (u >= -reach) & (u < reach)  # a middle lies a hair further right and down
    assert torch.equal(times, (inside[:, None] & inside).long())
    planted_rule = planted(MODULE, ("torch.where(right == 0, down, right).detach().sign()", "sides"))
    lost = sum(planted_rule.rasterise(vertices, face[None], cameras).mask[0].long() for face in faces)
    assert int(lost.sum()) < int(times.sum())


@pytest.mark.parametrize("seed", range(3))
def test_a_closed_mesh_has_no_cracks_in_float32(seed):
    """In front of a ball's middle, every pixel is drawn, by exactly one front face."""
    vertices, faces = ball(13, 9, dtype=torch.float32)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)))[0]
    vertices = vertices @ (turn * turn.det()).T
    cameras = orbit(2, (60, 60), radius_m=2.0, field_of_view_deg=40)  # the ball fills the picture
    times = torch.zeros(2, 60, 60, dtype=torch.long)
    for face in faces:  # one at a time: nothing hides a second drawing
        times += hard.rasterise(vertices, face[None], cameras, cull_back=True).mask
    assert torch.equal(times, torch.ones_like(times))


def test_culling_changes_nothing_of_a_closed_mesh():
    vertices, faces = ball()
    cameras = cameras_at(*AROUND)
    one, two = (hard.rasterise(vertices, faces, cameras, cull_back=cull) for cull in (False, True))
    assert torch.equal(one.face, two.face) and bool(one.mask.any())


def test_a_floor_that_runs_under_the_camera_is_cut():
    """A floor of two large triangles: depth by the closed form, to the horizon, with no pixel missing."""
    floor = 50.0 * torch.tensor([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    cameras = cameras_at((0.0, -4.0, 1.5), size=(30, 20))
    got = hard.rasterise(floor, faces, cameras)
    origins, directions = rays(cameras)
    down = -directions[..., 2]
    depth = origins[..., 2] / down * (directions * cameras.rotation[:, None, None, 2]).sum(-1)
    place = origins + (origins[..., 2] / down)[..., None] * directions
    there = (down > 0) & (place.abs() < 50).all(-1)
    assert torch.equal(got.mask, there) and bool(there.any()) and not bool(there.all())
    torch.testing.assert_close(got.depth_m[there], depth[there], atol=1e-8, rtol=1e-8)


def test_what_has_no_area_or_is_behind_is_left_out():
    vertices = torch.tensor([[0.0, 0, 2], [1, 0, 2], [2, 0, 2], [0, 1, -2], [1, 0, -2], [0, 0, -2]])
    cameras = straight((9, 9), 4.0)
    faces = torch.tensor([[0, 1, 2], [0, 0, 1], [1, 1, 1], [3, 4, 5]])
    got = hard.rasterise(vertices, faces, cameras)
    assert not bool(got.mask.any())
    assert bool((got.depth_m == torch.inf).all()) and float(got.barycentric.abs().max()) == 0
    none = hard.rasterise(vertices, faces[:0], cameras)
    assert none.face.shape == (1, 9, 9) and not bool(none.mask.any())


def test_what_is_nearer_than_a_centimetre_is_not_seen():
    flat = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
    vertices = torch.cat([flat + torch.tensor([0.0, 0.0, z]) for z in (0.007, 0.013)])
    seen = hard.rasterise(vertices, torch.arange(6).reshape(2, 3), straight((4, 5), 3.0))
    assert bool((seen.face == 1).all())


def test_of_two_equal_triangles_the_first_is_shown_and_parts_of_the_list_change_nothing(monkeypatch):
    vertices, faces = soup(60)
    cameras = cameras_at(*AROUND)
    want = hard.rasterise(vertices, faces, cameras)
    twice = hard.rasterise(vertices, torch.cat([faces, faces]), cameras)
    assert torch.equal(want.face, twice.face)
    monkeypatch.setattr(hard, "_PAIRS", 50)
    parts = hard.rasterise(vertices, torch.cat([faces, faces]), cameras)
    assert torch.equal(want.face, parts.face)


def test_depth_and_weights_have_gradients():
    vertices, faces = ball(6, 5)
    cameras = cameras_at((2.6, 1.1, 0.4), size=(5, 7))
    fixed = hard.rasterise(vertices, faces, cameras).face

    def depth(moved):
        got = hard.rasterise(moved, faces, cameras)
        assert torch.equal(got.face, fixed)
        return got.depth_m[got.mask], got.barycentric[got.mask]

    assert torch.autograd.gradcheck(depth, (vertices.requires_grad_(),), eps=1e-7, atol=1e-5)


def test_views_may_have_meshes_of_their_own():
    vertices, faces = ball()
    cameras = cameras_at(*AROUND)
    moved = torch.stack([vertices, vertices + 0.3])
    got = hard.rasterise(moved, faces, cameras)
    for n in range(2):
        alone = hard.rasterise(moved[n], faces, cameras[n])
        assert torch.equal(got.face[n], alone.face[0])


def test_fourteen_thousand_triangles_take_milliseconds():
    vertices, faces = ball(100, 71, dtype=torch.float32)
    cameras = orbit(1, (128, 128), radius_m=2.6, field_of_view_deg=45)
    times = []
    for _ in range(5):
        begin = time.process_time()
        hard.rasterise(vertices, faces, cameras)
        times.append(time.process_time() - begin)
    assert len(faces) == 14_000 and min(times) < 0.05


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_type_is_the_vertices(dtype):
    vertices, faces = ball(dtype=dtype)
    got = hard.rasterise(vertices, faces.int(), orbit(1, (8, 8)))
    assert got.depth_m.dtype == got.barycentric.dtype == dtype and got.face.dtype == torch.int64


def test_bad_input_is_refused():
    vertices, faces = ball()
    cameras = orbit(1, (8, 8))
    with pytest.raises(ValueError, match="faces: got vertices 0 to 9999"):
        hard.rasterise(vertices, torch.tensor([[0, 1, 9999]]), cameras)
    with pytest.raises(ValueError, match="vertices: got NaN"):
        hard.rasterise(vertices * torch.nan, faces, cameras)
    with pytest.raises(ValueError, match="near_m: got 0"):
        hard.rasterise(vertices, faces, cameras, near_m=0)
    with pytest.raises(ValueError, match="vertices: got"):
        hard.rasterise(vertices.expand(2, -1, -1), faces, cameras)
    assert pinhole((8, 8)).shape == (3, 3)
