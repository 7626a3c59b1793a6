"""Chapter 14's lab, step 1: the usual mistakes of `lab_eyes.Sighted`, each with its hint."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch14.lab_another import Another, worlds
from lecture_utils.chapters.ch14.lab_eyes import Sighted, use_sighted
from lecture_utils.exercises.exercise import Exercise, mistake
from lecture_utils.exercises.training_steps import walk_mistakes

__all__ = ["STEP_1"]


@mistake(
    "The language model has changed: its weights are in your optimiser. Only projection and places learn."
)
class _LearnsToo(Another):
    def lm_learns(self) -> bool:
        return True

    def learned(self) -> list[nn.Parameter]:
        return [*super().learned(), *self.lm.parameters()]


@mistake("Your projection never changes: Adam does not hold its weights.")
class _ProjectionFixed(Another):
    def learned(self) -> list[nn.Parameter]:
        return [self.places]


@mistake("Your places never change: Adam does not hold them. They are learned as the projection is.")
class _PlacesFixed(Another):
    def learned(self) -> list[nn.Parameter]:
        return [*self.projection.parameters()]


@mistake("The places are added nowhere. Without them the model sees what there is, and not where.")
class _NoPlaces(Another):
    def image(self, grid: Tensor) -> Tensor:
        return self.projection(grid) + 0 * self.places


@mistake(
    "Your answer is read at the end of the row, behind the filling. Each prompt ends at a place of its own."
)
class _AtTheEnd(Another):
    def last(self, length: Tensor) -> Tensor:
        return torch.full_like(length, -1)


@mistake("Your answer is read at place length - 1, as if there were no picture. Its P tokens stand before.")
class _WithoutPicture(Another):
    def last(self, length: Tensor) -> Tensor:
        return length - 1


@mistake("Your answer is read one place too late: at P + length stands what fills up the row.")
class _OneLate(Another):
    def answer(self, grid: Tensor, ids: Tensor, length: Tensor) -> Tensor:
        longer = F.pad(ids, (0, 1))
        with torch.no_grad():
            logits, _ = self.read(grid, longer, torch.zeros_like(longer, dtype=torch.bool))
        return logits[torch.arange(len(ids)), self.last(length) + 1].argmax(-1)


@mistake("Your answer is read one place too early: before the prompt's last token has been read.")
class _OneEarly(Another):
    def last(self, length: Tensor) -> Tensor:
        return super().last(length) - 1


@mistake("Your answers are given without the picture: the language model reads the prompt alone.")
class _Blind(Another):
    def answer(self, grid: Tensor, ids: Tensor, length: Tensor) -> Tensor:
        with torch.no_grad():
            return self.lm(ids)[torch.arange(len(ids)), length - 1].argmax(-1)


@mistake("Your loss is on the prompt as well. Marked in `answer` is what is to be said.")
class _PromptToo(Another):
    def loss(self, grid: Tensor, ids: Tensor, answer: Tensor) -> Tensor:
        return super().loss(grid, ids, torch.ones_like(answer))


@mistake(
    "Your loss is a sum over the batch. Cross-entropy takes the mean over what is judged, unless told "
    "otherwise."
)
class _Sum(Another):
    def loss(self, grid: Tensor, ids: Tensor, answer: Tensor) -> Tensor:
        logits, target = self.read(grid, ids, answer)
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="sum")


@mistake("Your loss divides by all places, also those where nothing is judged: it is far too small.")
class _MeanOfAll(Another):
    def loss(self, grid: Tensor, ids: Tensor, answer: Tensor) -> Tensor:
        logits, target = self.read(grid, ids, answer)
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none").mean()


@mistake(
    "The picture stands after the words in what you read. Use your llava_inputs: a causal model reads in "
    "order."
)
class _PictureLast(Another):
    def inputs(self, grid: Tensor, ids: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
        x, target = super().inputs(grid, ids, answer)
        places = len(self.places)
        return torch.cat([x[:, :1], x[:, 1 + places :], x[:, 1 : 1 + places]], 1), target


@mistake("The loss that you return is the one after the step. Wanted is the one before: you have it already.")
class _LossAfter(Another):
    def step(self, grid: Tensor, ids: Tensor, answer: Tensor) -> float:
        super().step(grid, ids, answer)
        return self.loss(grid, ids, answer).item()


@mistake("Your Adam walks at another rate than 0.01.")
class _OtherRate(Another):
    def adam(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.learned(), lr=0.001)


WRONG: Any = (  # `mistake` has made a Mistake of each class
    _LearnsToo, _ProjectionFixed, _PlacesFixed, _NoPlaces, _AtTheEnd, _WithoutPicture, _OneLate, _OneEarly,
    _Blind, _PromptToo, _Sum, _MeanOfAll, _PictureLast, *walk_mistakes(Another), _LossAfter,
    _OtherRate,
)  # fmt: skip
STEP_1 = Exercise(
    "14.L1",
    "Eyes of your own",
    Sighted,
    worlds,
    difficulty=3,
    minutes=15,
    use=use_sighted,
    hints=(
        "Go in the order of the docstring. A step: the picture's tokens, your llava_inputs, "
        "lm.from_embeddings, cross-entropy, and the three lines of every training step. An answer: the same "
        "reading, with nothing marked. At which place of it does each prompt end?",
        "torch.optim.Adam([*projection.parameters(), places], lr=0.01) holds what is learned. "
        "F.cross_entropy(logits.flatten(0, 1), target.flatten()) passes over -100 by itself.",
        "The prompt's token k stands at place P + k of what is read, so the last one at P + length - 1. "
        "logits[torch.arange(len(ids)), last] takes one place of each row; then argmax(-1).",
    ),
    mistakes=WRONG,
)
