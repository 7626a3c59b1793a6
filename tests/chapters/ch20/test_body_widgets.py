"""The widgets of chapter 20 show what the package computes: on the stick body, whose numbers are known."""

import math

import numpy as np
import pytest
import torch

from lecture_utils.body.skeleton import JOINTS, joint_index
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.chapters.ch20 import body_figures, volumes
from lecture_utils.chapters.ch20.stage import NAMES, carried, turned
from lecture_utils.chapters.ch20.widgets import (
    candy_wrapper,
    depth_flip,
    fit_steps,
    pose_and_shape,
    skin_weights,
)
from lecture_utils.geometry.meshes import Mesh, mesh_volume
from lecture_utils.ops.rotation import axis_angle_to_matrix
from tests.body.stick import stick_body

MODEL = stick_body()
REST = torch.zeros(1, 1)


def joints_of(pose):
    return MODEL(REST, pose).joints[0]


# The stage
def test_a_joint_turns_about_x_last():
    pose = turned(NAMES["left elbow"], (20.0, 30.0, 40.0))
    x, y, z = (axis_angle_to_matrix(torch.deg2rad(angle) * torch.eye(3)[k : k + 1])[0]
               for k, angle in enumerate(torch.tensor([20.0, 30.0, 40.0])))  # fmt: skip
    got = axis_angle_to_matrix(pose[0])
    torch.testing.assert_close(got[NAMES["left elbow"]], x @ y @ z, atol=1e-5, rtol=0)
    assert pose.abs().amax(-1)[0].nonzero().flatten().tolist() == [NAMES["left elbow"]]
    assert NAMES["spine 2"] == joint_index("spine2") and len(NAMES) == len(JOINTS)


def test_an_elbow_carries_wrist_and_hand():
    names = [JOINTS[k] for k in carried(MODEL, joint_index("left_elbow"))]
    assert names == ["left_elbow", "left_wrist", "left_hand"]
    assert len(carried(MODEL, 0)) == 24


# Pose and shape
def test_limits_know_which_way_a_knee_bends():
    knee = NAMES["left knee"]
    assert pose_and_shape.within_limits(knee, (90.0, 0.0, 0.0))
    assert not pose_and_shape.within_limits(knee, (-20.0, 0.0, 0.0))
    assert "no person's joint" in said(pose_and_shape.pose_and_shape(MODEL), joint="left knee", x=-60)


def said(widget, **values):
    """All words of a widget's figure."""
    fig = widget.compute(**widget.values(**values))
    return " | ".join([text.get_text() for text in fig.texts] + [ax.get_title() for ax in fig.axes])


def test_it_counts_the_numbers_of_its_model():
    assert "82 numbers in, 800 vertices out" in said(pose_and_shape.pose_and_shape(MODEL))


# Weights
@pytest.mark.parametrize("part", ["hip", "knee", "ankle", "shoulder", "elbow", "wrist"])
def test_left_and_right_bend_as_mirror_images(part):
    left, right = (joints_of(turned(NAMES[f"{side} {part}"], skin_weights.bend(f"{side} {part}", 50.0)))
                   for side in ("left", "right"))  # fmt: skip
    from lecture_utils.body.skeleton import MIRROR

    torch.testing.assert_close(left, right[list(MIRROR)] * torch.tensor([-1.0, 1.0, 1.0]), atol=1e-5, rtol=0)
    assert (left - joints_of(torch.zeros(1, 24, 3))).norm(dim=1).max() > 0.03


def test_the_caption_counts_vertices():
    own = MODEL.weights[:, joint_index("left_knee")]
    words = said(skin_weights.skin_weights(MODEL), joint="left knee")
    assert (
        f"{int((own > 0.01).sum())} of 800" in words
        and f"{int((own > 0.99).sum())} of them no other" in words
    )


# Volumes
def tube(radius=0.05, length=0.6, around=64, rings=61):
    """A closed tube along x as a model of two joints, the second in its middle."""
    angle = 2 * math.pi * torch.arange(around) / around
    x = torch.linspace(0, length, rings)
    ring = radius * torch.stack([angle.cos(), angle.sin()], 1)
    skin = torch.cat([x[:, None, None].expand(-1, around, 1), ring.expand(rings, -1, -1)], 2).reshape(-1, 3)
    here = torch.arange((rings - 1) * around)
    beside = here // around * around + (here + 1) % around
    faces = torch.cat([torch.stack([here, beside, here + around], 1),
                       torch.stack([beside, beside + around, here + around], 1)])  # fmt: skip
    return skin, faces, x


