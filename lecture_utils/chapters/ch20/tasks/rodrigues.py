"""Chapter 20, exercise 20.1: axis-angle to matrix, with the limit at rest (`solutions.rodrigues`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch20.solutions import rodrigues
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

_PULL = floats([[0.3, -0.7, 0.2], [0.9, 0.1, -0.4], [-0.5, 0.8, 0.6]])  # asks for all nine entries at once


def _axes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield (floats([[0.0, 0.0, np.pi / 2]]),)  # a quarter turn about z
    yield (floats([[0.0, 0.0, 0.0]]),)  # at rest
    yield (floats([[0.0, 1e-5, 0.0]]),)
    yield (floats([[0.4, -0.3, 1.2]]),)
    yield (floats([[0.03, 0.02, -0.01]]),)
    yield (floats([[np.pi, 0.0, 0.0]]),)
    yield (floats([[[0.1, 0.2, 0.3], [0.0, 0.0, 0.0]]]),)  # one body with two joints, (1, 2, 3)
    for number, most in ((2, 1.0), (3, 3.0), (4, 5.0), (5, 2.0)):
        yield (floats(rng.uniform(-most, most, (number, 3))),)


def with_gradient(answer: Callable[[Tensor], Any], vector: Tensor) -> Any:
    """The matrices, and the gradient of a weighted sum of their entries by `vector`."""
    vector = vector.clone().requires_grad_()
    made = answer(vector)
    if not isinstance(made, Tensor) or made.shape != (*vector.shape, 3):
        return made
    gradient = torch.zeros_like(vector)
    if made.requires_grad:
        (found,) = torch.autograd.grad((made * _PULL).sum(), vector, allow_unused=True)
        gradient = gradient if found is None else found
    return {"rotation": made.detach(), "gradient": gradient}


def _skew(vector: Tensor) -> Tensor:
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))


def _made(
    vector: Tensor,
    *,
    angle: Callable[[Tensor], Tensor] = lambda angle: angle,
    skew: Callable[[Tensor], Tensor] = _skew,
    first: Callable[[Tensor], Tensor] = torch.sin,
    second: Callable[[Tensor], Tensor] = lambda angle: 1 - angle.cos(),
    square: Callable[[Tensor], Tensor] = lambda k: k @ k,
    eye: Callable[[Tensor], Any] = lambda angle: torch.eye(3),
) -> Tensor:
    """Rodrigues' formula with one part exchanged, and a limit at rest that is right."""
    length = (vector.square().sum(-1, keepdim=True) + 1e-14).sqrt()
    k, turn = skew(vector / length), angle(length)[..., None]
    return eye(turn) + first(turn) * k + second(turn) * square(k)


@mistake(
    "At rest your matrix is NaN: the axis is a quotient of 0 by 0 there. Both factors, sin θ / θ and "
    "(1 - cos θ) / θ², have a limit at 0: which?"
)
def _nan_at_rest(vector: Tensor) -> Tensor:
    length = vector.norm(dim=-1, keepdim=True)
    k, turn = _skew(vector / length), length[..., None]
    return torch.eye(3) + turn.sin() * k + (1 - turn.cos()) * k @ k


@mistake(
    "Your matrix is right, at rest too, but its gradient there is NaN. `torch.where` also sends a gradient "
    "of 0 into the side that it does not take, and 0 times infinity is NaN. What has to be safe is what "
    "goes in."
)
def _nan_gradient(vector: Tensor) -> Tensor:
    length = vector.square().sum(-1, keepdim=True).sqrt()
    axis = torch.where(length < 1e-9, torch.zeros_like(vector), vector / length)
    k, turn = _skew(axis), length[..., None]
    return torch.eye(3) + turn.sin() * k + (1 - turn.cos()) * k @ k


@mistake(
    "Your matrix is right, but its gradient at rest is 0. A fit that begins there never moves. Near 0 the "
    "formula is about I + [v]ₓ: that still depends on v."
)
def _stuck_at_rest(vector: Tensor) -> Tensor:
    length = vector.norm(dim=-1, keepdim=True).clamp(min=1e-7)
    k, turn = _skew(vector / length), length[..., None]
    still = (turn < 1e-6) | (vector.norm(dim=-1)[..., None, None] < 1e-6)
    return torch.where(still, torch.eye(3), torch.eye(3) + turn.sin() * k + (1 - turn.cos()) * k @ k)


@mistake(
    "Your rotations turn the other way round, as left-handed screws. Check the signs of [v]ₓ: it has to "
    "give v × u, so that z × x is y."
)
def _other_way(vector: Tensor) -> Tensor:
    return _made(vector, skew=lambda axis: -_skew(axis))


@mistake("The length of the vector is taken for degrees. It is in radians already: a quarter turn is π / 2.")
def _degrees(vector: Tensor) -> Tensor:
    return _made(vector, angle=torch.deg2rad)


@mistake(
    "You turn by half the angle. Halves belong to quaternions; a matrix has the sine and cosine of the "
    "whole angle."
)
def _half(vector: Tensor) -> Tensor:
    return _made(vector, angle=lambda angle: angle / 2)


