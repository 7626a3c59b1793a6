"""S04.6: one target argument for all explanations."""

from typing import Any

import numpy as np
import pytest
import torch

from lecture_utils.explain.target import target_score

pytestmark = pytest.mark.system("S04.6")
SCORES = torch.arange(12.0).reshape(3, 4)


def test_a_class_a_class_each_and_a_function() -> None:
    assert target_score(SCORES, 1).item() == 1 + 5 + 9
    assert target_score(SCORES, torch.tensor([0, 3, 2])).item() == 0 + 7 + 10
    assert target_score(SCORES, lambda y: y[:, 3] - y[:, 0]).item() == 9  # (B,)
    assert target_score({"boxes": SCORES}, lambda out: out["boxes"].mean()).item() == 5.5  # any output
    assert target_score(SCORES[:0], 1).item() == 0


@pytest.mark.parametrize(
    "target",
    [
        1,
        np.int64(1),
        np.uint8(1),
        torch.tensor(1),
        torch.tensor(1, dtype=torch.uint8),
        np.array(1),
        [1, 1, 1],
        (1, np.int64(1), torch.tensor(1)),
        np.array([1, 1, 1]),
        torch.tensor([1, 1, 1], dtype=torch.int32),
        SCORES.numpy().argmin() + 1,
    ],
)
def test_whatever_counts_as_a_class_number(target: Any) -> None:
    assert target_score(SCORES, target).item() == 1 + 5 + 9


@pytest.mark.parametrize(
    ("output", "target", "message"),
    [
        (SCORES, 4, r"got \[4, 4, 4\], want class numbers from 0 to 3"),
        (SCORES, -1, "from 0 to 3"),
        (SCORES, torch.tensor([0, 1]), r"torch.int64 \(2,\), want a class number or int64 \(3,\)"),
        (SCORES, torch.tensor([0.0, 1, 2]), "torch.float32"),
        (SCORES, "cat", "got str"),
        (SCORES, True, "got bool"),
        (SCORES, torch.tensor([True, False, True]), "got torch.bool"),
        (SCORES, [True, False, True], "got list"),
        (SCORES, np.array([True, False, True]), r"got bool \(3,\)"),
        (SCORES, [0, 1], r"got 2 class numbers, want a class number or int64 \(3,\)"),
        (SCORES, [], "got list"),
        (SCORES, [0, 1.5, 2], "got list"),
        (SCORES, 1.0, "got float"),
        (SCORES, None, "got NoneType"),
        (SCORES, torch.zeros(3, 1, dtype=torch.int64), r"torch.int64 \(3, 1\)"),
        (SCORES.long(), 0, "scores: got dtype torch.int64"),
        (SCORES[0], 0, r"got the output \(4,\), want scores \(B, K\)"),
        ([SCORES], 0, "got the output list"),
        (SCORES, lambda y: y, r"the function gave \(3, 4\)"),
        (SCORES, lambda y: 3.0, "the function gave float"),
    ],
)
def test_bad_targets_are_told(output: Any, target: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        target_score(output, target)
