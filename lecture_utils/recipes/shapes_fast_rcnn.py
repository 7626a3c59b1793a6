"""Weights `shapes_fast_rcnn`: names and moves the regions that selective search proposes in a 64 × 64 scene.

Fast R-CNN (Girshick, ICCV 2015) on the backbone and with the heads of `shapes_faster_rcnn`, and from the same
start, so that the two differ in who proposes. Searching takes longer than learning from a picture, so it
learns from 2,400 scenes, mirrored at random as in the paper (section 2.3), instead of fresh ones.
"""

import time
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.data import toyworld
from lecture_utils.detection.fast_rcnn import FastRCNN
from lecture_utils.detection.structures import Detections
from lecture_utils.recipes._detection import (
    SIZE,
    Proposed,
    SmallBackbone,
    heads,
    known_batches,
    score,
    search,
    start_from_classifier,
)
from lecture_utils.training.one_cycle import one_cycle

PICTURES, STEPS, BATCH, PEAK_RATE = 2400, 2400, 16, 3e-3


def build() -> FastRCNN:
    """The network, untrained."""
    backbone = SmallBackbone()
    return FastRCNN(backbone, heads(backbone, background=0.1))


def losses(model: Any, x: Tensor, y: list[Proposed]) -> Tensor:
    """The loss of both tasks, added."""
    targets = [(boxes, labels) for _, boxes, labels in y]
    return torch.stack(list(model.losses(x, [found for found, _, _ in y], targets).values())).sum()


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on 2,400 scenes, 16 a step; return the model and steps, seconds, last loss."""
    images, targets = toyworld.detection(PICTURES, size=SIZE, seed=seed)
    batches = known_batches(images, targets, search(images), batch=BATCH, seed=seed)
    torch.manual_seed(seed)
    model = build()
    start_from_classifier(model.backbone)
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-2)
    return one_cycle(
        model, batches, loss=losses, optimizer=optimizer, steps=steps,
        warm_up=0.15, label="Fast R-CNN", clock=time.thread_time,
    )  # fmt: skip


def detect(model: FastRCNN, images: Tensor) -> list[Detections]:
    """Search pictures (B, 3, H, W) for proposals, and name and move these."""
    return model(images, search(images))


def evaluate(model: FastRCNN) -> dict[str, float]:
    """Average precision on 400 test scenes."""
    return score(model, lambda images, _: detect(model, images), n=400)
