"""Chapter 13, exercise 13.3: the short-time Fourier transform (reference: `solutions.spectrum_frames`)."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch13.solutions import spectrum_frames
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _sounds(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([1.0, 2.0, 4.0]), floats([1.0, 1.0]), 1
    yield floats([0.0, 1.0, 0.0, 0.0]), floats([1.0, 2.0, 3.0, 4.0]), 2  # one frame: a click
    for length, size, hop in ((9, 4, 2), (10, 4, 3), (12, 5, 3), (13, 6, 6), (20, 8, 4), (41, 8, 3)):
        yield normal(rng, length), floats(rng.uniform(0.2, 1, size)), hop
    yield torch.sin(2 * math.pi * torch.arange(64) / 8), torch.hann_window(16), 4  # a tone


def _stft(
    x: Tensor,
    window: Tensor,
    hop: int,
    *,
    cut: Callable[[Tensor, int, int], Tensor] = lambda x, size, hop: x.unfold(0, size, hop),
    weigh: Callable[[Tensor, Tensor], Tensor] = lambda frames, window: frames * window,
    transform: Callable[[Tensor], Tensor] = torch.fft.rfft,
) -> Tensor:
    """The transform with one part exchanged."""
    return transform(weigh(cut(x, len(window), hop), window)).T


@mistake(
    "Your rows are frames. Wanted are frequencies down and time across, as a spectrogram is drawn: (F, T)."
)
def _transposed(*given: Any) -> Tensor:
    return spectrum_frames(*given).T


@mistake(
    "You keep all n frequencies. Of a real sound the upper half mirrors the lower: k from 0 to n // 2 is "
    "enough."
)
def _both_sides(*given: Any) -> Tensor:
    return _stft(*given, transform=torch.fft.fft)


@mistake("The window is without effect: frames are cut with hard edges, which sound like clicks.")
def _no_window(*given: Any) -> Tensor:
    return _stft(*given, weigh=lambda frames, window: frames)


@mistake(
    "You keep how strong each frequency is, and lose its phase. Without it there is no way back to the "
    "sound: the numbers have to stay complex."
)
def _magnitude(*given: Any) -> Tensor:
    return spectrum_frames(*given).abs()


@mistake(
    "You return the power, the squared magnitude. The transform itself is asked for, complex and with its "
    "phase."
)
def _power(*given: Any) -> Tensor:
    return spectrum_frames(*given).abs().square()


@mistake("Your waves turn the other way: the exponent's minus is missing, and each number is conjugated.")
def _conjugate(*given: Any) -> Tensor:
    return spectrum_frames(*given).conj()


@mistake("Your frames lie side by side: the hop has no effect. One frame begins `hop` samples after another.")
def _hop_unused(*given: Any) -> Tensor:
    return _stft(*given, cut=lambda x, size, hop: x.unfold(0, size, size))


@mistake("A frame begins at every sample with you. The next one is `hop` samples further.")
def _hop_of_one(*given: Any) -> Tensor:
    return _stft(*given, cut=lambda x, size, hop: x.unfold(0, size, 1))


@mistake(
    "You add zeros at the end, and so frames that are not whole. Here only those count that lie in the sound "
    "altogether."
)
def _padded_end(*given: Any) -> Tensor:
    def cut(x: Tensor, size: int, hop: int) -> Tensor:
        return F.pad(x, (0, size)).unfold(0, size, hop)[: math.ceil(len(x) / hop)]

    return _stft(*given, cut=cut)


@mistake(
    "Your frames are centred: half a window is added at both ends, as torch.stft does unless told not to. "
    "Here nothing is added."
)
def _centred(*given: Any) -> Tensor:
    def cut(x: Tensor, size: int, hop: int) -> Tensor:
        mirrored = F.pad(x[None, None], (size // 2, size // 2), mode="reflect")[0, 0]
        return mirrored.unfold(0, size, hop)

    return _stft(*given, cut=cut)


@mistake("The last whole frame is missing. With n samples left there is still room for one: count again.")
def _one_short(x: Tensor, window: Tensor, hop: int) -> Tensor:
    return spectrum_frames(x[:-hop], window, hop) if len(x) >= len(window) + hop else torch.zeros(0, 0) * 1j


@mistake("You divide by the window's length. Here the sum is left as it is, and the way back divides.")
def _divided(*given: Any) -> Tensor:
    return spectrum_frames(*given) / len(given[1])


@mistake("The highest frequency is missing: from 0 to n // 2, both of them included, makes n // 2 + 1.")
def _highest_missing(*given: Any) -> Tensor:
    return spectrum_frames(*given)[: len(given[1]) // 2]


@mistake(
    "You transform along time, from frame to frame. The transform goes along the samples within each frame."
)
def _across_frames(*given: Any) -> Tensor:
    return _stft(*given, transform=lambda frames: torch.fft.fft(frames, dim=0)[:, : frames.shape[1] // 2 + 1])


@mistake(
    "You transform first, and weigh the frequencies. The window belongs on the samples of a frame, before "
    "they are transformed."
)
def _window_on_frequencies(x: Tensor, window: Tensor, hop: int) -> Tensor:
    frames = torch.fft.rfft(x.unfold(0, len(window), hop))
    return (frames * window[: frames.shape[1]]).T


WRONG: Any = (
    _transposed, _both_sides, _no_window, _magnitude, _power, _conjugate, _hop_unused, _hop_of_one,
    _padded_end, _centred, _one_short, _divided, _highest_missing, _across_frames, _window_on_frequencies,
)  # fmt: skip
EXERCISE = Exercise(
    "13.3",
    "A spectrum for each moment",
    spectrum_frames,
    _sounds,
    difficulty=2,
    minutes=9,
    hints=(
        "Three steps: cut frames, weigh their samples by the window, transform each. How many whole frames "
        "of n samples fit if each begins `hop` after the one before?",
        "x.unfold(0, n, hop) has one frame a row, (T, n). The window is a row as well, and is repeated for "
        "all of them. torch.fft.rfft transforms along the last axis, or a matrix exp(-2πi k m / n) does.",
        "torch.fft.rfft(x.unfold(0, len(window), hop) * window) is (T, F). Only its axes are still the wrong "
        "way round.",
    ),
    mistakes=WRONG,
)
