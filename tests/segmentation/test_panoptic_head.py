"""UPSNet's panoptic head against a loop over pixels and objects; targets, map and losses by hand."""

import itertools
import math
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.segmentation import panoptic_head, panoptic_losses
from lecture_utils.segmentation.panoptic_codes import CODES, VOID
from lecture_utils.segmentation.panoptic_head import (
    inside_boxes,
    panoptic_logits,
    panoptic_map,
    panoptic_targets,
    paste_logits,
)
from lecture_utils.segmentation.panoptic_losses import at_cells, pixel_loss, roi_loss, semantic_loss
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.5")
STUFF, THINGS, TOLERANCE = 3, 4, 1e-9


def case(n: int, seed: int, size: tuple[int, int] = (7, 10)) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Semantic logits, boxes (some leave the picture, some are thin), labels, mask logits."""
    made = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(shape, generator=made, dtype=torch.float64)  # noqa: E731
    corner = torch.rand(n, 2, generator=made, dtype=torch.float64) * 9 - 2
    side = torch.rand(n, 2, generator=made, dtype=torch.float64) * 7
    labels = torch.randint(THINGS, (n,), generator=made)
    return 2 * draw(STUFF + THINGS, *size), torch.cat([corner, corner + side], 1), labels, 2 * draw(n, 5, 5)


def bilinear(mask: list[list[float]], v: float, u: float) -> float:
    """A value between the cells of a mask; beyond the outer centres that of the edge."""
    side = len(mask)
    v, u = min(max(v, 0.0), side - 1.0), min(max(u, 0.0), side - 1.0)
    a, b = int(v), int(u)
    c, d = min(a + 1, side - 1), min(b + 1, side - 1)
    down, right = v - a, u - b
    return ((1 - down) * ((1 - right) * mask[a][b] + right * mask[a][d])
            + down * ((1 - right) * mask[c][b] + right * mask[c][d]))  # fmt: skip


def by_loop(semantic: Tensor, boxes: Tensor, labels: Tensor, masks: Tensor, unknown: bool) -> Tensor:
    """Figure 3 of the paper, pixel by pixel and object by object."""
    x = semantic.tolist()
    channels = STUFF + len(labels) + unknown
    z = torch.zeros(channels, *semantic.shape[1:], dtype=torch.float64)
    for row, column in itertools.product(range(semantic.shape[1]), range(semantic.shape[2])):
        for k in range(STUFF):
            z[k, row, column] = x[k][row][column]
        seen = []
        for i, (box, label) in enumerate(zip(boxes.tolist(), labels.tolist(), strict=True)):
            x1, y1, x2, y2 = box
            inside = x1 <= column + 0.5 < x2 and y1 <= row + 0.5 < y2
            seen.append(x[STUFF + label][row][column] if inside else 0.0)
            if inside:
                v = (row + 0.5 - y1) / (y2 - y1) * masks.shape[1] - 0.5
                u = (column + 0.5 - x1) / (x2 - x1) * masks.shape[1] - 0.5
                z[STUFF + i, row, column] = seen[-1] + bilinear(masks[i].tolist(), v, u)
        if unknown:
            things = [x[STUFF + k][row][column] for k in range(THINGS)]
            z[-1, row, column] = max(things) - (max(seen) if seen else 0.0)
    return z


CASES = [case(n, seed) for seed, n in enumerate((0, 1, 2, 3, 5))]
WANT = {unknown: [by_loop(*one, unknown) for one in CASES] for unknown in (True, False)}


def gap(module: ModuleType) -> float:
    """Largest difference from the loop's logits."""
    worst = 0.0
    for unknown, one, want in ((u, c, w) for u in WANT for c, w in zip(CASES, WANT[u], strict=True)):
        got = module.panoptic_logits(*one, stuff=STUFF, unknown=unknown)
        worst = max(worst, float((got - want).abs().max()) if got.shape == want.shape else math.inf)
    return worst


def test_logits_are_the_loops() -> None:
    assert gap(panoptic_head) < TOLERANCE
    assert [len(w) for w in WANT[True]] == [4, 5, 6, 7, 9]


@pytest.mark.parametrize(
    "fault",
    [
        ("x_thing[labels.long()] * inside_boxes(boxes, size)", "x_thing[labels.long()]"),
        ("x_thing[labels.long()] *", "semantic[labels.long()] *"),
        ("x_mask + y_mask", "y_mask"),
        ("x_thing.amax(0) - known", "semantic.amax(0) - known"),
        ("known = x_mask.amax(0)", "known = (x_mask + y_mask).amax(0)"),
        ("/ extent * side - 0.5", "/ extent * (side - 1)"),
        (") * inside\n", ")\n"),
    ],
)
def test_a_planted_fault_is_seen(fault: tuple[str, str]) -> None:
    assert gap(planted("lecture_utils.segmentation.panoptic_head", fault)) > 1000 * TOLERANCE


