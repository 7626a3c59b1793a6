"""Chapter 16's lab, step 1: a diffusion model of digits, from q(x_t | x_0) to samples.

J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020: algorithms 1 and 2, with
the schedule of A. Nichol, P. Dhariwal, ICML 2021 (equation 17) and the velocity of T. Salimans, J. Ho, ICLR
2022 for what the network says. Pictures are the course's smallest digits, 8 × 8, so that a network learns
them while one waits.

Shapes: B pictures, T steps, S side of a picture.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.chapters.ch16.solutions import Rotation, noised
from lecture_utils.data import digits
from lecture_utils.generative.diffusion.condition import LabelTokens
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas
from lecture_utils.generative.diffusion.slim_unet import SlimUNet
from lecture_utils.recipes._judged import digit_fidelity, digits_named
from lecture_utils.training.one_cycle import one_cycle

__all__ = ["LEAST_ACCURACY", "MOST_DISTANCE", "STEPS", "DigitDDPM", "LabelledUNet", "Samples", "T", "batches",
           "judged", "network", "samples", "trained", "use_ddpm"]  # fmt: skip

T, SIDE, CLASSES, BATCH = 100, 8, 10, 64
STEPS = 1000  # how long the notebook trains
LEAST_ACCURACY, MOST_DISTANCE = 0.9, 0.6  # what samples of a network so trained should reach


class DigitDDPM:
    """A diffusion model of pictures x_0 (B, 1, S, S) in [-1, 1] that have labels (B,) int64, in T steps.

    `net(x_t, t, labels)`, with a step t (B,) int64 for each picture, says the velocity (B, 1, S, S), which is
    √ᾱ_t ε - √(1 - ᾱ_t) x_0.

    The schedule is the cosine one. With f(t) = cos²((t/T + 0.008) / 1.008 · π/2), β_t is 1 - f(t) / f(t - 1),
    but 0.999 at most. `beta` (T + 1,) begins with β_0, which is 0; `alpha_bar` (T + 1,) holds the products of
    all 1 - β up to t, so that it begins with 1. Both are float64.
    """

    beta: Tensor  # not shown
    alpha_bar: Tensor  # not shown

    def __init__(self, net: Callable[..., Tensor], steps: int) -> None:
        self.net = net
        f = torch.arange(steps + 1, dtype=torch.float64) / steps
        f = torch.cos((f + 0.008) / 1.008 * math.pi / 2).square()
        self.beta = torch.cat([torch.zeros(1), (1 - f[1:] / f[:-1]).clamp(max=0.999)])
        self.alpha_bar = (1 - self.beta).cumprod(0)

    def loss(self, x0: Tensor, labels: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """How far the network's velocity is off, squared, in the mean over all pixels: a scalar.

        Each picture of `x0` (B, 1, S, S) is noised to its own step `t` (B,) with its own `noise`.
        """
        kept = self.alpha_bar[t].to(x0).view(-1, 1, 1, 1)
        said = self.net(noised(x0, t, noise, self.alpha_bar), t, labels)
        return (said - Rotation.velocity(x0, noise, kept)).square().mean()

    def step(self, x: Tensor, labels: Tensor, t: int, noise: Tensor) -> Tensor:
        """A draw of x_{t-1}, given x_t (B, 1, S, S): the posterior, with a guess for x_0.

        The guess is the picture that the velocity means, held in [-1, 1]. Mean and variance are then

            (√ᾱ_{t-1} β_t x_0 + √(1 - β_t) (1 - ᾱ_{t-1}) x_t) / (1 - ᾱ_t),    β_t (1 - ᾱ_{t-1}) / (1 - ᾱ_t).

        `noise` (B, 1, S, S) is standard normal. At t = 1 the variance is 0.
        """
        said = self.net(x, torch.full((len(x),), t), labels)
        beta, now, before = self.beta[t], self.alpha_bar[t], self.alpha_bar[t - 1]
        x0 = Rotation.from_velocity(said, x, now)[0].clamp(-1, 1)
        mean = (before.sqrt() * beta * x0 + (1 - beta).sqrt() * (1 - before) * x) / (1 - now)
        return mean + (beta * (1 - before) / (1 - now)).sqrt() * noise

    @torch.no_grad()
    def sample(self, labels: Tensor, noise: Tensor) -> Tensor:
        """Pictures (B, 1, S, S) in [-1, 1] of labels (B,), by all steps from T down to 1.

        Of `noise` (T, B, 1, S, S) the first is x_T, the second is for the step at t = T, and so on to t = 2.
        The step at t = 1 takes none; any numbers will do.
        """
        steps = len(self.beta) - 1
        x = noise[0]
        for t in range(steps, 0, -1):
            x = self.step(x, labels, t, noise[(steps + 1 - t) % steps])
        return x


def use_ddpm(
    ddpm: Any, net: Any, steps: int, x0: Tensor, labels: Tensor, t: Tensor, noise: Tensor, many: Tensor,
    graph: bool = False,
) -> Any:  # fmt: skip
    """Its schedule, the loss and its gradient, a step from T, one from the middle and the last, samples.

    With `graph` also whether the samples hold on to gradients.
    """
    made = ddpm(net, steps)
    told: dict[str, Any] = {"beta": made.beta, "alpha_bar": made.alpha_bar}
    loss = made.loss(x0, labels, t, noise)
    told["loss"] = _of(loss)
    if isinstance(loss, Tensor) and loss.requires_grad and loss.ndim == 0:
        (told["gradient of the loss"],) = torch.autograd.grad(loss, [net.numbers])
    x = noised(x0, torch.full_like(t, steps // 2), noise, NoiseSchedule(cosine_betas(steps)).alpha_bar)
    for step in sorted({steps, (steps + 1) // 2, 1}, reverse=True):
        told[f"step at t = {step}"] = _of(made.step(x, labels, step, many[-1]))
    sample = made.sample(labels, many)
    told["sample"] = _of(sample)
    return told | ({"samples keep gradients": bool(getattr(sample, "requires_grad", False))} if graph else {})


def _of(made: Any) -> Any:
    return made.detach().clone() if isinstance(made, Tensor) else made


# --- what the notebook trains and measures ------------------------------------------------------------
class LabelledUNet(nn.Module):
    """The course's slim U-Net with a token for each label: x_t (B, 1, 8, 8), t (B,), labels (B,) → v."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = LabelTokens((CLASSES,), 24)
        self.net = SlimUNet(1, (48,), context=24, attention=0, embedding=64)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        """Say the velocity, (B, 1, 8, 8)."""
        said: Tensor = self.net(x, t, self.tokens(labels[:, None]))
        return said


