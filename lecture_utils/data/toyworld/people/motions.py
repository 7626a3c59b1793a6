"""People in motion, with captions: what chapter 13 makes from a sentence (S13.10).

A motion is a pair of actions (`actions`), of legs and of arms, at a pace: a closed form in time, so that any
frame can be asked for by itself. The figure stays in its place, as in MotionCLIP (Tevet et al., ECCV 2022):
only its joints turn.

Simplified: a cycle begins near its start (within an eighth of a cycle, unless asked otherwise), and pace,
depth and style stay as they are through a motion.

Shapes: N motions, F frames, J = 24 joints.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld.checks import check_request
from lecture_utils.data.toyworld.hashing import between, scene_keys, uniform
from lecture_utils.data.toyworld.names import SPLITS
from lecture_utils.data.toyworld.people.actions import (
    ARM_ACTIONS,
    ARM_NAMES,
    LEG_ACTIONS,
    LEG_NAMES,
    STILL,
    SUBJECTS,
    Action,
    action_pairs,
    action_text,
)
from lecture_utils.data.toyworld.people.gestures import GESTURES
from lecture_utils.data.toyworld.people.limits import LIMITS, angles_to_pose
from lecture_utils.data.toyworld.people.movements import LEGS, Angles
from lecture_utils.data.toyworld.people.poses import TRUNK, mirror_pose
from lecture_utils.ops.checks import check_number, check_whole

FRAMES, FPS = 32, 16.0  # two seconds
PACES = ("slowly", "", "quickly")
SPEEDS = ((0.6, 0.7), (0.9, 1.1), (1.35, 1.55))  # of the usual one
SAY_PACE, SAY_SIDE = 0.5, 0.25  # shares of the captions that do
STYLE_DEG = 3.0  # standard deviation of what is added to each angle of a motion


@dataclass(frozen=True, eq=False)
class Motions:
    """N motions and what is said of them.

    Attributes
    ----------
    pose : Tensor
        (N, F, 24, 3), axis-angles in radians, the root's near 0.
    legs_id, arms_id : Tensor
        (N,) int64, into LEG_NAMES and ARM_NAMES.
    pace_id : Tensor
        (N,) int64, into PACES; the usual one has no word.
    speed : Tensor
        (N,) float32, of the usual one.
    left : Tensor
        (N,) bool: what one hand or leg does alone, the left one does.
    text : tuple of N str
        Lower case, no full stop.
    """

    pose: Tensor
    legs_id: Tensor
    arms_id: Tensor
    pace_id: Tensor
    speed: Tensor
    left: Tensor
    text: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.text)


def sample_motions(
    count: int, seed: int = 0, split: str = "train", frames: int = FRAMES, *,
    held_out: bool = False, start: float = 0.125,
) -> Motions:  # fmt: skip
    """Draw motions of people who do something.

    Parameters
    ----------
    count : int
        N, 1 or more.
    seed, split
        0 to 2**63 - 1; "train", "val" or "test". Splits never share a motion, and motion i does not depend on
        how many are drawn.
    frames : int
        F, at FPS frames a second.
    held_out : bool
        False never shows a held-out pair of legs and arms; True shows only these.
    start : float
        How far from its start a cycle may begin, in cycles, 0 to 0.5; at 0.5 it begins anywhere.

    Returns
    -------
    Motions

    Raises
    ------
    ValueError
        For a count or a number of frames below 1, and anything else out of its range.
    """
    check_request(count, seed, split)
    check_whole(count, "count")
    check_whole(frames, "frames")
    check_number(start, "start", 0, 0.5)
    keys = scene_keys(seed, SPLITS.index(split), count)
    pairs = action_pairs(held_out)
    chosen = [pairs[int(u * len(pairs))] for u in uniform(keys, "motion")]
    pace = (3 * uniform(keys, "pace")).astype(int)
    speed = np.array(
        [np.interp(u, (0, 1), SPEEDS[p]) for u, p in zip(uniform(keys, "speed"), pace, strict=True)]
    )
    left = uniform(keys, "mirror") >= 0.5
    turns = torch.arange(frames) / FPS * _float(speed)[:, None]  # (N, F): seconds at the usual speed
    degrees = _degrees(keys, chosen, turns, start)  # (N, F, 24, 3)
    low, high = torch.rad2deg(LIMITS).unbind(-1)
    pose = angles_to_pose(torch.deg2rad(degrees.clamp(low, high)))
    other = mirror_pose(pose.flatten(0, 1)).unflatten(0, (count, frames))
    return Motions(
        pose=torch.where(torch.from_numpy(left)[:, None, None, None], pose, other),
        legs_id=torch.tensor([LEG_NAMES.index(legs) for legs, _ in chosen]),
        arms_id=torch.tensor([ARM_NAMES.index(arms) for _, arms in chosen]),
        pace_id=torch.from_numpy(pace),
        speed=_float(speed),
        left=torch.from_numpy(left),
        text=tuple(_captions(keys, chosen, pace, left)),
    )


def _degrees(keys: np.ndarray, chosen: list[tuple[str, str]], seconds: Tensor, start: float) -> Tensor:
    """Angles (N, F, 24, 3) in degrees of pairs of actions at `seconds` (N, F)."""
    total = torch.zeros(*seconds.shape, 24, 3)
    begun = _float(between(keys, "begun", (-start, start), 2))  # (N, 2), in cycles
    random = _float(uniform(keys, "u", 4, 8))  # legs, arms, and what either rests in
    for half, actions in enumerate((LEG_ACTIONS, ARM_ACTIONS)):
        for name, action in actions.items():
            rows = torch.tensor([i for i, pair in enumerate(chosen) if pair[half] == name], dtype=torch.long)
            if name != "free":
                cycles = begun[rows, half, None] + seconds[rows] / action.seconds
                total[rows] += _turned(action, half, cycles, random[rows])
                continue
            for legs in LEG_NAMES:  # free arms keep step
                own = rows[[chosen[i][0] == legs for i in rows]]
                movement = GESTURES[{"walk": "swing", "run": "pump"}.get(legs, "relaxed")]
                step = Action(movement, LEG_ACTIONS[legs].seconds, ())
                cycles = begun[own, 0, None] + seconds[own] / step.seconds
                total[own] += _turned(step, half, cycles, random[own])
    style = STYLE_DEG * _normal(uniform(keys, "style", 24, 3))  # (N, 24, 3)
    style[:, TRUNK] /= 2
    return total + style[:, None]


def _turned(action: Action, half: int, cycles: Tensor, random: Tensor) -> Tensor:
    """Angles (n, F, 24, 3) of one action at so many cycles (n, F); random (n, 4, 8)."""
    phase = 2 * math.pi * cycles.flatten()  # (n F,)
    u = random.repeat_interleave(cycles.shape[1], 0)  # (n F, 4, 8)
    done = Angles(len(phase))
    action.movement(done, phase, u[:, half])
    degrees = done.degrees
    if action.comes_and_goes:
        rest = Angles(len(phase))
        (LEGS["stand"], GESTURES["relaxed"])[half](rest, phase, u[:, 2 + half])
        there = ((1 - phase.cos()) / 2)[:, None, None]
        degrees = there * done.degrees + (1 - there) * rest.degrees
    return degrees.unflatten(0, cycles.shape)


def _captions(
    keys: np.ndarray, chosen: list[tuple[str, str]], pace: np.ndarray, left: np.ndarray
) -> list[str]:
    """One sentence a motion."""
    die = uniform(keys, "caption", 6)  # (N, 6)
    return [
        action_text(
            legs, arms,
            subject=SUBJECTS[int(d[0] * len(SUBJECTS))],
            form=int(3 * d[1]),
            wording=(int(2 * d[2]), int(2 * d[3])),
            side=("right", "left")[int(own)] if d[4] < SAY_SIDE else "",
            pace="" if d[5] >= SAY_PACE or {legs, arms} <= set(STILL) else PACES[p],
        )
        for (legs, arms), d, p, own in zip(chosen, die, pace, left, strict=True)
    ]  # fmt: skip


def _float(x: np.ndarray) -> Tensor:
    return torch.from_numpy(x).float()


def _normal(u: np.ndarray) -> Tensor:
    """Turn even random numbers in [0, 1) into normal ones."""
    return _float(np.clip(u, 1e-6, 1 - 1e-6)).mul(2).sub(1).erfinv() * math.sqrt(2)
