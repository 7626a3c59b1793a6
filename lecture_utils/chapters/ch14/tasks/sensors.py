"""Chapter 14, exercise 14.10: sensors among the words (reference: `asked_solutions.interleave`)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch14.asked_solutions import interleave
from lecture_utils.chapters.ch14.draws import Table
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Embed = Callable[[Tensor], Tensor]
Slots = Mapping[int, Tensor]


def _sentences(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    table = Table(floats([[0.0], [1.0], [2.0], [3.0]]))
    yield torch.tensor([1, 3, 2]), table, {3: floats([[9.0]])}  # one vector
    yield torch.tensor([1, 3, 2]), table, {3: floats([[9.0], [8.0]])}

    def sentence(ids: list[int], dim: int, *lengths: int) -> tuple[Any, ...]:
        slots = {6 + k: normal(rng, places, dim) for k, places in enumerate(lengths)}
        return torch.tensor(ids), Table(normal(rng, 9, dim)), slots

    yield sentence([6, 1, 2, 0], 2, 3)  # the marker first
    yield sentence([2, 5, 6], 2, 3)  # and last
    yield sentence([1, 7, 3, 6, 0], 2, 2, 4)  # two sensors, the second one first
    yield sentence([4, 6, 2, 6, 1], 3, 2)  # one marker twice
    yield sentence([1, 2, 0, 5], 2, 3)  # none, though a sensor is there
    yield sentence([6, 7, 1, 2, 7, 3], 2, 1, 3)


def _sentence(
    ids: Tensor,
    embed: Embed,
    slots: Slots,
    *,
    put: Callable[[Tensor, Tensor], Tensor] = lambda word, vectors: vectors,
) -> Tensor:
    """The sentence, with something else made of a marker's word (D,) and of the sensor's vectors (P, D)."""
    parts = [
        put(word, slots[token]) if token in slots else word[None]
        for token, word in zip(ids.tolist(), embed(ids), strict=True)
    ]
    return torch.cat([torch.zeros(0, parts[0].shape[1]), *parts])


@mistake(
    "The marker's own embedding is still there, before the vectors. It only keeps the place: they replace it."
)
def _behind_marker(*given: Any) -> Tensor:
    return _sentence(*given, put=lambda word, vectors: torch.cat([word[None], vectors]))


@mistake(
    "The marker's own embedding is still there, behind the vectors. It only keeps the place: they replace it."
)
def _before_marker(*given: Any) -> Tensor:
    return _sentence(*given, put=lambda word, vectors: torch.cat([vectors, word[None]]))


@mistake(
    "You put one vector in a marker's place, the mean of the sensor's. All P of them are tokens of their own."
)
def _mean(*given: Any) -> Tensor:
    return _sentence(*given, put=lambda word, vectors: vectors.mean(0, keepdim=True))


@mistake("Of each sensor's vectors only the first comes in. All P of them stand in the marker's place.")
def _first_vector(*given: Any) -> Tensor:
    return _sentence(*given, put=lambda word, vectors: vectors[:1])


@mistake("The vectors come in the wrong order: the sensor's first one stands last.")
def _backwards(*given: Any) -> Tensor:
    return _sentence(*given, put=lambda word, vectors: vectors.flip(0))


@mistake("You add the marker's embedding to the sensor's vectors. They come in as they are.")
def _added(*given: Any) -> Tensor:
    return _sentence(*given, put=lambda word, vectors: word + vectors)


@mistake("The markers are left out, and nothing stands in their places: where are the sensors' vectors?")
def _left_out(*given: Any) -> Tensor:
    return _sentence(*given, put=lambda word, vectors: vectors[:0])


@mistake("The sentence is words alone: the markers are embedded like any word, and no sensor says anything.")
def _words_alone(ids: Tensor, embed: Embed, slots: Slots) -> Tensor:
    return embed(ids)


@mistake("You put all vectors behind the words. Each sensor's stand where its marker stood.")
def _at_the_end(ids: Tensor, embed: Embed, slots: Slots) -> Tensor:
    markers = [i for i in ids.tolist() if i in slots]
    return torch.cat([_left_out.wrong(ids, embed, slots), *(slots[i] for i in markers)])


@mistake("You put all vectors before the words. Each sensor's stand where its marker stood.")
def _in_front(ids: Tensor, embed: Embed, slots: Slots) -> Tensor:
    markers = [i for i in ids.tolist() if i in slots]
    return torch.cat([*(slots[i] for i in markers), _left_out.wrong(ids, embed, slots)])


@mistake(
    "A marker that comes a second time is taken for a word with you. Each time it comes, its vectors stand "
    "there."
)
def _once(ids: Tensor, embed: Embed, slots: Slots) -> Tensor:
    left = dict(slots)
    parts = [
        left.pop(token, word[None]) for token, word in zip(ids.tolist(), embed(ids), strict=True)
    ]  # fmt: skip
    return torch.cat(parts)


@mistake("What follows the last marker is lost: the rest of the sentence belongs behind its vectors.")
def _rest_lost(ids: Tensor, embed: Embed, slots: Slots) -> Tensor:
    last = [at for at, token in enumerate(ids.tolist()) if token in slots]
    return interleave(ids[: last[-1] + 1], embed, slots) if last else interleave(ids, embed, slots)[:0]


@mistake("What stands before the first marker is lost.")
def _beginning_lost(ids: Tensor, embed: Embed, slots: Slots) -> Tensor:
    first = [at for at, token in enumerate(ids.tolist()) if token in slots]
    return interleave(ids[first[0] if first else 0 :], embed, slots)


@mistake(
    "You take the sensors in the order in which the dictionary has them. Which one is meant is said by the "
    "marker: it is the key."
)
def _in_order(ids: Tensor, embed: Embed, slots: Slots) -> Tensor:
    order = [i for i in ids.tolist() if i in slots]
    turn = iter([*slots.values()] * len(order))
    parts = [
        next(turn) if token in slots else word[None]
        for token, word in zip(ids.tolist(), embed(ids), strict=True)
    ]
    return torch.cat(parts)


WRONG: Any = (
    _behind_marker, _before_marker, _mean, _first_vector, _backwards, _added, _left_out, _words_alone,
    _at_the_end, _in_front, _once, _rest_lost, _beginning_lost, _in_order,
)  # fmt: skip
EXERCISE = Exercise(
    "14.10",
    "Sensors among the words",
    interleave,
    _sentences,
    difficulty=2,
    minutes=8,
    hints=(
        "Go through the sentence token by token and collect parts of shape (1, D) or (P, D). What joins them "
        "in the end?",
        "embed(ids) embeds all at once; zip(ids.tolist(), embed(ids)) gives each token with its row (D,), "
        "which becomes a part by row[None]. Where the token is a key of slots, the part is slots[token].",
    ),
    mistakes=WRONG,
)
