"""The digits: fixed, disjoint, stratified splits; three sizes."""

import pytest
import torch
from sklearn.datasets import load_digits

from lecture_utils.data import digits


def test_splits_are_disjoint_and_together_are_all_digits() -> None:
    _, labels, rows = digits._all()
    joined = torch.cat(list(rows.values()))
    assert {k: len(v) for k, v in rows.items()} == digits.SPLITS
    assert len(joined.unique()) == len(joined) == len(labels) == 1797


@pytest.mark.parametrize("split", [*digits.SPLITS, "all"])
def test_every_split_has_every_digit_in_like_numbers(split: str) -> None:
    images, labels = digits.load(split=split)
    assert (
        images.shape == (len(labels), 1, 8, 8)
        and images.dtype == torch.float32
        and labels.dtype == torch.int64
    )
    share = torch.bincount(labels, minlength=10) / len(labels)
    assert (share - 0.1).abs().max() < 0.01
    assert images.min() == 0 and images.max() == 1


def test_pixels_and_labels_are_those_of_sklearn() -> None:
    images, labels = digits.load(split="all")
    data = load_digits()
    assert torch.equal(images[:, 0] * 16, torch.from_numpy(data.images).float())
    assert torch.equal(labels, torch.from_numpy(data.target))


def test_the_split_has_not_moved_since_it_was_first_published() -> None:
    _, _, rows = digits._all()
    assert [r[:4].tolist() for r in rows.values()] == PUBLISHED


@pytest.mark.parametrize("size", digits.SIZES)
def test_sizes_keep_the_ink(size: int) -> None:
    images, labels = digits.load(size, "val")
    small, same = digits.load(8, "val")
    assert images.shape == (300, 1, size, size) and torch.equal(labels, same)
    assert torch.allclose(images.mean((1, 2, 3)), small.mean((1, 2, 3)), atol=0.02)


def test_loading_returns_copies() -> None:
    digits.load(8, "all")[0].zero_()
    assert digits.load(8, "all")[0].any()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"size": 28}, "size: got 28, want one of 8, 16, 32"),
        ({"size": "8"}, "size: got '8'"),
        ({"split": "dev"}, "'dev'.*train"),
    ],
)
def test_bad_requests_are_named(kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        digits.load(**kwargs)


PUBLISHED = [[0, 1, 2, 3], [4, 6, 13, 27], [21, 24, 28, 34]]
