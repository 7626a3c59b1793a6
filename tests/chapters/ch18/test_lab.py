"""Chapter 18's lab: the cloud is the package's, the fault shows as it should, the bar asks for thought."""

import itertools
import random
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch18 import lab, lab_places
from lecture_utils.chapters.ch18.exercises import LAB
from lecture_utils.chapters.ch18.tasks import lab_cameras, lab_cloud, lab_more_views
from lecture_utils.data.toyworld import solids
from lecture_utils.exercises.checker import labs
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.geometry import sfm
from lecture_utils.ops.camera import Cameras, orbit, world_to_cam
from lecture_utils.rendering.gaussians import gaussians as package


def points_of(seed: int, number: int) -> tuple[Tensor, Tensor]:
    """Points and colours."""
    gen = torch.Generator().manual_seed(seed)
    return torch.rand(number, 3, generator=gen) - 0.5, torch.rand(number, 3, generator=gen)


def poses_of(seed: int, number: int) -> Tensor:
    """Camera-to-world matrices, (N, 4, 4)."""
    cases = lab_cameras.STEP_2.cases
    assert cases is not None
    poses: Tensor = list(cases(np.random.default_rng(seed)))[-1][0]
    return poses[:number]


def test_the_lab_is_the_chapters() -> None:
    assert labs("18") == [LAB]
    assert 30 <= LAB.minutes <= 40


# --- step 1 ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [4, 12, 40])
def test_the_cloud_begins_as_the_packages_gaussians_do(number: int) -> None:
    points, colours = points_of(number, number)
    ours, theirs = lab.Cloud(points, colours), package.gaussians_from_points(points, colours, degree=0)
    torch.testing.assert_close(ours.log_scales, theirs.log_scales[:, 0])
    torch.testing.assert_close(ours.values()[2], theirs.opacities)
    camera = orbit(3, (9, 12))[1]
    image = lab.renderer(camera)(*ours.values())
    torch.testing.assert_close(image, theirs(camera)[0], atol=1e-5, rtol=1e-4)
    assert (image - 1).abs().max() > 0.05  # there is something to see


def test_steps_bring_the_loss_down_and_move_all_that_is_learned() -> None:
    points, colours = points_of(0, 30)
    camera = orbit(4, (16, 20), radius_m=2.0)
    picture = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0)).repeat_interleave(4, 1)
    picture = picture.repeat_interleave(4, 2)
    cloud = lab.Cloud(points, colours)
    before = [part.detach().clone() for part in cloud.values()]
    losses = [cloud.step(lab.renderer(camera[0]), picture) for _ in range(60)]
    assert losses[-1] < 0.8 * losses[0]
    for old, new in zip(before, cloud.values(), strict=True):
        assert (old - new).abs().max() > 1e-3


def test_a_cloud_written_in_another_way_is_accepted() -> None:
    class Mine:
        def __init__(self, points: Tensor, colours: Tensor) -> None:
            distance = (points[:, None] - points).norm(dim=2).sort(dim=1).values[:, 1:4]
            size = torch.sqrt((distance**2).mean(1).clamp(min=1e-8))
            logit = torch.log(torch.tensor(0.1 / 0.9)).repeat(len(points))
            self.all = [part.detach().clone() for part in (points, size.log(), logit, colours)]
            for part in self.all:
                part.requires_grad = True
            rates = (0.002, 0.01, 0.05, 0.01)
            self.adams = [torch.optim.Adam([p], lr=r) for p, r in zip(self.all, rates, strict=True)]

        def values(self) -> Any:
            means, size, logit, colours = self.all
            return means, torch.exp(size), torch.sigmoid(logit), colours

        def step(self, render: Any, picture: Tensor) -> Any:
            loss = F.l1_loss(render(*self.values()), picture)
            for adam in self.adams:
                adam.zero_grad()
            loss.backward()
            for adam in self.adams:
                adam.step()
            return loss.detach()

    found = examine(lab_cloud.STEP_1, Mine)
    assert found.state == "right", found


