"""S01.1: the plain convolution that chapter 01 shows does what the one with all options does."""

import pytest
import torch

from lecture_utils.ops import convolution, convolution_plain

pytestmark = pytest.mark.system("S01.1")

# input (B, C, H, W), weight (O, C, kh, kw), settings
CASES = [
    ((2, 3, 7, 9), (4, 3, 3, 3), {}),
    ((1, 2, 8, 5), (3, 2, 1, 1), {"stride": 2}),
    ((2, 3, 11, 8), (2, 3, 3, 2), {"stride": 3, "padding": 1}),
    ((1, 2, 6, 7), (3, 2, 4, 1), {"padding": 2}),
]


@pytest.mark.parametrize(("image", "kernel", "settings"), CASES)
@pytest.mark.parametrize("name", ["conv2d", "conv2d_loops"])
def test_forwards(
    image: tuple[int, ...], kernel: tuple[int, ...], settings: dict[str, int], name: str
) -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(image), torch.randn(kernel), torch.randn(kernel[0])
    for extra in (None, bias):
        ours = getattr(convolution_plain, name)(x, weight, extra, **settings)
        torch.testing.assert_close(ours, convolution.conv2d(x, weight, extra, **settings))


@pytest.mark.parametrize(("image", "kernel", "settings"), CASES)
def test_columns_and_backwards(
    image: tuple[int, ...], kernel: tuple[int, ...], settings: dict[str, int]
) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(image), torch.randn(kernel)
    size = (kernel[2], kernel[3])
    columns = convolution_plain.im2col(x, size, **settings)
    assert torch.equal(columns, convolution.im2col(x, size, **settings))
    grad_out = torch.randn_like(convolution.conv2d(x, weight, **settings))
    ours = convolution_plain.conv2d_backward(grad_out, x, weight, **settings)
    for mine, theirs in zip(ours, convolution.conv2d_backward(grad_out, x, weight, **settings), strict=True):
        torch.testing.assert_close(mine, theirs)
