"""Weights `shapes_yolact`: objects of a 64 × 64 scene, each a mix of the scene's 16 prototypes.

YOLACT (Bolya et al., ICCV 2019) on the backbone and pyramid of `shapes_mask_rcnn`, and from the same start.
The paper has one anchor size on each of five levels; with two levels there are two sizes on each.
"""

import time
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.detection.anchors import Anchors
from lecture_utils.recipes._detection import CLASSES, start_from_classifier
from lecture_utils.recipes._masks import Truth, TwoLevels, found_in, fresh_batches, labelled, mask_score
from lecture_utils.segmentation.yolact import Yolact
from lecture_utils.training.one_cycle import one_cycle

STEPS, BATCH, PEAK_RATE = 1900, 8, 2e-3
ANCHORS = Anchors(sizes=((12, 17), (24, 34)))
PROTOTYPES = 16


def build() -> Yolact:
    """The network, untrained."""
    backbone = TwoLevels()
    return Yolact(
        backbone, backbone.channels, ANCHORS, CLASSES, prototypes=PROTOTYPES, hidden=48, convs=2, most=20
    )


def losses(model: Any, x: Tensor, y: Truth) -> Tensor:
    """The four losses, weighed and added."""
    return torch.stack(list(model.losses(x, y.targets).values())).sum()


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh scenes, 8 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build()
    start_from_classifier(model.backbone.get_submodule("stem"))
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-2)
    return one_cycle(
        model, fresh_batches(seed, BATCH), loss=losses, optimizer=optimizer, steps=steps,
        warm_up=0.15, label="YOLACT", clock=time.thread_time,
    )  # fmt: skip


def evaluate(model: Yolact) -> dict[str, float]:
    """Average precision of masks on 400 test scenes."""
    images, truth = labelled(400, seed=0, split="test")
    return mask_score(found_in(model, images), truth.targets)
