"""Chapter 01: the checked exercises about convolutional networks.

Each exercise holds a reference (the solution that the notebook shows), inputs to try (smallest first),
general hints that say more each time, and the usual mistakes, each with its own hint. Shapes: B batch, C
channels, H and W height and width, L number of window positions.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.exercises.exercise import Exercise, mistake

Layers = list[tuple[int, int]]


# --- 01.1 cross-correlation ------------------------------------------------------------------------
def cross_correlate(image: Tensor, kernel: Tensor) -> Tensor:
    """Slide a (h, w) kernel over an (H, W) image: stride 1, no padding."""
    h, w = kernel.shape
    out = torch.zeros(image.shape[0] - h + 1, image.shape[1] - w + 1)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


def _images_and_kernels(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[0.0, 1.0]])
    yield torch.arange(9.0).reshape(3, 3), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    for size, kernel in [((4, 6), (3, 3)), ((5, 5), (1, 3)), ((6, 4), (3, 2)), ((3, 3), (3, 3))]:
        yield _normal(rng, *size), _normal(rng, *kernel)


@mistake(
    "You turned the kernel round before you laid it on the image. That is a true convolution; "
    "cross-correlation uses the kernel as it is written."
)
def _flipped(image: Tensor, kernel: Tensor) -> Tensor:
    return cross_correlate(image, kernel.flip(0, 1))


@mistake(
    "Your output is as large as the image, so the kernel hung over the edge somewhere. Count only places "
    "where the whole kernel fits."
)
def _same_size(image: Tensor, kernel: Tensor) -> Tensor:
    h, w = kernel.shape
    return cross_correlate(F.pad(image, ((w - 1) // 2, w // 2, (h - 1) // 2, h // 2)), kernel)


@mistake(
    "You laid the kernel on the image with its rows and columns swapped. Its first index goes down, its "
    "second one to the right, as in the image."
)
def _transposed(image: Tensor, kernel: Tensor) -> Tensor:
    return cross_correlate(image, kernel.T)


@mistake(
    "You stop one place too early, down and to the right. A window of 2 fits twice into a row of 3 pixels."
)
def _last_window_missing(image: Tensor, kernel: Tensor) -> Tensor:
    return cross_correlate(image, kernel)[
        : image.shape[0] - kernel.shape[0], : image.shape[1] - kernel.shape[1]
    ]


# --- 01.2 output size ------------------------------------------------------------------------------
def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Number of positions where the kernel fits, along one axis."""
    reach = dilation * (kernel - 1) + 1  # pixels from the first to the last tap
    return (size + 2 * padding - reach) // stride + 1


def _sizes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield from [
        (3, 3, 1, 0, 1),
        (4, 3, 1, 0, 1),
        (4, 3, 1, 1, 1),
        (6, 3, 2, 0, 1),
        (7, 3, 1, 0, 2),
        (224, 11, 4, 2, 1),
    ]
    for _ in range(20):
        kernel, dilation = int(rng.integers(1, 6)), int(rng.integers(1, 4))
        size = dilation * (kernel - 1) + 1 + int(rng.integers(0, 30))
        yield size, kernel, int(rng.integers(1, 5)), int(rng.integers(0, 4)), dilation


