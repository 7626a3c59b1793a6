"""The pieces of a figure's left arm, hand, leg and foot; the builder adds their mirror images.

Numbers are metres on the mean person, drawn in proportion.
"""

from lecture_utils.body.skeleton import joint_index
from lecture_utils.data.toyworld.people.figure_anatomy import Builder, Place

# Of each finger: where base, middle and tip lie across the hand; its length; its radius.
FINGERS = (
    (0.0300, 0.0400, 0.0460, 0.070, 0.0092), (0.0100, 0.0135, 0.0155, 0.080, 0.0094),
    (-0.0105, -0.0145, -0.0175, 0.074, 0.0090), (-0.0300, -0.0405, -0.0480, 0.058, 0.0080),
)  # fmt: skip


def arm(b: Builder) -> None:
    """Deltoid, biceps and triceps, elbow, forearm."""
    a = b.a
    long = (a.arms, 1, 1)
    up, fore = a.thick(0.9, 1.2) * (1 + 0.10 * a.sex), a.thick(0.6, 0.8) * (1 + 0.12 * a.sex)
    b.both(
        "ball",
        "left_shoulder",
        "left_upper_arm",
        (0.206, 0.436, -0.032),
        axes=(0.054 * up, 0.046 * up, 0.050 * up),
    )
    b.both(
        "limb",
        "left_shoulder",
        "left_upper_arm",
        (0.205, 0.438, -0.033),
        (0.447, 0.442, -0.042),
        stretch=long,
        radii=(0.045 * up, 0.0430 * up, 0.036 * fore),
    )
    b.both(
        "ball",
        "left_shoulder",
        "left_upper_arm",
        (0.335, 0.442, -0.026),
        stretch=long,
        axes=(0.070, 0.030 * up, 0.026 * a.thick(0.6, 2.0)),
    )
    b.both(
        "limb",
        "left_elbow",
        "left_forearm",
        (0.447, 0.442, -0.042),
        (0.685, 0.442, -0.036),
        stretch=long,
        radii=(0.0365 * fore, 0.0370 * fore, 0.0250 * a.thick(0.4)),
        flat=0.95,
        thin=(0, 1, 0),
    )
    b.both(
        "ball",
        "left_elbow",
        "left_forearm",
        (0.510, 0.442, -0.038),
        stretch=long,
        axes=(0.060, 0.036 * fore, 0.040 * fore),
    )


def hand(b: Builder) -> None:
    """Palm, thumb, four fingers that curl a little, palm down."""
    a = b.a
    h = a.hands
    t = h * a.thick(0.35) * (1 + 0.05 * a.sex)
    x, y, z = b.mean[joint_index("left_wrist")].tolist()

    def limb(bone: str, start: Place, end: Place, radii: Place, flat: float = 1.0) -> None:
        places = [(x + p[0], y + p[1], z + p[2]) for p in (start, end)]
        b.both(
            "limb",
            bone,
            "left_hand",
            *places,
            stretch=(h, h, h),
            radii=[t * r for r in radii],
            flat=flat,
            thin=(0, 1, 0),
        )

    limb("left_wrist", (-0.012, 0, 0), (0.030, 0, 0.002), (0.027, 0.029, 0.032), 0.60)
    limb("left_wrist", (0.030, 0, 0.011), (0.076, 0.000, 0.018), (0.023, 0.021, 0.020), 0.62)
    limb("left_wrist", (0.030, 0, -0.011), (0.072, 0.000, -0.018), (0.023, 0.021, 0.019), 0.62)
    limb("left_wrist", (0.012, -0.006, 0.022), (0.045, -0.011, 0.050), (0.014, 0.0150, 0.0115))
    limb("left_wrist", (0.045, -0.011, 0.050), (0.078, -0.014, 0.066), (0.0115, 0.0105, 0.0085))
    for base, middle, tip, length, r in FINGERS:
        start = 0.080 - 3 * base**2
        bend = (start + 0.52 * length, -0.004, middle)
        limb("left_hand", (start, 0.000, base), bend, (r * 1.05, r, r * 0.93))
        limb("left_hand", bend, (start + length, -0.018, tip), (r * 0.93, r * 0.90, r * 0.78))


def leg(b: Builder) -> None:
    """Thigh, knee, calf, shin."""
    a = b.a
    long = (1, a.legs, 1)
    thigh, calf = a.thick(1.0, 0.6) * (1 - 0.08 * a.sex), a.thick(0.7, 0.8)
    b.both(
        "limb",
        "left_hip",
        "left_thigh",
        (0.097, -0.085, 0.000),
        (0.108, -0.450, 0.004),
        stretch=long,
        radii=(0.081 * thigh, 0.0740 * thigh, 0.0510 * a.thick(0.6)),
    )
    b.both(
        "ball",
        "left_hip",
        "left_thigh",
        (0.104, -0.230, 0.022),
        stretch=long,
        axes=(0.060 * thigh, 0.140, 0.053 * a.thick(0.8, 0.9)),
    )
    b.both(
        "limb",
        "left_knee",
        "left_shank",
        (0.108, -0.468, 0.004),
        (0.112, -0.850, -0.028),
        stretch=long,
        radii=(0.0515 * a.thick(0.6), 0.0440 * calf, 0.0310 * a.thick(0.4)),
    )
    b.both(
        "ball",
        "left_knee",
        "left_shank",
        (0.109, -0.600, -0.024),
        stretch=long,
        axes=(0.0490 * calf, 0.115, 0.0440 * calf),
    )
    b.both("ball", "left_knee", "left_shank", (0.108, -0.462, 0.036), axes=(0.027, 0.034, 0.020))


def foot(b: Builder) -> None:
    """Ankle, heel, instep, ball, toes."""
    a = b.a
    h = a.hands
    t = h * a.thick(0.25)
    x = float(b.mean[joint_index("left_ankle")][0])

    def limb(bone: str, part: str, start: Place, end: Place, radii: Place, flat: float = 1.0) -> None:
        places = [(x + p[0], p[1], p[2]) for p in (start, end)]
        b.both(
            "limb",
            bone,
            part,
            *places,
            stretch=(h, h, h),
            radii=[t * r for r in radii],
            flat=flat,
            thin=(0, 1, 0),
        )

    limb("left_ankle", "left_foot", (0, -0.855, -0.036), (0, -0.910, -0.056), (0.029, 0.028, 0.031))
    limb("left_ankle", "left_foot", (0.003, -0.872, -0.030), (0.003, -0.905, -0.030), (0.031, 0.032, 0.032))
    limb(
        "left_ankle", "left_foot", (0.001, -0.884, -0.018), (0.010, -0.916, 0.085), (0.033, 0.031, 0.027), 0.8
    )
    limb(
        "left_ankle",
        "left_foot",
        (0.002, -0.926, -0.050),
        (0.013, -0.927, 0.082),
        (0.028, 0.034, 0.039),
        0.42,
    )
    limb(
        "left_foot",
        "left_toes",
        (-0.010, -0.923, 0.085),
        (-0.014, -0.929, 0.152),
        (0.020, 0.0150, 0.0135),
        0.85,
    )
    for side, far, r in (
        (0.0105, 0.152, 0.0092),
        (0.0265, 0.144, 0.0088),
        (0.0410, 0.133, 0.0084),
        (0.0530, 0.119, 0.0080),
    ):
        limb(
            "left_foot",
            "left_toes",
            (0.9 * side, -0.924, 0.075),
            (side, -0.932, far),
            (0.0165, 0.0092, r),
            0.95,
        )
