"""Weights `scenes_pix2pix`: from a label map of 32 × 32 pixels to a picture of such a scene (S15.5).

P. Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017: a U-Net, a
PatchGAN of 16 × 16 that sees the map, L1 with weight 100. With far fewer channels, its rate of 2e-4
is five times as high; instance norm, which the paper's batch norm is for a batch of one, with batches of
eight. An L1 distance in [0, 1] is half of the paper's in [−1, 1], and so is its weight here.
"""

import time

from torch import nn

from lecture_utils.generative.pix2pix.generator import Generator
from lecture_utils.recipes._translated import ARMS, build_generator, outputs, train_arm, translated
from lecture_utils.recipes._translated_measured import agreement, frechet, measured

STEPS, TESTED = 7000, 1000


def build() -> Generator:
    """The generator, untrained: one-hot maps (B, 12, S, S), S a multiple of 16, → pictures (B, 3, S, S)."""
    return build_generator()


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Play the game on fresh pairs, eight a round, with the whole objective (equation 4)."""
    start = time.perf_counter()
    model, losses = train_arm(ARMS["L1 + cGAN"], seed, steps=steps)
    last = losses[-200:]
    return model.eval(), {
        "steps": float(len(losses)),
        "seconds": time.perf_counter() - start,
        "discriminator_loss": sum(loss["discriminator"] for loss in last) / len(last),
        "l1_distance": sum(loss["l1"] for loss in last) / len(last),
    }


def evaluate(model: nn.Module) -> dict[str, float]:
    """Outputs for 1,000 test maps, and beside them what real pictures of the same and of other maps get."""
    assert isinstance(model, Generator)
    pairs, others = (translated(TESTED, seed=seed, split="test") for seed in (0, 1))
    found = measured(outputs(model, pairs.labels), pairs)
    return found | {
        "agreement_of_real_pictures": agreement(pairs.image, pairs.labels)["pixels"],
        "frechet_of_real_pictures": frechet(others.image, pairs.image),
    }
