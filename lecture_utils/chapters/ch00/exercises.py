"""Chapter 00's exercises: references, cases, hints, and the mistakes that a check must catch.

Shape letters: C channels, H rows, W columns.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.exercises.checker import Exercise

# --- 00.1: positions and values -------------------------------------------------------------------


def value_at(image: Tensor, x: float, y: float) -> Tensor:
    """The value (C,) of the pixel of `image` (C, H, W) that covers the point (x, y), in pixels."""
    row, column = math.floor(y), math.floor(x)  # pixel (r, c) covers c <= x < c + 1 and r <= y < r + 1
    return image[:, row, column]


def _swapped(image: Tensor, x: float, y: float) -> Tensor:
    return image[:, math.floor(x), math.floor(y)]


def _rounded(image: Tensor, x: float, y: float) -> Tensor:
    return image[:, round(y), round(x)]


def _channels_last(image: Tensor, x: float, y: float) -> Tensor:
    return image[math.floor(y), math.floor(x)]


def _upside_down(image: Tensor, x: float, y: float) -> Tensor:
    return image[:, image.shape[1] - 1 - math.floor(y), math.floor(x)]


def _value_at_cases(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for height, width in ((2, 3), (4, 4), (5, 9), (6, 3)):
        image = torch.arange(3 * height * width).reshape(3, height, width) / (3 * height * width)
        yield image, 0.6, 1.7
        yield image, width - 0.25, 0.0
        yield image, float(rng.uniform(0, width)), float(rng.uniform(0, height))


# --- 00.2: field of view and focal length ---------------------------------------------------------


def focal_in_pixels(width: int, view: float) -> float:
    """The focal length, in pixels, of a camera that sees `view` degrees across `width` pixels."""
    return (width / 2) / math.tan(math.radians(view) / 2)


def _degrees(width: int, view: float) -> float:
    return (width / 2) / math.tan(view / 2)


def _whole_angle(width: int, view: float) -> float:
    return (width / 2) / math.tan(math.radians(view))


def _whole_width(width: int, view: float) -> float:
    return width / math.tan(math.radians(view) / 2)


def _upside_down_ratio(width: int, view: float) -> float:
    return (width / 2) * math.tan(math.radians(view) / 2)


def _focal_cases(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield 100, 90.0
    yield 640, 60.0
    for _ in range(4):
        yield int(rng.integers(32, 4000)), float(rng.uniform(10, 150))


# --- 00.3: aliasing -------------------------------------------------------------------------------


def apparent_frequency(f: float, rate: float) -> float:
    """The frequency, 0 to rate / 2, that a wave of frequency `f` >= 0 shows when sampled at `rate`."""
    f = f % rate  # adding a whole number of turns between two samples changes no sample
    return min(f, rate - f)  # and neither does turning the other way round


def _only_modulo(f: float, rate: float) -> float:
    return f % rate


def _one_fold(f: float, rate: float) -> float:
    return f if f <= rate / 2 else abs(rate - f)


def _clipped(f: float, rate: float) -> float:
    return min(f, rate / 2)


def _modulo_nyquist(f: float, rate: float) -> float:
    return f % (rate / 2)


def _alias_cases(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield 1.0, 10.0
    yield 9.0, 10.0
    yield 10.0, 10.0
    yield 13.0, 10.0
    yield 27.0, 10.0
    for _ in range(6):
        yield float(rng.uniform(0, 200)), float(rng.uniform(5, 40))


# --- 00.4: quantisation ---------------------------------------------------------------------------


def round_to_bits(x: Tensor, bits: int) -> Tensor:
    """The nearest of 2**bits evenly spaced levels, 0 and 1 among them, for every value of `x` in [0, 1]."""
    steps = 2**bits - 1  # 2**bits levels have one step fewer between them
    return torch.round(x * steps) / steps


def _truncated(x: Tensor, bits: int) -> Tensor:
    steps = 2**bits - 1
    return torch.floor(x * steps) / steps


def _one_level_too_many(x: Tensor, bits: int) -> Tensor:
    return torch.round(x * 2**bits) / 2**bits


def _never_white(x: Tensor, bits: int) -> Tensor:
    return torch.floor(x * 2**bits) / 2**bits


def _levels_not_bits(x: Tensor, bits: int) -> Tensor:
    return torch.round(x * bits) / bits


def _eight_bit_overflow(x: Tensor, bits: int) -> Tensor:
    levels = torch.round(x * (2**bits - 1)).to(torch.uint8)
    return (levels * (255 // (2**bits - 1)) + 1).float() / 255


def _quantise_cases(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([0.6]), 1
    yield torch.tensor([0.0, 0.4, 0.6, 1.0]), 1
    yield torch.tensor([0.6]), 2
    yield torch.tensor([0.0, 0.30, 0.55, 0.90, 1.0]), 2
    for bits in (3, 4, 8):
        yield torch.from_numpy(rng.uniform(0, 1, (3, 4, 5))).float(), bits


def _same_levels(got: Any, want: Any) -> bool:
    if not isinstance(got, Tensor) or got.shape != want.shape:
        return False
    return bool(torch.allclose(got.float(), want, atol=1e-6))


# --- 00.5: hue is an angle ------------------------------------------------------------------------


def hue_distance(a: float, b: float) -> float:
    """The angle between two hues, in degrees, the short way round the colour circle: 0 to 180."""
    gap = abs(a - b) % 360
    return min(gap, 360 - gap)


def _plain_difference(a: float, b: float) -> float:
    return abs(a - b)


def _modulo_only(a: float, b: float) -> float:
    return abs(a - b) % 360


def _modulo_half(a: float, b: float) -> float:
    return abs(a - b) % 180


def _radians(a: float, b: float) -> float:
    gap = abs(a - b) % (2 * math.pi)
    return min(gap, 2 * math.pi - gap)


def _hue_cases(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield 10.0, 50.0
    yield 350.0, 10.0
    yield 0.0, 180.0
    yield -20.0, 700.0
    for _ in range(6):
        yield float(rng.uniform(0, 360)), float(rng.uniform(0, 360))


# --- 00.6: the same annotation, derived a second time ---------------------------------------------


def mask_to_box(mask: Tensor) -> Tensor:
    """The tightest box (x1, y1, x2, y2) in pixels around the true pixels of `mask` (H, W); zeros if none."""
    rows, columns = torch.where(mask)
    if rows.numel() == 0:
        return torch.zeros(4)
    return torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()


def _box_swapped(mask: Tensor) -> Tensor:
    return mask_to_box(mask)[[1, 0, 3, 2]]


def _box_short(mask: Tensor) -> Tensor:
    return (mask_to_box(mask) - torch.tensor([0.0, 0.0, 1.0, 1.0])).clamp(min=0)


def _box_width_height(mask: Tensor) -> Tensor:
    x1, y1, x2, y2 = mask_to_box(mask)
    return torch.stack([x1, y1, x2 - x1, y2 - y1])


def _box_empty_crashes(mask: Tensor) -> Tensor:
    rows, columns = torch.where(mask)
    return torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()


def _mask_cases(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    mask = torch.zeros(3, 4, dtype=torch.bool)
    mask[1, 1:3] = True
    yield (mask,)
    mask = torch.zeros(4, 6, dtype=torch.bool)
    mask[2, 5] = True
    yield (mask,)
    yield (torch.zeros(3, 3, dtype=torch.bool),)
    for _ in range(4):
        yield (torch.from_numpy(rng.uniform(0, 1, (7, 9)) > 0.9),)


def _same_box(got: Any, want: Any) -> bool:
    return isinstance(got, Tensor) and got.shape == want.shape and bool(torch.allclose(got.float(), want))


def _box_tuple(mask: Tensor) -> tuple[int, ...]:
    return tuple(int(v) for v in mask_to_box(mask))


EXERCISES = [
    Exercise(
        id="00.1",
        title="Read the pixel under a point",
        reference=value_at,
        cases=_value_at_cases,
        hints=(
            "The image has shape (C, H, W): the indices are channel, row, column, in this order. "
            "Which of x and y counts rows?",
            "The pixel in row 1, column 0 covers all points with 0 ≤ x < 1 and 1 ≤ y < 2. "
            "So y = 1.7 lies in row 1, not 2.",
            "row = floor(y), column = floor(x), and then image[:, row, column].",
        ),
        mistakes=(_swapped, _rounded, _channels_last, _upside_down),
    ),
    Exercise(
        id="00.2",
        title="From field of view to focal length",
        reference=focal_in_pixels,
        cases=_focal_cases,
        hints=(
            "Draw the triangle: the pinhole, the centre of the picture, the picture's edge. How wide is it, "
            "and what is its angle at the pinhole?",
            "The triangle holds half the picture and half the angle: tan(view / 2) = (width / 2) / focal. "
            "And math.tan wants radians.",
            "focal = (width / 2) / math.tan(math.radians(view) / 2).",
        ),
        mistakes=(_degrees, _whole_angle, _whole_width, _upside_down_ratio),
    ),
    Exercise(
        id="00.3",
        title="Predict the alias",
        reference=apparent_frequency,
        cases=_alias_cases,
        hints=(
            "Waves of frequency f, f + rate, f + 2·rate, … give the same samples. "
            "Which of them lies from 0 to rate?",
            "After f % rate, a frequency above rate / 2 is still too fast to be seen: "
            "f and rate − f give the same samples too.",
            "f = f % rate, and then the smaller of f and rate − f.",
        ),
        mistakes=(_only_modulo, _one_fold, _clipped, _modulo_nyquist),
    ),
    Exercise(
        id="00.4",
        title="Round to k bits",
        reference=round_to_bits,
        cases=_quantise_cases,
        hints=(
            "k bits name 2**k levels. The lowest is 0 and the highest is 1. How many steps lie between them?",
            "With 2**k − 1 steps, x · steps is a position on a ruler whose marks are whole numbers. "
            "Take the nearest mark, not the one below.",
            "steps = 2**bits - 1, and then torch.round(x * steps) / steps.",
        ),
        mistakes=(_truncated, _one_level_too_many, _never_white, _levels_not_bits, _eight_bit_overflow),
        same=_same_levels,
    ),
    Exercise(
        id="00.5",
        title="The distance between two hues",
        reference=hue_distance,
        cases=_hue_cases,
        hints=(
            "Hue is an angle. Put 350° and 10° on a clock face: how many degrees from one hand to the other?",
            "abs(a − b) % 360 is one way round the circle. How long is the other way?",
            "gap = abs(a - b) % 360, and then min(gap, 360 - gap).",
        ),
        mistakes=(_plain_difference, _modulo_only, _modulo_half, _radians),
    ),
    Exercise(
        id="00.6",
        title="From mask to box",
        reference=mask_to_box,
        cases=_mask_cases,
        hints=(
            "torch.where(mask) gives the rows and the columns of the true pixels. "
            "Boxes are written x before y.",
            "A box that holds only column 3 reaches from x = 3 to x = 4, because a pixel has a width. "
            "And an empty mask has no smallest row: answer zeros.",
            "(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), or torch.zeros(4) if none.",
        ),
        mistakes=(_box_swapped, _box_short, _box_width_height, _box_empty_crashes, _box_tuple),
        same=_same_box,
    ),
]
