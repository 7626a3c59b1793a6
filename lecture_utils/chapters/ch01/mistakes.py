"""Chapter 01: further usual mistakes in the exercises of `exercises.py`, each with its own hint.

A second round of readers made them. Shapes as in `solutions.py`.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch01.solutions import (
    batch_norm,
    conv_gradients,
    convolve,
    diagnose,
    linear_gradients,
)
from lecture_utils.exercises.exercise import Mistake, mistake

Layers = list[tuple[int, int, int]]
Errors = tuple[float, float, float]


# --- 01.1 a linear classifier, forwards and backwards ----------------------------------------------
@mistake(
    "You average over inputs *and* classes. Each input has one loss, that of its right class: the mean runs "
    "over the B inputs only."
)
def _mean_over_classes_too(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    return tuple(part / len(weight) for part in linear_gradients(x, y, weight, bias))


@mistake(
    "Your gradients are those of the mean over the batch, but your loss is the sum. Both belong to the mean."
)
def _loss_summed(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    loss, by_weight, by_bias = linear_gradients(x, y, weight, bias)
    return len(x) * loss, by_weight, by_bias


@mistake("Only the gradient of the weights is a sum over the batch: divide it by the number of inputs too.")
def _weights_summed(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    loss, by_weight, by_bias = linear_gradients(x, y, weight, bias)
    return loss, len(x) * by_weight, by_bias


@mistake("Only the gradient of the bias is a sum over the batch: divide it by the number of inputs too.")
def _bias_summed(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    loss, by_weight, by_bias = linear_gradients(x, y, weight, bias)
    return loss, by_weight, len(x) * by_bias


@mistake(
    "The gradient of the bias has one number for each class, (K,). You summed over the classes; it is the "
    "inputs that are summed up."
)
def _bias_over_classes(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    shares = (x @ weight.T + bias).softmax(1)
    wrong_by = (shares - F.one_hot(y, len(weight)).to(x.dtype)) / len(x)
    return *linear_gradients(x, y, weight, bias)[:2], wrong_by.sum(1)


@mistake(
    "The loss has the wrong sign: shares are below 1, so their logarithms are negative, and a loss is not."
)
def _loss_negative(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    loss, by_weight, by_bias = linear_gradients(x, y, weight, bias)
    return -loss, by_weight, by_bias


@mistake(
    "You multiply by share times (1 - share) once more. Softmax and logarithm together leave only share "
    "minus truth: the softmax's own derivative is in it already."
)
def _softmax_twice(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    shares = (x @ weight.T + bias).softmax(1)
    wrong_by = (shares - F.one_hot(y, len(weight)).to(x.dtype)) * shares * (1 - shares) / len(x)
    return linear_gradients(x, y, weight, bias)[0], wrong_by.T @ x, wrong_by.sum(0)


@mistake("The bias is missing in your scores: they are x Wᵀ plus b.")
def _bias_left_out(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    return linear_gradients(x, y, weight, torch.zeros_like(bias))


@mistake(
    "You divide the shares by B, and take the whole truth away from them. The difference is divided: (p - "
    "truth) / B."
)
def _shares_averaged_alone(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    shares = (x @ weight.T + bias).softmax(1) / len(x)
    wrong_by = shares - F.one_hot(y, len(weight)).to(x.dtype)
    return linear_gradients(x, y, weight, bias)[0], wrong_by.T @ x, wrong_by.sum(0)


@mistake(
    "You multiply two means. Each input's error has to meet its own numbers first; the mean over the batch "
    "is taken of the products."
)
def _product_of_means(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    loss, _, by_bias = linear_gradients(x, y, weight, bias)
    return loss, by_bias[:, None] * x.mean(0), by_bias


@mistake(
    "Your loss is minus the share of the right class: its logarithm is missing. F.nll_loss wants logarithms."
)
def _minus_the_share(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    shares = (x @ weight.T + bias).softmax(1)
    return F.nll_loss(shares, y), *linear_gradients(x, y, weight, bias)[1:]


@mistake(
    "You squash each score by itself. A softmax sets it against the others, so that the shares of an input "
    "sum to 1."
)
def _sigmoids(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Any:
    shares, right = (x @ weight.T + bias).sigmoid(), F.one_hot(y, len(weight)).to(x.dtype)
    wrong_by = (shares - right) / len(x)
    return -(shares.log() * right).sum(1).mean(), wrong_by.T @ x, wrong_by.sum(0)


# --- 01.2 convolution ------------------------------------------------------------------------------
def _laid(x: Tensor, weight: Tensor, stride: int, padding: int, h: int, w: int) -> Tensor:
    """Convolve to a size that is given, place by place."""
    x = F.pad(x, (padding,) * 4)
    kh, kw = weight.shape[2:]
    out = torch.zeros(len(weight), h, w)
    for i, j in np.ndindex(h, w):
        rows, columns = slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw)
        out[:, i, j] = (x[:, rows, columns] * weight).sum((1, 2, 3))
    return out


@mistake(
    "You add the 1 before you divide by the stride. Count steps first: (size - k) // s of them fit, and the "
    "place where the filter starts is one more."
)
def _one_added_too_early(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    h, w = (n + 2 * padding - k + 1 for n, k in zip(x.shape[1:], weight.shape[2:], strict=True))
    return _laid(x, weight, stride, padding, h // stride, w // stride)


@mistake("You counted the places before you padded. The padded image is larger by 2 · padding on each axis.")
def _counted_before_padding(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    h, w = ((n - k) // stride + 1 for n, k in zip(x.shape[1:], weight.shape[2:], strict=True))
    return _laid(x, weight, stride, padding, h, w)


@mistake("You took the filter for a square as wide as it is high. Its sides kh and kw may differ.")
def _square_by_height(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    x, k = F.pad(x, (padding,) * 4), weight.shape[2]
    h, w = ((n - k) // stride + 1 for n in x.shape[1:])
    out = torch.zeros(len(weight), h, w)
    for i, j in np.ndindex(h, w):
        patch = x[:, i * stride : i * stride + k, j * stride : j * stride + k]
        out[:, i, j] = (patch * weight).sum((1, 2, 3))
    return out


@mistake("You took the filter for a square as high as it is wide. The sides of a filter may differ.")
def _square_by_width(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    x, k = F.pad(x, (padding,) * 4), weight.shape[3]
    h, w = ((n - k) // stride + 1 for n in x.shape[1:])
    out = torch.zeros(len(weight), h, w)
    for i, j in np.ndindex(h, w):
        patch = x[:, i * stride : i * stride + k, j * stride : j * stride + k]
        out[:, i, j] = (patch * weight).sum((1, 2, 3))
    return out


@mistake("You take the mean of the products. A convolution adds them up; the filter itself may hold a mean.")
def _mean_of_products(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return convolve(x, weight, stride, padding) / weight[0].numel()


@mistake(
    "You padded the columns only. F.pad counts from the last axis: two numbers pad left and right, four also "
    "above and below."
)
def _columns_padded(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return convolve(F.pad(x, (padding, padding)), weight, stride)


@mistake(
    "The size is right, but your loops end one place early, and the last row and column of the result stay 0."
)
def _loops_end_early(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    out = convolve(x, weight, stride, padding).clone()
    out[:, -1], out[:, :, -1] = 0, 0
    return out


@mistake(
    "At a stride you lay the filter at every pixel's place and keep a map of the full size. Only every s-th "
    "place counts."
)
def _stride_ignored(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return convolve(x, weight, 1, padding)


@mistake("You stride along the rows of the image only. The step is `stride` along both axes.")
def _stride_down_only(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return convolve(x, weight, 1, padding)[:, ::stride]


@mistake(
    "Rows and columns of your result are exchanged: out[:, i, j] belongs to row i and column j of places."
)
def _result_turned(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return convolve(x, weight, stride, padding).mT


@mistake("You turned the filter from left to right. Here it is used as it is written, with no flip at all.")
def _mirrored(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return convolve(x, weight.flip(3), stride, padding)


@mistake("You padded twice as much: `padding` is the number of zeros on each side, not of both together.")
def _padded_twice(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return convolve(x, weight, stride, 2 * padding)


# --- 01.3 convolution, backwards -------------------------------------------------------------------
def _pixels(grad_out: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    return conv_gradients(grad_out, x, weight)[0]


def _weights(grad_out: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    return conv_gradients(grad_out, x, weight)[1]


@mistake(
    "All filters get the same gradient with you. Filter o made output o alone, so only grad_out[o] reaches "
    "its weights."
)
def _weights_summed_over_filters(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    return _pixels(grad_out, x, weight), _weights(
        grad_out.sum(0, keepdim=True).expand_as(grad_out), x, weight
    )


@mistake(
    "The gradient of the weights comes out turned round. Weight (u, v) met pixel (i + u, j + v): its "
    "gradient stands at (u, v) too. No flip is wanted there."
)
def _weights_flipped(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    return _pixels(grad_out, x, weight), _weights(grad_out, x, weight).flip(2, 3)


@mistake("For the pixels you average over the filters. All filters read a pixel, so what they want is added.")
def _pixels_mean_of_filters(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    return _pixels(grad_out, x, weight) / len(weight), _weights(grad_out, x, weight)


@mistake("For the pixels you average over the places. A pixel collects a sum from every output that read it.")
def _pixels_mean_over_places(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    return _pixels(grad_out, x, weight) / grad_out[0].numel(), _weights(grad_out, x, weight)


@mistake(
    "In the gradient of the weights you added the channels of x up. A weight belongs to one channel and met "
    "the pixels of that channel alone."
)
def _weights_summed_over_channels(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    all_channels = x.sum(0, keepdim=True).expand_as(x)
    return _pixels(grad_out, x, weight), _weights(grad_out, all_channels, weight)


@mistake("You never use grad_out: how much the loss feels each output is the first factor everywhere.")
def _grad_out_ignored(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    return conv_gradients(torch.ones_like(grad_out), x, weight)


@mistake(
    "In the gradient of the pixels you never use grad_out: how much the loss feels each output comes in "
    "there too."
)
def _pixels_without_grad_out(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    return _pixels(torch.ones_like(grad_out), x, weight), _weights(grad_out, x, weight)


@mistake(
    "Each place multiplies the same first window with you. At place (i, j) the filter met the window that "
    "begins there."
)
def _first_window_always(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    kh, kw = weight.shape[2:]
    total = grad_out.sum((1, 2))[:, None, None, None]
    return _pixels(grad_out, x, weight), total * x[:, :kh, :kw]


@mistake("The gradient of the weights is divided by the number of filters. Each filter has its own, in full.")
def _weights_by_filters(grad_out: Tensor, x: Tensor, weight: Tensor) -> Any:
    return _pixels(grad_out, x, weight), _weights(grad_out, x, weight) / len(weight)


# --- 01.4 which pixels a unit sees -----------------------------------------------------------------
def _walked(layers: Layers, unit: int, first: Any, last: Any) -> tuple[int, int]:
    """Walk down with other steps for the two ends: functions of place, kernel, stride and padding."""
    low = high = unit
    for layer in reversed(layers):
        low, high = first(low, *layer), last(high, *layer)
    return low, high


@mistake("The padding has the wrong sign: zeros in front of the picture move the first window back, below 0.")
def _padding_added(layers: Layers, unit: int) -> tuple[int, int]:
    return _walked(layers, unit, lambda u, k, s, p: u * s + p, lambda u, k, s, p: u * s + p + k - 1)


@mistake(
    "You get the last pixel from the first unit's window. After one layer there are several units: the last "
    "pixel is the end of the *last* one's window."
)
def _last_of_the_first(layers: Layers, unit: int) -> tuple[int, int]:
    low = high = unit
    for kernel, stride, padding in reversed(layers):
        low = low * stride - padding
        high = low + kernel - 1
    return low, high


@mistake("The first pixel is right. For the last one you left the padding out: it moves both ends alike.")
def _padding_at_one_end(layers: Layers, unit: int) -> tuple[int, int]:
    return _walked(layers, unit, lambda u, k, s, p: u * s - p, lambda u, k, s, p: u * s + k - 1)


@mistake("Padding does not widen the window at both ends: it moves the whole window back by p.")
def _padding_widens(layers: Layers, unit: int) -> tuple[int, int]:
    return _walked(layers, unit, lambda u, k, s, p: u * s - p, lambda u, k, s, p: u * s + p + k - 1)


@mistake(
    "You added up the paddings of all layers as they are. In a deeper layer a row of padding is as wide as "
    "that map's jump."
)
def _padding_not_scaled(layers: Layers, unit: int) -> tuple[int, int]:
    size = jump = 1
    for kernel, stride, _ in layers:
        size, jump = size + (kernel - 1) * jump, jump * stride
    first = unit * jump - sum(padding for _, _, padding in layers)
    return first, first + size - 1


@mistake("Your second number is how many pixels are seen. Asked for is the last of them.")
def _size_in_place_of_last(layers: Layers, unit: int) -> tuple[int, int]:
    first, last = _walked(layers, unit, lambda u, k, s, p: u * s - p, lambda u, k, s, p: u * s - p + k - 1)
    return first, last - first + 1


@mistake(
    "You set the window around its middle, k // 2 to both sides. It begins at u · s - p, and is k wide from "
    "there."
)
def _around_the_middle(layers: Layers, unit: int) -> tuple[int, int]:
    return _walked(layers, unit, lambda u, k, s, p: u * s - k // 2, lambda u, k, s, p: u * s + k // 2)


@mistake("You end where the neighbour's window begins. That holds only for a kernel as wide as its stride.")
def _until_the_neighbour(layers: Layers, unit: int) -> tuple[int, int]:
    return _walked(layers, unit, lambda u, k, s, p: u * s - p, lambda u, k, s, p: (u + 1) * s - p - 1)


@mistake(
    "You stop after the last layer. What it reads are units of the map below: walk on, down to the picture."
)
def _one_layer(layers: Layers, unit: int) -> tuple[int, int]:
    return _walked(layers[-1:], unit, lambda u, k, s, p: u * s - p, lambda u, k, s, p: u * s - p + k - 1)


# --- 01.5 batch norm -------------------------------------------------------------------------------
def _normed(x: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    return (x - mean[:, None, None]) / deviation[:, None, None]


def _of_batch(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)


@mistake(
    "In training you add ε to the root. It belongs to the variance, under the root: where the variance is "
    "tiny that makes a difference."
)
def _eps_outside_in_training(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    y, new_mean, new_var = batch_norm(x, mean, var, training)
    now, spread = _of_batch(x)
    return _normed(x, now, spread.sqrt() + 1e-5) if training else y, new_mean, new_var


@mistake(
    "You left ε out. It is added to the variance, under the root, and counts where the variance is tiny."
)
def _no_eps(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    now, spread = _of_batch(x) if training else (mean, var)
    return _normed(x, now, spread.sqrt()), *batch_norm(x, mean, var, training)[1:]


@mistake(
    "The running values stay as they should in evaluation mode, but your y is still made with the batch's "
    "own mean and variance. There the running ones do it."
)
def _own_in_evaluation(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    return batch_norm(x, mean, var, True)[0], *batch_norm(x, mean, var, training)[1:]


@mistake(
    "Your y is right in both modes, but in evaluation mode you move the running values. They stay as they "
    "are."
)
def _moves_in_evaluation(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    return batch_norm(x, mean, var, training)[0], *batch_norm(x, mean, var, True)[1:]


@mistake(
    "You correct the running variance with the number of pictures. Here n counts all values of a channel, "
    "B · H · W of them."
)
def _corrected_by_pictures(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    y, new_mean, new_var = batch_norm(x, mean, var, training)
    b = len(x)
    return y, new_mean, 0.9 * var + 0.1 * _of_batch(x)[1] * b / (b - 1) if training else new_var


@mistake(
    "You have the two variances exchanged: y is made with the one divided by n, and the one divided by n - 1 "
    "goes into the running variance."
)
def _variances_exchanged(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    y, new_mean, new_var = batch_norm(x, mean, var, training)
    if not training:
        return y, new_mean, new_var
    now, spread = _of_batch(x)
    y = _normed(x, now, (x.var((0, 2, 3)) + 1e-5).sqrt())
    return y, new_mean, 0.9 * var + 0.1 * spread


@mistake(
    "You hand back this batch's mean and variance. The running ones move towards them by `momentum` only."
)
def _nothing_kept(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    return batch_norm(x, mean, var, training, momentum=1.0)


@mistake("You divide by the variance. Divide by its root, so that the spread comes out as 1.")
def _by_the_variance(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    now, spread = _of_batch(x) if training else (mean, var)
    return _normed(x, now, spread + 1e-5), *batch_norm(x, mean, var, training)[1:]


@mistake("The mean is not taken away: a channel comes out with spread 1, but not with mean 0.")
def _not_centred(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    spread = _of_batch(x)[1] if training else var
    return x / (spread[:, None, None] + 1e-5).sqrt(), *batch_norm(x, mean, var, training)[1:]


@mistake("You normalise each picture by itself. Mean and variance of a channel run over the whole batch.")
def _each_picture_apart(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    y, new_mean, new_var = batch_norm(x, mean, var, training)
    if training:
        spread = x.var((2, 3), unbiased=False, keepdim=True)
        y = (x - x.mean((2, 3), keepdim=True)) / (spread + 1e-5).sqrt()
    return y, new_mean, new_var


@mistake(
    "In evaluation mode you take the batch's own mean beside the running variance. Both are the running "
    "ones there."
)
def _own_mean_in_evaluation(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    y, new_mean, new_var = batch_norm(x, mean, var, training)
    return y if training else _normed(x, _of_batch(x)[0], (var + 1e-5).sqrt()), new_mean, new_var


@mistake("In evaluation mode ε is missing: it is added to the running variance as well, under the root.")
def _no_eps_in_evaluation(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    y, new_mean, new_var = batch_norm(x, mean, var, training)
    return y if training else _normed(x, mean, var.sqrt()), new_mean, new_var


@mistake("You keep a running deviation. What is kept is the variance, of which no root has been taken.")
def _deviation_kept(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    y, new_mean, new_var = batch_norm(x, mean, var, training)
    return y, new_mean, 0.9 * var + 0.1 * x.std((0, 2, 3)) if training else new_var


@mistake(
    "The running mean is right. For the variance you exchanged the shares: `momentum` goes to the new one "
    "there too."
)
def _variance_jumps(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    y, new_mean, new_var = batch_norm(x, mean, var, training)
    return y, new_mean, 0.1 * var + 0.9 * x.var((0, 2, 3)) if training else new_var


@mistake(
    "Your correction of the running variance is upside down: divided by n - 1 it gets larger, not smaller."
)
def _corrected_downwards(x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Any:
    y, new_mean, new_var = batch_norm(x, mean, var, training)
    n = x.numel() / x.shape[1]
    return y, new_mean, 0.9 * var + 0.1 * _of_batch(x)[1] * (n - 1) / n if training else new_var


# --- 01.6 what ails it? ----------------------------------------------------------------------------
@mistake(
    "You look for bad statistics in the gap to *new* pictures. What gives them away is the same pictures in "
    "the two modes."
)
def _gap_to_new(deep: Errors, shallow: Errors) -> str:
    if deep[2] - deep[0] > 0.1:
        return "statistics"
    if deep[2] <= shallow[2]:
        return "fine"
    return "degradation" if deep[1] > shallow[1] else "overfitting"


@mistake(
    "You have the two modes exchanged: bad statistics show where *evaluation* mode errs more than training "
    "mode. The first number is that of training mode."
)
def _modes_exchanged(deep: Errors, shallow: Errors) -> str:
    if deep[0] - deep[1] > 0.1:
        return "statistics"
    if deep[2] <= shallow[2]:
        return "fine"
    return "degradation" if deep[1] > shallow[1] else "overfitting"


@mistake(
    "A deep net that knows its training pictures *as well* as the shallow one is not degraded: only worse is."
)
def _as_good_is_degraded(deep: Errors, shallow: Errors) -> str:
    found = diagnose(deep, shallow)
    return "degradation" if found == "overfitting" and deep[1] == shallow[1] else found


@mistake(
    "You never answer that a net is fine. One that does no worse on new pictures than the shallow one is."
)
def _never_fine(deep: Errors, shallow: Errors) -> str:
    if deep[1] - deep[0] > 0.1:
        return "statistics"
    return "degradation" if deep[1] > shallow[1] else "overfitting"


@mistake("You compare the deep net's errors with one another where the shallow net's are the measure.")
def _shallow_forgotten(deep: Errors, shallow: Errors) -> str:
    if deep[1] - deep[0] > 0.1:
        return "statistics"
    if deep[2] <= shallow[2]:
        return "fine"
    return "overfitting" if deep[2] - deep[1] > 0.1 else "degradation"


@mistake(
    "You let a net that does a little worse on new pictures pass as fine. The 0.1 is meant for the two "
    "modes only."
)
def _a_little_is_fine(deep: Errors, shallow: Errors) -> str:
    if deep[1] - deep[0] > 0.1:
        return "statistics"
    if deep[2] - shallow[2] <= 0.1:
        return "fine"
    return "degradation" if deep[1] > shallow[1] else "overfitting"


MORE: dict[str, tuple[Mistake, ...]] = {
    "01.1": (
        _mean_over_classes_too,
        _loss_summed,
        _weights_summed,
        _bias_summed,
        _bias_over_classes,
        _loss_negative,
        _softmax_twice,
        _bias_left_out,
        _shares_averaged_alone,
        _product_of_means,
        _minus_the_share,
        _sigmoids,
    ),
    "01.2": (
        _one_added_too_early,
        _counted_before_padding,
        _square_by_height,
        _square_by_width,
        _mean_of_products,
        _columns_padded,
        _loops_end_early,
        _stride_ignored,
        _stride_down_only,
        _result_turned,
        _mirrored,
        _padded_twice,
    ),
    "01.3": (
        _weights_summed_over_filters,
        _weights_flipped,
        _pixels_mean_of_filters,
        _pixels_mean_over_places,
        _weights_summed_over_channels,
        _grad_out_ignored,
        _pixels_without_grad_out,
        _first_window_always,
        _weights_by_filters,
    ),
    "01.4": (
        _padding_added,
        _last_of_the_first,
        _padding_at_one_end,
        _padding_widens,
        _padding_not_scaled,
        _size_in_place_of_last,
        _around_the_middle,
        _until_the_neighbour,
        _one_layer,
    ),
    "01.5": (
        _eps_outside_in_training,
        _no_eps,
        _own_in_evaluation,
        _moves_in_evaluation,
        _corrected_by_pictures,
        _variances_exchanged,
        _nothing_kept,
        _by_the_variance,
        _not_centred,
        _each_picture_apart,
        _own_mean_in_evaluation,
        _no_eps_in_evaluation,
        _deviation_kept,
        _variance_jumps,
        _corrected_downwards,
    ),
    "01.6": (
        _gap_to_new,
        _modes_exchanged,
        _as_good_is_degraded,
        _never_fine,
        _shallow_forgotten,
        _a_little_is_fine,
    ),
}
