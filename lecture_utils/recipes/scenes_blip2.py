"""Weights `scenes_blip2`: BLIP-2's second stage, Q-Former and projection before a frozen language model.

J. Li, D. Li, S. Savarese and S. Hoi, "BLIP-2", ICML 2023, section 3.3. It begins with the Q-Former of
`scenes_qformer`. Eye (`scenes_eye`) and language model (`scenes_lm`) are frozen, and not in the file. The
paper's second stage writes captions, and is tuned on questions later; here both are learned at once, short
answers at three steps of four.
"""

import torch

from lecture_utils import zoo
from lecture_utils.multimodal.blip2.blip2 import BLIP2
from lecture_utils.recipes._blip import answerer, build_qformer, description, taught, told
from lecture_utils.recipes._scenes import exam, judge, language_model
from lecture_utils.recipes.scenes_qformer import WRITTEN, drawn, truth

__all__ = ["answerer", "build", "evaluate", "train"]

BATCH, STEPS, PEAK_RATE = 64, 600, 4e-3


def build() -> BLIP2:
    """The shipped language model, frozen, behind an untrained Q-Former; its file leaves the LM out."""
    return BLIP2(language_model(), build_qformer())


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[BLIP2, dict[str, float]]:
    """Train Q-Former and projection, 64 questions a step; return the model and what became of it."""
    torch.manual_seed(seed)
    model = build()
    model.qformer.load_state_dict(zoo.load("scenes_qformer").qformer.state_dict())  # type: ignore[union-attr]
    info = taught(model, told(seed, BATCH), steps=steps, rate=PEAK_RATE, label="BLIP-2, stage 2")
    return model, info


def evaluate(model: BLIP2) -> dict[str, float]:
    """Accuracy over the exam's kinds of question, and the share of true statements in descriptions."""
    grid, facts = drawn(WRITTEN, split="test")
    return judge(answerer(model), exam()) | {"true_statements": truth(description(model.eval(), grid), facts)}
