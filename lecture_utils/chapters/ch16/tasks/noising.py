"""Chapter 16, exercise 16.1: noised by t steps at once (reference: `solutions.noised`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch16.draws import schedule
from lecture_utils.chapters.ch16.solutions import noised
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Shares = Callable[[Tensor], Tensor]


def _pictures(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    def some(*shape: int, steps: int, t: list[int]) -> tuple[Any, ...]:
        alpha_bar = schedule(rng, steps)[1]
        return normal(rng, *shape), torch.tensor(t), normal(rng, *shape), alpha_bar

    yield floats([[2.0]]), torch.tensor([1]), floats([[1.0]]), torch.tensor([1, 0.64]).double()
    yield floats([[2.0]]), torch.tensor([2]), floats([[-3.0]]), torch.tensor([1, 0.64, 0.16]).double()
    yield floats([[-0.5]]), torch.tensor([0]), floats([[1.0]]), torch.tensor([1, 0.64, 0.16]).double()
    yield some(2, 2, steps=4, t=[1, 4])  # two points
    yield some(3, 3, steps=5, t=[5, 2, 0])
    yield some(2, 1, 2, 2, steps=3, t=[2, 1])  # two pictures
    yield some(3, 3, 2, 3, steps=6, t=[6, 3, 4])
    yield some(4, 2, 4, steps=8, t=[8, 1, 5, 5])
    x0, t, noise, alpha_bar = some(2, 2, steps=4, t=[3, 2])
    yield x0.double(), t, noise.double(), alpha_bar


def _use(answer: Callable[..., Any], x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Any:
    """What comes out, and whether it is of the picture's type."""
    made = answer(x0, t, noise, alpha_bar)
    if not isinstance(made, Tensor):
        return made
    return {"x_t": made, "x_t has the type of x0": made.dtype == x0.dtype}


def _gather(t: Tensor, alpha_bar: Tensor) -> Tensor:
    return alpha_bar[t]


def _wide(kept: Tensor, x0: Tensor) -> Tensor:
    return kept.view(-1, *[1] * (x0.ndim - 1))


def _noised(
    x0: Tensor,
    t: Tensor,
    noise: Tensor,
    alpha_bar: Tensor,
    *,
    gather: Callable[[Tensor, Tensor], Tensor] = _gather,
    wide: Callable[[Tensor, Tensor], Tensor] = _wide,
    picture: Shares = torch.sqrt,
    of_noise: Shares = lambda kept: (1 - kept).sqrt(),
) -> Tensor:
    """x_t with one part exchanged."""
    kept = wide(gather(t, alpha_bar).to(x0), x0)
    return picture(kept) * x0 + of_noise(kept) * noise


@mistake(
    "Your shares are ᾱ and 1 - ᾱ themselves. Those are variances: what multiplies numbers is their root."
)
def _no_roots(*given: Tensor) -> Tensor:
    return _noised(*given, picture=lambda kept: kept, of_noise=lambda kept: 1 - kept)


@mistake("The noise is multiplied by 1 - ᾱ itself with you. This is its variance: the root is missing.")
def _noise_without_root(*given: Tensor) -> Tensor:
    return _noised(*given, of_noise=lambda kept: 1 - kept)


@mistake("The picture is multiplied by ᾱ itself with you. What it is multiplied by is the root of ᾱ.")
def _picture_without_root(*given: Tensor) -> Tensor:
    return _noised(*given, picture=lambda kept: kept)


@mistake(
    "Your noise gets what is left of the picture's share, 1 - √ᾱ. The squares of the two shares have to sum "
    "to 1, not the shares themselves."
)
def _blend(*given: Tensor) -> Tensor:
    return _noised(*given, of_noise=lambda kept: 1 - kept.sqrt())


@mistake("Your shares are exchanged: ᾱ falls with t, and belongs to the picture.")
def _exchanged(*given: Tensor) -> Tensor:
    return _noised(*given, picture=lambda kept: (1 - kept).sqrt(), of_noise=torch.sqrt)


@mistake("Your picture is not made smaller. Noise would come on top, and the variance would grow above 1.")
def _not_shrunk(*given: Tensor) -> Tensor:
    return _noised(*given, picture=torch.ones_like)


