"""Weights `shapes_kl_ae`: the auto-encoder of latent diffusion, 32 × 32 pixels as maps 8 × 8 × 4 (S16.3).

Trained on fresh pictures of the narrow world; at the end its scale is measured, so that codes have deviation
1.
"""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.generative.diffusion.kl_autoencoder import KLAutoEncoder, losses
from lecture_utils.metrics.psnr import psnr
from lecture_utils.recipes._judged import conditional_accuracy, fidelity
from lecture_utils.training.one_cycle import one_cycle

STEPS, BATCH, RATE, PORTION = 2000, 32, 3e-3, 3200
CODE, MEASURED = (4, 8, 8), 1000


def build() -> KLAutoEncoder:
    """The auto-encoder, untrained: pictures (B, 3, 32, 32) in [0, 1] ↔ codes (B, 4, 8, 8)."""
    return KLAutoEncoder(3, (40, 64), latent=CODE[0])


def fresh_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of pictures (B, 3, 32, 32) that never repeat, and noise for their codes (B, 4, 8, 8)."""
    draw = torch.Generator().manual_seed(seed)
    for portion in itertools.count(1000 * seed):
        for x in captioned(PORTION, seed=portion).image.split(BATCH):
            yield x, torch.randn(len(x), *CODE, generator=draw)


def rebuilding(model: nn.Module, x: Tensor, noise: Tensor) -> Tensor:
    """The loss of a batch."""
    assert isinstance(model, KLAutoEncoder)
    return losses(model, x, noise).total


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train by one cycle of AdamW, 32 pictures a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.0, betas=(0.9, 0.99), fused=True)
    _, info = one_cycle(
        model, fresh_batches(seed), loss=rebuilding, optimizer=optimizer, steps=steps, warm_up=0.05,
        label="auto-encoder", cycle_momentum=False,
    )  # fmt: skip
    x = captioned(MEASURED, seed=seed, split="val").image
    model.measure_scale(x, torch.randn(MEASURED, *CODE, generator=torch.Generator().manual_seed(seed)))
    return model.eval(), info


@torch.no_grad()
def evaluate(model: nn.Module) -> dict[str, float]:
    """PSNR of 1,000 rebuilt test pictures, what judges see in them, and their Fréchet distance.

    The means of the codes are decoded. `deviation` is that of scaled, drawn codes of test pictures: about 1.
    """
    assert isinstance(model, KLAutoEncoder)
    test = captioned(1000, seed=1, split="test")
    latent = model.to_latent(test.image)
    made = torch.cat([model.from_latent(part) for part in latent.split(250)]).clamp(0, 1)
    noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(0))
    return (
        {
            "psnr": psnr(made, test.image).mean().item(),
            "deviation": model.to_latent(test.image, noise).std().item(),
        }
        | conditional_accuracy(made, test.class_id, test.colour_id)
        | fidelity(made, n=1000)
    )
