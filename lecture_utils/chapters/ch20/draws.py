"""Chapter 20: random numbers, rotations and small skeletons for the inputs on which exercises are tried."""

import numpy as np
from torch import Tensor

from lecture_utils.exercises.draws import floats
from lecture_utils.ops.rotation import axis_angle_to_matrix

__all__ = ["tree", "turns", "weights_of"]


def turns(rng: np.random.Generator, *shape: int, most: float = 2.5) -> Tensor:
    """Draw rotations (*shape, 3, 3), each by up to `most` radians about any axis."""
    axis = rng.normal(size=(*shape, 3))
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    return axis_angle_to_matrix(floats(axis * rng.uniform(0.3, most, size=(*shape, 1))))


def tree(rng: np.random.Generator, joints: int) -> tuple[int, ...]:
    """Draw a tree: the parent of each joint, some joint before it; -1 for the root."""
    return (-1, *(int(rng.integers(0, j)) for j in range(1, joints)))


def weights_of(rng: np.random.Generator, rows: int, columns: int) -> Tensor:
    """Draw weights (rows, columns), 0 or more, whose rows add up to 1."""
    return floats(rng.dirichlet(np.full(columns, 0.6), size=rows))
