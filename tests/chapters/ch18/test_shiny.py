"""C18.4's scene: cameras on a dome, no view in two splits, and all of the solid inside the ball."""

import itertools

import torch

from lecture_utils.chapters.ch18 import shiny
from lecture_utils.ops.camera import rays
from lecture_utils.rendering.ray_sampling import ball_interval


def test_cameras_stand_on_the_dome_and_no_split_shares_a_view():
    domes = {split: shiny.dome(split, "full") for split in ("train", "val", "test")}
    assert [len(own) for own in domes.values()] == [80, 10, 10]
    for own in domes.values():
        height = torch.rad2deg(torch.asin(own.centre[:, 2] / 3))
        assert float(height.min()) > 5 and float(height.max()) < 65
        torch.testing.assert_close(own.centre.norm(dim=1), torch.full((len(own),), 3.0))
    for one, two in itertools.combinations(domes.values(), 2):
        assert float(torch.cdist(one.centre, two.centre).min()) > 0.1  # metres, of a circle of 3


def test_no_part_of_a_solid_lies_outside_the_ball_and_its_highlights_move():
    for seed in range(3):
        bright, matt = (shiny.pictures(shiny.solid(seed, "test", s), "val", "quick") for s in (0.8, 0.0))
        origins, directions = (x.flatten(0, 2) for x in rays(shiny.dome("val", "quick")))
        outside = ~ball_interval(origins, directions, shiny.BALL_M)[2]
        seen = bright.permute(0, 2, 3, 1).flatten(0, 2)
        assert bool((seen[outside] > 0.999).all()) and bool((seen[~outside] < 0.9).any())
        assert float((bright - matt).min()) > -1e-6 and float((bright - matt).max()) > 0.1
