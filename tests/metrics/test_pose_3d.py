"""Errors of bodies: closed forms, scipy's Procrustes, and depth flips made on purpose."""

import numpy as np
import pytest
import torch
from scipy.spatial import procrustes
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS, MIRROR, PARENTS, joint_index
from lecture_utils.metrics import pose_3d
from lecture_utils.metrics.pose_3d import depth_flips, mpjpe_mm, pa_mpjpe_mm, vertex_error_mm
from lecture_utils.ops.rotation import axis_angle_to_matrix
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.4")


def bodies(count: int = 3, seed: int = 0) -> Tensor:
    """Joints (B, 24, 3) anywhere within a metre."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, len(JOINTS), 3, generator=random, dtype=torch.float64)


def scipy_pa_mm(joints: Tensor, truth: Tensor) -> float:
    """Mean distance after scipy's alignment, which scales the truth to length 1: undone here."""
    length = np.linalg.norm(truth - truth.mean(0))
    a, b, _ = procrustes(truth.numpy(), joints.numpy())
    return float(np.linalg.norm(a - b, axis=1).mean() * length * 1000)


def test_mpjpe_in_closed_form() -> None:
    truth = bodies()
    moved = truth + torch.tensor([0.03, 0.04, 0.0], dtype=torch.float64)
    assert torch.allclose(mpjpe_mm(moved, truth, root=None), torch.full((3,), 50.0).double())
    assert torch.allclose(mpjpe_mm(moved, truth), torch.zeros(3).double(), atol=1e-9)
    moved[:, 5] += torch.tensor([0.0, 0.0, 0.24], dtype=torch.float64)
    assert torch.allclose(mpjpe_mm(moved, truth), torch.full((3,), 10.0).double())  # 240 mm over 24 joints
    assert torch.allclose(mpjpe_mm(moved, truth, root=5), torch.full((3,), 230.0).double())


def test_pa_mpjpe_is_scipy_s() -> None:
    truth = bodies()
    noisy = truth + 0.1 * bodies(seed=1)  # so little that no mirror image is nearer, which scipy allows
    got = pa_mpjpe_mm(noisy, truth)
    want = [scipy_pa_mm(a, b) for a, b in zip(noisy, truth, strict=True)]
    assert got.tolist() == pytest.approx(want, rel=1e-9)
    assert bool((got < mpjpe_mm(noisy, truth)).all())


def test_pa_mpjpe_forgives_turn_size_and_place_but_no_mirror_image() -> None:
    truth = bodies()
    turn = axis_angle_to_matrix(torch.tensor([0.4, -1.0, 0.7], dtype=torch.float64))
    moved = 1.3 * truth @ turn.mT + 0.5
    assert torch.allclose(pa_mpjpe_mm(moved, truth), torch.zeros(3).double(), atol=1e-8)
    mirrored = truth * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    assert float(pa_mpjpe_mm(mirrored, truth).min()) > 100


@pytest.mark.parametrize(
    "fault",
    [
        ("umeyama(own, true).points(own)", "umeyama(true, own).points(own)"),
        ("torch.stack(aligned) - truth", "torch.stack(aligned) - joints"),
        ("MM = 1000.0", "MM = 100.0"),
    ],
)
def test_a_fault_in_pa_mpjpe_is_seen(fault: tuple[str, str]) -> None:
    wrong = planted("lecture_utils.metrics.pose_3d", fault)
    truth, noisy = bodies(), bodies() + 0.1 * bodies(seed=1)
    assert not torch.allclose(wrong.pa_mpjpe_mm(noisy, truth), pose_3d.pa_mpjpe_mm(noisy, truth), rtol=1e-2)


def test_vertex_error() -> None:
    truth = bodies()
    moved = truth + 0.1
    apart = 100 * 3**0.5
    assert torch.allclose(vertex_error_mm(moved, truth), torch.full((3,), apart).double())
    assert torch.allclose(
        vertex_error_mm(moved, truth, moved[:, 0], truth[:, 0]), torch.zeros(3).double(), atol=1e-9
    )
    with pytest.raises(ValueError, match="root: got one of root and true_root, want both or neither"):
        vertex_error_mm(moved, truth, moved[:, 0])


# --- depth flips ---------------------------------------------------------------------------------------
def straight() -> Tensor:
    """A body (1, 24, 3) whose bones all lie across the view, 2 m away."""
    joints = torch.zeros(1, len(JOINTS), 3)
    for k, parent in enumerate(PARENTS):
        if parent >= 0:
            joints[0, k] = joints[0, parent] + torch.tensor([0.2 if k % 2 else -0.2, 0.1, 0.0])
    return joints + torch.tensor([0.0, 0.0, 2.0])


def test_a_forearm_the_wrong_way_round_is_a_flip() -> None:
    wrist, elbow = joint_index("left_wrist"), joint_index("left_elbow")
    truth, own = straight(), straight()
    hand = [wrist, joint_index("left_hand")]
    truth[0, hand, 2] += 0.15
    own[0, hand, 2] -= 0.15
    flipped, counts = depth_flips(own, truth, PARENTS)
    assert flipped.nonzero().tolist() == counts.nonzero().tolist() == [[0, wrist]]
    assert PARENTS[wrist] == elbow
    flipped, counts = depth_flips(own, truth, PARENTS, least_m=0.2)
    assert not bool(counts.any()) and not bool(flipped.any())


@pytest.mark.parametrize(("found_m", "is_flip"), [(0.2, False), (0.01, False), (-0.04, False), (-0.06, True)])
def test_a_flip_is_more_than_half_of_what_counts(found_m: float, is_flip: bool) -> None:
    foot = joint_index("left_foot")
    for sign in (1.0, -1.0):
        truth, own = straight(), straight()
        truth[0, foot, 2] += sign * 0.12
        own[0, foot, 2] += sign * found_m
        flipped, counts = depth_flips(own, truth, PARENTS)
        assert bool(counts[0, foot]) and bool(flipped[0, foot]) == is_flip


def test_mirrored_bodies_flip_alike() -> None:
    own, truth = bodies(seed=2), bodies(seed=3)
    other = list(MIRROR)
    plain = depth_flips(own, truth, PARENTS)
    mirrored = depth_flips(own[:, other], truth[:, other], PARENTS)
    for a, b in zip(plain, mirrored, strict=True):
        assert torch.equal(a[:, other], b)
    assert 0 < int(plain[0].sum()) < int(plain[1].sum())


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="truth: got"):
        mpjpe_mm(bodies(), bodies(2))
    with pytest.raises(ValueError, match="joints: got NaN"):
        mpjpe_mm(bodies() * torch.nan, bodies())
    with pytest.raises(ValueError, match="root: got 24, want one of 24 joints"):
        mpjpe_mm(bodies(), bodies(), root=24)
    with pytest.raises(ValueError, match="parents: got 2 of them"):
        depth_flips(bodies(), bodies(), (-1, 0))
