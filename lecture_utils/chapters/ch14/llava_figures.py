"""Figures of LLaVA: how its data are written, a chat, accuracy per stage, the words near a cell, failures.

Each returns a Figure; the alt texts are the notebook's.
"""

import textwrap
from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lecture_utils.chapters.ch14.llava_study import nearest_words
from lecture_utils.data.toyworld.language.asked import Asked, instructions
from lecture_utils.data.toyworld.language.facts import Facts
from lecture_utils.data.toyworld.language.prompts import long
from lecture_utils.data.toyworld.language.questions import ASKED
from lecture_utils.data.toyworld.language.telling import TALKS
from lecture_utils.data.toyworld.names import COLOURS
from lecture_utils.data.toyworld.render import render
from lecture_utils.multimodal.llava.chat import Chat
from lecture_utils.multimodal.llava.llava import LLaVA
from lecture_utils.plotting.images import bare, few, to_image
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET, SKY, VERMILION
from lecture_utils.recipes._llava import answerer, held, statements
from lecture_utils.recipes._scenes import seen

SHADES = (QUIET, SKY, BLUE, ORANGE, GREEN)
TINT = {"user": "#EEF1F4", "true": "#DDF1E9", "false": "#FBE3DA", "open": "#F3F3F3"}
SURE = 0.24  # a cosine from which on the nearest word is written large
SIDE = 192  # pixels of a scene drawn large


def large(drawn: Asked, row: int) -> torch.Tensor:
    """A scene drawn larger than the eye sees it, (3, SIDE, SIDE)."""
    return render(drawn.scenes[torch.tensor([row])], SIDE, only="image").image[0]


def facts_lines(scene: Facts) -> list[str]:
    """What the writer of instruction data is given: the facts, line by line, and no picture."""
    things = [f"{t.colour} {t.shape}: x {t.x:.2f}, {t.depth_m:.1f} m away" for t in scene.things]
    return [*things, f"ground: {scene.ground}", f"sky: {scene.sky}"]


def written_figure(drawn: Asked, row: int = 0) -> Figure:
    """Draw a picture, the facts that a text-only writer is given instead, and the talks that follow."""
    scene = drawn.facts[row]
    fig = Figure(figsize=(8.4, 4.0), layout="constrained")
    grid = fig.add_gridspec(2, 2, width_ratios=(1, 2.35), height_ratios=(1.5, 1))
    bare(fig.add_subplot(grid[0, 0]), "the model sees").imshow(few(large(drawn, row)))
    facts = bare(fig.add_subplot(grid[1, 0]), "the writer reads")
    for spine in facts.spines.values():
        spine.set_visible(False)
    facts.text(0, 1, "\n".join(facts_lines(scene)), va="top", fontsize=9, family="monospace", color=INK)
    ax = bare(fig.add_subplot(grid[:, 1]), "the writer writes")
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    lines: list[tuple[str, str, str]] = []
    for kind in TALKS:
        lines.append((kind, ORANGE, "bold"))
        for turn in instructions(scene, kind):
            lines += [(part, QUIET, "normal") for part in textwrap.wrap(f"user: {turn.asked}", 66)]
            lines += [(part, INK, "normal") for part in textwrap.wrap(f"assistant: {turn.told}", 66)]
        lines.append(("", INK, "normal"))
    for i, (text, colour, weight) in enumerate(lines):
        ax.text(0, 1 - i / max(len(lines), 20), text, va="top", fontsize=9, color=colour, weight=weight)
    return fig


def chat_figure(model: LLaVA, drawn: Asked, row: int, requests: Sequence[str]) -> Figure:
    """Draw a talk about one picture, turn by turn; statements are green where true, and red where not."""
    chat = Chat(model.eval(), seen(drawn)[row][None].float())
    turns = [(request, chat.ask(long(request)).strip()) for request in requests]
    fig = Figure(figsize=(8.4, 3.4), layout="constrained")
    picture, ax = fig.subplots(1, 2, width_ratios=(1, 1.75))
    bare(picture).imshow(few(large(drawn, row)))
    draw_talk(ax, turns, drawn.facts[row])
    return fig


