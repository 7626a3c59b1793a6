"""Resection (S18.2): where a camera stands that sees known points ("perspective n points", PnP).

- R. Hartley, A. Zisserman, "Multiple View Geometry in Computer Vision", 2nd edition, 2004, sections 7.1 and
  7.2: the direct linear transform, from six points, then the reprojection error made small.
- M. Fischler, R. Bolles, "Random Sample Consensus", Communications of the ACM 1981, who made RANSAC for this.

Simplified: the linear fit ignores that R is a rotation (three points would do: "P3P"), so it needs six points
that are not on one plane.

Shapes: … any further axes, P points.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.geometry.bundle_adjustment import cost, huber_weights
from lecture_utils.geometry.degenerate import DegenerateViews
from lecture_utils.geometry.epipolar import homogeneous, image_coordinates, normalise
from lecture_utils.geometry.ransac import ransac
from lecture_utils.ops.checks import check_number, check_tensor, check_whole
from lecture_utils.ops.rotation import axis_angle_to_matrix, cross_matrix

FEWEST = 8  # inliers: two more than fix the fit


class Resection(NamedTuple):
    """A camera's rotation (3, 3) and translation (3,), X_cam = R X + t, and which points agree, (P,) bool."""

    rotation: Tensor
    translation: Tensor
    inliers: Tensor


