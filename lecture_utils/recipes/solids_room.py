"""Weights `solids_room`: floor or which of eight solids, for every point of a room.

PointNet's semantic segmentation of scenes (Qi et al., CVPR 2017, section 5.1), at 24 / 64 of its width,
without alignment networks: nine numbers a point; 256 points of each block in training, in the test all of
them. PointNet knows no neighbours: it must tell from the maximum over a whole block what stands where in it.
So blocks are 0.6 m wide where the paper has 1 m, with a margin of 0.4 m that is seen and not labelled: a
solid is up to 0.9 m wide. In training, four of five blocks of floor alone are left out.
"""

import functools
import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.solids import ROOM_LABELS, Room, room
from lecture_utils.geometry.point_blocks import Block, block_features, block_points, turned
from lecture_utils.geometry.pointnet import PointNetSegmenter, pointnet_loss
from lecture_utils.metrics.segmentation import confusion, iou_by_class
from lecture_utils.recipes._solids import NOISE_M, POINTS
from lecture_utils.training.one_cycle import one_cycle

ROOMS, ROOM_POINTS, COUNT = 400, 4096, (4, 6)
SIDE_M, MARGIN_M, OWN, EMPTY_SHARE = 0.6, 0.4, 128, 0.2
BATCH, STEPS, PEAK_RATE = 24, 3600, 5e-3


def build() -> PointNetSegmenter:
    """The network, untrained: nine numbers a point (B, P, 9) → scores (B, 9, P)."""
    return PointNetSegmenter(len(ROOM_LABELS), channels=9, width=24, transforms=False)


@functools.lru_cache(maxsize=2)
def rooms(count: int, split: str, seed: int = 0) -> tuple[Room, ...]:
    """Rooms with four to six solids, as a sensor with noise of 1 cm sees them."""
    made = range(1000 * seed, 1000 * seed + count)
    return tuple(room(i, ROOM_POINTS, split=split, count=COUNT, noise_m=NOISE_M) for i in made)


def blocks(its: Room, angle: float = 0.0) -> Iterator[tuple[Block, Tensor]]:
    """The blocks of a room that was turned about z, and nine numbers a point (Q, 9) of each."""
    points = turned(its.points[None], torch.tensor([angle]))[0]
    low, high = points.amin(0), points.amax(0)
    for block in block_points(points, side_m=SIDE_M, margin_m=MARGIN_M):
        rows = block.rows
        yield block, block_features(points[rows], its.colours[rows], block.middle, low, high)


def drawn(block: Block, made: torch.Generator) -> Tensor:
    """256 of a block's points, half of them its own or all its own if fewer; repeated if need be."""
    order = torch.randperm(len(block.rows), generator=made)
    own, margin = order[block.own[order]], order[~block.own[order]]
    rest = own[OWN:]
    queue = torch.cat([own[:OWN], margin, rest])
    return queue[torch.arange(POINTS) % len(queue)]


def block_batches(its: tuple[Room, ...], seed: int) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor]]]:
    """Batches of blocks without end, (24, 256, 9), with labels and which are their own, (24, 256) both."""
    made, store = torch.Generator().manual_seed(seed), []
    while True:
        for i in torch.randperm(len(its), generator=made).tolist():
            angle = float(2 * math.pi * torch.rand(1, generator=made))
            for block, numbers in blocks(its[i], angle):
                labels = its[i].semantic[block.rows]
                lone = float(torch.rand(1, generator=made))
                if bool((labels[block.own] > 0).any()) or lone < EMPTY_SHARE:
                    some = drawn(block, made)
                    store.append((numbers[some], labels[some], block.own[some]))
            while len(store) >= 4 * BATCH:  # from several rooms
                order = torch.randperm(len(store), generator=made).tolist()
                x, y, own = (
                    torch.stack(part) for part in zip(*(store[k] for k in order[:BATCH]), strict=True)
                )
                yield x, (y, own)
                store = [store[k] for k in order[BATCH:]]


def point_loss(model: nn.Module, x: Tensor, y: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy of the points that are their blocks' own."""
    labels, own = y
    return pointnet_loss(model(x)[0].movedim(1, 2)[own], labels[own])


def train(seed: int = 0, *, steps: int = STEPS, count: int = ROOMS) -> tuple[nn.Module, dict[str, float]]:
    """Train on blocks of 400 rooms, 24 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build()
    return one_cycle(
        model, block_batches(rooms(count, "train", seed), seed), loss=point_loss, warm_up=0.2,
        optimizer=torch.optim.Adam(model.parameters(), PEAK_RATE), steps=steps, label="PointNet, rooms",
        clock=time.thread_time,
    )  # fmt: skip


@torch.no_grad()
def segment(model: PointNetSegmenter, its: Room) -> Tensor:
    """The class (P,) of every point of a room, block by block."""
    guess = torch.zeros(len(its.points), dtype=torch.long)
    for block, numbers in blocks(its):
        guess[block.rows[block.own]] = model(numbers[None])[0][0].argmax(0)[block.own]
    return guess


def evaluate(model: PointNetSegmenter) -> dict[str, float]:
    """Mean IoU of the nine classes, the floor's, the worst, and accuracy, on 20 test rooms."""
    tables = [confusion(segment(model, its), its.semantic, len(ROOM_LABELS)) for its in rooms(20, "test")]
    table = torch.stack(tables).sum(0)
    ious = iou_by_class(table)
    return {
        "mean_iou": float(ious.nanmean()),
        "floor_iou": float(ious[0]),
        "worst_iou": float(ious.nan_to_num(1.0).min()),
        "accuracy": float(table.diagonal().sum() / table.sum()),
    }
