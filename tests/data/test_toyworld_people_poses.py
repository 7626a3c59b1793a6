"""People's poses: ranges of joints, splits, mirror images, a walk; and what a detector finds."""

import math

import pytest
import torch

from lecture_utils.body.skeleton import JOINTS, MIRROR, PARENTS, joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.people import poses
from lecture_utils.data.toyworld.people.gestures import GESTURES
from lecture_utils.data.toyworld.people.keypoints import sample_detections
from lecture_utils.data.toyworld.people.limits import LIMITS, angles_to_pose, pose_to_angles
from lecture_utils.data.toyworld.people.movements import LEGS, Angles
from lecture_utils.data.toyworld.people.poses import (
    mirror_pose,
    pairs,
    sample_activities,
    sample_poses,
    sample_shapes,
    walk,
)
from lecture_utils.ops.camera import project
from lecture_utils.ops.rotation import axis_angle_to_matrix, rotation_angle_deg
from tests.body.stick import stick_body

pytestmark = pytest.mark.system("S20.4")


@pytest.fixture(scope="module")
def body() -> SMPL:
    return stick_body()


def joints_of(body: SMPL, pose: torch.Tensor) -> torch.Tensor:
    return body(torch.zeros(len(pose), 10), pose).joints


# --- limits --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_all_angles_are_within_the_ranges_of_joints(split: str) -> None:
    angles = pose_to_angles(sample_poses(300, 0, split))
    low, high = LIMITS.unbind(-1)
    beyond = torch.maximum(low - angles, angles - high)
    assert float(torch.rad2deg(beyond).max()) < 0.1
    assert float(angles.std()) > 0.2


def test_ranges_of_the_right_side_are_the_left_side_s_mirror_image() -> None:
    other = LIMITS[list(MIRROR)]
    assert torch.equal(other[:, 0], LIMITS[:, 0])
    assert torch.equal(other[:, 1:], -LIMITS[:, 1:].flip(-1))
    assert bool((LIMITS[..., 0] <= LIMITS[..., 1]).all())


def test_angles_come_back() -> None:
    low, high = LIMITS.unbind(-1)
    angles = low + (high - low) * torch.rand(50, len(JOINTS), 3, generator=torch.Generator().manual_seed(0))
    back = angles_to_pose(pose_to_angles(angles_to_pose(angles)))
    turn = rotation_angle_deg(axis_angle_to_matrix(back), axis_angle_to_matrix(angles_to_pose(angles)))
    assert float(turn.max()) < 0.1
    steep = angles[..., 1].abs() < math.radians(80)  # nearer to 90 degrees x and z are one turn
    off = (pose_to_angles(angles_to_pose(angles)) - angles).abs().amax(-1)
    assert float(off[steep].max()) < 1e-3


# --- which way joints bend -----------------------------------------------------------------------------
def test_knees_bend_backwards_elbows_forwards_and_arms_hang(body: SMPL) -> None:
    """In the body's axes: y up, z to the front."""
    angles = Angles(1)
    for side in ("left", "right"):
        angles.leg(side, knee=70.0)
        angles.arm(side, elbow=70.0)
    joints = joints_of(body, angles_to_pose(torch.deg2rad(angles.degrees)))[0]
    for side in ("left", "right"):
        ankle, knee = (joints[joint_index(f"{side}_{name}")] for name in ("ankle", "knee"))
        wrist, elbow, shoulder = (joints[joint_index(f"{side}_{n}")] for n in ("wrist", "elbow", "shoulder"))
        assert ankle[2] < knee[2] - 0.2, "the heel is behind"
        assert wrist[2] > elbow[2] + 0.1, "the hand is in front"
        assert elbow[1] < shoulder[1] - 0.2, "the arm hangs"
    assert torch.allclose(joints[list(MIRROR)] * torch.tensor([-1.0, 1, 1]), joints, atol=1e-4)


