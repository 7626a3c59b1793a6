"""Projection of Gaussians: numerical Jacobian, sampled points, culling, what lies far outside the picture."""

import dataclasses

import pytest
import torch

from lecture_utils.ops.camera import Cameras, orbit, project, world_to_cam
from lecture_utils.rendering.gaussians import projection
from lecture_utils.rendering.gaussians.gaussians import covariance
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.5")
MODULE = "lecture_utils.rendering.gaussians.projection"


def camera(*, size: tuple[int, int] = (48, 64)) -> Cameras:
    """One whose focal lengths differ, with the principal point off the middle and skew."""
    own = orbit(1, size, start_deg=33.0).to(torch.float64)
    intrinsics = own.intrinsics * torch.tensor([[1.0, 1, 1.1], [1, 1.3, 0.9], [1, 1, 1]])
    intrinsics[:, 0, 1] = 2.5
    return dataclasses.replace(own, intrinsics=intrinsics)


def cloud(n: int = 40, *, spread_m: float = 0.5, size_m: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    log_scales = (size_m * (0.3 + torch.rand(n, 3, dtype=torch.float64))).log()
    means = spread_m * torch.randn(n, 3, dtype=torch.float64)
    return means, covariance(log_scales, torch.randn(n, 4, dtype=torch.float64))


def numerical(means: torch.Tensor, covariances: torch.Tensor, own: Cameras) -> torch.Tensor:
    """Σ' with the Jacobian of the whole projection, world to pixel, from central differences."""
    step, columns = 1e-6, []
    for axis in torch.eye(3, dtype=torch.float64):
        ahead, back = (project(means + way * step * axis, own)[0][0] for way in (1, -1))
        columns.append((ahead - back) / (2 * step))
    jacobian = torch.stack(columns, dim=2)  # (N, 2, 3)
    return jacobian @ covariances @ jacobian.mT + 0.3 * torch.eye(2, dtype=torch.float64)


def gaps(module, own: Cameras) -> tuple[float, float]:
    means, covariances = cloud(spread_m=0.25)  # all within the picture's margins
    got = module.project_gaussians(means, covariances, own)
    assert bool(got.visible.all())
    want = numerical(means, covariances, own)
    where, depth_m = project(means, own)
    place = max(float((got.means - where[0]).abs().max()), float((got.depth_m - depth_m[0]).abs().max()))
    return float(((got.covariances - want).abs() / want.abs().amax((1, 2), True)).max()), place


def test_covariance_is_that_of_the_numerical_jacobian():
    spread, place = gaps(projection, camera())
    assert spread < 1e-6 and place < 1e-9


@pytest.mark.parametrize(
    "fault",
    [
        ("torch.stack([one, zero, -x / z], dim=1)", "torch.stack([one, zero, x / z], dim=1)"),
        ("torch.stack(rows, dim=1) / z[:, None, None]", "torch.stack(rows, dim=1)"),
        (" @ cameras.rotation[0]  # J W", " @ cameras.rotation[0].mT  # J W"),
        ("DILATION = 0.3", "DILATION = 0.0"),
        ("slopes @ intrinsics[:2, :2].mT +", "slopes @ intrinsics[:2, :2] +"),
    ],
)
def test_a_planted_fault_is_seen(fault):
    assert max(gaps(planted(MODULE, fault), camera())) > 1e-3


def test_samples_of_a_small_gaussian_spread_as_its_splat():
    means, covariances = cloud(1, spread_m=0.3, size_m=0.02)
    own = camera()
    got = projection.project_gaussians(means, covariances, own, dilation=0.0)
    points = means + torch.randn(400_000, 3, dtype=torch.float64) @ torch.linalg.cholesky(covariances[0]).mT
    pixels = project(points, own)[0][0]
    torch.testing.assert_close(torch.cov(pixels.T), got.covariances[0], rtol=0.02, atol=1e-3)
    torch.testing.assert_close(pixels.mean(dim=0), got.means[0], rtol=0, atol=0.02)


def test_what_is_behind_or_too_near_is_not_visible_and_harms_no_gradient():
    own = camera()
    centre, forward = own.centre[0], own.rotation[0, 2]
    along = torch.tensor([-1.0, -1e-9, 0.0, 0.1, 0.21, 3.0], dtype=torch.float64)
    means = (centre + along[:, None] * forward).requires_grad_()
    covariances = (0.01 * torch.eye(3, dtype=torch.float64)).expand(6, 3, 3).clone().requires_grad_()
    got = projection.project_gaussians(means, covariances, own)
    assert got.visible.tolist() == [False] * 4 + [True] * 2
    (got.means.sum() + got.covariances.sum()).backward()
    assert bool(means.grad.isfinite().all()) and bool(covariances.grad.isfinite().all())


def test_far_outside_the_jacobian_is_that_of_the_margin():
    """As the authors' code: x / z no further than 1.3 times the slope at the picture's edge."""
    own = orbit(1, (40, 60)).to(torch.float64)
    edge = 30 / own.intrinsics[0, 0, 0]  # slope x / z at the edge
    for share in (1.2, 1.31, 5.0, -5.0):
        at_cam = torch.stack([share * edge, torch.zeros(()), torch.ones(())]).to(torch.float64) * 2.0
        mean = (at_cam - own.translation[0]) @ own.rotation[0]
        torch.testing.assert_close(world_to_cam(mean[None], own)[0, 0], at_cam)
        got = projection.project_gaussians(mean[None], 0.01 * torch.eye(3, dtype=torch.float64)[None], own)
        taken = min(max(share, -1.3), 1.3) * float(edge)
        focal = float(own.intrinsics[0, 0, 0])
        assert float(got.covariances[0, 0, 0]) == pytest.approx(0.01 * focal**2 / 4 * (1 + taken**2) + 0.3)
        assert float(got.means[0, 0]) == pytest.approx(30 + focal * share * float(edge))  # the mean stays


def test_gsplats_reference_projects_alike():
    reference = pytest.importorskip("gsplat.cuda._torch_impl")
    means, covariances = cloud(spread_m=0.8)
    own = orbit(1, (48, 64)).to(torch.float64)  # it knows no skew
    in_cam, turned = world_to_cam(means, own), own.rotation @ covariances @ own.rotation.mT
    where, spread = reference._persp_proj(in_cam, turned[None], own.intrinsics, 64, 48)
    got = projection.project_gaussians(means, covariances, own, dilation=0.0)
    torch.testing.assert_close(where[0], got.means)
    torch.testing.assert_close(spread[0], got.covariances)


def test_a_dilation_for_another_size_gives_the_same_picture_larger():
    means, covariances = cloud()
    small = orbit(1, (40, 60)).to(torch.float64)
    large = small.scaled((120, 180))
    a = projection.project_gaussians(means, covariances, small)
    b = projection.project_gaussians(means, covariances, large, dilation=projection.dilation_at(120, 40))
    torch.testing.assert_close(b.means, 3 * a.means)
    torch.testing.assert_close(b.covariances, 9 * a.covariances)


def test_gradients():
    own = camera()
    means, covariances = cloud(3)

    def run(m, c):
        return projection.project_gaussians(m, c, own)[:3]

    assert torch.autograd.gradcheck(run, (means.requires_grad_(), covariances.requires_grad_()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cameras": orbit(2, (8, 8))}, "cameras: got 2, want one"),
        ({"means": torch.zeros(4, 3, dtype=torch.float64)}, "covariances: got dtype torch.float32"),
        ({"covariances": torch.zeros(4, 2, 2)}, r"want floating point \(4, 3, 3\)"),
        ({"near_m": 0.0}, "near_m: got 0.0"),
        ({"dilation": -0.1}, "dilation: got -0.1"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    good = {
        "means": torch.zeros(4, 3),
        "covariances": torch.eye(3).expand(4, 3, 3),
        "cameras": orbit(1, (8, 8)),
    }
    with pytest.raises(ValueError, match=message):
        projection.project_gaussians(**(good | change))
    with pytest.raises(ValueError, match="want all in front"):
        projection.projection_jacobian(torch.zeros(1, 3), torch.eye(3))
