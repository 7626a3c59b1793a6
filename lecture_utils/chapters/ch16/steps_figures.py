"""Chapter 16: figures of the way back: paths of points, beliefs on the way, samplers and their steps.

Each returns a Figure; the alt texts are the notebook's. What is drawn comes from `steps_study` and
`denoising_study`, or from a learner's own steps.

Shapes: B batch, N points, K steps, C colours, S side.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch16 import steps_claims
from lecture_utils.chapters.ch16.denoising_study import Trajectory, trajectory
from lecture_utils.chapters.ch16.noising_figures import draw_points, visible
from lecture_utils.chapters.ch16.steps_study import SAMPLERS
from lecture_utils.experiments.ledger import Record
from lecture_utils.generative.diffusion.bound import variational_bound
from lecture_utils.generative.diffusion.mixture import GaussianMixture
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, linear_betas
from lecture_utils.plotting.images import bare, few, panels, signed_image
from lecture_utils.plotting.style import BLUE, GREEN, HAIRLINE, INK, ORANGE, QUIET, VERMILION, label_palette

HUES = dict(zip(SAMPLERS, (VERMILION, BLUE, GREEN), strict=True))
ARMS = (("DDPM, small variance", 100), ("DDIM", 100), ("DDIM", 10))
REACH = 2.4  # of a plane of points


def titled(width: float, height: float, title: str) -> Figure:
    """A figure with its claim on top."""
    fig = Figure(figsize=(width, height), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def sheet(images: Tensor, columns: int) -> np.ndarray:
    """Pictures (N, 1 or 3, S, S) in [0, 1] side by side on white, N a multiple of `columns`."""
    framed = torch.nn.functional.pad(images, (1, 1, 1, 1), value=1.0).expand(-1, 3, -1, -1)
    rows = framed.unflatten(0, (-1, columns)).permute(2, 0, 3, 1, 4)  # (3, rows, S, columns, S)
    return few(rows.flatten(1, 2).flatten(2), 32)


def rows_figure(
    rows: Mapping[str, Tensor], title: str, *, heads: Sequence[str] = (), width: float = 8.5
) -> Figure:
    """Draw rows of pictures (N, 1 or 3, S, S) in [0, 1], each with its name at the left, heads above."""
    left, first = 1.55, next(iter(rows.values()))
    side = (width - left) / len(first)
    height = side * len(rows) + (0.62 if heads else 0.42)
    fig = Figure(figsize=(width, height))
    fig.set_layout_engine("none")
    fig.text(0.01, 1 - 0.18 / height, title, fontsize=11, weight="bold", va="center", color=INK)
    for row, (name, images) in enumerate(rows.items()):
        bottom = (len(rows) - row - 1) * side + 0.02
        ax = fig.add_axes((left / width, bottom / height, 1 - left / width, side / height))
        bare(ax).imshow(sheet(images.clamp(0, 1), len(images)), interpolation="nearest", aspect="auto")
        place = (left - 0.08) / width, (bottom + side / 2) / height
        fig.text(*place, name, ha="right", va="center", fontsize=9, color=INK)
    for column, head in enumerate(heads):
        at = (left + (column + 0.5) * side) / width
        fig.text(at, 1 - 0.47 / height, head, ha="center", va="center", fontsize=9, color=QUIET)
    return fig


# --- points ---------------------------------------------------------------------------------------------
def clouds(
    mixture: GaussianMixture, times: Sequence[int] = (1000, 500, 300, 150, 50, 0), *, n: int = 1200,
    samplers: Sequence[str] = SAMPLERS[:2],
    title: str = "From one cloud back to the grid, with the perfect denoiser",
) -> Figure:  # fmt: skip
    """Draw points on the way back at several t (multiples of 10), a row for each sampler; 100 steps."""
    schedule = NoiseSchedule(linear_betas())
    noise = torch.randn(n, 2, generator=torch.Generator().manual_seed(0))
    fig, axes = panels(len(times) * len(samplers), len(times), 1.45, titled=True, suptitle=title)
    for row, sampler in enumerate(samplers):
        way = trajectory(mixture.predictor(schedule), schedule, noise, 100, kind="epsilon", sampler=sampler)
        here = axes[row * len(times) : (row + 1) * len(times)]
        for ax, t in zip(here, times, strict=True):
            draw_points(ax, way.x[way.times.index(t)], HUES[sampler], REACH)
            if row == 0:
                ax.set_title(f"t = {t}", fontsize=9, loc="center")
        here[0].set_ylabel(sampler.replace(", ", ",\n"), fontsize=9)
    return fig


def draw_paths(ax: Axes, mixture: GaussianMixture, x: Tensor) -> None:
    """Draw the paths x (K + 1, N, 2) of points from noise (hollow) to their ends (filled), over the modes."""
    bare(ax).scatter(mixture.means[:, 0], mixture.means[:, 1], s=110, color=HAIRLINE, linewidths=0)
    for path, hue in zip(x.unbind(1), label_palette(x.shape[1]), strict=True):
        ax.plot(path[:, 0], path[:, 1], color=hue, linewidth=1.1, alpha=0.9)
        ax.scatter(
            path[0, 0], path[0, 1], s=26, facecolors="white", edgecolors=[hue], linewidths=1.3, zorder=3
        )
        ax.scatter(path[-1, 0], path[-1, 1], s=26, color=[hue], edgecolors=INK, linewidths=0.8, zorder=4)
    ax.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal")


def paths(
    mixture: GaussianMixture, arms: Sequence[tuple[str, int]] = ARMS, *, particles: int = 6,
    title: str = "Points on their way: DDPM is shaken at every step, DDIM glides",
) -> Figure:  # fmt: skip
    """Draw the paths of a few points from the same noise, a panel for each (sampler, steps)."""
    schedule = NoiseSchedule(linear_betas())
    noise = torch.randn(particles, 2, generator=torch.Generator().manual_seed(0))
    fig, axes = panels(len(arms), len(arms), 2.85, titled=True, suptitle=title)
    for ax, (sampler, count) in zip(axes, arms, strict=True):
        way = trajectory(mixture.predictor(schedule), schedule, noise, count, kind="epsilon", sampler=sampler)
        draw_paths(ax, mixture, way.x)
        ax.set_title(f"{sampler}, {count} steps", fontsize=9.5, loc="center")
    return fig


# --- beliefs --------------------------------------------------------------------------------------------
def beliefs(seen: tuple[Tensor, Tensor], times: Sequence[int], title: str) -> Figure:
    """Draw x_t and the best guess of x_0, both (times, 1, S, S) in [-1, 1] (`perfect_beliefs`)."""
    rows = {"x_t": visible(seen[0]), "best guess\nof x_0": visible(seen[1])}
    return rows_figure(rows, title, heads=[f"t = {t}" for t in times])


def trajectory_figure(way: Trajectory, shown: Sequence[int], title: str) -> Figure:
    """Draw one digit's way at some of its steps: x_t, the picture believed, the noise believed."""
    x0, epsilon = (part[list(shown), 0] for part in (way.x0, way.epsilon))  # (shown, 1, S, S)
    noise = torch.stack([torch.from_numpy(signed_image(one[0], 2.5)).permute(2, 0, 1) for one in epsilon])
    rows = {
        "x_t": visible(way.x[list(shown), 0]),
        "picture believed": visible(x0),
        "noise believed": noise,
    }
    return rows_figure(rows, title, heads=[f"t = {way.times[k]}" for k in shown])