def test_a_lifted_leg_and_a_swung_arm_are_in_front_and_a_raised_toe_is_up(body: SMPL) -> None:
    angles = Angles(1)
    angles.leg("left", hip=60.0, ankle=20.0)
    angles.arm("right", lift=80.0)
    angles.trunk(forwards=40.0)
    bare = joints_of(body, torch.zeros(1, 24, 3))[0]
    joints = joints_of(body, angles_to_pose(torch.deg2rad(angles.degrees)))[0]
    assert joints[joint_index("left_knee"), 2] > bare[joint_index("left_knee"), 2] + 0.2
    assert joints[joint_index("right_wrist"), 2] > 0.3
    assert joints[joint_index("head"), 2] > bare[joint_index("head"), 2] + 0.1


def test_mirror_image_of_a_pose_is_that_of_the_body(body: SMPL) -> None:
    pose = sample_poses(8, 1)
    joints, mirrored = joints_of(body, pose), joints_of(body, mirror_pose(pose))
    flip = torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(joints[:, list(MIRROR)] * flip, mirrored, atol=1e-4)
    assert torch.equal(mirror_pose(mirror_pose(pose)), pose)


# --- splits --------------------------------------------------------------------------------------------
def test_a_pose_depends_on_its_seed_split_and_place_alone() -> None:
    assert torch.equal(sample_poses(5, 3), sample_poses(9, 3)[:5])
    assert sample_poses(0).shape == (0, 24, 3)
    for other in (sample_poses(5, 4), sample_poses(5, 3, "val"), sample_poses(5, 3, "test")):
        assert float((sample_poses(5, 3) - other).abs().amax((1, 2)).min()) > 0.1


def test_test_poses_combine_legs_and_arms_as_no_other_split_does() -> None:
    usual = set(poses.USUAL)
    drawn = {split: set(sample_activities(1500, 0, split)) for split in ("train", "val", "test")}
    held_out = set(poses.HELD_OUT)
    assert not held_out & (drawn["train"] | drawn["val"] | usual)
    assert drawn["test"] - usual == held_out
    assert drawn["train"] == set(pairs("train")) == set(pairs("val"))
    assert {legs for legs, _ in held_out} <= {legs for legs, _ in drawn["train"]}, "each half is known"
    assert {arms for _, arms in held_out} <= {arms for _, arms in drawn["train"]}
    share = sum(pair in held_out for pair in sample_activities(1500, 1, "test")) / 1500
    assert share == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", [*LEGS, *GESTURES])
def test_every_movement_moves(name: str) -> None:
    angles, phase = Angles(6), torch.arange(6.0)
    u = torch.rand(6, 8, generator=torch.Generator().manual_seed(0))
    (LEGS | GESTURES)[name](angles, phase, u)
    assert bool(torch.isfinite(angles.degrees).all())
    assert float(angles.degrees.std(0).max()) > 3


def test_shapes_are_normal_and_never_extreme() -> None:
    shapes = sample_shapes(2000, 0)
    assert shapes.shape == (2000, 10)
    assert float(shapes.mean()) == pytest.approx(0, abs=0.03)
    assert float(shapes.std()) == pytest.approx(1, abs=0.05)
    assert float(shapes.abs().max()) <= 2.5
    assert not torch.equal(shapes, sample_shapes(2000, 0, "test"))


# --- a walk --------------------------------------------------------------------------------------------
def test_half_a_cycle_later_the_walk_is_its_mirror_image(body: SMPL) -> None:
    now, later = walk(40, 0.3), walk(40, 0.3 + math.pi)
    assert torch.allclose(mirror_pose(now), later, atol=1e-4)
    assert float((now - later).abs().max()) > 0.5


