"""Chapter 20's lab, step 1: the usual mistakes of a `Fit` (`lab_fit.Fit`), each with its hint."""

from typing import Any

import torch
from torch import Tensor

from lecture_utils.chapters.ch20.fitting_solutions import place
from lecture_utils.chapters.ch20.lab_another import Another, fits
from lecture_utils.chapters.ch20.lab_fit import Fit, stance, use_fit
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["STEP_1"]


@mistake(
    "Your person begins with a root rotation of 0: in the camera's axes, whose y points down, that is a "
    "person upside down. Which function stands them up, and turns them?"
)
class _NotStoodUp(Another):
    def root(self, turn_deg: float) -> Tensor:
        return torch.zeros(3)


@mistake(
    "Your person stands, but always faces the camera: `turn_deg` has no effect. What is `stance` to be given?"
)
class _NotTurned(Another):
    def root(self, turn_deg: float) -> Tensor:
        return stance(0.0)


@mistake(
    "You begin with all joints straight, arms out. Begin where people mostly are: at the mean of the mixture."
)
class _FromStraight(Another):
    def mean(self) -> Tensor:
        return torch.zeros(self.prior.means.shape[1])


@mistake(
    "Your person begins in the lens, with a translation of 0, where nothing can be projected. Which "
    "function of yours says where they stand?"
)
class _InTheLens(Another):
    def where(self) -> Tensor:
        return torch.zeros(3) + 1e-3


@mistake(
    "You place the skeleton as it is at rest. What is to be placed are the joints as the person begins: "
    "stood up, turned, in the mean pose."
)
class _PlacedAtRest(Another):
    def where(self) -> Tensor:
        return place(self.skeleton(self.shape, torch.zeros_like(self.pose)), *self.clicks)[0]


@mistake(
    "The shape never changes. Which numbers does Adam hold? How tall and wide somebody is, is learned too."
)
class _ShapeNotLearned(Another):
    def learned(self) -> list[Tensor]:
        return [self.pose, self.translation]


@mistake("Your person never leaves the place where they began: the translation is not among what Adam holds.")
class _PlaceNotLearned(Another):
    def learned(self) -> list[Tensor]:
        return [self.pose, self.shape]


@mistake("The weight is without effect. It says how much the priors count against what was clicked.")
class _WeightUnused(Another):
    def energy(self, weight: float) -> Tensor:
        return self.data() + self.unlikely()


@mistake(
    "Your priors say nothing about the shape. Without the sum of its squares the fit prefers giants and "
    "dwarfs."
)
class _NoShapePrior(Another):
    def unlikely(self) -> Tensor:
        return super().unlikely() - self.shape.square().sum()


@mistake("Your priors say nothing about the pose. Which function of yours tells an unlikely one?")
class _NoPosePrior(Another):
    def unlikely(self) -> Tensor:
        return self.shape.square().sum()


@mistake(
    "The first step is right; from the second on the gradients of all earlier steps are in it too. What "
    "comes before each backward?"
)
class _GradientsPileUp(Another):
    def step(self, weight: float) -> float:
        energy = self.energy(weight)
        energy.backward()
        self.optimizer.step()
        return energy.item()


@mistake("Nothing changes from step to step. After backward somebody has to walk: the optimiser's step.")
class _NeverMoved(Another):
    def step(self, weight: float) -> float:
        return self.energy(weight).item()


@mistake("You make a new Adam in every step, which has forgotten all it knew of the gradients' sizes.")
class _NewAdam(Another):
    def step(self, weight: float) -> float:
        self.optimizer = self.adam()
        return super().step(weight)


@mistake(
    "The energy that you return is the one after the step. Wanted is the one before: you have it already."
)
class _EnergyAfter(Another):
    def step(self, weight: float) -> float:
        super().step(weight)
        return self.energy(weight).item()


@mistake("Your Adam walks at another rate than 0.02: angles and metres then move too far, or hardly.")
class _OtherRate(Another):
    def adam(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.learned(), lr=0.05)


WRONG: Any = (  # `mistake` has made a Mistake of each class
    _NotStoodUp,
    _NotTurned,
    _FromStraight,
    _InTheLens,
    _PlacedAtRest,
    _ShapeNotLearned,
    _PlaceNotLearned,
    _WeightUnused,
    _NoShapePrior,
    _NoPosePrior,
    _GradientsPileUp,
    _NeverMoved,
    _NewAdam,
    _EnergyAfter,
    _OtherRate,
)
STEP_1 = Exercise(
    "20.L1",
    "A body fitted to clicks",
    Fit,
    fits,
    difficulty=3,
    minutes=15,
    use=use_fit,
    hints=(
        "In __init__ go in the order of the docstring: pose (the root first), shape, place; then tell Adam "
        "of all three. A step is the energy, and the three lines of every training step.",
        "torch.cat([stance(turn_deg)[None], mean.view(-1, 3)]) is the pose. skeleton(shape, pose) gives the "
        "joints that `place(joints, *clicks)` wants. Make tensors learnable by requires_grad_() after that, "
        "not before.",
        "Energy: data_term(self.projected(), pixels, confidence, 50.0) + weight * "
        "(gmm_prior(self.pose[None, 1:].flatten(1), *self.prior)[0] + self.shape.square().sum()). Then "
        "zero_grad, backward, the optimiser's step.",
    ),
    mistakes=WRONG,
)
