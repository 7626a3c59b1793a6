"""Pose correctives: what linear blend skinning lacks in posed figures, as a linear function of the rotations.

Figures of several persons are posed at random; their skins by linear blend skinning are laid on the posed
surface, and P is fitted so that the skinned, corrected skin comes near: a ridge regression per vertex on R(θ)
- R(0) (Loper et al. 2015, equations 9 and 15). As in A. Osman et al., "STAR", ECCV 2020, a joint corrects
only the vertices near it: here those of which it moves a part and its parent the rest.

Shapes: N poses, V vertices, P pieces.
"""

from dataclasses import dataclass

import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from lecture_utils.body.lbs import forward_kinematics, skin
from lecture_utils.body.skeleton import JOINTS, PARENTS, joint_index
from lecture_utils.data.toyworld.people.figure import Figure, posed
from lecture_utils.data.toyworld.people.limits import LIMITS, angles_to_pose
from lecture_utils.ops.rotation import axis_angle_to_matrix
from lecture_utils.recipes._people_mesh import vertex_normals
from lecture_utils.recipes._people_nearby import Nearby
from lecture_utils.recipes._people_registration import neighbour_mean

FARTHEST_M, RIDGE, MOST_JOINTS, SHARED = 0.03, 0.3, 5, 0.01
DOUBT, FILLED = 0.3, 8


@dataclass(frozen=True)
class Correction:
    """Posed figures: (N, ...) each."""

    pose: Tensor  # (N, 24, 3), axis-angle
    turned: Tensor  # (N, V, 3, 3), the linear part of each vertex's motion
    skinned: Tensor  # (N, V, 3), by linear blend skinning
    target: Tensor  # (N, V, 3), on the figure's surface
    trust: Tensor  # (N, V), 0 to 1


def random_poses(count: int, seed: int) -> Tensor:
    """Draw poses (N, 24, 3) over the joints' whole ranges, elbows and wrists twisted further than they go."""
    generator = torch.Generator().manual_seed(seed)
    limits = LIMITS.clone()
    limits[0] = 0.0
    for side in ("left", "right"):
        limits[joint_index(f"{side}_wrist"), 0] = torch.tensor([-2.2, 2.2])
        limits[joint_index(f"{side}_elbow"), 0] = torch.tensor([-1.0, 1.0])
        limits[joint_index(f"{side}_hand"), 2] = torch.tensor([-0.8, 0.3] if side == "left" else [-0.3, 0.8])
    draw = torch.rand(count, len(JOINTS), 3, generator=generator)
    angles = limits[..., 0] + draw * (limits[..., 1] - limits[..., 0])
    awake = torch.rand(count, len(JOINTS), 3, generator=generator) < 0.6
    return angles_to_pose(angles * awake)


def moved_by(weights: Tensor) -> list[tuple[int, ...]]:
    """Return, for each vertex, the joints that move a part of it and not all of it."""
    below = weights.clone()  # (V, 24): of the joint and all behind it
    for j in range(len(JOINTS) - 1, 0, -1):
        below[:, PARENTS[j]] += below[:, j]
    split = below * (1 - below)  # (V, 24)
    split[:, 0] = 0
    rows = []
    for row in split:
        chosen = [j for j in row.topk(MOST_JOINTS).indices.tolist() if row[j] > SHARED * (1 - SHARED)]
        rows.append(tuple(sorted(chosen)))
    return rows


