"""Chapter 15, exercise 15.8: the patch that a score sees (reference: `game_solutions.receptive_field`)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from lecture_utils.chapters.ch15.game_solutions import receptive_field
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Layers = Sequence[tuple[int, int]]


def _stacks(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield ([],)
    yield ([(3, 1)],)
    yield ([(4, 2)],)
    yield ([(3, 1), (3, 1)],)
    yield ([(4, 2), (4, 1)],)
    yield ([(3, 1), (5, 2)],)
    yield ([(1, 1), (1, 1), (1, 1)],)
    for count in (3, 4, 5):
        yield ([(int(rng.integers(1, 6)), int(rng.integers(1, 4))) for _ in range(count)],)
    yield ([(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)],)  # Pix2Pix's


def _field(
    layers: Layers,
    *,
    start: int = 1,
    order: Callable[[Layers], Iterable[tuple[int, int]]] = lambda layers: layers,
    more: Callable[[int, int, int], int] = lambda kernel, stride, step: (kernel - 1) * step,
    further: Callable[[int, int], int] = lambda step, stride: step * stride,
) -> int:
    """The field with one part exchanged."""
    field, step = start, 1
    for kernel, stride in order(layers):
        field += more(kernel, stride, step)
        step = further(step, stride)
    return field


def _upwards(layers: Iterable[tuple[int, int]], less: int) -> int:
    size = 1
    for kernel, stride in layers:
        size = (size - less) * stride + kernel
    return size


@mistake("Strides have no effect with you. After a stride of 2 two neighbours are two pixels apart.")
def _no_strides(layers: Layers) -> int:
    return _field(layers, further=lambda step, stride: 1)


@mistake("You add up the kernels. Two kernels of 3 in a row see 5 pixels, not 6: they share one.")
def _sum_of_kernels(layers: Layers) -> int:
    return sum(kernel for kernel, _ in layers) or 1


@mistake("Each layer adds kernel times step with you. One of the kernel's places is in the field already.")
def _whole_kernel(layers: Layers) -> int:
    return _field(layers, more=lambda kernel, stride, step: kernel * step)


@mistake(
    "You multiply by a layer's own stride too early: it spreads what comes after it, not its own kernel."
)
def _stride_first(layers: Layers) -> int:
    return _field(layers, more=lambda kernel, stride, step: (kernel - 1) * step * stride)


@mistake("Each kernel is multiplied by its own stride alone. The strides of all layers before it multiply.")
def _own_stride(layers: Layers) -> int:
    return _field(
        layers,
        more=lambda kernel, stride, step: (kernel - 1) * stride,
        further=lambda step, stride: 1,
    )


@mistake("You add the strides up. Halved twice, neighbours are four pixels apart, and three times, eight.")
def _strides_added(layers: Layers) -> int:
    return _field(layers, further=lambda step, stride: step + stride - 1)


@mistake("Only the stride of the layer just before counts with you. All strides so far multiply.")
def _last_stride(layers: Layers) -> int:
    return _field(layers, further=lambda step, stride: stride)


@mistake(
    "You go through the layers the wrong way. A sum of (kernel - 1) · step begins at the picture; the rule "
    "(n - 1) · stride + kernel begins at the last layer and goes down."
)
def _wrong_way(layers: Layers) -> int:
    return _field(layers, order=lambda layers: reversed(list(layers)))


@mistake("Going down from a score, n places of a stride s are (n - 1) · s apart, not n · s: then the kernel.")
def _one_too_many(layers: Layers) -> int:
    return _upwards(reversed(list(layers)), 0)


@mistake("You begin with a field of 0. Without any layer a score is one pixel.")
def _from_zero(layers: Layers) -> int:
    return _field(layers, start=0)


@mistake("This is how far apart two scores are, in pixels. Wanted is how wide the patch is that one sees.")
def _step(layers: Layers) -> int:
    step = 1
    for _, stride in layers:
        step *= stride
    return step


@mistake("You multiply the kernels. Each layer adds to the field a margin about it.")
def _product(layers: Layers) -> int:
    size = 1
    for kernel, _ in layers:
        size *= kernel
    return size


@mistake("The last layer is left out with you.")
def _last_left_out(layers: Layers) -> int:
    return _field(layers, order=lambda layers: list(layers)[:-1])


@mistake("The first layer is left out with you, and its stride with it: begin with the picture.")
def _first_left_out(layers: Layers) -> int:
    return _field(layers, order=lambda layers: list(layers)[1:])


WRONG: Any = (
    _no_strides, _sum_of_kernels, _whole_kernel, _stride_first, _own_stride, _strides_added, _last_stride,
    _wrong_way, _one_too_many, _from_zero, _step, _product, _last_left_out,
    _first_left_out,
)  # fmt: skip
EXERCISE = Exercise(
    "15.8",
    "How large is a patch?",
    receptive_field,
    _stacks,
    difficulty=1,
    minutes=6,
    hints=(
        "Two layers of kernel 3 and stride 1 see 5 pixels. If the first has stride 2, its neighbours are two "
        "pixels apart, and the three that the second one sees reach over 7. What does a kernel add?",
        "Keep two numbers while you go from the picture to the scores: the field so far, and the step, how "
        "far apart in pixels two neighbours are. Both begin at 1.",
        "A layer adds (kernel - 1) * step to the field; after that the step is multiplied by its stride.",
    ),
    mistakes=WRONG,
)
