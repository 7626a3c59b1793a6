"""Cameras: where a point of the world falls in a picture, and which ray a pixel looks along.

One convention, here and in every chapter that has a third dimension:

- the world has z up and is measured in metres;
- a camera has x to the right, y down and z forward (OpenCV's and COLMAP's axes; OpenGL, and so most NeRF
  code, has y up and z backward: flip both to convert);
- `world_to_cam` takes a point of the world to the camera, X_cam = R X_world + t; the camera stands at -Rᵀ t;
- pixels are u to the right and v down; the pixel in column j and row i covers [j, j + 1) × [i, i + 1), so its
  centre is (j + 0.5, i + 0.5). (OpenCV's centres lie at whole numbers: subtract 0.5 from u, v to convert.)
- depth is z in the camera, not the length of the ray.

R. Hartley and A. Zisserman, "Multiple View Geometry in Computer Vision", 2nd edition, 2004, section 6.1.

Shapes: N cameras, P points.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_numbers, check_size, check_tensor, check_whole

NEAREST = 1e-6  # metres: a point nearer than this to the camera's plane, or behind it, has no pixel


@dataclass(frozen=True)
class Cameras:
    """N pinhole cameras of one picture size.

    Attributes
    ----------
    rotation : Tensor
        (N, 3, 3), R: from the world's axes to the camera's.
    translation : Tensor
        (N, 3), t, in metres.
    intrinsics : Tensor
        (N, 3, 3), K: [[f_x, 0, c_x], [0, f_y, c_y], [0, 0, 1]], in pixels.
    size : tuple of int
        Height and width of the pictures, in pixels.

    Raises
    ------
    ValueError
        For wrong shapes, values that are not finite, an R that is no rotation, a focal length of 0 or less.
    """

    rotation: Tensor
    translation: Tensor
    intrinsics: Tensor
    size: tuple[int, int]

    def __post_init__(self) -> None:
        check_size(self.size)
        check_tensor(self.rotation, "rotation", "N", 3, 3, finite=True)
        check_tensor(self.translation, "translation", len(self.rotation), 3, finite=True)
        check_tensor(self.intrinsics, "intrinsics", len(self.rotation), 3, 3, finite=True)
        with torch.no_grad():
            eye = torch.eye(3).to(self.rotation)
            off = (self.rotation @ self.rotation.mT - eye).abs().flatten(1).amax(1)
            if bool((off > 1e-3).any()) or bool((torch.linalg.det(self.rotation) < 0).any()):
                raise ValueError("rotation: got a matrix that is no rotation, want R Rᵀ = 1 and det R = 1")
            if bool((self.intrinsics[:, [0, 1], [0, 1]] <= 0).any()):
                raise ValueError("intrinsics: got a focal length of 0 or less, want both above 0 pixels")

    def __len__(self) -> int:
        return len(self.rotation)

    def __getitem__(self, which: int | slice | Sequence[int] | Tensor) -> Self:
        """Some of the cameras, always with a batch axis: `cameras[3]` is one camera, N = 1."""
        if isinstance(which, int):
            if not -len(self) <= which < len(self):  # IndexError, not ValueError: what ends a `for` loop
                raise IndexError(f"cameras: got index {which}, want one of {len(self)} cameras")
            which = [which]
        return type(self)(self.rotation[which], self.translation[which], self.intrinsics[which], self.size)

    @property
    def centre(self) -> Tensor:
        """Where each camera stands in the world, -Rᵀ t, (N, 3) in metres."""
        return -(self.rotation.mT @ self.translation[:, :, None])[:, :, 0]

    def to(self, device: torch.device | str | torch.dtype) -> Self:
        """Move to a device, or change to a floating-point type."""
        return type(self)(
            self.rotation.to(device), self.translation.to(device), self.intrinsics.to(device), self.size
        )

    def scaled(self, size: tuple[int, int]) -> Self:
        """Return the same views at another picture size (height, width)."""
        (h, w), (new_h, new_w) = self.size, check_size(size)
        scale = torch.tensor([new_w / w, new_h / h, 1.0]).to(self.intrinsics)
        return type(self)(self.rotation, self.translation, scale[:, None] * self.intrinsics, (new_h, new_w))


def world_to_cam(points: Tensor, cameras: Cameras) -> Tensor:
    """Take points of the world (P, 3) or (N, P, 3) to each camera's axes, (N, P, 3), in metres."""
    points = _points(points, cameras, "points")
    return points @ cameras.rotation.mT + cameras.translation[:, None]  # R X + t


