"""Boundary IoU against a loop over pixels, and what makes it boundary IoU; Dice and ignored labels."""

import itertools
import math
from collections.abc import Callable

import pytest
import sklearn.metrics
import torch
from torch import Tensor

from lecture_utils.metrics import boundary_iou
from lecture_utils.metrics.boundary_iou import (
    band_width,
    boundary,
    boundary_iou_by_class,
    mean_boundary_iou,
)
from lecture_utils.metrics.segmentation import confusion, dice_by_class, iou_by_class, without_ignored
from tests.mutants import planted

pytestmark = pytest.mark.system("S06.4")
GENERATOR = torch.Generator().manual_seed(0)


def blobs(n: int, height: int, width: int, classes: int, seed: int = 0) -> Tensor:
    """Maps (n, H, W) with regions of several pixels."""
    made = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, classes, height // 3 + 1, width // 3 + 1, generator=made)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear").argmax(1)


def by_loop(mask: Tensor, width: int) -> Tensor:
    """A pixel of the mask is near the outline if a pixel outside lies at most `width` steps away."""
    out = torch.zeros_like(mask)
    height, columns = mask.shape
    for y, x in itertools.product(range(height), range(columns)):
        reach = range(-width, width + 1)
        around = [(y + i, x + j) for i, j in itertools.product(reach, reach)]
        outside = [not (0 <= i < height and 0 <= j < columns) or not bool(mask[i, j]) for i, j in around]
        out[y, x] = bool(mask[y, x]) and any(outside)
    return out


@pytest.mark.parametrize(("height", "width"), [(12, 12), (9, 14), (1, 7), (2, 2)])
@pytest.mark.parametrize("band", [1, 2, 5])
def test_band_equals_the_loop(height: int, width: int, band: int) -> None:
    masks = blobs(3, height, width, 2) > 0
    assert torch.equal(boundary(masks, band), torch.stack([by_loop(m, band) for m in masks]))


def test_iou_equals_the_loop() -> None:
    guess, true = blobs(4, 13, 17, 4, seed=1), blobs(4, 13, 17, 4, seed=2)
    for k, got in enumerate(boundary_iou_by_class(guess, true, 4, 2).tolist()):
        ours = torch.stack([by_loop(m == k, 2) for m in guess])
        truth = torch.stack([by_loop(m == k, 2) for m in true])
        assert got == pytest.approx(((ours & truth).sum() / (ours | truth).sum()).item())


def test_a_wide_band_is_the_whole_and_gives_the_iou() -> None:
    guess, true = blobs(2, 10, 10, 3, seed=1), blobs(2, 10, 10, 3, seed=2)
    want = iou_by_class(confusion(guess, true, 3))
    assert torch.allclose(boundary_iou_by_class(guess, true, 3, 10), want)


def test_an_outline_that_is_one_pixel_off_costs_more_than_area() -> None:
    true = torch.zeros(1, 60, 60, dtype=torch.long)
    true[:, 10:50, 10:50] = 1
    off = torch.zeros_like(true)
    off[:, 11:49, 11:49] = 1
    area = iou_by_class(confusion(off, true, 2))[1]
    edge = boundary_iou_by_class(off, true, 2)[1]
    assert area == pytest.approx(38**2 / 40**2) and edge < area - 0.4


def test_the_papers_width() -> None:
    assert band_width(96, 96) == 3 and band_width(480, 640) == 16 and band_width(4, 4) == 1


def test_absent_classes_are_nan_and_do_not_count() -> None:
    true = torch.tensor([[[0, 0, 1, 1]]])
    ious = boundary_iou_by_class(true, true, 3)
    assert ious[:2].tolist() == [1, 1] and math.isnan(ious[2])
    assert mean_boundary_iou(true, true, 3) == 1


def test_dice_equals_the_f1_of_scikit_learn() -> None:
    true, guess = (torch.randint(5, (3, 7, 9), generator=GENERATOR) for _ in range(2))
    want = sklearn.metrics.f1_score(true.flatten().numpy(), guess.flatten().numpy(), average=None)
    assert dice_by_class(confusion(guess, true, 5)).numpy() == pytest.approx(want)
    lonely = dice_by_class(confusion(torch.tensor([0, 0]), torch.tensor([0, 1]), 3))
    assert lonely[:2].tolist() == pytest.approx([2 / 3, 0]) and math.isnan(lonely[2])


def test_ignored_pixels_count_neither_way() -> None:
    true = torch.tensor([[0, 1, 255], [1, 255, 0]])
    guess = torch.tensor([[0, 1, 0], [0, 1, 0]])
    kept = without_ignored(guess, true)
    assert [t.tolist() for t in kept] == [[0, 1, 0, 0], [0, 1, 1, 0]]
    for other in (0, 1):  # whatever is guessed there
        changed = torch.where(true == 255, other, guess)
        table = confusion(*without_ignored(changed, true), 2)
        assert torch.equal(table, confusion(*kept, 2))
    assert sklearn.metrics.confusion_matrix(*reversed([t.numpy() for t in kept])).tolist() == [[2, 0], [1, 1]]
    assert without_ignored(guess, true, ignored=1)[1].tolist() == [0, 255, 255, 0]


FAULTS = (
    ("value=1.0", "value=0.0"),  # the picture's border is an outline too
    ("for _ in range(width)", "for _ in range(width - 1)"),
    ("return mask & (outside", "return (outside"),
    ("(ours | truth).sum()", "(ours.sum() + truth.sum())"),
    ("round(SHARE", "int(SHARE"),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[1])
def test_planted_faults_are_seen(fault: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    broken = planted(boundary_iou.__name__, fault)
    for name in ("band_width", "boundary", "boundary_iou_by_class"):
        monkeypatch.setitem(globals(), name, getattr(broken, name))
    with pytest.raises(AssertionError):
        test_band_equals_the_loop(9, 14, 2)
        test_iou_equals_the_loop()
        test_the_papers_width()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: boundary(torch.zeros(3, 3), 1), r"mask: got torch.float32 \(3, 3\), want bool \(…, H, W\)"),
        (lambda: boundary(torch.zeros(3, 3) > 0, 0), "width: got 0"),
        (lambda: boundary(torch.zeros(3) > 0, 1), r"mask: got torch.bool \(3,\)"),
        (lambda: band_width(0, 3), "height: got 0"),
        (lambda: boundary_iou_by_class(blobs(1, 5, 5, 4), blobs(1, 5, 5, 4), 2), "predicted: got class"),
        (lambda: boundary_iou_by_class(blobs(1, 5, 5, 2)[0], blobs(1, 5, 5, 2)[0], 2), r"\(5, 5\)"),
        (lambda: boundary_iou_by_class(blobs(0, 5, 5, 2), blobs(0, 5, 5, 2), 2), "want at least one pixel"),
        (lambda: without_ignored(torch.zeros(2), torch.zeros(2)), "predicted: got torch.float32"),
        (lambda: without_ignored(blobs(1, 5, 5, 2), blobs(2, 5, 5, 2)), r"got torch.int64 \(2, 5, 5\)"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
