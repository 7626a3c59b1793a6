"""The conditional game as the recipes `digits_cgan` and `shapes_cgan` play it."""

import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from lecture_utils.generative.conditional_gan import ConditionalGenerator, Given, ProjectionDiscriminator
from lecture_utils.generative.gan_loss import play_round
from lecture_utils.selfsup.ema import EMA

R1_EVERY = 16
MOMENTUM = 0.998  # of the moving average
Watch = Callable[[nn.Module, dict[str, float]], None]


def play(
    generator: ConditionalGenerator,
    discriminator: ProjectionDiscriminator,
    batches: Iterator[tuple[Tensor, Tensor]],
    *,
    steps: int,
    rate: float,
    r1: float,
    watch: Watch | None = None,
) -> tuple[nn.Module, dict[str, float]]:
    """Play `steps` rounds; the rate falls to zero over the last third.

    Parameters
    ----------
    generator, discriminator : the players
    batches : iterator of (images (B, C, S, S), labels (B, K))
        Both players are told the labels of the real pictures.
    rate : float
        Of Adam, for both.
    r1 : float
        Weight of the gradient penalty.
    watch : callable
        Called with what would be returned, every 500 rounds.

    Returns
    -------
    model : nn.Module
        The moving average of the generator, in evaluation mode.
    info : dict
        steps, seconds, and the mean losses of the last 200 rounds.
    """
    start = time.perf_counter()
    for net in (generator, discriminator):
        net.to(memory_format=torch.channels_last)
    ema = EMA(generator, momentum=MOMENTUM)
    adams = [
        torch.optim.Adam(net.parameters(), rate, betas=(0.0, 0.99)) for net in (generator, discriminator)
    ]
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

    for step, (real, labels) in zip(range(steps), batches, strict=False):
        for adam in adams:
            adam.param_groups[0]["lr"] = rate * min(1.0, 3 * (1 - step / steps))
        losses.append(
            play_round(
                Given(generator, labels),
                Given(discriminator, labels),
                real.to(memory_format=torch.channels_last),
                torch.randn(len(real), generator.latent),
                generator_optimizer=adams[0],
                discriminator_optimizer=adams[1],
                r1=r1 * R1_EVERY if step % R1_EVERY == 0 else 0.0,
            )
        )
        ema.update(generator, min(MOMENTUM, (1 + step) / (10 + step)))
        if watch and (step + 1) % 500 == 0:
            watch(ema.average, info())
    return ema.average.eval(), info()
