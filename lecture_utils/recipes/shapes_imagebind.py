"""Weights `shapes_imagebind`: encoders of sound, depth and motion in the space of `shapes_clip`.

R. Girdhar et al., "ImageBind: One Embedding Space To Bind Them All", CVPR 2023: each is trained on 6,000
pairs with pictures alone, and never meets a word or another sense. CLIP is frozen, and is not in the file.
"""

import torch

from lecture_utils.multimodal.imagebind.imagebind import TEMPERATURE, ImageBind
from lecture_utils.recipes._imagebind import STEPS, build_imagebind, clip, judge, perceived, train_sense

PAIRS = 6000


def build() -> ImageBind:
    """The model around the shipped CLIP, its other encoders untrained."""
    return build_imagebind(clip())


def train(seed: int = 0, *, steps: int | None = None) -> tuple[ImageBind, dict[str, float]]:
    """Train one encoder after the other (each for `steps`, where given); return steps, seconds, losses."""
    torch.manual_seed(seed)
    model = build()
    scenes = perceived(model.clip, PAIRS, seed)
    info: dict[str, float] = {"steps": 0.0, "seconds": 0.0}
    for sense in TEMPERATURE:
        told = train_sense(
            sense, model.get_submodule(sense), scenes.sense(sense), scenes.image,
            seed=seed, steps=STEPS[sense] if steps is None else steps,
        )  # fmt: skip
        info["steps"] += told["steps"]
        info["seconds"] += told["seconds"]
        info[f"{sense}_loss"] = told["loss"]
    return model.eval(), info


def evaluate(model: ImageBind) -> dict[str, float]:
    """`judge` on scenes of the test split."""
    return judge(model, "test")
