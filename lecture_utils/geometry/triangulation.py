"""Triangulation (S18.2): where in the world a point stands that several cameras see.

R. Hartley, A. Zisserman, "Multiple View Geometry in Computer Vision", 2nd edition, 2004, section 12.2: the
direct linear transform. Each view says that x is parallel to P X, which is two equations linear in X.

Simplified: what is made small has no meaning in the picture (bundle adjustment makes it the reprojection
error); K is taken off first, so that the equations are of one size.

Shapes: N views, P points.
"""

import torch
from torch import Tensor

from lecture_utils.geometry.epipolar import homogeneous
from lecture_utils.ops.camera import Cameras, project
from lecture_utils.ops.checks import check_tensor


def check_views(pixels: Tensor, seen: Tensor, views: int) -> None:
    """Raise ValueError unless pixels are (N, P, 2), finite where `seen`, (N, P) bool, says so."""
    check_tensor(pixels, "pixels", views, "P", 2)
    check_tensor(seen, "seen", views, pixels.shape[1], kind="bool")
    if not bool(torch.isfinite(pixels[seen]).all()):
        raise ValueError("pixels: got NaN or infinite values where a point is seen, want finite ones")


def triangulate(pixels: Tensor, cameras: Cameras, seen: Tensor | None = None) -> Tensor:
    """Find points from where they are seen.

    Parameters
    ----------
    pixels : Tensor
        (N, P, 2): u, v of each point in each view; any value where it is not seen.
    cameras : Cameras
        N of them, two or more.
    seen : Tensor, optional
        (N, P) bool. All, when omitted.

    Returns
    -------
    Tensor
        (P, 3) in the world; NaN for a point that fewer than two views see, or that lies at infinity. A point
        may come out behind a camera: `project` gives NaN there.

    Raises
    ------
    ValueError
        With fewer than two cameras, for other shapes or types, NaN in what is seen.
    """
    if len(cameras) < 2:
        raise ValueError(f"cameras: got {len(cameras)}, want two or more")
    check_tensor(pixels, "pixels", len(cameras), "P", 2)
    if seen is None:
        seen = torch.ones(pixels.shape[:2], dtype=torch.bool, device=pixels.device)
    check_views(pixels, seen, len(cameras))
    kind = torch.float64
    pose = torch.cat([cameras.rotation, cameras.translation[:, :, None]], dim=2).to(kind)  # (N, 3, 4)
    inverse = torch.linalg.inv(cameras.intrinsics.to(kind))
    x = homogeneous(torch.where(seen[..., None], pixels, 0.0).to(kind)) @ inverse.mT  # (N, P, 3), z = 1
    rows = x[..., :2, None] * pose[:, None, 2:] - pose[:, None, :2]  # u P_3 - P_1, v P_3 - P_2: (N, P, 2, 4)
    rows = (rows * seen[..., None, None]).permute(1, 0, 2, 3).flatten(1, 2)  # (P, 2N, 4)
    _, _, right = torch.linalg.svd(rows, full_matrices=False)
    last = right[:, -1]  # (P, 4): X with a fourth coordinate, up to scale
    fixed = (seen.sum(0) >= 2) & (last[:, 3].abs() > 1e-9)
    points = last[:, :3] / torch.where(fixed, last[:, 3], torch.nan)[:, None]
    return points.to(pixels)


def ray_angle_deg(points: Tensor, cameras: Cameras, seen: Tensor | None = None) -> Tensor:
    """The largest angle in degrees between the rays on which a point (P, 3) is seen, (P,).

    0 for a point that fewer than two see (`seen` is (N, P) bool; all, when omitted). Below about 1° a small
    error in a pixel is a large one in depth.
    """
    check_tensor(points, "points", "P", 3)
    if seen is None:
        seen = torch.ones(len(cameras), len(points), dtype=torch.bool, device=points.device)
    check_tensor(seen, "seen", len(cameras), len(points), kind="bool")
    rays = torch.nn.functional.normalize(points - cameras.centre.to(points)[:, None], dim=2)  # (N, P, 3)
    cosine = torch.einsum("npd,mpd->nmp", rays, rays)
    cosine = torch.where(seen[:, None] & seen[None], cosine, 1.0)
    return torch.rad2deg(torch.acos(cosine.clamp(-1, 1)).amax((0, 1)))


def reprojection_error(
    points: Tensor, cameras: Cameras, pixels: Tensor, seen: Tensor | None = None
) -> Tensor:
    """Distance in pixels from where points (P, 3) project to where they are seen (N, P, 2): (N, P).

    NaN where a point is not seen, or is not in front of the camera.
    """
    check_tensor(points, "points", "P", 3)
    if seen is None:
        seen = torch.ones(len(cameras), len(points), dtype=torch.bool, device=points.device)
    check_tensor(pixels, "pixels", len(cameras), len(points), 2)
    check_views(pixels, seen, len(cameras))
    error = (project(points.to(cameras.rotation), cameras)[0] - pixels.to(cameras.rotation)).norm(dim=2)
    return torch.where(seen, error, torch.nan)