# --- samplers and their steps ---------------------------------------------------------------------------
def sheets_figure(
    found: Mapping[tuple[str, int], tuple[Tensor, float]], title: str, *, shown: int = 20
) -> Figure:
    """Draw the first digits of each (sampler, steps), with the Fréchet distance of all (`sheets`)."""
    samplers = list(dict.fromkeys(sampler for sampler, _ in found))
    counts = list(dict.fromkeys(count for _, count in found))
    fig, axes = panels(len(found), len(counts), 2.05, 1.25, titled=True, suptitle=title)
    for ax, sampler, count in zip(
        axes, np.repeat(samplers, len(counts)), counts * len(samplers), strict=True
    ):
        images, distance = found[str(sampler), count]
        ax.imshow(sheet(images[:shown], 5), interpolation="nearest")
        bare(ax, f"{sampler.replace(' variance', '')}: {count} steps, {distance:.2f}")
    return fig


def steps_curve(record: Mapping[str, Mapping[int, Sequence[float]]], real: float, title: str) -> Figure:
    """Draw distances over steps: name → steps → one for each seed; `real` is that of real digits."""
    fig = titled(7.5, 3.4, title)
    ax = fig.subplots()
    hues = dict(zip(record, (VERMILION, BLUE, GREEN, ORANGE), strict=False))
    for name, points in record.items():
        counts = sorted(points)
        ax.plot(counts, [np.mean(points[c]) for c in counts], "-", color=hues[name], label=name)
        for c in counts:
            ax.plot([c] * len(points[c]), points[c], ".", color=hues[name], markersize=5)
    ax.axhline(real, color=QUIET, linewidth=1, linestyle="--")
    ax.set(xscale="log", yscale="log", xlabel="steps", ylabel="Fréchet distance")
    counts = sorted({count for points in record.values() for count in points})
    ax.set_xticks(counts, [f"{count:,}" for count in counts])
    between = (counts[-1] * counts[-2]) ** 0.5
    ax.text(between, real, "real digits", ha="center", va="bottom", fontsize=9, color=QUIET)
    low, high = ax.get_ylim()
    marks = [mark for mark in (0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10) if low <= mark <= high]
    ax.set_yticks(marks, [f"{mark:g}" for mark in marks])
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=9)
    return fig


