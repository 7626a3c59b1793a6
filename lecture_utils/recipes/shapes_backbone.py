"""Weights `shapes_backbone`: says which of eight classes the one object of a 32 × 32 picture has.

What the detectors of chapter 07 start from: R-CNN, Fast R-CNN and Faster R-CNN all took a net that had
learned to classify (on ImageNet), and so do ours. Its map has stride 4, so that objects of ten pixels still
cover some cells; objects are as large, in pixels, as in the detectors' scenes. It never sees a picture twice.
"""

import itertools
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils.data import toyworld
from lecture_utils.ops.checks import check_images, check_sizes
from lecture_utils.recipes._detection import SmallBackbone
from lecture_utils.recipes._shared import smoothed_cross_entropy
from lecture_utils.training.loop import accuracy
from lecture_utils.training.one_cycle import one_cycle

SIZE, STEPS, BATCH, PEAK_RATE = 32, 2400, 64, 5e-3
PORTION = 3200  # pictures rendered at a time
OBJECTS = toyworld.Objects(count=1, distance=(1.6, 3.2))  # at half the side and half the distance: as large


class SmallClassifier(nn.Module):
    """The backbone's map averaged, and one linear layer: (B, 3, H, W) in [0, 1] → logits (B, K)."""

    def __init__(self, *, classes: int = len(toyworld.CLASSES)) -> None:
        super().__init__()
        check_sizes("classifier", classes=classes)
        self.backbone = SmallBackbone()
        self.head = nn.Linear(self.backbone.channels, classes)

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, H, W)
        check_images(x, 3)
        (features,) = self.backbone(x)  # (B, D, H/4, W/4)
        return self.head(features.mean(dim=(2, 3)))  # (B, K)


def build() -> nn.Module:
    """The network, untrained."""
    return SmallClassifier()


def labelled(n: int, *, seed: int, split: str = "train") -> tuple[Tensor, Tensor]:
    """Pictures (n, 3, 32, 32) of one object, and its class (n,)."""
    scenes = toyworld.sample_scenes(n, seed=seed, split=split, objects=OBJECTS)
    sample = toyworld.render(scenes, SIZE, None, only=("image", "class_id"))
    return sample.image, sample.class_id[:, 0]


def fresh_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches (B, 3, 32, 32) with (B,); each picture comes twice, the second time mirrored."""
    for portion in itertools.count(1000 * seed):
        images, labels = labelled(PORTION, seed=portion)
        for seen in (images, images.flip(-1)):
            yield from zip(seen.split(BATCH), labels.split(BATCH), strict=True)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh pictures, 64 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build()
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-2)
    return one_cycle(
        model, fresh_batches(seed), loss=smoothed_cross_entropy, optimizer=optimizer, steps=steps,
        warm_up=0.15, label="backbone", clock=time.thread_time,
    )  # fmt: skip


def evaluate(model: nn.Module) -> dict[str, float]:
    """Accuracy on 4,000 test pictures."""
    return {"accuracy": accuracy(model, *labelled(4000, seed=0, split="test"))}
