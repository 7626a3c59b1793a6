"""The masks of top attention and their overlap with the foreground."""

import pytest
import torch
from sklearn.metrics import jaccard_score

from lecture_utils.metrics.attention_iou import head_ious, head_masks, intersection_over_union, top_mass

pytestmark = pytest.mark.system("S03.2")


def test_top_mass_keeps_the_fewest_places_by_a_loop() -> None:
    attention = torch.rand(20, 16)
    for row, kept in zip(attention, top_mass(attention, 0.6), strict=True):
        total = 0.0
        for place in row.argsort(descending=True):
            assert kept[place] == (total < 0.6 * row.sum() - 1e-6) or abs(total - 0.6 * row.sum()) < 1e-5
            total += row[place].item()


def test_one_peak_is_kept_alone_and_all_mass_keeps_all() -> None:
    peak = torch.tensor([0.05, 0.9, 0.05])
    assert top_mass(peak).tolist() == [False, True, False]
    assert top_mass(peak, 1.0).all()
    assert torch.equal(top_mass(5 * peak), top_mass(peak))  # the sum does not matter
    assert (
        top_mass(torch.tensor([0.3, 0.3, 0.4]), 0.6).tolist().count(True) == 2
    )  # of equal ones, as few as do
    assert top_mass(torch.zeros(3)).all()


def test_iou_equals_scikit_learns() -> None:
    a, b = torch.rand(6, 9, 9) < 0.4, torch.rand(6, 9, 9) < 0.6
    want = [jaccard_score(x.flatten(), y.flatten()) for x, y in zip(a, b, strict=True)]
    torch.testing.assert_close(
        intersection_over_union(a, b).double(), torch.tensor(want, dtype=torch.float64)
    )
    empty = torch.zeros(1, 3, 3, dtype=torch.bool)
    assert intersection_over_union(empty, empty) == 1


def test_a_head_that_looks_at_the_object_wins() -> None:
    truth = torch.zeros(2, 8, 8, dtype=torch.bool)
    truth[:, 2:6, 2:6] = True
    attention = torch.zeros(2, 2, 16)
    attention[:, 0, [5, 6, 9, 10]] = 0.25  # the four patches of the object
    attention[:, 1, 0] = 1.0
    assert head_masks(attention, 8, 1.0)[:, 0].equal(truth)
    ious = head_ious(attention, truth, 0.9)
    assert ious[0] == 1 and ious[1] == 0


def test_bad_input_is_told() -> None:
    some, truth = torch.rand(1, 2, 16), torch.ones(1, 8, 8, dtype=torch.bool)
    for bad, message in (
        (lambda: top_mass(torch.rand(4), 0), "mass: got 0"),
        (lambda: top_mass(torch.rand(4), 1.1), "mass: got 1.1"),
        (lambda: top_mass(torch.tensor([0.5, torch.nan])), "attention: got NaN"),
        (lambda: top_mass(torch.tensor([0.5, -0.5])), "got -0.5, want no negative"),
        (lambda: top_mass(torch.ones(4, dtype=torch.uint8)), "uint8"),
        (lambda: top_mass(torch.rand(2, 0)), "not empty"),
        (lambda: top_mass([0.5, 0.5]), "attention: got list"),
        (lambda: head_masks(torch.rand(1, 2, 15), 8), r"\(1, 2, 15\), want \(B, H, a square number\)"),
        (lambda: head_masks(torch.rand(2, 16), 8), r"\(2, 16\)"),
        (lambda: head_masks(some, 0), "size: got 0"),
        (
            lambda: intersection_over_union(torch.rand(2, 2), torch.rand(2, 2) < 1),
            r"mask: got torch\.float32",
        ),
        (lambda: intersection_over_union(truth, truth[..., :4]), r"\(1, 8, 4\), want bool \(1, 8, 8\)"),
        (lambda: intersection_over_union(truth[:0], truth[:0]), "no axis of length 0"),
        (
            lambda: head_ious(some, truth[..., :4]),
            r"truth: got torch\.bool \(1, 8, 4\), want bool \(1, 4, 4\)",
        ),
        (lambda: head_ious(some, truth.float()), r"truth: got torch\.float32"),
        (lambda: head_ious(some, truth.expand(3, -1, -1)), r"\(3, 8, 8\), want bool \(1, 8, 8\)"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
