"""Figures of the GAN: the game on 25 Gaussians, slopes of both losses, what conditional generators paint.

Each returns a Figure; the alt texts are the notebook's.

Shapes: N pictures, A arms, R seeds, T recorded times.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch15.gan_study import Stage, every_pair, slopes
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT
from lecture_utils.generative.gan_loss import game_value, optimal_discriminator
from lecture_utils.plotting.images import bare, few, to_image
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, PINK, QUIET, SKY, VERMILION
from lecture_utils.recipes.gaussians_gan import ARMS, CENTRES, DEVIATION, REACH, TIMES, Record, real_points

SPACING = 2.0  # between neighbouring modes
ARM_COLOURS = dict(zip(ARMS, (BLUE, GREEN, ORANGE, VERMILION, PINK), strict=True))
LOSS_COLOURS = {"saturating": VERMILION, "non-saturating": BLUE}


def draw_game(ax: Axes, points: Tensor, field: Tensor | None = None, *, size: float = 3.0) -> None:
    """Draw generated points (N, 2) over what the discriminator thinks of each place (M, M), on bare axes."""
    bare(ax)
    span = (-REACH, REACH, -REACH, REACH)
    if field is not None:
        ax.imshow(
            field.float().numpy(), cmap="RdBu", vmin=-0.1, vmax=1.1, extent=span, interpolation="bilinear"
        )
    ax.plot(*CENTRES.T.numpy(), "o", color="none", markeredgecolor=INK, markersize=7, markeredgewidth=0.7)
    x, y = points.float().T.numpy()
    ax.plot(x, y, ".", color=ORANGE, markersize=size, alpha=0.8, markeredgewidth=0)
    ax.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal")


def trail_figure(games: Mapping[str, Sequence[Stage]]) -> Figure:
    """Draw games as they go: a row for each, a panel for each stage, and real points at the right."""
    columns = max(len(seen) for seen in games.values()) + 1
    fig = Figure(figsize=(2.05 * columns, 2.25 * len(games)), layout="constrained")
    axes = fig.subplots(len(games), columns, squeeze=False)
    for row, (name, seen) in zip(axes, games.items(), strict=True):
        for ax, stage in zip(row, seen, strict=False):
            draw_game(ax, stage.points, stage.field)
            ax.set_title(f"{stage.rounds} rounds: {stage.modes} modes", fontsize=9, loc="left", color=INK)
        draw_game(row[-1], real_points(500, torch.Generator().manual_seed(0)))
        row[-1].set_title("real", fontsize=9, loc="left", color=INK)
        row[0].set_ylabel(name, fontsize=9)
    return fig


def coverage_figure(record: Record, arms: Sequence[str] = tuple(ARMS)) -> Figure:
    """Draw modes hit and share of good points over the rounds: a line a seed, a colour an arm.

    Dashed: what points spread evenly over the plane would get, for the discs around the modes cover so much.
    """
    fig = Figure(figsize=(9.0, 3.0), layout="constrained")
    parts = (("modes hit, of 25", record.modes), ("share of good points", record.quality))
    for ax, (label, values) in zip(fig.subplots(1, 2), parts, strict=True):
        for name in arms:
            for r, line in enumerate(values[list(ARMS).index(name)]):
                known = name if r == 0 else None
                ax.plot(TIMES, line.numpy(), color=ARM_COLOURS[name], linewidth=1.4, alpha=0.85, label=known)
        ax.set(xlabel="rounds", ylabel=label, ylim=(0, None))
    modes, quality = fig.axes
    modes.axhline(len(CENTRES), color=QUIET, linewidth=0.8)
    quality.axhline(1 - float(np.exp(-4.5)), color=QUIET, linewidth=0.8)
    quality.axhline(np.pi * (3 * DEVIATION) ** 2 / SPACING**2, color=QUIET, linewidth=1.2, linestyle="--")
    quality.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig


def slopes_figure() -> Figure:
    """Draw how steep both of the generator's losses are over the score of a generated picture."""
    scores = torch.linspace(-8, 8, 161)
    fig = Figure(figsize=(7.6, 3.0), layout="constrained")
    ax = fig.subplots()
    for name, slope in slopes(scores).items():
        ax.plot(
            scores.numpy(), slope.abs().numpy(), color=LOSS_COLOURS[name], linewidth=2, label=f"{name} loss"
        )
    ax.axvspan(-8, -3, color=QUIET, alpha=0.12, linewidth=0)
    ax.text(-7.8, 0.5, "early in training:\nD is sure that\nit is generated", fontsize=9, va="center")
    ax.set(xlabel="score of a generated picture", ylabel="steepness", xlim=(-8, 8), ylim=(0, 1.05))
    ax.legend(fontsize=9, loc="center right")
    return fig


