"""Chapter 00's exercises: references, cases, hints, and the usual mistakes, each with its own hint.

Shape letters: C channels, H rows, W columns.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.exercises.exercise import Exercise, mistake

# --- 00.1: positions and values -------------------------------------------------------------------


def value_at(image: Tensor, x: float, y: float) -> Tensor:
    """The value (C,) of the pixel of `image` (C, H, W) that covers the point (x, y), in pixels."""
    row, column = math.floor(y), math.floor(x)  # pixel (r, c) covers c <= x < c + 1 and r <= y < r + 1
    return image[:, row, column]


@mistake("You used x to choose the row and y to choose the column. Which of the two runs down the picture?")
def _swapped(image: Tensor, x: float, y: float) -> Tensor:
    return image[:, math.floor(x), math.floor(y)]


@mistake(
    "Rounding goes to the nearest whole number, so y = 1.7 becomes row 2. But pixel 1 covers everything "
    "from 1 up to 2: which pixel does 1.7 lie in?"
)
def _rounded(image: Tensor, x: float, y: float) -> Tensor:
    return image[:, round(y), round(x)]


@mistake(
    "Your first index is a row, but the first axis of the image (C, H, W) is the channel. Keep all "
    "channels, and index the two axes after it."
)
def _channels_last(image: Tensor, x: float, y: float) -> Tensor:
    return image[math.floor(y), math.floor(x)]


@mistake("You counted rows from the bottom. In a picture row 0 is the top one, and y grows downwards.")
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


@mistake("Your triangle is right, but math.tan takes its angle in radians, and view is in degrees.")
def _degrees(width: int, view: float) -> float:
    return (width / 2) / math.tan(view / 2)


@mistake(
    "You halved the width, but not the angle. The triangle from the pinhole to the middle and to the edge "
    "of the picture holds half of both."
)
def _whole_angle(width: int, view: float) -> float:
    return (width / 2) / math.tan(math.radians(view))


@mistake(
    "You halved the angle, but not the width. The triangle from the pinhole to the middle and to the edge "
    "of the picture holds half of both."
)
def _whole_width(width: int, view: float) -> float:
    return width / math.tan(math.radians(view) / 2)


@mistake(
    "Your focal length grows with the angle of view. A wide view needs a short focal length: in tan = "
    "opposite / adjacent, which side is the focal length?"
)
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


@mistake(
    "Folding by the rate is right, but your result can still lie above rate / 2, where no sampled wave "
    "can be seen. Which slower wave has the same samples?"
)
def _only_modulo(f: float, rate: float) -> float:
    return f % rate


@mistake(
    "You folded once. That is enough for f up to the rate, but a faster wave, such as 27 at a rate of 10, "
    "needs to be folded again and again."
)
def _one_fold(f: float, rate: float) -> float:
    return f if f <= rate / 2 else abs(rate - f)


@mistake(
    "You cut the frequency off at rate / 2. A wave that is too fast does not stop there: it comes back as "
    "a slower one."
)
def _clipped(f: float, rate: float) -> float:
    return min(f, rate / 2)


@mistake(
    "You took the remainder by rate / 2. A frequency just above the limit does not start again at 0: it "
    "is mirrored, so 6 at a rate of 10 looks like 4."
)
def _modulo_nyquist(f: float, rate: float) -> float:
    return f % (rate / 2)


@mistake(
    "You mirror every wave. One that is slower than rate / 2 is sampled often enough, and is seen as it is."
)
def _always_mirrored(f: float, rate: float) -> float:
    return abs(rate - f)


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


@mistake("You always go down to the level below. Asked for is the nearest level, which may be the one above.")
def _truncated(x: Tensor, bits: int) -> Tensor:
    steps = 2**bits - 1
    return torch.floor(x * steps) / steps


@mistake(
    "You cut the range into 2**bits steps. That gives one level too many: how many steps lie between 2 "
    "levels, and how many between 4?"
)
def _one_level_too_many(x: Tensor, bits: int) -> Tensor:
    return torch.round(x * 2**bits) / 2**bits


@mistake(
    "Your highest level is below 1, and you always go down. Both 0 and 1 have to be levels, and the "
    "nearest one counts."
)
def _never_white(x: Tensor, bits: int) -> Tensor:
    return torch.floor(x * 2**bits) / 2**bits


@mistake(
    "You used bits as the number of steps. With 2 bits one can write 4 different numbers: how many levels "
    "have k bits?"
)
def _levels_not_bits(x: Tensor, bits: int) -> Tensor:
    return torch.round(x * bits) / bits


@mistake(
    "Your values pass through 8-bit integers and come out slightly too large: 0 is no longer 0. Stay with "
    "floating-point numbers from 0 to 1."
)
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


@mistake("From 350° to 10° you go 340° the long way round. A circle has two ways from one hue to the other.")
def _plain_difference(a: float, b: float) -> float:
    return abs(a - b)


@mistake(
    "Your angle lies from 0 to 360, but no two hues are more than 180° apart. You have found one way "
    "round the circle: how long is the other?"
)
def _modulo_only(a: float, b: float) -> float:
    return abs(a - b) % 360


@mistake(
    "The remainder by 180 makes opposite hues equal: 0° and 180° would be the same colour. A full turn is "
    "360°."
)
def _modulo_half(a: float, b: float) -> float:
    return abs(a - b) % 180


@mistake("You treat the angles as radians, with a full turn of 2π. Hues here are in degrees.")
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


@mistake("Your numbers are right, but in the order y, x. A box is written x1, y1, x2, y2: columns first.")
def _box_swapped(mask: Tensor) -> Tensor:
    return mask_to_box(mask)[[1, 0, 3, 2]]


@mistake(
    "The box ends where the last pixel begins. A pixel has a width: one that starts at x = 3 ends at x = 4."
)
def _box_short(mask: Tensor) -> Tensor:
    return (mask_to_box(mask) - torch.tensor([0.0, 0.0, 1.0, 1.0])).clamp(min=0)


@mistake("Your last two numbers are a width and a height. Asked for is the second corner, x2 and y2.")
def _box_width_height(mask: Tensor) -> Tensor:
    x1, y1, x2, y2 = mask_to_box(mask)
    return torch.stack([x1, y1, x2 - x1, y2 - y1])


@mistake(
    "An empty mask has no smallest row and no largest: the minimum of nothing is an error. Look whether "
    "there is a true pixel before you ask for it."
)
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


@mistake(
    "The numbers are right, but they come as a tuple of Python integers. Put them into one tensor of four "
    "floats."
)
def _box_tuple(mask: Tensor) -> tuple[int, ...]:
    return tuple(int(v) for v in mask_to_box(mask))


EXERCISES = [
    Exercise(
        id="00.1",
        title="Read the pixel under a point",
        reference=value_at,
        cases=_value_at_cases,
        difficulty=1,
        minutes=5,
        hints=(
            "The image has shape (C, H, W): the indices are channel, row, column, in this order. Which of "
            "x and y counts rows?",
            "The pixel in row 1, column 0 covers all points with 0 ≤ x < 1 and 1 ≤ y < 2. So y = 1.7 lies "
            "in row 1, not 2.",
            "row = floor(y), column = floor(x), and then image[:, row, column].",
        ),
        mistakes=(_swapped, _rounded, _channels_last, _upside_down),
    ),
    Exercise(
        id="00.2",
        title="From field of view to focal length",
        reference=focal_in_pixels,
        cases=_focal_cases,
        difficulty=1,
        minutes=6,
        hints=(
            "Draw the triangle: the pinhole, the centre of the picture, the picture's edge. How wide is "
            "it, and what is its angle at the pinhole?",
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
        difficulty=2,
        minutes=8,
        hints=(
            "Waves of frequency f, f + rate, f + 2·rate, … give the same samples. Which of them lies from "
            "0 to rate?",
            "After f % rate, a frequency above rate / 2 is still too fast to be seen: f and rate − f give "
            "the same samples too.",
            "f = f % rate, and then the smaller of f and rate − f.",
        ),
        mistakes=(_only_modulo, _one_fold, _clipped, _modulo_nyquist, _always_mirrored),
    ),
    Exercise(
        id="00.4",
        title="Round to k bits",
        reference=round_to_bits,
        cases=_quantise_cases,
        difficulty=1,
        minutes=6,
        hints=(
            "k bits name 2**k levels. The lowest is 0 and the highest is 1. How many steps lie between them?",
            "With 2**k − 1 steps, x · steps is a position on a ruler whose marks are whole numbers. Take "
            "the nearest mark, not the one below.",
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
        difficulty=1,
        minutes=5,
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
        difficulty=2,
        minutes=10,
        hints=(
            "torch.where(mask) gives the rows and the columns of the true pixels. Boxes are written x "
            "before y.",
            "A box that holds only column 3 reaches from x = 3 to x = 4, because a pixel has a width. And "
            "an empty mask has no smallest row: answer zeros.",
            "(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), or torch.zeros(4) if none.",
        ),
        mistakes=(_box_swapped, _box_short, _box_width_height, _box_empty_crashes, _box_tuple),
        same=_same_box,
    ),
]
