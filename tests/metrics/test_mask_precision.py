"""Mask AP against pycocotools, on random, degenerate and planted sets."""

import contextlib
import io
import math

import numpy as np
import pytest
import torch
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from lecture_utils.metrics.coco import COCO_IOUS
from lecture_utils.metrics.mask_precision import evaluate_masks, mask_iou, mask_summary
from tests.mutants import planted

CLASSES = 3


def random_set(seed: int, pictures: int = 6, side: int = 20) -> tuple[list, list]:
    """Blocks as masks, found again shifted by a little, some not at all, some twice, with coarse scores."""
    made = torch.Generator().manual_seed(seed)

    def whole(high: int, *shape: int) -> Tensor:
        return torch.randint(high, shape, generator=made)

    found, truth = [], []
    for _ in range(pictures):
        n = int(whole(5))
        corner, extent, labels = whole(12, n, 2), 1 + whole(8, n, 2), whole(CLASSES, n)
        take = whole(max(n, 1), int(whole(6))) if n else torch.zeros(0, dtype=torch.int64)
        moved = corner[take] + whole(3, len(take), 2) - 1
        swapped = torch.where(whole(5, len(take)) == 0, whole(CLASSES, len(take)), labels[take])
        scores = whole(6, len(take)) / 5
        found.append((blocks(moved, extent[take], side), swapped, scores))
        truth.append((blocks(corner, extent, side), labels))
    return found, truth


def blocks(corner: Tensor, extent: Tensor, side: int) -> Tensor:
    at = torch.arange(side)
    rows = (at >= corner[:, :1]) & (at < corner[:, :1] + extent[:, :1])
    columns = (at >= corner[:, 1:]) & (at < corner[:, 1:] + extent[:, 1:])
    return rows[:, :, None] & columns[:, None]


def their_precision(found: list, truth: list) -> np.ndarray:
    """AP of pycocotools by IoU and class."""
    objects: list[dict] = []
    results: list[dict] = []
    for i, (masks, labels) in enumerate(truth):
        for mask, label in zip(masks, labels, strict=True):
            own = {"segmentation": encoded(mask), "area": int(mask.sum()), "iscrowd": 0}
            objects.append(own | {"id": len(objects) + 1, "image_id": i, "category_id": int(label)})
    for i, (masks, labels, scores) in enumerate(found):
        for mask, label, score in zip(masks, labels, scores, strict=True):
            own = {"segmentation": encoded(mask), "score": float(score)}
            results.append(own | {"image_id": i, "category_id": int(label)})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": i, "height": 20, "width": 20} for i in range(len(truth))],
            "annotations": objects,
            "categories": [{"id": k} for k in range(CLASSES)],
        }
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(results), "segm")
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.params.maxDets = [100]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][:, :, :, 0, 0]  # (T, R, K)
    return np.where(precision[:, 0] < 0, math.nan, precision.mean(1))


def encoded(mask: Tensor) -> dict:
    return rle.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))


@pytest.mark.system("S09.2")
@pytest.mark.parametrize("seed", range(25))
def test_equals_pycocotools(seed: int) -> None:
    found, truth = random_set(seed)
    if not sum(len(own[0]) for own in found):
        pytest.skip("pycocotools loads no empty results")
    want = torch.from_numpy(their_precision(found, truth))
    torch.testing.assert_close(evaluate_masks(found, truth, classes=CLASSES), want, equal_nan=True)


@pytest.mark.parametrize(
    "fault",
    [
        ("+ other.sum(1) - shared", "+ other.sum(1)"),
        ("[:, there == k]", "[:, there >= 0]"),
        ("descending=True", "descending=False"),
    ],
)
def test_faults_are_seen(fault: tuple[str, str]) -> None:
    sets = [random_set(seed) for seed in range(10)]
    broken = planted("lecture_utils.metrics.mask_precision", fault)
    got = [broken.evaluate_masks(*own, classes=CLASSES) for own in sets]
    want = [evaluate_masks(*own, classes=CLASSES) for own in sets]
    assert not all(torch.allclose(a, b, equal_nan=True) for a, b in zip(got, want, strict=True))


def test_by_hand() -> None:
    object_ = torch.zeros(1, 4, 4, dtype=torch.bool)
    object_[0, :2] = True
    half = object_.clone()
    half[0, 1] = False  # IoU 1/2
    assert mask_iou(half, object_).item() == 0.5
    zero, one = torch.zeros(1, dtype=torch.int64), torch.ones(1)
    summary = mask_summary([(half, zero, one)], [(object_, zero)], classes=1)
    assert summary == {"AP": pytest.approx(1 / len(COCO_IOUS)), "AP50": 1.0, "AP75": 0.0}


def test_nothing_found_and_nothing_there() -> None:
    none = torch.zeros(0, 4, 4, dtype=torch.bool)
    label = torch.zeros(0, dtype=torch.int64)
    there = (torch.ones(1, 4, 4, dtype=torch.bool), torch.zeros(1, dtype=torch.int64))
    empty = (none, label, torch.zeros(0))
    assert mask_summary([empty], [there], classes=2)["AP"] == 0
    assert math.isnan(mask_summary([empty], [(none, label)], classes=2)["AP"])
    assert (
        mask_iou(torch.zeros(1, 4, 4, dtype=torch.bool), torch.zeros(1, 4, 4, dtype=torch.bool)).item() == 0
    )


def test_bad_input() -> None:
    mask, label, score = (
        torch.ones(1, 4, 4, dtype=torch.bool),
        torch.zeros(1, dtype=torch.int64),
        torch.ones(1),
    )
    with pytest.raises(ValueError, match="b: got"):
        mask_iou(mask, mask.float())
    with pytest.raises(ValueError, match="truth: got"):
        mask_summary([(mask, label, score)], [mask], classes=1)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="found, labels"):
        mask_summary([(mask, label + 1, score)], [(mask, label)], classes=1)
    with pytest.raises(ValueError, match="ious"):
        evaluate_masks([(mask, label, score)], [(mask, label)], classes=1, ious=(1.5,))
