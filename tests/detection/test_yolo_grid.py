"""YOLO's grid: what is written can be read again, in both layouts, and what finds no room is counted."""

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

from lecture_utils.detection import yolo_grid
from lecture_utils.detection.yolo_grid import Layout, decode, encode, place_objects, to_boxes
from tests.mutants import planted

pytestmark = pytest.mark.system("S08.1")
GRID, SIZE, CLASSES = (5, 7), (60, 91), 4
LAYOUTS = {"cell": (2, CLASSES, "cell"), "box": (3, CLASSES, "box")}


def scene(made: torch.Generator) -> tuple[Tensor, Tensor]:
    """Boxes and labels of 0 to 9 objects; in every other scene with some, two centres share a cell."""
    height, width = SIZE
    count = int(torch.randint(0, 10, (), generator=made))
    low, more = torch.rand(2, count, 2, generator=made, dtype=torch.float64)
    low = 0.9 * low
    high = low + 0.05 + more * (0.95 - low)  # within the picture, and no box without area
    boxes = torch.cat([low, high], dim=1) * torch.tensor([width, height] * 2)
    if count > 1 and torch.rand((), generator=made) < 0.5:
        boxes[1] = (3 * boxes[0] + boxes[0, [2, 3, 0, 1]]) / 4  # the same centre, half the sides
    return boxes, torch.randint(0, CLASSES, (count,), generator=made)


def with_room(boxes: Tensor, room: int) -> list[int]:
    """Which objects find room, cell by cell."""
    full: Counter[tuple[int, int]] = Counter()
    kept = []
    for i, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        cell = (int((y1 + y2) / 2 / (SIZE[0] / GRID[0])), int((x1 + x2) / 2 / (SIZE[1] / GRID[1])))
        full[cell] += 1
        if full[cell] <= room:
            kept.append(i)
    return kept


def check_scenes(module: Any, layout: tuple[int, int, str], number: int) -> Counter[str]:
    """Write and read random scenes; count those of each kind."""
    made, seen = torch.Generator().manual_seed(0), Counter()
    form = module.Layout(*layout)
    for _ in range(number):
        boxes, labels = scene(made)
        kept = with_room(boxes, form.room)
        block, lost = module.encode(boxes, labels, form, GRID, SIZE)
        found = module.decode(block, form, SIZE, nms_threshold=1.0)
        assert lost == len(boxes) - len(kept)
        assert len(found.boxes) == len(kept) and (found.scores == 1).all()
        order = found.boxes[:, 0].argsort()
        wanted = boxes[kept][:, 0].argsort()
        torch.testing.assert_close(found.boxes[order], boxes[kept][wanted])
        assert torch.equal(found.labels[order], labels[kept][wanted])
        seen.update({"empty": not len(boxes), "lost": lost > 0, "whole": lost == 0 and len(boxes) > 1})
    return seen


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_what_is_written_can_be_read_again(layout):
    """1,000 random scenes: empty ones, crowded ones, and ones with two centres in a cell."""
    seen = check_scenes(yolo_grid, layout, 1000)
    assert seen["empty"] > 50 and seen["lost"] > 5 and seen["whole"] > 100


