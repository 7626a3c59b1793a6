"""Non-maximum suppression against torchvision and against loops, on random and degenerate sets."""

import math

import pytest
import torch
from torch import Tensor
from torchvision import ops as tv

from lecture_utils.ops import nms as ours
from lecture_utils.ops import nms_plain
from lecture_utils.ops.boxes import box_iou
from tests.mutants import planted

pytestmark = pytest.mark.system("S07.2")
KINDS = ("crowd", "crowd", "grid", "equal", "no area", "one pixel", "one", "empty", "negative")


def draw(kind: str, made: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes (N, 4) double, scores (N,) with equal ones among them, and labels (N,) of four classes."""
    n = {"one": 1, "empty": 0}.get(kind, int(torch.randint(2, 40, (), generator=made)))
    corner = 20 * torch.rand(n, 2, generator=made, dtype=torch.float64)
    sides = 20 * torch.rand(n, 2, generator=made, dtype=torch.float64) + 2
    if kind == "grid":
        corner, sides = (corner / 4).round(), (sides / 4).ceil()
    if kind == "equal":
        corner, sides = corner[:1].expand(n, 2), sides[:1].expand(n, 2)
    if kind == "no area":
        corner, sides = (corner / 4).round(), (sides / 4).round() * (corner < 10)
    if kind == "one pixel":
        corner, sides = (corner / 8).round(), torch.ones(n, 2, dtype=torch.float64)
    if kind == "negative":
        corner = corner - 30
    scores = torch.rand(n, generator=made, dtype=torch.float64)
    if n % 2:
        scores = (scores * 5).round() / 5
    return torch.cat([corner, corner + sides], dim=1), scores, torch.randint(0, 4, (n,), generator=made)


MADE = torch.Generator().manual_seed(0)
SETS = [draw(KINDS[i % len(KINDS)], MADE) for i in range(1000)]
THRESHOLDS = (0.5, 0.3, 0.7, 0.0, 0.25, 1.0)


def greedy_is_torchvision_s(module) -> None:
    dropped = 0
    for i, (boxes, scores, _) in enumerate(SETS):
        threshold = THRESHOLDS[i % len(THRESHOLDS)]
        got = module.nms(boxes, scores, threshold)
        assert torch.equal(got, tv.nms(boxes, scores, threshold)), (i, threshold)
        dropped += len(boxes) - len(got)
    assert dropped > 1000


def by_class_is_torchvision_s(module) -> None:
    """Kept as torchvision keeps each class by itself, by falling score, equal scores as they came."""
    for i, (boxes, scores, labels) in enumerate(SETS):
        threshold = THRESHOLDS[i % len(THRESHOLDS)]
        kept = torch.zeros(len(boxes), dtype=torch.bool)
        for label in labels.unique():
            members = (labels == label).nonzero().flatten()
            kept[members[tv.nms(boxes[members], scores[members], threshold)]] = True
        want = kept.nonzero().flatten()
        want = want[scores[want].argsort(descending=True, stable=True)]
        got = module.batched_nms(boxes, scores, labels, threshold)
        assert torch.equal(got, want), (i, threshold)
        if KINDS[i % len(KINDS)] in (
            "crowd",
            "equal",
            "one",
            "empty",
        ):  # where its offset rounds nothing over
            assert torch.equal(got, tv.batched_nms(boxes, scores, labels, threshold))


def soft_loop(boxes, scores, *, method, sigma, iou_threshold, threshold):
    """Soft-NMS as figure 2 of the paper has it: plain numbers, plain lists."""
    overlap = box_iou(boxes, boxes).tolist()
    left, done = list(enumerate(scores.tolist())), []
    while left:
        m = max(range(len(left)), key=lambda k: left[k][1])
        index, best = left.pop(m)
        if best <= threshold:
            break
        done.append((index, best))
        for k, (other, score) in enumerate(left):
            iou = overlap[index][other]
            if method == "gaussian":
                score *= math.exp(-iou * iou / sigma)
            elif iou > iou_threshold:
                score *= 1 - iou
            left[k] = (other, score)
    return [i for i, _ in done], [s for _, s in done]


def soft_is_the_loop(module) -> None:
    for i, (boxes, scores, _) in enumerate(SETS):
        settings = {
            "method": ("gaussian", "linear")[i % 2],
            "sigma": (0.5, 0.1, 2.0)[i % 3],
            "iou_threshold": (0.3, 0.5)[i // 2 % 2],
            "threshold": (0.001, 0.2)[i // 4 % 2],
        }
        indices, lowered = module.soft_nms(boxes, scores, **settings)
        want_indices, want_scores = soft_loop(boxes, scores, **settings)
        assert indices.tolist() == want_indices
        torch.testing.assert_close(lowered.tolist(), want_scores)


CHECKS = [greedy_is_torchvision_s, by_class_is_torchvision_s, soft_is_the_loop]


@pytest.mark.parametrize("check", CHECKS)
def test_1000_sets(check):
    check(ours)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (0, "order = scores.argsort(descending=True, stable=True)", "order = scores.argsort(stable=True)"),
        (0, "argsort(descending=True, stable=True)", "argsort(stable=True).flip(0)"),  # of equals
        (0, "ranked[start:]) > iou_threshold", "ranked[start:]) >= iou_threshold"),
        (0, "if stays[i]:", "if True:"),
        (0, "return order[", "return torch.arange(len(order))["),
        (1, "exact.max() - exact.min() + 1", "exact.max() + 1"),
        (1, "exact + labels[:, None] * span", "exact + labels[:, None]"),
        (1, "exact + labels[:, None] * span", "exact"),
        (2, "-overlaps.square() / sigma", "-overlaps / sigma"),
        (2, "overlaps > iou_threshold, 1 - overlaps, 1", "overlaps > iou_threshold, overlaps, 1"),
        (2, "overlaps > iou_threshold, 1 - overlaps, 1", "overlaps > iou_threshold, 1 - overlaps, 0"),
        (2, "left = left * decay[best][0]", "left = left * decay[0]"),
        (2, "lowered.append(left[best])", "lowered.append(scores[best])"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_seen(check, right, wrong):
    fault = planted("lecture_utils.ops.nms", (right, wrong))
    with pytest.raises(AssertionError):
        CHECKS[check](fault)


def test_the_plain_twin_keeps_the_same():
    for i, (boxes, scores, _) in enumerate(SETS[:100]):
        threshold = THRESHOLDS[i % len(THRESHOLDS)]
        assert torch.equal(nms_plain.nms(boxes, scores, threshold), ours.nms(boxes, scores, threshold))


@pytest.mark.parametrize("n", [ours.BLOCK - 1, ours.BLOCK, ours.BLOCK + 1, 3 * ours.BLOCK + 5])
def test_blocks_make_no_difference(n):
    made = torch.Generator().manual_seed(n)
    corner = 300 * torch.rand(n, 2, generator=made, dtype=torch.float64)
    boxes = torch.cat([corner, corner + 40 * torch.rand(n, 2, generator=made, dtype=torch.float64)], dim=1)
    scores = torch.rand(n, generator=made)
    for threshold in (0.1, 0.5):
        assert torch.equal(ours.nms(boxes, scores, threshold), tv.nms(boxes, scores.double(), threshold))


@pytest.mark.parametrize("threshold", [0.2, 0.45, 0.8])
def test_what_is_kept_overlaps_little_and_what_is_dropped_had_a_better_one(threshold):
    for boxes, scores, labels in SETS[:100]:
        kept = ours.batched_nms(boxes, scores, labels, threshold)
        together = (box_iou(boxes, boxes) > threshold) & (labels[:, None] == labels)
        assert together[kept][:, kept].fill_diagonal_(False).sum() == 0
        for i in set(range(len(boxes))) - set(kept.tolist()):
            assert (together[i, kept] & (scores[kept] >= scores[i])).any()


def test_an_overlap_of_just_the_threshold_stays():
    """IoU 3/10 against 0.3. torchvision compares the float32 nearest to 3/10, which is larger, with 0.3."""
    boxes, scores = torch.tensor([[0.0, 0, 10, 1], [0, 0, 3, 1]]), torch.tensor([0.9, 0.8])
    assert box_iou(boxes, boxes)[0, 1] == torch.tensor(0.3)
    assert ours.nms(boxes, scores, 0.3).tolist() == [0, 1]
    assert tv.nms(boxes, scores, 0.3).tolist() == [0]
    assert (
        ours.nms(boxes.double(), scores, 0.3).tolist()
        == tv.nms(boxes.double(), scores.double(), 0.3).tolist()
    )


def test_classes_far_from_the_origin_and_below_it_do_not_meet():
    """torchvision's offset is the largest corner plus 1: a box at negative corners lands in another class."""
    boxes = torch.tensor([[-20.0, -20, -1, -1], [-20.0, -20, -1, -1], [30.0, 0, 31, 1]])
    scores, labels = torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0, 1, 2])
    assert ours.batched_nms(boxes, scores, labels, 0.5).tolist() == [0, 1, 2]
    far = boxes.clamp(min=0) + 1e6
    assert ours.batched_nms(far, scores, labels * 80, 0.5).tolist() == [0, 1, 2]


