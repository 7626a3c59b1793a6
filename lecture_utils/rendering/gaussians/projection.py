"""Projection of 3-D Gaussians: each becomes a 2-D one in the picture; part of 3D Gaussian splatting (S18.5).

M. Zwicker, H. Pfister, J. van Baar, M. Gross, "EWA Volume Splatting", IEEE Visualization 2001, section 4;
Kerbl et al., "3D Gaussian Splatting", SIGGRAPH 2023, equation 5: Σ' = J W Σ Wᵀ Jᵀ. Perspective bends a
Gaussian; its Jacobian at the mean, J, is the straight map nearest to it, and a straight map keeps a Gaussian
one.

Three things that stand in the authors' code and not in their equations: 0.3 square pixels are added to both
variances, so that no splat is thinner than about a pixel (the low-pass filter of EWA volume splatting); what
is nearer than 0.2 is left out; and J is taken no further outside the picture than 0.3 of its half-width,
since far outside the straight map is no longer near. (Off-centre cameras: as gsplat has it; with the
principal point in the middle the two agree.)

Shapes: N Gaussians.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.ops.camera import Cameras, world_to_cam
from lecture_utils.ops.checks import check_number, check_tensor, check_type, check_whole

DILATION = 0.3  # square pixels
NEAR_M = 0.2
OUTSIDE = 0.3  # half-widths of the picture


class Splats(NamedTuple):
    """N Gaussians in a picture.

    Attributes
    ----------
    means : Tensor
        (N, 2): u, v in pixels.
    covariances : Tensor
        (N, 2, 2) in square pixels.
    depth_m : Tensor
        (N,): z in the camera.
    visible : Tensor
        (N,) bool: far enough in front of the camera. The others' means and covariances mean nothing.
    """

    means: Tensor
    covariances: Tensor
    depth_m: Tensor
    visible: Tensor


def projection_jacobian(means_cam: Tensor, intrinsics: Tensor) -> Tensor:
    """Return how the pixel (u, v) changes with the point (x, y, z) in the camera's axes, in pixels a metre.

    Parameters
    ----------
    means_cam : Tensor
        (N, 3) in metres, z above 0.
    intrinsics : Tensor
        (3, 3), K.

    Returns
    -------
    Tensor
        (N, 2, 3): for K without skew [[f_x / z, 0, -f_x x / z²], [0, f_y / z, -f_y y / z²]].

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, or a point that is not in front of the camera.
    """
    check_tensor(means_cam, "means_cam", "N", 3, finite=True)
    check_tensor(intrinsics, "intrinsics", 3, 3, finite=True)
    check_type(means_cam, intrinsics, name="means_cam")
    if bool((means_cam[:, 2] <= 0).any()):
        raise ValueError("means_cam: got a point with z of 0 or less, want all in front of the camera")
    x, y, z = means_cam.unbind(dim=1)
    one, zero = torch.ones_like(z), torch.zeros_like(z)
    rows = [torch.stack([one, zero, -x / z], dim=1), torch.stack([zero, one, -y / z], dim=1)]
    return intrinsics[:2, :2] @ (torch.stack(rows, dim=1) / z[:, None, None])  # (N, 2, 3)


def project_gaussians(
    means: Tensor,
    covariances: Tensor,
    cameras: Cameras,
    *,
    dilation: float = DILATION,
    near_m: float = NEAR_M,
) -> Splats:
    """Project N Gaussians of the world into one camera.

    Parameters
    ----------
    means : Tensor
        (N, 3) in metres.
    covariances : Tensor
        (N, 3, 3), positive semi-definite, in square metres.
    cameras : Cameras
        One, such as `cameras[3]`.
    dilation : float
        Added to both variances, square pixels.
    near_m : float
        What has less depth is not visible.

    Returns
    -------
    Splats
        Where each falls, how far it spreads, and which are visible.

    Raises
    ------
    ValueError
        For other shapes or types, values that are not finite, or several cameras.
    """
    check_tensor(means, "means", "N", 3, finite=True)
    check_tensor(covariances, "covariances", len(means), 3, 3, finite=True)
    check_type(covariances, means, name="covariances")
    check_type(means, cameras.rotation, name="means")
    check_number(dilation, "dilation", 0)
    check_number(near_m, "near_m", 0, above=True)
    if len(cameras) != 1:
        raise ValueError(f"cameras: got {len(cameras)}, want one: cameras[0]")
    in_cam = world_to_cam(means, cameras)[0]  # (N, 3)
    depth_m, intrinsics = in_cam[:, 2], cameras.intrinsics[0]
    visible = depth_m > near_m
    z = torch.where(visible, depth_m, 1.0)[:, None]  # so that what is behind gives no infinite gradient
    slopes = in_cam[:, :2] / z  # (N, 2): x / z, y / z
    centres = slopes @ intrinsics[:2, :2].mT + intrinsics[:2, 2]  # (N, 2)
    low, high = slope_limits(cameras)
    inside = torch.cat([slopes.clamp(low, high) * z, z], dim=1)  # (N, 3)
    to_pixels = projection_jacobian(inside, intrinsics) @ cameras.rotation[0]  # J W, (N, 2, 3)
    spread = to_pixels @ covariances @ to_pixels.mT  # (N, 2, 2)
    return Splats(centres, spread + dilation * torch.eye(2).to(spread), depth_m, visible)


def dilation_at(height: int, fitted_height: int) -> float:
    """Return the dilation that blurs a scene at another size of picture as it did where it was fitted.

    What was learned is right together with the blur of 0.3 square pixels of its pictures. Drawn four times as
    large with the same 0.3, every splat would be too thin (Z. Yu et al., "Mip-Splatting", CVPR 2024).

    Parameters
    ----------
    height, fitted_height : int
        Of the pictures to draw, and of those that the scene was fitted to, in pixels; same field of view.
    """
    check_whole(height, "height")
    check_whole(fitted_height, "fitted_height")
    return DILATION * (height / fitted_height) ** 2


def slope_limits(cameras: Cameras) -> tuple[Tensor, Tensor]:
    """Return the least and the largest x / z, y / z, (2,) each, at which one camera's Jacobian is taken."""
    if len(cameras) != 1:
        raise ValueError(f"cameras: got {len(cameras)}, want one: cameras[0]")
    height, width = cameras.size
    size = torch.tensor([width, height]).to(cameras.intrinsics)
    focal, centre = cameras.intrinsics[0, [0, 1], [0, 1]], cameras.intrinsics[0, :2, 2]
    margin = OUTSIDE * size / (2 * focal)
    return -centre / focal - margin, (size - centre) / focal + margin
