"""Chapter 18, exercise 18.7: PointNet's largest feature (reference: `solutions.global_feature`).

Shapes: B clouds, P points, D features.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch18.draws import uniform
from lecture_utils.chapters.ch18.solutions import global_feature
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


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


EXERCISE = Exercise(
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
        _zero_may_win, _points_at_the_origin, _mask_left_out, _minus_infinity_if_empty,
        _mask_turned_round, _mean_of_points, _sum_of_points, _largest_before_the_mlp,
        _largest_of_features, _over_all_clouds, _never_below_zero, _empty_raises,
        _asked_of_the_batch, _axis_kept,
    ),
)  # fmt: skip
