"""Chapter 15, exercise 15.2: bits a number of a picture costs (reference: `solutions.bits_per_dim`)."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch15.solutions import bits_per_dim
from lecture_utils.exercises.draws import floats, normal, with_gradients
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _pictures(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([0.0, 0.0]).reshape(1, 2, 1, 1, 1), torch.tensor([[[[1]]]])
    yield floats([0.0, math.log(3)]).reshape(1, 2, 1, 1, 1), torch.tensor([[[[0]]]])
    for batch, levels, colours, size in ((1, 3, 1, 2), (2, 4, 1, 3), (2, 3, 3, 2), (3, 5, 2, 4)):
        image = torch.tensor(rng.integers(0, levels, (batch, colours, size, size)))
        yield normal(rng, batch, levels, colours, size, size, scale=1.5), image
    image = torch.tensor(rng.integers(0, 3, (2, 1, 2, 2)))
    yield normal(rng, 2, 3, 1, 2, 2, scale=200), image  # sure of itself, and often wrong


def _use(answer: Callable[..., Any], logits: Tensor, image: Tensor) -> Any:
    """The bits, and their gradient by the logits: they are what the training makes small."""
    told = with_gradients(answer, (logits, image), of=(0,))
    if isinstance(told, dict) and not bool(told["loss"].isfinite().all()):
        return told | {"gradients": [torch.zeros_like(logits)]}  # there is none
    return told


def _log_p(logits: Tensor) -> Tensor:
    return logits.log_softmax(1)


def _there(log_p: Tensor, image: Tensor) -> Tensor:
    return log_p.gather(1, image[:, None])[:, 0]


def _mean(log_p: Tensor) -> Tensor:
    return log_p.flatten(1).mean(1)


def _bits(
    logits: Tensor,
    image: Tensor,
    *,
    log_p: Callable[[Tensor], Tensor] = _log_p,
    there: Callable[[Tensor, Tensor], Tensor] = _there,
    together: Callable[[Tensor], Tensor] = _mean,
    unit: float = -1 / math.log(2),
) -> Tensor:
    """The bits with one part exchanged."""
    return together(there(log_p(logits), image)) * unit


@mistake("These are nats: your logarithm is the natural one. How many bits is one nat?")
def _nats(*given: Tensor) -> Tensor:
    return _bits(*given, unit=-1)


@mistake("You multiply by log 2. A nat is more than a bit: which way round does the number get larger?")
def _times(*given: Tensor) -> Tensor:
    return _bits(*given, unit=-math.log(2))


@mistake("You convert by the number of levels: a uniform guess costs 1 with you, whatever it guesses among.")
def _by_levels(logits: Tensor, image: Tensor) -> Tensor:
    return _bits(logits, image, unit=-1 / math.log(logits.shape[1]))


@mistake(
    "Yours is the log-likelihood, below 0. A cost is wanted: what is likely costs little, never less than 0."
)
def _sign(*given: Tensor) -> Tensor:
    return _bits(*given, unit=1 / math.log(2))


@mistake("These are bits of the whole picture. Wanted are bits for each number of it: the mean.")
def _sum(*given: Tensor) -> Tensor:
    return _bits(*given, together=lambda p: p.flatten(1).sum(1))


@mistake(
    "You divide by the number of pixels. A pixel of C colours has C numbers, and each is guessed: divide by "
    "all of them."
)
def _per_pixel(logits: Tensor, image: Tensor) -> Tensor:
    return _bits(logits, image, together=lambda p: p.flatten(1).mean(1) * image.shape[1])


@mistake("Your mean goes over the batch as well. Wanted is one number for each picture, (B,).")
def _scalar(*given: Tensor) -> Tensor:
    return _bits(*given, together=lambda p: p.mean())


@mistake(
    "You average probabilities and take the logarithm then. The probabilities of a chain are multiplied: "
    "average their logarithms."
)
def _log_of_mean(*given: Tensor) -> Tensor:
    return _bits(*given, together=lambda p: p.flatten(1).exp().mean(1).log())


@mistake("You take the logits as they are. They become log-probabilities by log_softmax over the levels.")
def _bare(*given: Tensor) -> Tensor:
    return _bits(*given, log_p=lambda logits: logits)


@mistake("You average the probabilities themselves: there is no logarithm.")
def _probabilities(*given: Tensor) -> Tensor:
    return _bits(*given, log_p=lambda logits: logits.softmax(1))


@mistake("Your softmax goes over the last axis, the columns of the picture. The levels are axis 1.")
def _over_columns(*given: Tensor) -> Tensor:
    return _bits(*given, log_p=lambda logits: logits.log_softmax(-1))


@mistake(
    "Your logarithm comes after the softmax: where the model is sure of something else, the probability has "
    "become 0 and the cost infinite. log_softmax does both at once, without."
)
def _overflow(*given: Tensor) -> Tensor:
    return _bits(*given, log_p=lambda logits: logits.softmax(1).log())


@mistake(
    "You keep the logarithm from becoming infinite by a small number or a clamp. So a model that is sure and "
    "wrong pays too little: use log_softmax."
)
def _clamped(*given: Tensor) -> Tensor:
    return _bits(*given, log_p=lambda logits: (logits.softmax(1) + 1e-8).log())


@mistake("You take the likeliest level of each pixel. What counts is how likely the level was that is there.")
def _likeliest(*given: Tensor) -> Tensor:
    return _bits(*given, there=lambda log_p, image: log_p.amax(1))


@mistake(
    "You add up over all levels, as for an entropy. What the picture costs is the logarithm at its own level "
    "alone."
)
def _entropy(*given: Tensor) -> Tensor:
    return _bits(*given, there=lambda log_p, image: (log_p.exp() * log_p).sum(1))


@mistake(
    "Your bits have no gradient: they are what the training makes small. No detach, no no_grad, no item."
)
def _detached(*given: Tensor) -> Tensor:
    return bits_per_dim(*given).detach()


@mistake(
    "You squeeze the axis of the levels' probabilities: as if each level were a guess by itself (sigmoid)."
)
def _sigmoids(*given: Tensor) -> Tensor:
    return _bits(*given, log_p=F.logsigmoid)


WRONG: Any = (
    _nats, _times, _by_levels, _sign, _sum, _per_pixel, _scalar, _log_of_mean, _bare, _probabilities,
    _over_columns, _overflow, _clamped, _likeliest, _entropy, _detached, _sigmoids,
)  # fmt: skip
EXERCISE = Exercise(
    "15.2",
    "What does a picture cost?",
    bits_per_dim,
    _pictures,
    difficulty=1,
    minutes=6,
    use=_use,
    hints=(
        "A picture's probability is a product, so its logarithm is a sum. What does one number of the "
        "picture add: which level's log-probability? In bits, 1/2 adds 1.",
        "logits.log_softmax(1) has the log-probabilities of all levels. gather(1, image[:, None]) picks the "
        "one that is there. Then a mean for each picture, a sign, and the change from nats to bits.",
        "flatten(1).mean(1) leaves one number a picture. Divide by -math.log(2).",
    ),
    mistakes=WRONG,
)
