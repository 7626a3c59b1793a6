"""Chapter 18, exercise 18.4: how many rounds RANSAC takes (reference: `solutions.ransac`).

Shapes: P data, R rounds of s data each.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch18.draws import uniform
from lecture_utils.chapters.ch18.solutions import ransac
from lecture_utils.chapters.ch18.tasks.consensus_mistakes import MISTAKES
from lecture_utils.exercises.exercise import Exercise

__all__ = ["EXERCISE"]


def fit_line(points: Tensor) -> Tensor:
    """The line a x + b y + c = 0 with a² + b² = 1, (3,), through two points (2, 2); NaN if they are one."""
    (x1, y1), (x2, y2) = points
    normal = torch.stack([y1 - y2, x2 - x1])
    normal = normal / normal.norm()
    return torch.cat([normal, -(normal @ points[0])[None]])


def line_distances(line: Tensor, points: Tensor) -> Tensor:
    """Distances (P,) of points (P, 2) from a line."""
    return (points @ line[:2] + line[2]).abs()


def fit_mean(values: Tensor) -> Tensor:
    """The mean of numbers, (s,) -> ()."""
    return values.mean()


def mean_distances(mean: Tensor, values: Tensor) -> Tensor:
    """How far numbers (P,) are from it, (P,)."""
    return (values - mean).abs()


def points_on_a_line(rng: np.random.Generator, number: int, share: float) -> Tensor:
    """Points (P, 2) in the unit square, a share of them near a line, in mixed order."""
    points = uniform(rng, 0, 1, number, 2)
    on = torch.tensor(rng.permutation(number) < round(share * number))
    near = 0.2 + 0.5 * points[:, 0] + 0.02 * torch.tensor(rng.normal(size=number))
    points[:, 1] = torch.where(on, near, points[:, 1])
    return points


def _rounds(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    numbers, means = torch.tensor([1.0, 5.0, 5.1, 5.2]), (fit_mean, mean_distances)
    yield numbers, *means, torch.tensor([[0], [2], [1], [3]]), 0.25, 0.999  # the second has three
    yield numbers, *means, torch.tensor([[0], [2], [1], [3]]), 0.25, 0.9  # ended after the second
    yield numbers[1:], *means, torch.tensor([[1], [0]]), 0.25, 0.99  # no outlier: ended at once
    yield torch.tensor([0.0, 0.15, 9.0, 9.8]), *means, torch.tensor([[2], [0], [3]]), 0.5, 0.999
    square = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.52]])
    lines = (fit_line, line_distances)
    yield square, *lines, torch.tensor([[1, 1], [0, 1], [0, 2]]), 0.05, 0.9  # one point twice: no line
    yield square, *lines, torch.tensor([[0, 2], [1, 3], [0, 1]]), 0.05, 0.99  # two lines with three
    for number, share, rounds, certainty in (
        (8, 0.7, 6, 0.5),
        (12, 0.5, 8, 0.9),
        (20, 0.6, 14, 0.95),
        (30, 0.8, 12, 0.95),
        (20, 0.3, 8, 0.999),
    ):
        points = points_on_a_line(rng, number, share)
        samples = torch.tensor(np.stack([rng.permutation(number)[:2] for _ in range(rounds)]))
        yield points, *lines, samples, 0.06, certainty


EXERCISE = Exercise(
    "18.4",
    "How many rounds are enough?",
    ransac,
    _rounds,
    difficulty=3,
    minutes=15,
    hints=(
        "Go through the rows of `samples`, and keep the best inliers so far: first none, "
        "torch.zeros(P, dtype=torch.bool). After each round ask whether it may end.",
        "With a share w of inliers, a sample of s data is without an outlier with probability wˢ. So "
        "what is the probability that n samples all have one?",
        "After n rounds all have missed with probability (1 - wˢ)ⁿ. End when that is 1 - certainty or "
        "less. Asked like this, there is no logarithm, and w may be 0 or 1.",
    ),
    mistakes=MISTAKES,
)
