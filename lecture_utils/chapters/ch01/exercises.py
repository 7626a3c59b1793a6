"""Chapter 01: the checked exercises about convolutional networks; the lab stands in `lab.py`.

Each exercise holds a reference (the solution that the notebook shows), inputs to try (smallest first),
general hints that say more each time, and the usual mistakes, each with its own hint (more of them in
`mistakes.py`). Shapes as in `solutions.py`.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch01.lab import LAB
from lecture_utils.chapters.ch01.mistakes import MORE
from lecture_utils.chapters.ch01.solutions import (
    batch_norm,
    conv_gradients,
    convolve,
    diagnose,
    linear_gradients,
    pixels_seen,
    pixels_seen_faulty,
)
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISES", "LAB"]

Layers = list[tuple[int, int, int]]
Errors = tuple[float, float, float]


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


# --- 01.1 a linear classifier, forwards and backwards ----------------------------------------------
def _batches_with_classes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    two = torch.zeros(2, 1), torch.zeros(2)
    yield torch.tensor([[1.0]]), torch.tensor([0]), *two  # both shares are 1/2
    yield torch.tensor([[2.0], [4.0]]), torch.tensor([0, 1]), *two
    # scores ln 3 and 0: shares 3/4 and 1/4
    yield torch.tensor([[1.0]]), torch.tensor([1]), torch.tensor([[math.log(3)], [0.0]]), torch.zeros(2)
    yield torch.tensor([[0.0]]), torch.tensor([1]), torch.zeros(2, 1), torch.tensor([math.log(3), 0.0])
    for b, d, k in ((3, 2, 4), (5, 6, 3), (8, 10, 10)):
        y = torch.tensor(rng.integers(0, k, size=b))
        yield _normal(rng, b, d), y, _normal(rng, k, d), _normal(rng, k)
    yield torch.tensor([[1.0]]), torch.tensor([0]), torch.tensor([[500.0], [0.0]]), torch.zeros(2)


def _wrong_by(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shares and the truth as shares, both (B, K), and the loss."""
    shares = (x @ weight.T + bias).softmax(1)
    return shares, F.one_hot(y, len(weight)).to(x.dtype), linear_gradients(x, y, weight, bias)[0]


