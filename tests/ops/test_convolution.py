"""S01.1: convolution by loops, by im2col and its backward pass, against PyTorch's."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.ops.convolution import (
    col2im,
    conv2d,
    conv2d_backward,
    conv2d_loops,
    conv_output_size,
    im2col,
)

pytestmark = pytest.mark.system("S01.1")

# input (B, C, H, W), weight (O, C / groups, kh, kw), settings
CASES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, int]]] = [
    ((2, 3, 7, 9), (4, 3, 3, 3), {}),
    ((1, 1, 5, 5), (1, 1, 5, 5), {}),
    ((1, 2, 8, 5), (3, 2, 1, 1), {"stride": 2}),
    ((2, 3, 11, 8), (2, 3, 3, 2), {"stride": 3, "padding": 1}),
    ((1, 2, 6, 7), (3, 2, 4, 1), {"padding": 2}),
    ((2, 2, 9, 13), (2, 2, 3, 3), {"dilation": 2, "padding": 1}),
    ((1, 1, 12, 10), (2, 1, 2, 3), {"stride": 2, "dilation": 3, "padding": 3}),
    ((2, 4, 7, 7), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
    ((1, 6, 9, 5), (6, 1, 3, 3), {"groups": 6, "stride": 2, "padding": 1, "dilation": 2}),
    ((3, 2, 4, 4), (2, 2, 4, 4), {}),
]
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")),
]


def tensors(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> tuple[torch.Tensor, ...]:
    made = torch.Generator().manual_seed(sum(x_shape) * 100 + sum(w_shape))
    shapes = x_shape, w_shape, w_shape[:1]
    return tuple(torch.randn(s, generator=made, dtype=dtype).to(device) for s in shapes)


@pytest.mark.parametrize(("x_shape", "w_shape", "settings"), CASES)
@pytest.mark.parametrize("convolve", [conv2d_loops, conv2d])
def test_values_equal_pytorch(convolve: Any, x_shape: Any, w_shape: Any, settings: dict[str, int]) -> None:
    x, weight, bias = tensors(x_shape, w_shape)
    torch.testing.assert_close(
        convolve(x, weight, **settings), F.conv2d(x, weight, **settings), rtol=1e-5, atol=1e-5
    )
    want = F.conv2d(x, weight, bias, **settings)
    torch.testing.assert_close(convolve(x, weight, bias, **settings), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("x_shape", "w_shape", "settings"), CASES)
def test_backward_by_hand_equals_autograd(
    x_shape: Any, w_shape: Any, settings: dict[str, int], device: str, dtype: torch.dtype
) -> None:
    leaves = [t.requires_grad_() for t in tensors(x_shape, w_shape, dtype, device)]
    out = F.conv2d(*leaves, **settings)
    grad_out = torch.randn_like(out)
    want = torch.autograd.grad(out, leaves, grad_out)
    got = conv2d_backward(grad_out, leaves[0].detach(), leaves[1].detach(), **settings)
    tolerance = (
        1e-5 if dtype == torch.float32 and device == "cpu" else 1e-10 if dtype == torch.float64 else 1e-3
    )
    for ours, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("convolve", [conv2d_loops, conv2d])
def test_autograd_runs_through_both(convolve: Any) -> None:
    leaves = [t.requires_grad_() for t in tensors((2, 4, 7, 6), (4, 2, 3, 3), torch.float64)]
    settings = {"stride": 2, "padding": 1, "groups": 2}
    got = torch.autograd.grad(convolve(*leaves, **settings).pow(2).sum(), leaves)
    want = torch.autograd.grad(F.conv2d(*leaves, **settings).pow(2).sum(), leaves)
    for ours, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "settings"), [case for case in CASES if "groups" not in case[2]]
)
def test_im2col_and_col2im_equal_unfold_and_fold(
    x_shape: Any, w_shape: Any, settings: dict[str, int]
) -> None:
    x, weight, _ = tensors(x_shape, w_shape)
    kernel = tuple(weight.shape[2:])
    columns = im2col(x, kernel, **settings)
    torch.testing.assert_close(columns, F.unfold(x, kernel, **settings), rtol=0, atol=0)
    image = col2im(columns, x.shape[2:], kernel, **settings)
    torch.testing.assert_close(image, F.fold(columns, x.shape[2:], kernel, **settings), rtol=1e-6, atol=1e-6)


def test_col2im_is_the_transpose_of_im2col() -> None:
    """<im2col(x), c> = <x, col2im(c)> for all x and c."""
    settings = {"stride": 2, "padding": 2, "dilation": 2}
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    columns = im2col(x, (3, 2), **settings)
    c = torch.randn_like(columns)
    torch.testing.assert_close((columns * c).sum(), (x * col2im(c, (9, 8), (3, 2), **settings)).sum())


def test_strided_views_are_read_correctly() -> None:
    """im2col reads memory by strides, so transposed or expanded input must not confuse it."""
    x, weight, bias = tensors((2, 3, 9, 7), (4, 3, 3, 3))
    for view in (
        x.mT,
        x[:, :, ::2, 1:],
        x[:1].expand(4, -1, -1, -1),
        x.to(memory_format=torch.channels_last),
    ):
        for padding in (0, 1):
            got = conv2d(view, weight, bias, padding=padding)
            torch.testing.assert_close(
                got, F.conv2d(view, weight, bias, padding=padding), rtol=1e-5, atol=1e-5
            )


@pytest.mark.parametrize("convolve", [conv2d_loops, conv2d])
@pytest.mark.parametrize(("dy", "dx"), [(1, 0), (0, 2), (2, 3)])
def test_translation_equivariance(convolve: Any, dy: int, dx: int) -> None:
    """A shifted image gives the shifted feature map, wherever no border is in sight."""
    x, weight, bias = tensors((1, 2, 12, 13), (3, 2, 3, 3))
    still = convolve(x, weight, bias)
    moved = convolve(x.roll((dy, dx), dims=(2, 3)), weight, bias)
    torch.testing.assert_close(moved[:, :, dy:, dx:], still[:, :, : 10 - dy, : 11 - dx], rtol=0, atol=1e-6)


def test_it_is_cross_correlation_and_linear() -> None:
    impulse = torch.zeros(1, 1, 5, 5)
    impulse[..., 2, 2] = 1
    weight = torch.arange(9.0).reshape(1, 1, 3, 3)
    # Correlating an impulse with a kernel gives the kernel turned by 180 degrees.
    torch.testing.assert_close(conv2d(impulse, weight), weight.flip(2, 3))
    x, y = torch.randn(2, 1, 1, 5, 5)
    torch.testing.assert_close(conv2d(2 * x + y, weight), 2 * conv2d(x, weight) + conv2d(y, weight))


def test_output_size_counts_the_places() -> None:
    for size in range(1, 12):
        for kernel in range(1, 5):
            for stride in (1, 2, 3):
                for padding in (0, 1, 2):
                    for dilation in (1, 2):
                        span = dilation * (kernel - 1) + 1
                        places = [
                            s for s in range(0, size + 2 * padding, stride) if s + span <= size + 2 * padding
                        ]
                        arguments = {"stride": stride, "padding": padding, "dilation": dilation}
                        if places:
                            assert conv_output_size(size, kernel, **arguments) == len(places)
                        else:
                            with pytest.raises(ValueError, match="span"):
                                conv_output_size(size, kernel, **arguments)


X, W = torch.zeros(1, 3, 6, 6), torch.zeros(4, 3, 3, 3)
BAD: list[tuple[Any, Any, Any, dict[str, int], str]] = [
    (X[0], W, None, {}, r"got shape \(3, 6, 6\), want \(B, C, H, W\); for one image"),
    (X.numpy(), W, None, {}, "got ndarray, want a torch.Tensor"),
    (X.to(torch.uint8), W, None, {}, "got dtype torch.uint8, want a floating-point type; divide"),
    (X, W.to(torch.int64), None, {}, "weight: got dtype torch.int64"),
    (X[:0], W, None, {}, "empty shape"),
    (X.double(), W, None, {}, "got dtype torch.float64, want torch.float32"),
    (X, W, torch.zeros(4).double(), {}, "bias: got dtype torch.float64, want torch.float32"),
    (X, W[:0], None, {}, r"weight: got shape \(0, 3, 3, 3\)"),
    (X, W, None, {"stride": 1.5}, "stride 1.5"),
    (X, W[0], None, {}, r"weight: got shape \(3, 3, 3\), want \(O, 3, kh, kw\)"),
    (X, W[:, :2], None, {}, r"weight: got shape \(4, 2, 3, 3\), want \(O, 3, kh, kw\)"),
    (X, W, torch.zeros(3), {}, r"bias: got shape \(3,\), want \(4,\)"),
    (X, W, None, {"groups": 2}, "groups: got 2, want a positive divisor of the 3"),
    (X, W, None, {"groups": 0}, "groups: got 0"),
    (X, W[:, :1], None, {"groups": 3}, "multiple of 3"),
    (X, W, None, {"stride": 0}, "stride 0"),
    (X, W, None, {"stride": -1}, "stride -1"),
    (X, W, None, {"dilation": 0}, "dilation 0"),
    (X, W, None, {"padding": -1}, "padding -1"),
    (X[..., :2, :], W, None, {}, "spans 3 pixels, want at most 2"),
    (X, W, None, {"dilation": 5, "padding": 1}, "spans 11 pixels, want at most 8"),
]


@pytest.mark.parametrize("convolve", [conv2d_loops, conv2d])
@pytest.mark.parametrize(("x", "weight", "bias", "settings", "message"), BAD)
def test_bad_input_is_named(
    convolve: Any, x: Any, weight: Any, bias: Any, settings: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        convolve(x, weight, bias, **settings)


def test_bad_input_to_the_backward_pass_is_named() -> None:
    with pytest.raises(ValueError, match=r"grad_out: got shape \(1, 4, 3, 3\), want \(1, 4, 4, 4\)"):
        conv2d_backward(torch.zeros(1, 4, 3, 3), X, W)
    with pytest.raises(ValueError, match=r"columns: got shape \(1, 26, 16\), want \(B, C·9, 16\)"):
        col2im(torch.zeros(1, 26, 16), (6, 6), (3, 3))
    with pytest.raises(ValueError, match=r"columns: got dtype torch.uint8"):
        col2im(torch.zeros(1, 27, 16).byte(), (6, 6), (3, 3))
    with pytest.raises(ValueError, match=r"grad_out: got dtype torch.float64"):
        conv2d_backward(torch.zeros(1, 4, 4, 4).double(), X, W)
