"""Weights `shapes_vae`: a variational auto-encoder of the narrow world, 32 numbers a picture (S15.3).

Gaussian likelihood with deviation 0.2, beta 1. Nets, pictures, steps and optimiser are those of `shapes_ae`.
"""

import torch
from torch import nn

from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.generative.vae import VAE
from lecture_utils.recipes import _latent

STEPS = 7000
build = _latent.build_vae


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh pictures, 32 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    return _latent.trained(build(), _latent.negative_elbo(), seed, steps, "VAE")


def evaluate(model: nn.Module) -> dict[str, float]:
    """PSNR, bound and its terms of 1,000 test pictures, and what becomes of 1,000 draws from the prior."""
    assert isinstance(model, VAE)
    x = captioned(1000, seed=0, split="test").image
    pool, fresh = (
        captioned(1000, seed=seed, split=split).image for seed, split in ((0, "train"), (1, "test"))
    )
    return (
        {"psnr": _latent.reconstruction_psnr(model, x)}
        | _latent.bound_measures(model, x[:300])
        | _latent.sample_measures(model.sample(1000, seed=1), pool, fresh)
    )
