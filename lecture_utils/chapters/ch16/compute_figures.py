"""Chapter 16: figures of pixel against latent diffusion at equal compute (C16.3).

Each returns a Figure; the alt texts are the notebook's.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch16.compute_claims import SECONDS
from lecture_utils.chapters.ch16.compute_study import Stages
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.sheets import GAP, mosaic
from lecture_utils.plotting.style import BLUE, GREEN, HAIRLINE, INK, ORANGE, QUIET, on_colour
from lecture_utils.recipes.shapes_compute_arms import SECONDS as BUDGETS
from lecture_utils.recipes.shapes_compute_arms import Gallery

HUES = {"pixel": BLUE, "latent": ORANGE, "given": GREEN}
SAID = {
    "pixel": "pixel diffusion",
    "latent": "latent diffusion, auto-encoder counted",
    "given": "latent diffusion, auto-encoder given",
}
PANELS = {"class": "right class, by shapes_judge", "frechet_course": "Fréchet distance, course's features"}
HUES_OF_STAGES = {"forward": BLUE, "backward": ORANGE, "update": GREEN}


def points(record: Any, arm: str, figure: str) -> Iterator[tuple[float, list[float]]]:
    """CPU seconds, and the figure of each seed there, for an arm."""
    rows = [(point["at"], point["figures"]) for point in (record.boundary or {}).get("points", [])]
    for seconds, figures in sorted([*rows, (SECONDS, record.figures)], key=lambda row: row[0]):
        if arm in figures[0]["arms"]:
            yield seconds, [row["arms"][arm][figure] for row in figures]


def curves_figure(record: Any, title: str) -> Figure:
    """Draw C16.3's record: class accuracy and Fréchet distance over CPU seconds; a dot is a seed.

    Lines join means. Dotted: chance, and what as many other real pictures get.
    """
    fig = Figure(figsize=(8.8, 3.4), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    real = np.mean([row["arms"]["pixel"]["frechet_course_real"] for row in record.figures])
    limits = {"class": (1 / len(CLASSES), "chance"), "frechet_course": (real, "real pictures")}
    for ax, (figure, said) in zip(fig.subplots(1, 2), PANELS.items(), strict=True):
        for arm, hue in HUES.items():
            found = dict(points(record, arm, figure))
            means = [float(np.mean(values)) for values in found.values()]
            ax.plot(list(found), means, "o-" if len(found) > 1 else "o", color=hue, label=SAID[arm], ms=3)
            for seconds, values in found.items():
                ax.plot([seconds] * len(values), values, "o", color=hue, alpha=0.55, mec="white", ms=6)
        level, word = limits[figure]
        ax.axhline(level, color=INK, linestyle=":", linewidth=1.2)
        across = ax.get_yaxis_transform()
        ax.text(0.99, level, word, fontsize=8.5, ha="right", va="bottom", color=INK, transform=across)
        ax.set_xscale("log")
        axis = sorted({seconds for arm in HUES for seconds, _ in points(record, arm, figure)})
        ax.set_xticks(axis, [f"{seconds:g}" for seconds in axis])
        ax.minorticks_off()
        ax.set_xlabel("CPU seconds of training")
        ax.set_title(said, loc="left", fontsize=9.5)
    fig.axes[0].set_ylim(0, None)
    fig.axes[1].set_yscale("log")
    fig.axes[0].legend(frameon=False, fontsize=8.5)
    return fig


def sheet(ax: Axes, images: Tensor) -> None:
    """Draw pictures (N, 3, S, S), eight a row."""
    side, page = images.shape[2] + GAP, mosaic(images, len(CLASSES))
    bare(ax).imshow(page, interpolation="nearest", extent=(0, page.shape[1], page.shape[0], 0))
    for i, name in enumerate(CLASSES):
        ax.text((i + 0.5) * side, -GAP, name, ha="center", va="bottom", fontsize=6.5, color=QUIET)


def sheets_figure(gallery: Gallery, title: str) -> Figure:
    """Draw what the three arms paint at the claim's budget: every seen pair of class and colour once."""
    fig = Figure(figsize=(9.6, 3.0), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    for ax, (arm, said) in zip(fig.subplots(1, 3), SAID.items(), strict=True):
        sheet(ax, gallery.pictures(arm, SECONDS))
        ax.set_title(said.replace(", ", "\n"), fontsize=9, loc="left", color=INK, pad=12)
    return fig


def growth_figure(gallery: Gallery, title: str) -> Figure:
    """Draw two rows of pictures of each arm, by CPU seconds of training."""
    fig = Figure(figsize=(9.6, 2.5), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    axes = fig.subplots(2, len(BUDGETS))
    for row, arm in enumerate(("pixel", "latent")):
        for column, seconds in enumerate(BUDGETS):
            ax = axes[row, column]
            sheet(ax, gallery.pictures(arm, seconds)[: 2 * len(CLASSES)])
            ax.set_title(f"{arm}, {seconds:g} CPU s", fontsize=9, loc="left", color=HUES[arm], pad=10)
    return fig


def stages_figure(stages: Stages, title: str) -> Figure:
    """Draw what a step of 32 pictures costs in each part, by stage: `compute_study.stages`."""
    fig = Figure(figsize=(8.2, 2.7), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    ax = fig.subplots()
    names = list(stages)[::-1]
    for place, name in enumerate(names):
        left = 0.0
        for stage, taken in stages[name].items():
            ax.barh(place, taken, left=left, color=HUES_OF_STAGES[stage], height=0.62)
            left += taken
        ax.text(left + 1.5, place, f"{left:.0f} ms", va="center", fontsize=9, color=INK)
    for stage, hue in HUES_OF_STAGES.items():
        ax.barh(0, 0, color=hue, label=stage)
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("CPU milliseconds for 32 pictures")
    ax.margins(x=0.1)
    ax.legend(frameon=False, fontsize=9, ncols=3, loc="lower right")
    ax.grid(False, axis="y")
    return fig


def spent_figure(record: Any, title: str) -> Figure:
    """Draw how each arm spends the claim's budget: CPU seconds by part, mean over seeds, and steps."""
    fig = Figure(figsize=(8.2, 2.1), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    ax = fig.subplots()
    for place, arm in enumerate(reversed(HUES)):
        steps, left = record.figures[0]["arms"][arm]["steps"], 0.0
        for part, hue in (("auto-encoder", HAIRLINE), ("latent", HUES[arm]), ("pixel", HUES[arm])):
            taken = float(np.mean([row["arms"][arm]["seconds"].get(part, 0) for row in record.figures]))
            if taken > 1:
                ax.barh(place, taken, left=left, color=hue, height=0.62)
                said = f"{part}: {steps[part]} steps"
                where: dict[str, Any] = {
                    "ha": "center",
                    "va": "center",
                    "fontsize": 9,
                    "color": on_colour(hue),
                }
                ax.text(left + taken / 2, place, said, **where)
                left += taken
    ax.set_yticks(range(len(HUES)), list(reversed(HUES)))
    ax.set_xlabel("CPU seconds")
    ax.grid(False, axis="y")
    return fig
