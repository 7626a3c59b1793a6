"""What the recipes of BLIP-2 share: its Q-Former's sizes, pictures with their descriptions, lessons, a tutor.

Shapes: N pictures, P = 36 cells of the eye's grid, B batch, L tokens.
"""

import functools
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.asked import described
from lecture_utils.data.toyworld.language.facts import Facts
from lecture_utils.data.toyworld.language.prompts import short
from lecture_utils.data.toyworld.language.questions import ASKED
from lecture_utils.multimodal.blip2.blip2 import BLIP2
from lecture_utils.multimodal.blip2.instruct_blip import InstructBLIP
from lecture_utils.multimodal.blip2.masks import Mask, qformer_mask
from lecture_utils.multimodal.blip2.qformer import QFormer
from lecture_utils.recipes._scenes import (
    IGNORE,
    SCENES,
    Portion,
    lessons,
    material,
    next_words,
    spoken,
    words,
)
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

DIM, HEADS, LAYERS, QUERIES, HIDDEN = 64, 4, 4, 16, 128
LENGTH, PLACES, FEATURES = 60, 36, 128  # descriptions have at most 51 words, and a start and an end


def build_qformer(queries: int = QUERIES, *, layers: int = LAYERS, mask: Mask = qformer_mask) -> QFormer:
    """A Q-Former for the eye's tokens and the language model's words, with one more for decoding."""
    tokenizer = words()
    return QFormer(
        tokenizer.vocabulary + 1, dim=DIM, features=FEATURES, heads=HEADS, layers=layers, queries=queries,
        length=LENGTH, hidden=HIDDEN, places=PLACES, pad=tokenizer.pad, mask=mask,
    )  # fmt: skip


# --- pictures with their descriptions ----------------------------------------------------------------
def texts(facts: tuple[Facts, ...]) -> Tensor:
    """All descriptions as ids (N, L): start, the description, end, padding."""
    tokenizer = words()
    told = [f" {described(scene)}" for scene in facts]
    return tokenizer.batch(told, max(len(tokenizer.encode(text)) for text in told) + 2)


@functools.lru_cache(maxsize=3)
def descriptions(count: int = SCENES) -> Tensor:
    """The descriptions (N, L) of `training(count)`."""
    return texts(training(count).facts)


def training(count: int = SCENES) -> Portion:
    """The training material that all share; asked for in one way, so that it is drawn once."""
    return material(count, kinds=ASKED)


def cut(text: Tensor, pad: int) -> Tensor:
    """Leave out the last columns of (B, L) that are padding in every row."""
    return text[:, : int((text != pad).sum(dim=1).max())]


def pairs(grid: Tensor, text: Tensor, seed: int, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pictures (B, P, D) and their descriptions (B, L) for ever, no two of a batch described alike."""
    alike = torch.unique(text, dim=0, return_inverse=True)[1]  # (N,): the same number, the same description
    made = torch.Generator().manual_seed(seed)
    while True:
        for drawn in torch.randperm(len(grid), generator=made).split(batch + batch // 2):
            rows = drawn[first_of_each(alike[drawn])][:batch]
            if len(rows) == batch:
                yield grid[rows].float(), cut(text[rows], words().pad)


def first_of_each(numbers: Tensor) -> Tensor:
    """Places (M,) of the first of each number among (B,), in order."""
    seen: dict[int, int] = {}
    for place, number in enumerate(numbers.tolist()):
        seen.setdefault(number, place)
    return torch.tensor(sorted(seen.values()))


# --- stage 2: a frozen language model is told --------------------------------------------------------
class Lesson(NamedTuple):
    """Pictures' tokens (B, P, D), text for the language model (B, L), and the question alone (B, T)."""

    grid: Tensor
    ids: Tensor
    question: Tensor


def asked(ids: Tensor, target: Tensor) -> Tensor:
    """The instruction in lessons (B, L): all that stands before the first token to be learned, (B, T)."""
    prompt = (target != IGNORE).int().argmax(dim=1)  # (B,): its last token
    inside = torch.arange(ids.shape[1]) <= prompt[:, None]
    return cut(ids.masked_fill(~inside, words().pad), words().pad)


def told(seed: int, batch: int, *, scenes: int = SCENES, every: int = 4) -> Iterator[tuple[Lesson, Tensor]]:
    """Yield lessons and targets (B, L): short answers, and at every fourth step descriptions (0: never).

    A description follows the start token, as in what the language model has read.
    """
    grid, text = training(scenes).grid, descriptions(scenes)
    shown = pairs(grid, text, seed, batch // 2) if every else None
    for step, (seen, ids, target) in enumerate(lessons(seed, batch, scenes=scenes)):
        if shown is not None and step % every == every - 1:
            some, description = next(shown)
            start, after = description[:, :-1], description[:, 1:]
            yield (
                Lesson(some, start, description[:, :1]),
                after.masked_fill(after == words().pad, IGNORE),
            )
        else:
            yield Lesson(seen, ids, asked(ids, target)), target


def language_loss(model: nn.Module, lesson: Lesson, target: Tensor) -> Tensor:
    """Cross-entropy of what the language model should say, behind what the queries tell it."""
    more = (lesson.question,) if isinstance(model, InstructBLIP) else ()
    logits = model(lesson.grid, lesson.ids, *more)
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=IGNORE)


def taught(
    model: BLIP2, batches: Iterator[tuple[Lesson, Tensor]], *, steps: int, rate: float, label: str
) -> dict[str, float]:
    """Train Q-Former and projection by one cycle, in place; what `one_cycle` tells of it."""
    optimizer = MuonAndAdamW(model, model.qformer.layers, rate)
    _, info = one_cycle(
        model, batches, loss=language_loss, optimizer=optimizer, steps=steps, warm_up=0.1,
        cycle_momentum=False, label=label, clock=time.thread_time,
    )  # fmt: skip
    return info


def answerer(model: BLIP2) -> Callable[[Tensor, list[str]], list[str]]:
    """How it answers in one word: (grid (B, P, D), B questions) -> B words."""
    return lambda grid, questions: answered(model, grid, questions, questions)


@torch.no_grad()
def answered(model: BLIP2, grid: Tensor, questions: list[str], instructions: list[str]) -> list[str]:
    """Answer B questions in one word each; the queries of an InstructBLIP read the instructions."""
    (ids, target), (other, after) = (
        spoken([short(text) for text in put], [" yes"] * len(put)) for put in (questions, instructions)
    )
    more = (asked(other, after),) if isinstance(model, InstructBLIP) else ()
    logits = model.eval()(grid, ids, *more)  # (B, L, V)
    return next_words(logits[torch.arange(len(ids)), (target != IGNORE).int().argmax(dim=1)])


@torch.no_grad()
def description(model: BLIP2, grid: Tensor, steps: int = 56) -> list[str]:
    """What it says of pictures (B, P, D) if nothing is asked."""
    tokenizer = words()
    start = torch.full((len(grid), 1), tokenizer.start)
    more = {"instruction": start} if isinstance(model, InstructBLIP) else {}
    return written(model.generate(grid, start, steps, end=tokenizer.end, **more)[:, 1:])


def written(ids: Tensor) -> list[str]:
    """Ids (B, L) as texts, each up to its end."""
    tokenizer = words()
    rows = [row[: row.index(tokenizer.end)] if tokenizer.end in row else row for row in ids.tolist()]
    return [tokenizer.decode(row).strip() for row in rows]
