"""Chapter 18, exercise 18.6: two clouds compared (reference: `solutions.judge`).

Shapes: P and Q points.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch18.draws import uniform
from lecture_utils.chapters.ch18.solutions import judge
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _clouds(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    row = torch.tensor([[0.0, 0, 0], [4, 0, 0], [8, 0, 0], [12, 0, 0]])
    yield row[:1], row[:1] + torch.tensor([0.0, 0.3, 0.4]), 1.0, 0.9
    yield row[:1] + 100, row[:1], 1.0, 0.9  # nothing agrees
    yield row[:2], row, 1.0, 0.9  # half is missing
    yield row + torch.tensor([0.0, 0.5, 0]), row[[0, 1, 0]], 1.0, 0.9  # half is stray
    yield row + torch.tensor([0.0, 0.5, 0]), row.flip(0), 1.0, 0.9  # in another order
    yield row[:3], row[1:], 1.0, 0.5
    yield row[:3], row[1:], 1.0, 0.9
    yield torch.cat([row, row[:1] + 50]), row[:3], 1.0, 0.7
    yield row * 0.01, row * 0.01 + 0.03, 0.06, 0.9  # smaller than 1
    for number, other, noise in ((6, 9, 0.1), (12, 8, 0.3), (20, 20, 0.15)):
        truth = uniform(rng, -1, 1, other, 3)
        found = truth[torch.tensor(rng.integers(0, other, number))] + noise * torch.tensor(
            rng.normal(size=(number, 3))
        )
        yield found.float(), truth.float(), 0.3, 0.6


def _weighed(
    found: Tensor,
    truth: Tensor,
    within: float,
    bar: float,
    *,
    mean: Callable[[Tensor], Tensor] = lambda off: off.mean(),
    both: Callable[[Tensor, Tensor], Any] = lambda there, back: there + back,
    near: Callable[[Tensor], Tensor] = lambda off: off,
    score: Callable[[float, float], float] = lambda p, r: 2 * p * r / (p + r) if p + r else 0.0,
    exchanged: bool = False,
    read: Callable[[float, float, float], tuple[float, float]] = lambda p, r, f: (p, r),
) -> tuple[float, float, str]:
    """The judgement with one part exchanged."""
    each = torch.cdist(found.double(), truth.double())
    to_truth, to_found = each.amin(1), each.amin(0)
    p, r = (float((near(off) < within).double().mean()) for off in (to_truth, to_found))
    p, r = (r, p) if exchanged else (p, r)
    f = score(p, r)
    first, second = (number >= bar for number in read(p, r, f))
    word = "good" if first and second else "missing" if first else "stray" if second else "off"
    return float(both(mean(to_truth), mean(to_found))), f, word


@mistake(
    "You go one way only, from what was found to the truth. A single point on the right surface would then "
    "be a perfect reconstruction: which way asks what is missing?"
)
def _only_from_found(*given: Any) -> Any:
    return _weighed(*given, both=lambda there, back: there)


@mistake(
    "You go one way only, from the truth to what was found. A cloud that fills all of space would then be "
    "perfect: which way asks what is too much?"
)
def _only_from_truth(*given: Any) -> Any:
    return _weighed(*given, both=lambda there, back: back)


@mistake(
    "You take squared distances. As a loss that is usual; here Chamfer is a length in metres, so that it "
    "can be compared with `within`."
)
def _squares(*given: Any) -> Any:
    return _weighed(*given, mean=lambda off: off.square().mean())


@mistake(
    "You take the root of the mean square. One far point then weighs more than it should: distances first, "
    "and then their mean."
)
def _root_of_the_mean(*given: Any) -> Any:
    return _weighed(*given, mean=lambda off: off.square().mean().sqrt())


@mistake(
    "You take the mean of both ways where their sum is wanted. Papers differ in this; here they are added."
)
def _half(*given: Any) -> Any:
    return _weighed(*given, both=lambda there, back: (there + back) / 2)


@mistake(
    "You keep the largest of the distances. That is Hausdorff's distance, and a single stray point decides "
    "it: the mean is wanted."
)
def _largest_distance(*given: Any) -> Any:
    return _weighed(*given, mean=lambda off: off.max())


@mistake(
    "You sum the distances. A cloud of more points would then be worse for that alone: take the mean of "
    "each way."
)
def _summed(*given: Any) -> Any:
    return _weighed(*given, mean=lambda off: off.sum())


@mistake("You compare squared distances with `within`, which is a distance. Square both, or none.")
def _squares_within(*given: Any) -> Any:
    return _weighed(*given, near=torch.square)


@mistake(
    "Your F is the mean of precision and recall. Then a cloud that finds nothing but one perfect point "
    "would have ½: the formula punishes the worse of the two."
)
def _plain_mean(*given: Any) -> Any:
    return _weighed(*given, score=lambda p, r: (p + r) / 2)


@mistake(
    "You say missing where something is stray, and the other way round. Precision asks the found points, "
    "recall the true ones: which of them is low when half of the shape was not found?"
)
def _readings_exchanged(*given: Any) -> Any:
    return _weighed(*given, exchanged=True)


@mistake(
    "Your reading rests on the F-score alone, and that cannot tell what is missing from what is stray: look "
    "at precision and recall apart."
)
def _read_off_the_score(*given: Any) -> Any:
    return _weighed(*given, read=lambda p, r, f: (f, f))


@mistake("Where nothing agrees, you divide 0 by 0. The F-score is 0 there, not NaN.")
def _nan_for_nothing(*given: Any) -> Any:
    return _weighed(*given, score=lambda p, r: 2 * p * r / (p + r) if p + r else math.nan)


@mistake(
    "You take the larger of the two means. Wanted is their sum, so that what is stray and what is missing "
    "both count."
)
def _larger_of_both(*given: Any) -> Any:
    return _weighed(*given, both=lambda there, back: max(there, back))


@mistake("Your F lacks the 2: where precision and recall are both 1 it is a half. It is their harmonic mean.")
def _half_of_the_mean(*given: Any) -> Any:
    return _weighed(*given, score=lambda p, r: p * r / (p + r) if p + r else 0.0)


@mistake(
    "Your F is the root of precision times recall, the geometric mean. Wanted is the harmonic one: twice the "
    "product over the sum."
)
def _geometric_mean(*given: Any) -> Any:
    return _weighed(*given, score=lambda p, r: math.sqrt(p * r))


EXERCISE = Exercise(
    "18.6",
    "What is wrong with this reconstruction?",
    judge,
    _clouds,
    difficulty=2,
    minutes=12,
    hints=(
        "torch.cdist(found, truth) has all distances, (P, Q). The smallest of each row leads from a "
        "found point to the truth; what is the smallest of each column?",
        "Chamfer is the sum of the two means. Precision and recall are the shares of the same two "
        "lists that are below `within`.",
        "If something is missing, there are true points that nothing was found near: which share does "
        "that lower? And which do found points lower that are near nothing true?",
    ),
    mistakes=(
        _only_from_found, _only_from_truth, _squares, _root_of_the_mean, _half, _largest_distance,
        _summed, _squares_within, _plain_mean, _readings_exchanged, _read_off_the_score,
        _nan_for_nothing, _larger_of_both, _half_of_the_mean, _geometric_mean,
    ),
)  # fmt: skip
