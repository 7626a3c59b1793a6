"""Chapter 16, exercise 16.4: a step of any length without fresh noise (reference: `solutions.ddim_step`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from torch import Tensor

from lecture_utils.chapters.ch16.draws import schedule
from lecture_utils.chapters.ch16.solutions import ddim_step
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Share = Callable[[Tensor, Tensor], Tensor]  # ᾱ_t, ᾱ_s to a factor


def _steps(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    alpha_bar = schedule(rng, 4)[1]
    yield floats([[2.0]]), floats([[0.0]]), 4, 2, alpha_bar
    yield floats([[2.0]]), floats([[1.0]]), 3, 1, alpha_bar
    yield floats([[2.0]]), floats([[1.0]]), 1, 0, alpha_bar
    for shape, steps, t, s in (((2, 2), 4, 3, 2), ((2, 1, 2, 2), 9, 9, 4), ((3, 2), 6, 5, 0)):
        yield 2 * normal(rng, *shape), normal(rng, *shape), t, s, schedule(rng, steps)[1]
    yield normal(rng, 2, 3, 2, 2), normal(rng, 2, 3, 2, 2), 2, 6, schedule(rng, 7)[1]  # towards the noise


def _step(
    x: Tensor,
    epsilon: Tensor,
    t: int,
    s: int,
    alpha_bar: Tensor,
    *,
    away: Share = lambda now, then: (1 - now).sqrt(),
    undo: Share = lambda now, then: now.sqrt(),
    picture: Share = lambda now, then: then.sqrt(),
    of_noise: Share = lambda now, then: (1 - then).sqrt(),
    clean: Callable[[Tensor], Tensor] = lambda x0: x0,
) -> Tensor:
    """The step with one part exchanged: noise taken away, picture undone, and both mixed again."""
    at = alpha_bar[t], alpha_bar[s]
    x0 = clean((x - away(*at) * epsilon) / undo(*at))
    return picture(*at) * x0 + of_noise(*at) * epsilon


@mistake(
    "Your two steps are exchanged: x is x_t, and x_s is wanted. With s of 0 the clean picture comes out."
)
def _exchanged(x: Tensor, epsilon: Tensor, t: int, s: int, alpha_bar: Tensor) -> Tensor:
    return ddim_step(x, epsilon, s, t, alpha_bar)


@mistake("You return the clean picture that the guess means. It still has to be noised to step s.")
def _picture_alone(x: Tensor, epsilon: Tensor, t: int, s: int, alpha_bar: Tensor) -> Tensor:
    return ddim_step(x, epsilon, t, 0, alpha_bar)


@mistake(
    "You give the picture its share at step s, but no noise: √(1 - ᾱ_s) of the guessed noise is missing."
)
def _not_noised(*given: Any) -> Tensor:
    return _step(*given, of_noise=lambda now, then: 0 * then)


@mistake("You put noise to the guessed picture, but the picture's own share at step s, √ᾱ_s, is missing.")
def _picture_whole(*given: Any) -> Tensor:
    return _step(*given, picture=lambda now, then: 0 * then + 1)


@mistake("You put back as much noise as you took away, that of step t. At step s there is less: √(1 - ᾱ_s).")
def _noise_of_t(*given: Any) -> Tensor:
    return _step(*given, of_noise=lambda now, then: (1 - now).sqrt())


@mistake("The picture gets its share of step t again, not that of step s.")
def _picture_of_t(*given: Any) -> Tensor:
    return _step(*given, picture=lambda now, then: now.sqrt())


@mistake("You take the noise of step s away from x_t. In x_t there is √(1 - ᾱ_t) of it.")
def _away_of_s(*given: Any) -> Tensor:
    return _step(*given, away=lambda now, then: (1 - then).sqrt())


@mistake(
    "After taking the noise away you do not divide by √ᾱ_t: what is left then is no picture yet, but a "
    "fainter one."
)
def _not_undone(*given: Any) -> Tensor:
    return _step(*given, undo=lambda now, then: 0 * now + 1)


@mistake("You divide the picture by ᾱ_t itself. Its root is what the picture had been multiplied by.")
def _undone_twice(*given: Any) -> Tensor:
    return _step(*given, undo=lambda now, then: now)


@mistake("Your shares are ᾱ and 1 - ᾱ without roots, in both halves.")
def _no_roots(*given: Any) -> Tensor:
    return _step(
        *given,
        away=lambda now, then: 1 - now,
        undo=lambda now, then: now,
        picture=lambda now, then: then,
        of_noise=lambda now, then: 1 - then,
    )


@mistake("When you noise the picture again, the noise's share is 1 - ᾱ_s without its root.")
def _noise_without_root(*given: Any) -> Tensor:
    return _step(*given, of_noise=lambda now, then: 1 - then)


@mistake("When you noise the picture again, its share is ᾱ_s without the root, or √ᾱ_s is in there twice.")
def _picture_without_root(*given: Any) -> Tensor:
    return _step(*given, picture=lambda now, then: then)


@mistake("In the first half you add the guessed noise. It is taken away to get the clean picture.")
def _plus(*given: Any) -> Tensor:
    return _step(*given, away=lambda now, then: -(1 - now).sqrt())


@mistake("In the second half you take the guessed noise away. There it comes in again, with a plus.")
def _minus(*given: Any) -> Tensor:
    return _step(*given, of_noise=lambda now, then: -(1 - then).sqrt())


@mistake(
    "This is the mean of DDPM's posterior, with a part of the noise left out, which fresh noise would "
    "replace. Here all of √(1 - ᾱ_s) is the guessed one."
)
def _posterior_mean(*given: Any) -> Tensor:
    return _step(*given, of_noise=lambda now, then: (1 - then) * (now / then / (1 - now)).sqrt())


@mistake(
    "You read alpha_bar one place too early for both steps. It has an entry for step 0: step t stands at t. "
    "In pictures this would not show at all."
)
def _too_early(x: Tensor, epsilon: Tensor, t: int, s: int, alpha_bar: Tensor) -> Tensor:
    return ddim_step(x, epsilon, t - 1, s - 1, alpha_bar)


@mistake("You read alpha_bar one place too early for step t alone: step t stands at place t.")
def _t_too_early(x: Tensor, epsilon: Tensor, t: int, s: int, alpha_bar: Tensor) -> Tensor:
    return ddim_step(x, epsilon, t - 1, s, alpha_bar)


@mistake("You go one step, to t - 1. DDIM may leave steps out: s says where to go.")
def _one_step(x: Tensor, epsilon: Tensor, t: int, s: int, alpha_bar: Tensor) -> Tensor:
    return ddim_step(x, epsilon, t, t - 1, alpha_bar)


@mistake(
    "You hold the guessed picture in [-1, 1]. Points have no such bounds, and nothing of it was asked for."
)
def _clipped(*given: Any) -> Tensor:
    return _step(*given, clean=lambda x0: x0.clamp(-1, 1))


@mistake(
    "You hold the guessed picture in [-1, 1] and work the noise out anew. Samplers of pictures may do so, "
    "but nothing of it was asked for, and codes and points have no such bounds."
)
def _clipped_and_again(x: Tensor, epsilon: Tensor, t: int, s: int, alpha_bar: Tensor) -> Tensor:
    x0 = ddim_step(x, epsilon, t, 0, alpha_bar).clamp(-1, 1)
    again = (x - alpha_bar[t].sqrt() * x0) / (1 - alpha_bar[t]).sqrt()
    return alpha_bar[s].sqrt() * x0 + (1 - alpha_bar[s]).sqrt() * again


WRONG: Any = (
    _exchanged, _picture_alone, _not_noised, _picture_whole, _noise_of_t, _picture_of_t, _away_of_s,
    _not_undone, _undone_twice, _no_roots, _noise_without_root, _picture_without_root, _plus,
    _minus, _posterior_mean, _too_early, _t_too_early, _one_step, _clipped, _clipped_and_again,
)  # fmt: skip
EXERCISE = Exercise(
    "16.4",
    "A step of any length",
    ddim_step,
    _steps,
    difficulty=2,
    minutes=8,
    hints=(
        "Two halves. First solve x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε for x_0. Then write the same equation for s. "
        "Where does each half get its ε from?",
        "The clean picture is (x - (1 - alpha_bar[t]).sqrt() * epsilon) / alpha_bar[t].sqrt().",
        "From it: alpha_bar[s].sqrt() times the picture, plus (1 - alpha_bar[s]).sqrt() * epsilon.",
    ),
    mistakes=WRONG,
)
