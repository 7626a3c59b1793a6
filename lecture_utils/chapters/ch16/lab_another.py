"""Chapter 16's lab, step 1: inputs for `lab_ddpm.DigitDDPM`, and a class of which a part is exchanged."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch16.lab_ddpm import DigitDDPM
from lecture_utils.exercises.draws import Given, floats, normal

__all__ = ["Another", "Says", "nets"]


class Says(Given):
    """A network of few numbers, whose velocity depends on the picture, its step and its label."""

    def forward(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        """(B, 1, S, S), (B,) and (B,) → (B, 1, S, S); as picky about steps and labels as a real one."""
        for name, given in (("t", t), ("labels", labels)):
            got = f"{given.dtype} {tuple(given.shape)}" if isinstance(given, Tensor) else type(given).__name__
            if got != f"torch.int64 {tuple(x.shape[:1])}":
                raise ValueError(f"{name}: got {got}, want torch.int64 ({len(x)},), one for each picture")
        moved = self.numbers[0] * t.sin() + self.numbers[1] * (labels + 1)  # (B,)
        said = F.conv2d(x, self.numbers[2].view(1, 1, 1, 1))  # as picky about types as a real one
        return said + moved[:, None, None, None]


def nets(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for pictures, side, steps in ((1, 1, 3), (1, 1, 5), (2, 2, 4), (3, 2, 7), (2, 3, 12), (2, 3, 6)):
        shape = pictures, 1, side, side
        x0 = floats(rng.uniform(-1, 1, shape))
        labels = torch.tensor(rng.integers(0, 10, pictures))
        t = torch.tensor(rng.integers(1, steps + 1, pictures))
        net = Says(floats([0.4, 0.05, 0.3]) * floats(rng.uniform(0.7, 1.3, 3)))
        graph = steps == 6  # in one case, so that who forgot it still gets the hint for another slip
        yield net, steps, x0, labels, t, normal(rng, *shape), normal(rng, steps, *shape), graph


class Another(DigitDDPM):
    """A diffusion model in parts, of which one is exchanged."""

    def __init__(self, net: Any, steps: int) -> None:
        self.net, self.steps = net, steps
        f = self.kept(torch.arange(steps + 1, dtype=torch.float64) / steps)
        self.beta = torch.cat([torch.zeros(1), self.limit(1 - f[1:] / f[:-1])])
        self.alpha_bar = self.product(self.beta)

    # --- the schedule
    def kept(self, share: Tensor) -> Tensor:
        return self.bent((share + 0.008) / 1.008 * math.pi / 2)

    def bent(self, angle: Tensor) -> Tensor:
        return angle.cos().square()

    def limit(self, beta: Tensor) -> Tensor:
        return beta.clamp(max=0.999)

    def product(self, beta: Tensor) -> Tensor:
        return (1 - beta).cumprod(0)

    # --- the loss
    def at(self, t: Tensor, x: Tensor) -> Tensor:
        return self.alpha_bar[t].to(x).view(-1, 1, 1, 1)

    def noised(self, x0: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
        return kept.sqrt() * x0 + (1 - kept).sqrt() * noise

    def target(self, x0: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
        return kept.sqrt() * noise - (1 - kept).sqrt() * x0

    def cost(self, away: Tensor) -> Tensor:
        return away.square().mean()

    def loss(self, x0: Tensor, labels: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        kept = self.at(t, x0)
        said = self.said(self.noised(x0, noise, kept), t, labels)
        return self.cost(said - self.target(x0, noise, kept))

    def said(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        velocity: Tensor = self.net(x, t, labels)
        return velocity

    # --- samples
    def guess(self, said: Tensor, x: Tensor, now: Tensor) -> Tensor:
        return now.sqrt() * x - (1 - now).sqrt() * said

    def held(self, x0: Tensor) -> Tensor:
        return x0.clamp(-1, 1)

    def mean(self, x0: Tensor, x: Tensor, beta: Tensor, now: Tensor, before: Tensor) -> Tensor:
        return (before.sqrt() * beta * x0 + (1 - beta).sqrt() * (1 - before) * x) / (1 - now)

    def spread(self, beta: Tensor, now: Tensor, before: Tensor) -> Tensor:
        return (beta * (1 - before) / (1 - now)).sqrt()

    def heard(self, t: int) -> int:
        return t

    def before(self, t: int) -> Tensor:
        return self.alpha_bar[t - 1]

    def step(self, x: Tensor, labels: Tensor, t: int, noise: Tensor) -> Tensor:
        beta, now, before = self.beta[t], self.alpha_bar[t], self.before(t)
        said = self.said(x, torch.full((len(x),), self.heard(t)), labels)
        x0 = self.held(self.guess(said, x, now))
        return self.mean(x0, x, beta, now, before) + self.spread(beta, now, before) * noise

    def times(self) -> list[int]:
        return list(range(self.steps, 0, -1))

    def fresh(self, noise: Tensor, number: int) -> Tensor:
        return noise[(number + 1) % len(noise)]

    def walk(self, labels: Tensor, noise: Tensor) -> Tensor:
        x = noise[0]
        for number, t in enumerate(self.times()):
            x = self.step(x, labels, t, self.fresh(noise, number))
        return x

    @torch.no_grad()
    def sample(self, labels: Tensor, noise: Tensor) -> Tensor:
        return self.walk(labels, noise)
