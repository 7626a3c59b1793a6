"""Chapter 13: networks that are trained once and asked by several claims.

A training takes minutes. It is kept for the process and, under the fingerprint of the code that trains, in
the learner's own folder (`runtime.course_home`): other code, another seed or length trains anew.

Shapes: N pictures, D the joint space, K classes.
"""

import functools
import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from lecture_utils import runtime
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.provenance import fingerprint
from lecture_utils.recipes._clip import BATCH, DECAY, DIM, PEAK_RATE, PORTION, build_clip, train_clip
from lecture_utils.training.kit import train_cycle
from lecture_utils.training.losses import cross_entropy
from lecture_utils.training.muon import MuonAndAdamW

KEPT_FROM = 50  # steps: shorter trainings are not worth a file


@functools.lru_cache(maxsize=8)
def clip_of(seed: int, steps: int) -> CLIP:
    """The CLIP that `train_clip(seed, steps=steps)` makes, in evaluation mode; trained, or read from disk."""
    model = kept(f"clip-{seed}", steps, build_clip, lambda: train_clip(seed, steps=steps), train_clip)
    assert isinstance(model, CLIP)
    return model


@functools.lru_cache(maxsize=16)
def classifier_of(seed: int, steps: int) -> nn.Module:
    """The classifier that `train_classifier(seed, steps)` makes; trained, or read from disk."""
    return kept(
        f"classifier-{seed}", steps, Classifier, lambda: train_classifier(seed, steps), train_classifier
    )


def kept(
    name: str, steps: int, build: Callable[[], nn.Module], train: Callable[[], nn.Module], logic: Any
) -> nn.Module:
    """Train a network, or read what the same code trained before."""
    if steps < KEPT_FROM:
        return train().eval()
    key = f"{fingerprint.closure_hash(logic)[:12]}-{torch.__version__}"
    file = runtime.course_home() / f"{name}-{steps}-{key}.safetensors"
    if file.exists():
        model = build()
        model.load_state_dict(safetensors.torch.load_file(file))
        return model.eval()
    model = train().eval()
    part = file.with_suffix(f".{os.getpid()}.part")  # whole or not at all
    safetensors.torch.save_file({name: x.contiguous() for name, x in model.state_dict().items()}, part)
    part.replace(file)
    return model


@torch.no_grad()
def embedded(clip: CLIP, images: Tensor) -> Tensor:
    """Embeddings (N, D) of many pictures (N, 3, H, W), some at a time."""
    return torch.cat([clip.encode_image(part) for part in images.split(250)])


class Classifier(nn.Module):
    """CLIP's image encoder with a linear layer on top, for the classes: what supervision makes of it."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        clip = build_clip()
        self.image_encoder, self.head = clip.image_encoder, nn.Linear(DIM, len(CLASSES))
        self.register_buffer("mean", clip.mean)
        self.register_buffer("std", clip.std)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, K) of pictures (N, 3, 32, 32) in [0, 1], normalised as CLIP does."""
        return self.head(self.image_encoder((images - self.mean) / self.std))


def labelled(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The pictures of `recipes._clip.pairs`, in the same order, with their classes for captions."""
    for portion in itertools.count(1000 * seed):
        some = captioned(PORTION // BATCH * BATCH, seed=portion)
        yield from zip(some.image.split(BATCH), some.class_id.split(BATCH), strict=True)


def train_classifier(seed: int, steps: int) -> nn.Module:
    """Train on classes as CLIP is on captions: encoder, batch, optimiser and schedule are the same."""
    torch.manual_seed(seed)
    model = Classifier()
    optimizer = MuonAndAdamW(model, model, PEAK_RATE, decay=DECAY)
    train_cycle(
        model, labelled(seed), loss=cross_entropy, optimizer=optimizer, steps=steps, warm_up=0.1,
        cycle_momentum=False,
    )  # fmt: skip
    return model
