"""Relative pose: against OpenCV and truth, among outliers, and views that fix none are refused."""

import cv2
import numpy as np
import pytest
import torch

from lecture_utils.geometry import pose
from lecture_utils.geometry.align import rotation_angle_deg
from lecture_utils.geometry.bundle_adjustment import bundle_adjust
from lecture_utils.geometry.degenerate import DegenerateViews
from lecture_utils.geometry.epipolar import image_coordinates
from lecture_utils.geometry.triangulation import triangulate
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.rotation import axis_angle_to_matrix, cross_matrix
from tests.geometry import views
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.2")


def angle(a: torch.Tensor, b: torch.Tensor) -> float:
    """Between two directions, in degrees."""
    return float(torch.rad2deg(torch.atan2(torch.linalg.cross(a, b).norm(), a @ b)))


def against_opencv(module, seed: int) -> tuple[float, float]:
    """The differences of R and t from OpenCV's, for an E of random cameras."""
    random = torch.Generator().manual_seed(seed)
    rotation = axis_angle_to_matrix(0.2 * torch.randn(3, generator=random, dtype=torch.float64))
    step = torch.nn.functional.normalize(torch.randn(3, generator=random, dtype=torch.float64), dim=0)
    x = views.cloud(40, seed) + torch.tensor([0.0, 0, 4])
    y = x @ rotation.mT + step
    a, b = x[:, :2] / x[:, 2:], y[:, :2] / y[:, 2:]
    essential = cross_matrix(step) @ rotation
    _, theirs, shift, _ = cv2.recoverPose(essential.numpy(), a.numpy(), b.numpy(), np.eye(3))
    found, t, points = module.recover_pose(essential, a, b)
    if module is pose:
        assert float((points - x).abs().max()) < 1e-6
    return float((found - torch.as_tensor(theirs)).abs().max()), float(
        (t - torch.as_tensor(shift)[:, 0]).abs().max()
    )


@pytest.mark.parametrize("seed", range(6))
def test_recovered_poses_are_opencvs(seed: int) -> None:
    assert max(against_opencv(pose, seed)) < 1e-9


@pytest.mark.parametrize(
    "fault",
    [("u @ quarter.mT @ v", "u @ quarter.mT @ v.mT"), ("step = u[:, 2]", "step = v[2]"),
     ("[..., 2] > 0).all(0)", "[..., 2] < 0).all(0)"),
     ("[step, -step, step, -step]", "[step, step, step, step]")],
)  # fmt: skip
def test_the_comparison_can_fail(fault: tuple[str, str]) -> None:
    module = planted("lecture_utils.geometry.pose", fault)
    worst = 0.0
    for seed in range(6):
        try:
            worst = max(worst, *against_opencv(module, seed))
        except ValueError:
            worst = 9.0
    assert worst > 1e-3


def test_four_poses_have_the_essential_matrix() -> None:
    rotation, step = views.relative(views.cameras())
    essential = cross_matrix(step) @ rotation
    turns, steps = pose.four_poses(3 * essential)
    for turn, own in zip(turns, steps, strict=True):
        assert float(torch.linalg.det(turn)) == pytest.approx(1)
        again = cross_matrix(own) @ turn
        assert min(float((again - s * essential).norm()) for s in (-1, 1)) < 1e-9
    with pytest.raises(ValueError, match="singular values"):
        pose.four_poses(torch.eye(3))


@pytest.mark.parametrize("solver", ["five", "eight"])
@pytest.mark.parametrize("wrong", [0.0, 0.3])
def test_the_pose_is_found_among_outliers(solver: str, wrong: float) -> None:
    """As well as by one who knows the truth to start from, and which matches are right."""
    cameras, points = views.cameras(), views.cloud(200)
    a, b, right = views.matches(points, cameras, sigma_px=0.3, wrong=wrong)
    found = pose.relative_pose(a, b, *cameras.intrinsics, solver=solver)
    rotation, step = views.relative(cameras)
    both, start = torch.stack([a, b])[:, right], pose.two_cameras(rotation, step, cameras.intrinsics)
    best = bundle_adjust(start, triangulate(both, start), both).cameras
    assert float(rotation_angle_deg(found.rotation, best.rotation[1])) < 0.15
    assert angle(found.translation, best.translation[1]) < 0.3
    assert float(rotation_angle_deg(found.rotation, rotation)) < 0.5 and angle(found.translation, step) < 1.0
    assert float(found.inliers[right].double().mean()) > 0.95
    assert int((found.inliers & ~right).sum()) < 10  # by chance near their line
    assert torch.equal(torch.isfinite(found.points[:, 0]), found.inliers)
    assert found.flat_share < 0.5 and found.angle_deg > 5


