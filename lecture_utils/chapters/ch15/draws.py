"""Chapter 15: small models by a rule, for the inputs on which exercises are tried."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.exercises.draws import Given

__all__ = ["Certain", "Random", "Translator"]


class Certain:
    """After the pixels so far (in the order of rows) comes a level that they settle."""

    def __init__(self, weights: Iterable[int], levels: int) -> None:
        self.weights, self.levels = tuple(int(w) for w in weights), levels
        self.shown = torch.zeros(1)  # what it was shown last

    def __call__(self, image: Tensor) -> Tensor:
        """Logits (n, L, 1, S, S) of each pixel, made of those before it."""
        self.look(image)
        flat = image.flatten(1)  # (n, S · S)
        weights = torch.tensor(self.weights)[: flat.shape[1]]
        weighed = (flat * weights).cumsum(1).roll(1, 1)
        weighed[:, 0] = 0
        level = (weighed + weights) % self.levels
        return 60 * F.one_hot(level, self.levels).movedim(-1, 1).unflatten(2, image.shape[1:]).float()

    def look(self, image: Tensor) -> None:
        """Remember it, if these are pictures of levels."""
        if image.ndim != 4 or image.shape[1] != 1 or image.is_floating_point():
            got = f"shape {tuple(image.shape)} of {image.dtype}"
            raise ValueError(f"image: got {got}, want (n, 1, S, S) int64")
        self.shown = image.clone()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and (self.weights, self.levels) == (other.weights, other.levels)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"a model whose {self.levels} levels follow from the pixels before"


class Random(Certain):
    """A pixel's level tends to be the one before it, or the next: its weights say how much."""

    def __call__(self, image: Tensor) -> Tensor:
        """Logits (n, L, 1, S, S)."""
        self.look(image)
        before = image.flatten(1).roll(1, 1)
        before[:, 0] = 0
        near = 1.2 * F.one_hot(before, self.levels) - 0.7 * F.one_hot((before + 1) % self.levels, self.levels)
        logits = near + torch.tensor(self.weights[: self.levels]) / 10
        return logits.movedim(-1, 1).unflatten(2, image.shape[1:])

    def __repr__(self) -> str:
        return f"a model that leaves {self.levels} levels open"


class Translator(Given):
    """Pictures to pictures: a number times each value, and a curve."""

    def forward(self, x: Tensor) -> Tensor:
        """Multiply, bend, and move."""
        return (self.numbers[0] * x).tanh() + self.numbers[1] * x + self.numbers[2]

    def __repr__(self) -> str:
        a, b, c = self.numbers.tolist()
        return f"x -> tanh({a:.1f} x) + {b:.1f} x + {c:.1f}"
