"""Chapter 16, exercise 16.10: the best of a few draws (reference: `latent_solutions.best_drawn`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch16.latent_solutions import best_drawn
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Near = Callable[[Tensor, Tensor], Tensor]


def _draws(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[[1.0, 0.0], [0.8, 0.6]]]), floats([[0.0, 1.0]])
    yield floats([[[0.6, 0.8], [1.0, 0.0]]]), floats([[0.0, 1.0]])
    yield floats([[[3.0, 4.0], [0.0, 1.0]]]), floats([[0.0, 2.0]])  # the longer is not the nearer
    for batch, count, dim in ((2, 2, 3), (3, 2, 4), (2, 5, 3), (4, 4, 6), (5, 3, 2)):
        lengths = floats(rng.uniform(0.2, 5, size=(batch, count, 1)))
        yield normal(rng, batch, count, dim) * lengths, normal(rng, batch, dim)


def _cosine(candidates: Tensor, text: Tensor) -> Tensor:
    return F.cosine_similarity(candidates, text[:, None], dim=-1)  # (B, K)


def _best(candidates: Tensor, text: Tensor, *, near: Near = _cosine) -> Tensor:
    """The best by another measure."""
    return candidates[torch.arange(len(candidates)), near(candidates, text).argmax(1)]


@mistake("You take the farthest: the one with the smallest cosine.")
def _farthest(*given: Tensor) -> Tensor:
    return _best(*given, near=lambda candidates, text: -_cosine(candidates, text))


@mistake("You take the first draw, whatever the sentence. The sentence's embedding is to choose.")
def _first(*given: Tensor) -> Tensor:
    return given[0][:, 0]


@mistake("You take the last draw, whatever the sentence. The sentence's embedding is to choose.")
def _last(*given: Tensor) -> Tensor:
    return given[0][:, -1]


@mistake("You return the mean of the draws. A mean of embeddings is no picture's: keep one draw.")
def _mean(*given: Tensor) -> Tensor:
    return given[0].mean(1)


@mistake("You return a mean of the draws, weighed by nearness. One of them is to be kept, as it was drawn.")
def _weighed(candidates: Tensor, text: Tensor) -> Tensor:
    return (_cosine(candidates, text).softmax(1)[..., None] * candidates).sum(1)


@mistake(
    "You compare by the bare product, in which a long draw wins though it points elsewhere. Nearest is the "
    "largest cosine."
)
def _product(*given: Tensor) -> Tensor:
    return _best(*given, near=lambda candidates, text: (candidates * text[:, None]).sum(-1))


@mistake(
    "You compare by distance, in which lengths count: a draw that points the right way but is short is "
    "passed over. Nearest is the largest cosine."
)
def _distance(*given: Tensor) -> Tensor:
    return _best(*given, near=lambda candidates, text: -(candidates - text[:, None]).norm(dim=-1))


@mistake(
    "You measure how near each draw is to the first draw. It is the sentence's embedding to which the best "
    "one is nearest."
)
def _to_the_first(*given: Tensor) -> Tensor:
    def near(candidates: Tensor, text: Tensor) -> Tensor:
        away = _cosine(candidates, candidates[:, 0])
        return torch.cat([away[:, :1] * 0 - 2, away[:, 1:]], dim=1) if away.shape[1] > 1 else away

    return _best(*given, near=near)


@mistake(
    "The sentences have no axis for the draws with you: torch lines up draw k with sentence k, or finds that "
    "their numbers differ. Put one in, text[:, None]."
)
def _no_axis(*given: Tensor) -> Tensor:
    return _best(*given, near=lambda candidates, text: F.cosine_similarity(candidates, text, dim=-1))


@mistake("You take the longest draw. Lengths say nothing here; the direction does.")
def _longest(*given: Tensor) -> Tensor:
    return _best(*given, near=lambda candidates, text: candidates.norm(dim=-1))


@mistake("You take the one that is best for the first sentence for all of them. Each has its own best.")
def _best_of_the_first(candidates: Tensor, text: Tensor) -> Tensor:
    return candidates[:, int(_cosine(candidates, text)[0].argmax())]


@mistake("All draws are judged by the first sentence with you. Each row has a sentence of its own.")
def _first_sentence(*given: Tensor) -> Tensor:
    return _best(*given, near=lambda candidates, text: _cosine(candidates, text[:1].expand_as(text)))


@mistake(
    "Your arg max goes over the sentences, not over the draws: axis 0 of the cosines counts the sentences, "
    "axis 1 the draws."
)
def _over_sentences(candidates: Tensor, text: Tensor) -> Tensor:
    best = _cosine(candidates, text).argmax(0)  # (K,)
    return candidates[best, torch.arange(candidates.shape[1])]


@mistake(
    "Your arg max is over everything: one place for the whole batch. Each sentence has its own best draw."
)
def _over_all(candidates: Tensor, text: Tensor) -> Tensor:
    place = int(_cosine(candidates, text).argmax()) % candidates.shape[1]
    return candidates[:, place]


@mistake(
    "You take for each number the largest of the draws. A draw stays whole: one place for all D numbers."
)
def _number_by_number(candidates: Tensor, text: Tensor) -> Tensor:
    return candidates.gather(1, (candidates * text[:, None]).argmax(1, keepdim=True))[:, 0]


@mistake("Your best draw has been brought to length 1. It is to be returned as it was drawn.")
def _normalised(*given: Tensor) -> Tensor:
    return F.normalize(best_drawn(*given), dim=-1)


@mistake("You return the cosine of the best draw. Wanted is the draw itself, (B, D).")
def _cosine_itself(*given: Tensor) -> Tensor:
    return _cosine(*given).amax(1)


@mistake("You return the place of the best draw. Wanted is the draw itself, (B, D).")
def _place(*given: Tensor) -> Tensor:
    return _cosine(*given).argmax(1)


@mistake(
    "You index with a slice in front: that gives each sentence the best draws of all sentences, (B, B, D). "
    "Pair row and place: torch.arange(B) in the slice's place."
)
def _slice(candidates: Tensor, text: Tensor) -> Tensor:
    return candidates[:, _cosine(candidates, text).argmax(1)]


WRONG: Any = (
    _farthest, _first, _last, _mean, _weighed, _product, _distance, _to_the_first, _longest,
    _best_of_the_first, _first_sentence, _over_sentences, _over_all, _number_by_number, _normalised,
    _cosine_itself, _place, _slice, _no_axis,
)  # fmt: skip
EXERCISE = Exercise(
    "16.10",
    "The best of a few draws",
    best_drawn,
    _draws,
    difficulty=1,
    minutes=5,
    hints=(
        "How near is each of the K draws to its sentence? That is a table (B, K). In each of its rows the "
        "largest has to be found.",
        "F.cosine_similarity(candidates, text[:, None], dim=-1) is the table; argmax(1) says which, (B,).",
        "candidates[torch.arange(len(candidates)), best] takes from each row its own draw.",
    ),
    mistakes=WRONG,
)
