"""YOLO: one look at the picture, one block of numbers out, and a squared error on all of them.

J. Redmon, S. Divvala, R. Girshick, A. Farhadi, "You Only Look Once: Unified, Real-Time Object Detection",
CVPR 2016: the grid (section 2, in `yolo_grid`), the network's last layers (section 2.1, in `yolo_heads`),
responsible boxes and the loss (section 2.2, equation 3).

Departures: the backbone is what one gives it. Where no box of a cell overlaps the object, the nearest
one is responsible, as in the authors' code; the paper does not say. In the layout with classes for each box,
a cell has room for B objects, and each gets a box of its own.

Shapes: N pictures, S_y × S_x cells, B boxes a cell, C classes, M objects of all pictures with room.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.structures import (
    Detections,
    Sizes,
    Targets,
    check_map_list,
    check_picture_sizes,
    check_targets,
)
from lecture_utils.detection.yolo_grid import Cells, Layout, decode, place_objects, to_boxes, to_cells
from lecture_utils.ops.boxes import box_iou
from lecture_utils.ops.checks import (
    check_images,
    check_number,
    check_tensor,
    check_whole,
)


class Matched(NamedTuple):
    """Which boxes answer for which objects.

    Attributes
    ----------
    at : tuple of Tensor
        (M,) int64 each: picture, row, column and number of the box that is responsible for each object.
    taken : Tensor
        (N, S_y, S_x, B) bool: the paper's 1_ij^obj, whether a box is responsible for any.
    overlap : Tensor
        (M,) IoU of each object with its box, as the network says it now.
    wanted : Tensor
        (M, 4): x, y, √w, √h that it should say.
    labels : Tensor
        (M,) int64 classes.
    lost : int
        How many objects take no part, as their cell was full.
    """

    at: tuple[Tensor, ...]
    taken: Tensor
    overlap: Tensor
    wanted: Tensor
    labels: Tensor
    lost: int


def match_boxes(block: Tensor, targets: Targets, layout: Layout, size: tuple[int, int]) -> Matched:
    """Make that box of a cell responsible for its object which has the highest IoU with it now (section 2.2).

    Parameters and errors as for `yolo_loss`. No gradient flows.
    """
    check_tensor(block, "block", "N", "S_y", "S_x", layout.channels, finite=True, some=True)
    check_targets(targets, len(block), layout.classes)
    grid, says = (block.shape[1], block.shape[2]), layout.split(block.detach())
    truths = [boxes.to(block) for boxes, _ in targets]
    placed = [place_objects(boxes, grid, size, layout.room) for boxes in truths]
    wanted = torch.cat([to_cells(*own, grid, size) for own in zip(truths, placed, strict=True)])  # (M, 4)
    kept = torch.cat([boxes[one.kept] for boxes, one in zip(truths, placed, strict=True)])  # (M, 4), pixels
    labels = torch.cat([own[one.kept].long() for (_, own), one in zip(targets, placed, strict=True)])
    picture = torch.cat([torch.full_like(one.kept, i) for i, one in enumerate(placed)])  # (M,)
    row, column, turn = (torch.cat(parts) for parts in zip(*(one[1:4] for one in placed), strict=True))
    cell = (picture, row, column)

    boxes = to_boxes(says.boxes, size)[cell]  # (M, B, 4): all boxes of each object's cell
    pairs = box_iou(boxes.flatten(0, 1), kept).view(len(kept), layout.boxes, len(kept))
    iou = pairs.diagonal(dim1=0, dim2=2).T.to(block)  # (M, B): of each object with the boxes of its cell
    distance = (says.boxes[cell] - wanted[:, None]).square().sum(-1)  # (M, B)
    rank = torch.where(iou > 0, iou, -distance)
    number, taken = choose_responsible(rank, cell, turn, says.confidence.shape)
    overlap = iou.gather(1, number[:, None])[:, 0]  # (M,)
    return Matched((*cell, number), taken, overlap, wanted, labels, sum(one.lost for one in placed))


def choose_responsible(
    rank: Tensor, cell: tuple[Tensor, Tensor, Tensor], turn: Tensor, shape: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Give each object the box of its cell that ranks highest, and that no earlier object has.

    Parameters
    ----------
    rank : Tensor
        (M, B): how well each box of its cell fits each object.
    cell : tuple of Tensor
        (M,) each: picture, row and column.
    turn : Tensor
        (M,) how many objects of the same cell come before.
    shape : sequence of int
        N, S_y, S_x, B.

    Returns
    -------
    number, taken : Tensor
        (M,) int64, and bool of that shape.
    """
    taken = torch.zeros(tuple(shape), dtype=torch.bool, device=rank.device)
    number = torch.zeros_like(turn)
    for k in range(int(turn.max()) + 1 if len(turn) else 0):
        now = (turn == k).nonzero()[:, 0]  # the k-th object of each cell
        own = tuple(index[now] for index in cell)
        number[now] = rank[now].masked_fill(taken[own], -torch.inf).argmax(1)
        taken[(*own, number[now])] = True
    return number, taken


