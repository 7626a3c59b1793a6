"""Chapter 13's lab, step 1: the usual mistakes of `lab_towers.TwoTowers`, each with its hint."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch13.lab_another import Another, worlds
from lecture_utils.chapters.ch13.lab_towers import TwoTowers, use_towers
from lecture_utils.exercises.exercise import Exercise, mistake
from lecture_utils.exercises.training_steps import walk_mistakes

__all__ = ["STEP_1"]


@mistake(
    "Your scale never changes: it is not among what Adam holds. The temperature is learned like any weight."
)
class _ScaleNotLearned(Another):
    def learned(self) -> list[nn.Parameter]:
        return super().learned()[:-1]


@mistake(
    "The text encoder stays as it was: Adam does not hold its weights. Both sides are trained, together."
)
class _TextFrozen(Another):
    def parts(self) -> list[nn.Module]:
        return [part for part in super().parts() if part is not self.text_encoder]


@mistake(
    "The picture encoder stays as it was: Adam does not hold its weights. Both sides are trained, together."
)
class _ImageFrozen(Another):
    def parts(self) -> list[nn.Module]:
        return [part for part in super().parts() if part is not self.image_encoder]


@mistake("Your projections never learn. They lead into the joint space, and Adam is to hold them too.")
class _ProjectionsFrozen(Another):
    def parts(self) -> list[nn.Module]:
        return super().parts()[:2]


@mistake("Your embeddings keep the lengths that the projections give them. What comes after a projection?")
class _AnyLength(Another):
    def unit(self, x: Tensor) -> Tensor:
        return x


@mistake(
    "You normalise along the batch: what a picture's embedding is then depends on its neighbours. Its "
    "numbers lie along the last axis."
)
class _AlongTheBatch(Another):
    def unit(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=0)


@mistake(
    "Your scale begins at 0.07, the temperature. What cosines are multiplied by is one over it, and what is "
    "learned is its logarithm."
)
class _BeginsAtTemperature(Another):
    def first(self) -> float:
        return math.log(0.07)


@mistake("Your scale begins at e: log_scale is 1. It is to begin at one over 0.07, so take a logarithm.")
class _BeginsAtOne(Another):
    def first(self) -> float:
        return 1.0


@mistake("Nothing keeps the scale from growing beyond 100. After each step it is to be held there.")
class _NeverHeld(Another):
    def hold(self) -> None:
        self.log_scale.data.clamp_(min=0)


@mistake("You hold the scale before the step, which then moves it above 100 again. Hold it after the step.")
class _HeldBefore(Another):
    def step(self, images: Tensor, ids: Tensor) -> float:
        loss = self.loss(images, ids)
        self.hold()
        self.walk(loss)
        return loss.item()


@mistake("The loss that you return is the one after the step. Wanted is the one before: you have it already.")
class _LossAfter(Another):
    def step(self, images: Tensor, ids: Tensor) -> float:
        super().step(images, ids)
        return self.loss(images, ids).item()


@mistake("Only pictures look for captions with you. Which function of yours has both directions?")
class _OneSided(Another):
    def sides(self, logits: Tensor) -> Tensor:
        return F.cross_entropy(logits, torch.arange(len(logits)))


@mistake("Your Adam walks at another rate than 0.003.")
class _OtherRate(Another):
    def adam(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.learned(), lr=0.001)


@mistake(
    "Your `classify` uses the first sentence of each class alone. All T are to be embedded, and averaged."
)
class _FirstSentence(Another):
    def classify(self, images: Tensor, sentences: Tensor) -> Tensor:
        return super().classify(images, sentences[:, :1])


@mistake(
    "Your `classify` tells for each class which picture suits it best. Asked is the class of each picture: "
    "the largest along a row."
)
class _WrongWay(Another):
    def classify(self, images: Tensor, sentences: Tensor) -> Tensor:
        texts = self.embed_texts(sentences.flatten(0, 1)).unflatten(0, sentences.shape[:2])
        return (self.embed_images(images) @ F.normalize(texts.mean(1), dim=-1).T).argmax(0)


WRONG: Any = (  # `mistake` has made a Mistake of each class
    _ScaleNotLearned, _TextFrozen, _ImageFrozen, _ProjectionsFrozen, _AnyLength, _AlongTheBatch,
    _BeginsAtTemperature, _BeginsAtOne, _NeverHeld, _HeldBefore, *walk_mistakes(Another),
    _LossAfter, _OneSided, _OtherRate, _FirstSentence, _WrongWay,
)  # fmt: skip
STEP_1 = Exercise(
    "13.L1",
    "A CLIP of your own",
    TwoTowers,
    worlds,
    difficulty=3,
    minutes=15,
    use=use_towers,
    hints=(
        "Go in the order of the docstring: parts, scale, one Adam for all that is learned. An embedding is "
        "encoder, projection, unit length. A step is your loss, the three lines of every training step, and "
        "one line that holds the scale.",
        "nn.Parameter(torch.tensor(math.log(1 / 0.07))) can be put into the list of what Adam holds. "
        "self.log_scale.clamp_(max=math.log(100)) belongs under torch.no_grad().",
        "In classify the sentences (K, T, L) become (K · T, L) by flatten(0, 1) to be embedded, and (K, T, "
        "D) by unflatten(0, (K, T)) again; then your zero_shot_probabilities with log_scale.exp(), and "
        "argmax(-1).",
    ),
    mistakes=WRONG,
)
