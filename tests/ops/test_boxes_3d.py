"""Upright boxes: corners, closed cases, OpenCV's rotated rectangles, points thrown at random."""

import math

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from lecture_utils.ops import boxes_3d
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.3")

UNIT = [0.0, 0, 0, 2, 2, 2, 0]


def boxes(n: int, seed: int) -> Tensor:
    made = torch.Generator().manual_seed(seed)
    draw = torch.rand(n, 7, generator=made, dtype=torch.float64)
    low = torch.tensor([-0.5, -0.5, -0.5, 0.3, 0.3, 0.3, -4])
    high = torch.tensor([0.5, 0.5, 0.5, 2, 2, 2, 4])
    return low + draw * (high - low)


def iou(a: list[float], b: list[float]) -> float:
    return float(boxes_3d.box_iou_3d(*torch.tensor([[a], [b]], dtype=torch.float64)))


@pytest.mark.parametrize(
    ("b", "want"),
    [
        (UNIT, 1),
        ([1.0, 0, 0, 2, 2, 2, 0], 4 / 12),  # half of each
        ([0.0, 0, 1, 2, 2, 2, 0], 4 / 12),
        ([0.0, 0, 0, 1, 1, 1, 0.3], 1 / 8),  # contained, turned
        ([2.0, 0, 0, 2, 2, 2, 0], 0),  # they touch in a side
        ([2.0, 2, 0, 2, 2, 2, 0], 0),  # in an edge
        ([0.0, 0, 2, 2, 2, 2, 0.4], 0),  # one stands on the other
        ([5.0, 0, 0, 2, 2, 2, 0], 0),
        ([0.0, 0, 0, 2, 2, 2, math.pi / 2], 1),
        ([0.0, 0, 0, 2, 2, 2, math.pi], 1),
        ([0.0, 0, 0, 2, 2, 2, math.pi / 4], (16 * (math.sqrt(2) - 1)) / (16 - 16 * (math.sqrt(2) - 1))),
        ([0.0, 0, 0, 0, 2, 2, 0], 0),
    ],
)
def test_closed_cases(b: list[float], want: float) -> None:
    """At 45° two squares of side 2 share an octagon of area 8 (√2 − 1)."""
    assert iou(UNIT, b) == pytest.approx(want, abs=1e-12)
    assert iou(b, UNIT) == pytest.approx(want, abs=1e-12)


def test_two_boxes_without_volume_have_0() -> None:
    flat = [0.0, 0, 0, 2, 2, 0, 0]
    assert iou(flat, flat) == 0


def test_corners_turn_counter_clockwise_from_below_to_above() -> None:
    corners = boxes_3d.box_corners_3d(torch.tensor([[1.0, 2, 3, 4, 2, 6, math.pi / 2]]))[0]
    want = [(0, 4), (0, 0), (2, 0), (2, 4)]
    for z, floor in ((0.0, corners[:4]), (6.0, corners[4:])):
        torch.testing.assert_close(floor, torch.tensor([(x, y, z) for x, y in want]).float())
    floor = boxes_3d.box_corners_3d(boxes(5, 1))[:, :4, :2].tolist()
    for polygon, box in zip(floor, boxes(5, 1), strict=True):
        area = boxes_3d.polygon_area([tuple(p) for p in polygon])
        assert area == pytest.approx(float(box[3] * box[4])), "above 0: counter-clockwise"


def by_opencv(a: Tensor, b: Tensor) -> Tensor:
    """The same with OpenCV's intersection of rotated rectangles, in single precision."""
    out = torch.zeros(len(a), len(b))
    for i, one in enumerate(a.tolist()):
        for j, other in enumerate(b.tolist()):
            rects = [((x[0], x[1]), (x[3], x[4]), math.degrees(x[6])) for x in (one, other)]
            kind, points = cv2.rotatedRectangleIntersection(*rects)
            area = cv2.contourArea(cv2.convexHull(points)) if kind else 0.0
            height = min(one[2] + one[5] / 2, other[2] + other[5] / 2)
            height -= max(one[2] - one[5] / 2, other[2] - other[5] / 2)
            both = area * max(height, 0)
            out[i, j] = both / (np.prod(one[3:6]) + np.prod(other[3:6]) - both)
    return out


FAULTS = {
    "turned the other way": ("y = boxes[:, 1:2] + sin * along", "y = boxes[:, 1:2] - sin * along"),
    "heights not from the middle": ("a[:, 2] + a[:, 5] / 2, b[:, 2]", "a[:, 2] + a[:, 5], b[:, 2]"),
    "crossing at the middle": ("share = side_before / (side_before - side)", "share = 0.5"),
    "circles too small": ("boxes[:, 3:5].double().norm(dim=1) / 2", "boxes[:, 3].double() / 2"),
}


@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_parity_with_opencv_turns_red_for_planted_faults(fault: str | None) -> None:
    module = planted("lecture_utils.ops.boxes_3d", FAULTS[fault]) if fault else boxes_3d
    a, b = boxes(12, 2), boxes(14, 3)
    want, got = by_opencv(a, b), module.box_iou_3d(a, b).float()
    assert int((want > 0.05).sum()) > 60
    gap = float((got - want).abs().max())
    assert (gap > 1e-3) if fault else (gap < 1e-5)


def test_pairs_are_the_diagonal_and_order_does_not_matter() -> None:
    a, b = boxes(9, 4), boxes(9, 5)
    table = boxes_3d.box_iou_3d(a, b)
    torch.testing.assert_close(boxes_3d.paired_iou_3d(a, b), table.diagonal())
    torch.testing.assert_close(boxes_3d.box_iou_3d(b, a), table.T)
    assert boxes_3d.box_iou_3d(a[:0], b).shape == (0, 9) and boxes_3d.paired_iou_3d(a[:0], b[:0]).shape == (
        0,
    )
    assert boxes_3d.box_iou_3d(a.float(), b).dtype == torch.float32


def test_what_two_share_is_what_random_points_say() -> None:
    a, b = boxes(3, 6), boxes(3, 7)
    points = torch.rand(200_000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 5 - 2.5

    def inside(box: Tensor) -> Tensor:
        away = points - box[:3]
        along = away[:, 0] * box[6].cos() + away[:, 1] * box[6].sin()
        across = -away[:, 0] * box[6].sin() + away[:, 1] * box[6].cos()
        return (torch.stack([along, across, away[:, 2]], dim=1).abs() <= box[3:6] / 2).all(1)

    for one, other, got in zip(a, b, boxes_3d.paired_iou_3d(a, b), strict=True):
        ours, theirs = inside(one), inside(other)
        either = int((ours | theirs).sum())
        want = int((ours & theirs).sum()) / either
        spread = math.sqrt(max(want * (1 - want), 0.01) / either)
        assert abs(float(got) - want) < 5 * spread  # five standard deviations of the share


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (torch.rand(3, 6), "want floating point"),
        (torch.tensor([[0.0, 0, 0, -1, 1, 1, 0]]), "below 0"),
        (torch.tensor([[math.nan, 0, 0, 1, 1, 1, 0]]), "NaN"),
        (torch.ones(2, 7, dtype=torch.long), "want floating point"),
    ],
)
def test_what_is_no_box_is_refused(bad: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        boxes_3d.box_iou_3d(bad, torch.ones(1, 7))
    with pytest.raises(ValueError, match="want"):
        boxes_3d.paired_iou_3d(torch.ones(2, 7), torch.ones(1, 7))
