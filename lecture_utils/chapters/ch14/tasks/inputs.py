"""Chapter 14, exercise 14.6: a picture among the words (reference: `solutions.llava_inputs`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch14.draws import Table
from lecture_utils.chapters.ch14.solutions import llava_inputs
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Pair = tuple[Tensor, Tensor]
Embed = Callable[[Tensor], Tensor]


def _talks(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    table = Table(floats([[0.0], [1.0], [2.0], [3.0]]))
    yield floats([[[9.0]]]), table, torch.tensor([[0, 1, 2]]), torch.tensor([[False, False, True]])
    yield (
        floats([[[9.0], [8.0]]]),
        table,
        torch.tensor([[0, 1, 2, 3]]),
        torch.tensor([[False] * 2 + [True] * 2]),
    )
    for batch, places, words, dim in ((2, 2, 5, 2), (2, 3, 7, 2), (3, 4, 9, 3)):
        ids = torch.tensor(rng.integers(1, 9, (batch, words)))
        answer = torch.zeros(batch, words, dtype=torch.bool)
        for row in range(batch):  # a question, an answer of one to three words, and then filling
            begin = int(rng.integers(2, words - 1))
            answer[row, begin : begin + int(rng.integers(1, 4))] = True
        ids[:, 0] = 0
        yield normal(rng, batch, places, dim), Table(normal(rng, 9, dim)), ids, answer
    ids = torch.tensor([[0, 5, 1, 2, 6, 3, 1, 4]])
    twice = torch.tensor([[False, False, True, True, False, False, True, True]])  # asked and answered twice
    yield normal(rng, 1, 3, 2), Table(normal(rng, 9, 2)), ids, twice


def _after_start(words: Tensor, image: Tensor) -> Tensor:
    return torch.cat([words[:, :1], image, words[:, 1:]], 1)


def _next(ids: Tensor) -> Tensor:
    return torch.cat([ids[:, 1:], ids[:, :1]], 1)


def _judged(answer: Tensor) -> Tensor:
    return torch.cat([answer[:, 1:], torch.zeros_like(answer[:, :1])], 1)


def _make(
    image: Tensor,
    embed: Embed,
    ids: Tensor,
    answer: Tensor,
    *,
    place: Callable[[Tensor, Tensor], Tensor] = _after_start,
    say: Callable[[Tensor], Tensor] = _next,
    judged: Callable[[Tensor], Tensor] = _judged,
    ignore: int = -100,
    lay: Callable[[Tensor, Tensor], Tensor] = lambda nothing, told: torch.cat([nothing, told], 1),
) -> Pair:
    """Inputs and targets with one part exchanged."""
    told = say(ids).masked_fill(~judged(answer), ignore)  # (B, N): after each word
    nothing = torch.full(image.shape[:2], ignore)  # (B, P)
    return place(embed(ids), image), lay(nothing, told)


@mistake(
    "Your targets are not shifted: at each word the same word is to be said, which the model has just read. "
    "Said is what comes next."
)
def _not_shifted(*given: Any) -> Pair:
    return _make(*given, say=lambda ids: ids, judged=lambda answer: answer)


@mistake("Your targets are shifted the wrong way: at each word the one before it is to be said.")
def _shifted_back(*given: Any) -> Pair:
    return _make(
        *given,
        say=lambda ids: torch.cat([ids[:, -1:], ids[:, :-1]], 1),
        judged=lambda answer: torch.cat([torch.zeros_like(answer[:, :1]), answer[:, :-1]], 1),
    )


@mistake("Your targets are shifted by two: each is one place too far to the left.")
def _shifted_twice(*given: Any) -> Pair:
    return _make(*given, say=lambda ids: _next(_next(ids)), judged=lambda answer: _judged(_judged(answer)))


@mistake(
    "Your ids are shifted, and what is marked is not: the first word of the answer is not asked for, and "
    "something after its last one is."
)
def _mark_not_shifted(*given: Any) -> Pair:
    def judged(answer: Tensor) -> Tensor:
        return torch.cat([answer[:, :-1], torch.zeros_like(answer[:, :1])], 1)

    return _make(*given, judged=judged)


@mistake(
    "The picture stands after all words. A causal model reads from left to right: when it answers, it has "
    "not seen the picture yet."
)
def _image_last(*given: Any) -> Pair:
    return _make(*given, place=lambda words, image: torch.cat([words, image], 1))


@mistake("The picture stands before the start token. The start comes first, then the picture.")
def _image_first(*given: Any) -> Pair:
    return _make(*given, place=lambda words, image: torch.cat([image, words], 1))


@mistake("The start token is missing from what is read, and with it one place.")
def _no_start(*given: Any) -> Pair:
    x, target = _make(*given, place=lambda words, image: torch.cat([image, words[:, 1:]], 1))
    return x, target[:, 1:]


@mistake("Your targets have no places for the picture: at the P picture tokens stands -100 too.")
def _no_room(*given: Any) -> Pair:
    return _make(*given, lay=lambda nothing, told: told)


@mistake("The picture's -100s stand at the end of your targets: all words are asked for P places too early.")
def _room_at_the_end(*given: Any) -> Pair:
    return _make(*given, lay=lambda nothing, told: torch.cat([told, nothing], 1))


@mistake(
    "You judge the question as well. The user's words are given: the loss is on what the assistant says, and "
    "all else is -100."
)
def _question_too(*given: Any) -> Pair:
    def judged(answer: Tensor) -> Tensor:
        return _judged(torch.ones_like(answer))

    return _make(*given, judged=judged)


@mistake(
    "From the answer's first word on you judge all that follows, also what only fills the row up, or is the "
    "next question."
)
def _all_that_follows(*given: Any) -> Pair:
    return _make(*given, judged=lambda answer: _judged(answer.cumsum(1) > 0))


@mistake(
    "Where nothing is to be judged stands 0 with you. That is a token like others: cross-entropy skips -100."
)
def _zero(*given: Any) -> Pair:
    return _make(*given, ignore=0)


@mistake("You judge the first word of each answer alone: the model never learns to go on, or to end.")
def _first_word(*given: Any) -> Pair:
    def judged(answer: Tensor) -> Tensor:
        before = torch.cat([torch.zeros_like(answer[:, :1]), answer[:, :-1]], 1)
        return _judged(answer & ~before)

    return _make(*given, judged=judged)


@mistake("The last place is not -100 with you: after the last word nothing comes, so nothing is asked there.")
def _last_place(image: Tensor, embed: Embed, ids: Tensor, answer: Tensor) -> Pair:
    x, target = llava_inputs(image, embed, ids, answer)
    target[:, -1] = ids[:, -1]
    return x, target


@mistake("Your mask is turned over: the question is asked for, and the answer is not.")
def _turned_over(*given: Any) -> Pair:
    return _make(*given, judged=lambda answer: _judged(~answer))


WRONG: Any = (
    _not_shifted, _shifted_back, _shifted_twice, _mark_not_shifted, _image_last, _image_first, _no_start,
    _no_room, _room_at_the_end, _question_too, _all_that_follows, _zero, _first_word, _last_place,
    _turned_over,
)  # fmt: skip
EXERCISE = Exercise(
    "14.6",
    "A picture among the words",
    llava_inputs,
    _talks,
    difficulty=3,
    minutes=12,
    hints=(
        "Write one row down: start, picture, picture, a word, the answer. Below each, write what is to come "
        "next. Then cross out all but the answer's words.",
        "x is torch.cat of embed(ids)[:, :1], image and embed(ids)[:, 1:]. Word k of ids stands at place P + "
        "k of x, and is asked for at place P + k - 1.",
        "Begin with torch.full((B, P + N), -100). The places from P to the last but one get ids[:, 1:], with "
        "-100 where answer[:, 1:] is False.",
    ),
    mistakes=WRONG,
)
