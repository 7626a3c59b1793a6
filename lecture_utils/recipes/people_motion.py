"""Weights `people_motion`: MotionCLIP (S13.10) of the toy world's people, aligned with texts and frames."""

from torch import nn

from lecture_utils.multimodal.motion_clip import MotionCLIP
from lecture_utils.recipes._people_motion_clip import MOTIONS, STEPS, WEIGHT, fitted, judged, untrained


def build() -> MotionCLIP:
    """The auto-encoder, untrained."""
    return untrained()


def train(seed: int = 0, *, steps: int = STEPS, motions: int = MOTIONS) -> tuple[nn.Module, dict[str, float]]:
    """Train on 4,000 motions of the 48 seen pairs, 32 a step."""
    return fitted(seed, steps=steps, motions=motions, image_weight=WEIGHT)


def evaluate(model: nn.Module) -> dict[str, float]:
    """Reconstruction, obedience and retrieval on test motions, of seen and of held-out pairs."""
    return judged(model)
