"""Average precision against pycocotools on random and degenerate sets, by hand, and what cannot be."""

import contextlib
import io
import math
from functools import cache
from itertools import count

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from lecture_utils.metrics import average_precision as ap
from lecture_utils.metrics import average_precision_plain, coco
from tests.mutants import planted

pytestmark = pytest.mark.system("S07.3")
DAY = 60  # sets by day
CLASSES = 4  # the last has no object, in any set
KINDS = ("good", "piled", "poor", "grid", "ties", "edges", "piled", "no objects", "crowded", "no detections")


def boxes_of(n: int, kind: str, made: torch.Generator) -> Tensor:
    """Boxes of all three sizes, double; on whole numbers where many overlaps shall be the same."""
    corner = 200 * torch.rand(n, 2, generator=made, dtype=torch.float64)
    sides = 4 * 50 ** torch.rand(n, 2, generator=made, dtype=torch.float64)  # 4 to 200
    if kind == "grid":
        corner, sides = (corner / 20).round() * 12, (sides / 30).ceil() * 12
    if kind == "piled":  # all about one place, their areas on both sides of 32²
        corner, sides = corner / 40, 30 + sides / 50
    if kind == "edges":  # at the borders of the sizes: areas of 32² and 96², and none
        sides = torch.tensor([32.0, 96, 0], dtype=torch.float64)[torch.randint(0, 3, (n, 1), generator=made)]
        corner, sides = (corner / 20).round(), sides.expand(n, 2)
    return torch.cat([corner, corner + sides], dim=1)


def guesses_at(there: Tensor, kind: str, made: torch.Generator) -> Tensor:
    """A box near each of these; on a grid so near that IoUs of just 1/2, 3/5 and 1 come about."""
    side = there[:, 2:] - there[:, :2]
    if kind in ("grid", "edges"):
        share = torch.tensor([0, 3, 4], dtype=torch.float64)[
            torch.randint(0, 3, (len(side),), generator=made)
        ]
        step = torch.where(share > 0, side[:, 0] / share.clamp(min=1), 0)  # IoU = (1 - s) / (1 + s)
        return there + torch.stack([step, 0 * step, step, 0 * step], dim=1)
    spread = {"poor": 0.25, "piled": 0.02}.get(kind, 0.05) * side.repeat(1, 2)
    near = there + spread * torch.randn(there.shape, generator=made, dtype=torch.float64)
    return torch.cat([near[:, :2].minimum(near[:, 2:]), near[:, :2].maximum(near[:, 2:])], dim=1)


def draw(kind: str, made: torch.Generator) -> tuple[list, list]:
    """Pictures with what was found in them and what is there."""
    found, truth = [], []
    for _ in range(int(torch.randint(1, 4, (), generator=made))):
        objects = int(torch.randint(0, 7, (), generator=made)) * (kind != "no objects")
        others = int(torch.randint(0, 5, (), generator=made)) + 400 * (kind == "crowded")
        there = boxes_of(objects, kind, made)
        labels = torch.randint(0, CLASSES - 1, (objects,), generator=made)
        near = guesses_at(there, kind, made).repeat(2, 1)  # some are found twice
        boxes = torch.cat([near, boxes_of(others, kind, made)])
        classes = torch.randint(0, CLASSES, (len(boxes),), generator=made)
        right = torch.rand(2 * objects, generator=made) < 0.6
        classes[: 2 * objects] = torch.where(right, labels.repeat(2), classes[: 2 * objects])
        scores = torch.rand(len(boxes), generator=made, dtype=torch.float64)
        scores = (scores * 4).round() / 4 if kind in ("ties", "grid") else scores
        kept = slice(0, 0) if kind == "no detections" else slice(None)
        found.append((boxes[kept], classes[kept], scores[kept]))
        truth.append((there, labels))
    return found, truth


@cache
def sets(number: int) -> list[tuple[list, list]]:
    made = torch.Generator().manual_seed(0)
    return [draw(KINDS[i % len(KINDS)], made) for i in range(number)]


