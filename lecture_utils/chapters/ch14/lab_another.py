"""Chapter 14's lab, step 1: inputs for `lab_eyes.Sighted`, and a class of which a part is exchanged."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch14.lab_eyes import RATE, Sighted
from lecture_utils.chapters.ch14.solutions import llava_inputs
from lecture_utils.exercises.draws import Given, normal
from lecture_utils.multimodal.language_model import LanguageModel

__all__ = ["Another", "Project", "SmallModel", "worlds"]


class SmallModel(LanguageModel):
    """A small language model: equal to another of the same numbers."""

    def __init__(
        self, rng: np.random.Generator, vocabulary: int = 11, dim: int = 4, length: int = 24
    ) -> None:
        super().__init__(vocabulary, dim=dim, heads=2, layers=1, length=length)
        with torch.no_grad():
            for name, numbers in self.named_parameters():  # lively: what is read changes what comes next
                if numbers.ndim == 2:
                    numbers.copy_(normal(rng, *numbers.shape, scale=0.7))
                elif name.endswith("bias"):
                    numbers.copy_(normal(rng, *numbers.shape, scale=0.2))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            torch.equal(a, b) for a, b in zip(self.parameters(), other.parameters(), strict=True)
        )

    __hash__ = LanguageModel.__hash__

    def __repr__(self) -> str:
        return f"a small language model, {self.vocabulary} tokens of width {self.dim}"


class Project(Given):
    """What the eye saw (…, F) -> (…, D)."""

    def forward(self, grid: Tensor) -> Tensor:
        """Multiply by a matrix (D, F)."""
        return grid @ self.numbers.T


def worlds(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for texts, places, steps in ((1, 1, 1), (2, 2, 1), (3, 3, 2)):
        lm, project = SmallModel(rng), Project(normal(rng, 4, 3))
        batches = [_batch(rng, texts, places) for _ in range(steps)]
        length = torch.tensor(rng.permutation([5, *rng.integers(2, 5, texts - 1)]))
        prompts = torch.tensor(rng.integers(1, 11, (texts, 5)))
        prompts = prompts.masked_fill(torch.arange(5) >= length[:, None], 0)  # filled up on the right
        yield lm, project, normal(rng, places, 4), batches, prompts, length


def _batch(rng: np.random.Generator, texts: int, places: int) -> tuple[Tensor, Tensor, Tensor]:
    ids, answer = torch.zeros(texts, 6, dtype=torch.long), torch.zeros(texts, 6, dtype=torch.bool)
    for row in range(texts):
        begin = int(rng.integers(2, 5))
        ids[row, : begin + 1] = torch.tensor(rng.integers(1, 11, begin + 1))
        answer[row, begin] = True
    return normal(rng, texts, places, 3, scale=1.5), ids, answer


class Another(Sighted):
    """Eyes in parts, of which one is exchanged."""

    def __init__(self, lm: LanguageModel, projection: nn.Module, places: nn.Parameter) -> None:
        self.lm, self.projection, self.places = lm, projection, places
        lm.requires_grad_(self.lm_learns())
        self.optimizer = self.adam()

    def lm_learns(self) -> bool:
        return False

    def learned(self) -> list[nn.Parameter]:
        return [*self.projection.parameters(), self.places]

    def adam(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.learned(), lr=RATE)

    def image(self, grid: Tensor) -> Tensor:
        return self.projection(grid) + self.places

    def inputs(self, grid: Tensor, ids: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
        return llava_inputs(self.image(grid), self.lm.token, ids, answer)

    def read(self, grid: Tensor, ids: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
        x, target = self.inputs(grid, ids, answer)
        return self.lm.from_embeddings(x), target

    def loss(self, grid: Tensor, ids: Tensor, answer: Tensor) -> Tensor:
        logits, target = self.read(grid, ids, answer)
        return F.cross_entropy(logits.flatten(0, 1), target.flatten())

    def walk(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def step(self, grid: Tensor, ids: Tensor, answer: Tensor) -> float:
        loss = self.loss(grid, ids, answer)
        self.walk(loss)
        return loss.item()

    def last(self, length: Tensor) -> Tensor:
        return len(self.places) + length - 1

    @torch.no_grad()
    def answer(self, grid: Tensor, ids: Tensor, length: Tensor) -> Tensor:
        logits, _ = self.read(grid, ids, torch.zeros_like(ids, dtype=torch.bool))
        return logits[torch.arange(len(ids)), self.last(length)].argmax(-1)
