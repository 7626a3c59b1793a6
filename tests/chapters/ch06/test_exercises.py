"""The exercises of chapter 06 hold what the package does, and accept what a learner would write."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch06 import exercises
from lecture_utils.exercises import checker
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.metrics.boundary_iou import boundary
from lecture_utils.metrics.segmentation import iou_by_class
from lecture_utils.ops.upsampling import bilinear_kernel, conv_transpose2d
from lecture_utils.segmentation.fcn import convolutional
from lecture_utils.segmentation.unet import sizes


def test_class_iou_is_the_package_s() -> None:
    generator = torch.Generator().manual_seed(0)
    for classes in (1, 2, 5, 12):
        table = torch.randint(0, 9, (classes, classes), generator=generator)
        table[-1] = table[:, -1] = 0  # a class that never occurs
        torch.testing.assert_close(exercises.class_iou(table), iou_by_class(table), equal_nan=True)


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_outline_band_is_the_package_s(width: int) -> None:
    generator = torch.Generator().manual_seed(width)
    for share in (0.0, 0.7, 0.95, 1.0):
        mask = torch.rand(17, 23, generator=generator) < share
        assert torch.equal(exercises.outline_band(mask, width), boundary(mask, width))


@pytest.mark.parametrize(("channels", "k"), [(1, 1), (3, 2), (4, 3), (2, 7)])
def test_a_dense_layer_and_its_convolution_say_the_same(channels: int, k: int) -> None:
    torch.manual_seed(k)
    linear, x = nn.Linear(channels * k * k, 5), torch.randn(2, channels, k, k)
    weight = exercises.dense_as_conv(linear.weight.detach(), k)
    assert torch.equal(weight, convolutional(linear, k).weight)
    torch.testing.assert_close(F.conv2d(x, weight, linear.bias)[:, :, 0, 0], linear(x.flatten(1)))


@pytest.mark.parametrize(("k", "stride"), [(1, 1), (3, 1), (3, 2), (4, 2), (2, 3), (5, 3)])
def test_stamps_are_a_transposed_convolution(k: int, stride: int) -> None:
    torch.manual_seed(k)
    x, kernel = torch.randn(4, 6), torch.randn(k, k)
    got = exercises.stamp(x, kernel, stride)
    for function in (conv_transpose2d, F.conv_transpose2d):
        torch.testing.assert_close(got, function(x[None, None], kernel[None, None], stride=stride)[0, 0])


@pytest.mark.parametrize("factor", range(1, 9))
def test_two_tents_are_the_bilinear_kernel(factor: int) -> None:
    tent = exercises.tent(factor)
    torch.testing.assert_close(torch.outer(tent, tent), bilinear_kernel(factor))
    stamps = exercises.stamp(torch.ones(1, 7), torch.outer(torch.eye(len(tent))[0], tent), factor)[0]
    torch.testing.assert_close(stamps[2 * factor : -2 * factor], torch.ones(len(stamps) - 4 * factor))


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5])
def test_sizes_are_the_u_net_s(levels: int) -> None:
    assert [exercises.unet_sizes(n, levels) for n in range(1, 700)] == [
        sizes(n, levels=levels) for n in range(1, 700)
    ]


# What learners write, unlike the reference: right answers in other words, and slips in other words.
def iou_by_loops(table: Tensor) -> Tensor:
    found = []
    for k in range(len(table)):
        right = int(table[k, k])
        union = int(table[k].sum()) + int(table[:, k].sum()) - right
        found.append(right / union if union else float("nan"))
    return torch.tensor(found)


def iou_without_doubling(table: Tensor) -> Tensor:
    return torch.tensor(
        [float(table[k, k] / (table[k].sum() + table[:, k].sum())) for k in range(len(table))]
    )


def band_by_neighbours(mask: Tensor, width: int) -> Tensor:
    height, across = mask.shape
    inside = mask.clone()
    for _ in range(width):
        before = F.pad(inside, (1, 1, 1, 1))
        for i in range(3):
            for j in range(3):
                inside = inside & before[i : i + height, j : j + across]
    return mask & ~inside


def band_by_pooling_without_a_rim(mask: Tensor, width: int) -> Tensor:
    outside = F.max_pool2d((~mask)[None, None].float(), 2 * width + 1, stride=1, padding=width)[0, 0] > 0
    return mask & outside  # max_pool2d pads with minus infinity: beyond the edge nothing is outside


def conv_by_loops(weight: Tensor, k: int) -> Tensor:
    channels = weight.shape[1] // k**2
    out = torch.zeros(len(weight), channels, k, k)
    for c in range(channels):
        for i in range(k):
            for j in range(k):
                out[:, c, i, j] = weight[:, c * k * k + i * k + j]
    return out


def stamp_by_gathering(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    k = len(kernel)
    spread = torch.zeros((x.shape[0] - 1) * stride + 1, (x.shape[1] - 1) * stride + 1)
    spread[::stride, ::stride] = x
    padded = F.pad(spread, (k - 1,) * 4)
    return F.conv2d(padded[None, None], kernel.flip(0, 1)[None, None])[0, 0]


def stamp_by_gathering_unflipped(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    return stamp_by_gathering(x, kernel.flip(0, 1), stride)


def tent_of_the_paper_s_program(factor: int) -> Tensor:
    size = 2 * factor - factor % 2
    centre = factor - 1 if size % 2 else factor - 0.5
    return torch.tensor([1 - abs(x - centre) / factor for x in range(size)])


def sizes_by_names(size: int, levels: int) -> Any:
    down = []
    for _ in range(levels):
        size = size - 2 - 2
        if size % 2 == 1 or size <= 0:
            return None
        down.append(size)
        size = size // 2
    up = [size - 4]
    for _ in range(levels):
        up.append(up[-1] * 2 - 4)
    return None if min(up) <= 0 else down + up


def floored_sizes(size: int, levels: int) -> Any:
    seen, side = [], size
    for step in range(2 * levels + 1):
        side -= 4
        if side <= 0:
            return None
        seen.append(side)
        side = side // 2 if step < levels else side * 2
    return seen


RIGHT = {
    "06.1": iou_by_loops,
    "06.2": band_by_neighbours,
    "06.3": conv_by_loops,
    "06.4": stamp_by_gathering,
    "06.5": tent_of_the_paper_s_program,
    "06.6": sizes_by_names,
}
SLIPS = {
    "06.1": (iou_without_doubling, "union is too large"),
    "06.2": (band_by_pooling_without_a_rim, "runs out of the picture"),
    "06.4": (stamp_by_gathering_unflipped, "turned by 180°"),
    "06.6": (floored_sizes, "odd sizes through"),
}


@pytest.mark.parametrize("id", RIGHT)
def test_a_right_answer_in_other_words_is_right(id: str) -> None:
    found = examine(checker.find(id), RIGHT[id])
    assert found.state == "right", found


@pytest.mark.parametrize("id", SLIPS)
def test_a_slip_in_other_words_gets_its_hint(id: str) -> None:
    exercise, (answer, words) = checker.find(id), SLIPS[id]
    shown = known_mistake(exercise, answer, examine(exercise, answer))
    assert shown is not None and words in shown.hint
