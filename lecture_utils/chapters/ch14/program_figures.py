"""Chapter 14: figures of visual programs: traces line by line, failures, edits, accuracy by relations.

Shapes: S the picture's side in pixels.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.multimodal.visual_programs.editors import editor_modules
from lecture_utils.multimodal.visual_programs.interpreter import Step, run
from lecture_utils.multimodal.visual_programs.modules import question_modules
from lecture_utils.multimodal.visual_programs.program import read_program
from lecture_utils.multimodal.visual_programs.values import Found, Picture, Value
from lecture_utils.plotting.images import bare, panels, to_image
from lecture_utils.plotting.style import BLUE, INK, ORANGE, PINK, QUIET, SKY, VERMILION
from lecture_utils.recipes._programs import PALETTE, always, found_in

__all__ = ["edits_figure", "hops_figure", "lines_figure", "trace_figure"]

ROW, PICTURE, WIDTH = 0.98, 0.9, 9.2  # inches: of a line, of its picture, of the figure
ARMS = {
    "programs, exact in both": ("exact writing, exact modules", QUIET, ":"),
    "programs, written exactly": ("exact writing, own modules", SKY, "--"),
    "programs": ("programs, line by line", BLUE, "-"),
    "programs, written at one go": ("programs, at one go", PINK, "-"),
    "end to end": ("end to end", VERMILION, "-"),
    "prior": ("prior of answers", QUIET, "-"),
}


def enlarged(pixels: Tensor, times: int = 4) -> np.ndarray:
    """A picture (3, S, S) as an array with each pixel drawn as a square, so that outlines are fine."""
    return to_image(pixels).repeat(times, axis=0).repeat(times, axis=1)


def show_value(ax: Axes, value: Value | None, image: Picture) -> None:
    """Draw a line's value: things as boxes, pictures as they are, masks bright, words as words."""
    bare(ax)
    side = image.pixels.shape[-1]
    if isinstance(value, Picture):
        ax.imshow(to_image(value.pixels), interpolation="nearest")
    elif isinstance(value, list):
        ax.imshow(to_image(image.pixels), interpolation="nearest", alpha=0.75 if value else 0.4)
        for thing in value:
            _box(ax, thing)
    elif isinstance(value, Tensor):
        ax.imshow(to_image(torch.where(value, image.pixels, 0.25 * image.pixels)), interpolation="nearest")
    else:
        ax.set_xlim(-0.5, side - 0.5)
        ax.set_ylim(side - 0.5, -0.5)
        text, colour = ("✗", VERMILION) if value is None else (str(value), INK)
        large = 17 if len(text) <= 5 else 12.5
        ax.text(
            side / 2, side / 2, text, ha="center", va="center", fontsize=large, color=colour, weight="bold"
        )


def _box(ax: Axes, thing: Found) -> None:
    x1, y1, x2, y2 = (value - 0.5 for value in thing.box)
    for colour, width in (("white", 3.4), (INK, 1.5)):
        ax.plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color=colour, linewidth=width)


def said(step: Step) -> tuple[str, str]:
    """What is written beside a line's value, and in which colour."""
    if step.problem:
        return step.problem, VERMILION
    if isinstance(step.value, list):
        names = [f"{t.colour} {t.shape}, {t.depth_m:.1f} m" for t in step.value]
        return f"{len(names)} found" + (": " + "; ".join(names) if names else ""), QUIET
    return "", QUIET


