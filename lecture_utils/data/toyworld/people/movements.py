"""What people do, as angles of their joints: what the legs do and what the arms do, each by itself.

A movement gets the phase of its cycle and a few random numbers, and turns joints of an `Angles`. Angles are
degrees from T-pose about the parent's axes, R = R_x R_y R_z. What is written is a left joint's; a right one's
is its mirror image (x stays, y and z change sign).

The gait follows the curves in D. Winter, "Biomechanics and Motor Control of Human Movement", 4th edition,
2009 (a hip near a cosine, a knee that bends twice a cycle), in shape, not in detail.

Shapes: N poses; u (N, 8) even random numbers in [0, 1); phase (N,) in radians, 0 where the left heel strikes.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS, joint_index

SIDES = ("left", "right")
Degrees = Tensor | float


class Angles:
    """Angles x, y, z (N, 24, 3) in degrees of N persons in T-pose, for movements to turn."""

    def __init__(self, count: int) -> None:
        self.degrees = torch.zeros(count, len(JOINTS), 3)

    def turn(self, joint: str, x: Degrees = 0.0, y: Degrees = 0.0, z: Degrees = 0.0) -> None:
        """Add to a joint's angles; of a right joint y and z are mirrored."""
        sign = -1.0 if joint.startswith("right") else 1.0
        for axis, angle in enumerate((x, sign * y, sign * z)):
            self.degrees[:, joint_index(joint), axis] += angle

    def leg(
        self, side: str, hip: Degrees = 0.0, knee: Degrees = 0.0, ankle: Degrees = 0.0, *,
        out: Degrees = 0.0, twist: Degrees = 0.0,
    ) -> None:  # fmt: skip
        """Lift the thigh forwards, bend the knee, lift the toes; thigh out to the side, turned outwards."""
        self.turn(f"{side}_hip", -hip, twist, out)
        self.turn(f"{side}_knee", x=knee)
        self.turn(f"{side}_ankle", x=-ankle)

    def arm(
        self, side: str, lift: Degrees = 0.0, elbow: Degrees = 0.0, *,
        out: Degrees = 14.0, twist: Degrees = 0.0,
    ) -> None:  # fmt: skip
        """Swing the hanging arm forwards, bend the elbow; `out` from the trunk, a negative twist inwards."""
        self.turn(f"{side}_shoulder", -lift, twist, out - 90.0)
        self.turn(f"{side}_elbow", y=-elbow)

    def trunk(self, forwards: Degrees = 0.0, turned: Degrees = 0.0, aside: Degrees = 0.0) -> None:
        """Bend and turn the trunk, a third at each joint of the spine."""
        for joint in ("spine1", "spine2", "spine3"):
            self.turn(joint, forwards / 3, turned / 3, aside / 3)


Movement = Callable[[Angles, Tensor, Tensor], None]


def bump(phase: Tensor, at: float, width: float) -> Tensor:
    """Height 1 at a part `at` of the cycle, and about 0 further away than its width (a part of it too)."""
    return (((phase - 2 * math.pi * at).cos() - 1) / (2 * math.pi * width) ** 2).exp()


# --- legs ------------------------------------------------------------------------------------------------
def stand(a: Angles, phase: Tensor, u: Tensor) -> None:
    """On both feet, one knee a little bent."""
    a.leg("left", 4 * u[:, 0], 4 * u[:, 1], out=12 * u[:, 2], twist=20 * u[:, 3] - 5)
    a.leg("right", 16 * u[:, 4], 24 * u[:, 4], 6 * u[:, 4], out=12 * u[:, 5], twist=20 * u[:, 6] - 5)


def walk(a: Angles, phase: Tensor, u: Tensor) -> None:
    """A step; u[:, 0] is its length."""
    stride = 0.8 + 0.4 * u[:, 0]
    for side, at in (("left", phase), ("right", phase + math.pi)):
        hip = 8 + 22 * at.cos()
        knee = 4 + 14 * bump(at, 0.14, 0.09) + 56 * bump(at, 0.73, 0.1)
        ankle = 8 * bump(at, 0.42, 0.12) - 16 * bump(at, 0.62, 0.06)
        a.leg(side, stride * hip, stride * knee, stride * ankle)
    a.turn("pelvis", y=-5 * stride * phase.cos())
    a.trunk(3.0, 9 * stride * phase.cos())


