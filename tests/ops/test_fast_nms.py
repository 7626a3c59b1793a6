"""Fast NMS against the loop that the paper describes, and against greedy NMS, which keeps no less."""

import math

import pytest
import torch
from torch import Tensor

from lecture_utils.ops import fast_nms as module
from lecture_utils.ops.boxes import box_iou
from lecture_utils.ops.nms import nms
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.3")
THRESHOLDS = (0.5, 0.3, 0.7, 0.0, 0.25, 1.0)


def draw(made: torch.Generator, kind: int) -> tuple[Tensor, Tensor]:
    """Crowded boxes (N, 4) and scores (3, N), in every third set with equal ones among them; N may be 0."""
    n = (0, 1)[kind] if kind < 2 else int(torch.randint(2, 40, (), generator=made))
    corner = 20 * torch.rand(n, 2, generator=made, dtype=torch.float64)
    sides = 20 * torch.rand(n, 2, generator=made, dtype=torch.float64) + 2
    scores = torch.rand(3, n, generator=made, dtype=torch.float64)
    if kind % 3 == 2:
        scores, corner, sides = (scores * 5).round() / 5, (corner / 4).round(), (sides / 4).ceil()
    return torch.cat([corner, corner + sides], dim=1), scores


MADE = torch.Generator().manual_seed(0)
SETS = [draw(MADE, i % 12) for i in range(240)]


def told(boxes: Tensor, scores: Tensor, threshold: float) -> list[int]:
    """The paper's words, box by box: it goes if any box with a higher score overlaps it by more than t."""
    overlap = box_iou(boxes, boxes).tolist()
    order = sorted(range(len(boxes)), key=lambda i: -scores[i].item())  # `sorted` keeps the order of equals
    kept = []
    for rank, j in enumerate(order):
        if not any(overlap[i][j] > threshold for i in order[:rank]):
            kept.append(j)
    return kept


def one_class_is_the_loop(its) -> None:
    removed = 0
    for i, (boxes, scores) in enumerate(SETS):
        got = its.fast_nms(boxes, scores[0], THRESHOLDS[i % 6]).tolist()
        assert got == told(boxes, scores[0], THRESHOLDS[i % 6]), i
        removed += len(boxes) - len(got)
    assert removed > 500


def all_classes_are_the_loop(its) -> None:
    for i, (boxes, scores) in enumerate(SETS):
        threshold, most = THRESHOLDS[i % 6], (200, 7)[i % 2]
        index, label = its.fast_nms_by_class(boxes, scores, threshold, most_of_class=most)
        want = []
        for k, own in enumerate(scores):
            best = own.argsort(descending=True, stable=True)[:most]
            want += [(k, int(best[j])) for j in told(boxes[best], own[best], threshold)]
        assert set(zip(label.tolist(), index.tolist(), strict=True)) == set(want), i
        assert len(index) == len(want)
        assert (scores[label, index].diff() <= 0).all()


CHECKS = [one_class_is_the_loop, all_classes_are_the_loop]


@pytest.mark.parametrize("check", CHECKS)
def test_240_sets(check):
    check(module)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (0, "scores.argsort(descending=True", "scores.argsort(descending=False"),
        (0, "overlaps.triu(diagonal=1)  # equation 2", "overlaps.tril(diagonal=-1)  # equation 2"),
        (0, "overlaps.triu(diagonal=1)  # equation 2", "overlaps.triu(diagonal=0)  # equation 2"),
        (0, "with_better.amax(0)", "with_better.amax(1)"),
        (0, "order[worst <= iou_threshold]", "order[worst < iou_threshold]"),
        (0, "order[worst <= iou_threshold]", "(worst <= iou_threshold).nonzero().flatten()"),
        (1, "overlaps.triu(diagonal=1).amax(1)", "overlaps.triu(diagonal=1).amax(2)"),
        (1, "[:, :most_of_class]", "[:, :200]"),
        (1, "index = order[label, rank]", "index = rank"),
        (1, "place[:, :, None], place[:, None, :]", "place[:1, :, None], place[:, None, :]"),
        (1, "index[by_score], label[by_score]", "index, label"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_seen(check, right, wrong):
    with pytest.raises(AssertionError):
        CHECKS[check](planted("lecture_utils.ops.fast_nms", (right, wrong)))


def test_it_removes_what_greedy_nms_removes_and_sometimes_more():
    more = 0
    for i, (boxes, scores) in enumerate(SETS):
        fast = set(module.fast_nms(boxes, scores[0], THRESHOLDS[i % 6]).tolist())
        greedy = set(nms(boxes, scores[0], THRESHOLDS[i % 6]).tolist())
        assert fast <= greedy
        more += len(greedy - fast)
    assert more > 40


def test_a_removed_box_removes_another():
    """The second goes because of the first; the third overlaps the second alone, and goes all the same."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])
    scores = torch.tensor([0.9, 0.8, 0.7])
    assert nms(boxes, scores, 0.3).tolist() == [0, 2]
    assert module.fast_nms(boxes, scores, 0.3).tolist() == [0]


def test_classes_do_not_meet_and_a_box_may_be_two_things():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10]])
    scores = torch.tensor([[0.9, 0.2], [0.3, 0.8]])
    index, label = module.fast_nms_by_class(boxes, scores, 0.5)
    assert index.tolist() == [0, 1] and label.tolist() == [0, 1]
    index, label = module.fast_nms_by_class(boxes + torch.tensor([[0.0], [50]]), scores, 0.5)
    assert index.tolist() == [0, 1, 0, 1] and label.tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_types_pass_through(dtype):
    boxes, scores = SETS[5][0].to(dtype), SETS[5][1].to(dtype).requires_grad_()
    assert module.fast_nms(boxes, scores[0], 0.5).dtype == torch.int64
    index, label = module.fast_nms_by_class(boxes, scores, 0.5)
    assert index.dtype == label.dtype == torch.int64


BOXES, SCORES = torch.tensor([[0.0, 0, 4, 4], [1, 2, 3, 5]]), torch.tensor([[0.5, 0.25]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": BOXES.long()}, "boxes: got torch.int64"),
        ({"boxes": BOXES[:, [2, 1, 0, 3]]}, "x2 < x1"),
        ({"boxes": BOXES * math.nan}, "NaN"),
        ({"scores": SCORES[:, :1]}, "scores: .* want floating point"),
        ({"scores": SCORES * math.nan}, "scores: got NaN"),
        ({"iou_threshold": 1.5}, "iou_threshold: got 1.5, want"),
        ({"iou_threshold": math.nan}, "iou_threshold"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    given = {"boxes": BOXES, "scores": SCORES, "iou_threshold": 0.5} | change
    with pytest.raises(ValueError, match=message):
        module.fast_nms_by_class(**given)
    with pytest.raises(ValueError, match=message):
        module.fast_nms(given["boxes"], given["scores"][0], given["iou_threshold"])
    with pytest.raises(ValueError, match="most_of_class: got 0, want"):
        module.fast_nms_by_class(BOXES, SCORES, 0.5, most_of_class=0)
