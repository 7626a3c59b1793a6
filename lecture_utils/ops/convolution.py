"""Convolution three times: its definition in loops, one matrix product, and its derivatives by hand.

What deep learning calls convolution is cross-correlation: the kernel is not flipped. V. Dumoulin, F. Visin,
"A guide to convolution arithmetic for deep learning", 2016, gives the sizes; lowering to a matrix product is
K. Chellapilla, S. Puri, P. Simard, "High Performance Convolutional Neural Networks for Document Processing",
2006.

Simplified: stride, padding and dilation are one integer for both axes; padding is with zeros.

Shapes: B batch, C input channels, O output channels, G groups, H × W image, kh × kw kernel, h × w output,
L = h·w.
"""

import numpy as np
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from lecture_utils.ops.checks import check_float, check_images, check_sizes, check_type


def conv_output_size(size: int, kernel: int, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """How many positions a kernel takes along an axis of `size` pixels.

    A kernel of k taps, `dilation` apart, spans dilation·(k − 1) + 1 pixels. It starts at pixel 0 of the
    padded axis and moves on by `stride` as long as it fits.

    Raises
    ------
    ValueError
        When a setting is out of range, or the kernel spans more than the padded axis.
    """
    check_sizes("convolution", size=size, kernel=kernel, stride=stride, dilation=dilation)
    check_sizes("convolution", least=0, padding=padding)
    span, padded = dilation * (kernel - 1) + 1, size + 2 * padding
    if span > padded:
        raise ValueError(
            f"convolution: got a kernel that spans {span} pixels, want at most {padded}, the padded axis"
        )
    return (padded - span) // stride + 1


def conv_output_shape(
    x: Tensor, weight: Tensor, bias: Tensor | None, *, stride: int, padding: int, dilation: int, groups: int
) -> tuple[int, int, int, int]:
    """Check that the arguments of a convolution fit together; answer the shape (B, O, h, w) of its output."""
    check_images(x, maps=True)
    check_float(weight, name="weight")
    check_type(x, weight)
    batch, channels, height, width = x.shape
    if groups not in range(1, channels + 1) or channels % groups:
        raise ValueError(f"groups: got {groups}, want a positive divisor of the {channels} input channels")
    filters = 0 if weight.ndim != 4 or weight.shape[1] != channels // groups else weight.shape[0]
    if filters < 1 or filters % groups:
        want = f"(O, {channels // groups}, kh, kw) with O a multiple of {groups}"
        raise ValueError(f"weight: got shape {tuple(weight.shape)}, want {want} for input {tuple(x.shape)}")
    if bias is not None:
        check_float(bias, name="bias")
        check_type(bias, weight, name="bias")
        if bias.shape != weight.shape[:1]:
            raise ValueError(f"bias: got shape {tuple(bias.shape)}, want ({weight.shape[0]},)")
    h = conv_output_size(height, weight.shape[2], stride=stride, padding=padding, dilation=dilation)
    w = conv_output_size(width, weight.shape[3], stride=stride, padding=padding, dilation=dilation)
    return batch, weight.shape[0], h, w


def conv2d_loops(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution as its definition: at every place, multiply the patch with the filter and add up.

    Parameters
    ----------
    x : Tensor
        (B, C, H, W), floating point.
    weight : Tensor
        (O, C / groups, kh, kw).
    bias : Tensor, optional
        (O,).
    stride, padding, dilation, groups : int
        Pixels between places; zeros around the image; pixels between taps; independent bands of channels.

    Returns
    -------
    Tensor
        (B, O, h, w), sizes by `conv_output_size`.

    Raises
    ------
    ValueError
        When shapes, types or settings do not fit together.
    """
    settings = {"stride": stride, "padding": padding, "dilation": dilation}
    shape = conv_output_shape(x, weight, bias, **settings, groups=groups)
    out = x.new_zeros(shape)  # (B, O, h, w)
    x = F.pad(x, (padding, padding, padding, padding))  # (B, C, H + 2p, W + 2p)
    filters, band, kh, kw = weight.shape  # band = C / groups: the channels one filter sees
    for b, o, i, j in np.ndindex(*out.shape):
        first = o // (filters // groups) * band  # first channel of the filter's group
        rows = slice(i * stride, i * stride + dilation * (kh - 1) + 1, dilation)
        columns = slice(j * stride, j * stride + dilation * (kw - 1) + 1, dilation)
        patch = x[b, first : first + band, rows, columns]  # (band, kh, kw)
        out[b, o, i, j] = (patch * weight[o]).sum()
    return out if bias is None else out + bias[:, None, None]


def im2col(
    x: Tensor, kernel_size: tuple[int, int], *, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """Lay every patch that a kernel visits into a column.

    Parameters
    ----------
    x : Tensor
        (B, C, H, W), floating point.
    kernel_size : tuple of int
        (kh, kw).
    stride, padding, dilation : int
        As for `conv2d`.

    Returns
    -------
    Tensor
        (B, C·kh·kw, L). Within a column: channel, then row, then column of the patch. Columns go row by row
        over the image.

    Raises
    ------
    ValueError
        When shape, type or settings do not fit together.
    """
    check_images(x, maps=True)
    kh, kw = kernel_size
    h = conv_output_size(x.shape[2], kh, stride=stride, padding=padding, dilation=dilation)
    w = conv_output_size(x.shape[3], kw, stride=stride, padding=padding, dilation=dilation)
    x = F.pad(x, (padding, padding, padding, padding))
    sb, sc, sy, sx = x.stride()  # steps in memory to the next image, channel, row and column
    steps = (sb, sc, sy * dilation, sx * dilation, sy * stride, sx * stride)
    patches = x.as_strided((*x.shape[:2], kh, kw, h, w), steps)  # (B, C, kh, kw, h, w): a view
    return rearrange(patches, "b c kh kw h w -> b (c kh kw) (h w)")


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution as one matrix product: filters laid in rows, patches laid in columns.

    Parameters, result and errors are those of `conv2d_loops`.
    """
    settings = {"stride": stride, "padding": padding, "dilation": dilation}
    _, _, h, w = conv_output_shape(x, weight, bias, **settings, groups=groups)
    _, _, kh, kw = weight.shape
    columns = im2col(x, (kh, kw), **settings)  # (B, C·kh·kw, L)
    columns = rearrange(columns, "b (g r) l -> b g r l", g=groups)
    filters = rearrange(weight, "(g o) c kh kw -> g o (c kh kw)", g=groups)
    out = filters @ columns  # (G, O/G, r) @ (B, G, r, L) -> (B, G, O/G, L)
    out = rearrange(out, "b g o (h w) -> b (g o) h w", h=h, w=w)
    return out if bias is None else out + bias[:, None, None]


def col2im(
    columns: Tensor,
    image_size: tuple[int, int],
    kernel_size: tuple[int, int],
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    """Add every column back to the pixels it came from: the transpose (not the inverse) of `im2col`.

    Parameters
    ----------
    columns : Tensor
        (B, C·kh·kw, L).
    image_size, kernel_size : tuple of int
        (H, W) of the result and (kh, kw).

    Returns
    -------
    Tensor
        (B, C, H, W). A pixel that n patches share receives n contributions.

    Raises
    ------
    ValueError
        When shapes, types or settings do not fit together.
    """
    check_float(columns, name="columns")
    (height, width), (kh, kw) = image_size, kernel_size
    h = conv_output_size(height, kh, stride=stride, padding=padding, dilation=dilation)
    w = conv_output_size(width, kw, stride=stride, padding=padding, dilation=dilation)
    if columns.ndim != 3 or 0 in columns.shape or columns.shape[1] % (kh * kw) or columns.shape[2] != h * w:
        raise ValueError(f"columns: got shape {tuple(columns.shape)}, want (B, C·{kh * kw}, {h * w})")
    patches = rearrange(columns, "b (c kh kw) (h w) -> b c kh kw h w", kh=kh, kw=kw, h=h)
    image = columns.new_zeros(*patches.shape[:2], height + 2 * padding, width + 2 * padding)
    for u, v in np.ndindex(kh, kw):  # tap (u, v) of all patches at once: they touch different pixels
        rows = slice(u * dilation, u * dilation + stride * (h - 1) + 1, stride)
        cols = slice(v * dilation, v * dilation + stride * (w - 1) + 1, stride)
        image[:, :, rows, cols] += patches[:, :, u, v]
    return image[:, :, padding : padding + height, padding : padding + width]


def conv2d_backward(
    grad_out: Tensor,
    x: Tensor,
    weight: Tensor,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of a convolution, by the chain rule for `out = filters @ columns + bias`.

    Parameters
    ----------
    grad_out : Tensor
        (B, O, h, w): derivative of the loss by each output value.
    x, weight, stride, padding, dilation, groups
        As given to `conv2d`.

    Returns
    -------
    grad_x, grad_weight, grad_bias : Tensor
        (B, C, H, W), (O, C / groups, kh, kw) and (O,).

    Raises
    ------
    ValueError
        When shapes, types or settings do not fit together.
    """
    settings = {"stride": stride, "padding": padding, "dilation": dilation}
    shape = conv_output_shape(x, weight, None, **settings, groups=groups)
    check_float(grad_out, name="grad_out")
    check_type(grad_out, weight, name="grad_out")
    if grad_out.shape != shape:
        raise ValueError(f"grad_out: got shape {tuple(grad_out.shape)}, want {shape}, the output's")
    (_, _, height, width), (_, _, kh, kw) = x.shape, weight.shape
    columns = rearrange(im2col(x, (kh, kw), **settings), "b (g r) l -> b g r l", g=groups)
    filters = rearrange(weight, "(g o) c kh kw -> g o (c kh kw)", g=groups)
    grad = rearrange(grad_out, "b (g o) h w -> b g o (h w)", g=groups)

    grad_bias = grad_out.sum(dim=(0, 2, 3))  # (O,): the bias is added at every place
    grad_filters = (grad @ columns.mT).sum(dim=0)  # (B, G, O/G, L) @ (B, G, L, r) -> (G, O/G, r)
    grad_columns = filters.mT @ grad  # (G, r, O/G) @ (B, G, O/G, L) -> (B, G, r, L)
    grad_columns = rearrange(grad_columns, "b g r l -> b (g r) l")
    grad_x = col2im(grad_columns, (height, width), (kh, kw), **settings)
    return grad_x, grad_filters.reshape(weight.shape), grad_bias
