"""Scenes with people: where they face and stand, what a seed draws, and the two who pass one another."""

import math

import pytest
import torch

from lecture_utils.body.skeleton import joint_index
from lecture_utils.data.toyworld.people import (
    crossing,
    on_the_floor,
    placed,
    render_people,
    sample_people,
    sample_poses,
    upright,
)
from lecture_utils.ops.camera import project
from tests.body.stick import stick_body

MODEL = stick_body()


def facing(pose: torch.Tensor) -> torch.Tensor:
    """Where a body's front points, (B, 3), by its hips and its spine."""
    posed = MODEL(torch.zeros(len(pose), 1), pose)
    left, right, top = (posed.joints[:, joint_index(n)] for n in ("left_hip", "right_hip", "spine1"))
    across, up = left - right, top - (left + right) / 2
    return torch.nn.functional.normalize(torch.linalg.cross(across, up, dim=-1), dim=-1)


@pytest.mark.parametrize(
    "degrees, front", [(0, (0, -1, 0)), (90, (1, 0, 0)), (180, (0, 1, 0)), (-90, (-1, 0, 0))]
)
def test_yaw_turns_a_standing_body_about_the_vertical(degrees, front):
    pose = upright(torch.zeros(1, 24, 3), torch.tensor([math.radians(degrees)]))
    torch.testing.assert_close(facing(pose)[0], torch.tensor(front, dtype=torch.float32), atol=2e-3, rtol=0)


def test_feet_stand_on_the_floor_and_the_pelvis_above_its_place():
    pose = upright(sample_poses(6, 1), torch.linspace(-3, 3, 6))
    shape, place = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.rand(6, 2)
    translation = on_the_floor(MODEL, shape, pose, place)
    posed = MODEL(shape, pose, translation)
    torch.testing.assert_close(posed.vertices[..., 2].amin(1), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(posed.joints[:, 0, :2], place, atol=1e-5, rtol=0)
    assert float(posed.joints[:, joint_index("head"), 2].min()) > 0.3


def same(one, two) -> bool:
    tensors = [(getattr(one, n), getattr(two, n)) for n in ("shape", "pose", "translation")]
    tensors += [(v, getattr(two.clothes, k)) for k, v in vars(one.clothes).items()]
    tensors += [(v, getattr(two.surroundings, k)) for k, v in vars(one.surroundings).items()]
    tensors += [(one.cameras.translation, two.cameras.translation)]
    return all(torch.equal(a, b) for a, b in tensors)


def test_a_scene_is_a_function_of_its_seed_and_split():
    few, many = sample_people(2, 5, MODEL, count=2), sample_people(2, 5, MODEL, count=7)
    assert same(few, many[:2]) and not same(few[0], few[1])
    assert not same(few, sample_people(2, 6, MODEL, count=2))
    assert not same(few, sample_people(2, 5, MODEL, count=2, split="val"))


def test_people_are_seen_whole_most_of_the_time_and_are_not_small():
    scene = sample_people(1, 0, MODEL, count=200)
    centre = scene.cameras.centre
    assert float(centre[:, :2].norm(dim=1).min()) > 2.4 and float(centre[:, :2].norm(dim=1).max()) < 5.1
    assert float(centre[:, 2].min()) >= 1 and float(centre[:, 2].max()) <= 1.7
    pixels, _ = project(placed(MODEL, scene).joints, scene.cameras)
    assert float(((pixels > 0) & (pixels < 128)).all(-1).float().mean()) > 0.97
    high = pixels[..., 1].amax(1) - pixels[..., 1].amin(1)
    assert float(high.median()) > 0.5 * 128


def test_all_ways_to_look_are_drawn():
    scene = sample_people(1, 0, MODEL, count=300)
    assert scene.surroundings.floor.unique().tolist() == [0, 1, 2, 3]
    assert scene.surroundings.wall.unique().tolist() == [0, 1, 2]
    assert scene.clothes.pattern.unique().tolist() == [0, 1, 2, 3, 4]
    assert float(scene.clothes.colour.min()) >= 0 and float(scene.clothes.colour.max()) <= 1
    front = facing(scene.pose[:, 0])
    towards = (front * torch.nn.functional.normalize(scene.cameras.centre, dim=1)).sum(1)
    assert 0.35 < float((towards > 0).float().mean()) < 0.65  # as many from behind as from the front


def test_poses_and_shapes_may_be_given():
    poses, shapes = sample_poses(6, 9).unflatten(0, (3, 2)), torch.ones(3, 2, 4)
    scene = sample_people(2, 0, MODEL, count=3, poses=poses, shapes=shapes)
    assert torch.equal(scene.pose[:, :, 1:], poses[:, :, 1:]) and torch.equal(scene.shape, shapes)


@pytest.mark.parametrize("seed", range(4))
def test_two_who_cross_walk_where_they_face_and_one_hides_the_other(seed):
    scene = crossing(seed, MODEL)
    assert len(scene) == 24 and scene.people == 2
    pelvis = placed(MODEL, scene).joints.unflatten(0, (24, 2))[:, :, 0]  # (24, 2, 3)
    assert bool((pelvis[0, 0, 0] < -0.5) & (pelvis[-1, 0, 0] > 0.5) & (pelvis[0, 1, 0] > 0.5))
    assert bool((pelvis[12, 1, 1] < pelvis[12, 0, 1] - 0.4).all())  # person 1 is the nearer one
    for person in range(2):
        way = torch.nn.functional.normalize((pelvis[-1] - pelvis[0])[person, :2], dim=0)
        assert float((facing(scene.pose[:, person])[:, :2] @ way).min()) > 0.95
    assert bool((scene.shape == scene.shape[:1]).all())
    assert bool((scene.clothes.colour == scene.clothes.colour[:1]).all())
    seen = render_people(scene, MODEL, (64, 64), samples=1).visible.float().mean(-1)  # (24, 2)
    assert float(seen[[0, -1]].min()) > 0.95 and float(seen[:, 1].min()) > 0.95
    assert float(seen[:, 0].min()) < 0.6


def test_scenes_are_picked_and_bad_ones_refused():
    scene = sample_people(2, 0, MODEL, count=4)
    assert len(scene[1:3]) == 2 and len(scene[3]) == 1 and len(scene[[0, 2]].cameras) == 2
    assert torch.equal(scene[3].pose, scene[-1].pose) and len(list(scene)) == 4
    with pytest.raises(IndexError, match="scene: got index 4"):
        scene[4]
    with pytest.raises(ValueError, match="cameras: got 1, want 4"):
        type(scene)(**{**vars(scene), "cameras": scene.cameras[0]})
    with pytest.raises(ValueError, match="poses: got"):
        sample_people(2, 0, MODEL, count=4, poses=torch.zeros(4, 24, 3))
    with pytest.raises(ValueError, match="people: got 0"):
        sample_people(0, 0, MODEL)
    with pytest.raises(ValueError, match="fps: got 0"):
        crossing(0, MODEL, fps=0)
