"""Chapter 15, exercise 15.5: the evidence by importance sampling.

The reference is `solutions.importance_log_likelihood`.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from torch import Tensor

from lecture_utils.chapters.ch15.solutions import importance_log_likelihood
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _draws(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[-3.0]]), floats([[-1.0]])
    yield floats([[-3.0], [-2.0]]), floats([[-1.0], [-1.5]])
    for count, batch in ((1, 3), (2, 3), (4, 2), (6, 4)):
        yield normal(rng, count, batch, scale=2) - 4, normal(rng, count, batch) - 1
    for count, batch, level in ((5, 3, -900.0), (7, 2, 400.0)):  # as for pictures of many pixels
        yield normal(rng, count, batch, scale=3) + level, normal(rng, count, batch) - 5


def _weights(log_joint: Tensor, log_posterior: Tensor) -> Tensor:
    return log_joint - log_posterior


def _mean(log_w: Tensor) -> Tensor:
    return log_w.logsumexp(0) - math.log(len(log_w))


def _estimate(
    log_joint: Tensor,
    log_posterior: Tensor,
    *,
    weights: Callable[[Tensor, Tensor], Tensor] = _weights,
    together: Callable[[Tensor], Tensor] = _mean,
) -> Tensor:
    """The estimate with one part exchanged."""
    return together(weights(log_joint, log_posterior))


@mistake(
    "You average the logarithms of the weights: that is the ELBO. Wanted is the logarithm of the weights' "
    "mean, which lies above it."
)
def _elbo(*given: Tensor) -> Tensor:
    return _estimate(*given, together=lambda log_w: log_w.mean(0))


@mistake("You have the logarithm of the sum. Of a mean: K vectors would make the picture K times as likely.")
def _sum(*given: Tensor) -> Tensor:
    return _estimate(*given, together=lambda log_w: log_w.logsumexp(0))


@mistake("You divide the logarithm by K. Dividing the sum by K takes something away from its logarithm.")
def _divided(*given: Tensor) -> Tensor:
    return _estimate(*given, together=lambda log_w: log_w.logsumexp(0) / len(log_w))


@mistake("You take away K itself. What a division by K takes from a logarithm is log K.")
def _minus_count(*given: Tensor) -> Tensor:
    return _estimate(*given, together=lambda log_w: log_w.logsumexp(0) - len(log_w))


@mistake("You take away the logarithm of the number of pictures. The mean is over the K vectors.")
def _count_of_pictures(*given: Tensor) -> Tensor:
    return _estimate(*given, together=lambda log_w: log_w.logsumexp(0) - math.log(log_w.shape[1]))


@mistake("You add log K. The mean is the sum divided by K, so its logarithm is smaller.")
def _plus_count(*given: Tensor) -> Tensor:
    return _estimate(*given, together=lambda log_w: log_w.logsumexp(0) + math.log(len(log_w)))


@mistake("You average over the pictures. Axis 0 counts the K vectors, and one number a picture is wanted.")
def _over_pictures(*given: Tensor) -> Tensor:
    return _estimate(*given, together=lambda log_w: _mean(log_w.T))


@mistake("You average over everything. Each picture has its own evidence: (B,) is wanted.")
def _scalar(*given: Tensor) -> Tensor:
    return _estimate(*given, together=lambda log_w: _mean(log_w).mean())


@mistake(
    "You put K × B weights into one mean. Each picture has its own K weights: one number for each, (B,)."
)
def _all_in_one(*given: Tensor) -> Tensor:
    return _estimate(*given, together=lambda log_w: _mean(log_w.flatten()))


@mistake(
    "Your exp is taken of the weights as they are: for a picture of many pixels it gives 0 or infinity. "
    "torch.logsumexp takes out the largest one first."
)
def _overflow(*given: Tensor) -> Tensor:
    return _estimate(*given, together=lambda log_w: log_w.exp().mean(0).log())


@mistake("You have taken out the largest weight against overflow, and not put it back after the logarithm.")
def _not_put_back(*given: Tensor) -> Tensor:
    return _estimate(*given, together=lambda log_w: (log_w - log_w.amax(0)).exp().mean(0).log())


@mistake("You take the largest weight alone. The others count as well, though they may be small.")
def _largest(*given: Tensor) -> Tensor:
    return _estimate(*given, together=lambda log_w: log_w.amax(0))


@mistake(
    "You average the log-weights, each by its share of the whole. Wanted is the plain mean of the weights "
    "themselves."
)
def _self_normalised(*given: Tensor) -> Tensor:
    return _estimate(*given, together=lambda log_w: (log_w.softmax(0) * log_w).sum(0))


@mistake("Your weights are upside down: a weight is p(x, z) over q(z|x).")
def _upside_down(*given: Tensor) -> Tensor:
    return _estimate(*given, weights=lambda joint, posterior: posterior - joint)


@mistake("You add the two logarithms, which multiplies p(x, z) by q(z|x). A weight is their quotient.")
def _product(*given: Tensor) -> Tensor:
    return _estimate(*given, weights=lambda joint, posterior: joint + posterior)


@mistake(
    "You leave out q(z|x). The vectors come from the encoder's cloud and not from everywhere alike: what it "
    "favours has to count less."
)
def _no_posterior(*given: Tensor) -> Tensor:
    return _estimate(*given, weights=lambda joint, posterior: joint)


@mistake("You divide one mean by another. Each vector has its own quotient, and the mean is over quotients.")
def _means_apart(log_joint: Tensor, log_posterior: Tensor) -> Tensor:
    return _mean(log_joint) - _mean(log_posterior)


@mistake("Your sign is turned: the log-likelihood itself is wanted, not a loss.")
def _negative(*given: Tensor) -> Tensor:
    return -importance_log_likelihood(*given)


@mistake(
    "You return the evidence itself. For pictures that is too small for any float: its logarithm is wanted."
)
def _no_log(*given: Tensor) -> Tensor:
    return importance_log_likelihood(*given).exp()


WRONG: Any = (
    _elbo, _sum, _divided, _minus_count, _count_of_pictures, _plus_count, _over_pictures, _scalar,
    _all_in_one, _overflow, _not_put_back, _largest, _self_normalised, _upside_down, _product, _no_posterior,
    _means_apart, _negative, _no_log,
)  # fmt: skip
EXERCISE = Exercise(
    "15.5",
    "How likely is it, after all?",
    importance_log_likelihood,
    _draws,
    difficulty=2,
    minutes=8,
    hints=(
        "Write it down for one picture without logarithms first: K weights p(x, z) / q(z|x), and their mean. "
        "Then take the logarithm of each step. What becomes of the division by K?",
        "log_joint - log_posterior are the logarithms of the weights. torch.logsumexp(…, 0) is the logarithm "
        "of their sum, and does not overflow.",
        "From the logsumexp over axis 0 take away math.log(K), with K from len(log_joint).",
    ),
    mistakes=WRONG,
)
