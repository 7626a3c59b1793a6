"""Chapter 20, exercise 20.3: forward kinematics (reference: `solutions.forward_kinematics`)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch20.draws import tree, turns
from lecture_utils.chapters.ch20.solutions import forward_kinematics
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

_QUARTER = floats([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # about z


def _skeletons(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.stack([_QUARTER, torch.eye(3)])[None], floats([[[0.0, 0, 0], [1.0, 0, 0]]]), (-1, 0)
    yield turns(rng, 1, 1), floats([[[0.3, -0.2, 0.5]]]), (-1,)  # a root alone
    yield turns(rng, 1, 3), floats([[[0.3, 0, 0.5], [0.3, 0.4, 0.5], [0.5, 0.9, 0.4]]]), (-1, 0, 1)  # a chain
    yield turns(rng, 1, 4), floats(rng.normal(size=(1, 4, 3))), (-1, 0, 0, 1)  # a fork
    for bodies, joints in ((1, 5), (2, 6), (2, 8), (3, 10)):
        yield turns(rng, bodies, joints), floats(rng.normal(size=(bodies, joints, 3))), tree(rng, joints)


def _walked(
    rotations: Tensor,
    joints: Tensor,
    parents: Sequence[int],
    *,
    own: Callable[[Tensor], Tensor] = lambda turn: turn,
    chain: Callable[[Tensor, Tensor], Tensor] = lambda before, turn: before @ turn,
    bone: Callable[[Tensor, Tensor], Tensor] = lambda joint, parent: joint - parent,
    turned: Callable[[Tensor, Tensor], Tensor] = lambda before, now: before,
    base: Callable[[Tensor, Tensor], Tensor] = lambda placed, rest: placed,
    before: Callable[[int, int], int] = lambda j, parent: parent,
    root: Callable[[Tensor], Tensor] = lambda joint: joint,
) -> tuple[Tensor, Tensor]:
    """Down the tree with one part exchanged."""
    rotations = own(rotations)
    world, placed = [rotations[:, 0]], [root(joints[:, 0])]
    for j, parent in enumerate(parents):
        if j:
            p = before(j, parent)
            now = chain(world[p], rotations[:, j])
            arm = bone(joints[:, j], joints[:, p])[..., None]
            placed.append(base(placed[p], joints[:, p]) + (turned(world[p], now) @ arm)[..., 0])
            world.append(now)
    return torch.stack(placed, 1), torch.stack(world, 1)


@mistake(
    "You multiply in the wrong order: the child's turn, then the parent's. The child's is relative to its "
    "parent's, so a point is turned by the child first, and that matrix stands on the right."
)
def _order(*given: Any) -> Any:
    return _walked(*given, chain=lambda before, turn: turn @ before)


@mistake(
    "You turn a bone by the joint at its end. The bone that leads to the elbow follows the shoulder; the "
    "elbow's own turn moves what lies behind it."
)
def _own_turn(*given: Any) -> Any:
    return _walked(*given, turned=lambda before, now: now)


@mistake(
    "You turn the joint's place, not the bone. What turns about the parent is the offset from the parent to "
    "the joint at rest."
)
def _place_for_bone(*given: Any) -> Any:
    return _walked(*given, bone=lambda joint, parent: joint)


@mistake(
    "Your places begin anew at each parent's place at rest. If the shoulder has moved, the elbow hangs at "
    "the moved shoulder."
)
def _from_rest(*given: Any) -> Any:
    return _walked(*given, base=lambda placed, rest: rest)


@mistake(
    "Your places follow, but each joint turns its bones by its own rotation alone. The turns of all joints "
    "before it count too: they have to be multiplied down the tree."
)
def _not_accumulated(*given: Any) -> Any:
    return _walked(*given, chain=lambda before, turn: turn)


@mistake(
    "The places are right. As second answer you give the rotations relative to the parents, as they came "
    "in; wanted are those relative to the world."
)
def _locals_returned(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    return forward_kinematics(rotations, joints, parents)[0], rotations


@mistake(
    "Your root stands at the origin. It stays where it is at rest, and only turns: where is joint 0 then?"
)
def _root_at_origin(*given: Any) -> Any:
    return _walked(*given, root=torch.zeros_like)


@mistake(
    "Your root turns about the origin, and so moves. A joint turns what lies behind it; its own place stays."
)
def _root_moved(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    return _walked(
        rotations, joints, parents, root=lambda joint: (rotations[:, 0] @ joint[..., None])[..., 0]
    )


@mistake(
    "Your root does not turn: you begin with the identity. Its rotation stands in `rotations` too, as "
    "number 0."
)
def _root_unturned(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    still = torch.cat([torch.eye(3).expand(len(rotations), 1, 3, 3), rotations[:, 1:]], 1)
    return forward_kinematics(still, joints, parents)


@mistake(
    "Your bones point the wrong way, from the joint to its parent. The offset leads from the parent to the "
    "joint."
)
def _backwards(*given: Any) -> Any:
    return _walked(*given, bone=lambda joint, parent: parent - joint)


@mistake(
    "Everything turns the other way round: your matrices are transposed. Rows times a matrix, x @ R, is "
    "what Rᵀ does; for R x write R @ x[..., None]."
)
def _transposed(*given: Any) -> Any:
    placed, world = _walked(*given, own=lambda turn: turn.mT)
    return placed, world.mT


@mistake(
    "You take the joint with the number before as parent. That is right in a chain; a body is a tree, and "
    "`parents` says where each joint hangs."
)
def _chain(*given: Any) -> Any:
    return _walked(*given, before=lambda j, parent: j - 1)


@mistake(
    "You turn every joint about the origin, by its rotation relative to the world. Each turns about its "
    "parent, which itself has moved."
)
def _about_origin(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    world = forward_kinematics(rotations, joints, parents)[1]
    return (world @ joints[..., None])[..., 0], world


@mistake(
    "You turn by the inverse: bones are multiplied from the left, as rows. `bone @ R` is Rᵀ applied to the "
    "bone; the second answer is right already."
)
def _bones_as_rows(*given: Any) -> Any:
    return _walked(*given, turned=lambda before, now: before.mT)


@mistake(
    "All bones hang at the root. A joint's place begins at its parent's place, which the loop has found "
    "already."
)
def _all_at_root(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    return _walked(rotations, joints, parents, base=lambda placed, rest: joints[:, 0])


@mistake(
    "Your root goes through the loop with parent -1, and Python takes the last joint for it, which is still "
    "all zeros: so is everything that hangs on it. Begin with the root by hand."
)
def _zero_before_root(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    world, placed = torch.zeros_like(rotations), torch.zeros_like(joints)
    for j, parent in enumerate(parents):
        bone = joints[:, j] - joints[:, parent]
        placed[:, j] = placed[:, parent] + (world[:, parent] @ bone[..., None])[..., 0]
        world[:, j] = world[:, parent] @ rotations[:, j]
    return placed, world


@mistake(
    "Your rotations are right, but the bones are turned by the parent's own rotation, relative to the joint "
    "before it. A bone turns as its parent is turned in the *world*: take that one."
)
def _relative_bones(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    world = forward_kinematics(rotations, joints, parents)[1]
    placed = [joints[:, 0]]
    for j, parent in list(enumerate(parents))[1:]:
        bone = joints[:, j] - joints[:, parent]
        placed.append(placed[parent] + (rotations[:, parent] @ bone[..., None])[..., 0])
    return torch.stack(placed, 1), world


@mistake(
    "You hand back the two answers the other way round. Places come first, (B, J, 3), then the rotations in "
    "the world."
)
def _swapped(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    return forward_kinematics(rotations, joints, parents)[::-1]


EXERCISE = Exercise(
    "20.3",
    "Forward kinematics",
    forward_kinematics,
    _skeletons,
    difficulty=2,
    minutes=12,
    hints=(
        "Walk through the joints in order: a parent always comes before its children. For each joint you "
        "need two things of its parent, which you have found by then: where it is now, and how it is turned "
        "in the world.",
        "How a joint is turned in the world is its parent's turn times its own. Where it is: its parent's "
        "place now, plus the bone at rest, turned as the parent is turned.",
        "Keep two lists that begin with rotations[:, 0] and joints[:, 0]. In the loop: bone is joints[:, j] "
        "- joints[:, p]; append placed[p] + (world[p] @ bone[..., None])[..., 0], and world[p] @ "
        "rotations[:, j]. Then torch.stack.",
    ),
    mistakes=(
        _order,
        _own_turn,
        _place_for_bone,
        _from_rest,
        _not_accumulated,
        _locals_returned,
        _root_at_origin,
        _root_moved,
        _root_unturned,
        _backwards,
        _transposed,
        _chain,
        _about_origin,
        _bones_as_rows,
        _all_at_root,
        _zero_before_root,
        _relative_bones,
        _swapped,
    ),
)
