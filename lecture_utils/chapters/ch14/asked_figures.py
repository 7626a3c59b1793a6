"""Figures of notebook 14b that belong to no one system: losses side by side, what other senses are asked.

Shapes: F mel bands, T frames, P points.
"""

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET, VERMILION

__all__ = ["curves_figure", "senses_figure", "shares_figure"]

COLOURS = (BLUE, VERMILION, ORANGE, GREEN, QUIET)
Put = Sequence[tuple[str, str, str]]  # question, what is said, what is right


def curves_figure(curves: Mapping[str, Sequence[float]], guess: float, title: str) -> Figure:
    """Draw losses over steps, a line each, and what guessing costs."""
    fig = Figure(figsize=(8.0, 2.8), layout="constrained")
    ax = fig.subplots()
    for (name, values), colour in zip(curves.items(), COLOURS, strict=False):
        ax.plot(range(1, len(values) + 1), values, color=colour, label=name)
    ax.axhline(guess, color=QUIET, linewidth=1, linestyle="--")
    ax.text(1, guess, "guessing", va="bottom", fontsize=9, color=QUIET)
    top = 1.15 * max(guess, *(max(values) for values in curves.values()))
    ax.set(xlabel="step", ylabel="contrast, nats", ylim=(0, top))
    ax.legend(fontsize=9)
    ax.set_title(title, loc="left", fontsize=11)
    return fig


def senses_figure(mel: Tensor, heard: Put, points: Tensor, felt: Put, title: str) -> Figure:
    """Draw a sound (F, T) and a cloud of points (P, 3), each with questions and what is answered.

    `heard` and `felt` are (question, answer, right answer); an answer is green where it is right.
    """
    fig = Figure(figsize=(8.5, 3.8), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    sound, asked, cloud, told = fig.subplots(1, 4, width_ratios=(0.9, 1.2, 1.5, 1.25))
    sound.imshow(mel.numpy(), origin="lower", aspect="auto", cmap="magma")
    sound.set(xlabel="time, frames", ylabel="pitch, mel bands", title="heard")
    dots = cloud.scatter(points[:, 0], points[:, 1], c=points[:, 2], s=9, cmap="viridis_r")
    cloud.set(xlabel="to the right, m", ylabel="up, m", title="measured", ylim=(0, 2.0))
    fig.colorbar(dots, ax=cloud, location="bottom", label="away, m", aspect=25)
    for ax in (sound, cloud):
        ax.grid(visible=False)
    _talk(asked, heard)
    _talk(told, felt)
    return fig


def _talk(ax: Axes, put: Put) -> None:
    """Write questions and answers one under the other."""
    ax.set_axis_off()
    at = 0.97
    for question, said, right in put:
        lines = textwrap.wrap(question, 22)
        ax.text(0, at, "\n".join(lines), fontsize=9.5, color=INK, va="top", transform=ax.transAxes)
        at -= 0.1 * len(lines)
        note = said if said == right else f"{said} (is {right})"
        colour = GREEN if said == right else VERMILION
        ax.text(0.08, at, note, fontsize=10, color=colour, va="top", weight="bold", transform=ax.transAxes)
        at -= 0.13


def shares_figure(
    rows: Mapping[str, Mapping[str, float]], title: str, *, xlabel: str = "", ylabel: str = "right answers"
) -> Figure:
    """Draw shares over ordered cases, a line a row: `rows` is name → case → share."""
    fig = Figure(figsize=(8.0, 3.0), layout="constrained")
    ax = fig.subplots()
    ends = []
    for (name, shares), colour in zip(rows.items(), COLOURS, strict=False):
        values = list(shares.values())
        ax.plot(range(len(values)), values, "o-", color=colour)
        ends.append((values[-1], name, colour))
    at = 2.0
    for value, name, colour in sorted(ends, reverse=True):
        at = min(value, at - 0.1)
        ax.text(len(shares) - 0.93, at, f"{name}: {value:.0%}", va="center", fontsize=10, color=colour)
    ax.set_xticks(range(len(shares)), list(shares))
    ax.set(ylim=(0, 1.03), xlim=(-0.2, len(shares) - 0.1), ylabel=ylabel, xlabel=xlabel)
    ax.set_title(title, loc="left", fontsize=11)
    return fig
