"""Drawing explanations: heat maps, spotlights, outlines and points."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from lecture_utils.chapters.ch04 import figures as explain


def test_heat_is_hottest_where_the_map_is_largest_and_cold_below_zero() -> None:
    image, values = torch.full((3, 4, 5), 0.5), torch.zeros(4, 5)
    values[1, 2], values[3, 3] = 2.0, -5.0
    drawn = explain.heat(image, values)
    assert drawn.shape == (4, 5, 3) and drawn.min() >= 0 and drawn.max() <= 1
    light = drawn.sum(-1)
    assert np.unravel_index(light.argmax(), light.shape) == (1, 2)
    np.testing.assert_allclose(drawn[3, 3], drawn[0, 0])  # negative counts as nothing
    np.testing.assert_array_equal(explain.heat(image, values * 3), drawn)  # only the shape of the map counts
    assert np.isfinite(explain.heat(image, torch.zeros(4, 5))).all()


def test_signed_heat_tells_for_from_against() -> None:
    values = torch.tensor([[1.0, 0.0, -1.0, 0.0]]).repeat(4, 1)
    red, none, blue, _ = explain.signed_heat(torch.full((3, 4, 4), 0.5), values)[0]
    assert red[0] > red[2] and blue[2] > blue[0] and np.ptp(none) < 1e-6


def test_spotlight_keeps_the_mask_and_darkens_the_rest() -> None:
    image = torch.rand(3, 2, 2)
    drawn = explain.spotlight(image, torch.tensor([[True, False], [False, True]]), dark=0.5)
    want = explain.few(image)
    assert np.abs(want - image.permute(1, 2, 0).numpy()).max() <= 0.5 / (explain.LEVELS - 1) + 1e-6
    np.testing.assert_allclose(drawn[0, 0], want[0, 0], atol=1e-6)
    np.testing.assert_allclose(drawn[0, 1], 0.5 * want[0, 1], atol=1e-6)


@pytest.mark.parametrize("draw", [explain.heat, explain.signed_heat, explain.spotlight])
def test_a_map_of_another_size_is_refused(draw) -> None:
    with pytest.raises(ValueError, match=r"\(4, 4\), got \(2, 2\)"):
        draw(torch.zeros(3, 4, 4), torch.zeros(2, 2))


def test_outline_follows_the_mask_up_to_the_border() -> None:
    ax = Figure().subplots()
    mask = torch.zeros(6, 6, dtype=torch.bool)
    mask[2:, 2:] = True
    explain.outline(ax, mask)
    corners = ax.collections[0].get_paths()[0].vertices
    assert corners.min() == pytest.approx(1.5) and corners.max() == pytest.approx(5.5)
    explain.outline(ax, torch.zeros(6, 6, dtype=torch.bool))
    assert len(ax.collections) == 1


def test_points_are_named_once_a_label_and_refuse_what_does_not_fit() -> None:
    ax = Figure().subplots()
    explain.points(ax, torch.randn(6, 2), torch.tensor([0, 0, 1, 1, 1, 2]), ["a", "b", "c"])
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c"]
    with pytest.raises(ValueError, match="0 to 1"):
        explain.points(ax, torch.randn(3, 2), torch.tensor([0, 1, 2]), ["a", "b"])
    with pytest.raises(ValueError, match=r"\(N, 2\)"):
        explain.points(ax, torch.randn(3, 3), torch.tensor([0, 1, 2]), ["a", "b", "c"])