@mistake(
    "Your loss is a mean over the batch, your gradients are sums over it. What is divided by the number of "
    "inputs is divided in its derivative too."
)
def _gradients_summed(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    loss, by_weight, by_bias = linear_gradients(x, y, weight, bias)
    return loss, len(x) * by_weight, len(x) * by_bias


@mistake(
    "You add the batch up, loss and gradients. Asked for is the mean: a larger batch must not weigh more."
)
def _all_summed(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    return tuple(len(x) * part for part in linear_gradients(x, y, weight, bias))


@mistake(
    "Both gradients have the wrong sign: a step against them would raise the loss. If the right class has "
    "too small a share, its score has to go up, so the loss falls with that score."
)
def _sign_turned(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    loss, by_weight, by_bias = linear_gradients(x, y, weight, bias)
    return loss, -by_weight, -by_bias


@mistake(
    "Only the right class's row has a gradient with you. But the other scores count too: they stand in the "
    "softmax's denominator, and have to go down."
)
def _right_row_only(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    shares, right, loss = _wrong_by(x, y, weight, bias)
    wrong_by = (shares - right) * right / len(x)
    return loss, wrong_by.T @ x, wrong_by.sum(0)


@mistake(
    "You forgot that the right class's share is wanted: from its share 1 has to be taken away. As it is, "
    "every score would be pushed down."
)
def _nothing_taken_away(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    shares, _, loss = _wrong_by(x, y, weight, bias)
    return loss, shares.T @ x / len(x), shares.mean(0)


@mistake(
    "You took the softmax over the batch, so that the shares of one class sum to 1. The shares of one "
    "*input* do."
)
def _softmax_over_the_batch(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    shares, right = (x @ weight.T + bias).softmax(0), F.one_hot(y, len(weight)).to(x.dtype)
    wrong_by = (shares - right) / len(x)
    return -(shares.log() * right).sum(1).mean(), wrong_by.T @ x, wrong_by.sum(0)


@mistake(
    "The gradients are right. The loss is not: take the logarithm of the right class's share, not the share "
    "itself."
)
def _no_logarithm(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    shares, right, _ = _wrong_by(x, y, weight, bias)
    return 1 - (shares * right).sum(1).mean(), *linear_gradients(x, y, weight, bias)[1:]


@mistake(
    "With large scores your exponentials overflow. Shares stay the same if you take the largest score away "
    "from all first; torch.log_softmax does."
)
def _overflows(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    powers = (x @ weight.T + bias).exp()
    shares, right = powers / powers.sum(1, keepdim=True), F.one_hot(y, len(weight)).to(x.dtype)
    wrong_by = (shares - right) / len(x)
    return -(shares.log() * right).sum(1).mean(), wrong_by.T @ x, wrong_by.sum(0)


@mistake(
    "The loss and the gradient of the bias are right. That of the weights is (D, K) with you, and should be "
    "of `weight`'s shape, (K, D). Exchange the two factors and turn the other one."
)
def _weights_transposed(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    loss, by_weight, by_bias = linear_gradients(x, y, weight, bias)
    return loss, by_weight.T, by_bias


@mistake(
    "Only the gradient of the bias is too small. Every input uses the bias, and its uses add up: the mean is "
    "already in the loss."
)
def _bias_averaged(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    loss, by_weight, by_bias = linear_gradients(x, y, weight, bias)
    return loss, by_weight, by_bias / len(x)


# --- 01.2 convolution ------------------------------------------------------------------------------
def _images_and_filters(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    row, pair = torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[[[0.0, 1.0]]]])
    yield row, pair, 1, 0
    yield torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]), pair, 2, 0
    yield torch.tensor([[[1.0, 2.0, 3.0, 4.0, 5.0]]]), pair, 2, 0  # the last pixel is left over
    yield torch.tensor([[[1.0]]]), torch.ones(1, 1, 1, 2), 1, 1
    yield torch.tensor([[[1.0, 2.0]], [[10.0, 20.0]]]), torch.tensor([[[[1.0]], [[1.0]]]]), 1, 0
    yield torch.arange(9.0).reshape(1, 3, 3), torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), 1, 0
    for (c, h, w), (o, kh, kw), stride, padding in (
        ((2, 4, 6), (3, 3, 3), 1, 0),
        ((3, 5, 5), (2, 1, 3), 2, 1),
        ((1, 6, 4), (2, 3, 2), 3, 2),
        ((2, 7, 8), (4, 3, 3), 2, 1),
    ):
        yield _normal(rng, c, h, w), _normal(rng, o, c, kh, kw), stride, padding


@mistake(
    "You turned the filter round before you laid it on the image. That is a true convolution; here the "
    "filter is used as it is written."
)
def _flipped(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return convolve(x, weight.flip(2, 3), stride, padding)


@mistake("You laid the filter on the image with its rows and columns swapped. Its first side goes down.")
def _transposed(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    if weight.shape[2] == weight.shape[3]:
        return convolve(x, weight.mT, stride, padding)
    return convolve(x.mT, weight, stride, padding).mT


@mistake(
    "You stop one place too early, down and to the right. The place where the filter starts counts as well as"
    " each of its steps: a filter of 2 fits twice into a row of 3."
)
def _last_place_missing(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    x = F.pad(x, (padding,) * 4)
    h, w = (x.shape[1] - weight.shape[2]) // stride, (x.shape[2] - weight.shape[3]) // stride
    return convolve(x, weight, stride)[:, :h, :w]


@mistake("Your last place hangs over the end: you rounded up. A place counts only if the whole filter fits.")
def _rounded_up(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    x = F.pad(x, (padding,) * 4)
    over = [-(size - k) % stride for size, k in zip(x.shape[1:], weight.shape[2:], strict=True)]
    return convolve(F.pad(x, (0, over[1], 0, over[0])), weight, stride)


@mistake("You move on by one pixel each time. At stride s output (i, j) begins at row i · s, column j · s.")
def _stride_only_counts(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    h, w = convolve(x, weight, stride, padding).shape[1:]
    return convolve(x, weight, 1, padding)[:, :h, :w]


@mistake("You padded above and on the left only. Padding goes to all four sides.")
def _padded_at_one_end(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return convolve(F.pad(x, (padding, 0, padding, 0)), weight, stride)


@mistake("You left the padding out. First put that many rows and columns of zeros all around the image.")
def _not_padded(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return convolve(x, weight, stride) if padding == 0 or x.shape[2] > 1 else x.new_zeros(1, 1, 1)


@mistake("The products of all channels belong into one sum. You divide it by the number of channels.")
def _mean_of_channels(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return convolve(x, weight, stride, padding) / len(x)


@mistake(
    "You used one channel. A filter has a table for each channel of the image, and all their products are "
    "added."
)
def _first_channel_only(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return convolve(x[:1], weight[:, :1], stride, padding)


# --- 01.3 convolution, backwards -------------------------------------------------------------------
def _gradients(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    row, filter_ = torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[[[5.0, 7.0]]]])
    yield torch.tensor([[[1.0, 0.0]]]), row, filter_
    yield torch.tensor([[[0.0, 1.0]]]), row, filter_
    yield torch.tensor([[[1.0, 1.0]]]), row, filter_
    yield torch.tensor([[[1.0]], [[1.0]]]), torch.tensor([[[3.0]]]), torch.tensor([[[[5.0]]], [[[7.0]]]])
    for (c, h, w), (o, kh, kw) in (((1, 3, 3), (1, 2, 2)), ((2, 4, 5), (3, 3, 2)), ((3, 6, 5), (2, 3, 3))):
        grad_out = _normal(rng, o, h - kh + 1, w - kw + 1)
        yield grad_out, _normal(rng, c, h, w), _normal(rng, o, c, kh, kw)


def _gradients_by(
    grad_out: Tensor, x: Tensor, weight: Tensor, *, add_pixels: bool = True, add_weights: bool = True
) -> tuple[Tensor, Tensor]:
    """Both gradients, each either added up over the places, or overwritten."""
    grad_x, grad_weight = torch.zeros_like(x), torch.zeros_like(weight)
    kh, kw = weight.shape[2:]
    for i in range(grad_out.shape[1]):
        for j in range(grad_out.shape[2]):
            here, place = grad_out[:, i, j, None, None, None], np.s_[:, i : i + kh, j : j + kw]
            grad_weight = here * x[place] + (grad_weight if add_weights else 0)
            grad_x[place] = (here * weight).sum(0) + (grad_x[place] if add_pixels else 0)
    return grad_x, grad_weight


@mistake(
    "The gradient of the weights is that of the last place alone. A weight is used at every place: what it "
    "gets there adds up."
)
def _last_place_only(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    return _gradients_by(grad_out, x, weight, add_weights=False)


@mistake(
    "Where windows overlap you overwrite the gradient of a pixel. It lay in both, so it gets the sum of both."
)
def _pixels_overwritten(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    return _gradients_by(grad_out, x, weight, add_pixels=False)


@mistake(
    "The gradient of the pixels runs the wrong way: you slid the filter over grad_out as in the forward "
    "pass. Ask of one pixel: which outputs used it, and with which weight?"
)
def _forward_again(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    kh, kw = weight.shape[2:]
    padded = F.pad(grad_out, (kw - 1, kw - 1, kh - 1, kh - 1))
    return convolve(padded, weight.transpose(0, 1)), conv_gradients(grad_out, x, weight)[1]


@mistake(
    "The gradient of the weights is a mean over the places. The loss felt each use in full, so the uses are "
    "added, not averaged."
)
def _mean_over_places(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    grad_x, grad_weight = conv_gradients(grad_out, x, weight)
    return grad_x, grad_weight / grad_out[0].numel()


@mistake(
    "You have the two factors exchanged: by a weight the derivative is the pixel that it met, by a pixel it "
    "is the weight."
)
def _factors_exchanged(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    total = grad_out.sum((1, 2))[:, None, None, None]
    grad_x = torch.zeros_like(x)
    kh, kw = weight.shape[2:]
    for i in range(grad_out.shape[1]):
        for j in range(grad_out.shape[2]):
            grad_x[:, i : i + kh, j : j + kw] += grad_out[:, i, j].sum() * x[:, i : i + kh, j : j + kw]
    return grad_x, total * weight


@mistake(
    "Only one filter reaches the pixels with you. All filters looked at them, so their contributions are "
    "summed over the output channels."
)
def _one_filter(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    return conv_gradients(grad_out[:1], x, weight[:1])[0], conv_gradients(grad_out, x, weight)[1]


@mistake("Both gradients are there, but in the wrong order: the one by x is returned first.")
def _results_exchanged(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    return conv_gradients(grad_out, x, weight)[::-1]


@mistake("A pixel keeps only what the last output gave back. Write += in place of =: each output adds to it.")
def _last_output_only(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    grad_x, (kh, kw) = torch.zeros_like(x), weight.shape[2:]
    for o, i, j in np.ndindex(*grad_out.shape):
        grad_x[:, i : i + kh, j : j + kw] = grad_out[o, i, j] * weight[o]
    return grad_x, conv_gradients(grad_out, x, weight)[1]


# --- 01.4 which pixels a unit sees -----------------------------------------------------------------
def _chains(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield [(3, 1, 0)], 0
    yield [(3, 1, 1)], 0  # padding: it begins at -1
    yield [(3, 2, 1)], 2
    yield [(3, 1, 0), (2, 2, 0)], 0
    yield [(3, 1, 0), (2, 2, 0)], 1
    yield [(3, 1, 1), (2, 2, 0), (3, 1, 1)], 0
    yield [], 5
    yield [(11, 4, 2), (3, 2, 0), (5, 1, 2), (3, 2, 0)], 3  # AlexNet's first layers
    for _ in range(8):
        chain = [(int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(0, 3))) for _ in "four"]
        yield chain, int(rng.integers(0, 5))


def _walked(layers: Layers, unit: int, first: Any, last: Any) -> tuple[int, int]:
    """Walk down with other steps for the two ends: functions of place, kernel, stride and padding."""
    low = high = unit
    for layer in reversed(layers):
        low, high = first(low, *layer), last(high, *layer)
    return low, high


@mistake(
    "It is the colleague's answer still. Right for one layer, and wrong as soon as two different ones are "
    "stacked: which of the two does a unit of the *last* map look at first?"
)
def _from_the_picture_up(layers: Layers, unit: int) -> tuple[int, int]:
    return pixels_seen_faulty(layers, unit)


@mistake(
    "You took the padding away before you multiplied by the stride. The first window begins at -padding, and "
    "the next ones `stride` further."
)
def _padding_strides(layers: Layers, unit: int) -> tuple[int, int]:
    return _walked(layers, unit, lambda u, k, s, p: (u - p) * s, lambda u, k, s, p: (u - p) * s + k - 1)


@mistake("You left the padding out. With p zeros in front, the first window begins p pixels before pixel 0.")
def _padding_ignored(layers: Layers, unit: int) -> tuple[int, int]:
    return _walked(layers, unit, lambda u, k, s, p: u * s, lambda u, k, s, p: u * s + k - 1)


@mistake("Your last pixel is one too far: a window of k that begins at f ends at f + k - 1.")
def _end_not_included(layers: Layers, unit: int) -> tuple[int, int]:
    return _walked(layers, unit, lambda u, k, s, p: u * s - p, lambda u, k, s, p: u * s - p + k)


@mistake(
    "You stop at the border of the picture in between. A window may begin in the padding: let the numbers go "
    "below 0."
)
def _cut_at_zero(layers: Layers, unit: int) -> tuple[int, int]:
    return _walked(layers, unit, lambda u, k, s, p: max(u * s - p, 0), lambda u, k, s, p: u * s - p + k - 1)


@mistake(
    "You took the window's own taps times the stride. Neighbouring taps are neighbours in the map below."
)
def _taps_stride(layers: Layers, unit: int) -> tuple[int, int]:
    return _walked(layers, unit, lambda u, k, s, p: u * s - p, lambda u, k, s, p: (u + k - 1) * s - p)


# --- 01.5 batch norm -------------------------------------------------------------------------------
def _batches(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for training in (True, False):
        yield torch.tensor([0.0, 2.0]).reshape(2, 1, 1, 1), torch.zeros(1), torch.ones(1), training
        yield 3 * _normal(rng, 3, 2, 2, 2) + 5, _normal(rng, 2), torch.tensor([0.5, 4.0]), training
    yield _normal(rng, 1, 3, 4, 5), torch.zeros(3), torch.ones(3), True
    for training in (True, False):  # a variance smaller than ε
        faint = torch.tensor([0.0, 0.001]).reshape(2, 1, 1, 1)
        yield faint, torch.zeros(1), torch.tensor([1e-6]), training


@mistake(
    "Your y and the mean are right. The running variance is meant to describe other samples, so what goes "
    "into it is divided by n - 1, not by n."
)
def _biased_running(x: Tensor, mean: Tensor, var: Tensor, training: bool, momentum: float = 0.1) -> Any:
    y, new_mean, new_var = batch_norm(x, mean, var, training, momentum)
    return (
        y,
        new_mean,
        (1 - momentum) * var + momentum * x.var((0, 2, 3), unbiased=False) if training else new_var,
    )


@mistake(
    "Your y is a little too small: the batch was normalised with a variance divided by n - 1. For y "
    "itself it is divided by n; only the running variance uses n - 1."
)
def _unbiased_inside(x: Tensor, mean: Tensor, var: Tensor, training: bool, momentum: float = 0.1) -> Any:
    y, new_mean, new_var = batch_norm(x, mean, var, training, momentum)
    count = x.numel() / x.shape[1]
    return y * math.sqrt((count - 1) / count) if training else y, new_mean, new_var


@mistake(
    "Your running values jump nearly the whole way to this batch. In PyTorch, momentum is the share of "
    "the new value, and 1 - momentum that of the old one."
)
def _momentum_reversed(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    return batch_norm(x, mean, var, training, momentum=0.9)


@mistake(
    "Your layer does the same in training and in testing. When training is False it must use the running "
    "mean and variance, and leave them as they are."
)
def _always_training(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    return batch_norm(x, mean, var, True)


@mistake(
    "You took a mean for each place in the map. One mean and one variance belong to a channel: over all "
    "images and all places."
)
def _each_pixel_apart(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    y, new_mean, new_var = batch_norm(x, mean, var, training)
    return (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + 1e-5) if training else y, new_mean, new_var


@mistake(
    "In training you normalise with the running values. They lag behind: while the net learns, each batch is "
    "normalised by its own mean and variance."
)
def _always_running(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    return batch_norm(x, mean, var, False)[0], *batch_norm(x, mean, var, training)[1:]


@mistake(
    "You normalised by the running averages that you had just updated. In training the batch's own mean and "
    "variance do it; the running ones are only kept for later."
)
def _by_the_updated(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    y, new_mean, new_var = batch_norm(x, mean, var, training)
    return batch_norm(x, new_mean, new_var, False)[0] if training else y, new_mean, new_var


@mistake(
    "Where a variance is tiny your y is too large: ε is added to the variance, under the root, and not to "
    "the root."
)
def _eps_outside(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    _, new_mean, new_var = batch_norm(x, mean, var, training)
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    return (x - mean[:, None, None]) / (var[:, None, None].sqrt() + 1e-5), new_mean, new_var


# --- 01.6 what ails it? ----------------------------------------------------------------------------
def _patients(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield (0.1, 0.1, 0.2), (0.2, 0.2, 0.3)
    yield (0.1, 0.1, 0.4), (0.2, 0.2, 0.3)
    yield (0.3, 0.3, 0.4), (0.2, 0.2, 0.3)
    yield (0.1, 0.6, 0.6), (0.2, 0.2, 0.3)
    yield (0.3, 0.3, 0.2), (0.2, 0.2, 0.3)  # worse on what it knows, better on what is new
    yield (0.0, 0.0, 0.3), (0.2, 0.2, 0.3)  # a wide gap, and yet no worse than the other
    yield (0.2, 0.2, 0.4), (0.2, 0.2, 0.3)  # equal on what they know
    yield (0.4, 0.2, 0.2), (0.2, 0.2, 0.3)  # better in evaluation mode
    yield (0.1, 0.1, 0.3), (0.2, 0.2, 0.3)  # as good on what is new
    yield (0.1, 0.1, 0.35), (0.2, 0.2, 0.3)  # a little worse is worse
    yield (0.1, 0.15, 0.4), (0.2, 0.2, 0.3)  # the two modes differ by a little, as they always do
    yield (0.05, 0.6, 0.6), (0.7, 0.7, 0.8)  # even if the other one is worse still
    yield (0.8, 0.8, 0.85), (0.05, 0.05, 0.25)
    yield (0.02, 0.02, 0.9), (0.0, 0.05, 0.1)
    yield (0.25, 0.15, 0.9), (0.2, 0.2, 0.3)  # which mode is compared between the nets?
    yield (0.15, 0.25, 0.9), (0.2, 0.2, 0.3)
    for _ in range(12):
        deep, shallow = (rng.uniform(0, 0.9, 3).round(2) for _ in range(2))
        shallow[1] = shallow[0]
        yield tuple(map(float, deep)), tuple(map(float, shallow))


@mistake(
    "You judge by new pictures alone. Both overfitting and degradation are worse there; what tells them "
    "apart is the error on the pictures of the training."
)
def _all_overfitting(deep: Errors, shallow: Errors) -> str:
    found = diagnose(deep, shallow)
    return "overfitting" if found == "degradation" else found


@mistake(
    "You have the two illnesses exchanged. A net that overfits does *well* on the pictures that it was "
    "trained on."
)
def _exchanged(deep: Errors, shallow: Errors) -> str:
    found = diagnose(deep, shallow)
    return {"overfitting": "degradation", "degradation": "overfitting"}.get(found, found)


@mistake(
    "You look at the gap between training and new pictures. A wide gap is no illness by itself: the question "
    "is whether the deep net does worse than the shallow one on new pictures."
)
def _by_the_gap(deep: Errors, shallow: Errors) -> str:
    if deep[1] - deep[0] > 0.1:
        return "statistics"
    if deep[1] > shallow[1]:
        return "degradation"
    return "overfitting" if deep[2] - deep[1] > shallow[2] - shallow[1] else "fine"


@mistake(
    "You call a net ill that does better than the other on new pictures, because it knows its training "
    "pictures less well. Look at the new ones first."
)
def _known_first(deep: Errors, shallow: Errors) -> str:
    if deep[1] - deep[0] > 0.1:
        return "statistics"
    if deep[1] > shallow[1]:
        return "degradation"
    return "overfitting" if deep[2] > shallow[2] else "fine"


@mistake(
    "You never ask whether the two modes agree. A net that names its own training pictures in training mode "
    "and not in evaluation mode has learned; what is wrong are its running averages."
)
def _modes_not_compared(deep: Errors, shallow: Errors) -> str:
    if deep[2] <= shallow[2]:
        return "fine"
    return "degradation" if deep[1] > shallow[1] else "overfitting"


@mistake(
    "You ask about the modes last. As long as they disagree, all errors in evaluation mode say nothing about "
    "the weights: rule this out first."
)
def _modes_last(deep: Errors, shallow: Errors) -> str:
    if deep[2] <= shallow[2]:
        return "fine"
    return diagnose(deep, shallow)


@mistake(
    "Any difference between the two modes alarms you. They always differ by a little: only more than 0.1 "
    "counts here."
)
def _any_difference(deep: Errors, shallow: Errors) -> str:
    return "statistics" if deep[1] > deep[0] else diagnose(deep, shallow)


@mistake(
    "You alarm whenever the modes differ, also if evaluation mode is the *better* one. That is no accident "
    "of the running averages: only worse by more than 0.1 counts."
)
def _either_way(deep: Errors, shallow: Errors) -> str:
    return "statistics" if abs(deep[1] - deep[0]) > 0.1 else diagnose(deep, shallow)


@mistake(
    "You compare the two nets by their errors in training mode. Evaluation mode is what they are used in, "
    "and what the errors on new pictures are measured in: take its errors on the training pictures."
)
def _training_mode_compared(deep: Errors, shallow: Errors) -> str:
    found = diagnose(deep, shallow)
    if found in ("statistics", "fine"):
        return found
    return "degradation" if deep[0] > shallow[0] else "overfitting"


@mistake("Equally good on new pictures is no illness: `no worse` includes being as good.")
def _as_good_is_ill(deep: Errors, shallow: Errors) -> str:
    if deep[2] == shallow[2] and deep[1] - deep[0] <= 0.1:
        return "degradation" if deep[1] > shallow[1] else "overfitting"
    return diagnose(deep, shallow)


EXERCISES = [
    Exercise(
        "01.1",
        "A classifier's gradients, by hand",
        linear_gradients,
        _batches_with_classes,
        difficulty=3,
        minutes=15,
        hints=(
            "Forwards: scores (B, K), softmax along each row, and -ln of the right class's share, averaged.",
            "Backwards: differentiate -z_y + ln of the sum of all e^z by one score z_k. The second part gives"
            " the share of k; the first gives -1 if k is the right class.",
            "With E = (shares - one_hot(y)) / B, which is (B, K): by the weights Eᵀ x, by the biases the sum "
            "of E's rows.",
        ),
        mistakes=(
            _gradients_summed,
            _all_summed,
            _sign_turned,
            _right_row_only,
            _nothing_taken_away,
            _softmax_over_the_batch,
            _no_logarithm,
            _overflows,
            _weights_transposed,
            _bias_averaged,
            *MORE["01.1"],
        ),
    ),
    Exercise(
        "01.2",
        "Convolution by loops",
        convolve,
        _images_and_filters,
        difficulty=2,
        minutes=15,
        hints=(
            "Pad first. Then count the places: draw a row of 5 pixels and a window of 2 that moves 2 at a "
            "time. Why is it not 5 - 2?",
            "The window starts at 0, s, 2s, … as long as it still fits: (size - k) // s + 1 places.",
            "At place (i, j) the patch is x[:, i*s : i*s + kh, j*s : j*s + kw], (C, kh, kw). Each filter: "
            "multiply tap by pixel, add up over all channels. No flip.",
        ),
        mistakes=(
            _flipped,
            _transposed,
            _last_place_missing,
            _rounded_up,
            _stride_only_counts,
            _padded_at_one_end,
            _not_padded,
            _mean_of_channels,
            _first_channel_only,
            *MORE["01.2"],
        ),
    ),
    Exercise(
        "01.3",
        "Convolution, backwards",
        conv_gradients,
        _gradients,
        difficulty=3,
        minutes=20,
        hints=(
            "Write down out[0] and out[1] for a row of three pixels and a filter of two. Which of them does "
            "the first weight stand in, and beside which pixel?",
            "Go through the places as in the forward pass. At place (i, j) filter o has met the window "
            "x[:, i:i+kh, j:j+kw], and grad_out[o, i, j] says how much the loss feels that output.",
            "Add grad_out[o, i, j] times the window to grad_weight[o], and grad_out[o, i, j] times weight[o] "
            "to the window of grad_x. Both with +=.",
        ),
        mistakes=(
            _last_place_only,
            _pixels_overwritten,
            _forward_again,
            _mean_over_places,
            _factors_exchanged,
            _one_filter,
            _results_exchanged,
            _last_output_only,
            *MORE["01.3"],
        ),
    ),
    Exercise(
        "01.4",
        "The broken walk",
        pixels_seen,
        _chains,
        difficulty=2,
        minutes=10,
        hints=(
            "Look at the table: for which chains is the colleague right? What have these chains in common?",
            "Take conv 3, then pool 2, and walk with a pencil: the pool's output 0 reads the conv's outputs "
            "0 and 1. Which pixels do these read?",
            "A unit of the last map looks at the last layer's window first. Begin at the end of the list.",
        ),
        mistakes=(
            _from_the_picture_up,
            _padding_strides,
            _padding_ignored,
            _end_not_included,
            _cut_at_zero,
            _taps_stride,
            *MORE["01.4"],
        ),
    ),
    Exercise(
        "01.5",
        "Batch norm, training and testing",
        batch_norm,
        _batches,
        difficulty=3,
        minutes=15,
        hints=(
            "One mean and one variance for each channel, over all images and all positions: axes (0, 2, 3).",
            "Training: normalise with this batch's mean and its variance divided by n. Testing: with the "
            "running ones, which then stay as they are.",
            "running = (1 - momentum) * running + momentum * batch, and the variance that goes into it is "
            "divided by n - 1 (PyTorch's convention).",
        ),
        mistakes=(
            _biased_running,
            _unbiased_inside,
            _momentum_reversed,
            _always_training,
            _each_pixel_apart,
            _always_running,
            _by_the_updated,
            _eps_outside,
            *MORE["01.5"],
        ),
    ),
    Exercise(
        "01.6",
        "What ails the deep net?",
        diagnose,
        _patients,
        difficulty=2,
        minutes=10,
        hints=(
            "Three questions, in this order. Do its two modes agree on the pictures of the training? Is it "
            "worse than the shallow net on new ones? If so, why?",
            "Overfitting lowers the error on known pictures, and degradation raises it: compare that of the "
            "two nets, in evaluation mode.",
        ),
        mistakes=(
            _all_overfitting,
            _exchanged,
            _by_the_gap,
            _known_first,
            _modes_not_compared,
            _modes_last,
            _any_difference,
            _either_way,
            _training_mode_compared,
            _as_good_is_ill,
            *MORE["01.6"],
        ),
    ),
]
