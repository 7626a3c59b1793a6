"""Chapter 14, exercise 14.8: contrast by the best query (see `asked_solutions.image_text_contrast`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch14.asked_solutions import image_text_contrast
from lecture_utils.exercises.draws import floats, unit, with_gradients
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _pairs(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield (
        floats([[[1.0, 0.0], [0.0, 1.0]], [[0.0, -1.0], [0.6, 0.8]]]),
        floats([[0.0, 1.0], [1.0, 0.0]]),
        floats(2.0),
    )
    for pairs, queries, dim in ((2, 1, 3), (3, 2, 3), (3, 4, 4), (4, 3, 5), (6, 3, 4)):
        scale = floats(rng.uniform(2, 12))
        yield unit(rng, pairs, queries, dim), unit(rng, pairs, dim), scale
    yield unit(rng, 1, 2, 3), unit(rng, 1, 3), floats(5.0)  # one pair: nothing to tell apart


def _use(answer: Callable[..., Any], queries: Tensor, text: Tensor, scale: Tensor) -> Any:
    """The loss, and its gradients by all three."""
    return with_gradients(answer, (queries, text, scale), of=(0, 1, 2))


def _cosines(queries: Tensor, text: Tensor) -> Tensor:
    return torch.einsum("iqd,jd->ijq", queries, text)  # (B, B, Q)


def _right(logits: Tensor) -> Tensor:
    return torch.arange(len(logits))


def _both(logits: Tensor) -> Tensor:
    right = _right(logits)
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def _loss(
    queries: Tensor,
    text: Tensor,
    scale: Tensor,
    *,
    best: Callable[[Tensor], Tensor] = lambda cosine: cosine.amax(-1),
    scaled: Callable[[Tensor, Tensor], Tensor] = lambda cosine, scale: scale * cosine,
    sides: Callable[[Tensor], Tensor] = _both,
) -> Tensor:
    """The loss with one part exchanged."""
    return sides(scaled(best(_cosines(queries, text)), scale))


@mistake(
    "You take the mean over the queries. Then each has to fit every text: the best one counts, so that each "
    "can look for something of its own."
)
def _mean_query(*given: Tensor) -> Tensor:
    return _loss(*given, best=lambda cosine: cosine.mean(-1))


@mistake("You add up over the queries. Of all queries of a picture the nearest one counts.")
def _sum_query(*given: Tensor) -> Tensor:
    return _loss(*given, best=lambda cosine: cosine.sum(-1))


@mistake("Your first query stands for the picture. Whichever is nearest to the text does.")
def _first_query(*given: Tensor) -> Tensor:
    return _loss(*given, best=lambda cosine: cosine[..., 0])


@mistake("You take the query that is farthest from the text: min in place of max.")
def _worst_query(*given: Tensor) -> Tensor:
    return _loss(*given, best=lambda cosine: cosine.amin(-1))


@mistake(
    "You choose one query a picture, the best for its own text, and compare it with all texts. For each text "
    "the choice is a new one."
)
def _own_texts_best(*given: Tensor) -> Tensor:
    def best(cosine: Tensor) -> Tensor:
        chosen = torch.diagonal(cosine).argmax(0)  # (B,) of (Q, B)
        return cosine[torch.arange(len(cosine)), :, chosen]

    return _loss(*given, best=best)


@mistake(
    "You average the queries to one vector before you compare. Each is compared, and the nearest counts."
)
def _mean_vector(queries: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    return _both(scale * F.normalize(queries.mean(1), dim=-1) @ text.T)


@mistake("The best query is the one of the largest size with you: a cosine of -1 is not near, but opposite.")
def _largest_size(*given: Tensor) -> Tensor:
    return _loss(*given, best=lambda cosine: cosine.abs().amax(-1))


@mistake("Only pictures look for their texts: the other direction is missing.")
def _rows_alone(*given: Tensor) -> Tensor:
    return _loss(*given, sides=lambda logits: F.cross_entropy(logits, _right(logits)))


@mistake("Only texts look for their pictures: the other direction is missing.")
def _columns_alone(*given: Tensor) -> Tensor:
    return _loss(*given, sides=lambda logits: F.cross_entropy(logits.T, _right(logits)))


@mistake("You add the two directions up. Their mean is asked for.")
def _sum_of_sides(*given: Tensor) -> Tensor:
    return 2 * image_text_contrast(*given)


@mistake("You add up over the batch. Cross-entropy takes the mean over it, unless told otherwise.")
def _sum_over_batch(*given: Tensor) -> Tensor:
    return len(given[0]) * image_text_contrast(*given)


@mistake("The scale has no effect: bare cosines lie between -1 and 1, and a softmax over them is never sure.")
def _no_scale(*given: Tensor) -> Tensor:
    return _loss(*given, scaled=lambda cosine, scale: cosine)


@mistake("You divide by the scale. It is one over the temperature already: multiply by it.")
def _divided(*given: Tensor) -> Tensor:
    return _loss(*given, scaled=lambda cosine, scale: cosine / scale)


@mistake("You take the exponential of the scale. Here it comes as it is, not as a logarithm.")
def _exponential(*given: Tensor) -> Tensor:
    return _loss(*given, scaled=lambda cosine, scale: scale.exp() * cosine)


@mistake("You take a softmax before the cross-entropy, which takes one by itself. Give it the logits.")
def _softmax_twice(*given: Tensor) -> Tensor:
    def sides(logits: Tensor) -> Tensor:
        right = _right(logits)
        return (F.cross_entropy(logits.softmax(1), right) + F.cross_entropy(logits.T.softmax(1), right)) / 2

    return _loss(*given, sides=sides)


WRONG: Any = (
    _mean_query, _sum_query, _first_query, _worst_query, _own_texts_best, _mean_vector, _largest_size,
    _rows_alone, _columns_alone, _sum_of_sides, _sum_over_batch, _no_scale, _divided, _exponential,
    _softmax_twice,
)  # fmt: skip
EXERCISE = Exercise(
    "14.8",
    "The query that fits best",
    image_text_contrast,
    _pairs,
    difficulty=2,
    minutes=9,
    use=_use,
    hints=(
        "First all comparisons at once: B pictures, B texts, Q queries. Which of the three axes has to go, "
        "and how, to leave a table of pictures against texts?",
        'torch.einsum("iqd,jd->ijq", queries, text) is (B, B, Q). amax(-1) leaves the best query of each '
        "pair. The rest is CLIP's loss: rows and columns.",
    ),
    mistakes=WRONG,
)
