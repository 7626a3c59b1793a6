"""Crops and their cameras: closed forms, a round trip, rendering where the crop would be, mirrors."""

import pytest
import torch

from lecture_utils.body.spin import crop
from lecture_utils.ops import camera
from lecture_utils.ops.rotation import axis_angle_to_matrix
from tests.body.spin.pictures import JOINTS, cameras, people
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.5")
FAR = 5000.0  # a focal length at which a pinhole is nearly weak perspective


def weak_agrees(module) -> bool:
    """Whether a pinhole far away gives the pixels of the weak-perspective formula."""
    draw = torch.Generator().manual_seed(0)
    points = torch.rand(2, 5, 3, generator=draw) - 0.5
    weak = torch.tensor([[0.9, 0.1, -0.2], [0.5, -0.3, 0.4]])
    views = module.fixed_cameras(2, 224, FAR)
    place = module.weak_to_translation(weak, views)
    pixels, _ = camera.project(points + place[:, None], views)
    want = 112 + 112 * weak[:, None, :1] * (points[..., :2] + weak[:, None, 1:])
    return bool((pixels - want).abs().max() < 1.5)  # points are up to 0.5 m off the plane, 45 m away


def test_a_pinhole_from_afar_is_weak_perspective():
    assert weak_agrees(crop)
    assert crop.weak_to_translation(torch.tensor([[0.9, 0.1, -0.2]]), crop.fixed_cameras(1, 224, FAR))[
        0
    ].tolist() == pytest.approx([0.1, -0.2, 2 * FAR / (224 * 0.9)])


@pytest.mark.parametrize(
    "fault",
    [
        ("depth = 2 * cameras", "depth = cameras"),
        ("return torch.stack([tx, ty, depth], dim=1)", "return torch.stack([ty, tx, depth], dim=1)"),
        ("[0, focal, size / 2], [0, 0, 1]]", "[0, focal, 0], [0, 0, 1]]"),
        (
            "(cameras.size[1] * scale.clamp_min(LEAST_SCALE))",
            "cameras.size[1] * scale.clamp_min(LEAST_SCALE)",
        ),
    ],
)
def test_a_fault_in_the_camera_is_seen(fault):
    assert not weak_agrees(planted("lecture_utils.body.spin.crop", fault))


def test_translation_and_weak_perspective_are_a_round_trip():
    views = cameras(3)
    weak = torch.tensor([[0.9, 0.1, -0.2], [0.3, 0.0, 1.0], [2.0, -1.0, 0.5]])
    back = crop.translation_to_weak(crop.weak_to_translation(weak, views), views)
    torch.testing.assert_close(back, weak)
    behind = crop.weak_to_translation(torch.tensor([[-1.0, 0, 0]]), cameras(1))
    assert behind[0, 2] > 0


def test_the_square_holds_the_seen_joints():
    joints2d = torch.tensor([[[10.0, 20], [30, 60], [500, 500]]])
    square = crop.square_around(joints2d, torch.tensor([[1.0, 0.5, 0]]), wider=1.5)
    assert square.tolist() == [[20, 40, 60]]
    inside = crop.crop_points(joints2d[:, :2], square, 96)
    torch.testing.assert_close(inside, torch.tensor([[[32.0, 16], [64, 80]]]))


def test_a_crop_is_a_change_of_the_camera():
    views = camera.orbit(3, (60, 90))
    points = 0.5 * torch.rand(3, 7, 3, generator=torch.Generator().manual_seed(1))
    squares = torch.tensor([[40.0, 30, 20], [50, 35, 30.5], [10, 10, 60]])
    pixels, depth = camera.project(points, views)
    inside, same = camera.project(points, crop.crop_cameras(views, squares, 48))
    torch.testing.assert_close(inside, crop.crop_points(pixels, squares, 48), rtol=1e-4, atol=1e-3)
    assert torch.equal(depth, same)


def test_a_crop_of_a_ramp_has_the_ramps_values():
    grid = camera.pixel_grid((40, 50))  # (H, W, 2): what a pixel says is where it is
    images = grid.movedim(-1, 0)[None].repeat(2, 1, 1, 1) / 50
    squares = torch.tensor([[25.0, 20, 16], [20, 18, 24]])
    out = crop.crop_pictures(images, squares, 8)
    for k, (u, v, side) in enumerate(squares.tolist()):
        want = camera.pixel_grid((8, 8)) * side / 8 + torch.tensor([u, v]) - side / 2
        torch.testing.assert_close(out[k].movedim(0, -1), want / 50, rtol=1e-4, atol=1e-4)


def test_outside_the_picture_a_crop_is_black():
    out = crop.crop_pictures(torch.ones(1, 3, 20, 20), torch.tensor([[0.0, 10, 20]]), 10)
    assert out[..., :4].eq(0).all() and out[..., 6:].eq(1).all()


def mirrored_joints(module) -> bool:
    """Whether the mirrored pose has the mirror image's joints, left for right."""
    pose, shape, place = people(3)
    joints = JOINTS(shape, axis_angle_to_matrix(pose), place)
    flip = torch.tensor([-1.0, 1, 1])
    other = JOINTS(shape, axis_angle_to_matrix(module.mirror_pose(pose)), place * flip)
    pixels, _ = camera.project(joints, cameras(3))
    want, _ = camera.project(other, cameras(3))
    in_space = torch.allclose(other, joints[:, list(crop.MIRROR)] * flip, atol=1e-5)
    return in_space and torch.allclose(module.mirror_points(pixels, 16), want, atol=1e-4)


def test_a_mirrored_pose_has_mirrored_joints():
    assert mirrored_joints(crop)
    pose = people(3)[0]
    assert torch.equal(crop.mirror_pose(crop.mirror_pose(pose)), pose)


@pytest.mark.parametrize(
    "fault",
    [
        ("torch.tensor([1.0, -1.0, -1.0]).to(pose)", "torch.tensor([-1.0, 1.0, 1.0]).to(pose)"),
        ("return pose[:, list(MIRROR)] *", "return pose *"),
        ("torch.stack([size - u, v]", "torch.stack([-u, v]"),
        ("u, v = joints2d[:, list(MIRROR)]", "u, v = joints2d"),
    ],
)
def test_a_fault_in_the_mirror_is_seen(fault):
    assert not mirrored_joints(planted("lecture_utils.body.spin.crop", fault))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: crop.square_around(torch.rand(1, 3, 2), torch.tensor([[1.0, 0, 0]])), "1 joints seen"),
        (lambda: crop.square_around(torch.rand(1, 3, 2), -torch.ones(1, 3)), "want 0 or more"),
        (lambda: crop.crop_points(torch.rand(1, 3, 2), torch.tensor([[1.0, 2, 0]]), 8), "side of 0"),
        (lambda: crop.translation_to_weak(-torch.ones(2, 3), cameras(2)), "depth of -1"),
        (lambda: crop.fixed_cameras(2, 8, 0), "focal"),
        (lambda: crop.mirror_pose(torch.zeros(2, 23, 3)), "24"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
