"""Chapter 14: figures of Show, Attend and Tell: where each word looked, what is said wrongly, C14.1.

Shapes: P = 36 cells of the eye's grid, N words, S the picture's side in pixels.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.data.toyworld.language.facts import Facts
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.multimodal.scene_eye import CELLS
from lecture_utils.plotting.images import bare, panels, to_image
from lecture_utils.plotting.overlays import heat_overlay
from lecture_utils.plotting.style import BLUE, GREEN, INK, QUIET, SKY, VERMILION
from lecture_utils.recipes.scenes_captioner import truths

__all__ = ["failures_figure", "gate_figure", "looks_figure", "two_maps_figure", "words_figure"]

TELLING = (*COLOURS, *CLASSES, *STUFF, "left", "right", "front", "behind", "2", "3")


def telling(words: Sequence[str]) -> list[int]:
    """The numbers of the words that say something of the picture: colours, shapes, places, the ground."""
    return [i for i, word in enumerate(words) if word in TELLING]


def show_look(
    ax: Axes, picture: Tensor, weights: Tensor, title: str = "", region: Tensor | None = None
) -> None:
    """Draw where a word looked, (P,), over a picture (3, S, S), and around it the cells that show its object.

    The title is green where the most attended cell is one of these, `region` (P,) bool, vermilion where not.
    """
    side, colour = picture.shape[-1], INK
    ax.imshow(heat_overlay(picture, weights.reshape(CELLS, CELLS)), interpolation="nearest")
    if region is not None:
        cells = region.reshape(CELLS, CELLS).numpy().repeat(side // CELLS, 0).repeat(side // CELLS, 1)
        ax.contour(cells, levels=[0.5], colors=[SKY], linewidths=1.8)
        colour = GREEN if bool(region[weights.argmax()]) else VERMILION
    ax.set_title(title, fontsize=12, fontweight="bold", loc="center", pad=3, color=colour)


def words_figure(
    picture: Tensor,
    words: Sequence[str],
    weights: Tensor,
    *,
    title: str | None = None,
    shown: Sequence[int] | None = None,
    regions: Mapping[int, Tensor] | None = None,
    columns: int = 6,
) -> Figure:
    """Draw a picture, and where the captioner looked for its words.

    Parameters
    ----------
    picture : Tensor
        (3, S, S), S a multiple of 6.
    words, weights : sequence of N str, Tensor
        And where it looked for each, (N, P).
    title : str, optional
        Above all.
    shown : sequence of int, optional
        Which words; those that say something of the picture, if not given.
    regions : mapping, optional
        Of some words, by number, the cells that show the object that they name, (P,) bool: drawn, and the
        word's colour tells whether the look fell there.
    """
    chosen = telling(words) if shown is None else list(shown)
    fig, axes = panels(1 + len(chosen), columns, 8.4 / columns, titled=True, suptitle=title)
    axes[0].imshow(to_image(picture), interpolation="nearest")
    axes[0].set_title("the picture", fontsize=11, loc="center", pad=3, color=QUIET)
    for ax, i in zip(axes[1:], chosen, strict=False):
        show_look(ax, picture, weights[i], words[i], (regions or {}).get(i))
    return fig


def two_maps_figure(
    picture: Tensor, words: Sequence[str], maps: Mapping[str, Sequence[Tensor]], title: str | None = None
) -> Figure:
    """Draw several maps of the same words in rows, such as attention and Grad-CAM, (P,) or (6, 6) each."""
    size = 8.4 / (len(words) + 1)
    fig = Figure(figsize=(8.5, len(maps) * (size + 0.3) + (0.35 if title else 0.0)), layout="constrained")
    fig.suptitle(title or "", x=0.01, ha="left", fontsize=11)
    grid = fig.subplots(len(maps), len(words) + 1, squeeze=False)
    for own, (name, looks) in zip(grid, maps.items(), strict=True):
        bare(own[0]).imshow(to_image(picture), interpolation="nearest")
        own[0].set_title(name, fontsize=10, loc="center", pad=3, color=QUIET)
        for ax, word, look in zip(own[1:], words, looks, strict=True):
            show_look(bare(ax), picture, look.flatten(), word)
    return fig


def gate_figure(words: Sequence[str], gates: Tensor, title: str | None = None) -> Figure:
    """Draw how much of what it saw each word let in: the gate β (N,), from 0 to 1."""
    fig = Figure(figsize=(8.5, 2.6), layout="constrained")
    fig.suptitle(title or "", x=0.01, ha="left", fontsize=11)
    ax = fig.subplots()
    colours = [BLUE if word in TELLING else QUIET for word in words]
    ax.bar(range(len(words)), gates.detach().numpy(), color=colours, width=0.75)
    ax.set_xticks(range(len(words)), words, rotation=60, ha="right", fontsize=9)
    ax.set(ylim=(0, 1), ylabel="gate β", xlim=(-0.6, len(words) - 0.4))
    ax.grid(axis="x", visible=False)
    return fig


def failures_figure(
    pictures: Sequence[Tensor], told: Sequence[str], facts: Sequence[Facts], title: str | None = None
) -> Figure:
    """Draw pictures with what was said of them, a statement a line, in vermilion what is not true."""
    count = len(pictures)
    fig = Figure(figsize=(8.5, 1.75 * ((count + 1) // 2) + 0.35), layout="constrained")
    fig.suptitle(title or "", x=0.01, ha="left", fontsize=11)
    grid = fig.subplots((count + 1) // 2, 4, squeeze=False, width_ratios=(1, 1.55, 1, 1.55))
    cells = np.array(grid).reshape(-1, 2)
    for image_ax, text_ax in cells:
        bare(image_ax)
        bare(text_ax)
    for (image_ax, text_ax), picture, text, scene in zip(cells, pictures, told, facts, strict=False):
        image_ax.imshow(to_image(picture), interpolation="nearest")
        statements = [part.strip() for part in text.split(" .") if part.strip()]
        for line, (statement, true) in enumerate(zip(statements, truths(text, scene), strict=True)):
            text_ax.text(
                0.0, 0.97 - 0.17 * line, _wrapped(statement), transform=text_ax.transAxes, fontsize=8,
                va="top", color=INK if true else VERMILION, fontweight="normal" if true else "bold",
            )  # fmt: skip
    return fig


def _wrapped(statement: str, most: int = 34) -> str:
    """Shorten what is plain, so that a statement has one line."""
    short = statement.removeprefix("there is ").removeprefix("there are ")
    return short if len(short) <= most else short.replace(" of the ", " of ")


def looks_figure(figures: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Draw C14.1: how often the attended cell shows the named object, and how often other cells would."""
    names = {
        "hit": "the cell attended for the word",
        "other_word": "attended for another object's word",
        "fixed": "the best-liked cell of all",
        "centre": "the picture's centre",
        "chance": "any cell",
    }
    fig = Figure(figsize=(8, 2.6), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    ax = fig.subplots()
    for place, (key, name) in enumerate(reversed(names.items())):
        values = [100 * own["scores"][key] for own in figures]
        hue, mean = BLUE if key == "hit" else VERMILION if key == "other_word" else QUIET, np.mean(values)
        ax.plot([mean, mean], [place - 0.28, place + 0.28], color=hue, linewidth=3, alpha=0.5)
        ax.plot(values, [place] * len(values), "o", color=hue, markeredgecolor="white", alpha=0.9, label=name)
    ax.set(yticks=range(len(names)), yticklabels=list(names.values())[::-1], ylim=(-0.6, len(names) - 0.4))
    ax.set(xlabel="cells that show the named object, %", xlim=(0, 100))
    return fig
