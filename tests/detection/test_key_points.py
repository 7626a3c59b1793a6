"""Key points: cells and offsets go back to points, targets picture by picture, offsets' loss by a loop."""

import pytest
import torch

from lecture_utils.detection import key_points
from lecture_utils.detection.heatmaps import gaussian_radius, gaussian_targets
from lecture_utils.detection.key_points import Objects
from tests.mutants import planted

pytestmark = pytest.mark.system("S08.4")
SIZE, MAP = (6, 9), torch.rand(1, 2, 3, 3)
ROW = Objects(
    torch.tensor([[1.0, 2, 12, 15], [8, 0, 36, 24], [5, 5, 9, 30]], dtype=torch.float64).clamp(max=24),
    torch.tensor([1, 0, 1]),
    torch.tensor([0, 0, 2]),
)


def compare_cells(module: object) -> None:
    points = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = torch.cat([points * torch.tensor([36, 24]), torch.tensor([[0, 0], [36, 24], [12.0, 8.0]])])
    cells, offsets = module.to_cells(points, SIZE, 4)
    torch.testing.assert_close((cells + offsets) * 4, points)
    assert (cells >= 0).all() and (cells[:, 0] < 9).all() and (cells[:, 1] < 6).all()
    assert (offsets >= 0).all() and (offsets[:-2] < 1).all()
    assert cells[-3:].tolist() == [[0, 0], [8, 5], [3, 2]] and offsets[-2].tolist() == [1, 1]


def encode(module: object, kind: slice) -> key_points.KeyPoints:
    return module.encode_key_points(ROW.boxes[:, kind], ROW, batch=3, classes=2, size=SIZE, stride=4, iou=0.3)


def compare_targets(module: object) -> None:
    """Each picture and class alone gives the same map."""
    for kind in (slice(0, 2), slice(2, 4)):
        got = encode(module, kind)
        radius = gaussian_radius((ROW.boxes[:, 2:] - ROW.boxes[:, :2]) / 4, 0.3)
        for picture in range(3):
            for label in range(2):
                own = (ROW.picture == picture) & (ROW.labels == label)
                cells = (ROW.boxes[own, kind] / 4).floor().long().minimum(torch.tensor([8, 5]))
                want = gaussian_targets(cells, radius[own], torch.zeros(len(cells)).long(), 1, SIZE)[0]
                torch.testing.assert_close(got.heat[picture, label], want)


def compare_offsets(module: object) -> None:
    """Equation 3: smooth L1 at each object, both coordinates added."""
    points = encode(key_points, slice(0, 2))
    maps = 2 * torch.randn(3, 2, *SIZE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    want = 0.0
    for n, (x, y) in zip(ROW.picture.tolist(), points.cells.tolist(), strict=True):
        for axis, true in enumerate((ROW.boxes[:, :2] / 4 - points.cells)[points.picture == n].T):
            for t, cell in zip(true, points.cells[points.picture == n].tolist(), strict=True):
                if cell == [x, y]:
                    d = abs(maps[n, axis, y, x] - t)
                    want += 0.5 * d**2 if d < 1 else d - 0.5
    torch.testing.assert_close(module.offset_loss(maps, points), want / 3)


COMPARISONS = {"cells": compare_cells, "targets": compare_targets, "offsets": compare_offsets}


@pytest.mark.parametrize("name", COMPARISONS)
def test_key_points(name):
    COMPARISONS[name](key_points)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("cells", ("place.floor().long()", "place.round().long()")),
        ("cells", (".minimum(last)", "")),
        ("cells", ("place - cells", "cells - place")),
        ("targets", ("picture * classes + labels", "labels * batch + picture")),
        ("targets", ("boxes[:, :2]) / stride", "boxes[:, :2])")),
        ("offsets", ("cells[:, 1], cells[:, 0]]", "cells[:, 0], cells[:, 1]]")),
        ("offsets", ("maps[picture.long(), :,", "maps[0 * picture.long(), :,")),
        ("offsets", ('reduction="sum"', 'reduction="mean"')),
    ],
)
def test_the_comparison_sees(name, fault):
    with pytest.raises((AssertionError, IndexError)):
        COMPARISONS[name](planted("lecture_utils.detection.key_points", fault))


def test_the_last_map_is_taken_and_a_point_a_cell_beyond_it_belongs_to_its_last_cell():
    maps = [torch.rand(1, 2, 12, 18), torch.rand(1, 5, *SIZE)]
    assert key_points.last_map(maps, torch.rand(1, 3, 24, 36), 4) is maps[1]
    cells, offsets = key_points.to_cells(torch.tensor([[40.0, 28]]), SIZE, 4)
    assert cells.tolist() == [[8, 5]] and offsets.tolist() == [[2, 2]]


def test_no_object_in_any_picture():
    none = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    like = torch.rand(2, 1, *SIZE)
    row = key_points.in_a_row([none, none], like, 3)
    got = key_points.encode_key_points(
        row.boxes[:, :2], row, batch=2, classes=3, size=SIZE, stride=4, iou=0.3
    )
    assert got.heat.shape == (2, 3, *SIZE) and not got.heat.any() and got.cells.shape == (0, 2)
    assert key_points.offset_loss(torch.rand(2, 2, *SIZE), got) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: key_points.to_cells(torch.tensor([[-1.0, 2]]), SIZE, 4), "outside the picture"),
        (lambda: key_points.to_cells(torch.tensor([[41.0, 2]]), SIZE, 4), "outside the picture"),
        (lambda: key_points.to_cells(torch.tensor([[1.0, 2]]), SIZE, 0), "stride"),
        (lambda: key_points.gather_at(MAP, torch.tensor([1]), torch.tensor([[0, 0]])), "picture"),
        (lambda: key_points.gather_at(MAP, torch.tensor([0]), torch.tensor([[3, 0]])), "cells"),
        (lambda: key_points.last_map([MAP], torch.rand(1, 3, 64, 64), 4), "every 4 pixels"),
        (lambda: key_points.last_map([], torch.rand(1, 3, 64, 64), 4), "got none"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
