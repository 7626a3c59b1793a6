"""Weights `shapes_centernet_triplets`: pairs of corners that an object's centre confirms, in 64 × 64 scenes.

CenterNet with triplets (Duan et al., ICCV 2019) on the backbone and with the settings of `shapes_cornernet`,
with cascade corner pooling and centre pooling. The paper calls a box large from 150 of about 500 pixels on.
"""

from torch import nn

from lecture_utils.detection.centernet_triplets import CenterNetTriplets, center_net_triplets
from lecture_utils.recipes._detection import CLASSES, SIZE, SmallBackbone, score
from lecture_utils.recipes._one_stage import train_detector
from lecture_utils.recipes.shapes_cornernet import SETTINGS

STEPS, PEAK_RATE = 920, 3e-3


def build() -> CenterNetTriplets:
    """The network, untrained."""
    backbone = SmallBackbone()
    settings = SETTINGS | {"scale": SIZE * 150 / 511}
    return center_net_triplets(backbone, channels=backbone.channels, classes=CLASSES, **settings)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh scenes, 16 a step; return the model and steps, seconds, last loss."""
    return train_detector(build, seed, steps=steps, rate=PEAK_RATE, label="CenterNet (triplets)")


def evaluate(model: CenterNetTriplets) -> dict[str, float]:
    """Average precision on 1,000 test scenes."""
    return score(model, lambda images, _: model(images))
