"""Weights `digits_ddpm`: a diffusion model that writes the digit asked for, 16 × 16 pixels (S16.1, S16.2).

Trained on the 1,197 training digits, with v-prediction and the cosine schedule; one label in ten is not told,
so that it can be guided. The network is the slim U-Net; what is shipped is its moving average.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils.data import digits
from lecture_utils.generative.diffusion.condition import LabelTokens
from lecture_utils.generative.diffusion.labelled import LabelledDiffusion
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas
from lecture_utils.generative.diffusion.slim_unet import SlimUNet
from lecture_utils.recipes._diffusion import denoise
from lecture_utils.recipes._judged import DIGITS, digit_fidelity, digits_named, nearest

SIZE, CLASSES = 16, 10
STEPS, BATCH, RATE = 3800, 64, 2e-3
WIDTH = 32  # of a token


def build() -> LabelledDiffusion:
    """The model, untrained: digits (B, 1, 16, 16) in [0, 1], labels (B, 1)."""
    net = SlimUNet(1, (32, 48), context=WIDTH, embedding=96)
    return LabelledDiffusion(
        net, LabelTokens((CLASSES,), WIDTH), NoiseSchedule(cosine_betas()), (1, SIZE, SIZE), kind="v"
    )


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on digits drawn anew, 64 a step; see `_diffusion.denoise`."""
    torch.manual_seed(seed)
    return denoise(build(), drawn_batches(seed), steps=steps, rate=RATE, label="diffusion")


def drawn_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of training digits (B, 1, 16, 16), drawn anew each time, and what they are (B, 1)."""
    images, labels = digits.load(SIZE)
    draw = torch.Generator().manual_seed(seed)
    while True:
        rows = torch.randint(len(images), (BATCH,), generator=draw)
        yield images[rows], labels[rows, None]


def written(model: nn.Module, labels: Tensor, *, seed: int, steps: int = 20, scale: float = 1.0) -> Tensor:
    """Digits (N, 1, 16, 16) of the numbers asked for, labels (N,), by DDIM."""
    assert isinstance(model, LabelledDiffusion)
    return model.sample(labels[:, None], steps=steps, scale=scale, seed=seed).clamp(0, 1)


def evaluate(model: nn.Module) -> dict[str, float]:
    """Whether 1,000 digits are what was asked for, how near to real ones, and how near to training ones.

    By 20 steps of DDIM without guidance. The distance to the nearest training digit stands beside that of the
    test digits: copies would be nearer.
    """
    asked = torch.arange(CLASSES).repeat(100)
    made = written(model, asked, seed=1)
    pool, (test, _) = digits.load(SIZE)[0], digits.load(SIZE, "test")
    return {
        "accuracy": (digits_named(made) == asked).float().mean().item(),
        "nearest": nearest(made, pool)[0].mean().item(),
        "nearest_of_test_digits": nearest(test, pool)[0].mean().item(),
    } | digit_fidelity(written(model, asked[:DIGITS], seed=2))
