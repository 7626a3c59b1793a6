"""Weights `scenes_flamingo`: the language model that has only read, given eyes by gated cross-attention.

J.-B. Alayrac et al., "Flamingo: a Visual Language Model for Few-Shot Learning", NeurIPS 2022. The eye
(`scenes_eye`) and the language model (`scenes_lm`) are frozen, and not in the file; resampler and new layers
learn from single questions, and from texts in which pictures, questions and answers take turns.

Where the paper's few-shot learning comes from web pages, ours is practised: see `_flamingo`.

Shapes: B texts, M pictures in a text, P = 36 cells of the eye's grid, N tokens.
"""

import time
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.multimodal.flamingo.flamingo import Flamingo
from lecture_utils.multimodal.flamingo.gated_cross_attention import Combine, gated_cross_attention
from lecture_utils.multimodal.flamingo.resampler import PerceiverResampler
from lecture_utils.recipes._flamingo import (
    ANSWERS,
    NAMES,
    NEW_NAMES,
    Told,
    Turn,
    Tutor,
    interleave,
    lessons,
)
from lecture_utils.recipes._scenes import IGNORE, exam, judge, language_model, left_out, material, next_words
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

LATENTS, RESAMPLED, EVERY, FEATURES, PLACES = 8, 2, 1, 128, 36
STEPS, PEAK_RATE = 2000, 4e-3
KINDS = (("named", 3, 0.6), ("unnamed", 5, 0.2), ("binding", 5, 0.2))  # the first of each has no example
SHOTS = (0, 1, 2, 4)


def build(*, combine: Combine = gated_cross_attention, every: int = EVERY) -> Flamingo:
    """The shipped language model with new layers, of which none has learned; its file leaves the LM out."""
    lm = language_model()
    resampler = PerceiverResampler(FEATURES, lm.dim, latents=LATENTS, layers=RESAMPLED, places=PLACES)
    model = Flamingo(lm, resampler, every=every, combine=combine)
    left_out(model, "lm")
    return model


def answer_loss(model: nn.Module, told: Told, target: Tensor) -> Tensor:
    """Cross-entropy of the answers, of all in a text, each from what stands before it."""
    logits = model(told.ids, told.media, told.which)
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=IGNORE)


def taught(
    model: Flamingo,
    tutor: Tutor,
    *,
    steps: int,
    kinds: Sequence[tuple[str, int, float]] = KINDS,
    answers: int = ANSWERS,
    after_step: Callable[[int], None] | None = None,
) -> dict[str, float]:
    """Train what is new in a Flamingo by one cycle, in place; what `one_cycle` tells of it."""
    inner = nn.ModuleList([model.resampler.layers, model.gated])
    _, info = one_cycle(
        model, lessons(tutor, kinds=kinds, answers=answers), loss=answer_loss,
        optimizer=MuonAndAdamW(model, inner, PEAK_RATE), steps=steps, warm_up=0.1, cycle_momentum=False,
        label="Flamingo", clock=time.thread_time, after_step=after_step,
    )  # fmt: skip
    return info


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[Flamingo, dict[str, float]]:
    """Train on questions about training scenes, 60 answers a step; return the model and what became of it."""
    torch.manual_seed(seed)
    model = build()
    return model, taught(model, Tutor(material(), seed), steps=steps)


def answerer(model: Flamingo) -> Callable[[Tensor, list[str]], list[str]]:
    """How a Flamingo answers single questions: (grid (B, P, C), B questions) -> B words."""

    def answers(grid: Tensor, asked: list[str]) -> list[str]:
        told = interleave([[Turn(i, text, "yes")] for i, text in enumerate(asked)], grid)
        return next_words(at_answers(model, told))

    return answers


@torch.no_grad()
def at_answers(model: Flamingo, told: Told) -> Tensor:
    """Logits (answers, V) of all answers of some texts, text by text."""
    model.eval()
    return model(told.ids, told.media, told.which)[told.target != IGNORE]


def shots(
    model: Flamingo, tutor: Tutor, draw: Callable[[int], list[Turn]], *, texts: int = 400
) -> list[float]:
    """Accuracy of the answer after 0, 1, 2, … examples: of the first, second, third … turn of each text."""
    told = interleave([draw(max(SHOTS) + 1) for _ in range(texts)], tutor.portion.grid)
    right = at_answers(model, told).argmax(-1) == told.target[told.target != IGNORE]
    return right.view(texts, -1).double().mean(0).tolist()


def few_shot(model: Flamingo, *, split: str = "test", texts: int = 400) -> dict[str, list[float]]:
    """Accuracies after 0 to 4 examples: of named questions, each unnamed task, and words known or new."""
    tutor = Tutor(material(800, split=split), 0)
    draws: dict[str, Callable[[int], list[Turn]]] = {"named": tutor.named, "unnamed": tutor.unnamed}
    draws |= {
        "binding": lambda n: tutor.binding(n, NAMES),
        "binding, new": lambda n: tutor.binding(n, NEW_NAMES),
    }
    return {name: shots(model, tutor, draw, texts=texts) for name, draw in draws.items()}


def evaluate(model: Flamingo) -> dict[str, float]:
    """Accuracy over the exam's kinds of question, and over examples of the unnamed tasks and of bindings."""
    found = few_shot(model)
    told = {f"{name}, {k} shots": found[name][k] for name in found for k in SHOTS}
    return judge(answerer(model), exam()) | told
