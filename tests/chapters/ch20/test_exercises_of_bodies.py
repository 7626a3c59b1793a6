"""Chapter 20, part a: the references are what the package computes, other right ways pass, and hints fit."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial.transform import Rotation
from torch import Tensor

from lecture_utils.body import lbs
from lecture_utils.body.smpl import SMPL
from lecture_utils.chapters.ch20 import solutions
from lecture_utils.exercises import compare
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.exercise import Exercise
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.ops import rotation

BY_ID = {exercise.id: exercise for exercise in exercises("20")}


def cases_of(exercise: Exercise, seed: int = 0) -> list[tuple[Any, ...]]:
    """What an exercise is tried on."""
    assert exercise.cases is not None
    return list(exercise.cases(np.random.default_rng(seed)))


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
    exercise = BY_ID[id]
    use = exercise.use or (lambda answer, *case: answer(*case))
    for seed in range(5):
        for case in cases_of(exercise, seed):
            ours, theirs = use(exercise.reference, *case), use(THEIRS[id], *case)
            assert compare.difference(theirs, ours) is None


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


# --- wrong answers as learners write them, and a word that the hint has to have -----------------------
def _skew(v: Tensor) -> Tensor:
    return torch.linalg.cross(v[..., None, :].expand(*v.shape, 3), torch.eye(3).expand(*v.shape, 3)).mT


def divides_by_zero(v: Tensor) -> Tensor:
    theta = torch.sqrt((v**2).sum(-1))[..., None, None]
    k = _skew(v) / theta
    return torch.eye(3) + torch.sin(theta) * k + (1 - torch.cos(theta)) * torch.matmul(k, k)


def identity_by_hand_at_rest(v: Tensor) -> Tensor:
    theta = torch.sqrt((v**2).sum(-1))[..., None, None]
    k = _skew(v) / theta
    made = torch.eye(3) + torch.sin(theta) * k + (1 - torch.cos(theta)) * torch.matmul(k, k)
    return torch.where(theta == 0, torch.eye(3), made)


def angle_forgotten_in_axis(v: Tensor) -> Tensor:
    theta = torch.sqrt((v**2).sum(-1) + 1e-12)[..., None, None]
    k = _skew(v)
    return torch.eye(3) + torch.sin(theta) * k + (1 - torch.cos(theta)) * torch.matmul(k, k)


def in_degrees(v: Tensor) -> Tensor:
    return solutions.rodrigues(v * math.pi / 180)


def transposed_matrix(v: Tensor) -> Tensor:
    return solutions.rodrigues(v).mT


def angles_one_by_one(v: Tensor) -> Tensor:
    x, y, z = (solutions.rodrigues(v * row) for row in torch.eye(3))
    return z @ y @ x


def rows_for_columns(six: Tensor) -> Tensor:
    return solutions.rotation_from_6d(six).mT


def no_second_scaling(six: Tensor) -> Tensor:
    a, b = six[..., :3] / six[..., :3].norm(dim=-1, keepdim=True), six[..., 3:]
    b = b - (a * b).sum(-1, keepdim=True) * a
    return torch.stack([a, b, torch.linalg.cross(a, b)], -1)


def as_spin_reads_them(six: Tensor) -> Tensor:
    pairs = six.unflatten(-1, (3, 2))
    return solutions.rotation_from_6d(torch.cat([pairs[..., 0], pairs[..., 1]], -1))


def no_gram_schmidt(six: Tensor) -> Tensor:
    a, b = F.normalize(six[..., :3], dim=-1), F.normalize(six[..., 3:], dim=-1)
    return torch.stack([a, b, torch.linalg.cross(a, b)], -1)


def left_handed(six: Tensor) -> Tensor:
    made = solutions.rotation_from_6d(six)
    return torch.stack([made[..., 0], made[..., 1], -made[..., 2]], -1)


def children_first(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    world, placed = [rotations[:, 0]], [joints[:, 0]]
    for j in range(1, len(parents)):
        p = parents[j]
        world.append(torch.bmm(rotations[:, j], world[p]))
        placed.append(placed[p] + torch.einsum("bij,bj->bi", world[p], joints[:, j] - joints[:, p]))
    return torch.stack(placed, 1), torch.stack(world, 1)


def turned_by_itself(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    world, placed = [rotations[:, 0]], [joints[:, 0]]
    for j in range(1, len(parents)):
        p = parents[j]
        world.append(torch.bmm(world[p], rotations[:, j]))
        placed.append(placed[p] + torch.einsum("bij,bj->bi", world[j], joints[:, j] - joints[:, p]))
    return torch.stack(placed, 1), torch.stack(world, 1)


def absolute_joints(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    world, placed = [rotations[:, 0]], [joints[:, 0]]
    for j in range(1, len(parents)):
        p = parents[j]
        world.append(torch.bmm(world[p], rotations[:, j]))
        placed.append(placed[p] + torch.einsum("bij,bj->bi", world[p], joints[:, j]))
    return torch.stack(placed, 1), torch.stack(world, 1)


def rest_of_parent(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    world, placed = [rotations[:, 0]], [joints[:, 0]]
    for j in range(1, len(parents)):
        p = parents[j]
        world.append(torch.bmm(world[p], rotations[:, j]))
        placed.append(joints[:, p] + torch.einsum("bij,bj->bi", world[p], joints[:, j] - joints[:, p]))
    return torch.stack(placed, 1), torch.stack(world, 1)


def row_vectors(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    world, placed = [rotations[:, 0]], [joints[:, 0]]
    for j in range(1, len(parents)):
        p = parents[j]
        world.append(torch.bmm(world[p], rotations[:, j]))
        placed.append(placed[p] + ((joints[:, j] - joints[:, p])[:, None] @ world[p])[:, 0])
    return torch.stack(placed, 1), torch.stack(world, 1)


def about_the_origin(vertices: Tensor, joints: Tensor, posed: Tensor, world: Tensor, weights: Tensor) -> Any:
    moved = torch.einsum("bjkl,bvl->bjvk", world, vertices) + posed[:, :, None]
    return (weights.T[None, :, :, None] * moved).sum(1)


def rigid_pieces(vertices: Tensor, joints: Tensor, posed: Tensor, world: Tensor, weights: Tensor) -> Any:
    which = weights.argmax(1)
    offset = vertices - joints[:, which]
    return (world[:, which] @ offset[..., None])[..., 0] + posed[:, which]


def wrong_way_round(vertices: Tensor, joints: Tensor, posed: Tensor, world: Tensor, weights: Tensor) -> Any:
    moved = torch.einsum("bjlk,bjvl->bjvk", world, vertices[:, None] - joints[:, :, None])
    return torch.einsum("vj,bjvk->bvk", weights, moved + posed[:, :, None])


def never_leaves(vertices: Tensor, joints: Tensor, posed: Tensor, world: Tensor, weights: Tensor) -> Any:
    moved = torch.einsum("bjkl,bjvl->bjvk", world, vertices[:, None] - joints[:, :, None])
    return torch.einsum("vj,bjvk->bvk", weights, moved + joints[:, :, None])


def joints_of_the_mean(t: Tensor, s: Tensor, p: Tensor, j: Tensor, shape: Tensor, turns: Tensor) -> Any:
    skin, _ = solutions.rest_body(t, s, p, j, shape, turns)
    return skin, (j @ t).repeat(len(shape), 1, 1)


def no_identity_taken(t: Tensor, s: Tensor, p: Tensor, j: Tensor, shape: Tensor, turns: Tensor) -> Any:
    person = t + torch.einsum("vck,bk->bvc", s, shape)
    return person + torch.einsum("vcp,bp->bvc", p, turns[:, 1:].flatten(1)), j @ person


def joints_after_pose(t: Tensor, s: Tensor, p: Tensor, j: Tensor, shape: Tensor, turns: Tensor) -> Any:
    skin, _ = solutions.rest_body(t, s, p, j, shape, turns)
    return skin, torch.einsum("jv,bvc->bjc", j, skin)


def ones_everywhere(t: Tensor, s: Tensor, p: Tensor, j: Tensor, shape: Tensor, turns: Tensor) -> Any:
    person = t + torch.einsum("vck,bk->bvc", s, shape)
    return person + torch.einsum("vcp,bp->bvc", p, (turns[:, 1:] - torch.ones(3, 3)).flatten(1)), j @ person


WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("20.1", divides_by_zero, "NaN"),
    ("20.1", identity_by_hand_at_rest, "gradient there is NaN"),
    ("20.1", angle_forgotten_in_axis, "length of the angle"),
    ("20.1", in_degrees, "radians"),
    ("20.1", transposed_matrix, "other way round"),
    ("20.1", angles_one_by_one, "Euler"),
    ("20.2", rows_for_columns, "columns"),
    ("20.2", no_second_scaling, "length 1"),
    ("20.2", as_spin_reads_them, "every other number"),
    ("20.2", no_gram_schmidt, "right angles"),
    ("20.2", left_handed, "mirror"),
    ("20.3", children_first, "order"),
    ("20.3", turned_by_itself, "joint at its end"),
    ("20.3", absolute_joints, "not the bone"),
    ("20.3", rest_of_parent, "place at rest"),
    ("20.3", row_vectors, "inverse"),
    ("20.4", about_the_origin, "origin"),
    ("20.4", rigid_pieces, "largest weight"),
    ("20.4", wrong_way_round, "other way round"),
    ("20.4", never_leaves, "stay at rest"),
    ("20.5", joints_of_the_mean, "template"),
    ("20.5", no_identity_taken, "rest pose"),
    ("20.5", joints_after_pose, "corrected"),
    ("20.5", ones_everywhere, "diagonal"),
]


@pytest.mark.parametrize(("id", "answer", "word"), WRONG, ids=[f"{id} {a.__name__}" for id, a, _ in WRONG])
def test_a_wrong_answer_gets_the_hint_for_its_mistake(
    id: str, answer: Callable[..., Any], word: str
) -> None:
    found = examine(BY_ID[id], answer)
    assert found.state == "wrong" and found.reason == "value", found
    shown = known_mistake(BY_ID[id], answer, found)
    assert shown is not None and word in shown.hint, shown
