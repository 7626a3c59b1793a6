"""Chapter 18, exercise 18.8: a ray through fog (reference: `radiance_solutions.composite`).

Shapes: R rays, S samples on each.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from lecture_utils.chapters.ch18.radiance_solutions import composite
from lecture_utils.chapters.ch18.tasks.fog_mistakes import MISTAKES
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise

__all__ = ["EXERCISE"]


def _fogs(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    red, blue = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]
    yield floats([[0.7]]), floats([[red]]), floats([[1.0]]), floats([3.0])  # one sample, two metres of fog
    yield floats([[0.5, 0.8]]), floats([[red, blue]]), floats([[1.0, 1.5]]), floats([2.5])
    yield floats([[0.0, 0.0]]), floats([[red, blue]]), floats([[1.0, 2.0]]), floats([3.0])  # no fog at all
    yield floats([[60.0, 60.0]]), floats([[red, blue]]), floats([[1.0, 2.0]]), floats([3.0])  # a wall
    yield floats([[0.0, 2.0, 1.0]]), floats([[blue, red, blue]]), floats([[0.5, 0.7, 1.7]]), floats([1.9])
    for rays, samples, dense in ((1, 3, 1.0), (2, 4, 0.6), (3, 6, 2.0), (4, 9, 0.8)):
        distance = np.sort(rng.uniform(2, 4, (rays, samples)), axis=1)
        density = rng.gamma(1.0, dense, (rays, samples))
        colour = rng.uniform(0, 0.9, (rays, samples, 3))
        yield floats(density), floats(colour), floats(distance), floats(rng.uniform(4.2, 5, rays))


EXERCISE = Exercise(
    "18.8",
    "A ray through fog",
    composite,
    _fogs,
    difficulty=2,
    minutes=12,
    hints=(
        "Three numbers for each sample: the length of its stretch, the opacity of that stretch, and how "
        "much light reaches it. The weight is the product of the last two.",
        "torch.diff(distance_m, dim=1, append=far_m[:, None]) gives the stretches. Density times stretch "
        "is how thick the fog is there; 1 - exp(-thickness) is its opacity.",
        "What lies before sample i is the sum of the thicknesses of the samples before it: the cumsum "
        "less the sample's own. White fills up what the weights leave: 1 - weights.sum(dim=1).",
    ),
    mistakes=MISTAKES,
)
