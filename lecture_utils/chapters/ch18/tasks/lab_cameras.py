"""Chapter 18, step 2 of the lab: a colleague's cameras, with a fault (reference: `lab.read_cameras`).

Shapes: N pictures.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch18.lab import read_cameras, read_cameras_faulty
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["STEP_2"]


def _pose(turn: Sequence[Sequence[float]], centre: Sequence[float]) -> Tensor:
    pose = torch.eye(4)
    pose[:3, :3], pose[:3, 3] = torch.tensor(turn), torch.tensor(centre)
    return pose


def _files(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    eye = torch.eye(3).tolist()
    yield (_pose(eye, (0.0, 0.0, 0.0))[None],)  # looks along the world's -z, upright along its y
    yield (_pose(eye, (1.0, 2.0, 3.0))[None],)
    yield (_pose([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], (3.0, 0.0, 0.0))[None],)  # along -x
    yield (_pose([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]], (0.5, 3.0, -1.0))[None],)  # along -y
    yield (torch.zeros(0, 4, 4),)
    for number in (1, 2, 3, 5):
        q, _ = torch.linalg.qr(torch.tensor(rng.normal(size=(number, 3, 3)), dtype=torch.float32))
        q = q * torch.linalg.det(q)[:, None, None]
        poses = torch.eye(4).repeat(number, 1, 1)
        poses[:, :3, :3] = q
        poses[:, :3, 3] = torch.tensor(rng.normal(size=(number, 3)), dtype=torch.float32)
        yield (poses,)


_FLIP = torch.tensor([1.0, -1.0, -1.0])


def _read(
    poses: Tensor,
    *,
    turn: Callable[[Tensor], Tensor] = lambda own: own * _FLIP,
    rotation: Callable[[Tensor], Tensor] = lambda turn: turn.mT,
    move: Callable[[Tensor, Tensor], Tensor] = lambda rotation, centre: (
        -(rotation @ centre[..., None])[..., 0]
    ),
) -> tuple[Tensor, Tensor]:
    """The cameras with one part exchanged."""
    made = rotation(turn(poses[:, :3, :3]))
    return made, move(made, poses[:, :3, 3])


@mistake(
    "The cameras stand where they should, and still look elsewhere. Rows of such a matrix belong to the "
    "world's axes, columns to the camera's: whose axes were to be turned round?"
)
def _fault_kept(poses: Tensor) -> tuple[Tensor, Tensor]:
    return read_cameras_faulty(poses)


@mistake(
    "Every camera now has all points behind it. Their z points backward: you have taken the flip out, but "
    "it was not wrong that there is one."
)
def _not_flipped(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: own)


@mistake(
    "You turn only z round. Left and right then change places: the determinant is -1, a mirror, which no "
    "camera can be turned into. Which other axis differs?"
)
def _only_z(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: own * torch.tensor([1.0, 1.0, -1.0]))


@mistake(
    "You turn only y round: the pictures are upright, but all points lie behind the cameras. The determinant "
    "is -1. Which other axis differs?"
)
def _only_y(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: own * torch.tensor([1.0, -1.0, 1.0]))


@mistake("You turn all three axes round. x points to the right in both programs.")
def _all_three(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: -own)


@mistake(
    "You turn round rows and columns, the world's axes and the camera's. The world is the same in both "
    "programs."
)
def _both_sides(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: _FLIP[:, None] * own * _FLIP)


@mistake(
    "Your rotation goes from the camera to the world. Wanted is the way back: the colleague's `.mT` was "
    "right."
)
def _not_transposed(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, rotation=lambda turn: turn)


@mistake(
    "You give the place of the camera as translation. X_cam is 0 there: put the centre in for X, and see "
    "which t that takes."
)
def _centre_as_translation(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, move=lambda rotation, centre: centre)


@mistake(
    "Your translation is the centre with its signs changed, in the world's axes. But t is added after R: "
    "in whose axes is it?"
)
def _minus_the_centre(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, move=lambda rotation, centre: -centre)


@mistake("The sign of your translation is wrong: your cameras stand on the other side of the world's origin.")
def _plus(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, move=lambda rotation, centre: (rotation @ centre[..., None])[..., 0])


@mistake(
    "You flip the place of the camera too. It is given in the world's axes, which are the same in both "
    "programs."
)
def _centre_flipped(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, move=lambda rotation, centre: -(rotation @ (centre * _FLIP)[..., None])[..., 0])


@mistake(
    "Your rotation is right, your translation still is made with the colleague's. Which rotation belongs "
    "into -R c?"
)
def _old_translation(poses: Tensor) -> tuple[Tensor, Tensor]:
    return read_cameras(poses)[0], read_cameras_faulty(poses)[1]


@mistake(
    "You turn the world's axes round, the centre's too: by rows of the pose, or by columns after inverting "
    "it. In the pose, where do the camera's own axes stand?"
)
def _whole_world_turned(poses: Tensor) -> tuple[Tensor, Tensor]:
    inverse = torch.linalg.inv(poses)
    return inverse[:, :3, :3] * _FLIP, inverse[:, :3, 3]


@mistake(
    "Your rotation is right. You have turned the axes round after inverting, and t lies in the camera's axes "
    "as well: what of it has to change sign?"
)
def _t_not_flipped(poses: Tensor) -> tuple[Tensor, Tensor]:
    return read_cameras(poses)[0], torch.linalg.inv(poses)[:, :3, 3]


@mistake(
    "You exchange y and z. Neither becomes the other here: up becomes down, backward becomes forward. What "
    "does that do to a number?"
)
def _y_and_z_exchanged(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: own[:, :, [0, 2, 1]])


@mistake(
    "Your rotation is right. In the translation you use it the other way round, from the camera to the "
    "world. Which of R and Rᵀ takes the centre to the camera's axes?"
)
def _t_by_the_way_back(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, move=lambda rotation, centre: -(rotation.mT @ centre[..., None])[..., 0])


@mistake("You turn x and z round. x points to the right in both programs; which axis turns instead?")
def _x_for_y(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: own * torch.tensor([-1.0, 1.0, -1.0]))


STEP_2 = Exercise(
    "18.L2",
    "The cameras look elsewhere",
    read_cameras,
    _files,
    difficulty=2,
    minutes=12,
    hints=(
        "Look at the symptoms one by one. If each camera stands where it should, the centre was read well, "
        "and so was the step from centre to translation. What is left?",
        "One picture fits: the one in whose axes the world is given. The farther a camera is turned from it, "
        "the worse. Had no axes been turned round at all, all points would lie behind it: so whose were?",
        "The columns of a camera-to-world matrix are the camera's x, y and z axes, written in the world. The "
        "camera's y and z change sign: which two columns, or rows, is that? Multiplying by a row (3,) scales "
        "columns.",
    ),
    mistakes=(
        _fault_kept, _not_flipped, _only_z, _only_y, _all_three, _both_sides, _not_transposed,
        _centre_as_translation, _minus_the_centre, _plus, _centre_flipped, _old_translation,
        _whole_world_turned, _t_not_flipped, _y_and_z_exchanged, _t_by_the_way_back, _x_for_y,
    ),
)  # fmt: skip
