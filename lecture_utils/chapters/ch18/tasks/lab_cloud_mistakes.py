"""Chapter 18, step 1 of the lab: the usual mistakes, each with its hint (`lab_cloud` has the step).

Shapes: P points or Gaussians.
"""

from typing import Any

import torch
from torch import Tensor

from lecture_utils.chapters.ch18.lab import Render
from lecture_utils.chapters.ch18.tasks.another_cloud import Another
from lecture_utils.exercises.exercise import mistake

__all__ = ["MISTAKES"]


@mistake(
    "Each point counts itself among its nearest neighbours, at a distance of 0. How many of the smallest "
    "distances do you have to take, and which one leave out?"
)
class _ItselfCounted(Another):
    def begin(self, distances: Tensor) -> Tensor:
        return distances.topk(3, largest=False).values.square().mean(1).sqrt()


@mistake(
    "You take the mean of the three distances. Asked for is the root of their mean square, in which the "
    "farthest counts most."
)
class _MeanDistance(Another):
    def begin(self, distances: Tensor) -> Tensor:
        return distances.topk(4, largest=False).values[:, 1:].mean(1)


@mistake(
    "Your standard deviations are the squares of what is wanted: the mean of the squared distances is a "
    "variance. What is missing?"
)
class _VarianceForScale(Another):
    def begin(self, distances: Tensor) -> Tensor:
        return distances.topk(4, largest=False).values[:, 1:].square().mean(1)


@mistake(
    "Several points in one place have no distance, and the logarithm of 0 is minus infinity. What is the "
    "least size that the docstring allows?"
)
class _NoLeastSize(Another):
    def __init__(self, points: Tensor, colours: Tensor) -> None:
        super().__init__(points, colours)
        scales = self.begin(torch.cdist(points, points))
        self.log_scales = scales.log().requires_grad_()
        self.optimizer = self.adam()


