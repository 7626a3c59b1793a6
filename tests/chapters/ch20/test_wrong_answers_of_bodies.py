"""Chapter 20, part a: wrong answers, written before any was tried, get the hint for their mistake.

Each comes with a word that the hint has to have.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch20 import solutions
from lecture_utils.exercises.checker import exercises
from tests.wrong_answers import check_hint

BY_ID = {exercise.id: exercise for exercise in exercises("20")}


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


def one_added_everywhere(v: Tensor) -> Tensor:
    return solutions.rodrigues(v) - torch.eye(3) + torch.ones(3, 3)


def length_of_the_batch(six: Tensor) -> Tensor:
    a, b = six[..., :3], six[..., 3:]
    a = a / torch.sqrt((a**2).sum())
    b = b - (a * b).sum(-1, keepdim=True) * a
    b = b / torch.sqrt((b**2).sum())
    return torch.stack([a, b, torch.linalg.cross(a, b)], -1)


def loop_from_the_root(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    world, placed = torch.zeros_like(rotations), torch.zeros_like(joints)
    for j, p in enumerate(parents):
        world[:, j] = world[:, p] @ rotations[:, j]
        placed[:, j] = placed[:, p] + torch.einsum("bij,bj->bi", world[:, p], joints[:, j] - joints[:, p])
    return placed, world


def bones_by_local_turns(rotations: Tensor, joints: Tensor, parents: Sequence[int]) -> Any:
    world, placed = [rotations[:, 0]], [joints[:, 0]]
    for j in range(1, len(parents)):
        p = parents[j]
        world.append(torch.bmm(world[p], rotations[:, j]))
        placed.append(placed[p] + torch.einsum("bij,bj->bi", rotations[:, p], joints[:, j] - joints[:, p]))
    return torch.stack(placed, 1), torch.stack(world, 1)


def the_root_for_rest(t: Tensor, s: Tensor, p: Tensor, j: Tensor, shape: Tensor, turns: Tensor) -> Any:
    person = t + torch.einsum("vck,bk->bvc", s, shape)
    feature = torch.stack([turns[:, k] - turns[:, 0] for k in range(1, turns.shape[1])], 1).flatten(1)
    return person + torch.einsum("vcp,bp->bvc", p, feature), j @ person


WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("20.1", divides_by_zero, "NaN"),
    ("20.1", identity_by_hand_at_rest, "gradient there is NaN"),
    ("20.1", angle_forgotten_in_axis, "length of the angle"),
    ("20.1", in_degrees, "radians"),
    ("20.1", transposed_matrix, "other way round"),
    ("20.1", angles_one_by_one, "Euler"),
    ("20.1", one_added_everywhere, "diagonal"),
    ("20.2", length_of_the_batch, "whole batch"),
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
    ("20.3", loop_from_the_root, "parent -1"),
    ("20.3", bones_by_local_turns, "world"),
    ("20.4", about_the_origin, "origin"),
    ("20.4", rigid_pieces, "largest weight"),
    ("20.4", wrong_way_round, "other way round"),
    ("20.4", never_leaves, "stay at rest"),
    ("20.5", joints_of_the_mean, "template"),
    ("20.5", no_identity_taken, "rest pose"),
    ("20.5", joints_after_pose, "corrected"),
    ("20.5", ones_everywhere, "diagonal"),
    ("20.5", the_root_for_rest, "R(0)"),
]


@pytest.mark.parametrize(("id", "answer", "word"), WRONG, ids=[f"{id} {a.__name__}" for id, a, _ in WRONG])
def test_a_wrong_answer_gets_the_hint_for_its_mistake(id: str, answer: Callable[..., Any], word: str) -> None:
    check_hint(BY_ID[id], answer, word, "value")
