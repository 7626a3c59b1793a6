"""Chapter 13, exercise 13.5: classes made of sentences (reference: `solutions.zero_shot_probabilities`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch13.solutions import zero_shot_probabilities
from lecture_utils.exercises.draws import floats, unit
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _spaces(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[1.0, 0.0]]), floats([[[0.6, 0.8]], [[0.0, 1.0]]]), 2.0  # two classes of one sentence
    far = floats([[[1.0, 0.0], [-0.6, 0.8]], [[0.8, 0.6], [0.6, 0.8]]])  # sentences that differ much, little
    yield floats([[1.0, 0.0]]), far, 4.0
    shapes = ((1, 2, 3, 3), (2, 3, 2, 4), (4, 3, 3, 3), (3, 4, 2, 6), (5, 8, 6, 16))
    for pictures, classes, templates, dim in shapes:
        texts = unit(rng, classes, templates, dim)
        yield unit(rng, pictures, dim), texts, float(rng.uniform(2, 12))


def _scored(
    images: Tensor,
    texts: Tensor,
    scale: float,
    *,
    classes: Callable[[Tensor], Tensor] = lambda texts: F.normalize(texts.mean(1), dim=-1),
    logits: Callable[[Tensor, float], Tensor] = lambda cosine, scale: scale * cosine,
    say: Callable[[Tensor], Tensor] = lambda logits: logits.softmax(-1),
) -> Tensor:
    """The classifier with one part exchanged."""
    return say(logits(images @ classes(texts).T, scale))


@mistake(
    "The mean of unit vectors is shorter than 1, the more so the more they differ. Without bringing it back "
    "to unit length a class is marked down whose sentences disagree."
)
def _mean_left_short(*given: Any) -> Tensor:
    return _scored(*given, classes=lambda texts: texts.mean(1))


@mistake("You use the first sentence of each class alone. All T count: their mean stands for the class.")
def _first_sentence(*given: Any) -> Tensor:
    return _scored(*given, classes=lambda texts: texts[:, 0])


@mistake(
    "You average probabilities: a classifier for each template, and the mean of what they say. CLIP averages "
    "embeddings, so that one classifier is left."
)
def _probabilities_averaged(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    return (scale * torch.einsum("nd,ktd->ntk", images, texts)).softmax(-1).mean(1)


@mistake(
    "All K times T sentences compete in one softmax, and those of a class are added up. First one embedding "
    "for each class, then a softmax over the K."
)
def _all_compete(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    return (scale * images @ texts.flatten(0, 1).T).softmax(-1).unflatten(1, texts.shape[:2]).sum(2)


@mistake("You let the best sentence of each class speak for it. The mean of its embeddings is asked for.")
def _best_sentence(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    return (scale * torch.einsum("nd,ktd->nkt", images, texts).amax(2)).softmax(-1)


@mistake(
    "Your softmax runs over the pictures. Of each picture it is asked which class it is of: along a row the "
    "K numbers add up to 1."
)
def _over_pictures(*given: Any) -> Tensor:
    return _scored(*given, say=lambda logits: logits.softmax(0))


@mistake(
    "The scale is without effect: cosines lie within ±1, and their softmax is nearly even. Multiply by it "
    "first."
)
def _no_scale(*given: Any) -> Tensor:
    return _scored(*given, logits=lambda cosine, scale: cosine)


@mistake("You divide by the scale. It is one over the temperature, so cosines are multiplied by it.")
def _divided(*given: Any) -> Tensor:
    return _scored(*given, logits=lambda cosine, scale: cosine / scale)


@mistake("You take the exponential of the scale. Here the scale itself is given, not its logarithm.")
def _exp_again(*given: Any) -> Tensor:
    return _scored(*given, logits=lambda cosine, scale: cosine * float(np.exp(scale)))


@mistake("You return the logits. To become probabilities they still have to go through a softmax.")
def _logits(*given: Any) -> Tensor:
    return _scored(*given, say=lambda logits: logits)


@mistake(
    "You judge each class by itself, with a sigmoid. Here the classes compete: a picture's numbers add up "
    "to 1."
)
def _sigmoid(*given: Any) -> Tensor:
    return _scored(*given, say=torch.sigmoid)


@mistake("You give the best class 1 and all others 0. How sure the model is gets lost: softmax keeps it.")
def _one_hot(*given: Any) -> Tensor:
    def say(logits: Tensor) -> Tensor:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).float()

    return _scored(*given, say=say)


@mistake(
    "You average over the classes, and keep the sentences apart. The axes of `texts` are class, sentence, "
    "number: the middle one is to go."
)
def _over_classes(*given: Any) -> Tensor:
    return _scored(*given, classes=lambda texts: F.normalize(texts.mean(0), dim=-1))


@mistake(
    "You normalise along the wrong axis: each column of your class embeddings has length 1, not each class."
)
def _wrong_axis(*given: Any) -> Tensor:
    return _scored(*given, classes=lambda texts: F.normalize(texts.mean(1), dim=0))


WRONG: Any = (
    _mean_left_short, _first_sentence, _probabilities_averaged, _all_compete, _best_sentence, _over_pictures,
    _no_scale, _divided, _exp_again, _logits, _sigmoid, _one_hot, _over_classes, _wrong_axis,
)  # fmt: skip
EXERCISE = Exercise(
    "13.5",
    "Classes made of sentences",
    zero_shot_probabilities,
    _spaces,
    difficulty=2,
    minutes=8,
    hints=(
        "First make a classifier, then use it. Each class has T sentences: how do they become one vector "
        "that can be compared with a picture by a cosine?",
        "texts.mean(1) is (K, D), and shorter than 1. Once its rows have unit length again, images @ "
        "classes.T has the cosines, (N, K).",
        "classes come from F.normalize(texts.mean(1), dim=-1); then (scale * images @ "
        "classes.T).softmax(-1).",
    ),
    mistakes=WRONG,
)
