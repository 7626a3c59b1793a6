"""Boxes (S07.1): their formats, how much two overlap (IoU, GIoU), and offsets from an anchor.

- IoU: M. Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.2.
- GIoU: H. Rezatofighi et al., "Generalized Intersection over Union", CVPR 2019, algorithm 1.
- Offsets: R. Girshick et al., "Rich feature hierarchies …" (R-CNN), CVPR 2014, appendix C, equations 1 to 9.

A box is x1, y1, x2, y2 in pixels, x to the right, y down, and covers x1 ≤ x ≤ x2, y1 ≤ y ≤ y2: a box around
one pixel is 1 wide. (Older code, R-CNN's among it, counts pixels instead and adds 1 to each side.) Other
formats: xywh is the corner x1, y1 with width and height, cxcywh the centre with width and height.

Shapes: N and M boxes.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_numbers, check_tensor
from lecture_utils.ops.precision import at_least_single

LARGEST_GROWTH = math.log(1000 / 16)  # of a side, as a logarithm: a 16-pixel anchor becomes 1,000 at most


def check_box_set(boxes: Tensor, name: str = "boxes", *, some_area: bool = False) -> None:
    """Raise ValueError unless boxes are floating-point (N, 4), finite, with x1 ≤ x2 and y1 ≤ y2.

    With `some_area`, every box must be wider and higher than 0.
    """
    check_tensor(boxes, name, "N", 4, finite=True)
    sides = boxes[:, 2:] - boxes[:, :2]
    if bool((sides < 0).any()):
        raise ValueError(f"{name}: got one with x2 < x1 or y2 < y1, want x1, y1, x2, y2")
    if some_area and bool((sides == 0).any()):
        raise ValueError(f"{name}: got one of width or height 0, want both above 0")


def check_sides(boxes: Tensor) -> None:
    """Raise ValueError unless boxes are floating-point (N, 4), finite, with width and height last, ≥ 0."""
    check_tensor(boxes, "boxes", "N", 4, finite=True)
    if bool((boxes[:, 2:] < 0).any()):
        raise ValueError("boxes: got a width or height below 0, want both 0 or more in the last two columns")


def box_xyxy_to_cxcywh(boxes: Tensor) -> Tensor:
    """Corners x1, y1, x2, y2 to centre, width and height, (N, 4); ValueError for what is no set of boxes."""
    check_box_set(boxes)
    x1, y1, x2, y2 = boxes.unbind(1)  # each (N,)
    return torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], dim=1)


def box_cxcywh_to_xyxy(boxes: Tensor) -> Tensor:
    """Centre, width and height to corners x1, y1, x2, y2, (N, 4); ValueError for a side below 0 too."""
    check_sides(boxes)
    cx, cy, w, h = boxes.unbind(1)
    return torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], dim=1)


def box_xyxy_to_xywh(boxes: Tensor) -> Tensor:
    """Corners x1, y1, x2, y2 to first corner, width and height, (N, 4); errors as above."""
    check_box_set(boxes)
    x1, y1, x2, y2 = boxes.unbind(1)
    return torch.stack([x1, y1, x2 - x1, y2 - y1], dim=1)


def box_xywh_to_xyxy(boxes: Tensor) -> Tensor:
    """First corner, width and height to corners x1, y1, x2, y2, (N, 4); ValueError for a side below 0 too."""
    check_sides(boxes)
    x, y, w, h = boxes.unbind(1)
    return torch.stack([x, y, x + w, y + h], dim=1)


def box_area(boxes: Tensor) -> Tensor:
    """Area of each box in square pixels, (N,); half precision becomes single, in which it does not overflow.

    Raises ValueError for what is no set of boxes (N, 4).
    """
    check_box_set(boxes)
    return _area(boxes)


def _area(boxes: Tensor) -> Tensor:
    """`box_area` of boxes that were checked."""
    sides = at_least_single(boxes[:, 2:] - boxes[:, :2])  # (N, 2) width, height
    return sides[:, 0] * sides[:, 1]


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of every pair of boxes: 1 for equal boxes, 0 for those that share no area.

    Two boxes without area have IoU 0 here. (torchvision divides 0 by 0 there, and gives NaN.)

    Parameters
    ----------
    a, b : Tensor
        (N, 4) and (M, 4) x1, y1, x2, y2, floating point and finite.

    Returns
    -------
    Tensor
        (N, M) in [0, 1]; half precision becomes single.

    Raises
    ------
    ValueError
        For other shapes or types, NaN, or a box with x2 < x1 or y2 < y1.
    """
    intersection, union = _intersection_and_union(a, b)
    return intersection / torch.where(union > 0, union, 1)


