"""What chapter 05 shows in place of the package's: the same numbers."""

import pytest
import torch

from lecture_utils.augment import photometric, photometric_plain, warp, warp_plain


@pytest.mark.parametrize("fill", [None, 0.3])
def test_bilinear_sampling_is_the_packages(fill: float | None) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 7, 9, generator=generator)
    grid = 12 * torch.rand(2, 5, 6, 2, generator=generator) - 1.5
    theirs = warp.sample_bilinear(image, grid, fill)
    torch.testing.assert_close(warp_plain.sample_bilinear(image, grid, fill), theirs)
    shifted = warp.sample_bilinear(image, grid + 0.5, fill)
    assert (shifted - theirs).abs().max() > 0.1  # half a pixel would show


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_blends_are_the_packages(name: str) -> None:
    x = torch.rand(3, 3, 5, 4, generator=torch.Generator().manual_seed(1))
    for factor in (0.4, 1.7, torch.tensor([0.2, 1.0, 1.9])):
        plain, theirs = getattr(photometric_plain, name), getattr(photometric, name)
        torch.testing.assert_close(plain(x, factor), theirs(x, factor))
    assert (theirs(x, 0.4) - x).abs().max() > 0.05


def test_contrast_of_grey_pictures() -> None:
    x = torch.rand(2, 1, 5, 4, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(photometric_plain.contrast(x, 0.5), photometric.contrast(x, 0.5))
