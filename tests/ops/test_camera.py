"""The camera's convention: against OpenCV's projection, round trips, and cameras on a circle."""

import cv2
import numpy as np
import pytest
import torch

from lecture_utils.ops.camera import (
    Cameras,
    cam_to_world,
    look_at,
    orbit,
    pinhole,
    pixel_grid,
    project,
    rays,
    unproject,
    world_to_cam,
)


def _cameras(count: int = 5, size: tuple[int, int] = (48, 64)) -> Cameras:
    return orbit(count, size, radius_m=3.0, elevation_deg=20, start_deg=13, target=(0.1, -0.2, 0.3))


def _points(count: int = 40, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(seed)) - 0.5


def test_pixels_are_opencvs_but_for_the_half_pixel() -> None:
    cameras, points = _cameras(), _points()
    pixels, depth = project(points, cameras)
    for n in range(len(cameras)):
        rotation, translation = cameras.rotation[n].numpy(), cameras.translation[n].numpy()
        wanted, _ = cv2.projectPoints(
            points.numpy(), cv2.Rodrigues(rotation)[0], translation, cameras.intrinsics[n].numpy(), None
        )
        assert np.abs(pixels[n].numpy() - wanted[:, 0]).max() < 1e-3  # K is given in our pixels on both sides
        assert np.abs(depth[n].numpy() - (points.numpy() @ rotation.T + translation)[:, 2]).max() < 1e-5


def test_world_camera_and_pixel_go_round() -> None:
    cameras, points = _cameras().to(torch.float64), _points().double()
    assert (cam_to_world(world_to_cam(points, cameras), cameras) - points).abs().max() < 1e-6
    pixels, depth = project(points, cameras)
    assert (unproject(pixels, depth, cameras) - points).abs().max() < 1e-6
    single = _cameras()
    pixels, depth = project(_points(), single)
    assert (unproject(pixels, depth, single) - _points()).abs().max() < 1e-5


def test_a_ray_passes_through_what_its_pixel_shows() -> None:
    cameras = _cameras()
    origins, directions = rays(cameras)
    assert origins.shape == directions.shape == (5, 48, 64, 3)
    assert (directions.norm(dim=-1) - 1).abs().max() < 1e-6
    far = origins + 2.5 * directions
    pixels, _ = project(far.reshape(5, -1, 3), cameras)
    assert (pixels.reshape(5, 48, 64, 2) - pixel_grid((48, 64))).abs().max() < 1e-3


def test_what_it_looks_at_is_in_the_middle_and_up_is_up() -> None:
    cameras = _cameras()
    middle, depth = project(torch.tensor([[0.1, -0.2, 0.3]]), cameras)
    assert (middle - torch.tensor([32.0, 24.0])).abs().max() < 1e-3 and (depth - 3).abs().max() < 1e-4
    above, _ = project(torch.tensor([[0.1, -0.2, 0.5]]), cameras)
    assert bool((above[..., 1] < middle[..., 1]).all())  # v grows downwards
    assert cameras.centre[0, 2] == pytest.approx(0.3 + 3 * np.sin(np.deg2rad(20)), abs=1e-5)


def test_another_size_shows_the_same_view() -> None:
    cameras, points = _cameras(), _points()
    small, _ = project(points, cameras)
    large, _ = project(points, cameras.scaled((96, 192)))
    assert (large - small * torch.tensor([3.0, 2.0])).abs().max() < 1e-3


def test_what_is_behind_has_no_pixel_and_no_infinite_gradient() -> None:
    cameras = _cameras(1)
    points = torch.cat([cameras.centre * 2, cameras.centre, torch.zeros(1, 3)]).requires_grad_()
    pixels, depth = project(points, cameras)
    assert torch.isnan(pixels[0, :2]).all() and depth[0, 0] < 0 and torch.isfinite(pixels[0, 2]).all()
    pixels[0, 2].sum().backward()
    assert torch.isfinite(points.grad).all()  # type: ignore[union-attr]


def test_a_loop_over_cameras_ends_and_an_index_keeps_the_batch() -> None:
    cameras = _cameras(3)
    assert [len(one) for one in cameras] == [1, 1, 1]  # type: ignore[attr-defined]
    assert len(cameras[1:]) == 2 and torch.equal(cameras[-1].rotation[0], cameras.rotation[2])
    with pytest.raises(IndexError, match="got index 3"):
        cameras[3]


def test_no_camera_is_refused_with_what_is_wrong() -> None:
    good = _cameras(2)
    mirror = good.rotation * torch.tensor([-1.0, 1, 1])[:, None]
    with pytest.raises(ValueError, match="no rotation"):
        Cameras(mirror, good.translation, good.intrinsics, good.size)
    with pytest.raises(ValueError, match="focal length"):
        Cameras(good.rotation, good.translation, -good.intrinsics, good.size)
    with pytest.raises(ValueError, match="translation"):
        Cameras(good.rotation, good.translation[:1], good.intrinsics, good.size)
    with pytest.raises(ValueError, match="along `up`"):
        look_at(torch.tensor([[0.0, 0, 3]]), torch.zeros(3))
    with pytest.raises(ValueError, match="field_of_view_deg"):
        pinhole((8, 8), 0.0)
