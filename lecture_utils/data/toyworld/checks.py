"""Checks at the door of `sample_scenes`: each ValueError shows what was got and what was wanted."""

from collections.abc import Sequence

import numpy as np

from lecture_utils.data.toyworld import names

MAX_OBJECTS = 8
Range = tuple[float, float]


def allowed_pairs(classes: list[int], colours: list[int], held_out: bool) -> np.ndarray:
    """Which (class, colour) pairs may be drawn, (classes, colours) bool."""
    held = np.zeros((len(names.CLASSES), len(names.COLOURS)), dtype=bool)
    held[tuple(np.array(names.HELD_OUT).T)] = True
    wanted = np.zeros_like(held)
    wanted[np.ix_(classes, colours)] = True
    pairs = wanted & (held == held_out)
    if not pairs[classes].any(1).all():
        lost = [names.CLASSES[c] for c in classes if not pairs[c].any()]
        kind = "held-out" if held_out else "ordinary"
        among = ", ".join(names.COLOURS[c] for c in colours)
        raise ValueError(f"no {kind} colour is left for {', '.join(lost)} among {among}")
    return pairs


def counts(n: int, seed: int, split: str, objects: int | tuple[int, int]) -> tuple[int, int]:
    """Check the size of a request and return the least and most objects of a scene."""
    if n < 0:
        raise ValueError(f"n is {n}, wanted 0 or more")
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed is {seed}, wanted 0 to 2**63 - 1")
    if split not in names.SPLITS:
        raise ValueError(f"split is {split!r}, wanted one of {', '.join(names.SPLITS)}")
    low, high = (objects, objects) if isinstance(objects, int) else objects
    if not 0 <= low <= high <= MAX_OBJECTS:
        raise ValueError(
            f"objects is {objects}, wanted a number or a range (low, high) within 0..{MAX_OBJECTS}"
        )
    return low, high


def check_range(label: str, given: Range, least: float, most: float) -> None:
    """Raise ValueError unless `given` is an ordered pair within [least, most]."""
    if len(given) != 2 or not least <= given[0] <= given[1] <= most:
        raise ValueError(f"{label} is {given}, wanted (low, high) within [{least}, {most}]")


def known_names(label: str, given: Sequence[str] | None, known: Sequence[str]) -> Sequence[str]:
    """Return `given`, or all known names for None; raise ValueError for anything else than known names."""
    if given is None:
        return known
    wrong = [g for g in given if g not in known]
    if isinstance(given, str) or wrong or not given or len(set(given)) != len(given):
        raise ValueError(f"{label} is {given!r}, wanted a list of different names out of {', '.join(known)}")
    return given


def known_ids(label: str, given: Sequence[str] | None, known: Sequence[str]) -> list[int]:
    """Indices of the given names among the known ones."""
    return [known.index(g) for g in known_names(label, given, known)]
