"""Chapter 03's diagrams: what is hidden is grey, and live tensors are drawn."""

import numpy as np
import pytest
import torch

from lecture_utils.chapters.ch03 import figures as selfsup
from lecture_utils.plotting.display import pixels


def test_hidden_patches_are_grey_and_the_others_untouched():
    image, mask = torch.rand(3, 8, 8), torch.tensor([True, False, False, True])
    shown = selfsup.hide_patches(image, mask)
    want = image.permute(1, 2, 0).numpy()
    assert np.allclose(shown[:4, :4], selfsup.HIDDEN) and np.allclose(shown[4:, 4:], selfsup.HIDDEN)
    assert np.array_equal(shown[:4, 4:], want[:4, 4:]) and np.array_equal(shown[4:, :4], want[4:, :4])
    with pytest.raises(ValueError, match="3 patches"):
        selfsup.hide_patches(image, torch.ones(3))


def test_the_steps_show_the_visible_patches_in_the_shuffled_order():
    image = torch.arange(16.0).reshape(1, 4, 4).expand(3, 4, 4) / 15  # four patches of 2 × 2
    restore = torch.tensor([2, 0, 3, 1])
    figure = selfsup.mae_steps(image, restore >= 2, restore, image)
    strip = figure.axes[3].images[0].get_array()
    assert np.allclose(strip[1:3, 1:3], image[:, :2, 2:].permute(1, 2, 0))  # place 0: patch 1
    assert np.allclose(strip[1:3, 4:6], image[:, 2:, 2:].permute(1, 2, 0))  # place 1: patch 3
    assert pixels(figure).shape[2] == 3


def test_the_branches_show_the_crops():
    large, small = [torch.rand(3, 12, 12) for _ in range(2)], [torch.rand(3, 6, 6) for _ in range(4)]
    figure = selfsup.dino_branches(large, small, "Two branches")
    drawn = [ax.images[0].get_array() for ax in figure.axes if ax.images]
    assert len(drawn) == 6 and np.allclose(drawn[0], large[0].permute(1, 2, 0), atol=1e-6)
    words = " ".join(t.get_text() for ax in figure.axes for t in ax.texts)
    assert all(word in words for word in ("teacher", "student", "no gradient", "centre", "moving average"))


def test_rows_stand_in_order_under_their_titles():
    a, b = torch.rand(3, 3, 6, 6), torch.rand(3, 3, 6, 6)
    figure = selfsup.picture_rows({"seen": a, "filled": b}, ["x", "y", "z"], suptitle="Rows")
    drawn = [ax.images[0].get_array() for ax in figure.axes]
    assert np.allclose(drawn[1], a[1].permute(1, 2, 0)) and np.allclose(drawn[5], b[2].permute(1, 2, 0))
    assert {t.get_text() for t in figure.texts} == {"seen", "filled", "Rows"}
    assert [ax.get_title() for ax in figure.axes] == ["x", "y", "z", "", "", ""]
    with pytest.raises(ValueError, match=r"\[2, 3\]"):
        selfsup.picture_rows({"seen": a, "filled": b[:2]})
