"""Pairs of corners: tags and pairs against loops, and objects back from perfect maps."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from lecture_utils.detection import corner_pairs, key_point_heads
from lecture_utils.detection.structures import Detections, Targets
from lecture_utils.ops.boxes import box_iou
from tests.detection.point_cases import STRIDE, objects, perfect, right_ones
from tests.mutants import planted

pytestmark = pytest.mark.system("S08.4")


def compare_tags(module: object) -> None:
    """Equations 4 and 5, picture by picture, with gradients; one picture has one object, one has none."""
    made = torch.Generator().manual_seed(0)
    tags = [(torch.randn(7, generator=made, dtype=torch.float64) / 2).requires_grad_() for _ in range(2)]
    picture = torch.tensor([0, 0, 0, 2, 3, 3, 3])
    pull = push = 0
    for number in range(4):
        own = (picture == number).nonzero()[:, 0].tolist()
        mean = {k: (tags[0][k] + tags[1][k]) / 2 for k in own}
        for k in own:
            pull = pull + ((tags[0][k] - mean[k]) ** 2 + (tags[1][k] - mean[k]) ** 2) / len(own) / 4
        for k, j in itertools.permutations(own, 2):
            gap = torch.clamp(1 - abs(mean[k] - mean[j]), min=0)
            push = push + gap / (len(own) * (len(own) - 1)) / 4
    got = module.pull_push_loss(*tags, picture, 4)
    for mine, want in ((got["pull"], pull), (got["push"], push)):
        torch.testing.assert_close(mine, want)
        assert want > 0.05
        slopes = [torch.autograd.grad(loss, tags, retain_graph=True) for loss in (mine, want)]
        torch.testing.assert_close(*slopes)


def test_tags_are_pulled_and_pushed_as_a_loop_says():
    compare_tags(corner_pairs)


@pytest.mark.parametrize(
    "fault",
    [
        ("+ (bottom_right - mean) ** 2", ""),
        (".triu(1)", ""),
        ("(n * (n - 1))", "(n * n)"),
        ("own = mean[picture == number]", "own = mean"),
        ("F.relu(margin - apart)", "F.relu(apart - margin)"),
    ],
)
def test_the_loop_over_tags_sees(fault):
    with pytest.raises(AssertionError):
        compare_tags(planted("lecture_utils.detection.corner_pairs", fault))


def pair_perfect(module: object, targets: Targets, *, tags: bool = True) -> list[Detections]:
    maps = [
        perfect(targets, kind, classes=3, size=(33, 32), tags=tags) for kind in ("top-left", "bottom-right")
    ]
    return module.pair_corners(*maps, [(132, 128)] * len(targets), stride=STRIDE, peaks=400)


def compare_pairs(module: object) -> None:
    """Perfect maps give back each object, and nothing else that is as sure."""
    targets = objects(3, 6, classes=3, size=128, least=6)
    for found, target in zip(pair_perfect(module, targets), targets, strict=True):
        sure = found.scores > 0.99
        right = right_ones(found.boxes[sure], found.labels[sure], target)
        assert right.any(0).all() and right.any(1).all()
        assert (found.scores.diff() <= 0).all()


def test_perfect_maps_give_back_the_objects():
    compare_pairs(corner_pairs)


@pytest.mark.parametrize(
    "fault",
    [
        ("fits &= apart <= tag_distance", ""),
        ("fits &= (end[None, :] > start[:, None]).all(-1)", "fits &= False"),
        ("a.labels[:, None] == b.labels[None, :]", "a.labels[:, None] != b.labels[None, :]"),
        ("(peaks.cells + gather_at(maps.offsets, picture, peaks.cells)) * stride", "peaks.cells * stride"),
        ("torch.full_like(peaks.labels, number)\n    return gather", "0 * peaks.labels\n    return gather"),
        ("(a.scores[i] + b.scores[j]) / 2", "a.scores[i] * 0.9"),
        ("descending=True, stable=True)\n        found", "stable=True)\n        found"),
    ],
)  # fmt: skip
def test_the_comparison_of_pairs_sees(fault):
    with pytest.raises(AssertionError):
        compare_pairs(planted("lecture_utils.detection.corner_pairs", fault))


def test_pairs_equal_a_loop_over_all_corners():
    made = torch.Generator().manual_seed(3)
    maps = [
        key_point_heads.KeyPointMaps(
            2 * torch.randn(1, 2, 7, 6, generator=made),
            torch.rand(1, 2, 7, 6, generator=made),
            torch.randn(1, 1, 7, 6, generator=made),
        )
        for _ in range(2)
    ]
    (found,) = corner_pairs.pair_corners(*maps, [(28, 24)], stride=4, peaks=12)
    corners = []
    for one in maps:
        heat = one.heat.sigmoid()[0]
        peaks = [
            (heat[c, y, x].item(), c, *((x + one.offsets[0, 0, y, x]) * 4, (y + one.offsets[0, 1, y, x]) * 4),
             one.tags[0, 0, y, x])
            for c, y, x in itertools.product(range(2), range(7), range(6))
            if heat[c, y, x] >= heat[c, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].max()
        ]  # fmt: skip
        corners.append(sorted(peaks, reverse=True)[:12])
    want = [
        ((s + t) / 2, c, float(x1), float(y1), float(x2), float(y2))
        for (s, c, x1, y1, e), (t, d, x2, y2, f) in itertools.product(*corners)
        if c == d and abs(e - f) <= 0.5 and x2 > x1 and y2 > y1
    ]
    got = torch.cat([found.scores[:, None], found.labels[:, None], found.boxes], dim=1)
    assert len(want) > 1
    torch.testing.assert_close(got, torch.tensor(sorted(want, reverse=True)))


def test_boxes_are_cut_off_at_the_edge_and_pictures_without_a_pair_are_empty():
    target = (torch.tensor([[10.0, 12, 30, 24]], dtype=torch.float64), torch.tensor([1]))
    nothing = (target[0][:0], target[1][:0])
    maps = [perfect([target, nothing], kind, classes=3, size=(9, 9)) for kind in ("top-left", "bottom-right")]
    maps = [one._replace(heat=one.heat.masked_fill(one.heat < 0, -1e5)) for one in maps]
    found, none = corner_pairs.pair_corners(*maps, [(20, 28), (36, 36)], stride=4)
    assert found.boxes[0].tolist() == [10, 12, 28, 20]
    assert none.boxes.shape == (0, 4) and none.labels.shape == none.scores.shape == (0,)
    assert corner_pairs.soften(none, 0.5).boxes.shape == (0, 4)


def test_soft_nms_lowers_what_overlaps_in_its_own_class_alone():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 10]])
    found = Detections(boxes, torch.tensor([0, 0, 1]), torch.tensor([0.9, 0.8, 0.7]))
    soft = corner_pairs.soften(found, 0.5)
    iou = box_iou(boxes[:1], boxes[1:2])[0, 0]
    assert soft.labels.tolist() == [0, 1, 0]
    torch.testing.assert_close(soft.scores, torch.tensor([0.9, 0.7, 0.8 * math.exp(-(iou**2) / 0.5)]))


def said(**parts: Tensor | None) -> key_point_heads.KeyPointMaps:
    maps = torch.rand(1, 3, 8, 8), torch.rand(1, 2, 8, 8), torch.rand(1, 1, 8, 8)
    return key_point_heads.KeyPointMaps(*maps)._replace(**parts)


def pair(*maps: Any, sizes: Any = ((32, 32),)) -> None:
    corner_pairs.pair_corners(*maps, sizes, stride=4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pair(said(tags=None), said()), "tags"),
        (lambda: pair(said(tags=torch.full((1, 1, 8, 8), math.nan)), said()), "tags"),
        (lambda: pair(said(offsets=torch.full((1, 2, 8, 8), math.nan)), said()), "offsets"),
        (lambda: pair(said(), said(heat=torch.full((1, 3, 8, 8), math.nan))), "NaN"),
        (lambda: pair(said(), said(heat=torch.rand(1, 2, 8, 8))), "heat"),
        (lambda: pair(said(), tuple(said())), "KeyPointMaps"),
        (lambda: pair(said(), said(), sizes=[]), "sizes"),
        (
            lambda: corner_pairs.pull_push_loss(torch.rand(2), torch.rand(3), torch.zeros(2).long(), 1),
            "bottom",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
