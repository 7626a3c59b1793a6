"""Chapter 06: the checked exercises about semantic segmentation; the lab stands in `lab.py`.

Each exercise holds a reference (the solution that the notebook shows), inputs to try (smallest first),
general hints that say more each time, and the usual mistakes, each with its own hint. Shapes: K classes, H
and W height and width, C channels, O outputs, k × k the kernel.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch06.lab import LAB
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISES", "LAB"]


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


# --- 06.1 IoU of each class ------------------------------------------------------------------------
def class_iou(table: Tensor) -> Tensor:
    """(K, K) pixel counts, true class by row -> (K,) IoU, NaN for a class that never occurs."""
    both = table.diagonal().double()  # true and predicted, (K,)
    either = table.sum(dim=1) + table.sum(dim=0) - table.diagonal()  # the diagonal is in both sums
    return both / either  # 0 / 0 is NaN


def _tables(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield (torch.tensor([[3, 1], [0, 2]]),)
    yield (torch.tensor([[0, 4], [1, 5]]),)  # class 0 is never found
    yield (torch.tensor([[6, 0, 2], [0, 0, 0], [3, 0, 1]]),)  # class 1 occurs nowhere
    yield (torch.tensor([[6, 1, 2], [0, 0, 0], [3, 0, 1]]),)  # class 1 is predicted, and is not there
    for classes in (3, 4, 5, 12):
        yield (torch.tensor(rng.integers(0, 50, size=(classes, classes))),)


@mistake(
    "You divided by the pixels that truly are of the class: that is the share of it which was found. A net "
    "that calls every pixel grass would find all the grass. What else belongs to the union?"
)
def _by_the_true(table: Tensor) -> Tensor:
    return table.diagonal().double() / table.sum(dim=1)


@mistake(
    "You divided by the pixels that were called so. Then what the net overlooks costs nothing. What else "
    "belongs to the union?"
)
def _by_the_predicted(table: Tensor) -> Tensor:
    return table.diagonal().double() / table.sum(dim=0)


@mistake(
    "Your union is too large: pixels that are of the class and were called so stand in the row's sum and in "
    "the column's. Each may count once."
)
def _both_counted_twice(table: Tensor) -> Tensor:
    return table.diagonal().double() / (table.sum(dim=1) + table.sum(dim=0))


@mistake(
    "What you computed is the Dice coefficient, twice the intersection over the sum of both areas. Here the "
    "intersection is divided by the union."
)
def _dice(table: Tensor) -> Tensor:
    return 2 * table.diagonal().double() / (table.sum(dim=1) + table.sum(dim=0))


@mistake(
    "A class that occurs nowhere gets a number from you. Nothing can be said about it, and a 0 or 1 would "
    "spoil the mean: leave NaN there."
)
def _nothing_is_zero(table: Tensor) -> Tensor:
    return class_iou(table).nan_to_num(0.0)


@mistake("You divided by all pixels of the table. A union is counted for each class by itself.")
def _by_all_pixels(table: Tensor) -> Tensor:
    return table.diagonal().double() / table.sum()


# --- 06.2 the band along an outline ----------------------------------------------------------------
def outline_band(mask: Tensor, width: int) -> Tensor:
    """Pixels of a mask (H, W), bool, at most `width` steps (8 neighbours) from what lies outside it."""
    inside = mask
    for _ in range(width):  # take one layer of pixels off
        padded = F.pad(inside, (1, 1, 1, 1), value=False)  # outside the picture is outside the mask
        around = padded.unfold(0, 3, 1).unfold(1, 3, 1)  # (H, W, 3, 3): each pixel and its neighbours
        inside = around.flatten(2).all(dim=2)
    return mask & ~inside


def _masks(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    block = torch.zeros(5, 5, dtype=torch.bool)
    block[1:4, 1:4] = True
    yield block, 1
    yield torch.ones(4, 5, dtype=torch.bool), 1  # the picture's edge is an outline too
    cross = torch.zeros(7, 7, dtype=torch.bool)
    cross[1:6, 2:5] = cross[2:5, 1:6] = True
    yield cross, 1  # a diagonal step is one step
    large = torch.zeros(9, 10, dtype=torch.bool)
    large[1:9, 1:8] = True
    yield large, 2
    yield torch.zeros(3, 4, dtype=torch.bool), 1
    for width in (1, 2, 3):
        rough = torch.tensor(rng.uniform(size=(12, 14)) < 0.93)
        yield rough, width
        disc = (torch.arange(15) - 7.0) ** 2 + (torch.arange(15)[:, None] - 7.0) ** 2 < 45
        yield disc, width


def _eroded(mask: Tensor, steps: int, *, corners: bool = True, outside: bool = False) -> Tensor:
    padded = F.pad(mask, (steps,) * 4, value=outside)
    for _ in range(steps):
        around = F.pad(padded, (1, 1, 1, 1), value=outside).unfold(0, 3, 1).unfold(1, 3, 1).flatten(2)
        padded = around.all(2) if corners else around[..., [1, 3, 4, 5, 7]].all(2)
    return padded[steps : steps + len(mask), steps : steps + mask.shape[1]]


@mistake(
    "A pixel that touches the outside only by a corner is missing. A step may be diagonal: eight neighbours "
    "count, and not four."
)
def _four_neighbours(mask: Tensor, width: int) -> Tensor:
    return mask & ~_eroded(mask, width, corners=False)


@mistake(
    "Where the mask runs out of the picture you see no outline. What lies outside the picture belongs to no "
    "mask, so the picture's edge is an outline as well."
)
def _no_outline_at_the_edge(mask: Tensor, width: int) -> Tensor:
    return mask & ~_eroded(mask, width, outside=True)


@mistake(
    "You returned what is left in the middle when the band is taken away. Asked for is the band: what was "
    "taken off."
)
def _the_middle(mask: Tensor, width: int) -> Tensor:
    return mask & _eroded(mask, width)


@mistake(
    "Your band lies around the mask, on the other side of the outline. Asked for are pixels that belong to "
    "the mask."
)
def _the_ring_around(mask: Tensor, width: int) -> Tensor:
    return ~mask & ~_eroded(~mask, width, outside=True)


@mistake(
    "Your band lies on both sides of the outline. Only pixels that belong to the mask count, since "
    "prediction and truth each bring their own."
)
def _both_sides(mask: Tensor, width: int) -> Tensor:
    return (mask & ~_eroded(mask, width)) | (~mask & ~_eroded(~mask, width, outside=True))


@mistake(
    "Your band is one layer of pixels too thin. A pixel that touches the outside is one step from it, so a "
    "width of 1 keeps it."
)
def _one_too_thin(mask: Tensor, width: int) -> Tensor:
    return mask & ~_eroded(mask, width - 1)


# --- 06.3 a dense layer as a convolution -----------------------------------------------------------
def dense_as_conv(weight: Tensor, k: int) -> Tensor:
    """Kernels (O, C, k, k) that do what a dense layer (O, C·k·k) did with a flattened map (C, k, k)."""
    outputs, inputs = weight.shape
    return weight.reshape(outputs, inputs // k**2, k, k)  # flatten counts columns, then rows, then channels


def _dense(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[1.0, 2, 3, 4]]), 2  # one output that reads one channel
    yield torch.arange(8.0)[None], 2  # two channels
    yield torch.arange(6.0).reshape(2, 3), 1  # a layer that reads a vector: 1 × 1
    yield torch.arange(16.0).reshape(2, 8), 2
    for outputs, channels, k in ((3, 2, 3), (4, 5, 2), (2, 3, 7), (5, 5, 3), (8, 64, 1)):
        yield _normal(rng, outputs, channels * k * k), k


@mistake(
    "You read the inputs as rows, columns, channels. `flatten` of a (C, k, k) map begins with all pixels of "
    "channel 0."
)
def _channels_last(weight: Tensor, k: int) -> Tensor:
    return weight.reshape(len(weight), k, k, -1).permute(0, 3, 1, 2)


@mistake(
    "You put the input channels first, as a transposed convolution has them. A convolution's weight begins "
    "with the outputs."
)
def _inputs_first(weight: Tensor, k: int) -> Tensor:
    return dense_as_conv(weight, k).transpose(0, 1)


@mistake(
    "You turned the kernel by 180°. The convolution of a network does not flip its kernel, so weight (i, j) "
    "stays at place (i, j)."
)
def _flipped(weight: Tensor, k: int) -> Tensor:
    return dense_as_conv(weight, k).flip(2, 3)


@mistake("Rows and columns of your kernel are swapped. In a flattened map the column counts up first.")
def _rows_and_columns(weight: Tensor, k: int) -> Tensor:
    return dense_as_conv(weight, k).transpose(2, 3)


@mistake(
    "You divided the weights by the number of pixels that they read. The dense layer added its inputs up, "
    "and so does a convolution: the numbers stay as they are."
)
def _averaged(weight: Tensor, k: int) -> Tensor:
    return dense_as_conv(weight, k) / k**2


# --- 06.4 transposed convolution -------------------------------------------------------------------
def stamp(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Transposed convolution of x (H, W) with a kernel (k, k): ((H - 1)·stride + k, (W - 1)·stride + k)."""
    (height, width), k = x.shape, len(kernel)
    out = x.new_zeros((height - 1) * stride + k, (width - 1) * stride + k)
    for i in range(height):
        for j in range(width):
            rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
            out[rows, columns] += x[i, j] * kernel  # where stamps overlap they add up
    return out


