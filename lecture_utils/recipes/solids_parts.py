"""Weights `solids_parts`: which part of its solid each point belongs to, the solid's class being told.

PointNet's part segmentation (Qi et al., CVPR 2017, section 5.1 and the supplement), at 12 / 64 of its width:
19 parts of eight solids; a point's answer is the best of its own solid's parts. Half of the clouds for
training are of whole solids, as the paper's are, half are seen from one side.
"""

import time

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld import CLASSES
from lecture_utils.data.toyworld.solids import PARTS, PointClouds, parts_of
from lecture_utils.geometry.point_blocks import to_unit_sphere
from lecture_utils.geometry.pointnet import PointNetSegmenter, pointnet_loss
from lecture_utils.metrics.segmentation import confusion, iou_by_class, mean_iou
from lecture_utils.recipes._solids import batches, clouds, joined
from lecture_utils.training.one_cycle import one_cycle

CLOUDS, BATCH, STEPS, PEAK_RATE = 1600, 32, 1500, 5e-3


def build() -> PointNetSegmenter:
    """The network, untrained: points (B, P, 3) and classes (B,) → scores (B, 19, P), second alignment."""
    return PointNetSegmenter(len(PARTS), categories=len(CLASSES), width=12)


def part_loss(model: nn.Module, x: PointClouds, y: None) -> Tensor:
    """Cross-entropy of the parts, and the penalty on the second alignment."""
    scores, transform = model(to_unit_sphere(x.points), x.class_id)
    return pointnet_loss(scores, x.part, transform)


def train(seed: int = 0, *, steps: int = STEPS, count: int = CLOUDS) -> tuple[nn.Module, dict[str, float]]:
    """Train on 1,600 whole and 1,600 partial clouds, 32 a step; return the model and figures."""
    torch.manual_seed(seed)
    model = build()
    its = joined(clouds(count, "train", seed, partial=False), clouds(count, "train", seed + 1))
    drawn = batches(its, seed, BATCH)
    return one_cycle(
        model, ((x, None) for x in drawn), loss=part_loss, warm_up=0.2, label="PointNet, parts",
        optimizer=torch.optim.Adam(model.parameters(), PEAK_RATE), steps=steps, clock=time.thread_time,
    )  # fmt: skip


def own_parts(scores: Tensor, class_id: Tensor) -> Tensor:
    """The best part (B, P) of each point among those that its solid (B,) has, from scores (B, 19, P)."""
    allowed = torch.zeros(len(CLASSES), len(PARTS), dtype=torch.bool)
    for c in range(len(CLASSES)):
        allowed[c, list(parts_of(c))] = True
    return scores.masked_fill(~allowed[class_id][:, :, None], -torch.inf).argmax(1)


def shape_ious(guess: Tensor, truth: Tensor, class_id: Tensor) -> Tensor:
    """The paper's measure, by cloud (B,): mean IoU of the solid's parts; one that nobody sees has IoU 1."""
    ious = []
    for own, true, c in zip(guess, truth, class_id.tolist(), strict=True):
        table = confusion(own, true, len(PARTS))
        ious.append(iou_by_class(table)[list(parts_of(c))].nan_to_num(1.0).mean())
    return torch.stack(ious)


@torch.no_grad()
def evaluate(model: PointNetSegmenter) -> dict[str, float]:
    """Mean IoU of the 19 parts, and the mean of `shape_ious`, of 400 test clouds whole and 400 from one side.

    From one side, which is never from below, hardly a point is of a cube's bottom or a cone's base.
    """
    scores = {}
    for name, partial in (("", False), ("partial_", True)):
        test = clouds(400, "test", partial=partial)
        guess = own_parts(model(to_unit_sphere(test.points), test.class_id)[0], test.class_id)
        scores[f"{name}mean_iou"] = mean_iou(guess, test.part, len(PARTS))
        scores[f"{name}shape_mean_iou"] = float(shape_ious(guess, test.part, test.class_id).mean())
    return scores
