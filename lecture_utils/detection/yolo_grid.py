"""YOLO's grid: a picture's objects as one block of numbers, and back again.

J. Redmon, S. Divvala, R. Girshick, A. Farhadi, "You Only Look Once: Unified, Real-Time Object Detection",
CVPR 2016, section 2: the cell in which an object's centre lies answers for it. A box is x, y, √w, √h: the
centre as a share of its cell, and the roots of width and height as shares of the picture (section 2.2).

Two layouts: in the paper a cell has one set of class probabilities, S × S × (5B + C) numbers, and so room for
one object. Since J. Redmon, A. Farhadi, "YOLO9000", CVPR 2017, section 2, each box has its own, S × S ×
B(5 + C) numbers: room for B objects. (YOLO9000 has anchors too; here boxes are the same in both layouts.)

Shapes: S_y × S_x cells (S × S in the paper), B boxes a cell, C classes, G objects of a picture, M that have
found room.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.detection.structures import Detections, check_targets
from lecture_utils.ops.boxes import box_xyxy_to_cxcywh, clip_boxes, remove_small_boxes
from lecture_utils.ops.checks import (
    check_choice,
    check_number,
    check_size,
    check_sizes,
    check_tensor,
    check_whole,
)
from lecture_utils.ops.nms import batched_nms

LEAST_SIDE = 1e-2  # pixels; thinner detections are dropped


class Cells(NamedTuple):
    """What a block of numbers says.

    Attributes
    ----------
    boxes : Tensor
        (…, S_y, S_x, B, 4) x, y, √w, √h.
    confidence : Tensor
        (…, S_y, S_x, B): Pr(object) · IoU.
    classes : Tensor
        (…, S_y, S_x, B, C): Pr(class | object); in the layout by cell the same for all B.
    """

    boxes: Tensor
    confidence: Tensor
    classes: Tensor


@dataclass(frozen=True)
class Layout:
    """Which number of a cell means what.

    Parameters
    ----------
    boxes, classes : int
        B and C.
    classes_per : {"cell", "box"}
        "cell": B times (x, y, √w, √h, confidence), then C class probabilities. "box": B times (x, y, √w, √h,
        confidence, C class probabilities).

    Raises
    ------
    ValueError
        For numbers below 1, or another word.
    """

    boxes: int
    classes: int
    classes_per: str = "cell"

    def __post_init__(self) -> None:
        check_sizes("layout", boxes=self.boxes, classes=self.classes)
        check_choice(self.classes_per, "classes_per", "cell", "box")

    @property
    def channels(self) -> int:
        """Numbers a cell: 5B + C, or B(5 + C)."""
        B, C = self.boxes, self.classes
        return 5 * B + C if self.classes_per == "cell" else B * (5 + C)

    @property
    def room(self) -> int:
        """Objects that a cell can hold."""
        return 1 if self.classes_per == "cell" else self.boxes

    def split(self, block: Tensor) -> Cells:
        """Take a block (…, S_y, S_x, channels) apart."""
        check_tensor(block, "block", "…", "S_y", "S_x", self.channels, some=True)
        if self.classes_per == "cell":
            boxes = block[..., : 5 * self.boxes].unflatten(-1, (self.boxes, 5))
            classes = block[..., None, 5 * self.boxes :].expand(*boxes.shape[:-1], -1)
        else:
            boxes = block.unflatten(-1, (self.boxes, 5 + self.classes))
            classes = boxes[..., 5:]
        return Cells(boxes[..., :4], boxes[..., 4], classes)

    def join(self, cells: Cells) -> Tensor:
        """Put a block (…, S_y, S_x, channels) together; by cell, the classes are those of the first box."""
        check_tensor(cells.boxes, "boxes", "…", "S_y", "S_x", self.boxes, 4)
        check_tensor(cells.confidence, "confidence", *cells.boxes.shape[:-1])
        check_tensor(cells.classes, "classes", *cells.boxes.shape[:-1], self.classes)
        boxes = torch.cat([cells.boxes, cells.confidence[..., None]], dim=-1)
        if self.classes_per == "cell":
            return torch.cat([boxes.flatten(-2), cells.classes[..., 0, :]], dim=-1)
        return torch.cat([boxes, cells.classes], dim=-1).flatten(-2)


class Placed(NamedTuple):
    """Where the objects of a picture go.

    Attributes
    ----------
    kept : Tensor
        (M,) int64: which objects have found room.
    row, column, turn : Tensor
        (M,) int64: the cell of each, and how many objects of that cell came before it.
    lost : int
        G - M: how many have found none.
    """

    kept: Tensor
    row: Tensor
    column: Tensor
    turn: Tensor
    lost: int


class Encoded(NamedTuple):
    """A scene as a perfect network would say it, (S_y, S_x, channels), and how many objects it lacks."""

    block: Tensor
    lost: int


def place_objects(boxes: Tensor, grid: tuple[int, int], size: tuple[int, int], room: int) -> Placed:
    """Give each object to the cell in which its centre lies; a full cell takes no more.

    Parameters
    ----------
    boxes : Tensor
        (G, 4) x1, y1, x2, y2 in pixels, with an area, centred in the picture; those listed first go first.
    grid, size : (int, int)
        S_y, S_x, and height and width of the picture.
    room : int
        Objects that a cell can hold.

    Raises
    ------
    ValueError
        For boxes that are none, one centred outside, or sizes below 1.
    """
    (rows, columns), (height, width) = check_size(grid, "grid"), check_size(size)
    check_whole(room, "room")
    check_targets([(boxes, torch.zeros(len(boxes), dtype=torch.long))], 1)
    x, y = box_xyxy_to_cxcywh(boxes)[:, :2].unbind(1)
    if bool(((x < 0) | (x > width) | (y < 0) | (y > height)).any()):
        raise ValueError(f"boxes: got one centred outside, want centres in a picture of {height} × {width}")
    row = (y / height * rows).long().clamp(max=rows - 1)  # (G,) a centre on the last edge: the last cell
    column = (x / width * columns).long().clamp(max=columns - 1)
    cell = row * columns + column
    turn = (cell[:, None] == cell).tril(-1).sum(1)  # objects of the same cell that are listed before
    kept = (turn < room).nonzero()[:, 0]
    return Placed(kept, row[kept], column[kept], turn[kept], len(boxes) - len(kept))


def to_cells(boxes: Tensor, placed: Placed, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Say the M boxes that have found room as x, y, √w, √h: (M, 4)."""
    (rows, columns), (height, width) = check_size(grid, "grid"), check_size(size)
    shares = box_xyxy_to_cxcywh(boxes[placed.kept]) / boxes.new_tensor([width, height, width, height])
    x = shares[:, 0] * columns - placed.column
    y = shares[:, 1] * rows - placed.row
    return torch.stack([x, y, shares[:, 2].sqrt(), shares[:, 3].sqrt()], dim=1)


