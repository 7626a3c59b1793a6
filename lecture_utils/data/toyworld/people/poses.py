"""Poses and shapes of people: activities put together from legs and arms, within the ranges of real joints.

An activity is a pair: what the legs do (`movements`) and what the arms and the trunk do (`gestures`). Half of
the poses are of the pairs that people are seen in most (`USUAL`), half of any other pair. In the test split
that other half has pairs that no other split has: `HELD_OUT`, one in five of the unusual ones.

Poses are axis-angles about the parent's axes; the root's is near 0. Who puts a body into a scene adds its
stance (`body.skeleton.UPRIGHT`) and its heading.

Shapes: N poses, F frames.
"""

import math

import numpy as np
import torch
from torch import Tensor

from lecture_utils.body.skeleton import MIRROR
from lecture_utils.data.toyworld.checks import check_request
from lecture_utils.data.toyworld.hashing import scene_keys, uniform
from lecture_utils.data.toyworld.names import SPLITS
from lecture_utils.data.toyworld.people.gestures import GESTURES
from lecture_utils.data.toyworld.people.limits import LIMITS, angles_to_pose
from lecture_utils.data.toyworld.people.movements import LEGS, Angles
from lecture_utils.ops.checks import check_choice, check_number, check_tensor, check_whole

USUAL = (
    ("stand", "relaxed"), ("walk", "swing"), ("run", "pump"), ("sit", "relaxed"), ("stand", "reach"),
    ("stand", "wave"), ("stand", "bend"), ("squat", "carry"), ("climb", "reach"), ("kick", "dance"),
    ("straddle", "dance"), ("stand", "throw"),
)  # fmt: skip
UNUSUAL = tuple((legs, arms) for legs in LEGS for arms in GESTURES if (legs, arms) not in USUAL)
HELD_OUT = UNUSUAL[2::5]
MIRRORED = torch.tensor([1.0, -1.0, -1.0])  # of an axis-angle whose joint changes sides (x -> -x)
WOBBLE_DEG = 4.0  # standard deviation of what is added to each angle: nobody moves by a formula
TRUNK = [0, 3, 6, 9, 13, 14]  # pelvis, spine, collars: half as much, as they carry the rest along
STRIDE_S, WALKING_M_S = 1.05, 1.35  # seconds a cycle at a usual speed (Winter 2009)


def pairs(split: str = "train") -> tuple[tuple[str, str], ...]:
    """Return the activities (legs, arms) of which a split has poses."""
    check_choice(split, "split", *SPLITS)
    return USUAL + (UNUSUAL if split == "test" else tuple(p for p in UNUSUAL if p not in HELD_OUT))


def sample_activities(count: int, seed: int = 0, split: str = "train") -> list[tuple[str, str]]:
    """Return the activities (legs, arms) of the poses that `sample_poses` draws with the same arguments."""
    check_request(count, seed, split)
    keys = scene_keys(seed, SPLITS.index(split), count)
    usual, which = uniform(keys, "usual") < 0.5, uniform(keys, "pair")
    rest = HELD_OUT if split == "test" else tuple(p for p in UNUSUAL if p not in HELD_OUT)
    return [
        (own := USUAL if common else rest)[int(u * len(own))] for common, u in zip(usual, which, strict=True)
    ]


def sample_poses(count: int, seed: int = 0, split: str = "train") -> Tensor:
    """Draw poses of people who do something.

    Parameters
    ----------
    count : int
        N, how many; 0 is allowed.
    seed, split
        0 to 2**63 - 1; "train", "val" or "test". Half of the test poses combine legs and arms as no pose of
        the other splits does (`HELD_OUT`). Pose i does not depend on how many are drawn.

    Returns
    -------
    Tensor
        (N, 24, 3), axis-angles in radians, all angles within `LIMITS`.
    """
    activities = sample_activities(count, seed, split)
    keys = scene_keys(seed, SPLITS.index(split), count)
    phase = _float(2 * math.pi * uniform(keys, "phase"))
    angles = Angles(count)
    for half, movements in (("legs", LEGS), ("arms", GESTURES)):
        u = _float(uniform(keys, half, 8))
        for name, movement in movements.items():
            rows = [i for i, pair in enumerate(activities) if pair[half == "arms"] == name]
            if rows:
                own = Angles(len(rows))
                movement(own, phase[rows], u[rows])
                angles.degrees[rows] += own.degrees
    wobble = WOBBLE_DEG * _normal(uniform(keys, "wobble", 24, 3))  # (N, 24, 3)
    wobble[:, TRUNK] /= 2
    degrees = _within_limits(angles.degrees + wobble)
    pose = angles_to_pose(torch.deg2rad(degrees))
    turned = torch.from_numpy(uniform(keys, "mirror") < 0.5)
    return torch.where(turned[:, None, None], mirror_pose(pose), pose)


def sample_shapes(count: int, seed: int = 0, split: str = "train") -> Tensor:
    """Draw shapes of people, β (N, 10) in standard deviations: normal, none beyond 2.5."""
    check_request(count, seed, split)
    keys = scene_keys(seed, SPLITS.index(split), count)
    return _normal(uniform(keys, "shape", 10)).clamp(-2.5, 2.5)


def walk(frames: int, phase: float = 0.0, speed: float = WALKING_M_S, *, fps: float = 25.0) -> Tensor:
    """Return the poses of a walk, frame by frame.

    Parameters
    ----------
    frames : int
        F.
    phase : float
        Of the cycle at the first frame, in radians: 0 as the left heel strikes, π as the right one does.
    speed : float
        Metres a second, from 0.3 to 2.5. Length and rate of the strides grow with its square root.
    fps : float
        Frames a second.

    Returns
    -------
    Tensor
        (F, 24, 3), axis-angles in radians.
    """
    check_whole(frames, "frames")
    check_number(phase, "phase")
    check_number(speed, "speed", 0.3, 2.5)
    check_number(fps, "fps", 0, above=True)
    pace = math.sqrt(speed / WALKING_M_S)
    at = phase + 2 * math.pi * pace / STRIDE_S / fps * torch.arange(frames)  # (F,)
    u = torch.full((frames, 8), 0.5)
    u[:, 0] = pace - 0.5  # the length of a step: 1 at the usual speed
    angles = Angles(frames)
    LEGS["walk"](angles, at, u)
    GESTURES["swing"](angles, at, u)
    return angles_to_pose(torch.deg2rad(_within_limits(angles.degrees)))


def mirror_pose(pose: Tensor) -> Tensor:
    """Return poses (N, 24, 3) of mirror images: left and right change places, y and z their sign."""
    check_tensor(pose, "pose", "N", 24, 3)
    return pose[:, list(MIRROR)] * MIRRORED.to(pose)


def _within_limits(degrees: Tensor) -> Tensor:
    low, high = torch.rad2deg(LIMITS).unbind(-1)
    return degrees.clamp(low, high)


def _float(x: np.ndarray) -> Tensor:
    return torch.from_numpy(x).float()


def _normal(u: np.ndarray) -> Tensor:
    """Turn even random numbers in [0, 1) into normal ones."""
    return _float(np.clip(u, 1e-6, 1 - 1e-6)).mul(2).sub(1).erfinv() * math.sqrt(2)