def run(a: Angles, phase: Tensor, u: Tensor) -> None:
    """Longer steps, with the heel high behind."""
    stride = 0.8 + 0.35 * u[:, 0]
    for side, at in (("left", phase), ("right", phase + math.pi)):
        hip = 20 + 32 * (at + 0.5).cos()
        knee = 18 + 18 * bump(at, 0.14, 0.09) + 82 * bump(at, 0.7, 0.12)
        a.leg(side, stride * hip, stride * knee, 12 * bump(at, 0.2, 0.1) - 22 * bump(at, 0.45, 0.1))
    a.turn("pelvis", x=6.0, y=-7 * stride * phase.cos())
    a.trunk(8.0, 14 * stride * phase.cos())


def sit(a: Angles, phase: Tensor, u: Tensor) -> None:
    """On a chair, knees together or apart, a shank forwards."""
    for i, side in enumerate(SIDES):
        a.leg(side, 74 + 22 * u[:, 0], 60 + 40 * u[:, 1 + i], 10 * u[:, 3], out=22 * u[:, 4] - 2)
    a.trunk(24 * u[:, 5] - 4)


def squat(a: Angles, phase: Tensor, u: Tensor) -> None:
    """Down on bent knees, the trunk forwards."""
    depth = 0.4 + 0.6 * u[:, 0]
    for side in SIDES:
        a.leg(side, 105 * depth, 128 * depth, 24 * depth, out=8 + 16 * u[:, 1], twist=18 * u[:, 2])
    a.trunk(18 * depth + 12 * u[:, 3])
    a.turn("pelvis", x=20 * depth)


def climb(a: Angles, phase: Tensor, u: Tensor) -> None:
    """Up a ladder or steep stairs: one foot is high while the other leg is straight."""
    for side, at in (("left", phase), ("right", phase + math.pi)):
        high = (1 + at.cos()) / 2
        a.leg(side, 10 + 80 * high, 12 + 86 * high, 12 * high, out=4 + 10 * u[:, 0])
    a.trunk(8 * u[:, 1], aside=6 * phase.cos())


def kick(a: Angles, phase: Tensor, u: Tensor) -> None:
    """The left leg from behind, knee bent, to the front, knee straight."""
    swung = (1 - phase.cos()) / 2
    a.leg("left", 95 * swung - 12, 12 + 80 * (1 - swung), -30 * swung, out=12 * u[:, 0])
    a.leg("right", 8 + 8 * u[:, 1], 10 + 14 * u[:, 1], out=5 * u[:, 2])
    a.trunk(10 - 14 * swung, 12 * (1 - 2 * swung))


def lunge(a: Angles, phase: Tensor, u: Tensor) -> None:
    """A long step forwards, the front knee bent."""
    a.leg("left", 55 + 35 * u[:, 0], 60 + 40 * u[:, 0], 12 * u[:, 1])
    a.leg("right", -9.0 + 4 * u[:, 2], 24 + 46 * u[:, 3], 8.0)
    a.trunk(16 * u[:, 4])


def straddle(a: Angles, phase: Tensor, u: Tensor) -> None:
    """Feet wide apart."""
    for i, side in enumerate(SIDES):
        a.leg(side, 4 + 14 * u[:, i], 6 + 26 * u[:, i], out=18 + 16 * u[:, 2], twist=14 * u[:, 3])


def balance(a: Angles, phase: Tensor, u: Tensor) -> None:
    """On the right leg, the left knee lifted to the front or to the side."""
    a.leg("left", 45 + 55 * u[:, 0], 55 + 60 * u[:, 1], out=40 * u[:, 2], twist=36 * u[:, 2])
    a.leg("right", 6 * u[:, 3], 10 * u[:, 3])
    a.trunk(aside=8 * u[:, 4] - 2)


LEGS: dict[str, Movement] = {
    "stand": stand, "walk": walk, "run": run, "sit": sit, "squat": squat, "climb": climb, "kick": kick,
    "lunge": lunge, "straddle": straddle, "balance": balance,
}  # fmt: skip