def test_a_piece_of_a_tube_has_the_volume_of_a_cylinder():
    from lecture_utils.body.smpl import SMPL

    skin, faces, _ = tube()
    share = (skin[:, 0] > 0.3).float()
    weights = torch.stack([1 - share, share], 1)
    regressor = torch.zeros(2, len(skin))
    regressor[0, skin[:, 0] == 0] = 1 / 64
    regressor[1, (skin[:, 0] - 0.3).abs() < 1e-4] = 1 / 64
    model = SMPL(
        skin, torch.zeros(len(skin), 3, 1), torch.zeros(len(skin), 3, 9), regressor, weights, faces, (-1, 0)
    )
    piece = volumes.limb_piece(model, 1, 0, 0.1001)
    polygon = 64 / 2 * 0.05**2 * math.sin(2 * math.pi / 64)
    assert volumes.volume_ml(piece, skin) == pytest.approx(1e6 * 0.2 * polygon, rel=1e-4)
    moved = skin @ axis_angle_to_matrix(torch.tensor([[0.3, -0.8, 0.5]]))[0].T + 2.0
    assert volumes.volume_ml(piece, moved) == pytest.approx(1e6 * 0.2 * polygon, rel=1e-3)


@pytest.mark.parametrize("turn", candy_wrapper.TURNS)
def test_a_piece_is_closed_and_part_of_the_body(turn):
    own = candy_wrapper.TURNS[turn]
    piece = volumes.limb_piece(MODEL, joint_index(own.joint), own.axis, own.reach_m)
    closed = piece.closed(MODEL.template)
    edges = torch.cat([closed.faces[:, [i, j]] for i, j in ((0, 1), (1, 2), (2, 0))])
    there = {tuple(edge) for edge in edges.tolist()}
    assert len(there) == len(edges) and all((b, a) in there for a, b in there)
    assert 0 < mesh_volume(closed) < 0.2 * mesh_volume(Mesh(MODEL.template, MODEL.faces))


def test_skinning_alone_loses_volume_and_correctives_change_it():
    for turn in candy_wrapper.TURNS:
        skinned, corrected = candy_wrapper.volumes_ml(MODEL, turn)
        assert skinned[0] == corrected[0]
        assert (skinned.diff() < 0).all(), "the further, the less"
        assert (skinned - corrected)[1:].abs().max() > 0.001 * skinned[0]
    assert candy_wrapper.volumes_ml(MODEL, "forearm and hand twisted")[0, -1] < 0.6 * skinned[0]


def test_the_titles_say_what_the_chart_shows():
    volumes_ml = candy_wrapper.volumes_ml(MODEL, "elbow bent")
    words = said(candy_wrapper.candy_wrapper(MODEL), turn="elbow bent", angle=120)
    for name, row in (("skinning alone", volumes_ml[0]), ("with correctives", volumes_ml[1])):
        assert f"{name}: {100 * row[8] / volumes_ml[0, 0]:.0f} %" in words


# Two depths
@pytest.mark.parametrize("limb", depth_flip.LIMBS)
def test_two_valleys_and_a_hill_between(limb):
    errors = depth_flip.errors_px(MODEL, limb)
    angles = np.arange(-75, 76, 5)
    at = dict(zip(angles.tolist(), errors.tolist(), strict=True))
    assert at[45] == 0
    valley = angles[angles < 0][int(errors[angles < 0].argmin())]
    assert -60 <= valley <= -30
    assert at[valley] < 0.5 * at[0] and at[valley] < 0.3 * at[-75]


