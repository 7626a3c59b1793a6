"""Chapter 07's widgets show what the package computes."""

import numpy as np
import pytest
import torch

from lecture_utils.chapters.ch07.widgets import anchor_match, iou_giou, nms_bench, pr_curve
from lecture_utils.metrics.average_precision import average_precision, precision_recall


def test_boxes_apart_have_no_iou_and_a_giou_that_falls():
    near, far = (iou_giou.overlap(x, 0, 30, 30).axes[0].get_title(loc="left") for x in (40, 60))
    assert near.startswith("apart: IoU 0.00, GIoU −0.14")  # hull 70 wide, 10 of them empty
    assert far.endswith("GIoU −0.33")  # hull 90 wide, 30 of them empty
    assert "IoU 1.00, GIoU 1.00" in iou_giou.overlap(0, 0, 30, 30).axes[0].get_title(loc="left")


@pytest.mark.parametrize("right", (-40, 60))
@pytest.mark.parametrize("down", (-25, 25))
def test_the_boxes_stay_in_the_field(right, down):
    box = iou_giou.moved(right, down, 60, 50)[0]
    assert box.min() >= 0 and box[2] <= iou_giou.WIDE and box[3] <= iou_giou.HIGH


def test_all_classes_together_lose_objects_that_each_by_itself_keeps():
    lost = {
        c: int(nms_bench.judged(nms_bench.kept(0.3, c, 0.05))[1].sum())
        for c in ("all together", "each by itself")
    }
    assert lost == {"all together": 2, "each by itself": 0}
    doubles = [int((nms_bench.judged(nms_bench.kept(t, "each by itself", 0.05))[0] == 0).sum())
               for t in (0.5, 0.7, 0.95)]  # fmt: skip
    assert doubles[0] == 0 < doubles[1] < doubles[2]


def test_every_object_is_found_once_or_missed():
    for threshold in (0.05, 0.3, 0.95):
        verdict, missed = nms_bench.judged(nms_bench.kept(threshold, "all together", 0.05))
        assert int((verdict == 1).sum()) + int(missed.sum()) == len(nms_bench.crowd().truth)


def test_the_bench_says_what_is_drawn():
    figure = nms_bench.bench(0.3, "all together", 0.05)
    assert (
        "8 kept: 2 of 6 objects missed" in figure.axes[1].get_title(loc="left") + figure.axes[1].get_title()
    )
    assert [t.get_text() for t in figure.texts][1:4] == ["4 right", "0 doubles", "4 false"]


def test_anchors_of_96_pixels_leave_the_small_objects_out_unless_the_best_one_always_answers():
    boxes = anchor_match.scene()[1]
    side = (boxes[:, 2:] - boxes[:, :2]).prod(1).sqrt()
    alone, helped = (anchor_match.matched(96, "all three", 0.7, 0.3, f)[1] for f in (False, True))
    without = torch.tensor([k not in alone for k in range(len(boxes))])
    assert without.any() and side[without].max() < side[~without].min()
    assert all(k in helped for k in range(len(boxes)))


def test_the_numbers_at_the_objects_are_their_anchors():
    match = anchor_match.matched(96, "all three", 0.7, 0.3, True)[1]
    figure = anchor_match.answered(96, "all three", 0.7, 0.3, True)
    said = [t.get_text() for t in figure.axes[0].texts]
    assert said == [str(int((match == k).sum())) for k in range(len(anchor_match.scene()[1]))]


def test_the_title_is_the_average_precision_and_does_not_depend_on_the_threshold():
    scores, hits = pr_curve.detector(1.4, 0.2, False)
    want = average_precision(*precision_recall(hits, scores, pr_curve.OBJECTS))
    for threshold in (0.2, 0.8):
        assert f"AP {want:.2f}" in pr_curve.curve(threshold, 1.4, 0.2, False).axes[1].get_title(loc="left")


def test_doubles_cost_precision_and_no_recall():
    plain, doubled = (pr_curve.detector(1.4, 0.2, d) for d in (False, True))
    recalls = [pr_curve.at_threshold(*found, 0.0)[1] for found in (plain, doubled)]
    assert recalls[0] == recalls[1] == 0.8
    ap = [average_precision(*precision_recall(h, s, pr_curve.OBJECTS)) for s, h in (plain, doubled)]
    assert ap[1] < ap[0] - 0.05


def test_no_detection_has_no_precision():
    precision, recall = pr_curve.at_threshold(torch.tensor([0.1]), torch.tensor([True]), 0.5)
    assert np.isnan(precision) and recall == 0
