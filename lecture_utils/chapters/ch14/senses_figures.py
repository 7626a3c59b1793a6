"""Figures of X-InstructBLIP: what is heard and what is measured of scenes, and what is answered from it.

Shapes: N scenes, F mel bands, T frames, P points.
"""

from collections.abc import Mapping, Sequence
from textwrap import fill

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.plotting.style import GREEN, INK, QUIET, VERMILION

SIDE = 2.4  # inches a panel
HIGH_DB = 3.0  # of normalised log-mel, where the scale ends


def show_sound(ax: Axes, mel: Tensor) -> None:
    """Draw a spectrogram (1, F, T), low bands below."""
    ax.imshow(mel[0], origin="lower", aspect="auto", cmap="magma", vmin=-2, vmax=HIGH_DB)
    ax.set_xlabel("time")
    ax.set_ylabel("pitch")
    ax.set_xticks([])
    ax.set_yticks([])


def show_points(ax: Axes, points: Tensor) -> None:
    """Draw a cloud (P, 3) from where it was measured, nearer points darker and larger."""
    right, up, away = points.T
    near = 1 / away
    ax.scatter(right / away, (up - 1.5) / away, s=60 * near, c=near, cmap="Greys", vmin=0.05, vmax=0.5)
    ax.set_aspect("equal")
    ax.set_xlim(-0.5, 0.5)
    ax.set_ylim(-0.55, 0.25)
    ax.set_xticks([])
    ax.set_yticks([])


def told_figure(
    given: Sequence[Mapping[str, Tensor]],
    asked: Sequence[Sequence[str]],
    said: Sequence[Sequence[str]],
    right: Sequence[Sequence[str]],
    title: str,
) -> Figure:
    """Draw what N scenes are to each sense, in columns, with questions and answers under each.

    Parameters
    ----------
    given : sequence of N mappings
        "sound" → (1, F, T), "points" → (P, 3), one or both.
    asked, said, right : sequences of N sequences of str
        Questions, what was answered (green where right), and the right answers.
    """
    rows = max(len(one) for one in given)
    figure, axes = plt.subplots(
        rows, len(given), figsize=(SIDE * len(given), SIDE * rows + 1.5), squeeze=False
    )
    for column, one in enumerate(given):
        for row, ax in enumerate(axes[:, column]):
            if row >= len(one):
                ax.set_axis_off()
                continue
            name = list(one)[row]
            (show_sound if name == "sound" else show_points)(ax, one[name])
            ax.set_title({"sound": "heard", "points": "measured"}[name], fontsize=9, color=QUIET)
        last = axes[len(one) - 1, column]
        answers = zip(asked[column], said[column], right[column], strict=True)
        for line, (question, answer, truth) in enumerate(answers):
            y = -0.26 - 0.36 * line
            last.text(0, y, fill(question, 34), transform=last.transAxes, fontsize=8, color=INK, va="bottom")
            colour = GREEN if answer == truth else VERMILION
            last.text(
                0, y - 0.13, answer, transform=last.transAxes, fontsize=9, color=colour, weight="bold"
            )  # fmt: skip
    figure.suptitle(title, fontsize=11)
    figure.subplots_adjust(left=0.04, right=0.98, top=0.86, bottom=1.25 / (SIDE * rows + 1.5), wspace=0.35)
    return figure
