"""Chapter 13, exercise 13.1: merging a pair of ids (reference: `solutions.merge_pair`)."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from lecture_utils.chapters.ch13.solutions import merge_pair
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Pair = tuple[int, int]


def _words(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield [1, 2], (1, 2), 9
    yield [3, 1, 2], (1, 2), 9
    yield [1, 2, 3], (1, 2), 9
    yield [1, 1, 1], (1, 1), 9  # three alike
    yield [2, 1], (1, 2), 9
    yield [1, 3, 2], (1, 2), 9
    yield [1, 2, 1, 2], (1, 2), 9
    yield [31, 2, 1, 25], (1, 2), 256  # "1,2" is written in it twice, and is not there
    yield [7], (7, 7), 256
    yield [], (1, 2), 256
    for length in (6, 9, 12, 20):
        ids = [int(i) for i in rng.integers(1, 3, length)]
        yield ids, (1, 2), 256
        yield ids, (1, 1), 257


@mistake(
    "You put the new id in, and go on with the very next id, the pair's second half: it stays behind in the "
    "list. A pair that was merged is used up, so both its ids are to be passed over."
)
def _second_left(ids: list[int], pair: Pair, new: int) -> list[int]:
    return [new if tuple(ids[i : i + 2]) == pair else ids[i] for i in range(len(ids))]


@mistake(
    "You merge overlapping pairs: an id that has been merged is used once more, as the beginning of the "
    "next pair. Three equal ids hold one pair and one left over."
)
def _overlapping(ids: list[int], pair: Pair, new: int) -> list[int]:
    out, i = [], 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) == pair
        out.append(new if found else ids[i])
        again = found and tuple(ids[i + 1 : i + 3]) == pair
        i += 1 if again else 2 if found else 1
    return out


@mistake("You go from right to left. Of three equal ids the first two belong together, not the last two.")
def _from_the_right(ids: list[int], pair: Pair, new: int) -> list[int]:
    return merge_pair(ids[::-1], pair[::-1], new)[::-1]


@mistake("You stop after the first pair that you find. Every occurrence in the list is to be merged.")
def _first_alone(ids: list[int], pair: Pair, new: int) -> list[int]:
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return [*ids[:i], new, *ids[i + 2 :]]
    return list(ids)


@mistake(
    "The last id gets lost where it belongs to no pair: your loop ends one id too early, because the last "
    "one has no neighbour to look at."
)
def _last_lost(ids: list[int], pair: Pair, new: int) -> list[int]:
    out, i = [], 0
    while i < len(ids) - 1:
        found = (ids[i], ids[i + 1]) == pair
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return out


@mistake("You merge the pair the other way round too. Order counts: t and h are not h and t.")
def _either_order(ids: list[int], pair: Pair, new: int) -> list[int]:
    out, i = [], 0
    while i < len(ids):
        found = sorted(ids[i : i + 2]) == sorted(pair)
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return out


@mistake(
    "You look only at pairs that begin at an even place: the list is cut into twos. A pair may begin at any "
    "id that is not used up yet."
)
def _in_twos(ids: list[int], pair: Pair, new: int) -> list[int]:
    out = []
    for i in range(0, len(ids), 2):
        out += [new] if tuple(ids[i : i + 2]) == pair else ids[i : i + 2]
    return out


@mistake(
    "You write the ids as a text, and replace within it. Digits are not ids: in 31, 25 the text finds a 1 "
    "and a 2 that are no ids of their own."
)
def _as_text(ids: list[int], pair: Pair, new: int) -> list[int]:
    text = ",".join(map(str, ids)).replace(f"{pair[0]},{pair[1]}", str(new))
    return [int(part) for part in text.split(",") if part]


@mistake("You look at the pair's first id alone. Its neighbour has to be the second one as well.")
def _first_id_alone(ids: list[int], pair: Pair, new: int) -> list[int]:
    out, i = [], 0
    while i < len(ids):
        found = ids[i] == pair[0] and i + 1 < len(ids)
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return out


@mistake("You keep only what was merged. All other ids stay in the list, where they were.")
def _merged_alone(ids: list[int], pair: Pair, new: int) -> list[int]:
    return [i for i in merge_pair(ids, pair, new) if i == new]


@mistake("You take the pair out, and put nothing in its place. Where is the new id to stand?")
def _taken_out(ids: list[int], pair: Pair, new: int) -> list[int]:
    return [i for i in merge_pair(ids, pair, new) if i != new]


@mistake("You put the new id in twice, once for each half. Two ids become one: the list gets shorter.")
def _twice(ids: list[int], pair: Pair, new: int) -> list[int]:
    return [out for i in merge_pair(ids, pair, new) for out in ([new, new] if i == new else [i])]


@mistake(
    "You replace both ids wherever they stand. They have to stand side by side: only then are they the pair."
)
def _anywhere(ids: list[int], pair: Pair, new: int) -> list[int]:
    out = [new if i == pair[0] else i for i in ids]
    return [i for i in out if i != pair[1]] if pair[0] != pair[1] else out


@mistake("You skip one id too many after a merge: what follows the pair gets lost.")
def _three_on(ids: list[int], pair: Pair, new: int) -> list[int]:
    out, i = [], 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) == pair
        out.append(new if found else ids[i])
        i += 3 if found else 1
    return out


@mistake("You append the new ids at the end. A merged pair's id stands where the pair stood.")
def _at_the_end(ids: list[int], pair: Pair, new: int) -> list[int]:
    merged = merge_pair(ids, pair, new)
    return [i for i in merged if i != new] + [i for i in merged if i == new]


WRONG: Any = (
    _second_left, _overlapping, _from_the_right, _first_alone, _last_lost, _either_order, _in_twos, _as_text,
    _first_id_alone, _merged_alone, _taken_out, _twice, _anywhere, _three_on, _at_the_end,
)  # fmt: skip
EXERCISE = Exercise(
    "13.1",
    "Merge a pair",
    merge_pair,
    _words,
    difficulty=1,
    minutes=6,
    hints=(
        "Walk along the list with an index. At each place there are two cases: here the pair begins, or it "
        "does not. What is written down in each, and how far do you walk on?",
        "A `for` loop cannot skip an id; a `while` loop with an index of its own can: two further after a "
        "merge, one further otherwise. Beware of the last id, which has no neighbour.",
        "A slice ids[i : i + 2] never runs over the end: compare tuple(ids[i : i + 2]) with the pair, append "
        "`new` or ids[i], and walk on by 2 or 1.",
    ),
    mistakes=WRONG,
)
