"""Chapter 20, exercise 20.2: a rotation from six numbers (reference: `solutions.rotation_from_6d`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch20.draws import turns
from lecture_utils.chapters.ch20.solutions import rotation_from_6d
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _sixes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield (floats([[0.0, 2.0, 0.0, -0.5, 0.0, 0.0]]),)  # at right angles already, of other lengths
    yield (floats([[2.0, 0.0, 0.0, 3.0, 0.5, 0.0]]),)  # leaning
    yield (floats([[1.0, 2.0, -0.5, 0.3, -1.0, 0.8]]),)
    rotation = turns(rng, 1)
    yield (torch.cat([rotation[..., 0], rotation[..., 1]], -1),)  # a rotation's own columns
    yield (torch.cat([3 * rotation[..., 0], rotation[..., 1] - 2 * rotation[..., 0]], -1),)
    for shape in ((2, 6), (3, 6), (1, 4, 6), (2, 3, 6)):
        yield (floats(rng.normal(size=shape)),)


def _unit(vector: Tensor) -> Tensor:
    return F.normalize(vector, dim=-1)


def _along(vector: Tensor, direction: Tensor) -> Tensor:
    return (vector * direction).sum(-1, keepdim=True) * direction


def _framed(
    six: Tensor,
    *,
    split: Callable[[Tensor], tuple[Tensor, Tensor]] = lambda six: (six[..., :3], six[..., 3:]),
    one: Callable[[Tensor], Tensor] = _unit,
    two: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda a, b, one: _unit(b - _along(b, one)),
    three: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] = lambda a, b, one, two: torch.linalg.cross(
        one, two
    ),
    stack: Callable[[list[Tensor]], Tensor] = lambda columns: torch.stack(columns, -1),
) -> Tensor:
    """The six numbers straightened, with one step exchanged."""
    a, b = split(six)
    x = one(a)
    y = two(a, b, x)
    return stack([x, y, three(a, b, x, y)])


@mistake(
    "Your three vectors stand as rows. They are the columns of the matrix: what the first axis is sent to "
    "is the first column."
)
def _as_rows(six: Tensor) -> Tensor:
    return _framed(six, stack=lambda columns: torch.stack(columns, -2))


@mistake(
    "Your third vector points the other way, so that the determinant is -1: a mirror. In which order has "
    "the cross product to be taken?"
)
def _mirror(six: Tensor) -> Tensor:
    return _framed(six, three=lambda a, b, one, two: torch.linalg.cross(two, one))


@mistake(
    "You scale the second vector to length 1, but do not take away what it has of the first. Then the two "
    "are not at right angles."
)
def _leaning(six: Tensor) -> Tensor:
    return _framed(six, two=lambda a, b, one: _unit(b))


@mistake(
    "The second column is at right angles, but not of length 1. Taking a part away makes a vector shorter."
)
def _second_short(six: Tensor) -> Tensor:
    return _framed(six, two=lambda a, b, one: b - _along(b, one))


@mistake("The first column still has the length that came in. A rotation's columns all have length 1.")
def _first_long(six: Tensor) -> Tensor:
    a, b = six[..., :3], six[..., 3:]
    x = _unit(a)
    y = _unit(b - _along(b, x))
    return torch.stack([a, y, torch.linalg.cross(x, y)], -1)


@mistake(
    "You project onto the first vector as it came, whose length then counts twice. (a · b) a is the part "
    "along a only if a has length 1."
)
def _projected_on_raw(six: Tensor) -> Tensor:
    return _framed(six, two=lambda a, b, one: _unit(b - _along(b, a)))


@mistake(
    "You add the part along the first column instead of taking it away: the second leans further over. What "
    "is left of b once its part along the first is gone?"
)
def _added(six: Tensor) -> Tensor:
    return _framed(six, two=lambda a, b, one: _unit(b + _along(b, one)))


@mistake(
    "Your third column is the cross product of the numbers as they came in, so that its length is theirs. "
    "Take the two columns that you have made."
)
def _cross_of_raw(six: Tensor) -> Tensor:
    return _framed(six, three=lambda a, b, one, two: torch.linalg.cross(a, b))


@mistake(
    "You take every other number for the first vector. Some programs store the six that way, as three rows "
    "of two; here the first three numbers belong together."
)
def _interleaved(six: Tensor) -> Tensor:
    return _framed(six, split=lambda six: (six[..., 0::2], six[..., 1::2]))


@mistake(
    "You begin with the last three numbers. The first three keep their direction, and the others give way "
    "to them."
)
def _second_first(six: Tensor) -> Tensor:
    a, b = six[..., :3], six[..., 3:]
    y = _unit(b)
    x = _unit(a - _along(a, y))
    return torch.stack([x, y, torch.linalg.cross(x, y)], -1)


@mistake(
    "You take the scalar product itself away from each coordinate. The part along the first column is a "
    "vector: that number times the column."
)
def _scalar_taken(six: Tensor) -> Tensor:
    return _framed(six, two=lambda a, b, one: _unit(b - (one * b).sum(-1, keepdim=True)))


@mistake(
    "Your first two columns are right. The third one is not at right angles to both: which product of two "
    "vectors is?"
)
def _elementwise_third(six: Tensor) -> Tensor:
    return _framed(six, three=lambda a, b, one, two: _unit(one * two))


@mistake(
    "You take away from the first what it has of the second, and scale it then: both have moved. Only the "
    "second may give way."
)
def _both_move(six: Tensor) -> Tensor:
    a, b = _unit(six[..., :3]), _unit(six[..., 3:])
    x, y = _unit(a - _along(a, b)), _unit(b - _along(b, a))
    return torch.stack([x, y, torch.linalg.cross(x, y)], -1)


@mistake(
    "You measure lengths over the whole batch: one vector is right, several are not. Each has its own: "
    "`dim=-1, keepdim=True`."
)
def _over_the_batch(six: Tensor) -> Tensor:
    return _framed(six, one=lambda a: a / a.norm(), two=lambda a, b, one: _shrunk(b - _along(b, one)))


def _shrunk(vector: Tensor) -> Tensor:
    return vector / vector.norm()


@mistake(
    "Your scalar product adds up over the whole batch: one vector is right, several are not. Sum over the "
    "last axis alone: `.sum(-1, keepdim=True)`."
)
def _product_over_the_batch(six: Tensor) -> Tensor:
    return _framed(six, two=lambda a, b, one: _unit(b - (one * b).sum() * one))


@mistake(
    "You measure along the wrong axis: x of the first with x of the second. A vector's length is over its "
    "own three numbers: `dim=-1`."
)
def _other_axis(six: Tensor) -> Tensor:
    a, b = F.normalize(six.unflatten(-1, (2, 3)), dim=-2).unbind(-2)
    y = _unit(b - _along(b, a))
    return torch.stack([a, y, torch.linalg.cross(a, y)], -1)


EXERCISE = Exercise(
    "20.2",
    "A rotation from six numbers",
    rotation_from_6d,
    _sixes,
    difficulty=1,
    minutes=8,
    hints=(
        "A rotation's columns have length 1 and are at right angles. Make them so one after the other: "
        "scale the first, straighten and scale the second, and let the third follow from both.",
        "F.normalize(x, dim=-1) scales to length 1. The part of b along a unit vector e is (e · b) e; taken "
        "away, what is left is at right angles to e. torch.linalg.cross gives the third.",
        "one is the normalised first half; two is the second half minus (one * second).sum(-1, "
        "keepdim=True) * one, normalised; three is cross(one, two); torch.stack([one, two, three], dim=-1) "
        "sets them as columns.",
    ),
    mistakes=(
        _as_rows,
        _mirror,
        _leaning,
        _second_short,
        _first_long,
        _projected_on_raw,
        _added,
        _cross_of_raw,
        _interleaved,
        _second_first,
        _scalar_taken,
        _elementwise_third,
        _both_move,
        _over_the_batch,
        _product_over_the_batch,
        _other_axis,
    ),
)