def draw_talk(ax: Axes, turns: Sequence[tuple[str, str]], scene: Facts, *, width: int = 52) -> None:
    """Write a talk into axes, each statement on ground of its colour: true, false, or open."""
    bare(ax)
    for spine in ax.spines.values():
        spine.set_visible(False)
    lines: list[tuple[str, str, float]] = []
    for asked, told in turns:
        lines += [(part, "user", 0.18) for part in textwrap.wrap(asked, width)]
        for statement in statements(told) or [told]:
            mark = held(statement, scene)
            kind = "open" if mark is None else "true" if mark else "false"
            lines += [(part, kind, 0.0) for part in textwrap.wrap(statement, width)]
    rows = max(len(lines), 10)
    ax.set(xlim=(0, 1), ylim=(rows, 0))
    for i, (text, kind, left) in enumerate(lines):
        ax.text(
            left, i + 0.5, text, parse_math=False, va="center", fontsize=9.5 if rows < 16 else 8, color=INK,
            bbox={"boxstyle": "round,pad=0.25", "color": TINT[kind]},
        )  # fmt: skip


def stages_figure(
    scores: Mapping[str, Mapping[str, float]], *, kinds: Sequence[str] = (*ASKED, "all")
) -> Figure:
    """Draw the accuracy of several models or stages, kind by kind, as `judge` has them."""
    fig = Figure(figsize=(8.4, 2.9), layout="constrained")
    ax = fig.subplots()
    wide = 0.8 / len(scores)
    for i, (name, own) in enumerate(scores.items()):
        at = [k + (i - (len(scores) - 1) / 2) * wide for k in range(len(kinds))]
        ax.bar(at, [own[kind] for kind in kinds], 0.92 * wide, color=SHADES[i % len(SHADES)], label=name)
    ax.set_xticks(range(len(kinds)), kinds)
    ax.set(ylim=(0, 1), ylabel="accuracy")
    ax.legend(ncols=len(scores), fontsize=8.5, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return fig


def nearest_figure(model: LLaVA, drawn: Asked, rows: Sequence[int] = (0, 1, 2)) -> Figure:
    """Draw pictures, and on each cell the word whose embedding is nearest to its projected token."""
    chosen = torch.tensor(rows)
    near, cosine = nearest_words(model, seen(drawn).float())
    fig = Figure(figsize=(8.4, 3.1), layout="constrained")
    for ax, row in zip(fig.subplots(1, len(rows)), chosen.tolist(), strict=True):
        bare(ax).imshow(to_image(large(drawn, row)), alpha=0.55)
        cell = SIDE / 6
        for place, word in enumerate(near[row]):
            colour = INK if word not in COLOURS else BLUE
            sure = float(cosine[row, place]) >= SURE
            ax.text(
                (place % 6 + 0.5) * cell, (place // 6 + 0.5) * cell, word, ha="center", va="center",
                fontsize=8 if sure else 6, color=colour if sure else QUIET, alpha=1.0 if sure else 0.6,
            )  # fmt: skip
    return fig


def failures_figure(model: LLaVA, drawn: Asked, count: int = 4) -> Figure:
    """Draw the first pictures of an exam about which a question is answered wrongly, with that question."""
    rows = [q.scene for q in drawn.questions]
    said = answerer(model)(seen(drawn)[rows].float(), [q.text for q in drawn.questions])
    wrong = {}
    for question, word in zip(drawn.questions, said, strict=True):
        if word != question.answer and question.scene not in wrong:
            wrong[question.scene] = (question, word)
    fig = Figure(figsize=(8.4, 3.1), layout="constrained")
    for ax, (scene, (question, word)) in zip(fig.subplots(1, count), wrong.items(), strict=False):
        bare(ax).imshow(few(large(drawn, scene)))
        ax.set_xlabel(
            f"{textwrap.fill(question.text, 30)}\nsays {word}, right: {question.answer}", fontsize=8.5
        )
        ax.xaxis.label.set_color(VERMILION)
    return fig


def places_figure(found: Mapping[str, float]) -> Figure:
    """Draw accuracies by where the picture stands."""
    fig = Figure(figsize=(7.6, 2.2), layout="constrained")
    ax = fig.subplots()
    names = list(found)
    ax.barh(names, [found[name] for name in names], color=[BLUE, *[VERMILION] * (len(names) - 1)])
    for i, name in enumerate(names):
        ax.text(found[name] + 0.01, i, f"{found[name]:.2f}", va="center", fontsize=9, color=INK)
    ax.set(xlim=(0, 1), xlabel="accuracy")
    ax.invert_yaxis()
    return fig
