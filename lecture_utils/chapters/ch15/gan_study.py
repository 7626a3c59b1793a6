"""Chapter 15: what the notebook asks of its GANs: slopes, a D that is too strong, walks, tables, mistakes.

Shapes: N pictures, K steps, S the side of a picture.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data import digits
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.generative.conditional_gan import ConditionalGenerator, Given, ProjectionDiscriminator
from lecture_utils.generative.dcgan import Discriminator, Generator
from lecture_utils.generative.gan_loss import generator_loss, play_round, saturating_generator_loss
from lecture_utils.metrics.mode_coverage import mode_coverage
from lecture_utils.ops.checks import check_whole
from lecture_utils.recipes import gaussians_gan
from lecture_utils.recipes._judged import judged
from lecture_utils.recipes.shapes_cgan import painted

__all__ = [
    "GENERATOR_LOSSES", "Stage", "class_by_colour", "every_pair", "last", "little_game", "misread",
    "recorded", "shipped_cgan", "slopes", "stages", "starved", "walk", "watched",
]  # fmt: skip


class Stage(NamedTuple):
    """How a game on 25 Gaussians stood: points (N, 2), the discriminator's field (M, M), what is covered."""

    rounds: int
    points: Tensor
    field: Tensor
    modes: int
    quality: float


GENERATOR_LOSSES = {"saturating": saturating_generator_loss, "non-saturating": generator_loss}


@functools.lru_cache(maxsize=1)
def recorded() -> gaussians_gan.Record:
    """The record of the games on 25 Gaussians."""
    record = zoo.load("gaussians_gan")
    assert isinstance(record, gaussians_gan.Record)
    return record


@functools.lru_cache(maxsize=2)
def shipped_cgan(name: str = "shapes_cgan") -> ConditionalGenerator:
    """The course's own, "shapes_cgan" or "digits_cgan", in evaluation mode."""
    model = zoo.load(name)
    assert isinstance(model, ConditionalGenerator)
    return model.eval()


def slopes(scores: Tensor) -> dict[str, Tensor]:
    """How steep each of the generator's losses is at scores (N,) of single samples: {name: (N,)}."""
    found = {}
    for name, loss in GENERATOR_LOSSES.items():
        score = scores.clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss(score) * len(score), score)
        found[name] = slope
    return found


def gradient_size(generator: nn.Module, discriminator: nn.Module, z: Tensor) -> dict[str, float]:
    """Length of the gradient that reaches a generator from latent numbers (B, Z), under each loss."""
    score = discriminator(generator(z))  # (B,)
    sizes = {}
    for name, loss in GENERATOR_LOSSES.items():
        by = torch.autograd.grad(loss(score), list(generator.parameters()), retain_graph=True)
        sizes[name] = sum(slope.square().sum() for slope in by).sqrt().item()  # type: ignore[union-attr]
    return sizes


def starved(rounds: int = 100, *, every: int = 5, seed: int = 0) -> dict[str, list[float]]:
    """Let a discriminator of digits learn alone, and see what slope it leaves the generator.

    The generator (DCGAN, 16 × 16 pixels) stays as it was at first. After M. Arjovsky, L. Bottou, "Towards
    Principled Methods for Training Generative Adversarial Networks", ICLR 2017, figure 2.

    Returns
    -------
    dict of str to list of float
        "rounds", "right" (share of digits that D calls rightly), and the gradient's length under each loss.
    """
    check_whole(rounds, "rounds")
    check_whole(every, "every")
    torch.manual_seed(seed)
    generator = Generator(latent=16, widths=(32, 16, 8), channels=1)
    discriminator = Discriminator(widths=(16, 32), channels=1)
    adam = torch.optim.Adam(discriminator.parameters(), 3e-3, betas=(0.0, 0.99))
    images = digits.load(16)[0]
    told: dict[str, list[float]] = {name: [] for name in ("rounds", "right", *GENERATOR_LOSSES)}
    for step in range(rounds + 1):
        z = torch.randn(64, generator.latent)
        real, fake = images[torch.randint(len(images), (64,))], generator(z).detach()
        scores = [discriminator(pictures) for pictures in (real, fake)]  # (64,) each
        if step % every == 0:
            right = torch.cat([scores[0] > 0, scores[1] < 0]).float().mean().item()
            found = {"rounds": float(step), "right": right} | gradient_size(generator, discriminator, z)
            for name, value in found.items():
                told[name].append(value)
        gaussians_gan.descend(adam, gaussians_gan.non_saturating(scores[0], scores[1])[0])
    return told


