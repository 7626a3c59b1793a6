"""Random numbers for the inputs on which exercises are tried, parts made of them, and gradients of losses."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Given", "floats", "normal", "unit", "with_gradients"]


class Given(nn.Module):
    """A part that is given: equal to another of the same numbers."""

    def __init__(self, numbers: Tensor) -> None:
        super().__init__()
        self.numbers = nn.Parameter(numbers.clone())

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and torch.equal(self.numbers, other.numbers)

    __hash__ = nn.Module.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}{tuple(self.numbers.shape)}"


def floats(numbers: Any) -> Tensor:
    """Make a tensor of single precision."""
    return torch.tensor(numbers, dtype=torch.float32)


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Tensor:
    """Draw normal numbers."""
    return floats(rng.normal(size=shape) * scale)


def unit(rng: np.random.Generator, *shape: int) -> Tensor:
    """Draw embeddings of unit length along the last axis."""
    return F.normalize(normal(rng, *shape), dim=-1)


def with_gradients(loss: Callable[..., Any], given: Sequence[Any], of: Sequence[int]) -> Any:
    """A loss, and its gradients by some of its arguments, along which a training goes."""
    given = [x.clone().requires_grad_() if i in of else x for i, x in enumerate(given)]
    made = loss(*given)
    if not isinstance(made, Tensor) or not made.is_floating_point():
        return made
    by = [given[i] for i in of]
    gradients = [torch.zeros_like(x) for x in by]
    if made.requires_grad:
        found = torch.autograd.grad(made.sum(), by, allow_unused=True)
        gradients = [zero if g is None else g for g, zero in zip(found, gradients, strict=True)]
    return {"loss": made.detach(), "gradients": gradients}
