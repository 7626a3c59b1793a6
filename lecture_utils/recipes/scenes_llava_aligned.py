"""Weights `scenes_llava_aligned`: LLaVA after stage 1, in which its projection learned and nothing else.

H. Liu et al., "Visual Instruction Tuning", NeurIPS 2023, section 4.2: pictures with their descriptions, each
behind a request to describe. Eye (`scenes_eye`) and language model (`scenes_lm`) are frozen; the file has the
projection alone.
"""

import torch

from lecture_utils.multimodal.llava.llava import LLaVA
from lecture_utils.recipes import _llava
from lecture_utils.recipes._llava import REQUEST, aligned, batches, described_lessons, polled, replies, truth
from lecture_utils.recipes._scenes import exam, judge, left_out, material, seen

answerer = _llava.answerer
BATCH, STEPS, PEAK_RATE = 32, 600, 1e-2
DESCRIBED = 200  # pictures of the exam that are described


def build() -> LLaVA:
    """The shipped language model behind an untrained projection; its file leaves the LM out."""
    model = _llava.build()
    left_out(model, "lm")
    return model


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[LLaVA, dict[str, float]]:
    """Train the projection on descriptions of training pictures; return the model and what became of it."""
    torch.manual_seed(seed)
    model, portion = build(), material()
    given = batches(portion, described_lessons(portion), BATCH, seed)
    return model, aligned(model, given, steps=steps, rate=PEAK_RATE)


def evaluate(model: LLaVA) -> dict[str, float]:
    """Accuracy over the exam's kinds, truth of descriptions, and objects that are made up when asked for."""
    drawn = exam()
    told = replies(model, seen(drawn)[:DESCRIBED], REQUEST)
    described = {f"description, {k}": v for k, v in truth(told, drawn.facts[:DESCRIBED]).items()}
    poll = {f"poll, {k}": v for k, v in polled(model, drawn).items()}
    return judge(answerer(model), drawn) | described | poll
