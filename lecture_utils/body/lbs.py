"""Linear blend skinning (S20.2), as in SMPL: a skeleton turns, and each vertex follows the joints near it.

Two steps. Forward kinematics multiplies the joints' rotations down the tree; skinning moves each vertex by
the mean of its joints' motions, weighted. The mean of two rotations is no rotation: where they differ much,
the skin shrinks ("candy wrapper").

N. Magnenat-Thalmann, R. Laperrière and D. Thalmann, "Joint-dependent local deformations for hand animation
and object grasping", Graphics Interface 1988; as written in Loper et al. 2015 (SMPL), equations 2 to 4. Left
out: dual quaternions and other blends that keep the volume.

Shapes: B bodies, J joints, V vertices.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_tensor


def check_tree(parents: Sequence[int], count: int | None = None) -> None:
    """Raise ValueError unless joint 0 is the root (-1), and each other joint's parent comes before it."""
    if count is not None and len(parents) != count:
        raise ValueError(f"parents: got {len(parents)} of them, want {count}, one a joint")
    if not parents or parents[0] != -1:
        raise ValueError(f"parents: got {list(parents)[:1]} in front, want -1, the root's")
    for j, parent in enumerate(parents[1:], 1):
        if not 0 <= parent < j:
            raise ValueError(f"parents: got {parent} for joint {j}, want a joint before it, 0 to {j - 1}")


def forward_kinematics(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Turn a skeleton joint by joint, from the root outwards.

    Parameters
    ----------
    rotations : Tensor
        (B, J, 3, 3), each joint's rotation relative to its parent's.
    joints : Tensor
        (B, J, 3), where the joints are at rest, in metres.
    parents : sequence of int
        J, the joint before each; -1 for the root, which comes first.

    Returns
    -------
    posed : Tensor
        (B, J, 3), where the joints are then.
    world : Tensor
        (B, J, 3, 3), each joint's rotation relative to the world.
    """
    check_tensor(rotations, "rotations", "B", "J", 3, 3)
    check_tensor(joints, "joints", len(rotations), rotations.shape[1], 3)
    check_tree(parents, rotations.shape[1])
    turned, placed = [rotations[:, 0]], [joints[:, 0]]
    for j, parent in enumerate(parents[1:], 1):
        bone = joints[:, j] - joints[:, parent]  # (B, 3) at rest
        turned.append(turned[parent] @ rotations[:, j])
        placed.append(placed[parent] + (turned[parent] @ bone[..., None])[..., 0])
    return torch.stack(placed, dim=1), torch.stack(turned, dim=1)


def skin(vertices: Tensor, joints: Tensor, posed: Tensor, world: Tensor, weights: Tensor) -> Tensor:
    """Move each vertex by the weighted mean of its joints' motions; return (B, V, 3).

    Joint j takes x to world_j (x - joints_j) + posed_j: a turn about where it was at rest, and a shift from
    there to where it is now. Equations 2 and 3 of Loper et al. 2015.

    Parameters
    ----------
    vertices : Tensor
        (B, V, 3), the skin at rest.
    joints, posed : Tensor
        (B, J, 3), the joints at rest and turned.
    world : Tensor
        (B, J, 3, 3), the joints' rotations relative to the world.
    weights : Tensor
        (V, J), how much each joint has of a vertex; rows add up to 1.
    """
    check_tensor(vertices, "vertices", "B", "V", 3)
    batch, count = vertices.shape[:2]
    check_tensor(joints, "joints", batch, "J", 3)
    check_tensor(posed, "posed", *joints.shape)
    check_tensor(world, "world", *joints.shape, 3)
    check_tensor(weights, "weights", count, joints.shape[1])
    shift = posed - (world @ joints[..., None])[..., 0]  # (B, J, 3): what of the motion depends on no x
    motion = torch.cat([world, shift[..., None]], dim=-1)  # (B, J, 3, 4)
    # Coordinates in front, vertices last: long runs of memory for every product.
    blended = (motion.flatten(2).mT @ weights.T).unflatten(1, (3, 4))  # (B, 3, 4, V)
    turned = (blended[:, :, :3] * vertices.mT[:, None]).sum(2)  # (B, 3, V)
    return (turned + blended[:, :, 3]).mT.contiguous()  # (B, V, 3)
