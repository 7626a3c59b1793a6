"""Weights `shapes_vgg`: a narrow VGG-11 that names the one object of a 96 × 96 toy-world picture.

Chapter 06 turns it into a segmenter, as J. Long et al. (CVPR 2015) did with a VGG-16 that had learned
ImageNet. It has an eighth of VGG-11's width, batch norm, and a first dense layer that reads a 3 × 3 map: what
five pools leave of 96 pixels. Simplified: it never sees a picture twice, so it needs no augmentation.
"""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils.backbones.vgg import VGG
from lecture_utils.data import toyworld
from lecture_utils.recipes._shared import smoothed_cross_entropy
from lecture_utils.training.loop import accuracy
from lecture_utils.training.one_cycle import one_cycle

SIZE, BATCH, PORTION = 96, 32, 1600
STEPS, PEAK_RATE = 3000, 1e-3


def build() -> VGG:
    """The network, untrained: (B, 3, H, W) in [0, 1] → scores (B, classes)."""
    return VGG("A", classes=len(toyworld.CLASSES), width=8, grid=3, hidden=128, dropout=0.0, batch_norm=True)


def fresh_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of training pictures that never repeat: images (B, 3, 96, 96) and labels (B,)."""
    for portion in itertools.count(1000 * seed):
        images, labels = toyworld.classification(PORTION, size=SIZE, split="train", seed=portion)
        yield from zip(images.split(BATCH), labels.split(BATCH), strict=True)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh pictures, 32 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=PEAK_RATE)
    return one_cycle(
        model, fresh_batches(seed), loss=smoothed_cross_entropy, optimizer=optimizer, steps=steps,
        warm_up=0.15, label="VGG",
    )  # fmt: skip


def evaluate(model: nn.Module) -> dict[str, float]:
    """Accuracy on 2,000 pictures of the test split."""
    images, labels = toyworld.classification(2000, size=SIZE, split="test", seed=0)
    return {"test_accuracy": accuracy(model, images, labels)}
