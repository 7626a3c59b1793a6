"""SMPLify as a whole: where it begins, what it finds again, what it leaves out, what it refuses."""

import dataclasses
import functools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smplify import start as start_module
from lecture_utils.body.smplify.fit import STAGES, SMPLifyFit, smplify
from lecture_utils.body.smplify.joints import RestJoints, posed_joints
from lecture_utils.body.smplify.objective import Stage
from lecture_utils.body.smplify.start import headings, starts, torso_depth, upright
from lecture_utils.metrics.pose_3d import mpjpe_mm
from lecture_utils.ops.camera import Cameras, project
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_axis_angle, rotation_angle_deg
from tests.body.smplify import people
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.4")
LAX = (Stage(pose=1.0, shape=1.0, steps=12),)  # priors that weigh little


@functools.lru_cache
def seen(count: int = 3) -> tuple[Tensor, Tensor, Cameras]:
    """Exact joints, all sure, and the cameras."""
    found = people.people(count)
    return found.exact_pixel, torch.ones_like(found.confidence), found.cameras


def fitted(pixels: Tensor, sure: Tensor, cameras: Cameras, **settings: Any) -> SMPLifyFit:
    options: dict[str, Any] = {"prior": people.prior(), "stages": LAX} | settings
    return smplify(people.body(), pixels, sure, cameras, **options)


def near_truth() -> tuple[Tensor, Tensor, Tensor]:
    """The true pose, each angle off by about 6 degrees, the mean shape, a place 10 cm away."""
    found = people.people()
    off = 0.1 * torch.randn(found.pose.shape, generator=torch.Generator().manual_seed(0))
    return found.pose + off, torch.zeros_like(found.shape), found.translation + 0.1


# --- where it begins -----------------------------------------------------------------------------------
def in_front(turn_deg: float, depth_m: float = 4.0) -> tuple[RestJoints, Tensor, Tensor]:
    """A person of the mean shape, upright before a camera, turned; where the joints are seen, and K."""
    rest = RestJoints.of(people.body())
    root = matrix_to_axis_angle(upright(torch.tensor([math.radians(turn_deg)])))
    pose = torch.cat([root[:, None], torch.zeros(1, 23, 3)], dim=1)
    joints, _ = posed_joints(rest, torch.zeros(1, 10), pose, torch.tensor([[0.0, 0.0, depth_m]]))
    k = torch.tensor([[[300.0, 0, 128], [0, 300, 128], [0, 0, 1]]])
    return rest, (joints @ k.mT / joints[..., 2:])[..., :2], k


@pytest.mark.parametrize("depth_m", [3.0, 5.0])
def test_depth_by_similar_triangles(depth_m: float) -> None:
    rest, pixels, k = in_front(0.0, depth_m)
    sure = torch.ones(1, 24)
    got = torso_depth(rest.at(torch.zeros(1, 10)), pixels, sure, k[:, 0, 0])
    assert float(got) == pytest.approx(depth_m, rel=0.03)
    sure[0, joint_index("left_hip")] = 0
    wild = pixels.clone()
    wild[0, joint_index("left_hip")] = 0
    got = torso_depth(rest.at(torch.zeros(1, 10)), wild, sure, k[:, 0, 0])
    assert float(got) == pytest.approx(depth_m, rel=0.03), "the other side is enough"


@pytest.mark.parametrize("turn", [-150.0, -90.0, -30.0, 20.0, 80.0, 120.0, 170.0])
def test_one_of_the_two_headings_is_near_the_truth(turn: float) -> None:
    rest, pixels, k = in_front(turn)
    joints, sure = rest.at(torch.zeros(1, 10)), torch.ones(1, 24)
    both = torch.rad2deg(headings(joints, pixels, sure, k[:, 0, 0] / 4.0))[:, 0]
    off = [abs((float(own) - turn + 180) % 360 - 180) for own in both]
    assert min(off) < 12
    assert float(both[0]) == pytest.approx(-float(both[1]))


