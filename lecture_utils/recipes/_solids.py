"""What the recipes on points of solids share: partial noisy clouds, and their turned and jittered batches.

Shapes: B clouds, P points.
"""

import dataclasses
import functools
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from lecture_utils.data.toyworld import solids
from lecture_utils.geometry.point_blocks import turned

POINTS, KEPT = 256, 128  # points of a cloud; those drawn of it for a step of training
NOISE_M, JITTER_M = 0.01, 0.01  # the sensor's noise; the augmentation's


@functools.lru_cache(maxsize=4)
def clouds(
    count: int, split: str, seed: int = 0, *, max_tilt_deg: float = 12.0, partial: bool = True
) -> solids.PointClouds:
    """What a depth sensor sees of solids from one side (or from all): 256 points, with noise of 1 cm."""
    return solids.point_clouds(
        seed, count, POINTS, split=split, noise_m=NOISE_M, partial=partial, max_tilt_deg=max_tilt_deg
    )


def joined(*several: solids.PointClouds) -> solids.PointClouds:
    """Several sets of clouds as one."""
    names = [field.name for field in dataclasses.fields(solids.PointClouds)]
    return solids.PointClouds(**{name: torch.cat([getattr(one, name) for one in several]) for name in names})


def batches(its: solids.PointClouds, seed: int, batch: int) -> Iterator[solids.PointClouds]:
    """Batches without end: each cloud turned by a new angle about z, half its points kept and moved a little.

    Boxes turn with their clouds, within the period of each class.
    """
    made = torch.Generator().manual_seed(seed)
    while True:
        for rows in torch.randperm(len(its), generator=made).split(batch):
            if len(rows) < batch:
                break
            kept = torch.rand(batch, POINTS, generator=made).argsort(dim=1)[:, :KEPT]  # (B, P)
            place, normal, part = (x[rows[:, None], kept] for x in (its.points, its.normals, its.part))
            angle = 2 * math.pi * torch.rand(batch, generator=made)
            jitter = JITTER_M * torch.randn(place.shape, generator=made)
            yield dataclasses.replace(
                its, points=turned(place, angle) + jitter, normals=turned(normal, angle), part=part,
                class_id=its.class_id[rows], rotation=its.rotation[rows],
                boxes=turned_boxes(its.boxes[rows], its.class_id[rows], angle),
            )  # fmt: skip


def turned_boxes(boxes: Tensor, class_id: Tensor, angle: Tensor) -> Tensor:
    """Boxes (B, 7) turned about z by angles (B,), their yaw within the class's period about 0."""
    period = torch.tensor([math.radians(value) for value in solids.YAW_PERIOD_DEG.values()])[class_id]
    yaw = boxes[:, 6] + angle
    yaw = torch.where(period > 0, (yaw + period / 2) % period.clamp(min=1e-6) - period / 2, 0.0)
    centre = turned(boxes[:, None, :3], angle)[:, 0]
    return torch.cat([centre, boxes[:, 3:6], yaw[:, None]], dim=1)
