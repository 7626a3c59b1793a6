"""Skinning: against smplx on random models; rest, rigid turns, the candy wrapper's waist in closed form."""

import math

import pytest
import smplx.lbs
import torch
from torch import Tensor

from lecture_utils.body import lbs
from lecture_utils.body.lbs import forward_kinematics, skin
from lecture_utils.body.skeleton import PARENTS
from lecture_utils.ops.rotation import axis_angle_to_matrix
from tests.body.models import random_inputs, random_tensors
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.2")
TOLERANCE_M = 1e-10  # double precision


def _skinned(module: object, tensors: dict, pose: Tensor) -> tuple[Tensor, Tensor]:
    """Vertices and joints of the template, skinned by a module."""
    batch = len(pose)
    vertices = tensors["template"].expand(batch, -1, 3)
    joints = tensors["joint_regressor"] @ vertices
    posed, world = module.forward_kinematics(axis_angle_to_matrix(pose), joints, PARENTS)  # type: ignore[attr-defined]
    return module.skin(vertices, joints, posed, world, tensors["weights"]), posed  # type: ignore[attr-defined]


def _smplx(tensors: dict, pose: Tensor) -> tuple[Tensor, Tensor]:
    """The same by smplx, without shape and correctives; its Rodrigues is off by 1e-8, so it gets matrices."""
    nothing = torch.zeros(len(pose), 1, dtype=torch.float64)
    directions = torch.zeros(len(tensors["template"]), 3, 1, dtype=torch.float64)
    return smplx.lbs.lbs(
        nothing,
        axis_angle_to_matrix(pose),
        tensors["template"],
        directions,
        torch.zeros(207, tensors["template"].numel(), dtype=torch.float64),
        tensors["joint_regressor"],
        torch.tensor(PARENTS),
        tensors["weights"],
        pose2rot=False,
    )


def _gap(module: object, seed: int) -> float:
    tensors, (_, pose, _) = random_tensors(seed=seed), random_inputs(seed=seed)
    got, want = _skinned(module, tensors, pose), _smplx(tensors, pose)
    moved = [float((b[1:] - b[:-1]).abs().amax()) for b in want]
    assert min(moved) > 100 * TOLERANCE_M, "poses must matter"
    return max(float((a - b).abs().max()) for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_random_models_are_skinned_as_smplx_does(seed: int) -> None:
    assert _gap(lbs, seed) < TOLERANCE_M


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("turned[parent] @ rotations[:, j])", "rotations[:, j] @ turned[parent])"),
        ("turned[parent] @ bone[..., None]", "turned[-1] @ bone[..., None]"),
        ("joints[:, j] - joints[:, parent]", "joints[:, j]"),
        ("posed - (world @ joints", "posed - (world.mT @ joints"),
        ("+ blended[:, :, 3]", ""),
        ("blended[:, :, :3] * vertices.mT[:, None]", "blended[:, :, :3] * vertices.mT[:, :, None]"),
    ],
)  # fmt: skip
def test_a_fault_shows(right: str, wrong: str) -> None:
    assert not _gap(planted("lecture_utils.body.lbs", (right, wrong)), 0) < TOLERANCE_M


def test_smplxs_rodrigues_is_ours_to_its_own_error() -> None:
    _, pose, _ = random_inputs(batch=20)
    got, want = axis_angle_to_matrix(pose).flatten(0, 1), smplx.lbs.batch_rodrigues(pose.flatten(0, 1))
    assert (got - want).abs().max() < 1e-7  # it adds 1e-8 to each component


def test_without_a_turn_nothing_moves_and_the_roots_turn_moves_all_rigidly() -> None:
    tensors = random_tensors()
    pose = torch.zeros(2, 24, 3, dtype=torch.float64)
    pose[1, 0] = torch.tensor([0.3, -2.0, 0.7])
    vertices, joints = _skinned(lbs, tensors, pose)
    assert (vertices[0] - tensors["template"]).abs().max() < 1e-12
    rest = tensors["joint_regressor"] @ tensors["template"]
    assert (joints[0] - rest).abs().max() < 1e-12
    turn = axis_angle_to_matrix(pose[1, 0])
    assert (vertices[1] - ((tensors["template"] - rest[0]) @ turn.T + rest[0])).abs().max() < 1e-12
    assert (joints[1] - ((rest - rest[0]) @ turn.T + rest[0])).abs().max() < 1e-12


def test_rotations_multiply_down_the_tree_and_keep_the_bones_lengths() -> None:
    tensors, (_, pose, _) = random_tensors(), random_inputs()
    rotations = axis_angle_to_matrix(pose)
    rest = (tensors["joint_regressor"] @ tensors["template"]).expand(3, -1, -1)
    posed, world = forward_kinematics(rotations, rest, PARENTS)
    hand = rotations[:, 0]
    for joint in (3, 6, 9, 13, 16, 18, 20, 22):  # spine, collar, shoulder, elbow, wrist, hand
        hand = hand @ rotations[:, joint]
    assert (world[:, 22] - hand).abs().max() < 1e-12
    for joint, parent in enumerate(PARENTS[1:], 1):
        bones = [(x[:, joint] - x[:, parent]).norm(dim=-1) for x in (posed, rest)]
        assert (bones[0] - bones[1]).abs().max() < 1e-12


