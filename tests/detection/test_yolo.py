"""YOLO's loss against equation 3 written out in loops; its model: one batch, odd sizes, empty pictures."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.detection import yolo, yolo_heads
from lecture_utils.detection.yolo_grid import Layout, encode
from tests.detection.cases import assert_learned, batch_of_two
from tests.mutants import planted

pytestmark = pytest.mark.system("S08.1")
GRID, SIZE, CLASSES = (3, 4), (45, 70), 3
LAYOUTS = {"cell": Layout(2, CLASSES), "box": Layout(3, CLASSES, "box")}
EMPTY = (torch.zeros(0, 4, dtype=torch.float64), torch.zeros(0, dtype=torch.long))


def truth() -> list[tuple[Tensor, Tensor]]:
    """Three pictures: two centres share a cell in the first, the second has no object."""
    boxes = [[2.0, 3, 24, 20], [3, 2, 23, 21], [40, 20, 69, 44], [30, 31, 34, 33]]
    first = torch.tensor(boxes, dtype=torch.float64)
    return [(first, torch.tensor([0, 2, 1, 0])), EMPTY, (first[2:3] - 5, torch.tensor([2]))]


def said(layout: Layout) -> Tensor:
    """What a network might say of them: noise, in cells with an object near it."""
    made = torch.Generator().manual_seed(0)
    block = torch.stack([encode(*one, layout, GRID, SIZE).block for one in truth()])
    return block + 0.3 * torch.randn(block.shape, generator=made, dtype=torch.float64)


def numbers_at(layout: Layout, b: int) -> tuple[int, int]:
    """Where the numbers of box b begin in a cell, and where its classes do."""
    if layout.classes_per == "cell":
        return 5 * b, 5 * layout.boxes
    return (5 + layout.classes) * b, (5 + layout.classes) * b + 5


def overlap(a: list[float], b: list[float]) -> float:
    """IoU of two boxes x1, y1, x2, y2."""
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def in_loops(block: Tensor, targets: list[tuple[Tensor, Tensor]], layout: Layout) -> dict[str, Tensor]:
    """Equation 3, sum by sum: over pictures, cells, boxes and classes."""
    parts = {name: block.new_zeros(()) for name in ("centre", "size", "object", "no_object", "class")}
    (rows, columns), (height, width) = GRID, SIZE
    for picture, (boxes, labels) in zip(block, targets, strict=True):
        free = {(i, j): list(range(layout.boxes)) for i in range(rows) for j in range(columns)}
        for (x1, y1, x2, y2), label in zip(boxes.tolist(), labels.tolist(), strict=True):
            cx, w = (x1 + x2) / 2 / width, (x2 - x1) / width
            cy, h = (y1 + y2) / 2 / height, (y2 - y1) / height
            i, j = int(cy * rows), int(cx * columns)
            if layout.boxes - len(free[i, j]) == layout.room:
                continue  # the cell is full
            x, y, fits, near = cx * columns - j, cy * rows - i, {}, {}
            for b in free[i, j]:
                at, _ = numbers_at(layout, b)
                u, v, p, q = picture[i, j, at : at + 4].tolist()
                left, right = ((u + j) / columns - p * p / 2) * width, ((u + j) / columns + p * p / 2) * width
                top, bottom = ((v + i) / rows - q * q / 2) * height, ((v + i) / rows + q * q / 2) * height
                fits[b] = overlap([left, top, right, bottom], [x1, y1, x2, y2])
                near[b] = -math.dist((u, v, p, q), (x, y, math.sqrt(w), math.sqrt(h)))
            best = fits if max(fits.values()) > 0 else near
            mine = max(best, key=best.__getitem__)
            free[i, j].remove(mine)
            at, classes = numbers_at(layout, mine)
            cell = picture[i, j]
            parts["centre"] = parts["centre"] + 5 * ((cell[at] - x) ** 2 + (cell[at + 1] - y) ** 2)
            parts["size"] = parts["size"] + 5 * (
                (cell[at + 2] - math.sqrt(w)) ** 2 + (cell[at + 3] - math.sqrt(h)) ** 2
            )
            parts["object"] = parts["object"] + (cell[at + 4] - fits[mine]) ** 2
            for c in range(layout.classes):
                parts["class"] = parts["class"] + (cell[classes + c] - float(c == label)) ** 2
        for (i, j), boxes_left in free.items():
            for b in boxes_left:
                confidence = picture[i, j, numbers_at(layout, b)[0] + 4]
                parts["no_object"] = parts["no_object"] + 0.5 * confidence**2
    return {name: part / len(block) for name, part in parts.items()}


def compare(module: Any, layout: Layout, block: Tensor | None = None) -> None:
    """Values and gradients of each part, and what is lost."""
    block = said(layout) if block is None else block
    ours, theirs = block.clone().requires_grad_(), block.clone().requires_grad_()
    got, lost = module.yolo_loss(ours, truth(), layout, SIZE)
    want = in_loops(theirs, truth(), layout)
    assert lost == (1 if layout.room == 1 else 0)
    assert list(got) == list(want)
    for name in want:
        assert want[name] > 0.01
        torch.testing.assert_close(got[name], want[name])
    sum(got.values()).backward(), sum(want.values()).backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_loss_and_its_gradient_equal_equation_3(layout):
    compare(yolo, layout)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_where_no_box_overlaps_the_nearest_is_responsible(layout):
    """Boxes almost without size, as a network says them at its start."""
    made = torch.Generator().manual_seed(1)
    compare(yolo, layout, 0.02 * torch.randn(3, *GRID, layout.channels, generator=made).double() + 0.2)


FAULTS = [
    ("square().sum(),  # of √w and √h", "abs().sum(),"),
    ("[match.at] - match.overlap)", "[match.at] - 1)"),
    ("says.confidence[~match.taken]", "says.confidence[match.taken]"),
    ("rank[now].masked_fill", "(0 * rank[now]).masked_fill"),
    ("iou, -distance)", "-iou, -distance)"),
    ('"centre": coordinates * ', '"centre": '),
    ("own[one.kept].long()", "own[: len(one.kept)].long()"),
    ("layout.split(block.detach())", "layout.split(block)"),
    ("part / len(block)", "part"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[wrong for _, wrong in FAULTS])
def test_the_comparison_sees(fault):
    module = planted("lecture_utils.detection.yolo", fault)
    with pytest.raises(AssertionError):
        for layout in LAYOUTS.values():
            compare(module, layout)


def test_two_objects_of_a_cell_get_two_boxes():
    """Both would like the first box; the one that is listed first gets it."""
    rank = torch.tensor([[0.9, 0.1, 0.2], [0.8, 0.3, 0.1], [0.1, 0.2, 0.3]])
    cell = (torch.tensor([0, 0, 1]), torch.tensor([1, 1, 0]), torch.tensor([0, 0, 0]))
    number, taken = yolo.choose_responsible(rank, cell, torch.tensor([0, 1, 0]), (2, 2, 1, 3))
    assert number.tolist() == [0, 1, 2]
    assert taken.nonzero().tolist() == [[0, 1, 0, 0], [0, 1, 0, 1], [1, 0, 0, 2]]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_perfect_answer_costs_nothing(layout):
    targets = truth()
    block = torch.stack([encode(*one, layout, GRID, SIZE).block for one in targets])
    losses, lost = yolo.yolo_loss(block, targets, layout, SIZE)
    assert sum(losses.values()) < 1e-12 and lost == (layout.room == 1)


class SmallBackbone(nn.Module):
    """Two maps; the last has stride 8."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 12, 3, 2, padding=1), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(12, 24, 4, 4), nn.ReLU())

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.first(x)
        return [x, self.second(x)]