def test_arms_swing_against_legs_and_steps_alternate(body: SMPL) -> None:
    joints = joints_of(body, walk(60, fps=30.0))
    ahead = {
        name: joints[:, joint_index(f"left_{name}"), 2] - joints[:, joint_index(f"right_{name}"), 2]
        for name in ("ankle", "wrist")
    }
    both = torch.corrcoef(torch.stack([ahead["ankle"], ahead["wrist"]]))[0, 1]
    assert float(both) < -0.7
    assert float(ahead["ankle"].max()) > 0.3 and float(ahead["ankle"].min()) < -0.3


def test_faster_is_longer_and_quicker() -> None:
    slow, fast = walk(200, speed=0.6), walk(200, speed=2.0)
    hip = joint_index("left_hip")
    assert float(fast[:, hip, 0].std()) > 1.2 * float(slow[:, hip, 0].std())
    turns = [
        int(((x[1:, hip, 0] > x[:, hip, 0].mean()) != (x[:-1, hip, 0] > x[:, hip, 0].mean())).sum())
        for x in (slow, fast)
    ]
    assert turns[1] > 1.3 * turns[0]


# --- what a detector finds -----------------------------------------------------------------------------
def test_people_stand_on_the_floor_upright_and_are_seen_whole(body: SMPL) -> None:
    found = sample_detections(body, 40, 2)
    posed = body(found.shape, found.pose, found.translation)
    assert torch.allclose(posed.joints, found.joints, atol=1e-5)
    assert torch.allclose(posed.vertices[..., 2].amin(1), torch.zeros(40), atol=1e-5)
    assert torch.allclose(posed.joints[:, 0, :2], torch.zeros(40, 2), atol=1e-5)
    assert bool((posed.joints[:, joint_index("neck"), 2] > posed.joints[:, 0, 2]).all())
    assert float(found.exact_pixel.min()) > 0 and float(found.exact_pixel.max()) < 256


def test_detections_are_the_truth_spoilt_as_said(body: SMPL) -> None:
    found = sample_detections(body, 300, 0, noise_px=1.0, missed=0.05, wrong=0.02)
    pixels, depth = project(found.joints, found.cameras)
    assert torch.equal(pixels, found.exact_pixel) and bool((depth > 1.5).all())
    lost = found.confidence == 0
    assert float(lost.float().mean()) == pytest.approx(0.05, abs=0.01)
    torso = [joint_index(name) for name in ("left_hip", "right_hip", "left_shoulder", "right_shoulder")]
    assert int(lost[:, torso].sum(1).max()) == 1
    off = (found.joints_pixel - found.exact_pixel).norm(dim=-1)
    doubted = (found.confidence > 0) & (found.confidence < 0.4)
    assert float(off[doubted].min()) >= 15
    sure = found.confidence > 0.9
    spread = off[sure].square().mean().div(2).sqrt()  # of one axis
    assert float(spread) == pytest.approx(1 + 0.05 / 0.3, rel=0.06)
    vague = (found.confidence > 0.4) & (found.confidence < 0.5)
    assert float(off[vague].square().mean()) > 3 * float(off[sure].square().mean())


def test_without_noise_detections_are_exact(body: SMPL) -> None:
    found = sample_detections(body, 4, 0, noise_px=0.0, missed=0.0, wrong=0.0)
    assert torch.equal(found.joints_pixel, found.exact_pixel)
    assert bool((found.confidence >= 0.4).all())
    assert len(found) == 4 and len(PARENTS) == found.joints.shape[1]


def test_bad_requests_are_refused(body: SMPL) -> None:
    with pytest.raises(ValueError, match="split: got 'dev'"):
        sample_poses(3, 0, "dev")
    with pytest.raises(ValueError, match="n: got -1"):
        sample_shapes(-1)
    with pytest.raises(ValueError, match="speed: got 5"):
        walk(3, speed=5.0)
    with pytest.raises(ValueError, match=r"missed: got 1\.5"):
        sample_detections(body, 2, missed=1.5)
    with pytest.raises(ValueError, match="pose: got"):
        mirror_pose(torch.zeros(24, 3))