@mistake("Your noise comes in whole, whatever the step. It has a share too, which grows with t.")
def _whole_noise(*given: Tensor) -> Tensor:
    return _noised(*given, of_noise=torch.ones_like)


@mistake("Your noise is missing: the picture only fades.")
def _no_noise(*given: Tensor) -> Tensor:
    return _noised(*given, of_noise=torch.zeros_like)


@mistake("Noise and picture are both multiplied by √ᾱ with you. The noise's share is the other one.")
def _one_share(*given: Tensor) -> Tensor:
    return _noised(*given, of_noise=torch.sqrt)


@mistake("You take the noise away. It is added: a network that is to find it has to know its sign.")
def _minus(*given: Tensor) -> Tensor:
    return _noised(*given, of_noise=lambda kept: -(1 - kept).sqrt())


@mistake(
    "You take what a single step keeps, ᾱ_t / ᾱ_{t-1}. The picture has gone through all t steps: ᾱ_t as it "
    "stands in the table."
)
def _one_step(*given: Tensor) -> Tensor:
    return _noised(*given, gather=lambda t, table: table[t] / table[(t - 1).clamp(min=0)])


@mistake("You multiply alpha_bar up once more. It is the product over all steps already.")
def _cumulated(*given: Tensor) -> Tensor:
    return _noised(*given, gather=lambda t, table: table.cumprod(0)[t])


@mistake(
    "You look one place too early, at t - 1. This table has an entry for step 0, the clean picture, so step "
    "t stands at place t."
)
def _too_early(*given: Tensor) -> Tensor:
    return _noised(*given, gather=lambda t, table: table[t - 1])


@mistake("You look one place too late, at t + 1. This table has an entry for step 0: step t stands at t.")
def _too_late(*given: Tensor) -> Tensor:
    return _noised(*given, gather=lambda t, table: table[(t + 1).clamp(max=len(table) - 1)])


@mistake("All pictures get the step of the first one. Each has its own: the table is read at all of t.")
def _one_for_all(*given: Tensor) -> Tensor:
    return _noised(*given, gather=lambda t, table: table[t[:1]])


@mistake(
    "Your shares (B,) lie along the last axis of a picture: torch lines up shapes from the right. They need "
    "an axis of length 1 for each axis of the picture."
)
def _last_axis(*given: Tensor) -> Tensor:
    return _noised(*given, wide=lambda kept, x0: kept)


@mistake(
    "Your shares are made (B, 1), or with another number of axes that is fixed. A picture may have any: "
    "count those of x0."
)
def _two_axes(*given: Tensor) -> Tensor:
    return _noised(*given, wide=lambda kept, x0: kept[:, None])


@mistake(
    "Your shares always have four axes, as for pictures (B, C, H, W). Points come too: count the axes of x0."
)
def _four_axes(*given: Tensor) -> Tensor:
    return _noised(*given, wide=lambda kept, x0: kept[:, None, None, None])


@mistake(
    "The numbers are right, but they are in double precision: alpha_bar is, and carries it over. A network "
    "of single precision would refuse them; bring the shares to x0's type."
)
def _double(x0: Tensor, *given: Tensor) -> Tensor:
    return _noised(x0.double(), *given)


WRONG: Any = (
    _no_roots, _noise_without_root, _picture_without_root, _blend, _exchanged, _not_shrunk, _whole_noise,
    _no_noise, _one_share, _minus, _one_step, _cumulated, _too_early, _too_late, _one_for_all, _last_axis,
    _two_axes, _four_axes, _double,
)  # fmt: skip
EXERCISE = Exercise(
    "16.1",
    "A thousand steps at once",
    noised,
    _pictures,
    difficulty=1,
    minutes=6,
    use=_use,
    hints=(
        "For one picture and one step it is two products and a sum. Which root goes with the picture, which "
        "with the noise? At t = 0 the picture itself has to come out.",
        "alpha_bar[t] reads the table at all steps at once, (B,). To multiply (B, C, H, W) it has to be "
        "(B, 1, 1, 1): .view(-1, *[1] * (x0.ndim - 1)). And .to(x0) gives it the type of x0.",
        "With kept for this number: kept.sqrt() * x0 + (1 - kept).sqrt() * noise.",
    ),
    mistakes=WRONG,
)
