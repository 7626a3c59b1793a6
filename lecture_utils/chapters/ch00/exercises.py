"""Chapter 00's exercises: references, cases, hints, and the usual mistakes, each with its own hint.

Shape letters: C channels, H rows, W columns.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.exercises.exercise import Exercise, Mistake, mistake

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


@mistake(
    "You mixed the four nearest pixels. That is a good way to look between pixels, but asked for is the one "
    "pixel that covers the point."
)
def _interpolated(image: Tensor, x: float, y: float) -> Tensor:
    top, left = math.floor(y - 0.5), math.floor(x - 0.5)
    down, right = y - 0.5 - top, x - 0.5 - left
    rows = [min(max(r, 0), image.shape[1] - 1) for r in (top, top + 1)]
    columns = [min(max(c, 0), image.shape[2] - 1) for c in (left, left + 1)]
    above, below = ((1 - right) * image[:, r, columns[0]] + right * image[:, r, columns[1]] for r in rows)
    return (1 - down) * above + down * below


@mistake(
    "You took half a pixel away first. The point (0.6, 1.7) is given in pixels from the corner: pixel 1 "
    "covers 1 to 2, so nothing needs to be shifted."
)
def _half_taken_away(image: Tensor, x: float, y: float) -> Tensor:
    return image[:, math.floor(y - 0.5), math.floor(x - 0.5)]


@mistake("You count from 1. The first row and the first column have the number 0, and cover 0 to 1.")
def _from_one(image: Tensor, x: float, y: float) -> Tensor:
    return image[:, math.floor(y) - 1, math.floor(x) - 1]


@mistake("You rounded up, to the pixel after the one that covers the point.")
def _rounded_up(image: Tensor, x: float, y: float) -> Tensor:
    return image[:, math.ceil(y), math.ceil(x)]


@mistake("You read one channel. A pixel of a colour image has a value in each channel: keep all of them.")
def _one_channel(image: Tensor, x: float, y: float) -> Tensor:
    return image[0, math.floor(y), math.floor(x)]


@mistake("The pixel is right, but row and column are still axes of your result. It has one axis, (C,).")
def _axes_kept(image: Tensor, x: float, y: float) -> Tensor:
    row, column = math.floor(y), math.floor(x)
    return image[:, row : row + 1, column : column + 1]


@mistake(
    "You counted columns from the right. In a picture column 0 is the leftmost, and x grows to the right."
)
def _mirrored(image: Tensor, x: float, y: float) -> Tensor:
    return image[:, math.floor(y), image.shape[2] - 1 - math.floor(x)]


def _value_at_cases(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for height, width in ((2, 3), (4, 4), (5, 9), (6, 3)):
        image = torch.arange(3 * height * width).reshape(3, height, width) / (3 * height * width)
        yield image, 0.6, 1.7
        yield image, width - 0.25, 0.0
        yield image, float(rng.uniform(0, width)), float(rng.uniform(0, height))


# --- 00.2: aliasing -------------------------------------------------------------------------------


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


@mistake(
    "Your rule is right up to the rate. Above it your mirrored frequency falls below 0: take whole rates "
    "away first, and mirror then."
)
def _negative(f: float, rate: float) -> float:
    return min(f, rate - f)


@mistake(
    "You took whole rates away, and then mirrored every wave. Only what is still above rate / 2 is mirrored."
)
def _mirrored_after_folding(f: float, rate: float) -> float:
    return rate - f % rate


@mistake("You kept the larger of the two. The samples fit both waves, and one sees the slower.")
def _the_faster(f: float, rate: float) -> float:
    return max(f % rate, rate - f % rate)


@mistake(
    "Your answer carries a sign. A wave of -3 cycles is one of 3 cycles that runs the other way: no sign is "
    "seen."
)
def _signed(f: float, rate: float) -> float:
    f = f % rate
    return f - rate if f > rate / 2 else f


@mistake(
    "You measure how far the wave is from rate / 2. Asked for is how far it is from the nearest multiple of "
    "the rate."
)
def _from_the_limit(f: float, rate: float) -> float:
    return abs(f % rate - rate / 2)


def _alias_cases(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield 1.0, 10.0
    yield 9.0, 10.0
    yield 10.0, 10.0
    yield 13.0, 10.0
    yield 27.0, 10.0
    for _ in range(6):
        yield float(rng.uniform(0, 200)), float(rng.uniform(5, 40))


# --- 00.3: a colour in a picture: two faults -------------------------------------------------------


def pixels_of_hue_faulty(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    """Pixels (H, W) of `hsv` (3, H, W) at most `within` degrees of hue from `wanted`, if coloured enough."""
    hue, _, value = hsv  # (H, W) each, 0 to 1
    gap = (360 * hue - wanted).abs()
    return (gap <= within) & (value >= least)


def pixels_of_hue(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    """Pixels (H, W) of `hsv` (3, H, W) at most `within` degrees of hue from `wanted`, if coloured enough."""
    hue, saturation, _ = hsv  # (H, W) each, 0 to 1
    gap = (360 * hue - wanted).abs() % 360
    gap = torch.minimum(gap, 360 - gap)  # the short way round
    return (gap <= within) & (saturation >= least)


@mistake(
    "Both symptoms are still there. Half of the reds are missing: how far is it from 355° to 5°? And the "
    "greys are in: which of the three numbers tells how far a colour is from grey?"
)
def _both_faults(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    return pixels_of_hue_faulty(hsv, wanted, within, least)


@mistake(
    "The greys are out now, but on the other side of 0° the reds are still missing. A hue of 355° and one of "
    "5° are neighbours."
)
def _one_side_of_red(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    return ((360 * hsv[0] - wanted).abs() <= within) & (hsv[1] >= least)


@mistake(
    "The reds are whole now, but grey pixels are still in. A bright grey has a high value and no colour: it "
    "is another of the three numbers that has to be large."
)
def _greys_too(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    coloured = torch.stack([hsv[0], hsv[2], hsv[2]])
    return pixels_of_hue(coloured, wanted, within, least)


@mistake(
    "The remainder by 180 makes opposite hues equal: you find green where red was asked for. A full turn is "
    "360°."
)
def _opposite_too(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    either = pixels_of_hue(hsv, wanted, within, least)
    return either | pixels_of_hue(hsv, wanted + 180, within, least)


@mistake(
    "You compare hues from 0 to 1 with degrees. A full turn is 1 in `hsv` and 360 in `wanted`: bring both to "
    "the same unit first."
)
def _units_mixed(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    gap = (hsv[0] - wanted).abs() % 360
    return (torch.minimum(gap, 360 - gap) <= within) & (hsv[1] >= least)


@mistake("Every pixel comes out, coloured or not: a pixel counts only if its saturation is `least` or more.")
def _all_colours(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    return pixels_of_hue(hsv, wanted, within, 0.0)


@mistake(
    "You fold the difference at 180° by a remainder: then 350° is as far as 170°. Beyond half a turn the way "
    "back is shorter, and that is a full turn minus the difference."
)
def _remainder_by_half(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    return ((360 * hsv[0] - wanted).abs() % 180 <= within) & (hsv[1] >= least)


@mistake(
    "You ask for brightness as well. A dark red is red: how far a colour is from grey is told by the "
    "saturation alone."
)
def _bright_as_well(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    return pixels_of_hue(hsv, wanted, within, least) & (hsv[2] >= least)


@mistake("You join the two conditions by *or*. A pixel has to have the hue *and* to be coloured enough.")
def _either_will_do(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    return pixels_of_hue(hsv, wanted, within, 0.0) | (hsv[1] >= least)


@mistake(
    "You find hues on one side of the wanted one only. Going round, a difference of 355° is 5° on the other "
    "side."
)
def _upwards_only(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    return ((360 * hsv[0] - wanted) % 360 <= within) & (hsv[1] >= least)


@mistake("You kept the pixels that are *less* coloured than `least`, and threw out the others.")
def _greys_only(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    return pixels_of_hue(hsv, wanted, within, 0.0) & (hsv[1] < least)


@mistake(
    "The way round is the full turn minus the difference. Taken with the longer of the two ways, all is far."
)
def _the_long_way(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    gap = (360 * hsv[0] - wanted).abs() % 360
    return (torch.maximum(gap, 360 - gap) <= within) & (hsv[1] >= least)


@mistake(
    "You kept the sign of the difference: all hues on one side are near for you. Take its absolute value at "
    "the end."
)
def _sign_kept(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    gap = (360 * hsv[0] - wanted + 180) % 360 - 180
    return (gap <= within) & (hsv[1] >= least)


@mistake("A full turn is 1 in `hsv`, and 360 in degrees: you multiply by half of that.")
def _half_a_turn(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    gap = (180 * hsv[0] - wanted).abs() % 360
    return (torch.minimum(gap, 360 - gap) <= within) & (hsv[1] >= least)


@mistake(
    "You multiply saturation and value, so a dark red gets lost. Coloured enough is a matter of the "
    "saturation alone."
)
def _colour_times_value(hsv: Tensor, wanted: float, within: float, least: float) -> Tensor:
    return pixels_of_hue(hsv, wanted, within, 0.0) & (hsv[1] * hsv[2] >= least)


def _hue_cases(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    def row(*pixels: tuple[float, float, float]) -> Tensor:
        return torch.tensor(pixels).T[:, None].contiguous()  # (3, 1, W)

    yield row((0.1, 0.9, 0.5)), 36.0, 5.0, 0.3  # what it is for
    yield row((0.99, 0.9, 0.5)), 2.0, 10.0, 0.3  # across 0°
    yield row((0.0, 0.02, 0.9)), 0.0, 10.0, 0.3  # a bright grey
    yield row((0.0, 0.9, 0.1)), 0.0, 10.0, 0.3  # a dark red
    yield row((0.5, 0.9, 0.9), (0.01, 0.5, 0.2), (0.98, 0.1, 0.8)), 0.0, 12.0, 0.3
    yield row((0.1, 0.9, 0.5), (0.9, 0.9, 0.5)), 395.0, 10.0, 0.3  # a turn too many
    for wanted in (0.0, 20.0, 200.0, 350.0):
        yield torch.from_numpy(rng.uniform(0, 1, (3, 5, 7))).float(), wanted, 40.0, 0.4


def _same_mask(got: Any, want: Any) -> bool:
    return isinstance(got, Tensor) and got.shape == want.shape and bool((got.bool() == want).all())


# --- 00.4: the same annotation, derived a second time ---------------------------------------------


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


@mistake(
    "You set corners at the pixels' centres. A box goes around whole pixels: from the left edge to the "
    "right one."
)
def _box_centres(mask: Tensor) -> Tensor:
    half = torch.tensor([0.5, 0.5, -0.5, -0.5])
    return mask_to_box(mask) + half * bool(mask.any())


@mistake("Your corners are exchanged: first the upper left one, which has the smaller numbers.")
def _box_corners_exchanged(mask: Tensor) -> Tensor:
    return mask_to_box(mask)[[2, 3, 0, 1]]


@mistake(
    "You count rows and columns that hold a true pixel. There may be gaps between: the last one says where "
    "the box ends."
)
def _box_counted(mask: Tensor) -> Tensor:
    x1, y1, _, _ = mask_to_box(mask)
    return torch.stack([x1, y1, x1 + mask.any(0).sum(), y1 + mask.any(1).sum()])


def _ends(mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
    """First and last column, first and last row."""
    rows, columns = torch.where(mask)
    return None if len(rows) == 0 else (columns.min(), columns.max(), rows.min(), rows.max())


@mistake(
    "You took the first and the last true pixel that torch.where lists. It goes row by row, so its first "
    "pixel need not be the leftmost: ask for the smallest and the largest."
)
def _box_first_and_last(mask: Tensor) -> Tensor:
    rows, columns = torch.where(mask)
    if len(rows) == 0:
        return torch.zeros(4)
    return torch.stack([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]).float()


@mistake("Two slips: the order is x before y, and the box ends behind the last pixel, which has a width.")
def _box_swapped_and_short(mask: Tensor) -> Tensor:
    return _box_swapped.wrong(mask) - torch.tensor([0.0, 0.0, 1.0, 1.0]) * bool(mask.any())


@mistake(
    "You added 1 to the first corner too. A pixel that starts at x = 3 makes a box that starts at x = 3."
)
def _box_all_moved(mask: Tensor) -> Tensor:
    return mask_to_box(mask) + torch.tensor([1.0, 1.0, 0.0, 0.0]) * bool(mask.any())


@mistake("Your numbers are both x, then both y. A box is written corner by corner: x1, y1, x2, y2.")
def _box_axis_by_axis(mask: Tensor) -> Tensor:
    return mask_to_box(mask)[[0, 2, 1, 3]]


@mistake("Your numbers are both y, then both x. A box is written corner by corner, with x before y in each.")
def _box_rows_then_columns(mask: Tensor) -> Tensor:
    return mask_to_box(mask)[[1, 3, 0, 2]]


@mistake(
    "Your last two numbers are a width and a height, and each is one too small. Asked for is the second "
    "corner, behind the last pixel."
)
def _box_width_short(mask: Tensor) -> Tensor:
    ends = _ends(mask)
    if ends is None:
        return torch.zeros(4)
    return torch.stack([ends[0], ends[2], ends[1] - ends[0], ends[3] - ends[2]]).float()


@mistake("Your box is a centre and a size. Asked for are two corners: the first and the one opposite.")
def _box_centre(mask: Tensor) -> Tensor:
    x1, y1, x2, y2 = mask_to_box(mask)
    return torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])


@mistake(
    "Your box starts one pixel too early, above and to the left. The first true pixel's own number is its "
    "start."
)
def _box_one_early(mask: Tensor) -> Tensor:
    return mask_to_box(mask) - torch.tensor([1.0, 1.0, 0.0, 0.0]) * bool(mask.any())


@mistake("Without a true pixel your box is not all zeros. The 1 is added only where there is a last pixel.")
def _box_of_nothing(mask: Tensor) -> Tensor:
    return mask_to_box(mask) if mask.any() else torch.tensor([0.0, 0.0, 1.0, 1.0])


# --- 00.5: the best step along one parameter --------------------------------------------------------


def best_step(slope: Tensor, missing: Tensor) -> Tensor:
    """How many nudges (N,) to take: the n that make (missing - n * slope)² least, (N, V) both; 0 if flat."""
    strength = (slope * slope).sum(dim=1)  # (N,)
    answers = (slope * missing).sum(dim=1)
    return torch.where(strength > 0, answers / strength.where(strength > 0, torch.ones(())), 0.0)


@mistake(
    "You only compared the slope with what is missing. A picture that changes strongly needs fewer nudges: "
    "by what has the sum to be divided?"
)
def _not_divided(slope: Tensor, missing: Tensor) -> Tensor:
    return (slope * missing).sum(dim=1)


@mistake(
    "You divide by the length of the slope. Double the slope, and half the number of nudges is enough; with "
    "yours it stays the same."
)
def _by_the_length(slope: Tensor, missing: Tensor) -> Tensor:
    return best_step(slope, missing) * (slope * slope).sum(dim=1).sqrt()


@mistake(
    "Where a nudge changes nothing you divide by 0, and the step is not a number. No number of nudges helps "
    "there: answer 0."
)
def _nothing_by_nothing(slope: Tensor, missing: Tensor) -> Tensor:
    return (slope * missing).sum(dim=1) / (slope * slope).sum(dim=1)


@mistake(
    "Your step goes the wrong way. What is missing is target minus picture, and the slope says what one "
    "nudge adds: if both agree, the step is positive."
)
def _wrong_way(slope: Tensor, missing: Tensor) -> Tensor:
    return -best_step(slope, missing)


@mistake(
    "You have one number for the whole batch. Each of the N pictures has its own step: sum over the values "
    "of a picture, which is the second axis."
)
def _one_for_all(slope: Tensor, missing: Tensor) -> Tensor:
    return best_step(slope.reshape(1, -1), missing.reshape(1, -1)).expand(len(slope))


@mistake(
    "You averaged the ratio of each pixel. Pixels that hardly answer then count as much as those that do, or "
    "divide by 0. Sum first, divide then."
)
def _mean_of_ratios(slope: Tensor, missing: Tensor) -> Tensor:
    ratio = missing / slope
    return torch.where(slope.abs() > 0, ratio, 0.0).mean(dim=1)


def _quotient(above: Tensor, below: Tensor) -> Tensor:
    return torch.where(below != 0, above / below.where(below != 0, torch.ones(())), 0.0)


@mistake(
    "You divide the sum of what is missing by the sum of the slope. Brighter and darker pixels cancel in "
    "such sums: each missing value has to meet its own slope first, in a product."
)
def _sum_by_sum(slope: Tensor, missing: Tensor) -> Tensor:
    return _quotient(missing.sum(1), slope.sum(1))


@mistake(
    "You divide by the squares of what is *missing*. If twice as much is missing, twice as many nudges are "
    "needed: it is the slope whose squares stand below."
)
def _by_the_missing(slope: Tensor, missing: Tensor) -> Tensor:
    return _quotient((slope * missing).sum(1), (missing * missing).sum(1))


@mistake("Your step is twice too large. Both terms of the derivative carry the factor 2, so it cancels.")
def _doubled(slope: Tensor, missing: Tensor) -> Tensor:
    return 2 * best_step(slope, missing)


@mistake("Your step is half of the best. Both terms of the derivative carry the factor 2, so it cancels.")
def _halved(slope: Tensor, missing: Tensor) -> Tensor:
    return best_step(slope, missing) / 2


@mistake("You summed over the N pictures. Each keeps its own number: sum over its V values, the second axis.")
def _over_pictures(slope: Tensor, missing: Tensor) -> Tensor:
    return _quotient((slope * missing).sum(0), (slope * slope).sum(0))


@mistake(
    "You have a number for each value of a picture. One parameter moves them all, so a picture has one step: "
    "what do the values say together?"
)
def _each_value(slope: Tensor, missing: Tensor) -> Tensor:
    return _quotient(missing, slope)


@mistake(
    "You compare two lengths. They say nothing of direction: what is missing may be what a nudge takes away."
)
def _length_by_length(slope: Tensor, missing: Tensor) -> Tensor:
    return _quotient(missing.norm(dim=1), slope.norm(dim=1))


@mistake("Above the line you have a mean, below it a sum, or the other way round. Take the same for both.")
def _mean_by_sum(slope: Tensor, missing: Tensor) -> Tensor:
    return best_step(slope, missing) / slope.shape[1]


@mistake("Your quotient is upside down: the more is missing, the more nudges are needed.")
def _upside_down_quotient(slope: Tensor, missing: Tensor) -> Tensor:
    return _quotient((slope * slope).sum(1), (slope * missing).sum(1))


@mistake(
    "You summed the slopes before you squared them. Values that get brighter and darker cancel then: square "
    "each, and sum the squares."
)
def _squared_sum(slope: Tensor, missing: Tensor) -> Tensor:
    return _quotient((slope * missing).sum(1), slope.sum(1) ** 2)


@mistake(
    "Your guard asks whether *all* pictures are flat. One may be flat and the next not: each gets its own 0."
)
def _guard_for_all(slope: Tensor, missing: Tensor) -> Tensor:
    if bool((slope == 0).all()):
        return torch.zeros(len(slope))
    return (slope * missing).sum(dim=1) / (slope * slope).sum(dim=1)


@mistake(
    "You divide by both lengths: that is the cosine of an angle, never above 1. Only the slope's squares "
    "stand below."
)
def _cosine(slope: Tensor, missing: Tensor) -> Tensor:
    return _quotient((slope * missing).sum(1), slope.norm(dim=1) * missing.norm(dim=1))


@mistake(
    "Your steps never go backwards. Where the nudge makes brighter what ought to be darker, n is negative."
)
def _never_backwards(slope: Tensor, missing: Tensor) -> Tensor:
    return best_step(slope, missing).clamp(min=0)


@mistake(
    "Below the line stand absolute values with you. The derivative leaves squares: n times the slope times "
    "the slope."
)
def _by_absolute_values(slope: Tensor, missing: Tensor) -> Tensor:
    return _quotient((slope * missing).sum(1), slope.abs().sum(1))


@mistake(
    "You have the mean of the products, not divided by anything. A picture that changes strongly needs "
    "fewer nudges."
)
def _mean_of_products(slope: Tensor, missing: Tensor) -> Tensor:
    return (slope * missing).mean(dim=1)


def _step_cases(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 0.0]])
    yield torch.tensor([[0.5, 0.0]]), torch.tensor([[2.0, 1.0]])
    yield torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 2.0]])  # a ring that is turned
    yield torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[-2.0, -4.0], [1.0, 1.0]])
    yield torch.tensor([[1.0, 1.0], [2.0, 0.0]]), torch.tensor([[1.0, 0.0], [1.0, 5.0]])
    for n, v in ((3, 5), (2, 12), (4, 30)):
        yield tuple(torch.from_numpy(rng.normal(size=(n, v))).float() for _ in range(2))


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
        mistakes=(
            _swapped,
            _rounded,
            _channels_last,
            _upside_down,
            _interpolated,
            _half_taken_away,
            _from_one,
            _rounded_up,
            _one_channel,
            _axes_kept,
            _mirrored,
        ),
    ),
    Exercise(
        id="00.2",
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
        mistakes=(
            _only_modulo,
            _one_fold,
            _clipped,
            _modulo_nyquist,
            _always_mirrored,
            _negative,
            _mirrored_after_folding,
            _the_faster,
            _signed,
            _from_the_limit,
        ),
    ),
    Exercise(
        id="00.3",
        title="Find the red, with two faults",
        reference=pixels_of_hue,
        cases=_hue_cases,
        difficulty=2,
        minutes=10,
        hints=(
            "Take the symptoms one by one. Which reds are missing, those with a hue just above 0° or just "
            "below 360°? And which pixels are in that have no colour at all?",
            "Hue is an angle: with gap = abs(difference) % 360 the other way round is 360 - gap, and the "
            "shorter of the two counts.",
            "torch.minimum(gap, 360 - gap) is the distance. The number that tells colour from grey is the "
            "saturation, hsv[1].",
        ),
        mistakes=(
            _both_faults,
            _one_side_of_red,
            _greys_too,
            _opposite_too,
            _units_mixed,
            _all_colours,
            _remainder_by_half,
            _bright_as_well,
            _either_will_do,
            _upwards_only,
            _greys_only,
            _the_long_way,
            _sign_kept,
            _half_a_turn,
            _colour_times_value,
        ),
        same=_same_mask,
    ),
    Exercise(
        id="00.4",
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
        mistakes=(
            _box_swapped,
            _box_short,
            _box_width_height,
            _box_empty_crashes,
            _box_tuple,
            _box_first_and_last,
            _box_swapped_and_short,
            _box_all_moved,
            _box_axis_by_axis,
            _box_rows_then_columns,
            _box_width_short,
            _box_centre,
            _box_one_early,
            _box_of_nothing,
            _box_centres,
            _box_corners_exchanged,
            _box_counted,
        ),
        same=_same_box,
    ),
    Exercise(
        id="00.5",
        title="The best step along one parameter",
        reference=best_step,
        cases=_step_cases,
        difficulty=2,
        minutes=12,
        hints=(
            "Write the error of one picture as a function of n: the sum of (missing - n * slope)². Where is "
            "its derivative by n zero?",
            "The derivative is -2 * sum(slope * (missing - n * slope)). It is zero where n * sum(slope²) "
            "equals sum(slope * missing).",
            "Divide (slope * missing).sum(1) by (slope * slope).sum(1), and answer 0 where the latter is 0: "
            "torch.where chooses.",
        ),
        mistakes=(
            _not_divided,
            _by_the_length,
            _nothing_by_nothing,
            _wrong_way,
            _one_for_all,
            _mean_of_ratios,
            _sum_by_sum,
            _by_the_missing,
            _doubled,
            _halved,
            _over_pictures,
            _each_value,
            _length_by_length,
            _mean_by_sum,
            _upside_down_quotient,
            _squared_sum,
            _guard_for_all,
            _cosine,
            _never_backwards,
            _by_absolute_values,
            _mean_of_products,
        ),
    ),
    Exercise(
        id="00.6",
        title="Which plan finds the ring?",
        reference=("C", "2"),
        cases=None,
        difficulty=2,
        minutes=8,
        hints=(
            "Begin at the dotted line on the right, where the search starts. On which of the curves does a "
            "small step to the left lower the error?",
            "Then look at the other end. Near the true place, which curve tells a step that is too far by a "
            "tenth of a pixel from one that is right?",
        ),
        mistakes=(
            Mistake(
                ("A", "1"),
                "Near the truth the sharp curve is the steepest. But the search starts far away: has that "
                "curve a slope there which leads to the truth?",
            ),
            Mistake(
                ("A", "2"),
                "Your reason is what the curves show, but a search that never blurs can use only half of it.",
            ),
            Mistake(
                ("A", "3"),
                "All have their lowest point at the same place, but a search sees only the slope where it "
                "stands. Look at the sharp curve at the start.",
            ),
            Mistake(
                ("B", "1"),
                "Steep near the truth is the sharp curve, and this plan never uses it.",
            ),
            Mistake(
                ("B", "2"),
                "Your reason is what the curves show, but a search that never sharpens can use only half of "
                "it: how flat is the blurred valley at its bottom?",
            ),
            Mistake(
                ("B", "3"),
                "The lowest point is the same, but how exactly can it be found in a valley whose bottom is "
                "nearly flat?",
            ),
            Mistake(
                ("C", "1"),
                "That is why one ends with sharp pictures. But why does one not begin with them?",
            ),
            Mistake(
                ("C", "3"),
                "If that were all, any of the plans would do. What do the slopes say, at the start and at "
                "the end?",
            ),
            Mistake(
                ("D", "1"),
                "Steep near the truth is the sharp curve, and this plan has left it before it gets there. "
                "Where does the search begin, and where does it end?",
            ),
            Mistake(
                ("D", "3"),
                "The lowest points agree, so they cannot say in which order to blur. Look at the slopes "
                "along the way.",
            ),
            Mistake(
                ("D", "2"),
                "Your reason is what the curves show. Read it along the way of the search: which slope is "
                "needed first, and which last?",
            ),
        ),
        choices=(("A", "B", "C", "D"), ("1", "2", "3")),
    ),
]
