"""What people do in the toy world's motions, and the words for it: eight things for legs, eight for arms.

Each is a movement of `movements` or `gestures` with the time of its cycle. Most of these turn with their
phase by themselves; what is a pose (a squat, a raised arm) comes and goes instead: it is blended with
standing or with hanging arms by (1 - cos phase) / 2.

16 of the 64 pairs are held out: two of each row and two of each column, so that either half of a held-out
pair is well known, and only their meeting is new.
"""

from dataclasses import dataclass

from lecture_utils.data.toyworld.people.gestures import GESTURES
from lecture_utils.data.toyworld.people.movements import LEGS, Movement


@dataclass(frozen=True)
class Action:
    """Half of what somebody does.

    Attributes
    ----------
    movement : callable
        Turns the joints, as in `movements`.
    seconds : float
        Of a cycle at the usual speed.
    says : tuple of (str, str)
        Its verb, "waves" and "waving", in one wording or two.
    comes_and_goes : bool
        Whether it is a pose that is taken and left again.
    with_the : str
        The limb of which a left and a right one may do it: "hand", "leg", or "" where both do.
    """

    movement: Movement
    seconds: float
    says: tuple[tuple[str, str], ...]
    comes_and_goes: bool = False
    with_the: str = ""


LEG_ACTIONS: dict[str, Action] = {
    "stand": Action(LEGS["stand"], 1.0, (("stands", "standing"),)),
    "walk": Action(LEGS["walk"], 1.05, (("walks", "walking"), ("strolls", "strolling"))),
    "run": Action(LEGS["run"], 0.75, (("runs", "running"), ("jogs", "jogging"))),
    "sit": Action(LEGS["sit"], 1.0, (("sits", "sitting"),)),
    "squat": Action(LEGS["squat"], 1.8, (("squats", "squatting"),), comes_and_goes=True),
    "climb": Action(LEGS["climb"], 1.4, (("climbs", "climbing"),)),
    "kick": Action(LEGS["kick"], 1.2, (("kicks", "kicking"),), with_the="leg"),
    "lunge": Action(LEGS["lunge"], 1.8, (("lunges", "lunging"),), comes_and_goes=True),
}
ARM_ACTIONS: dict[str, Action] = {
    "free": Action(GESTURES["relaxed"], 1.0, ()),  # nothing is said of arms that do what arms do
    "wave": Action(GESTURES["wave"], 0.8, (("waves", "waving"),), with_the="hand"),
    "clap": Action(GESTURES["clap"], 0.7, (("claps", "clapping"), ("applauds", "applauding"))),
    "throw": Action(GESTURES["throw"], 1.2, (("throws", "throwing"),), with_the="hand"),
    "raise": Action(GESTURES["raise"], 1.6, (("raises the arms", "raising the arms"),), comes_and_goes=True),
    "reach": Action(
        GESTURES["reach"], 1.6, (("reaches out", "reaching out"),), comes_and_goes=True, with_the="hand"
    ),
    "carry": Action(
        GESTURES["carry"], 1.0, (("carries a box", "carrying a box"), ("holds a box", "holding a box"))
    ),
    "phone": Action(
        GESTURES["phone"], 1.0, (("makes a call", "making a call"), ("telephones", "telephoning")),
        with_the="hand",
    ),
}  # fmt: skip
STILL = ("stand", "sit", "free", "carry", "phone")  # in which nothing moves: they have no pace
LEG_NAMES, ARM_NAMES = tuple(LEG_ACTIONS), tuple(ARM_ACTIONS)
HELD_OUT_ACTIONS = tuple(
    (legs, arms)
    for i, legs in enumerate(LEG_NAMES)
    for j, arms in enumerate(ARM_NAMES)
    if (i + j) % 8 in (3, 6)
)
SUBJECTS = ("a person", "someone", "a figure")


def action_pairs(held_out: bool = False) -> tuple[tuple[str, str], ...]:
    """Return the pairs (legs, arms) of motions: the 48 ordinary ones, or the 16 held-out ones."""
    if not isinstance(held_out, bool):
        raise ValueError(f"held_out: got {held_out!r}, want True or False")
    return tuple(
        (legs, arms)
        for legs in LEG_NAMES
        for arms in ARM_NAMES
        if ((legs, arms) in HELD_OUT_ACTIONS) == held_out
    )


def action_text(
    legs: str, arms: str, *, subject: str = "a person", form: int = 0, wording: tuple[int, int] = (0, 0),
    side: str = "", pace: str = "",
) -> str:  # fmt: skip
    """Say what somebody does.

    Parameters
    ----------
    legs, arms : str
        Of LEG_NAMES and of ARM_NAMES.
    subject : str
    form : int
        0 "walks and waves", 1 "is walking and waving", 2 "waves while walking" (as 0 where arms are free).
    wording : (int, int)
        Which of the wordings of legs and arms, counted round.
    side : str
        "left" or "right", said of whatever a hand or a leg does alone; "" leaves it out.
    pace : str
        "slowly", "quickly" or "".

    Raises
    ------
    ValueError
        For other names, sides, paces or forms.
    """
    for name, got, known in (
        ("legs", legs, LEG_NAMES), ("arms", arms, ARM_NAMES), ("side", side, ("", "left", "right")),
        ("pace", pace, ("", "slowly", "quickly")), ("form", form, (0, 1, 2)),
    ):  # fmt: skip
        if isinstance(got, bool) or got not in known:
            raise ValueError(f"{name}: got {got!r}, want one of {', '.join(map(repr, known))}")

    def verb(action: Action, which: int, gerund: bool) -> str:
        said = action.says[which % len(action.says)][gerund]
        return f"{said} with the {side} {action.with_the}" if side and action.with_the else said

    feet, hands = LEG_ACTIONS[legs], ARM_ACTIONS[arms]
    gerund = form == 1
    lower = verb(feet, wording[0], gerund)
    words = [subject, *(["is"] if gerund else []), lower]
    if hands.says:
        upper = verb(hands, wording[1], gerund)
        words += ["and", upper]
        if form == 2:
            words = [subject, upper, "while", verb(feet, wording[0], True)]
    return " ".join([*words, pace]).strip()
