"""Chapter 13's lab, step 1: inputs for `lab_towers.TwoTowers`, and towers of which a part is exchanged."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch13.lab_towers import TwoTowers
from lecture_utils.exercises.draws import Given, floats, normal

__all__ = ["Another", "worlds"]


class Look(Given):
    """Pictures (B, 3, 2, 2) -> features (B, F)."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.tanh(images.flatten(1) @ self.numbers.T)


class Read(Given):
    """Token ids (B, L) -> features (B, G)."""

    def forward(self, ids: Tensor) -> Tensor:
        return self.numbers[ids].mean(1)


class Project(Given):
    """Features -> (B, D)."""

    def forward(self, features: Tensor) -> Tensor:
        return features @ self.numbers.T


def worlds(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for pairs, steps, dim, scale in ((2, 1, 2, None), (3, 2, 4, None), (4, 2, 3, 8.0)):
        look, read = Look(normal(rng, 5, 12, scale=0.5)), Read(normal(rng, 6, 4))
        parts = look, read, Project(normal(rng, dim, 5)), Project(normal(rng, dim, 4))
        batches = [_batch(rng, pairs) for _ in range(steps)]
        yield *parts, batches, torch.tensor(rng.integers(0, 6, (3, 2, 3))), scale
    for steps in (2,):  # a scale of 100 that would like to be larger
        angles = [[math.cos(a), math.sin(a)] for a in (0.1, 0.24)]
        look, read = Look(torch.eye(12)), Read(floats(angles))
        images = torch.zeros(2, 12)
        images[:, :2] = torch.atanh(floats(angles) / 2)
        one = images.unflatten(1, (3, 2, 2)), torch.tensor([[0], [1]])
        parts = look, read, Project(torch.eye(12)[:2]), Project(torch.eye(2))
        yield *parts, [one] * steps, torch.tensor([[[1], [1]], [[0], [0]]]), 100.0


def _batch(rng: np.random.Generator, pairs: int) -> tuple[Tensor, Tensor]:
    return normal(rng, pairs, 3, 2, 2), torch.tensor(rng.integers(0, 6, (pairs, 3)))


class Another(TwoTowers):
    """Two towers in parts, of which one is exchanged."""

    def __init__(self, *given: nn.Module) -> None:
        super().__init__(*given)
        self.log_scale = nn.Parameter(torch.tensor(self.first()))
        self.optimizer = self.adam()

    def first(self) -> float:
        return math.log(1 / 0.07)

    def parts(self) -> list[nn.Module]:
        return [self.image_encoder, self.text_encoder, self.image_projection, self.text_projection]

    def learned(self) -> list[nn.Parameter]:
        return [numbers for part in self.parts() for numbers in part.parameters()] + [self.log_scale]

    def adam(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.learned(), lr=0.003)

    def unit(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=-1)

    def embed_images(self, images: Tensor) -> Tensor:
        return self.unit(self.image_projection(self.image_encoder(images)))

    def embed_texts(self, ids: Tensor) -> Tensor:
        return self.unit(self.text_projection(self.text_encoder(ids)))

    def loss(self, images: Tensor, ids: Tensor) -> Tensor:
        logits = self.log_scale.exp() * self.embed_images(images) @ self.embed_texts(ids).T
        return self.sides(logits)

    def sides(self, logits: Tensor) -> Tensor:
        right = torch.arange(len(logits))
        return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2

    def walk(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def hold(self) -> None:
        self.log_scale.data.clamp_(max=math.log(100))

    def step(self, images: Tensor, ids: Tensor) -> float:
        loss = self.loss(images, ids)
        self.walk(loss)
        self.hold()
        return loss.item()