def trace_figure(
    image: Picture,
    trace: Sequence[Step],
    *,
    title: str = "",
    wrong: int | None = None,
    note: str = "",
) -> Figure:
    """Draw a trace as the paper does: line by line, each with the picture, things or word that it gave.

    Parameters
    ----------
    image : Picture
        IMAGE.
    trace : sequence of Step
        As `run` gives it.
    title, note : str
        Above, and in the last row.
    wrong : int, optional
        The number of the line that went wrong, which is marked.
    """
    rows, titles = len(trace) + 1, textwrap.wrap(title, 78)
    head, foot = 0.18 + 0.24 * len(titles), 0.34 if note else 0.06
    height = head + rows * ROW + foot
    fig = Figure(figsize=(WIDTH, height))
    fig.set_layout_engine("none")
    for number, line in enumerate(titles):
        top = 1 - (0.2 + 0.24 * number) / height
        fig.text(0.012, top, line, fontsize=13, weight="bold", color=INK, va="center")
    for row in range(rows):
        low = (height - head - (row + 1) * ROW + (ROW - PICTURE)) / height
        ax = fig.add_axes((0.1 / WIDTH, low, PICTURE / WIDTH, PICTURE / height))
        middle = low + 0.5 * PICTURE / height
        if row == 0:
            show_value(ax, image, image)
            fig.text(1.2 / WIDTH, middle, "IMAGE", family="monospace", fontsize=10.5, color=INK, va="center")
            continue
        step = trace[row - 1]
        show_value(ax, step.value, image)
        words, colour = said(step)
        bad = row - 1 == wrong
        up = 0.14 / height if words else 0
        code: dict[str, Any] = {"family": "monospace", "fontsize": 10.5, "va": "center"}
        code |= {"color": VERMILION if bad else INK, "weight": "bold" if bad else "normal"}
        fig.text(1.2 / WIDTH, middle + up, f"{row}  {step.line}", **code)
        if words:
            fig.text(1.42 / WIDTH, middle - 0.14 / height, words, fontsize=10, color=colour, va="center")
    if note:
        fig.text(0.012, 0.16 / height, note, fontsize=10.5, color=INK, va="center")
    return fig


STEPS_SHOWN = 9  # lines of a program for which `steps_figure` has room


def steps_figure(
    image: Picture, trace: Sequence[Step], *, title: str = "", wrong: int | None = None, note: str = ""
) -> Figure:
    """Draw a trace in two rows of five panels, always of one size; arguments as for `trace_figure`.

    Lines beyond the ninth have no room; the note says how many there are.
    """
    fig = Figure(figsize=(WIDTH, 6.3))
    fig.set_layout_engine("none")
    for number, line in enumerate(textwrap.wrap(title, 78)[:2]):
        fig.text(0.012, 0.965 - 0.04 * number, line, fontsize=13, weight="bold", color=INK, va="center")
    for place in range(min(len(trace), STEPS_SHOWN) + 1):
        left, low = 0.004 + 0.2 * (place % 5), 0.475 if place < 5 else 0.065
        ax = fig.add_axes((left, low, 0.19, 0.19 * WIDTH / 6.3))
        step = trace[place - 1] if place else None
        show_value(ax, image if step is None else step.value, image)
        text = "IMAGE" if step is None else f"{place} {step.line}"
        bad = place - 1 == wrong
        lines = textwrap.wrap(text, 26)[:4]
        top = low + 0.19 * WIDTH / 6.3 + 0.012
        fig.text(left, top, "\n".join(lines), family="monospace", fontsize=7.5, va="bottom",
                 color=VERMILION if bad else INK)  # fmt: skip
        if bad and step is not None and step.problem:
            ax.text(0.5, 0.2, "\n".join(textwrap.wrap(step.problem, 26)[:5]), fontsize=8, color=VERMILION,
                    ha="center", va="center", transform=ax.transAxes)  # fmt: skip
    more = f" {len(trace)} lines in all." if len(trace) > STEPS_SHOWN else ""
    fig.text(0.012, 0.025, note + more, fontsize=10.5, color=INK, va="center")
    return fig


def lines_figure(trace: Sequence[Step], image: Picture, *, title: str = "") -> Figure:
    """Draw a trace side by side: the picture, then what each line gave, its module above it."""
    fig, flat = panels(len(trace) + 1, len(trace) + 1, 1.5, titled=True, suptitle=title or None)
    show_value(flat[0], image, image)
    flat[0].set_title("IMAGE", fontsize=10, loc="center")
    for ax, step in zip(flat[1:], trace, strict=True):
        show_value(ax, step.value, image)
        ax.set_title(step.line.module, fontsize=10, loc="center", color=VERMILION if step.problem else INK)
    return fig


