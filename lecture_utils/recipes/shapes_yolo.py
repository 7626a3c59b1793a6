"""Weights `shapes_yolo`: YOLO's grid of 8 × 8 cells on a 64 × 64 scene of one to four objects.

YOLO (Redmon et al., CVPR 2016) in the layout with classes for each cell, on the backbone of the other
detectors and one more stage, so that a cell is 8 pixels wide. Its head is convolutions: the paper's dense
layers would have six million weights here.
"""

from torch import nn

from lecture_utils.detection.yolo import YOLO
from lecture_utils.detection.yolo_grid import Layout
from lecture_utils.detection.yolo_heads import ConvHead
from lecture_utils.recipes._detection import CLASSES, score
from lecture_utils.recipes._one_stage import Deeper, train_detector

STEPS, PEAK_RATE = 2600, 3e-3


def build() -> YOLO:
    """The network, untrained."""
    backbone, layout = Deeper(), Layout(boxes=2, classes=CLASSES)
    return YOLO(backbone, ConvHead(backbone.widths[-1], layout, hidden=96), layout)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh scenes, 16 a step; return the model and steps, seconds, last loss."""
    return train_detector(build, seed, steps=steps, rate=PEAK_RATE, label="YOLO")


def evaluate(model: YOLO) -> dict[str, float]:
    """Average precision on 1,000 test scenes."""
    return score(model, lambda images, _: model(images))
