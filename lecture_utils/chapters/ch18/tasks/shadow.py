"""Chapter 18, exercise 18.11: a Gaussian's shadow (reference: `radiance_solutions.projected_covariance`).

Shapes: N Gaussians.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch18.radiance_solutions import projected_covariance
from lecture_utils.chapters.ch18.tasks.shadow_mistakes import MISTAKES
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise
from lecture_utils.ops.camera import look_at

__all__ = ["EXERCISE"]


def _turned(rng: np.random.Generator, number: int) -> Tensor:
    """Random rotations (N, 3, 3)."""
    q, r = torch.linalg.qr(floats(rng.normal(size=(number, 3, 3))))
    q = q * torch.sign(torch.diagonal(r, dim1=1, dim2=2))[:, None]
    return q * torch.linalg.det(q)[:, None, None]


def _blobs(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    eye, none = torch.eye(3), torch.zeros(3)
    k = floats([[50.0, 0.0, 32.0], [0.0, 50.0, 24.0], [0.0, 0.0, 1.0]])
    yield floats([[0.0, 0.0, 2.0]]), floats([[0.1, 0.1, 0.1]]), eye[None], eye, none, k  # a round one, ahead
    yield floats([[0.0, 0.0, 2.0]]), floats([[0.2, 0.1, 0.4]]), eye[None], eye, none, k
    yield floats([[0.5, -0.3, 2.0]]), floats([[0.1, 0.1, 0.4]]), eye[None], eye, none, k  # aside: z counts
    turn = floats([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    yield floats([[0.2, -0.3, 2.0]]), floats([[0.2, 0.1, 0.4]]), turn[None], eye, none, k
    wide = floats([[60.0, 0.0, 32.0], [0.0, 40.0, 24.0], [0.0, 0.0, 1.0]])  # pixels that are not square
    eye_at = floats([[2.0, -1.5, 1.0]])
    rotation, translation = (part[0] for part in look_at(eye_at, floats([[0.0, 0.1, 0.0]])))
    yield floats([[0.3, 0.2, -0.4]]), floats([[0.3, 0.1, 0.05]]), eye[None], rotation, translation, wide
    for number in (2, 3, 5, 8):
        at = 3 * torch.nn.functional.normalize(floats(rng.normal(size=3)), dim=0)
        rotation, translation = (
            part[0] for part in look_at(at[None], floats(rng.uniform(-0.3, 0.3, (1, 3))))
        )
        intrinsics = floats([[rng.uniform(40, 60), 0, 30], [0, rng.uniform(62, 80), 20], [0, 0, 1]])
        means = floats(rng.uniform(-0.6, 0.6, (number, 3)))
        scales = floats(np.exp(rng.uniform(-3.5, -0.8, (number, 3))))
        yield means, scales, _turned(rng, number), rotation, translation, intrinsics


EXERCISE = Exercise(
    "18.11",
    "A Gaussian's shadow",
    projected_covariance,
    _blobs,
    difficulty=3,
    minutes=15,
    hints=(
        "If y = A x and x has covariance Σ, then y has A Σ Aᵀ. So find the matrix A (N, 2, 3) that says "
        "how a small step in the world moves the pixel, and the Gaussian's own Σ (N, 3, 3).",
        "A small step goes through the camera's rotation first, then through the derivatives of "
        "u = f_x x / z + c_x and v = f_y y / z + c_y by x, y and z, at the mean in the camera's axes.",
        "The rows of J are (f_x / z, 0, -f_x x / z²) and (0, f_y / z, -f_y y / z²). With M = turns * "
        "scales_m[:, None], M Mᵀ is R S Sᵀ Rᵀ. At the end add 0.3 times torch.eye(2).",
    ),
    mistakes=MISTAKES,
)
