"""Chapter 14: figures of BLIP-2 and InstructBLIP: masks, losses, retrieval, where queries look, C14.4.

Shapes: P = 36 cells of the eye's grid, Q queries, N pictures, S the picture's side in pixels.
"""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.data.toyworld.language.prompts import short
from lecture_utils.multimodal.blip2.instruct_blip import InstructBLIP
from lecture_utils.multimodal.blip2.masks import qformer_mask
from lecture_utils.multimodal.scene_eye import CELLS
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.overlays import heat_overlay
from lecture_utils.plotting.style import BLUE, GREEN, HAIRLINE, INK, ORANGE, QUIET, VERMILION
from lecture_utils.recipes._blip import answered, asked
from lecture_utils.recipes._scenes import spoken

__all__ = [
    "instructions_figure",
    "losses_figure",
    "masks_figure",
    "queries_figure",
    "retrieval_figure",
]

TASKS = {
    "matching": "matching:\nall see all",
    "generation": "generation:\nno word sees what follows",
    "contrast": "contrast:\neach side sees itself",
}
LOSSES = {"contrast": BLUE, "matching": ORANGE, "generation": GREEN}


def masks_figure(
    words: Sequence[str] = ("there", "is", "a", "red", "star"),
    queries: int = 3,
    mask: Callable[[str, int, int], Tensor] = qformer_mask,
    title: str = "One set of weights, three tasks: only who may look at whom is different",
) -> Figure:
    """Draw the three masks: rows look at columns; what queries see is orange, what words see blue."""
    fig = Figure(figsize=(8.5, 4.0), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    names = [f"query {i + 1}" for i in range(queries)] + list(words)
    for ax, (kind, said) in zip(fig.subplots(1, 3), TASKS.items(), strict=True):
        seen = mask(kind, queries, len(words)).int()  # (N, N)
        is_text = torch.arange(len(names)) >= queries
        ax.imshow(
            (seen * (1 + is_text.int()[:, None])).numpy(),
            cmap=ListedColormap(["#F2F2F2", ORANGE, BLUE]),
            vmin=0,
            vmax=2,
        )
        ax.set_xticks(range(len(names)), names, rotation=90, fontsize=9)
        ax.set_yticks(range(len(names)), names if kind == "matching" else [], fontsize=9)
        for edge in range(len(names) + 1):
            ax.axhline(edge - 0.5, color="white", linewidth=1.5)
            ax.axvline(edge - 0.5, color="white", linewidth=1.5)
        ax.axhline(queries - 0.5, color=INK, linewidth=1)
        ax.axvline(queries - 0.5, color=INK, linewidth=1)
        ax.set_title(said, fontsize=10, loc="left")
        ax.grid(visible=False)
        ax.tick_params(length=0)
    fig.axes[0].set_ylabel("who looks …")
    fig.axes[1].set_xlabel("… at whom")
    return fig


def losses_figure(losses: Mapping[str, Sequence[float]], batch: int, title: str) -> Figure:
    """Draw the three losses of stage 1 over its steps, and what guessing costs in those of choice."""
    fig = Figure(figsize=(8.5, 2.8), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    guess = {"contrast": torch.tensor(float(batch)).log().item(), "matching": torch.tensor(2.0).log().item()}
    for ax, (name, values) in zip(fig.subplots(1, 3), losses.items(), strict=True):
        ax.plot(range(1, len(values) + 1), values, color=LOSSES[name])
        if name in guess:
            ax.axhline(guess[name], color=QUIET, linewidth=1, linestyle="--")
            ax.text(len(values), guess[name], "guessing ", ha="right", va="bottom", fontsize=9, color=QUIET)
        ax.set(title=name, xlabel="step", ylim=(0, 1.15 * max(max(values), guess.get(name, 0.0))))
    fig.axes[0].set_ylabel("nats")
    return fig


def retrieval_figure(images: Tensor, told: Sequence[str], similarity: Tensor, title: str) -> Figure:
    """Draw N pictures, and the text that each finds first, with its cosine; a wrong one in vermilion.

    Parameters
    ----------
    images : Tensor
        (N, 3, S, S).
    told : sequence of N str
    similarity : Tensor
        (N, N), picture × text.
    title : str
    """
    count = len(images)
    fig = Figure(figsize=(8.5, 0.6 * count + 0.4), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    grid = fig.subplots(count, 2, squeeze=False, width_ratios=(0.62, 7.6))
    for row, (own, image) in enumerate(zip(grid, images, strict=True)):
        bare(own[0]).imshow(to_image(image), interpolation="nearest")
        best = int(similarity[row].argmax())
        ax = bare(own[1])
        ax.set(xlim=(0, 1), ylim=(0, 1))
        ax.text(0, 0.5, f"{float(similarity[row, best]):.2f}", va="center", fontsize=10, color=QUIET)
        said = textwrap.fill(told[best], 118)
        ax.text(0.06, 0.5, said, va="center", fontsize=9, color=INK if best == row else VERMILION)
    return fig


def instructions_figure(
    images: Tensor, grid: Tensor, model: InstructBLIP, questions: Sequence[Sequence[str]], title: str
) -> Figure:
    """Draw pictures, and where the queries look, on average, after each of several questions.

    Parameters
    ----------
    images, grid : Tensor
        (N, 3, S, S) and as the eye sees them, (N, P, D).
    model : InstructBLIP
    questions : sequence of N sequences of str
        As many for each picture.
    title : str
    """
    columns = len(questions[0])
    if len(questions) != len(images) or any(len(put) != columns for put in questions):
        got = f"{[len(put) for put in questions]} for {len(images)} pictures"
        raise ValueError(f"questions: got {got}, want as many for each picture")
    size = 8.4 / (columns + 1)
    fig = Figure(figsize=(8.5, len(images) * (size + 0.5) + 0.4), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    axes = fig.subplots(len(images), columns + 1, squeeze=False)
    for own, image, seen, put in zip(axes, images, grid, questions, strict=True):
        bare(own[0]).imshow(to_image(image), interpolation="nearest")
        looks = where(model, seen, put)  # (columns, P)
        said = answered(model, seen.expand(columns, -1, -1), list(put), list(put))
        for ax, question, look, word in zip(own[1:], put, looks, said, strict=True):
            bare(ax).imshow(
                heat_overlay(image, look.reshape(CELLS, CELLS), limit=float(looks.max())),
                interpolation="nearest",
            )
            ax.set_title(f"{textwrap.fill(question, 26)}\n{word}", fontsize=9.5, loc="center", pad=3)
    return fig


def where(model: InstructBLIP, seen: Tensor, questions: Sequence[str]) -> Tensor:
    """Where the queries look in one picture (P, D), on average, after each question, (questions, P)."""
    ids, target = spoken([short(text) for text in questions], [" yes"] * len(questions))
    return model.qformer.looks(seen.expand(len(ids), -1, -1), asked(ids, target)).mean(dim=1)


def queries_figure(points: Mapping[float, Sequence[Mapping[str, Any]]], title: str) -> Figure:
    """Draw C14.4: accuracy over the number of queries, of those that read the question and those that do not.

    Parameters
    ----------
    points : mapping
        Number of queries → figures, one mapping a seed.
    title : str
    """
    fig = Figure(figsize=(8.5, 3.0), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    left, right = fig.subplots(1, 2)
    arms = {"aware": (BLUE, "read the question"), "blind": (VERMILION, "do not read it"),
            "misled": (QUIET, "read another question")}  # fmt: skip
    places = sorted(points)
    for arm, (hue, said) in arms.items():
        means = [100 * sum(own[arm] for own in points[q]) / len(points[q]) for q in places]
        left.plot(range(len(places)), means, "-", color=hue, label=said)
        for x, q in enumerate(places):
            left.plot(
                [x] * len(points[q]), [100 * own[arm] for own in points[q]], "o", color=hue, markersize=5
            )
    for x, q in enumerate(places):
        gains = [100 * own["gain"] for own in points[q]]
        right.plot([x] * len(gains), gains, "o", color=INK, alpha=0.8)
        right.plot([x - 0.2, x + 0.2], [sum(gains) / len(gains)] * 2, color=INK, linewidth=3, alpha=0.5)
    right.axhline(0, color=HAIRLINE, linewidth=1.5)
    for ax in (left, right):
        ax.set_xticks(range(len(places)), [f"{q:g}" for q in places])
        ax.set(xlabel="queries", xlim=(-0.4, len(places) - 0.6))
    left.set_ylabel("right answers, %")
    right.set_ylabel("gained by reading, points")
    left.legend(
        fontsize=9,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=3,
        frameon=False,
        columnspacing=1,
        handlelength=1.2,
    )
    return fig
