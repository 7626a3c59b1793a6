"""Diagrams of chapter 01: they draw the numbers that the operations give."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from lecture_utils.chapters.ch01 import figures as convolution


def texts(figure: Figure) -> list[str]:
    """All text in a figure's axes, titles included."""
    return [t.get_text() for ax in figure.axes for t in [*ax.texts, ax.title] if t.get_text()]


def test_sliding_window_writes_the_cross_correlation() -> None:
    image, kernel = torch.arange(12.0).reshape(3, 4), torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    want = F.conv2d(image[None, None], kernel[None, None])[0, 0]
    figure = convolution.sliding_window(image, kernel, [(0, 0), (1, 2)], "title")
    assert f"out[1, 2] = {want[1, 2]:g}" in texts(figure)
    last = [t.get_text() for t in figure.axes[-1].texts]
    assert last == [f"{value:g}" for value in want.flatten().tolist()]  # all computed by then


@pytest.mark.parametrize(
    "setting", [{}, {"padding": 1}, {"stride": 2}, {"dilation": 2}, {"stride": 2, "padding": 1}]
)
def test_taps_state_the_size_that_the_library_gives(setting: dict[str, int]) -> None:
    out = F.conv2d(torch.zeros(1, 1, 7, 7), torch.zeros(1, 1, 3, 3), **setting)
    assert any(f"→ {out.shape[2]}×{out.shape[3]}" in text for text in texts(convolution.taps([setting, {}])))


def test_matrix_product_writes_the_product() -> None:
    a, b = np.array([[1, 2], [0, -1]]), np.arange(6).reshape(2, 3)
    figure = convolution.matrix_product(a, b, ("a", "b", "ab"))
    written = [t.get_text() for t in figure.axes[2].texts]
    assert [text for text in written if text != "="] == [f"{value:g}" for value in (a @ b).flatten()]


def test_field_chain_counts_what_is_seen() -> None:
    figure = convolution.field_chain([("conv", 3, 1), ("pool", 2, 2), ("conv", 3, 1)])
    assert [t.get_text() for t in figure.axes[0].texts] == ["input: 8", "conv: 6", "pool: 3", "conv: 1"]


def test_residual_block_has_one_sum() -> None:
    assert texts(convolution.residual_block()).count("⊕") == 1
