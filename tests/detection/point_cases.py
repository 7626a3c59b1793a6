"""What the tests of key-point detectors share: a small backbone, objects, and maps that say what is true."""

import torch
from torch import Tensor, nn

from lecture_utils.detection.key_point_heads import KeyPointMaps
from lecture_utils.detection.key_points import encode_key_points, in_a_row
from lecture_utils.detection.structures import Targets

STRIDE = 4
SURE = 1e-4  # how far a perfect map's scores stay from 0 and 1


class Backbone(nn.Module):
    """Two maps, of strides 2 and 4."""

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 12, 3, 2, padding=1), nn.ReLU())
        self.second = nn.Sequential(
            nn.Conv2d(12, channels, 3, 2, padding=1), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=2, dilation=2), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> list[Tensor]:
        fine = self.first(x)
        return [fine, self.second(fine)]


def group_norm(channels: int) -> nn.Module:
    """A norm that does the same in training and in use, so that few steps show what was learned."""
    return nn.GroupNorm(2, channels)


def objects(pictures: int, count: int, *, classes: int, size: int, least: float, seed: int = 0) -> Targets:
    """Random boxes of random classes, in double precision."""
    made = torch.Generator().manual_seed(seed)
    targets = []
    for _ in range(pictures):
        sides = least + torch.rand(count, 2, generator=made, dtype=torch.float64) * size / 3
        start = torch.rand(count, 2, generator=made, dtype=torch.float64) * (size - sides)
        labels = torch.randint(classes, (count,), generator=made)
        targets.append((torch.cat([start, start + sides], dim=1), labels))
    return targets


def perfect(
    targets: Targets, kind: str, *, classes: int, size: tuple[int, int], tags: bool = True
) -> KeyPointMaps:
    """The maps of a head that has learned all: "top-left", "bottom-right" or "centre".

    The tag of an object is its number in its picture, or 0 for all without `tags`.
    """
    like = torch.zeros(len(targets), 1, *size, dtype=torch.float64)
    row = in_a_row(targets, like, classes)
    start, end = row.boxes[:, :2], row.boxes[:, 2:]
    points = {"top-left": start, "bottom-right": end, "centre": (start + end) / 2}[kind]
    want = encode_key_points(
        points, row, batch=len(targets), classes=classes, size=size, stride=STRIDE, iou=0.3
    )
    offsets, tag = like.new_zeros(len(targets), 2, *size), like.clone()
    number = torch.cat([torch.arange(len(boxes)) for boxes, _ in targets])
    x, y = want.cells.unbind(1)
    offsets[row.picture, :, y, x] = want.offsets
    if tags:
        tag[row.picture, 0, y, x] = number.double()
    return KeyPointMaps(want.heat.clamp(SURE, 1 - SURE).logit(), offsets, tag)


def right_ones(boxes: Tensor, labels: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
    """(D, G) bool: which of the boxes found are which of the true ones, to a millionth of a pixel."""
    near = (boxes[:, None] - target[0][None]).abs().amax(-1) < 1e-6
    return near & (labels[:, None] == target[1][None])
