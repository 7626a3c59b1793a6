"""Alignment and errors (S18.2): a reconstruction against the truth, whose place and scale it cannot know.

- S. Umeyama, "Least-Squares Estimation of Transformation Parameters Between Two Point Patterns", PAMI 1991:
  the similarity that takes one set of points nearest to another.
- Y. Jin et al., "Image Matching across Wide Baselines", IJCV 2021: errors of the relative pose of every pair
  of cameras, which need no alignment.

Shapes: N cameras, P points.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.geometry.degenerate import DegenerateViews
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_tensor
from lecture_utils.ops.rotation import (
    rotation_angle_deg as rotation_angle_deg,
)  # of poses: asked for here too


class Similarity(NamedTuple):
    """X → s R X + t: scale (), rotation (3, 3), translation (3,)."""

    scale: Tensor
    rotation: Tensor
    translation: Tensor

    def points(self, points: Tensor) -> Tensor:
        """Take points (P, 3) along."""
        check_tensor(points, "points", "P", 3)
        s, rotation, translation = (part.to(points) for part in self)
        return s * points @ rotation.mT + translation

    def cameras(self, cameras: Cameras) -> Cameras:
        """Take cameras along: they see the points taken along where they saw the points."""
        s, rotation, translation = (part.to(cameras.rotation) for part in self)
        turned = cameras.rotation @ rotation.mT  # X_cam = R' X' + t' with X' = s R X + t, all over s
        moved = s * cameras.translation - (turned @ translation[:, None])[:, :, 0]
        return Cameras(turned, moved, cameras.intrinsics, cameras.size)


def umeyama(source: Tensor, target: Tensor) -> Similarity:
    """The similarity that takes points nearest to others, in squared distance.

    Parameters
    ----------
    source, target : Tensor
        (P, 3), matching row by row; P ≥ 3, not on one line.

    Raises
    ------
    DegenerateViews
        For fewer points, or points on one line, which any turn about it leaves as near.
    ValueError
        For other shapes or types, NaN.
    """
    check_tensor(source, "source", "P", 3, finite=True)
    check_tensor(target, "target", len(source), 3, finite=True)
    if len(source) < 3:
        raise DegenerateViews(f"source: got {len(source)} points, want three or more")
    x, y = source.double(), target.double()
    from_middle, to_middle = x - x.mean(0), y - y.mean(0)
    u, values, v = torch.linalg.svd(to_middle.mT @ from_middle)
    if values[1] < 1e-9 * values[0] or values[0] == 0:
        raise DegenerateViews("source: got points on one line, want three that are not")
    keep = torch.ones(3).to(x)
    keep[2] = torch.linalg.det(u @ v).sign()  # a turn, not a mirror image
    rotation = (u * keep) @ v
    scale = (values * keep).sum() / (from_middle**2).sum()
    return Similarity(scale, rotation, y.mean(0) - scale * rotation @ x.mean(0))


def relative_pose_errors(cameras: Cameras, truth: Cameras) -> tuple[Tensor, Tensor]:
    """Errors of the pose between each two of N cameras.

    Returns
    -------
    rotation_deg, direction_deg : Tensor
        (N (N - 1) / 2,): the angle of R_ij to the true one, and between the directions of t_ij. 0 for a
        reconstruction that is right up to a similarity.

    Raises
    ------
    ValueError
        For other numbers of cameras, or fewer than two.
    """
    if len(cameras) != len(truth) or len(cameras) < 2:
        raise ValueError(f"cameras: got {len(cameras)} and {len(truth)}, want as many of both, two or more")
    i, j = torch.triu_indices(len(cameras), len(cameras), 1)
    own, true = (_relative(c.to(torch.float64), i, j) for c in (cameras, truth))
    turn = rotation_angle_deg(own[0], true[0])
    across = torch.linalg.cross(own[1], true[1], dim=1).norm(dim=1)
    return turn, torch.rad2deg(torch.atan2(across, (own[1] * true[1]).sum(1)))


def _relative(cameras: Cameras, i: Tensor, j: Tensor) -> tuple[Tensor, Tensor]:
    """R_ij and t_ij of X_j = R_ij X_i + t_ij."""
    rotation = cameras.rotation[j] @ cameras.rotation[i].mT
    return rotation, cameras.translation[j] - (rotation @ cameras.translation[i][:, :, None])[:, :, 0]