def posed_registration(
    person: Figure, rest: Tensor, normals: Tensor, pose: Tensor, weights: Tensor, near: Nearby,
    smooth: csr_matrix, rounds: int = 4,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Lay a person's skin in a pose on the posed surface.

    Where the surface lies on the wrong side of the skin, as deep in a fold, it is not followed: there the
    skin goes with its neighbours.

    Returns
    -------
    turned, skinned, target, trust
        As in `Correction`, of one pose.
    """
    there = posed(person, pose)
    placed, world = forward_kinematics(axis_angle_to_matrix(pose)[None], person.joints[None], PARENTS)
    skinned = skin(rest[None], person.joints[None], placed, world, weights)[0]
    turned = (weights @ world[0].flatten(1)).unflatten(1, (3, 3))  # (V, 3, 3)
    outward = torch.nn.functional.normalize((turned @ normals[..., None])[..., 0], dim=1)
    moved, trust = torch.zeros_like(skinned), torch.ones(len(skinned))
    for i in range(rounds):
        value, slope = near.distance(skinned + moved, there)
        trust = ((slope * outward).sum(1) / slope.norm(dim=1).clamp(min=1e-3)).clamp(0, 1)
        step = -(value / (slope**2).sum(1).clamp(min=0.3))[:, None] * slope * (trust > DOUBT)[:, None]
        moved = moved + step
        moved = moved * (1 + (moved.norm(dim=1, keepdim=True) / FARTHEST_M) ** 4) ** -0.25
        if i < rounds - 1:
            moved = 0.5 * moved + 0.5 * _mean(smooth, moved)
    for _ in range(FILLED):
        moved = torch.where((trust < DOUBT)[:, None], _mean(smooth, moved), moved)
    return turned, skinned, skinned + moved, trust.clamp(min=0.1)


def _mean(smooth: csr_matrix, values: Tensor) -> Tensor:
    return torch.from_numpy(smooth @ values.numpy()).to(values)


def corrections(
    persons: list[Figure], rests: Tensor, poses: Tensor, weights: Tensor, faces: Tensor, near: Nearby
) -> Correction:
    """Register each pose, of the persons in turn; `rests` (M, V, 3) are their skins at rest."""
    smooth = neighbour_mean(faces.numpy(), len(weights))
    normals = [
        torch.tensor(vertex_normals(rest.numpy(), faces.numpy()), dtype=torch.float32) for rest in rests
    ]
    found = []
    for n, pose in enumerate(poses):
        i = n % len(persons)
        found.append(posed_registration(persons[i], rests[i], normals[i], pose, weights, near, smooth))
    return Correction(poses, *(torch.stack(parts) for parts in zip(*found, strict=True)))


def evened(directions: Tensor, faces: Tensor, rounds: int = 1) -> Tensor:
    """Take P (V, 3, 207) half-way to the mean of the neighbours, of the joints that correct a vertex."""
    blocks = directions.unflatten(-1, (-1, 9))  # (V, 3, 23, 9)
    used = (blocks != 0).any(-1).any(1)  # (V, 23)
    smooth = neighbour_mean(faces.numpy(), len(directions))
    for _ in range(rounds):
        mean = _mean(smooth, blocks.flatten(1)).view_as(blocks)
        blocks = torch.where(used[:, None, :, None], (blocks + mean) / 2, blocks)
    return blocks.flatten(2)


def fitted(data: Correction, weights: Tensor, ridge: float = RIDGE) -> Tensor:
    """Return P (V, 3, 9 · 23): per vertex the ridge regression of what skinning lacks."""
    eye = torch.eye(3)
    feature = (axis_angle_to_matrix(data.pose)[:, 1:] - eye).flatten(2)  # (N, 23, 9)
    lack = data.target - data.skinned  # (N, V, 3)
    directions = torch.zeros(weights.shape[0], 3, len(JOINTS) - 1, 9)
    groups: dict[tuple[int, ...], list[int]] = {}
    for v, joints in enumerate(moved_by(weights)):
        groups.setdefault(joints, []).append(v)
    for joints, members in groups.items():
        if not joints:
            continue
        f = feature[:, [j - 1 for j in joints]].flatten(1)  # (N, k)
        for v in torch.tensor(members).split(48):
            root = data.trust[:, v].sqrt()  # (N, v)
            turned = data.turned[:, v] * root[..., None, None]
            design = torch.einsum("nvij,nk->vnijk", turned, f).flatten(3).flatten(1, 2)  # (v, 3 N, 3 k)
            aim = (lack[:, v] * root[..., None]).transpose(0, 1).flatten(1)  # (v, 3 N)
            normal = design.mT @ design + ridge * torch.eye(design.shape[-1])
            solved = torch.linalg.solve(normal, (design.mT @ aim[..., None]))[..., 0]
            directions[v[:, None], :, [j - 1 for j in joints]] = solved.unflatten(
                1, (3, len(joints), 9)
            ).transpose(1, 2)
    return directions.flatten(2)