def test_a_mask_fills_its_box_as_interpolation_does() -> None:
    mask = torch.randn(1, 4, 4, dtype=torch.float64)
    pasted = paste_logits(mask, torch.tensor([[2.0, 1, 9, 6]], dtype=torch.float64), (8, 12))
    want = F.interpolate(mask[None], (5, 7), mode="bilinear", align_corners=False)[0]
    assert torch.allclose(pasted[:, 1:6, 2:9], want)
    assert inside_boxes(torch.tensor([[2.0, 1, 9, 6]]), (8, 12)).sum() == 35
    assert pasted.count_nonzero() == 35


def test_gradients_reach_the_semantic_and_the_mask_logits() -> None:
    semantic, boxes, labels, masks = CASES[3]
    semantic, masks = semantic.clone().requires_grad_(), masks.clone().requires_grad_()
    z = panoptic_logits(semantic, boxes, labels, masks, stuff=STUFF)
    F.cross_entropy(z[None], torch.full((1, *z.shape[1:]), STUFF)).backward()
    assert (semantic.grad.flatten(1).abs().sum(1) > 0).all() and masks.grad.abs().sum() > 0


def test_a_thing_that_no_object_stands_for_is_unknown_and_not_stuff() -> None:
    semantic = torch.zeros(STUFF + THINGS, 4, 8)
    semantic[0], semantic[0, :, 2:4], semantic[0, :, 6:] = 5, 0, 0
    semantic[STUFF + 1, :, 2:4] = semantic[STUFF + 1, :, 6:] = 6  # two things of one class, one of them found
    boxes, labels, masks = torch.tensor([[2.0, 0, 4, 4]]), torch.tensor([1]), torch.full((1, 2, 2), 4.0)
    z = panoptic_logits(semantic, boxes, labels, masks, stuff=STUFF)
    codes = panoptic_map(z, semantic.argmax(0), labels, torch.tensor([1]), stuff=STUFF)
    assert codes[0].tolist() == [0, 0, 4001, 4001, 0, 0, VOID, VOID]
    without = panoptic_logits(semantic, boxes, labels, masks, stuff=STUFF, unknown=False)
    codes = panoptic_map(without, semantic.argmax(0), labels, torch.tensor([1]), stuff=STUFF)
    assert codes[0].tolist()[:6] == [0, 0, 4001, 4001, 0, 0] and (codes != VOID).all()


def test_targets_by_hand() -> None:
    semantic = torch.tensor([[0, 1, 3, 4, 4, 5, VOID]])
    masks = torch.tensor([[0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0, 1]], dtype=torch.bool)[:, None]
    both, second = torch.tensor([True, True]), torch.tensor([False, True])
    for kept, unknown, want in (
        (both, True, [0, 1, 3, 4, 4, 5, VOID]),  # 5 = S + N: class 5 is a thing that has no mask
        (both, False, [0, 1, 3, 4, 4, VOID, VOID]),
        (second, True, [0, 1, 4, 3, 3, 4, VOID]),
        (~both, True, [0, 1, 3, 3, 3, 3, VOID]),
    ):
        assert panoptic_targets(semantic, masks, kept, stuff=STUFF, unknown=unknown)[0].tolist() == want


def test_an_object_becomes_stuff_only_where_most_of_it_is_one_class_of_stuff() -> None:
    z = torch.zeros(STUFF + 2, 1, 6)
    z[STUFF, 0, :4], z[STUFF + 1, 0, 4:] = 1, 1
    labels, numbers = torch.tensor([2, 0]), torch.tensor([4, 7])

    def codes(*semantic: int) -> list[int]:
        return panoptic_map(z, torch.tensor([semantic]), labels, numbers, stuff=STUFF)[0].tolist()

    thing, other = (STUFF + 2) * CODES + 4, STUFF * CODES + 7
    assert codes(1, 1, 1, 5, 3, 3) == [CODES] * 4 + [other] * 2  # three of four say 1
    assert codes(1, 1, 5, 5, 3, 3) == [thing] * 4 + [other] * 2  # one half is not more than half
    assert codes(1, 2, 0, 1, 3, 3) == [thing] * 4 + [other] * 2  # all stuff, but no class has more than half
    assert codes(6, 6, 6, 6, 0, 0) == [thing] * 4 + [0] * 2  # another thing does not count, stuff does


def test_semantic_loss_is_the_mean_over_labelled_pixels_at_the_pictures_size() -> None:
    made = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 3, 5, generator=made)
    truth = torch.randint(4, (2, 12, 20), generator=made)
    truth[0, :6] = VOID
    large = F.interpolate(x, (12, 20), mode="bilinear", align_corners=False)
    logs = large.log_softmax(1).gather(1, truth.clamp(min=0)[:, None])[:, 0]
    want = -logs[truth != VOID].mean()
    assert semantic_loss(x, truth) == pytest.approx(float(want), rel=1e-5)
    assert semantic_loss(x, torch.full_like(truth, VOID)) == 0
    assert pixel_loss(large, truth) == pytest.approx(float(want), rel=1e-5)


