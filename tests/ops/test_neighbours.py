"""Cosines and votes by loop."""

import math

import pytest
import torch

from lecture_utils.ops.neighbours import check_features, cosine_similarity, vote
from lecture_utils.ops.precision import at_least_single, precise

GENERATOR = torch.Generator().manual_seed(0)
A, B = torch.randn(3, 4, generator=GENERATOR), torch.randn(5, 4, generator=GENERATOR)


def test_cosines_by_a_loop() -> None:
    got = cosine_similarity(A, B)
    for i, a in enumerate(A.tolist()):
        for j, b in enumerate(B.tolist()):
            want = sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)
            assert got[i, j].item() == pytest.approx(want, abs=1e-6)
    assert cosine_similarity(torch.zeros(1, 4), B).tolist() == [[0.0] * 5]


def test_votes_by_hand() -> None:
    labels = torch.tensor([[0, 2, 2], [1, 1, 0]])
    assert vote(labels, 4).tolist() == [[1, 0, 2, 0], [1, 2, 0, 0]]
    weights = torch.tensor([[1.0, 0.5, 0.25], [1.0, 2.0, 4.0]])
    assert vote(labels, 3, weights).tolist() == [[1.0, 0, 0.75], [4.0, 3.0, 0]]


def test_half_is_raised_and_double_is_precise() -> None:
    assert (
        at_least_single(A.half()).dtype == torch.float32
        and at_least_single(A.double()).dtype == torch.float64
    )
    assert at_least_single(torch.ones(1, dtype=torch.uint8)).dtype == torch.uint8
    assert precise(A).dtype == torch.float64 and precise(A > 0).dtype == torch.float64


def test_bad_input_is_told() -> None:
    labels = torch.tensor([[0, 2]])
    for bad, message in (
        (lambda: vote(labels, 2), "labels: got class numbers from 0 to 2, want 0 to 1"),
        (lambda: vote(labels, 0), "classes: got 0"),
        (lambda: vote(labels[0], 3), r"\(2,\), want numbers \(B, k\)"),
        (
            lambda: vote(labels, 3, torch.ones(1, 3)),
            r"weights: got torch.float32 \(1, 3\), want numbers \(1, 2\)",
        ),
        (lambda: check_features(A, 5), r"features: got shape \(3, 4\), want \(N, 5\)"),
        (lambda: check_features(A[None], name="queries"), "queries: .*flatten"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