FAULTS = [
    ("(x / width * columns)", "(x / width * rows)"),
    ("turn < room", "turn < 9"),
    (".tril(-1)", ".tril()"),
    ("* columns - placed.column", "* columns"),
    ("shares[:, 2].sqrt()", "shares[:, 2]"),
    ("cells[..., 2:].square() / 2", "cells[..., 2:].square()"),
    ("(cells[..., 1] + row) / rows", "(cells[..., 1] + row) / columns"),
    ("[width, height] * 2", "[height, width] * 2"),
    ("labels[placed.kept].long()", "labels[: len(placed.kept)].long()"),
    ("len(boxes) - len(kept))", "0)"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[wrong for _, wrong in FAULTS])
def test_the_round_trip_sees(fault):
    with pytest.raises(AssertionError):
        check_scenes(planted("lecture_utils.detection.yolo_grid", fault), LAYOUTS["cell"], 40)


def test_two_centres_in_one_cell():
    """By cell the second object is lost and counted; by box both stay, until the cell has more than B."""
    boxes = torch.tensor([[0.0, 0, 8, 8], [1, 1, 7, 9], [2, 0, 6, 6], [20, 20, 28, 30]])
    labels = torch.tensor([0, 1, 2, 1])
    block, lost = encode(boxes, labels, Layout(2, 3), (2, 2), (32, 32))
    assert lost == 2 and decode(block, Layout(2, 3), (32, 32)).labels.sort().values.tolist() == [0, 1]
    block, lost = encode(boxes, labels, Layout(2, 3, "box"), (2, 2), (32, 32))
    found = decode(block, Layout(2, 3, "box"), (32, 32))
    assert lost == 1 and found.labels.sort().values.tolist() == [0, 1, 1]


def test_numbers_a_cell():
    assert Layout(2, 20).channels == 30  # the paper's 7 × 7 × 30
    assert Layout(5, 20, "box").channels == 125  # YOLO9000's, for VOC


@pytest.mark.parametrize("layout", [Layout(2, 3), Layout(2, 3, "box"), Layout(1, 1), Layout(3, 1, "box")])
def test_which_number_means_what(layout):
    """5 numbers a box; classes at the end of the cell, or at the end of each box."""
    block = torch.arange(2.0 * layout.channels).reshape(1, 2, layout.channels)
    says = layout.split(block)
    step = 5 if layout.classes_per == "cell" else 5 + layout.classes
    for b in range(layout.boxes):
        assert says.boxes[0, 0, b].tolist() == [step * b + k for k in range(4)]
        assert says.confidence[0, 0, b] == step * b + 4
        first = 5 * layout.boxes if layout.classes_per == "cell" else step * b + 5
        assert says.classes[0, 0, b].tolist() == [first + k for k in range(layout.classes)]
    assert torch.equal(layout.join(says), block)


def test_a_cell_s_centre_and_a_share_of_the_picture():
    """Row 1 of 2, column 2 of 4, in the middle; half as wide and a quarter as high as 40 × 80."""
    cells = torch.zeros(2, 4, 1, 4, dtype=torch.float64)
    cells[1, 2, 0] = torch.tensor([0.5, 0.5, 0.5**0.5, 0.5])
    torch.testing.assert_close(to_boxes(cells, (40, 80))[1, 2, 0].tolist(), [30.0, 25.0, 70.0, 35.0])


def test_the_score_is_the_product_and_nms_goes_by_class():
    layout = Layout(2, 2)
    block = torch.tensor([0.5, 0.5, 0.5, 0.5, 0.8, 0.5, 0.5, 0.5, 0.5, 0.6, 0.75, 0.5])[None, None]
    found = decode(block, layout, (32, 32))
    assert found.labels.tolist() == [0, 1]  # two equal boxes: the second is a double, in both classes
    torch.testing.assert_close(found.scores, torch.tensor([0.8 * 0.75, 0.8 * 0.5]))
    both = decode(block, layout, (32, 32), nms_threshold=1.0)
    torch.testing.assert_close(both.scores, torch.tensor([0.6, 0.45, 0.4, 0.3]))
    assert decode(block, layout, (32, 32), score_threshold=0.42, nms_threshold=1.0, most=1).scores == 0.6
    wild = decode(block * 3, layout, (32, 32))
    assert wild.scores.max() == 1  # a linear layer may say more
    assert len(decode(-block, layout, (32, 32)).scores) == 0


def test_a_centre_on_the_last_edge_belongs_to_the_last_cell():
    boxes = torch.tensor([[30.0, 31, 34, 33]])  # centred on the corner of 32 × 32, and cut off there
    block, lost = encode(boxes, torch.tensor([0]), Layout(1, 1), (4, 4), (32, 32))
    assert lost == 0 and block[3, 3].tolist()[:2] == [1.0, 1.0]
    assert decode(block, Layout(1, 1), (32, 32)).boxes.tolist() == [[30, 31, 32, 32]]


def test_padding_is_no_place_for_boxes():
    layout = Layout(1, 1)
    block, _ = encode(torch.tensor([[10.0, 10, 30, 30]]), torch.tensor([0]), layout, (3, 3), (32, 32))
    torch.testing.assert_close(
        decode(block, layout, (32, 32), border=(20, 25)).boxes, torch.tensor([[10.0, 10, 25, 20]])
    )


BOX, ONE = torch.tensor([[1.0, 1, 9, 9]]), torch.tensor([1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Layout(0, 3), "boxes"),
        (lambda: Layout(2, 3, "picture"), "classes_per"),
        (lambda: Layout(2, 3).split(torch.zeros(2, 2, 12)), "13"),
        (lambda: encode(BOX + 40, ONE, Layout(2, 3), (2, 2), (32, 32)), "outside"),
        (lambda: encode(BOX, ONE + 2, Layout(2, 3), (2, 2), (32, 32)), "0 to 2"),
        (lambda: encode(BOX, ONE, Layout(2, 3), (0, 2), (32, 32)), "grid"),
        (lambda: encode(BOX[:, [2, 1, 0, 3]], ONE, Layout(2, 3), (2, 2), (32, 32)), "x2 < x1"),
        (lambda: place_objects(BOX, (2, 2), (32, 32), 0), "room"),
        (lambda: decode(torch.full((2, 2, 13), torch.nan), Layout(2, 3), (32, 32)), "NaN"),
        (lambda: decode(torch.zeros(2, 2, 13), Layout(2, 3), (32, 0)), "border"),
        (lambda: decode(torch.zeros(2, 2, 13), Layout(2, 3), (32, 32), most=0), "most"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