def roi_by_loop(x: Tensor, truth: Tensor, boxes: list[Tensor], side: int) -> float:
    """Cross-entropy at the centres of side × side bins of each box, one after the other."""
    total, count, stride = 0.0, 0, truth.shape[2] // x.shape[3]
    for picture, some in enumerate(boxes):
        for x1, y1, x2, y2 in some.tolist():
            for i, j in itertools.product(range(side), range(side)):
                row, column = y1 + (i + 0.5) / side * (y2 - y1), x1 + (j + 0.5) / side * (x2 - x1)
                cells = x[picture].movedim(0, -1).double()
                v = min(max(row / stride - 0.5, 0), x.shape[2] - 1)
                u = min(max(column / stride - 0.5, 0), x.shape[3] - 1)
                a, b = int(v), int(u)
                c, d = min(a + 1, x.shape[2] - 1), min(b + 1, x.shape[3] - 1)
                top = (1 - (u - b)) * cells[a, b] + (u - b) * cells[a, d]
                low = (1 - (u - b)) * cells[c, b] + (u - b) * cells[c, d]
                logits = (1 - (v - a)) * top + (v - a) * low
                label = int(truth[picture, int(row), int(column)])
                if label != VOID:
                    total, count = total - float(logits.log_softmax(0)[label]), count + 1
    return total / max(count, 1)


ROI = (
    torch.randn(2, 4, 4, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64),
    torch.randint(-1, 4, (2, 16, 24), generator=torch.Generator().manual_seed(4)),
    [
        torch.tensor([[1.0, 2, 9, 15], [10, 0, 23, 7]], dtype=torch.float64),
        torch.tensor([[0.0, 3, 20, 16]]).double(),
    ],
)


def test_roi_loss_is_the_loop() -> None:
    x, truth, boxes = ROI
    assert roi_loss(x, truth, boxes, side=5) == pytest.approx(roi_by_loop(x, truth, boxes, 5), rel=1e-9)
    none = [box[:0] for box in boxes]
    assert roi_loss(x, truth, none) == 0
    assert roi_loss(x, truth, [boxes[0], none[1]], side=5) == pytest.approx(
        roi_by_loop(x, truth, [boxes[0], none[1]], 5), rel=1e-9
    )


@pytest.mark.parametrize(
    "fault",
    [
        ("scale = x.shape[3] / semantic.shape[2]", "scale = 1.0"),
        ("(torch.arange(side).to(x) + 0.5) / side", "torch.arange(side).to(x) / side"),
        ("index[:, None, None], row[:, :, None]", "0 * index[:, None, None], row[:, :, None]"),
        ("ignore_index=VOID, ", "ignore_index=0, "),
        ('reduction="sum") / count.clamp_min(1)', 'reduction="sum") / wanted.numel()'),
    ],
)
def test_a_planted_fault_in_the_losses_is_seen(fault: tuple[str, str]) -> None:
    module = planted("lecture_utils.segmentation.panoptic_losses", fault)
    x, truth, boxes = ROI
    want = roi_by_loop(x, truth, boxes, 5)
    try:
        got = float(module.roi_loss(x, truth, boxes, side=5))
    except (ValueError, IndexError, RuntimeError):
        return
    assert abs(got - want) > 1e-3


def test_cells_are_read_in_their_middle() -> None:
    x = torch.arange(8 * 12).reshape(1, 8, 12)
    assert at_cells(x, 4).tolist() == [[[26, 30, 34], [74, 78, 82]]]
    assert torch.equal(at_cells(x, 1), x)
    assert at_cells(x[:, :7, :11], 4).shape == (1, 1, 2)


def test_bad_input_is_refused() -> None:
    semantic, boxes, labels, masks = CASES[2]
    for arguments, told in (
        ((semantic, boxes[:1], labels, masks), "boxes: got"),
        ((semantic, boxes[:, [2, 1, 0, 3]], labels, masks), "boxes: got one with x2 < x1"),
        ((semantic, boxes, labels + 3, masks), "labels: got class numbers"),
        ((semantic[:3], boxes, labels, masks), "stuff: got 3 of 3 classes"),
        ((semantic * math.nan, boxes, labels, masks), "semantic: got NaN"),
    ):
        with pytest.raises(ValueError, match=told):
            panoptic_logits(*arguments, stuff=STUFF)
    with pytest.raises(ValueError, match="logits: got 7 channels, want 3"):
        panoptic_map(semantic, semantic.argmax(0), labels, labels + 1, stuff=STUFF)
    with pytest.raises(ValueError, match="wanted: got 0 to 9"):
        pixel_loss(semantic[None], torch.arange(70).reshape(1, 7, 10) % 10)
    assert panoptic_losses.ROI_SIDE == 28
