"""Chapter 20, exercise 20.5: shape, joints and pose correctives (reference: `solutions.rest_body`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch20.draws import turns, weights_of
from lecture_utils.chapters.ch20.solutions import rest_body
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _model(rng: np.random.Generator, vertices: int, joints: int, shapes: int) -> tuple[Tensor, ...]:
    """Template, shape and pose directions and regressor of a body that nobody has seen."""
    return (
        floats(rng.normal(size=(vertices, 3))),
        floats(rng.normal(size=(vertices, 3, shapes))),
        floats(rng.normal(size=(vertices, 3, 9 * (joints - 1)))),
        weights_of(rng, joints, vertices),
    )


def _bodies(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    rest = torch.eye(3).expand(1, 2, 3, 3)
    yield *_model(rng, 2, 2, 1), torch.zeros(1, 1), rest  # the template
    yield *_model(rng, 2, 2, 1), torch.full((1, 1), 1.5), rest  # another person, at rest
    yield *_model(rng, 2, 2, 1), torch.zeros(1, 1), torch.cat([turns(rng, 1, 1), rest[:, 1:]], 1)  # root only
    yield *_model(rng, 2, 2, 1), torch.zeros(1, 1), torch.cat([rest[:, :1], turns(rng, 1, 1)], 1)
    for bodies, vertices, joints, shapes in ((1, 3, 2, 2), (2, 3, 3, 2), (2, 4, 3, 4), (3, 5, 4, 3)):
        model = _model(rng, vertices, joints, shapes)
        yield *model, floats(rng.normal(size=(bodies, shapes))), turns(rng, bodies, joints)


def _built(
    template: Tensor,
    shape_directions: Tensor,
    pose_directions: Tensor,
    joint_regressor: Tensor,
    shape: Tensor,
    rotations: Tensor,
    *,
    person: Callable[[Tensor, Tensor], Tensor] = lambda template, change: template + change,
    seen: Callable[..., Tensor] = lambda template, person, corrected: person,
    relative: Callable[[Tensor], Tensor] = lambda rotations: rotations - torch.eye(3),
    order: Callable[[Tensor], Tensor] = lambda relative: relative,
    which: Callable[[Tensor], Tensor] = lambda relative: relative[:, 1:],
    corrective: Callable[[Tensor], Tensor] = lambda change: change,
    base: Callable[[Tensor, Tensor], Tensor] = lambda template, person: person,
) -> tuple[Tensor, Tensor]:
    """The body with one part exchanged."""
    made = person(template, torch.einsum("vck,bk->bvc", shape_directions, shape))
    feature = order(which(relative(rotations))).flatten(1)
    change = corrective(torch.einsum("vcp,bp->bvc", pose_directions, feature))
    corrected = base(template, made) + change
    joints = joint_regressor @ seen(template, made, corrected)
    return corrected, joints


@mistake(
    "Your joints are those of the template, whoever the person is. A tall person's knee is higher: of which "
    "vertices are the joints to be found?"
)
def _joints_of_template(*given: Tensor) -> Any:
    return _built(*given, seen=lambda template, person, corrected: template.expand_as(person))


@mistake(
    "Your joints move with the pose: you find them on the corrected vertices. They are of the person at "
    "rest, before any pose; correctives only change the skin."
)
def _joints_of_corrected(*given: Tensor) -> Any:
    return _built(*given, seen=lambda template, person, corrected: corrected)


@mistake(
    "In the rest pose your body is not the person: the rotations' entries do not vanish there. What is R at "
    "rest, and what has to be taken away?"
)
def _identity_kept(*given: Tensor) -> Any:
    return _built(*given, relative=lambda rotations: rotations)


@mistake(
    "You leave out the last joint's rotation and keep the root's. The root turns the whole body, which "
    "bends nothing: it is the first that has no correctives."
)
def _root_counted(*given: Tensor) -> Any:
    return _built(*given, which=lambda relative: relative[:, :-1])


@mistake(
    "The entries of your rotations come column by column. They are read row by row, as `flatten` does by "
    "itself; there is a transpose too many."
)
def _column_by_column(*given: Tensor) -> Any:
    return _built(*given, order=lambda relative: relative.mT)


@mistake(
    "You go through the entries first, and within each through the joints. All nine entries of one joint "
    "come before those of the next."
)
def _entry_by_entry(*given: Tensor) -> Any:
    return _built(*given, order=lambda relative: relative.flatten(2).mT)


@mistake(
    "The template is missing: a person of shape 0 would be a point. Directions say by how much one differs "
    "from it."
)
def _no_template(*given: Tensor) -> Any:
    return _built(*given, person=lambda template, change: change)


@mistake(
    "The shape numbers do nothing: you begin with the template for everybody. Which of the arguments have "
    "you not used?"
)
def _no_shape(*given: Tensor) -> Any:
    return _built(*given, person=lambda template, change: template.expand_as(change))


@mistake("Your correctives have the wrong sign: it is R - I that counts, and what it gives is added.")
def _wrong_sign(*given: Tensor) -> Any:
    return _built(*given, corrective=lambda change: -change)


@mistake("The correctives are missing: your skin is the same in every pose. What do the pose directions add?")
def _no_correctives(*given: Tensor) -> Any:
    return _built(*given, corrective=lambda change: 0 * change)


@mistake(
    "Your correctives are added to the template and not to the person: in a pose everybody is the mean "
    "person. Your joints are right."
)
def _correctives_on_template(*given: Tensor) -> Any:
    return _built(*given, base=lambda template, person: template)


@mistake(
    "You take shape directions away. A shape number of 1 moves the vertices one standard deviation along its "
    "direction, and not against it."
)
def _against(*given: Tensor) -> Any:
    return _built(*given, person=lambda template, change: template - change)


@mistake(
    "You take 1 away from all nine entries of each rotation. What a rotation is at rest is the identity: "
    "its ones stand on the diagonal alone."
)
def _all_entries_less_1(*given: Tensor) -> Any:
    return _built(*given, relative=lambda rotations: rotations - 1)


@mistake(
    "You take the root's rotation away from each joint's. R(0) is not the rotation of joint 0: it is that of "
    "the pose 0, the identity at every joint."
)
def _root_taken(*given: Tensor) -> Any:
    return _built(*given, relative=lambda rotations: rotations - rotations[:, :1])


@mistake(
    "Your shape directions are cut up in the wrong order: (V, 3, K) has the K numbers last. Sum over the "
    "last axis, or `permute`; a `reshape` to (K, V, 3) mixes vertices and numbers."
)
def _reshaped(template: Tensor, shape_directions: Tensor, pose_directions: Tensor, *others: Tensor) -> Any:
    vertices, _, count = shape_directions.shape
    mixed = shape_directions.reshape(count, vertices, 3).permute(1, 2, 0)
    return _built(template, mixed, pose_directions, *others)


EXERCISE = Exercise(
    "20.5",
    "The body before it is skinned",
    rest_body,
    _bodies,
    difficulty=2,
    minutes=12,
    hints=(
        "Three products of a matrix with a list of numbers, and two sums. Go in the order of the sentence: "
        "first the person, then this person's joints, then what the pose adds to the skin.",
        "The person is template + directions · shape: torch.einsum can sum over the last axis of (V, 3, K) "
        "for each of B bodies. Joints come from the person. The pose's numbers are R - I without the "
        "root's, flattened.",
        "The person is template + torch.einsum('vck,bk->bvc', …), the joints are joint_regressor @ person. "
        "(rotations[:, 1:] - torch.eye(3)).flatten(1) is (B, 9 (J - 1)); the same einsum with the pose "
        "directions is added to the person.",
    ),
    mistakes=(
        _joints_of_template,
        _joints_of_corrected,
        _identity_kept,
        _root_counted,
        _column_by_column,
        _entry_by_entry,
        _no_template,
        _no_shape,
        _wrong_sign,
        _no_correctives,
        _correctives_on_template,
        _against,
        _all_entries_less_1,
        _root_taken,
        _reshaped,
    ),
)