def fit_pose(points: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """Solve x ∝ [R | t] X for points (…, P, 3) seen at x / z, y / z (…, P, 2), P ≥ 6.

    Returns
    -------
    rotation, translation : Tensor
        (…, 3, 3) and (…, 3).
    """
    check_tensor(points, "points", "…", "P", 3, finite=True)
    check_tensor(image, "image", *points.shape[:-1], 2, finite=True)
    if points.shape[-2] < 6:
        raise ValueError(f"points: got {points.shape[-2]}, want six or more")
    near, transform = normalise(points)
    x, zero = homogeneous(near), torch.zeros_like(homogeneous(near))  # (…, P, 4)
    rows = [
        torch.cat([x, zero, -image[..., :1] * x], dim=-1),  # p_1 X - u p_3 X = 0
        torch.cat([zero, x, -image[..., 1:] * x], dim=-1),  # p_2 X - v p_3 X = 0
    ]
    _, _, right = torch.linalg.svd(torch.cat(rows, dim=-2), full_matrices=True)
    pose = right[..., -1, :].unflatten(-1, (3, 4)) @ transform  # (…, 3, 4), up to scale and sign
    pose = pose * torch.linalg.det(pose[..., :3]).sign()[..., None, None]
    u, values, v = torch.linalg.svd(pose[..., :3])
    rotation = u @ v  # the nearest; det is 1 as the sign was chosen
    return rotation, pose[..., 3] / values.mean(-1, keepdim=True)


def pose_distance(poses: Tensor, points: Tensor, pixels: Tensor, intrinsics: Tensor) -> Tensor:
    """Reprojection errors in pixels, (…, P), of poses [R | t] (…, 3, 4); infinite behind the camera."""
    check_tensor(poses, "poses", "…", 3, 4)
    check_tensor(points, "points", "P", 3)
    check_tensor(pixels, "pixels", len(points), 2)
    check_tensor(intrinsics, "intrinsics", 3, 3)
    in_cam = homogeneous(points) @ poses.mT  # (…, P, 3)
    front = in_cam[..., 2:] > 1e-6
    seen_at = (in_cam / torch.where(front, in_cam[..., 2:], 1.0) @ intrinsics.mT)[..., :2]
    return torch.where(front[..., 0], (seen_at - pixels).norm(dim=-1), torch.inf)


def refine_pose(
    pose: Tensor,
    points: Tensor,
    pixels: Tensor,
    intrinsics: Tensor,
    *,
    huber_px: float = 1.0,
    steps: int = 10,
) -> Tensor:
    """Gauss-Newton on the reprojection error (Huber's) over R ← exp([ω]×) R and t.

    Returns the best pose [R | t] that it met, (3, 4).
    """
    check_tensor(pose, "pose", 3, 4, finite=True)
    check_tensor(points, "points", "P", 3, finite=True)
    check_tensor(pixels, "pixels", len(points), 2, finite=True)
    check_tensor(intrinsics, "intrinsics", 3, 3, finite=True)
    check_whole(steps, "steps", 0)
    check_number(huber_px, "huber_px", 0, above=True)
    focal, best, least = intrinsics[:2], pose, torch.inf
    for _ in range(steps + 1):
        turned = points @ pose[:, :3].mT  # R X
        x = turned + pose[:, 3]
        if bool((x[:, 2] < 1e-6).any()):  # a step too far
            break
        depth = x[:, 2, None, None]
        seen_at = focal @ x[:, :, None] / depth  # (P, 2, 1)
        r = seen_at[..., 0] - pixels
        if not (value := cost(r, huber_px)) < least:
            break
        best, least = pose, value
        by_cam = (focal - seen_at * torch.tensor([0.0, 0.0, 1.0]).to(x)) / depth  # (P, 2, 3)
        jacobian = torch.cat([by_cam @ -cross_matrix(turned), by_cam], dim=2).flatten(0, 1)  # by ω, t
        weight = huber_weights(r, huber_px).repeat_interleave(2)[:, None]
        normal, gradient = jacobian.mT @ (weight * jacobian), jacobian.mT @ (weight[:, 0] * r.flatten())
        step = -torch.linalg.lstsq(normal, gradient[:, None]).solution[:, 0]
        rotation = axis_angle_to_matrix(step[:3]) @ pose[:, :3]
        pose = torch.cat([rotation, (pose[:, 3] + step[3:])[:, None]], dim=1)
    return best


def resection(
    points: Tensor, pixels: Tensor, intrinsics: Tensor, *, threshold_px: float = 2.0, seed: int = 0
) -> Resection:
    """Find a camera from points of the world and where it sees them; up to half of them may be wrong.

    Parameters
    ----------
    points : Tensor
        (P, 3), P ≥ 8.
    pixels : Tensor
        (P, 2).
    intrinsics : Tensor
        K, (3, 3).
    threshold_px : float
        A point that projects nearer than this to its pixel agrees.
    seed : int
        Of RANSAC.

    Raises
    ------
    DegenerateViews
        With fewer than eight points, all on one plane, or where fewer than eight or a quarter agree.
    ValueError
        For other shapes or types, NaN.
    """
    check_tensor(points, "points", "P", 3, finite=True)
    check_tensor(pixels, "pixels", len(points), 2, finite=True)
    check_number(threshold_px, "threshold_px", 0, above=True)
    if len(points) < FEWEST:
        raise DegenerateViews(f"points: got {len(points)}, want {FEWEST} or more")
    world, seen_at, k = points.double(), pixels.double(), intrinsics.double()
    spread = torch.linalg.svdvals(world - world.mean(0))
    if spread[2] < 1e-3 * spread[0]:
        raise DegenerateViews("points: got all on one plane or line, want depth")
    image = image_coordinates(seen_at, k)

    def fit(chosen: Tensor) -> Tensor:
        rotation, translation = fit_pose(world[chosen], image[chosen])
        return torch.cat([rotation, translation[..., None]], dim=-1)

    def distance(poses: Tensor) -> Tensor:
        return pose_distance(poses, world, seen_at, k)

    least = max(FEWEST, round(0.25 * len(points)))
    found = ransac(fit, distance, len(points), sample=6, threshold=threshold_px, least=least, seed=seed)
    pose, inliers = found.model, found.inliers
    for _ in range(3):
        pose = refine_pose(pose, world[inliers], seen_at[inliers], k)
        agree = distance(pose) < threshold_px
        if bool((agree == inliers).all()) or agree.sum() < inliers.sum():
            break
        inliers = agree
    return Resection(pose[:, :3], pose[:, 3], inliers)