def network(seed: int) -> LabelledUNet:
    """Return an untrained network."""
    torch.manual_seed(seed)
    return LabelledUNet().to(memory_format=torch.channels_last)


def batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield 64 training digits (B, 1, 8, 8) in [-1, 1] and their labels (B,), again and again."""
    (images, labels), generator = digits.load(SIDE), torch.Generator().manual_seed(seed)
    while True:
        rows = torch.randint(len(images), (BATCH,), generator=generator)
        yield 2 * images[rows] - 1, labels[rows]


def trained(ddpm: Callable[..., Any], seed: int = 0, *, net: Any = None, steps: int = STEPS) -> Any:
    """Train a network by the loss of a class as in the notebook, and return the model."""
    net = network(seed) if net is None else net
    model, draw = ddpm(net, T), torch.Generator().manual_seed(seed)

    def loss(net: nn.Module, x0: Tensor, labels: Tensor) -> Tensor:
        t = torch.randint(1, T + 1, (len(x0),), generator=draw)
        cost: Tensor = model.loss(x0, labels, t, torch.randn(x0.shape, generator=draw))
        return cost

    optimizer = torch.optim.AdamW(net.parameters(), 4e-3, weight_decay=0.0)
    one_cycle(
        net, batches(seed), loss=loss, optimizer=optimizer, steps=steps, warm_up=0.05, label="digits",
        cycle_momentum=False,
    )  # fmt: skip
    return model


class Samples(NamedTuple):
    """300 digits that were made, 30 of each, and what is said of them.

    Attributes
    ----------
    images : Tensor
        (300, 1, S, S) in [0, 1], labels 0 … 9 by turns.
    accuracy : float
        On how many the judge of digits sees what was asked for, as a share.
    distance, real : float
        Fréchet distance to the test digits in the judge's features, and that of as many real ones.
    """

    images: Tensor
    accuracy: float
    distance: float
    real: float


@torch.no_grad()
def samples(ddpm: Any, seed: int = 0, *, steps: int = T) -> Samples:
    """Draw 300 digits with a model and judge them."""
    asked, generator = torch.arange(CLASSES).repeat(30), torch.Generator().manual_seed(seed)
    noise = torch.randn(steps, len(asked), 1, SIDE, SIDE, generator=generator)
    return judged((ddpm.sample(asked, noise) + 1) / 2)


def judged(images: Tensor) -> Samples:
    """Judge 300 digits (300, 1, S, S), in [0, 1] or a little beyond, whose labels are 0 … 9 by turns."""
    images = images.clamp(0, 1)
    right = digits_named(images) == torch.arange(CLASSES).repeat(len(images) // CLASSES)
    found = digit_fidelity(images)
    return Samples(images, float(right.float().mean()), found["frechet_digits"], found["frechet_digits_real"])
