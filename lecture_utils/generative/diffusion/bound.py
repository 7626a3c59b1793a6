"""The variational bound of a diffusion model, term by term, S16.1.

J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020: -log p(x_0) ≤ L_T + Σ
L_{t-1} + L_0 (equation 5), the terms as divergences of Gaussians (equations 8 and 10), and L_0 as the
probability of whole grey values (equation 13).

Each term is estimated with one draw of x_t a picture. The variance of the first step, whose β̃ is 0, is that
of the second, as in the authors' code.

Shapes: B batch, D numbers in a picture, T steps.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.generative.diffusion.forward_process import Gaussian, check_pair, noised, posterior
from lecture_utils.generative.diffusion.prediction import Predict, to_sample
from lecture_utils.generative.diffusion.schedule import NoiseSchedule
from lecture_utils.ops.checks import check_choice, check_whole


class Bound(NamedTuple):
    """The terms in nats a picture; their sum bounds -log p(x_0) from above."""

    prior: Tensor  # (B,): L_T, what is left of the picture at T
    steps: Tensor  # (B, T - 1): L_1 … L_{T-1}
    first: Tensor  # (B,): L_0, from x_1 to the picture

    def total(self) -> Tensor:
        """Return L_T + Σ L_{t-1} + L_0, (B,)."""
        return self.prior + self.steps.sum(1) + self.first


def divergence(p: Gaussian, q: Gaussian) -> Tensor:
    """Return KL(p ‖ q) of Gaussians with independent coordinates, summed over all but the batch, (B,)."""
    ratio = p.variance / q.variance
    each = (ratio - 1 - ratio.log() + (p.mean - q.mean).square() / q.variance) / 2
    return each.flatten(1).sum(1)


def log_grey_values(x0: Tensor, p: Gaussian, levels: int) -> Tensor:
    """Return the log-probability of grey values in [-1, 1], (B,): of the bins around them (equation 13).

    Parameters
    ----------
    x0 : Tensor
        (B, …), whole multiples of 2 / (levels - 1) from -1 on.
    p : Gaussian
        Of the same axes.
    levels : int
        How many grey values there are: 256 for 8 bits. The outer bins reach to infinity.
    """
    check_pair(p.mean, x0, name="x0")
    half = 1 / (check_whole(levels, "levels", 2) - 1)
    scaled = lambda x: (x - p.mean) / (p.variance.sqrt() * math.sqrt(2))  # noqa: E731
    above = torch.where(x0 > 1 - half, torch.inf, scaled(x0 + half))
    below = torch.where(x0 < -1 + half, -torch.inf, scaled(x0 - half))
    each = (torch.erf(above) - torch.erf(below)) / 2
    return each.clamp(min=1e-12).log().flatten(1).sum(1)


def log_density(x0: Tensor, p: Gaussian) -> Tensor:
    """Return log N(x0; mean, variance), summed over all but the batch, (B,)."""
    check_pair(p.mean, x0, name="x0")
    each = -((x0 - p.mean).square() / p.variance + (2 * math.pi * p.variance).log()) / 2
    return each.expand_as(x0).flatten(1).sum(1)


@torch.no_grad()
def variational_bound(
    predict: Predict,
    schedule: NoiseSchedule,
    x0: Tensor,
    *,
    kind: str = "epsilon",
    variance: str = "small",
    levels: int | None = 256,
    draw: torch.Generator | None = None,
) -> Bound:
    """Return an estimate of the bound's terms for pictures (B, …): T calls of the network.

    Parameters
    ----------
    predict : callable
        x_t (B, …) and t (B,) → a prediction (B, …).
    schedule : NoiseSchedule
        Of two steps or more.
    x0 : Tensor
        Clean pictures in [-1, 1], or points.
    kind : {"epsilon", "sample", "v"}
        What the network predicts.
    variance : {"small", "large"}
        That of the reverse process, β̃ or β.
    levels : int, optional
        Grey values of the pictures (equation 13); None for points, whose density is taken.
    draw : torch.Generator, optional
        Of the noise.

    Raises
    ------
    ValueError
        If shapes do not fit, or for another kind or variance.
    """
    check_choice(variance, "variance", "small", "large")
    check_pair(x0, x0)
    if schedule.steps < 2:
        raise ValueError(f"schedule: got {schedule.steps} step, want two or more")

    def reverse(t: int) -> tuple[Gaussian, Gaussian]:
        """The true posterior of step t and the network's guess at it."""
        noise = torch.randn(x0.shape, generator=draw, dtype=x0.dtype, device=x0.device)
        x = noised(schedule, x0, t, noise)
        guess = to_sample(schedule, predict(x, torch.full((len(x),), t, device=x.device)), x, t, kind=kind)
        truth, said = posterior(schedule, x0, x, t), posterior(schedule, guess, x, t, variance=variance)
        return truth, said

    alpha_bar = schedule.at(schedule.steps, x0)
    standard = Gaussian(torch.zeros_like(x0), torch.ones_like(alpha_bar))
    prior = divergence(Gaussian(alpha_bar.sqrt() * x0, 1 - alpha_bar), standard)
    steps = torch.stack([divergence(*reverse(t)) for t in range(2, schedule.steps + 1)], dim=1)
    _, said = reverse(1)
    if variance == "small":
        said = said._replace(variance=posterior(schedule, x0, x0, 2).variance)
    likely = log_density(x0, said) if levels is None else log_grey_values(x0, said, levels)
    return Bound(prior, steps, -likely)
