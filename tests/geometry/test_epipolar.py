"""Fundamental and essential matrices, five points, homographies: against OpenCV, scikit-image and truth."""

import cv2
import numpy as np
import pytest
import torch
from skimage import transform

from lecture_utils.geometry import epipolar, five_point, homography
from lecture_utils.geometry.degenerate import DegenerateViews
from lecture_utils.ops.rotation import axis_angle_to_matrix, cross_matrix
from tests.geometry import views
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.2")


def pair(**settings: float) -> tuple[torch.Tensor, torch.Tensor]:
    a, b, _ = views.matches(views.cloud(), views.cameras(), **settings)
    return a, b


def signed(matrix: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Length 1, the largest entry above 0."""
    matrix = torch.as_tensor(matrix, dtype=torch.float64)
    return matrix / matrix.norm() * matrix.flatten()[matrix.abs().argmax()].sign()


def gaps(module) -> list[float]:
    """Differences of F from OpenCV's with noise of half a pixel, and from scikit-image's without.

    OpenCV reads single precision; scikit-image scales by another measure, which noise brings to light.
    """
    a, b = pair(sigma_px=0.5)
    a, b = a.float().double(), b.float().double()
    exact = pair()
    opencv, _ = cv2.findFundamentalMat(a.numpy(), b.numpy(), cv2.FM_8POINT)
    skimage = transform.FundamentalMatrixTransform.from_estimate(*(x.numpy() for x in exact)).params
    pairs = ((module.eight_point(a, b), opencv), (module.eight_point(*exact), skimage))
    return [float((signed(ours) - signed(theirs)).norm()) for ours, theirs in pairs]


def test_eight_points_are_opencvs_and_scikit_images() -> None:
    assert max(gaps(epipolar)) < 1e-8
    a, b = pair(sigma_px=0.5)
    assert float((signed(epipolar.eight_point(a, b)) - signed(epipolar.eight_point(b, a))).norm()) > 1e-5


@pytest.mark.parametrize(
    "fault",
    [
        ("scale = (dim**0.5 / spread)", "scale = (1 / 1 + 0 * spread)"),
        ("transform_b.mT @ rank_two(fundamental)", "transform_b.mT @ fundamental"),
        ("homogeneous(near_b)[..., :, None] * homogeneous(near_a)[..., None, :]",
         "homogeneous(near_a)[..., :, None] * homogeneous(near_b)[..., None, :]"),
    ],
)  # fmt: skip
def test_the_comparison_can_fail(fault: tuple[str, str]) -> None:
    assert max(gaps(planted("lecture_utils.geometry.epipolar", fault))) > 1e-6


def test_without_noise_f_is_that_of_the_cameras() -> None:
    cameras = views.cameras()
    rotation, step = views.relative(cameras)
    k = cameras.intrinsics
    truth = torch.linalg.inv(k[1]).mT @ cross_matrix(step) @ rotation @ torch.linalg.inv(k[0])
    a, b = pair()
    found = epipolar.eight_point(a, b)
    assert float((signed(found) - signed(truth)).norm()) < 1e-9
    assert float(torch.linalg.svdvals(found)[2]) < 1e-15
    essential = epipolar.fundamental_to_essential(found, k[0], k[1])
    torch.testing.assert_close(torch.linalg.svdvals(essential), torch.tensor([1.0, 1.0, 0.0]).double())
    assert float((signed(essential) - signed(cross_matrix(step) @ rotation)).norm()) < 1e-9
    back = epipolar.essential_to_fundamental(essential, k[0], k[1])
    assert float((signed(back) - signed(truth)).norm()) < 1e-9


def test_lines_and_distances_are_opencvs() -> None:
    a, b = pair(sigma_px=2.0)
    found = epipolar.eight_point(a, b)
    lines = cv2.computeCorrespondEpilines(a.numpy()[:, None], 1, found.numpy())[:, 0]
    ours = epipolar.epipolar_lines(found, a).numpy()
    assert (
        np.abs(
            np.abs((ours * lines).sum(1)) / np.linalg.norm(lines, axis=1) / np.linalg.norm(ours, axis=1) - 1
        ).max()
        < 1e-6
    )
    model = transform.FundamentalMatrixTransform(found.numpy())
    theirs = model.residuals(a.numpy(), b.numpy())
    distance = epipolar.sampson_distance(found, a, b)
    assert np.abs(distance.numpy() - theirs).max() < 1e-9 and float(distance.max()) > 1
    one = cv2.sampsonDistance(np.append(a[0], 1.0), np.append(b[0], 1.0), found.numpy())
    assert float(distance[0] ** 2) == pytest.approx(one, rel=1e-6)


def test_sampsons_distance_is_in_pixels() -> None:
    """Two cameras side by side: lines are rows, and a match d rows off is d / √2 from agreeing."""
    rows = torch.tensor([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    a, b = torch.tensor([[10.0, 20.0]]), torch.tensor([[50.0, 24.0]])
    assert float(epipolar.sampson_distance(rows, a, b)) == pytest.approx(4 / 2**0.5)


def test_five_points_give_the_truth_among_ten_also_on_a_plane() -> None:
    cameras = views.cameras()
    rotation, step = views.relative(cameras)
    truth = signed(cross_matrix(step) @ rotation)
    for points in (views.cloud(100), views.flat(100)):
        a, b, _ = views.matches(points, cameras)
        k = cameras.intrinsics
        x, y = (epipolar.image_coordinates(p, k[0]).reshape(20, 5, 2) for p in (a, b))
        found = five_point.five_point(x, y)
        assert found.shape == (20, 10, 3, 3)
        near = torch.stack([(found - s * truth).flatten(2).norm(dim=2) for s in (-1, 1)])
        assert float(near.nan_to_num(9).amin((0, 2)).max()) < 1e-5
        kept = found[torch.isfinite(found[..., 0, 0])]
        values = torch.linalg.svdvals(kept)
        assert float((values[:, 0] - values[:, 1]).abs().max()) < 1e-4 and float(values[:, 2].max()) < 1e-4


@pytest.mark.parametrize(
    "fault",
    [("2 * long - trace", "long - trace"), ("[:, :10], equations", "[:, 10:], equations"),
     ("tuple(sorted((0, i, j, k)))[:3]", "tuple(sorted((0, i, j, k)))[1:]")],
)  # fmt: skip
def test_faults_in_five_points_lose_the_truth(fault: tuple[str, str]) -> None:
    if fault[0].startswith("["):
        fault = ("equations[..., :10], equations[..., 10:]", "equations[..., 10:], equations[..., :10]")
    module = planted("lecture_utils.geometry.five_point", fault)
    cameras = views.cameras()
    rotation, step = views.relative(cameras)
    truth = signed(cross_matrix(step) @ rotation)
    a, b, _ = views.matches(views.cloud(100), cameras)
    x, y = (epipolar.image_coordinates(p, cameras.intrinsics[0]).reshape(20, 5, 2) for p in (a, b))
    found = module.five_point(x, y)
    near = torch.stack([(found - s * truth).flatten(2).norm(dim=2) for s in (-1, 1)])
    assert float(near.nan_to_num(9).amin((0, 2)).max()) > 1e-2


def test_a_plane_is_a_homography_and_a_turn_one_too() -> None:
    cameras = views.cameras()
    a, b, _ = views.matches(views.flat(), cameras, sigma_px=0.5)
    theirs, _ = cv2.findHomography(a.numpy(), b.numpy(), 0)
    ours = homography.fit_homography(a, b)
    ours, theirs = ours / ours[2, 2], torch.as_tensor(theirs)
    moved = homography.transfer_distance(ours, a, b)
    least = homography.transfer_distance(theirs, a, b)  # OpenCV goes on to make this small
    assert abs(float((moved**2).mean().sqrt() / (least**2).mean().sqrt()) - 1) < 0.02
    turn = axis_angle_to_matrix(torch.tensor([0.03, -0.1, 0.02]).double())
    k = cameras.intrinsics[0]
    c = epipolar.homogeneous(a) @ (k @ turn @ torch.linalg.inv(k)).mT
    c = c[:, :2] / c[:, 2:]
    found = homography.fit_turn(a, c, k, k)
    assert float(homography.transfer_distance(found, a, c).max()) < 1e-8
    assert float(homography.transfer_distance(homography.fit_homography(a, c), a, c).max()) < 1e-6


def test_what_fixes_no_f_is_refused() -> None:
    a, b = pair()
    with pytest.raises(DegenerateViews, match="got 7, want 8"):
        epipolar.eight_point(a[:7], b[:7])
    with pytest.raises(DegenerateViews, match="one place"):
        epipolar.eight_point(a[:1].expand(9, 2), b[:9])
    flat_a, flat_b, _ = views.matches(views.flat(), views.cameras())
    with pytest.raises(DegenerateViews, match="plane"):
        epipolar.eight_point(flat_a, flat_b)
    with pytest.raises(ValueError, match="a: got"):
        epipolar.eight_point(a.T, b)
    with pytest.raises(ValueError, match="NaN"):
        epipolar.eight_point(a * torch.nan, b)
    with pytest.raises(ValueError, match="intrinsics"):
        epipolar.image_coordinates(a, torch.zeros(3, 3))
