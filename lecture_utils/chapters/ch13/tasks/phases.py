"""Chapter 13, exercise 13.9: a round of Griffin and Lim (`crossing_solutions.griffin_lim_step`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch13.crossing_solutions import griffin_lim_step
from lecture_utils.exercises.draws import normal
from lecture_utils.exercises.exercise import Exercise, mistake
from lecture_utils.ops.stft import hann, istft, stft

__all__ = ["EXERCISE"]


def _sounds(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for length, size, hop in ((12, 8, 2), (25, 8, 4), (40, 16, 4), (67, 16, 8)):
        window = hann(size)
        wanted, begun = normal(rng, length), normal(rng, length)
        yield stft(wanted, window, hop).abs(), begun, window, hop
    wanted = normal(rng, 30)
    yield stft(wanted, hann(8), 2).abs(), wanted, hann(8), 2  # it is there already
    yield stft(wanted, hann(8), 2).abs(), torch.zeros(30), hann(8), 2  # begun from silence


def _step(
    magnitude: Tensor,
    signal: Tensor,
    window: Tensor,
    hop: int,
    *,
    mix: Callable[[Tensor, Tensor], Tensor] = lambda magnitude, own: torch.polar(magnitude, own.angle()),
) -> Tensor:
    """A round in which wanted magnitudes and the signal's own transform are put together otherwise."""
    own = stft(signal, window, hop)
    return istft(mix(magnitude, own), window, hop, length=len(signal))


@mistake(
    "You keep the signal's own magnitudes: it comes back as it was. The wanted ones are to replace them."
)
def _unchanged(*given: Any) -> Tensor:
    return _step(*given, mix=lambda magnitude, own: own)


@mistake("You leave out the phases: all waves begin at 0. Take the phases that the signal has now.")
def _no_phase(*given: Any) -> Tensor:
    return _step(*given, mix=lambda magnitude, own: magnitude + 0j)


@mistake(
    "You multiply the transform by the wanted magnitudes: its own are still in it. Keep the phases alone."
)
def _own_kept(*given: Any) -> Tensor:
    return _step(*given, mix=lambda magnitude, own: magnitude * own)


@mistake("Your phases have the wrong sign: the waves turn the other way.")
def _conjugate(*given: Any) -> Tensor:
    return _step(*given, mix=lambda magnitude, own: torch.polar(magnitude, -own.angle()))


@mistake("You put the squares of the wanted magnitudes in. They are magnitudes already, not powers.")
def _power(*given: Any) -> Tensor:
    return _step(*given, mix=lambda magnitude, own: torch.polar(magnitude.square(), own.angle()))


@mistake("You take the root of the wanted magnitudes. They are no powers: put them in as they are.")
def _root(*given: Any) -> Tensor:
    return _step(*given, mix=lambda magnitude, own: torch.polar(magnitude.sqrt(), own.angle()))


@mistake(
    "You go half way: a mean of what is wanted and what was there. The wanted magnitudes are put in whole."
)
def _half_way(*given: Any) -> Tensor:
    return _step(*given, mix=lambda magnitude, own: torch.polar((magnitude + own.abs()) / 2, own.angle()))


@mistake("You use the cosine of the phase alone. A wave has a sine as well: the number has to be complex.")
def _cosine(*given: Any) -> Tensor:
    return _step(*given, mix=lambda magnitude, own: magnitude * own.angle().cos() + 0j)


@mistake("Your exponent lacks the imaginary unit: what grows there is no wave. exp(1j · phase) has length 1.")
def _no_i(*given: Any) -> Tensor:
    return _step(*given, mix=lambda magnitude, own: magnitude * own.angle().exp() + 0j)


@mistake(
    "You divide by the size of the transform, which is 0 in silence: 0 by 0 is NaN. The angle of 0 is 0, "
    "says torch.angle."
)
def _nan(*given: Any) -> Tensor:
    return _step(*given, mix=lambda magnitude, own: magnitude * own / own.abs())


@mistake(
    "Where the transform is 0 your phase is none, and the wanted magnitude gets lost: from silence nothing "
    "would ever begin. Take a phase of 0 there."
)
def _silence_stays(*given: Any) -> Tensor:
    return _step(*given, mix=lambda magnitude, own: magnitude * own / (own.abs() + 1e-8))


@mistake("Your sound has another length than the signal. istft has to be told how many samples there were.")
def _length(magnitude: Tensor, signal: Tensor, window: Tensor, hop: int) -> Tensor:
    return istft(torch.polar(magnitude, stft(signal, window, hop).angle()), window, hop)


@mistake("You make two rounds. One is asked for; a loop will call your function as often as it likes.")
def _two(magnitude: Tensor, signal: Tensor, window: Tensor, hop: int) -> Tensor:
    return griffin_lim_step(magnitude, griffin_lim_step(magnitude, signal, window, hop), window, hop)


WRONG: Any = (
    _unchanged, _no_phase, _own_kept, _conjugate, _power, _root, _half_way, _cosine, _no_i, _nan,
    _silence_stays, _length, _two,
)  # fmt: skip
EXERCISE = Exercise(
    "13.9",
    "A sound for a spectrogram",
    griffin_lim_step,
    _sounds,
    difficulty=2,
    minutes=8,
    hints=(
        "Three steps: to the transform, change it, and back. What is kept of each complex number, and what "
        "is replaced?",
        "The angle of stft(signal, window, hop) is kept. A complex number of a given size and angle is "
        "torch.polar(size, angle), or size * torch.exp(1j * angle).",
        "istft(torch.polar(magnitude, phase), window, hop, length=len(signal)) is the answer, with phase "
        "from stft(signal, window, hop).angle().",
    ),
    mistakes=WRONG,
)
