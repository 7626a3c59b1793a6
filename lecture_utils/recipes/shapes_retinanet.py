"""Weights `shapes_retinanet`: RetinaNet on two levels, for 64 × 64 scenes of one to four objects.

RetinaNet (Lin et al., ICCV 2017): three sizes an octave and three ratios at each of 16 × 16 and 8 × 8 places,
2,880 anchors in all; focal loss with the paper's α and γ; the start at a prior of 0.01. Subnets have 32
channels in place of 256, and weights of He et al.'s size, since 0.01 would starve so narrow a net.
"""

from torch import nn

from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.retinanet import RetinaNet
from lecture_utils.recipes._detection import CLASSES, score
from lecture_utils.recipes._one_stage import SmallPyramid, train_detector

STEPS, BATCH, PEAK_RATE = 2500, 8, 2e-3
ANCHORS = Anchors(sizes=tuple((x, x * 2 ** (1 / 3), x * 2 ** (2 / 3)) for x in (10, 20)))


def build() -> RetinaNet:
    """The network, untrained."""
    backbone = SmallPyramid()
    return RetinaNet(backbone, backbone.channels, ANCHORS, CLASSES, std=0.08)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh scenes, 8 a step; return the model and steps, seconds, last loss."""
    return train_detector(build, seed, steps=steps, rate=PEAK_RATE, batch=BATCH, label="RetinaNet")


def evaluate(model: RetinaNet) -> dict[str, float]:
    """Average precision on 400 test scenes."""
    return score(model, lambda images, _: model(images), n=400)
