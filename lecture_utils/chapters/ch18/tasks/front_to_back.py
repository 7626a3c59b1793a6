"""Chapter 18, exercise 18.12: blending from front to back (reference: `radiance_solutions.blend`).

Shapes: P pixels, N Gaussians.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from lecture_utils.chapters.ch18.radiance_solutions import blend
from lecture_utils.chapters.ch18.tasks.front_to_back_mistakes import MISTAKES
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise

__all__ = ["EXERCISE"]


def _splats(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    red, blue, green = [0.9, 0.1, 0.0], [0.0, 0.2, 0.8], [0.1, 0.7, 0.2]
    at = floats([[0.5, 0.5], [1.5, 0.5]])
    round_one, leaning = [[1.0, 0.0], [0.0, 1.0]], [[1.5, 0.8], [0.8, 1.0]]
    yield at[:1], floats([[0.5, 0.5]]), floats([round_one]), floats([2.0]), floats([red]), floats([0.6])
    yield at, floats([[0.5, 0.5]]), floats([leaning]), floats([2.0]), floats([red]), floats([0.6])
    yield at[:1], floats([[0.5, 0.5]]), floats([round_one]), floats([2.0]), floats([red]), floats([1.0])
    far = floats([[0.5, 0.5], [4.5, 0.5]])  # at the second pixel α is below 1/255
    yield far, floats([[0.5, 0.5]]), 1.2 * floats([round_one]), floats([2.0]), floats([red]), floats([0.8])
    two = floats([[0.5, 0.5], [1.2, 0.8]]), floats([leaning, round_one])
    yield at, *two, floats([2.0, 3.0]), floats([red, blue]), floats([0.7, 0.5])  # in order
    yield at, *two, floats([3.0, 2.0]), floats([red, blue]), floats([0.7, 0.5])  # not in order
    three = floats([[0.5, 0.5], [1.2, 0.8], [1.0, 0.0]]), floats([leaning, round_one, leaning])
    yield at, *three, floats([3.0, 1.0, 2.0]), floats([red, blue, green]), floats([0.6, 0.5, 0.4])
    for number, width in ((3, 4), (4, 6), (6, 8), (9, 10)):
        pixels = torch.stack([torch.arange(width) + 0.5, torch.full((width,), 0.5)], 1)
        means = floats(rng.uniform(0, 1, (number, 2)) * [width, 1])
        half = floats(rng.normal(size=(number, 2, 2)))
        covariances = half @ half.mT + torch.eye(2)
        opacities = rng.uniform(0.2, 0.9, number)
        opacities[0] = 1.0
        means[0] = pixels[0]  # there its α would be 1
        colours = floats(rng.uniform(0, 1, (number, 3)))
        yield pixels, means, covariances, floats(rng.permutation(number) + 2), colours, floats(opacities)


EXERCISE = Exercise(
    "18.12",
    "From front to back",
    blend,
    _splats,
    difficulty=3,
    minutes=14,
    hints=(
        "Put all that belongs to a splat into the order of depth_m.argsort(). Then make a table (P, N): "
        "how much each splat hides at each pixel.",
        'offset = pixels[:, None] - means is (P, N, 2). With torch.linalg.inv and torch.einsum("pni,nij'
        ',pnj->pn", …) it becomes dᵀ Σ⁻¹ d. Hold α at 0.99 with clamp, and set what is below 1/255 to 0 '
        "with torch.where.",
        "torch.cumprod(1 - alphas, dim=1) is the light left behind each splat. What reaches a splat is "
        "the same, one column later, with a 1 in front; the last column is what white gets.",
    ),
    mistakes=MISTAKES,
)