def cam_to_world(points_cam: Tensor, cameras: Cameras) -> Tensor:
    """Take points in each camera's axes (N, P, 3) to the world, (N, P, 3), in metres."""
    points_cam = _points(points_cam, cameras, "points_cam")
    return (points_cam - cameras.translation[:, None]) @ cameras.rotation  # Rᵀ (X - t)


def cam_to_pixel(points_cam: Tensor, cameras: Cameras) -> tuple[Tensor, Tensor]:
    """Project points in the camera's axes: pixels = K X / z.

    Parameters
    ----------
    points_cam : Tensor
        (N, P, 3) in metres.
    cameras : Cameras
        N of them.

    Returns
    -------
    pixels : Tensor
        (N, P, 2): u, v; NaN where the point is not in front of the camera.
    depth_m : Tensor
        (N, P): z in the camera, also where it is negative.
    """
    points_cam = _points(points_cam, cameras, "points_cam")
    depth_m = points_cam[..., 2]  # (N, P)
    in_front = depth_m > NEAREST
    safe = torch.where(in_front, depth_m, 1.0)  # so that what is behind gives no infinite gradient
    pixels = ((points_cam / safe[..., None]) @ cameras.intrinsics.mT)[..., :2]  # (N, P, 2)
    return torch.where(in_front[..., None], pixels, torch.nan), depth_m


def project(points: Tensor, cameras: Cameras) -> tuple[Tensor, Tensor]:
    """Project points of the world, (P, 3) or (N, P, 3): pixels (N, P, 2), depth (N, P), as `cam_to_pixel`."""
    return cam_to_pixel(world_to_cam(points, cameras), cameras)


def pixel_to_cam(pixels: Tensor, depth_m: Tensor, cameras: Cameras) -> Tensor:
    """Lift pixels (N, P, 2) with depth (N, P) to points in the camera's axes, (N, P, 3): z K⁻¹ (u, v, 1)."""
    check_tensor(pixels, "pixels", len(cameras), "P", 2)
    check_tensor(depth_m, "depth_m", len(cameras), pixels.shape[1])
    ones = torch.ones_like(pixels[..., :1])
    rays = torch.cat([pixels, ones], dim=2) @ torch.linalg.inv(cameras.intrinsics).mT  # (N, P, 3), z = 1
    return depth_m[..., None] * rays


def unproject(pixels: Tensor, depth_m: Tensor, cameras: Cameras) -> Tensor:
    """Lift pixels (N, P, 2) with their depth (N, P) to points of the world, (N, P, 3); undoes `project`."""
    return cam_to_world(pixel_to_cam(pixels, depth_m, cameras), cameras)


def pixel_grid(size: tuple[int, int]) -> Tensor:
    """Return the centres of all pixels of a picture (H, W), as (H, W, 2): u = j + 0.5, v = i + 0.5."""
    check_size(size)
    v, u = torch.meshgrid(torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5, indexing="ij")
    return torch.stack([u, v], dim=-1)


def rays(cameras: Cameras) -> tuple[Tensor, Tensor]:
    """Return the ray of each pixel: where it begins and its direction, of length 1.

    Returns
    -------
    origins, directions : Tensor
        (N, H, W, 3) in the world's axes. A point at distance s along the ray is origin + s · direction.
    """
    (h, w), n = cameras.size, len(cameras)
    pixels = pixel_grid(cameras.size).to(cameras.rotation).reshape(1, -1, 2).expand(n, -1, -1)
    in_cam = pixel_to_cam(pixels, torch.ones_like(pixels[..., 0]), cameras)  # (N, H·W, 3), z = 1
    directions = torch.nn.functional.normalize(in_cam @ cameras.rotation, dim=-1)  # Rᵀ d
    origins = cameras.centre[:, None].expand_as(directions)
    return origins.reshape(n, h, w, 3), directions.reshape(n, h, w, 3)


