"""Views of a scene, split for learning: no camera in two splits, each ray with its own pixel's colour."""

import pytest
import torch

from lecture_utils.data.toyworld import solids
from lecture_utils.ops.camera import project
from lecture_utils.recipes import _views, solids_nerf

pytestmark = pytest.mark.system("S18.4")
FEW = {"count": 4, "size": (12, 16)}


def test_no_view_of_one_split_is_a_view_of_another():
    """The nearest two cameras of all 56 stand more than half a metre apart."""
    places = torch.cat([_views.cameras(split).centre for split in ("train", "val", "test")])
    assert len(places) == 56
    apart = torch.cdist(places, places) + 10 * torch.eye(len(places))
    assert float(apart.min()) > 0.5
    torch.testing.assert_close(places.norm(dim=1), torch.full((56,), 3.0))


def test_half_of_the_training_cameras_stand_low_and_half_high():
    heights = _views.cameras("train").centre[:, 2] / _views.RADIUS_M
    for height, degrees in zip((heights[::2], heights[1::2]), (15.0, 45.0), strict=True):
        torch.testing.assert_close(height, torch.full((20,), degrees).deg2rad().sin())


def test_a_ray_carries_the_colour_of_the_pixel_that_it_goes_through():
    scene = solids.showpiece()
    cameras, seen = _views.pictures(scene, "train", **FEW)
    origins, directions, colours = _views.training_rays(scene, **FEW)
    assert 0 < len(origins) < 4 * 12 * 16
    for n in range(4):
        own = (origins - cameras.centre[n]).norm(dim=1) < 1e-4
        pixels, _ = project(origins[own] + 2 * directions[own], cameras[n])
        column, row = pixels[0].floor().long().unbind(1)
        torch.testing.assert_close(colours[own], seen.image[n][:, row, column].T)


def test_batches_are_rays_of_the_scene_and_follow_the_seed():
    rays = _views.training_rays(solids.showpiece(), **FEW)
    ((origins, directions), colours) = next(_views.ray_batches(*rays, batch=7, seed=3))
    again = next(_views.ray_batches(*rays, batch=7, seed=3))[1]
    other = next(_views.ray_batches(*rays, batch=7, seed=4))[1]
    assert torch.equal(colours, again) and not torch.equal(colours, other)
    for o, d, c in zip(origins, directions, colours, strict=True):
        same = (rays[0] == o).all(1) & (rays[1] == d).all(1)
        assert torch.equal(rays[2][same][0], c)


def test_the_small_nerf_renders_what_lies_outside_its_ball_white():
    model = solids_nerf.build().eval()
    colour = model(torch.tensor([[3.0, 0, 0]]), torch.tensor([[0.0, 1, 0]]))[1].colour
    assert torch.equal(colour, torch.ones(1, 3))


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="split: got 'all'"):
        _views.cameras("all")
