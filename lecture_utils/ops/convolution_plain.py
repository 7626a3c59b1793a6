"""Convolution as `convolution.py` has it, without its options: what chapter 01 shows.

One group, no dilation. Tests hold each function equal to its namesake with all options.

Shapes: B batch, C channels in, O channels out, H × W the image, kh × kw the kernel, h × w the output, L = h·w
its places, r = C·kh·kw the numbers that one filter reads.
"""

import numpy as np
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from lecture_utils.ops.convolution import col2im, conv_output_size


def conv2d_loops(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0
) -> Tensor:
    """Convolution as its definition: at every place, multiply the patch with the filter and add up.

    Parameters
    ----------
    x : Tensor (B, C, H, W)
    weight : Tensor (O, C, kh, kw)
    bias : Tensor (O,), optional
    stride, padding : int

    Returns
    -------
    Tensor (B, O, h, w)
    """
    filters, _, kh, kw = weight.shape
    h = conv_output_size(x.shape[2], kh, stride=stride, padding=padding)
    w = conv_output_size(x.shape[3], kw, stride=stride, padding=padding)
    x = F.pad(x, (padding, padding, padding, padding))  # (B, C, H + 2p, W + 2p)
    out = x.new_zeros(len(x), filters, h, w)
    for b, o, i, j in np.ndindex(*out.shape):
        patch = x[b, :, i * stride : i * stride + kh, j * stride : j * stride + kw]  # (C, kh, kw)
        out[b, o, i, j] = (patch * weight[o]).sum()
    return out if bias is None else out + bias[:, None, None]


def im2col(x: Tensor, kernel_size: tuple[int, int], *, stride: int = 1, padding: int = 0) -> Tensor:
    """Lay every patch that a kernel visits into a column.

    Parameters
    ----------
    x : Tensor (B, C, H, W)
    kernel_size : (kh, kw)
    stride, padding : int

    Returns
    -------
    Tensor (B, C·kh·kw, L)
    """
    kh, kw = kernel_size
    x = F.pad(x, (padding, padding, padding, padding))
    patches = x.unfold(2, kh, stride).unfold(3, kw, stride)  # (B, C, h, w, kh, kw): a view
    return rearrange(patches, "b c h w kh kw -> b (c kh kw) (h w)")


def conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0
) -> Tensor:
    """Convolution as one matrix product: filters laid in rows, patches laid in columns.

    Parameters
    ----------
    x, weight, bias, stride, padding
        As in `conv2d_loops`.

    Returns
    -------
    Tensor (B, O, h, w)
    """
    _, _, kh, kw = weight.shape
    h = conv_output_size(x.shape[2], kh, stride=stride, padding=padding)
    columns = im2col(x, (kh, kw), stride=stride, padding=padding)  # (B, r, L)
    filters = weight.flatten(1)  # (O, r)
    out = filters @ columns  # (O, r) @ (B, r, L) -> (B, O, L)
    out = rearrange(out, "b o (h w) -> b o h w", h=h)
    return out if bias is None else out + bias[:, None, None]


def conv2d_backward(
    grad_out: Tensor, x: Tensor, weight: Tensor, *, stride: int = 1, padding: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of a convolution, by the chain rule for `out = filters @ columns + bias`.

    Parameters
    ----------
    grad_out : Tensor (B, O, h, w)
        Gradient of the loss with respect to the output.
    x, weight, stride, padding
        As they went into the convolution.

    Returns
    -------
    Tensors (B, C, H, W), (O, C, kh, kw), (O,)
        Gradients with respect to input, weight and bias.
    """
    size, kernel = (x.shape[2], x.shape[3]), (weight.shape[2], weight.shape[3])
    columns = im2col(x, kernel, stride=stride, padding=padding)  # (B, r, L)
    filters = weight.flatten(1)  # (O, r)
    grad = grad_out.flatten(2)  # (B, O, L)

    grad_bias = grad.sum(dim=(0, 2))  # (O,): the bias is added at every place
    grad_filters = (grad @ columns.mT).sum(dim=0)  # (B, O, L) @ (B, L, r) -> (O, r)
    grad_columns = filters.mT @ grad  # (r, O) @ (B, O, L) -> (B, r, L)
    grad_x = col2im(grad_columns, size, kernel, stride=stride, padding=padding)
    return grad_x, grad_filters.reshape(weight.shape), grad_bias
