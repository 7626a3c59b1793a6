"""Weights `digits_cgan`: a conditional GAN that writes the digit asked for, 16 × 16 pixels (S15.4).

Trained on the 1,197 training digits. The discriminator, with a projection, is thrown away; the generator
shipped is the moving average.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils.data import digits
from lecture_utils.generative.conditional_gan import ConditionalGenerator, ProjectionDiscriminator
from lecture_utils.recipes._cgan import Watch, play
from lecture_utils.recipes._judged import DIGITS, digit_fidelity, digits_named, nearest

SIZE, CLASSES = 16, 10
STEPS, BATCH = 6000, 32
RATE, R1 = 2e-3, 0.1


def build() -> ConditionalGenerator:
    """The generator, untrained: latent numbers (B, 16), labels (B, 1) → digits (B, 1, 16, 16) in [0, 1]."""
    return ConditionalGenerator((CLASSES,), latent=16, embed=16, widths=(64, 32, 16), channels=1)


def drawn_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of training digits (B, 1, 16, 16), drawn anew each time, and what they are (B, 1)."""
    images, labels = digits.load(SIZE)
    generator = torch.Generator().manual_seed(seed)
    while True:
        rows = torch.randint(len(images), (BATCH,), generator=generator)
        yield images[rows], labels[rows, None]


def train(
    seed: int = 0, *, steps: int = STEPS, watch: Watch | None = None
) -> tuple[nn.Module, dict[str, float]]:
    """Play the conditional game, 32 digits a round; see `_cgan.play`."""
    torch.manual_seed(seed)
    discriminator = ProjectionDiscriminator((CLASSES,), widths=(24, 48), channels=1)
    return play(build(), discriminator, drawn_batches(seed), steps=steps, rate=RATE, r1=R1, watch=watch)


@torch.inference_mode()
def written(model: nn.Module, labels: Tensor, *, seed: int) -> Tensor:
    """Digits (N, 1, 16, 16) of the numbers asked for, labels (N,)."""
    assert isinstance(model, ConditionalGenerator)
    return model(model.sample(len(labels), seed=seed), labels[:, None])


def evaluate(model: nn.Module) -> dict[str, float]:
    """Whether 1,000 digits are what was asked for, how near to real ones, and how near to training ones.

    The distance to the nearest training digit stands beside that of the test digits: copies would be nearer.
    """
    asked = torch.arange(CLASSES).repeat(100)
    made = written(model, asked, seed=1)
    pool, (test, _) = digits.load(SIZE)[0], digits.load(SIZE, "test")
    return {
        "accuracy": (digits_named(made) == asked).float().mean().item(),
        "nearest": nearest(made, pool)[0].mean().item(),
        "nearest_of_test_digits": nearest(test, pool)[0].mean().item(),
    } | digit_fidelity(written(model, asked[:DIGITS], seed=2))