# --- step 2 ----------------------------------------------------------------------------------------
def test_reading_is_the_inverse_of_the_matrix_with_two_axes_turned_round() -> None:
    for seed in range(3):
        poses = poses_of(seed, 5)
        rotation, translation = lab.read_cameras(poses)
        inverse = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0])) @ torch.linalg.inv(poses)
        torch.testing.assert_close(rotation, inverse[:, :3, :3], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(translation, inverse[:, :3, 3], atol=1e-5, rtol=1e-5)


def test_what_was_exported_is_read_again() -> None:
    cameras = orbit(7, (20, 30), elevation_deg=-15, start_deg=33)
    rotation, translation = lab.read_cameras(lab.exported(cameras))
    torch.testing.assert_close(rotation, cameras.rotation, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(translation, cameras.translation, atol=1e-5, rtol=1e-5)
    pose = lab.exported(cameras)[0]  # a point 2 m ahead is at z = -2 in OpenGL's axes
    ahead = pose @ torch.tensor([0.0, 0.0, -2.0, 1.0])
    torch.testing.assert_close(world_to_cam(ahead[None, :3], cameras[0])[0, 0, 2], torch.tensor(2.0))


def seen_points() -> tuple[Cameras, Tensor, Tensor, Tensor]:
    """Cameras in the axes of the first of them, as structure from motion has them, and what they see."""
    cameras = orbit(12, (64, 64), turn_deg=66)
    points, _ = points_of(3, 50)
    inside = world_to_cam(points, cameras[0])[0]  # the world is now the first camera's axes
    turn = cameras.rotation @ cameras.rotation[0].T
    moved = cameras.translation - (turn @ cameras.translation[0])
    own = Cameras(turn, moved, cameras.intrinsics, cameras.size)
    pixels = torch.stack([(world_to_cam(inside, own[i])[0] @ own.intrinsics[i].T) for i in range(12)])
    return own, inside, pixels[..., :2] / pixels[..., 2:], torch.ones(12, 50, dtype=torch.bool)


def test_with_the_fault_cameras_stand_right_and_look_elsewhere_and_the_first_one_fits() -> None:
    """What the hints of step 2 say of the symptoms."""
    good = lab.symptoms(lab.read_cameras, *seen_points())
    assert all(s.in_front == 1 and s.error_px < 0.01 and s.centre_off < 1e-4 for s in good)
    bad = lab.symptoms(lab.read_cameras_faulty, *seen_points())
    assert all(s.centre_off < 1e-4 for s in bad)
    errors = [s.error_px for s in bad]
    assert errors[0] < 0.01 and errors[1] > 5 and errors == sorted(errors)
    unflipped = lab.symptoms(lambda poses: lab_cameras._not_flipped.wrong(poses), *seen_points())
    assert all(s.in_front == 0 and np.isnan(s.error_px) and s.centre_off < 1e-4 for s in unflipped)


def test_in_a_world_with_z_up_the_fault_is_a_rotation_too() -> None:
    """No mirror: `Cameras` accepts it, so that nothing but the pictures tells."""
    cameras = orbit(12, (64, 64))
    rotation, translation = lab.read_cameras_faulty(lab.exported(cameras))
    read = Cameras(rotation, translation, cameras.intrinsics, cameras.size)
    torch.testing.assert_close(read.centre, cameras.centre, atol=1e-5, rtol=1e-5)


# --- step 3 ----------------------------------------------------------------------------------------
def test_lifted_pixels_lie_on_the_solids() -> None:
    scene = solids.showpiece(ground=False)
    for chosen in ((), (4, 8, 20)):
        means, scales, opacities, colours = lab.lifted(chosen)
        assert scene.distance(means).abs().max() < 0.01 * scales.max() + 2e-3
        assert len(means) == len(scales) == len(opacities) == len(colours) > 200 * (2 + len(chosen))
        assert scales.min() > 0.003 and scales.max() < 0.02 and colours.min() >= 0 and colours.max() <= 1


def test_held_out_views_are_none_of_the_24() -> None:
    found = lab.places()
    assert len(found.cameras) == 24 and len(found.held_out) == 8
    assert torch.cdist(found.held_out.centre, found.cameras.centre).min() > 0.3
    heights = found.held_out.centre[:, 2]
    assert (heights[1::2] > heights[::2] + 0.5).all()


def test_the_bar_is_missed_by_the_usual_choices_and_reached_with_room_by_the_reference() -> None:
    assert lab.worst_view(lab_more_views.STEP_3.reference) > lab_places.BAR + 0.3
    naive = [(1, 2, 3), (5, 6, 7), (3, 6, 9), (4, 7, 10), (13, 17, 21), (12, 16, 20), (6, 18, 12), (1, 1, 1)]
    assert all(lab.worst_view(choice) < lab_places.BAR - 0.2 for choice in naive)


def test_no_picture_more_is_the_worst() -> None:
    assert min(lab.object_psnr(())) < min(lab.object_psnr((6,))) < min(lab.object_psnr((4, 8)))


@pytest.mark.nightly
def test_few_choices_reach_the_bar_and_those_that_do_look_from_many_sides() -> None:
    rng = random.Random(0)
    choices = rng.sample(list(itertools.combinations(range(2, 24), 3)), 60)
    reached = [choice for choice in choices if lab.worst_view(choice) >= lab_places.BAR]
    assert 1 <= len(reached) <= 12
    for choice in reached:
        high = lab_more_views._high(choice)
        assert lab_more_views._gap(lab_more_views._azimuths(choice)) <= 5 and high <= 1


@pytest.mark.parametrize("choice", [(1, 2), (1, 2, 24), (1, 2, 3, 4), (-1, 4, 8)])
def test_what_is_no_choice_is_told_so(choice: Any) -> None:
    found = examine(lab_more_views.STEP_3, choice)
    assert found.reason == "raises" and "want 3 numbers" in found.problem
    assert known_mistake(lab_more_views.STEP_3, choice, found) is None


@pytest.mark.parametrize("choice", [[4, 8, 20], torch.tensor([20, 4, 8])])
def test_a_list_or_a_tensor_will_do(choice: Any) -> None:
    assert examine(lab_more_views.STEP_3, choice).state == "right"


# --- all of it -------------------------------------------------------------------------------------
@pytest.mark.nightly
def test_from_pictures_to_a_new_view_and_what_the_fault_costs() -> None:
    """As in the notebook: two of the twelve pictures are held out of the training."""
    pictures = lab.capture()
    model = sfm.reconstruct(pictures.images, pictures.intrinsics)
    assert len(model.views) == 12 and len(model.points) > 300 and model.errors_px.mean() < 0.7
    small = F.avg_pool2d(pictures.images[model.views], 3)
    cameras = model.cameras.scaled((64, 64))
    kept = [i for i, view in enumerate(model.views) if view not in (3, 8)]
    reached = {}
    for name, read in (("right", lab.read_cameras), ("faulty", lab.read_cameras_faulty)):
        own = Cameras(*read(lab.exported(cameras)), cameras.intrinsics, cameras.size)
        cloud = lab.Cloud(model.points, model.colours)
        for step in range(200):
            i = kept[step % len(kept)]
            cloud.step(lab.renderer(own[i]), small[i])
        left = [i for i in range(12) if i not in kept]
        with torch.no_grad():
            errors = [(lab.renderer(own[i])(*cloud.values()) - small[i]).square().mean() for i in left]
        reached[name] = float(-10 * torch.stack(errors).mean().log10())
    assert reached["right"] > 21 and reached["faulty"] < reached["right"] - 6