def test_the_torso_s_fit_places_and_turns_a_body() -> None:
    rest, pixels, k = in_front(50.0)
    begun, _ = starts(rest, pixels, torch.ones(1, 24), k, torch.zeros(1, 23, 3))
    assert len(begun) == 2 and len(begun[0]) == 1
    want = upright(torch.tensor([math.radians(50.0)]))
    turn = [float(rotation_angle_deg(axis_angle_to_matrix(b[0].pose[:, 0]), want)) for b in begun]
    assert min(turn) < 5
    best = begun[turn.index(min(turn))][0]
    assert torch.allclose(best.pelvis, torch.tensor([[0.0, 0.0, 4.0]]), atol=0.1)


@pytest.mark.parametrize(
    "fault",
    [
        ("length_m.sum(0) / length_px.sum(0)", "length_px.sum(0) / length_m.sum(0)"),
        (
            "seen_pixel[:, left, 0] - seen_pixel[:, right, 0]",
            "seen_pixel[:, right, 0] - seen_pixel[:, left, 0]",
        ),
        ("zero + math.pi, zero, zero", "zero, zero, zero"),
    ],
)
def test_a_fault_in_the_start_is_seen(fault: tuple[str, str]) -> None:
    wrong = planted("lecture_utils.body.smplify.start", fault)
    rest, pixels, k = in_front(50.0)

    def far(module: Any) -> float:
        """How far the nearest start's joints are from the truth, in pixels, before any fit."""
        joints, sure = rest.at(torch.zeros(1, 10)), torch.ones(1, 24)
        depth = module.torso_depth(joints, pixels, sure, k[:, 0, 0])
        turn = module.upright(module.headings(joints, pixels, sure, k[:, 0, 0] / depth)[0])
        pose = torch.cat([matrix_to_axis_angle(turn)[:, None], torch.zeros(1, 23, 3)], dim=1)
        placed, _ = posed_joints(rest, torch.zeros(1, 10), pose, torch.tensor([[0.0, 0, 1]]) * depth[:, None])
        return float(((placed @ k.mT / placed[..., 2:])[..., :2] - pixels).norm(dim=-1).mean())

    assert far(start_module) < 8 < far(wrong)


# --- what it finds again -------------------------------------------------------------------------------
def test_exact_joints_are_met_and_the_pose_found_again() -> None:
    found = people.people()
    fit = fitted(*seen(), initial=near_truth())
    joints = people.body()(fit.shape, fit.pose, fit.translation).joints
    pixels, _ = project(joints, found.cameras)
    begun = people.body()(*(near_truth()[i] for i in (1, 0, 2))).joints
    assert float((pixels - found.exact_pixel).norm(dim=-1).mean()) < 0.5
    assert bool((mpjpe_mm(joints, found.joints) < mpjpe_mm(begun, found.joints)).all())


def test_from_nothing_it_gets_near_the_joints_in_the_picture() -> None:
    pixels, sure, cameras = seen()
    fit = fitted(pixels, sure, cameras, capsules=people.capsules(), stages=STAGES)
    joints = people.body()(fit.shape, fit.pose, fit.translation).joints
    far = (project(joints, cameras)[0] - pixels).norm(dim=-1).median()
    assert float(far) < 6  # of about 110 pixels' height
    assert fit.start_energies.shape == (2, 3)
    assert torch.equal(fit.start, fit.start_energies.argmin(0))
    assert torch.equal(fit.energies[-1], fit.start_energies.amin(0))


def test_two_starts_are_never_worse_than_one() -> None:
    one, two = (fitted(*seen(), two_starts=both) for both in (False, True))
    assert bool((two.energies[-1] <= one.energies[-1] * (1 + 1e-4)).all())
    assert torch.allclose(two.start_energies[0], one.energies[-1], rtol=1e-3)


def test_energy_falls_within_each_stage_and_the_last_state_is_the_result() -> None:
    stages = (Stage(pose=20.0, shape=5.0, steps=4), Stage(pose=1.0, shape=1.0, steps=5))
    fit = fitted(*seen(), stages=stages)
    assert len(fit.energies) == len(fit.poses) == 11
    assert bool((fit.energies[1:5] <= fit.energies[:4]).all())
    assert bool((fit.energies[6:] <= fit.energies[5:-1]).all())
    assert torch.equal(fit.poses[-1], fit.pose) and torch.equal(fit.translations[-1], fit.translation)


