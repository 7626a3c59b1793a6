"""Chapter 15's lab, step 1: a VAE of black-and-white digits, written from its bound.

D. Kingma, M. Welling, "Auto-Encoding Variational Bayes", ICLR 2014: algorithm 1 with one point a picture,
and the Bernoulli decoder of appendix C. A pixel is on or off, so that what the decoder gives is a probability
and no density, and a picture's log-likelihood is a number of nats below 0.

Shapes: B pictures, K points for each, Z latent numbers, S side of the picture.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch15.solutions import draw_latent, importance_log_likelihood
from lecture_utils.data import digits
from lecture_utils.generative.elbo import normal_log_density

__all__ = ["BAR", "LATENT", "STEPS", "DigitVAE", "batches", "blind", "bound", "held_out", "parts", "use_vae"]

RATE, LATENT, WIDTH, BATCH = 0.002, 8, 128, 64
STEPS, BAR = 1500, -20.5  # how long the notebook trains, and the bound in nats that it should reach


class DigitVAE:
    """A VAE of black-and-white pictures x (B, 1, S, S), whose pixels are 0 or 1.

    `encoder(x)` gives (B, 2 Z): the means of each picture's cloud and the logarithms of its variances, side
    by side. `decoder(z)` gives logits (B, 1, S, S): a pixel is on with the probability sigmoid(logit). An
    Adam with a rate of 0.002 holds the weights of both.
    """

    optimizer: torch.optim.Optimizer  # not shown

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        self.encoder, self.decoder = encoder, decoder
        self.optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.002)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) of each picture, (B,) nats, summed over its pixels."""
        bits = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="none")
        return -bits.flatten(1).sum(1)

    def elbo(self, x: Tensor, noise: Tensor) -> Tensor:
        """The bound of each picture, (B,) nats, by one point of its cloud, made of `noise` (B, Z)."""
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        z, kl = draw_latent(mean, log_var, noise)
        return self.log_likelihood(x, z) - kl

    def step(self, x: Tensor, noise: Tensor) -> float:
        """Make one step that raises the mean bound; return the loss before it, minus the mean bound."""
        loss = -self.elbo(x, noise).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def sample(self, noise: Tensor) -> Tensor:
        """Decode draws (B, Z) from the prior: the probability that each pixel is on, (B, 1, S, S)."""
        return self.decoder(noise).sigmoid()

    @torch.no_grad()
    def evidence(self, x: Tensor, noise: Tensor) -> Tensor:
        """log p(x) of each picture, (B,) nats, by K points of its cloud, made of `noise` (K, B, Z).

        `normal_log_density(z, mean, log_var)` gives the log density of each z in a Gaussian.
        """
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        z = mean + (log_var / 2).exp() * noise  # (K, B, Z)
        zero = torch.zeros_like(mean)  # mean and log variance of the prior
        log_joint = normal_log_density(z, zero, zero) + torch.stack([self.log_likelihood(x, k) for k in z])
        return importance_log_likelihood(log_joint, normal_log_density(z, mean, log_var))


def use_vae(
    vae: Any,
    encoder: Any,
    decoder: Any,
    batches: list[tuple[Tensor, Tensor]],
    drawn: Tensor,
    many: Tensor,
) -> Any:
    """Its bound at the start, losses and weights step by step, and then samples and evidence."""
    made = vae(encoder, decoder)
    told: dict[str, Any] = {"elbo at the start": _of(made.elbo(*batches[0]))}
    for number, batch in enumerate(batches, start=1):
        told[f"loss of step {number}"] = float(made.step(*batch))
        told[f"encoder after step {number}"] = encoder.numbers.detach().clone()
        told[f"decoder after step {number}"] = decoder.numbers.detach().clone()
    told["samples"] = _of(made.sample(drawn))
    return told | {"evidence": _of(made.evidence(batches[0][0], many))}


def _of(made: Any) -> Any:
    return made.detach().clone() if isinstance(made, Tensor) else made


# --- what the notebook trains and measures ------------------------------------------------------------
@lru_cache(maxsize=3)
def held_out(split: str = "val") -> Tensor:
    """Digits in black and white, (N, 1, 8, 8): on is what has half of the ink or more."""
    return (digits.load(8, split)[0] >= 0.5).float()


def batches(seed: int, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield training digits (B, 1, 8, 8) and noise (B, Z)."""
    images, generator = held_out("train"), torch.Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randint(len(images), (BATCH,), generator=generator)
        yield images[rows], torch.randn(BATCH, LATENT, generator=generator)


def parts(seed: int, latent: int = LATENT) -> tuple[nn.Module, nn.Module]:
    """Return an encoder and a decoder of 8 × 8 digits, both untrained."""
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, WIDTH), nn.SiLU(), nn.Linear(WIDTH, 2 * latent))
    decoder = nn.Sequential(
        nn.Linear(latent, WIDTH), nn.SiLU(), nn.Linear(WIDTH, 64), nn.Unflatten(1, (1, 8, 8))
    )
    return encoder, decoder


@torch.no_grad()
def bound(vae: Any, split: str = "val", *, points: int = 5) -> float:
    """Mean bound of the digits of a split in nats, over some points of each cloud."""
    x, generator = held_out(split), torch.Generator().manual_seed(0)
    noise = torch.randn(points, len(x), LATENT, generator=generator)
    return float(torch.stack([vae.elbo(x, one).mean() for one in noise]).mean())


def blind(split: str = "val") -> float:
    """Mean log-likelihood in nats where each pixel is on as often as in training, whatever the others are."""
    p = held_out("train").mean(0).clamp(1e-3, 1 - 1e-3)
    x = held_out(split)
    return float((x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1).mean())
