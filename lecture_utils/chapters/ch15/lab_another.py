"""Chapter 15's lab, step 1: inputs for `lab_vae.DigitVAE`, and a class of which a part is exchanged."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch15.lab_vae import RATE, DigitVAE
from lecture_utils.chapters.ch15.solutions import draw_latent, importance_log_likelihood
from lecture_utils.exercises.draws import Given, normal
from lecture_utils.generative.elbo import normal_log_density

__all__ = ["Another", "Decode", "Encode", "nets"]


class Encode(Given):
    """Pictures (B, 1, S, S) -> (B, 2 Z), by a matrix."""

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by a matrix (2 Z, S · S), and move."""
        return x.flatten(1) @ self.numbers.T + 0.3


class Decode(Given):
    """Latent numbers (B, Z) -> logits (B, 1, S, S)."""

    def forward(self, z: Tensor) -> Tensor:
        """Multiply by a matrix (Z, S · S), and move."""
        side = int(self.numbers.shape[1] ** 0.5)
        return (z @ self.numbers - 0.2).unflatten(-1, (1, side, side))


def nets(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for pictures, side, latent, points, steps in ((1, 1, 1, 1, 1), (2, 2, 2, 2, 1), (3, 2, 2, 3, 3)):
        pixels = side * side

        def batch(b: int = pictures, s: int = side, z: int = latent) -> tuple[Tensor, Tensor]:
            x = torch.tensor(rng.integers(0, 2, (b, 1, s, s)), dtype=torch.float32)
            return x, normal(rng, b, z)

        encoder = Encode(normal(rng, 2 * latent, pixels, scale=0.6))
        decoder = Decode(normal(rng, latent, pixels))
        noise = normal(rng, 2, latent), normal(rng, points, pictures, latent)
        yield encoder, decoder, [batch() for _ in range(steps)], *noise


class Another(DigitVAE):
    """A VAE in parts, of which one is exchanged."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        self.encoder, self.decoder = encoder, decoder
        self.optimizer = self.adam()

    def learned(self) -> list[nn.Parameter]:
        return [*self.encoder.parameters(), *self.decoder.parameters()]

    def adam(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.learned(), lr=RATE)

    def cloud(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        return mean, log_var

    def cost(self, logits: Tensor, x: Tensor) -> Tensor:
        """Of each pixel."""
        return F.binary_cross_entropy_with_logits(logits, x, reduction="none")

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return -self.cost(self.decoder(z), x).flatten(1).sum(1)

    def point(self, mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        return draw_latent(mean, log_var, noise)

    def together(self, log_likelihood: Tensor, kl: Tensor) -> Tensor:
        return log_likelihood - kl

    def elbo(self, x: Tensor, noise: Tensor) -> Tensor:
        z, kl = self.point(*self.cloud(x), noise)
        return self.together(self.log_likelihood(x, z), kl)

    def loss(self, x: Tensor, noise: Tensor) -> Tensor:
        return -self.elbo(x, noise).mean()

    def walk(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def step(self, x: Tensor, noise: Tensor) -> float:
        loss = self.loss(x, noise)
        self.walk(loss)
        return loss.item()

    def prior(self, z: Tensor, zero: Tensor) -> Tensor:
        return normal_log_density(z, zero, zero)

    def posterior(self, z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
        return normal_log_density(z, mean, log_var)

    def estimate(self, log_joint: Tensor, log_posterior: Tensor) -> Tensor:
        return importance_log_likelihood(log_joint, log_posterior)

    @torch.no_grad()
    def evidence(self, x: Tensor, noise: Tensor) -> Tensor:
        mean, log_var = self.cloud(x)
        z = mean + (log_var / 2).exp() * noise  # (K, B, Z)
        likelihood = torch.stack([self.log_likelihood(x, one) for one in z])
        log_joint = likelihood + self.prior(z, torch.zeros_like(mean))
        return self.estimate(log_joint, self.posterior(z, mean, log_var))
