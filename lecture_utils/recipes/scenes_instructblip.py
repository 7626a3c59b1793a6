"""Weights `scenes_instructblip`: the instruction enters the Q-Former too, and only that is tuned.

W. Dai et al., "InstructBLIP", NeurIPS 2023, section 2. It begins with the Q-Former of `scenes_qformer`, as
`scenes_blip2` does, and has the same lessons: the question alone, without an answer, is the instruction. Eye
and language model are frozen, and not in the file.
"""

import torch

from lecture_utils import zoo
from lecture_utils.multimodal.blip2.instruct_blip import InstructBLIP
from lecture_utils.recipes._blip import answerer, build_qformer, description, taught, told
from lecture_utils.recipes._scenes import exam, judge, language_model
from lecture_utils.recipes.scenes_qformer import WRITTEN, drawn, truth

__all__ = ["answerer", "build", "evaluate", "train"]

BATCH, STEPS, PEAK_RATE = 64, 600, 4e-3


def build() -> InstructBLIP:
    """The shipped language model, frozen, behind an untrained Q-Former; its file leaves the LM out."""
    return InstructBLIP(language_model(), build_qformer())


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[InstructBLIP, dict[str, float]]:
    """Train Q-Former and projection, 64 questions a step; return the model and what became of it."""
    torch.manual_seed(seed)
    model = build()
    model.qformer.load_state_dict(zoo.load("scenes_qformer").qformer.state_dict())  # type: ignore[union-attr]
    info = taught(model, told(seed, BATCH), steps=steps, rate=PEAK_RATE, label="InstructBLIP")
    return model, info


def evaluate(model: InstructBLIP) -> dict[str, float]:
    """Accuracy over the exam's kinds of question, and the share of true statements in descriptions."""
    grid, facts = drawn(WRITTEN, split="test")
    return judge(answerer(model), exam()) | {"true_statements": truth(description(model.eval(), grid), facts)}
