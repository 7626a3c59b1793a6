"""S04.7: from a layer's grid to the image, and from tokens to a grid."""

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.explain.maps import patch_grid, to_unit, tokens_to_maps, upsample

pytestmark = pytest.mark.system("S04.7")


def test_upsampling_keeps_a_constant_and_hits_the_size() -> None:
    maps = torch.tensor([[[1.0, 1], [1, 1], [1, 1]], [[0, 1], [0, 1], [0, 1]]])
    got = upsample(maps, (9, 8))
    assert got.shape == (2, 9, 8) and bool((got[0] == 1).all())
    assert bool((got[1].diff(dim=1) >= 0).all()) and bool((got[1].diff(dim=0) == 0).all())
    torch.testing.assert_close(got[1, 0], torch.tensor([0, 0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1, 1]))
    nearest = upsample(maps, 6, mode="nearest")
    assert torch.equal(nearest[1, 0], torch.tensor([0.0, 0, 0, 1, 1, 1]))


def test_to_unit() -> None:
    maps = torch.tensor([[[-2.0, 0], [2, 0]], [[5, 5], [5, 5]]], dtype=torch.float64)
    want = torch.tensor([[[0, 0.5], [1, 0.5]], [[0, 0], [0, 0]]], dtype=torch.float64)
    assert torch.equal(to_unit(maps), want)


def test_tokens_lie_where_their_patches_were() -> None:
    image = torch.arange(24.0).reshape(1, 1, 4, 6)
    patches = F.unfold(image, 2, stride=2).transpose(1, 2)  # (1, 6, 4), row by row
    tokens = torch.cat([torch.full((1, 1, 4), -1.0), patches], dim=1)
    maps = tokens_to_maps(tokens, (2, 3))
    assert torch.equal(F.pixel_shuffle(maps, 2), image)
    assert patch_grid(48, (4, 12)) == (4, 12)


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\), want \(B, H, W\)"):
        upsample(torch.zeros(2, 2), 4)
    with pytest.raises(ValueError, match="got 'linear'"):
        upsample(torch.zeros(1, 2, 2), 4, mode="linear")
    with pytest.raises(ValueError, match=r"6 patches for 2 × 2 places"):
        tokens_to_maps(torch.zeros(1, 7, 4), (2, 2))
    with pytest.raises(ValueError, match=r"\(7, 4\), want \(B, 1 \+ N, D\)"):
        tokens_to_maps(torch.zeros(7, 4), (2, 3))
    with pytest.raises(ValueError, match=r"grid: got \(-4, -4\)"):
        patch_grid(16, (-4, -4))
    with pytest.raises(ValueError, match=r"4 × 2 for an image of 24 × 48, want both upright or both lying"):
        upsample(torch.zeros(1, 4, 2), (24, 48))
    with pytest.raises(ValueError, match="size, height: got 0, want"):
        upsample(torch.zeros(1, 2, 2), (0, 4))
    with pytest.raises(ValueError, match="floating"):
        to_unit(torch.zeros(1, 2, 2, dtype=torch.uint8))
