"""Weights `people_clip`: a small CLIP of pictures of a moving figure and of what is said of the motion.

The course's CLIP (S13.4) knows objects and no people, so MotionCLIP (S13.10) gets one of its own. As CLIP is,
it is trained from nothing and on single pictures: one frame, one caption. The 16 held-out pairs of legs and
arms are in no caption. The image encoder is the ResNet with attention pooling, as limbs are a pixel or two
wide.
"""

import time

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.people.motions import FRAMES, sample_motions
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.clip.image_encoder import ResNetEncoder
from lecture_utils.multimodal.clip.loss import clip_loss
from lecture_utils.multimodal.clip.text_encoder import TextEncoder
from lecture_utils.recipes._people_motion import (
    action_numbers,
    action_sentences,
    embedded,
    motion_pictures,
    motion_tokenizer,
    pair_ids,
    rotations_of,
    some_frames,
)
from lecture_utils.training.loop import minibatches
from lecture_utils.training.one_cycle import one_cycle

DIM, LENGTH, MERGES = 64, 24, 200
MOTIONS, FRAMES_EACH, BATCH, STEPS, PEAK_RATE = 5000, 4, 64, 1200, 2e-3


def build() -> CLIP:
    """The two encoders, untrained, and the tokenizer of the captions' grammar."""
    tokenizer = motion_tokenizer(MERGES)
    text = TextEncoder(
        vocabulary=tokenizer.vocabulary, length=LENGTH, end=tokenizer.end,
        width=64, heads=4, layers=2, hidden=128, out=DIM,
    )  # fmt: skip
    image = ResNetEncoder(image=32, width=12, blocks=(1, 1, 1), heads=4, out=DIM)
    return CLIP(image, text, tokenizer)


def frames_and_captions(count: int, each: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return pictures (count · each, 3, 32, 32) and the ids of the captions of their motions."""
    motions = sample_motions(count, seed)
    frame = some_frames(count, each, FRAMES, seed)
    pictures = motion_pictures(rotations_of(motions), frame, seed).flatten(0, 1)
    ids = motion_tokenizer(MERGES).batch(motions.text, LENGTH)
    return pictures, ids.repeat_interleave(each, 0)


def contrast(model: nn.Module, pictures: Tensor, ids: Tensor) -> Tensor:
    """CLIP's loss of a batch of frames and captions."""
    assert isinstance(model, CLIP)
    return clip_loss(model.encode_image(pictures), model.encode_text(ids), model.log_scale)


def train(seed: int = 0, *, steps: int = STEPS, motions: int = MOTIONS) -> tuple[nn.Module, dict[str, float]]:
    """Train on four frames of each of 5,000 motions, 64 frames a step."""
    torch.manual_seed(seed)
    model = build()
    data = frames_and_captions(motions, FRAMES_EACH, seed)
    return one_cycle(
        model, minibatches(*data, batch_size=BATCH, seed=seed), loss=contrast,
        optimizer=torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=0.02),
        steps=steps, warm_up=0.1, label="CLIP of people", cycle_momentum=False,
        after_step=lambda step: model.clip_scale_(), clock=time.process_time,
    )  # fmt: skip


@torch.inference_mode()
def evaluate(model: nn.Module) -> dict[str, float]:
    """Zero-shot among the sentences of all 64 pairs, for single test frames of seen and of held-out pairs."""
    assert isinstance(model, CLIP)
    sentences = model.texts(action_sentences())  # (64, D)
    out: dict[str, float] = {}
    for name, held_out in (("seen", False), ("held_out", True)):
        motions = sample_motions(1000, 0, "test", held_out=held_out)
        pictures = motion_pictures(rotations_of(motions), some_frames(1000, 1, FRAMES, 0), 0, "test")
        guess, truth = (embedded(model, pictures)[:, 0] @ sentences.T).argmax(1), pair_ids(motions)
        right = action_numbers()[guess] == action_numbers()[truth]  # (N, 2)
        out[f"{name}_legs"] = float(right[:, 0].double().mean())
        out[f"{name}_arms"] = float(right[:, 1].double().mean())
        out[f"{name}_pair"] = float(right.all(1).double().mean())
    return out
