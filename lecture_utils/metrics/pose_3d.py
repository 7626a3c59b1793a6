"""How far a body is from the truth: MPJPE, PA-MPJPE, vertex error, depth flips.

- C. Ionescu, D. Papava, V. Olaru and C. Sminchisescu, "Human3.6M", PAMI 2014: the mean distance of the joints
  (MPJPE), both bodies moved until their roots agree.
- X. Zhou et al., "Sparseness meets deepness", CVPR 2016, and others after it: the same after the best
  similarity (Procrustes), PA-MPJPE, which forgives the heading and the size.
- C. J. Taylor, "Reconstruction of articulated objects from point correspondences in a single uncalibrated
  image", CVIU 2000: each bone may point towards the camera or away from it, and look the same.

Shapes: B bodies, J joints, V vertices, N bones.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_utils.body.lbs import check_tree
from lecture_utils.geometry.align import umeyama
from lecture_utils.ops.checks import check_number, check_tensor, check_whole

MM = 1000.0


def mpjpe_mm(joints: Tensor, truth: Tensor, *, root: int | None = 0) -> Tensor:
    """Mean distance of joints from the truth, in millimetres.

    Parameters
    ----------
    joints, truth : Tensor
        (B, J, 3) in metres.
    root : int, optional
        The joint that is moved to the true one first; None moves none, and the place in the world counts too.

    Returns
    -------
    Tensor
        (B,), 0 or more.
    """
    _check_pair(joints, truth)
    if root is not None:
        check_whole(root, "root", 0)
        if root >= joints.shape[1]:
            raise ValueError(f"root: got {root}, want one of {joints.shape[1]} joints, from 0")
        joints, truth = joints - joints[:, root, None], truth - truth[:, root, None]
    return MM * (joints - truth).norm(dim=-1).mean(1)


def pa_mpjpe_mm(joints: Tensor, truth: Tensor) -> Tensor:
    """The same, (B,), after the turn, shift and scale that bring each body nearest to the truth."""
    _check_pair(joints, truth)
    aligned = [umeyama(own, true).points(own) for own, true in zip(joints, truth, strict=True)]
    return MM * (torch.stack(aligned) - truth).norm(dim=-1).mean(1)


def vertex_error_mm(
    vertices: Tensor, truth: Tensor, root: Tensor | None = None, true_root: Tensor | None = None
) -> Tensor:
    """Mean distance of vertices from the truth, (B,) in millimetres.

    Parameters
    ----------
    vertices, truth : Tensor
        (B, V, 3) in metres, vertex by vertex.
    root, true_root : Tensor, optional
        (B, 3), what is moved together first, such as both pelvises; left out, nothing is.
    """
    _check_pair(vertices, truth, "vertices")
    if (root is None) != (true_root is None):
        raise ValueError("root: got one of root and true_root, want both or neither")
    if root is not None and true_root is not None:
        check_tensor(root, "root", len(vertices), 3, finite=True)
        check_tensor(true_root, "true_root", len(vertices), 3, finite=True)
        vertices, truth = vertices - root[:, None], truth - true_root[:, None]
    return MM * (vertices - truth).norm(dim=-1).mean(1)


def depth_flips(
    joints_cam: Tensor, truth_cam: Tensor, parents: Sequence[int], *, least_m: float = 0.1
) -> tuple[Tensor, Tensor]:
    """Find bones that point towards the camera where the true ones point away, or the other way round.

    Parameters
    ----------
    joints_cam, truth_cam : Tensor
        (B, J, 3) in the camera's axes, in metres.
    parents : sequence of int
        J, the joint before each; -1 for the root.
    least_m : float
        A bone counts where the true depths of its ends differ by so much or more.

    Returns
    -------
    flipped, counts : Tensor
        (B, J) bool, of the bone that ends in each joint: its depth changes the wrong way, by half of
        `least_m` or more; and whether it counts. The root has no bone.
    """
    _check_pair(joints_cam, truth_cam)
    check_tree(parents, joints_cam.shape[1])
    check_number(least_m, "least_m", 0, above=True)
    before = list(parents[1:])
    own, true = (z[:, 1:, 2] - z[:, before, 2] for z in (joints_cam, truth_cam))  # (B, J - 1)
    counts = true.abs() >= least_m
    flipped = counts & (own * true.sign() <= -least_m / 2)
    root = torch.zeros_like(counts[:, :1])
    return torch.cat([root, flipped], dim=1), torch.cat([root, counts], dim=1)


def _check_pair(points: Tensor, truth: Tensor, name: str = "joints") -> None:
    check_tensor(points, name, "B", "J", 3, finite=True, some=True)
    check_tensor(truth, "truth", *points.shape, finite=True)
