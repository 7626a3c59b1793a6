"""Pictures of people: masks and depth by cast rays, joints by projection, who hides whom, shade."""

import dataclasses

import pytest
import torch

from lecture_utils.data.toyworld.people import placed, render, render_people, sample_people, surroundings
from lecture_utils.ops.camera import project, rays
from tests.body.stick import stick_body
from tests.mutants import planted
from tests.rendering.rasteriser.meshes import cast

MODEL = stick_body()
SIZE = (20, 24)


def crowd(count: int, aside_m: float = 0.0):
    """Three people who stand closer together than any that are drawn."""
    scene = sample_people(3, 1, MODEL, count=count)
    closer = scene.translation * torch.tensor([0.2, 1, 1]) + torch.tensor([aside_m, 0, 0])
    return dataclasses.replace(scene, translation=closer)


def test_masks_and_depth_are_those_of_cast_rays():
    scene = sample_people(2, 3, MODEL, count=1)
    got = render_people(scene, MODEL, SIZE, samples=1)
    vertices = placed(MODEL, scene).vertices.double()
    faces = torch.cat([MODEL.faces, MODEL.faces + len(MODEL.template)])
    camera = scene.cameras.scaled(SIZE).to(torch.float64)
    face, _, depth, margin = cast(vertices.flatten(0, 1), faces, camera)
    sure = margin > 1e-4
    want = torch.where(face >= 0, face // len(MODEL.faces) + 1, 0)
    assert want.unique().tolist() == [0, 1, 2] and float(sure.float().mean()) > 0.8
    assert torch.equal(got.person[sure], want[sure])
    origins, directions = rays(camera)
    forward = (directions * camera.rotation[:, None, None, 2]).sum(-1)
    floor = -origins[..., 2] / directions[..., 2] * forward
    wall = (scene.surroundings.wall_m - origins[..., 1]) / directions[..., 1] * forward
    high = origins[..., 2] + wall / forward * directions[..., 2]
    wall = torch.where((high >= 0) & (high <= scene.surroundings.wall_height_m), wall, torch.inf)
    behind = torch.minimum(torch.where(floor > 0, floor, torch.inf), wall)
    torch.testing.assert_close(
        got.depth_m[sure].double(), torch.minimum(depth, behind)[sure], atol=1e-3, rtol=1e-3
    )


def test_joints_are_projected_and_hidden_by_other_people_alone():
    scene = crowd(4)
    got = render_people(scene, MODEL, (64, 64), samples=1)
    pixels, depth = project(placed(MODEL, scene).joints.unflatten(0, (4, 3)).flatten(1, 2), got.cameras)
    torch.testing.assert_close(got.joints_pixel.flatten(1, 2), pixels)
    hidden = 0
    for n in range(4):
        for p in range(3):
            for j in range(24):
                u, v = got.joints_pixel[n, p, j].tolist()
                column, row = int(u // 1), int(v // 1)
                seen = 0 <= column < 64 and 0 <= row < 64
                if seen:
                    who = int(got.person[n, row, column])
                    z = float(depth[n].view(3, 24)[p, j])
                    if who not in (0, p + 1) and float(got.depth_m[n, row, column]) < z:
                        seen, hidden = False, hidden + 1
                assert bool(got.visible[n, p, j]) == seen
    assert hidden > 0


FAULTS = {
    "rows for columns": ("column, row = pixels", "row, column = pixels"),
    "own body hides": ("(who > 0) & (who != me)", "(who > 0)"),
    "behind hides too": ("& (depth_m[view, row, column] < depth)", ""),
    "out of the picture": ("(column >= 0) & (column < width) &", ""),
    "numbers from 0": ("torch.arange(1, pixels.shape[1] + 1)", "torch.arange(pixels.shape[1])"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault):
    broken = planted("lecture_utils.data.toyworld.people.render", FAULTS[fault])
    got = render_people(crowd(4, aside_m=1.2), MODEL, (64, 48), samples=1)
    depth = project(got.joints_m.flatten(1, 2), got.cameras)[1].unflatten(1, (3, 24))
    moved = got.joints_pixel + torch.tensor([3.0, 0.0])  # off the body: some before another, who is behind
    given = (moved, depth, got.person, got.depth_m)
    assert not torch.equal(broken.in_sight(*given), render.in_sight(*given))


def test_a_picture_is_smooth_repeatable_and_of_any_size():
    scene = sample_people(1, 0, MODEL, count=2)
    got = render_people(scene, MODEL, (30, 50))
    assert got.image.shape == (2, 3, 30, 50) and got.joints_m.shape == (2, 1, 24, 3)
    assert float(got.image.min()) >= 0 and float(got.image.max()) <= 1
    alone = render_people(scene[1], MODEL, (30, 50)).image[0]
    assert (got.image[1] - alone).abs().mean() < 1e-4  # a batch may round otherwise than one picture
    assert torch.equal(got.image, render_people(scene, MODEL, (30, 50)).image)
    jagged = render_people(scene, MODEL, (30, 50), samples=1)
    assert torch.equal(jagged.person, got.person) and not torch.equal(jagged.image, got.image)


def test_people_shade_the_floor_beneath_them():
    """Where a person stands, the floor is darker than it is without: told from the same place, empty."""
    scene = sample_people(1, 0, MODEL, count=1)
    camera = scene.cameras.scaled((48, 48))
    seen = surroundings.trace(scene.surroundings, camera)
    joints = placed(MODEL, scene).joints[0]
    light = surroundings.shade_on_floor(seen, joints)
    assert float(light[~seen.floor].min()) == 1 and float(light.min()) >= 0.3
    away = (seen.points[:, :2] - joints[10, :2]).norm(dim=1)
    near, far = light[seen.floor & (away < 0.15)], light[seen.floor & (away > 2)]
    assert float(near.max()) < 0.9 and (not len(far) or float(far.min()) > 0.97)


def test_bad_input_is_refused():
    scene = sample_people(1, 0, MODEL)
    with pytest.raises(ValueError, match="samples: got 0"):
        render_people(scene, MODEL, samples=0)
    with pytest.raises(ValueError, match="size"):
        render_people(scene, MODEL, (0, 5))
