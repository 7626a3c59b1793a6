"""The fit inside the loop: from near the truth it comes nearer, SMPLify's energy falls, its terms count."""

import itertools

import pytest
import torch

from lecture_utils.body.smplify.joints import RestJoints
from lecture_utils.body.smplify.objective import Problem, Stage, Unknowns
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.body.spin import fitting, losses
from lecture_utils.ops.camera import project
from lecture_utils.ops.rotation import axis_angle_to_matrix
from tests.body.spin.pictures import BODY, JOINTS, cameras, crops, people
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.5")
PRIOR = GaussianMixturePrior(torch.zeros(1, 69), 0.1 * torch.eye(69)[None], torch.ones(1))


def near(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Bodies a little off the truth."""
    pose, shape, place = people(count)
    draw = torch.Generator().manual_seed(5)
    return pose + 0.1 * torch.randn(pose.shape, generator=draw), 0 * shape, place + 0.05


def off_px(bodies, batch) -> float:
    pose, shape, place = bodies
    pixels, _ = project(JOINTS(shape, axis_angle_to_matrix(pose), place), cameras(len(batch)))
    return float(losses.reprojection_error_px(pixels, batch.joints2d, batch.confidence).mean())


def comes_nearer(module) -> bool:
    """To the joints in the picture by half, and to the true joints in space."""
    batch, joints = crops(4)
    start = near(4)
    found = module.AdamFit(BODY, PRIOR, steps=40)(*start, batch.joints2d, batch.confidence, cameras(4))
    ends = (JOINTS(shape, axis_angle_to_matrix(pose), place) for pose, shape, place in (start, found))
    before, after = ((x - x[:, :1] - (joints - joints[:, :1])).norm(dim=-1).mean() for x in ends)
    return off_px(found, batch) < off_px(start, batch) / 2 and bool(after < before)


def test_from_near_the_truth_a_fit_comes_nearer():
    assert comes_nearer(fitting)


@pytest.mark.parametrize(
    "fault",
    [
        ("pelvis = self.rest.at(shape)[:, 0] + translation", "pelvis = translation"),
        ("found.pelvis - self.rest.at(found.shape)[:, 0]", "found.pelvis"),
        ("energy.backward()", "(-energy).backward()"),
        ("                optimizer.step()", "                pass"),
    ],
)
def test_a_fault_in_the_fit_is_seen(fault):
    assert not comes_nearer(planted("lecture_utils.body.spin.fitting", fault))


def test_the_energy_of_smplify_falls_with_the_steps():
    batch, _ = crops(3)
    start, rest = near(3), RestJoints.of(BODY)
    depth = (rest.at(start[1])[:, 0] + start[2])[:, 2]
    problem = Problem(rest, batch.joints2d, batch.confidence, cameras(3).intrinsics, depth, PRIOR, None, 0.2)

    def energy(pose, shape, place):
        x = Unknowns(rest.at(shape)[:, 0] + place, pose, shape).packed()
        return problem.residuals(x, fitting.STAGE).square().sum(1)

    values = [energy(*start)]
    for steps in (5, 20, 60):
        fit = fitting.AdamFit(BODY, PRIOR, steps=steps)
        values.append(energy(*fit(*start, batch.joints2d, batch.confidence, cameras(3))))
    assert all(bool((b < a).all()) for a, b in itertools.pairwise(values))


def test_a_joint_that_was_not_found_does_not_pull_and_priors_hold():
    batch, _ = crops(2)
    wild = batch.joints2d.clone()
    wild[:, 20] += 9
    sure = batch.confidence.clone()
    sure[:, 20] = 0
    fit = fitting.AdamFit(BODY, PRIOR, steps=5)
    one, other = (fit(*near(2), joints, sure, cameras(2)) for joints in (batch.joints2d, wild))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    tight = fitting.AdamFit(BODY, PRIOR, steps=60, stage=Stage(pose=1e4, shape=1e4))
    free = fitting.AdamFit(BODY, PRIOR, steps=60, stage=Stage(pose=1e-3, shape=1e-3))
    held, loose = (f(*near(2), batch.joints2d, batch.confidence, cameras(2)) for f in (tight, free))
    assert held[0][:, 1:].abs().mean() < loose[0][:, 1:].abs().mean() / 2


def test_gradients_are_on_inside_and_the_start_is_left_alone():
    batch, _ = crops(2)
    start = near(2)
    before = [x.clone() for x in start]
    with torch.no_grad():
        found = fitting.AdamFit(BODY, PRIOR, steps=3)(*start, batch.joints2d, batch.confidence, cameras(2))
    assert all(torch.equal(a, b) for a, b in zip(start, before, strict=True))
    assert not torch.equal(found[0], start[0]) and not found[0].requires_grad
    with pytest.raises(ValueError, match="steps"):
        fitting.AdamFit(BODY, PRIOR, steps=0)
