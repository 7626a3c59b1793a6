"""Chapter 18, step 1 of the lab: Gaussians on points (reference: `lab.Cloud`).

Shapes: P points or Gaussians.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch18.lab import Cloud
from lecture_utils.chapters.ch18.tasks.lab_cloud_mistakes import MISTAKES
from lecture_utils.exercises.exercise import Exercise

__all__ = ["STEP_1", "use_cloud"]


_PIXELS = torch.cartesian_prod(torch.linspace(-0.5, 0.5, 3), torch.linspace(-0.6, 0.6, 4))  # (12, 2)


def _easy_render(means: Tensor, scales: Tensor, opacities: Tensor, colours: Tensor, axis: int) -> Tensor:
    """A stand-in that is fast: balls seen along one axis of the world, none before the other, (3, 3, 4)."""
    seen = means[:, [k for k in range(3) if k != axis]]  # (P, 2)
    distance = (_PIXELS[:, None] - seen).square().sum(-1)
    alphas = opacities * torch.exp(-distance / (2 * scales**2 + 0.02))  # (12, P)
    return ((alphas @ colours + 0.1) / (alphas.sum(1, keepdim=True) + 0.2)).T.reshape(3, 3, 4)


def use_cloud(cloud: Any, points: Tensor, colours: Tensor, steps: int) -> list[Any]:
    """Build a cloud, and give what it is before and after so many steps, and the losses on the way."""
    made = cloud(points, colours)
    target = torch.linspace(0.15, 0.85, 36).view(3, 3, 4)
    seen, losses = [_detached(made.values())], []
    for step in range(steps):
        picture = target if step % 2 else target.flip(2)
        losses.append(float(made.step(partial(_easy_render, axis=step % 3), picture)))
        seen.append(_detached(made.values()))
    return [*seen, losses]


def _detached(values: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(part.detach().clone() for part in values)


def _points(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    four = torch.tensor([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0], [0.0, 0.4, 0.0], [0.0, 0.0, 0.6]])
    colours = torch.tensor([[0.9, 0.2, 0.1], [0.2, 0.8, 0.3], [0.1, 0.3, 0.9], [0.6, 0.6, 0.2]])
    yield four, colours, 0
    yield four[[0, 1, 2, 3, 0, 0, 0]], colours[[0, 1, 2, 3, 0, 1, 2]], 0  # four points in one place
    yield four, colours, 1
    yield four, colours, 3
    for number, steps in ((5, 0), (6, 2), (9, 3)):
        drawn = rng.uniform(-0.5, 0.5, (number, 3)), rng.uniform(0.1, 0.9, (number, 3))
        yield *(torch.tensor(numbers, dtype=torch.float32) for numbers in drawn), steps


STEP_1 = Exercise(
    "18.L1",
    "Gaussians on the points",
    Cloud,
    _points,
    difficulty=3,
    minutes=15,
    hints=(
        "Four tensors are learned, and each needs requires_grad_(): copies of points and colours, the log "
        "of the sizes, for each Gaussian the logit of 0.1. `values` undoes log and logit: exp, sigmoid.",
        "torch.cdist(points, points) holds all distances, (P, P). Of each row topk(4, largest=False).values "
        "are the four smallest, the first of which is the point to itself.",
        'torch.optim.Adam takes a list of {"params": [tensor], "lr": rate}, and is made once, in '
        "__init__. A step renders *self.values(), and then: zero_grad, backward, the optimiser's step.",
    ),
    mistakes=MISTAKES,
    use=use_cloud,
)
