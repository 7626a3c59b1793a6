"""Chapter 14: figures of the language model: where it looks, what the cache saves, the mask forgotten."""

from collections.abc import Mapping, Sequence

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch14.mask_study import Reader
from lecture_utils.chapters.ch14.reading_study import CacheCost, LookBack
from lecture_utils.plotting.style import BLUE, INK, QUIET, VERMILION

LINE = 16  # words in a line of text


def look_back_figure(one: LookBack, glances: Mapping[str, tuple[int, Tensor]], title: str = "") -> Figure:
    """Write a text several times, its words shaded by how much one head looks at them from one place.

    Parameters
    ----------
    one : LookBack
        N words.
    glances : mapping of str to (int, Tensor)
        Name → the place that looks, outlined, and its attention weights (N,).
    """
    lines = -(-len(one.words) // LINE)
    fig = Figure(figsize=(9.2, len(glances) * (0.34 * lines + 0.5) + 0.3), layout="constrained")
    axes = fig.subplots(len(glances), 1, squeeze=False)[:, 0]
    for ax, (name, (at, weights)) in zip(axes, glances.items(), strict=True):
        shaded_words(ax, one.words, weights, at)
        ax.set_title(name, fontsize=10.5, loc="left")
    fig.suptitle(title, fontsize=11)
    return fig


def shaded_words(ax: Axes, words: Sequence[str], weights: Tensor, at: int) -> None:
    """Write words in lines, each on a ground as dark as its weight (N,), with the word at `at` outlined."""
    lines = -(-len(words) // LINE)
    heat = colormaps["Oranges"]
    for i, word in enumerate(words):
        strength = float(weights[i]) ** 0.7  # weak glances are still to be seen
        ax.text(i % LINE + 0.5, lines - 0.5 - i // LINE, word, ha="center", va="center", fontsize=9,
                color=INK if i <= at else QUIET,
                bbox={"facecolor": heat(0.85 * strength), "pad": 2.5,
                      "edgecolor": BLUE if i == at else "none", "linewidth": 1.6})  # fmt: skip
    ax.set_xlim(0, LINE)
    ax.set_ylim(0, lines)
    ax.axis("off")


def cache_figure(costs: Mapping[str, Sequence[CacheCost]], title: str = "") -> Figure:
    """Draw what writing costs, with a cache and without: tokens read, and processor time."""
    fig = Figure(figsize=(9, 3.2), layout="constrained")
    reads, times = fig.subplots(1, 2)
    for (name, row), colour in zip(costs.items(), (BLUE, VERMILION), strict=True):
        steps = [cost.tokens for cost in row]
        reads.plot(steps, [cost.read for cost in row], color=colour, marker="o", label=name)
        times.plot(steps, [1000 * cost.seconds for cost in row], color=colour, marker="o", label=name)
    reads.set_ylabel("tokens read")
    times.set_ylabel("ms of processor time")
    for ax in (reads, times):
        ax.set_xlabel("tokens written")
        ax.set_ylim(bottom=0)
        ax.legend()
    fig.suptitle(title, fontsize=11)
    return fig


def mask_figure(readers: Mapping[str, Reader], least: float, title: str = "") -> Figure:
    """Draw losses in nats a token, and the least that a model can have that does not see ahead."""
    fig = Figure(figsize=(7.5, 3.2), layout="constrained")
    ax = fig.subplots()
    for (name, reader), colour in zip(readers.items(), (BLUE, VERMILION), strict=False):
        ax.plot(reader.losses, color=colour, label=name)
    ax.axhline(least, color=INK, linestyle="--", linewidth=1, label="entropy of the grammar")
    ax.set_xlabel("step")
    ax.set_ylabel("loss, nats a token")
    ax.set_ylim(0, 3)
    ax.legend()
    ax.set_title(title, fontsize=11)
    return fig
