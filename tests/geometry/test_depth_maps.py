"""Depth maps: an exact sphere to points and back, normals, the z-buffer against a plain loop."""

import contextlib

import pytest
import torch

from lecture_utils.geometry import depth_maps as dm
from lecture_utils.geometry import signed_distance as sd
from lecture_utils.ops import camera
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.1")
MODULE = "lecture_utils.geometry.depth_maps"


def ring(count=4, size=(24, 36), elevation_deg=25.0):
    return camera.orbit(count, size, elevation_deg=elevation_deg).to(torch.float64)


def sphere_depth(cameras, middle=(0.1, -0.2, 0.05), radius=0.9):
    """Closed form: where each pixel's ray meets a sphere, as z in the camera; infinite where it does not."""
    origins, directions = camera.rays(cameras)
    to_middle = origins - torch.tensor(middle).to(origins)
    b = (to_middle * directions).sum(-1)
    inside = b.square() - to_middle.square().sum(-1) + radius**2
    along = -b - inside.clamp_min(0).sqrt()
    z = along * (directions * cameras.rotation[:, None, None, 2]).sum(-1)
    return torch.where(inside > 0, z, torch.inf)


def sphere_gap(module):
    """How far lifted pixels are from the sphere that was drawn."""
    cameras = ring()
    depth = sphere_depth(cameras)
    depth[1::2] = torch.where(depth[1::2].isinf(), 0.0, depth[1::2])  # the other way to say "no surface"
    points = module.depth_to_points(depth, cameras)
    seen = ~points.isnan().any(-1)
    assert 0.2 < float(seen.double().mean()) < 0.9
    return float(((points[seen] - torch.tensor([0.1, -0.2, 0.05])).norm(dim=-1) - 0.9).abs().max())


def test_depth_of_a_sphere_lies_on_the_sphere():
    assert sphere_gap(dm) < 1e-6  # the cameras were made in float32


def test_in_float32_and_by_sphere_tracing_to_a_tenth_of_a_millimetre():
    cameras = camera.orbit(3, (24, 36))
    origins, directions = camera.rays(cameras)
    traced = sd.sphere_trace(lambda p: sd.sphere(p, 0.9), origins, directions)
    z = traced.along_m * (directions * cameras.rotation[:, None, None, 2]).sum(-1)
    points = dm.depth_to_points(torch.where(traced.hit, z, 0.0), cameras)
    assert torch.equal(points.isfinite().all(-1), traced.hit)
    assert ((points[traced.hit].norm(dim=-1) - 0.9).abs() < 1e-4).all()


def test_points_give_the_depth_map_back():
    cameras = ring()
    depth = sphere_depth(cameras)
    for k in range(len(cameras)):
        points = dm.depth_to_points(depth[k : k + 1], cameras[k])
        back = dm.points_to_depth(points[points.isfinite().all(-1)], cameras[k])
        torch.testing.assert_close(back[0], torch.where(depth[k].isfinite(), depth[k], 0.0))


def by_loop(points, values, cameras):
    """The z-buffer in plain Python."""
    (h, w), n = cameras.size, len(cameras)
    depth, picture = torch.zeros(n, h, w).double(), torch.zeros(n, values.shape[1], h, w).double()
    pixels, z = camera.project(points, cameras)
    for k in range(n):
        for p in range(len(points)):
            if z[k, p] <= camera.NEAREST:
                continue
            i, j = int(pixels[k, p, 1].floor()), int(pixels[k, p, 0].floor())
            if 0 <= i < h and 0 <= j < w and (depth[k, i, j] == 0 or z[k, p] < depth[k, i, j]):
                depth[k, i, j], picture[k, :, i, j] = z[k, p], values[p]
    return picture, depth


def loop_gap(module):
    made = torch.Generator().manual_seed(0)
    points = (
        4 * torch.rand(400, 3, generator=made, dtype=torch.float64) - 2
    )  # some beside and behind the cameras
    values, cameras = torch.rand(400, 2, generator=made, dtype=torch.float64), ring(3, (9, 14))
    picture, depth = module.draw_points(points, values, cameras)
    want_picture, want_depth = by_loop(points, values, cameras)
    assert torch.equal(module.points_to_depth(points, cameras), depth)
    return max(float((picture - want_picture).abs().max()), float((depth - want_depth).abs().max()))


