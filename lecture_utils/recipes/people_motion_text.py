"""Weights `people_motion_text`: as `people_motion`, but without the image loss: what do the frames add?"""

from torch import nn

from lecture_utils.multimodal.motion_clip import MotionCLIP
from lecture_utils.recipes._people_motion_clip import MOTIONS, STEPS, fitted, judged, untrained


def build() -> MotionCLIP:
    """The auto-encoder, untrained."""
    return untrained()


def train(seed: int = 0, *, steps: int = STEPS, motions: int = MOTIONS) -> tuple[nn.Module, dict[str, float]]:
    """Train as `people_motion` is, on the same motions and captions, with the image loss at 0."""
    return fitted(seed, steps=steps, motions=motions, image_weight=0.0)


def evaluate(model: nn.Module) -> dict[str, float]:
    """Reconstruction, obedience and retrieval on test motions, of seen and of held-out pairs."""
    return judged(model)
