"""S00.2: colour spaces against scikit-image and the standard library."""

import colorsys
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import skimage.color
import torch
from torch import Tensor

from lecture_utils.imaging.colour import BT601, BT709, hsv_to_rgb, rgb_to_hsv, rgb_to_luma

pytestmark = pytest.mark.system("S00.2")


def cube(n: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """All colours of an n × n × n grid as an image (3, n, n²), with greys, primaries, ties and black."""
    return (
        torch.cartesian_prod(*3 * [torch.linspace(0, 1, n, dtype=dtype)]).T.reshape(3, n, n * n).contiguous()
    )


def by_skimage(function: Callable[..., np.ndarray], image: Tensor) -> Tensor:
    return torch.from_numpy(np.moveaxis(function(np.moveaxis(image.numpy(), -3, -1)), -1, -3))


def circle_distance(a: Tensor, b: Tensor) -> Tensor:
    return torch.minimum((a - b).abs(), 1 - (a - b).abs())


@pytest.mark.parametrize("n", [2, 5, 16])
def test_hsv_equals_skimage(n: int) -> None:
    image = cube(n)
    torch.testing.assert_close(
        rgb_to_hsv(image), by_skimage(skimage.color.rgb2hsv, image), rtol=0, atol=1e-12
    )
    torch.testing.assert_close(
        hsv_to_rgb(image), by_skimage(skimage.color.hsv2rgb, image), rtol=0, atol=1e-12
    )


def test_hsv_equals_skimage_in_float32() -> None:
    image = torch.rand(2, 4, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    want = by_skimage(skimage.color.rgb2hsv, image)
    got = rgb_to_hsv(image)
    assert float(circle_distance(got[..., 0, :, :], want[..., 0, :, :]).max()) < 1e-5
    torch.testing.assert_close(got[..., 1:, :, :], want[..., 1:, :, :], rtol=0, atol=1e-5)
    torch.testing.assert_close(hsv_to_rgb(image), by_skimage(skimage.color.hsv2rgb, image), rtol=0, atol=1e-5)


def test_hsv_equals_the_standard_library() -> None:
    image = cube(4)
    hsv, rgb = rgb_to_hsv(image).flatten(1).T, hsv_to_rgb(image).flatten(1).T
    for pixel, to_hsv, to_rgb in zip(image.flatten(1).T.tolist(), hsv.tolist(), rgb.tolist(), strict=True):
        assert to_hsv == pytest.approx(colorsys.rgb_to_hsv(*pixel), abs=1e-12)
        assert to_rgb == pytest.approx(colorsys.hsv_to_rgb(*pixel), abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_round_trip(dtype: torch.dtype) -> None:
    image = cube(11, dtype)
    torch.testing.assert_close(hsv_to_rgb(rgb_to_hsv(image)), image, rtol=0, atol=1e-5)
    assert rgb_to_hsv(image).dtype == hsv_to_rgb(image).dtype == dtype


def test_hue_ignores_brightness_and_turns_with_the_channels() -> None:
    image = torch.rand(3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    hsv, darker, turned = rgb_to_hsv(image), rgb_to_hsv(image * 0.5), rgb_to_hsv(image.roll(1, dims=0))
    torch.testing.assert_close(hsv[:2], darker[:2])
    torch.testing.assert_close(hsv[2] / 2, darker[2])
    difference = circle_distance((hsv[0] + 1 / 3) % 1, turned[0])  # red → green → blue: a third of the circle
    torch.testing.assert_close(difference, torch.zeros_like(difference), rtol=0, atol=1e-12)


def test_luma_equals_skimage() -> None:
    image = torch.rand(2, 3, 9, 7, dtype=torch.float64)
    yuv = by_skimage(skimage.color.rgb2yuv, image)
    torch.testing.assert_close(rgb_to_luma(image), yuv[:, :1], rtol=0, atol=1e-9)
    grey = torch.from_numpy(skimage.color.rgb2gray(image.movedim(1, -1).numpy()))[:, None]
    # scikit-image rounds BT.709 to 0.2125, 0.7154, 0.0721.
    torch.testing.assert_close(rgb_to_luma(image, (0.2125, 0.7154, 0.0721)), grey, rtol=0, atol=1e-12)
    torch.testing.assert_close(rgb_to_luma(image, BT709), grey, rtol=0, atol=5e-4)


@pytest.mark.parametrize("weights", [BT601, BT709])
def test_luma_of_grey_is_the_grey(weights: tuple[float, float, float]) -> None:
    grey = torch.rand(1, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(rgb_to_luma(grey.expand(3, -1, -1), weights), grey)


@pytest.mark.parametrize("function", [rgb_to_hsv, hsv_to_rgb, rgb_to_luma])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_any_leading_axes_odd_sizes_and_devices(function: Callable[[Tensor], Tensor], device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA")
    batch = torch.rand(2, 2, 3, 5, 1)
    together = function(batch.to(device)).cpu()
    assert together.shape == (2, 2, 1 if function is rgb_to_luma else 3, 5, 1)
    for i, j in np.ndindex(2, 2):
        torch.testing.assert_close(function(batch[i, j]), together[i, j], rtol=1e-6, atol=1e-6)


IMAGE = torch.rand(3, 4, 4)
BAD: list[tuple[Any, str]] = [
    (IMAGE.numpy(), "got ndarray, want a floating-point torch.Tensor"),
    ((IMAGE * 255).byte(), "got dtype torch.uint8, want a floating-point type; divide"),
    (IMAGE * 255, r"want all in \[0, 1\]"),
    (IMAGE - 1, r"want all in \[0, 1\]"),
    (torch.cat([IMAGE, torch.full((3, 1, 4), math.nan)], dim=1), "got values from nan to nan"),
    (IMAGE[:2], r"got shape \(2, 4, 4\), want \(…, 3, H, W\)"),
    (IMAGE[0], r"got shape \(4, 4\)"),
    (IMAGE.movedim(0, -1), "the channels come first here"),
]


@pytest.mark.parametrize("function", [rgb_to_hsv, hsv_to_rgb, rgb_to_luma])
@pytest.mark.parametrize(("image", "message"), BAD)
def test_bad_input_is_named(function: Callable[[Any], Tensor], image: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(image)


def test_hue_may_round_up_to_red() -> None:
    """The mathematical hue is a trace below 1; float32 has nothing between."""
    hue = rgb_to_hsv(torch.tensor([1.0, 0.0, 1e-9])[:, None, None])[0]
    assert hue.item() == 1.0
    torch.testing.assert_close(
        hsv_to_rgb(torch.tensor([1.0, 1, 1])[:, None, None]).flatten(), torch.tensor([1.0, 0, 0])
    )


def test_bad_weights_are_named() -> None:
    with pytest.raises(ValueError, match="weights: got"):
        rgb_to_luma(IMAGE, (math.nan, 0, 0))
    with pytest.raises(ValueError, match=r"weights: got \(1, 1, 1\), want three numbers with sum 1"):
        rgb_to_luma(IMAGE, (1, 1, 1))