EDITS = {
    "colour pop": "MASK0 = SEG(image=IMAGE, box=BOX0)\nIMAGE0 = COLOURPOP(image=IMAGE, mask=MASK0)",
    "blurred behind": "MASK0 = SEG(image=IMAGE, box=BOX0)\nIMAGE0 = BGBLUR(image=IMAGE, mask=MASK0)",
    "made blue": "MASK0 = SEG(image=IMAGE, box=BOX0)\n"
    "IMAGE0 = REPLACE(image=IMAGE, mask=MASK0, colour='blue')",
    "stamped": "IMAGE0 = EMOJI(image=IMAGE, box=BOX0)",
}


def edited(pixels: Tensor, program: str) -> tuple[Value | None, list[Step]]:
    """Run an editing program over a picture (3, S, S) with the course's own detector."""
    modules = question_modules(always(found_in(pixels[None])[0]), lambda image, question: "")
    return run(read_program(program), modules | editor_modules(PALETTE), Picture(pixels))


def edits_figure(pixels: Tensor, find: str, *, title: str = "") -> Figure:
    """Draw a picture (3, S, S) before and after four edits of what one line of a program finds.

    Parameters
    ----------
    find : str
        Lines that leave the one thing in BOX0, such as "BOX0 = LOC(image=IMAGE, object='red star')".
    """
    fig, flat = panels(len(EDITS) + 1, len(EDITS) + 1, 1.75, titled=True, suptitle=title or None)
    bare(flat[0]).imshow(enlarged(pixels))
    flat[0].set_title("before", fontsize=11, loc="center")
    for ax, (name, lines) in zip(flat[1:], EDITS.items(), strict=True):
        made, trace = edited(pixels, f"{find}\n{lines}")
        bare(ax)
        if isinstance(made, Picture):
            ax.imshow(enlarged(made.pixels))
        else:
            ax.text(0.5, 0.5, trace[-1].problem, fontsize=8, wrap=True, transform=ax.transAxes, ha="center")
        ax.set_title(name, fontsize=11, loc="center")
    return fig


def hops_figure(
    seeds: Sequence[Mapping[str, Any]],
    *,
    title: str = "Running a program carries over to longer questions, writing it much less",
) -> Figure:
    """Draw accuracy by the number of relations: each arm's mean over seeds, and each seed as a dot.

    Parameters
    ----------
    seeds : sequence of mappings
        Figures of C14.5, one a seed: `accuracy` is arm → "0" to "3" → share.
    """
    fig = Figure(figsize=(9.0, 4.4), layout="constrained")
    ax = fig.add_subplot()
    hops = ("0", "1", "2", "3")
    ax.axvspan(1.5, 3.3, color=ORANGE, alpha=0.08, linewidth=0)
    ax.text(2.4, 1.035, "longer than any in training", ha="center", fontsize=10, color=QUIET)
    ends = []
    for arm, (label, colour, style) in ARMS.items():
        values = np.array([[one["accuracy"][arm][h] for h in hops] for one in seeds])
        ax.plot(range(4), values.mean(0), style, color=colour, linewidth=2.2)
        if arm != "programs, exact in both":
            ax.plot(
                np.tile(range(4), len(values)), values.ravel(), "o", color=colour, markersize=3, alpha=0.6
            )
        ends.append((float(values.mean(0)[-1]), label, colour))
    at = 2.0
    for value, label, colour in sorted(ends, key=lambda end: -end[0]):
        at = min(value, at - 0.055)
        ax.text(3.08, at, f"{label}: {value:.0%}", va="center", fontsize=10.5, color=colour, weight="bold")
    ax.set(xlim=(-0.1, 5.0), ylim=(0, 1.08), xticks=range(4), xlabel="relations in the question")
    ax.set_ylabel("questions answered rightly")
    ax.set_title(title, loc="left")
    return fig