def test_without_noise_the_pose_is_exact() -> None:
    cameras = views.cameras()
    a, b, _ = views.matches(views.cloud(), cameras)
    found = pose.relative_pose(a, b, *cameras.intrinsics)
    rotation, step = views.relative(cameras)
    assert (
        float(rotation_angle_deg(found.rotation, rotation)) < 1e-4 and angle(found.translation, step) < 1e-4
    )
    again = found.points @ found.rotation.mT + found.translation
    seen = image_coordinates(b, cameras.intrinsics[1])
    assert float((again[:, :2] / again[:, 2:] - seen).abs().max()) < 1e-6


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sigma_px", [0.0, 0.3])
def test_views_that_fix_no_pose_are_refused(seed: int, sigma_px: float) -> None:
    cameras = views.cameras()
    k = cameras.intrinsics
    turned = axis_angle_to_matrix(torch.tensor([0.05, 0.15, -0.02]).double()) @ cameras.rotation[0]
    step = -(turned @ cameras.centre[0])
    once = Cameras(
        torch.stack([cameras.rotation[0], turned]),
        torch.stack([cameras.translation[0], step]),
        k,
        cameras.size,
    )
    a, b, _ = views.matches(views.cloud(150, seed), once, sigma_px=sigma_px, seed=seed)
    with pytest.raises(DegenerateViews, match="turn alone"):  # a pure rotation
        pose.relative_pose(a, b, *k, seed=seed)
    a, b, _ = views.matches(views.flat(150, seed), cameras, sigma_px=sigma_px, seed=seed)
    with pytest.raises(DegenerateViews, match="plane"):
        pose.relative_pose(a, b, *k, seed=seed)
    a, b, _ = views.matches(views.cloud(150, seed), cameras, wrong=1.0, seed=seed)
    with pytest.raises(DegenerateViews, match="that agree, want"):  # nothing but outliers
        pose.relative_pose(a, b, *k, seed=seed)
    a, b, _ = views.matches(views.cloud(15, seed), cameras, sigma_px=sigma_px, seed=seed)
    with pytest.raises(DegenerateViews, match="got 15, want 16"):
        pose.relative_pose(a, b, *k, seed=seed)
    still = Cameras(cameras.rotation[[0, 0]], cameras.translation[[0, 0]], k, cameras.size)
    a, b, _ = views.matches(views.cloud(150, seed), still, sigma_px=sigma_px, seed=seed)
    with pytest.raises(DegenerateViews, match="turn alone"):  # the same picture twice
        pose.relative_pose(a, b, *k, seed=seed)


def test_a_turn_and_outliers_are_refused_too() -> None:
    cameras = views.cameras()
    turned = axis_angle_to_matrix(torch.tensor([0.05, 0.15, -0.02]).double()) @ cameras.rotation[0]
    once = Cameras(
        torch.stack([cameras.rotation[0], turned]),
        torch.stack([cameras.translation[0], -(turned @ cameras.centre[0])]),
        cameras.intrinsics,
        cameras.size,
    )
    a, b, _ = views.matches(views.cloud(200), once, sigma_px=0.3, wrong=0.3)
    with pytest.raises(DegenerateViews):
        pose.relative_pose(a, b, *cameras.intrinsics)


def test_bad_input_is_refused() -> None:
    cameras = views.cameras()
    a, b, _ = views.matches(views.cloud(), cameras)
    with pytest.raises(ValueError, match="b: got"):
        pose.relative_pose(a, b[:9], *cameras.intrinsics)
    with pytest.raises(ValueError, match="solver"):
        pose.relative_pose(a, b, *cameras.intrinsics, solver="six")
    with pytest.raises(ValueError, match="threshold_px"):
        pose.relative_pose(a, b, *cameras.intrinsics, threshold_px=0)
