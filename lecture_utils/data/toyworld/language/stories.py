"""Stories: a corpus of plain sentences about the toy world and its people, made by a grammar (for S13.2).

What goes with what is known exactly, and stands in `story_words`. Which word is like which must be learned
from the company that it keeps: no sentence says so, and the two words of an analogy's pair never meet in one.

Shapes: N questions.
"""

from collections.abc import Mapping

import numpy as np

from lecture_utils.data.toyworld.hashing import pick, scene_keys, uniform
from lecture_utils.data.toyworld.language.story_words import (
    CLASS_DOES,
    ENDINGS,
    FAMILIES,
    GROUND_DOES,
    HE,
    MATERIAL_SOUNDS,
    OPENINGS,
    PERSON,
    SHE,
    THING,
    WORK,
    gendered,
)
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT
from lecture_utils.ops.checks import check_choice, check_sizes, check_whole

# How many sentences of a hundred tell of what.
SHARES = {"people": 30, "animals": 16, "places": 14, "comparison": 14, "work": 10, "things": 16}
STREAM = 13  # keeps these keys apart from those of scenes


def stories(count: int, *, seed: int = 0) -> list[str]:
    """Draw sentences, of some eight words each, lower case, without commas and full stops.

    Parameters
    ----------
    count : int
        How many.
    seed : int
        Sentence i is the same whatever the count.

    Raises
    ------
    ValueError
        For a count below 1 or a seed below 0.
    """
    check_sizes("stories", count=count)
    check_whole(seed, "seed", 0)
    die = uniform(scene_keys(seed, STREAM, count), "story", 6)  # (count, 6)
    topics = pick(die[:, 0], np.array([name for name, share in SHARES.items() for _ in range(share)]))
    sentences = []
    for topic, (_, which, how, more, before, after) in zip(topics.tolist(), die.tolist(), strict=True):
        sentence = _sentence(topic, which, how, more)
        parts = (_choose(OPENINGS, before), sentence, _choose(ENDINGS, after))
        sentences.append(" ".join(part for part in parts if part))
    return sentences


def _choose(options: tuple[str, ...], die: float) -> str:
    return options[int(die * len(options))]


def _sentence(topic: str, which: float, how: float, more: float) -> str:
    """One sentence; each die is in [0, 1)."""
    if topic == "things":
        return _thing(which, how, more)
    if topic == "work":
        worker, (share, themes) = list(WORK.items())[int(which * len(WORK))]
        return _choose(gendered(PERSON, SHE if more < share else HE), how).format(*themes.split(), w=worker)
    family = FAMILIES[topic]
    pair, themes = list(family.rows.items())[int(which * len(family.rows))]
    column = int(more < 0.5)
    template = _choose((family.first, family.second)[column], how)
    return template.format(*themes.split(), w=pair.split()[column])


def _thing(which: float, how: float, more: float) -> str:
    """A sentence about a shape; a class never has one of its held-out colours."""
    shown = [(c, k) for c in range(len(CLASSES)) for k in range(len(COLOURS)) if (c, k) not in HELD_OUT]
    class_id, colour_id = shown[int(which * len(shown))]
    inside = more * len(MATERIAL_SOUNDS)
    material = list(MATERIAL_SOUNDS)[int(inside)]
    ground = list(GROUND_DOES)[int(inside % 1 * len(GROUND_DOES))]
    return _choose(THING, how).format(
        name=CLASSES[class_id], does=CLASS_DOES[CLASSES[class_id]], colour=COLOURS[colour_id],
        material=material, sound=MATERIAL_SOUNDS[material], ground=ground, moves=GROUND_DOES[ground],
    )  # fmt: skip


def pairs_of(family: str) -> list[tuple[str, str]]:
    """Return the pairs of one of FAMILIES, such as ("king", "queen"); ValueError for another name."""
    check_choice(family, "family", *FAMILIES)
    return [(first, second) for first, second in map(str.split, FAMILIES[family].rows)]


def analogies() -> dict[str, list[tuple[str, str, str, str]]]:
    """Return each family's questions with their answer: a is to b as c is to d.

    Every two pairs of a family give two: from the firsts to the seconds, and back. 14 pairs give 364.
    """
    out = {}
    for family in FAMILIES:
        pairs = pairs_of(family)
        ahead = [(a, b, c, d) for a, b in pairs for c, d in pairs if a != c]
        out[family] = ahead + [(b, a, d, c) for a, b, c, d in ahead]
    return out


def groups() -> Mapping[str, tuple[str, ...]]:
    """Return words that stand in the same places of sentences, by what they are: colours, grown animals, …"""
    out: dict[str, tuple[str, ...]] = {
        "classes": CLASSES,
        "colours": COLOURS,
        "materials": tuple(MATERIAL_SOUNDS),
        "sounds": tuple(MATERIAL_SOUNDS.values()),
        "grounds": tuple(GROUND_DOES),
        "work": tuple(WORK),
    }
    for family in FAMILIES:
        firsts, seconds = zip(*pairs_of(family), strict=True)
        out |= {f"{family}, first": firsts, f"{family}, second": seconds}
    return out