def little_game(*, told: bool = True, steps: int = 800, seed: int = 0) -> ConditionalGenerator:
    """Play the conditional game on digits of 8 × 8 pixels; `told` says whether D gets to know the label.

    The generator is told in both cases.
    """
    torch.manual_seed(seed)
    images, labels = digits.load(8)
    painter = ConditionalGenerator((10,), latent=8, embed=8, widths=(48, 24), channels=1)
    judge = ProjectionDiscriminator((10,), widths=(48,), channels=1)
    adam_g = torch.optim.Adam(painter.parameters(), 2e-3, betas=(0.0, 0.99))
    adam_d = torch.optim.Adam(judge.parameters(), 2e-3, betas=(0.0, 0.99))
    optimizers = {"generator_optimizer": adam_g, "discriminator_optimizer": adam_d}  # not shown
    for step in range(steps):
        rows = torch.randint(len(images), (64,))
        y = labels[rows, None]  # (64, 1)
        z = torch.randn(64, painter.latent)
        second = Given(judge, y) if told else judge.body
        r1 = 0.8 if step % 8 == 0 else 0.0
        play_round(Given(painter, y), second, images[rows], z, r1=r1, **optimizers)
    return painter.eval()


def every_pair() -> Tensor:
    """The 64 pairs of class and colour, (64, 2) int64, row by row of a table class × colour."""
    return torch.cartesian_prod(torch.arange(len(CLASSES)), torch.arange(len(COLOURS)))


def class_by_colour(model: nn.Module, *, seed: int = 0) -> Tensor:
    """One picture of each pair (64, 3, 32, 32), each with latent numbers of its own."""
    return painted(model, every_pair(), seed=seed)


@torch.inference_mode()
def walk(
    model: ConditionalGenerator, labels: Sequence[Sequence[int]], *, steps: int = 8, seed: int = 0
) -> Tensor:
    """Go from one latent vector to another with the label held: (N · K, C, S, S), a row for each label.

    On a great circle, at the length that normal vectors have, and not straight through the middle, where no
    latent numbers of training lay.
    """
    check_whole(steps, "steps", 2)
    start, end = model.sample(2, seed=seed)  # (Z,) each
    turn = torch.linspace(0, torch.pi / 2, steps)[:, None]  # (K, 1)
    path = turn.cos() * start + turn.sin() * end  # (K, Z)
    rows = [model(path, torch.tensor([list(label)]).expand(steps, -1)) for label in labels]
    return torch.cat(rows)


def misread(images: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
    """Which pictures the judge takes for another class or colour than asked (N, 2), and for which (M, 2)."""
    seen = judged(images)
    both = torch.stack([seen.class_id, seen.colour_id], dim=1)  # (N, 2)
    wrong = (both != asked).any(dim=1).nonzero()[:, 0]
    return wrong, both[wrong]


def stages(record: gaussians_gan.Record, arm: str) -> list[Stage]:
    """How the game of seed 0 stood at each recorded time."""
    a = list(gaussians_gan.ARMS).index(arm)
    return [
        Stage(
            rounds,
            record.points[a, t].float(),
            record.fields[a, t].float(),
            int(record.modes[a, 0, t]),
            float(record.quality[a, 0, t]),
        )
        for t, rounds in enumerate(gaussians_gan.TIMES)
    ]


def watched(
    arm: gaussians_gan.Arm, *, steps: int = 1200, seed: int = 0, times: Sequence[int] = (0, 150, 400, 1200)
) -> list[Stage]:
    """Play a game here and now, and look at it after `times` rounds."""
    seen = []
    for step, (generator, discriminator) in enumerate(gaussians_gan.play(arm, seed=seed, steps=steps)):
        if step in times:
            points = gaussians_gan.generated(generator, gaussians_gan.JUDGED)
            found = mode_coverage(points, gaussians_gan.CENTRES, gaussians_gan.DEVIATION)
            field = gaussians_gan.field(discriminator)
            seen.append(Stage(step, points[:500], field, found.modes, found.high_quality))
    return seen


def last(record: gaussians_gan.Record) -> Mapping[str, tuple[list[float], list[float]]]:
    """Modes hit and share of good points at the end of every game, by arm: one number a seed."""
    return {
        name: (record.modes[a, :, -1].tolist(), record.quality[a, :, -1].tolist())
        for a, name in enumerate(gaussians_gan.ARMS)
    }
