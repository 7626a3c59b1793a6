"""Chapter 14: the ladder of visual question answering, every model on the same test questions.

From the bottom: the prior of answers, words alone, words and a glance (iBOWIMG), a language model that sees
nothing; then those that look; and at the top the same language model, told in words what the picture shows.

Shapes: B questions, P = 36 cells, D width of a token.
"""

import importlib
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.asked import Asked, described
from lecture_utils.data.toyworld.language.prompts import short
from lecture_utils.data.toyworld.language.questions import ASKED, Question
from lecture_utils.recipes._scenes import DEEP, exam, language_model, marks
from lecture_utils.recipes.scenes_baselines import Baselines, answerers
from lecture_utils.recipes.scenes_lm import replies

COLUMNS = (*ASKED, "hops 0", "hops 1", "hops 2", "hops 3", "all")
LOOKING = {  # weights, and what the row is called
    "scenes_flamingo": "Flamingo",
    "scenes_llava": "LLaVA",
    "scenes_blip2": "BLIP-2",
    "scenes_instructblip": "InstructBLIP",
}
Marks = Callable[[Asked], list[bool]]


class Share(NamedTuple):
    """A share of right answers, and half the width of its 95 % interval over scenes."""

    value: float
    half: float


def rungs() -> dict[str, Marks]:
    """How each model whose weights stand marks its answers to an exam, the lowest rung first."""
    baselines = zoo.load("scenes_baselines")
    assert isinstance(baselines, Baselines)
    blind = answerers(baselines)
    out = {
        "prior of answers": grid_marks(blind["prior"]),
        "words alone": grid_marks(blind["words"]),
        "language model, blind": grid_marks(
            lambda _, asked: replies(language_model(), list(map(short, asked)))
        ),
        "words + mean token": grid_marks(blind["words and picture"]),
    }
    for name, label in LOOKING.items():
        if name in zoo.names():
            recipe = importlib.import_module(f"lecture_utils.recipes.{name}")
            out[label] = grid_marks(recipe.answerer(zoo.load(name)))
    if "scenes_programs" in zoo.names():
        out["visual programs"] = program_marks
    return {**out, "language model, told": told_marks}


def grid_marks(answers: Callable[[Tensor, list[str]], list[str]]) -> Marks:
    """Mark what answers from a picture's tokens."""
    return lambda drawn: marks(answers, drawn)


def program_marks(drawn: Asked) -> list[bool]:
    """Mark the programs that are written for each question and run on its picture."""
    recipe = importlib.import_module("lecture_utils.recipes._programs")
    said = recipe.answers_of_programs(drawn)
    return [word == q.answer for word, q in zip(said, drawn.questions, strict=True)]


def told_marks(drawn: Asked) -> list[bool]:
    """Mark the language model where it reads the true description before each question."""
    told = [f" {described(drawn.facts[q.scene])}{short(q.text)}" for q in drawn.questions]
    said = replies(language_model(), told)
    return [word == q.answer for word, q in zip(said, drawn.questions, strict=True)]


def ladder(
    scenes: int = 800, deep: int = 300, *, only: Sequence[str] = (), rows: Mapping[str, Marks] | None = None
) -> dict[str, dict[str, Share]]:
    """Put one exam to all models.

    Parameters
    ----------
    scenes, deep : int
        Test scenes for questions over 0 and 1 relation, and for those over 2 and 3, which no model met in
        training.
    only : sequence of str
        Rows to be shown; all where empty.
    rows : mapping of str to Marks, optional
        Instead of `rungs()`.

    Returns
    -------
    dict
        Row → column of COLUMNS → Share. A kind's column is over 0 and 1 relation; those of hops are over the
        four kinds that can follow relations; "all" is the mean of the six kinds.
    """
    rows = rungs() if rows is None else rows
    shallow, far = exam(scenes), exam(deep, deep=True)
    return {
        label: summary(mark(shallow), shallow.questions) | hops_of(mark(far), far.questions, (2, 3))
        for label, mark in rows.items()
        if not only or label in only
    }


def summary(right: Sequence[bool], put: Sequence[Question]) -> dict[str, Share]:
    """Shares by kind, by 0 and 1 relation, and over all six kinds."""
    of = {kind: [i for i, q in enumerate(put) if q.asked == kind] for kind in ASKED}
    kinds = {kind: share(right, put, [rows]) for kind, rows in of.items() if rows}
    return kinds | hops_of(right, put, (0, 1)) | {"all": share(right, put, [r for r in of.values() if r])}


def hops_of(right: Sequence[bool], put: Sequence[Question], hops: Sequence[int]) -> dict[str, Share]:
    """Shares by number of relations, over the kinds that can follow them."""
    of = {n: [i for i, q in enumerate(put) if q.asked in DEEP and q.hops == n] for n in hops}
    return {f"hops {n}": share(right, put, [rows]) for n, rows in of.items() if rows}


def share(right: Sequence[bool], put: Sequence[Question], groups: Sequence[Sequence[int]]) -> Share:
    """Mean over groups of the share of right answers in each, with its 95 % interval.

    Questions about one scene stand or fall together, so it is scenes that are taken for independent: the
    variance is that of their summed residuals (a cluster-robust one).
    """
    residual: dict[int, float] = defaultdict(float)  # of each scene
    levels: list[float] = []
    for rows in groups:
        level = sum(right[i] for i in rows) / len(rows)
        levels.append(level)
        for i in rows:
            residual[put[i].scene] += (right[i] - level) / len(rows) / len(groups)
    n = len(residual)
    variance = sum(r * r for r in residual.values()) * n / max(n - 1, 1)
    return Share(sum(levels) / len(levels), 1.96 * math.sqrt(variance))
