"""The references of chapter 07's exercises and lab are what the package computes."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch07 import solutions
from lecture_utils.chapters.ch07.exercises import EXERCISES, LAB
from lecture_utils.chapters.ch07.lab import match_batch, match_batch_faulty, rpn_targets, threshold_for
from lecture_utils.detection import anchors as package_anchors
from lecture_utils.metrics import average_precision as package_ap
from lecture_utils.ops import boxes as package_boxes
from lecture_utils.ops import roi as package_roi
from lecture_utils.ops.nms import nms

STEPS = {exercise.id: exercise for exercise in (*EXERCISES, *LAB.steps)}


def ap(hits: Tensor, scores: Tensor, positives: int) -> float:
    """Average precision of the package, in the exercise's signature."""
    return package_ap.average_precision(*package_ap.precision_recall(hits, scores, positives))


def pool(feature: Tensor, box: Tensor, bins: int, scale: float) -> Tensor:
    """One region of one channel, pooled by the package."""
    index = torch.zeros(1, dtype=torch.long)
    return package_roi.roi_pool(feature[None, None], box[None], index, (bins, bins), scale)[0, 0]


def match(iou: Tensor, high: float, low: float) -> Tensor:
    """Matching of the package with its third rule on."""
    return package_anchors.match_anchors(iou, high=high, low=low, allow_low_quality=True)


THEIRS = {
    "07.1": package_boxes.box_iou,
    "07.2": nms,
    "07.3": ap,
    "07.4": package_boxes.encode_boxes,
    "07.5": pool,
    "07.6": match,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    for seed in range(3):
        for case in STEPS[id].cases(np.random.default_rng(seed)):
            ours, theirs = STEPS[id].reference(*case), THEIRS[id](*case)
            torch.testing.assert_close(ours, theirs, msg=lambda text, case=case: f"{case}: {text}")


def test_numbers_of_background_and_left_out_are_the_packages() -> None:
    assert (solutions.BACKGROUND, solutions.BETWEEN) == (package_anchors.BACKGROUND, package_anchors.BETWEEN)


def test_targets_are_what_the_package_trains_on() -> None:
    for anchors, boxes in STEPS["07.L1"].cases(np.random.default_rng(1)):
        found = match(package_boxes.box_iou(boxes, anchors), 0.7, 0.3)
        labels, offsets = rpn_targets(anchors, boxes)
        assert torch.equal(labels, (found >= 0).long().masked_fill(found == package_anchors.BETWEEN, -1))
        own = found >= 0
        torch.testing.assert_close(offsets[own], package_boxes.encode_boxes(boxes[found[own]], anchors[own]))
        assert not offsets[~own].any()


def test_a_batch_is_matched_like_its_pictures_one_by_one() -> None:
    differ = 0
    for anchors, boxes in STEPS["07.L2"].cases(np.random.default_rng(2)):
        rows = [match(package_boxes.box_iou(own, anchors), 0.7, 0.3) for own in boxes]
        assert torch.equal(match_batch(anchors, boxes), torch.stack(rows))
        differ += not torch.equal(match_batch_faulty(anchors, boxes), torch.stack(rows))
    assert differ >= 4


def test_the_fault_shows_in_company_only() -> None:
    anchors = torch.tensor([[0.0, 0, 8, 8], [8, 0, 16, 8], [24, 0, 32, 8]])
    large, small = [0.0, 0, 8, 8], [26.0, 2, 30, 6]
    alone, together = torch.tensor([[small]]), torch.tensor([[large, small]])
    assert match_batch_faulty(anchors, alone).tolist() == [[-1, -1, 0]]
    assert match_batch_faulty(anchors, together).tolist() == [[0, -1, -1]]
    assert match_batch(anchors, together).tolist() == [[0, -1, 1]]


def test_no_lower_threshold_would_do_and_no_higher_one_finds_more() -> None:
    for scores, hits, pictures, rate in STEPS["07.L3"].cases(np.random.default_rng(3)):
        answer = threshold_for(scores, hits, pictures, rate)
        alarms = {float(s): int((~hits[scores >= s]).sum()) for s in scores}
        allowed = [s for s, count in alarms.items() if count <= rate * pictures]
        assert answer == min(allowed, default=float("inf"))
        assert all(count > rate * pictures for s, count in alarms.items() if s < answer)