def _intersection_and_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Area that each pair shares, and area that it covers, (N, M) both."""
    check_box_set(a, "a")
    check_box_set(b, "b")
    top_left = torch.maximum(a[:, None, :2], b[None, :, :2])  # (N, M, 2)
    bottom_right = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = at_least_single(bottom_right - top_left).clamp(min=0)  # below 0 where the two lie apart
    intersection = sides[..., 0] * sides[..., 1]  # (N, M)
    return intersection, _area(a)[:, None] + _area(b)[None, :] - intersection


def generalized_box_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU less the empty share of the smallest box around both: below 0, and still a slope, for boxes apart.

    Two boxes without area have IoU 0 here, and an empty share of 0 where the box around both has none either.
    (torchvision gives NaN.)

    Parameters and errors as for `box_iou`.

    Returns
    -------
    Tensor
        (N, M) in [-1, 1].
    """
    intersection, union = _intersection_and_union(a, b)
    top_left = torch.minimum(a[:, None, :2], b[None, :, :2])
    bottom_right = torch.maximum(a[:, None, 2:], b[None, :, 2:])
    sides = at_least_single(bottom_right - top_left)
    hull = sides[..., 0] * sides[..., 1]  # (N, M) area of the box around both
    empty = (hull - union) / torch.where(hull > 0, hull, 1)
    return intersection / torch.where(union > 0, union, 1) - empty


def encode_boxes(boxes: Tensor, anchors: Tensor, *, weights: Sequence[float] = (1, 1, 1, 1)) -> Tensor:
    """Say boxes as offsets from anchors: a shift in anchor widths, and the logarithm of how much it grows.

    Parameters
    ----------
    boxes, anchors : Tensor
        (N, 4) x1, y1, x2, y2, each box with its anchor; all wider and higher than 0.
    weights : sequence of float
        What the offsets are multiplied by, above 0, so that all four vary alike; Fast R-CNN's heads use 10,
        10, 5, 5.

    Returns
    -------
    Tensor
        (N, 4) dx, dy, dw, dh (the paper's t, equations 6 to 9).

    Raises
    ------
    ValueError
        For other shapes or types, NaN, a box or anchor without area, or weights that are not four above 0.
    """
    check_box_set(anchors, "anchors", some_area=True)
    check_tensor(boxes, "boxes", len(anchors), 4)
    check_box_set(boxes, some_area=True)
    check_weights(weights)
    anchor, box = box_xyxy_to_cxcywh(anchors), box_xyxy_to_cxcywh(boxes)
    shift = (box[:, :2] - anchor[:, :2]) / anchor[:, 2:]
    growth = torch.log(box[:, 2:] / anchor[:, 2:])
    return torch.cat([shift, growth], dim=1) * box.new_tensor(weights)


def decode_boxes(deltas: Tensor, anchors: Tensor, *, weights: Sequence[float] = (1, 1, 1, 1)) -> Tensor:
    """Turn offsets from anchors into boxes: the inverse of `encode_boxes`.

    A side grows by a factor of 1000 / 16 at most, so that a network's wild guess does not become infinite.

    Parameters
    ----------
    deltas : Tensor
        (N, 4) dx, dy, dw, dh, floating point and finite.
    anchors : Tensor
        (N, 4) x1, y1, x2, y2.
    weights : sequence of float
        As given to `encode_boxes`.

    Returns
    -------
    Tensor
        (N, 4) x1, y1, x2, y2. They may reach out of the picture: see `clip_boxes`.

    Raises
    ------
    ValueError
        For other shapes or types, NaN, an anchor with x2 < x1, or weights that are not four above 0.
    """
    check_box_set(anchors, "anchors")
    check_tensor(deltas, "deltas", len(anchors), 4, finite=True)
    check_weights(weights)
    anchor = box_xyxy_to_cxcywh(anchors.to(deltas.dtype))
    deltas = deltas / deltas.new_tensor(weights)
    centre = anchor[:, :2] + deltas[:, :2] * anchor[:, 2:]
    sides = anchor[:, 2:] * deltas[:, 2:].clamp(max=LARGEST_GROWTH).exp()
    return torch.cat([centre - sides / 2, centre + sides / 2], dim=1)


def check_weights(weights: Sequence[float]) -> None:
    """Raise ValueError unless these are four finite numbers above 0."""
    check_numbers(weights, "weights", 4)
    for weight in weights:
        check_number(weight, "weights", 0, above=True)


def clip_boxes(boxes: Tensor, height: float, width: float) -> Tensor:
    """Cut boxes (N, 4) off at the edge of a picture; one that lies outside keeps no area.

    Raises ValueError for what is no set of boxes, or a height or width that is not above 0.
    """
    check_box_set(boxes)
    height = check_number(height, "height", 0, above=True)
    width = check_number(width, "width", 0, above=True)
    x, y = boxes[:, 0::2].clamp(0, width), boxes[:, 1::2].clamp(0, height)  # (N, 2) x1, x2 and y1, y2
    return torch.stack([x, y], dim=2).flatten(1)


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """Indices (K,) int64 of the boxes whose width and height are both `min_size` or more.

    Raises ValueError for what is no set of boxes (N, 4), or a negative size.
    """
    check_box_set(boxes)
    check_number(min_size, "min_size", 0)
    return (boxes[:, 2:] - boxes[:, :2] >= min_size).all(1).nonzero().flatten()
