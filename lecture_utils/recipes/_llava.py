"""How LLaVA is taught, in two stages, and examined.

H. Liu et al., "Visual Instruction Tuning", NeurIPS 2023, sections 3 and 4. Stage 1: requests to describe a
picture. Stage 2: talks that a writer who never saw a picture made of its facts, and, as in LLaVA-1.5 (H. Liu
et al., CVPR 2024, section 3.2), questions to be answered by one word.

Shapes: B pictures or talks, P = 36 cells of the eye's grid, C = 128 features, N tokens.
"""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.asked import Asked, described, instructions
from lecture_utils.data.toyworld.language.facts import Facts
from lecture_utils.data.toyworld.language.programs import Exists, Having, Set, Things, Unclear, found
from lecture_utils.data.toyworld.language.prompts import long, short
from lecture_utils.data.toyworld.language.telling import TALKS, true_of, understand
from lecture_utils.data.toyworld.language.wording import say
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.multimodal.llava.chat import reply
from lecture_utils.multimodal.llava.instructions import talk_ids
from lecture_utils.multimodal.llava.llava import LLaVA, answer_loss
from lecture_utils.recipes._scenes import IGNORE, Answers, Portion, language_model, next_words, seen, words
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

FEATURES, CELLS = 128, (6, 6)
SPOKEN = 72  # tokens that a description may have: the longest has 51 words
REQUEST = "describe the picture ."
CHUNK = 8  # batches among which rows are sorted by length, so that little is filled up
Batch = tuple[tuple[Tensor, Tensor], Tensor]


class Lesson(NamedTuple):
    """One text about a picture: the picture's row, ids, and what should follow each, or IGNORE."""

    scene: int
    ids: list[int]
    target: list[int]


def build() -> LLaVA:
    """A copy of the shipped language model behind an untrained projection."""
    return LLaVA(copy.deepcopy(language_model()), FEATURES, cells=CELLS)


def described_lessons(portion: Portion) -> list[Lesson]:
    """Stage 1: each picture with its description, asked for by one of three requests."""
    return [lesson for i, scene in enumerate(portion.facts) for lesson in _talks(i, scene, "detail")]


def instruction_lessons(portion: Portion, seed: int = 0, *, each: int = 1) -> list[Lesson]:
    """Stage 2: so many talks a picture, of the paper's three kinds by chance.

    All three are as frequent here; of the paper's 158,000 talks 58,000 are conversations, 23,000 detailed
    descriptions and 77,000 reasoning (section 3).
    """
    kinds = np.random.default_rng(seed).choice(len(TALKS), (each, len(portion.facts)))
    return [
        lesson
        for telling, row in enumerate(kinds)
        for i, (scene, kind) in enumerate(zip(portion.facts, row, strict=True))
        for lesson in _talks(i, scene, TALKS[kind], telling)
    ]


def _talks(row: int, scene: Facts, kind: str, telling: int = 0) -> list[Lesson]:
    turns = [(long(turn.asked), f" {turn.told}") for turn in instructions(scene, kind, telling=telling)]
    return [Lesson(row, *talk_ids(turns, words()))] if turns else []


def short_lessons(portion: Portion) -> list[Lesson]:
    """Stage 2: questions that one word answers, without an end after it."""
    lessons = []
    for question in portion.questions:
        asked = [words().start, *words().encode(short(question.text))]
        answer = words().encode(f" {question.answer}")
        ids = (asked + answer)[:-1]
        lessons.append(Lesson(question.scene, ids, [IGNORE] * (len(asked) - 1) + answer))
    return lessons


def batches(portion: Portion, lessons: Sequence[Lesson], batch: int, seed: int) -> Iterator[Batch]:
    """Yield ((grid (B, P, C), ids (B, N)), target (B, N)) for ever, texts of about one length together."""
    made = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(lessons), generator=made).tolist()
        for start in range(0, len(order) - batch + 1, CHUNK * batch):
            rows = sorted(order[start : start + CHUNK * batch], key=lambda i: len(lessons[i].ids))
            whole = len(rows) // batch
            for part in torch.randperm(whole, generator=made).tolist():
                yield _filled(portion, [lessons[i] for i in rows[part * batch : (part + 1) * batch]])


def _filled(portion: Portion, lessons: Sequence[Lesson]) -> Batch:
    n = max(len(lesson.ids) for lesson in lessons)
    ids = torch.full((len(lessons), n), words().pad)
    target = torch.full((len(lessons), n), IGNORE)
    for row, lesson in enumerate(lessons):
        ids[row, : len(lesson.ids)] = torch.tensor(lesson.ids)
        target[row, : len(lesson.ids)] = torch.tensor(lesson.target)
    grid = portion.grid[torch.tensor([lesson.scene for lesson in lessons])].float()
    return (grid, ids), target


