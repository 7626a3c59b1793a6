"""Diagrams of chapter 01: they draw the numbers that the operations give."""

import base64
import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from PIL import Image

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


def test_scores_and_shares_writes_the_loss() -> None:
    scores = torch.tensor([2.0, 1.0, -1.0])
    loss = F.cross_entropy(scores[None], torch.tensor([1])).item()
    figure = convolution.scores_and_shares(torch.rand(8, 8), scores, ["a", "b", "c"], 1)
    titles = [ax.get_title(loc) for ax in figure.axes for loc in ("left", "center")]
    assert any(f"= {loss:.2f}" in title for title in titles)


def test_shared_weights_has_a_line_for_each_product() -> None:
    written = texts(convolution.shared_weights())
    assert written.count("$w_0$") == written.count("$w_1$") == 2
    assert {"$x_2$", "$o_1$"} <= set(written)


def test_bars_have_the_heights_that_were_given() -> None:
    figure = convolution.deletions({"x": [0.5, 0.25], "F(x)": [1.0, 0.125]})
    assert [bar.get_height() for bar in figure.axes[0].patches] == [0.5, 0.25, 1.0, 0.125]
    figure = convolution.weights_and_work([("conv 1", 1.0, 2.0), ("dense 1", 3.0, 0.5)])
    assert [bar.get_width() for ax in figure.axes for bar in ax.patches] == [1.0, 3.0, 2.0, 0.5]


def test_shift_and_turn_draws_a_line_a_photograph() -> None:
    figure = convolution.shift_and_turn({"cat": ([0.5, 1.0], [1.0, 0.25])}, [0, 8], [0, 180])
    lines = [list(line.get_ydata()) for ax in figure.axes for line in ax.lines]
    assert lines == [[0.5, 1.0], [1.0, 0.25]]


def test_photographs_are_shown_as_a_jpeg_of_the_figures_size(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    monkeypatch.setattr("IPython.display.display", lambda data, **about: sent.append((data, about)))
    figure = Figure(figsize=(3, 2), dpi=100)
    convolution.show_photographs(figure, "a page with nothing on it")
    ((data, about),) = sent
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/jpeg"])))
    assert picture.format == "JPEG" and picture.size == (300, 200)
    want = {"alt": "a page with nothing on it", "width": 300, "height": 200}
    assert about["metadata"]["image/jpeg"] == want
    with pytest.raises(ValueError, match="alt"):
        convolution.show_photographs(figure, "")
