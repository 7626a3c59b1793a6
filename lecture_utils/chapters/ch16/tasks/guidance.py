"""Chapter 16, exercise 16.6: a condition dropped, and a condition exaggerated.

The reference is `solutions.Guidance`.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch16.solutions import Guidance
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Predictions = Callable[[Tensor, Tensor, float], Tensor]


def _conditions(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    def some(batch: int, tokens: int, width: int, rate: float, scale: float, *shape: int) -> tuple[Any, ...]:
        without, given = normal(rng, *shape), normal(rng, *shape)
        seed = int(rng.integers(1, 1000))
        return (
            normal(rng, batch, tokens, width),
            normal(rng, tokens, width),
            rate,
            seed,
            without,
            given,
            scale,
        )

    yield floats([[[1.0]]]), floats([[9.0]]), 0.0, 1, floats([[2.0]]), floats([[3.0]]), 1.0
    yield floats([[[1.0]]]), floats([[9.0]]), 1.0, 1, floats([[2.0]]), floats([[3.0]]), 0.0
    yield floats([[[1.0]]]), floats([[9.0]]), 1.0, 1, floats([[2.0]]), floats([[3.0]]), 3.0
    yield some(2, 3, 2, 1.0, 2.0, 2, 2)
    yield some(500, 3, 2, 0.1, 5.0, 2, 1, 2, 2)
    yield some(600, 2, 4, 0.25, 0.5, 3, 2)


def _use(
    answer: Any,
    context: Tensor,
    null: Tensor,
    rate: float,
    seed: int,
    without: Tensor,
    given: Tensor,
    scale: float,
) -> Any:
    """The guided prediction, and what can be said of the dropped conditions."""

    def run(seed: int) -> Any:
        return answer.told(context.clone(), null, rate, torch.Generator().manual_seed(seed))

    guided = answer.guide(without, given, scale)
    learned = null.clone().requires_grad_()
    own = context.clone()
    told = answer.told(own, learned, rate, torch.Generator().manual_seed(seed))
    if not isinstance(told, Tensor) or told.shape != context.shape:
        kind = f"{type(told).__name__} {tuple(getattr(told, 'shape', ()))}"
        return {"guided": guided, "told": f"{kind}, not {tuple(context.shape)}"}
    slope = torch.zeros_like(null)
    if told.requires_grad:
        slope = torch.autograd.grad(told.sum(), learned)[0]
    named, share = _what(told.detach(), context, null)
    again, other = run(seed), run(seed + 1)
    size = len(context)
    near = abs(share - rate) * size <= 5 * (size * rate * (1 - rate)) ** 0.5
    return {
        "guided": guided,
        "told": named,
        "as many dropped as asked for": near if 0 < rate < 1 else share,
        "a gradient reaches null": bool(slope.abs().max() > 0),
        "the context given is as it was": torch.equal(own, context),
        "the same generator drops the same": torch.equal(again, told.detach()),
        "another generator drops others": size < 100 or not torch.equal(other, told.detach()),
    }


def _what(told: Tensor, context: Tensor, null: Tensor) -> tuple[str, float]:
    """What became of the pictures' tokens, and of what share of all numbers another was made."""
    kept, gone = told == context, told == null
    share = float((~kept).float().mean())
    if not bool((kept | gone).all()):
        zeros = bool((kept | (told == 0)).all())
        return "zeros in the place of null" if zeros else "something else in the place of null", share
    if bool((kept.flatten(1).all(1) | gone.flatten(1).all(1)).all()):
        return "whole pictures", share
    if bool((kept.all(2) | gone.all(2)).all()):
        return "single tokens", share
    return "single numbers", share


@mistake("Your two predictions are exchanged: 0 is without the condition, 1 is with it.")
class Exchanged(Guidance):
    @staticmethod
    def guide(without: Tensor, given: Tensor, scale: float) -> Tensor:
        return given + scale * (without - given)


@mistake(
    "This is the paper's own scale, 1 + w times the one minus w times the other. Here 1 is with the "
    "condition and no more, 0 without it."
)
class PapersScale(Guidance):
    @staticmethod
    def guide(without: Tensor, given: Tensor, scale: float) -> Tensor:
        return (1 + scale) * given - scale * without


