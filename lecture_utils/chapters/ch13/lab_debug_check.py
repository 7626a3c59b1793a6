"""Chapter 13's lab, step 2: inputs on which `class_scores` is tried, and the usual mistakes (`lab_debug`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch13.lab_debug import class_scores, class_scores_faulty
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["STEP_2"]


def _embeddings(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[3.0, 4.0]]), floats([[[2.0, 0.0]], [[0.0, 1.0]]])  # one picture, one sentence a class
    yield floats([[3.0, 4.0]]), floats([[[2.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [3.0, 0.0]]])
    yield floats([[3.0, 4.0], [6.0, 8.0]]), floats([[[2.0, 0.0]], [[0.0, 1.0]]])  # two that are alike
    for pictures, classes, sentences, dim in ((2, 2, 2, 2), (3, 2, 3, 4), (4, 3, 2, 3), (6, 4, 5, 8)):
        texts = normal(rng, classes, sentences, dim) * floats(rng.uniform(0.3, 3, (classes, sentences, 1)))
        yield normal(rng, pictures, dim, scale=3) + 1, texts


def _unit(x: Tensor) -> Tensor:
    return F.normalize(x, dim=-1)


def _batch(images: Tensor) -> Tensor:
    return (images - images.mean(0)) / (images.std(0, correction=0) + 1e-6)


def _scores(
    images: Tensor,
    texts: Tensor,
    *,
    look: Callable[[Tensor], Tensor] = _unit,
    each: Callable[[Tensor], Tensor] = _unit,
    whole: Callable[[Tensor], Tensor] = _unit,
) -> Tensor:
    """The classifier with one part exchanged."""
    return look(images) @ whole(each(texts).mean(1)).T


@mistake(
    "Both faults are still there. What does a picture's embedding depend on, beside the picture? And how "
    "long is the mean of six vectors of length 1?"
)
def _both_kept(*given: Tensor) -> Tensor:
    return class_scores_faulty(*given)


@mistake(
    "The classes have length 1 now. But pictures are still compared with one another before they are scored: "
    "in a batch of one class the mean that you take away is the class."
)
def _batch_kept(*given: Tensor) -> Tensor:
    return _scores(*given, look=_batch)


@mistake(
    "Each picture stands for itself now, and accuracy is back for most. Look at the classes whose sentences "
    "differ: how long is their mean, and what does that do to their score?"
)
def _short_kept(*given: Tensor) -> Tensor:
    return _scores(*given, whole=lambda classes: classes)


@mistake(
    "You no longer take the mean away, but still normalise along the batch: columns have length 1 and not "
    "rows. Which axis has the numbers of one embedding?"
)
def _columns(*given: Tensor) -> Tensor:
    return _scores(*given, look=lambda images: F.normalize(images, dim=0))


@mistake(
    "You standardise along the right axis, but to mean 0 and spread 1: such a row is √D long. A cosine wants "
    "length 1."
)
def _standardised(*given: Tensor) -> Tensor:
    def look(images: Tensor) -> Tensor:
        off = images - images.mean(-1, keepdim=True)
        return off / (off.std(-1, keepdim=True, correction=0) + 1e-6)

    return _scores(*given, look=look)


@mistake(
    "You take each picture's mean away before you bring it to length 1. That is a correlation, not a cosine: "
    "where the zero of the space lies counts."
)
def _correlation(*given: Tensor) -> Tensor:
    return _scores(*given, look=lambda images: _unit(images - images.mean(-1, keepdim=True)))


@mistake("Your pictures keep their lengths: what you return are no cosines, and may be beyond 1.")
def _any_length(*given: Tensor) -> Tensor:
    return _scores(*given, look=lambda images: images)


@mistake(
    "You average the sentences as they come: a long vector counts for more. Each is to count alike, so each "
    "is brought to length 1 before the mean as well."
)
def _long_count_more(*given: Tensor) -> Tensor:
    return _scores(*given, each=lambda texts: texts)


@mistake(
    "F.normalize works along axis 1 unless told otherwise, and in (K, T, D) that are the sentences. Say "
    "dim=-1."
)
def _along_sentences(*given: Tensor) -> Tensor:
    return _scores(*given, each=lambda texts: F.normalize(texts, dim=1))


@mistake(
    "You bring the class embeddings to length 1 along the classes: each column, not each row. The numbers of "
    "one class lie along the last axis."
)
def _class_columns(*given: Tensor) -> Tensor:
    return _scores(*given, whole=lambda classes: F.normalize(classes, dim=0))


@mistake("Your rows are classes. Wanted are pictures down and classes across, (B, K).")
def _turned(*given: Tensor) -> Tensor:
    return class_scores(*given).T


@mistake("You return probabilities. The cosines themselves are asked for: from -1 to 1.")
def _probabilities(*given: Tensor) -> Tensor:
    return class_scores(*given).softmax(-1)


@mistake(
    "You let the batch's mean stay away, and bring to length 1 after that. The class is still what is taken "
    "from a batch of one class."
)
def _centred(*given: Tensor) -> Tensor:
    return _scores(*given, look=lambda images: _unit(images - images.mean(0)))


WRONG: Any = (
    _both_kept, _batch_kept, _short_kept, _columns, _standardised, _correlation, _any_length,
    _long_count_more, _along_sentences, _class_columns, _turned, _probabilities, _centred,
)  # fmt: skip
STEP_2 = Exercise(
    "13.L2",
    "Accuracy at chance",
    class_scores,
    _embeddings,
    difficulty=2,
    minutes=10,
    hints=(
        "There are two faults, and each has a symptom of its own. Which one is gone once the pictures are "
        "shuffled? And which classes are still rarely answered then?",
        "A score of 5 is no cosine: how long are the embeddings that are multiplied, and along which axis is "
        "that to be measured? Print images.norm(dim=-1) and classes.norm(dim=-1) before the product.",
        "F.normalize(images, dim=-1) takes each picture for itself. The classes need it twice: their "
        "sentences before the mean, and the mean itself.",
    ),
    mistakes=WRONG,
)
