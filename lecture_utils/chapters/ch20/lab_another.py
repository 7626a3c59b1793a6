"""Chapter 20's lab, step 1: inputs on which a `Fit` is tried, and a fit with one part to be exchanged."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch20.clicks import Clicks
from lecture_utils.chapters.ch20.draws import tree, weights_of
from lecture_utils.chapters.ch20.fitting_solutions import data_term, gmm_prior, place
from lecture_utils.chapters.ch20.lab_fit import Fit, Mixture, Skeleton, stance
from lecture_utils.exercises.draws import floats

__all__ = ["Another", "fits"]


def _scene(rng: np.random.Generator, joints: int) -> tuple[Skeleton, Clicks, Mixture]:
    """A small skeleton, where it was seen, and what poses it likes."""
    at_rest = floats(rng.uniform(-0.6, 0.6, (joints, 3)))
    skeleton = Skeleton(at_rest, floats(rng.normal(scale=0.05, size=(joints, 3, 10))), tree(rng, joints))
    k = floats([[400.0, 0, 160], [0, 400, 120], [0, 0, 1]])
    seen = (at_rest * floats([1.0, -1, -1]) + floats([0.3, -0.2, 3.5])) @ k.T
    pixels = seen[:, :2] / seen[:, 2:] + floats(rng.normal(scale=12, size=(joints, 2)))
    confidence = floats(rng.uniform(0.3, 1, joints))
    pixels[-1], confidence[-1] = torch.nan, 0.0
    numbers, parts = 3 * (joints - 1), 2
    half = rng.normal(size=(parts, numbers, numbers))
    precisions = floats(half @ half.transpose(0, 2, 1) / numbers + np.eye(numbers))
    prior = Mixture(
        floats(rng.normal(scale=0.4, size=(parts, numbers))), precisions, weights_of(rng, 1, parts)[0]
    )
    return skeleton, Clicks(pixels, confidence, k, torch.tensor([[0, 1]])), prior


def fits(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for joints, turn, weights in (
        (3, 0.0, ()),  # how it begins
        (3, 70.0, ()),
        (3, -60.0, (1.0,)),
        (4, 150.0, (20.0, 3.0)),
    ):
        yield *_scene(rng, joints), turn, weights


class Another(Fit):
    """The fit with one part exchanged."""

    rate = 0.02

    def __init__(self, skeleton: Skeleton, clicks: Clicks, prior: Mixture, turn_deg: float) -> None:
        self.skeleton, self.clicks, self.prior = skeleton, clicks, prior
        self.pose = torch.cat([self.root(turn_deg)[None], self.mean().view(-1, 3)])
        self.shape = torch.zeros(10)
        self.translation = self.where()
        for numbers in (self.pose, self.shape, self.translation):
            numbers.requires_grad_()
        self.optimizer = self.adam()

    def root(self, turn_deg: float) -> Tensor:
        return stance(turn_deg)

    def mean(self) -> Tensor:
        return self.prior.weights @ self.prior.means

    def where(self) -> Tensor:
        return place(self.skeleton(self.shape, self.pose), *self.clicks)[0]

    def learned(self) -> list[Tensor]:
        return [self.pose, self.shape, self.translation]

    def adam(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.learned(), lr=self.rate)

    def data(self) -> Tensor:
        return data_term(self.projected(), self.clicks.pixels, self.clicks.confidence, 50.0)

    def unlikely(self) -> Tensor:
        return gmm_prior(self.pose[None, 1:].flatten(1), *self.prior)[0] + self.shape.square().sum()

    def energy(self, weight: float) -> Tensor:
        return self.data() + weight * self.unlikely()

    def step(self, weight: float) -> float:
        energy = self.energy(weight)
        self.optimizer.zero_grad()
        energy.backward()
        self.optimizer.step()
        return energy.item()