@mistake(
    "You learn the standard deviations themselves. After some steps one may be below 0: keep their "
    "logarithms, and give back their exp."
)
class _ScalesThemselves(Another):
    def __init__(self, points: Tensor, colours: Tensor) -> None:
        super().__init__(points, colours)
        self.log_scales = self.log_scales.detach().exp().requires_grad_()
        self.optimizer = self.adam()

    def values(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.means, self.log_scales, self.logits.sigmoid(), self.colours


@mistake(
    "Your opacities begin at 0.52: you put 0.1 in as the logit. The sigmoid comes after it: of which number "
    "is 0.1 the sigmoid?"
)
class _OpacityAsLogit(Another):
    def opacity(self, number: int) -> Tensor:
        return torch.full((number,), 0.1)


@mistake(
    "The first step is right, and from the second on the gradients of all earlier pictures are in it too. "
    "What has to happen before each backward?"
)
class _GradientsPileUp(Another):
    def step(self, render: Render, picture: Tensor) -> float:
        loss = self.loss(render(*self.values()), picture)
        loss.backward()
        self.optimizer.step()
        return loss.item()


@mistake(
    "Nothing changes from step to step. Either nobody moves the numbers along their gradients, or these are "
    "wiped out before that: in which order stand zero_grad, backward and the optimiser's step?"
)
class _NeverMoved(Another):
    def step(self, render: Render, picture: Tensor) -> float:
        loss = self.loss(render(*self.values()), picture)
        self.optimizer.zero_grad()
        loss.backward()
        return loss.item()


@mistake(
    "You make a new Adam in every step. It then forgets what it has gathered about the gradients: it has to "
    "live as long as the cloud."
)
class _NewAdam(Another):
    def step(self, render: Render, picture: Tensor) -> float:
        self.optimizer = self.adam()
        return super().step(render, picture)


@mistake(
    "All numbers have one rate. A logit of 0.05 more is little, but a mean 0.05 away is elsewhere: how does "
    "one optimiser get a rate for each kind?"
)
class _OneRate(Another):
    def adam(self) -> torch.optim.Optimizer:
        return torch.optim.Adam([self.means, self.log_scales, self.logits, self.colours], lr=0.01)


@mistake(
    "Your rates go to the wrong kinds of numbers, the last to the means. In the docstring they stand in the "
    "order of what is learned."
)
class _RatesExchanged(Another):
    def adam(self) -> torch.optim.Optimizer:
        self.rates = self.rates[::-1]
        return super().adam()


@mistake(
    "You walk along the gradients by plain gradient descent. They are tiny, and differ from kind to kind; "
    "Adam divides each by its usual size."
)
class _PlainDescent(Another):
    def adam(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(super().adam().param_groups)


@mistake(
    "Your loss is the mean of squares. It is the absolute difference that is asked for, which forgives a "
    "few pixels that are far off."
)
class _SquaredLoss(Another):
    def loss(self, image: Tensor, picture: Tensor) -> Tensor:
        return (image - picture).square().mean()


@mistake(
    "Your loss is a sum over all numbers of the picture. Then it grows with the picture's size: which mean "
    "is meant?"
)
class _SummedLoss(Another):
    def loss(self, image: Tensor, picture: Tensor) -> Tensor:
        return (image - picture).abs().sum()


@mistake(
    "You take the nearest neighbour alone. It may be close by chance: three are asked for, and the root of "
    "the mean of their squares."
)
class _NearestAlone(Another):
    def begin(self, distances: Tensor) -> Tensor:
        return distances.topk(2, largest=False).values[:, 1]


@mistake("You take the root of the sum of three squares. It is their mean that is asked for: √3 times less.")
class _SumOfSquares(Another):
    def begin(self, distances: Tensor) -> Tensor:
        return distances.topk(4, largest=False).values[:, 1:].square().sum(1).sqrt()


@mistake(
    "The loss that you return belongs to the numbers after the step. Wanted is the one before it: you have "
    "computed it already."
)
class _LossAfterwards(Another):
    def step(self, render: Render, picture: Tensor) -> float:
        super().step(render, picture)
        return self.loss(render(*self.values()), picture).item()


@mistake(
    "Your `values` hand out the numbers as they are learned: logarithms and logits. `render` wants standard "
    "deviations and opacities; what undoes a logarithm, and what a logit?"
)
class _RawValues(Another):
    def values(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.means, self.log_scales, self.logits, self.colours


@mistake(
    "You learn the colours through a sigmoid. That is not wrong in itself, but here they are learned as they "
    "are, so that a step of 0.01 is a step of 0.01."
)
class _ColoursAsLogits(Another):
    def __init__(self, points: Tensor, colours: Tensor) -> None:
        super().__init__(points, colours.logit())

    def values(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return *super().values()[:3], self.colours.sigmoid()


@mistake(
    "The colours never change. Does Adam hold the very tensors that `values` gives out? One that is made "
    "anew after Adam was made is unknown to it."
)
class _ColoursUnknownToAdam(Another):
    def __init__(self, points: Tensor, colours: Tensor) -> None:
        super().__init__(points, colours)
        self.colours = colours.clone().requires_grad_()


@mistake(
    "Sizes and opacities never change, means and colours do. Where exp and sigmoid are taken, gradients must "
    "flow: no `no_grad`, `detach` or `data` in `values`."
)
class _NoGradientInValues(Another):
    def values(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.means, self.log_scales.detach().exp(), self.logits.detach().sigmoid(), self.colours


MISTAKES: Any = (
    _ItselfCounted, _MeanDistance, _VarianceForScale, _NoLeastSize, _ScalesThemselves, _OpacityAsLogit,
    _GradientsPileUp, _NeverMoved, _NewAdam, _OneRate, _RatesExchanged, _PlainDescent, _SquaredLoss,
    _SummedLoss, _NearestAlone, _SumOfSquares, _LossAfterwards, _RawValues, _ColoursAsLogits,
    _ColoursUnknownToAdam, _NoGradientInValues,
)  # fmt: skip
