"""Chapter 15's lab, step 2: a VAE whose loss falls, and whose latent numbers say nothing.

S. Bowman, L. Vilnis, O. Vinyals, A. Dai, R. Jozefowicz, S. Bengio, "Generating Sentences from a Continuous
Space", CoNLL 2016: the divergence collapses to 0, and a weight that rises from 0 to 1 (section 3.1) helps a
model over the start. A colleague has written that down. In training the loss fell, and no error was raised.

Shapes: B pictures, Z latent numbers, S side of the picture.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch15.lab_vae import LATENT, RATE, STEPS, batches, held_out, parts
from lecture_utils.chapters.ch15.solutions import draw_latent

__all__ = ["ACTIVE", "WARM_UP", "Loss", "Symptoms", "Trained", "symptoms", "trained", "training_loss",
           "training_loss_faulty"]  # fmt: skip

Loss = Callable[[Tensor, Tensor, Tensor, int], Tensor]
WARM_UP = 300
ACTIVE = 0.1  # a latent number that costs less, in nats, tells next to nothing about its picture


def training_loss_faulty(logits: Tensor, x: Tensor, kl: Tensor, step: int, most: float = 1.0) -> Tensor:
    """What a step makes small: minus the bound in the mean over the batch, a scalar.

    `logits` and `x` (B, 1, S, S) are what was decoded and the pictures, `kl` (B,) their clouds' divergences.
    In the first 300 steps the weight of the divergence rises in a straight line from 0 to `most`, and there
    it stays.
    """
    reconstruction = F.binary_cross_entropy_with_logits(logits, x)
    weight = most * step / 300
    return reconstruction + weight * kl.mean()


def training_loss(logits: Tensor, x: Tensor, kl: Tensor, step: int, most: float = 1.0) -> Tensor:
    """What a step makes small: minus the bound in the mean over the batch, a scalar.

    `logits` and `x` (B, 1, S, S) are what was decoded and the pictures, `kl` (B,) their clouds' divergences.
    In the first 300 steps the weight of the divergence rises in a straight line from 0 to `most`, and there
    it stays.
    """
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    weight = most * min(1.0, step / 300)
    return reconstruction + weight * kl.mean()


class Trained(NamedTuple):
    """An encoder and a decoder, the losses of the training, and after which step how much clouds cost.

    Attributes
    ----------
    losses : list of float
        One a step.
    cost : list of (int, float)
        Steps made so far, and the divergence on validation digits in nats.
    """

    encoder: nn.Module
    decoder: nn.Module
    losses: list[float]
    cost: list[tuple[int, float]]


def trained(loss: Callable[..., Tensor], seed: int = 0, *, steps: int = STEPS, most: float = 1.0) -> Trained:
    """Train a VAE of black-and-white digits by a loss."""
    encoder, decoder = parts(seed)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=RATE)
    made = Trained(encoder, decoder, [], [])
    for step, (x, noise) in enumerate(batches(seed, steps)):
        mean, log_var = encoder(x).chunk(2, dim=1)
        z, kl = draw_latent(mean, log_var, noise)
        cost = loss(decoder(z), x, kl, step, most)
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        made.losses.append(cost.item())
        if (step + 1) % 100 == 0:
            made.cost.append((step + 1, sum(symptoms(made).kl)))
    return made


class Symptoms(NamedTuple):
    """What can be measured on a trained VAE, over the digits of a split, in nats a picture.

    Attributes
    ----------
    kl : list of float
        What each latent number costs.
    log_likelihood, exchanged : float
        How well pictures are decoded from their own z, and from that of another picture.
    active : int
        How many latent numbers cost more than a tenth of a nat.
    elbo : float
        The bound: the log-likelihood minus all that latent numbers cost.
    """

    kl: list[float]
    log_likelihood: float
    exchanged: float
    active: int
    elbo: float


@torch.no_grad()
def symptoms(its: Trained, split: str = "val") -> Symptoms:
    """Measure a VAE, by one point of each cloud."""
    x, generator = held_out(split), torch.Generator().manual_seed(0)
    mean, log_var = its.encoder(x).chunk(2, dim=1)
    kl = ((mean.square() + log_var.exp() - 1 - log_var) / 2).mean(0)  # (Z,)
    z = mean + (log_var / 2).exp() * torch.randn(len(x), LATENT, generator=generator)

    def right(z: Tensor) -> float:
        each = F.binary_cross_entropy_with_logits(its.decoder(z), x, reduction="none")
        return -float(each.flatten(1).sum(1).mean())

    own = right(z)
    active = int((kl > ACTIVE).sum())
    return Symptoms(kl.tolist(), own, right(z.roll(len(z) // 2, 0)), active, own - float(kl.sum()))
