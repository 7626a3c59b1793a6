"""Chapter 13, exercise 13.4: CLIP's loss (reference: `solutions.clip_loss`)."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch13.solutions import clip_loss
from lecture_utils.exercises.draws import floats, normal, with_gradients
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _pairs(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[1.0, 0.0], [0.0, 2.0]]), floats([[3.0, 4.0], [0.0, 1.0]]), floats(1.0)
    for pairs, dim in ((2, 3), (3, 3), (3, 5), (4, 2), (6, 8)):
        image, text = normal(rng, pairs, dim, scale=2), normal(rng, pairs, dim, scale=0.5)
        yield image, text, floats(math.log(rng.uniform(2, 20)))
    yield normal(rng, 1, 3), normal(rng, 1, 3), floats(2.0)  # one pair: nothing to tell apart
    image = normal(rng, 4, 6)
    yield image, image + normal(rng, 4, 6, scale=0.1), floats(math.log(100))  # nearly done


def _use(answer: Callable[..., Any], image: Tensor, text: Tensor, log_scale: Tensor) -> Any:
    """The loss, and its gradients by all three."""
    return with_gradients(answer, (image, text, log_scale), of=(0, 1, 2))


def _both(logits: Tensor) -> Tensor:
    right = torch.arange(len(logits))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def _unit(x: Tensor) -> Tensor:
    return F.normalize(x, dim=-1)


def _loss(
    image: Tensor,
    text: Tensor,
    log_scale: Tensor,
    *,
    scale: Callable[[Tensor], Any] = torch.exp,
    make: Callable[[Tensor], Tensor] = _unit,
    logits: Callable[[Any, Tensor, Tensor], Tensor] = lambda scale, image, text: scale * image @ text.T,
    sides: Callable[[Tensor], Tensor] = _both,
) -> Tensor:
    """The loss with one part exchanged."""
    return sides(logits(scale(log_scale), make(image), make(text)))


@mistake(
    "Your embeddings keep their lengths, so that a long one fits everything. Bring each to length 1 before "
    "you multiply: a dot product is a cosine only then."
)
def _raw(*given: Tensor) -> Tensor:
    return _loss(*given, make=lambda x: x)


@mistake(
    "You normalise along the batch: each column has length 1, not each row. An embedding is a row, and its "
    "numbers lie along the last axis."
)
def _along_the_batch(*given: Tensor) -> Tensor:
    return _loss(*given, make=lambda x: F.normalize(x, dim=0))


@mistake("You divide by the norm of the whole matrix. Each embedding has a length of its own: a norm a row.")
def _whole_norm(*given: Tensor) -> Tensor:
    return _loss(*given, make=lambda x: x / x.norm())


@mistake("The texts keep their lengths: both sides have to be normalised, or their product is no cosine.")
def _image_alone(image: Tensor, text: Tensor, log_scale: Tensor) -> Tensor:
    return _both(log_scale.exp() * _unit(image) @ text.T)


@mistake("The pictures keep their lengths: both sides have to be normalised, or their product is no cosine.")
def _text_alone(image: Tensor, text: Tensor, log_scale: Tensor) -> Tensor:
    return _both(log_scale.exp() * image @ _unit(text).T)


@mistake(
    "Each picture looks for its text, and no text looks for its picture: one of the two cross-entropies is "
    "missing, or the same one counts twice."
)
def _rows_alone(*given: Tensor) -> Tensor:
    return _loss(*given, sides=lambda logits: F.cross_entropy(logits, torch.arange(len(logits))))


@mistake(
    "Each text looks for its picture, and no picture looks for its text: the cross-entropy along the rows is "
    "missing."
)
def _columns_alone(*given: Tensor) -> Tensor:
    return _loss(*given, sides=lambda logits: F.cross_entropy(logits.T, torch.arange(len(logits))))


@mistake(
    "You multiply by log_scale as it is. What is learned is its logarithm, so that the scale stays above 0 "
    "whatever the training does."
)
def _no_exp(*given: Tensor) -> Tensor:
    return _loss(*given, scale=lambda log_scale: log_scale)


@mistake("You divide by the scale. It is one over the temperature already: cosines are multiplied by it.")
def _divided(*given: Tensor) -> Tensor:
    return _loss(*given, scale=lambda log_scale: (-log_scale).exp())


@mistake(
    "The scale is without effect. Bare cosines lie between -1 and 1: no softmax over them can ever be sure."
)
def _no_scale(*given: Tensor) -> Tensor:
    return _loss(*given, scale=lambda log_scale: 1.0)


@mistake("You add the two sides up. Their mean is asked for: half of what you return.")
def _sum_of_sides(*given: Tensor) -> Tensor:
    return 2 * clip_loss(*given)


@mistake("You add up over the batch. Cross-entropy takes the mean over the pairs, unless told otherwise.")
def _sum_over_batch(*given: Tensor) -> Tensor:
    return len(given[0]) * clip_loss(*given)


@mistake(
    "You take a softmax before the cross-entropy, which takes one by itself. Twice is too much: give it the "
    "logits."
)
def _softmax_twice(*given: Tensor) -> Tensor:
    def sides(logits: Tensor) -> Tensor:
        right = torch.arange(len(logits))
        return (F.cross_entropy(logits.softmax(1), right) + F.cross_entropy(logits.T.softmax(1), right)) / 2

    return _loss(*given, sides=sides)


@mistake(
    "Only the diagonal counts with you: right pairs are drawn together, and nothing is pushed apart. If all "
    "embeddings become one point, your loss is at its best."
)
def _diagonal_alone(*given: Tensor) -> Tensor:
    return _loss(*given, scale=lambda log_scale: 1.0, sides=lambda logits: 1 - logits.diagonal().mean())


@mistake(
    "You judge each of the N × N fields by itself, with a sigmoid. That is another loss, SigLIP's: here each "
    "row is one question with N answers, and so is each column."
)
def _sigmoids(*given: Tensor) -> Tensor:
    def sides(logits: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, torch.eye(len(logits)))

    return _loss(*given, sides=sides)


@mistake("Your right answer is always the first. That of row i stands in column i: torch.arange counts them.")
def _first_is_right(*given: Tensor) -> Tensor:
    def sides(logits: Tensor) -> Tensor:
        right = torch.zeros(len(logits), dtype=torch.long)
        return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2

    return _loss(*given, sides=sides)


WRONG: Any = (
    _raw, _along_the_batch, _whole_norm, _image_alone, _text_alone, _rows_alone, _columns_alone, _no_exp,
    _divided, _no_scale, _sum_of_sides, _sum_over_batch, _softmax_twice, _diagonal_alone, _sigmoids,
    _first_is_right,
)  # fmt: skip
EXERCISE = Exercise(
    "13.4",
    "CLIP's loss",
    clip_loss,
    _pairs,
    difficulty=2,
    minutes=10,
    use=_use,
    hints=(
        "Draw the table first: N pictures down, N texts across, in each field a cosine times the scale. "
        "Where do the right answers stand? Each row is a question with N possible answers. And each column?",
        "F.normalize(x, dim=-1) brings rows to length 1; image @ text.T is the whole table at once. "
        "F.cross_entropy wants logits (N, N) and the number of the right answer of each row, (N,).",
        "logits are log_scale.exp() * image @ text.T, and the right answers torch.arange(N). Take the mean "
        "of F.cross_entropy(logits, right) and F.cross_entropy(logits.T, right).",
    ),
    mistakes=WRONG,
)
