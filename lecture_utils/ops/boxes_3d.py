"""Boxes in space that stand upright and may be turned (S18.3): their corners, and how much two overlap.

A box is x, y, z, length, width, height, yaw: its centre, its sides in metres along its own axes, and the
angle in radians from the world's x axis to its length, counter-clockwise seen from above (z is up). This is
how 3-D detectors write boxes of cars and furniture, which turn about the upright axis only: X. Chen et al.,
"Multi-View 3D Object Detection Network for Autonomous Driving", CVPR 2017; IoU in 3-D as there: the area that
the two footprints share, by clipping one polygon with the other (I. Sutherland, G. Hodgman, "Reentrant
Polygon Clipping", Communications of the ACM 1974), times the height that they share.

Simplified: no gradient passes through the overlap.

Shapes: N and M boxes.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_tensor

Polygon = list[tuple[float, float]]  # corners, counter-clockwise


def check_boxes_3d(boxes: Tensor, name: str = "boxes", count: int | str = "N") -> None:
    """Raise ValueError unless boxes are floating-point (N, 7), finite, with no side below 0."""
    check_tensor(boxes, name, count, 7, finite=True)
    if bool((boxes[:, 3:6] < 0).any()):
        raise ValueError(f"{name}: got a length, width or height below 0, want x, y, z, l, w, h, yaw")


def box_corners_3d(boxes: Tensor) -> Tensor:
    """Corners of boxes (N, 7) → (N, 8, 3): the footprint's four counter-clockwise, below and then above.

    The first is at half a length and half a width along the box's own axes. Raises ValueError for what is no
    set of boxes.
    """
    check_boxes_3d(boxes)
    signs = boxes.new_tensor([(1, 1), (-1, 1), (-1, -1), (1, -1)])  # counter-clockwise
    along, across = (signs * boxes[:, None, 3:5] / 2).unbind(2)  # (N, 4) each
    cos, sin = boxes[:, 6:7].cos(), boxes[:, 6:7].sin()
    x = boxes[:, 0:1] + cos * along - sin * across  # (N, 4)
    y = boxes[:, 1:2] + sin * along + cos * across
    low, high = (boxes[:, 2:3] + side * boxes[:, 5:6] / 2 for side in (-1, 1))  # (N, 1)
    floors = [torch.stack([x, y, z.expand_as(x)], dim=2) for z in (low, high)]
    return torch.cat(floors, dim=1)


def clip_polygon(polygon: Polygon, window: Polygon) -> Polygon:
    """Cut away what lies outside a convex window, one edge of the window after the other.

    Parameters
    ----------
    polygon, window : list of (x, y)
        Corners, counter-clockwise; `window` convex.

    Returns
    -------
    list of (x, y)
        The corners of what they share; none, or a polygon without area, where they share none.
    """
    for start, end in zip(window, window[1:] + window[:1], strict=True):
        kept: Polygon = []
        sides = [_side(start, end, point) for point in polygon]  # above 0: inside, to the left of the edge
        for i, (point, side) in enumerate(zip(polygon, sides, strict=True)):
            before, side_before = polygon[i - 1], sides[i - 1]
            if (side > 0) != (side_before > 0):  # the polygon crosses the edge's line here
                share = side_before / (side_before - side)
                kept.append(
                    (before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1]))
                )
            if side > 0:
                kept.append(point)
        polygon = kept
    return polygon


def _side(start: tuple[float, float], end: tuple[float, float], point: tuple[float, float]) -> float:
    """Twice the area of a triangle: above 0 where `point` lies to the left of the way from start to end."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def polygon_area(polygon: Polygon) -> float:
    """Area of a polygon whose corners run counter-clockwise: the shoelace formula; 0 for fewer than three."""
    corners = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in corners) / 2


def box_iou_3d(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of every pair of upright boxes, by volume.

    Two boxes without volume have IoU 0.

    Parameters
    ----------
    a, b : Tensor
        (N, 7) and (M, 7) x, y, z, length, width, height, yaw.

    Returns
    -------
    Tensor
        (N, M) in [0, 1], of the type and on the device of `a`.

    Raises
    ------
    ValueError
        For other shapes or types, values that are not finite, or a side below 0.
    """
    check_boxes_3d(a, "a")
    check_boxes_3d(b, "b")
    rows, columns = _near(a, b).nonzero(as_tuple=True)
    iou = a.new_zeros(len(a), len(b))
    iou[rows, columns] = paired_iou_3d(a[rows], b[columns].to(a))
    return iou


def _near(a: Tensor, b: Tensor) -> Tensor:
    """(N, M) bool: whether the circles around two footprints meet; pairs that are farther share nothing."""
    apart = torch.cdist(a[:, :2].double(), b[:, :2].to(a.device).double())
    reach = [boxes[:, 3:5].double().norm(dim=1) / 2 for boxes in (a, b.to(a.device))]
    return apart <= reach[0][:, None] + reach[1][None, :]


def paired_iou_3d(a: Tensor, b: Tensor) -> Tensor:
    """`box_iou_3d` of each box of `a` with the one of `b` in the same row alone, (N,); errors as there."""
    check_boxes_3d(a, "a")
    check_boxes_3d(b, "b", len(a))
    footprints = [box_corners_3d(x.double().cpu())[:, :4, :2].tolist() for x in (a, b)]
    shared = [polygon_area(clip_polygon(one, other)) for one, other in zip(*footprints, strict=True)]
    low = torch.maximum(a[:, 2] - a[:, 5] / 2, b[:, 2] - b[:, 5] / 2)
    high = torch.minimum(a[:, 2] + a[:, 5] / 2, b[:, 2] + b[:, 5] / 2)
    both = torch.tensor(shared, dtype=torch.float64).to(a) * (high - low).clamp(min=0)  # (N,) volume
    union = a[:, 3:6].prod(dim=1) + b[:, 3:6].prod(dim=1) - both
    return both / torch.where(union > 0, union, 1)
