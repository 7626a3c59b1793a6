"""From twelve measures to a skeleton and the pieces round it: the anatomy of a figure.

Numbers are metres on a person of 1.69 m, read off a figure drawn in proportion; the measures stretch them.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS, MIRROR, joint_index
from lecture_utils.data.toyworld.people.figure_measures import MEASURES, mean_measures
from lecture_utils.data.toyworld.people.figure_pieces import Pieces

PARTS = (
    "torso", "head", "left_upper_arm", "right_upper_arm", "left_forearm", "right_forearm", "left_hand",
    "right_hand", "left_thigh", "right_thigh", "left_shank", "right_shank", "left_foot", "right_foot",
    "left_toes", "right_toes",
)  # fmt: skip
Place = Sequence[float]


class Anatomy:
    """What the measures stretch, as factors on the mean person."""

    def __init__(self, measures: Tensor) -> None:
        m = dict(zip(MEASURES, measures.tolist(), strict=True))
        mean = dict(zip(MEASURES, mean_measures().tolist(), strict=True))
        self.size = m["height"] / mean["height"]
        girth = (m["mass"] / m["height"] ** 2 / (mean["mass"] / mean["height"] ** 2)) ** 0.5
        self.fat = 1.12 * girth - 1.0  # 1.12: so that the mean figure has the mean volume, 70 litres
        self.sex, self.bust, self.belly, self.muscle = m["sex"] - 0.5, m["bust"], m["belly"], m["muscle"]
        self.shoulders = m["shoulders"] / mean["shoulders"]
        self.hips = m["hips"] / mean["hips"]
        self.legs = m["legs"] / mean["legs"]
        # What the legs gain the trunk loses: the height is given.
        self.trunk = (1 - m["legs"]) / (1 - mean["legs"])
        self.arms = m["arms"] / mean["arms"]
        self.head, self.hands = m["head"], m["hands"]

    def thick(self, fat: float = 1.0, muscle: float = 0.0) -> float:
        """How much thicker than the mean a piece is that follows fat and muscle so."""
        return 1 + fat * self.fat + muscle * self.muscle * 0.04


def skeleton(a: Anatomy) -> Tensor:
    """Place the 24 joints at rest, (24, 3), with the pelvis in the origin; arms out, legs a little apart."""
    wide = 0.5 + 0.5 * a.hips
    up = a.trunk
    reach, size = 0.185 * a.shoulders, a.arms
    left = {
        "left_hip": (0.083 * a.hips, -0.075 * a.legs, 0.0),
        "left_knee": (0.108 * wide, -0.470 * a.legs, 0.006),
        "left_ankle": (0.112 * wide, -0.945 * a.legs + 0.078 * a.hands, -0.030),
        "left_foot": (0.122 * wide, -0.945 * a.legs + 0.022 * a.hands, -0.030 + 0.128 * a.hands),
        "left_collar": (0.065 * a.shoulders, 0.425 * up, -0.025),
        "left_shoulder": (reach, 0.442 * up, -0.032),
        "left_elbow": (reach + 0.262 * size, 0.442 * up, -0.042),
        "left_wrist": (reach + 0.510 * size, 0.442 * up, -0.036),
        "left_hand": (reach + 0.510 * size + 0.088 * a.hands, 0.440 * up, -0.034),
    }
    middle = {
        "pelvis": (0.0, 0.0, 0.0), "spine1": (0.0, 0.105 * up, -0.018),
        "spine2": (0.0, 0.220 * up, -0.022),
        "spine3": (0.0, 0.310 * up, -0.015), "neck": (0.0, 0.490 * up, -0.038),
        "head": (0.0, 0.575 * up, -0.008),
    }  # fmt: skip
    joints = torch.zeros(len(JOINTS), 3)
    for name, place in {**left, **middle}.items():
        joints[joint_index(name)] = torch.tensor(place)
        mirrored = MIRROR[joint_index(name)]
        if mirrored != joint_index(name):
            joints[mirrored] = torch.tensor((-place[0], place[1], place[2]))
    return joints * a.size


class Builder:
    """Adds pieces in the places of the mean person, moved and stretched to the joints of this one."""

    def __init__(self, measures: Tensor) -> None:
        self.a = Anatomy(measures)
        self.mean = skeleton(Anatomy(mean_measures()))
        self.joints = skeleton(self.a)
        self.pieces = Pieces()

    def place(self, bone: int, at: Sequence[float], stretch: Sequence[float]) -> tuple[float, float, float]:
        """Carry a place on the mean person that lies near `bone` to this person."""
        there = (torch.tensor(at) - self.mean[bone]) * torch.tensor(stretch) * self.a.size + self.joints[bone]
        return tuple(there.tolist())

    def both(
        self, kind: str, bone: str, part: str, *places: Place, stretch: Place = (1.0, 1.0, 1.0),
        pair: bool = False, **how: Any,
    ) -> None:  # fmt: skip
        """Add a piece; if it is one of a pair, or hangs on the left, its mirror image too."""
        sides = (1, -1) if pair or bone.startswith("left") else (1,)
        size = self.a.size
        for side in sides:
            name = bone if side > 0 else bone.replace("left", "right")
            piece = part if side > 0 else part.replace("left", "right")
            j = joint_index(bone)
            ends = [self.place(j, p, stretch) for p in places]
            ends = [(side * x, y, z) for x, y, z in ends]
            given = dict(how)
            if kind == "limb":
                given["radii"] = [r * size for r in how["radii"]]
                if "thin" in how:
                    given["thin"] = (side * how["thin"][0], how["thin"][1], how["thin"][2])
            else:
                given["axes"] = [r * size for r in how["axes"]]
                if "turn" in how and how["turn"][0] != 0:
                    given["turn"] = (how["turn"][0], side * how["turn"][1])
            getattr(self.pieces, kind)(joint_index(name), PARTS.index(piece), *ends, **given)
