"""Weights `shapes_rcnn`: cuts out what selective search proposes in a 64 × 64 scene, and judges each cut-out.

R-CNN (Girshick et al., CVPR 2014) on the backbone of `shapes_fast_rcnn`, and from the same start. As in the
paper's section 2.3 the network is first fine-tuned on warped proposals, eight classes and background; then
one SVM and one box regression a class are fitted to its features.
"""

import time
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data import toyworld
from lecture_utils.detection.rcnn import RCNN, warp_regions
from lecture_utils.detection.rcnn_fit import region_examples
from lecture_utils.detection.structures import Detections
from lecture_utils.recipes._detection import (
    CLASSES,
    SIZE,
    Proposed,
    SmallBackbone,
    Target,
    known_batches,
    score,
    search,
    start_from_classifier,
)
from lecture_utils.recipes.shapes_backbone import SmallClassifier
from lecture_utils.training.one_cycle import one_cycle

PICTURES, STEPS, BATCH, PEAK_RATE = 1600, 1600, 8, 3e-3
REGIONS = 16  # of a picture, a quarter of them objects: with 8 pictures the paper's 128
WARPED, CELLS = 32, 4  # pixels a side of a cut-out, and cells a side of what is read from its map
FITTED = 400  # pictures that SVMs and box regressions learn from


class Features(nn.Module):
    """What the SVMs read: the backbone's map in 4 × 4 cells, (N, 3, S, S) → (N, 16·D)."""

    def __init__(self, backbone: SmallBackbone) -> None:
        super().__init__()
        self.backbone, self.width = backbone, CELLS**2 * backbone.channels

    def forward(self, regions: Tensor) -> Tensor:
        (features,) = self.backbone(regions)  # (N, D, S/4, S/4)
        return F.adaptive_avg_pool2d(features, CELLS).flatten(1)


def build(backbone: SmallBackbone | None = None) -> RCNN:
    """R-CNN on a backbone, with SVMs that know nothing yet."""
    features = Features(SmallBackbone() if backbone is None else backbone)
    return RCNN(features, width=features.width, classes=CLASSES, size=WARPED)


def losses(model: Any, x: Tensor, y: list[Proposed]) -> Tensor:
    """Cross-entropy of the classes of drawn, warped regions; 0 is background."""
    drawn = [region_examples(*own, number=REGIONS) for own in y]
    warped = [warp_regions(image, regions, WARPED) for image, (regions, _) in zip(x, drawn, strict=True)]
    return F.cross_entropy(model(torch.cat(warped)), torch.cat([wanted for _, wanted in drawn]))


def fitted(
    images: Tensor, targets: Sequence[Target], proposals: Sequence[Tensor], *, seed: int, steps: int
) -> tuple[RCNN, dict[str, float]]:
    """Fine-tune on these pictures (B, 3, 64, 64), then fit SVMs and box regressions on the first 400."""
    torch.manual_seed(seed)
    model = SmallClassifier(classes=CLASSES + 1)
    start_from_classifier(model.backbone)
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-2)
    batches = known_batches(images, targets, proposals, batch=BATCH, seed=seed)
    _, info = one_cycle(
        model, batches, loss=losses, optimizer=optimizer, steps=steps,
        warm_up=0.15, label="R-CNN", clock=time.thread_time,
    )  # fmt: skip
    rcnn = build(model.backbone)
    return rcnn.fit(images[:FITTED], proposals[:FITTED], targets[:FITTED]), info


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Fine-tune on 1,600 scenes, 8 a step, and fit; return the model and steps, seconds, last loss."""
    images, targets = toyworld.detection(PICTURES, size=SIZE, seed=seed)
    return fitted(images, targets, search(images), seed=seed, steps=steps)


def detect(model: RCNN, images: Tensor) -> list[Detections]:
    """Search pictures (B, 3, H, W) for proposals, and judge each by itself."""
    return [model(image, proposals) for image, proposals in zip(images, search(images), strict=True)]


def evaluate(model: RCNN) -> dict[str, float]:
    """Average precision on 400 test scenes."""
    return score(model, lambda images, _: detect(model, images), n=400)
