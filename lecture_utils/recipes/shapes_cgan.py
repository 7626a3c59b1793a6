"""Weights `shapes_cgan`: a conditional GAN that paints the class and the colour asked for (S15.4).

The narrow world (`captioned`): one large plain object, eight classes in eight colours, 32 × 32 pixels. Two
colours of each class are held out: no player ever sees these pairs, and the evaluation asks for them apart.
The discriminator, with a projection, is thrown away; the generator shipped is the moving average.
"""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.generative.conditional_gan import ConditionalGenerator, ProjectionDiscriminator
from lecture_utils.recipes._cgan import Watch, play
from lecture_utils.recipes._judged import conditional_accuracy, fidelity

COUNTS = (len(CLASSES), len(COLOURS))
STEPS, BATCH = 9000, 32
RATE, R1 = 2e-3, 0.03  # as `shapes_gan`
PORTION = 3200  # scenes rendered at a time
SAMPLES = 2000


def build() -> ConditionalGenerator:
    """The generator, untrained: latent numbers (B, 32), labels (B, 2) → pictures (B, 3, 32, 32) in [0, 1]."""
    return ConditionalGenerator(COUNTS, latent=32, embed=16, widths=(128, 64, 32, 16))


def asked(drawn: Captioned) -> Tensor:
    """What stands in the pictures, as the players are told: (N, 2) int64, class and colour."""
    return torch.stack([drawn.class_id, drawn.colour_id], dim=1)


def fresh_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of pictures (B, 3, 32, 32) that never repeat, and their labels (B, 2)."""
    for portion in itertools.count(1000 * seed):
        drawn = captioned(PORTION, seed=portion)
        yield from zip(drawn.image.split(BATCH), asked(drawn).split(BATCH), strict=True)


def train(
    seed: int = 0, *, steps: int = STEPS, watch: Watch | None = None
) -> tuple[nn.Module, dict[str, float]]:
    """Play the conditional game on fresh pictures, 32 a round; see `_cgan.play`."""
    torch.manual_seed(seed)
    generator, discriminator = build(), ProjectionDiscriminator(COUNTS, widths=(32, 64, 128))
    return play(generator, discriminator, fresh_batches(seed), steps=steps, rate=RATE, r1=R1, watch=watch)


@torch.inference_mode()
def painted(model: nn.Module, labels: Tensor, *, seed: int) -> Tensor:
    """Pictures (N, 3, 32, 32) of what labels (N, 2) ask for, 250 at a time."""
    assert isinstance(model, ConditionalGenerator)
    pairs = zip(model.sample(len(labels), seed=seed).split(250), labels.split(250), strict=True)
    return torch.cat([model(z, y) for z, y in pairs])


def evaluate(model: nn.Module) -> dict[str, float]:
    """What the judges see in 2,000 pictures of pairs as the test split has them, and in 500 held-out pairs.

    And the Fréchet distances to real pictures, beside those of as many other real ones.
    """
    seen = asked(captioned(SAMPLES, seed=2, split="test"))
    unseen = asked(captioned(500, seed=2, split="test", held_out=True))
    made = painted(model, seen, seed=1)
    right = conditional_accuracy(made, *seen.unbind(1))
    apart = conditional_accuracy(painted(model, unseen, seed=2), *unseen.unbind(1))
    return right | {f"{name}_held_out": value for name, value in apart.items()} | fidelity(made)
