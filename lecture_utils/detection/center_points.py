"""CenterNet, objects as points: an object is the peak at its centre, with a size read at that place.

X. Zhou, D. Wang, P. Krähenbühl, "Objects as Points", 2019 (arXiv:1904.07850): key points (section 3), sizes,
the loss, and boxes from peaks without non-maximum suppression (section 4). Targets and focal loss are from
CornerNet.

Simplified: any backbone that gives maps; no flip at test time. Sizes are in pixels, as the paper says.

Shapes: B pictures, C channels, H × W pixels, h × w map, K classes, D detections of a picture.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.detection.heatmaps import heatmap_focal_loss, pick_peaks
from lecture_utils.detection.key_point_heads import RARE, branch
from lecture_utils.detection.key_points import encode_key_points, gather_at, in_a_row, last_map
from lecture_utils.detection.structures import (
    Detections,
    Sizes,
    Targets,
    check_picture_sizes,
)
from lecture_utils.ops.boxes import clip_boxes
from lecture_utils.ops.checks import (
    check_images,
    check_number,
    check_sizes,
    check_tensor,
    check_whole,
)


class PointTargets(NamedTuple):
    """What the head has to learn.

    Attributes
    ----------
    heat : Tensor
        (B, K, h, w) in [0, 1], 1 at each centre.
    sizes : Tensor
        (B, 2, h, w) width and height in pixels, at the centres.
    offsets : Tensor
        (B, 2, h, w) x, y in cells: what rounding took away.
    centres : Tensor
        (B, h, w) bool: where there is one.
    collisions : int
        Objects whose centre fell into the cell of another, smaller one: their sizes and offsets are lost.
    """

    heat: Tensor
    sizes: Tensor
    offsets: Tensor
    centres: Tensor
    collisions: int


def encode_points(
    targets: Targets, like: Tensor, *, classes: int, stride: int, iou: float = 0.3
) -> PointTargets:
    """Turn boxes into maps. A cell has room for one object: of several, the smallest is kept.

    Parameters
    ----------
    targets : sequence of (Tensor, Tensor)
        A picture: boxes (G, 4) in pixels, and classes (G,) from 0; G may be 0.
    like : Tensor
        (B, C, h, w): a map of the size and type wanted.
    classes : int
        K.
    stride : int
        Pixels a cell.
    iou : float
        As for `gaussian_radius`.

    Returns
    -------
    PointTargets
        With the number of objects that had to give way.

    Raises
    ------
    ValueError
        For targets that are none, centres outside the picture, or settings out of range.
    """
    check_images(like, maps=True)
    check_sizes("points", classes=classes)
    batch, _, height, width = like.shape
    objects = in_a_row(targets, like, classes)
    sides = objects.boxes[:, 2:] - objects.boxes[:, :2]  # (N, 2)
    centre = (objects.boxes[:, :2] + objects.boxes[:, 2:]) / 2
    points = encode_key_points(
        centre, objects, batch=batch, classes=classes, size=(height, width), stride=stride, iou=iou
    )
    sizes, offsets = like.new_zeros(2, batch, 2, height, width)
    taken = torch.zeros(batch, height, width, dtype=torch.bool, device=like.device)
    for i in sides.prod(1).argsort(descending=True, stable=True).tolist():  # the smallest last: it stays
        picture, (x, y) = points.picture[i], points.cells[i]
        sizes[picture, :, y, x], offsets[picture, :, y, x] = sides[i], points.offsets[i]
        taken[picture, y, x] = True
    return PointTargets(points.heat, sizes, offsets, taken, len(sides) - int(taken.sum()))


def decode_points(
    heat: Tensor,
    sizes: Tensor,
    offsets: Tensor,
    picture_sizes: Sizes,
    *,
    stride: int,
    most: int = 100,
    window: int = 3,
) -> list[Detections]:
    """Make a box of every peak: its cell and offset say where, the size at that cell how large.

    Parameters
    ----------
    heat : Tensor
        (B, K, h, w) scores in [0, 1].
    sizes, offsets : Tensor
        (B, 2, h, w), in pixels and in cells.
    picture_sizes : sequence of (int, int)
        Height and width of each picture, at which boxes are cut off.
    stride : int
        Pixels a cell.
    most : int
        Detections a picture.
    window : int
        As for `pick_peaks`.

    Returns
    -------
    list of Detections
        By falling score. Boxes of no area are left out.

    Raises
    ------
    ValueError
        For maps that do not fit one another, or settings out of range.
    """
    check_images(heat, maps=True)
    batch, _, height, width = heat.shape
    check_tensor(sizes, "sizes", batch, 2, height, width, finite=True)
    check_tensor(offsets, "offsets", batch, 2, height, width, finite=True)
    check_picture_sizes(picture_sizes, batch)
    check_whole(stride, "stride")
    found = []
    for number, peaks in enumerate(pick_peaks(heat, most, window=window)):
        picture = torch.full_like(peaks.labels, number)
        centre = (peaks.cells + gather_at(offsets, picture, peaks.cells)) * stride  # (D, 2) pixels
        half = gather_at(sizes, picture, peaks.cells).clamp(min=0) / 2
        boxes = clip_boxes(torch.cat([centre - half, centre + half], dim=1), *picture_sizes[number])
        some = (boxes[:, 2:] > boxes[:, :2]).all(1)
        found.append(Detections(boxes[some], peaks.labels[some], peaks.scores[some]))
    return found


class PointHead(nn.Module):
    """Three small branches on one map: heat, size and offset.

    Parameters
    ----------
    channels, width : int
        C, and the channels between the two convolutions of a branch: 256 for DLA-34 in the authors' code.
    classes : int
        K.

    Raises
    ------
    ValueError
        For sizes below 1, or maps that are not (B, C, h, w).
    """

    def __init__(self, channels: int, classes: int, *, width: int = 256) -> None:
        super().__init__()
        check_sizes("point head", channels=channels, classes=classes, width=width)
        self.channels, self.classes = channels, classes
        self.heat = branch(channels, width, classes, start=RARE)
        self.sizes, self.offsets = branch(channels, width, 2), branch(channels, width, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # (B, C, h, w)
        """Give logits (B, K, h, w), sizes (B, 2, h, w) in pixels and offsets (B, 2, h, w) in cells."""
        check_images(x, self.channels, maps=True)
        return self.heat(x), self.sizes(x), self.offsets(x)


class CenterPoints(nn.Module):
    """A backbone and a head; no anchors, no pairs, no non-maximum suppression.

    Parameters
    ----------
    backbone : nn.Module
        (B, 3, H, W) to a list of maps; the last one is read.
    head : PointHead
        On that map.
    stride : int
        R, pixels a cell: 4 in the paper.
    iou : float
        As for `gaussian_radius`.
    most, window
        As for `decode_points`.
    size, offset : float
        Weights of the losses: λ_size = 0.1 and λ_off = 1 of equation 4.

    Raises
    ------
    ValueError
        For settings out of range; from `forward` and `losses`, for input that is not floating point
        (B, 3, H, W), a map of another stride, or targets that are none.
    """

    def __init__(
        self,
        backbone: nn.Module,
        head: PointHead,
        *,
        stride: int = 4,
        iou: float = 0.3,
        most: int = 100,
        window: int = 3,
        size: float = 0.1,
        offset: float = 1.0,
    ) -> None:
        super().__init__()
        for name, whole in (("stride", stride), ("most", most), ("window", window)):
            check_whole(whole, name)
        check_number(iou, "iou", 0, 1, above=True)
        check_number(size, "size", 0)
        check_number(offset, "offset", 0)
        self.backbone, self.head = backbone, head
        self.stride, self.iou, self.most, self.window = stride, iou, most, window
        self.weights = {"size": size, "offset": offset}

    def features(self, images: Tensor) -> Tensor:
        """Read the map (B, C, h, w) that the head looks at."""
        check_images(images)
        return last_map(self.backbone(images), images, self.stride)

    def forward(self, images: Tensor, sizes: Sizes | None = None) -> list[Detections]:
        """Detect in pictures (B, 3, H, W); `sizes` are their heights and widths where some are padded."""
        heat, size, offset = self.head(self.features(images))
        sizes = sizes or [(images.shape[2], images.shape[3])] * len(images)
        return decode_points(
            heat.sigmoid(), size, offset, sizes, stride=self.stride, most=self.most, window=self.window
        )

    def losses(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Give the losses of equation 4, weighted: "centres", "size", "offset".

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W).
        targets : sequence of (Tensor, Tensor)
            As for `encode_points`, which also says how many objects collide.
        """
        heat, size, offset = self.head(self.features(images))
        want = encode_points(targets, heat, classes=self.head.classes, stride=self.stride, iou=self.iou)
        there = want.centres[:, None]  # (B, 1, h, w)
        n = int(there.sum())
        off = ((offset - want.offsets).abs() * there).sum() / max(1, n)  # equation 2
        wide = ((size - want.sizes).abs() * there).sum() / max(1, n)  # equation 3
        return {
            "centres": heatmap_focal_loss(heat, want.heat, n),  # equation 1
            "size": self.weights["size"] * wide,
            "offset": self.weights["offset"] * off,
        }
