"""The pieces of a figure's trunk and head, and of all of it.

Numbers are metres on the mean person, drawn in proportion.
"""

from torch import Tensor

from lecture_utils.data.toyworld.people.figure_anatomy import Builder, Place
from lecture_utils.data.toyworld.people.figure_limbs import arm, foot, hand, leg
from lecture_utils.data.toyworld.people.figure_pieces import Pieces


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
    tall, broad = (1.0, up, 1.0), (a.shoulders, up, 1.0)
    belly = 1.0 + 0.13 * a.belly + 2.2 * max(a.fat, -0.05)
    round_ = -a.sex  # half for a female figure, minus half for a male one
    b.both(
        "ball",
        "pelvis",
        "torso",
        (0, 0.005, -0.006),
        axes=(0.150 * w * a.thick(0.8), 0.095 * up, 0.095 * soft),
    )
    b.both(
        "ball",
        "pelvis",
        "torso",
        (0.074, -0.060, -0.052),
        stretch=(w, 1, 1),
        pair=True,
        axes=(0.072 * soft * w, 0.078, 0.066 * a.thick(1.0, 0.4) + 0.008 * round_),
    )
    b.both(
        "ball",
        "pelvis",
        "torso",
        (0.104, -0.045, -0.004),
        stretch=(w, 1, 1),
        pair=True,
        axes=(0.058 * soft + 0.006 * round_, 0.095, 0.076 * soft),
    )
    b.both(
        "ball",
        "spine1",
        "torso",
        (0, 0.110, -0.006),
        stretch=tall,
        axes=(0.132 * soft - 0.012 * round_, 0.110 * up, 0.090 * soft),
    )
    b.both(
        "ball",
        "spine1",
        "torso",
        (0, 0.075, 0.030),
        stretch=tall,
        axes=(0.105 * soft, 0.105 * up, 0.064 * belly),
    )
    b.both(
        "ball",
        "spine2",
        "torso",
        (0, 0.215, -0.006),
        stretch=tall,
        axes=(0.129 * a.thick(0.9) - 0.012 * round_, 0.120 * up, 0.092 * soft),
    )
    b.both(
        "ball",
        "spine3",
        "torso",
        (0, 0.325, -0.014),
        stretch=tall,
        axes=(0.136 * a.shoulders * a.thick(0.7, 0.3), 0.135 * up, 0.096 * a.thick(0.8, 0.3)),
    )
    bust = max(0.0, 0.45 + 0.9 * round_ + 0.22 * a.bust + 0.8 * a.fat)
    b.both(
        "ball",
        "spine3",
        "torso",
        (0.074, 0.312 - 0.006 * bust, 0.050),
        stretch=broad,
        pair=True,
        axes=(0.060 * a.thick(0.8), 0.056, 0.030 + 0.030 * bust),
        turn=(1, 0.3),
    )
    b.both(
        "ball",
        "spine3",
        "torso",
        (0.072, 0.362, 0.040),
        stretch=broad,
        pair=True,
        axes=(0.076 * lean, 0.052, 0.042 * a.thick(0.6, 1.5)),
        turn=(1, 0.3),
    )
    b.both(
        "ball",
        "spine3",
        "torso",
        (0.088, 0.325, -0.050),
        stretch=broad,
        pair=True,
        axes=(0.066 * a.thick(0.8, 1.0), 0.120 * up, 0.050 * a.thick(0.8, 1.0)),
    )
    b.both(
        "limb",
        "left_collar",
        "torso",
        (0.040, 0.424, -0.028),
        (0.160, 0.438, -0.032),
        stretch=(a.shoulders, 1, 1),
        radii=(0.050 * lean, 0.045 * lean, 0.047 * a.thick(0.6, 1.0)),
    )
    b.both(
        "limb",
        "left_collar",
        "torso",
        (0.022, 0.505, -0.045),
        (0.130, 0.455, -0.038),
        stretch=(a.shoulders, 1, 1),
        radii=(0.032, 0.029 * a.thick(0.5, 1.0), 0.026),
    )
    n = a.thick(0.55, 0.6) * (1 + 0.14 * a.sex)
    b.both(
        "limb",
        "neck",
        "torso",
        (0, 0.452, -0.042),
        (0, 0.570, -0.014),
        radii=(0.058 * n, 0.051 * n, 0.051 * n),
    )


def head(b: Builder) -> None:
    """Skull, jaw, and the relief of a face."""
    a = b.a
    s = a.head / a.size**0.6  # heads differ less than heights
    jaw = 1 + 0.08 * a.sex + 0.25 * a.fat
    far = (s, s, s)

    def ball(at: Place, axes: Place, pair: bool = False, turn: tuple[int, float] | None = None) -> None:
        how = {} if turn is None else {"turn": turn}
        b.both("ball", "head", "head", at, axes=[s * x for x in axes], stretch=far, pair=pair, **how)

    def limb(start: Place, end: Place, radii: Place, pair: bool = False) -> None:
        b.both("limb", "head", "head", start, end, radii=[s * r for r in radii], stretch=far, pair=pair)

    ball((0, 0.652, -0.014), (0.0750, 0.094, 0.094))
    ball((0, 0.612, 0.014), (0.0590 * jaw, 0.066, 0.062))
    ball((0, 0.580, 0.046), (0.0320 * jaw, 0.026, 0.032))
    limb((0.048 * jaw, 0.590, 0.000), (0.014, 0.552, 0.062), (0.015, 0.014, 0.012), pair=True)
    ball((0, 0.550, 0.064), (0.017 * jaw, 0.014, 0.014))
    ball((0.038, 0.619, 0.047), (0.024, 0.020, 0.016), pair=True)
    limb((0, 0.654, 0.074), (0, 0.617, 0.090), (0.0055, 0.0070, 0.0090))
    ball((0.0105, 0.6125, 0.083), (0.0070, 0.0065, 0.0080), pair=True)
    limb((0.012, 0.669, 0.073), (0.050, 0.664, 0.050), (0.006, 0.009, 0.004), pair=True)
    ball((0.031, 0.649, 0.063), (0.0130, 0.0110, 0.0115), pair=True)
    limb((-0.016, 0.5865, 0.0730), (0.016, 0.5865, 0.0730), (0.003, 0.0075, 0.003))
    limb((-0.013, 0.5755, 0.0720), (0.013, 0.5755, 0.0720), (0.003, 0.0080, 0.003))
    ball((0.0765, 0.632, -0.014), (0.0075, 0.030, 0.0185), pair=True, turn=(1, -0.45))
    ball((0.0745, 0.606, -0.006), (0.006, 0.010, 0.009), pair=True)
