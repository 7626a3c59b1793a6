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
    with pytest.raises(ValueError, match="got 0"):
        top_mass(torch.rand(4), 0)
    with pytest.raises(ValueError, match=r"\(1, 2, 15\)"):
        head_masks(torch.rand(1, 2, 15), 8)
    with pytest.raises(ValueError, match=r"torch\.bool"):
        intersection_over_union(torch.rand(2, 2), torch.rand(2, 2) < 1)