def look_at(eye: Tensor, target: Tensor, up: Sequence[float] = (0.0, 0.0, 1.0)) -> tuple[Tensor, Tensor]:
    """Return rotation (N, 3, 3), translation (N, 3) of cameras at `eye` (N, 3) that look at `target`.

    ValueError where `eye` is at `target`, or where the view is along `up`: then no way is upright.
    """
    check_tensor(eye, "eye", "N", 3, finite=True)
    check_tensor(target, "target", *(eye.shape if target.ndim == 2 else (3,)), finite=True)
    check_numbers(up, "up", 3)
    target = target.to(eye).expand_as(eye)
    forward = target - eye
    right = torch.linalg.cross(forward, torch.tensor(up).to(eye).expand_as(eye), dim=-1)
    if bool((right.norm(dim=-1) < 1e-6 * forward.norm(dim=-1).clamp_min(1e-6)).any()):
        raise ValueError("look_at: got an eye at its target, or a view along `up`, want neither")
    forward = torch.nn.functional.normalize(forward, dim=-1)
    right = torch.nn.functional.normalize(right, dim=-1)
    down = torch.linalg.cross(forward, right, dim=-1)
    rotation = torch.stack([right, down, forward], dim=1)  # rows: the camera's axes, in the world
    return rotation, -(rotation @ eye[:, :, None])[:, :, 0]


def pinhole(size: tuple[int, int], field_of_view_deg: float = 45.0) -> Tensor:
    """Return K, (3, 3), of square pixels for a horizontal field of view, centred in a picture (H, W)."""
    check_size(size)
    check_number(field_of_view_deg, "field_of_view_deg", 0, 179, above=True)
    focal = size[1] / 2 / math.tan(math.radians(field_of_view_deg) / 2)
    return torch.tensor([[focal, 0, size[1] / 2], [0, focal, size[0] / 2], [0, 0, 1]], dtype=torch.float32)


def orbit(
    count: int,
    size: tuple[int, int],
    *,
    radius_m: float = 3.0,
    elevation_deg: float = 25.0,
    turn_deg: float = 360.0,
    start_deg: float = 0.0,
    target: Sequence[float] = (0.0, 0.0, 0.0),
    field_of_view_deg: float = 45.0,
) -> Cameras:
    """Return cameras on a circle, or a part of one, around `target`, all looking at it.

    `count` cameras divide `turn_deg` evenly, the end left out, so that a whole turn has no view twice.
    """
    check_whole(count, "count")
    check_number(radius_m, "radius_m", 0, above=True)
    check_number(elevation_deg, "elevation_deg", -89, 89)
    check_number(turn_deg, "turn_deg")
    check_number(start_deg, "start_deg")
    check_numbers(target, "target", 3)
    azimuth = torch.deg2rad(start_deg + turn_deg * torch.arange(count) / count)  # (N,)
    elevation = math.radians(elevation_deg)
    level = radius_m * math.cos(elevation)
    height = torch.full_like(azimuth, radius_m * math.sin(elevation))
    middle = torch.tensor(target, dtype=torch.float32)
    eye = middle + torch.stack([level * azimuth.cos(), level * azimuth.sin(), height], dim=1)
    rotation, translation = look_at(eye, middle)
    return Cameras(
        rotation, translation, pinhole(size, field_of_view_deg).expand(count, 3, 3), check_size(size)
    )


def _points(points: Tensor, cameras: Cameras, name: str) -> Tensor:
    if isinstance(points, Tensor) and points.ndim == 2:
        points = points[None].expand(len(cameras), *points.shape)
    check_tensor(points, name, len(cameras), "P", 3)
    return points