def test_the_nearest_point_wins_its_pixel():
    assert loop_gap(dm) < 1e-12


@pytest.mark.parametrize(
    "fault",
    [('"amin"', '"amax"'), ("cell[..., 1] * w + cell[..., 0]", "cell[..., 0] * h + cell[..., 1]"),
     ("& (own == padded.gather(1, pixel))", "")],
)  # fmt: skip
def test_planted_faults_turn_the_z_buffer_red(fault):
    with contextlib.suppress(RuntimeError):  # a number that is no pixel's: red as well
        assert loop_gap(planted(MODULE, fault)) > 1e-3


LIFTED = "points = unproject(pixels"


@pytest.mark.parametrize(
    "fault", [(LIFTED, f"{LIFTED} + 0.5"), ("(depth_m > 0) & depth_m.isfinite()", "depth_m.isfinite()")]
)
def test_planted_faults_turn_the_sphere_red(fault):
    assert not sphere_gap(planted(MODULE, fault)) < 1e-3


def normals_gap(module):
    """Smallest cosine between a sphere's normals and those found, away from its rim."""
    cameras = ring(3, (48, 60))
    depth = sphere_depth(cameras, middle=(0, 0, 0))
    points, normals = (
        dm.depth_to_points(depth, cameras),
        module.depth_to_normals(depth, cameras).movedim(1, -1),
    )
    eye = torch.nn.functional.normalize(cameras.centre[:, None, None] - points, dim=-1)
    inner = (points * eye).sum(-1) / 0.9 > 0.5  # seen under 60° or less
    return 1 - float((normals * points / 0.9).sum(-1)[inner].min())


def test_normals_of_a_sphere_point_outwards():
    assert normals_gap(dm) < 0.005
    assert normals_gap(planted(MODULE, ("cross(down, across", "cross(across, down"))) > 1


def test_normals_have_length_1_or_0_and_none_beside_nothing():
    cameras = ring(2)
    depth = sphere_depth(cameras)
    length = dm.depth_to_normals(depth, cameras).norm(dim=1)
    assert ((length - 1).abs() < 1e-9)[length > 0].all()
    assert not bool(length[depth.isinf()].any()) and not bool(length[:, 0].any())


def test_clouds_carry_their_pictures_values():
    cameras = ring(2, (6, 8))
    depth = torch.full((2, 6, 8), 2.0, dtype=torch.float64)
    depth[0, 2, 3], depth[1, 0, 0] = 0.0, torch.inf
    u = camera.pixel_grid((6, 8))[..., 0].double().expand(2, 1, 6, 8)
    points, values = dm.depth_to_cloud(depth, cameras, u)
    assert points.shape == (94, 3) and values.shape == (94, 1)
    pixels, _ = camera.project(points[:47], cameras[0])
    torch.testing.assert_close(pixels[0, :, :1], values[:47])


def test_gradients_reach_the_points_that_are_seen():
    cameras = camera.orbit(1, (8, 8))
    points = torch.tensor([[0.0, 0, 0], [-0.3, 0, -0.1]], requires_grad=True)  # the second behind the first
    cameras_eye = cameras.centre[0]
    behind = points.detach()[0] - 0.2 * cameras_eye / cameras_eye.norm()
    both = torch.stack([points[0], behind.requires_grad_()])
    dm.points_to_depth(both, cameras).sum().backward()
    assert bool(points.grad[0].abs().sum() > 0) and not bool(behind.grad is not None and behind.grad.any())


@pytest.mark.parametrize("bad", [-1.0, float("nan")])
def test_depth_that_cannot_be_is_refused(bad):
    depth = torch.ones(1, 4, 5)
    depth[0, 1, 2] = bad
    with pytest.raises(ValueError, match=r"depth_m: got .*want"):
        dm.depth_to_points(depth, camera.orbit(1, (4, 5)))
