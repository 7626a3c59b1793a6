"""Chapter 14, exercise 14.2: soft attention over a picture (reference: `solutions.soft_attention`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch14.solutions import soft_attention
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Pair = tuple[Tensor, Tensor]


def _places(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[0.0, 0.0]]), floats([[[1.0], [3.0]]])  # two places that suit alike
    yield floats([[0.0, 2.0]]), floats([[[1.0], [3.0]]])
    for batch, places, dim in ((1, 3, 2), (2, 2, 3), (2, 4, 3), (3, 6, 2)):
        yield normal(rng, batch, places, scale=2), normal(rng, batch, places, dim)
    yield floats([[300.0, 299.0, 0.0]]), normal(rng, 1, 3, 2)  # exp(300) is beyond all floats


def _softmax(scores: Tensor) -> Tensor:
    return scores.softmax(-1)


def _mean(weights: Tensor, features: Tensor) -> Tensor:
    return (weights[..., None] * features).sum(1)


def _look(
    scores: Tensor,
    features: Tensor,
    *,
    weigh: Callable[[Tensor], Tensor] = _softmax,
    gather: Callable[[Tensor, Tensor], Tensor] = _mean,
) -> Pair:
    """Soft attention with one part exchanged."""
    weights = weigh(scores)
    return gather(weights, features), weights


@mistake(
    "Your weights come from a sigmoid: each place for itself. They are shares of one look, and sum to 1."
)
def _sigmoid(*given: Tensor) -> Pair:
    return _look(*given, weigh=torch.sigmoid)


@mistake("Your softmax runs over the batch: pictures compete with one another. Places of one picture are to.")
def _over_batch(*given: Tensor) -> Pair:
    return _look(*given, weigh=lambda scores: scores.softmax(0))


@mistake(
    "You look at the best place alone. That is hard attention: soft attention mixes, and can be trained."
)
def _hard(*given: Tensor) -> Pair:
    return _look(*given, weigh=lambda scores: F.one_hot(scores.argmax(-1), scores.shape[-1]).float())


@mistake("Your context is the plain mean of all places: the weights have no effect on it.")
def _plain_mean(*given: Tensor) -> Pair:
    return _look(*given, gather=lambda weights, features: features.mean(1))


@mistake("You add up all places as they are: each is to be multiplied by its weight first.")
def _plain_sum(*given: Tensor) -> Pair:
    return _look(*given, gather=lambda weights, features: features.sum(1))


@mistake(
    "You divide by the number of places as well: the weights sum to 1 already. Take the sum, not the mean."
)
def _mean_of_weighted(*given: Tensor) -> Pair:
    return _look(*given, gather=lambda weights, features: (weights[..., None] * features).mean(1))


@mistake("Your context still has one row for each place. They are to be added up, along the places.")
def _not_summed(*given: Tensor) -> Pair:
    return _look(*given, gather=lambda weights, features: weights[..., None] * features)


@mistake("You add up along the features, so that one number is left of each place. Add up along the places.")
def _over_features(*given: Tensor) -> Pair:
    return _look(*given, gather=lambda weights, features: (weights[..., None] * features).sum(-1))


@mistake("You use the scores themselves as weights: a softmax is missing.")
def _bare(*given: Tensor) -> Pair:
    return _look(*given, weigh=lambda scores: scores)


@mistake(
    "You divide the scores by their sum. They may be negative or sum to 0: a softmax makes shares of them."
)
def _by_sum(*given: Tensor) -> Pair:
    return _look(*given, weigh=lambda scores: scores / scores.sum(-1, keepdim=True))


@mistake("Your weights are exponentials that nobody has divided by their sum: they do not sum to 1.")
def _exponentials(*given: Tensor) -> Pair:
    return _look(*given, weigh=torch.exp)


@mistake(
    "The exponential of a large score is beyond all floats, and its share becomes NaN. torch's softmax takes "
    "the largest away first."
)
def _overflows(*given: Tensor) -> Pair:
    return _look(*given, weigh=lambda scores: scores.exp() / scores.exp().sum(-1, keepdim=True))


@mistake("Your weights are logarithms: log_softmax is for losses. Shares are wanted here.")
def _logarithms(*given: Tensor) -> Pair:
    return _look(*given, weigh=lambda scores: scores.log_softmax(-1))


@mistake("Your context has had two softmaxes, one over the other: it is nearly the plain mean.")
def _twice(*given: Tensor) -> Pair:
    return _look(*given, gather=lambda weights, features: _mean(weights.softmax(-1), features))


@mistake(
    "You divide the scores by √D, as a transformer does. These come from a small network: take them as given."
)
def _scaled(scores: Tensor, features: Tensor) -> Pair:
    return soft_attention(scores / features.shape[-1] ** 0.5, features)


@mistake("You return the weights first. Wanted are the context and then the weights.")
def _turned(*given: Tensor) -> Pair:
    context, weights = soft_attention(*given)
    return weights, context


WRONG: Any = (
    _sigmoid, _over_batch, _hard, _plain_mean, _plain_sum, _mean_of_weighted, _not_summed, _over_features,
    _bare, _by_sum, _exponentials, _overflows, _logarithms, _twice, _scaled, _turned,
)  # fmt: skip
EXERCISE = Exercise(
    "14.2",
    "Where to look",
    soft_attention,
    _places,
    difficulty=1,
    minutes=6,
    hints=(
        "Two steps: shares of the places, which sum to 1 in each picture, and the mean of the features under "
        "these shares. Along which axis do the places lie in each of the two tensors?",
        "The weights (B, L) need one more axis to be multiplied by features (B, L, D): weights[..., None]. "
        "Then add up along axis 1.",
    ),
    mistakes=WRONG,
)
