"""Chapter 16's lab, step 2: samplers that skip steps, with a fault in each, and what can be measured.

Ancestral steps between the steps that are kept: A. Nichol, P. Dhariwal, "Improved Denoising Diffusion
Probabilistic Models", ICML 2021, section 4. A colleague has written such a step for the course's model of
digits, 16 × 16 pixels and T = 1,000, which says velocities. With all thousand steps it draws good digits.

Shapes: B pictures, T steps, S side of a picture.
"""

import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.chapters.ch16.lab_ddpm import Samples, judged
from lecture_utils.data import digits
from lecture_utils.generative.diffusion.guidance import guided
from lecture_utils.generative.diffusion.labelled import LabelledDiffusion
from lecture_utils.generative.diffusion.prediction import Predict
from lecture_utils.generative.diffusion.samplers import spaced_steps

__all__ = ["FAULTS", "Diagnosis", "Row", "Step", "Walk", "asked_of", "step_faulty", "step_unseen", "walk"]

Step = Callable[..., Tensor]
SIDE, PICTURES = 16, 300
FAULTS = {
    "A": "β_t of a single step stands where many steps are taken at once.",
    "B": "The fresh noise is multiplied with its variance, not with the root of it.",
    "C": "ᾱ comes from the linear schedule; the network was trained with the cosine one.",
    "D": "What the network says, v, is taken for the noise ε.",
    "E": "The last step adds noise as well.",
    "F": "Every ᾱ is the one of the step before.",
}


def step_faulty(
    x: Tensor, v: Tensor, t: int, s: int, beta: Tensor, alpha_bar: Tensor, noise: Tensor
) -> Tensor:
    """A draw of x_s, given x_t (B, 1, S, S), where of T steps only some are kept: s comes after t.

    `v` (B, 1, S, S) is the velocity that the network says at t, `noise` (B, 1, S, S) is standard normal;
    `beta` and `alpha_bar` (T + 1,) are those of all T steps. Into s = 0 goes the mean.
    """
    now, before = alpha_bar[t], alpha_bar[s]
    x0 = (now.sqrt() * x - (1 - now).sqrt() * v).clamp(-1, 1)
    mean = (before.sqrt() * beta[t] * x0 + (1 - beta[t]).sqrt() * (1 - before) * x) / (1 - now)
    deviation = (beta[t] * (1 - before) / (1 - now)).sqrt()
    return mean + deviation * noise if s else mean


class Diagnosis:
    """What is wrong with two samplers that skip steps, and the first one mended.

    `first` and `second` are letters, "A" to "F": the fault of `step_faulty`, whose code is shown, and that of
    `step_unseen`, of which only figures are.
    """

    first = "A"
    second = "B"

    def step(
        self, x: Tensor, v: Tensor, t: int, s: int, beta: Tensor, alpha_bar: Tensor, noise: Tensor
    ) -> Tensor:
        """A draw of x_s, given x_t (B, 1, S, S), as it should be; the same arguments as `step_faulty`."""
        now, before = alpha_bar[t], alpha_bar[s]
        alpha = now / before  # the product of all 1 - β from s + 1 to t
        x0 = (now.sqrt() * x - (1 - now).sqrt() * v).clamp(-1, 1)
        mean = (before.sqrt() * (1 - alpha) * x0 + alpha.sqrt() * (1 - before) * x) / (1 - now)
        deviation = ((1 - alpha) * (1 - before) / (1 - now)).sqrt()
        return mean + deviation * noise if s else mean


def step_unseen(
    x: Tensor, v: Tensor, t: int, s: int, beta: Tensor, alpha_bar: Tensor, noise: Tensor
) -> Tensor:
    """Another colleague's step: see its figures first."""
    mean = Diagnosis().step(x, v, t, s, beta, alpha_bar, torch.zeros_like(noise))
    return mean + (Diagnosis().step(x, v, t, s, beta, alpha_bar, torch.ones_like(noise)) - mean) ** 2 * noise


# --- the tool -------------------------------------------------------------------------------------------
class Row(NamedTuple):
    """What is measured of one step from t to s, over 300 digits.

    Attributes
    ----------
    size, size_wanted : float
        The root of the mean square of x_s; and that of digits noised to step s.
    fresh, fresh_wanted : float
        The deviation of the noise that the step adds; and the one that the posterior has.
    """

    t: int
    s: int
    size: float
    size_wanted: float
    fresh: float
    fresh_wanted: float


class Walk(NamedTuple):
    """Samples, and what was measured of each step on the way."""

    samples: Samples
    rows: list[Row]


@lru_cache(maxsize=1)
def asked_of() -> tuple[LabelledDiffusion, Tensor, Tensor]:
    """The course's model, its context of 300 digits, 0 … 9 by turns, and the one of no digit told."""
    model = zoo.load("digits_ddpm")
    assert isinstance(model, LabelledDiffusion)
    with torch.no_grad():
        return model, *model.contexts(torch.arange(10).repeat(PICTURES // 10)[:, None])


def says(scale: float = 1.0) -> Predict:
    """What the model says of 300 noised digits, guided if the scale is not 1."""
    model, context, null = asked_of()
    return guided(model.net, context, null, scale)


@torch.no_grad()
def walk(step: Step, count: int = 20, seed: int = 0) -> Walk:
    """Draw 300 digits by `count` steps, from the noisy end, and measure each step."""
    schedule, predict = asked_of()[0].schedule, says()
    beta, alpha_bar = schedule.beta, schedule.alpha_bar
    power = float((2 * digits.load(SIDE)[0] - 1).square().mean())  # of a clean digit's pixel
    generator = torch.Generator().manual_seed(seed)
    x, rows = torch.randn(PICTURES, 1, SIDE, SIDE, generator=generator), []
    for t, s in itertools.pairwise([*spaced_steps(schedule.steps, count, "trailing"), 0]):
        given: Any = x, predict(x, torch.full((len(x),), t)), t, s, beta, alpha_bar
        noise = torch.randn(x.shape, generator=generator)
        x, still = step(*given, noise), step(*given, torch.zeros_like(noise))
        now, before = float(alpha_bar[t]), float(alpha_bar[s])
        wanted = (before * power + 1 - before) ** 0.5
        fresh_wanted = ((1 - now / before) * (1 - before) / (1 - now)) ** 0.5
        rows.append(
            Row(t, s, float(x.square().mean()) ** 0.5, wanted, float((x - still).std()), fresh_wanted)
        )
    return Walk(judged((x + 1) / 2), rows)
