"""Clouds of points, one solid each, for networks that learn on points (S18.3).

Every number is a function of seed, split, the cloud's place and the number's name: cloud i is the same
whatever the count.

Legend: B clouds, P points, Q points of a class's pool.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lecture_utils.data.toyworld.checks import check_integer, check_request, known_ids
from lecture_utils.data.toyworld.hashing import between, pick, scene_keys, uniform
from lecture_utils.data.toyworld.names import CLASSES, SPLITS
from lecture_utils.data.toyworld.solids.boxes import YAW_PERIOD_DEG, boxes_of
from lecture_utils.data.toyworld.solids.points import POOL, pool
from lecture_utils.data.toyworld.solids.tracing import trace_solid
from lecture_utils.ops.checks import check_number
from lecture_utils.ops.rotation import axis_angle_to_matrix

MOST_POINTS = 2048
_CHUNK = 128  # clouds at a time
_SCALE = (0.30, 0.45)  # metres for one unit
_CAMERA_M = 2.5
_CONVEX = ("ball", "square", "triangle", "capsule")


@dataclass(frozen=True, eq=False)
class PointClouds:
    """B clouds of P points.

    Attributes
    ----------
    points, normals : Tensor
        (B, P, 3) in metres, and of length 1.
    class_id : Tensor
        (B,) int64, index into CLASSES.
    part : Tensor
        (B, P) int64, index into `PARTS`.
    boxes : Tensor
        (B, 7) x, y, z, length, width, height, yaw (`solids.boxes`), of the whole solid; exact for solids that
        stand upright, so with `max_tilt_deg` of 0.
    rotation : Tensor
        (B, 3, 3), from the solid's own axes.
    """

    points: Tensor
    normals: Tensor
    class_id: Tensor
    part: Tensor
    boxes: Tensor
    rotation: Tensor

    def __len__(self) -> int:
        return len(self.points)


def point_clouds(
    seed: int = 0,
    count: int = 64,
    points: int = 512,
    *,
    split: str = "train",
    classes: Sequence[str] | None = None,
    max_tilt_deg: float = 12.0,
    stretch: float = 0.2,
    shift_m: float = 0.1,
    noise_m: float = 0.0,
    partial: bool = False,
) -> PointClouds:
    """Draw clouds of points, each of one solid, spread evenly by area over its surface.

    Parameters
    ----------
    seed, split
        0 to 2**63 - 1; "train", "val" or "test": different splits of one seed share no cloud.
    count, points : int
        B, 0 or more, and P, 1 to 2048.
    classes : sequence of str, optional
        Draw evenly from these; from all eight where not given.
    max_tilt_deg : float
        Solids turn by any angle about z and lean by up to this angle.
    stretch : float
        Each own axis is longer or shorter by up to this share, within [0, 0.5]; x and y by the same where the
        solid is round or square about z.
    shift_m : float
        The solid's middle is up to this far from the origin, along each axis.
    noise_m : float
        Standard deviation of the sensor's noise on each coordinate.
    partial : bool
        Only what a camera 2.5 m away sees. Where that is less than P points of the pool, some are repeated.

    Returns
    -------
    PointClouds

    Raises
    ------
    ValueError
        On anything out of range or an unknown name.
    """
    check_request(count, seed, split)
    check_integer("points", points, 1, MOST_POINTS)
    check_number(max_tilt_deg, "max_tilt_deg", 0, 180)
    check_number(stretch, "stretch", 0, 0.5)
    check_number(shift_m, "shift_m", 0)
    check_number(noise_m, "noise_m", 0)
    key = scene_keys(seed, SPLITS.index(split), count)
    class_id = pick(uniform(key, "cloud class"), np.array(known_ids("classes", classes, CLASSES)))
    pose = _poses(key, class_id, max_tilt_deg, stretch, shift_m)
    parts = [
        _draw(
            key[i : i + _CHUNK], class_id[i : i + _CHUNK], [p[i : i + _CHUNK] for p in pose], points, partial
        )
        for i in range(0, max(count, 1), _CHUNK)
    ]
    at, normals, part = (torch.cat(p) for p in zip(*parts, strict=True))
    if noise_m > 0:
        u = uniform(key, "cloud noise", points, 3).clip(1e-12, 1 - 1e-12)
        at = at + (noise_m * math.sqrt(2) * torch.erfinv(torch.from_numpy(2 * u - 1))).float()
    size, rotation, centre = pose
    ids = torch.from_numpy(class_id)
    return PointClouds(at, normals, ids, part, boxes_of(ids, size, rotation, centre), rotation)


def _poses(
    key: np.ndarray, class_id: np.ndarray, max_tilt_deg: float, stretch: float, shift_m: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Sizes (B, 3) in metres for a unit, rotations (B, 3, 3), and where the own origins stand (B, 3)."""
    longer = 1 + stretch * (2 * uniform(key, "cloud stretch", 3) - 1)
    alike = np.array([YAW_PERIOD_DEG[name] < 180 for name in CLASSES])[class_id]
    longer[:, 1] = np.where(alike, longer[:, 0], longer[:, 1])
    size = between(key, "cloud scale", _SCALE)[:, None] * longer
    yaw = between(key, "cloud yaw", (-math.pi, math.pi))
    tilt = math.radians(max_tilt_deg) * uniform(key, "cloud tilt")
    axis = between(key, "cloud tilt axis", (-math.pi, math.pi))
    turn = axis_angle_to_matrix(torch.from_numpy(np.stack([0 * yaw, 0 * yaw, yaw], axis=1)))
    lean = np.stack([tilt * np.cos(axis), tilt * np.sin(axis), 0 * tilt], axis=1)
    rotation = axis_angle_to_matrix(torch.from_numpy(lean)) @ turn
    centre = shift_m * (2 * uniform(key, "cloud shift", 3) - 1)
    return torch.from_numpy(size).float(), rotation.float(), torch.from_numpy(centre).float()


