"""Motions, their captions and their small pictures: exact, apart, smooth, and seen from the right side."""

import itertools

import pytest
import torch
from torch import Tensor

from lecture_utils.body.lbs import forward_kinematics
from lecture_utils.body.skeleton import PARENTS, joint_index
from lecture_utils.data.toyworld.people.actions import (
    ARM_NAMES,
    HELD_OUT_ACTIONS,
    LEG_NAMES,
    action_pairs,
    action_text,
)
from lecture_utils.data.toyworld.people.limits import LIMITS, pose_to_angles
from lecture_utils.data.toyworld.people.motions import FPS, PACES, sample_motions
from lecture_utils.data.toyworld.people.poses import mirror_pose
from lecture_utils.data.toyworld.people.sticks import LEFT, RIGHT, stick_looks, stick_pictures
from lecture_utils.ops.rotation import axis_angle_to_matrix
from tests.body.stick import stick_body

pytestmark = pytest.mark.system("S13.10")


@pytest.fixture(scope="module")
def rest() -> Tensor:
    return stick_body().shaped(torch.zeros(1, 1))[1][0]


def places(pose: Tensor, rest: Tensor) -> Tensor:
    """Joints (…, 24, 3) in metres of poses (…, 24, 3)."""
    rotations = axis_angle_to_matrix(pose).flatten(0, -4)
    return forward_kinematics(rotations, rest.expand(len(rotations), 24, 3), PARENTS)[0].view(pose.shape)


# --- motions ------------------------------------------------------------------------------------------
def test_sixteen_pairs_are_held_out_two_of_each_half() -> None:
    assert len(HELD_OUT_ACTIONS) == 16 and len(action_pairs()) == 48
    assert not set(action_pairs()) & set(action_pairs(held_out=True))
    for k, names in enumerate((LEG_NAMES, ARM_NAMES)):
        assert all(sum(pair[k] == name for pair in HELD_OUT_ACTIONS) == 2 for name in names)


@pytest.mark.parametrize("held_out", [False, True])
def test_motions_are_of_the_pairs_that_were_asked_for_and_all_of_them(held_out: bool) -> None:
    motions = sample_motions(600, 1, frames=1, held_out=held_out)
    seen = {(LEG_NAMES[i], ARM_NAMES[j]) for i, j in zip(motions.legs_id, motions.arms_id, strict=True)}
    assert seen == set(action_pairs(held_out))


def test_splits_and_seeds_share_no_motion() -> None:
    draws = [
        sample_motions(40, seed, split, 2, held_out=held_out).pose[:, 0].flatten(1)
        for seed, split, held_out in itertools.product((0, 1), ("train", "val", "test"), (False, True))
    ]
    for a, b in itertools.combinations(draws, 2):
        assert float(torch.cdist(a, b).min()) > 1e-3


def test_a_motion_depends_on_nothing_but_its_place_and_a_frame_on_nothing_but_its_time() -> None:
    few, many = sample_motions(3, 2, frames=4), sample_motions(9, 2, frames=11)
    torch.testing.assert_close(few.pose, many.pose[:3, :4])
    assert few.text == many.text[:3]


def test_angles_stay_within_the_ranges_of_joints() -> None:
    angles = pose_to_angles(sample_motions(60, 0, frames=12).pose)
    low, high = LIMITS.unbind(-1)
    assert float(torch.rad2deg(torch.maximum(low - angles, angles - high)).max()) < 0.1


def test_motions_are_smooth(rest: Tensor) -> None:
    """No joint is faster than a thrower's hand (12 m/s), and half the speed is half the way."""
    joints = places(sample_motions(100, 0).pose, rest)
    assert float(joints.diff(dim=1).norm(dim=-1).max()) * FPS < 12
    moved = joints.diff(dim=1).norm(dim=-1).mean((1, 2))
    assert float(moved.min()) < 0.001 < 0.01 < float(moved.max())  # some stand still, most do not


def test_pace_is_how_fast_it_goes(rest: Tensor) -> None:
    motions = sample_motions(300, 0, frames=16)
    speed = places(motions.pose, rest).diff(dim=1).norm(dim=-1).mean((1, 2))
    walks = motions.legs_id == LEG_NAMES.index("walk")
    slow, usual, quick = (float(speed[walks & (motions.pace_id == p)].mean()) for p in range(3))
    assert 1.2 * slow < usual < quick / 1.2
    assert all(
        float(motions.speed[motions.pace_id == p].min()) >= least for p, least in enumerate((0.6, 0.9, 1.3))
    )


def test_what_is_said_is_so(rest: Tensor) -> None:
    motions = sample_motions(200, 4, frames=16)
    joints = places(motions.pose, rest)
    hands = {side: joints[:, :, joint_index(f"{side}_hand"), 1] for side in ("left", "right")}
    said = 0
    for i, text in enumerate(motions.text):
        side = "left" if motions.left[i] else "right"
        if "with the" in text:
            assert f"with the {side}" in text
        if "wav" in text:  # the waving hand is the higher one
            other = "right" if side == "left" else "left"
            assert float(hands[side][i].mean()) > float(hands[other][i].mean())
        for pace in ("slowly", "quickly"):
            if pace in text:
                assert motions.pace_id[i] == PACES.index(pace)
                said += 1
    assert said > 20


