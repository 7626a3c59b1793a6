"""Chapter 08: the references are what the package computes, the lab's fault shows, the questions are true."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lecture_utils.chapters.ch08 import lab
from lecture_utils.chapters.ch08.exercises import EXERCISES, LAB, same_peaks
from lecture_utils.chapters.ch08.solutions import find_peaks, focal_loss
from lecture_utils.data import toyworld
from lecture_utils.detection import center_points, centernet_triplets, fpn, heatmaps, yolo_grid
from lecture_utils.detection.structures import Detections
from lecture_utils.exercises.examine import examine
from lecture_utils.ops import corner_pooling
from lecture_utils.ops import focal_loss as package_focal
from lecture_utils.ops.boxes import box_iou

STEPS = {exercise.id: exercise for exercise in (*EXERCISES, *LAB.steps)}


def grid(boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int) -> Tensor:
    """The package's block of one box a cell, in the layout by cell."""
    side = int(size)
    layout = yolo_grid.Layout(1, classes)
    return yolo_grid.encode(boxes, labels, layout, (cells, cells), (side, side)).block


def focal(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    """The package's loss of each logit."""
    return package_focal.focal_loss(logits, targets, alpha=alpha, gamma=gamma)


@torch.no_grad()
def pyramid(maps: Sequence[Tensor]) -> list[Tensor]:
    """The package's pyramid with convolutions that change nothing."""
    channels = maps[0].shape[1]
    module = fpn.FPN([channels] * len(maps), channels=channels, extra=False)
    for layer in (*module.lateral, *module.smooth):
        nn.init.dirac_(layer.weight)
    return module(maps)


def peaks(heat: Tensor, most: int) -> tuple[Tensor, ...]:
    """The package's peaks of one picture."""
    return tuple(heatmaps.pick_peaks(heat[None], most)[0])


def decoded(
    heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The package's boxes of one picture."""
    picture = [(heat.shape[1] * stride, heat.shape[2] * stride)]
    maps = (heat[None], sizes[None], offsets[None])
    return tuple(center_points.decode_points(*maps, picture, stride=stride, most=most)[0])


def encoded(boxes: Tensor, size: tuple[int, int], stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """The package's maps of one picture."""
    labels = torch.zeros(len(boxes), dtype=torch.long)
    like = torch.zeros(1, 1, *size)
    maps = center_points.encode_points([(boxes, labels)], like, classes=1, stride=stride)
    return maps.sizes[0], maps.offsets[0], maps.centres[0]


def moved(w: Tensor, h: Tensor, stride: float) -> Tensor:
    """IoU of each box with itself, one cell further left and up, by the package's boxes."""
    boxes = torch.stack([torch.zeros_like(w), torch.zeros_like(h), w, h], 1) + stride
    return box_iou(boxes, boxes - stride).diagonal()


THEIRS = {
    "08.1": grid,
    "08.2": focal,
    "08.3": pyramid,
    "08.4": corner_pooling.top_left_pool,
    "08.5": heatmaps.heatmap_focal_loss,
    "08.6": peaks,
    "08.L1": decoded,
    "08.L2": encoded,
    "08.L3": moved,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    for seed in range(3):
        for case in STEPS[id].cases(np.random.default_rng(seed)):
            ours, theirs = STEPS[id].reference(*case), THEIRS[id](*case)
            torch.testing.assert_close(ours, theirs, msg=lambda text, case=case: f"{case}: {text}")


def test_every_exercise_is_compared() -> None:
    assert THEIRS.keys() == STEPS.keys()


def test_peaks_of_equal_score_may_stand_in_any_order_and_nothing_else_may() -> None:
    scores, labels = torch.tensor([0.9, 0.7, 0.7]), torch.tensor([0, 1, 1])
    cells = torch.tensor([[0, 0], [3, 1], [4, 1]])

    def turned(order: list[int]) -> Any:
        return scores[order], labels[order], cells[order]

    want = (scores, labels, cells)
    assert same_peaks(want, want) and same_peaks(turned([0, 2, 1]), want)
    assert not same_peaks(turned([1, 0, 2]), want)  # not by falling score
    assert not same_peaks(turned([0, 1]), want)
    assert not same_peaks((scores, labels, cells.flip(1)), want)
    assert not same_peaks((scores, 1 - labels, cells), want)


def test_handing_down_in_place_is_told() -> None:
    def in_place(maps: list[Tensor]) -> list[Tensor]:
        for fine, coarse in reversed(list(pairwise(maps))):
            fine += nn.functional.interpolate(coarse, size=fine.shape[2:])
        return maps

    found = examine(STEPS["08.3"], in_place)
    assert (found.state, found.reason) == ("wrong", "altered")


# --- the lab ---------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def scenes() -> list[tuple[Tensor, Tensor]]:
    return toyworld.detection(300, size=64, split="val", seed=8)[1]


def test_what_is_written_comes_back_but_for_shared_cells(scenes: list[tuple[Tensor, Tensor]]) -> None:
    fits = lab.iou_by_size(scenes, lab.point_targets)
    assert sum(fit.objects for fit in fits.values()) == sum(len(boxes) for boxes, _ in scenes)
    for fit in fits.values():
        assert fit.objects > 150 and fit.iou > 0.99 and fit.at_three_quarters > 0.98


def test_the_fault_hits_small_objects_hardest(scenes: list[tuple[Tensor, Tensor]]) -> None:
    fits = lab.iou_by_size(scenes, lab.point_targets_faulty)
    small, middle, large = (fits[name] for name in ("small", "middle", "large"))
    assert small.iou < middle.iou < large.iou < 0.85
    assert small.at_half < 0.75 and middle.at_half < 0.9 and large.at_half > 0.98
    assert large.at_three_quarters < 0.65 and small.at_three_quarters < 0.45


def test_the_fault_moves_boxes_by_a_cell_to_the_right_or_down_or_not_at_all() -> None:
    corner = torch.tensor([[8.0, 8.0], [11.0, 8.0], [8.0, 11.0], [11.0, 11.0]])  # centres 2, 5 in a cell of 4
    for start in corner + 1:
        box = torch.cat([start, start + 8])[None]
        sizes, offsets, centres = lab.point_targets_faulty(box, (8, 8), 4)
        back = lab.boxes_from_maps(centres[None].float(), sizes, offsets, 4, 1)[0]
        past = ((start + 4) % 4 > 2).float()  # the centre lies past the middle of its cell
        torch.testing.assert_close(back, box + 4 * past.repeat(2))


def test_pictures_without_an_object_of_a_size_give_no_number() -> None:
    fits = lab.iou_by_size([(torch.tensor([[0.0, 0, 40, 40]]), torch.tensor([0]))], lab.point_targets)
    assert fits["small"].objects == 0 and math.isnan(fits["small"].iou)
    assert fits["large"] == lab.Fit(1, 1.0, 1.0, 1.0)


def least_side(iou: float, stride: float) -> float:
    """The side from which on a square object keeps this IoU without its offset, in closed form.

    (a - s)² (1 + t) = 2 t a².
    """
    return stride / (1 - math.sqrt(2 * iou / (1 + iou)))


@pytest.mark.parametrize(("iou", "side"), [(0.5, 21.80), (0.75, 53.92)])
def test_sides_from_which_offsets_can_be_left_out(iou: float, side: float) -> None:
    assert least_side(iou, 4) == pytest.approx(side, abs=0.01)
    sides = torch.tensor([side - 0.1, side + 0.1])
    below, above = lab.worst_iou(sides, sides, 4.0).tolist()
    assert below < iou < above


def test_no_box_without_its_offset_is_worse_than_the_bound() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        sides, corner = rng.uniform(2, 30, 2), rng.uniform(0, 30, 2)
        box = torch.tensor([[*corner, *(corner + sides)]], dtype=torch.float32)
        sizes, offsets, centres = lab.point_targets(box, (16, 16), 4)
        maps = (centres[None].float(), sizes, 0 * offsets)
        found = center_points.decode_points(*(m[None] for m in maps), [(999, 999)], stride=4)[0].boxes
        if (found[0, :2] > 0).all():  # not cut off at the picture's edge
            bound = lab.worst_iou(*torch.tensor(sides[:, None], dtype=torch.float32), 4.0)
            assert box_iou(box, found)[0, 0] >= bound[0] - 1e-5


# --- what the questions say ------------------------------------------------------------------------
def test_question_1_the_second_object_of_a_cell_is_lost() -> None:
    boxes = torch.tensor([[0.0, 0, 20, 30], [6.0, 4, 16, 24]])
    layout = yolo_grid.Layout(2, 3)
    assert yolo_grid.encode(boxes, torch.tensor([0, 1]), layout, (2, 2), (64, 64)).lost == 1


def test_questions_2_and_3_shares_of_the_loss() -> None:
    p_t = torch.cat([torch.full((4,), 0.1), torch.full((100_000,), 0.99)])
    logits, shares = p_t.double().logit(), []
    for gamma in (0.0, 2.0):
        loss = focal_loss(logits, torch.ones_like(logits), 1.0, gamma)
        shares.append(float(loss[4:].sum() / loss.sum()))
    assert shares == pytest.approx([0.991, 0.013], abs=5e-4)
    rare, even = (-100_000 * math.log(1 - p) - 4 * math.log(p) for p in (0.01, 0.5))
    assert rare == pytest.approx(1023.5, abs=0.5) and 67 < even / rare < 70


def row_of_boxes(number: int) -> tuple[Tensor, Tensor]:
    """Boxes of equal objects in a row with gaps, and the boxes of all pairs of their corners."""
    x = torch.arange(number) * 20.0
    boxes = torch.stack([x, torch.zeros(number), x + 12, torch.full((number,), 12.0)], 1)
    pairs = [torch.cat([a[:2], b[2:]]) for a in boxes for b in boxes if (b[2:] > a[:2]).all()]
    return boxes, torch.stack(pairs)


def test_questions_5_and_6_wrong_pairs_and_the_central_region() -> None:
    assert len(row_of_boxes(2)[1]) == 3
    boxes, pairs = row_of_boxes(3)
    found = Detections(pairs, torch.zeros(len(pairs), dtype=torch.long), torch.ones(len(pairs)))
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    kept = centernet_triplets.keep_triplets(found, centres, torch.zeros(3, dtype=torch.long), torch.ones(3))
    right = {tuple(box) for box in boxes.tolist()}
    assert {tuple(box) for box in kept.boxes.tolist()} == right | {(0.0, 0.0, 52.0, 12.0)}


def test_question_7_of_two_neighbours_the_higher_is_found() -> None:
    scores, _, cells = find_peaks(torch.tensor([[[0.1, 0.9, 0.8, 0.1]]]), 10)
    assert scores.tolist() == pytest.approx([0.9]) and cells.tolist() == [[1, 0]]
