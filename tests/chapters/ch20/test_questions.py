"""Chapter 20: what the prediction questions say is so."""

import math

import pytest
import torch

from lecture_utils.body.skeleton import JOINTS, PARENTS, joint_index
from lecture_utils.chapters.ch20 import fitting_solutions, solutions
from lecture_utils.chapters.ch20.clicks import clicks
from lecture_utils.chapters.ch20.lab_interpret import _of, start
from lecture_utils.exercises.draws import floats
from lecture_utils.ops.rotation import rotation_angle_deg


def test_question_1_the_mean_of_two_vectors_near_a_half_turn_is_no_turn() -> None:
    vectors = torch.deg2rad(floats([[0.0, 0, 170], [0, 0, -170]]))
    first, second = solutions.rodrigues(vectors)
    assert rotation_angle_deg(first, second).item() == pytest.approx(20, abs=0.01)
    assert vectors.mean(0).norm() == 0


def test_question_2_vectors_jump_where_the_six_numbers_do_not() -> None:
    near = solutions.rodrigues(torch.deg2rad(floats([[0.0, 0, 179.9], [0, 0, -179.9]])))
    six = torch.cat([near[..., 0], near[..., 1]], -1)
    assert (six[0] - six[1]).abs().max() < 0.01
    torch.testing.assert_close(solutions.rotation_from_6d(six), near, atol=1e-5, rtol=0)


def test_question_3_an_elbow_moves_wrist_and_hand() -> None:
    joints = torch.randn(1, 24, 3, generator=torch.Generator().manual_seed(0))
    pose = torch.zeros(1, 24, 3)
    pose[0, joint_index("left_elbow")] = floats([0.3, 0.5, -0.2])
    posed, _ = solutions.forward_kinematics(solutions.rodrigues(pose), joints, PARENTS)
    moved = ((posed - joints)[0].norm(dim=1) > 1e-4).nonzero()[:, 0].tolist()
    assert [JOINTS[j] for j in moved] == ["left_wrist", "left_hand"]


@pytest.mark.parametrize(("twist_deg", "left_cm"), [(180, 0.0), (90, 2.83)])
def test_question_4_a_twist_brings_skin_to_the_axis(twist_deg: float, left_cm: float) -> None:
    world = solutions.rodrigues(floats([[[0.0, 0, 0], [math.radians(twist_deg), 0, 0]]]))
    places = floats([[[0.0, 0, 0], [10, 0, 0]]])
    skin = solutions.skin(floats([[[5.0, 4, 0]]]), places, places, world, floats([[0.5, 0.5]]))
    assert skin[0, 0, 1:].norm().item() == pytest.approx(left_cm, abs=0.01)


def test_question_9_half_the_focal_length_half_the_depth() -> None:
    seen, (skeleton, _) = clicks(), start()
    joints = skeleton(torch.zeros(10), torch.zeros(24, 3)) * floats([1.0, -1, -1])
    depths = []
    for f in (1000.0, 2000.0):
        k = seen.intrinsics.clone()
        k[0, 0] = k[1, 1] = f
        moved, _ = fitting_solutions.place(joints, seen.pixels, seen.confidence, k, seen.bones)
        middle = (seen.confidence[:, None] * (joints + moved)).sum(0) / seen.confidence.sum()
        depths.append(float(middle[2]))
    assert depths[1] == pytest.approx(2 * depths[0], rel=1e-4)


def test_question_10_what_is_far_off_hardly_pulls() -> None:
    off = floats([[300.0, 0], [20.0, 0]]).requires_grad_()
    fitting_solutions.data_term(off, torch.zeros(2, 2), torch.ones(2), 50.0).backward()
    assert off.grad is not None
    far, near = off.grad[:, 0].tolist()
    assert 24 < near / far < 100
    steepest = torch.linspace(0, 200, 2001)[:, None, None].repeat(1, 1, 2) * floats([1.0, 0])
    steepest.requires_grad_()
    fitting_solutions.data_term(steepest, torch.zeros(2001, 1, 2), torch.ones(2001, 1), 50.0).sum().backward()
    assert steepest.grad is not None
    assert steepest[steepest.grad[:, 0, 0].argmax(), 0, 0].item() == pytest.approx(0.58 * 50, abs=0.5)


def test_question_12_the_smallest_energy_has_two_valleys_and_the_mean_one() -> None:
    means, ones = floats([[-1.0], [1.0]]), torch.ones(2, 1, 1) * 9
    poses = floats([[-1.0], [0.0], [1.0]])
    half = floats([0.5, 0.5])
    smallest = fitting_solutions.gmm_prior(poses, means, ones, half)
    assert smallest[1] > smallest[0] + 1 and smallest[1] > smallest[2] + 1
    each = torch.stack([fitting_solutions.gmm_prior(poses, m[None], ones[:1], half[:1]) for m in means])
    mean = each.mean(0)
    assert mean[1] < mean[0] and mean[1] < mean[2]


def test_questions_11_and_13_without_a_prior_pixels_are_better_and_joints_worse() -> None:
    with_prior, without = _of((30, 10, 5, 0, 0)), _of((0, 0, 0, 0, 0))
    assert without.error_px < with_prior.error_px
    assert without.beyond_deg > 40 > 20 > with_prior.beyond_deg
    assert clicks().confidence[joint_index("left_knee")] == 0


def test_question_16_shares() -> None:
    colours = torch.zeros(2, 1, 1, 3)
    alphas, depths = floats([[[0.6]], [[0.5]]]), floats([[[2.0]], [[3.0]]])
    for turned, want in ((depths, [0.6, 0.2]), (depths.flip(0), [0.3, 0.5])):
        _, shares = fitting_solutions.composite_layers(colours, alphas, turned, torch.ones(1, 3))
        assert shares[0].tolist() == pytest.approx(want)
        assert 1 - shares.sum().item() == pytest.approx(0.2)
