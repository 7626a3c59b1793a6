"""Chapter 09, part b: the references are what the package computes, and the questions are true."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.chapters.ch09.panoptic_exercises import EXERCISES
from lecture_utils.chapters.ch09.panoptic_solutions import panoptic_logits, panoptic_quality, track, warp
from lecture_utils.data import toyworld
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.metrics import panoptic, video_panoptic
from lecture_utils.ops import flow_warp
from lecture_utils.segmentation import panoptic_head, tracking
from lecture_utils.segmentation.panoptic_codes import CODES, VOID
from lecture_utils.segmentation.yolact_edge import YolactEdge

BY_ID = {exercise.id: exercise for exercise in EXERCISES}
SURE = 1000.0  # what one place in the order of confidence weighs


def cases_of(id: str, seed: int = 0) -> list[tuple[Any, ...]]:
    """What an exercise is tried on."""
    cases = BY_ID[id].cases
    assert cases is not None
    return list(cases(np.random.default_rng(seed)))


def package_quality(found: Tensor, truth: Tensor) -> tuple[float, float, float]:
    """The package's quality of class 0; all else is a class of stuff. It has NaN where there is nothing."""
    found, truth = (torch.where(numbers > 0, numbers, CODES) for numbers in (found, truth))
    quality = panoptic.panoptic_quality([found], [truth], classes=2, things=(0,))
    pq, sq, rq = (float(numbers[0].nan_to_num()) for numbers in (quality.pq, quality.sq, quality.rq))
    return pq, sq, rq


def package_warp(features: Tensor, flow: Tensor) -> Tensor:
    """The package's warp of a batch of one."""
    return flow_warp.warp(features[None], flow[None])[0]


def package_track(scores: Tensor, confidence: Tensor) -> Tensor:
    """The package takes the best pairs first: with a score in which confidence outweighs all, the same."""
    order = confidence.argsort(stable=True).argsort()  # the surest has the highest number
    table = scores.roll(1, dims=1) + SURE * order[:, None]  # the package has "new" in front
    return tracking.assign(table.float()) - 1


THEIRS: dict[str, Callable[..., Any]] = {
    "09.5": package_quality,
    "09.7": package_warp,
    "09.8": package_track,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    for seed in range(5):
        for case in cases_of(id, seed):
            ours, theirs = BY_ID[id].reference(*case), THEIRS[id](*case)
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("number", [0, 1, 5])
def test_the_panoptic_logits_are_the_packages(number: int) -> None:
    """There masks come as m × m numbers and boxes as four: here as they lie on the picture."""
    gen = torch.Generator().manual_seed(number)
    semantic = 3 * torch.randn(12, 9, 11, generator=gen)
    corner = torch.rand(number, 2, generator=gen) * torch.tensor([7.0, 5.0])
    boxes = torch.cat([corner, corner + 1 + 3 * torch.rand(number, 2, generator=gen)], 1)
    labels = torch.randint(8, (number,), generator=gen)
    masks = 3 * torch.randn(number, 4, 4, generator=gen)
    theirs = panoptic_head.panoptic_logits(semantic, boxes, labels, masks, stuff=4)
    pasted = panoptic_head.paste_logits(masks, boxes, (9, 11))
    inside = panoptic_head.inside_boxes(boxes, (9, 11))
    ours = panoptic_logits(semantic, labels, pasted, inside, 4)
    assert ours.shape == (4 + number + 1, 9, 11)
    assert number == 0 or inside.flatten(1).any(1).all()
    torch.testing.assert_close(ours, theirs)


def test_every_exercise_is_compared_and_listed_in_the_chapter() -> None:
    assert {*THEIRS, "09.6"} == BY_ID.keys() <= {exercise.id for exercise in exercises("09")}


def test_a_match_is_unique_above_one_half_and_not_at_it() -> None:
    truth = torch.ones(1, 4, dtype=torch.long)
    halves = torch.tensor([[1, 1, 2, 2]])
    assert panoptic_quality(halves, truth) == (0.0, 0.0, 0.0)
    rng = np.random.default_rng(0)
    for _ in range(200):
        found, true = (torch.tensor(rng.integers(0, 4, (3, 5))) for _ in range(2))
        mine, theirs = (
            (numbers == torch.arange(1, 4)[:, None, None]).flatten(1) for numbers in (found, true)
        )
        shared = (mine[:, None] & theirs).sum(2)
        matched = 2 * shared > (mine[:, None] | theirs).sum(2)  # (3, 3)
        assert matched.sum(0).max() <= 1 and matched.sum(1).max() <= 1


def test_cases_of_quality_and_tracking_are_not_all_easy() -> None:
    quality = [panoptic_quality(*case) for case in cases_of("09.5")]
    assert sum(0 < sq < 1 and 0 < rq < 1 for _, sq, rq in quality) >= 4
    for scores, confidence in cases_of("09.8"):
        assert len(confidence.unique()) == len(confidence)  # nobody has to know who is first of two
        assert all(len(row.unique()) == len(row) for row in scores)


def test_warping_there_and_back_by_whole_cells_keeps_what_stays_inside() -> None:
    features = torch.randn(2, 6, 7, generator=torch.Generator().manual_seed(0))
    flow = torch.tensor([2.0, -1.0])[:, None, None].expand(2, 6, 7)
    back = warp(warp(features, flow), -flow)
    torch.testing.assert_close(back[:, :5, 2:], features[:, :5, 2:])
    assert back[:, 5].eq(0).all() and back[:, :, :2].eq(0).all()


@pytest.mark.parametrize("corners", [False, True])
def test_grid_sample_is_accepted(corners: bool) -> None:
    def with_grid_sample(features: Tensor, flow: Tensor) -> Tensor:
        height, width = features.shape[1:]
        x, y = torch.arange(width) + flow[0], torch.arange(height)[:, None] + flow[1]
        grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], 2)
        if corners:
            grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], 2)
        return F.grid_sample(features[None], grid[None], align_corners=corners)[0]

    assert examine(BY_ID["09.7"], with_grid_sample).state == "right"


