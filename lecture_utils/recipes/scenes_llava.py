"""Weights `scenes_llava`: LLaVA after both stages.

H. Liu et al., "Visual Instruction Tuning", NeurIPS 2023, section 4.2. Stage 2 begins with the projection of
`scenes_llava_aligned`, and tunes it and the language model on talks whose writer saw no picture, mixed with
questions that one word answers (LLaVA-1.5). The file has the tuned language model; the eye is `scenes_eye`.
"""

import torch

from lecture_utils import zoo
from lecture_utils.multimodal.llava.llava import LLaVA
from lecture_utils.recipes import _llava
from lecture_utils.recipes._llava import batches, instruction_lessons, short_lessons, tuned
from lecture_utils.recipes._scenes import material
from lecture_utils.recipes.scenes_llava_aligned import evaluate

__all__ = ["answerer", "build", "evaluate", "train"]

answerer, build = _llava.answerer, _llava.build
BATCH, STEPS, PEAK_RATE = 48, 1200, 4e-3
TALKS_EACH = 3  # talks a picture, beside its six short questions


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[LLaVA, dict[str, float]]:
    """Tune on talks and short questions about training pictures; return the model and what became of it."""
    torch.manual_seed(seed)
    model, portion = build(), material()
    model.projection.load_state_dict(zoo.load("scenes_llava_aligned").projection.state_dict())  # type: ignore[union-attr]
    lessons = instruction_lessons(portion, seed, each=TALKS_EACH) + short_lessons(portion)
    info = tuned(model, batches(portion, lessons, BATCH, seed), steps=steps, rate=PEAK_RATE)
    return model, info
