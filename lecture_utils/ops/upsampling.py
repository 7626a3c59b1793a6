"""Up-sampling: the transposed convolution, as loops and as a matrix product; bilinear kernels; its overlaps.

A transposed convolution is the gradient of a convolution with respect to its input, used as a layer:
M. Zeiler, D. Krishnan, G. Taylor, R. Fergus, "Deconvolutional Networks", CVPR 2010; sizes as in V. Dumoulin,
F. Visin, "A guide to convolution arithmetic for deep learning", 2016, chapter 4. Bilinear kernels: J. Long,
E. Shelhamer, T. Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section 3.3.
Overlaps: A. Odena, V. Dumoulin, C. Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016.

Simplified: stride, padding, output padding and dilation are one integer for both axes.

Shapes: B batch, C input channels, O output channels, G groups, H × W input, kh × kw kernel, h × w output,
L = H·W.
"""

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from lecture_utils.ops.checks import check_float, check_images, check_sizes
from lecture_utils.ops.convolution import col2im


def conv_transpose_output_size(
    size: int, kernel: int, *, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """How many pixels `size` stamps of a kernel cover, `stride` apart, less the padding that is cut off.

    Several input sizes of a strided convolution give one output size; `output_padding` says which of them to
    come back to.

    Raises
    ------
    ValueError
        When a setting is out of range, or nothing is left.
    """
    check_sizes("transposed convolution", size=size, kernel=kernel, stride=stride, dilation=dilation)
    check_sizes("transposed convolution", least=0, padding=padding, output_padding=output_padding)
    if output_padding and output_padding >= max(stride, dilation):
        want = f"less than {max(stride, dilation)}, the larger of stride and dilation"
        raise ValueError(f"transposed convolution: got output padding {output_padding}, want {want}")
    out = (size - 1) * stride + dilation * (kernel - 1) + 1 - 2 * padding + output_padding
    if out < 1:
        raise ValueError(f"transposed convolution: got padding {padding}, want less: no pixel is left")
    return out


def conv_transpose_shape(
    x: Tensor, weight: Tensor, bias: Tensor | None, *, groups: int, **settings: int
) -> tuple[int, int, int, int]:
    """Check that the arguments of a transposed convolution fit together; answer the output's (B, O, h, w)."""
    check_images(x, maps=True)
    check_float(weight, name="weight")
    channels = x.shape[1]
    check_sizes("transposed convolution", groups=groups)
    if channels % groups:
        raise ValueError(f"groups: got {groups}, want a positive divisor of the {channels} input channels")
    if weight.ndim != 4 or weight.shape[0] != channels or weight.numel() == 0:
        want = f"({channels}, O / {groups}, kh, kw) for input {tuple(x.shape)}"
        raise ValueError(f"weight: got shape {tuple(weight.shape)}, want {want}")
    if weight.dtype != x.dtype:
        raise ValueError(f"weight: got {weight.dtype}, want {x.dtype}, the type of the input")
    filters = weight.shape[1] * groups
    if bias is not None and (bias.shape != (filters,) or bias.dtype != x.dtype):
        raise ValueError(f"bias: got {bias.dtype} {tuple(bias.shape)}, want {x.dtype} ({filters},)")
    h, w = (
        conv_transpose_output_size(size, kernel, **settings)
        for size, kernel in zip(x.shape[2:], weight.shape[2:], strict=True)
    )
    return x.shape[0], filters, h, w


def conv_transpose2d_loops(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """Transposed convolution as its definition: every input value stamps its kernel into the output.

    Parameters
    ----------
    x : Tensor
        (B, C, H, W), floating point.
    weight : Tensor
        (C, O / groups, kh, kw): the weight of the convolution whose gradient this is.
    bias : Tensor, optional
        (O,).
    stride, padding, output_padding, dilation, groups : int
        Pixels between stamps; pixels cut off each side; pixels added at the far side; pixels between taps;
        independent bands of channels.

    Returns
    -------
    Tensor
        (B, O, h, w), sizes by `conv_transpose_output_size`.

    Raises
    ------
    ValueError
        When shapes, types or settings do not fit together.
    """
    sizes = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    b, filters, h, w = conv_transpose_shape(x, weight, bias, **sizes, groups=groups)
    canvas = x.new_zeros(b, filters, h + 2 * padding, w + 2 * padding)
    channels, band, kh, kw = weight.shape  # band = O / groups: the maps that one input channel stamps into
    for c, i, j in np.ndindex(channels, *x.shape[2:]):
        first = c // (channels // groups) * band
        rows = slice(i * stride, i * stride + dilation * (kh - 1) + 1, dilation)
        columns = slice(j * stride, j * stride + dilation * (kw - 1) + 1, dilation)
        stamp = x[:, c, i, j, None, None, None] * weight[c]  # (B, band, kh, kw)
        canvas[:, first : first + band, rows, columns] += stamp
    out = canvas[:, :, padding : padding + h, padding : padding + w]
    return out if bias is None else out + bias[:, None, None]


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """Transposed convolution as one matrix product and `col2im`: a convolution's two steps, taken backwards.

    Parameters, result and errors are those of `conv_transpose2d_loops`.
    """
    sizes = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    conv_transpose_shape(x, weight, bias, **sizes, groups=groups)
    kh, kw = weight.shape[2:]
    filters = rearrange(weight, "(g c) o kh kw -> g (o kh kw) c", g=groups)
    values = rearrange(x, "b (g c) h w -> b g c (h w)", g=groups)
    columns = filters @ values  # (G, r, C/G) @ (B, G, C/G, L) -> (B, G, r, L): the stamps
    columns = rearrange(columns, "b g r l -> b (g r) l")
    height, width = (
        (n - 1) * stride + dilation * (k - 1) + 1 for n, k in zip(x.shape[2:], (kh, kw), strict=True)
    )
    out = col2im(columns, (height, width), (kh, kw), stride=stride, dilation=dilation)
    out = F.pad(out, (-padding, output_padding - padding) * 2)  # less than nothing cuts off
    return out if bias is None else out + bias[:, None, None]


def bilinear_kernel(factor: int) -> Tensor:
    """The kernel (k, k) with which a transposed convolution of stride `factor` interpolates bilinearly.

    A tent along each axis, k = 2·factor − factor mod 2 pixels wide: neighbouring stamps add up to one.

    Raises
    ------
    ValueError
        For a factor that is no whole number, 1 or more.
    """
    if isinstance(factor, bool) or not isinstance(factor, int) or factor < 1:
        raise ValueError(f"factor: got {factor!r}, want a whole number, 1 or more")
    size = 2 * factor - factor % 2
    tent = 1 - (torch.arange(size) - (size - 1) / 2).abs() / factor  # (k,)
    return tent[:, None] * tent


def bilinear_upsample(x: Tensor, factor: int) -> Tensor:
    """Up-sample (B, C, H, W) to (B, C, factor·H, factor·W) by a transposed convolution with bilinear kernels.

    At the border the outermost values are repeated, as `F.interpolate(…, align_corners=False)` has it.

    Raises
    ------
    ValueError
        For input that is not floating point (B, C, H, W), or a factor that is no whole number, 1 or more.
    """
    check_images(x, maps=True)
    kernel = bilinear_kernel(factor).to(x)
    weight = kernel.expand(x.shape[1], 1, *kernel.shape)  # (C, 1, k, k): each channel by itself
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    edge = (3 * factor - factor % 2) // 2  # the repeated value's stamps, and the half kernel that sticks out
    return conv_transpose2d(x, weight, stride=factor, padding=edge, groups=x.shape[1])


def overlaps(size: int, kernel: int, stride: int) -> Tensor:
    """Count how many stamps of a transposed convolution fall on each output pixel, (n, n) int64.

    Where the kernel is no multiple of the stride the counts alternate: the checkerboard.

    Raises
    ------
    ValueError
        For settings below 1.
    """
    check_sizes("overlaps", size=size, kernel=kernel, stride=stride)
    ones = torch.ones(1, 1, size, size, dtype=torch.float64)
    counts = conv_transpose2d(ones, torch.ones(1, 1, kernel, kernel, dtype=torch.float64), stride=stride)
    return counts[0, 0].round().long()
