"""Key points of objects: which cell each falls into, what it loses there, and the targets of a whole batch.

H. Law, J. Deng, "CornerNet: Detecting Objects as Paired Keypoints", ECCV 2018, section 3.2: offsets
(equations 2 and 3). Corners and centres are treated alike.

Shapes: B pictures, K classes, D numbers a cell, h × w map, N objects of all pictures, one key point each. A
cell is (x, y).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.detection.heatmaps import check_cells, gaussian_radius, gaussian_targets
from lecture_utils.detection.structures import Targets, check_targets, picture_index
from lecture_utils.ops.checks import (
    check_classes,
    check_images,
    check_size,
    check_sizes,
    check_tensor,
    check_whole,
)


class Objects(NamedTuple):
    """The objects of all pictures in a row: boxes (N, 4) in pixels, labels (N,) and picture (N,)."""

    boxes: Tensor
    labels: Tensor
    picture: Tensor


class KeyPoints(NamedTuple):
    """What a head for key points has to learn.

    Attributes
    ----------
    heat : Tensor
        (B, K, h, w) in [0, 1], 1 at each key point and falling off around it.
    picture : Tensor
        (N,) int64: whose point it is.
    cells : Tensor
        (N, 2) int64 x, y.
    offsets : Tensor
        (N, 2) x, y in cells: what rounding took away (equation 2).
    """

    heat: Tensor
    picture: Tensor
    cells: Tensor
    offsets: Tensor


def in_a_row(targets: Targets, like: Tensor, classes: int) -> Objects:
    """Put the objects of all pictures in a row, in the type of `like`, the maps (B, …) of the batch.

    Raises ValueError for targets that are none, or labels out of range.
    """
    check_whole(classes, "classes")
    check_targets(targets, len(like), classes)
    boxes = [boxes.to(like) for boxes, _ in targets]
    labels = torch.cat([labels.long().to(like.device) for _, labels in targets])
    return Objects(torch.cat(boxes), labels, picture_index(boxes))


def to_cells(points: Tensor, size: tuple[int, int], stride: int) -> tuple[Tensor, Tensor]:
    """Round points of a picture down to cells of its map, and keep what is lost (equation 2).

    Parameters
    ----------
    points : Tensor
        (N, 2) x, y in pixels.
    size : (int, int)
        h, w of the map.
    stride : int
        Pixels a cell.

    Returns
    -------
    cells, offsets : Tensor
        (N, 2) int64, and (N, 2) in [0, 1); 1 or more at the far edge of the picture, beyond the last cell.

    Raises
    ------
    ValueError
        For points that lie outside the map by more than one cell, or settings below 1.
    """
    check_tensor(points, "points", "N", 2, finite=True)
    height, width = check_size(size)
    check_whole(stride, "stride")
    place = points / stride
    last = torch.tensor([width - 1, height - 1], device=points.device)
    if bool(((place < 0) | (place > last + 2)).any()):
        raise ValueError(
            f"points: got one outside the picture, want 0 to {stride * width} across and 0 to "
            f"{stride * height} down; `clip_boxes` cuts boxes off at its edge"
        )
    cells = place.floor().long().minimum(last)
    return cells, place - cells


def encode_key_points(
    points: Tensor,
    objects: Objects,
    *,
    batch: int,
    classes: int,
    size: tuple[int, int],
    stride: int,
    iou: float,
) -> KeyPoints:
    """Make the targets of one kind of key point, such as top-left corners.

    Parameters
    ----------
    points : Tensor
        (N, 2) x, y in pixels, one for each object.
    objects : Objects
        Whose points they are. The boxes' sizes say how far the slopes reach.
    batch, classes : int
        B and K.
    size : (int, int)
        h, w.
    stride : int
        Pixels a cell.
    iou : float
        As for `gaussian_radius`.

    Returns
    -------
    KeyPoints
        In the order of the objects.

    Raises
    ------
    ValueError
        For points outside the picture, labels or pictures out of range, or settings out of range.
    """
    check_sizes("key points", batch=batch, classes=classes)
    boxes, labels, picture = objects
    check_tensor(points, "points", len(boxes), 2)
    check_classes(labels, "labels", len(boxes), classes=classes)
    check_classes(picture, "picture", len(boxes), classes=batch)
    cells, offsets = to_cells(points, size, stride)
    radius = gaussian_radius((boxes[:, 2:] - boxes[:, :2]) / stride, iou)  # (N,) cells
    heat = gaussian_targets(cells, radius, picture * classes + labels, batch * classes, size)
    return KeyPoints(heat.unflatten(0, (batch, classes)), picture, cells, offsets)


def gather_at(maps: Tensor, picture: Tensor, cells: Tensor) -> Tensor:
    """Read maps (B, D, h, w) at cells (N, 2) of pictures (N,): (N, D).

    Raises ValueError for what does not fit, or cells outside the map.
    """
    check_images(maps, maps=True)
    check_cells(cells, (maps.shape[2], maps.shape[3]))
    check_classes(picture, "picture", len(cells), classes=len(maps))
    return maps[picture.long(), :, cells[:, 1], cells[:, 0]]


def offset_loss(offsets: Tensor, points: KeyPoints) -> Tensor:
    """Smooth L1 between a map of offsets (B, 2, h, w) and the true ones, a mean over objects (equation 3).

    The two coordinates are added. 0 where there is no object; ValueError for maps that do not fit.
    """
    check_tensor(offsets, "offsets", *points.heat.shape[:1], 2, *points.heat.shape[2:])
    own = gather_at(offsets, points.picture, points.cells)  # (N, 2)
    return F.smooth_l1_loss(own, points.offsets, reduction="sum") / max(1, len(own))


def last_map(maps: Sequence[Tensor], images: Tensor, stride: int) -> Tensor:
    """Take the last of a backbone's maps, (B, C, h, w).

    Raises ValueError unless there is one, and it covers the pictures (B, 3, H, W) at this stride, to a cell.
    """
    if not isinstance(maps, Sequence) or not len(maps):
        kind = "none" if isinstance(maps, Sequence) else type(maps).__name__
        raise ValueError(f"features: got {kind}, want a list of one or more maps (B, C, h, w)")
    check_whole(stride, "stride")
    check_tensor(maps[-1], "features", len(images), "C", "h", "w", some=True)
    got, want = tuple(maps[-1].shape[2:]), tuple(-(-side // stride) for side in images.shape[2:])
    if any(abs(have - wanted) > 1 for have, wanted in zip(got, want, strict=True)):
        raise ValueError(f"features: got a map of {got}, want about {want}, a cell every {stride} pixels")
    return maps[-1]
