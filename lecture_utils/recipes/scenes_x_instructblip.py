"""Weights `scenes_x_instructblip`: sounds and points, each by a Q-Former of its own, into the frozen model.

A. Panagopoulou et al., "X-InstructBLIP", ECCV 2024, section 3: both senses are trained apart, each on its own
questions, and no text ever has both. What is asked of both at once is therefore emergent, if it works.

Simplified: questions with short answers alone, where the paper has captions, dialogues and more.

Shapes: N examples, P tokens of a sense, D their width, B batch, L tokens of text.
"""

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.prompts import short
from lecture_utils.data.toyworld.language.questions import Question
from lecture_utils.data.toyworld.other_senses import together
from lecture_utils.multimodal.blip2.qformer import QFormer
from lecture_utils.multimodal.x_instruct_blip.x_instruct_blip import XInstructBLIP
from lecture_utils.recipes import scenes_senses
from lecture_utils.recipes._blip import cut
from lecture_utils.recipes._scenes import IGNORE, language_model, next_words, spoken, words
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

DIM, HEADS, LAYERS, QUERIES = 64, 4, 2, 8
EXAMPLES, BATCH, STEPS, RATE = 4000, 64, {"sound": 250, "points": 700}, 4e-3
CHECKED = 300  # test scenes a sense
SENSES = tuple(STEPS)
CUE = " there is"  # before each sense's queries: our language model has never read the word "sound"
Answers = Callable[[Mapping[str, Tensor], list[str]], list[str]]


class Sensed(NamedTuple):
    """What one sense has of N scenes, (N, P, D), and what is asked about them."""

    tokens: Tensor
    questions: Sequence[Question]


@functools.cache
def encoders() -> scenes_senses.Senses:
    """The frozen ear and touch, loaded once."""
    return zoo.load("scenes_senses").requires_grad_(False)  # type: ignore[return-value]


@torch.no_grad()
def tokens(sense: str, values: Tensor) -> Tensor:
    """What a frozen encoder makes of spectrograms or clouds: (N, P, D)."""
    encoder = getattr(encoders(), sense)
    return torch.cat([encoder(part) for part in values.split(250)])


@functools.lru_cache(maxsize=6)
def material(sense: str, count: int = EXAMPLES, *, seed: int = 0, split: str = "train") -> Sensed:
    """Draw scenes, let one sense have them, and ask."""
    drawn = scenes_senses.sounds if sense == "sound" else scenes_senses.clouds
    its = drawn(count, seed=seed, split=split)
    return Sensed(tokens(sense, its.mel if sense == "sound" else its.points), its.questions)  # type: ignore[union-attr]


def build() -> XInstructBLIP:
    """Both Q-Formers, untrained, before the frozen language model."""
    qformers = {
        sense: QFormer(
            words().vocabulary, dim=DIM, features=scenes_senses.DIM, heads=HEADS, layers=LAYERS,
            queries=QUERIES, length=40, hidden=2 * DIM, places=8 if sense == "sound" else None,
            pad=words().pad,
        )
        for sense in SENSES
    }  # fmt: skip
    cue = torch.tensor(words().encode(CUE))
    return XInstructBLIP(language_model(), qformers, dict.fromkeys(SENSES, cue))


def lessons(sense: str, seed: int) -> Iterator[tuple[tuple[Tensor, Tensor, Tensor], Tensor]]:
    """Yield ((tokens (B, P, D), ids, instruction (B, L)), target (B, L)) of one sense for ever."""
    its = material(sense)
    scene = torch.tensor([q.scene for q in its.questions])
    ids, target = spoken([short(q.text) for q in its.questions], [f" {q.answer}" for q in its.questions])
    asked = instructions([q.text for q in its.questions])
    made = torch.Generator().manual_seed(seed)
    while True:
        for rows in torch.randperm(len(ids), generator=made).split(BATCH):
            if len(rows) == BATCH:
                longest = int((target[rows] != IGNORE).nonzero()[:, 1].max()) + 1
                yield (
                    (its.tokens[scene[rows]], ids[rows, :longest], cut(asked[rows], words().pad)),
                    target[rows, :longest],
                )


def instructions(asked: Sequence[str]) -> Tensor:
    """Questions as ids (B, L) for the Q-Former: start, the question, end."""
    longest = max(len(words().encode(f" {text}")) for text in asked) + 2
    return words().batch([f" {text}" for text in asked], longest)


def train(seed: int = 0, *, steps: Mapping[str, int] | None = None) -> tuple[XInstructBLIP, dict[str, float]]:
    """Train the Q-Former of sounds, then that of points; `steps` a sense.

    Returns
    -------
    model : XInstructBLIP
        In evaluation mode.
    info : dict
        steps and seconds (of processor time), and loss, the sum of both senses'.
    """
    torch.manual_seed(seed)
    model, begun, losses = build(), time.thread_time(), []
    for sense, many in (steps or STEPS).items():

        def loss(
            part: nn.Module, x: tuple[Tensor, Tensor, Tensor], target: Tensor, sense: str = sense
        ) -> Tensor:
            logits = model({sense: x[0]}, x[1], x[2])
            return nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=IGNORE)

        part = model.sense(sense)
        _, info = one_cycle(
            part, lessons(sense, seed), loss=loss, optimizer=MuonAndAdamW(part, part.qformer.layers, RATE),
            steps=many, warm_up=0.1, cycle_momentum=False, label=sense,
        )  # fmt: skip
        losses.append(info["loss"])
    done = float(sum((steps or STEPS).values()))
    return model.eval(), {"steps": done, "seconds": time.thread_time() - begun, "loss": sum(losses)}


def answerer(model: XInstructBLIP, *, blind: bool = False) -> Answers:
    """How it answers: what senses have, (B, P, D) each, B questions → B words, or blind to them."""

    @torch.no_grad()
    def answers(given: Mapping[str, Tensor], asked: list[str]) -> list[str]:
        ids, _ = spoken([short(text) for text in asked], [" yes"] * len(asked))
        logits = model(given, ids, None if blind else instructions(asked))
        last = (ids != words().pad).sum(dim=1) - 1
        return next_words(logits[torch.arange(len(ids)), last])

    return answers


def share(answers: Answers, its: Mapping[str, Sensed], put: Sequence[Question]) -> float:
    """How often answers are right where these senses are given; a mean over the kinds asked."""
    of = [q.scene for q in put]
    said = answers({name: one.tokens[of] for name, one in its.items()}, [q.text for q in put])
    kinds = sorted({q.asked for q in put})
    right = {
        kind: [s == q.answer for s, q in zip(said, put, strict=True) if q.asked == kind] for kind in kinds
    }
    return sum(sum(marks) / len(marks) for marks in right.values()) / len(kinds)


def both(count: int = CHECKED) -> tuple[dict[str, Sensed], list[Question]]:
    """A sound and a cloud of different test scenes, and questions about the things of both."""
    struck = scenes_senses.sounds(count, split="test")
    touched = scenes_senses.clouds(count, split="test")
    return {sense: material(sense, count, split="test") for sense in SENSES}, together(struck, touched)


def evaluate(model: XInstructBLIP) -> dict[str, float]:
    """Right answers on the test split: sound, points, and both at once, which was never trained."""
    answers = answerer(model)
    out = {}
    for sense in SENSES:
        alone = material(sense, CHECKED, split="test")
        out[sense] = share(answers, {sense: alone}, alone.questions)
    its, put = both()
    out["both"] = share(answers, its, put)
    for sense in SENSES:
        out[f"both_by_{sense}_alone"] = share(answers, {sense: its[sense]}, put)
    return out
