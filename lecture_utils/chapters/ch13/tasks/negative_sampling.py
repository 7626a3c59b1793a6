"""Chapter 13, exercise 13.2: negative sampling (reference: `solutions.negative_sampling_loss`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch13.solutions import negative_sampling_loss
from lecture_utils.exercises.draws import floats, normal, with_gradients
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _pairs(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[1.0]]), floats([[2.0]]), floats([[[-1.0]]])
    yield floats([[1.0, 2.0]]), floats([[0.5, 1.0]]), floats([[[1.0, 0.0], [-1.0, 1.0]]])
    for pairs, noise, dim in ((1, 3, 4), (2, 2, 3), (3, 3, 3), (4, 5, 8)):
        yield normal(rng, pairs, dim), normal(rng, pairs, dim), normal(rng, pairs, noise, dim)
    for pairs, noise, dim in ((2, 2, 3), (3, 4, 5)):  # scores in the hundreds, as in a training gone wrong
        large = (normal(rng, pairs, dim, scale=20), normal(rng, pairs, dim, scale=20))
        yield *large, normal(rng, pairs, noise, dim, scale=20)


def _use(answer: Callable[..., Any], centre: Tensor, context: Tensor, negatives: Tensor) -> Any:
    """The loss, and its gradients by all three."""
    return with_gradients(answer, (centre, context, negatives), of=(0, 1, 2))


def _loss(
    centre: Tensor,
    context: Tensor,
    negatives: Tensor,
    *,
    scores: Callable[[Tensor, Tensor], Tensor] = lambda a, b: (a * b).sum(-1),
    log: Callable[[Tensor], Tensor] = F.logsigmoid,
    sign: float = -1,
    over: Callable[[Tensor], Tensor] = lambda each: each.sum(1),
    total: Callable[[Tensor], Tensor] = torch.mean,
) -> Tensor:
    """The loss with one part exchanged."""
    true, noise = scores(centre, context), scores(centre[:, None], negatives)  # (B,), (B, K)
    return -total(log(true) + over(log(sign * noise)))


@mistake(
    "Noise words are drawn near as well: the sign before their score is missing. The loss is to be small "
    "where centre and noise do not fit."
)
def _noise_pulled(*given: Tensor) -> Tensor:
    return _loss(*given, sign=1)


@mistake("You take the mean over the noise words. Their sum is asked for: each of the K is a question.")
def _noise_mean(*given: Tensor) -> Tensor:
    return _loss(*given, over=lambda each: each.mean(1))


@mistake("You add up over the pairs. The mean over the batch is asked for, so that its size does not count.")
def _batch_sum(*given: Tensor) -> Tensor:
    return _loss(*given, total=torch.sum)


@mistake("You leave the loss of each pair as it is. What a training wants is one number: the mean.")
def _no_mean(*given: Tensor) -> Tensor:
    return _loss(*given, total=lambda each: each)


@mistake("You add up probabilities: the logarithm before σ is missing.")
def _no_log(*given: Tensor) -> Tensor:
    return _loss(*given, log=torch.sigmoid)


@mistake(
    "Your loss has the wrong sign: it is what should be as large as possible. A loss is to fall as the true "
    "words come nearer."
)
def _sign(*given: Tensor) -> Tensor:
    return -negative_sampling_loss(*given)


@mistake(
    "True for small scores; for large ones σ becomes 0 in floating point, and its logarithm minus infinity. "
    "Which function of torch takes both at once?"
)
def _unstable(*given: Tensor) -> Tensor:
    return _loss(*given, log=lambda x: torch.sigmoid(x).log())


@mistake(
    "Something small added within the logarithm hides large scores: the loss stops growing, and its "
    "gradient is 0 just where it is needed. Take logarithm and σ at once: F.logsigmoid."
)
def _little_added(*given: Tensor) -> Tensor:
    return _loss(*given, log=lambda x: (torch.sigmoid(x) + 1e-8).log())


@mistake(
    "You take a softmax over the true word and the noise. Negative sampling asks of each word by itself, "
    "does it belong or not: a σ each."
)
def _softmax(centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    every = torch.cat([context[:, None], negatives], 1)
    scores = (centre[:, None] * every).sum(-1)
    return F.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long))


@mistake(
    "You take cosines. Word2Vec's scores are plain dot products: how long a vector is counts as well, and "
    "within ±1 no score could ever be sure."
)
def _cosine(*given: Tensor) -> Tensor:
    return _loss(*given, scores=lambda a, b: F.cosine_similarity(a, b.expand(*b.shape), dim=-1))


@mistake("You compare the noise with the context word. It is the centre word that it is drawn against.")
def _noise_with_context(centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    true, noise = (centre * context).sum(-1), (context[:, None] * negatives).sum(-1)
    return -(F.logsigmoid(true) + F.logsigmoid(-noise).sum(1)).mean()


@mistake(
    "The noise is without effect. With the true words alone all vectors would become alike: the loss is "
    "smallest where everything fits everything."
)
def _no_noise(*given: Tensor) -> Tensor:
    return _loss(*given, over=lambda each: 0 * each.sum(1))


@mistake("You push the true word away and draw the noise near: the two signs are exchanged.")
def _exchanged(centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    return _loss(-centre, context, negatives)


@mistake(
    "You divide by K + 1: a mean over the true word and the noise, as binary_cross_entropy takes it by "
    "itself. The paper adds up."
)
def _divided(centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    return negative_sampling_loss(centre, context, negatives) / (1 + negatives.shape[1])


@mistake(
    "You take σ of each product, and add up after that. A score is a dot product: first the sum over the D "
    "numbers, then σ."
)
def _each_number(*given: Tensor) -> Tensor:
    return _loss(*given, scores=lambda a, b: a * b, over=lambda each: each.sum(1), total=_summed)


def _summed(each: Tensor) -> Tensor:
    return each.sum(-1).mean()


WRONG: Any = (
    _noise_pulled, _noise_mean, _batch_sum, _no_mean, _no_log, _sign, _unstable, _little_added, _softmax,
    _cosine, _noise_with_context, _no_noise, _exchanged, _divided, _each_number,
)  # fmt: skip
EXERCISE = Exercise(
    "13.2",
    "Negative sampling",
    negative_sampling_loss,
    _pairs,
    difficulty=2,
    minutes=9,
    use=_use,
    hints=(
        "Begin with the scores. The true one is a dot product of two rows, (B,). The noise scores are K dot "
        "products with the same centre, (B, K): which axis does the centre lack?",
        "centre[:, None] is (B, 1, D), and is repeated for each noise word by itself. F.logsigmoid(x) is "
        "log σ(x) for scores of any size.",
        "Per pair: F.logsigmoid(true) + F.logsigmoid(-noise).sum(1). Then the mean over the batch, and a "
        "minus.",
    ),
    mistakes=WRONG,
)
