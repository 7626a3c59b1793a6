"""Weights `solids_pointnet`: which of eight solids a cloud of 256 points is, seen from one side, with noise.

PointNet (Qi et al., CVPR 2017) with both alignment networks, at 12 / 64 of its width. As in the paper, clouds
are scaled into the unit ball, and in training turned about the upright axis and jittered (section 5.1).
"""

import time

import torch
from torch import nn

from lecture_utils.data.toyworld import CLASSES
from lecture_utils.data.toyworld.solids import PointClouds
from lecture_utils.geometry.point_blocks import to_unit_sphere
from lecture_utils.geometry.pointnet import PointNetClassifier, pointnet_loss
from lecture_utils.recipes._solids import batches, clouds
from lecture_utils.training.one_cycle import one_cycle

CLOUDS, BATCH, STEPS, PEAK_RATE = 1600, 32, 1000, 5e-3


def build() -> PointNetClassifier:
    """The network, untrained: (B, P, 3) → scores (B, 8) and the second alignment."""
    return PointNetClassifier(len(CLASSES), width=12)


def cloud_loss(model: nn.Module, x: PointClouds, y: None) -> torch.Tensor:
    """Cross-entropy of the classes, and the penalty on the second alignment."""
    scores, transform = model(to_unit_sphere(x.points))
    return pointnet_loss(scores, x.class_id, transform)


def train(seed: int = 0, *, steps: int = STEPS, count: int = CLOUDS) -> tuple[nn.Module, dict[str, float]]:
    """Train on 1,600 clouds, 32 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build()
    drawn = batches(clouds(count, "train", seed), seed, BATCH)
    return one_cycle(
        model, ((x, None) for x in drawn), loss=cloud_loss, warm_up=0.2, label="PointNet",
        optimizer=torch.optim.Adam(model.parameters(), PEAK_RATE), steps=steps, clock=time.thread_time,
    )  # fmt: skip


@torch.no_grad()
def evaluate(model: PointNetClassifier) -> dict[str, float]:
    """Share of 400 test clouds of the right class."""
    test = clouds(400, "test")
    guess = model(to_unit_sphere(test.points))[0].argmax(1)
    return {"accuracy": float((guess == test.class_id).double().mean())}
