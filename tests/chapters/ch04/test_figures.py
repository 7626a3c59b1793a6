"""Drawing explanations: points in the colours of their labels."""

import pytest
import torch
from matplotlib.figure import Figure

from lecture_utils.chapters.ch04 import figures as explain


def test_points_are_named_once_a_label_and_refuse_what_does_not_fit() -> None:
    ax = Figure().subplots()
    explain.points(ax, torch.randn(6, 2), torch.tensor([0, 0, 1, 1, 1, 2]), ["a", "b", "c"])
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c"]
    with pytest.raises(ValueError, match="0 to 1"):
        explain.points(ax, torch.randn(3, 2), torch.tensor([0, 1, 2]), ["a", "b"])
    with pytest.raises(ValueError, match=r"\(N, 2\)"):
        explain.points(ax, torch.randn(3, 3), torch.tensor([0, 1, 2]), ["a", "b", "c"])
