"""Weights `shapes_fcn32`: an FCN-32s for 96 × 96 scenes, made from the classifier `shapes_vgg`.

The first stage of J. Long et al. (CVPR 2015, section 4.2). `shapes_fcn` goes on from it, and so does the
reader of chapter 06.
"""

import torch
from torch import nn

from lecture_utils import zoo
from lecture_utils.recipes import shapes_fcn, shapes_vgg
from lecture_utils.recipes.shapes_fcn import CLASSES, PICTURES, learning, pixel_cross_entropy, scene_batches
from lecture_utils.segmentation.fcn import FCN
from lecture_utils.training.one_cycle import one_cycle

STEPS, PEAK_RATE = 1600, 2e-3
evaluate = shapes_fcn.evaluate


def build() -> FCN:
    """The network, untrained: (B, 3, H, W) in [0, 1] → scores (B, 12, H, W)."""
    return FCN(shapes_vgg.build(), classes=CLASSES, stride=32)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on 4,000 scenes, 16 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    classifier = shapes_vgg.build()
    classifier.load_state_dict(zoo.load("shapes_vgg").state_dict())
    model = FCN(classifier, classes=CLASSES)
    return one_cycle(
        model, scene_batches(PICTURES, seed), loss=pixel_cross_entropy, optimizer=learning(model, PEAK_RATE),
        steps=steps, warm_up=0.15, label="FCN-32s",
    )  # fmt: skip
