"""Weights `shapes_ae`: a convolutional auto-encoder of the narrow world, 32 numbers a picture (S15.2).

Nets, pictures, steps and optimiser are those of `shapes_vae`; the loss is the squared error alone.
"""

import torch
from torch import nn

from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.recipes import _latent

STEPS = 7000
build = _latent.build_autoencoder


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh pictures, 32 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    return _latent.trained(build(), _latent.squared_error, seed, steps, "auto-encoder")


def evaluate(model: nn.Module) -> dict[str, float]:
    """PSNR of 1,000 test pictures, and what its decoder makes of N(0, I) and of fitted noise."""
    x = captioned(1000, seed=0, split="test").image
    pool, fresh = (
        captioned(1000, seed=seed, split=split).image for seed, split in ((0, "train"), (1, "test"))
    )
    z = _latent.codes(model, pool)
    standard = _latent.decoded(model, _latent.standard_noise(1000, z.shape[1], 1))
    fitted = _latent.decoded(model, _latent.fitted_noise(z, 1000, 1))
    return (
        {"psnr": _latent.reconstruction_psnr(model, x)}
        | _latent.sample_measures(standard, pool, fresh)
        | {f"fitted_{name}": value for name, value in _latent.sample_measures(fitted, pool, fresh).items()
           if "real" not in name}
    )  # fmt: skip
