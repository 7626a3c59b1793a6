"""What detectors take and give: the truth of a picture, and what was found in it.

Classes are numbers from 0 to K - 1. Background is no class here: only the heads of two-stage detectors have a
column for it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.ops.boxes import check_box_set
from lecture_utils.ops.checks import check_classes

Targets = Sequence[tuple[Tensor, Tensor]]  # a picture: boxes (G, 4) in pixels, and classes (G,)
Sizes = Sequence[tuple[int, int]]  # a picture: its height and width, which the batch may pad


class Detections(NamedTuple):
    """What was found in one picture, by falling score.

    Attributes
    ----------
    boxes : Tensor
        (D, 4) x1, y1, x2, y2 in pixels.
    labels : Tensor
        (D,) int64 classes from 0.
    scores : Tensor
        (D,) in [0, 1].
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor


def check_targets(targets: Targets, batch: int, classes: int | None = None) -> None:
    """Raise ValueError unless there is one (boxes, labels) a picture, each box with an area."""
    if not isinstance(targets, Sequence) or len(targets) != batch:
        got = len(targets) if isinstance(targets, Sequence) else type(targets).__name__
        raise ValueError(f"targets: got {got}, want {batch} pairs of boxes and labels, one a picture")
    for target in targets:
        if not isinstance(target, Sequence) or len(target) != 2:
            raise ValueError(f"targets: got {type(target).__name__}, want pairs of boxes and labels")
        boxes, labels = target
        check_box_set(boxes, "targets, boxes", some_area=True)
        check_classes(labels, "targets, labels", len(boxes), classes=classes)


def check_map_list(features: Sequence[Tensor], maps: int | None = None) -> None:
    """Raise ValueError unless these are one or more feature maps (B, C, H, W) of one batch and width."""
    if not isinstance(features, Sequence) or len(features) != (maps or max(len(features), 1)):
        number = len(features) if isinstance(features, Sequence) else type(features).__name__
        raise ValueError(f"features: got {number}, want a list of {maps or 'one or more'} maps (B, C, H, W)")
    for x in features:
        fits = isinstance(x, Tensor) and x.ndim == 4 and x.is_floating_point() and x.numel() > 0
        if not fits or x.shape[:2] != features[0].shape[:2]:
            got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(
                f"features: got {got}, want floating-point (B, C, H, W), B and C the same in all"
            )


def check_picture_sizes(sizes: Sizes, batch: int) -> None:
    """Raise ValueError unless there is one (height, width) in pixels, 1 or more, a picture."""
    good = isinstance(sizes, Sequence) and len(sizes) == batch
    if not good or any(len(size) != 2 or min(size) < 1 for size in sizes):
        raise ValueError(f"sizes: got {sizes!r}, want {batch} pairs (height, width) of 1 pixel or more")


def check_proposals(proposals: Sequence[Tensor], batch: int) -> None:
    """Raise ValueError unless there is one set of boxes (R, 4) a picture; a set may be empty."""
    if not isinstance(proposals, Sequence) or len(proposals) != batch:
        got = len(proposals) if isinstance(proposals, Sequence) else type(proposals).__name__
        raise ValueError(f"proposals: got {got}, want {batch} sets of boxes (R, 4), one a picture")
    for boxes in proposals:
        check_box_set(boxes, "proposals")


def picture_index(boxes: Sequence[Tensor]) -> Tensor:
    """Number the boxes of a batch by their picture: (R,) int64 for sets of R boxes in all."""
    counts = torch.tensor([len(some) for some in boxes], device=boxes[0].device)
    return torch.arange(len(boxes), device=counts.device).repeat_interleave(counts)
