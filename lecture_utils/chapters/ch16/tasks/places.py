"""Chapter 16, exercise 16.8: a box as sines and cosines (reference: `latent_solutions.fourier_features`)."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch16.latent_solutions import fourier_features
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Order = Callable[[Tensor], Tensor]


def _boxes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[[0.1, 0.2, 0.3, 0.4]]]), 1
    yield floats([[[0.0, 0.25, 0.5, 1.0]]]), 2
    for batch, boxes, frequencies in ((1, 2, 3), (2, 1, 4), (2, 3, 8), (3, 2, 5)):
        corners = rng.uniform(0, 1, size=(batch, boxes, 2, 2))
        corners.sort(axis=2)  # x1 < x2, y1 < y2
        yield floats(corners.reshape(batch, boxes, 4)), frequencies


def _growing(frequencies: int) -> Tensor:
    return 100 ** (torch.arange(frequencies) / frequencies)


def _order(both: Tensor) -> Tensor:
    """(B, K, F, sine or cosine, corner), laid out in this order."""
    return both.flatten(2)


def _features(
    boxes: Tensor,
    frequencies: int,
    *,
    growing: Callable[[int], Tensor] = _growing,
    corners: Callable[[Tensor], Tensor] = lambda boxes: boxes,
    first: Callable[[Tensor], Tensor] = torch.sin,
    second: Callable[[Tensor], Tensor] = torch.cos,
    order: Order = _order,
) -> Tensor:
    """The features with one part exchanged."""
    angle = growing(frequencies)[:, None] * corners(boxes)[:, :, None, :]  # (B, K, F, 4)
    return order(torch.stack([first(angle), second(angle)], dim=3))  # (B, K, F, 2, 4)


@mistake(
    "Your angles have a factor of 2π in them. In this code the frequencies are radians for a whole side as "
    "they are."
)
def _full_turns(*given: Any) -> Tensor:
    return _features(*given, growing=lambda count: 2 * math.pi * _growing(count))


@mistake("Your angles have a factor of π in them. The frequencies are radians for a whole side as they are.")
def _half_turns(*given: Any) -> Tensor:
    return _features(*given, growing=lambda count: math.pi * _growing(count))


@mistake("Your frequencies double each time, as in NeRF. Here they are 100 to the power of i / F.")
def _doubling(*given: Any) -> Tensor:
    return _features(*given, growing=lambda count: 2.0 ** torch.arange(count))


@mistake("Your frequencies are powers of 10000, as for places in a sentence. Here the base is 100.")
def _base_of_sentences(*given: Any) -> Tensor:
    return _features(*given, growing=lambda count: 10_000 ** (torch.arange(count) / count))


@mistake(
    "Your last frequency is 100. The exponents are i / F and not i / (F - 1): 100 itself is not reached."
)
def _up_to_the_base(*given: Any) -> Tensor:
    return _features(*given, growing=lambda count: 100 ** torch.linspace(0, 1, count))


@mistake("Your exponents begin at 1 / F. The first is 0: the lowest frequency is 1.")
def _from_one(*given: Any) -> Tensor:
    return _features(*given, growing=lambda count: 100 ** (torch.arange(1, count + 1) / count))


@mistake(
    "Your frequencies are evenly spaced numbers. It is their exponents that are: 100 to the power of i / F."
)
def _even(*given: Any) -> Tensor:
    return _features(*given, growing=lambda count: 1 + 99 * torch.arange(count) / count)


@mistake(
    "Your powers of 100 are divided by F. The division belongs into the exponent, and Python raises to a "
    "power first: put brackets round it."
)
def _no_brackets(*given: Any) -> Tensor:
    return _features(*given, growing=lambda count: 100 ** torch.arange(count) / count)


@mistake("Your frequencies fall: corners are divided by the powers of 100. They are multiplied by them.")
def _falling(*given: Any) -> Tensor:
    return _features(*given, growing=lambda count: 1 / _growing(count))


@mistake("Your frequencies come in the wrong order, the highest first.")
def _highest_first(*given: Any) -> Tensor:
    return _features(*given, growing=lambda count: _growing(count).flip(0))


@mistake("Your cosines come before the sines.")
def _cosines_first(*given: Any) -> Tensor:
    return _features(*given, first=torch.cos, second=torch.sin)


@mistake("You have sines in both places. The second four of each frequency are cosines.")
def _sines_twice(*given: Any) -> Tensor:
    return _features(*given, second=torch.sin)


@mistake(
    "Sine and cosine of one number stand side by side with you. Within a frequency come four sines, of x1, "
    "y1, x2, y2, and then four cosines."
)
def _side_by_side(*given: Any) -> Tensor:
    return _features(*given, order=lambda both: both.transpose(3, 4).flatten(2))


@mistake(
    "All sines come first with you, of all frequencies, and then all cosines. The order is frequency by "
    "frequency."
)
def _all_sines_first(*given: Any) -> Tensor:
    return _features(*given, order=lambda both: both.transpose(2, 3).flatten(2))


@mistake(
    "All sines come first with you, and in them corner by corner. The order is frequency by frequency: four "
    "sines, four cosines, and the next."
)
def _all_sines_by_corner(*given: Any) -> Tensor:
    return _features(*given, order=lambda both: both.permute(0, 1, 3, 4, 2).flatten(2))


@mistake(
    "Your order is corner by corner: all of x1, then all of y1. It goes frequency by frequency, with all "
    "four corners in each."
)
def _by_corner(*given: Any) -> Tensor:
    return _features(*given, order=lambda both: both.permute(0, 1, 4, 2, 3).flatten(2))


@mistake(
    "Your order is corner by corner, with all sines of a corner and then its cosines. It goes frequency by "
    "frequency, with all four corners in each."
)
def _by_corner_and_sine(*given: Any) -> Tensor:
    return _features(*given, order=lambda both: both.permute(0, 1, 4, 3, 2).flatten(2))


@mistake("Your boxes are turned into centre and size first. The corners go in as they are.")
def _centre_and_size(*given: Any) -> Tensor:
    def corners(boxes: Tensor) -> Tensor:
        low, high = boxes.chunk(2, dim=-1)
        return torch.cat([(low + high) / 2, high - low], dim=-1)

    return _features(*given, corners=corners)


@mistake("Your boxes are brought to [-1, 1] first. They go in as shares of the sides, from 0 to 1.")
def _from_minus_one(*given: Any) -> Tensor:
    return _features(*given, corners=lambda boxes: 2 * boxes - 1)


@mistake("You do not put the last axes into one: wanted is one row of 8 F numbers for each box.")
def _not_flat(*given: Any) -> Tensor:
    return _features(*given, order=lambda both: both)


@mistake(
    "All boxes of a picture are in one row with you. Each box has a row of its own: flatten from axis 2."
)
def _boxes_together(*given: Any) -> Tensor:
    return fourier_features(*given).flatten(1)


WRONG: Any = (
    _full_turns, _half_turns, _doubling, _base_of_sentences, _up_to_the_base, _from_one, _even, _falling,
    _highest_first, _cosines_first, _sines_twice, _side_by_side, _all_sines_first, _all_sines_by_corner,
    _by_corner, _by_corner_and_sine, _centre_and_size, _from_minus_one, _not_flat, _boxes_together,
    _no_brackets,
)  # fmt: skip
EXERCISE = Exercise(
    "16.8",
    "Where is it?",
    fourier_features,
    _boxes,
    difficulty=2,
    minutes=8,
    hints=(
        "Make the angles first, one for each box, frequency and corner: (B, K, F, 4). Which axis of boxes, "
        "and which of the frequencies, has to be put in for that?",
        "100 ** (torch.arange(frequencies) / frequencies) are the frequencies. With [:, None] they stand "
        "beside boxes[:, :, None, :].",
        "torch.cat([angle.sin(), angle.cos()], dim=-1) is (B, K, F, 8); flatten(2) puts the rows together, "
        "frequency by frequency.",
    ),
    mistakes=WRONG,
)
