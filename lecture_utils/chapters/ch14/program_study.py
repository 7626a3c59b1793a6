"""Chapter 14: programs against a network that answers from end to end, where questions get longer.

Both learn from the same kind of questions, over no relation and one. The network sees the frozen eye's cells
and the words; the program writer sees words alone, and its programs call the course's own modules.

Shapes: N pictures, B questions, P = 36 cells.
"""

import functools
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.asked import Asked, asked
from lecture_utils.data.toyworld.language.program_text import program_text
from lecture_utils.data.toyworld.language.programs import ANSWERS
from lecture_utils.data.toyworld.language.prompts import vocabulary
from lecture_utils.data.toyworld.language.questions import Question
from lecture_utils.multimodal.visual_programs.generator import LineWriter, WholeWriter
from lecture_utils.multimodal.visual_programs.vqa import VQA, CellProjection
from lecture_utils.recipes._program_training import answer_loss, read_questions, train_writer
from lecture_utils.recipes._programs import answers_from, exact_modules, modules_for, retrieving
from lecture_utils.recipes._scenes import DEEP, grids, material
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

HOPS = (0, 1, 2, 3)
WIDTH, LAYERS, BATCH, RATE = 96, 3, 64, 4e-3  # of the network from end to end


# --- from end to end ---------------------------------------------------------------------------------
def build_end_to_end() -> VQA:
    """The network of the module VQA on the frozen eye's cells, wider, for all questions."""
    return VQA(CellProjection(128, WIDTH), vocabulary(), ANSWERS, dim=WIDTH, layers=LAYERS, length=40)


def lessons(model: VQA, seed: int, scenes: int) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor]]:
    """Training questions for ever: (cells (B, P, 128), word numbers (B, L)), answers' numbers (B,)."""
    grid, _, put = material(scenes)
    scene, ids = torch.tensor([q.scene for q in put]), model.encode([q.text for q in put])
    wanted = torch.tensor([ANSWERS.index(q.answer) for q in put])
    made = torch.Generator().manual_seed(seed)
    while True:
        for rows in torch.randperm(len(ids), generator=made).split(BATCH):
            if len(rows) == BATCH:
                longest = int((ids[rows] > 0).sum(1).max())
                yield (grid[scene[rows]].float(), ids[rows, :longest]), wanted[rows]


def train_end_to_end(seed: int, *, steps: int, scenes: int) -> VQA:
    """Train on questions over no relation and one, 64 a step."""
    torch.manual_seed(seed)
    model = build_end_to_end()
    trained, _ = one_cycle(
        model, lessons(model, seed, scenes), loss=answer_loss,
        optimizer=MuonAndAdamW(model, model.layers, RATE), steps=steps, warm_up=0.1,
        cycle_momentum=False, label="end to end", clock=time.thread_time,
    )  # fmt: skip
    assert isinstance(trained, VQA)
    return trained


def answers_end_to_end(model: VQA, drawn: Asked) -> list[str]:
    """Answer all questions."""
    cells, out = grids(drawn.image), []
    for start in range(0, len(drawn.questions), 256):
        part = drawn.questions[start : start + 256]
        out += model.answer(cells[[q.scene for q in part]], [q.text for q in part])
    return out


# --- the exam ----------------------------------------------------------------------------------------
def exams(count: int, seed: int, *, objects: int | tuple[int, int] = (2, 3)) -> dict[int, Asked]:
    """Test questions over 0 to 3 relations about the same scenes, four to each at most."""
    draw = functools.partial(asked, count, seed=seed, split="test", kinds=DEEP, objects=objects)
    return {hops: draw(hops=hops) for hops in HOPS}


def accuracy(said: Sequence[str], drawn: Asked) -> float:
    """Share of right answers."""
    right = [word == q.answer for word, q in zip(said, drawn.questions, strict=True)]
    return sum(right) / len(right)


def prior_of(put: Sequence[Question]) -> Callable[[Asked], list[str]]:
    """Answers as often as training questions that open with the same two words had them: the commonest."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for q in put:
        counted[" ".join(q.text.split()[:2])][q.answer] += 1
    return lambda drawn: [counted[" ".join(q.text.split()[:2])].most_common(1)[0][0] for q in drawn.questions]


def arms_of(
    seed: int, *, scenes: int, steps: int, writer_steps: int
) -> tuple[dict[str, Any], Callable[[Sequence[Asked]], list[dict[str, float]]]]:
    """Train a seed's networks; return them, and how they do in exams: for each exam, arm → share.

    Programs run on the course's own modules, or on modules that make no mistake; they are written by the
    writer that takes questions apart, by one that writes at one go, by retrieval, or exactly.
    """
    network = train_end_to_end(seed, steps=steps, scenes=scenes)
    by_line, _ = train_writer(seed, steps=writer_steps)
    at_once, _ = train_writer(seed, steps=writer_steps, whole=True)
    put = read_questions(1500, seed)
    writers: dict[str, Callable[[list[str]], list[str]]] = {
        "programs": LineWriter(by_line).write,
        "programs, written at one go": WholeWriter(at_once).write,
        "programs, retrieved": retrieving(put).write,
    }
    prior, vqa = prior_of(put), _vqa()

    def judged(drawn: Sequence[Asked]) -> list[dict[str, float]]:
        own = modules_for(drawn[0].image, vqa)  # all exams of a call ask about the same scenes
        out = []
        for exam in drawn:
            exact, true = [program_text(q.program) for q in exam.questions], exact_modules(exam)
            texts = {name: write([q.text for q in exam.questions]) for name, write in writers.items()}

            def ran(text: Sequence[str], modules: Any, exam: Asked = exam) -> float:
                return accuracy([answer for answer, _, _ in answers_from(text, exam, modules)], exam)

            scores = {name: ran(text, own) for name, text in texts.items()}
            scores |= {
                "programs, exact modules": ran(texts["programs"], true),
                "programs, written exactly": ran(exact, own),
                "programs, exact in both": ran(exact, true),
                "end to end": accuracy(answers_end_to_end(network, exam), exam),
                "prior": accuracy(prior(exam), exam),
                "share of texts as written exactly": sum(
                    a == b for a, b in zip(texts["programs"], exact, strict=True)
                )
                / len(exact),
            }
            out.append(scores)
        return out

    return {"end to end": network, "line by line": by_line, "at one go": at_once}, judged


def _vqa() -> VQA:
    system: Any = zoo.load("scenes_programs")
    return system.vqa
