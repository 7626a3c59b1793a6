"""Chapter 14's lab, step 2: inputs on which `next_words` is tried, and the usual mistakes (`lab_debug`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch14.lab_another import SmallModel
from lecture_utils.chapters.ch14.lab_debug import next_words, next_words_faulty
from lecture_utils.exercises.draws import normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["STEP_2"]


def _askings(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for pictures, each, places, lengths in (
        (1, 1, 1, [3]),  # one question: both faults are asleep
        (1, 2, 1, [2, 4]),
        (2, 2, 2, [3, 3, 3, 3]),  # all of one length
        (2, 2, 2, [4, 2, 3, 5]),
        (3, 2, 3, [3, 5, 2, 4, 4, 3]),
        (2, 3, 2, [2, 4, 3, 3, 4, 2]),
    ):
        length = torch.tensor(lengths)
        ids = torch.tensor(rng.integers(1, 11, (pictures * each, int(length.max()))))
        ids = ids.masked_fill(torch.arange(ids.shape[1]) >= length[:, None], 0)
        yield SmallModel(rng), normal(rng, pictures, places, 4, scale=1.5), ids, length


def _after_start(words: Tensor, image: Tensor) -> Tensor:
    return torch.cat([words[:, :1], image, words[:, 1:]], 1)


def _ask(
    lm: Any,
    image: Tensor,
    ids: Tensor,
    length: Tensor,
    *,
    share: Callable[[Tensor, int], Tensor] = lambda image, each: image.repeat_interleave(each, 0),
    place: Callable[[Tensor, Tensor], Tensor] = _after_start,
    last: Callable[[int, Tensor, int], Tensor] = lambda places, length, total: places + length - 1,
) -> Tensor:
    """The asking with one part exchanged."""
    image = share(image, len(ids) // len(image))
    x = place(lm.token(ids), image)
    return lm.from_embeddings(x)[torch.arange(len(ids)), last(image.shape[1], length, x.shape[1])]


@mistake(
    "Both faults are still there. Which accuracy is good with this code, and what is different there about "
    "the batch?"
)
def _both_kept(*given: Any) -> Tensor:
    return next_words_faulty(*given)


@mistake(
    "The pictures are shared out rightly now. But you still read the answer at the end of the row: behind a "
    "short prompt there is filling."
)
def _end_kept(*given: Any) -> Tensor:
    return _ask(*given, last=lambda places, length, total: torch.full_like(length, total - 1))


@mistake(
    "Each answer is read where its prompt ends now. But most questions still get another one's picture: "
    "print the rows of torch.arange(2)[:, None].repeat(3, 1), and see which picture each question gets."
)
def _order_kept(*given: Any) -> Tensor:
    return _ask(*given, share=lambda image, each: image.repeat(each, 1, 1))


@mistake("You forget the picture's tokens in counting: the prompt's token k stands at place P + k.")
def _without_places(*given: Any) -> Tensor:
    return _ask(*given, last=lambda places, length, total: length - 1)


@mistake("You read one place too late, behind the prompt's last token, where the filling begins.")
def _one_late(*given: Any) -> Tensor:
    return _ask(*given, last=lambda places, length, total: (places + length).clamp(max=total - 1))


@mistake("You read one place too early: the prompt's last token has not been read there.")
def _one_early(*given: Any) -> Tensor:
    return _ask(*given, last=lambda places, length, total: places + length - 2)


@mistake("Every question gets the first picture with you.")
def _first_picture(*given: Any) -> Tensor:
    return _ask(*given, share=lambda image, each: image[:1].expand(len(image) * each, -1, -1))


@mistake("You put the answers into another order: they are to come as the questions do, picture by picture.")
def _other_order(lm: Any, image: Tensor, ids: Tensor, length: Tensor) -> Tensor:
    made = next_words(lm, image, ids, length)
    return made.unflatten(0, (len(image), -1)).transpose(0, 1).flatten(0, 1)


@mistake("You have moved the picture in front of the start token. That was right: start, picture, prompt.")
def _image_first(*given: Any) -> Tensor:
    return _ask(*given, place=lambda words, image: torch.cat([image, words], 1))


@mistake(
    "You have moved the picture behind the prompt. When a word of the prompt is read, it is not there yet."
)
def _image_last(*given: Any) -> Tensor:
    return _ask(*given, place=lambda words, image: torch.cat([words, image], 1))


@mistake("You return probabilities. The logits themselves are asked for.")
def _probabilities(*given: Any) -> Tensor:
    return next_words(*given).softmax(-1)


WRONG: Any = (
    _both_kept, _end_kept, _order_kept, _without_places, _one_late, _one_early, _first_picture,
    _other_order, _image_first, _image_last, _probabilities,
)  # fmt: skip
STEP_2 = Exercise(
    "14.L2",
    "It looks blind",
    next_words,
    _askings,
    difficulty=2,
    minutes=10,
    hints=(
        "There are two faults, and each sleeps in some of the batches. Which one is asleep where one "
        "question is asked at a time, and still asleep where the questions about one picture come together? "
        "Which wakes up there?",
        "All together, and exchanged pictures change nothing: then the pictures do not reach their "
        "questions. Print which picture each question gets. And what stands at the end of a short prompt's "
        "row?",
        "repeat_interleave(E, 0) gives the first picture to the first E questions. Each prompt ends at place "
        "P + length - 1 of what is read.",
    ),
    mistakes=WRONG,
)
