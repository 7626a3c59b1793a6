"""The other terms of equation 1: robust error, joint limits, capsules, against a closed form or a loop."""

import math
from itertools import product
from typing import Any

import pytest
import torch

from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smplify import capsules as capsule_module
from lecture_utils.body.smplify import data_term
from lecture_utils.body.smplify.bending import bending_residuals, unnatural_bend
from lecture_utils.body.smplify.capsules import Capsules, fit_capsules
from lecture_utils.data.toyworld.people.poses import sample_poses
from lecture_utils.ops.camera import cam_to_pixel
from tests.body.smplify import people
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.4")


def test_robust_error_is_geman_and_mcclure_s() -> None:
    error = torch.tensor([[0.0, 0.0], [3.0, 4.0], [300.0, 400.0]])
    want = torch.tensor([0.0, 4 * 25 / (4 + 25), 4 * 250000 / (4 + 250000)])
    assert torch.allclose(data_term.geman_mcclure(error, 2.0).square().sum(-1), want)
    assert float(data_term.geman_mcclure(1e-4 * error, 2.0)[1].norm()) == pytest.approx(5e-4)  # as its square


def test_a_scale_of_nothing_and_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="sigma: got 0"):
        data_term.geman_mcclure(torch.ones(3, 2), 0.0)
    with pytest.raises(ValueError, match="joints: got"):
        data_term.project_joints(torch.ones(3, 4), torch.eye(3).expand(3, 3, 3))


def _data_energy(source: Any) -> tuple[float, float]:
    """E_J of three pictures by the module, and by a loop over the joints."""
    seen, _ = people.problem()
    found = people.people()
    joints = (
        torch.einsum("bij,bkj->bki", found.cameras.rotation, found.joints)
        + found.cameras.translation[:, None]
    )
    joints = joints.double()
    parts = (joints, seen.seen_pixel, seen.confidence, seen.intrinsics, seen.depth_m)
    got = float(source.data_residuals(*parts, sigma_m=0.05).square().sum())
    pixels, _ = cam_to_pixel(joints, found.cameras.to(torch.float64))
    want = 0.0
    for b, j in product(range(len(joints)), range(24)):
        off = (pixels[b, j] - seen.seen_pixel[b, j]) * seen.depth_m[b] / seen.intrinsics[b, 0, 0]
        square = float(off @ off)
        want += float(seen.confidence[b, j]) * 0.05**2 * square / (0.05**2 + square)
    return got, want


def test_data_term_is_the_sum_over_joints() -> None:
    got, want = _data_energy(data_term)
    assert got == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize(
    "fault",
    [
        ("confidence.sqrt()", "confidence"),
        ("(sigma**2 + square).sqrt()", "(sigma**2 + square)"),
        ("intrinsics.mT)[..., :2]", "intrinsics)[..., :2]"),
        ("error * (depth_m / intrinsics[:, 0, 0])", "error * (depth_m * intrinsics[:, 0, 0])"),
    ],
)
def test_a_fault_in_the_data_term_is_seen(fault: tuple[str, str]) -> None:
    got, want = _data_energy(planted("lecture_utils.body.smplify.data_term", fault))
    assert got != pytest.approx(want, rel=1e-3)


def test_unseen_joints_have_no_say() -> None:
    seen, _ = people.problem()
    joints = torch.rand(3, 24, 3, dtype=torch.float64) + torch.tensor([0, 0, 3.0])
    sure = torch.ones(3, 24, dtype=torch.float64)
    sure[:, 5] = 0
    parts = (seen.intrinsics, seen.depth_m)
    a = data_term.data_residuals(joints, seen.seen_pixel, sure, *parts, sigma_m=0.3)
    moved = seen.seen_pixel.clone()
    moved[:, 5] += 1000
    b = data_term.data_residuals(joints, moved, sure, *parts, sigma_m=0.3)
    assert torch.equal(a, b)


def test_what_is_behind_the_camera_stays_finite() -> None:
    joints = torch.tensor([[[0.1, 0.2, -1.0], [0.1, 0.2, 0.0]]])
    assert bool(torch.isfinite(data_term.project_joints(joints, torch.eye(3)[None])).all())


# --- joint limits --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["left_knee", "right_knee", "left_elbow", "right_elbow"])
def test_a_bend_costs_more_the_wrong_way(name: str) -> None:
    """In SMPL's axes a knee bends about +x, the left elbow about -y, the right one about +y."""
    axis, natural = (0, 1.0) if "knee" in name else (1, -1.0 if "left" in name else 1.0)
    pose = torch.zeros(3, 24, 3)
    pose[1, joint_index(name), axis] = natural
    pose[2, joint_index(name), axis] = -natural
    straight, bent, broken = bending_residuals(pose).square().sum(1).tolist()
    assert straight == pytest.approx(4.0)
    assert bent == pytest.approx(3 + math.exp(-1))
    assert broken == pytest.approx(3 + math.e, rel=1e-5)


