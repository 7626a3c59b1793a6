"""Weights `shapes_centernet`: finds the objects of a 64 × 64 scene as points, each with a size.

CenterNet (Zhou et al., "Objects as Points", 2019) on the backbone of the other detectors, whose map has the
paper's stride of 4. Losses are weighted as in the paper.
"""

from torch import nn

from lecture_utils.detection.center_points import CenterPoints, PointHead
from lecture_utils.recipes._detection import CLASSES, SmallBackbone, score
from lecture_utils.recipes._one_stage import train_detector

STEPS, PEAK_RATE = 2500, 3e-3


def build() -> CenterPoints:
    """The network, untrained."""
    backbone = SmallBackbone()
    return CenterPoints(backbone, PointHead(backbone.channels, CLASSES, width=48), most=50)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh scenes, 16 a step; return the model and steps, seconds, last loss."""
    return train_detector(build, seed, steps=steps, rate=PEAK_RATE, label="CenterNet")


def evaluate(model: CenterPoints) -> dict[str, float]:
    """Average precision on 1,000 test scenes."""
    return score(model, lambda images, _: model(images))
