"""Chapter 20, exercise 20.4: linear blend skinning (reference: `solutions.skin`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch20.draws import turns, weights_of
from lecture_utils.chapters.ch20.solutions import skin
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _skins(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    quarter = floats([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])[None, None]
    at = floats([[[1.0, 0.0, 0.0]]])
    yield floats([[[2.0, 0.0, 0.0]]]), at, at, quarter, floats([[1.0]])  # one joint that turns in place
    yield floats([[[2.0, 0.0, 0.0]]]), at, at + 0.5, torch.eye(3)[None, None], floats([[1.0]])  # that moves
    two = torch.cat([torch.eye(3)[None, None], quarter], 1)
    places = floats([[[0.0, 0, 0], [1.0, 0, 0]]])
    yield floats([[[1.3, 0.2, 0.0]]]), places, places, two, floats([[0.5, 0.5]])  # half and half, at an elbow
    for bodies, vertices, joints in ((1, 2, 2), (1, 4, 3), (2, 3, 2), (2, 5, 4), (3, 7, 4)):
        rest, now = (floats(rng.normal(size=(bodies, joints, 3))) for _ in range(2))
        skins = floats(rng.normal(size=(bodies, vertices, 3)))
        yield skins, rest, now, turns(rng, bodies, joints), weights_of(rng, vertices, joints)


def _moved(
    vertices: Tensor,
    joints: Tensor,
    posed: Tensor,
    world: Tensor,
    weights: Tensor,
    *,
    offset: Callable[..., Tensor] = lambda vertices, joints, posed: vertices[:, None] - joints[:, :, None],
    turn: Callable[[Tensor], Tensor] = lambda world: world,
    to: Callable[[Tensor, Tensor], Any] = lambda joints, posed: posed[:, :, None],
    by: Callable[[Tensor], Tensor] = lambda weights: weights,
) -> Tensor:
    """Skinning with one part exchanged."""
    said = offset(vertices, joints, posed) @ turn(world).mT + to(joints, posed)  # (B, J, V, 3)
    return torch.einsum("vj,bjvc->bvc", by(weights), said)


@mistake(
    "You turn the vertex about the origin and then add the joint's place. What turns is the offset from the "
    "joint to the vertex at rest: take the joint's place at rest away first."
)
def _rest_kept(*given: Tensor) -> Tensor:
    return _moved(
        *given, offset=lambda vertices, joints, posed: vertices[:, None].expand(-1, joints.shape[1], -1, -1)
    )


@mistake(
    "You turn about the place where the joint is now. The vertices are still at rest, so their offset is "
    "from the joint at rest."
)
def _offset_from_posed(*given: Tensor) -> Tensor:
    return _moved(*given, offset=lambda vertices, joints, posed: vertices[:, None] - posed[:, :, None])


@mistake(
    "Your joints turn what is around them, but stay at rest. Where has a joint gone when its parent has "
    "turned? That place is to be added at the end."
)
def _not_moved(*given: Tensor) -> Tensor:
    return _moved(*given, to=lambda joints, posed: joints[:, :, None])


@mistake("You forgot to come back: offsets are turned, but no joint's place is added to them.")
def _no_place(*given: Tensor) -> Tensor:
    return _moved(*given, to=lambda joints, posed: 0)


@mistake(
    "Your vertices turn the other way round. Points that stand as rows are turned by x @ R.mT; x @ R is the "
    "inverse."
)
def _inverse(*given: Tensor) -> Tensor:
    return _moved(*given, turn=lambda world: world.mT)


@mistake(
    "Each vertex follows one joint with you, the one with the largest weight. Skin between two bones "
    "follows both: take the weighted mean of what all joints say."
)
def _nearest_joint(*given: Tensor) -> Tensor:
    hard = lambda weights: torch.nn.functional.one_hot(weights.argmax(1), weights.shape[1]).float()  # noqa: E731
    return _moved(*given, by=hard)


@mistake("All joints count alike in your mean. `weights` says how much each of them has of a vertex.")
def _plain_mean(*given: Tensor) -> Tensor:
    return _moved(*given, by=lambda weights: torch.full_like(weights, 1 / weights.shape[1]))


@mistake(
    "You take the mean twice: the sum over joints is divided by their number. Rows of `weights` add up to 1 "
    "already."
)
def _divided(*given: Tensor) -> Tensor:
    return _moved(*given, by=lambda weights: weights / weights.shape[1])


@mistake("You put the weights through a softmax. They are shares already, not logits: rows add up to 1.")
def _softmax(*given: Tensor) -> Tensor:
    return _moved(*given, by=lambda weights: weights.softmax(1))


@mistake(
    "You add up what all joints say without weights: with two joints every vertex is twice as far away. Use "
    "a weighted mean."
)
def _sum(*given: Tensor) -> Tensor:
    return _moved(*given, by=torch.ones_like)


@mistake(
    "You make a rotation of the blended matrix again. That would mend the shrinking, but it is another "
    "method: linear blend skinning takes the mean as it is."
)
def _rotation_again(
    vertices: Tensor, joints: Tensor, posed: Tensor, world: Tensor, weights: Tensor
) -> Tensor:
    shift = posed - (world @ joints[..., None])[..., 0]
    u, _, vh = torch.linalg.svd(torch.einsum("vj,bjkl->bvkl", weights, world))
    u = torch.cat([u[..., :2], u[..., 2:] * torch.linalg.det(u @ vh)[..., None, None]], -1)
    return (u @ vh @ vertices[..., None])[..., 0] + weights @ shift


@mistake(
    "You turn the vertices well, but blend only the turned offsets about the origin: what is added is the "
    "move of each joint, not its place. At rest that sends every vertex to an offset."
)
def _move_added(*given: Tensor) -> Tensor:
    return _moved(*given, to=lambda joints, posed: (posed - joints)[:, :, None])


@mistake(
    "You only shift: each vertex goes along with its joints' moves, and no rotation is used. A joint that "
    "turns in place moves the skin too."
)
def _no_turn(*given: Tensor) -> Tensor:
    return _moved(*given, turn=lambda world: torch.eye(3).expand_as(world))


@mistake(
    "You add the place before you turn, so that the place is turned too. First turn the offset about the "
    "joint, then go to where the joint is now."
)
def _place_turned(vertices: Tensor, joints: Tensor, posed: Tensor, world: Tensor, weights: Tensor) -> Tensor:
    said = (vertices[:, None] - joints[:, :, None] + posed[:, :, None]) @ world.mT
    return torch.einsum("vj,bjvc->bvc", weights, said)


@mistake(
    "Every body is turned as the first one is. Rotations have an axis for the bodies, `world[:, j]`: one "
    "body alone hides that."
)
def _first_body(vertices: Tensor, joints: Tensor, posed: Tensor, world: Tensor, weights: Tensor) -> Tensor:
    return _moved(vertices, joints, posed, world[:1].expand_as(world), weights)


EXERCISE = Exercise(
    "20.4",
    "Linear blend skinning",
    skin,
    _skins,
    difficulty=2,
    minutes=10,
    hints=(
        "Think of one vertex and one joint first. The joint carries the vertex along as if they were one "
        "rigid piece: where does the vertex end up? Then take the weighted mean over the joints.",
        "Rigid about joint j: R_j (x - joint at rest) + joint now. For all at once give the vertices an "
        "axis for the joints: vertices[:, None] - joints[:, :, None] is (B, J, V, 3).",
        "offset @ world.mT turns rows, (B, J, V, 3); add posed[:, :, None]. The weighted mean over joints is "
        "torch.einsum('vj,bjvc->bvc', weights, moved).",
    ),
    mistakes=(
        _rest_kept,
        _offset_from_posed,
        _not_moved,
        _no_place,
        _inverse,
        _nearest_joint,
        _plain_mean,
        _divided,
        _softmax,
        _sum,
        _rotation_again,
        _move_added,
        _no_turn,
        _place_turned,
        _first_body,
    ),
)
