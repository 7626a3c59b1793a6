"""Weights `shapes_faster_rcnn`: a box and a class for each of one to four objects of a 64 × 64 scene.

Faster R-CNN (Ren et al., NeurIPS 2015) on one map of stride 4, with RoIPool, nine anchors a place and joint
training. As in the paper it starts from a net that can classify, `shapes_backbone`. Settings follow the paper
where the picture's size lets them: 64 anchors and 16 regions a picture in place of 256 and 64.
"""

import time
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.faster_rcnn import FasterRCNN
from lecture_utils.detection.rpn import RPN
from lecture_utils.recipes._detection import (
    SmallBackbone,
    Target,
    fresh_batches,
    heads,
    score,
    start_from_classifier,
)
from lecture_utils.training.one_cycle import one_cycle

STEPS, BATCH, PEAK_RATE = 3800, 16, 3e-3


def build() -> FasterRCNN:
    """The network, untrained."""
    backbone = SmallBackbone()
    anchors = Anchors(sizes=((12, 20, 32),))
    rpn = RPN(backbone.channels, anchors, number=64, keep=(100, 50), keep_training=(64, 24))
    return FasterRCNN(backbone, rpn, heads(backbone))


def losses(model: Any, x: Tensor, y: list[Target]) -> Tensor:
    """The four losses of joint training, added."""
    return torch.stack(list(model.losses(x, y).values())).sum()


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh scenes, 16 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build()
    start_from_classifier(model.backbone)
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-2)
    return one_cycle(
        model, fresh_batches(seed, BATCH), loss=losses, optimizer=optimizer, steps=steps,
        warm_up=0.15, label="Faster R-CNN", clock=time.thread_time,
    )  # fmt: skip


def evaluate(model: FasterRCNN) -> dict[str, float]:
    """Average precision on 1,000 test scenes."""
    return score(model, lambda images, _: model(images))
