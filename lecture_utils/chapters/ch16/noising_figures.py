"""Chapter 16: figures of the way to noise: schedules, what is left of a picture, two ways that are one.

Each returns a Figure; the alt texts are the notebook's. Where a learner's own closed form is to be seen, it
is handed over as `noised(x0 (B, …), t (B,), noise, alpha_bar (T + 1,))`.

Shapes: B batch, N points, C colours, S side, T steps.
"""

import math
from collections.abc import Callable, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch16 import noising_claims, solutions
from lecture_utils.experiments.ledger import Record
from lecture_utils.generative.diffusion.forward_process import noise_step
from lecture_utils.generative.diffusion.mixture import GaussianMixture
from lecture_utils.generative.diffusion.schedule import (
    NoiseSchedule,
    cosine_betas,
    linear_betas,
    scaled_linear_betas,
    zero_terminal_snr,
)
from lecture_utils.plotting.images import bare, few, panels
from lecture_utils.plotting.style import BLUE, GREEN, HAIRLINE, INK, ORANGE, PINK, QUIET, VERMILION

Noised = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
SCHEDULES: dict[str, Callable[[], Tensor]] = {
    "linear": linear_betas,
    "cosine": cosine_betas,
    "scaled linear": scaled_linear_betas,
}
HUES = {"linear": BLUE, "cosine": ORANGE, "scaled linear": GREEN, "linear, zero SNR at T": PINK}
TIMES = (0, 50, 100, 250, 500, 750, 1000)


def visible(x: Tensor) -> Tensor:
    """Noised pictures (…) as they can be drawn: [-1, 1] to [0, 1], what lies beyond cut off."""
    return ((x + 1) / 2).clamp(0, 1)


def left_of(
    image: Tensor, schedule: NoiseSchedule, times: Sequence[int], noised: Noised, seed: int
) -> Tensor:
    """One picture (C, S, S) in [0, 1] at several steps, all with the same noise: (times, C, S, S)."""
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    many = [part.expand(len(times), *image.shape) for part in (2 * image - 1, noise)]
    return visible(noised(many[0], torch.tensor(times), many[1], schedule.alpha_bar))


def what_is_left(
    image: Tensor,
    times: Sequence[int] = TIMES,
    *,
    noised: Noised = solutions.noised,
    seed: int = 0,
    title: str = "",
) -> Figure:
    """Draw one picture (C, S, S) in [0, 1] at several steps: a row for each schedule, ᾱ above each."""
    title = title or "What is left of a picture, by schedule: the same noise everywhere"
    fig, axes = panels(len(times) * len(SCHEDULES), len(times), 1.2, titled=True, suptitle=title)
    for row, (name, betas) in enumerate(SCHEDULES.items()):
        schedule = NoiseSchedule(betas())
        here = axes[row * len(times) : (row + 1) * len(times)]
        for ax, x, t in zip(here, left_of(image, schedule, times, noised, seed), times, strict=True):
            ax.imshow(few(x), interpolation="nearest")
            text = f"ᾱ = {said(float(schedule.alpha_bar[t]))}"
            bare(ax, f"t = {t}\n{text}" if row == 0 else text)
        here[0].text(
            -0.08, 0.5, name, transform=here[0].transAxes, rotation=90, ha="right", va="center", fontsize=9.5,
            color=INK,
        )  # fmt: skip
    return fig


def said(value: float) -> str:
    """A share in few digits: 0.98, or 4e-05."""
    return f"{value:.2f}" if value >= 0.005 else f"{value:.0e}" if value else "0"


