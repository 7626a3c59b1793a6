"""What people do with their arms and trunk: the upper halves of the activities (`movements` has the legs).

Shapes: N poses; u (N, 8) even random numbers in [0, 1); phase (N,) in radians.
"""

from torch import Tensor

from lecture_utils.data.toyworld.people.movements import SIDES, Angles, Movement


def relaxed(a: Angles, phase: Tensor, u: Tensor) -> None:
    """Arms hang."""
    for i, side in enumerate(SIDES):
        a.arm(side, 12 * u[:, i] - 4, 4 + 24 * u[:, 2 + i], out=8 + 14 * u[:, 4], twist=-20 * u[:, 5])


def swing(a: Angles, phase: Tensor, u: Tensor) -> None:
    """Each arm swings against its leg."""
    for side, sign in (("left", -1.0), ("right", 1.0)):
        forwards = sign * phase.cos()
        a.arm(side, (14 + 14 * u[:, 0]) * forwards + 2, 14 + 12 * u[:, 1] + 10 * forwards)


def pump(a: Angles, phase: Tensor, u: Tensor) -> None:
    """The arms of a runner: elbows bent."""
    for side, sign in (("left", -1.0), ("right", 1.0)):
        forwards = sign * phase.cos()
        a.arm(side, (26 + 16 * u[:, 0]) * forwards - 4, 78 + 20 * u[:, 1] + 12 * forwards, twist=-16.0)


def reach(a: Angles, phase: Tensor, u: Tensor) -> None:
    """One arm to something in front, low or high."""
    a.arm("left", 45 + 105 * u[:, 0], 40 * u[:, 1], out=6 + 24 * u[:, 2], twist=40 * u[:, 3] - 30)
    a.arm("right", 10 * u[:, 4], 8 + 20 * u[:, 5])
    a.trunk(16 * u[:, 6], -18 * u[:, 7])


def wave(a: Angles, phase: Tensor, u: Tensor) -> None:
    """A raised hand goes to and fro."""
    side = 26 * phase.cos()
    a.turn("left_shoulder", -75 - 20 * u[:, 0], z=50 * u[:, 1] - 12)  # forearm upwards
    a.turn("left_elbow", y=-(68 + 14 * u[:, 2] + side))
    a.arm("right", 8 * u[:, 3], 6 + 24 * u[:, 4])
    a.turn("head", y=14 * u[:, 5] - 4)


def raise_arms(a: Angles, phase: Tensor, u: Tensor) -> None:
    """Both arms up."""
    for i, side in enumerate(SIDES):
        a.arm(side, 128 + 34 * u[:, i], 45 * u[:, 2 + i], out=10 + 26 * u[:, 4])
    a.turn("neck", x=-14 * u[:, 5])
    a.trunk(-8 * u[:, 6])


def throw(a: Angles, phase: Tensor, u: Tensor) -> None:
    """An arm cocked behind the head comes over to the front; the trunk turns with it."""
    thrown = (1 - phase.cos()) / 2
    a.turn("left_shoulder", -95 + 70 * thrown, 22 - 88 * thrown, 12 - 22 * thrown)
    a.turn("left_elbow", y=-(104 - 84 * thrown))
    a.arm("right", 50 - 40 * thrown, 20 + 20 * u[:, 0], out=30.0 + 10 * u[:, 1])
    a.trunk(14 * thrown - 4, 22 - 46 * thrown)


def dance(a: Angles, phase: Tensor, u: Tensor) -> None:
    """Each arm anywhere between hip and head, the trunk moving."""
    for i, side in enumerate(SIDES):
        a.turn(f"{side}_shoulder", 30 - 110 * u[:, i], 15 - 60 * u[:, 2 + i], -65 + 110 * u[:, 4 + i])
        a.turn(f"{side}_elbow", y=-(10 + 95 * u[:, 6 + i]))
    a.trunk(8 * phase.sin(), 20 * phase.cos(), 14 * (phase + 1).sin())


def carry(a: Angles, phase: Tensor, u: Tensor) -> None:
    """Something in both hands, in front of the belly."""
    for side in SIDES:
        a.arm(side, 8 + 30 * u[:, 0], 66 + 30 * u[:, 1], out=12 + 8 * u[:, 2], twist=-12 - 14 * u[:, 3])
    a.trunk(10 * u[:, 4] - 6)


def akimbo(a: Angles, phase: Tensor, u: Tensor) -> None:
    """Hands on the hips."""
    for side in SIDES:
        a.arm(side, -14 - 12 * u[:, 0], 88 + 16 * u[:, 1], out=44 + 10 * u[:, 2], twist=-62 + 10 * u[:, 3])


def phone(a: Angles, phase: Tensor, u: Tensor) -> None:
    """A hand at the ear."""
    a.arm("left", 34 + 22 * u[:, 0], 122 + 16 * u[:, 1], out=26 + 16 * u[:, 2], twist=-6 * u[:, 3])
    a.arm("right", 8 * u[:, 4], 10 + 70 * u[:, 5], twist=-30 * u[:, 5])
    a.turn("head", z=-10 * u[:, 6], x=8 * u[:, 7])


def clap(a: Angles, phase: Tensor, u: Tensor) -> None:
    """Hands in front of the chest, together or apart."""
    apart = (1 + phase.cos()) / 2
    for side in SIDES:
        a.arm(side, 48 + 26 * u[:, 0], 42 + 26 * u[:, 1], out=14 + 14 * apart, twist=-46 + 40 * apart)


def bend(a: Angles, phase: Tensor, u: Tensor) -> None:
    """Down to something on the floor."""
    depth = 0.4 + 0.6 * u[:, 0]
    a.turn("pelvis", x=34 * depth)
    for side in SIDES:  # the legs stay upright as the pelvis turns
        a.turn(f"{side}_hip", x=-34 * depth)
    a.trunk(62 * depth, 24 * u[:, 1] - 12)
    for i, side in enumerate(SIDES):
        a.arm(side, 62 * depth + 36 * u[:, 2 + i], 6 + 26 * u[:, 4 + i])
    a.turn("neck", x=-14 * depth)


GESTURES: dict[str, Movement] = {
    "relaxed": relaxed, "swing": swing, "pump": pump, "reach": reach, "wave": wave, "raise": raise_arms,
    "throw": throw, "dance": dance, "carry": carry, "akimbo": akimbo, "phone": phone, "clap": clap,
    "bend": bend,
}  # fmt: skip
