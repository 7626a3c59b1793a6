"""Programs about scenes: small expressions whose value on a scene's facts is the answer to a question.

The idea is CLEVR's (J. Johnson et al., CVPR 2017, section 3: questions as functional programs over exact
scenes). An expression is a set of things, or an answer:

things = Things() | Having(things, kind, word) | Lacking(things, kind, word) | Standing(relation, things)
       | Both(things, things) | Either(things, things)
answer = Count(things) | Exists(things) | What(kind, things) | Is(things, kind, word) | More(things, things)
       | AsMany(things, things) | GroundIs() | SkyIs(word)

`run` gives a word, or raises `Unclear` where there is no plain answer: "the star" where there are two,
or "left of" where it is hard to say.
"""

from dataclasses import dataclass

from lecture_utils.data.toyworld.language.facts import KINDS, RELATIONS, Facts, Thing
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, MATERIALS, STUFF
from lecture_utils.ops.checks import check_choice

NUMBERS = ("0", "1", "2", "3", "4", "5", "6", "7", "8")
ANSWERS = ("yes", "no", *NUMBERS, *COLOURS, *CLASSES, *MATERIALS, *STUFF[1:])


class Unclear(ValueError):
    """The question has no plain answer on this scene."""


@dataclass(frozen=True)
class Things:
    """All that can be seen."""


@dataclass(frozen=True)
class Having:
    """Those of a set that have a colour, shape or pattern."""

    of: "Set"
    kind: str
    word: str

    def __post_init__(self) -> None:
        check_word(self.kind, self.word)


@dataclass(frozen=True)
class Lacking:
    """Those of a set that do not have it."""

    of: "Set"
    kind: str
    word: str

    def __post_init__(self) -> None:
        check_word(self.kind, self.word)


@dataclass(frozen=True)
class Standing:
    """All that stand so to the one thing of a set."""

    relation: str
    to: "Set"

    def __post_init__(self) -> None:
        check_choice(self.relation, "relation", *RELATIONS)


@dataclass(frozen=True)
class Both:
    """What is in two sets."""

    first: "Set"
    second: "Set"


@dataclass(frozen=True)
class Either:
    """What is in one of two sets, or in both."""

    first: "Set"
    second: "Set"


@dataclass(frozen=True)
class Count:
    """How many they are."""

    of: "Set"


@dataclass(frozen=True)
class Exists:
    """Whether there is one at least."""

    of: "Set"


@dataclass(frozen=True)
class What:
    """The colour, shape or pattern of the one thing of a set."""

    kind: str
    of: "Set"

    def __post_init__(self) -> None:
        check_choice(self.kind, "kind", *KINDS)


@dataclass(frozen=True)
class Is:
    """Whether the one thing of a set has a colour, shape or pattern."""

    of: "Set"
    kind: str
    word: str

    def __post_init__(self) -> None:
        check_word(self.kind, self.word)


@dataclass(frozen=True)
class More:
    """Whether there are more of the first than of the second."""

    first: "Set"
    second: "Set"


@dataclass(frozen=True)
class AsMany:
    """Whether there are as many of the first as of the second."""

    first: "Set"
    second: "Set"


@dataclass(frozen=True)
class GroundIs:
    """What the camera stands on."""


@dataclass(frozen=True)
class SkyIs:
    """Whether the sky is "clear", or "cloudy"."""

    word: str

    def __post_init__(self) -> None:
        check_choice(self.word, "sky", "clear", "cloudy")


Set = Things | Having | Lacking | Standing | Both | Either
Program = Count | Exists | What | Is | More | AsMany | GroundIs | SkyIs


def run(program: Program, scene: Facts) -> str:
    """Return the answer, a word of ANSWERS.

    Raises
    ------
    Unclear
        Where the scene does not make it plain.
    """
    match program:
        case Count(of):
            return NUMBERS[len(found(of, scene))]
        case Exists(of):
            return yes(bool(found(of, scene)))
        case What(kind, of):
            return str(getattr(the(of, scene), kind))
        case Is(of, kind, word):
            return yes(getattr(the(of, scene), kind) == word)
        case More(first, second):
            return yes(len(found(first, scene)) > len(found(second, scene)))
        case AsMany(first, second):
            return yes(len(found(first, scene)) == len(found(second, scene)))
        case GroundIs():
            return scene.ground
        case SkyIs(word):
            return yes(scene.sky == word)
    raise ValueError(f"program: got {program!r}, want one that ends in an answer")


def found(what: Set, scene: Facts) -> tuple[Thing, ...]:
    """Return the things of a set, the nearest first."""
    match what:
        case Things():
            return scene.things
        case Having(of, kind, word):
            return tuple(t for t in found(of, scene) if getattr(t, kind) == word)
        case Lacking(of, kind, word):
            return tuple(t for t in found(of, scene) if getattr(t, kind) != word)
        case Standing(relation, to):
            one = the(to, scene)
            stands = [(t, t.stands(relation, one)) for t in scene.things if t is not one]
            if any(holds is None for _, holds in stands):
                raise Unclear(f"whether something is {relation} the {one.colour} {one.shape}")
            return tuple(t for t, holds in stands if holds)
        case Both(first, second):
            others = found(second, scene)
            return tuple(t for t in found(first, scene) if t in others)
        case Either(first, second):
            either = (*found(first, scene), *found(second, scene))
            return tuple(t for t in scene.things if t in either)
    raise ValueError(f"things: got {what!r}, want a set of things")


def the(what: Set, scene: Facts) -> Thing:
    """Return the one thing of a set; Unclear where there is none, or more than one."""
    things = found(what, scene)
    if len(things) != 1:
        raise Unclear(f"which one: there are {len(things)}")
    return things[0]


def depth(program: Program | Set) -> int:
    """How many steps a program has from the facts to its value: what makes a question long."""
    parts = [part for part in vars(program).values() if isinstance(part, Set)]
    return 1 + max((depth(part) for part in parts), default=0)


def hops(program: Program | Set) -> int:
    """How many relations are followed, one after the other, at most."""
    parts = [part for part in vars(program).values() if isinstance(part, Set)]
    return isinstance(program, Standing) + max((hops(part) for part in parts), default=0)


def yes(truth: bool) -> str:
    """Return "yes" or "no"."""
    return "yes" if truth else "no"


def check_word(kind: str, word: str) -> None:
    """Raise ValueError unless this is a word for that kind of thing to know."""
    check_choice(kind, "kind", *KINDS)
    check_choice(word, kind, *KINDS[kind])
