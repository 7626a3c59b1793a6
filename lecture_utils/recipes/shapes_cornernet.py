"""Weights `shapes_cornernet`: finds the objects of a 64 × 64 scene as pairs of corners.

CornerNet (Law and Deng, ECCV 2018) on the backbone of the other detectors in place of two hourglasses, with
heads of 48 channels. Losses are weighted as in the paper.
"""

from typing import Any

from torch import nn

from lecture_utils.detection.cornernet import CornerNet, corner_net
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.recipes._detection import CLASSES, SmallBackbone, score
from lecture_utils.recipes._one_stage import train_detector

STEPS, PEAK_RATE = 1350, 3e-3
SETTINGS: dict[str, Any] = {"width": 24, "norm": FusedBatchNorm2d, "peaks": 30, "soft_sigma": 0.5, "most": 50}


def build() -> CornerNet:
    """The network, untrained."""
    backbone = SmallBackbone()
    return corner_net(backbone, channels=backbone.channels, classes=CLASSES, **SETTINGS)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh scenes, 16 a step; return the model and steps, seconds, last loss."""
    return train_detector(build, seed, steps=steps, rate=PEAK_RATE, label="CornerNet")


def evaluate(model: CornerNet) -> dict[str, float]:
    """Average precision on 1,000 test scenes."""
    return score(model, lambda images, _: model(images))
