"""Rotations of bodies: axis-angle at both ends, six numbers, slerp, means, against scipy; what jumps."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation, Slerp
from torch import Tensor

from lecture_utils.ops import rotation
from lecture_utils.ops.rotation import (
    axis_angle_to_matrix,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    matrix_to_rotation_6d,
    quaternion_to_matrix,
    rotation_6d_to_matrix,
    rotation_angle_deg,
    rotation_mean,
    slerp,
)
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.1")
NAME = "lecture_utils.ops.rotation"
ENDS = [0.0, 1e-12, 1e-8, 1e-4, 9e-3, 1.0, math.pi - 1e-2, math.pi - 1e-5, math.pi - 1e-10, math.pi]


def _axes(count: int, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(count, 3, generator=draw, dtype=torch.float64), dim=1)


def _turns(count: int, seed: int = 0, most: float = math.pi) -> Tensor:
    draw = torch.Generator().manual_seed(seed + 100)
    angle = most * torch.rand(count, 1, generator=draw, dtype=torch.float64)
    return axis_angle_to_matrix(angle * _axes(count, seed))


def _gram_schmidt(six: np.ndarray) -> np.ndarray:
    """NumPy's QR decomposition, which is Gram-Schmidt up to signs."""
    q, r = np.linalg.qr(np.stack([six[:3], six[3:]], axis=1))
    q = q * np.sign(np.diag(r))
    return np.column_stack([q, np.cross(q[:, 0], q[:, 1])])


@pytest.mark.parametrize("angle", ENDS)
def test_axis_angle_is_scipys_at_both_ends_and_its_gradients_are_finite(angle: float) -> None:
    vectors = (angle * _axes(50)).requires_grad_()
    matrix = axis_angle_to_matrix(vectors)
    want = Rotation.from_rotvec(vectors.detach().numpy())
    assert np.abs(matrix.detach().numpy() - want.as_matrix()).max() < 1e-12
    back = matrix_to_axis_angle(matrix)
    again = Rotation.from_rotvec(back.detach().numpy())
    assert (again.inv() * want).magnitude().max() < 1e-7
    (slope,) = torch.autograd.grad(back.square().sum(), vectors)
    assert torch.isfinite(slope).all()
    single = vectors.detach().float().requires_grad_()
    (slope,) = torch.autograd.grad(matrix_to_axis_angle(axis_angle_to_matrix(single)).sum(), single)
    assert torch.isfinite(slope).all()


@pytest.mark.parametrize("angle", [1e-7, 0.5, math.pi - 1e-2, math.pi - 1e-4])
def test_the_way_there_and_back_has_the_slope_one(angle: float) -> None:
    vector = angle * _axes(1, 3)[0]
    slope = torch.autograd.functional.jacobian(
        lambda v: matrix_to_axis_angle(axis_angle_to_matrix(v)), vector
    )
    assert (slope - torch.eye(3)).abs().max() < 1e-5


