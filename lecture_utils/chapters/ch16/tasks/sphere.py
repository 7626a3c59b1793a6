"""Chapter 16, exercise 16.9: from one direction to another (reference: `latent_solutions.slerp`)."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch16.latent_solutions import slerp
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _directions(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([1.0, 0.0]), floats([0.0, 1.0]), 0.5
    yield floats([1.0, 0.0]), floats([0.0, 1.0]), 0.25
    yield floats([2.0, 0.0]), floats([0.0, 5.0]), 0.1
    yield floats([[1.0, 0.0]]), floats([[-1.0, 0.4]]), 0.7
    yield floats([0.0, 2.0]), floats([0.0, 3.0]), 0.3  # the same direction
    for shape, share in (((2, 2), 0.3), ((3, 3), 0.9), ((2, 3, 5), 0.4), ((4, 8), 0.0), ((2, 6), 1.0)):
        yield normal(rng, *shape), normal(rng, *shape), share
    a, b = normal(rng, 4, 5), normal(rng, 4, 5)
    a[0] = floats([0, 1, 0, 0, 0])
    b[0] = 3 * a[0]
    yield a, b, 0.6  # one pair is the same, and the others are not
    a = normal(rng, 300, 7)
    a[0] = floats([0, 1, 0, 0, 0, 0, 0])
    yield a, 2 * a, 0.3  # the same directions: a cosine may come out as 1, or as a little more
    yield normal(rng, 8, 4), normal(rng, 8, 4), 1.2  # beyond b


def _unit(x: Tensor) -> Tensor:
    return F.normalize(x, dim=-1)


def _angle(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1, keepdim=True).clamp(-1, 1).arccos()


def _shares(angle: Tensor, share: float) -> tuple[Tensor, Tensor]:
    return ((1 - share) * angle).sin(), (share * angle).sin()


def _divided(made: Tensor, angle: Tensor) -> Tensor:
    return made / angle.sin()


def _slerp(
    a: Tensor,
    b: Tensor,
    share: float,
    *,
    unit: Callable[[Tensor], Tensor] = _unit,
    angle: Callable[[Tensor, Tensor], Tensor] = _angle,
    shares: Callable[[Tensor, float], tuple[Tensor, Tensor]] = _shares,
    at_end: Callable[[Tensor, Tensor], Tensor] = lambda made, angle: _unit(made),
) -> Tensor:
    """The way with one part exchanged."""
    a, b = unit(a), unit(b)
    between = angle(a, b).clamp(min=1e-4)
    first, second = shares(between, share)
    return at_end(first * a + second * b, between)


@mistake(
    "You go along the straight line and stay inside the sphere: the result is shorter than 1, and no point "
    "of the great circle."
)
def _line(a: Tensor, b: Tensor, share: float) -> Tensor:
    return (1 - share) * _unit(a) + share * _unit(b)


@mistake(
    "You go along the straight line and bring the result to length 1. Then equal shares are no equal angles: "
    "the way is fast in the middle. The sines make it even."
)
def _line_on_the_sphere(a: Tensor, b: Tensor, share: float) -> Tensor:
    return _unit((1 - share) * _unit(a) + share * _unit(b))


@mistake("You go along the straight line between the two as they are. Neither lengths nor angle are minded.")
def _plain_line(a: Tensor, b: Tensor, share: float) -> Tensor:
    return (1 - share) * a + share * b


@mistake("You go the wrong way round: a share of 0 gives a, and 1 gives b.")
def _wrong_way(a: Tensor, b: Tensor, share: float) -> Tensor:
    return slerp(b, a, share)


@mistake(
    "Your a and b are not brought to length 1 before they are mixed: the longer of the two draws the result "
    "to its side."
)
def _lengths_count(a: Tensor, b: Tensor, share: float) -> Tensor:
    angle = _angle(_unit(a), _unit(b)).clamp(min=1e-4)
    first, second = _shares(angle, share)
    return _unit(first * a + second * b)


@mistake(
    "Your a and b are not brought to length 1 at all: their product is no cosine then, and the longer draws "
    "the result to its side."
)
def _no_lengths(*given: Any) -> Tensor:
    return _slerp(*given, unit=lambda x: x, at_end=_divided)


@mistake("Your result has the length of a and b as they came. Wanted is a direction, of length 1.")
def _length_restored(a: Tensor, b: Tensor, share: float) -> Tensor:
    length = (1 - share) * a.norm(dim=-1, keepdim=True) + share * b.norm(dim=-1, keepdim=True)
    return slerp(a, b, share) * length


@mistake(
    "The sines' sum is not of length 1: it still has to be divided by the sine of the angle, or brought to "
    "length 1."
)
def _not_divided(*given: Any) -> Tensor:
    return _slerp(*given, at_end=lambda made, angle: made)


@mistake(
    "Where a and b are the same you get nan: the angle is 0 and its sine too, and you divide by it; or "
    "rounding has made the cosine more than 1. Hold both back."
)
def _nan_at_the_same(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = _unit(a), _unit(b)
    angle = (a * b).sum(-1, keepdim=True).arccos()
    first, second = _shares(angle, share)
    return (first * a + second * b) / angle.sin()


@mistake(
    "Where a and b are the same you get zeros: both sines are 0, and a sum of length 0 cannot be brought to "
    "length 1. Hold the angle back from 0."
)
def _zero_at_the_same(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = _unit(a), _unit(b)
    first, second = _shares(_angle(a, b), share)
    return _unit(first * a + second * b)


@mistake("One pair that is the same makes you return all of a. The other pairs have their way to go.")
def _a_for_all(a: Tensor, b: Tensor, share: float) -> Tensor:
    near = (_angle(_unit(a), _unit(b)) < 1e-4).any()
    return _unit(a) if near else slerp(a, b, share)


@mistake("One pair that is the same makes you go straight in all of them. The others have a great circle.")
def _line_for_all(a: Tensor, b: Tensor, share: float) -> Tensor:
    near = (_angle(_unit(a), _unit(b)) < 1e-4).any()
    return (1 - share) * _unit(a) + share * _unit(b) if near else slerp(a, b, share)


@mistake(
    "Your angles have lost their last axis in the sum: torch lines them up with the columns, not the rows. "
    "Keep it, with keepdim."
)
def _no_keepdim(*given: Any) -> Tensor:
    return _slerp(*given, angle=lambda a, b: _angle(a, b)[..., 0], at_end=_divided)


@mistake(
    "Your sum over the last axis drops it, so that row i is mixed with the angles of all rows. Say keepdim "
    "there: one angle a row."
)
def _no_keepdim_normalised(*given: Any) -> Tensor:
    return _slerp(*given, angle=lambda a, b: _angle(a, b)[..., 0])


@mistake("Where a and b are nearly the same you return a as it came. Its length is not 1 there.")
def _a_where_the_same(a: Tensor, b: Tensor, share: float) -> Tensor:
    near = _angle(_unit(a), _unit(b)) < 1e-2
    return torch.where(near, a, slerp(a, b, share))


@mistake("Your angle is in degrees. torch's sines take radians, and arccos gives them.")
def _degrees(*given: Any) -> Tensor:
    return _slerp(*given, angle=lambda a, b: _angle(a, b).rad2deg(), at_end=_divided)


@mistake("Your cosine is taken for the angle. The angle is its arccos.")
def _cosine_for_angle(*given: Any) -> Tensor:
    return _slerp(*given, angle=lambda a, b: (a * b).sum(-1, keepdim=True))


@mistake("Your angle is the arcsin of the product. The product of two directions is the cosine of the angle.")
def _arcsin(*given: Any) -> Tensor:
    return _slerp(*given, angle=lambda a, b: (a * b).sum(-1, keepdim=True).clamp(-1, 1).arcsin())


@mistake("Your two shares are cosines. With sines the share of b is 0 at the start.")
def _cosines(*given: Any) -> Tensor:
    return _slerp(*given, shares=lambda angle, share: (((1 - share) * angle).cos(), (share * angle).cos()))


@mistake("You mix with the cosine and the sine of the part of the angle: that is right at right angles only.")
def _right_angles_only(*given: Any) -> Tensor:
    return _slerp(*given, shares=lambda angle, share: ((share * angle).cos(), (share * angle).sin()))


@mistake("Your angle is always a quarter of a turn. It is the angle between a and b.")
def _quarter(*given: Any) -> Tensor:
    return _slerp(*given, angle=lambda a, b: torch.full_like(a[..., :1], math.pi / 2))


@mistake("There is one angle for all pairs with you. Each pair has its own: sum over the last axis alone.")
def _one_angle(*given: Any) -> Tensor:
    return _slerp(*given, angle=lambda a, b: (a * b).sum().clamp(-1, 1).arccos(), at_end=_divided)


@mistake("You go along axis 1, or along the first. The numbers of a direction are on the last axis: dim=-1.")
def _wrong_axis(a: Tensor, b: Tensor, share: float) -> Tensor:
    if a.ndim == 1:
        return slerp(a, b, share)
    return slerp(a.transpose(0, -1), b.transpose(0, -1), share).transpose(0, -1)


WRONG: Any = (
    _line, _line_on_the_sphere, _plain_line, _wrong_way, _lengths_count, _no_lengths, _length_restored,
    _not_divided, _nan_at_the_same, _a_where_the_same, _degrees, _cosine_for_angle, _arcsin, _cosines,
    _right_angles_only, _quarter, _one_angle, _wrong_axis, _zero_at_the_same, _a_for_all, _line_for_all,
    _no_keepdim, _no_keepdim_normalised,
)  # fmt: skip
EXERCISE = Exercise(
    "16.9",
    "Along the great circle",
    slerp,
    _directions,
    difficulty=2,
    minutes=8,
    hints=(
        "Bring both to length 1. Their product, summed over the last axis, is the cosine of the angle "
        "between them. Halfway, each has half of the angle before it: what do the two sines say there?",
        "The angle is (a * b).sum(-1, keepdim=True).clamp(-1, 1).arccos(): the clamp takes away what "
        "rounding adds. The sum of sines times directions has length sin of the angle.",
        "Divided by the sine of the angle, or brought to length 1 by F.normalize(…, dim=-1), it is done. An "
        "angle of at least 1e-4 (clamp) keeps 0 / 0 away and changes no direction.",
    ),
    mistakes=WRONG,
)
