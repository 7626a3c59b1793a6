"""Rotations: against scipy, round trips up to half a turn, gradients everywhere, small angles."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from lecture_utils.ops import rotation
from lecture_utils.ops.rotation import (
    axis_angle_to_matrix,
    cross_matrix,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    quaternion_to_matrix,
    rotation_angle_deg,
)
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.2")
NAME = "lecture_utils.ops.rotation"


def _vectors(count: int = 200, seed: int = 0) -> Tensor:
    """Axes of all directions, angles from 0 to π, both ends among them, as float64."""
    draw = torch.Generator().manual_seed(seed)
    axis = torch.nn.functional.normalize(torch.randn(count, 3, generator=draw, dtype=torch.float64), dim=1)
    angle = math.pi * torch.rand(count, 1, generator=draw, dtype=torch.float64)
    ends = torch.tensor([0.0, 1e-9, 1e-5, 9e-3, math.pi - 1e-11, math.pi - 1e-3], dtype=torch.float64)
    angle[: len(ends), 0] = ends
    return angle * axis


def _scipy_matrix(vectors: Tensor) -> Tensor:
    return torch.from_numpy(Rotation.from_rotvec(vectors.numpy()).as_matrix())


def _differences(module: object) -> dict[str, float]:
    """How far each function of a module is from scipy's, at most."""
    vectors = _vectors()
    true = Rotation.from_rotvec(vectors.numpy())
    matrix = torch.from_numpy(true.as_matrix())
    quaternion = torch.from_numpy(np.roll(true.as_quat(), 1, axis=1))
    other = torch.from_numpy((true.inv() * Rotation.from_rotvec([0.3, -0.5, 0.7])).as_matrix())
    angle = np.degrees((true.inv() * Rotation.from_matrix(other.numpy())).magnitude())
    sign = torch.where(quaternion[:, :1] < 0, -1.0, 1.0)
    return {
        "axis_angle_to_matrix": float((module.axis_angle_to_matrix(vectors) - matrix).abs().max()),  # type: ignore[attr-defined]
        "matrix_to_axis_angle": float((module.matrix_to_axis_angle(matrix) - vectors).abs().max()),  # type: ignore[attr-defined]
        "quaternion_to_matrix": float((module.quaternion_to_matrix(3 * quaternion) - matrix).abs().max()),  # type: ignore[attr-defined]
        "matrix_to_quaternion": float((module.matrix_to_quaternion(matrix) - sign * quaternion).abs().max()),  # type: ignore[attr-defined]
        "rotation_angle_deg": float(
            (module.rotation_angle_deg(matrix, other) - torch.from_numpy(angle)).abs().max()  # type: ignore[attr-defined]
        ),
    }


def test_all_five_are_scipys() -> None:
    for name, off in _differences(rotation).items():
        assert off < 1e-6, (name, off)  # scipy's own vectors near half a turn have seven digits


@pytest.mark.parametrize(
    ("function", "right", "wrong"),
    [
        ("axis_angle_to_matrix", "first * skew +", "first * skew.mT +"),
        ("axis_angle_to_matrix", "0.5 - square / 24", "1.0 - square / 24"),
        ("axis_angle_to_matrix", "2 * (angle / 2).sin().square()", "(angle / 2).sin().square()"),
        ("quaternion_to_matrix", "w, x, y, z = (quaternion", "x, y, z, w = (quaternion"),
        ("quaternion_to_matrix", "(quaternion / length)", "(quaternion / length**2)"),
        ("matrix_to_quaternion", "argmax(-1)[", "argmax(-1).mul(0)["),
        ("matrix_to_quaternion", "1 + a - e - i", "1 + a - e + i"),
        ("matrix_to_axis_angle", "2 * torch.atan2", "torch.atan2"),
        ("rotation_angle_deg", "8**0.5", "2"),
    ],
)  # fmt: skip
def test_a_fault_shows(function: str, right: str, wrong: str) -> None:
    assert not _differences(planted(NAME, (right, wrong)))[function] < 1e-6


def test_what_comes_out_is_a_rotation_and_goes_round() -> None:
    vectors = _vectors(64, 1).reshape(4, 16, 3)
    matrix = axis_angle_to_matrix(vectors)
    eye = torch.eye(3, dtype=torch.float64)
    assert (matrix @ matrix.mT - eye).abs().max() < 1e-12
    assert (torch.linalg.det(matrix) - 1).abs().max() < 1e-12
    assert (quaternion_to_matrix(matrix_to_quaternion(matrix)) - matrix).abs().max() < 1e-12
    assert (axis_angle_to_matrix(matrix_to_axis_angle(matrix)) - matrix).abs().max() < 1e-6
    back = matrix_to_axis_angle(matrix.float())
    assert (axis_angle_to_matrix(back) - matrix.float()).abs().max() < 1e-5


def test_the_cross_matrix_is_the_cross_product() -> None:
    a, b = _vectors(8, 2), _vectors(8, 3)
    assert ((cross_matrix(a) @ b[:, :, None])[:, :, 0] - torch.linalg.cross(a, b)).abs().max() < 1e-12


@pytest.mark.parametrize("angle", [0.0, 1e-8, 0.00999, 0.0101, 1.0, math.pi - 1e-4, math.pi, 5.0])
def test_the_gradient_of_rodrigues_is_right_at_every_angle(angle: float) -> None:
    axis = torch.tensor([0.48, -0.6, 0.64], dtype=torch.float64)
    assert torch.autograd.gradcheck(axis_angle_to_matrix, (angle * axis).requires_grad_())


def test_at_no_turn_the_gradient_is_that_of_the_cross_product() -> None:
    slope = torch.autograd.functional.jacobian(axis_angle_to_matrix, torch.zeros(3))  # (3, 3, 3)
    for k in range(3):
        assert torch.equal(slope[..., k], cross_matrix(torch.eye(3)[k]))


def test_the_gradient_of_quaternions_is_right() -> None:
    draw = torch.Generator().manual_seed(4)
    quaternion = torch.randn(5, 4, generator=draw, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(quaternion_to_matrix, quaternion)
    back: Callable[[Tensor], Tensor] = lambda v: matrix_to_axis_angle(axis_angle_to_matrix(v))  # noqa: E731
    assert torch.autograd.gradcheck(back, (0.8 * _vectors(12, 5)[6:]).requires_grad_(), atol=1e-4)
    assert torch.autograd.gradcheck(back, torch.full((3,), 1e-9, dtype=torch.float64, requires_grad=True))


def test_small_angles_are_exact_in_single_precision() -> None:
    for degrees in (1e-4, 0.01, 1.0, 90.0, 179.9):
        turn = axis_angle_to_matrix(torch.tensor([0.0, 0.0, math.radians(degrees)]))
        got = float(rotation_angle_deg(turn, torch.eye(3)))
        assert got == pytest.approx(degrees, rel=1e-3), degrees  # the trace gives 0 for the first two


def test_what_is_no_rotation_is_refused() -> None:
    with pytest.raises(ValueError, match="got a matrix that is no rotation, want R Rᵀ"):
        matrix_to_quaternion(-torch.eye(3))
    with pytest.raises(ValueError, match="second: got a matrix that is no rotation"):
        rotation_angle_deg(torch.eye(3), 2 * torch.eye(3))
    with pytest.raises(ValueError, match="length 0"):
        quaternion_to_matrix(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="vector: got"):
        axis_angle_to_matrix(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="vector"):
        axis_angle_to_matrix(torch.full((3,), math.nan))
