"""Chapter 18, part a: the checked exercises about clouds of points, 18.6 to 18.7.

The references, which the notebook shows as solutions, stand in `solutions.py`. Here are inputs to try
(smallest first), general hints that say more each time, and the usual mistakes, each with its own hint.
Shapes as there: B clouds, P and Q points, D features.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch18.draws import uniform
from lecture_utils.chapters.ch18.solutions import global_feature, judge
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISES"]


# --- 18.6 two clouds -------------------------------------------------------------------------------
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


# --- 18.7 PointNet's heart -------------------------------------------------------------------------
def _padded(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    def layer(given: int, wanted: int) -> Tensor:
        return torch.tensor(rng.normal(size=(wanted, given + 1))).float()  # weights, and a bias behind them

    def clouds(*sizes: int) -> tuple[Tensor, Tensor]:
        most = max(*sizes, 1)
        real = torch.tensor(np.stack([rng.permutation(most) < size for size in sizes]))
        return uniform(rng, -1, 1, len(sizes), most, 3).float(), real

    below = torch.tensor([[0.0, 0, 0, -1], [1, 0, 0, -3]])
    yield torch.tensor([[[1.0, 0, 0], [2, 0, 0]]]), torch.tensor([[True, True]]), [below]
    yield torch.tensor([[[1.0, 0, 0], [9, 0, 0]]]), torch.tensor([[True, False]]), [below]
    yield torch.tensor([[[1.0, 0, 0], [0, 0, 0]]]), torch.tensor([[True, False]]), [layer(3, 4)]
    yield torch.tensor([[[1.0, 0, 0], [2, 0, 0]]]), torch.tensor([[False, False]]), [layer(3, 2)]  # empty
    yield *clouds(3, 2), [layer(3, 4)]
    yield *clouds(4, 4), [layer(3, 5), layer(5, 4)]
    yield *clouds(5, 1, 0), [layer(3, 8), layer(8, 6)]
    yield *clouds(12, 7, 3, 9), [layer(3, 16), layer(16, 8)]


def shared(weights: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """An MLP for each point by itself: (…, 3) -> (…, D), ReLU between the layers."""

    def mlp(x: Tensor) -> Tensor:
        for i, weight in enumerate(weights):
            x = F.linear(x.relu() if i else x, weight[:, :-1], weight[:, -1])
        return x

    return mlp


def with_mlp(answer: Callable[..., Any], points: Tensor, real: Tensor, weights: list[Tensor]) -> Any:
    """Call an answer with an MLP of these weights."""
    return answer(points, real, shared(weights))


@mistake(
    "You set the features of points that do not exist to 0. But features may be below 0, and then 0 is the "
    "largest: what is below every number?"
)
def _zero_may_win(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    return (mlp(points) * real[:, :, None]).amax(1)


@mistake(
    "You set points that do not exist to 0 and send them through the MLP: there they are a point at the "
    "origin, with features of its own. The features have to be masked, not the points."
)
def _points_at_the_origin(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    largest = mlp(points * real[:, :, None]).amax(1)
    return torch.where(real.any(1, keepdim=True), largest, 0.0)


@mistake("You leave `real` out, so that whatever fills the table may be the largest.")
def _mask_left_out(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.where(real.any(1, keepdim=True), mlp(points).amax(1), 0.0)


@mistake(
    "The feature of a cloud without points is minus infinity with you, and everything after it NaN. It is "
    "to be 0."
)
def _minus_infinity_if_empty(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    return mlp(points).masked_fill(~real[:, :, None], -torch.inf).amax(1)


@mistake("You mask the points that exist and keep the others. Where is `real` True?")
def _mask_turned_round(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    return global_feature(points, ~real, mlp)


@mistake(
    "You take the mean over the points. It does not mind the order either, but here the largest is wanted."
)
def _mean_of_points(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    counted = real.sum(1, keepdim=True).clamp(min=1)
    return (mlp(points) * real[:, :, None]).sum(1) / counted


@mistake(
    "You sum over the points: a cloud with twice as many would have twice the feature. The largest is wanted."
)
def _sum_of_points(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    return (mlp(points) * real[:, :, None]).sum(1)


@mistake(
    "You take the largest coordinates first and send them through the MLP: a corner of the box around the "
    "cloud is all that it sees. First the MLP, then the largest."
)
def _largest_before_the_mlp(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    corner = points.masked_fill(~real[:, :, None], -torch.inf).amax(1)
    return torch.where(real.any(1, keepdim=True), mlp(corner.nan_to_num(0.0, 0.0, 0.0)), 0.0)


@mistake("You have one number for each point: the largest over the features. Which axis counts the points?")
def _largest_of_features(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    return (mlp(points) * real[:, :, None]).amax(2)


@mistake(
    "You look for the largest over all clouds together. Each has a feature of its own: keep the first axis."
)
def _over_all_clouds(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    features = mlp(points).masked_fill(~real[:, :, None], -torch.inf).amax((0, 1))
    return features.nan_to_num(neginf=0.0).expand(len(points), -1)


@mistake(
    "You raise what is below 0 to 0, with a ReLU or by starting from 0. A cloud whose points are all below "
    "0 in a feature has its largest there below 0, too."
)
def _never_below_zero(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    return global_feature(points, real, mlp).relu()


@mistake("Of a cloud without points there is no largest, and amax raises an error. Its feature is to be 0.")
def _empty_raises(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.stack([mlp(own[there]).amax(0) for own, there in zip(points, real, strict=True)])


@mistake(
    "You ask whether *any* cloud of the batch has points. Each cloud has to be asked by itself, or an empty "
    "one among others stays at minus infinity."
)
def _asked_of_the_batch(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    largest = mlp(points).masked_fill(~real[:, :, None], -torch.inf).amax(1)
    return largest if real.any() else torch.zeros_like(largest)


@mistake("Your axis of the points is still there, with length 1: (B, 1, D). Wanted is (B, D).")
def _axis_kept(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    return global_feature(points, real, mlp)[:, None]


EXERCISES = [
    Exercise(
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
            _only_from_found,
            _only_from_truth,
            _squares,
            _root_of_the_mean,
            _half,
            _largest_distance,
            _summed,
            _squares_within,
            _plain_mean,
            _readings_exchanged,
            _read_off_the_score,
            _nan_for_nothing,
            _larger_of_both,
            _half_of_the_mean,
            _geometric_mean,
        ),
    ),
    Exercise(
        "18.7",
        "Whatever the order, and whoever is not there",
        global_feature,
        _padded,
        difficulty=2,
        minutes=8,
        use=with_mlp,
        hints=(
            "Send all points through the MLP, also those that do not exist: (B, P, 3) becomes (B, P, D). "
            "Then see to it that these cannot be the largest.",
            "features.masked_fill(~real[:, :, None], -torch.inf) and then .amax(dim=1): nothing is below "
            "minus infinity.",
            "Of an empty cloud the largest is minus infinity. torch.where(real.any(dim=1, keepdim=True), "
            "…, 0.0) makes it 0.",
        ),
        mistakes=(
            _zero_may_win,
            _points_at_the_origin,
            _mask_left_out,
            _minus_infinity_if_empty,
            _mask_turned_round,
            _mean_of_points,
            _sum_of_points,
            _largest_before_the_mlp,
            _largest_of_features,
            _over_all_clouds,
            _never_below_zero,
            _empty_raises,
            _asked_of_the_batch,
            _axis_kept,
        ),
    ),
]