def test_a_point_of_one_joint_keeps_its_distance_to_it() -> None:
    tensors, (_, pose, _) = random_tensors(), random_inputs()
    tensors["weights"] = torch.nn.functional.one_hot(torch.arange(120) % 24, 24).double()
    vertices, joints = _skinned(lbs, tensors, pose)
    rest = tensors["joint_regressor"] @ tensors["template"]
    before = (tensors["template"] - rest[torch.arange(120) % 24]).norm(dim=-1)
    after = (vertices - joints[:, torch.arange(120) % 24]).norm(dim=-1)
    assert (after - before).abs().max() < 1e-12


@pytest.mark.parametrize("degrees", [0, 30, 90, 150, 180])
def test_a_twisted_tubes_middle_has_the_radius_of_half_the_cosine(degrees: int) -> None:
    """The mean of x and R(θ) x is cos(θ / 2) long: the waist of the candy wrapper, nothing at 180°."""
    angle = 2 * math.pi * torch.arange(16, dtype=torch.float64) / 16
    along = torch.linspace(-1, 1, 21, dtype=torch.float64)
    ring = torch.stack([0 * angle, angle.cos(), angle.sin()], dim=-1)
    tube = ring + along[:, None, None] * torch.tensor([1.0, 0, 0])  # (21, 16, 3), of radius 1, along x
    share = ((along + 0.5).clamp(0, 1))[:, None].expand(-1, 16).reshape(-1)
    weights = torch.stack([1 - share, share], dim=1)
    turn = math.radians(degrees) * torch.tensor([[[0.0, 0, 0], [1.0, 0, 0]]], dtype=torch.float64)
    joints = torch.tensor([[[-1.0, 0, 0], [0.0, 0, 0]]], dtype=torch.float64)
    posed, world = forward_kinematics(axis_angle_to_matrix(turn), joints, (-1, 0))
    got = skin(tube.reshape(1, -1, 3), joints, posed, world, weights).reshape(21, 16, 3)
    radius = got[..., 1:].norm(dim=-1)
    assert (radius[10] - math.cos(math.radians(degrees) / 2)).abs().max() < 1e-12
    assert (radius[[0, 20]] - 1).abs().max() < 1e-12
    assert (got[..., 0] - tube[..., 0]).abs().max() < 1e-12


def test_the_gradients_are_right() -> None:
    tensors, (_, pose, _) = random_tensors(vertices=30), random_inputs(batch=1)
    vertices = tensors["template"][None].requires_grad_()
    joints = (tensors["joint_regressor"] @ tensors["template"])[None].detach().requires_grad_()

    def skinned(pose: Tensor, vertices: Tensor, joints: Tensor) -> Tensor:
        posed, world = forward_kinematics(axis_angle_to_matrix(pose), joints, PARENTS)
        return skin(vertices, joints, posed, world, tensors["weights"])

    assert torch.autograd.gradcheck(skinned, (pose.requires_grad_(), vertices, joints), fast_mode=True)


def test_trees_that_are_none_are_refused() -> None:
    turns, joints = torch.eye(3).expand(1, 3, 3, 3), torch.zeros(1, 3, 3)
    for parents, said in (
        ((0, 0, 1), "want -1, the root's"),
        ((-1, 2, 0), "got 2 for joint 1, want a joint before it"),
        ((-1, -1, 0), "got -1 for joint 1"),
        ((-1, 0), "got 2 of them, want 3"),
        ((), "got 0 of them"),
    ):
        with pytest.raises(ValueError, match=f"parents: .*{said}"):
            forward_kinematics(turns, joints, parents)


def test_shapes_that_do_not_fit_are_refused() -> None:
    turns, joints, vertices = torch.eye(3).expand(2, 3, 3, 3), torch.zeros(2, 3, 3), torch.zeros(2, 5, 3)
    weights = torch.full((5, 3), 1 / 3)
    for args, name in (((turns[..., :2], joints), "rotations"), ((turns, joints[:1]), "joints"),
                       ((turns, joints[:, :2]), "joints")):  # fmt: skip
        with pytest.raises(ValueError, match=f"{name}: got"):
            forward_kinematics(*args, (-1, 0, 1))
    good = {"vertices": vertices, "joints": joints, "posed": joints, "world": turns, "weights": weights}
    assert skin(**good).shape == (2, 5, 3)
    for name, wrong in (
        ("vertices", vertices[0]),
        ("joints", joints[:1]),
        ("posed", joints[:, :2]),
        ("world", turns[:, 0]),
        ("weights", weights[:4]),
        ("weights", weights[:, :2]),
    ):
        with pytest.raises(ValueError, match=f"{name}: got"):
            skin(**{**good, name: wrong})
