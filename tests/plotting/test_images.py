"""Pictures: what `to_image` takes and refuses, grids, boxes, masks, labels."""

import numpy as np
import pytest
import torch

from lecture_utils import plotting
from lecture_utils.plotting.display import pixels


@pytest.mark.parametrize("shape", [(3, 5, 7), (5, 7, 3), (5, 7), (1, 5, 7), (5, 7, 1)])
def test_to_image_gives_height_width_three(shape):
    assert plotting.to_image(torch.rand(shape)).shape == (5, 7, 3)


def test_to_image_keeps_channels_in_place():
    image = torch.zeros(3, 4, 6)
    image[1, 2, 5] = 1
    got = plotting.to_image(image.requires_grad_())
    assert got[2, 5].tolist() == [0, 1, 0] and got.sum() == 1
    assert np.array_equal(plotting.to_image(got), got)
    assert plotting.to_image(np.full((4, 6, 3), 255, np.uint8)).max() == 1


@pytest.mark.parametrize("width", [1, 3])
def test_to_image_reads_narrow_pictures_with_channels_first(width):
    assert plotting.to_image(torch.rand(3, 9, width)).shape == (9, width, 3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.rand(2, 5, 7), r"got \(2, 5, 7\)"),
        (torch.rand(1, 3, 5, 7), r"got \(1, 3, 5, 7\)"),
        (torch.zeros(3, 0, 4), "got"),
        (torch.rand(3, 4, 4) * 2 + 1, "values in"),
        (torch.full((3, 4, 4), float("nan")), "NaN"),
        (np.full((4, 4, 3), 200), "values in"),
    ],
)
def test_to_image_refuses_with_what_it_got(value, message):
    with pytest.raises(ValueError, match=message):
        plotting.to_image(value)


def test_image_grid_holds_every_picture_and_title():
    fig = plotting.image_grid(torch.rand(5, 3, 8, 8), list("abcde"), columns=3, suptitle="Five")
    axes = [ax for ax in fig.axes if ax.images]
    assert [ax.get_title() for ax in axes] == list("abcde") and fig.get_suptitle() == "Five"
    with pytest.raises(ValueError, match="2 titles for 5"):
        plotting.image_grid(torch.rand(5, 3, 8, 8), ["a", "b"])
    with pytest.raises(ValueError, match="at least one"):
        plotting.image_grid([])


def test_mask_overlay_colours_the_mask_only():
    image, mask = torch.full((3, 4, 4), 0.5), torch.zeros(4, 4, dtype=torch.bool)
    mask[1:3, 1:3] = True
    got = plotting.mask_overlay(image, mask)
    assert np.array_equal((got != 0.5).any(-1), mask.numpy())
    with pytest.raises(ValueError, match=r"\(4, 4\), got \(5, 4\)"):
        plotting.mask_overlay(image, torch.zeros(5, 4))


def test_labels_have_fixed_distinct_colours():
    table = plotting.label_palette(16, 4)
    assert len(np.unique(table, axis=0)) == 16
    assert np.array_equal(
        plotting.colour_labels(np.array([[0, 1], [-1, 1]]), table)[1], [[1, 1, 1], table[1]]
    )


def test_signed_image_is_white_at_zero_and_warm_above():
    got = plotting.signed_image(np.array([[0.0, 2.0, -2.0]]))
    assert got[0, 0].tolist() == [1, 1, 1]
    assert got[0, 1, 0] > got[0, 1, 2] and got[0, 2, 2] > got[0, 2, 0]
    assert np.isfinite(plotting.signed_image(np.zeros((2, 2)))).all()


def test_feature_maps_and_filters_draw_and_refuse():
    assert len([ax for ax in plotting.feature_maps(torch.randn(5, 6, 6)).axes if ax.images]) == 5
    assert pixels(plotting.filters(torch.randn(4, 3, 3, 3))).size
    assert pixels(plotting.filters(torch.randn(4, 8, 3, 3))).size
    with pytest.raises(ValueError, match=r"\(C, H, W\), got \(1, 5, 6, 6\)"):
        plotting.feature_maps(torch.randn(1, 5, 6, 6))
    with pytest.raises(ValueError, match=r"\(O, C, kh, kw\), got \(3, 3\)"):
        plotting.filters(torch.randn(3, 3))