def test_soft_nms_with_a_hard_step_is_nms():
    """As sigma falls, every overlap lowers a score to 0: what is left is NMS at threshold 0."""
    for boxes, scores, _ in SETS[:60]:
        scores = scores + 0.1
        boxes = boxes.round()  # so that no overlap is tiny
        indices, lowered = ours.soft_nms(boxes, scores, sigma=1e-12)
        assert indices.tolist() == ours.nms(boxes, scores, 0.0).tolist()
        torch.testing.assert_close(lowered, scores[indices])


def test_scores_only_fall_and_their_owner_is_left_alone():
    boxes, scores, _ = SETS[1]
    before = scores.clone()
    indices, lowered = ours.soft_nms(boxes, scores, threshold=0.0)
    assert torch.equal(scores, before)
    assert (lowered <= scores[indices]).all() and (lowered.diff() <= 0).all()
    assert lowered[0] == scores.max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_types_and_gradients_pass_through(dtype):
    boxes, scores, labels = (x[:9] for x in SETS[0])
    boxes, scores = boxes.to(dtype).requires_grad_(), scores.to(dtype).requires_grad_()
    for kept in (ours.nms(boxes, scores, 0.5), ours.batched_nms(boxes, scores, labels, 0.5)):
        assert kept.dtype == torch.int64
    indices, lowered = ours.soft_nms(boxes, scores)
    assert indices.dtype == torch.int64 and lowered.dtype == dtype
    lowered.sum().backward()
    assert torch.isfinite(scores.grad).all()


