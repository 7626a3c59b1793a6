"""Chapter 16: schedules and a small network by a rule, for the inputs on which exercises are tried."""

import numpy as np
import torch
from torch import Tensor

from lecture_utils.exercises.draws import Given

__all__ = ["Guess", "schedule"]


def schedule(rng: np.random.Generator, steps: int) -> tuple[Tensor, Tensor]:
    """Draw β_0 … β_T and ᾱ_0 … ᾱ_T, (T + 1,) float64 each, with β_0 = 0 and ᾱ_0 = 1; no two β are near."""
    drawn = rng.permutation(np.linspace(0.1, 0.5, steps)) + rng.uniform(0, 0.02, steps)
    beta = torch.tensor(np.concatenate([[0.0], drawn]))
    return beta, (1 - beta).cumprod(0)


class Guess(Given):
    """x_t and t to a guess of the noise; remembers what it was shown, and what it said."""

    x: Tensor | None = None
    t: Tensor
    said: Tensor

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Multiply, bend, and go by the step."""
        if not isinstance(t, Tensor) or t.dtype != torch.int64 or t.shape != x.shape[:1]:
            got = f"{t.dtype} of shape {tuple(t.shape)}" if isinstance(t, Tensor) else type(t).__name__
            raise ValueError(f"t: got {got}, want a tensor of int64, one for each of {len(x)} pictures")
        a, b, c = self.numbers.unbind()
        step = t.to(x).view(-1, *[1] * (x.ndim - 1))
        said = a * x + (b * x).tanh() + c * step
        self.x, self.t, self.said = x.detach(), t.clone(), said.detach()
        return said

    def __repr__(self) -> str:
        a, b, c = self.numbers.tolist()
        return f"x, t -> {a:.1f} x + tanh({b:.1f} x) + {c:.1f} t"