def _draw(
    key: np.ndarray, class_id: np.ndarray, pose: Sequence[Tensor], points: int, partial: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Points and normals (B, P, 3) in the world and parts (B, P) of some of the clouds."""
    size, rotation, centre = pose
    own, normal, part = (table[class_id] for table in _pools())  # (B, Q, 3), (B, Q, 3), (B, Q)
    slope = normal / size[:, None]  # normals of what is stretched, not yet of length 1
    # A stretched piece of surface has an area of |size⁻¹ n| times the volume's factor: keep in proportion.
    spread = slope.norm(dim=-1)
    chance = spread / spread.amax(1, keepdim=True)
    kept = torch.from_numpy(uniform(key, "cloud area", POOL)).float() < chance
    order = torch.from_numpy(uniform(key, "cloud order", POOL)).float()
    if partial:
        facing = kept & (_ways_to_eye(key, pose, own)[1] * slope).sum(-1).gt(0)
        queue = torch.where(facing, order, 2.0).sort(dim=1).values[:, min(4 * points, POOL - 1), None]
        kept = _seen(key, class_id, pose, own, slope, facing & (order <= queue))
    order = torch.where(kept, order, order + 1)  # those that are kept come first, in random order
    chosen = order.argsort(dim=1)[:, :points]  # (B, P)
    fill = torch.arange(points) % kept.sum(1, keepdim=True).clamp_min(1)  # too few: from the start again
    chosen = chosen.gather(1, fill)
    own, slope = (x.gather(1, chosen[..., None].expand(-1, -1, 3)) for x in (own, slope))
    world = (own * size[:, None]) @ rotation.mT + centre[:, None]
    return world, F.normalize(slope @ rotation.mT, dim=-1), part.gather(1, chosen)


def _ways_to_eye(key: np.ndarray, pose: Sequence[Tensor], own: Tensor) -> tuple[Tensor, Tensor]:
    """Where the camera stands in own axes and units (B, 3), and the ways there from the points (B, Q, 3)."""
    size, rotation, centre = pose
    turn, up = between(key, "cloud eye", (-math.pi, math.pi)), between(key, "cloud eye up", (0.1, 0.8))
    level = np.cos(up)
    place = np.stack([level * np.cos(turn), level * np.sin(turn), np.sin(up)], axis=1)
    eye = ((_CAMERA_M * torch.from_numpy(place).float() - centre)[:, None] @ rotation)[:, 0] / size
    return eye, eye[:, None] - own


def _seen(
    key: np.ndarray,
    class_id: np.ndarray,
    pose: Sequence[Tensor],
    own: Tensor,
    slope: Tensor,
    facing: Tensor,
) -> Tensor:
    """Which of the points that face the camera (B, Q) it sees: no part of the solid is in the way.

    In own axes and units, unstretched, straight rays stay straight, and what hides what stays so.
    """
    eye, seen = _ways_to_eye(key, pose, own)[0], facing.clone()
    for c in np.unique(class_id):
        if CLASSES[c] in _CONVEX:  # nothing of it is in the way
            continue
        cloud, point = (facing & torch.from_numpy(class_id == c)[:, None]).nonzero().unbind(1)
        start = own[cloud, point] + 2e-3 * F.normalize(slope[cloud, point] * pose[0][cloud], dim=-1)
        way = F.normalize(eye[cloud] - start, dim=-1)
        seen[cloud, point] = torch.isinf(trace_solid(start, way, int(c)))
    return seen


@lru_cache(maxsize=1)
def _pools() -> tuple[Tensor, Tensor, Tensor]:
    """The pools of all classes: points and normals (8, Q, 3), parts (8, Q)."""
    points, normals, parts = zip(*(pool(c) for c in range(len(CLASSES))), strict=True)
    return torch.stack(points), torch.stack(normals), torch.stack(parts)