def toy(layout: Layout = LAYOUTS["cell"], *, dense: bool = False, **settings: Any) -> yolo.YOLO:
    torch.manual_seed(0)
    head: nn.Module = yolo_heads.ConvHead(24, layout, hidden=32)
    if dense:
        head = yolo_heads.DenseHead(24 * 4 * 6, (3, 5), layout, hidden=64, dropout=0.0)
    return yolo.YOLO(SmallBackbone(), head, layout, **settings)


def finder() -> yolo.YOLO:
    """One that finds something everywhere."""
    model = toy(score_threshold=0.0).eval()
    nn.init.constant_(model.head.last.bias, 0.5)
    return model


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("dense", [False, True], ids=["convolutions", "dense"])
def test_one_batch_is_learned(layout, dense):
    assert_learned(toy(layout, dense=dense), rate=5e-3, steps=150, least=0.7)


def test_what_finds_no_room_is_counted():
    model, (images, targets) = toy(), batch_of_two()
    model.losses(images, targets)
    assert model.lost == 0
    (boxes, labels), other = targets
    model.losses(images, [(boxes.repeat(3, 1), labels.repeat(3)), other])
    assert model.lost == 4


def test_a_picture_s_answer_does_not_depend_on_its_batch_and_odd_sizes_will_do():
    model, images = finder(), torch.rand(3, 3, 37, 51)
    together = model(images)
    assert model.predict(images).shape == (3, 4, 6, 13)
    for image, found in zip(images, together, strict=True):
        (alone,) = model(image[None])
        assert len(alone.scores) > 5
        torch.testing.assert_close(alone.scores, found.scores, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.boxes, found.boxes, rtol=1e-4, atol=1e-3)


