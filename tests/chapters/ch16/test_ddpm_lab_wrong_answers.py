"""Chapter 16's lab: answers written beforehand in another way; right ones pass, wrong ones get their hint."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch16.lab import LAB
from lecture_utils.exercises.examine import examine
from tests.wrong_answers import check_hint

STEP_1, STEP_2, _ = LAB.steps


class Mine:
    """The model of step 1, written by loops and lists."""

    def __init__(self, net: Any, steps: int) -> None:
        self.network, beta, left = net, [0.0], [1.0]
        for t in range(1, steps + 1):
            beta.append(self.most(1 - self.f(t / steps) / self.f((t - 1) / steps)))
            left.append(left[-1] * (1 - beta[-1]))
        self.beta = torch.tensor(beta, dtype=torch.float64)
        self.alpha_bar = torch.tensor(left, dtype=torch.float64)

    def most(self, beta: float) -> float:
        return min(beta, 0.999)

    def f(self, share: float) -> float:
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    def loss(self, x0: Tensor, labels: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        cos = self.alpha_bar[t].sqrt().float()[:, None, None, None]
        sin = (1 - self.alpha_bar[t]).sqrt().float()[:, None, None, None]
        return F.mse_loss(self.network(cos * x0 + sin * noise, t, labels), cos * noise - sin * x0)

    def clean(self, x: Tensor, labels: Tensor, t: int) -> Tensor:
        v = self.network(x, torch.tensor([t] * len(x)), labels)
        left = self.alpha_bar[t]
        return (left.sqrt() * x - (1 - left).sqrt() * v).clip(-1, 1)

    def step(self, x: Tensor, labels: Tensor, t: int, noise: Tensor) -> Tensor:
        beta, now, before = self.beta[t], self.alpha_bar[t], self.alpha_bar[t - 1]
        x0 = self.clean(x, labels, t)
        mean = before**0.5 * beta / (1 - now) * x0 + (1 - beta) ** 0.5 * (1 - before) / (1 - now) * x
        return mean if t == 1 else mean + (beta * (1 - before) / (1 - now)) ** 0.5 * noise

    def sample(self, labels: Tensor, noise: Tensor) -> Tensor:
        x, t = noise[0], len(self.beta) - 1
        for fresh in [*noise[1:], noise[0]]:
            x = self.step(x, labels, t, fresh)
            t -= 1
        return x.detach()


def test_a_model_written_in_another_way_is_accepted() -> None:
    found = examine(STEP_1, Mine)
    assert found.state == "right", found


class NoSquare(Mine):
    def f(self, share: float) -> float:
        return math.sqrt(super().f(share))


class NoOffset(Mine):
    def f(self, share: float) -> float:
        return math.cos(share * math.pi / 2) ** 2


class BetaToOne(Mine):
    def most(self, beta: float) -> float:
        return beta


class Cumulated(Mine):
    def __init__(self, net: Any, steps: int) -> None:
        super().__init__(net, steps)
        self.alpha_bar = 1 - torch.cumsum(self.beta, 0)


class OwnStep(Mine):
    def __init__(self, net: Any, steps: int) -> None:
        super().__init__(net, steps)
        self.alpha_bar = 1 - self.beta


class GuessesNoise(Mine):
    def loss(self, x0: Tensor, labels: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        left = self.alpha_bar[t].float()[:, None, None, None]
        return F.mse_loss(self.network(left.sqrt() * x0 + (1 - left).sqrt() * noise, t, labels), noise)


class NoRoots(Mine):
    def loss(self, x0: Tensor, labels: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        left = self.alpha_bar[t].float()[:, None, None, None]
        said = self.network(left * x0 + (1 - left) * noise, t, labels)
        return F.mse_loss(said, left.sqrt() * noise - (1 - left).sqrt() * x0)


class SumOfSquares(Mine):
    def loss(self, x0: Tensor, labels: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        return super().loss(x0, labels, t, noise) * x0.numel()


class CountsFromZero(Mine):
    def __init__(self, net: Any, steps: int) -> None:
        super().__init__(lambda x, t, labels: net(x, t - 1, labels), steps)


class VelocityIsNoise(Mine):
    def clean(self, x: Tensor, labels: Tensor, t: int) -> Tensor:
        left = float(self.alpha_bar[t])
        said = self.network(x, torch.tensor([t] * len(x)), labels)
        return ((x - math.sqrt(1 - left) * said) / math.sqrt(left)).clip(-1, 1)


class NoClip(Mine):
    def clean(self, x: Tensor, labels: Tensor, t: int) -> Tensor:
        left = float(self.alpha_bar[t])
        said = self.network(x, torch.tensor([t] * len(x)), labels)
        return math.sqrt(left) * x - math.sqrt(1 - left) * said


class LargeVariance(Mine):
    def step(self, x: Tensor, labels: Tensor, t: int, noise: Tensor) -> Tensor:
        mean = super().step(x, labels, t, torch.zeros_like(noise))
        return mean + math.sqrt(float(self.beta[t])) * noise


class VarianceForRoot(Mine):
    def step(self, x: Tensor, labels: Tensor, t: int, noise: Tensor) -> Tensor:
        mean, beta, left = super().step(x, labels, t, torch.zeros_like(noise)), self.beta, self.alpha_bar
        return mean + float(beta[t] * (1 - left[t - 1]) / (1 - left[t])) * noise


class WrongWay(Mine):
    def sample(self, labels: Tensor, noise: Tensor) -> Tensor:
        x = noise[0]
        for t in range(1, len(self.beta)):
            x = self.step(x, labels, t, noise[t % len(noise)])
        return x.detach()


class OneShort(Mine):
    def sample(self, labels: Tensor, noise: Tensor) -> Tensor:
        x = noise[0]
        for i, t in enumerate(range(len(self.beta) - 1, 1, -1)):
            x = self.step(x, labels, t, noise[i + 1])
        return x.detach()


class NoiseOfStart(Mine):
    def sample(self, labels: Tensor, noise: Tensor) -> Tensor:
        x = noise[0]
        for t, fresh in zip(range(len(self.beta) - 1, 0, -1), noise, strict=True):
            x = self.step(x, labels, t, fresh)
        return x.detach()


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (NoSquare, "not squared"),
        (NoOffset, "offset"),
        (BetaToOne, "0.999"),
        (Cumulated, "sum of all"),
        (OwnStep, "own 1 - β"),
        (GuessesNoise, "against the noise"),
        (NoRoots, "roots are missing"),
        (SumOfSquares, "is a sum"),
        (CountsFromZero, "t - 1"),
        (VelocityIsNoise, "velocity for the noise"),
        (NoClip, "[-1, 1]"),
        (LargeVariance, "too large where the picture is known"),
        (VarianceForRoot, "a root is missing"),
        (WrongWay, "from step 1 up"),
        (OneShort, "stop at x_1"),
        (NoiseOfStart, "once more"),
    ],
)
def test_a_slip_in_the_model_gets_its_own_hint(answer: Any, word: str) -> None:
    check_hint(STEP_1, answer, word, "value")


# --- step 2 ----------------------------------------------------------------------------------------
def stepping(
    beta_of: Callable[[int, int, Tensor, Tensor], float],
    *,
    before_of: Callable[[int, int, Tensor], float] = lambda t, s, left: float(left[s]),
    root: float = 0.5,
    small: bool = True,
    clip: float = 1.0,
    first: str = "a",
    second: str = "B",
) -> Any:
    """An answer of step 2, written by plain numbers."""

    class Answer:
        def __init__(self) -> None:
            self.first, self.second = first, second

        def step(
            self, x: Tensor, v: Tensor, t: int, s: int, beta: Tensor, alpha_bar: Tensor, noise: Tensor
        ) -> Tensor:
            b, now, before = beta_of(t, s, beta, alpha_bar), float(alpha_bar[t]), before_of(t, s, alpha_bar)
            x0 = (now**0.5 * x - (1 - now) ** 0.5 * v).clip(-clip, clip)
            variance = b * ((1 - before) / (1 - now) if small else 1.0)
            mean = (before**0.5 * b * x0 + (1 - b) ** 0.5 * (1 - before) * x) / (1 - now)
            return mean + (s > 0) * variance**root * noise

    return Answer


def jump(t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> float:
    return 1 - float(torch.prod(1 - beta[s + 1 : t + 1]))


def test_a_step_mended_in_another_way_is_accepted() -> None:
    found = examine(STEP_2, stepping(jump))
    assert found.state == "right", found


def single(t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> float:
    return float(beta[t])


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (stepping(single), "still there"),
        (stepping(single, before_of=lambda t, s, left: float(left[t - 1])), "that of t - 1"),
        (stepping(lambda t, s, beta, left: min(1.0, float(beta[t]) * (t - s))), "number of steps"),
        (stepping(lambda t, s, beta, left: min(1.0, float(beta[s + 1 : t + 1].sum()))), "add up"),
        (stepping(lambda t, s, beta, left: float(left[s] - left[t])), "difference"),
        (stepping(lambda t, s, beta, left: float(left[t] / left[s])), "is what is left"),
        (stepping(jump, root=1.0), "root got lost"),
        (stepping(jump, small=False), "smaller by"),
        (stepping(jump, first="B"), "0.64 to 0.41"),
        (stepping(jump, first="D"), "asks the network nothing"),
        (stepping(jump, second="A"), "would fall to 0"),
        (stepping(jump, second="c"), "linear schedule"),
    ],
)
def test_a_slip_in_the_diagnosis_gets_its_own_hint(answer: Any, word: str) -> None:
    check_hint(STEP_2, answer, word, "value")
