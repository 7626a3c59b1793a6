"""Chapter 18, exercise 18.9: waves that pixels can carry (reference: `radiance_solutions.encode`).

Shapes: P places, D coordinates, L frequencies.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from lecture_utils.chapters.ch18.radiance_solutions import encode
from lecture_utils.chapters.ch18.tasks.waves_mistakes import MISTAKES
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise

__all__ = ["EXERCISE"]


def _places(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[0.1]]), 1, 0.0
    yield floats([[0.1]]), 2, 0.0
    yield floats([[0.1, -0.35]]), 2, 0.0  # two coordinates
    yield floats([[0.3]]), 2, 0.4  # the second wave is as long as 1, 2.5 samples
    yield floats([[0.3]]), 2, 0.7  # 1.4 samples
    yield floats([[0.3]]), 2, 0.5  # just 2 samples
    yield floats([[0.3]]), 3, 1.5  # not even the first one
    yield torch.zeros(0, 2), 2, 0.0
    for places, coordinates, frequencies, spacing in (
        (2, 2, 3, 0.0),
        (3, 3, 4, 0.0),
        (3, 2, 6, 2 / 16),
        (4, 2, 5, 2 / 12),
        (4, 3, 6, 2 / 24),
        (5, 2, 8, 2 / 64),
        (3, 1, 4, 0.3),
        (6, 3, 10, 0.0),
    ):
        yield floats(rng.uniform(-1, 1, (places, coordinates))), frequencies, spacing


EXERCISE = Exercise(
    "18.9",
    "Waves that these pixels can carry",
    encode,
    _places,
    difficulty=2,
    minutes=10,
    hints=(
        "First forget the spacing. 2.0 ** torch.arange(L) are the frequencies (L,); times π and "
        "x[:, :, None] they are the angles (P, D, L).",
        "Stack sine and cosine along a new last axis, (P, D, L, 2): flatten(1) then reads them in the "
        "order that is wanted.",
        "sin(2^k πp) repeats when p has moved by 2 / 2^k. How many times does `spacing` fit into that? "
        "Multiply the waves by a row of yes and no over L before you flatten.",
    ),
    mistakes=MISTAKES,
)
