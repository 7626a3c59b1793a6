"""Chapter 20, part a: the references are what the package computes, and other right ways pass."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from lecture_utils.body import lbs
from lecture_utils.body.smpl import SMPL
from lecture_utils.chapters.ch20 import solutions
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.examine import examine
from lecture_utils.ops import rotation
from tests.references import cases_of, check_reference

BY_ID = {exercise.id: exercise for exercise in exercises("20")}


# --- the package's functions, called as the learner's are ---------------------------------------------
def package_rest(
    template: Tensor, shape_directions: Tensor, pose_directions: Tensor, regressor: Tensor, shape: Tensor,
    rotations: Tensor,
) -> Any:  # fmt: skip
    """A body model of these matrices, whose joints form a chain."""
    count, joints = len(template), len(regressor)
    weights = torch.full((count, joints), 1 / joints)
    faces = torch.zeros(0, 3, dtype=torch.long)
    parents = range(-1, joints - 1)
    model = SMPL(template, shape_directions, pose_directions, regressor, weights, faces, parents)
    person, found = model.shaped(shape)
    return person + model.correctives(rotations), found


THEIRS: dict[str, Callable[..., Any]] = {
    "20.1": rotation.axis_angle_to_matrix,
    "20.2": rotation.rotation_6d_to_matrix,
    "20.3": lbs.forward_kinematics,
    "20.4": lbs.skin,
    "20.5": package_rest,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    check_reference(BY_ID[id], THEIRS[id], seeds=5)


def test_the_learners_five_functions_are_the_body_model() -> None:
    """What the notebook puts together: axis-angle in, skin out."""
    rng = np.random.default_rng(3)
    case = cases_of(BY_ID["20.5"], 3)[-1]
    template, shape_directions, pose_directions, regressor, shape, _ = case
    bodies, joints, count = len(shape), len(regressor), len(template)
    weights = torch.tensor(rng.dirichlet(np.ones(joints), size=count), dtype=torch.float32)
    parents = tuple(range(-1, joints - 1))
    pose = torch.tensor(rng.normal(size=(bodies, joints, 3)), dtype=torch.float32)
    faces = torch.zeros(0, 3, dtype=torch.long)
    model = SMPL(template, shape_directions, pose_directions, regressor, weights, faces, parents)
    rotations = solutions.rodrigues(pose)
    rest, places = solutions.rest_body(
        template, shape_directions, pose_directions, regressor, shape, rotations
    )
    posed, world = solutions.forward_kinematics(rotations, places, parents)
    skin = solutions.skin(rest, places, posed, world, weights)
    theirs = model(shape, pose)
    torch.testing.assert_close(skin, theirs.vertices, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(posed, theirs.joints, atol=1e-5, rtol=1e-4)


# --- other right ways pass ---------------------------------------------------------------------------
def rodrigues_with_a_little_more(vector: Tensor) -> Tensor:
    """As smplx has it: a little is added before the length is taken."""
    angle = (vector + 1e-8).norm(dim=-1, keepdim=True)
    x, y, z = (vector / angle).unbind(-1)
    zero = torch.zeros_like(x)
    k = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).view(*vector.shape[:-1], 3, 3)
    return torch.eye(3) + angle[..., None].sin() * k + (1 - angle[..., None].cos()) * (k @ k)


def rodrigues_as_exponential(vector: Tensor) -> Tensor:
    """The matrix exponential of the cross product's matrix."""
    rows = [torch.linalg.cross(vector, torch.eye(3)[i].expand_as(vector)) for i in range(3)]
    return torch.linalg.matrix_exp(torch.stack(rows, -1))


def six_by_qr(six: Tensor) -> Tensor:
    """By a QR decomposition, whose signs are made right."""
    columns = six.unflatten(-1, (2, 3)).mT  # (…, 3, 2)
    q, r = torch.linalg.qr(columns)
    q = q * r.diagonal(dim1=-2, dim2=-1).sign()[..., None, :]
    return torch.cat([q, torch.linalg.cross(q[..., 0], q[..., 1])[..., None]], -1)


def kinematics_by_matrices(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    """With 4 × 4 matrices, as smplx has it."""
    made: list[Tensor] = []
    for j, parent in enumerate(parents):
        offset = joints[:, j] - (joints[:, parent] if j else 0)
        own = torch.eye(4).repeat(len(joints), 1, 1)
        own[:, :3, :3], own[:, :3, 3] = rotations[:, j], offset
        made.append(made[parent] @ own if j else own)
    all_of_them = torch.stack(made, 1)
    return all_of_them[..., :3, 3], all_of_them[..., :3, :3]


def skin_by_blended_matrices(
    vertices: Tensor, joints: Tensor, posed: Tensor, world: Tensor, weights: Tensor
) -> Tensor:
    """The matrices are blended first, and each vertex is moved by its own one."""
    shift = posed - (world @ joints[..., None])[..., 0]
    turn = torch.einsum("vj,bjkl->bvkl", weights, world)
    return (turn @ vertices[..., None])[..., 0] + weights @ shift


def rest_body_by_loops(
    template: Tensor, shape_directions: Tensor, pose_directions: Tensor, joint_regressor: Tensor,
    shape: Tensor, rotations: Tensor,
) -> Any:  # fmt: skip
    """Body by body."""
    skins, joints = [], []
    for beta, turns in zip(shape, rotations, strict=True):
        person = template + shape_directions @ beta
        joints.append(joint_regressor @ person)
        skins.append(person + pose_directions @ (turns[1:] - torch.eye(3)).reshape(-1))
    return torch.stack(skins), torch.stack(joints)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("20.1", rodrigues_with_a_little_more),
        ("20.1", rodrigues_as_exponential),
        ("20.2", six_by_qr),
        ("20.3", kinematics_by_matrices),
        ("20.4", skin_by_blended_matrices),
        ("20.5", rest_body_by_loops),
    ],
)
def test_another_right_way_passes(id: str, answer: Callable[..., Any]) -> None:
    found = examine(BY_ID[id], answer)
    assert found.state == "right", found


def test_rodrigues_is_scipys_up_to_many_turns() -> None:
    vectors = torch.tensor(np.random.default_rng(0).uniform(-7, 7, (200, 3)), dtype=torch.float32)
    theirs = torch.tensor(Rotation.from_rotvec(vectors.numpy()).as_matrix(), dtype=torch.float32)
    torch.testing.assert_close(solutions.rodrigues(vectors), theirs, atol=1e-5, rtol=0)