def _stamps(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[2.0]]), torch.tensor([[1.0, 2], [3, 4]]), 2
    yield torch.tensor([[1.0, 10.0]]), torch.tensor([[1.0, 2], [3, 4]]), 2  # side by side
    yield torch.tensor([[1.0, 10.0]]), torch.tensor([[1.0, 2], [3, 4]]), 1  # they overlap
    yield torch.ones(3, 3), torch.ones(3, 3), 2  # the checkerboard
    yield torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0, 2], [3, 4]]), 3  # with a gap
    for height, width, k, stride in ((2, 3, 3, 1), (3, 2, 3, 2), (4, 3, 4, 2), (3, 5, 5, 3), (2, 2, 2, 4)):
        yield _normal(rng, height, width), _normal(rng, k, k), stride


@mistake(
    "Where two stamps overlap, your later one wipes out the earlier. What falls on the same pixel is added "
    "up."
)
def _overwritten(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    k = len(kernel)
    out = torch.zeros_like(stamp(x, kernel, stride))
    for i, j in np.ndindex(*x.shape):
        out[i * stride : i * stride + k, j * stride : j * stride + k] = x[i, j] * kernel
    return out


@mistake(
    "Your kernel is turned by 180°. A stamp is laid down as it is: its upper left weight comes to the upper "
    "left."
)
def _stamp_flipped(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    return stamp(x, kernel.flip(0, 1), stride)


@mistake(
    "You divided by the number of stamps that fall on a pixel. A transposed convolution only adds; that is "
    "why uneven overlap can be seen."
)
def _mean_of_stamps(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    counts = stamp(torch.ones_like(x), torch.ones_like(kernel), stride)
    return stamp(x, kernel, stride) / counts.clamp_min(1)


@mistake(
    "You put the stamps side by side, a kernel's width apart. How far apart they lie is what `stride` says."
)
def _a_kernel_apart(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    return torch.kron(x, kernel)


def _stamped(x: Tensor, kernel: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    out, k = x.new_zeros(size), len(kernel)
    for i, j in np.ndindex(*x.shape):
        out[i * stride : i * stride + k, j * stride : j * stride + k] += x[i, j] * kernel
    return out


@mistake(
    "Your output has H·stride rows, and there the last stamp does not fit. It begins at row (H - 1)·stride "
    "and is k rows high."
)
def _too_small(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    return _stamped(x, kernel, stride, (x.shape[0] * stride, x.shape[1] * stride))


@mistake(
    "Your output has rows to spare, which no stamp reaches. The last stamp begins at row (H - 1)·stride, and "
    "not at H·stride."
)
def _too_large(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    k = len(kernel)
    return _stamped(x, kernel, stride, (x.shape[0] * stride + k, x.shape[1] * stride + k))


# --- 06.5 the kernel that interpolates -------------------------------------------------------------
def tent(factor: int) -> Tensor:
    """Kernel (2·factor - factor % 2,) of linear interpolation by a transposed convolution of this stride."""
    size = 2 * factor - factor % 2
    middle = (size - 1) / 2  # between two pixels where the factor is even
    return 1 - (torch.arange(size) - middle).abs() / factor


def _factors(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for factor in (2, 1, 3, 4, 5, 7, 8, 16, 32):
        yield (factor,)


@mistake(
    "Your weights sum to 1. Each output pixel should get weights that sum to 1, and it lies under one or two "
    "stamps, not under a whole one: let the tent's top be (nearly) 1."
)
def _sums_to_one(factor: int) -> Tensor:
    return tent(factor) / tent(factor).sum()


@mistake(
    "Your tent begins and ends at 0. Its feet lie outside the kernel: the first pixel that it would not "
    "reach is one step further."
)
def _feet_inside(factor: int) -> Tensor:
    size = 2 * factor - factor % 2
    return 1 - torch.linspace(-1, 1, size).abs() if size > 1 else torch.ones(1)


@mistake(
    "Your tent leans to one side. Pixels 0 to size - 1 have their middle at (size - 1) / 2, which is "
    "half-way between two pixels if the factor is even."
)
def _leaning(factor: int) -> Tensor:
    size = 2 * factor - factor % 2
    return 1 - (torch.arange(size) - size // 2).abs() / factor


@mistake(
    "Your tent falls too steeply where the factor is odd. From the top it falls by 1 over as many pixels as "
    "lie between two stamps: how many is that?"
)
def _slope_by_size(factor: int) -> Tensor:
    size = 2 * factor - factor % 2
    return 1 - (torch.arange(size) - (size - 1) / 2).abs() / (size / 2)


@mistake(
    "All your weights are equal: that is a box, which repeats its value or blurs it. Between two inputs the "
    "value should change gradually, so a weight falls with the distance."
)
def _box(factor: int) -> Tensor:
    return torch.ones(2 * factor - factor % 2)


@mistake("Your kernel has a wrong number of weights: 2·factor where the factor is even, one less where odd.")
def _always_odd(factor: int) -> Tensor:
    return 1 - (torch.arange(2 * factor - 1) - (factor - 1)).abs() / factor


# --- 06.6 sizes in a U-Net of valid convolutions ---------------------------------------------------
def unet_sizes(size: int, levels: int) -> list[int] | None:
    """Side after each pair of valid 3 × 3 convolutions, down and up; None where it cannot work.

    `levels` pools halve it, then as many up-convolutions double it. It cannot work where a pool meets an odd
    side, or no pixel is left.
    """
    seen = [size - 4]  # each valid 3 × 3 convolution takes a pixel off each side
    for _ in range(levels):
        if seen[-1] % 2:
            return None
        seen.append(seen[-1] // 2 - 4)
    for _ in range(levels):
        seen.append(seen[-1] * 2 - 4)
    return seen if min(seen) > 0 else None


def _sides(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield 20, 1
    yield 21, 1  # 17 cannot be halved
    yield 16, 1  # nothing is left
    yield 22, 1  # 18, 5, 6: the bottom may be odd, it is doubled
    yield 572, 4
    for levels in (1, 2, 3, 4, 5):
        good = int(rng.integers(4, 20)) * 2**levels + 8 * (2**levels - 1) + 4
        yield good, levels
        yield good - 2, levels
    yield 188, 4
    yield 140, 4


def _walk(size: int, levels: int, loss: int = 4, up: bool = True) -> list[int]:
    seen = [size - loss]
    for _ in range(levels):
        seen.append(seen[-1] // 2 - loss)
    for _ in range(levels if up else 0):
        seen.append(seen[-1] * 2 - loss)
    return seen


@mistake(
    "You let odd sizes through. A 2 × 2 pool leaves a row out there, and the map handed across no longer "
    "fits what comes up: answer None."
)
def _odd_rounded_down(size: int, levels: int) -> list[int] | None:
    return seen if min(seen := _walk(size, levels)) > 0 else None


@mistake(
    "Your maps vanish, or get a negative size, and you go on. Where no pixel is left there is no net: answer "
    "None."
)
def _nothing_goes_on(size: int, levels: int) -> list[int] | None:
    seen = _walk(size, levels)
    return None if any(side % 2 for side in seen[:levels]) else seen


@mistake(
    "You took off 2 pixels for each pair. One valid 3 × 3 convolution takes off 2, one on either side, and "
    "there are two of them."
)
def _one_convolution(size: int, levels: int) -> list[int] | None:
    seen = _walk(size, levels, loss=2)
    return None if any(side % 2 for side in seen[:levels]) or min(seen) <= 0 else seen


@mistake(
    "Your sizes never shrink by convolution. They are valid: no zeros are put around the map, so its border "
    "is lost."
)
def _padded(size: int, levels: int) -> list[int] | None:
    seen = _walk(size, levels, loss=0)
    return None if any(side % 2 for side in seen[:levels]) else seen


@mistake(
    "You stopped at the bottom. The other half goes up: each up-convolution doubles the side, and a pair of "
    "convolutions follows there too."
)
def _only_down(size: int, levels: int) -> list[int] | None:
    return None if unet_sizes(size, levels) is None else _walk(size, levels, up=False)


@mistake(
    "The way down is right, but on the way up you took nothing off: a pair of convolutions follows there too."
)
def _nothing_off_on_the_way_up(size: int, levels: int) -> list[int] | None:
    if unet_sizes(size, levels) is None:
        return None
    seen = _walk(size, levels, up=False)
    return seen + [seen[-1] * 2**k for k in range(1, levels + 1)]


EXERCISES = [
    Exercise(
        "06.1",
        "IoU of each class, from one table",
        class_iou,
        _tables,
        difficulty=1,
        minutes=8,
        hints=(
            "Intersection of class c: pixels that are c and are called c. In which cell do they stand?",
            "A row's sum has all pixels that truly are c, a column's sum all that were called c. The union "
            "is the one plus the other minus what is in both.",
            "With both, the diagonal as floats, and either, the two sums less the diagonal, the answer is "
            "both / either. 0 / 0 gives NaN by itself.",
        ),
        mistakes=(
            _by_the_true,
            _by_the_predicted,
            _both_counted_twice,
            _dice,
            _nothing_is_zero,
            _by_all_pixels,
        ),
    ),
    Exercise(
        "06.2",
        "The band along an outline",
        outline_band,
        _masks,
        difficulty=2,
        minutes=12,
        hints=(
            "Begin with width 1: which pixels of the mask have a neighbour, or a place beyond the picture's "
            "edge, that is outside the mask?",
            "Take one layer of pixels off: a pixel stays only if it and its eight neighbours are all inside. "
            "Do that `width` times; the band is what was taken off.",
            "F.pad(mask, (1, 1, 1, 1), value=False) puts the outside around. Its nine shifted copies, "
            "combined by &, are one layer less: padded[i : i + H, j : j + W] for i and j from 0 to 2.",
        ),
        mistakes=(
            _four_neighbours,
            _no_outline_at_the_edge,
            _the_middle,
            _the_ring_around,
            _both_sides,
            _one_too_thin,
        ),
    ),
    Exercise(
        "06.3",
        "A dense layer becomes a convolution",
        dense_as_conv,
        _dense,
        difficulty=1,
        minutes=6,
        hints=(
            "Row o of the weight holds what output o multiplies the flattened map with. Unflatten it, and "
            "you have a kernel.",
            "How many channels C does it read? The row has C·k·k numbers.",
            "`flatten` counts column by column, then row by row, then channel by channel; `reshape` to "
            "(O, C, k, k) counts the same way.",
        ),
        mistakes=(_channels_last, _inputs_first, _flipped, _rows_and_columns, _averaged),
    ),
    Exercise(
        "06.4",
        "Stamp by stamp: the transposed convolution",
        stamp,
        _stamps,
        difficulty=2,
        minutes=12,
        hints=(
            "Every input value multiplies the whole kernel and puts it into the output. Where does the "
            "stamp of x[i, j] have its upper left corner?",
            "It begins at row i·stride and column j·stride. The last one begins at (H - 1)·stride: that "
            "gives the output's size.",
            "Begin with zeros, then in two loops: out[i·stride : i·stride + k, j·stride : j·stride + k] += "
            "x[i, j] * kernel.",
        ),
        mistakes=(_overwritten, _stamp_flipped, _mean_of_stamps, _a_kernel_apart, _too_small, _too_large),
    ),
    Exercise(
        "06.5",
        "The kernel that interpolates",
        tent,
        _factors,
        difficulty=2,
        minutes=10,
        hints=(
            "Linear interpolation gives an input a weight that falls evenly with the distance and is 0 at "
            "the next input, `factor` pixels away.",
            "The kernel's middle is at (size - 1) / 2. At distance d from there the weight is 1 - d / "
            "factor.",
            "Try factor 2 by hand: four weights, 1/4, 3/4, 3/4, 1/4. Stamps two pixels apart add up to 1 "
            "everywhere.",
        ),
        mistakes=(_sums_to_one, _feet_inside, _leaning, _slope_by_size, _box, _always_odd),
    ),
    Exercise(
        "06.6",
        "Which sizes fit a U-Net?",
        unet_sizes,
        _sides,
        difficulty=2,
        minutes=12,
        hints=(
            "Follow figure 1 of the paper with 572: two convolutions, 568; a pool, 284; two convolutions, "
            "280. Only what follows the convolutions is listed.",
            "Down: halve, then minus 4. Up: double, then minus 4. Before each halving look whether the side "
            "is even.",
            "At the end look at the whole list: if any side is 0 or less, answer None.",
        ),
        mistakes=(
            _odd_rounded_down,
            _nothing_goes_on,
            _one_convolution,
            _padded,
            _only_down,
            _nothing_off_on_the_way_up,
        ),
    ),
]