def to_boxes(cells: Tensor, size: tuple[int, int]) -> Tensor:
    """Turn x, y, √w, √h of all cells (…, S_y, S_x, B, 4) into x1, y1, x2, y2 in pixels, the same shape.

    Raises ValueError for another shape or type, or a size below 1.
    """
    check_tensor(cells, "cells", "…", "S_y", "S_x", "B", 4, some=True)
    height, width = check_size(size)
    rows, columns = cells.shape[-4:-2]
    row = torch.arange(rows, device=cells.device)[:, None, None]
    column = torch.arange(columns, device=cells.device)[:, None]
    centre = torch.stack([(cells[..., 0] + column) / columns, (cells[..., 1] + row) / rows], dim=-1)
    half = cells[..., 2:].square() / 2
    return torch.cat([centre - half, centre + half], dim=-1) * cells.new_tensor([width, height] * 2)


def encode(
    boxes: Tensor, labels: Tensor, layout: Layout, grid: tuple[int, int], size: tuple[int, int]
) -> Encoded:
    """Write a scene as a block of numbers: the k-th object of a cell in its k-th box, with confidence 1.

    Parameters
    ----------
    boxes, labels : Tensor
        (G, 4) x1, y1, x2, y2 in pixels, centred in the picture, and classes (G,) from 0; G may be 0.
    layout : Layout
        Which number means what.
    grid, size : (int, int)
        S_y, S_x, and height and width of the picture.

    Returns
    -------
    Encoded
        The block, and how many objects are missing from it as their cell was full.

    Raises
    ------
    ValueError
        For boxes or labels that are none, a box centred outside, or sizes below 1.
    """
    check_targets([(boxes, labels)], 1, layout.classes)
    placed = place_objects(boxes, grid, size, layout.room)
    at = (placed.row, placed.column, placed.turn)
    empty = boxes.new_zeros(*grid, layout.boxes)
    says = Cells(empty[..., None].repeat(1, 1, 1, 4), empty, empty[..., None].repeat(1, 1, 1, layout.classes))
    says.boxes[at] = to_cells(boxes, placed, grid, size)
    says.confidence[at] = 1
    says.classes[at] = F.one_hot(labels[placed.kept].long(), layout.classes).to(boxes)
    return Encoded(layout.join(says), placed.lost)


def decode(
    block: Tensor,
    layout: Layout,
    size: tuple[int, int],
    *,
    border: tuple[int, int] | None = None,
    score_threshold: float = 0.05,
    nms_threshold: float = 0.5,
    most: int = 100,
) -> Detections:
    """Read a block of numbers: a score for each box and class, then NMS for each class.

    The score is Pr(class | object) · Pr(object) · IoU (equation 1). Nothing holds what the network says to
    [0, 1], so both factors are cut off there.

    Parameters
    ----------
    block : Tensor
        (S_y, S_x, channels).
    layout : Layout
        Which number means what.
    size : (int, int)
        Height and width of what the grid covers.
    border : (int, int), optional
        Those of the picture, where the rest is padding; boxes are cut off there.
    score_threshold, nms_threshold : float
        What becomes a detection, and IoU from which on two of one class are doubles.
    most : int
        Detections a picture.

    Raises
    ------
    ValueError
        For a block of another shape or type, NaN, or settings out of range.
    """
    check_tensor(block, "block", "S_y", "S_x", layout.channels, finite=True, some=True)
    height, width = check_size(border or size, "border")
    check_number(score_threshold, "score_threshold", 0, 1)
    check_whole(most, "most")
    says = layout.split(block)
    scores = says.confidence.clamp(0, 1)[..., None] * says.classes.clamp(0, 1)  # (S_y, S_x, B, C)
    row, column, number, label = (scores > score_threshold).nonzero().unbind(1)  # (D,) each
    score = scores[row, column, number, label]
    boxes = clip_boxes(to_boxes(says.boxes, size)[row, column, number], height, width)  # (D, 4)
    large = remove_small_boxes(boxes, LEAST_SIDE)
    boxes, label, score = boxes[large], label[large], score[large]
    kept = batched_nms(boxes, score, label, nms_threshold)[:most]
    return Detections(boxes[kept], label[kept], score[kept])
