"""Figures of the Fréchet distance: two clouds and their Gaussians, its bias, what it sees, copies by heart.

Each returns a Figure; the alt texts are the notebook's.

Shapes: N pictures, F features.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from torch import Tensor

from lecture_utils.chapters.ch15.frechet_study import EYE_NAMES, TITLES, Quality, worse
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit, without_bias
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, PINK, QUIET, SKY, VERMILION
from lecture_utils.recipes._judged import nearest

EYE_COLOURS = {"course": BLUE, "judge": GREEN, "imagenet": ORANGE}
LINES = (BLUE, VERMILION, GREEN, ORANGE, PINK, SKY)


def ellipse(mean: Tensor, cov: Tensor, sigmas: float, colour: str) -> Ellipse:
    """The curve of a Gaussian of two numbers at so many standard deviations."""
    values, vectors = torch.linalg.eigh(cov)  # rising
    wide, high = (2 * sigmas * values.clamp(min=0).sqrt()).flip(0).tolist()
    x, y = vectors[:, 1].tolist()
    angle = float(np.degrees(np.arctan2(y, x)))
    return Ellipse(
        (mean[0].item(), mean[1].item()), wide, high, angle=angle, fill=False, edgecolor=colour, linewidth=1.6
    )


def plane_figure(
    real: Tensor, others: Mapping[str, Tensor], axes: tuple[str, str], title: str = ""
) -> Figure:
    """Draw two features (N, 2) of real pictures beside those of others, one panel each, with the Gaussians.

    The distance is written above each panel, split into what the means and what the covariances give.
    """
    fig = Figure(figsize=(3.1 * len(others), 3.5), layout="constrained")
    fit = gaussian_fit(real)
    panels = fig.subplots(1, len(others), squeeze=False, sharex=True, sharey=True)[0]
    for ax, (name, rows) in zip(panels, others.items(), strict=True):
        made = gaussian_fit(rows)
        for points, gauss, colour, label in ((real, fit, BLUE, "real"), (rows, made, VERMILION, name)):
            ax.plot(*points.T, ".", color=colour, markersize=4, alpha=0.55, markeredgewidth=0, label=label)
            for sigmas in (1.0, 2.0):
                ax.add_patch(ellipse(*gauss, sigmas, colour))
        means = (fit[0] - made[0]).square().sum().item()
        spreads = max(0.0, frechet_distance(fit, made) - means)  # 0 or more, but for rounding
        said = f"{name}\n{1000 * means:.2f} by means + {1000 * spreads:.2f} by spreads"
        ax.set_title(said, fontsize=9.5, loc="left", color=INK, fontweight="normal")
        ax.set_xlabel(axes[0])
    panels[0].set_ylabel(axes[1])
    fig.suptitle(title or "Fréchet distance of two features, in thousandths", x=0.01, ha="left", fontsize=11)
    return fig


def corruption_figure(
    images: Tensor,
    levels: Mapping[str, Sequence[float]],
    distances: Mapping[str, Sequence[float]],
    real: float,
) -> Figure:
    """Draw one picture at each level of each corruption, and the distances (one a level) below.

    Parameters
    ----------
    images : Tensor, (N, 3, 32, 32)
        Real; the first one is drawn.
    levels, distances : mapping of str to sequence of float
        By corruption.
    real : float
        Distance of real pictures.
    """
    fig = Figure(figsize=(8.6, 3.7), layout="constrained")
    most = max(len(steps) for steps in levels.values())
    grid = fig.add_gridspec(2, len(levels), height_ratios=(0.62, 1.5))
    for column, (kind, steps) in enumerate(levels.items()):
        shown = [to_image(worse(kind, level, images[:1] if "class" not in kind else images)[0])
                 for level in steps]  # fmt: skip
        gap = np.ones((32, 2, 3), dtype=np.float32)
        strip = np.concatenate([part for image in shown for part in (image, gap)][:-1], axis=1)
        bare(fig.add_subplot(grid[0, column]), kind).imshow(strip, interpolation="nearest")
        ax = fig.add_subplot(grid[1, column])
        ax.plot(range(1, len(steps) + 1), distances[kind], "o-", color=LINES[column])
        ax.axhline(real, color=QUIET, linewidth=1, linestyle="--")
        ax.set_xticks(range(1, most + 1), [f"{level:g}" for level in steps])
        ax.set(yscale="log", xlim=(0.6, most + 0.4), xlabel="level")
        low = 0.6 * min(real, *(d for values in distances.values() for d in values))
        ax.set_ylim(low, 1.6 * max(d for values in distances.values() for d in values))
        if column:
            ax.set_yticklabels([])
        else:
            ax.set_ylabel("Fréchet distance")
            ax.text(most + 0.3, real, "real pictures", fontsize=8.5, color=QUIET, va="bottom", ha="right")
    fig.suptitle("The worse the pictures, the larger the distance", x=0.01, ha="left", fontsize=11)
    return fig


def reactions_figure(reactions: Mapping[str, Mapping[str, float]], title: str) -> Figure:
    """Draw, for each set of pictures, the distance over that of real pictures, as each eye sees it: dots.

    `reactions` is eye → set → distance, with a set "real" in each (`frechet_study.reactions`).
    """
    names = [name for name in next(iter(reactions.values())) if name != "real"]
    fig = Figure(figsize=(8.2, 0.42 * len(names) + 1.3), layout="constrained")
    ax = fig.subplots()
    for eye, distances in reactions.items():
        times = [distances[name] / distances["real"] for name in names]
        ax.plot(times, range(len(names)), "o", markersize=8, color=EYE_COLOURS[eye], label=EYE_NAMES[eye])
    ax.axvline(1, color=QUIET, linewidth=1, linestyle="--")
    ax.text(1, -0.75, " as real pictures", fontsize=9, color=QUIET, va="center")
    ax.set_yticks(range(len(names)), names)
    ax.set(
        xscale="log", ylim=(len(names) - 0.5, -1.1), xlabel="Fréchet distance, times that of real pictures"
    )
    fig.legend(loc="outside lower center", ncols=len(reactions), fontsize=9, frameon=False)
    ax.set_title(title, loc="left", fontsize=11)
    return fig


def bias_figure(
    sizes: Sequence[int], distances: Sequence[float], kernels: Sequence[float], fault: tuple[float, float]
) -> Figure:
    """Draw distances between real pictures over how many there are, and over 1 / n with the line to infinity.

    Parameters
    ----------
    sizes, distances, kernels : sequence of int or float
        n of each, the Fréchet and the kernel distance.
    fault : (float, float)
        Both distances for pictures with a plain fault: what the left panel counts in.
    """
    fig = Figure(figsize=(8.4, 3.1), layout="constrained")
    left, right = fig.subplots(1, 2)
    parts = ((distances, "o", BLUE, "Fréchet distance"), (kernels, "s", GREEN, "kernel distance"))
    for (values, mark, colour, label), unit in zip(parts, fault, strict=True):
        left.plot(sizes, [100 * v / unit for v in values], f"{mark}-", color=colour, label=label)
    left.axhline(0, color=QUIET, linewidth=1)
    left.set(xscale="log", xlabel="pictures, n", ylabel="real to real, % of a plain fault's")
    left.set_xticks(sizes, [str(size) for size in sizes], fontsize=8.5)
    left.set_xticks([], minor=True)
    left.legend(fontsize=9)
    inverse = [1 / size for size in sizes]
    at_infinity, slope = without_bias(sizes, distances)
    right.plot(inverse, distances, "o", color=BLUE)
    right.plot([0, max(inverse)], [at_infinity, at_infinity + slope * max(inverse)], "-", color=VERMILION)
    right.plot(0, at_infinity, "D", color=VERMILION, markersize=7)
    right.text(0.97, 0.06, f"n = ∞: {at_infinity:.2f}", transform=right.transAxes, ha="right",
               fontsize=9.5, color=VERMILION)  # fmt: skip
    right.locator_params(axis="x", nbins=5)
    right.set(xlabel="1 / n", ylabel="Fréchet distance")
    fig.suptitle(
        "Fewer pictures, larger distance, though all of them are real", x=0.01, ha="left", fontsize=11
    )
    return fig


def spaces_figure(table: Mapping[str, Quality], title: str) -> Figure:
    """Draw each generator's distance over that of real pictures in each feature space, a line a generator.

    Lines that cross are generators which two spaces rank differently.
    """
    eyes = list(next(iter(table.values())).frechet)
    fig = Figure(figsize=(7.6, 3.6), layout="constrained")
    ax = fig.subplots()
    for (name, found), colour in zip(table.items(), LINES, strict=False):
        times = [found.ratio(eye) for eye in eyes]
        ax.plot(range(len(eyes)), times, "o-", color=colour, linewidth=2)
        ax.text(len(eyes) - 0.93, times[-1], TITLES.get(name, name), fontsize=9.5, color=colour, va="center")
    ax.axhline(1, color=QUIET, linewidth=1, linestyle="--")
    ax.set_xticks(range(len(eyes)), [EYE_NAMES[eye] for eye in eyes])
    ax.set(yscale="log", xlim=(-0.3, len(eyes) - 0.1), ylabel="times that of real pictures")
    for axis_formatter in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
        axis_formatter("{x:g}")
    ax.set_title(title, loc="left", fontsize=11)
    return fig


def nearest_figure(images: Tensor, pool: Tensor, fresh: Tensor, title: str, *, columns: int = 7) -> Figure:
    """Draw samples above their nearest training pictures, and both sets of distances to training pictures.

    Parameters
    ----------
    images : Tensor, (N, 3, 32, 32)
        Samples; the first ones are drawn.
    pool : Tensor, (M, 3, 32, 32)
        Training pictures.
    fresh : Tensor, (K, 3, 32, 32)
        Real pictures that are not among them.
    """
    gap, index = nearest(images, pool)
    real, _ = nearest(fresh, pool)
    fig = Figure(figsize=(9.2, 2.7), layout="constrained")
    grid = fig.add_gridspec(2, columns + 4)
    for i in range(min(columns, len(images))):
        for row, image in enumerate((images[i], pool[index[i]])):
            ax = bare(fig.add_subplot(grid[row, i]))
            ax.imshow(to_image(image), interpolation="nearest")
            if not i:
                ax.set_ylabel(("sample", "nearest")[row], fontsize=9)
    _two_histograms(fig.add_subplot(grid[:, columns:]), gap, real)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def _two_histograms(ax: Axes, gap: Tensor, real: Tensor) -> None:
    edges = np.linspace(0, 1.02 * max(gap.max().item(), real.max().item()), 31).tolist()
    for values, colour, label in ((real, BLUE, "fresh real pictures"), (gap, VERMILION, "samples")):
        weights = np.full(len(values), 1 / len(values))
        ax.hist(values.numpy(), edges, weights=weights, color=colour, alpha=0.6, label=label)
    ax.set(xlabel="distance to the nearest", ylabel="share")
    ax.legend(fontsize=8.5)


def quality_rows(table: Mapping[str, Quality]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a table of generators, in words: distances beside those of real pictures."""
    eyes = list(next(iter(table.values())).frechet)
    head = ["generator", *(f"Fréchet, {EYE_NAMES[eye]} (real)" for eye in eyes)]
    head += ["precision", "recall", "nearest training picture (of real ones)"]
    rows = []
    for name, found in table.items():
        distances = [f"{found.frechet[eye]:.1f} ({found.frechet_real[eye]:.1f})" for eye in eyes]
        shares = [f"{found.precision:.2f}", f"{found.recall:.2f}"]
        near = f"{found.nearest:.3f} ({found.nearest_real:.3f})"
        rows.append([TITLES.get(name, name), *distances, *shares, near])
    return head, rows
