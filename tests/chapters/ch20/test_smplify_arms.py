"""SMPLify with and without its parts: what is measured, and the kinds of failure."""

import dataclasses
import math
from types import SimpleNamespace

import pytest
import torch

from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smplify.fit import STAGES
from lecture_utils.chapters.ch20 import smplify_arms
from lecture_utils.chapters.ch20.smplify_arms import ARMS, flips, measured, near_bones, summary
from lecture_utils.chapters.ch20.smplify_failures import gallery, kinds
from lecture_utils.ops.camera import cam_to_world, world_to_cam
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from tests.body.smplify import people

pytestmark = pytest.mark.system("S20.4")


def truth() -> SimpleNamespace:
    """What a perfect fit would give."""
    found = people.people()
    return SimpleNamespace(pose=found.pose, shape=found.shape, translation=found.translation)


def test_a_perfect_fit_has_no_errors_and_no_flips() -> None:
    scores = measured(people.body(), people.people(), truth())  # type: ignore[arg-type]
    assert float(scores["mpjpe_mm"].max()) < 0.01 and float(scores["vertex_mm"].max()) < 0.01
    assert float(scores["pixel"].max()) < 0.01
    assert float(scores["flipped"].sum()) == 0 < float(scores["counted"].sum())
    assert summary(scores)["flips"] == 0


def test_a_body_mirrored_in_depth_flips_all_its_bones() -> None:
    """Depths mirrored about the pelvis, each joint on its own ray: the picture stays the same."""
    found = people.people()
    joints = world_to_cam(found.joints, found.cameras)
    mirrored = joints / joints[..., 2:] * (2 * joints[:, :1, 2:] - joints[..., 2:])
    own = cam_to_world(mirrored, found.cameras)
    assert bool(near_bones(found, own).all())
    flipped, counts = flips(found, own)
    assert torch.equal(flipped, counts)
    assert bool(counts.any(1).all()), "everybody has a bone that could flip"


def test_a_bone_that_is_off_in_the_picture_is_no_depth_flip() -> None:
    found = people.people()
    wrist = joint_index("left_wrist")
    own = found.joints.clone()
    own[:, wrist, 2] += 0.5  # up in the world, and so in the picture
    near = near_bones(found, own)
    assert not bool(near[:, wrist].any()) and not bool(near[:, joint_index("left_hand")].any())
    assert bool(near[:, joint_index("left_elbow")].all())


def test_arms_drop_what_they_say_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def record(*_: object, stages: list, two_starts: bool, **__: object) -> None:
        seen["stages"], seen["two_starts"] = stages, two_starts

    monkeypatch.setattr(smplify_arms, "smplify", record)
    for arm, (dropped, two_starts) in ARMS.items():
        smplify_arms.fitted(arm, people.body(), people.prior(), people.capsules(), people.people())
        assert seen["two_starts"] == two_starts
        for stage, full in zip(seen["stages"], STAGES, strict=True):
            assert stage.steps == full.steps
            for name in ("pose", "limits", "overlap", "shape"):
                assert getattr(stage, name) == (0 if name in dropped else getattr(full, name))
    assert set(ARMS["no priors"][0]) == {"pose", "limits", "overlap"}


def test_a_turned_body_is_found_out() -> None:
    found, fit = people.people(), truth()
    turn = axis_angle_to_matrix(torch.tensor([0.0, 0.0, math.radians(50)]))
    root = matrix_to_axis_angle(turn @ axis_angle_to_matrix(fit.pose[:1, 0]))
    fit.pose = torch.cat([torch.cat([root[:, None], fit.pose[:1, 1:]], dim=1), fit.pose[1:]])
    scores = kinds(people.body(), found, fit)
    assert scores["turned"].tolist() == pytest.approx([50, 0, 0], abs=0.1)
    assert dataclasses.is_dataclass(found)


def test_nobody_is_in_the_gallery_twice() -> None:
    scores = {"turned": torch.tensor([3.0, 9.0, 1.0]), "flipped": torch.tensor([2.0, 5.0, 0.0])}
    assert gallery(scores) == {"turned": 1, "flipped": 0}
