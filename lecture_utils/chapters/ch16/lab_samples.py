"""Chapter 16's lab, step 1: the usual mistakes where `lab_ddpm.DigitDDPM` samples, each with its hint."""

from typing import Any

import torch
from torch import Tensor

from lecture_utils.chapters.ch16.lab_another import Another
from lecture_utils.exercises.exercise import mistake

__all__ = ["SAMPLES"]


@mistake("Your samples walk from step 1 up to T. Noise is taken away from T down to 1.")
class _Upwards(Another):
    def times(self) -> list[int]:
        return super().times()[::-1]


@mistake("Your samples stop at x_1. There is one more step, from x_1 to x_0, which takes the mean.")
class _StopsAtOne(Another):
    def times(self) -> list[int]:
        return super().times()[:-1]


@mistake(
    "The noise from which you start, x_T, is added once more in the first step. That one takes noise[1]."
)
class _StartTwice(Another):
    def fresh(self, noise: Tensor, number: int) -> Tensor:
        return noise[number]


@mistake("Each of your steps adds the same noise. Every step has fresh noise of its own.")
class _SameNoise(Another):
    def fresh(self, noise: Tensor, number: int) -> Tensor:
        return noise[1]


@mistake("Your samples do not hear which digit is asked for: hand the labels on.")
class _Deaf(Another):
    def sample(self, labels: Tensor, noise: Tensor) -> Tensor:
        return super().sample(torch.zeros_like(labels), noise)


@mistake("Your samples are brought to [0, 1]. They should stay in [-1, 1], as the pictures you learn from.")
class _InUnit(Another):
    def sample(self, labels: Tensor, noise: Tensor) -> Tensor:
        return (super().sample(labels, noise) + 1) / 2


@mistake(
    "You take noise[t - 1] at step t, which is the last one first. Noise is drawn in the order of the walk: "
    "noise[0] is x_T, noise[1] is for the step at T."
)
class _LastFirst(Another):
    def fresh(self, noise: Tensor, number: int) -> Tensor:
        return noise[len(noise) - 1 - number]


@mistake(
    "Your samples are right, but every call of the network is kept for gradients, a hundred of them in the "
    "notebook. Nothing is learnt while one samples: torch.no_grad()."
)
class _KeepsGradients(Another):
    def sample(self, labels: Tensor, noise: Tensor) -> Tensor:
        return self.walk(labels, noise)


SAMPLES: Any = (_Upwards, _StopsAtOne, _StartTwice, _SameNoise, _Deaf, _InUnit, _LastFirst, _KeepsGradients)
