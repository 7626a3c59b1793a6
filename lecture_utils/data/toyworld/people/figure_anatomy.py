"""From twelve measures to a skeleton and the pieces round it: the anatomy of a figure.

Numbers are metres on a person of 1.69 m, read off a figure drawn in proportion; the measures stretch them.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS, MIRROR, joint_index
from lecture_utils.data.toyworld.people.figure_measures import MEASURES, mean_measures
from lecture_utils.data.toyworld.people.figure_pieces import Pieces

PARTS = (
    "torso", "head", "left_upper_arm", "right_upper_arm", "left_forearm", "right_forearm", "left_hand", "right_hand",
    "left_thigh", "right_thigh", "left_shank", "right_shank", "left_foot", "right_foot",
)  # fmt: skip
HEIGHT = 1.693
EYE_CARVE = "head"


class Anatomy:
    """What the measures stretch, as factors on the mean person."""

    def __init__(self, measures: Tensor) -> None:
        m = dict(zip(MEASURES, measures.tolist(), strict=True))
        mean = dict(zip(MEASURES, mean_measures().tolist(), strict=True))
        self.size = m["height"] / mean["height"]
        girth = (m["mass"] / m["height"] ** 2 / (mean["mass"] / mean["height"] ** 2)) ** 0.5
        self.fat = girth - 1.0
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
        "left_knee": (0.100 * wide, -0.470 * a.legs, 0.006),
        "left_ankle": (0.100 * wide, -0.945 * a.legs + 0.078 * a.hands, -0.030),
        "left_foot": (0.112 * wide, -0.945 * a.legs + 0.022 * a.hands, -0.030 + 0.128 * a.hands),
        "left_collar": (0.065 * a.shoulders, 0.425 * up, -0.025),
        "left_shoulder": (reach, 0.442 * up, -0.032),
        "left_elbow": (reach + 0.262 * size, 0.442 * up, -0.042),
        "left_wrist": (reach + 0.510 * size, 0.442 * up, -0.036),
        "left_hand": (reach + 0.510 * size + 0.088 * a.hands, 0.440 * up, -0.034),
    }
    middle = {
        "pelvis": (0.0, 0.0, 0.0), "spine1": (0.0, 0.105 * up, -0.018), "spine2": (0.0, 0.220 * up, -0.022),
        "spine3": (0.0, 0.310 * up, -0.015), "neck": (0.0, 0.490 * up, -0.038), "head": (0.0, 0.575 * up, -0.008),
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
        self, kind: str, bone: str, part: str, *places: Sequence[float], stretch=(1.0, 1.0, 1.0), **how
    ) -> None:
        """Add a piece; if it lies on the left, its mirror image too."""
        sides = (
            (1, -1) if bone.startswith("left") or part.startswith("left") or how.pop("pair", False) else (1,)
        )
        how.pop("pair", None)
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


def build(measures: Tensor) -> tuple[Tensor, Pieces]:
    """Return the joints (24, 3) and the pieces of a person at rest."""
    b = Builder(measures)
    for add in (trunk, head, arm, hand, leg, foot):
        add(b)
    return b.joints, b.pieces


def trunk(b: Builder) -> None:
    """Pelvis, belly, rib cage, chest, back, shoulder girdle, neck."""
    a, up = b.a, b.a.trunk
    soft, lean, w = a.thick(1.0), a.thick(0.6, 0.5), a.hips
    tall = (1.0, up, 1.0)
    belly = 1.0 + 0.13 * a.belly + 2.2 * max(a.fat, -0.05)
    female = 0.5 - a.sex
    b.both(
        "ball", "pelvis", "torso", (0, 0.0, -0.008), axes=(0.138 * w * a.thick(0.8), 0.085 * up, 0.086 * soft)
    )
    b.both(
        "ball",
        "pelvis",
        "torso",
        (0.068, -0.062, -0.048),
        stretch=(w, 1, 1),
        pair=True,
        axes=(0.066 * soft * w, 0.075, 0.062 * a.thick(1.0, 0.4) + 0.006 * (female - 0.5)),
    )
    b.both(
        "ball",
        "pelvis",
        "torso",
        (0.098, -0.045, -0.004),
        stretch=(w, 1, 1),
        pair=True,
        axes=(0.052 * soft + 0.004 * (female - 0.5), 0.085, 0.068 * soft),
    )
    b.both(
        "ball",
        "spine1",
        "torso",
        (0, 0.105, -0.006),
        stretch=tall,
        axes=(0.116 * soft - 0.008 * (female - 0.5), 0.085 * up, 0.078 * soft),
    )
    b.both(
        "ball",
        "spine1",
        "torso",
        (0, 0.070, 0.024),
        stretch=tall,
        axes=(0.092 * soft, 0.085 * up, 0.056 * belly),
    )
    b.both(
        "ball",
        "spine2",
        "torso",
        (0, 0.205, -0.006),
        stretch=tall,
        axes=(0.115 * a.thick(0.9) - 0.006 * (female - 0.5), 0.095 * up, 0.080 * soft),
    )
    b.both(
        "ball",
        "spine3",
        "torso",
        (0, 0.325, -0.014),
        stretch=tall,
        axes=(0.126 * a.shoulders * a.thick(0.7, 0.3), 0.130 * up, 0.086 * a.thick(0.8, 0.3)),
    )
    bust = max(0.35, 1 + 0.5 * (female - 0.5) * 2 + 0.3 * a.bust + 1.2 * a.fat)
    b.both(
        "ball",
        "spine3",
        "torso",
        (0.072, 0.318, 0.052),
        stretch=(a.shoulders, up, 1),
        pair=True,
        axes=(0.060 * a.thick(0.8), 0.056, 0.026 + 0.020 * bust),
        turn=(1, 0.3),
    )
    b.both(
        "ball",
        "spine3",
        "torso",
        (0.070, 0.372, 0.038),
        stretch=(a.shoulders, up, 1),
        pair=True,
        axes=(0.070 * lean, 0.045, 0.036 * a.thick(0.6, 1.5)),
        turn=(1, 0.3),
    )
    b.both(
        "ball",
        "spine3",
        "torso",
        (0.080, 0.330, -0.052),
        stretch=(a.shoulders, up, 1),
        pair=True,
        axes=(0.064 * a.thick(0.8, 1.0), 0.110 * up, 0.044 * a.thick(0.8, 1.0)),
    )
    b.both(
        "limb",
        "left_collar",
        "torso",
        (0.040, 0.428, -0.028),
        (0.160, 0.440, -0.032),
        stretch=(a.shoulders, 1, 1),
        radii=(0.044 * lean, 0.040 * lean, 0.043 * a.thick(0.6, 1.0)),
    )
    b.both(
        "limb",
        "left_collar",
        "torso",
        (0.022, 0.505, -0.045),
        (0.130, 0.455, -0.038),
        stretch=(a.shoulders, 1, 1),
        radii=(0.030, 0.026 * a.thick(0.5, 1.0), 0.022),
    )
    n = a.thick(0.55, 0.6) * (1 + 0.10 * a.sex)
    b.both(
        "limb",
        "neck",
        "torso",
        (0, 0.452, -0.042),
        (0, 0.565, -0.014),
        radii=(0.054 * n, 0.047 * n, 0.047 * n),
    )


def head(b: Builder) -> None:
    """Skull, jaw, and the relief of a face."""
    a = b.a
    s = a.head / a.size**0.6  # heads differ less than heights
    jaw = 1 + 0.08 * a.sex + 0.25 * a.fat
    far = (s, s, s)

    def ball(at, axes, pair=False, turn=None):
        how = {} if turn is None else {"turn": turn}
        b.both("ball", "head", "head", at, axes=[s * x for x in axes], stretch=far, pair=pair, **how)

    def limb(start, end, radii, pair=False):
        b.both("limb", "head", "head", start, end, radii=[s * r for r in radii], stretch=far, pair=pair)

    ball((0, 0.652, -0.012), (0.0745, 0.096, 0.094))
    ball((0, 0.606, 0.022), (0.056 * jaw, 0.062, 0.058))
    limb((0.046 * jaw, 0.588, 0.000), (0.014, 0.549, 0.062), (0.014, 0.013, 0.011), pair=True)
    ball((0, 0.549, 0.068), (0.017 * jaw, 0.014, 0.014))
    ball((0.039, 0.613, 0.055), (0.019, 0.022, 0.017), pair=True)
    limb((0, 0.652, 0.080), (0, 0.616, 0.098), (0.0055, 0.0075, 0.0100))
    ball((0.0105, 0.6115, 0.090), (0.0075, 0.0070, 0.0090), pair=True)
    limb((0.010, 0.668, 0.077), (0.045, 0.667, 0.060), (0.007, 0.009, 0.007), pair=True)
    ball((0.031, 0.649, 0.066), (0.0125, 0.0105, 0.0110), pair=True)
    limb((-0.017, 0.5835, 0.0765), (0.017, 0.5835, 0.0765), (0.004, 0.0075, 0.004))
    limb((-0.014, 0.5735, 0.0755), (0.014, 0.5735, 0.0755), (0.004, 0.0080, 0.004))
    ball((0.0765, 0.632, -0.012), (0.0075, 0.030, 0.0185), pair=True, turn=(1, -0.45))
    ball((0.0745, 0.606, -0.004), (0.006, 0.010, 0.009), pair=True)


def arm(b: Builder) -> None:
    """Deltoid, biceps and triceps, elbow, forearm."""
    a = b.a
    long = (a.arms, 1, 1)
    up, fore = a.thick(0.9, 1.2) * (1 + 0.08 * a.sex), a.thick(0.6, 0.8) * (1 + 0.10 * a.sex)
    b.both(
        "ball",
        "left_shoulder",
        "left_upper_arm",
        (0.190, 0.440, -0.032),
        axes=(0.058 * up, 0.047 * up, 0.047 * up),
    )
    b.both(
        "limb",
        "left_shoulder",
        "left_upper_arm",
        (0.205, 0.440, -0.033),
        (0.447, 0.442, -0.042),
        stretch=long,
        radii=(0.041 * up, 0.0395 * up, 0.031 * fore),
    )
    b.both(
        "ball",
        "left_shoulder",
        "left_upper_arm",
        (0.335, 0.442, -0.026),
        stretch=long,
        axes=(0.062, 0.027 * up, 0.022 * a.thick(0.6, 2.0)),
    )
    b.both(
        "limb",
        "left_elbow",
        "left_forearm",
        (0.447, 0.442, -0.042),
        (0.685, 0.442, -0.036),
        stretch=long,
        radii=(0.0325 * fore, 0.0335 * fore, 0.0225 * a.thick(0.4)),
        flat=0.95,
        thin=(0, 1, 0),
    )
    b.both(
        "ball",
        "left_elbow",
        "left_forearm",
        (0.510, 0.442, -0.038),
        stretch=long,
        axes=(0.055, 0.032 * fore, 0.036 * fore),
    )


def hand(b: Builder) -> None:
    """Palm, thumb, four fingers that curl a little, palm down."""
    a = b.a
    h = a.hands
    t = h * a.thick(0.35) * (1 + 0.05 * a.sex)
    x, y, z = 0.695, 0.442, -0.036

    def limb(bone, start, end, radii, flat=1.0):
        b.both(
            "limb",
            bone,
            "left_hand",
            (x + start[0], y + start[1], z + start[2]),
            (x + end[0], y + end[1], z + end[2]),
            stretch=(h, h, h),
            radii=[t * r for r in radii],
            flat=flat,
            thin=(0, 1, 0),
        )

    limb("left_wrist", (-0.012, 0, 0), (0.030, 0, 0.002), (0.026, 0.028, 0.031), 0.60)
    limb("left_wrist", (0.030, 0, 0.010), (0.076, 0.000, 0.017), (0.022, 0.020, 0.019), 0.62)
    limb("left_wrist", (0.030, 0, -0.010), (0.072, 0.000, -0.017), (0.022, 0.020, 0.018), 0.62)
    limb("left_wrist", (0.012, -0.006, 0.022), (0.045, -0.011, 0.050), (0.014, 0.0145, 0.0115))
    limb("left_wrist", (0.045, -0.011, 0.050), (0.078, -0.014, 0.066), (0.0115, 0.0105, 0.0085))
    fingers = (
        (0.029, 0.040, 0.046, 0.070, 0.0090),
        (0.0095, 0.013, 0.0150, 0.080, 0.0092),
        (-0.0105, -0.015, -0.018, 0.074, 0.0088),
        (-0.0295, -0.041, -0.049, 0.058, 0.0078),
    )
    for base, middle, tip, length, r in fingers:
        start = 0.080 - 3 * base**2
        limb(
            "left_hand",
            (start, 0.000, base),
            (start + 0.52 * length, -0.004, middle),
            (r * 1.05, r, r * 0.95),
        )
        limb(
            "left_hand",
            (start + 0.52 * length, -0.004, middle),
            (start + length, -0.018, tip),
            (r * 0.95, r * 0.92, r * 0.78),
        )


def leg(b: Builder) -> None:
    """Thigh, knee, calf, shin."""
    a = b.a
    long = (1, a.legs, 1)
    thigh, calf = a.thick(1.0, 0.6) * (1 - 0.06 * a.sex), a.thick(0.7, 0.8)
    b.both(
        "limb",
        "left_hip",
        "left_thigh",
        (0.091, -0.085, 0.000),
        (0.100, -0.450, 0.004),
        stretch=long,
        radii=(0.074 * thigh, 0.0665 * thigh, 0.0455 * a.thick(0.6)),
    )
    b.both(
        "ball",
        "left_hip",
        "left_thigh",
        (0.098, -0.230, 0.020),
        stretch=long,
        axes=(0.055 * thigh, 0.130, 0.048 * a.thick(0.8, 0.9)),
    )
    b.both(
        "limb",
        "left_knee",
        "left_shank",
        (0.100, -0.468, 0.004),
        (0.100, -0.850, -0.028),
        stretch=long,
        radii=(0.0460 * a.thick(0.6), 0.0395 * calf, 0.0300 * a.thick(0.4)),
    )
    b.both(
        "ball",
        "left_knee",
        "left_shank",
        (0.100, -0.600, -0.026),
        stretch=long,
        axes=(0.045 * calf, 0.105, 0.040 * calf),
    )
    b.both("ball", "left_knee", "left_shank", (0.100, -0.462, 0.034), axes=(0.026, 0.032, 0.018))


def foot(b: Builder) -> None:
    """Ankle, heel, instep, ball, toes."""
    a = b.a
    h = a.hands
    t = h * a.thick(0.25)
    far = (h, h, h)

    def ball(bone, at, axes):
        b.both("ball", bone, "left_foot", at, axes=[t * x for x in axes], stretch=far)

    def limb(bone, start, end, radii, flat=1.0):
        b.both(
            "limb",
            bone,
            "left_foot",
            start,
            end,
            radii=[t * r for r in radii],
            stretch=far,
            flat=flat,
            thin=(0, 1, 0),
        )

    ball("left_ankle", (0.100, -0.868, -0.030), (0.033, 0.030, 0.036))
    ball("left_ankle", (0.100, -0.912, -0.058), (0.029, 0.030, 0.033))
    limb("left_ankle", (0.101, -0.885, -0.015), (0.110, -0.916, 0.085), (0.033, 0.031, 0.027), 0.8)
    limb("left_ankle", (0.104, -0.925, -0.045), (0.112, -0.926, 0.085), (0.027, 0.030, 0.038), 0.45)
    limb("left_foot", (0.090, -0.923, 0.085), (0.087, -0.930, 0.150), (0.019, 0.0155, 0.0125), 0.9)
    for x, z, r in (
        (0.109, 0.150, 0.0105),
        (0.125, 0.142, 0.0100),
        (0.139, 0.131, 0.0095),
        (0.151, 0.118, 0.0090),
    ):
        limb("left_foot", (x - 0.002, -0.924, 0.080), (x, -0.932, z), (0.016, 0.012, r), 0.9)
