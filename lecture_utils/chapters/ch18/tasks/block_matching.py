"""Chapter 18, exercise 18.2: block matching (reference: `solutions.block_matching`).

Shapes: H × W pixels.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch18.solutions import block_matching
from lecture_utils.chapters.ch18.tasks.block_matching_mistakes import MISTAKES
from lecture_utils.exercises.exercise import Exercise

__all__ = ["EXERCISE"]


def _pair(rng: np.random.Generator, height: int, width: int, *shifts: int) -> tuple[Tensor, Tensor]:
    """Two pictures (H, W) of whole grey values, in which bands of rows are shifted, with a little noise."""
    scene = torch.tensor(rng.integers(0, 60, size=(height, width + max(shifts)))).float()
    left, right = scene[:, :width].clone(), scene[:, :width].clone()
    for rows, d in zip(torch.arange(height).tensor_split(len(shifts)), shifts, strict=True):
        right[rows] = scene[rows, d : d + width]
    return left, right + torch.tensor(rng.integers(0, 6, size=(height, width)))


def _pairs(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    row = torch.tensor([[9.0, 1, 5, 3, 7]])
    yield row, torch.tensor([[1.0, 5, 3, 7, 2]]), 2, 1  # all moved by one
    yield row, row + 2, 2, 1  # brighter, and not moved
    steps = torch.tensor([[0.0, 0, 4, 4, 4]]).expand(3, 5).clone()
    yield steps, steps, 1, 3  # flat: all costs alike
    yield *_pair(rng, 5, 9, 2), 3, 3
    yield *_pair(rng, 6, 8, 0), 2, 3
    yield *_pair(rng, 5, 6, 1), 9, 3  # further than the picture is wide
    yield *_pair(rng, 12, 16, 1, 4), 4, 3
    yield *_pair(rng, 12, 18, 5, 0), 6, 5
    yield *_pair(rng, 16, 24, 3, 7, 2), 8, 5


EXERCISE = Exercise(
    "18.2",
    "How far to the left does the other eye see it?",
    block_matching,
    _pairs,
    difficulty=3,
    minutes=15,
    hints=(
        "Make a table of costs (largest + 1, H, W) that is infinite everywhere, and fill in one d at a "
        "time. The winner is its smallest along the first axis.",
        "For one d, columns d, d + 1, … of the left picture stand over columns 0, 1, … of the right "
        "one: left[:, d:] and right[:, : W - d]. F.avg_pool2d(…[None, None], size, stride=1) is the "
        "mean of every window that lies inside.",
        "With half = size // 2, the first of these windows has its middle in row half and column d + "
        "half of the left picture: cost[d, half : H - half, d + half : W - half]. No window fits where "
        "d is above W - size.",
        "cost.min(dim=0) gives the lowest cost and its d. Where that cost is infinite, put NaN.",
    ),
    mistakes=MISTAKES,
)
