"""Homographies and turns (S18.2): what two views of one plane, or from one place, have in common.

Both map pixels to pixels, whatever the depth: then matches say nothing, or too little, of where the cameras
stand. So they are fitted beside the essential matrix, to find out whether it can be trusted.

- R. Hartley, A. Zisserman, "Multiple View Geometry in Computer Vision", 2nd edition, 2004: the direct linear
  transform, algorithm 4.2, and degenerate configurations, section 11.9.
- W. Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta Crystallographica 1976.

Shapes: … any further axes, P matches.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.geometry.epipolar import check_intrinsics, homogeneous, normalise
from lecture_utils.ops.checks import check_tensor


def fit_homography(a: Tensor, b: Tensor) -> Tensor:
    """The H (…, 3, 3) with x_b ∝ H x_a for (…, P, 2) matches, P ≥ 4, no three of four on one line."""
    check_tensor(a, "a", "…", "P", 2, finite=True)
    check_tensor(b, "b", *a.shape, finite=True)
    if a.shape[-2] < 4:
        raise ValueError(f"a: got {a.shape[-2]} matches, want 4 or more")
    near_a, transform_a = normalise(a)
    near_b, transform_b = normalise(b)
    x, zero = homogeneous(near_a), torch.zeros_like(homogeneous(near_a))  # (…, P, 3)
    rows = [
        torch.cat([x, zero, -near_b[..., :1] * x], dim=-1),  # h_1 x - u h_3 x = 0
        torch.cat([zero, x, -near_b[..., 1:] * x], dim=-1),  # h_2 x - v h_3 x = 0
    ]
    _, _, right = torch.linalg.svd(torch.cat(rows, dim=-2), full_matrices=True)  # (…, 2P, 9)
    return torch.linalg.inv(transform_b) @ right[..., -1, :].unflatten(-1, (3, 3)) @ transform_a


def transfer_distance(homography: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """How far H takes each pixel of `a` (P, 2) from its match in `b`, in pixels, (…, P)."""
    check_tensor(homography, "homography", "…", 3, 3)
    check_tensor(a, "a", "P", 2, finite=True)
    check_tensor(b, "b", len(a), 2, finite=True)
    moved = homogeneous(a).to(homography) @ homography.mT  # (…, P, 3)
    return (moved[..., :2] / moved[..., 2:] - b.to(homography)).norm(dim=-1)


def fit_turn(a: Tensor, b: Tensor, intrinsics_a: Tensor, intrinsics_b: Tensor) -> Tensor:
    """The homography K_b R K_a⁻¹ of the turn R that takes rays of `a` (…, P, 2) nearest to those of `b`."""
    check_tensor(a, "a", "…", "P", 2, finite=True, some=True)
    check_tensor(b, "b", *a.shape, finite=True)
    check_intrinsics(intrinsics_a, "intrinsics_a")
    check_intrinsics(intrinsics_b, "intrinsics_b")
    inverse_a, inverse_b = torch.linalg.inv(intrinsics_a).to(a), torch.linalg.inv(intrinsics_b).to(a)
    rays_a = F.normalize(homogeneous(a) @ inverse_a.mT, dim=-1)  # (…, P, 3)
    rays_b = F.normalize(homogeneous(b) @ inverse_b.mT, dim=-1)
    u, _, v = torch.linalg.svd(rays_b.mT @ rays_a)
    flip = torch.ones_like(u[..., 0])
    flip[..., 2] = torch.linalg.det(u @ v).sign()  # no mirror image
    rotation = (u * flip[..., None, :]) @ v
    return intrinsics_b.to(a) @ rotation @ inverse_a