@mistake("You add the scaled prediction itself. It is the difference that is scaled: from without to given.")
class NoDifference(Guidance):
    @staticmethod
    def guide(without: Tensor, given: Tensor, scale: float) -> Tensor:
        return without + scale * given


@mistake("You return the scaled difference alone. It is a way to go, and begins at `without`.")
class DifferenceAlone(Guidance):
    @staticmethod
    def guide(without: Tensor, given: Tensor, scale: float) -> Tensor:
        return scale * (given - without)


@mistake("The difference is taken the wrong way: you go away from the condition as the scale grows.")
class WrongWay(Guidance):
    @staticmethod
    def guide(without: Tensor, given: Tensor, scale: float) -> Tensor:
        return without + scale * (without - given)


def _swap(context: Tensor, null: Tensor, dropped: Tensor) -> Tensor:
    return torch.where(dropped, null, context)


@mistake(
    "You drop single tokens, each by a draw of its own. A picture is told all or nothing: one draw for a "
    "picture, for all its tokens."
)
class SingleTokens(Guidance):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return _swap(context, null, (torch.rand(context.shape[:2], generator=generator) < rate)[..., None])


@mistake("You drop single numbers. A picture is told all or nothing: one draw for all its tokens.")
class SingleNumbers(Guidance):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return _swap(context, null, torch.rand(context.shape, generator=generator) < rate)


@mistake("One draw decides for the whole batch. Each picture is dropped by a draw of its own.")
class OneDraw(Guidance):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return _swap(context, null, torch.rand(1, 1, 1, generator=generator) < rate)


@mistake("You keep as many as should be dropped: `rate` is the share of those that are told nothing.")
class KeepsTheRate(Guidance):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return Guidance.told(context, null, 1 - rate, generator)


@mistake("You compare normal numbers with the rate. Evenly drawn ones, torch.rand, are below it as often.")
class NormalDraws(Guidance):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        drawn = torch.randn(len(context), 1, 1, generator=generator)
        return _swap(context, null, drawn < rate)


@mistake("Dropped pictures get zeros with you. What stands for nothing told is `null`, which is learned.")
class Zeros(Guidance):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return Guidance.told(context, null * 0, rate, generator)


@mistake("Nothing is dropped with you: a model trained so knows no prediction without the condition.")
class NeverDropped(Guidance):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return context + 0 * null


@mistake(
    "Your `null` gets no gradient: it is detached, or its bare numbers are copied. It has to be learned."
)
class NullDetached(Guidance):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return Guidance.told(context, null.detach(), rate, generator)


@mistake("You write into the context that you were given. Make a copy first, or use torch.where.")
class WritesInto(Guidance):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        context[torch.rand(len(context), generator=generator) < rate] = null
        return context


@mistake("Your draw does not use the generator: the same one drops others the second time. Hand it on.")
class NoGenerator(Guidance):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return _swap(context, null, torch.rand(len(context), 1, 1) < rate)


@mistake("The same pictures are dropped whatever the generator: the first ones, or those of a seed of yours.")
class AlwaysTheSame(Guidance):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return _swap(context, null, (torch.arange(len(context)) < rate * len(context))[:, None, None])


WRONG: Any = (
    Exchanged, PapersScale, NoDifference, DifferenceAlone, WrongWay, SingleTokens,
    SingleNumbers, OneDraw, KeepsTheRate, NormalDraws, Zeros, NeverDropped, NullDetached, WritesInto,
    NoGenerator, AlwaysTheSame,
)  # fmt: skip
EXERCISE = Exercise(
    "16.6",
    "Told, not told, and told too much",
    Guidance,
    _conditions,
    difficulty=2,
    minutes=8,
    use=_use,
    hints=(
        "guide goes from one prediction to the other: at scale 0 it is the first, at 1 the second. Where is "
        "it at 2? For told: how many draws are needed for B pictures of N tokens each?",
        "torch.rand(len(context), generator=generator) < rate is (B,), True where a picture is told nothing. "
        "It needs two axes more to stand beside (B, N, D).",
        "guide is without + scale * (given - without). told is torch.where(dropped[:, None, None], null, "
        "context), which changes no input.",
    ),
    mistakes=WRONG,
)