def loss(model: nn.Module, x: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
    """Cross-entropy of what the assistant says."""
    return answer_loss(model(*x), target)


def aligned(model: LLaVA, given: Iterator[Batch], *, steps: int, rate: float) -> dict[str, float]:
    """Stage 1, in place: the projection alone learns."""
    model.align_only()
    optimizer = torch.optim.AdamW(model.projection.parameters(), rate, weight_decay=0.0)
    return _cycle(model, given, optimizer, steps, "LLaVA, stage 1")


def tuned(model: LLaVA, given: Iterator[Batch], *, steps: int, rate: float) -> dict[str, float]:
    """Stage 2, in place: projection and language model learn."""
    model.tune_all()
    optimizer = MuonAndAdamW(model, model.lm.layers, rate)
    return _cycle(model, given, optimizer, steps, "LLaVA, stage 2")


def _cycle(
    model: LLaVA, given: Iterator[Batch], optimizer: torch.optim.Optimizer, steps: int, label: str
) -> dict[str, float]:
    _, info = one_cycle(
        model, given, loss=loss, optimizer=optimizer, steps=steps, warm_up=0.1, cycle_momentum=False,
        label=label, clock=time.thread_time,
    )  # fmt: skip
    return info


# --- examined -----------------------------------------------------------------------------------------
def answerer(model: LLaVA, *, at: Callable[[Tensor], int | Tensor] = lambda lengths: 1) -> Answers:
    """How a LLaVA answers by one word: (grid (B, P, C), B questions) -> B words.

    `at` says from the lengths of the texts (B,), the start token included, where the picture goes.
    """

    @torch.no_grad()
    def answers(grid: Tensor, asked: list[str]) -> list[str]:
        rows = [[words().start, *words().encode(short(text))] for text in asked]
        lengths = torch.tensor([len(row) for row in rows])
        ids = torch.full((len(rows), int(lengths.max())), words().pad)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        logits = model.eval()(grid, ids, at=at(lengths))
        return next_words(logits[torch.arange(len(rows)), lengths - 1])

    return answers


@torch.no_grad()
def replies(model: LLaVA, grid: Tensor, request: str, *, portion: int = 100) -> list[str]:
    """What a LLaVA says to one request about each picture (N, P, C), at most SPOKEN tokens."""
    asked = torch.tensor([[words().start, *words().encode(long(request))]])
    said: list[str] = []
    for part in grid.float().split(portion):
        ids = asked.expand(len(part), -1)
        told = reply(model.eval(), part, ids, steps=SPOKEN, end=words().end)
        said += [words().decode(row).strip() for row in told]
    return said


def statements(text: str) -> list[str]:
    """Cut what was said into its statements, each with its full stop."""
    return [f"{part.strip()} ." for part in text.split(" .") if part.strip()]


def held(statement: str, scene: Facts) -> bool | None:
    """Whether a statement is true of a scene; None where it is no statement, or the scene leaves it open."""
    try:
        return true_of(statement, scene)
    except (Unclear, ValueError):
        return None


def truth(said: Sequence[str], facts: Sequence[Facts]) -> dict[str, float]:
    """How true descriptions are, and how full.

    Returns
    -------
    dict
        "true": share of true ones among the statements that are true or false; "told": share of what the
        right description says that is said; "made_up": share of the statements that there is an object of
        some colour and shape in which there is none (CHAIR: A. Rohrbach et al., EMNLP 2018); "no_statement":
        share that is no statement, or that the scene leaves open.
    """
    marks: list[bool | None] = []
    objects: list[bool] = []
    told: list[bool] = []
    for text, scene in zip(said, facts, strict=True):
        own = list(dict.fromkeys(statements(text)))
        right = [held(statement, scene) for statement in own]
        marks += right
        objects += [
            mark for one, mark in zip(own, right, strict=True) if mark is not None and _names_object(one)
        ]
        told += [statement in own for statement in statements(described(scene))]
    plain = [mark for mark in marks if mark is not None]
    return {
        "true": sum(plain) / max(len(plain), 1),
        "told": sum(told) / max(len(told), 1),
        "made_up": 1 - sum(objects) / max(len(objects), 1),
        "no_statement": 1 - len(plain) / max(len(marks), 1),
    }


def _names_object(statement: str) -> bool:
    """Whether this says that there is a thing of one colour and shape, wherever it stands."""
    program, claim = understand(statement)
    return isinstance(program, Exists) and claim == "yes"


def polled(model: LLaVA, drawn: Asked, *, seed: int = 0) -> dict[str, float]:
    """Ask of each picture for a class that is there, and for one that is not (POPE, random).

    Y. Li et al., "Evaluating Object Hallucination in Large Vision-Language Models", EMNLP 2023, section 5.

    Returns
    -------
    dict
        "accuracy"; "made_up", the share of absent classes that are said to be there; "yes", the share of yes.
    """
    random = np.random.default_rng(seed)
    rows, asked, there = [], [], []
    for i, scene in enumerate(drawn.facts):
        present = [c for c in CLASSES if found(_of(c), scene)]
        absent = [c for c in CLASSES if c not in present]
        if not present:
            continue
        for name, is_there in ((random.choice(present), True), (random.choice(absent), False)):
            rows.append(i)
            asked.append(say(Exists(_of(str(name)))))
            there.append(is_there)
    said = answerer(model)(seen(drawn)[rows].float(), asked)
    yes = np.array([word == "yes" for word in said])
    truth_ = np.array(there)
    right = np.array([word == ("yes" if t else "no") for word, t in zip(said, there, strict=True)])
    return {
        "accuracy": float(right.mean()),
        "made_up": float(yes[~truth_].mean()),
        "yes": float(yes.mean()),
    }


def _of(shape: str) -> Set:
    return Having(Things(), "shape", shape)