BOXES, SCORES, LABELS = (
    torch.tensor([[0.0, 0, 4, 4], [1, 2, 3, 5]]),
    torch.tensor([0.5, 0.25]),
    torch.tensor([0, 1]),
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": BOXES.long()}, "boxes: got torch.int64"),
        ({"boxes": BOXES[0]}, "boxes"),
        ({"boxes": BOXES[:, [2, 1, 0, 3]]}, "x2 < x1"),
        ({"boxes": BOXES * math.nan}, "NaN"),
        ({"scores": SCORES[:1]}, r"scores: .* want floating point \(2,\)"),
        ({"scores": SCORES[None]}, "scores"),
        ({"scores": LABELS}, "scores"),
        ({"scores": SCORES * math.nan}, "scores: got NaN"),
        ({"iou_threshold": 1.5}, "iou_threshold: got 1.5, want"),
        ({"iou_threshold": -0.1}, "iou_threshold"),
        ({"iou_threshold": math.nan}, "iou_threshold"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    given = {"boxes": BOXES, "scores": SCORES, "iou_threshold": 0.5} | change
    for function, more in ((ours.nms, {}), (ours.batched_nms, {"labels": LABELS}), (ours.soft_nms, {})):
        with pytest.raises(ValueError, match=message):
            function(**given, **more)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ours.batched_nms(BOXES, SCORES, LABELS[:1], 0.5), "labels"),
        (lambda: ours.batched_nms(BOXES, SCORES, LABELS - 1, 0.5), "labels: got class numbers from -1"),
        (lambda: ours.batched_nms(BOXES, SCORES, LABELS.float(), 0.5), "labels: .* want integers"),
        (lambda: ours.soft_nms(BOXES, SCORES - 1), "want 0 or more"),
        (lambda: ours.soft_nms(BOXES, SCORES, method="hard"), "'gaussian' or 'linear'"),
        (lambda: ours.soft_nms(BOXES, SCORES, sigma=0), "sigma"),
        (lambda: ours.soft_nms(BOXES, SCORES, threshold=-1), "threshold"),
    ],
)
def test_settings_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
