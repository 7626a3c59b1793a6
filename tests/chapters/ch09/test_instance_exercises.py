"""Chapter 09, part a: the references are what the package computes, and the questions are true."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch09.instance_exercises import EXERCISES, random_boxes
from lecture_utils.chapters.ch09.solutions import assemble, bilinear, fast_nms, roi_align
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.ops import fast_nms as package_nms
from lecture_utils.ops import roi
from lecture_utils.ops.boxes import box_iou
from lecture_utils.ops.nms import nms
from lecture_utils.segmentation import mask_heads

BY_ID = {exercise.id: exercise for exercise in EXERCISES}


def package_roi_align(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    """The package's RoIAlign of one picture."""
    index = torch.zeros(len(boxes), dtype=torch.long)
    return roi.roi_align(features[None], boxes, index, (bins, bins), 1 / stride, sampling_ratio=2)


def plain_assemble(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    """Cell by cell, in the paper's order: (h, w, k) times (k, D), and then the box."""
    masks = (prototypes.permute(1, 2, 0) @ coefficients.mT).sigmoid()  # σ(P Cᵀ), equation 1
    for number, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        for row in range(masks.shape[0]):
            for column in range(masks.shape[1]):
                if not (x1 <= column + 0.5 < x2 and y1 <= row + 0.5 < y2):
                    masks[row, column, number] = 0
    return masks.permute(2, 0, 1)


THEIRS: dict[str, Callable[..., Any]] = {
    "09.1": package_roi_align,
    "09.2": mask_heads.mask_loss,
    "09.3": plain_assemble,
    "09.4": package_nms.fast_nms,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    cases = BY_ID[id].cases
    assert cases is not None
    for seed in range(5):
        for case in cases(np.random.default_rng(seed)):
            ours, theirs = BY_ID[id].reference(*case), THEIRS[id](*case)
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_every_exercise_is_compared_and_listed_in_the_chapter() -> None:
    assert THEIRS.keys() == BY_ID.keys() <= {exercise.id for exercise in exercises("09")}


@pytest.mark.parametrize("bins", [1, 7, 14])
def test_the_gradient_of_the_learners_roi_align_is_the_packages(bins: int) -> None:
    rng = np.random.default_rng(bins)
    features = torch.tensor(rng.normal(size=(8, 16, 16)), dtype=torch.float64, requires_grad=True)
    boxes = random_boxes(rng, 12, 64, 64).double()
    weights = torch.tensor(rng.normal(size=(12, 8, bins, bins)))
    grads = []
    for function in (roi_align, package_roi_align):
        loss = (function(features, boxes, bins, 4.0) * weights).sum()
        grads.append(torch.autograd.grad(loss, features)[0])
    torch.testing.assert_close(*grads, atol=1e-5, rtol=1e-4)  # places are float32


def test_reading_between_cells_is_grid_samples() -> None:
    rng = np.random.default_rng(0)
    features = torch.tensor(rng.normal(size=(3, 5, 7)))
    x, y = (torch.tensor(rng.uniform(-2, length + 1, size=50)) for length in (7, 5))
    grid = torch.stack([2 * x / 6 - 1, 2 * y / 4 - 1], 1)[None, None]
    theirs = F.grid_sample(features[None], grid, padding_mode="border", align_corners=True)[0, :, 0].mT
    torch.testing.assert_close(bilinear(features, x, y), theirs)
    assert bilinear(features, torch.tensor([6.0]), torch.tensor([2.0])).equal(features[None, :, 2, 6])


# --- other right ways pass -------------------------------------------------------------------------
def by_grid_sample(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    """RoIAlign box by box, with PyTorch's own sampling."""
    out, share = torch.zeros(len(boxes), len(features), bins, bins), (torch.arange(2 * bins) + 0.5) / bins / 2
    size = torch.tensor([features.shape[2], features.shape[1]]) * stride
    for number, box in enumerate(boxes):
        places = (box[:2] + share[:, None] * (box[2:] - box[:2])) / size * 2 - 1  # (n, 2), -1 to 1
        grid = torch.stack(torch.meshgrid(*places.unbind(1), indexing="xy"), -1)[None]
        sampled = F.grid_sample(features[None], grid, padding_mode="border", align_corners=False)
        out[number] = sampled[0].unflatten(1, (bins, 2)).unflatten(3, (bins, 2)).mean((2, 4))
    return out


def loss_region_by_region(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    """The mask loss with a loop."""
    total = logits.sum() * 0
    for one, label, mask in zip(logits, labels, wanted, strict=True):
        total = total + F.binary_cross_entropy_with_logits(one[label], mask) / len(labels)
    return total


def nms_box_by_box(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Fast NMS with two loops."""
    order = sorted(range(len(boxes)), key=lambda index: -float(scores[index]))
    overlaps = box_iou(boxes, boxes)
    kept = [b for n, b in enumerate(order) if all(overlaps[a, b] <= threshold for a in order[:n])]
    return torch.tensor(kept, dtype=torch.long)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("09.1", by_grid_sample),
        ("09.2", loss_region_by_region),
        ("09.3", plain_assemble),
        ("09.4", nms_box_by_box),
    ],
)
def test_another_right_way_passes(id: str, answer: Callable[..., Any]) -> None:
    found = examine(BY_ID[id], answer)
    assert found.state == "right", found


# --- answers that are wrong in other ways than the planted mistakes ----------------------------------
def a_number(logits: Tensor, labels: Tensor, wanted: Tensor) -> Any:
    """A number in place of a tensor."""
    return THEIRS["09.2"](logits, labels, wanted).item()


def test_a_loss_that_is_no_tensor_is_told_so() -> None:
    found = examine(BY_ID["09.2"], a_number)
    assert (found.state, found.reason) == ("wrong", "kind") and "expected a tensor" in found.problem
    assert examine(BY_ID["09.2"], lambda logits, labels, wanted: print()).reason == "none"


def test_a_detached_loss_is_told() -> None:
    def detached(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
        return BY_ID["09.2"].reference(logits, labels, wanted).detach()

    found = examine(BY_ID["09.2"], detached)
    assert found.state == "wrong" and "a gradient flows back" in found.problem


def test_the_columns_maximum_without_a_case_for_no_boxes_gets_its_hint() -> None:
    def columns_maximum(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
        order = scores.argsort(descending=True)
        return order[box_iou(boxes[order], boxes[order]).triu(1).amax(0) <= threshold]

    found = examine(BY_ID["09.4"], columns_maximum)
    assert (found.reason, found.passed) == ("raises", 5)
    shown = known_mistake(BY_ID["09.4"], columns_maximum, found)
    assert shown is not None and "without any box" in shown.hint


# --- what the questions say ------------------------------------------------------------------------
def test_question_1_two_pixels_off() -> None:
    places = torch.linspace(0, 64, 6401)
    assert float((places - 4 * (places / 4).round()).abs().max()) == pytest.approx(2.0)
    truth = torch.zeros(32, 32, dtype=torch.bool)
    truth[8:24, 8:24] = True
    off = truth.roll((2, 2), (0, 1))
    assert float((truth & off).sum() / (truth | off).sum()) == pytest.approx(0.62, abs=0.005)


def test_question_3_a_negative_coefficient_takes_a_neighbour_away() -> None:
    prototypes = torch.tensor([[[4.0, -1, 4]], [[0.0, 0, 9]]])  # the left ball, a gap, the right ball
    whole = torch.tensor([[0.0, 0, 3, 1]])
    masks = {
        signs: (assemble(prototypes, torch.tensor([signs]), whole)[0, 0] >= 0.5).tolist()
        for signs in ((1.0, -1.0), (1.0, 0.0), (1.0, 1.0))
    }
    assert masks == {
        (1.0, -1.0): [True, False, False],
        (1.0, 0.0): [True, False, True],
        (1.0, 1.0): [True, False, True],
    }


def test_question_4_what_is_removed_still_removes() -> None:
    row = torch.tensor([[0.0, 0, 8, 4], [2, 0, 10, 4], [4, 0, 12, 4]])
    scores = torch.tensor([0.9, 0.8, 0.7])
    overlaps = box_iou(row, row)
    assert overlaps[0].tolist() == pytest.approx([1, 0.6, 1 / 3]) and overlaps[1, 2] == pytest.approx(0.6)
    assert nms(row, scores, 0.5).tolist() == [0, 2]
    assert fast_nms(row, scores, 0.5).tolist() == [0]
