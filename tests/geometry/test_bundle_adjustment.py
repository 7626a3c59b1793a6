"""Bundle adjustment: Jacobian against autograd, result against scipy, the Schur complement, the gauge."""

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from scipy.sparse import lil_matrix

from lecture_utils.geometry import bundle_adjustment as ba
from lecture_utils.geometry.align import relative_pose_errors
from lecture_utils.ops.camera import Cameras, project
from lecture_utils.ops.rotation import axis_angle_to_matrix
from tests.geometry import views
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.2")


def problem(
    n: int = 4, p: int = 25, sigma_px: float = 0.5, off: float = 0.02
) -> tuple[Cameras, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Cameras and points that are a little off, and what is seen, with noise, of the true ones."""
    cameras, points = views.cameras(n, turn_deg=50), views.cloud(p)
    pixels = project(points, cameras)[0] + views.noise((n, p, 2), sigma_px)
    seen = torch.rand(n, p, generator=torch.Generator().manual_seed(3)) < 0.8
    seen[:2] = True
    turn = axis_angle_to_matrix(views.noise((n, 3), off, 4))
    turn[0] = torch.eye(3)
    shift = views.noise((n, 3), off, 5)
    shift[0] = 0
    moved = Cameras(turn @ cameras.rotation, cameras.translation + shift, cameras.intrinsics, cameras.size)
    return moved, points + views.noise((p, 3), off, 6), pixels, seen


def bundle(module=ba, **settings: int) -> ba.Bundle:
    cameras, points, pixels, seen = problem(**settings)
    camera, point = torch.nonzero(seen, as_tuple=True)
    return module.Bundle(
        cameras.rotation, cameras.centre, points, cameras.intrinsics, camera, point, pixels[seen]
    )


def jacobian_gap(module) -> float:
    """The largest difference of the derivatives from autograd's, over the largest derivative."""
    own = bundle(module)
    n, p = len(own.rotation), len(own.points)

    def r(turn: torch.Tensor, shift: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        moved = own._replace(
            rotation=axis_angle_to_matrix(turn) @ own.rotation, centre=own.centre + shift, points=points
        )
        return ba.residuals(moved)

    zero = torch.zeros(n, 3).double()
    turn, shift, points = torch.func.jacrev(r, argnums=(0, 1, 2))(zero, zero, own.points)
    _, by_camera, by_point = module.jacobians(own)
    want_camera, want_point = (
        torch.zeros(len(own.pixels), 2, n, 6).double(),
        torch.zeros(len(own.pixels), 2, p, 3).double(),
    )
    o = torch.arange(len(own.pixels))
    want_camera[o, :, own.camera] = by_camera
    want_point[o, :, own.point] = by_point
    gaps = [want_camera[..., :3] - turn, want_camera[..., 3:] - shift, want_point - points]
    return float(max(gap.abs().max() for gap in gaps) / points.abs().max())


def test_the_jacobian_is_autograds() -> None:
    assert jacobian_gap(ba) < 1e-10


@pytest.mark.parametrize(
    "fault",
    [
        ("by_turn = by_cam @ -cross_matrix(x)", "by_turn = by_cam @ cross_matrix(x)"),
        ("torch.cat([by_turn, -by_point], dim=2)", "torch.cat([by_turn, by_point], dim=2)"),
        ("torch.tensor([0.0, 0.0, 1.0])", "torch.tensor([0.0, 1.0, 0.0])"),
        ("by_cam @ bundle.rotation[bundle.camera]", "by_cam @ bundle.rotation[bundle.camera].mT"),
    ],
)
def test_faults_in_the_jacobian_are_seen(fault: tuple[str, str]) -> None:
    assert jacobian_gap(planted("lecture_utils.geometry.bundle_adjustment", fault)) > 1e-3


def step_gap(module) -> float:
    """The step by the Schur complement against the whole normal equations, solved as they are."""
    own = bundle(module)
    n, p, damping = len(own.rotation), len(own.points), 1e-2
    r, a, b = module.jacobians(own)
    whole = torch.zeros(len(r), 2, 6 * n + 3 * p).double()
    for o in range(len(r)):
        whole[o, :, 6 * own.camera[o] : 6 * own.camera[o] + 6] = a[o]
        whole[o, :, 6 * n + 3 * own.point[o] : 6 * n + 3 * own.point[o] + 3] = b[o]
    free = module.free_directions(own)
    every = torch.block_diag(free, torch.eye(3 * p).double())
    weight = ba.huber_weights(r, 0.5).sqrt()[:, None]
    j = (weight[..., None] * whole).flatten(0, 1) @ every
    normal = j.mT @ j
    normal = normal + damping * torch.diag(normal.diagonal())
    want = every @ -torch.linalg.solve(normal, j.mT @ (weight * r).flatten())
    cameras, points = module.solve_step(module.normal_equations(own, 0.5), free, damping)
    got = torch.cat([cameras, points.flatten()])
    return float((got - want).abs().max() / want.abs().max())


def test_a_step_is_that_of_the_whole_equations() -> None:
    assert step_gap(ba) < 1e-9


@pytest.mark.parametrize(
    "fault",
    [
        ('schur = u - torch.einsum("pfi,pgi->fg", wv, w)', "schur = u"),
        ('by_camera - torch.einsum("pfi,pi->f", wv, by_point)', "by_camera"),
        ("v = v + damping", "v = v + 0 * damping"),
        ("bundle.point * n + bundle.camera, a.mT @ b", "bundle.point * n, a.mT @ b"),
    ],
)
def test_faults_in_the_step_are_seen(fault: tuple[str, str]) -> None:
    assert step_gap(planted("lecture_utils.geometry.bundle_adjustment", fault)) > 1e-3


@pytest.mark.parametrize("huber_px", [None, 0.7])
def test_the_least_cost_is_scipys(huber_px: float | None) -> None:
    cameras, points, pixels, seen = problem(n=3, p=12)
    found = ba.bundle_adjust(cameras, points, pixels, seen, huber_px=huber_px)
    own = bundle(n=3, p=12)
    n, p, o = len(cameras), len(points), len(own.pixels)

    def r(x: np.ndarray) -> np.ndarray:
        """Residuals, with the first camera held; Huber's by a factor, as scipy's own is for each number."""
        x = torch.from_numpy(x)
        turn = torch.cat([torch.zeros(1, 3).double(), x[: 3 * n - 3].reshape(-1, 3)])
        shift = torch.cat([torch.zeros(1, 3).double(), x[3 * n - 3 : 6 * n - 6].reshape(-1, 3)])
        moved = own._replace(
            rotation=axis_angle_to_matrix(turn) @ own.rotation, centre=own.centre + shift,
            points=x[6 * n - 6 :].reshape(p, 3),
        )  # fmt: skip
        own_r = ba.residuals(moved)
        if huber_px is not None:
            length = own_r.norm(dim=1, keepdim=True)
            robust = (2 * huber_px * length - huber_px**2).clamp_min(1e-12).sqrt()
            own_r = torch.where(length > huber_px, own_r / length * robust, own_r)
        return own_r.flatten().numpy()

    pattern = lil_matrix((2 * o, 6 * n - 6 + 3 * p), dtype=int)
    for row in range(2 * o):
        camera, point = int(own.camera[row // 2]), int(own.point[row // 2])
        if camera:
            pattern[row, 3 * camera - 3 : 3 * camera] = 1
            pattern[row, 3 * n - 3 + 3 * camera - 3 : 3 * n - 3 + 3 * camera] = 1
        pattern[row, 6 * n - 6 + 3 * point : 6 * n - 6 + 3 * point + 3] = 1
    start = np.concatenate([np.zeros(6 * n - 6), own.points.flatten().numpy()])
    theirs = least_squares(r, start, jac_sparsity=pattern, x_scale="jac", max_nfev=60)
    assert found.costs[-1] == pytest.approx(theirs.cost, rel=1e-5)
    assert found.costs[-1] < 0.2 * found.costs[0]


def test_the_first_camera_and_the_baseline_are_held() -> None:
    cameras, points, pixels, seen = problem()
    found = ba.bundle_adjust(cameras, points, pixels, seen)
    torch.testing.assert_close(found.cameras.rotation[0], cameras.rotation[0])
    torch.testing.assert_close(found.cameras.translation[0], cameras.translation[0])
    lengths = [(c.centre[1] - c.centre[0]).norm() for c in (found.cameras, cameras)]
    torch.testing.assert_close(*lengths)
    assert all(after < before for before, after in zip(found.costs, found.costs[1:], strict=False))


def test_without_noise_the_truth_is_found_up_to_scale() -> None:
    cameras, points, pixels, seen = problem(sigma_px=0.0)
    found = ba.bundle_adjust(cameras, points, pixels, seen)
    rotation, direction = relative_pose_errors(found.cameras, views.cameras(4, turn_deg=50))
    assert float(rotation.max()) < 1e-4 and float(direction.max()) < 1e-4
    assert found.costs[-1] < 1e-12


def test_hubers_cost_keeps_wrong_matches_from_pulling() -> None:
    cameras, points, pixels, seen = problem(sigma_px=0.3)
    pixels[2, :3] += 40.0
    errors = []
    for huber_px in (None, 1.0):
        found = ba.bundle_adjust(cameras, points, pixels, seen, huber_px=huber_px)
        errors.append(float(relative_pose_errors(found.cameras, views.cameras(4, turn_deg=50))[0].max()))
    assert errors[1] < 0.5 * errors[0]


def test_hubers_weights_are_the_slope_of_the_cost() -> None:
    r = views.noise((30, 2), 2.0).requires_grad_()
    length = r.norm(dim=1)
    torch.where(length <= 1.5, length**2 / 2, 1.5 * (length - 0.75)).sum().backward()
    torch.testing.assert_close(r.grad, (ba.huber_weights(r, 1.5)[:, None] * r).detach())
    assert ba.cost(torch.tensor([[3.0, 4.0]]), 1.0) == pytest.approx(4.5)
    assert ba.cost(torch.tensor([[3.0, 4.0]])) == pytest.approx(12.5)


def test_bad_input_is_refused() -> None:
    cameras, points, pixels, seen = problem()
    with pytest.raises(ValueError, match="two or more"):
        ba.bundle_adjust(cameras[:1], points, pixels[:1], seen[:1])
    few = seen.clone()
    few[1:, 3] = False
    with pytest.raises(ValueError, match="fewer than two views"):
        ba.bundle_adjust(cameras, points, pixels, few)
    with pytest.raises(ValueError, match="behind"):
        ba.bundle_adjust(cameras, 20 * points, pixels, seen)
    same = Cameras(
        cameras.rotation, cameras.translation * 0 + cameras.translation[:1], cameras.intrinsics, (9, 9)
    )
    same = Cameras(same.rotation[[0, 0]], same.translation[[0, 0]], same.intrinsics[[0, 0]], (9, 9))
    with pytest.raises(ValueError, match="one place"):
        ba.bundle_adjust(same, points, pixels[:2], seen[:2])
