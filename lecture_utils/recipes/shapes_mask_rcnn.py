"""Weights `shapes_mask_rcnn`: a box, a class, a mask and five keypoints for each object of a 64 × 64 scene.

Mask R-CNN (He et al., ICCV 2017) on a pyramid of two levels, with both branches, trained jointly. Regions are
proposed on both levels and read from the fine one: our objects are as small as those for which the pyramid's
rule chooses its finest level. Masks have 20 × 20 cells (28 × 28 in the paper), keypoints 28 × 28 (56 × 56).
The five keypoints mean something else for each class, and the five maps are shared by all classes.
"""

import time
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.roi_heads import BoxHead, RoIHeads
from lecture_utils.detection.roi_pooling import PyramidPooling
from lecture_utils.detection.rpn import RPN
from lecture_utils.recipes._detection import CLASSES, HIDDEN, start_from_classifier
from lecture_utils.recipes._masks import (
    Truth,
    TwoLevels,
    found_in,
    fresh_batches,
    labelled,
    mask_score,
    pck_score,
)
from lecture_utils.segmentation.keypoint_branch import KeypointBranch, KeypointHead
from lecture_utils.segmentation.mask_heads import MaskBranch, MaskHead
from lecture_utils.segmentation.mask_rcnn import MaskRCNN
from lecture_utils.training.one_cycle import one_cycle

STEPS, BATCH, PEAK_RATE = 1900, 8, 2e-3
ANCHORS = Anchors(sizes=((10, 16), (24, 36)))
WIDTH, POINTS = 48, 5  # channels of the pyramid; keypoints of an object


def fine(bins: int) -> PyramidPooling:
    """RoIAlign on the fine level."""
    return PyramidPooling((bins, bins), finest=2, coarsest=2)


def build() -> MaskRCNN:
    """The network, untrained."""
    backbone, width = TwoLevels(channels=WIDTH), WIDTH
    rpn = RPN(width, ANCHORS, number=64, keep=(60, 40), keep_training=(48, 24))
    box = BoxHead(width * 7**2, hidden=HIDDEN, classes=CLASSES)
    heads = RoIHeads(fine(7), box, number=16, positive_share=0.5, most=20)
    mask = MaskBranch(fine(10), MaskHead(width, hidden=32, classes=CLASSES, layers=3))
    keypoints = KeypointBranch(fine(7), KeypointHead(width, hidden=32, points=POINTS, layers=3))
    return MaskRCNN(backbone, rpn, heads, mask, keypoints)


def losses(model: Any, x: Tensor, y: Truth) -> Tensor:
    """Faster R-CNN's four losses, the masks' and the keypoints', added."""
    return torch.stack(list(model.losses(x, y.targets, keypoints=y.keypoints).values())).sum()


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh scenes, 8 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build()
    start_from_classifier(model.backbone.get_submodule("stem"))
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-2)
    return one_cycle(
        model, fresh_batches(seed, BATCH), loss=losses, optimizer=optimizer, steps=steps,
        warm_up=0.15, label="Mask R-CNN", clock=time.thread_time,
    )  # fmt: skip


def evaluate(model: MaskRCNN) -> dict[str, float]:
    """Average precision of masks and PCK of keypoints on 400 test scenes."""
    images, truth = labelled(400, seed=0, split="test")
    found = found_in(model, images)
    return mask_score(found, truth.targets) | {"PCK": pck_score(found, truth)}