def test_a_free_start_is_free_and_the_usual_one_is_not() -> None:
    """At the first frame a kicking leg is behind, unless a cycle may begin anywhere."""

    def first(start: float) -> Tensor:
        m = sample_motions(400, 0, frames=1, start=start)
        pose = torch.where(m.left[:, None, None], m.pose[:, 0], mirror_pose(m.pose[:, 0]))
        return pose_to_angles(pose)[m.legs_id == LEG_NAMES.index("kick"), joint_index("left_hip"), 0]

    assert float(first(0.125).min()) > -0.6
    assert float(first(0.5).min()) < -1.2


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"legs": "walk", "arms": "free"}, "a person walks"),
        ({"legs": "walk", "arms": "wave"}, "a person walks and waves"),
        ({"legs": "walk", "arms": "wave", "form": 1, "side": "left"},
         "a person is walking and waving with the left hand"),
        ({"legs": "kick", "arms": "clap", "form": 2, "side": "right", "pace": "slowly"},
         "a person claps while kicking with the right leg slowly"),
        ({"legs": "run", "arms": "free", "form": 2, "wording": (1, 1)}, "a person jogs"),
    ],
)  # fmt: skip
def test_sentences(told: dict, text: str) -> None:
    assert action_text(**told) == text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"count": 0}, "count"), ({"frames": 0}, "frames"), ({"start": 0.6}, "start"),
        ({"split": "all"}, "split"), ({"held_out": 1}, "held_out"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(wrong: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sample_motions(**{"count": 2, "seed": 0} | wrong)


# --- pictures -----------------------------------------------------------------------------------------
def one(pictures: Tensor, colour: tuple[float, ...]) -> Tensor:
    """Places (row, column) of the pixels whose hue is near a colour's."""
    hue = torch.nn.functional.normalize(pictures, dim=0)
    near = torch.nn.functional.normalize(torch.tensor(colour), dim=0)
    return ((hue - near[:, None, None]).norm(dim=0) < 0.2).nonzero().float()


def test_a_figure_stands_on_the_floor_with_its_left_where_the_eye_sees_it(rest: Tensor) -> None:
    t_pose = rest[None]
    for azimuth, left_is_right in ((0.0, True), (180.0, False)):
        picture = stick_pictures(t_pose, torch.tensor([azimuth]), size=64)[0]
        left, right = one(picture, LEFT), one(picture, RIGHT)
        assert min(len(left), len(right)) > 40
        assert (float(left[:, 1].mean()) > float(right[:, 1].mean())) == left_is_right
        assert 54 < float(left[:, 0].max()) < 64
    side = stick_pictures(t_pose, torch.tensor([90.0]), size=64)[0]
    assert len(one(side, LEFT)) > 3 * len(one(side, RIGHT))  # the near limbs hide the far ones


def test_a_picture_is_that_of_signed_distances(rest: Tensor) -> None:
    """A loop over pixels and bones, of the covers alone, says where the wall is seen untouched."""
    pose = sample_motions(1, 0, frames=1).pose[0]
    joints = places(pose, rest)
    picture = stick_pictures(joints, size=32)[0]
    from lecture_utils.data.toyworld.people import sticks

    seen = sticks._seen(joints, torch.tensor([sticks.AZIMUTH_DEG]))[0, :, :2]
    for row, column in itertools.product(range(0, 28, 3), range(0, 32, 3)):
        at = torch.tensor([(column + 0.5) / 32, 1 - (row + 0.5) / 32])
        gaps = []
        for a, b, radius, _ in sticks._BONES:
            p, q = seen[joint_index(a)], seen[joint_index(b)]
            steps = torch.linspace(0, 1, 400)[:, None]
            gaps.append(float((p + steps * (q - p) - at).norm(dim=1).min()) - radius / sticks.SPAN_M)
        wall = torch.equal(picture[:, row, column], torch.full((3,), 0.9))
        assert wall == (min(gaps) * 32 > 0.5) or abs(min(gaps) * 32 - 0.5) < 0.02


def test_pictures_do_not_depend_on_their_batch_and_are_in_range(rest: Tensor) -> None:
    joints = places(sample_motions(4, 0, frames=3).pose, rest).flatten(0, 1)
    azimuth, colours = stick_looks(12, 0)
    pictures = stick_pictures(joints, azimuth, colours)
    assert float(pictures.min()) >= 0 and float(pictures.max()) <= 1 and pictures.shape == (12, 3, 32, 32)
    torch.testing.assert_close(pictures[5:6], stick_pictures(joints[5:6], azimuth[5:6], colours[5:6]))
    assert not torch.equal(stick_looks(2, 0, "test")[0], azimuth[:2])
    with pytest.raises(ValueError, match="colours: got"):
        stick_pictures(joints, azimuth, colours + 1)
