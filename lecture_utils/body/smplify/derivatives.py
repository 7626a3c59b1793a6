"""Derivatives of SMPLify's residuals (S20.4), in closed form, so that a step costs little.

The heart is how joints move as one joint turns. All that hangs on joint j turns about it: its points move by
ω × (joint_k - joint_j), with ω = R_parent J_l(θ_j) δθ_j, and J_l the left Jacobian of the axis-angle,

    J_l(θ) = 1 + (1 - cos |θ|) / |θ|² [θ]ₓ + (|θ| - sin |θ|) / |θ|³ [θ]ₓ².

J. Solà, J. Deray and D. Atchuthan, "A micro Lie theory for state estimation in robotics", 2018, equation 145.
`tests/body/smplify/test_derivatives.py` holds each against automatic differentiation.

Shapes: B bodies, J joints, K shape components, P = 3 + 3 J + K unknowns (pelvis, axis-angles, shape).
"""

import torch
from torch import Tensor

from lecture_utils.body.smplify.capsules import SPHERES, Capsules
from lecture_utils.body.smplify.data_term import NEAREST_M
from lecture_utils.body.smplify.joints import RestJoints
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.ops.rotation import cross_matrix


def left_jacobian(vector: Tensor) -> Tensor:
    """Return J_l (…, 3, 3) of axis-angles (…, 3)."""
    square = vector.square().sum(-1)[..., None, None]
    small = square < 1e-4
    safe = torch.where(small, 1.0, square)
    angle = safe.sqrt()
    first = torch.where(small, 0.5 - square / 24, (1 - angle.cos()) / safe)
    second = torch.where(small, 1 / 6 - square / 120, (angle - angle.sin()) / (safe * angle))
    skew = cross_matrix(vector)
    return torch.eye(3).to(vector) + first * skew + second * skew @ skew


def joints_by_unknowns(
    rest: RestJoints, pose: Tensor, shape_size: int, joints: Tensor, world: Tensor
) -> Tensor:
    """Return how the posed joints change with each unknown, (B, J, 3, P).

    Parameters
    ----------
    rest : RestJoints
        Of the body model.
    pose : Tensor
        (B, J, 3), axis-angles.
    shape_size : int
        K.
    joints, world : Tensor
        (B, J, 3) and (B, J, 3, 3), from `posed_joints`.
    """
    count, size = joints.shape[:2]
    parents = list(rest.parents[1:])
    before = torch.cat([torch.eye(3).to(world).expand(count, 1, 3, 3), world[:, parents]], dim=1)
    axes = before @ left_jacobian(pose)  # (B, J, 3, 3): ω by δθ
    arm = joints[:, :, None] - joints[:, None]  # (B, k, j, 3): from joint j to joint k
    turned = torch.linalg.cross(axes.mT[:, None], arm[:, :, :, None], dim=-1)  # (B, k, j, 3 of δθ, 3)
    turned = turned * _hangs_on(rest.parents).to(turned)[..., None, None]
    by_pose = turned.flatten(2, 3).mT  # (B, k, 3, 3 J)
    by_pelvis = torch.eye(3).to(joints).expand(count, size, 3, 3)
    moved = [joints.new_zeros(count, 3, shape_size)]
    for k, parent in enumerate(parents, 1):  # a bone changes its length, and the joint before it its place
        bone = rest.directions[k, :, :shape_size] - rest.directions[parent, :, :shape_size]
        moved.append(moved[parent] + world[:, parent] @ bone)
    return torch.cat([by_pelvis, by_pose, torch.stack(moved, dim=1)], dim=-1)


def data_by_joints(
    joints: Tensor,
    seen_pixel: Tensor,
    confidence: Tensor,
    intrinsics: Tensor,
    depth_m: Tensor,
    *,
    sigma_m: float,
) -> Tensor:
    """Return how the residuals of `data_residuals`, two a joint, change with that joint: (B, J, 2, 3)."""
    depth = joints[..., 2].clamp_min(NEAREST_M)  # (B, J)
    ray = torch.cat([joints[..., :2], depth[..., None]], dim=-1) / depth[..., None]  # x / z, y / z, 1
    scale = (depth_m / intrinsics[:, 0, 0])[:, None, None]
    error = ((ray @ intrinsics.mT)[..., :2] - seen_pixel) * scale  # (B, J, 2) in metres
    across = torch.eye(3).to(joints).expand(*joints.shape, 3).clone()  # the ray by the joint, times z
    in_front = (joints[..., 2] > NEAREST_M).to(joints)
    across[..., 2] = torch.cat([-ray[..., :2], torch.zeros_like(ray[..., :1])], dim=-1) * in_front[..., None]
    by_joint = intrinsics[:, None, :2] @ across / depth[..., None, None] * scale[..., None]  # (B, J, 2, 3)
    # the robust error: e σ / s with s² = σ² + |e|², so its derivative is σ / s (1 - e eᵀ / s²)
    s2 = (sigma_m**2 + error.square().sum(-1))[..., None, None]
    robust = sigma_m / s2.sqrt() * (torch.eye(2).to(error) - error[..., :, None] * error[..., None, :] / s2)
    return confidence.sqrt()[..., None, None] * robust @ by_joint


def prior_by_pose(prior: GaussianMixturePrior, body_pose: Tensor) -> Tensor:
    """Return how `GaussianMixturePrior.residuals` change with the pose (B, D): (B, D + 1, D)."""
    best = prior.components(body_pose).argmax(1)
    rows = prior.whitening[best] / 2**0.5
    return torch.cat([rows, torch.zeros_like(rows[:, :1])], dim=1)


def overlap_by_unknowns(
    capsules: Capsules, joints: Tensor, shape: Tensor, by_unknowns: Tensor, value: Tensor
) -> Tensor:
    """Return how `overlap_residuals` (B, Q), given as `value`, change with each unknown: (B, Q, P).

    `by_unknowns` (B, J, 3, P) is how the joints do.
    """
    centres, sigma = capsules.spheres(joints), capsules.radii(shape) / 3
    first, second = capsules.pairs.unbind(1)
    between = centres[:, first][:, :, :, None] - centres[:, second][:, :, None]  # (B, Q, S, S, 3)
    spread = (sigma[:, first].square() + sigma[:, second].square())[..., None, None, None]
    push = -2 * between / spread * (-between.square().sum(-1, keepdim=True) / spread).exp()
    along = ((torch.arange(SPHERES) + 0.5) / SPHERES).to(joints)[:, None]  # a centre between the two ends
    total = torch.zeros_like(by_unknowns[:, :1, 0])
    for stick, sign, axis in ((first, 1.0, 3), (second, -1.0, 2)):
        force = sign * push.sum(axis)  # (B, Q, S, 3), on each sphere of this stick
        for end, share in ((0, 1 - along), (1, along)):
            pull = (share * force).sum(2)  # (B, Q, 3), on the joint at this end
            total = total + torch.einsum("bqc,bqcp->bqp", pull, by_unknowns[:, capsules.ends[stick, end]])
    return total / (2 * value[..., None])


def _hangs_on(parents: tuple[int, ...]) -> Tensor:
    """Whether joint k hangs on joint j, (k, j) bool; no joint on itself."""
    below = torch.zeros(len(parents), len(parents), dtype=torch.bool)
    for k, parent in enumerate(parents):
        if parent >= 0:
            below[k] = below[parent]
            below[k, parent] = True
    return below
