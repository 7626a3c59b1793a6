"""Synthetic views for the tests of two-view geometry and structure from motion, whose answer is known."""

import torch
from torch import Tensor

from lecture_utils.ops.camera import Cameras, orbit, project
from lecture_utils.ops.rotation import axis_angle_to_matrix


def cameras(count: int = 2, *, turn_deg: float = 30.0, size: tuple[int, int] = (240, 320)) -> Cameras:
    """Cameras on an arc around the origin, in double precision."""
    near = orbit(count, size, radius_m=4.0, elevation_deg=20, turn_deg=turn_deg, start_deg=17)
    near = near.to(torch.float64)
    u, _, v = torch.linalg.svd(near.rotation)  # `orbit` works in single precision
    return Cameras(u @ v, near.translation, near.intrinsics, size)


def cloud(count: int = 60, seed: int = 0) -> Tensor:
    """Points (P, 3) in a cube around the origin."""
    random = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(count, 3, generator=random, dtype=torch.float64) - 1


def flat(count: int = 60, seed: int = 0) -> Tensor:
    """Points (P, 3) on a plane that is nobody's picture plane."""
    points = cloud(count, seed)
    points[:, 2] = 0.3 * points[:, 0] - 0.2 * points[:, 1]
    return points


def noise(shape: tuple[int, ...], sigma_px: float, seed: int = 1) -> Tensor:
    """Normal noise in pixels."""
    return sigma_px * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def matches(
    points: Tensor, views: Cameras, *, sigma_px: float = 0.0, wrong: float = 0.0, seed: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels of points in two views with noise, a share of them replaced by chance; which are right (P,)."""
    pixels = project(points, views)[0] + noise((2, len(points), 2), sigma_px, seed)
    random = torch.Generator().manual_seed(seed)
    right = torch.ones(len(points), dtype=torch.bool)
    right[torch.randperm(len(points), generator=random)[: round(wrong * len(points))]] = False
    height, width = views.size
    stray = torch.rand(2, len(points), 2, generator=random, dtype=torch.float64) * torch.tensor(
        [width, height]
    )
    pixels = torch.where(right[:, None], pixels, stray)
    return pixels[0], pixels[1], right


def relative(views: Cameras) -> tuple[Tensor, Tensor]:
    """The true R and t, |t| = 1, of X_b = R X_a + t."""
    rotation = views.rotation[1] @ views.rotation[0].mT
    step = views.translation[1] - rotation @ views.translation[0]
    return rotation, step / step.norm()


def axis_angle(vector: list[float]) -> Tensor:
    """A rotation (3, 3) in double precision."""
    return axis_angle_to_matrix(torch.tensor(vector, dtype=torch.float64))
