"""Weights `solids_boxes`: the box of a whole solid from the 256 points of the side that is seen.

The box network of Frustum PointNets (Qi et al., CVPR 2018) at a quarter of its width. The solid's points and
its class are given, as they are there by the picture's detector and by a network that segments the frustum.
"""

import time
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld import CLASSES
from lecture_utils.data.toyworld.solids import PointClouds
from lecture_utils.geometry.box_head_3d import BoxHead3D, box_losses
from lecture_utils.ops.boxes_3d import paired_iou_3d
from lecture_utils.recipes._solids import batches, clouds
from lecture_utils.training.one_cycle import one_cycle

CLOUDS, BATCH, STEPS, PEAK_RATE = 1600, 32, 1200, 3e-3
METRE = 10.0  # points and boxes in decimetres, so that the losses of what is measured weigh more


def build() -> BoxHead3D:
    """The network, untrained; its templates are filled in by `train`."""
    return BoxHead3D(torch.ones(len(CLASSES), 3), width=32)


def scaled(boxes: Tensor, by: float) -> Tensor:
    """Boxes (B, 7) in another unit."""
    return torch.cat([boxes[:, :6] * by, boxes[:, 6:]], dim=1)


def box_loss(model: Any, x: PointClouds, y: None) -> Tensor:
    """All parts of the head's loss together."""
    boxes = scaled(x.boxes, METRE)
    losses = box_losses(model, model(x.points * METRE, x.class_id), boxes, x.class_id)
    return torch.stack(list(losses.values())).sum()


def boxes_of(model: BoxHead3D, points: Tensor, class_id: Tensor) -> Tensor:
    """The boxes (B, 7) in metres that a head finds for points (B, P, 3) of solids of known class (B,)."""
    return scaled(model.boxes(model(points * METRE, class_id)), 1 / METRE)


def train(seed: int = 0, *, steps: int = STEPS, count: int = CLOUDS) -> tuple[nn.Module, dict[str, float]]:
    """Train on 1,600 clouds of upright solids, 32 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model, its = build(), clouds(count, "train", seed, max_tilt_deg=0)
    for c in range(len(CLASSES)):
        own = its.boxes[its.class_id == c, 3:6]
        model.templates[c] = METRE * (own.mean(0) if len(own) else its.boxes[:, 3:6].mean(0))
    return one_cycle(
        model, ((x, None) for x in batches(its, seed, BATCH)), loss=box_loss, warm_up=0.2, label="box head",
        optimizer=torch.optim.Adam(model.parameters(), PEAK_RATE), steps=steps, clock=time.thread_time,
    )  # fmt: skip


def around_points(points: Tensor) -> Tensor:
    """The boxes (B, 7) around all points (B, P, 3), along the world's axes: what needs no network."""
    low, high = points.amin(1), points.amax(1)
    return torch.cat([(low + high) / 2, high - low, torch.zeros(len(points), 1)], dim=1)


@torch.no_grad()
def evaluate(model: BoxHead3D) -> dict[str, float]:
    """Mean 3-D IoU and share of IoU of 0.5 or more on 400 test clouds; and of the boxes around the points."""
    test = clouds(400, "test", max_tilt_deg=0)
    iou = paired_iou_3d(boxes_of(model, test.points, test.class_id), test.boxes)
    plain = paired_iou_3d(around_points(test.points), test.boxes)
    return {
        "mean_iou": float(iou.mean()),
        "recall_50": float((iou >= 0.5).double().mean()),
        "mean_iou_around_points": float(plain.mean()),
        "recall_50_around_points": float((plain >= 0.5).double().mean()),
    }
