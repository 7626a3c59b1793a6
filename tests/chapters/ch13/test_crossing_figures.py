"""Part b's figures: what they are given stands in them, and what does not fit is refused."""

from typing import Any

import pytest
import torch
from matplotlib.figure import Figure

from lecture_utils.chapters.ch13 import crossing_figures as figures

PICTURES = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def bars(ax: Any) -> list[float]:
    """The lengths of an axes' bars."""
    return [bar.get_width() for bar in ax.patches]


def picture_in(fig: Figure, panel: int) -> Any:
    """The picture that a panel shows, (H, W, 3)."""
    return fig.axes[panel].images[0].get_array()


def test_what_was_found_is_framed_by_whether_it_is_right() -> None:
    order = torch.tensor([[0, 1], [2, 3]])
    right = torch.tensor([[True, False], [False, True]])
    fig = figures.heard_and_found(torch.rand(2, 8, 9), ("a", "b"), PICTURES, order, right, "title")
    framed = [ax for ax in fig.axes if ax.spines["left"].get_visible()]
    colours = [ax.spines["left"].get_edgecolor() for ax in framed]
    assert len(framed) == 4
    assert colours[0] == colours[3] != colours[1] == colours[2]
    with pytest.raises(ValueError, match="order"):
        figures.heard_and_found(torch.rand(1, 8, 9), ("a", "b"), PICTURES, order, right, "title")


def test_bars_are_as_long_as_the_shares() -> None:
    table = {"one": {"x": 0.25, "y": 0.5}, "two": {"x": 1.0, "y": 0.75}}
    (ax,) = figures.share_bars(table, "title", chance=0.125).axes
    assert sorted(bars(ax)) == [0.25, 0.5, 0.75, 1.0]
    assert list(ax.lines[0].get_xdata()) == [0.125, 0.125]  # type: ignore[arg-type]


def test_opinions_are_drawn_beside_the_picture() -> None:
    shares = {"model": torch.tensor([0.9, 0.1]), "CLIP": torch.tensor([0.2, 0.8])}
    fig = figures.pulled_figure(PICTURES[0], "a photo of a", [" red", " blue"], shares)
    assert bars(fig.axes[2]) == pytest.approx([0.2, 0.8])


def test_rows_have_as_many_pictures_each() -> None:
    fig = figures.rows_figure({"a": PICTURES, "b": PICTURES}, "title", notes={"b": list("uvwxyz")})
    assert len(fig.axes) == 14
    assert [ax.get_xlabel() for ax in fig.axes[8:]] == list("uvwxyz")
    with pytest.raises(ValueError, match="as many in each"):
        figures.rows_figure({"a": PICTURES, "b": PICTURES[:2]}, "title")


def test_attention_is_laid_where_it_looks() -> None:
    attention = torch.zeros(5, 64)
    attention[4, 0] = 1.0  # the last step looks at the upper left corner
    attention[:4, 63] = 1.0
    fig = figures.looking_figure(PICTURES[0], attention, (0, 1), "title")
    first, last = picture_in(fig, 1), picture_in(fig, 2)

    def warmth(x: Any) -> float:
        """Red less blue: a grey pixel has none."""
        return float((x[..., 0] - x[..., 2]).mean())

    assert warmth(last[:4, :4]) > warmth(last[-4:, -4:])
    assert warmth(first[-4:, -4:]) > warmth(first[:4, :4])
    with pytest.raises(ValueError, match="square"):
        figures.looking_figure(PICTURES[0], torch.rand(5, 10), (0,), "title")


def test_a_voice_at_chance_has_no_bar_and_a_perfect_one_reaches_one() -> None:
    known = {"voice": {"skin": 0.25, "age": 1.0}, "face": {"skin": 1.0, "age": 1.0}}
    (ax,) = figures.told_figure(known, {"skin": 4, "age": 6}, "title").axes
    assert bars(ax) == pytest.approx([1.0, 1.0, 0.0, 1.0])