@pytest.mark.parametrize("limb", depth_flip.LIMBS)
def test_a_limb_keeps_its_direction_and_its_length_in_the_picture_is_the_cosine(limb):
    joint = joint_index(depth_flip.LIMBS[limb].joint)
    child = MODEL.parents.index(joint)
    angles = torch.tensor([0.0, 30.0, -30.0, 60.0])
    joints = MODEL(torch.zeros(4, 1), depth_flip.flipped(MODEL, limb, angles)).joints
    along = joints[:, child] - joints[:, joint]
    level = torch.nn.functional.normalize(along[0] * torch.tensor([1.0, 1.0, 0.0]), dim=0)
    start = torch.atan2(along[0, 2], along[0] @ level)  # the limb at 0° need not lie in the plane
    length = along.norm(dim=1)
    torch.testing.assert_close(
        along @ level, length * (start + torch.deg2rad(angles)).cos(), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(along[:, 2], length * (start + torch.deg2rad(angles)).sin(), atol=1e-4, rtol=0)


def test_limits_tell_an_elbow_from_its_twin():
    front, back = depth_flip.flipped(MODEL, "left forearm", torch.tensor([45.0, -45.0]))
    assert depth_flip.possible("left forearm", front) and not depth_flip.possible("left forearm", back)
    front, back = depth_flip.flipped(MODEL, "left arm", torch.tensor([45.0, -45.0]))
    assert depth_flip.possible("left arm", front) and depth_flip.possible("left arm", back)


# SMPLify
@pytest.fixture
def loose_prior(monkeypatch):
    """A prior of one wide Gaussian about the rest pose, in place of the one that ships."""
    prior = GaussianMixturePrior(torch.zeros(1, 69), 0.5 * torch.eye(69)[None], torch.ones(1))
    monkeypatch.setattr(fit_steps.zoo, "load", lambda name: prior)
    fit_steps.fitted.cache_clear()
    yield
    fit_steps.fitted.cache_clear()


def test_the_steps_are_those_of_the_fit_and_the_picture_fits_better_at_the_end(loose_prior):
    fit, off_px, off_mm = fit_steps.fitted(MODEL, "with all priors")
    assert len(fit.poses) == fit_steps.LAST + 1 and off_px.shape == off_mm.shape == (fit_steps.LAST + 1, 4)
    assert (off_px[-1] < off_px[0]).all() and off_px[-1].mean() < 0.5 * off_px[0].mean()
    own = fit_steps.seen(MODEL)
    joints = MODEL(fit.shape, fit.pose, fit.translation).joints
    from_pelvis = (joints - joints[:, :1]) - (own.joints - own.joints[:, :1])
    torch.testing.assert_close(off_mm[-1], 1000 * from_pelvis.norm(dim=-1).mean(1), atol=0.1, rtol=0)
    words = said(fit_steps.fit_steps(MODEL), step=fit_steps.LAST, person="a squat")
    assert f"{off_px[-1, 1]:.1f} px" in words and f"{off_mm[-1, 1]:.0f} mm" in words


def test_the_noise_of_the_joints_is_as_told():
    own = fit_steps.seen(MODEL)
    from lecture_utils.ops.camera import project

    exact, _ = project(own.joints, own.cameras)
    assert float((own.found - exact).std()) == pytest.approx(fit_steps.NOISE_PX, rel=0.15)


# Figures
def test_a_row_has_one_person_and_a_column_one_pose(monkeypatch):
    got = {}

    def kept(skins, faces, **options):
        got.update(skins=skins, **options)

    monkeypatch.setattr(body_figures, "body_views", kept)
    shapes, poses = torch.eye(2, 10), 0.3 * torch.randn(3, 24, 3, generator=torch.Generator().manual_seed(0))
    body_figures.people_grid(MODEL, shapes, poses)
    for k, skin in enumerate(got["skins"]):
        want = MODEL(shapes[k // 3 : k // 3 + 1], poses[k % 3 : k % 3 + 1]).vertices[0]
        torch.testing.assert_close(skin, want, atol=1e-6, rtol=0)
    assert got["columns"] == 3 and got["colours"][0] == got["colours"][2] != got["colours"][3]


def test_a_ladder_has_one_number_and_says_it():
    fig = body_figures.shape_ladder(MODEL, 1, (-2.0, 0.0, 2.0))
    assert [ax.get_title() for ax in fig.axes] == ["−2.0", "0", "+2.0"]
    with pytest.raises(ValueError, match="component: got 10, want 0 to 9"):
        body_figures.shape_ladder(MODEL, 10)
