"""Chapter 16, exercise 16.2: the loss of DDPM (reference: `solutions.simple_loss`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch16.draws import Guess, schedule
from lecture_utils.chapters.ch16.solutions import noised, simple_loss
from lecture_utils.chapters.ch16.tasks.loss_by_name import FAR, MADE, TARGETS, use_loss
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Draw = Callable[..., Tensor]


def _pictures(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for shape, steps in (((300, 2), 3), ((400, 2), 6), ((300, 1, 2, 2), 4)):
        guess = Guess(floats([0.6, 1.1, 0.2]) + normal(rng, 3, scale=0.1))
        alpha_bar = schedule(rng, steps)[1]
        yield guess, 1.5 * normal(rng, *shape) + 1, alpha_bar, int(rng.integers(1, 1000))


def _evenly(low: int, less: int) -> Draw:
    """Steps from `low` to T - `less`."""

    def draw(batch: int, table: Tensor, generator: torch.Generator) -> Tensor:
        return torch.randint(low, len(table) - less, (batch,), generator=generator)

    return draw


EVENLY = _evenly(1, 0)


def _normal(x0: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x0.shape, generator=generator)


def _loss(
    predict: Callable[[Tensor, Tensor], Tensor],
    x0: Tensor,
    alpha_bar: Tensor,
    generator: torch.Generator,
    *,
    steps: Draw = EVENLY,
    noise: Draw = _normal,
    made: str = "noised",
    target: str = "the noise",
    far: str = "mean squared error",
) -> Tensor:
    """The loss with one part exchanged."""
    t = steps(len(x0), alpha_bar, generator)
    e = noise(x0, generator).expand_as(x0)
    a, b = (s.to(x0).view(-1, *[1] * (x0.ndim - 1)) for s in MADE[made](alpha_bar, t))
    x = a * x0 + b * e
    kept = alpha_bar[t].to(x0).view(-1, *[1] * (x0.ndim - 1))
    return FAR[far](predict(x, t) - TARGETS[target](e, x0, x, kept))


@mistake(
    "Your steps go from 0 to T - 1. At step 0 there is no noise to find, and step T, with which sampling "
    "begins, is never trained: torch.randint leaves its upper end out."
)
def _from_zero(*given: Any) -> Tensor:
    return _loss(*given, steps=_evenly(0, 1))


@mistake(
    "Your steps go from 0 to T - 1, and one is added for the noise alone: the network hears a step that is "
    "not the picture's. Draw 1 … T, and use it for both."
)
def _one_added(*given: Any) -> Tensor:
    return _loss(*given, steps=_evenly(0, 1), made="noised to the step after")


@mistake("Your last step is T - 1. torch.randint leaves its upper end out, and alpha_bar has T + 1 entries.")
def _last_left_out(*given: Any) -> Tensor:
    return _loss(*given, steps=_evenly(1, 1))


@mistake("Your steps begin with 0, the clean picture, which has no noise that could be found. Begin with 1.")
def _zero_too(*given: Any) -> Tensor:
    return _loss(*given, steps=_evenly(0, 0))


@mistake("All pictures of the batch get one step with you. Draw one for each, (B,).")
def _one_step(*given: Any) -> Tensor:
    return _loss(*given, steps=lambda batch, table, generator: EVENLY(1, table, generator).expand(batch))


@mistake(
    "Your pictures are noised to the step before the one that the network hears. alpha_bar has an entry for "
    "step 0: step t stands at place t."
)
def _off_by_one(*given: Any) -> Tensor:
    return _loss(*given, made="noised to the step before")


@mistake("Your shares are ᾱ and 1 - ᾱ without roots: the pictures that the network sees are mixed wrongly.")
def _no_roots(*given: Any) -> Tensor:
    return _loss(*given, made="noised without roots")


@mistake("The noise comes in whole at each step, with no share of its own, when you make x_t.")
def _whole_noise(*given: Any) -> Tensor:
    return _loss(*given, made="with all of the noise")


@mistake("Your pictures are not made smaller when noise comes in. Each has to be multiplied by √ᾱ_t first.")
def _never_shrunk(*given: Any) -> Tensor:
    return _loss(*given, made="never shrunk")


@mistake(
    "You compare the network's guess with the clean picture. This network guesses the noise: sampling will "
    "take its answer for ε."
)
def _against_picture(*given: Any) -> Tensor:
    return _loss(*given, target="the picture")


@mistake("You compare the guess with the noised picture, which the network sees anyway. Wanted is the noise.")
def _against_noised(*given: Any) -> Tensor:
    return _loss(*given, target="the noised picture")


@mistake(
    "You compare the guess with the noise as it was mixed in, times √(1 - ᾱ). Wanted is ε itself, of "
    "variance 1 at every step."
)
def _against_added(*given: Any) -> Tensor:
    return _loss(*given, target="what was added")


@mistake(
    "You compare the guess with x_t - x_0. That is not the noise: the picture was made smaller on the way."
)
def _against_difference(*given: Any) -> Tensor:
    return _loss(*given, target="the difference")


@mistake("You compare with the velocity. That comes later in the chapter; here the network guesses ε.")
def _against_velocity(*given: Any) -> Tensor:
    return _loss(*given, target="the velocity")


@mistake("You add up all squares. A mean is wanted: larger pictures are not to make larger steps.")
def _sum(*given: Any) -> Tensor:
    return _loss(*given, far="sum of squares")


@mistake("You add up a picture's squares and average over the batch alone. Average over everything.")
def _sum_of_picture(*given: Any) -> Tensor:
    return _loss(*given, far="sum of squares of a picture, in the mean")


@mistake("You take a root at the end. The mean squared error has none.")
def _root(*given: Any) -> Tensor:
    return _loss(*given, far="root of the mean squared error")


@mistake("You take absolute differences. The best guess would be a median then; DDPM's loss has squares.")
def _absolute(*given: Any) -> Tensor:
    return _loss(*given, far="mean absolute error")


@mistake("Your noise is drawn evenly from 0 to 1, by torch.rand. Normal numbers come from torch.randn.")
def _uniform(*given: Any) -> Tensor:
    return _loss(*given, noise=lambda x0, generator: torch.rand(x0.shape, generator=generator))


@mistake("All pictures get the same noise with you. Draw numbers of the whole shape of x0.")
def _same_noise(*given: Any) -> Tensor:
    return _loss(*given, noise=lambda x0, generator: torch.randn(x0[:1].shape, generator=generator))


@mistake("All numbers of a picture get the same noise with you. Draw numbers of the whole shape of x0.")
def _one_number(*given: Any) -> Tensor:
    def noise(x0: Tensor, generator: torch.Generator) -> Tensor:
        return torch.randn(len(x0), *[1] * (x0.ndim - 1), generator=generator)

    return _loss(*given, noise=noise)


@mistake(
    "You do not draw with the generator: the same one gives another loss the second time. Hand it to each "
    "draw, generator=generator; randn_like may take none, torch.randn with x0.shape does."
)
def _no_generator(predict: Any, x0: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    t = torch.randint(1, len(alpha_bar), (len(x0),))
    noise = torch.randn_like(x0)
    return (predict(noised(x0, t, noise, alpha_bar), t) - noise).square().mean()


@mistake("You set a seed of your own inside: another generator gives the same loss. Use the one given.")
def _own_seed(predict: Any, x0: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    return simple_loss(predict, x0, alpha_bar, torch.Generator().manual_seed(0))


@mistake("Your loss carries no gradient to the network: the guess is detached, or made under no_grad.")
def _detached(*given: Any) -> Tensor:
    return _loss(*given).detach()


WRONG: Any = (
    _from_zero, _one_added, _last_left_out, _zero_too, _one_step, _off_by_one, _no_roots, _whole_noise,
    _never_shrunk, _against_picture, _against_noised, _against_added, _against_difference, _against_velocity,
    _sum, _sum_of_picture, _root, _absolute, _uniform, _same_noise, _one_number, _no_generator, _own_seed,
    _detached,
)  # fmt: skip
EXERCISE = Exercise(
    "16.2",
    "Guess the noise",
    simple_loss,
    _pictures,
    difficulty=2,
    minutes=8,
    use=use_loss,
    hints=(
        "Four lines: a step for each picture, noise, the noised pictures, and how far the guess is from what "
        "it should be. What is it that the network should have said?",
        "torch.randint(1, len(alpha_bar), (len(x0),), generator=generator) draws 1 … T: the upper end is "
        "left out. torch.randn(x0.shape, generator=generator) is the noise; noised puts both together.",
        "The loss is (predict(x_t, t) - noise).square().mean().",
    ),
    mistakes=WRONG,
)
