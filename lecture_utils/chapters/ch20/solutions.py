"""Chapter 20, part a: the functions that its exercises ask for, as short as they can be said.

The package's own versions check their input and take more settings: `ops.rotation`, `body.lbs`, `body.smpl`.
The tests hold each of these equal to its counterpart there; the papers are named there too.

Shapes: "…" any axes in front, B bodies, J joints, V vertices, K shape numbers.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["forward_kinematics", "rest_body", "rodrigues", "rotation_from_6d", "skin"]


def rodrigues(vector: Tensor) -> Tensor:
    """Rotations (…, 3, 3) about the axes `vector` (…, 3), by its length in radians.

    Value and gradient are finite everywhere, at the zero vector too: a fit begins there.
    """
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))  # [v]ₓ
    square = vector.square().sum(-1)[..., None, None]  # θ²
    small = square < 1e-4
    safe = torch.where(small, 1.0, square)  # so that no root or quotient of 0 is ever taken
    angle = safe.sqrt()
    first = torch.where(small, 1 - square / 6, angle.sin() / angle)
    second = torch.where(small, 0.5 - square / 24, (1 - angle.cos()) / safe)
    return torch.eye(3) + first * skew + second * skew @ skew


def rotation_from_6d(six: Tensor) -> Tensor:
    """Rotations (…, 3, 3) from six numbers (…, 6): two columns that are not parallel, straightened.

    The first three numbers give the first column's direction. The next three, less their part along it, give
    the second's. The third column is what makes a right-handed frame of them.
    """
    first, second = six[..., :3], six[..., 3:]
    one = F.normalize(first, dim=-1)
    two = second - (one * second).sum(-1, keepdim=True) * one
    two = F.normalize(two, dim=-1)
    three = torch.linalg.cross(one, two)
    return torch.stack([one, two, three], dim=-1)


def forward_kinematics(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Where turned joints are, (B, J, 3), and how each is turned relative to the world, (B, J, 3, 3).

    `rotations` (B, J, 3, 3) are relative to the parent's, `joints` (B, J, 3) are the places at rest.
    `parents[j]` is the number of the joint before j, always a smaller one; -1 for the root, joint 0, which
    stays where it is.
    """
    world, placed = [rotations[:, 0]], [joints[:, 0]]
    for j in range(1, len(parents)):
        parent = parents[j]
        bone = joints[:, j] - joints[:, parent]  # (B, 3), at rest
        placed.append(placed[parent] + (world[parent] @ bone[..., None])[..., 0])
        world.append(world[parent] @ rotations[:, j])
    return torch.stack(placed, dim=1), torch.stack(world, dim=1)


def skin(vertices: Tensor, joints: Tensor, posed: Tensor, world: Tensor, weights: Tensor) -> Tensor:
    """Linear blend skinning: where the vertices (B, V, 3) go, (B, V, 3).

    Each joint takes with it what is at rest around it: from its place at rest, `joints` (B, J, 3), to where
    it is now, `posed` (B, J, 3), turned by `world` (B, J, 3, 3). A vertex goes to the mean of what its joints
    say, by `weights` (V, J), whose rows add up to 1.
    """
    offset = vertices[:, None] - joints[:, :, None]  # (B, J, V, 3): from each joint to each vertex
    moved = offset @ world.mT + posed[:, :, None]  # (B, J, V, 3): what each joint says
    return torch.einsum("vj,bjvc->bvc", weights, moved)


def rest_body(
    template: Tensor,
    shape_directions: Tensor,
    pose_directions: Tensor,
    joint_regressor: Tensor,
    shape: Tensor,
    rotations: Tensor,
) -> tuple[Tensor, Tensor]:
    """A body before it is skinned: its vertices with pose correctives (B, V, 3), and its joints (B, J, 3).

    The template (V, 3) and, by `shape` (B, K), the shape directions (V, 3, K) make the person; the regressor
    (J, V) finds this person's joints. The pose directions (V, 3, 9 (J - 1)) belong to the entries of R - I,
    row by row, of `rotations` (B, J, 3, 3), joint after joint without the root.
    """
    person = template + torch.einsum("vck,bk->bvc", shape_directions, shape)  # (B, V, 3)
    joints = joint_regressor @ person  # (B, J, 3): of the person, in no pose yet
    feature = (rotations[:, 1:] - torch.eye(3)).flatten(1)  # (B, 9 (J - 1)), 0 at rest
    return person + torch.einsum("vcp,bp->bvc", pose_directions, feature), joints