@cache
def judgements(number: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    return [theirs(*one) for one in sets(number)]


def theirs(found, truth) -> tuple[Tensor, Tensor, Tensor]:
    """pycocotools' evaluation of the same: precision, recall and its twelve numbers."""

    def annotations(pictures, scored):
        numbers = count(1)
        return [
            {
                "id": next(numbers), "image_id": i, "category_id": int(label), "iscrowd": 0,
                "bbox": (box := [x1, y1, x2 - x1, y2 - y1]), "area": box[2] * box[3],
            } | ({"score": scores[0][j]} if scored else {})
            for i, (boxes, labels, *scores) in enumerate(pictures)
            for j, ((x1, y1, x2, y2), label) in enumerate(zip(boxes.tolist(), labels, strict=True))
        ]  # fmt: skip

    def index(pictures, scored=False):
        pictures = [(boxes, labels, *(s.tolist() for s in scores)) for boxes, labels, *scores in pictures]
        made = COCO()
        made.dataset = {
            "images": [{"id": i} for i in range(len(pictures))],
            "categories": [{"id": k} for k in range(CLASSES)],
            "annotations": annotations(pictures, scored),
        }
        made.createIndex()
        return made

    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(index(truth), index(found, scored=True), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return known(judge.eval["precision"][..., -1]), known(judge.eval["recall"]), known(judge.stats)


def known(x: np.ndarray) -> Tensor:
    """Its numbers, with NaN where it says -1."""
    return torch.from_numpy(np.where(x == -1, np.nan, x))


def equal_to_pycocotools(evaluate, summary, number: int) -> None:
    heights = []
    for i, ((found, truth), judged) in enumerate(zip(sets(number), judgements(number), strict=True)):
        *curves, want = judged
        got = evaluate(found, truth, classes=CLASSES)
        for mine, other in zip(got, curves, strict=True):
            close = torch.isclose(mine, other, rtol=0, atol=1e-6, equal_nan=True)
            assert close.all(), f"set {i}, {KINDS[i % len(KINDS)]}"
        numbers = summary(found, truth, classes=CLASSES)
        assert list(numbers) == NAMES
        assert list(numbers.values()) == pytest.approx(want.tolist(), abs=1e-6, nan_ok=True)
        heights.append(want)
    spread = torch.stack(heights).nan_to_num(-1).std(0)
    assert (spread > 0.05).all()  # each of the twelve numbers differs from set to set


NAMES = [
    "AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large",
    "AR1", "AR10", "AR100", "AR_small", "AR_medium", "AR_large",
]  # fmt: skip


@pytest.mark.parametrize("number", [DAY, pytest.param(1000, marks=pytest.mark.nightly)])
def test_every_number_is_pycocotools(number):
    equal_to_pycocotools(coco.evaluate, coco.coco_summary, number)


@pytest.mark.parametrize(
    ("module", "right", "wrong"),
    [
        ("average_precision", "free[finds, best[finds]] = False", "pass"),
        ("average_precision", "(iou[d] >= least)", "(iou[d] > least)"),
        ("average_precision", "np.where(fits, iou[d], -1)", "fits"),
        ("average_precision", "fits = np.where(", "fits = fits & counts; np.where("),
        ("average_precision", "fits = np.where(", "np.where("),
        ("average_precision", ".flip(0).cummax(0).values.flip(0)", ""),
        ("average_precision", ".double(), RECALLS)", ".double(), RECALLS, right=True)"),
        ("average_precision", "descending=True, stable=True", "descending=False, stable=True"),
        ("average_precision", "true / positives", "true / len(hits)"),
        ("average_precision", "np.linspace(0, 1, 101)", "np.linspace(0, 1, 11).repeat(10)[:101]"),
        ("coco", "(self.labels == k)", "(self.labels >= 0)"),
        ("coco", "[:most]]", "[:10]]"),
        ("coco", "hits | (~found & fits)", "hits | ~hits"),
        ("coco", "hits | (~found & fits)", "fits"),
        ("coco", "(self.sizes <= area[1])", "(self.sizes < area[1])"),
        ("coco", "(self.areas <= area[1])", "(self.areas < area[1])"),
        ("coco", "known = tuple(counted.tolist())", "known = ()"),
        ("coco", "place < limit", "place <= limit"),
        ("coco", "float(values.nanmean())", "float(values.nan_to_num(0).mean())"),
        ("coco", "COCO_IOUS.index(0.75)", "-1"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_seen(module, right, wrong):
    fault = planted(f"lecture_utils.metrics.{module}", (right, wrong))
    evaluate, summary = coco.evaluate, coco.coco_summary
    if module == "coco":
        evaluate, summary = fault.evaluate, fault.coco_summary
    else:
        evaluate, summary = (_with(f, fault) for f in (evaluate, summary))
    with pytest.raises((AssertionError, ValueError)):
        equal_to_pycocotools(evaluate, summary, DAY)


def _with(function, fault):
    """The function of `coco`, with what it takes from `average_precision` exchanged."""

    def run(*arguments, **options):
        names = ("RECALLS", "interpolate", "match_detections", "precision_recall")
        with pytest.MonkeyPatch.context() as patch:
            for name in names:
                patch.setattr(coco, name, getattr(fault, name))
            return function(*arguments, **options)

    return run


def match_loop(ious, threshold, counted):
    """Which object each detection takes, with plain loops: one that counts before one that does not."""
    taken, answer = set(), []
    for row in ious.tolist():
        best = max(
            (g for g in range(len(row)) if g not in taken and row[g] >= threshold),
            key=lambda g: (bool(counted[g]), row[g], g),
            default=-1,
        )
        taken.add(best)
        answer.append(best)
    return answer


def test_the_matching_is_the_loop():
    made = torch.Generator().manual_seed(3)
    for _ in range(200):
        detections, objects = torch.randint(0, 7, (2,), generator=made).tolist()
        ious = (torch.rand(detections, objects, generator=made, dtype=torch.float64) * 8).round() / 8
        thresholds = torch.tensor([0.0, 0.5, 0.6, 1.0])
        counted = torch.rand(objects, generator=made) < 0.6
        for given in (counted, None):
            got = ap.match_detections(ious, thresholds, given)
            assert got.shape == (4, detections)
            everyone = torch.ones(objects) if given is None else given
            assert got.tolist() == [match_loop(ious, t, everyone) for t in thresholds.tolist()]


def test_the_plain_twin_matches_the_same():
    made = torch.Generator().manual_seed(4)
    for _ in range(100):
        detections, objects = torch.randint(0, 8, (2,), generator=made).tolist()
        ious = torch.rand(detections, objects, generator=made)
        for threshold in (0.1, 0.5, 0.75):
            got = average_precision_plain.match_detections(ious, threshold)
            assert torch.equal(got, ap.match_detections(ious, torch.tensor([threshold]))[0])


def test_by_hand():
    """Three of four objects found by five detections: right, wrong, right, wrong, right."""
    matched = torch.tensor([True, True, True, False, False])
    scores = torch.tensor([0.9, 0.5, 0.7, 0.6, 0.8])  # by falling score: right, wrong, right, wrong, right
    precision, recall = ap.precision_recall(matched, scores, 4)
    torch.testing.assert_close(precision, torch.tensor([1, 1 / 2, 2 / 3, 2 / 4, 3 / 5]).double())
    torch.testing.assert_close(recall, torch.tensor([1, 1, 2, 2, 3]).double() / 4)
    # Recalls 0 to 0.25 have precision 1 (26 of them), to 0.5 2/3 (25), to 0.75 3/5 (25), and beyond 0.
    assert ap.average_precision(precision, recall) == pytest.approx((26 + 25 * 2 / 3 + 25 * 3 / 5) / 101)


def test_a_second_detection_of_an_object_is_wrong():
    box, label = torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([0])
    once = [(box, label, torch.tensor([0.9]))]
    twice = [(box.repeat(2, 1), label.repeat(2), torch.tensor([0.9, 0.95]))]
    truth = [(box, label), (box, label)]
    empty = (box[:0], label[:0], torch.zeros(0))
    assert coco.coco_summary([*once, *once], truth, classes=1)["AP"] == 1
    assert coco.coco_summary([*once, empty], truth, classes=1)["AP50"] == pytest.approx(51 / 101)
    both = coco.coco_summary([*twice, *once], truth, classes=1)["AP50"]
    assert both == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_pictures_without_boxes_and_classes_without_objects():
    none = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    nothing = coco.coco_summary([(*none, torch.zeros(0))], [none], classes=2)
    assert list(nothing) == NAMES and all(math.isnan(x) for x in nothing.values())
    box = (torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([0]))
    missed = coco.coco_summary([(*none, torch.zeros(0))], [box], classes=2)
    assert missed["AP"] == missed["AR100"] == missed["AP_small"] == 0 and math.isnan(missed["AP_large"])


def test_areas_limits_and_ious_can_be_chosen():
    """On pictures of 64 pixels: sizes of their own, and one class's curve at one IoU."""
    found, truth = sets(DAY)[2]
    areas = {"tiny": (0, 100), "rest": (100, math.inf)}
    numbers = coco.coco_summary(found, truth, classes=CLASSES, areas=areas, most=(2, 5))
    assert list(numbers) == ["AP", "AP50", "AP75", "AP_tiny", "AP_rest", "AR2", "AR5", "AR_tiny", "AR_rest"]
    at = coco.evaluate(found, truth, classes=CLASSES, ious=(0.3,), areas={}, most=(100,))
    assert at.precision.shape == (1, 101, CLASSES, 1) and at.recall.shape == (1, CLASSES, 1, 1)
    assert (at.precision.diff(dim=1).nan_to_num(0) <= 0).all()


def test_what_is_worth_nothing_changes_nothing():
    """AP depends on the order of the scores alone, and on no order of pictures where no scores are equal."""
    found, truth = sets(DAY)[0]
    want = coco.coco_summary(found, truth, classes=CLASSES)
    curved = [(boxes, labels, scores**3 / 2) for boxes, labels, scores in found]
    assert coco.coco_summary(curved, truth, classes=CLASSES) == pytest.approx(want, nan_ok=True)
    turned = coco.coco_summary(found[::-1], truth[::-1], classes=CLASSES)
    assert turned == pytest.approx(want, nan_ok=True)


BOX, LABEL, SCORE = torch.tensor([[0.0, 0, 9, 9]]), torch.tensor([0]), torch.tensor([0.5])
FOUND, TRUTH = [(BOX, LABEL, SCORE)], [(BOX, LABEL)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"found": []}, "found: got 0 items"),
        ({"found": [], "truth": []}, "found: got 0 items"),
        ({"truth": [(BOX, LABEL, SCORE)]}, "truth: got"),
        ({"found": [(BOX, LABEL)]}, "found: got"),
        ({"found": [(BOX, SCORE, SCORE)]}, "found labels"),
        ({"found": [(BOX, LABEL + 2, SCORE)]}, "found labels: got class numbers from 2"),
        ({"found": [(BOX, LABEL, SCORE * math.nan)]}, "found scores"),
        ({"found": [(BOX.long(), LABEL, SCORE)]}, "found boxes"),
        ({"truth": [(BOX[:, [2, 1, 0, 3]], LABEL)]}, "true boxes"),
        ({"truth": [(BOX, LABEL - 1)]}, "true labels"),
        ({"classes": 0}, "classes"),
        ({"ious": ()}, "ious"),
        ({"ious": (1.5,)}, "ious: got 1.5"),
        ({"areas": {"odd": (9, 4)}}, "areas, odd"),
        ({"areas": [(0, 4)]}, "areas: got list"),
        ({"most": (10, 1)}, "rising"),
        ({"most": (0,)}, "most"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    given = {"found": FOUND, "truth": TRUTH, "classes": 2} | change
    with pytest.raises(ValueError, match=message):
        coco.evaluate(**given)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ap.match_detections(torch.rand(3), torch.tensor([0.5])), "ious"),
        (lambda: ap.match_detections(torch.rand(3, 2) + 2, torch.tensor([0.5])), "ious: got values"),
        (lambda: ap.match_detections(torch.rand(3, 2), torch.tensor(0.5)), "thresholds"),
        (lambda: ap.match_detections(torch.rand(3, 2), torch.tensor([0.5]), torch.ones(3).bool()), "counted"),
        (lambda: ap.precision_recall(LABEL, SCORE, 1), "matched: .* want bool"),
        (lambda: ap.precision_recall(LABEL.bool(), SCORE[:0], 1), "scores"),
        (lambda: ap.precision_recall(LABEL.bool(), SCORE, 0), "positives: got 0"),
        (lambda: ap.precision_recall(torch.ones(2).bool(), torch.rand(2), 1), "positives: got 1"),
        (lambda: ap.average_precision(torch.rand(3), torch.tensor([0.5, 0.4, 0.6])), "that fall"),
        (lambda: ap.average_precision(torch.rand(3), torch.rand(2)), "recall"),
        (lambda: ap.average_precision(torch.rand(2) + 2, torch.tensor([0.5, 0.6])), "precision"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
