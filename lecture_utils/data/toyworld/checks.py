"""Checks at the door of the toy world: each ValueError shows what was got and what is wanted."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from lecture_utils.data.toyworld import names

MAX_OBJECTS = 8
Range = tuple[float, float]


def check_integer(label: str, given: Any, least: int, most: int, unit: str = "") -> None:
    """Raise ValueError unless `given` is a whole number within [least, most]."""
    whole = isinstance(given, Integral) and not isinstance(given, bool)
    if not whole or not least <= given <= most:
        bounds = f"{least} or more" if most == math.inf else f"{least} to {most}"
        raise ValueError(f"{label}: got {given!r}, want a whole number, {bounds}{unit}")


def check_number(label: str, given: Any, least: float, most: float) -> None:
    """Raise ValueError unless `given` is a number within [least, most]."""
    if not isinstance(given, Real) or isinstance(given, bool) or not least <= float(given) <= most:
        raise ValueError(f"{label}: got {given!r}, want a number within [{least}, {most}]")


def check_range(label: str, given: Any, least: float, most: float) -> None:
    """Raise ValueError unless `given` is an ordered pair of numbers within [least, most]."""
    pair = isinstance(given, Sequence) and len(given) == 2 and all(isinstance(g, Real) for g in given)
    if not pair or not least <= given[0] <= given[1] <= most:
        raise ValueError(f"{label}: got {given!r}, want (low, high) within [{least}, {most}]")


def check_request(n: Any, seed: Any, split: Any) -> None:
    """Raise ValueError unless this number of scenes, seed and split can be drawn."""
    check_integer("n", n, 0, 2**63 - 1)
    check_integer("seed", seed, 0, 2**63 - 1)
    if not isinstance(split, str) or split not in names.SPLITS:
        raise ValueError(f"split: got {split!r}, want one of {', '.join(names.SPLITS)}")


def count_range(label: str, given: Any) -> tuple[int, int]:
    """Read how many objects a scene has, a number or a range, as the least and the most."""
    pair: Any = (given, given) if isinstance(given, Integral) else given
    wrong = isinstance(given, bool) or not isinstance(pair, Sequence) or len(pair) != 2
    if wrong or not all(isinstance(c, Integral) for c in pair) or not 0 <= pair[0] <= pair[1] <= MAX_OBJECTS:
        wanted = f"a whole number or a range (low, high) within 0..{MAX_OBJECTS}"
        raise ValueError(f"{label}: got {given!r}, want {wanted}")
    return int(pair[0]), int(pair[1])


def known_names(label: str, given: Any, known: Sequence[str]) -> Sequence[str]:
    """Return `given`, or all known names for None; raise ValueError for anything else than known names."""
    if given is None:
        return known
    listed = isinstance(given, Sequence) and not isinstance(given, str)
    if not listed or not given or any(g not in known for g in given) or len(set(given)) != len(given):
        raise ValueError(f"{label}: got {given!r}, want a list of different names out of {', '.join(known)}")
    return given


def known_ids(label: str, given: Any, known: Sequence[str]) -> list[int]:
    """Indices of the given names among the known ones."""
    return [known.index(g) for g in known_names(label, given, known)]


def allowed_pairs(classes: list[int], colours: list[int], held_out: bool) -> np.ndarray:
    """Which (class, colour) pairs may be drawn, (classes, colours) bool."""
    held = np.zeros((len(names.CLASSES), len(names.COLOURS)), dtype=bool)
    held[tuple(np.array(names.HELD_OUT).T)] = True
    wanted = np.zeros_like(held)
    wanted[np.ix_(classes, colours)] = True
    pairs = wanted & (held == held_out)
    if not pairs[classes].any(1).all():
        lost = ", ".join(names.CLASSES[c] for c in classes if not pairs[c].any())
        kind = "held-out" if held_out else "ordinary"
        among = ", ".join(names.COLOURS[c] for c in colours)
        raise ValueError(f"Objects: got no {kind} colour for {lost} among {among}, want one for each class")
    return pairs
