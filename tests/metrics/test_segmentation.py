"""Confusion and intersection over union against scikit-learn."""

import math
from collections.abc import Callable

import pytest
import sklearn.metrics
import torch

from lecture_utils.metrics.segmentation import confusion, iou_by_class, mean_iou

pytestmark = pytest.mark.system("S06.4")
GENERATOR = torch.Generator().manual_seed(0)
TRUE, GUESS = (torch.randint(5, (3, 7, 9), generator=GENERATOR) for _ in range(2))


def test_equals_scikit_learn() -> None:
    true, guess = TRUE.flatten().numpy(), GUESS.flatten().numpy()
    assert (confusion(GUESS, TRUE, 5).numpy() == sklearn.metrics.confusion_matrix(true, guess)).all()
    want = sklearn.metrics.jaccard_score(true, guess, average=None)
    assert iou_by_class(confusion(GUESS, TRUE, 5)).numpy() == pytest.approx(want)
    assert mean_iou(GUESS, TRUE, 5) == pytest.approx(want.mean())


def test_tables_add_up_and_perfect_is_one() -> None:
    parts = sum(confusion(g, t, 5) for g, t in zip(GUESS, TRUE, strict=True))
    assert torch.equal(parts, confusion(GUESS, TRUE, 5))
    assert mean_iou(TRUE, TRUE, 5) == 1


def test_a_class_that_never_occurs_does_not_count() -> None:
    true, guess = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 1, 0])
    iou = iou_by_class(confusion(guess, true, 3))
    assert iou[:2].tolist() == pytest.approx([2 / 3, 1 / 2]) and math.isnan(iou[2])
    assert mean_iou(guess, true, 3) == pytest.approx((2 / 3 + 1 / 2) / 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: confusion(TRUE, TRUE[:1], 5),
            r"target: got torch.int64 \(1, 7, 9\), want numbers \(3, 7, 9\)",
        ),
        (lambda: confusion(TRUE, TRUE, 3), "predicted: got class numbers from 0 to 4, want 0 to 2"),
        (lambda: confusion(TRUE, TRUE - 1, 5), "target: got class numbers from -1"),
        (lambda: confusion(TRUE > 0, TRUE > 0, 2), "predicted: got torch.bool"),
        (lambda: confusion(TRUE.numpy(), TRUE, 5), "predicted: got ndarray"),
        (lambda: confusion(TRUE, TRUE, 0), "classes: got 0"),
        (lambda: mean_iou(TRUE[:0], TRUE[:0], 5), "empty shape"),
        (lambda: iou_by_class(TRUE[0]), r"table: got torch.int64 \(7, 9\)"),
        (lambda: confusion(TRUE.float(), TRUE, 5), "predicted: got torch.float32"),
    ],
)
def test_bad_input_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