def schedule_curves(title: str = "The linear schedule spends its last third on pure noise") -> Figure:
    """Draw ᾱ and the logarithm of the signal-to-noise ratio over t, for all schedules."""
    fig = Figure(figsize=(8.5, 3.3), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    left, right = fig.subplots(1, 2)
    made = {name: NoiseSchedule(betas()) for name, betas in SCHEDULES.items()}
    made["linear, zero SNR at T"] = NoiseSchedule(zero_terminal_snr(linear_betas()))
    for name, schedule in made.items():
        dashes = "--" if "zero" in name else "-"
        left.plot(schedule.alpha_bar, dashes, color=HUES[name], label=name)
        ratio = schedule.snr()[:-1].log10()
        right.plot(range(1, len(ratio) + 1), ratio, dashes, color=HUES[name])
    left.set(xlabel="t", ylabel="ᾱ", ylim=(-0.02, 1.02))
    left.legend(frameon=False, fontsize=9)
    right.axhline(0, color=HAIRLINE, linewidth=1, zorder=0)
    right.set(xlabel="t", ylabel="log₁₀ of ᾱ / (1 - ᾱ)", ylim=(-5.5, 4.5))
    right.text(985, 0.15, "as much noise as picture", ha="right", fontsize=8.5, color=QUIET)
    return fig


def two_ways(
    value: float = 0.8, times: Sequence[int] = (10, 100, 1000), *, noised: Noised = solutions.noised,
    n: int = 5000, title: str = "Step by step or at once: one distribution",
) -> Figure:  # fmt: skip
    """Draw what becomes of one pixel of `value` by iteration and at once: histograms of `n` draws each."""
    schedule, draw = NoiseSchedule(linear_betas()), torch.Generator().manual_seed(0)
    x0 = torch.full((n,), value)
    x, iterated = x0, {}
    for t in range(1, max(times) + 1):
        x = noise_step(schedule, x, t, torch.randn(n, generator=draw))
        iterated[t] = x
    fig = Figure(figsize=(8.5, 2.9), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    for ax, t in zip(fig.subplots(1, len(times)), times, strict=True):
        at_once = noised(x0, torch.full((n,), t), torch.randn(n, generator=draw), schedule.alpha_bar)
        mean, spread = (
            float(v) for v in (schedule.alpha_bar[t].sqrt() * value, (1 - schedule.alpha_bar[t]).sqrt())
        )
        places = torch.linspace(mean - 4 * spread, mean + 4 * spread, 41)
        for values, name, style in (
            (iterated[t], f"{t} steps", {"color": BLUE, "alpha": 0.35}),
            (at_once, "at once", {"color": VERMILION, "histtype": "step", "linewidth": 1.5}),
        ):
            ax.hist(values.tolist(), bins=places.tolist(), density=True, label=name, **style)
        curve = torch.exp(-((places - mean) / spread).square() / 2) / (spread * math.sqrt(2 * math.pi))
        ax.plot(places, curve, color=INK, linewidth=1, label="closed form")
        ax.set_title(f"t = {t}: mean {mean:.3f}, deviation {spread:.3f}", fontsize=9, loc="left")
        ax.set(yticks=[], xlabel="value of the pixel")
        ax.legend(frameon=False, fontsize=8.5, loc="upper left", handlelength=1)
    return fig


# --- points ---------------------------------------------------------------------------------------------
def draw_points(ax: Axes, points: Tensor, hue: str = BLUE, reach: float = 2.4, size: float = 2.5) -> None:
    """Put points (N, 2) on bare axes of a fixed reach."""
    bare(ax).scatter(points[:, 0], points[:, 1], s=size, color=hue, linewidths=0, alpha=0.6)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    for spine in ax.spines.values():
        spine.set(visible=True, color=HAIRLINE)


def points_to_noise(
    mixture: GaussianMixture, times: Sequence[int] = (0, 50, 150, 300, 500, 1000), *,
    noised: Noised = solutions.noised, n: int = 1200,
    title: str = "Points of a grid become one Gaussian cloud",
) -> Figure:  # fmt: skip
    """Draw points of a mixture at several steps of the linear schedule."""
    schedule, draw = NoiseSchedule(linear_betas()), torch.Generator().manual_seed(0)
    x0 = mixture.sample(n, draw)
    fig, axes = panels(len(times), len(times), 1.45, titled=True, suptitle=title)
    for ax, t in zip(axes, times, strict=True):
        noise = torch.randn(x0.shape, generator=draw)
        draw_points(ax, noised(x0, torch.full((n,), t), noise, schedule.alpha_bar))
        ax.set_title(f"t = {t}, ᾱ = {said(float(schedule.alpha_bar[t]))}", fontsize=9, loc="center")
    return fig


# --- the claim ------------------------------------------------------------------------------------------
def noticed_figure(
    record: Record, title: str = "The test errs as designed; an error of one step needs many pictures"
) -> Figure:
    """Draw C16.1: in which share of the tests the two ways are told apart, over pictures in a test."""
    rows = {float(point["at"]): point["figures"] for point in (record.boundary or {})["points"]}
    rows[float(noising_claims.PICTURES)] = record.figures
    counts = sorted(rows)
    lines = {
        "right, 10": (BLUE, "-", "the right closed form, t = 10"),
        "right, 100": (BLUE, "--", "the right closed form, t = 100"),
        "off by one, 10": (VERMILION, "-", "that of the step before, t = 10"),
        "off by one, 100": (VERMILION, "--", "that of the step before, t = 100"),
    }
    fig = Figure(figsize=(7.5, 3.4), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    ax = fig.subplots()
    for key, (hue, dashes, name) in lines.items():
        means = [sum(row[key] for row in rows[count]) / len(rows[count]) for count in counts]
        ax.plot(counts, means, dashes, marker="o", markersize=4, color=hue, label=name)
    ax.axhline(noising_claims.LEVEL, color=QUIET, linewidth=1, zorder=0)
    ax.set(xscale="log", xlabel="pictures in a test", ylabel="share told apart", ylim=(-0.03, 1.03))
    ax.set_xticks(counts, [f"{count:,.0f}" for count in counts])
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=9, loc="center", bbox_to_anchor=(0.4, 0.6))
    return fig
