"""Maps over pictures: hot is high everywhere, and nothing is hidden in the dark."""

import numpy as np
import pytest
import torch

from lecture_utils.plotting.images import few
from lecture_utils.plotting.overlays import dim_outside, heat_overlay, signed_overlay


def luma(drawn: np.ndarray) -> np.ndarray:
    return drawn @ np.array([0.299, 0.587, 0.114])


def test_heat_is_hottest_where_the_map_is_largest_and_none_below_zero() -> None:
    image, values = torch.full((3, 4, 5), 0.5), torch.zeros(4, 5)
    values[1, 2], values[3, 3] = 2.0, -5.0
    drawn = heat_overlay(image, values)
    assert drawn.shape == (4, 5, 3) and drawn.min() >= 0 and drawn.max() <= 1
    light = drawn.sum(-1)
    assert np.unravel_index(light.argmax(), light.shape) == (1, 2)
    np.testing.assert_allclose(drawn[3, 3], drawn[0, 0])  # negative counts as nothing
    np.testing.assert_array_equal(heat_overlay(image, values * 3), drawn)  # only the map's shape counts
    assert np.isfinite(heat_overlay(image, torch.zeros(4, 5))).all()


@pytest.mark.parametrize("ground", [0.0, 0.5, 1.0])
def test_more_heat_is_lighter_and_warm_on_every_ground(ground: float) -> None:
    drawn = heat_overlay(torch.full((3, 1, 16), ground), torch.linspace(0, 1, 16)[None])[0]
    assert (np.diff(luma(drawn))[6:] > 0).all()
    warmth = drawn[:, 0] - drawn[:, 2]  # red less blue
    assert (warmth[6:] > 0.05).all() and abs(warmth[0]) < 1e-6


def test_the_picture_stays_in_sight_where_no_heat_is() -> None:
    image = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    drawn = heat_overlay(image, torch.zeros(8, 8))
    assert np.ptp(drawn, axis=-1).max() < 1e-6  # grey
    grey = luma(image.permute(1, 2, 0).numpy())
    assert (
        np.corrcoef(luma(drawn).ravel(), grey.ravel())[0, 1] > 0.99 and luma(drawn).max() > 0.5 * grey.max()
    )


def test_a_grid_of_patches_covers_the_picture() -> None:
    image, weights = torch.full((3, 6, 9), 0.5), torch.tensor([[1.0, 0.0, 0.5], [0.0, 0.0, 0.0]])
    want = heat_overlay(image, weights.repeat_interleave(3, 0).repeat_interleave(3, 1))
    np.testing.assert_array_equal(heat_overlay(image, weights), want)


def test_a_limit_makes_maps_comparable() -> None:
    image, values = torch.full((3, 2, 2), 0.5), torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(
        heat_overlay(image, values, 2.0)[0, 0], heat_overlay(image, 0.5 * values, 1.0)[0, 0]
    )


def test_signed_heat_tells_for_from_against() -> None:
    values = torch.tensor([[1.0, 0.0, -1.0, 0.0]]).repeat(4, 1)
    red, none, blue, _ = signed_overlay(torch.full((3, 4, 4), 0.5), values)[0]
    assert red[0] > red[2] and blue[2] > blue[0] and np.ptp(none) < 1e-6


def test_outside_a_mask_it_is_dim() -> None:
    image = torch.rand(3, 2, 2)
    drawn, want = dim_outside(image, torch.tensor([[True, False], [False, True]]), dark=0.5), few(image)
    np.testing.assert_allclose(drawn[0, 0], want[0, 0], atol=1e-6)
    np.testing.assert_allclose(drawn[0, 1], 0.5 * want[0, 1], atol=1e-6)


@pytest.mark.parametrize("draw", [heat_overlay, signed_overlay, dim_outside])
@pytest.mark.parametrize("shape", [(3, 3), (4,), (0, 4), (8, 8), (1, 4, 4)])
def test_a_map_that_does_not_fit_is_refused(draw, shape) -> None:
    with pytest.raises(ValueError, match=r"map: got shape .* want the picture's \(4, 4\)"):
        draw(torch.zeros(3, 4, 4), torch.zeros(shape))
    with pytest.raises(ValueError, match="NaN"):
        draw(torch.zeros(3, 4, 4), torch.full((4, 4), float("nan")))
