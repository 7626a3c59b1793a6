"""Figures of notebook 14a that belong to no one system: answers under pictures, an LSTM's state, two losses.

Shapes: N pictures, S their side in pixels, T steps.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.plotting.style import GREEN, INK, QUIET, VERMILION

WIDTH = 9.0  # inches


def answers_figure(
    pictures: Tensor,
    asked: Sequence[str],
    said: Mapping[str, Sequence[str]],
    right: Sequence[str],
    title: str,
) -> Figure:
    """Draw pictures (N, 3, S, S), under each its question and what each model answers, green where right."""
    figure, axes = plt.subplots(1, len(pictures), figsize=(WIDTH, 3.2), squeeze=False, layout="none")
    for ax, picture, question, n in zip(axes[0], pictures, asked, range(len(pictures)), strict=True):
        ax.imshow(picture.permute(1, 2, 0))
        ax.set_axis_off()
        ax.set_title(_lines(question), fontsize=8.5, color=INK)
        for row, (name, words) in enumerate(said.items()):
            colour = GREEN if words[n] == right[n] else VERMILION
            ax.text(0.0, -0.10 - 0.13 * row, f"{name}: ", transform=ax.transAxes, fontsize=8.5, color=QUIET)
            ax.text(
                1.0, -0.10 - 0.13 * row, words[n], transform=ax.transAxes, fontsize=9, color=colour,
                ha="right", weight="bold",
            )  # fmt: skip
    figure.suptitle(title, fontsize=11)
    figure.subplots_adjust(left=0.01, right=0.99, top=0.76, bottom=0.04 + 0.055 * len(said), wspace=0.08)
    return figure


def _lines(text: str, most: int = 26) -> str:
    """Break a text into lines of about so many letters."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def kept_figure(kept: Mapping[str, Tensor], title: str) -> Figure:
    """Draw what cells keep of a signal that came at step 0, (T,) each."""
    figure, ax = plt.subplots(figsize=(6.4, 2.6), layout="none")
    for (name, values), style in zip(kept.items(), ("-", "--", ":", "-."), strict=False):
        ax.plot(torch.arange(len(values)), values, style, label=name)
    ax.set_xlabel("steps later")
    ax.set_ylabel("share kept")
    ax.set_ylim(-0.03, 1.03)
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    ax.set_title(title)
    figure.subplots_adjust(left=0.1, right=0.66, bottom=0.2, top=0.88)
    return figure