def claim_curve(record: Record, title: str) -> Figure:
    """Draw C16.2: distances of the three samplers over steps, of every training (`steps_curve`)."""
    swept = {int(point["at"]): point["figures"] for point in (record.boundary or {})["points"]}
    swept[steps_claims.COUNT] = record.figures
    curves: dict[str, dict[int, list[float]]] = {}
    for sampler, key in steps_claims.SHORT.items():
        curves[sampler] = {count: [row[key] for row in rows] for count, rows in swept.items()}
        if sampler != steps_claims.DDIM:
            curves[sampler][1000] = [row[f"{key}_1000"] for row in record.figures]
    return steps_curve(curves, record.figures[0]["real"], title)


# --- which t is hard ------------------------------------------------------------------------------------
def losses_figure(times: Sequence[int], found: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw the mean squared error over t for each kind of prediction (`loss_by_step`)."""
    fig = titled(7.5, 3.2, title)
    ax = fig.subplots()
    names = {"epsilon": "of the noise ε", "sample": "of the picture x_0", "v": "of v"}
    for (kind, values), hue in zip(found.items(), (BLUE, ORANGE, GREEN), strict=True):
        ax.plot(times, values, "o-", color=hue, markersize=4, label=names[kind])
    ax.set(xlabel="t", ylabel="mean squared error", yscale="log", ylim=(1e-5, 1))
    ax.legend(frameon=False)
    return fig


def bound_figure(mixture: GaussianMixture, title: str, *, variance: str = "small", n: int = 200) -> Figure:
    """Draw the terms of the variational bound over t, of the perfect denoiser on its own points."""
    schedule, draw = NoiseSchedule(linear_betas()), torch.Generator().manual_seed(0)
    x0 = mixture.sample(n, draw)
    predict = mixture.predictor(schedule)
    bound = variational_bound(predict, schedule, x0, levels=None, variance=variance, draw=draw)
    fig = titled(7.5, 3.2, title)
    ax = fig.subplots()
    ax.plot(range(2, schedule.steps + 1), bound.steps.mean(0), color=BLUE, linewidth=1)
    total, exact = bound.total().mean().item(), -mixture.log_density(x0, 0, schedule).mean().item()
    ax.set(xlabel="t", ylabel="nats a point", yscale="log", xscale="log")
    said = f"sum of all terms {total:.2f}, exact -log p(x_0) {exact:.2f} nats"
    ax.text(0.98, 0.93, said, transform=ax.transAxes, ha="right", fontsize=9.5, color=INK)
    return fig
