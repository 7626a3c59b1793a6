"""Weights `shapes_resnet`: a 20-layer residual net that names the one object of a 32 × 32 toy-world picture.

The network is He et al.'s (CVPR 2016, section 4.2), 16 channels wide. Simplified: it never sees a picture
twice (the toy world renders as many as asked for), so it needs no augmentation, and Adam with a cosine
schedule takes the place of 64,000 steps of SGD.
"""

import torch
from torch import nn

from lecture_utils.backbones.resnet import CifarNet
from lecture_utils.data import toyworld
from lecture_utils.recipes._shared import SIZE, fresh_batches, smoothed_cross_entropy
from lecture_utils.training.loop import accuracy
from lecture_utils.training.one_cycle import one_cycle

STEPS, PEAK_RATE = 2400, 3e-3


def build() -> nn.Module:
    """The network, untrained: (B, 3, H, W) in [0, 1] → scores (B, classes)."""
    return CifarNet(20, residual=True, width=16, classes=len(toyworld.CLASSES))


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh pictures, 64 a step.

    Returns
    -------
    model : nn.Module
        In evaluation mode.
    info : dict
        steps, seconds, and the mean loss of the last 50 steps.
    """
    torch.manual_seed(seed)
    model = build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=1e-2)
    return one_cycle(
        model, fresh_batches(seed), loss=smoothed_cross_entropy, optimizer=optimizer, steps=steps,
        warm_up=0.15, label="shapes",
    )  # fmt: skip


def evaluate(model: nn.Module) -> dict[str, float]:
    """Accuracy on 4,000 pictures of the test split."""
    images, labels = toyworld.classification(4000, size=SIZE, split="test", seed=0)
    return {"test_accuracy": accuracy(model, images, labels)}
