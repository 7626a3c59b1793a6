"""Chapter 18, step 1 of the lab: a cloud of which any part can be exchanged, for the usual mistakes.

Shapes: P points or Gaussians.
"""

import torch
from torch import Tensor

from lecture_utils.chapters.ch18.lab import Cloud, Render


class Another(Cloud):
    """The cloud with one part exchanged."""

    rates: tuple[float, ...] = (0.002, 0.01, 0.05, 0.01)

    def __init__(self, points: Tensor, colours: Tensor) -> None:
        self.means, self.colours = points.clone().requires_grad_(), colours.clone().requires_grad_()
        self.log_scales = self.begin(torch.cdist(points, points)).clamp(min=1e-4).log().requires_grad_()
        self.logits = self.opacity(len(points)).requires_grad_()
        self.optimizer = self.adam()

    def begin(self, distances: Tensor) -> Tensor:
        return distances.topk(4, largest=False).values[:, 1:].square().mean(1).sqrt()

    def opacity(self, number: int) -> Tensor:
        return torch.full((number,), 0.1).logit()

    def adam(self) -> torch.optim.Optimizer:
        learned = (self.means, self.log_scales, self.logits, self.colours)
        return torch.optim.Adam(
            [{"params": [numbers], "lr": rate} for numbers, rate in zip(learned, self.rates, strict=True)]
        )

    def loss(self, image: Tensor, picture: Tensor) -> Tensor:
        return (image - picture).abs().mean()

    def step(self, render: Render, picture: Tensor) -> float:
        loss = self.loss(render(*self.values()), picture)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()