def test_a_batch_is_its_pictures_one_by_one() -> None:
    pixels, sure, cameras = seen()
    whole = fitted(pixels, sure, cameras, initial=near_truth())
    for b in range(3):
        alone = fitted(
            pixels[b : b + 1], sure[b : b + 1], cameras[b], initial=tuple(x[b : b + 1] for x in near_truth())
        )
        assert torch.allclose(alone.energies[-1], whole.energies[-1, b], rtol=1e-3)


def test_one_camera_does_for_all() -> None:
    pixels, sure, cameras = seen()
    one = fitted(pixels[:1].repeat(2, 1, 1), sure[:2], cameras[0])
    assert torch.allclose(one.pose[0], one.pose[1], atol=1e-3)


def test_where_the_camera_stands_changes_only_the_axes_of_the_result() -> None:
    pixels, sure, cameras = seen()
    plain = Cameras(torch.eye(3).repeat(3, 1, 1), torch.zeros(3, 3), cameras.intrinsics, cameras.size)
    world, cam = fitted(pixels, sure, cameras), fitted(pixels, sure, plain)
    assert torch.allclose(world.pose[:, 1:], cam.pose[:, 1:], atol=1e-4)
    joints = [people.body()(fit.shape, fit.pose, fit.translation).joints for fit in (world, cam)]
    moved = joints[0] @ cameras.rotation.mT + cameras.translation[:, None]
    assert torch.allclose(moved, joints[1], atol=1e-3)


def test_unseen_joints_have_no_say_even_as_nan() -> None:
    pixels, sure, cameras = seen()
    sure = sure.clone()
    sure[:, [joint_index("left_wrist"), joint_index("right_hip")]] = 0
    wild = torch.where(sure[..., None] > 0, pixels, torch.nan)
    a, b = fitted(pixels, sure, cameras), fitted(wild, sure, cameras)
    assert torch.equal(a.pose, b.pose)


# --- what it refuses -----------------------------------------------------------------------------------
def test_bad_input_is_refused() -> None:
    pixels, sure, cameras = seen()
    with pytest.raises(ValueError, match="confidence: got 2 of hips and shoulders"):
        few = sure.clone()
        few[1, [joint_index("left_hip"), joint_index("right_shoulder")]] = 0
        fitted(pixels, few, cameras)
    with pytest.raises(ValueError, match="confidence: got 1 to 2, want 0 to 1"):
        fitted(pixels, torch.cat([2 * sure[:1], sure[1:]]), cameras)
    with pytest.raises(ValueError, match="joints_pixel: got NaN"):
        fitted(pixels * torch.nan, sure, cameras)
    with pytest.raises(ValueError, match="cameras: got 2, want 1 or 3"):
        fitted(pixels, sure, cameras[:2])
    with pytest.raises(ValueError, match="stages: got none"):
        fitted(pixels, sure, cameras, stages=())
    with pytest.raises(ValueError, match=r"joints_pixel: got .* want floating point \(B, 24, 2\)"):
        fitted(pixels[:, :14], sure, cameras)
    with pytest.raises(ValueError, match="initial pose: got"):
        fitted(pixels, sure, cameras, initial=(people.people().pose[:1], *near_truth()[1:]))
    with pytest.raises(ValueError, match="sigma_m: got 0"):
        fitted(pixels, sure, cameras, sigma_m=0.0)
    with pytest.raises(ValueError, match="start_poses: got"):
        fitted(pixels, sure, cameras, start_poses=torch.zeros(2, 24, 3))


def test_stages_drop_priors_by_name() -> None:
    stage = STAGES[-1].without("pose", "overlap")
    assert (stage.pose, stage.overlap, stage.shape) == (0, 0, STAGES[-1].shape)
    assert stage == dataclasses.replace(STAGES[-1], pose=0.0, overlap=0.0)
    with pytest.raises(ValueError, match="name: got 'steps'"):
        stage.without("steps")
    with pytest.raises(ValueError, match="pose: got -1"):
        Stage(pose=-1.0)
