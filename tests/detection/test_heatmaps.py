"""Heat maps: radii by brute force, slopes, loss and peaks against loops; planted faults."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.detection import heatmaps
from lecture_utils.ops.boxes import box_iou
from tests.mutants import planted

pytestmark = pytest.mark.system("S08.4")
SIDES = torch.tensor([[10.0, 10], [40, 8], [3, 25], [1, 1], [200, 90]], dtype=torch.float64)
CASES = {"shrinks": 0, "grows": 1, "is shifted": 2}
# how each corner moves along an axis, in radii: (first corner, second corner)
MOVES = {"shrinks": [(1, -1)], "grows": [(-1, 1)], "is shifted": [(1, 1), (-1, -1)]}


def moved_iou(sides: Tensor, radius: Tensor, moves: list[tuple[int, int]]) -> Tensor:
    """Smallest IoU of a box with those whose corners moved by r, along each axis in one of these ways."""
    lowest = []
    for (w, h), r in zip(sides.tolist(), radius.tolist(), strict=True):
        boxes = [
            [x1 * r, y1 * r, max(w + x2 * r, x1 * r), max(h + y2 * r, y1 * r)]
            for (x1, x2), (y1, y2) in itertools.product(moves, moves)
        ]
        lowest.append(box_iou(sides.new_tensor([[0, 0, w, h]]), sides.new_tensor(boxes)).min())
    return torch.stack(lowest)


def compare_radii(module: object, iou: float) -> None:
    """Each radius of the three just keeps the IoU in its own case, and the smallest in every case."""
    radii = module.corner_radii(SIDES, iou)
    for name, column in CASES.items():
        same = [(a, b) for a, b in itertools.product(MOVES[name], MOVES[name]) if a == b]
        got = moved_iou(SIDES, radii[:, column], [same[0][0]])  # the same way along both axes
        torch.testing.assert_close(got, torch.full_like(got, iou))
    every = list(itertools.product((-1, -0.5, 0, 0.5, 1), repeat=2))
    radius = module.gaussian_radius(SIDES, iou)
    assert (moved_iou(SIDES, radius, every) > iou - 1e-9).all()
    assert iou == 1 or (moved_iou(SIDES, radius * 1.01, every) < iou).all()


@pytest.mark.parametrize("iou", [0.1, 0.3, 0.5, 0.7, 0.95, 1.0])
def test_corners_within_the_radius_keep_the_iou_by_brute_force(iou):
    compare_radii(heatmaps, iou)


@pytest.mark.parametrize(
    "fault",
    [
        ("* area).clamp(min=0).sqrt()) / 4", "* area).clamp(min=0).sqrt()) / 2"),  # the published code's
        ("(t**2 * total**2 + 4 * t", "(t**2 * total**2 - 4 * t"),
        ("(1 - t) / (1 + t)", "(1 - t)"),
        ("corner_radii(sides, iou).amin(1)", "corner_radii(sides, iou).amax(1)"),
        ("corner_radii(sides, iou).amin(1)", "corner_radii(sides, iou).mean(1)"),
    ],
)
def test_the_brute_force_sees(fault):
    with pytest.raises(AssertionError):
        compare_radii(planted("lecture_utils.detection.heatmaps", fault), 0.5)


def test_the_shrinking_box_always_decides():
    sides = torch.rand(500, 2, generator=torch.Generator().manual_seed(0)).double() * 100 + 0.1
    for iou in (0.05, 0.3, 0.7, 0.99):
        assert (heatmaps.corner_radii(sides, iou).argmin(1) == CASES["shrinks"]).all()


CELLS = torch.tensor([[2, 1], [4, 3], [6, 0], [2, 1]])
RADIUS = torch.tensor([2.0, 4.5, 0.0, 1.0], dtype=torch.float64)
CHANNEL = torch.tensor([0, 0, 2, 2])


def compare_targets(module: object) -> None:
    want = torch.zeros(3, 5, 7, dtype=torch.float64)
    for (cx, cy), r, c in zip(CELLS.tolist(), RADIUS.tolist(), CHANNEL.tolist(), strict=True):
        for y, x in itertools.product(range(5), range(7)):
            distance = (x - cx) ** 2 + (y - cy) ** 2
            value = math.exp(-distance / (2 * (r / 3) ** 2)) if r else float(distance == 0)
            want[c, y, x] = max(want[c, y, x], value)
    torch.testing.assert_close(module.gaussian_targets(CELLS, RADIUS, CHANNEL, 3, (5, 7)), want)


def test_targets_equal_a_loop():
    compare_targets(heatmaps)


@pytest.mark.parametrize(
    "fault",
    [
        ("(radius / 3)", "(radius / 2)"),
        ('bumps, "amax")', 'bumps, "sum")'),
        ("(2 * sigma**2)", "sigma**2"),
        ("(x - cells[:, :1])", "(x - cells[:, 1:])"),
    ],
)
def test_the_comparison_of_targets_sees(fault):
    with pytest.raises(AssertionError):
        compare_targets(planted("lecture_utils.detection.heatmaps", fault))


def test_no_object_gives_an_empty_map():
    heat = heatmaps.gaussian_targets(CELLS[:0], RADIUS[:0], CHANNEL[:0], 3, (5, 7))
    assert heat.shape == (3, 5, 7) and not heat.any()


def compare_loss(module: object, alpha: float = 2.0, beta: float = 4.0) -> None:
    """Equation 1, cell by cell, with its gradient."""
    logits = 3 * torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    heat = torch.stack([heatmaps.gaussian_targets(CELLS, RADIUS, CHANNEL, 3, (5, 7)), torch.zeros(3, 5, 7)])
    want = torch.zeros((), dtype=torch.float64)
    for place in itertools.product(*map(range, heat.shape)):
        p, y = torch.sigmoid(theirs[place]), heat[place]
        if y == 1:
            want = want - (1 - p) ** alpha * torch.log(p)
        else:
            want = want - (1 - y) ** beta * p**alpha * torch.log(1 - p)
    want = want / 4
    got = module.heatmap_focal_loss(ours, heat, 4, alpha=alpha, beta=beta)
    torch.testing.assert_close(got, want)
    got.backward(), want.backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize(("alpha", "beta"), [(2.0, 4.0), (0.0, 1.0), (1.5, 0.0)])
def test_the_focal_loss_equals_a_loop(alpha, beta):
    compare_loss(heatmaps, alpha, beta)


@pytest.mark.parametrize(
    "fault",
    [
        ("(1 - heat) ** beta *", ""),
        ("at_points = q**alpha", "at_points = p**alpha"),
        ("heat == 1, at_points", "heat > 0, at_points"),
        ("/ max(1, objects)", "/ logits.numel()"),
    ],
)
def test_the_comparison_of_losses_sees(fault):
    with pytest.raises(AssertionError):
        compare_loss(planted("lecture_utils.detection.heatmaps", fault))


def test_the_loss_stays_finite_where_the_logits_are_large():
    for dtype in (torch.float32, torch.float64):
        logits = torch.tensor([-200.0, 200, -200, 200], dtype=dtype).view(1, 1, 2, 2).requires_grad_()
        heat = torch.tensor([1.0, 1, 0, 0], dtype=dtype).view(1, 1, 2, 2)
        loss = heatmaps.heatmap_focal_loss(logits, heat, 2)
        loss.backward()
        assert loss == 200 and logits.grad.isfinite().all()


def test_alpha_and_beta_of_0_give_binary_cross_entropy():
    logits = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    heat = torch.zeros(1, 2, 4, 4)
    heat[0, 1, 2, 3] = 1
    want = F.binary_cross_entropy_with_logits(logits, heat, reduction="sum")
    torch.testing.assert_close(heatmaps.heatmap_focal_loss(logits, heat, 1, alpha=0, beta=0), want)


def compare_peaks(module: object, most: int, window: int) -> None:
    """Cells that no neighbour exceeds, by a loop over the neighbourhood of each."""
    heat = torch.rand(2, 3, 6, 5, generator=torch.Generator().manual_seed(0))
    heat[0, 1, 2, 2] = heat[0, 1, 2, 3] = heat.max()  # a plateau of two
    heat[1, 2] = 0
    r = window // 2
    for picture, got in zip(heat, module.pick_peaks(heat, most, window=window), strict=True):
        want = []
        for c, y, x in itertools.product(range(3), range(6), range(5)):
            around = picture[c, max(0, y - r) : y + r + 1, max(0, x - r) : x + r + 1]
            if picture[c, y, x] > 0 and picture[c, y, x] >= around.max():
                want.append((-picture[c, y, x].item(), c, x, y))
        want = sorted(want)[:most]
        found = zip((-got.scores).tolist(), got.labels.tolist(), *got.cells.T.tolist(), strict=True)
        assert sorted(found) == want


@pytest.mark.parametrize(("most", "window"), [(1000, 3), (1000, 5), (1000, 1), (5, 3)])
def test_peaks_equal_a_loop(most, window):
    compare_peaks(heatmaps, most, window)


@pytest.mark.parametrize(
    "fault",
    [
        ("heat == highest, heat, 0", "heat >= 0, heat, 0"),
        ("padding=window // 2", "padding=0"),
        ("[cell % width, cell // width]", "[cell // width, cell % width]"),
        ("where // (height * width)", "where // width"),
    ],
)
def test_the_comparison_of_peaks_sees(fault):
    with pytest.raises((AssertionError, RuntimeError)):
        compare_peaks(planted("lecture_utils.detection.heatmaps", fault), 1000, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: heatmaps.corner_radii(torch.zeros(2, 2), 0.3), "sides"),
        (lambda: heatmaps.corner_radii(torch.ones(2, 2), 0.0), "iou"),
        (lambda: heatmaps.gaussian_targets(CELLS + 3, RADIUS, CHANNEL, 3, (5, 7)), "cells"),
        (lambda: heatmaps.gaussian_targets(CELLS, -RADIUS, CHANNEL, 3, (5, 7)), "radius"),
        (lambda: heatmaps.gaussian_targets(CELLS, RADIUS, CHANNEL, 2, (5, 7)), "channel"),
        (lambda: heatmaps.heatmap_focal_loss(torch.rand(1, 1, 2, 2), torch.ones(1, 1, 2, 2) * 2, 1), "heat"),
        (lambda: heatmaps.pick_peaks(torch.rand(1, 1, 4, 4), 3, window=2), "odd"),
        (lambda: heatmaps.pick_peaks(4 * torch.ones(1, 1, 4, 4), 3), r"\[0, 1\]"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
