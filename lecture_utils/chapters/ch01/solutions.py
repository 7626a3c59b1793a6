"""Chapter 01: the six functions that the exercises ask for, as short as they can be said.

The package's own versions take batches and settings and are quick: `ops.convolution`, `ops.receptive_field`,
`nn.norm`. The tests hold these equal to them, and the gradients to autograd's.

Shapes: B batch, D numbers of an input, K classes, C channels in, O channels out, H × W an image, kh × kw a
kernel, h × w the output.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def linear_gradients(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean cross-entropy of the scores x Wᵀ + b, and its gradients with respect to W (K, D) and b (K,).

    x (B, D) holds the inputs, y (B,) the number of each one's right class.
    """
    scores = x @ weight.T + bias  # (B, K)
    shares = scores.softmax(dim=1)
    right = F.one_hot(y, len(weight)).to(x.dtype)  # (B, K): 1 at the right class
    loss = -(scores.log_softmax(dim=1) * right).sum(dim=1).mean()
    wrong_by = (shares - right) / len(x)  # (B, K): the loss by each score
    return loss, wrong_by.T @ x, wrong_by.sum(dim=0)


def convolve(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """Lay filters (O, C, kh, kw) on an image (C, H, W) at every place where they fit: (O, h, w)."""
    x = F.pad(x, (padding, padding, padding, padding))
    kh, kw = weight.shape[2:]
    h, w = (x.shape[1] - kh) // stride + 1, (x.shape[2] - kw) // stride + 1
    out = torch.zeros(len(weight), h, w)
    for i in range(h):
        for j in range(w):
            patch = x[:, i * stride : i * stride + kh, j * stride : j * stride + kw]  # (C, kh, kw)
            out[:, i, j] = (patch * weight).sum(dim=(1, 2, 3))
    return out


def conv_gradients(grad_out: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients with respect to x (C, H, W) and weight (O, C, kh, kw), given that of the output (O, h, w).

    For a convolution with stride 1 and without padding.
    """
    grad_x, grad_weight = torch.zeros_like(x), torch.zeros_like(weight)
    kh, kw = weight.shape[2:]
    for i in range(grad_out.shape[1]):
        for j in range(grad_out.shape[2]):
            here = grad_out[:, i, j, None, None, None]  # (O, 1, 1, 1): what the outputs of this place want
            grad_weight += here * x[:, i : i + kh, j : j + kw]  # a weight meets these pixels here
            grad_x[:, i : i + kh, j : j + kw] += (here * weight).sum(dim=0)  # and a pixel these weights
    return grad_x, grad_weight


def pixels_seen(layers: list[tuple[int, int, int]], unit: int) -> tuple[int, int]:
    """First and last pixel that output `unit` of a chain of (kernel, stride, padding) layers sees, one axis.

    Pixels below 0, or beyond the picture, lie in the padding.
    """
    first = last = unit
    for kernel, stride, padding in reversed(layers):  # from the output down to the picture
        first = first * stride - padding
        last = last * stride - padding + kernel - 1
    return first, last


def pixels_seen_faulty(layers: list[tuple[int, int, int]], unit: int) -> tuple[int, int]:
    """First and last pixel that output `unit` of a chain of (kernel, stride, padding) layers sees, one axis.

    Pixels below 0, or beyond the picture, lie in the padding.
    """
    first = last = unit
    for kernel, stride, padding in layers:
        first = first * stride - padding
        last = last * stride - padding + kernel - 1
    return first, last


def batch_norm(
    x: Tensor, mean: Tensor, var: Tensor, training: bool, momentum: float = 0.1, eps: float = 1e-5
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise x (B, C, H, W) by channel; return it with the running mean and variance, each (C,)."""
    if not training:
        return (x - mean[:, None, None]) / torch.sqrt(var[:, None, None] + eps), mean, var
    axes, count = (0, 2, 3), x.numel() / x.shape[1]
    now = x.mean(axes)  # (C,)
    centred = x - now[:, None, None]
    spread = centred.square().mean(axes)  # (C,)
    y = centred * torch.rsqrt(spread + eps)[:, None, None]
    unbiased = spread * count / (count - 1)  # the running estimate is for other samples, so it is corrected
    return y, (1 - momentum) * mean + momentum * now, (1 - momentum) * var + momentum * unbiased


def diagnose(deep: tuple[float, float, float], shallow: tuple[float, float, float]) -> str:
    """What ails the deep net, told from its errors and those of a shallow one.

    Each is (error on the training pictures in training mode, the same in evaluation mode, error on new ones
    in evaluation mode), from 0 to 1. "statistics": on the training pictures, evaluation mode errs by more
    than 0.1 more than training mode. Else "fine": no worse than the shallow net on new pictures. Else
    "degradation" or "overfitting", by the two nets' errors on the training pictures in evaluation mode.
    """
    in_training, known, new = deep
    if known - in_training > 0.1:
        return "statistics"
    if new <= shallow[2]:
        return "fine"
    return "degradation" if known > shallow[1] else "overfitting"
