"""Weights `shapes_gan`: a DCGAN generator of 32 × 32 toy-world scenes, made to be dissected (S04.8).

Its world is narrowed so that twenty minutes of a CPU are enough: none, one or two large plain objects (ball,
square or triangle, in six or fewer of eight colours each) on grass, water or sand, in mild light. The
discriminator is thrown away; the generator shipped is the moving average of the trained one.
"""

import itertools
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data import toyworld
from lecture_utils.generative.dcgan import Discriminator, Generator
from lecture_utils.generative.gan_loss import play_round
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit, stage_features
from lecture_utils.recipes._shared import SIZE, narrowed_scenes
from lecture_utils.selfsup.ema import EMA

STEPS, BATCH = 8000, 32
RATE = 2e-3  # of both nets, constant
R1, R1_EVERY = 0.03, 16  # a weight of 1 made the discriminator so flat that it told nothing apart
PORTION = 3200  # scenes rendered at a time


def build() -> Generator:
    """The generator, untrained: latent numbers (B, 64) → pictures (B, 3, 32, 32) in [0, 1]."""
    return Generator(latent=64, widths=(128, 64, 48, 24))


def pictures(n: int, *, seed: int, split: str = "train") -> Tensor:
    """Pictures (n, 3, 32, 32) of such scenes."""
    return toyworld.render(narrowed_scenes(n, seed=seed, split=split), SIZE, None, only=("image",)).image


def fresh_batches(seed: int) -> Iterator[Tensor]:
    """Batches (B, 3, 32, 32) of pictures that never repeat."""
    for portion in itertools.count(1000 * seed):
        yield from pictures(PORTION, seed=portion).split(BATCH)


def train(
    seed: int = 0, *, steps: int = STEPS, watch: Callable[[nn.Module, dict[str, float]], None] | None = None
) -> tuple[nn.Module, dict[str, float]]:
    """Play the adversarial game on fresh pictures, 32 a round.

    `watch` is called with what would be returned, every 500 rounds.

    Returns
    -------
    model : nn.Module
        The moving average of the generator, in evaluation mode.
    info : dict
        steps, seconds, and the mean losses of the last 200 rounds.
    """
    start = time.perf_counter()
    torch.manual_seed(seed)
    generator, discriminator = build(), Discriminator(widths=(32, 64, 128))
    for net in (generator, discriminator):
        net.to(memory_format=torch.channels_last)
    ema = EMA(generator, momentum=0.998)
    adam_g = torch.optim.Adam(generator.parameters(), RATE, betas=(0.0, 0.99))
    adam_d = torch.optim.Adam(discriminator.parameters(), RATE, betas=(0.0, 0.99))
    losses: list[tuple[float, float]] = []

    def info() -> dict[str, float]:
        loss_d, loss_g = (sum(column) / len(column) for column in zip(*losses[-200:], strict=True))
        seconds = time.perf_counter() - start
        return {
            "steps": len(losses),
            "seconds": seconds,
            "discriminator_loss": loss_d,
            "generator_loss": loss_g,
        }

    for step, real in zip(range(steps), fresh_batches(seed), strict=False):
        real = real.to(memory_format=torch.channels_last)
        r1 = R1 * R1_EVERY if step % R1_EVERY == 0 else 0.0
        z = torch.randn(len(real), generator.latent)
        optimizers = {"generator_optimizer": adam_g, "discriminator_optimizer": adam_d}
        losses.append(play_round(generator, discriminator, real, z, r1=r1, **optimizers))
        ema.update(generator, min(0.998, (1 + step) / (10 + step)))
        if watch and (step + 1) % 500 == 0:
            watch(ema.average, info())
    return ema.average.eval(), info()


def evaluate(model: nn.Module) -> dict[str, float]:
    """Fréchet distance to 2,000 test pictures, and beside it that of 2,000 other real pictures.

    On features of ``shapes_resnet`` (`metrics.frechet.stage_features`), so not the Inception FID of papers.
    """
    assert isinstance(model, Generator)
    judge, n = zoo.load("shapes_resnet"), 2000
    with torch.inference_mode():
        made = torch.cat([model(z) for z in model.sample(n, seed=1).split(250)])
    real, other = (gaussian_fit(stage_features(judge, pictures(n, seed=s, split="test"))) for s in (0, 1))
    generated = gaussian_fit(stage_features(judge, made))
    return {
        "frechet_distance": frechet_distance(generated, real),
        "frechet_distance_of_real_pictures": frechet_distance(other, real),
    }