def test_a_numpy_gram_schmidt_gives_the_same_six_numbers() -> None:
    columns = torch.randn(100, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    got = rotation_6d_to_matrix(columns).numpy()
    assert np.abs(got - np.stack([_gram_schmidt(six) for six in columns.numpy()])).max() < 1e-12
    assert Rotation.from_matrix(got).as_matrix() == pytest.approx(got, abs=1e-12)


def test_six_numbers_go_round_and_any_two_columns_of_the_plane_do() -> None:
    matrix = _turns(100)
    six = matrix_to_rotation_6d(matrix)
    assert torch.equal(six[:, :3], matrix[:, :, 0])
    assert torch.equal(six[:, 3:], matrix[:, :, 1])
    assert (rotation_6d_to_matrix(six) - matrix).abs().max() < 1e-12
    spread = torch.cat([3 * six[:, :3], 0.2 * six[:, 3:] - 5 * six[:, :3]], dim=1)
    assert (rotation_6d_to_matrix(spread) - matrix).abs().max() < 1e-12
    assert rotation_6d_to_matrix(six.reshape(4, 25, 6)).shape == (4, 25, 3, 3)
    assert rotation_6d_to_matrix(six[0].float()).dtype == torch.float32


def test_the_gradients_of_six_numbers_and_of_slerp_are_right() -> None:
    draw = torch.Generator().manual_seed(2)
    six = torch.randn(5, 6, generator=draw, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotation_6d_to_matrix, six)
    p, q = (torch.randn(5, 4, generator=draw, dtype=torch.float64, requires_grad=True) for _ in range(2))
    share = torch.rand(5, generator=draw, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(slerp, (p, q, share))
    near = (p.detach() + 1e-5).requires_grad_()
    assert torch.autograd.gradcheck(slerp, (p, near, share), atol=1e-5)
    same = p.detach().clone().requires_grad_()
    for slope in torch.autograd.grad(slerp(p, same, share).square().sum(), (p, same)):
        assert torch.isfinite(slope).all()
    assert torch.autograd.gradcheck(rotation_mean, _turns(4, 5, 1.0).requires_grad_(), atol=1e-4)


def _blend_differences(module: object) -> dict[str, float]:
    """How far each function of a module is from scipy's, at most."""
    start, end = _turns(40, 6), _turns(40, 7)
    share = torch.linspace(0, 1, 40, dtype=torch.float64)
    p, q = matrix_to_quaternion(start), matrix_to_quaternion(end)
    end[:5] = start[:5] @ axis_angle_to_matrix(1e-5 * _axes(5))
    q = 2 * matrix_to_quaternion(end)
    q[::2] *= -1
    want = [
        Slerp([0, 1], Rotation.from_matrix(np.stack([a, b])))(t).as_matrix()
        for a, b, t in zip(start.numpy(), end.numpy(), share.numpy(), strict=True)
    ]
    many, weights = _turns(60, 8).reshape(6, 10, 3, 3), torch.linspace(0.2, 1, 10, dtype=torch.float64)
    mean = [Rotation.from_matrix(x).mean(weights.numpy()).as_matrix() for x in many.numpy()]
    six = torch.randn(30, 6, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    got = {
        "slerp": quaternion_to_matrix(module.slerp(p, q, share)),  # type: ignore[attr-defined]
        "rotation_mean": module.rotation_mean(many, weights),  # type: ignore[attr-defined]
        "rotation_6d_to_matrix": module.rotation_6d_to_matrix(six),  # type: ignore[attr-defined]
        "matrix_to_rotation_6d": module.matrix_to_rotation_6d(start),  # type: ignore[attr-defined]
    }
    true = {
        "slerp": torch.tensor(np.stack(want)),
        "rotation_mean": torch.tensor(np.stack(mean)),
        "rotation_6d_to_matrix": torch.tensor(np.stack([_gram_schmidt(x) for x in six.numpy()])),
        "matrix_to_rotation_6d": torch.cat([start[:, :, 0], start[:, :, 1]], 1),
    }
    return {name: float((got[name] - true[name]).abs().max()) for name in got}


def test_slerp_and_means_are_scipys() -> None:
    for name, off in _blend_differences(rotation).items():
        assert off < 1e-7, (name, off)


@pytest.mark.parametrize(
    ("function", "right", "wrong"),
    [
        ("slerp", ".sum(-1, keepdim=True) < 0, -q, q)", ".sum(-1, keepdim=True) < -9, -q, q)"),
        ("slerp", "angle = 2 * torch.asin", "angle = torch.asin"),
        ("slerp", "low * p + high * q", "(1 - t) * p + t * q"),
        ("rotation_mean", "u * flip[..., None, :] @ vt", "u @ vt"),
        ("rotation_mean", "(weights / weights.sum())[:, None, None] * matrices", "matrices / 10"),
        ("rotation_mean", "@ vt\n", "@ vt.mT\n"),
        ("rotation_6d_to_matrix", "- (x * second).sum(-1, keepdim=True) * x", ""),
        ("rotation_6d_to_matrix", "torch.linalg.cross(x, y)], dim=-1)", "torch.linalg.cross(y, x)], dim=-1)"),
        ("rotation_6d_to_matrix", "torch.linalg.cross(x, y)], dim=-1)", "torch.linalg.cross(x, y)], dim=-2)"),
        ("matrix_to_rotation_6d", "[..., :2].mT.flatten(-2)", "[..., :2].flatten(-2)"),
    ],
)  # fmt: skip
def test_a_fault_shows(function: str, right: str, wrong: str) -> None:
    assert not _blend_differences(planted(NAME, (right, wrong)))[function] < 1e-7


def test_slerp_keeps_a_steady_rate_to_the_other_side() -> None:
    axis = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    start = matrix_to_quaternion(torch.eye(3, dtype=torch.float64)).expand(11, 4)
    for degrees in (0.001, 30.0, 179.999, 180.0):
        end = matrix_to_quaternion(axis_angle_to_matrix(math.radians(degrees) * axis)).expand(11, 4)
        share = torch.linspace(0, 1, 11, dtype=torch.float64)
        way = quaternion_to_matrix(slerp(start, end, share))
        angle = rotation_angle_deg(way, torch.eye(3, dtype=torch.float64))
        assert (angle - degrees * share).abs().max() < 1e-6 * degrees


def test_axes_in_front_are_kept() -> None:
    quaternions, share = (
        matrix_to_quaternion(_turns(24, 3)).reshape(2, 3, 4, 4),
        torch.full((3, 4), 0.3).double(),
    )
    way = slerp(*quaternions, share)
    for i in range(3):
        assert torch.equal(way[i], slerp(quaternions[0, i], quaternions[1, i], share[i]))


def test_the_mean_of_axis_angle_vectors_is_no_mean_of_rotations() -> None:
    z = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    vectors = torch.stack([math.radians(170.0) * z, math.radians(-170.0) * z])  # 20° apart
    mean = rotation_mean(axis_angle_to_matrix(vectors))
    half = axis_angle_to_matrix(math.pi * z)
    assert float(rotation_angle_deg(mean, half)) < 1e-6
    naive = axis_angle_to_matrix(vectors.mean(0))
    assert float(rotation_angle_deg(naive, half)) == pytest.approx(180)


def test_a_mean_turns_with_its_rotations_and_is_itself_for_one() -> None:
    turns, by = _turns(12, 4), _turns(2, 5)
    mean = rotation_mean(turns)
    assert (rotation_mean(by[0] @ turns @ by[1]) - by[0] @ mean @ by[1]).abs().max() < 1e-9
    assert (rotation_mean(turns[:, None]) - turns).abs().max() < 1e-12
    weights = torch.zeros(12, dtype=torch.float64)
    weights[3] = 5
    assert (rotation_mean(turns, weights) - turns[3]).abs().max() < 1e-12


def test_axis_angle_jumps_where_six_numbers_do_not() -> None:
    """Zhou et al.: the numbers that a network must put out for turns just under and over half a turn."""
    z = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    matrix = axis_angle_to_matrix(torch.stack([(math.pi - 1e-3) * z, (math.pi + 1e-3) * z]))
    three, four, six = (
        to(matrix) for to in (matrix_to_axis_angle, matrix_to_quaternion, matrix_to_rotation_6d)
    )
    assert float((three[1] - three[0]).norm()) > 6
    assert float((four[1] - four[0]).norm()) > 1.9
    assert float((six[1] - six[0]).norm()) < 5e-3


def test_what_has_no_answer_is_refused() -> None:
    for bad in ([0, 0, 0, 1, 0, 0], [1, 0, 0, -2, 0, 0], [1, 2, 3, 2, 4, 6.0], [1, 0, 0, 0, 0, 0]):
        with pytest.raises(ValueError, match="columns: got two that span no plane, want"):
            rotation_6d_to_matrix(torch.tensor([bad], dtype=torch.float32))
    opposite = axis_angle_to_matrix(torch.tensor([[0.0, 0, 0], [0, 0, math.pi]]))
    with pytest.raises(ValueError, match="matrices: got ones that have no single mean"):
        rotation_mean(opposite)
    turn = torch.eye(3)[None]
    for weights in (torch.tensor([-1.0]), torch.zeros(1)):
        with pytest.raises(ValueError, match="weights: got"):
            rotation_mean(turn, weights)
    one = torch.tensor([1.0, 0, 0, 0])
    with pytest.raises(ValueError, match=r"share: got 1\.5"):
        slerp(one, one, torch.tensor(1.5))
    with pytest.raises(ValueError, match="share: got NaN"):
        slerp(one, one, torch.tensor(math.nan))
    with pytest.raises(ValueError, match="second: got one of length 0"):
        slerp(one, 0 * one, torch.tensor(0.5))
