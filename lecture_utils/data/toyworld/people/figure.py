"""A person of the toy world as a surface that can be posed: where a signed distance is nought.

Some 110 rigid pieces (tapered capsules, ellipsoids) hang on the 24 bones of `body.skeleton`. The pieces of a
part of the body melt into one another, and each part into its parent's, in the *posed* space: a bent or
twisted joint keeps its volume, as flesh does and linear blend skinning does not. So a figure is the truth
that a body model learns.

The melting is the smooth minimum -k log Σ exp(-d / k), I. Quilez, "Smooth minimum", 2013 (the exponential
kind). Simplified: no bones, muscles or skin that slide; parts that are not neighbours meet without melting.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lecture_utils.body.lbs import forward_kinematics
from lecture_utils.body.skeleton import PARENTS
from lecture_utils.data.toyworld.people.figure_anatomy import PARTS
from lecture_utils.data.toyworld.people.figure_body import build
from lecture_utils.ops.checks import check_tensor
from lecture_utils.ops.rotation import axis_angle_to_matrix

FAR = 10.0
# How far, in metres, the pieces of a part melt; and a part into its parent's.
MELT = {
    "torso": 0.016, "head": 0.0065, "upper_arm": 0.010, "forearm": 0.008, "hand": 0.0025, "thigh": 0.012,
    "shank": 0.008, "foot": 0.0065, "toes": 0.0022,
}  # fmt: skip
JOINED = {
    "head": ("torso", 0.006), "upper_arm": ("torso", 0.012), "forearm": ("upper_arm", 0.007),
    "hand": ("forearm", 0.005), "thigh": ("torso", 0.014), "shank": ("thigh", 0.008),
    "foot": ("shank", 0.006),
    "toes": ("foot", 0.004),
}  # fmt: skip


def _kind(name: str) -> str:
    return name.removeprefix("left_").removeprefix("right_")


def _jointed() -> list[tuple[int, int, float]]:
    """Return (part, its parent, how far they melt) by number."""
    found = []
    for i, name in enumerate(PARTS[1:], 1):
        parent, k = JOINED[_kind(name)]
        side = "" if parent == "torso" else name.split("_")[0] + "_"
        found.append((i, PARTS.index(side + parent), k))
    return found


JOINTED = _jointed()


@dataclass(frozen=True)
class Figure:
    """A person at rest: 24 joints and P pieces (`figure_pieces`), as tensors."""

    joints: Tensor  # (24, 3)
    centre: Tensor  # (P, 3)
    frame: Tensor  # (P, 3, 3)
    length: Tensor  # (P,)
    radii: Tensor  # (P, 3)
    bone: Tensor  # (P,)
    part: Tensor  # (P,)


def figure(measures: Tensor) -> Figure:
    """Build a person from the measures (12,) of `figure_measures.MEASURES`."""
    check_tensor(measures, "measures", 12, finite=True)
    joints, p = build(measures)
    return Figure(
        joints, torch.stack(p.centre), torch.stack(p.frame), torch.tensor(p.length),
        torch.tensor(p.radii), torch.tensor(p.bone), torch.tensor(p.part),
    )  # fmt: skip


def posed(person: Figure, pose: Tensor) -> Figure:
    """Turn a person's bones, and the pieces with them, by a pose (24, 3) in axis-angle."""
    check_tensor(pose, "pose", 24, 3, finite=True)
    placed, turned = forward_kinematics(axis_angle_to_matrix(pose)[None], person.joints[None], PARENTS)
    turn = turned[0, person.bone]  # (P, 3, 3)
    offset = (turn @ (person.centre - person.joints[person.bone])[..., None])[..., 0]
    return replace(
        person, joints=placed[0], centre=placed[0, person.bone] + offset, frame=person.frame @ turn.mT
    )


def piece_distances(points: Tensor, person: Figure) -> tuple[Tensor, Tensor]:
    """Return each piece's distance (P, N) from points (N, 3), to first order, and its gradient (P, N, 3)."""
    q = points @ person.frame.mT - (person.frame @ person.centre[..., None]).mT  # (P, N, 3)
    length = person.length[:, None]
    t = (q[..., 0] / length.clamp(min=1e-6)).clamp(0, 1)  # (P, N): where along the segment
    off = torch.stack([q[..., 0] - t * length, q[..., 1], q[..., 2]], dim=-1)
    far = off.norm(dim=-1).clamp(min=1e-6)
    start, middle, end = person.radii[..., None].unbind(1)
    radius = start * (1 - t) * (1 - 2 * t) + 4 * middle * t * (1 - t) + end * t * (2 * t - 1)
    normal = (off / far[..., None]) @ person.frame  # (P, N, 3)
    steep = normal.norm(dim=-1).clamp(min=1e-6)
    return (far - radius) / steep, normal / steep[..., None]


def signed_distance(points: Tensor, measures: Tensor | Figure, pose: Tensor | None = None) -> Tensor:
    """Return how far points (N, 3) are outside a person, in metres; negative inside.

    Parameters
    ----------
    points : Tensor
        (N, 3), in the body's frame: y up, z to the front.
    measures : Tensor or Figure
        (12,), or the figure built from them.
    pose : Tensor, optional
        (24, 3), axis-angle, as `body.smpl.SMPL`'s; rest (arms out) if not given.
    """
    check_tensor(points, "points", "N", 3)
    person = measures if isinstance(measures, Figure) else figure(measures)
    if pose is not None:
        person = posed(person, pose)
    return blended(piece_distances(points, person)[0], person)[0]


def distance_and_slope(points: Tensor, person: Figure, near: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """`signed_distance` (N,) and its gradient (N, 3), to first order; of pieces `near` (P, N) alone."""
    distances, normals = piece_distances(points, person)
    if near is not None:
        distances = torch.where(near, distances, FAR)
    value, share = blended(distances, person)
    return value, (share[..., None] * normals).sum(0)


def blended(distances: Tensor, person: Figure) -> tuple[Tensor, Tensor]:
    """Melt the pieces' distances (P, N): return (N,) and each piece's share (P, N), which adds up to 1."""
    there = person.part.unique().tolist()  # parts of which there is a piece
    inner, parts = torch.zeros_like(distances), distances.new_full((len(PARTS), distances.shape[1]), FAR)
    for i in there:
        k, mine = MELT[_kind(PARTS[i])], person.part == i
        parts[i] = -k * torch.logsumexp(-distances[mine] / k, dim=0)
        inner[mine] = torch.softmax(-distances[mine] / k, dim=0)
    pairs, shares = [], []
    for i, parent, k in JOINTED:
        if i not in there and parent not in there:
            continue
        both = parts[[i, parent]]
        pairs.append(-k * torch.logsumexp(-both / k, dim=0))
        share = torch.zeros_like(parts)
        share[[i, parent]] = torch.softmax(-both / k, dim=0)
        shares.append(share)
    nearest, which = torch.stack(pairs).min(dim=0)
    share = torch.stack(shares)[which, :, torch.arange(len(which))].T  # (16, N)
    return nearest, inner * share[person.part]
