"""Resection: against OpenCV and truth, among outliers, and what fixes no camera is refused."""

import cv2
import numpy as np
import pytest
import torch

from lecture_utils.geometry import pnp
from lecture_utils.geometry.align import rotation_angle_deg
from lecture_utils.geometry.degenerate import DegenerateViews
from lecture_utils.ops.rotation import axis_angle_to_matrix
from tests.geometry import views
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.2")


def seen(
    points: torch.Tensor, sigma_px: float = 0.0, wrong: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels in the second of two cameras, and which are right."""
    _, pixels, right = views.matches(points, views.cameras(), sigma_px=sigma_px, wrong=wrong)
    return pixels, right


def gap(module) -> float:
    """The difference from OpenCV's pose of least squared error, with noise of a pixel."""
    cameras, points = views.cameras(), views.cloud(80)
    pixels, k = seen(points, 1.0)[0], cameras.intrinsics[1]
    _, turn, shift = cv2.solvePnP(
        points.numpy(), pixels.numpy(), k.numpy(), None, flags=cv2.SOLVEPNP_ITERATIVE
    )
    off = axis_angle_to_matrix(torch.tensor([0.03, -0.05, 0.02]).double())
    start = torch.cat([off @ cameras.rotation[1], cameras.translation[1][:, None]], dim=1)
    start[:, 3] += 0.05
    found = module.refine_pose(start, points, pixels, k, huber_px=100.0, steps=30)
    theirs = np.concatenate([cv2.Rodrigues(turn)[0], shift], axis=1)
    return float(np.abs(found.numpy() - theirs).max())


def test_refined_poses_are_opencvs() -> None:
    assert gap(pnp) < 1e-5


@pytest.mark.parametrize(
    "fault",
    [
        ("by_cam @ -cross_matrix(turned)", "by_cam @ cross_matrix(turned)"),
        ("step = -torch.linalg.lstsq", "step = torch.linalg.lstsq"),
        ("turned = points @ pose[:, :3].mT", "turned = points @ pose[:, :3]"),
    ],
)
def test_the_comparison_can_fail(fault: tuple[str, str]) -> None:
    assert gap(planted("lecture_utils.geometry.pnp", fault)) > 1e-3


@pytest.mark.parametrize("count", [6, 7, 40])
def test_without_noise_the_linear_fit_is_exact(count: int) -> None:
    cameras, points = views.cameras(), views.cloud(count)
    image = pnp.image_coordinates(seen(points)[0], cameras.intrinsics[1])
    rotation, translation = pnp.fit_pose(points, image)
    assert float((rotation - cameras.rotation[1]).abs().max()) < 1e-8
    assert float((translation - cameras.translation[1]).abs().max()) < 1e-8


@pytest.mark.parametrize("wrong", [0.0, 0.3, 0.5])
def test_the_camera_is_found_among_outliers(wrong: float) -> None:
    cameras, points = views.cameras(), views.cloud(150)
    pixels, right = seen(points, 0.5, wrong)
    found = pnp.resection(points, pixels, cameras.intrinsics[1])
    assert float(rotation_angle_deg(found.rotation, cameras.rotation[1])) < 0.2
    assert float((found.translation - cameras.translation[1]).norm()) < 0.02
    assert float(found.inliers[right].double().mean()) > 0.95 and int((found.inliers & ~right).sum()) <= 3


def test_what_fixes_no_camera_is_refused() -> None:
    k, points = views.cameras().intrinsics[1], views.cloud(60)
    with pytest.raises(DegenerateViews, match="got 7, want 8"):
        pnp.resection(points[:7], seen(points)[0][:7], k)
    with pytest.raises(DegenerateViews, match="plane"):
        pnp.resection(views.flat(), seen(views.flat())[0], k)
    for seed in range(3):
        with pytest.raises(DegenerateViews, match="that agree"):
            pnp.resection(points, seen(points, wrong=1.0)[0], k, seed=seed)
    with pytest.raises(ValueError, match="pixels"):
        pnp.resection(points, seen(points)[0][:5], k)
    with pytest.raises(ValueError, match="six or more"):
        pnp.fit_pose(points[:5], points[:5, :2])
