"""From noise to a picture: the steps of DDPM and of DDIM, S16.1.

Ancestral sampling: J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020,
algorithm 2. Fewer steps, without noise, and back: J. Song, C. Meng, S. Ermon, "Denoising Diffusion Implicit
Models", ICLR 2021, equations 12 and 16, sections 4.2 and 4.3. Which steps to keep: S. Lin et al., "Common
Diffusion Noise Schedules and Sample Steps are Flawed", WACV 2024, table 2.

Both use the network in the same way: its prediction means a clean picture, and from that picture and x_t the
step before is guessed.

Shapes: B batch, … the axes of a picture or of a point.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_utils.generative.diffusion.forward_process import check_order, check_pair, posterior
from lecture_utils.generative.diffusion.prediction import Predict, to_epsilon, to_sample
from lecture_utils.generative.diffusion.schedule import NoiseSchedule
from lecture_utils.ops.checks import check_choice, check_float, check_number, check_whole


def spaced_steps(steps: int, count: int, spacing: str = "leading") -> list[int]:
    """Return `count` of the steps 1 … T, falling.

    Parameters
    ----------
    steps : int
        T.
    count : int
        How many to keep, 1 to T.
    spacing : {"leading", "trailing", "linspace"}
        From the clean end (1, 1 + T/n, …: never T, unless all are kept), from the noisy end (T, T - T/n, …:
        never 1 likewise), or both ends.

    Raises
    ------
    ValueError
        For a count outside 1 … T or another spacing.
    """
    check_whole(steps, "steps")
    check_choice(spacing, "spacing", "leading", "trailing", "linspace")
    if check_whole(count, "count") > steps:
        raise ValueError(f"count: got {count}, want at most the {steps} steps there are")
    if spacing == "leading":
        return [1 + i * (steps // count) for i in reversed(range(count))]
    if spacing == "trailing":
        return [round(steps - i * steps / count) for i in range(count)]
    return [1 + round(float(t)) for t in torch.linspace(steps - 1, 0, count, dtype=torch.float64)]


def ddpm_step(
    schedule: NoiseSchedule,
    x: Tensor,
    prediction: Tensor,
    t: int,
    s: int,
    noise: Tensor,
    *,
    kind: str = "epsilon",
    variance: str = "small",
    clip: float | None = None,
) -> Tensor:
    """Return a draw of x_s given x_t: the posterior, with the predicted picture for x_0 (algorithm 2).

    Parameters
    ----------
    schedule : NoiseSchedule
    x, prediction, noise : Tensor
        x_t, what the network says of it, and standard normal numbers, (B, …).
    t, s : int
        0 ≤ s < t ≤ T. Into step 0 goes the mean, without noise.
    kind : {"epsilon", "sample", "v"}
        What the prediction is.
    variance : {"small", "large"}
        β̃ or β (`posterior`).
    clip : float, optional
        The predicted picture is held in [-clip, clip].

    Raises
    ------
    ValueError
        If shapes or types do not fit, or the steps are not in order.
    """
    check_pair(x, noise)
    x0 = clipped(to_sample(schedule, prediction, x, t, kind=kind), clip)
    mean, spread = posterior(schedule, x0, x, t, s, variance=variance)
    return mean if s == 0 else mean + spread.sqrt() * noise


def ddim_step(
    schedule: NoiseSchedule,
    x: Tensor,
    prediction: Tensor,
    t: int,
    s: int,
    noise: Tensor | None = None,
    *,
    kind: str = "epsilon",
    eta: float = 0.0,
    clip: float | None = None,  # not shown
) -> Tensor:
    """Return x_s from x_t: the predicted picture, noised again with the predicted noise (equation 12).

    Parameters
    ----------
    schedule : NoiseSchedule
    x, prediction : Tensor
        x_t and what the network says of it, (B, …).
    t, s : int
        0 ≤ s ≤ T, t from 1. Without `eta`, s may also lie after t: that goes back towards the noise.
    noise : Tensor, optional
        Standard normal numbers (B, …), needed where `eta` is not 0.
    kind : {"epsilon", "sample", "v"}
        What the prediction is.
    eta : float
        η in [0, 1]: 0 adds no noise, 1 as much as DDPM with its small variance (equation 16).
    clip : float, optional
        The predicted picture is held in [-clip, clip], and the noise is what remains.

    Raises
    ------
    ValueError
        If shapes or types do not fit, the steps are not in order, or noise is missing.
    """
    check_ddim(schedule, x, t, s, noise, eta)
    x0 = to_sample(schedule, prediction, x, t, kind=kind)
    epsilon = to_epsilon(schedule, prediction, x, t, kind=kind)
    if clip is not None:  # not shown
        x0 = clipped(x0, clip)
        epsilon = to_epsilon(schedule, x0, x, t, kind="sample")
    now, then = schedule.at(t, x), schedule.at(s, x)  # ᾱ_t, ᾱ_s
    sigma = eta * ((1 - then) / (1 - now) * (1 - now / then)).sqrt() if eta else torch.zeros_like(now)
    x = then.sqrt() * x0 + (1 - then - sigma.square()).clamp(min=0).sqrt() * epsilon
    return x if noise is None else x + sigma * noise


def ddpm_sample(
    predict: Predict,
    schedule: NoiseSchedule,
    x: Tensor,
    times: Sequence[int] | None = None,
    *,
    kind: str = "epsilon",
    variance: str = "small",
    clip: float | None = None,
    draw: torch.Generator | None = None,
    keep: list[Tensor] | None = None,  # not shown
) -> Tensor:
    """Return pictures (B, …) from noise `x` (B, …), by ancestral steps at falling `times` (default: all).

    `keep` receives x after each step; the rest is as in `ddpm_step`.
    """
    check_float(x, name="x")
    times = check_times(times, schedule)
    for t, s in itertools.pairwise([*times, 0]):
        prediction = predict(x, torch.full((len(x),), t, device=x.device))
        noise = torch.randn(x.shape, generator=draw, dtype=x.dtype, device=x.device)
        x = ddpm_step(schedule, x, prediction, t, s, noise, kind=kind, variance=variance, clip=clip)
        if keep is not None:  # not shown
            keep.append(x)
    return x


def ddim_sample(
    predict: Predict,
    schedule: NoiseSchedule,
    x: Tensor,
    times: Sequence[int] | None = None,
    *,
    kind: str = "epsilon",
    eta: float = 0.0,
    clip: float | None = None,
    draw: torch.Generator | None = None,
    keep: list[Tensor] | None = None,  # not shown
) -> Tensor:
    """Return pictures (B, …) from noise `x` (B, …), by DDIM steps at falling `times` (default: all).

    `keep` receives x after each step; the rest is as in `ddim_step`.
    """
    check_float(x, name="x")
    times = check_times(times, schedule)
    for t, s in itertools.pairwise([*times, 0]):
        prediction = predict(x, torch.full((len(x),), t, device=x.device))
        noise = torch.randn(x.shape, generator=draw, dtype=x.dtype, device=x.device) if eta else None
        x = ddim_step(schedule, x, prediction, t, s, noise, kind=kind, eta=eta, clip=clip)
        if keep is not None:  # not shown
            keep.append(x)
    return x


def ddim_encode(
    predict: Predict,
    schedule: NoiseSchedule,
    x0: Tensor,
    times: Sequence[int] | None = None,
    *,
    kind: str = "epsilon",
) -> Tensor:
    """Return the noise (B, …) from which `ddim_sample` makes about these pictures (section 4.3).

    The steps are walked the other way, with the prediction at the step that is left. The network knows no
    step 0, so the clean picture is taken for x_1, whose noise no eye can see.
    """
    check_float(x0, name="x0")
    times = sorted(check_times(times, schedule))
    x = x0
    for t, s in itertools.pairwise([1, *(t for t in times if t > 1)]):
        prediction = predict(x, torch.full((len(x),), t, device=x.device))
        x = ddim_step(schedule, x, prediction, t, s, kind=kind)
    return x


def clipped(x0: Tensor, clip: float | None) -> Tensor:
    """Return x0 held in [-clip, clip], as it is where that is None."""
    if clip is None:
        return x0
    check_float(x0, name="x0")
    clip = check_number(clip, "clip", 0, above=True)
    return x0.clamp(-clip, clip)


def check_times(times: Sequence[int] | None, schedule: NoiseSchedule) -> list[int]:
    """Return the steps as a list, all where None; raise ValueError unless they fall and lie in 1 … T."""
    if times is None:
        return list(range(schedule.steps, 0, -1))
    its = [check_whole(t, "times") for t in times]
    if not its or its[0] > schedule.steps or any(a <= b for a, b in itertools.pairwise(its)):
        raise ValueError(
            f"times: got {list(times)[:6]} …, want one or more, falling, from 1 to {schedule.steps}"
        )
    return its


def check_ddim(schedule: NoiseSchedule, x: Tensor, t: int, s: int, noise: Tensor | None, eta: float) -> None:
    """Raise ValueError unless steps, noise and η fit together."""
    if check_number(eta, "eta", 0, 1):
        check_order(t, s, schedule)
        if noise is None:
            raise ValueError(f"noise: got None with eta {eta}, want standard normal numbers")
    if noise is not None:
        check_pair(x, noise)
    if check_whole(t, "t") == check_whole(s, "s", 0) or max(t, s) > schedule.steps:
        raise ValueError(f"steps: got t {t} and s {s}, want two different ones up to {schedule.steps}")
