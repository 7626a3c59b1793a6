"""Figures of Flamingo: gates over training, what latents look at, a prompt with examples, and failures.

Shapes: B texts, L new layers, R latents.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.data.toyworld.language.asked import Asked
from lecture_utils.data.toyworld.language.questions import Question
from lecture_utils.multimodal.flamingo.flamingo import Flamingo
from lecture_utils.plotting.images import bare, few
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET, SKY, VERMILION
from lecture_utils.recipes._flamingo import Turn, interleave
from lecture_utils.recipes._scenes import next_words, seen
from lecture_utils.recipes.scenes_flamingo import answerer, at_answers

ARM_COLOURS = {"shut at first": BLUE, "open at first": ORANGE, "no gate": VERMILION}
LINES = {"named": BLUE, "unnamed": GREEN, "binding": ORANGE, "binding, new": VERMILION}
TASKS = {
    "named": "the question says what it asks",
    "unnamed": '"what ?": only examples say what',
    "binding": "two shapes under other names",
    "binding, new": "… names that training had not",
}
CHANCE = 0.5  # of two names, once both were shown


def gates_figure(opened: Tensor) -> Figure:
    """Draw the gates (steps + 1, L, 2) of a training, one line a new layer."""
    fig = Figure(figsize=(8.0, 2.8), layout="constrained")
    for ax, part, name in zip(fig.subplots(1, 2, sharey=True), (0, 1), ("attention", "MLP"), strict=True):
        for layer in range(opened.shape[1]):
            colour = (BLUE, SKY, GREEN, ORANGE, VERMILION, INK)[layer % 6]
            ax.plot(opened[:, layer, part], color=colour, linewidth=1.8, label=f"before layer {layer + 1}")
        ax.axhline(0, color=QUIET, linewidth=0.8)
        ax.set_xlabel("step")
        ax.set_title(f"gates of the {name}", loc="center")
    fig.axes[0].set_ylabel("tanh(alpha)")
    fig.axes[0].legend(fontsize=8, loc="best")
    return fig


def prompt_figure(model: Flamingo, turns: Sequence[Turn], drawn: Asked) -> Figure:
    """Draw a prompt, picture by picture, with what the model says at each answer.

    Each picture's own answer is what the model says before it has read it, and after those to the left: the
    first is said without an example, the last after all of them.
    """
    told = interleave([turns], seen(drawn))
    said = next_words(at_answers(model, told))
    fig = Figure(figsize=(8.4, 2.6), layout="constrained")
    for k, (ax, turn, word) in enumerate(zip(fig.subplots(1, len(turns)), turns, said, strict=True)):
        bare(ax, f"{k} example{'' if k == 1 else 's'} before\nsays: {word}").imshow(
            few(drawn.image[turn.picture])
        )
        ax.title.set_color(GREEN if word == turn.answer else VERMILION)
        asked = textwrap.fill(f"question : {turn.asked}", 24)
        ax.set_xlabel(f"{asked}\nanswer : {turn.answer}", fontsize=8.5)
    return fig


def shots_figure(found: Mapping[str, Sequence[float]]) -> Figure:
    """Draw accuracies after 0, 1, 2, … examples, as `few_shot` gives them."""
    fig = Figure(figsize=(7.6, 3.0), layout="constrained")
    ax = fig.subplots()
    for name, values in found.items():
        ax.plot(range(len(values)), values, "o-", color=LINES[name], label=TASKS[name])
    ax.plot([1.6, 4.2], [CHANCE, CHANCE], ":", color=QUIET, linewidth=1.5, label="chance of two names")
    ax.set(ylim=(0, 1.02), xlabel="examples before the question", ylabel="accuracy")
    ax.set_xticks(range(len(next(iter(found.values())))))
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig


def failures_figure(model: Flamingo, drawn: Asked, count: int = 4) -> Figure:
    """Draw the first question of each kind in an exam that is answered wrongly, for some kinds."""
    grid = seen(drawn)[[question.scene for question in drawn.questions]].float()
    said = answerer(model)(grid, [question.text for question in drawn.questions])
    wrong: dict[str, tuple[Question, str]] = {}
    for question, word in zip(drawn.questions, said, strict=True):
        if word != question.answer:
            wrong.setdefault(question.asked, (question, word))
    fig = Figure(figsize=(8.4, 3.3), layout="constrained")
    for ax, (question, word) in zip(fig.subplots(1, count), list(wrong.values())[:count], strict=False):
        bare(ax).imshow(few(drawn.image[question.scene]))
        text = f"{textwrap.fill(question.text, 31)}\nsays {word}, right: {question.answer}"
        ax.set_title(text, fontsize=8, fontweight="normal", loc="left")
    return fig


def gate_claim_figure(record: Any) -> Figure:
    """Draw C14.2: loss on plain text as training begins and after it, and accuracy about pictures, by arm."""
    fig = Figure(figsize=(8.0, 2.9), layout="constrained")
    first, second = fig.subplots(1, 2)
    nats = [figures["nats"] for figures in record.figures]
    dots(first, 0, nats, QUIET)
    dots(first, 1, [f["nats"] + f["moved"] for f in record.figures], BLUE)
    dots(first, 2, [f["nats"] + f["harm"] for f in record.figures], VERMILION)
    for k, arm in enumerate(ARM_COLOURS):
        dots(first, 4 + k, [f["arms"][arm]["nats after"] for f in record.figures], ARM_COLOURS[arm])
        dots(second, k, [f["arms"][arm]["all"] for f in record.figures], ARM_COLOURS[arm])
    names = ["LM alone", "shut", "no gate", "", *(f"{arm}" for arm in ARM_COLOURS)]
    first.set_xticks(range(7), [textwrap.fill(name, 8) for name in names], fontsize=8)
    first.set_ylabel("nats a token, plain text")
    first.set_title("before training          after it", loc="center", fontsize=9)
    second.set_xticks(range(3), list(ARM_COLOURS), fontsize=8)
    second.set_ylabel("accuracy about pictures")
    verdict = "holds" if record.holds else "not reproduced"
    fig.suptitle(f"{record.id} {verdict}: shut gates leave the text's loss alone", fontsize=11)
    return fig


def dots(ax: Axes, place: float, values: Sequence[float], colour: str) -> None:
    """Draw one dot a seed above a place."""
    ax.plot(
        [place] * len(values), values, "o", color=colour, markersize=7, alpha=0.8, markeredgecolor="white"
    )
