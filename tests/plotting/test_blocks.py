"""Boxes and arrows stand where they are put."""

import pytest

from lecture_utils.plotting.blocks import arrow, box, page, plus, way_round
from lecture_utils.plotting.display import pixels


def test_a_page_is_measured_in_inches() -> None:
    fig, ax = page(4, 2)
    assert ax.get_xlim() == (0, 4) and ax.get_ylim() == (0, 2) and pixels(fig, 50).shape == (100, 200, 3)


def test_boxes_arrows_and_additions() -> None:
    ax = page(4, 2)[1]
    box(ax, (1, 1), "conv", "#0072B2", width=1.0, height=0.4)
    arrow(ax, (2, 1), (3, 1))
    way_round(ax, (1, 1.8), (1, 0.2), 3.5)
    plus(ax, (2, 0.5))
    assert [t.get_text() for t in ax.texts] == ["conv", "⊕", "⊕"]
    outline = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert (outline.x0 + outline.x1) / 2 == pytest.approx(1) and outline.width == pytest.approx(
        1.04, abs=0.02
    )
    assert ax.lines[0].get_xdata().tolist() == [1, 3.5, 3.5, 1]
