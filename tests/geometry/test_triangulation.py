"""Triangulation: against OpenCV and truth, points that few see, angles."""

import cv2
import numpy as np
import pytest
import torch

from lecture_utils.geometry import triangulation
from tests.geometry import views
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.2")


def gap(module) -> float:
    """The largest difference from OpenCV's points, with noise of a pixel; both get coordinates without K."""
    cameras = views.cameras()
    a, b, _ = views.matches(views.cloud(), cameras, sigma_px=1.0)
    k = torch.linalg.inv(cameras.intrinsics[0])
    pose = torch.cat([cameras.rotation, cameras.translation[:, :, None]], dim=2).numpy()
    x, y = (((torch.cat([p, torch.ones(len(p), 1)], dim=1) @ k.mT)[:, :2]).mT.numpy() for p in (a, b))
    theirs = cv2.triangulatePoints(pose[0], pose[1], x, y)
    ours = module.triangulate(torch.stack([a, b]), cameras)
    return float(np.abs(ours.numpy() - (theirs[:3] / theirs[3]).T).max())


def test_points_are_opencvs() -> None:
    assert gap(triangulation) < 1e-9


@pytest.mark.parametrize(
    "fault",
    [
        ("- pose[:, None, :2]", "+ pose[:, None, :2]"),
        ("last = right[:, -1]", "last = right[:, -2]"),
        ("@ inverse.mT", "@ inverse"),
    ],
)
def test_the_comparison_can_fail(fault: tuple[str, str]) -> None:
    assert not gap(planted("lecture_utils.geometry.triangulation", fault)) < 1e-4


@pytest.mark.parametrize("count", [2, 3, 7])
def test_without_noise_points_are_exact_from_any_number_of_views(count: int) -> None:
    cameras, points = views.cameras(count), views.cloud()
    pixels, _ = views.project(points, cameras)
    torch.testing.assert_close(triangulation.triangulate(pixels, cameras), points, atol=1e-9, rtol=0)


def test_more_views_are_nearer_and_those_that_do_not_see_count_for_nothing() -> None:
    cameras, points = views.cameras(8, turn_deg=60), views.cloud(200)
    pixels = views.project(points, cameras)[0] + views.noise((8, 200, 2), 1.0)
    errors = [
        (triangulation.triangulate(pixels[:n], cameras[:n]) - points).norm(dim=1).mean() for n in (2, 4, 8)
    ]
    assert errors[0] > errors[1] > errors[2]
    seen = torch.zeros(8, 200, dtype=torch.bool)
    seen[2:4] = True
    seen[:3, 0] = torch.tensor([False, False, True])  # in one view
    seen[3, 0] = False
    wild = torch.where(seen[..., None], pixels, torch.nan)
    some = triangulation.triangulate(wild, cameras, seen)
    assert bool(some[0].isnan().all())
    torch.testing.assert_close(some[1:], triangulation.triangulate(pixels[2:4, 1:], cameras[2:4]))


def test_angles_are_those_at_the_point() -> None:
    cameras = views.cameras(4, turn_deg=80)
    at = torch.zeros(1, 3).double()
    ends = cameras.centre[[0, 3]] / cameras.centre[[0, 3]].norm(dim=1, keepdim=True)
    want = torch.rad2deg(torch.acos(ends[0] @ ends[1]))
    assert float(triangulation.ray_angle_deg(at, cameras)[0]) == pytest.approx(float(want))
    one = torch.tensor([[True], [False], [False], [False]])
    assert float(triangulation.ray_angle_deg(at, cameras, one)[0]) == 0


def test_reprojection_errors_are_distances() -> None:
    cameras, points = views.cameras(3), views.cloud(5)
    pixels = views.project(points, cameras)[0] + torch.tensor([3.0, 4.0])
    errors = triangulation.reprojection_error(points, cameras, pixels)
    torch.testing.assert_close(errors, torch.full((3, 5), 5.0).double())
    behind = points.clone()
    behind[0] = 2 * cameras.centre[0]
    assert bool(triangulation.reprojection_error(behind, cameras, pixels)[0, 0].isnan())


def test_bad_input_is_refused() -> None:
    cameras, points = views.cameras(), views.cloud(5)
    pixels = views.project(points, cameras)[0]
    with pytest.raises(ValueError, match="two or more"):
        triangulation.triangulate(pixels[:1], cameras[:1])
    with pytest.raises(ValueError, match="NaN"):
        triangulation.triangulate(pixels * torch.nan, cameras)
    with pytest.raises(ValueError, match="seen"):
        triangulation.triangulate(pixels, cameras, torch.ones(2, 4, dtype=torch.bool))
