"""`Classifier.top` looks at what it is given before it answers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lecture_utils.hub.classifier import Classifier

GOOD = torch.rand(3, 8, 8)


@pytest.fixture
def asked() -> Classifier:
    """A network that adds up the channels."""
    return Classifier(
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), lambda x: x, ["red", "green", "blue"]
    )


def test_pictures_in_a_list_or_a_batch(asked: Classifier) -> None:
    assert asked.top([GOOD], k=2) == asked.top(GOOD[None], k=2)
    assert len(asked.top((GOOD, GOOD))) == 2


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (GOOD, ValueError, r"one tensor of shape \(3, 8, 8\).*\[picture\]"),
        (torch.rand(8, 8), ValueError, r"one tensor of shape \(8, 8\)"),
        ([GOOD * 255], ValueError, r"images\[0\]: got values from .* to .*, want all in \[0, 1\]"),
        ([GOOD, GOOD * float("nan")], ValueError, r"images\[1\]: got values from nan"),
        ([torch.rand(1, 8, 8)], ValueError, r"got shape \(1, 8, 8\), want \(3, H, W\); a grey picture"),
        ([torch.rand(8, 9)], ValueError, r"got shape \(8, 9\), want \(3, H, W\); a grey picture"),
        ([torch.rand(4, 8, 8)], ValueError, r"got shape \(4, 8, 8\).*opacity"),
        ([torch.rand(8, 9, 3)], ValueError, r"got shape \(8, 9, 3\).*permute"),
        ([GOOD[None]], ValueError, r"got shape \(1, 3, 8, 8\).*batch"),
        ([torch.rand(3, 0, 8)], ValueError, r"got shape \(3, 0, 8\)"),
        ([(GOOD * 255).byte()], ValueError, r"got torch.uint8, want floating point.*255"),
        ([], ValueError, "got none"),
        ("cat.jpg", TypeError, r"path 'cat.jpg'.*photographs.open"),
        (Path("cat.jpg"), TypeError, "photographs.open"),
        ([Path("cat.jpg")], TypeError, r"images\[0\].*photographs.open"),
        ([np.zeros((3, 8, 8))], TypeError, r"images\[0\]: got ndarray, want a torch.Tensor"),
        (np.zeros((3, 8, 8)), TypeError, "got ndarray, want a list"),
        (None, TypeError, "got NoneType"),
    ],
)
def test_what_is_no_list_of_pictures_is_refused(
    asked: Classifier, images: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        asked.top(images)  # type: ignore[arg-type]


@pytest.mark.parametrize("k", [0, 4, -1, 1.5, True, None])
def test_k_is_looked_at(asked: Classifier, k: object) -> None:
    with pytest.raises(ValueError, match=r"k: got .*, want an integer from 1 to 3"):
        asked.top([GOOD], k=k)  # type: ignore[arg-type]
