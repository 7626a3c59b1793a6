"""Chapter 16, part a: the functions that its exercises ask for, as short as they can be said.

The package's own versions check their input and take more settings: `generative.diffusion.forward_process`,
`prediction`, `samplers` and `guidance`. The tests hold each of these equal to its counterpart there; the
papers are named there too.

Steps are counted as in the papers, t = 1 … T, and t = 0 is the clean picture: `alpha_bar` (T + 1,) begins
with 1 and `beta` (T + 1,) with 0, both in double precision (`NoiseSchedule.alpha_bar`, `.beta`).

Shapes: B pictures (or points), … their axes, T steps, N context tokens of width D.
"""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["Guidance", "Rotation", "ddim_step", "ddpm_step", "noised", "simple_loss"]


def noised(x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Pictures after t steps of noising, at once, x_t (B, …) in x_0's type.

    `x0` and `noise` (B, …), the noise from N(0, I); `t` (B,) int64, for each picture a step of its own, 0 to
    T; `alpha_bar` (T + 1,) float64. The picture is kept with the root of ᾱ_t, the noise comes in with the
    root of 1 - ᾱ_t. A picture may have any axes: (B, 2) for points, (B, C, H, W) for pictures.
    """
    kept = alpha_bar[t].to(x0).view(-1, *[1] * (x0.ndim - 1))  # (B, 1, …)
    return kept.sqrt() * x0 + (1 - kept).sqrt() * noise


def simple_loss(
    predict: Callable[[Tensor, Tensor], Tensor], x0: Tensor, alpha_bar: Tensor, generator: torch.Generator
) -> Tensor:
    """The loss of DDPM, a scalar: how far the network's guess of the noise is off, squared, in the mean.

    `predict(x_t, t)` takes noised pictures (B, …) and their steps (B,) int64 and guesses the noise (B, …).
    Each picture of `x0` (B, …) gets a step of its own, drawn evenly from 1 … T, and noise of its own from
    N(0, I), both drawn with `generator`; `alpha_bar` is (T + 1,).
    """
    t = torch.randint(1, len(alpha_bar), (len(x0),), generator=generator)
    noise = torch.randn(x0.shape, generator=generator, dtype=x0.dtype)
    return (predict(noised(x0, t, noise, alpha_bar), t) - noise).square().mean()


def ddpm_step(x: Tensor, epsilon: Tensor, t: int, beta: Tensor, alpha_bar: Tensor, noise: Tensor) -> Tensor:
    """One step of ancestral sampling, from x_t to a draw of x_{t-1}, (B, …) in x's type.

    `x` (B, …) is x_t, `epsilon` the guess of its noise, `noise` fresh numbers from N(0, I), `t` from 1 to T;
    `beta` and `alpha_bar` are (T + 1,) float64. The mean is (x_t - β_t / √(1 - ᾱ_t) ε) / √(1 - β_t), the
    variance β̃_t = β_t (1 - ᾱ_{t-1}) / (1 - ᾱ_t). The last step, t = 1, gives the mean: its β̃ is 0.
    """
    mean = (x - beta[t] / (1 - alpha_bar[t]).sqrt() * epsilon) / (1 - beta[t]).sqrt()
    variance = beta[t] * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])
    return mean + variance.sqrt() * noise


def ddim_step(x: Tensor, epsilon: Tensor, t: int, s: int, alpha_bar: Tensor) -> Tensor:
    """One step of DDIM without fresh noise, from x_t to x_s, (B, …) in x's type.

    `x` (B, …) is x_t and `epsilon` the guess of its noise; `t` from 1 to T, `s` any other step from 0 to T;
    `alpha_bar` (T + 1,) float64. First the clean picture that x_t and the guess mean, then this picture
    noised to step s, with the guess for its noise.
    """
    x0 = (x - (1 - alpha_bar[t]).sqrt() * epsilon) / alpha_bar[t].sqrt()
    return alpha_bar[s].sqrt() * x0 + (1 - alpha_bar[s]).sqrt() * epsilon


class Rotation:
    """Picture and noise, turned by one angle into x_t and the velocity v, and back.

    The angle's cosine is √ᾱ_t and its sine √(1 - ᾱ_t): x_t = cos · x_0 + sin · ε, v = cos · ε - sin · x_0.
    `alpha_bar_t` is ᾱ_t as a tensor that fits beside a picture: () for one step, (B, 1, …) for many.
    """

    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, alpha_bar_t: Tensor) -> Tensor:
        """Of clean pictures and their noise (B, …), the velocity v (B, …): what the network is to say."""
        return alpha_bar_t.sqrt() * noise - (1 - alpha_bar_t).sqrt() * x0

    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> tuple[Tensor, Tensor]:
        """Of a velocity and x_t (B, …), the clean picture and the noise that they mean, (B, …) each."""
        cos, sin = alpha_bar_t.sqrt(), (1 - alpha_bar_t).sqrt()
        return cos * x - sin * v, sin * x + cos * v


class Guidance:
    """A condition dropped now and then in training, and taken more seriously than it is when sampling."""

    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        """The context (B, N, D) with `null` (N, D) in the place of a dropped picture's, all N tokens.

        Each of the B pictures is dropped by a draw of its own, with probability `rate`, by `generator`.
        """
        dropped = torch.rand(len(context), generator=generator) < rate  # (B,)
        return torch.where(dropped[:, None, None], null, context)

    @staticmethod
    def guide(without: Tensor, given: Tensor, scale: float) -> Tensor:
        """Of two predictions (B, …), `without` the condition and `given` it, the guided one.

        `scale` is how far to go from the one to the other: 0 is without it, 1 with it, and more goes beyond.
        """
        return without + scale * (given - without)
