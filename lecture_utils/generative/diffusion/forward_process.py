"""The forward process of a diffusion model and its posterior, S16.1.

J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020: one step (equation 2), t
steps at once (equation 4), the posterior of a step when the picture is known (equations 6 and 7), and the two
variances of section 3.2. J. Sohl-Dickstein et al., "Deep Unsupervised Learning using Nonequilibrium
Thermodynamics", ICML 2015, had the process first.

The posterior goes from t to any earlier step s, not only to t - 1: between two steps that are kept, β is
1 - ᾱ_t / ᾱ_s (A. Nichol, P. Dhariwal, ICML 2021, section 4).

Shapes: B batch, … the axes of a picture or of a point.
"""

from typing import NamedTuple

from torch import Tensor

from lecture_utils.generative.diffusion.schedule import NoiseSchedule
from lecture_utils.ops.checks import check_choice, check_float, check_whole


class Gaussian(NamedTuple):
    """A normal distribution with independent coordinates."""

    mean: Tensor  # (B, …)
    variance: Tensor  # (B, 1, …) or (1, 1, …), of each coordinate


def noise_step(schedule: NoiseSchedule, x: Tensor, t: Tensor | int, noise: Tensor) -> Tensor:
    """Return x_t from x_{t-1}: √(1 - β_t) x_{t-1} + √β_t ε (equation 2).

    Parameters
    ----------
    schedule : NoiseSchedule
    x : Tensor
        x_{t-1}, (B, …).
    t : Tensor or int
        (B,) int64 or one for all, 1 … T.
    noise : Tensor
        ε, (B, …), standard normal.

    Raises
    ------
    ValueError
        If shapes or types do not fit, or a step is not in 1 … T.
    """
    check_pair(x, noise)
    beta = schedule.beta_at(t, x)
    check_noised(beta, t)
    return (1 - beta).sqrt() * x + beta.sqrt() * noise


def noised(schedule: NoiseSchedule, x0: Tensor, t: Tensor | int, noise: Tensor) -> Tensor:
    """Return x_t from x_0 at once: √ᾱ_t x_0 + √(1 - ᾱ_t) ε (equation 4).

    Parameters
    ----------
    schedule : NoiseSchedule
    x0 : Tensor
        Clean pictures (B, …).
    t : Tensor or int
        (B,) int64 or one for all; 0 gives the clean picture.
    noise : Tensor
        ε, (B, …), standard normal.

    Raises
    ------
    ValueError
        If shapes or types do not fit, or a step is not in 0 … T.
    """
    check_pair(x0, noise)
    alpha_bar = schedule.at(t, x0)
    return alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * noise


def posterior(
    schedule: NoiseSchedule, x0: Tensor, x: Tensor, t: int, s: int | None = None, *, variance: str = "small"
) -> Gaussian:
    """Return q(x_s | x_t, x_0) for s < t: where the step before must have been (equations 6 and 7).

    Parameters
    ----------
    schedule : NoiseSchedule
    x0, x : Tensor
        x_0 and x_t, (B, …).
    t, s : int
        0 ≤ s < t ≤ T; s is t - 1 where not given.
    variance : {"small", "large"}
        β̃, the true variance of the posterior, which is right if there is one picture only; or β, which is
        right if the pictures are white noise. The reverse process may take either (section 3.2).

    Raises
    ------
    ValueError
        If shapes or types do not fit, or the steps are not in order.
    """
    check_pair(x0, x)
    check_choice(variance, "variance", "small", "large")
    s = check_order(t, t - 1 if s is None else s, schedule)
    now, before = schedule.at(t, x), schedule.at(s, x)  # ᾱ_t, ᾱ_s
    alpha = now / before
    beta = 1 - alpha
    mean = (before.sqrt() * beta * x0 + alpha.sqrt() * (1 - before) * x) / (1 - now)
    return Gaussian(mean, (1 - before) / (1 - now) * beta if variance == "small" else beta)


def check_pair(x: Tensor, other: Tensor, *, name: str = "noise") -> None:
    """Raise ValueError unless both are floating point, not empty, of one shape and type."""
    check_float(x, name="x")
    check_float(other, name=name)
    if x.shape != other.shape or x.dtype != other.dtype or x.ndim == 0 or x.numel() == 0:
        got = f"x {x.dtype} {tuple(x.shape)} and {name} {other.dtype} {tuple(other.shape)}"
        raise ValueError(f"diffusion: got {got}, want one type and one shape (B, …), not empty")


def check_noised(beta: Tensor, t: Tensor | int) -> None:
    """Raise ValueError where a step is 0: there is none before the clean picture."""
    if not bool((beta > 0).all()):
        raise ValueError(f"t: got {t}, want steps of 1 or more")


def check_order(t: int, s: int, schedule: NoiseSchedule) -> int:
    """Return s, else raise ValueError unless 0 ≤ s < t ≤ T."""
    check_whole(t, "t")
    check_whole(s, "s", 0)
    if not s < t <= schedule.steps:
        raise ValueError(f"steps: got t {t} and s {s}, want 0 ≤ s < t ≤ {schedule.steps}")
    return int(s)