@mistake("You counted the steps of the window. The place where it starts, before its first step, counts too.")
def _size_off_by_one(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride


@mistake(
    "You rounded up, so your last window hangs over the end. A place counts only if the whole window fits."
)
def _size_rounded_up(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    return math.ceil((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1


@mistake("You added the padding at one end only. It is put at both ends of the axis.")
def _size_padded_once(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1


@mistake(
    "Your dilated kernel is too long. Between k taps there are only k - 1 gaps: how many pixels lie from "
    "the first tap to the last?"
)
def _size_dilation_times_kernel(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    return (size + 2 * padding - dilation * kernel) // stride + 1


# --- 01.3 im2col -----------------------------------------------------------------------------------
def columns_of_windows(x: Tensor, k: int) -> Tensor:
    """Every k × k window of a (C, H, W) image as one column: (C·k·k, L)."""
    _, height, width = x.shape
    columns = [
        x[:, i : i + k, j : j + k].reshape(-1) for i in range(height - k + 1) for j in range(width - k + 1)
    ]
    return torch.stack(columns, dim=1)  # (C·k·k, L)


def _windows(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.arange(6.0).reshape(1, 2, 3), 2
    yield torch.arange(8.0).reshape(2, 2, 2), 2
    for shape, k in [((2, 3, 4), 2), ((3, 5, 4), 3), ((1, 4, 4), 1), ((2, 4, 3), 3)]:
        yield _normal(rng, *shape), k


@mistake(
    "Down a column you change the channel fastest. In weight.reshape(-1) the channel changes slowest: all "
    "pixels of channel 0 come first."
)
def _channels_last(x: Tensor, k: int) -> Tensor:
    length = (x.shape[1] - k + 1) * (x.shape[2] - k + 1)
    return columns_of_windows(x, k).reshape(x.shape[0], k * k, length).transpose(0, 1).reshape(-1, length)


@mistake(
    "Each column of yours is right, but their order is not. Windows come in reading order: along a row of "
    "the image first, then the next row."
)
def _column_by_column(x: Tensor, k: int) -> Tensor:
    rows, columns = x.shape[1] - k + 1, x.shape[2] - k + 1
    return columns_of_windows(x, k).reshape(-1, rows, columns).transpose(1, 2).reshape(-1, rows * columns)


@mistake("You have one row for each window. Asked for is one column for each window: the other axis.")
def _window_a_row(x: Tensor, k: int) -> Tensor:
    return columns_of_windows(x, k).T


@mistake("Inside each window you read down first and then to the right. The kernel is read along its rows.")
def _window_transposed(x: Tensor, k: int) -> Tensor:
    length = (x.shape[1] - k + 1) * (x.shape[2] - k + 1)
    return columns_of_windows(x, k).reshape(x.shape[0], k, k, length).transpose(1, 2).reshape(-1, length)


# --- 01.4 receptive field --------------------------------------------------------------------------
def receptive_field(layers: Layers) -> int:
    """Input pixels, along one axis, that one output of a chain of (kernel, stride) layers can see."""
    size, jump = 1, 1
    for kernel, stride in layers:
        size += (kernel - 1) * jump  # each further tap reaches one jump further
        jump *= stride  # one step here is `jump` pixels in the input
    return size


def _chains(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield from [([(3, 1)],), ([(3, 1), (3, 1)],), ([(3, 2), (3, 1)],), ([(3, 1), (2, 2)],), ([],)]
    yield ([(11, 4), (3, 2), (5, 1), (3, 2)],)
    for _ in range(12):
        yield ([(int(rng.integers(1, 6)), int(rng.integers(1, 4))) for _ in range(int(rng.integers(2, 7)))],)


@mistake(
    "You left the strides out. After a layer of stride 2, one step in its map is two pixels in the input, "
    "so later kernels reach further."
)
def _stride_ignored(layers: Layers) -> int:
    return 1 + sum(kernel - 1 for kernel, _ in layers)


@mistake(
    "You let a layer's own stride act on its own kernel. Its taps lie on the map before it; the stride "
    "spreads only what comes after."
)
def _own_stride_counted(layers: Layers) -> int:
    size, jump = 1, 1
    for kernel, stride in layers:
        jump *= stride
        size += (kernel - 1) * jump
    return size


@mistake(
    "You remember the stride of the one layer before. But strides pile up: after two layers of stride 2 a "
    "step is four pixels, not two."
)
def _only_last_stride(layers: Layers) -> int:
    size, before = 1, 1
    for kernel, stride in layers:
        size, before = size + (kernel - 1) * before, stride
    return size


@mistake(
    "You added whole kernels. The window of the first tap is already there: how many new pixels does a "
    "kernel of 3 bring to a field of 1?"
)
def _kernels_added(layers: Layers) -> int:
    return sum(kernel for kernel, _ in layers)


# --- 01.5 batch norm -------------------------------------------------------------------------------
def batch_norm(
    x: Tensor, mean: Tensor, var: Tensor, training: bool, momentum: float = 0.1, eps: float = 1e-5
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise x (B, C, H, W) by channel; return it with the running mean and variance, each (C,)."""
    if not training:
        return (x - mean[:, None, None]) / torch.sqrt(var[:, None, None] + eps), mean, var
    axes, count = (0, 2, 3), x.numel() / x.shape[1]
    now, spread = x.mean(axes), x.var(axes, unbiased=False)  # (C,)
    y = (x - now[:, None, None]) / torch.sqrt(spread[:, None, None] + eps)
    unbiased = spread * count / (count - 1)  # the running estimate is for other samples, so it is corrected
    return y, (1 - momentum) * mean + momentum * now, (1 - momentum) * var + momentum * unbiased


def _batches(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for training in (True, False):
        yield torch.tensor([0.0, 2.0]).reshape(2, 1, 1, 1), torch.zeros(1), torch.ones(1), training
        yield 3 * _normal(rng, 3, 2, 2, 2) + 5, _normal(rng, 2), torch.tensor([0.5, 4.0]), training
    yield _normal(rng, 1, 3, 4, 5), torch.zeros(3), torch.ones(3), True


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


# --- 01.6 shortcut ---------------------------------------------------------------------------------
def shortcut(x: Tensor, channels: int, stride: int) -> Tensor:
    """Identity where the shape changes, without a weight: take every stride-th pixel, add channels of
    zeros."""
    x = x[:, :, ::stride, ::stride]  # (B, C, H/s, W/s)
    return F.pad(x, (0, 0, 0, 0, 0, channels - x.shape[1]))  # (B, channels, H/s, W/s)


def _feature_maps(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.arange(4.0).reshape(1, 1, 2, 2), 2, 2
    yield torch.arange(2.0).reshape(1, 1, 1, 2), 3, 1
    for shape, channels, stride in [
        ((2, 3, 4, 4), 3, 1),
        ((2, 2, 4, 6), 4, 2),
        ((1, 2, 5, 5), 6, 2),
        ((1, 4, 6, 6), 4, 2),
    ]:
        yield _normal(rng, *shape), channels, stride


@mistake(
    "You averaged the pixels of each block. This shortcut only picks pixels and computes nothing: keep "
    "one of every stride."
)
def _averaged(x: Tensor, channels: int, stride: int) -> Tensor:
    return shortcut(F.avg_pool2d(x, stride, ceil_mode=True), channels, 1)


@mistake("You filled the new channels with copies. This shortcut adds channels that hold zeros.")
def _repeated(x: Tensor, channels: int, stride: int) -> Tensor:
    x = x[:, :, ::stride, ::stride]
    return torch.cat([x] * math.ceil(channels / x.shape[1]), dim=1)[:, :channels]


@mistake(
    "The zeros went into the width. F.pad counts axes from the last one backwards: which pair of numbers "
    "belongs to the channels?"
)
def _padded_in_width(x: Tensor, channels: int, stride: int) -> Tensor:
    return F.pad(x[:, :, ::stride, ::stride], (0, channels - x.shape[1]))


@mistake(
    "Your map kept its height and width. The other branch has stride steps, so here too only every "
    "stride-th row and column stays."
)
def _not_subsampled(x: Tensor, channels: int, stride: int) -> Tensor:
    return shortcut(x, channels, 1)


@mistake(
    "You put zeros on both sides of the channels. The old channels come first, and all the zeros after them."
)
def _zeros_on_both_sides(x: Tensor, channels: int, stride: int) -> Tensor:
    before = (channels - x.shape[1]) // 2
    return shortcut(x, channels, stride).roll(before, dims=1)


EXERCISES = [
    Exercise(
        "01.1",
        "Cross-correlation by two loops",
        cross_correlate,
        _images_and_kernels,
        difficulty=1,
        minutes=8,
        hints=(
            "The output has one value for each place where the whole kernel fits: H - h + 1 rows, W - w + "
            "1 columns.",
            "At place (i, j) the kernel's top left tap lies on image[i, j]: multiply tap by pixel, add up.",
            "Deep-learning libraries do not flip the kernel: out[i, j] = sum of image[i + u, j + v] * "
            "kernel[u, v].",
        ),
        mistakes=(_flipped, _same_size, _transposed, _last_window_missing),
    ),
    Exercise(
        "01.2",
        "The size of what comes out",
        output_size,
        _sizes,
        difficulty=1,
        minutes=6,
        hints=(
            "Draw a row of 5 pixels and slide a window of 3 along it: how many places does it fit? Why "
            "not 5 - 3?",
            "Padding adds pixels at both ends. A dilated kernel of k taps reaches over d(k - 1) + 1 pixels.",
            "The window starts at 0, s, 2s, … as long as it still fits: count those starts, the one at 0 "
            "included.",
        ),
        mistakes=(_size_off_by_one, _size_rounded_up, _size_padded_once, _size_dilation_times_kernel),
    ),
    Exercise(
        "01.3",
        "Windows into columns",
        columns_of_windows,
        _windows,
        difficulty=2,
        minutes=12,
        hints=(
            "One column for each window, so the result is (C·k·k, L); L = (H - k + 1)(W - k + 1).",
            "Down a column the order must be that of weight.reshape(-1): channel first, then row, then "
            "column.",
            "Across the columns windows come in reading order: left to right, then the next line. x[:, "
            "i:i+k, j:j+k].reshape(-1) is one column.",
        ),
        mistakes=(_channels_last, _column_by_column, _window_a_row, _window_transposed),
    ),
    Exercise(
        "01.4",
        "How far an output can see",
        receptive_field,
        _chains,
        difficulty=2,
        minutes=8,
        hints=(
            "Start from one pixel. A layer of kernel k adds k - 1 steps, but how long is a step, in input "
            "pixels?",
            "Keep two numbers: the size so far, and the jump, the distance in the input between "
            "neighbours in the map.",
            "A layer's own stride changes the jump only for the layers after it: first grow the size, "
            "then the jump.",
        ),
        mistakes=(_stride_ignored, _own_stride_counted, _only_last_stride, _kernels_added),
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
        mistakes=(_biased_running, _unbiased_inside, _momentum_reversed, _always_training, _each_pixel_apart),
    ),
    Exercise(
        "01.6",
        "A shortcut that changes shape",
        shortcut,
        _feature_maps,
        difficulty=2,
        minutes=8,
        hints=(
            "The two branches can be added only if they agree in all four axes. Which of them differ?",
            "In space, keep every stride-th row and column: x[:, :, ::stride, ::stride].",
            "In channels, append zeros. F.pad lists axes from the last to the first: (W, W, H, H, C, C).",
        ),
        mistakes=(_averaged, _repeated, _padded_in_width, _not_subsampled, _zeros_on_both_sides),
    ),
]