def test_padding_is_no_place_for_boxes():
    found = finder()(torch.rand(2, 3, 32, 48), [(20, 30), (32, 48)])
    assert found[0].boxes[:, 2].max() <= 30 and found[0].boxes[:, 3].max() <= 20


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_losses_where_no_picture_has_an_object(kind):
    model = toy().to(kind)
    losses = model.losses(torch.rand(2, 3, 32, 32, dtype=kind), [EMPTY] * 2)
    assert all(losses[name] == 0 for name in ("centre", "size", "object", "class"))
    assert losses["no_object"] > 0 and losses["no_object"].dtype == kind
    sum(losses.values()).backward()


def test_dropout_is_for_training_alone():
    head = yolo_heads.DenseHead(24, (2, 3), LAYOUTS["cell"], hidden=64)
    x = torch.rand(2, 6, 2, 2)
    assert not torch.equal(head.train()(x), head(x))
    assert torch.equal(head.eval()(x), head(x)) and head(x).shape == (2, 2, 3, 13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: toy()(torch.rand(3, 32, 32)), "for one image"),
        (lambda: toy()(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)), "255"),
        (lambda: toy()(torch.rand(2, 3, 32, 32), [(32, 32)]), "sizes"),
        (lambda: toy(dense=True)(torch.rand(2, 3, 40, 48)), "want 576 numbers"),
        (lambda: toy().losses(torch.rand(2, 3, 32, 32), []), "got 0, want 2 pairs"),
        (
            lambda: toy().losses(
                torch.rand(1, 3, 32, 32), [(torch.tensor([[1.0, 1, 9, 9]]), torch.tensor([3]))]
            ),
            "0 to 2",
        ),
        (
            lambda: toy().losses(
                torch.rand(1, 3, 32, 32), [(torch.tensor([[50.0, 1, 59, 9]]), torch.tensor([1]))]
            ),
            "outside",
        ),
        (lambda: toy(most=0), "most"),
        (lambda: toy(no_object=-1), "no_object"),
        (lambda: yolo_heads.ConvHead(4, Layout(2, 3), hidden=0), "hidden"),
        (lambda: yolo_heads.DenseHead(4, (2, 2), Layout(2, 3), hidden=4, dropout=2), "dropout"),
        (lambda: yolo.yolo_loss(torch.zeros(1, 2, 2, 12), [EMPTY], Layout(2, 3), SIZE), "13"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
