"""Weights `gaussians_gan`: not a network, but the record of GANs on 25 Gaussians as they trained (S15.4).

The grid of 25 modes of A. Srivastava et al., "VEEGAN", NeurIPS 2017, section 4.1, with modes twice as wide
(deviation 0.1), which small players can learn in seconds. Each arm changes the game in one way, and was
played from three seeds: what covers the modes and what collapses is in the record, whatever came out.

Shapes: B batch, A arms, R seeds, T recorded times, N points, M cells a side of the discriminator's field.
"""

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecture_utils.generative.gan_loss import discriminator_loss, generator_loss, saturating_generator_loss
from lecture_utils.metrics.mode_coverage import mode_coverage

CENTRES = torch.cartesian_prod(torch.arange(-4.0, 5, 2), torch.arange(-4.0, 5, 2))  # (25, 2)
DEVIATION = 0.1
LATENT, WIDTH, BATCH = 2, 128, 128
STEPS, SEEDS = 4000, 3
TIMES = (0, 50, 200, 500, 1000, 1800, 2800, STEPS)  # rounds after which is looked
POINTS, JUDGED, REACH, CELLS = 500, 2500, 5.0, 40

Losses = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # scores of real and fake → D's loss and G's


def real_points(n: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw n points (n, 2) of the 25 Gaussians."""
    which = torch.randint(len(CENTRES), (n,), generator=generator)
    return CENTRES[which] + DEVIATION * torch.randn(n, 2, generator=generator)


def mlp(inputs: int, outputs: int, width: int = WIDTH) -> nn.Sequential:
    """Three hidden layers with leaky ReLU: either player."""
    sizes = (inputs, width, width, width)
    hidden = [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


def minimax(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The losses of equation 1, the generator's saturating."""
    return discriminator_loss(real, fake), saturating_generator_loss(fake)


def non_saturating(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The same game with the generator's loss that is used in practice."""
    return discriminator_loss(real, fake), generator_loss(fake)


def flatness(score: Tensor, points: Tensor) -> Tensor:
    """R1 of points (B, 2): half the squared slope of the scores (B,), meaned (`gan_loss.r1_penalty`)."""
    (slope,) = torch.autograd.grad(score.sum(), points, create_graph=True)  # (B, 2)
    return slope.square().sum(dim=1).mean() / 2


@dataclass(frozen=True)
class Arm:
    """How a game is played.

    Attributes
    ----------
    losses : callable
        Scores (B,) of real and of generated points → the discriminator's loss and the generator's.
    rate_g, rate_d : float
        Of Adam.
    r1 : float
        Weight of the discriminator's flatness.
    d_steps : int
        Steps of the discriminator for each of the generator.
    """

    losses: Losses = non_saturating
    rate_g: float = 1e-3
    rate_d: float = 4e-3
    r1: float = 0.03
    d_steps: int = 1


GOOD = Arm()
ARMS = {
    "non-saturating, R1": GOOD,
    "non-saturating": dataclasses.replace(GOOD, r1=0.0),
    "saturating, R1": dataclasses.replace(GOOD, losses=minimax),
    "D too strong": dataclasses.replace(GOOD, losses=minimax, r1=0.0, d_steps=3),
    "D too weak": dataclasses.replace(GOOD, rate_d=1e-4),
}


def play(arm: Arm, *, seed: int = 0, steps: int = STEPS) -> Iterator[tuple[nn.Sequential, nn.Sequential]]:
    """Play the game; the players are handed out before the first round and after each."""
    torch.manual_seed(seed)
    generator, discriminator = mlp(LATENT, 2), mlp(2, 1)
    adam_g = torch.optim.Adam(generator.parameters(), arm.rate_g, betas=(0.0, 0.99), fused=True)
    adam_d = torch.optim.Adam(discriminator.parameters(), arm.rate_d, betas=(0.0, 0.99), fused=True)
    for step in range(steps):
        yield generator, discriminator
        slow_down((adam_g, arm.rate_g), (adam_d, arm.rate_d), left=1 - step / steps)  # not shown
        for _ in range(arm.d_steps):
            real = real_points(BATCH).requires_grad_(arm.r1 > 0)  # (B, 2)
            fake = generator(torch.randn(BATCH, LATENT))  # (B, 2)
            score = discriminator(real).squeeze(1)  # (B,)
            loss = arm.losses(score, discriminator(fake.detach()).squeeze(1))[0]
            penalty = arm.r1 * flatness(score, real) if arm.r1 > 0 else 0.0
            descend(adam_d, loss + penalty)
        discriminator.requires_grad_(False)  # not shown
        loss = arm.losses(score.detach(), discriminator(fake).squeeze(1))[1]
        descend(adam_g, loss)
        discriminator.requires_grad_(True)  # not shown
    yield generator, discriminator


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def slow_down(*players: tuple[torch.optim.Optimizer, float], left: float) -> None:
    """Let the rates fall to zero over the last third."""
    for optimizer, rate in players:
        optimizer.param_groups[0]["lr"] = rate * min(1.0, 3 * left)


@torch.no_grad()
def field(discriminator: nn.Module, cells: int = CELLS) -> Tensor:
    """D at the middles of a grid of cells over the plane (cells, cells), rows from top to bottom."""
    middles = (torch.arange(cells) + 0.5) / cells * 2 * REACH - REACH
    places = torch.cartesian_prod(middles.flip(0), middles).flip(1)  # (cells², 2) x, y
    return torch.sigmoid(discriminator(places)).reshape(cells, cells)


@torch.no_grad()
def generated(generator: nn.Module, n: int, *, seed: int = 0) -> Tensor:
    """Points (n, 2); the same latent numbers for the same seed."""
    return generator(torch.randn(n, LATENT, generator=torch.Generator().manual_seed(seed)))


class Record(nn.Module):
    """What was seen: of every arm (A), seed (R) and time (T), as buffers.

    `points` (A, T, N, 2) and `fields` (A, T, M, M) are of seed 0, in float16; `modes`, `quality` and
    `reverse_kl` (A, R, T) of 2,500 points each, as `metrics.mode_coverage` counts them.
    """

    points: Tensor
    fields: Tensor
    modes: Tensor
    quality: Tensor
    reverse_kl: Tensor

    def __init__(self) -> None:
        super().__init__()
        arms, times = len(ARMS), len(TIMES)
        self.register_buffer("points", torch.zeros(arms, times, POINTS, 2, dtype=torch.float16))
        self.register_buffer("fields", torch.zeros(arms, times, CELLS, CELLS, dtype=torch.float16))
        for name in ("modes", "quality", "reverse_kl"):
            self.register_buffer(name, torch.zeros(arms, SEEDS, times))

    def look(self, arm: int, seed: int, when: int, generator: nn.Module, discriminator: nn.Module) -> None:
        """Note how the players of one game stand."""
        seen = mode_coverage(generated(generator, JUDGED, seed=1), CENTRES, DEVIATION)
        self.modes[arm, seed, when] = seen.modes
        self.quality[arm, seed, when] = seen.high_quality
        self.reverse_kl[arm, seed, when] = seen.reverse_kl
        if seed == 0:
            self.points[arm, when] = generated(generator, POINTS).half()
            self.fields[arm, when] = field(discriminator).half()


def build() -> Record:
    """An empty record."""
    return Record()


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Play every arm from seeds `seed`, `seed` + 1 and `seed` + 2, and note how they stand at TIMES."""
    start, record = time.perf_counter(), build()
    for a, arm in enumerate(ARMS.values()):
        for r in range(SEEDS):
            for step, players in enumerate(play(arm, seed=seed + r, steps=steps)):
                if step in TIMES:
                    record.look(a, r, TIMES.index(step), *players)
    return record, {"steps": steps * SEEDS * len(ARMS), "seconds": time.perf_counter() - start}


def evaluate(model: nn.Module) -> dict[str, float]:
    """Modes hit and share of good points at the end, meaned over seeds, for each arm."""
    assert isinstance(model, Record)
    found = {}
    for a, name in enumerate(ARMS):
        found[f"modes: {name}"] = model.modes[a, :, -1].mean().item()
        found[f"quality: {name}"] = model.quality[a, :, -1].mean().item()
    return found
