"""Weights `shapes_clip`: a small CLIP of the captioned world, both encoders trained together from nothing.

A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021: a
ResNet with attention pooling for 32 × 32 pixels, a text transformer of two layers, batches of 64 fresh pairs
where the paper has 32,768 of 400 million. As in the paper nothing is pre-trained.

In tries of a minute of one core each, Muon for the matrices (attention, projections, embeddings; convolutions
stay with AdamW) did most: 0.86 of the pictures of seen pairs were named, and 0.47 with AdamW. A ViT of four
layers in the encoder's place named 0.47 with Muon; batches of 128 named 0.80.
"""

from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.recipes._clip import build_clip, judge, trained

STEPS = 3600


def build() -> CLIP:
    """The model, untrained: `encode_image` takes (B, 3, 32, 32), `texts` a list of str."""
    return build_clip()


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[CLIP, dict[str, float]]:
    """Train on fresh pairs; return the model and steps, seconds (processor time), last loss."""
    return trained(seed, steps=steps)


def evaluate(model: CLIP) -> dict[str, float]:
    """`judge` on pictures of the test split."""
    return judge(model, "test")