@mistake(
    "The axis in your [v]ₓ still has the length of the angle. Either divide the vector by θ first, or "
    "divide the factors: sin θ by θ, 1 - cos θ by θ²."
)
def _axis_not_unit(vector: Tensor) -> Tensor:
    length = (vector.square().sum(-1, keepdim=True) + 1e-14).sqrt()[..., None]
    k = _skew(vector)
    return torch.eye(3) + length.sin() * k + (1 - length.cos()) * k @ k


@mistake(
    "Your last term has cos θ in place of 1 - cos θ, so that something is left of it at rest, or no turn is "
    "the result of none. What must stand there for θ near 0?"
)
def _cosine(vector: Tensor) -> Tensor:
    return _made(vector, second=torch.cos)


@mistake(
    "Your last term has [v]ₓ once. It is the square of it, a product of matrices: what turns twice by a "
    "quarter lies opposite."
)
def _not_squared(vector: Tensor) -> Tensor:
    return _made(vector, square=lambda k: k)


@mistake("You square [v]ₓ entry by entry with `*` or `**`. The formula means the product of matrices, `@`.")
def _entry_by_entry(vector: Tensor) -> Tensor:
    return _made(vector, square=lambda k: k * k)


@mistake(
    "You stop after the first term, I + [v]ₓ. That is right for tiny angles only, and grows what it turns: "
    "the columns are longer than 1."
)
def _first_order(vector: Tensor) -> Tensor:
    return torch.eye(3) + _skew(vector)


@mistake(
    "You stop after the term with the sine. Without the other one a quarter turn keeps half of what it "
    "should have turned away: which power of [v]ₓ is missing?"
)
def _sine_alone(vector: Tensor) -> Tensor:
    return _made(vector, second=lambda angle: 0 * angle)


@mistake(
    "You scale the I by cos θ, as in the form with the outer product a aᵀ. With [v]ₓ² the I stays whole: "
    "what lies along the axis does not shrink."
)
def _scaled_identity(vector: Tensor) -> Tensor:
    return _made(vector, eye=lambda angle: angle.cos() * torch.eye(3))


@mistake(
    "You turn about x, y and z one after the other. Those are Euler angles, whose result depends on the "
    "order. This is one turn about one axis, which may point anywhere."
)
def _euler(vector: Tensor) -> Tensor:
    along = [_made(vector * torch.eye(3)[i]) for i in range(3)]
    return along[2] @ along[1] @ along[0]


@mistake(
    "You add 1 to every entry. The I of the formula is the identity, `torch.eye(3)`: its ones stand on the "
    "diagonal alone."
)
def _ones_everywhere(vector: Tensor) -> Tensor:
    return _made(vector, eye=lambda angle: 1)


@mistake(
    "Your limit begins too early: at an angle of 0.04 you still take 1 and ½, and value or gradient is off "
    "in the fourth digit. Take the limit for much smaller angles only, or one more term of the series."
)
def _limit_too_early(vector: Tensor) -> Tensor:
    square = vector.square().sum(-1)[..., None, None]
    small = square < 1e-2
    safe = torch.where(small, 1.0, square)
    angle, k = safe.sqrt(), _skew(vector)
    first = torch.where(small, 1.0, angle.sin() / angle)
    return torch.eye(3) + first * k + torch.where(small, 0.5, (1 - angle.cos()) / safe) * k @ k


@mistake("The I of the formula is missing: at rest your matrix is 0, and sends every point to the joint.")
def _no_identity(vector: Tensor) -> Tensor:
    return _made(vector, eye=lambda angle: 0)


EXERCISE = Exercise(
    "20.1",
    "Axis-angle to matrix",
    rodrigues,
    _axes,
    difficulty=2,
    minutes=10,
    use=with_gradient,
    hints=(
        "Build three pieces: the angle θ is the vector's length, [v]ₓ is the matrix with [v]ₓ u = v × u, "
        "and the rotation is I + (sin θ / θ) [v]ₓ + ((1 - cos θ) / θ²) [v]ₓ [v]ₓ, I the identity.",
        "The rows of [v]ₓ are (0, -z, y), (z, 0, -x), (-y, x, 0). At θ = 0 the two factors go to 1 and 1/2. "
        "`torch.where(small, limit, factor)` picks, but a factor that is NaN spoils the gradient even where "
        "it is not picked: replace θ² by 1 there before you divide by it.",
        "square is the sum of v²; safe = torch.where(square < 1e-4, 1.0, square); angle = safe.sqrt(). The "
        "first factor is torch.where(small, 1 - square / 6, angle.sin() / angle), the second has 0.5 - "
        "square / 24 likewise.",
    ),
    mistakes=(
        _nan_at_rest,
        _nan_gradient,
        _stuck_at_rest,
        _other_way,
        _degrees,
        _half,
        _axis_not_unit,
        _cosine,
        _not_squared,
        _entry_by_entry,
        _first_order,
        _sine_alone,
        _scaled_identity,
        _euler,
        _no_identity,
        _ones_everywhere,
        _limit_too_early,
    ),
)
