"""Chapter 16, exercise 16.3: one step of DDPM back to the picture (reference: `solutions.ddpm_step`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch16.draws import schedule
from lecture_utils.chapters.ch16.solutions import ddim_step, ddpm_step
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Table = Tensor
Number = Callable[[Table, Table, int], Tensor]  # β, ᾱ and t to a number


def _steps(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    beta, alpha_bar = schedule(rng, 3)
    yield floats([[1.0]]), floats([[0.0]]), 2, beta, alpha_bar, floats([[0.0]])
    yield floats([[1.0]]), floats([[0.5]]), 3, beta, alpha_bar, floats([[0.0]])
    yield floats([[1.0]]), floats([[0.0]]), 2, beta, alpha_bar, floats([[1.0]])
    for shape, steps, t in (((2, 2), 3, 3), ((2, 1, 2, 2), 5, 2), ((3, 2), 4, 4), ((2, 3, 2, 2), 8, 5)):
        beta, alpha_bar = schedule(rng, steps)
        yield normal(rng, *shape), normal(rng, *shape), t, beta, alpha_bar, normal(rng, *shape)
    for shape, steps in (((2, 2), 3), ((1, 1, 3, 3), 6)):  # the last step
        beta, alpha_bar = schedule(rng, steps)
        yield 3 * normal(rng, *shape), normal(rng, *shape), 1, beta, alpha_bar, normal(rng, *shape)


def _variance(beta: Table, alpha_bar: Table, t: int) -> Tensor:
    return beta[t] * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])


def _step(
    x: Tensor,
    epsilon: Tensor,
    t: int,
    beta: Table,
    alpha_bar: Table,
    noise: Tensor,
    *,
    share: Number = lambda beta, alpha_bar, t: beta[t] / (1 - alpha_bar[t]).sqrt(),
    grow: Number = lambda beta, alpha_bar, t: 1 / (1 - beta[t]).sqrt(),
    width: Number = lambda beta, alpha_bar, t: _variance(beta, alpha_bar, t).sqrt(),
) -> Tensor:
    """The step with one part exchanged: how much of ε goes, how the rest grows, how wide the draw is."""
    at = beta, alpha_bar, t
    return (x - share(*at) * epsilon) * grow(*at) + width(*at) * noise


@mistake(
    "Your noise is multiplied by the variance. What it is stretched by is the deviation, the root of it."
)
def _variance_for_deviation(*given: Any) -> Tensor:
    return _step(*given, width=_variance)


@mistake(
    "Your variance is β_t. Asked for is β̃_t, the smaller one, which knows how noisy the step before was; "
    "with β noise would remain in the finished picture, too, unless the last step is made an exception."
)
def _large_always(*given: Any) -> Tensor:
    return _step(*given, width=lambda beta, alpha_bar, t: beta[t].sqrt())


@mistake(
    "Your variance is β_t, with none at the last step: the paper's other choice. Asked for here is β̃_t, "
    "which is 0 at the last step by itself."
)
def _large(*given: Any) -> Tensor:
    return _step(*given, width=lambda beta, alpha_bar, t: beta[t].sqrt() * (t > 1))


@mistake("Noise is added at the last step, from 1 to 0, with you. There the mean is the picture: β̃_1 is 0.")
def _noise_at_the_end(*given: Any) -> Tensor:
    return _step(
        *given,
        width=lambda beta, alpha_bar, t: (_variance(beta, alpha_bar, t) if t > 1 else beta[t]).sqrt(),
    )


@mistake("With you the step from 2 to 1 has no noise either. Only the last one, from 1 to 0, goes without.")
def _none_at_two(*given: Any) -> Tensor:
    return _step(*given, width=lambda beta, alpha_bar, t: _variance(beta, alpha_bar, t).sqrt() * (t > 2))


@mistake("Your step has no fresh noise. That walks to the mean of what may have been; a draw is wanted.")
def _no_noise(*given: Any) -> Tensor:
    return _step(*given, width=lambda beta, alpha_bar, t: torch.zeros(()))


@mistake("Your fresh noise comes in whole. Its deviation is the root of β̃_t, far below 1.")
def _whole_noise(*given: Any) -> Tensor:
    return _step(*given, width=lambda beta, alpha_bar, t: torch.tensor(float(t > 1)))


@mistake(
    "In your β̃ the quotient is upside down: 1 - ᾱ of the step before is above, that of this step below. "
    " β̃ is smaller than β."
)
def _upside_down(*given: Any) -> Tensor:
    def width(beta: Table, alpha_bar: Table, t: int) -> Tensor:
        return (beta[t] * (1 - alpha_bar[t]) / (1 - alpha_bar[t - 1])).sqrt()

    return _step(*given, width=width)


@mistake("In your β̃ stand ᾱ_{t-1} and ᾱ_t themselves. They are 1 minus these: how much noise there is.")
def _kept_for_lost(*given: Any) -> Tensor:
    def width(beta: Table, alpha_bar: Table, t: int) -> Tensor:
        return (beta[t] * alpha_bar[t] / alpha_bar[t - 1]).sqrt()

    return _step(*given, width=width)


@mistake(
    "You read all tables one place too early, as if they began with step 1. They begin with step 0: step t "
    "stands at place t. In pictures this would hardly show."
)
def _too_early(x: Tensor, epsilon: Tensor, t: int, *given: Any) -> Tensor:
    return ddpm_step(x, epsilon, t - 1, *given)


@mistake(
    "You take β at the place of the step before. The table begins with β_0, which is 0: β_t stands at t."
)
def _beta_too_early(x: Tensor, epsilon: Tensor, t: int, beta: Table, *given: Any) -> Tensor:
    return ddpm_step(x, epsilon, t, beta.roll(1), *given)


@mistake(
    "In the mean you divide ε's share by the root of 1 - ᾱ of the step before. The guess is of x_t's noise, "
    "of which there is √(1 - ᾱ_t)."
)
def _noise_of_the_step_before(*given: Any) -> Tensor:
    return _step(*given, share=lambda beta, alpha_bar, t: beta[t] / (1 - alpha_bar[t - 1]).sqrt())


@mistake(
    "Your mean grows by 1 / √ᾱ_t: that would undo all t steps at once. One step is undone by 1 / √(1 - β_t)."
)
def _all_steps(*given: Any) -> Tensor:
    return _step(*given, grow=lambda beta, alpha_bar, t: 1 / alpha_bar[t].sqrt())


@mistake("Your mean is not divided by √(1 - β_t). The step had made the picture smaller; undo it.")
def _not_grown(*given: Any) -> Tensor:
    return _step(*given, grow=lambda beta, alpha_bar, t: torch.ones(()))


@mistake("You divide the mean by 1 - β_t itself. Its root is what the step had multiplied by.")
def _grown_twice(*given: Any) -> Tensor:
    return _step(*given, grow=lambda beta, alpha_bar, t: 1 / (1 - beta[t]))


@mistake("You multiply by √(1 - β_t), as the step forward does. Going back you divide by it.")
def _shrunk(*given: Any) -> Tensor:
    return _step(*given, grow=lambda beta, alpha_bar, t: (1 - beta[t]).sqrt())


@mistake("You take √β_t of the guessed noise away. What one step back removes is β_t / √(1 - ᾱ_t) of it.")
def _root_of_beta(*given: Any) -> Tensor:
    return _step(*given, share=lambda beta, alpha_bar, t: beta[t].sqrt())


@mistake("In the mean 1 - ᾱ_t stands under a root, with you it stands there without one.")
def _no_root(*given: Any) -> Tensor:
    return _step(*given, share=lambda beta, alpha_bar, t: beta[t] / (1 - alpha_bar[t]))


@mistake("You take all of the guessed noise away at once. One step back removes a small share of it.")
def _all_noise(*given: Any) -> Tensor:
    return _step(*given, share=lambda beta, alpha_bar, t: (1 - alpha_bar[t]).sqrt())


@mistake("You add the guessed noise in the mean. It is taken away.")
def _plus(*given: Any) -> Tensor:
    return _step(*given, share=lambda beta, alpha_bar, t: -beta[t] / (1 - alpha_bar[t]).sqrt())


@mistake("This is the clean picture that the guess means, with noise. The step goes to t - 1, not to 0.")
def _to_the_picture(
    x: Tensor, epsilon: Tensor, t: int, beta: Table, alpha_bar: Table, noise: Tensor
) -> Tensor:
    return ddim_step(x, epsilon, t, 0, alpha_bar) + _variance(beta, alpha_bar, t).sqrt() * noise


@mistake(
    "You noise the guessed picture to step t - 1 with the guessed noise, and put fresh noise on top. That is "
    "DDIM's step with too much: with fresh noise, less of the guessed one stays."
)
def _ddim_and_noise(
    x: Tensor, epsilon: Tensor, t: int, beta: Table, alpha_bar: Table, noise: Tensor
) -> Tensor:
    return ddim_step(x, epsilon, t, t - 1, alpha_bar) + _variance(beta, alpha_bar, t).sqrt() * noise


@mistake(
    "You noise the guessed picture to step t - 1 with fresh noise alone. Then x_t itself is forgotten; the "
    "posterior's mean lies between picture and x_t."
)
def _noised_anew(x: Tensor, epsilon: Tensor, t: int, beta: Table, alpha_bar: Table, noise: Tensor) -> Tensor:
    x0 = ddim_step(x, epsilon, t, 0, alpha_bar)
    return alpha_bar[t - 1].sqrt() * x0 + (1 - alpha_bar[t - 1]).sqrt() * noise


@mistake(
    "You hold the guessed picture in [-1, 1]. Samplers of pictures do so, but points have no such bounds, "
    "and nothing of it was asked for."
)
def _clipped(x: Tensor, epsilon: Tensor, t: int, beta: Table, alpha_bar: Table, noise: Tensor) -> Tensor:
    x0 = ddim_step(x, epsilon, t, 0, alpha_bar).clamp(-1, 1)
    again = (x - alpha_bar[t].sqrt() * x0) / (1 - alpha_bar[t]).sqrt()
    return ddpm_step(x, again, t, beta, alpha_bar, noise)


WRONG: Any = (
    _variance_for_deviation, _large_always, _large, _noise_at_the_end, _none_at_two, _no_noise, _whole_noise,
    _upside_down, _kept_for_lost, _too_early, _beta_too_early, _noise_of_the_step_before, _all_steps,
    _not_grown, _grown_twice, _shrunk, _root_of_beta, _no_root, _all_noise, _plus, _to_the_picture,
    _ddim_and_noise, _noised_anew, _clipped,
)  # fmt: skip
EXERCISE = Exercise(
    "16.3",
    "One step back",
    ddpm_step,
    _steps,
    difficulty=3,
    minutes=12,
    hints=(
        "Write mean and variance by themselves, as the text has them, and look which of the numbers are of "
        "step t and which of t - 1. With epsilon and noise of zeros only one factor of x is left: which?",
        "Of step t - 1 there is one number alone, ᾱ in the variance's upper part. beta[t], alpha_bar[t] and "
        "alpha_bar[t - 1] read the tables; the first entry of each is step 0.",
        "The mean is (x - beta[t] / (1 - alpha_bar[t]).sqrt() * epsilon) / (1 - beta[t]).sqrt(). To it comes "
        "the root of beta[t] * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t]) times the noise.",
    ),
    mistakes=WRONG,
)