def test_people_bend_the_natural_way() -> None:
    assert float(unnatural_bend(sample_poses(200, 3)).max()) < 1e-6


# --- capsules ------------------------------------------------------------------------------------------
def test_radius_of_a_limb_is_its_tube_s() -> None:
    """The stick body's tubes have known radii: a shank from 5.5 to 4 cm, a forearm from 4 to 3."""
    sticks = people.capsules()
    radius = {tuple(ends): float(r) for ends, r in zip(sticks.ends.tolist(), sticks.radius, strict=True)}
    shank, forearm = (
        (joint_index(f"left_{a}"), joint_index(f"left_{b}"))
        for a, b in (("knee", "ankle"), ("elbow", "wrist"))
    )
    assert 0.04 < radius[shank] < 0.055
    assert 0.03 < radius[forearm] < 0.04


def test_left_and_right_have_one_radius() -> None:
    radius = people.capsules().radius
    # A vertex half-way between two bones may go to either: a millimetre, by the processor's last digits.
    assert torch.allclose(radius[3:9], radius[9:], atol=1e-3)


def test_radii_follow_the_shape() -> None:
    """The regression is linear, and right where it was made: half a step along each component."""
    model, sticks = people.body(), people.capsules()
    shape = torch.cat([torch.zeros(1, 10), 0.5 * torch.eye(10)])
    rest, joints = model.shaped(shape)
    measured = capsule_module._radii(rest, joints, sticks.ends, model.weights)
    assert torch.allclose(sticks.radii(shape), measured, atol=2e-3)
    assert float((measured - sticks.radius).abs().max()) > 4e-3, "shapes must matter"


def _overlap(source: Any) -> tuple[float, float]:
    """E_sp of people with fat capsules by the module, and sphere by sphere."""
    found, thin = people.people(), people.capsules()
    fat = Capsules(thin.ends, 4 * thin.radius, thin.radius_directions, thin.pairs)
    made = source.Capsules(fat.ends, fat.radius, fat.radius_directions, fat.pairs)
    got = float(source.overlap_residuals(made, found.joints, found.shape, floor=0.0).square().sum())
    want, radii = 0.0, fat.radii(found.shape)
    for b, (one, two) in product(range(len(found)), fat.pairs.tolist()):
        spread = float((radii[b, one] / 3) ** 2 + (radii[b, two] / 3) ** 2)
        ends = [found.joints[b, fat.ends[stick]] for stick in (one, two)]
        for s, t in product(range(4), range(4)):
            c, d = (e[0] + (i + 0.5) / 4 * (e[1] - e[0]) for e, i in zip(ends, (s, t), strict=True))
            want += math.exp(-float((c - d).square().sum()) / spread)
    return got, want


def test_overlap_is_the_sum_over_spheres() -> None:
    got, want = _overlap(capsule_module)
    assert want > 0.1
    assert got == pytest.approx(want, rel=1e-3)


@pytest.mark.parametrize(
    "fault",
    [
        ("(-between.square()", "(between.square()"),
        ("capsules.radii(shape.detach()) / 3", "capsules.radii(shape.detach())"),
        ("torch.arange(SPHERES) + 0.5", "torch.arange(SPHERES) + 0.0"),
        ("sigma[:, second].square())", "sigma[:, first].square())"),
    ],
)
def test_a_fault_in_the_overlap_is_seen(fault: tuple[str, str]) -> None:
    got, want = _overlap(planted("lecture_utils.body.smplify.capsules", fault))
    assert got != pytest.approx(want, rel=1e-2)


def test_what_hangs_together_may_meet() -> None:
    sticks = people.capsules()
    pairs = {frozenset(pair) for pair in sticks.pairs.tolist()}
    number = {tuple(ends): c for c, ends in enumerate(sticks.ends.tolist())}

    def stick(a: str, b: str) -> int:
        return number[joint_index(a), joint_index(b)]

    thigh, shank = stick("left_hip", "left_knee"), stick("left_knee", "left_ankle")
    other, belly = stick("right_hip", "right_knee"), stick("pelvis", "spine2")
    forearm = stick("left_elbow", "left_wrist")
    assert {thigh, other} in pairs
    assert {forearm, belly} in pairs
    assert {forearm, thigh} in pairs
    assert {thigh, shank} not in pairs
    assert {thigh, belly} not in pairs


def test_no_gradient_of_the_overlap_reaches_the_shape() -> None:
    found = people.people()
    shape = found.shape.clone().requires_grad_()
    joints = found.joints.clone().requires_grad_()
    capsule_module.overlap_residuals(people.capsules(), joints, shape).sum().backward()
    assert shape.grad is None
    assert joints.grad is not None and bool(torch.isfinite(joints.grad).all())


def test_capsules_come_from_any_body() -> None:
    assert len(fit_capsules(people.body()).ends) == 15
