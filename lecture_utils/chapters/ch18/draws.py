"""Chapter 18: random numbers and rotations for the inputs on which exercises are tried."""

import math

import numpy as np
import torch
from torch import Tensor


def uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Draw a tensor (float64) of evenly distributed numbers."""
    return torch.tensor(rng.uniform(low, high, size=shape))


def turned(rng: np.random.Generator, most: float) -> Tensor:
    """Draw a rotation (3, 3) by up to `most` radians about any axis."""
    x, y, z = (rng.uniform(-most, most, size=3) / math.sqrt(3)).tolist()
    return torch.linalg.matrix_exp(torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64))
