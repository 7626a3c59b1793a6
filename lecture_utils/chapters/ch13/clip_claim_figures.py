"""Chapter 13: figures of C13.1, C13.2, C13.3, C13.4 and C13.6, a dot a seed."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lecture_utils.plotting.style import BLUE, INK, ORANGE, QUIET, VERMILION

__all__ = ["pairs_figure", "senses_figure", "shifts_figure", "temperature_figure", "wordings_figure"]

Figures = Sequence[Mapping[str, Any]]  # a record's figures, one mapping a seed


def dot_rows(ax: Axes, rows: Mapping[str, Sequence[float]], colours: Mapping[str, str]) -> None:
    """Draw a row of dots for each name, the first on top, and the mean as a line across."""
    for place, (name, values) in enumerate(list(rows.items())[::-1]):
        hue = colours.get(name, BLUE)
        mean = sum(values) / len(values)
        ax.plot([mean, mean], [place - 0.28, place + 0.28], color=hue, linewidth=3, alpha=0.5)
        ax.plot(values, [place] * len(values), "o", color=hue, markeredgecolor="white", alpha=0.9)
    ax.set(yticks=range(len(rows)), yticklabels=list(rows)[::-1], ylim=(-0.6, len(rows) - 0.4))


def _panel(title: str, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    fig = Figure(figsize=(8, height), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig, list(fig.subplots(1, panels, squeeze=False, sharey=True)[0])


def wordings_figure(figures: Figures, title: str) -> Figure:
    """Draw C13.1: accuracy of each wording, on seen and on unseen pairs of class and colour."""
    fig, axes = _panel(title, 2.6, 2)
    words = {
        "bare word, no space before it": '"star", cut into other tokens',
        "bare word": '"star"',
        "a photo of a": '"a photo of a star"',
        "six templates": "mean of six such sentences",
    }
    for ax, kind in zip(axes, ("seen", "unseen"), strict=True):
        rows = {text: [100 * own["scores"][key][kind] for own in figures] for key, text in words.items()}
        dot_rows(ax, rows, {words["bare word"]: VERMILION, words["bare word, no space before it"]: QUIET})
        ax.set(xlabel=f"right class, %, {kind} class-colour pairs", xlim=(0, 102))
    return fig


def pairs_figure(figures: Figures, title: str) -> Figure:
    """Draw C13.2: accuracy among all 64 pairs, with chance, and with the class guessed."""
    fig, (ax,) = _panel(title, 2.6)
    rows = {
        "pairs that training shows": [100 * own["scores"]["seen"]["pair"] for own in figures],
        "pairs that it never shows": [100 * own["scores"]["unseen"]["pair"] for own in figures],
        "the same, if the class were guessed": [
            100 * own["scores"]["unseen"]["colour"] / 8 for own in figures
        ],
    }
    dot_rows(ax, rows, {"the same, if the class were guessed": VERMILION})
    ax.axvline(100 / 64, color=QUIET, linewidth=1)
    ax.text(100 / 64 + 1, 2.35, "chance, 1 in 64", color=QUIET, fontsize=9, va="center")
    ax.set(xlabel="class and colour right, %", xlim=(0, 102))
    return fig


def temperature_figure(figures: Figures, title: str) -> Figure:
    """Draw C13.3: accuracy and recall over the temperature that was held, and with the learned one."""
    fig, axes = _panel(title, 3.0, 2)
    held = sorted((name for name in figures[0]["accuracy"] if name != "learned"), key=float)
    labels = {"accuracy": "class and colour right, %", "recall_at_5": "caption among the first 5 of 500, %"}
    for ax, (key, label) in zip(axes, labels.items(), strict=True):
        for own in figures:
            places = [float(name) for name in held]
            ax.plot(places, [100 * own[key][name] for name in held], "o-", color=BLUE, alpha=0.6)
            ax.plot(
                [own["learned_temperature"]], [100 * own[key]["learned"]], "*", color=ORANGE, markersize=13
            )
        ax.set(xscale="log", xlabel="temperature held (star: learned)", ylabel=label)
        ax.set_ylim(bottom=0)
    return fig


def senses_figure(figures: Figures, title: str) -> Figure:
    """Draw C13.4: with both senses and without each, under one loss and with a loss for each sense."""
    fig, axes = _panel(title, 2.8, 2)
    shown = {"both": "picture and caption", "untold": "caption without the class",
             "without picture": "picture withheld", "without text": "caption withheld"}  # fmt: skip
    alone = "net of pictures alone"
    for ax, arm in zip(axes, ("one loss", "a loss for each sense"), strict=True):
        rows = {text: [100 * own["scores"][arm][key] for own in figures] for key, text in shown.items()}
        rows[alone] = [100 * own["alone"]["picture"] for own in figures]
        dot_rows(ax, rows, {shown["without text"]: VERMILION, alone: INK})
        ax.set_title(arm, fontsize=10)
        ax.set(xlabel="right class, %", xlim=(50, 101))
    return fig


def shifts_figure(figures: Figures, title: str) -> Figure:
    """Draw C13.6: which share of its accuracy each loses under each shift."""
    fig, (ax,) = _panel(title, 3.2)
    names = list(figures[0]["lost"])
    for place, name in enumerate(reversed(names)):
        for key, hue, off in (("lost", BLUE, 0.14), ("lost, supervised", ORANGE, -0.14)):
            values = [100 * own[key][name] for own in figures]
            ax.plot(values, [place + off] * len(values), "o", color=hue, markeredgecolor="white", alpha=0.9)
    ax.plot([], [], "o", color=BLUE, label="CLIP, zero-shot")
    ax.plot([], [], "o", color=ORANGE, label="supervised, equal without shift")
    ax.axvline(0, color=QUIET, linewidth=1)
    ax.set(yticks=range(len(names)), yticklabels=list(reversed(names)), xlabel="share of accuracy lost, %")
    ax.legend(loc="lower left")
    return fig
