"""Relative pose (S18.2): from the essential matrix to where the second camera stands, up to scale.

- R. Hartley, A. Zisserman, "Multiple View Geometry in Computer Vision", 2nd edition, 2004, section 9.6.2: the
  four poses that fit an E; in one of them the points lie in front of both cameras (cheirality).
- The pose is then moved until the reprojection error of both views is least (bundle adjustment of two).

Matches from which no pose follows are refused (`DegenerateViews`): too few, chance, a turn without a step,
one plane, too short a step.

Shapes: P matches. The first camera is at the origin and looks along z.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.geometry.bundle_adjustment import bundle_adjust
from lecture_utils.geometry.degenerate import DegenerateViews
from lecture_utils.geometry.epipolar import check_matches, image_coordinates
from lecture_utils.geometry.essential import check_depth, robust_essential
from lecture_utils.geometry.triangulation import ray_angle_deg, reprojection_error, triangulate
from lecture_utils.ops.camera import Cameras, world_to_cam
from lecture_utils.ops.checks import check_number, check_tensor

FRONT_SHARE, RIVAL = 0.75, 0.7  # of inliers in front of both cameras; of the next best pose, relative to that
LEAST_ANGLE_DEG = 0.5  # between the rays of half the inliers
ROUNDS = 3  # of refining the pose and choosing the inliers anew


class RelativePose(NamedTuple):
    """Where the second camera stands: X_b = R X_a + t, with |t| = 1.

    rotation (3, 3), translation (3,), which matches agree (P,) bool, the points (P, 3) in the first camera's
    axes (NaN for the others), the median angle between their rays in degrees, and the share of the inliers
    that one homography explains too.
    """

    rotation: Tensor
    translation: Tensor
    inliers: Tensor
    points: Tensor
    angle_deg: float
    flat_share: float


def four_poses(essential: Tensor) -> tuple[Tensor, Tensor]:
    """The poses R (4, 3, 3), t (4, 3) with |t| = 1 whose essential matrix is this one, up to scale.

    E = U diag(1, 1, 0) Vᵀ gives R = U W Vᵀ or U Wᵀ Vᵀ and t = ± the last column of U.
    """
    check_tensor(essential, "essential", 3, 3, finite=True)
    u, values, v = torch.linalg.svd(essential)
    if values[1] < 0.5 * values[0] or values[2] > 0.1 * values[0]:
        raise ValueError(f"essential: got singular values {values.tolist()}, want two alike and a 0")
    u = u * torch.linalg.det(u).sign()
    v = v * torch.linalg.det(v).sign()
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]).to(essential)  # W
    turns = torch.stack([u @ quarter @ v, u @ quarter.mT @ v])
    step = u[:, 2]
    return turns.repeat_interleave(2, dim=0), torch.stack([step, -step, step, -step])


def two_cameras(rotation: Tensor, translation: Tensor, intrinsics: Tensor | None = None) -> Cameras:
    """Cameras at the origin and at a pose, with K (2, 3, 3); without, K = 1: pixels are x / z, y / z."""
    check_tensor(rotation, "rotation", 3, 3)
    check_tensor(translation, "translation", 3)
    eye = torch.eye(3).to(rotation)
    if intrinsics is None:
        intrinsics = eye.expand(2, 3, 3)
    steps = torch.stack([torch.zeros_like(translation), translation])
    return Cameras(torch.stack([eye, rotation]), steps, intrinsics, (1, 1))


def recover_pose(essential: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Choose the pose for which most points lie in front of both cameras.

    Parameters
    ----------
    essential : Tensor
        (3, 3).
    a, b : Tensor
        (P, 2) matches as x / z, y / z: K taken off, as `image_coordinates` does; none of them wrong.

    Returns
    -------
    rotation, translation : Tensor
        (3, 3) and (3,), X_b = R X_a + t, |t| = 1.
    points : Tensor
        (P, 3) in the first camera's axes; NaN for those that are not in front of both.

    Raises
    ------
    DegenerateViews
        Where no pose has a clear majority of the points in front.
    ValueError
        For other shapes or types, NaN, a matrix that is not essential.
    """
    check_matches(a, b, 1)
    pixels, found = torch.stack([a, b]), []
    for rotation, translation in zip(*four_poses(essential.to(a)), strict=True):
        cameras = two_cameras(rotation, translation)
        points = triangulate(pixels, cameras)  # (P, 3)
        front = (world_to_cam(points, cameras)[..., 2] > 0).all(0)  # (P,)
        found.append((int(front.sum()), rotation, translation, points, front))
    found.sort(key=lambda pose: -pose[0])
    (most, rotation, translation, points, front), rival = found[0], found[1][0]
    if most < FRONT_SHARE * len(a) or rival > RIVAL * most:
        raise DegenerateViews(
            f"pose: got {most} and {rival} of {len(a)} points in front under the two best of four poses, "
            f"want one with {FRONT_SHARE:.0%} and the others clearly less"
        )
    return rotation, translation, torch.where(front[:, None], points, torch.nan)


def relative_pose(
    a: Tensor, b: Tensor, intrinsics_a: Tensor, intrinsics_b: Tensor, *,
    threshold_px: float = 1.0, solver: str = "five", seed: int = 0,
) -> RelativePose:  # fmt: skip
    """Pose between two views from matches, of which many may be wrong.

    Parameters
    ----------
    a, b : Tensor
        (P, 2) in pixels.
    intrinsics_a, intrinsics_b : Tensor
        K of each view, (3, 3).
    threshold_px : float
        A match nearer than this to agreeing (Sampson's distance) counts.
    solver, seed
        Of `robust_essential`.

    Returns
    -------
    RelativePose
        In double precision.

    Raises
    ------
    DegenerateViews
        With too few matches, with too many wrong ones, where one plane or a turn explains them as well, or
        where the step between the cameras is too short.
    ValueError
        For other shapes or types, NaN.
    """
    check_number(threshold_px, "threshold_px", 0, above=True)
    best = robust_essential(
        a, b, intrinsics_a, intrinsics_b, threshold_px=threshold_px, solver=solver, seed=seed
    )
    k, both = torch.stack([intrinsics_a, intrinsics_b]).double(), torch.stack([a, b]).double()
    inside = best.inliers
    flat = check_depth(*both[:, inside], *k, threshold_px=threshold_px, seed=seed)
    rotation, translation, own = recover_pose(
        best.model, image_coordinates(both[0, inside], k[0]), image_coordinates(both[1, inside], k[1])
    )
    cameras = two_cameras(rotation, translation, k)
    for _ in range(ROUNDS):  # what agrees with a better pose makes it better still
        kept = torch.nonzero(inside)[:, 0][torch.isfinite(own[:, 0])]
        refined = bundle_adjust(
            cameras, own[torch.isfinite(own[:, 0])], both[:, kept], huber_px=threshold_px, steps=20
        )
        cameras, before = refined.cameras, inside
        points = triangulate(both, cameras)  # (P, 3)
        inside = (reprojection_error(points, cameras, both) < threshold_px).all(0)
        own = points[inside]
        if bool((inside == before).all()):
            break
    angle = float(ray_angle_deg(own, cameras).median())
    if angle < LEAST_ANGLE_DEG:
        raise DegenerateViews(f"views: got rays {angle:.2g}° apart, want {LEAST_ANGLE_DEG}° or more")
    points = torch.where(inside[:, None], points, torch.nan)
    return RelativePose(cameras.rotation[1], cameras.translation[1], inside, points, angle, flat)
