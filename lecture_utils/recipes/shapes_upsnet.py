"""Weights `shapes_upsnet`: every pixel of a 64 × 64 scene is stuff, one of its objects, or unknown.

UPSNet (Xiong et al., CVPR 2019). Backbone, proposals, boxes and masks start from `shapes_mask_rcnn`; the
semantic head is new, and all is trained on.
"""

import time
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data import toyworld
from lecture_utils.recipes import shapes_mask_rcnn
from lecture_utils.recipes._masks import (
    STUFF,
    Truth,
    found_in,
    fresh_batches,
    labelled,
    mask_score,
    panoptic_score,
)
from lecture_utils.segmentation.semantic_head import SemanticHead
from lecture_utils.segmentation.upsnet import UPSNet
from lecture_utils.training.one_cycle import one_cycle

STEPS, BATCH, PEAK_RATE = 700, 8, 1e-3


def build(*, unknown: bool = True) -> UPSNet:
    """The network, untrained."""
    parts = shapes_mask_rcnn.build()
    assert parts.mask is not None
    width = shapes_mask_rcnn.WIDTH
    semantic = SemanticHead(width, levels=2, classes=len(toyworld.SEMANTIC), hidden=32)
    return UPSNet(parts.backbone, parts.rpn, parts.heads, parts.mask, semantic, stuff=STUFF, unknown=unknown)


def start_from_mask_rcnn(model: UPSNet) -> None:
    """Give it the weights of `shapes_mask_rcnn`, without the keypoint branch."""
    learned = zoo.load("shapes_mask_rcnn").state_dict()
    own = {name: value for name, value in learned.items() if not name.startswith("keypoints.")}
    model.instances.load_state_dict(own)


def losses(model: Any, x: Tensor, y: Truth) -> Tensor:
    """Mask R-CNN's losses and those of the two new heads, added."""
    return torch.stack(list(model.losses(x, y.targets, y.semantic).values())).sum()


def train(seed: int = 0, *, steps: int = STEPS, unknown: bool = True) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh scenes, 8 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build(unknown=unknown)
    start_from_mask_rcnn(model)
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-2)
    return one_cycle(
        model, fresh_batches(100 + seed, BATCH), loss=losses, optimizer=optimizer, steps=steps,
        warm_up=0.15, label="UPSNet", clock=time.thread_time,
    )  # fmt: skip


def evaluate(model: UPSNet) -> dict[str, float]:
    """Panoptic quality, and average precision of masks, on 400 test scenes."""
    images, truth = labelled(400, seed=0, split="test")
    found = found_in(model, images)
    masks = mask_score([own.instances for own in found], truth.targets)
    return panoptic_score([own.panoptic for own in found], truth.panoptic) | {"mask_AP": masks["AP"]}