def yolo_loss(
    block: Tensor,
    targets: Targets,
    layout: Layout,
    size: tuple[int, int],
    *,
    coordinates: float = 5.0,
    no_object: float = 0.5,
) -> tuple[dict[str, Tensor], int]:
    """Compute equation 3 as a mean over pictures, in its five parts.

    Parameters
    ----------
    block : Tensor
        (N, S_y, S_x, channels), as the network says it.
    targets : sequence of (Tensor, Tensor)
        A picture: boxes (G, 4) x1, y1, x2, y2 in pixels, centred in it, and classes (G,) from 0; G may be 0.
    layout : Layout
        Which number means what.
    size : (int, int)
        Height and width of the pictures.
    coordinates, no_object : float
        λ_coord and λ_noobj: boxes count for more, and the many boxes without an object for less.

    Returns
    -------
    losses : dict
        "centre", "size", "object", "no_object", "class", scalars, weighted: their sum is equation 3.
    lost : int
        How many objects take no part, as their cell was full.

    Raises
    ------
    ValueError
        For shapes that do not fit, targets that are none, NaN, or negative weights.
    """
    check_number(coordinates, "coordinates", 0)
    check_number(no_object, "no_object", 0)
    match = match_boxes(block, targets, layout, size)
    parts = squared_errors(layout.split(block), match, coordinates, no_object)
    return {name: part / len(block) for name, part in parts.items()}, match.lost


def squared_errors(
    says: Cells, match: Matched, coordinates: float = 5.0, no_object: float = 0.5
) -> dict[str, Tensor]:
    """Compute equation 3 for a batch, in its five parts.

    Parameters
    ----------
    says : Cells
        Of N pictures.
    match : Matched
        As `match_boxes` gives it for these.
    coordinates, no_object
        As for `yolo_loss`.
    """
    box, classes = says.boxes[match.at], says.classes[match.at]  # (M, 4), (M, C)
    return {
        "centre": coordinates * (box[:, :2] - match.wanted[:, :2]).square().sum(),
        "size": coordinates * (box[:, 2:] - match.wanted[:, 2:]).square().sum(),  # of √w and √h
        "object": (says.confidence[match.at] - match.overlap).square().sum(),
        "no_object": no_object * says.confidence[~match.taken].square().sum(),
        "class": (classes - F.one_hot(match.labels, classes.shape[-1])).square().sum(),
    }


class YOLO(nn.Module):
    """Backbone and head, the loss, and how detections are read.

    Parameters
    ----------
    backbone : nn.Module
        (N, 3, H, W) to a list of maps, of which the last is used.
    head : nn.Module
        From this map to (N, S_y, S_x, channels): `yolo_heads.ConvHead` or `DenseHead`.
    layout : Layout
        Which number means what; the same as the head's.
    coordinates, no_object : float
        As for `yolo_loss`.
    score_threshold, nms_threshold, most
        As for `decode`.

    Attributes
    ----------
    lost : int
        How many objects of the batch that `losses` saw last took no part, as their cell was full.

    Raises
    ------
    ValueError
        For settings out of range, input that is not floating point (N, C, H, W), or not one pair of boxes and
        labels a picture.
    """

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Module,
        layout: Layout,
        *,
        coordinates: float = 5.0,
        no_object: float = 0.5,
        score_threshold: float = 0.05,
        nms_threshold: float = 0.5,
        most: int = 100,
    ) -> None:
        super().__init__()
        check_number(coordinates, "coordinates", 0)
        check_number(no_object, "no_object", 0)
        check_number(score_threshold, "score_threshold", 0, 1)
        check_number(nms_threshold, "nms_threshold", 0, 1)
        check_whole(most, "most")
        self.backbone, self.head, self.layout = backbone, head, layout
        self.coordinates, self.no_object = coordinates, no_object
        self.score_threshold, self.nms_threshold, self.most = score_threshold, nms_threshold, most
        self.lost = 0

    def predict(self, images: Tensor) -> Tensor:
        """Give the block of numbers (N, S_y, S_x, channels) for pictures (N, 3, H, W)."""
        check_images(images)
        features: Sequence[Tensor] = self.backbone(images)
        check_map_list(features[-1:])
        return self.head(features[-1])

    def forward(self, images: Tensor, sizes: Sizes | None = None) -> list[Detections]:
        """Detect in pictures (N, 3, H, W); `sizes` are their heights and widths where some are padded."""
        block = self.predict(images)
        size = (images.shape[2], images.shape[3])
        sizes = sizes or [size] * len(images)
        check_picture_sizes(sizes, len(images))
        return [
            decode(
                own, self.layout, size, border=border, score_threshold=self.score_threshold,
                nms_threshold=self.nms_threshold, most=self.most,
            )
            for own, border in zip(block, sizes, strict=True)
        ]  # fmt: skip

    def losses(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Give the five parts of the loss, as `yolo_loss`; their sum is what to descend."""
        losses, self.lost = yolo_loss(
            self.predict(images), targets, self.layout, (images.shape[2], images.shape[3]),
            coordinates=self.coordinates, no_object=self.no_object,
        )  # fmt: skip
        return losses
