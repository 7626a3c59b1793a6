"""Weights `digits_vae`: a VAE of the 8 × 8 digits whose two latent numbers span a plane (S15.3).

Bernoulli likelihood: how bright a pixel is, is how often it is on.
"""

import torch
from torch import nn

from lecture_utils.data import digits
from lecture_utils.generative.autoencoder import AutoEncoder, Decoder, Encoder
from lecture_utils.generative.vae import VAE
from lecture_utils.recipes import _latent
from lecture_utils.training.loop import minibatches

STEPS = 3000


def encoder(outputs: int) -> Encoder:
    """From digits (B, 1, 8, 8) to numbers."""
    return Encoder(outputs, size=8, channels=1, widths=(32, 64))


def decoder(latent: int) -> Decoder:
    """From latent numbers to digits (B, 1, 8, 8)."""
    return Decoder(latent, size=8, channels=1, widths=(32, 64))


def build(latent: int = 2) -> VAE:
    """The model, untrained: (B, 1, 8, 8) → two latent numbers → (B, 1, 8, 8)."""
    return VAE(encoder(2 * latent), decoder(latent), likelihood="bernoulli")


def build_arm(arm: str, latent: int) -> nn.Module:
    """An untrained "auto-encoder" or "VAE" of Gaussian likelihood, with the same convolutions."""
    if arm == "auto-encoder":
        return AutoEncoder(encoder(latent), decoder(latent))
    return VAE(encoder(2 * latent), decoder(latent), deviation=0.2)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on the 1,197 training digits, 64 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    images, _ = digits.load(8, "train")
    batches = minibatches(images, images, batch_size=64, seed=seed)
    return _latent.trained(build(), _latent.negative_elbo(), seed, steps, "VAE of digits", batches=batches)


def evaluate(model: nn.Module) -> dict[str, float]:
    """Bound and its terms over the 300 test digits, in nats a picture."""
    assert isinstance(model, VAE)
    return _latent.bound_measures(model, digits.load(8, "test")[0], samples=64)