def test_what_misses_a_pixel_counts_as_0_there_in_an_early_input() -> None:
    def ignored(semantic: Tensor, labels: Tensor, masks: Tensor, inside: Tensor, stuff: int) -> Tensor:
        things = semantic[stuff:]
        taken = torch.zeros_like(semantic[0])
        for row in range(taken.shape[0]):
            for column in range(taken.shape[1]):
                there = inside[:, row, column]
                if there.any():
                    taken[row, column] = things[labels[there], row, column].max()
        instances = (things[labels] + masks) * inside
        return torch.cat([semantic[:stuff], instances, (things.amax(0) - taken)[None]])

    found = examine(BY_ID["09.6"], ignored)
    assert (found.state, found.passed) == ("wrong", 4)
    shown = known_mistake(BY_ID["09.6"], ignored, found)
    assert shown is not None and shown.hint.startswith("Outside its box an object's logit counts as 0")


def test_nobody_known_is_given_twice() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        scores = torch.tensor(rng.normal(size=(6, 4)))
        given = track(scores, torch.tensor(rng.random(6)))
        some = given[given >= 0].tolist()
        assert len(some) == len(set(some)) and given.max() < 3


# --- what the questions say ------------------------------------------------------------------------
def test_question_5_quality_of_three_balls() -> None:
    """IoUs of 0.9, 0.7 and 0.4: stripes of ten pixels and more."""
    truth, found = (torch.zeros(1, 60, dtype=torch.long) for _ in range(2))
    for number, (start, hit) in enumerate(((0, 9), (20, 7), (40, 4)), 1):
        truth[0, start : start + 10] = number
        found[0, start : start + hit] = number
    pq, sq, rq = panoptic_quality(found, truth)
    assert (pq, sq, rq) == pytest.approx((0.5333, 0.8, 0.6667), abs=1e-3)
    assert rq == pytest.approx((0.9 + 0.7 + 0.4) / 3)  # "or, by chance"


def test_question_6_unknown_costs_one_error_and_a_wrong_class_two() -> None:
    ball, ring, sky = 1, 2, 0
    truth = torch.full((4, 8), sky * CODES)
    truth[1:3, :2], truth[1:3, 4:6] = ball * CODES + 1, ring * CODES + 2
    far = truth == ring * CODES + 2
    wrong, unknown = truth.masked_fill(far, ball * CODES + 9), truth.masked_fill(far, VOID)
    scores = [
        panoptic.panoptic_quality([found], [truth], classes=3, things=(ball, ring))
        for found in (wrong, unknown)
    ]
    assert [int((q.fp + q.fn).sum()) for q in scores] == [2, 1]
    assert [int(q.fn[ring]) for q in scores] == [1, 1] and [int(q.fp[ball]) for q in scores] == [1, 0]
    assert scores[0].all.pq < scores[1].all.pq < 1


def test_question_7_large_fast_objects_suffer_from_an_old_coarse_level() -> None:
    """As in the notebook, three frames after a keyframe: which true objects have a mask with an IoU of ¾."""
    sample = toyworld.video(24, split="test")
    yolact: Any = zoo.load("shapes_yolact")
    drawn: dict[int, dict[tuple[bool, bool], list[bool]]] = {1: {}, 4: {}}  # by keyframes and by large, fast
    for every, kinds in drawn.items():
        with torch.inference_mode():
            answers = YolactEdge(yolact, None, every=every).run(sample.image[:, :4])[3]
        for i, own in enumerate(answers):
            boxes, labels, masks, number = sample.targets(i, 3, least_seen=0.25)
            way = (boxes - sample.boxes[i, 0, number - 1]).view(-1, 2, 2).mean(1).norm(dim=1)  # pixels
            true, said = masks.flatten(1).float(), (own.masks >= 0.5).flatten(1).float()
            shared = true @ said.T
            iou = shared / (true.sum(1)[:, None] + said.sum(1) - shared)
            well = ((iou >= 0.75) & (labels[:, None] == own.labels)).any(1)
            for area, far, good in zip(true.sum(1), way, well, strict=True):
                kinds.setdefault((bool(area >= 15**2), bool(far > 6)), []).append(bool(good))
    share = {every: {kind: np.mean(each) for kind, each in kinds.items()} for every, kinds in drawn.items()}
    lost = {kind: share[1][kind] - share[4][kind] for kind in share[1]}
    assert len(drawn[1][True, True]) >= 10 and lost.pop((True, True)) > 0.3
    assert max(lost.values()) < 0.2


def test_question_8_a_switch_costs_more_in_longer_windows() -> None:
    truth = torch.full((4, 4, 4), CODES)  # class 1 is stuff
    truth[:, 1:3, 1:3] = 1
    found = truth.clone()
    found[2:, 1:3, 1:3] = 2
    quality = [
        video_panoptic.video_panoptic_quality([found], [truth], window=k, classes=2, things=(0,))
        for k in (1, 2, 4)
    ]
    assert [float(q.pq[0]) for q in quality] == pytest.approx([1.0, 2 / 3.5, 0.0])
    assert [(int(q.tp[0]), int(q.fp[0]), int(q.fn[0])) for q in quality] == [(4, 0, 0), (2, 2, 1), (0, 2, 1)]
