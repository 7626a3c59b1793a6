"""Joints without the skin are those of the whole body."""

import pytest
import torch

from lecture_utils.body.smplify.joints import RestJoints, posed_joints
from tests.body.smplify import people

pytestmark = pytest.mark.system("S20.4")


def test_joints_are_those_of_the_body_model() -> None:
    model, found = people.body(), people.people()
    whole = model(found.shape, found.pose, found.translation)
    rest = RestJoints.of(model)
    pelvis = rest.at(found.shape)[:, 0] + found.translation
    joints, world = posed_joints(rest, found.shape, found.pose, pelvis)
    assert torch.allclose(joints, whole.joints, atol=1e-5)
    assert torch.allclose(world, whole.rotations, atol=1e-5)
    assert float((whole.joints[1:] - whole.joints[:-1]).abs().max()) > 0.05, "people must differ"


def test_fewer_shape_numbers_are_the_same_as_zeros() -> None:
    rest, shape = RestJoints.of(people.body()), people.people().shape
    cut = torch.cat([shape[:, :4], torch.zeros_like(shape[:, 4:])], dim=1)
    assert torch.allclose(rest.at(shape[:, :4]), rest.at(cut), atol=1e-6)
    with pytest.raises(ValueError, match="shape: got 11 numbers, want at most 10"):
        rest.at(torch.zeros(1, 11))


@pytest.mark.parametrize("bad", [torch.zeros(3, 23, 3), torch.zeros(2, 24, 3), torch.zeros(3, 24, 3).int()])
def test_poses_of_another_shape_are_refused(bad: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"pose: got .* want"):
        posed_joints(RestJoints.of(people.body()), torch.zeros(3, 10), bad)