def optimum_figure(shifts: Sequence[float] = (3.0, 1.0, 0.0)) -> Figure:
    """Draw the best discriminator D* of two bells as the generated one comes nearer, and the game's value."""
    x = torch.linspace(-5, 6, 1101, dtype=torch.float64)
    fig = Figure(figsize=(2.8 * len(shifts), 2.7), layout="constrained")
    for ax, shift in zip(fig.subplots(1, len(shifts), sharey=True), shifts, strict=True):
        p, q = (torch.exp(-((x - mean) ** 2) / 2) / (2 * torch.pi) ** 0.5 for mean in (0.0, shift))
        best = optimal_discriminator(p, q)
        value = float(game_value(best, p, q, cell=0.01))
        for y, colour, name in ((p, BLUE, "real"), (q, ORANGE, "generated"), (best, INK, "D*")):
            ax.plot(x.numpy(), y.numpy(), color=colour, linewidth=2, label=name)
        ax.axhline(0.5, color=QUIET, linewidth=0.8, linestyle=":")
        ax.set(xlabel="x", ylim=(0, 1.03))
        ax.set_title(f"value of the game {value:.3f}", loc="left", fontsize=10)
    fig.axes[0].legend(fontsize=8, loc="center left")
    return fig


def starved_figure(told: Mapping[str, Sequence[float]]) -> Figure:
    """Draw what `gan_study.starved` tells: D gets better, and what each loss leaves the generator."""
    fig = Figure(figsize=(8.2, 2.9), layout="constrained")
    first, second = fig.subplots(1, 2)
    first.plot(told["rounds"], told["right"], color=GREEN, linewidth=2)
    first.set(xlabel="steps of D alone", ylabel="share that D calls rightly", ylim=(0.4, 1.02))
    for name, colour in LOSS_COLOURS.items():
        second.plot(told["rounds"], told[name], color=colour, linewidth=2, label=f"{name} loss")
    second.set(xlabel="steps of D alone", ylabel="length of G's gradient", yscale="log")
    second.legend(fontsize=9)
    return fig


def table_figure(images: Tensor, title: str) -> Figure:
    """Draw one picture of each pair (64, 3, S, S), a row a class, a column a colour; held-out ones framed."""
    fig = Figure(figsize=(6.2, 6.3), layout="constrained")
    axes = fig.subplots(len(CLASSES), len(COLOURS)).ravel()
    for ax, image, (kind, colour) in zip(axes, images, every_pair().tolist(), strict=True):
        bare(ax).imshow(few(to_image(image)), interpolation="nearest")
        if kind == 0:
            ax.set_title(COLOURS[colour], fontsize=9, loc="center", color=INK)
        if colour == 0:
            ax.set_ylabel(CLASSES[kind], fontsize=9)
        if (kind, colour) in HELD_OUT:
            for spine in ax.spines.values():
                spine.set(visible=True, color=VERMILION, linewidth=2)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def rows_figure(images: Tensor, names: Sequence[str], title: str) -> Figure:
    """Draw pictures (N · K, C, S, S) in a row for each name."""
    columns = len(images) // len(names)
    fig = Figure(figsize=(0.95 * columns + 0.7, 0.98 * len(names) + 0.35), layout="constrained")
    axes = fig.subplots(len(names), columns, squeeze=False)
    for ax, image in zip(axes.ravel(), images, strict=True):
        bare(ax).imshow(few(to_image(image)), interpolation="nearest", cmap="gray")
    for row, name in zip(axes, names, strict=True):
        row[0].set_ylabel(name, fontsize=9)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def misread_figure(images: Tensor, asked: Tensor, seen: Tensor, count: int = 8) -> Figure:
    """Draw pictures (N, 3, S, S) that a judge took for something else: asked and seen, (N, 2) each."""
    shown = min(count, len(images))
    fig = Figure(figsize=(1.3 * count, 1.75), layout="constrained")
    for ax, i in zip(fig.subplots(1, count, squeeze=False)[0], range(count), strict=True):
        bare(ax)
        if i < shown:
            ax.imshow(few(to_image(images[i])), interpolation="nearest")
            (kind, colour), (other, shade) = asked[i].tolist(), seen[i].tolist()
            words = f"{COLOURS[colour]} {CLASSES[kind]}\nread: {COLOURS[shade]}\n{CLASSES[other]}"
            ax.set_title(words, fontsize=8, fontweight="normal", loc="left", color=INK)
    return fig


def neighbours_figure(
    images: Tensor, pool: Tensor, found: tuple[Tensor, Tensor], *, count: int = 8
) -> Figure:
    """Draw generated pictures above their nearest training pictures, with the distances."""
    distance, index = found
    fig = Figure(figsize=(1.05 * count + 0.6, 2.5), layout="constrained")
    axes = fig.subplots(2, count)
    for k in range(count):
        bare(axes[0, k]).imshow(few(to_image(images[k])), interpolation="nearest", cmap="gray")
        bare(axes[1, k]).imshow(few(to_image(pool[index[k]])), interpolation="nearest", cmap="gray")
        axes[1, k].set_title(f"{float(distance[k]):.2f}", fontsize=9, loc="center", color=SKY)
    axes[0, 0].set_ylabel("generated", fontsize=9)
    axes[1, 0].set_ylabel("nearest", fontsize=9)
    return fig
