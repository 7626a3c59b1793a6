"""Chapter 18a's widgets and figures show what the package computes, and what their captions say is so."""

import pytest
import torch
from matplotlib.collections import LineCollection

from lecture_utils.chapters.ch18 import cloud_figures, figures
from lecture_utils.chapters.ch18.upright import lay_over
from lecture_utils.chapters.ch18.widgets import epipolar_lines, stereo_window, voxel_size
from lecture_utils.data.toyworld import solids
from lecture_utils.geometry.align import Similarity, rotation_angle_deg
from lecture_utils.geometry.epipolar import epipolar_lines as lines_of
from lecture_utils.ops.camera import orbit
from lecture_utils.ops.rotation import axis_angle_to_matrix
from lecture_utils.plotting.style import GREEN, VERMILION, rgb


# Epipolar lines
@pytest.mark.parametrize("step", epipolar_lines.STEPS)
def test_each_point_lies_on_its_line_and_all_lines_meet_at_the_first_camera(step):
    pixels = torch.tensor(epipolar_lines.OTHERS)
    own = epipolar_lines.views(step)
    seen = own.depth_m[pixels[:, 1].long(), pixels[:, 0].long()].isfinite()
    assert seen.sum() >= 5, "most of the pixels lie on something"
    lines = lines_of(own.fundamental, pixels.double())
    place = torch.cat([epipolar_lines.partner(step, pixels), torch.ones(len(pixels), 1)], 1).double()
    assert (place * lines).sum(1)[seen].abs().max() < 0.05  # pixels
    assert torch.equal(place[:, 0].isnan(), ~seen), "no ring for a pixel that shows nothing"
    meet = torch.cat([epipolar_lines.epipole(step), torch.ones(1)]).double()
    assert (lines @ meet).abs().max() < 0.5


def test_only_a_step_forward_has_its_epipole_in_the_picture():
    inside = {
        step: bool(((epipolar_lines.epipole(step) > 0) & (epipolar_lines.epipole(step) < 240)).all())
        for step in epipolar_lines.STEPS
    }
    assert inside == {"a step to the side": False, "a step forward": True, "aside and forward": False}


# The window of block matching
def test_small_windows_fail_on_the_wall_and_large_ones_at_edges():
    _, plain_small, edge_small = stereo_window.shares(5, "differences")
    _, plain_large, edge_large = stereo_window.shares(17, "differences")
    assert plain_large < plain_small - 0.1
    assert edge_large > edge_small
    assert stereo_window.shares(1, "differences")[0] > 0.5, "most of the picture is a lottery"


def test_plain_parts_gain_by_correlation():
    _, plain, _ = stereo_window.shares(9, "differences")
    _, by_correlation, _ = stereo_window.shares(9, "correlation")
    assert by_correlation < plain / 2


# The size of a voxel
def test_more_views_and_smaller_voxels_are_better_and_noise_is_worse():
    score = {case: voxel_size.fused(*case)[1] for case in
             (("4 cm", 12, 2.0), ("4 cm", 1, 2.0), ("8 cm", 12, 2.0), ("4 cm", 12, 4.0))}  # fmt: skip
    best = score["4 cm", 12, 2.0]
    assert all(best > own for case, own in score.items() if case != ("4 cm", 12, 2.0))


# Laying a reconstruction over the truth
def test_a_moved_scene_is_laid_back():
    cameras = orbit(5, (8, 8), turn_deg=60)
    moved = Similarity(torch.tensor(0.4), axis_angle_to_matrix(torch.tensor([[0.3, -0.5, 0.9]]))[0],
                       torch.tensor([1.0, 2.0, 3.0])).cameras(cameras)  # fmt: skip
    back = lay_over(moved, cameras).cameras(moved)
    assert (back.centre - cameras.centre).abs().max() < 1e-4
    assert rotation_angle_deg(back.rotation, cameras.rotation).max() < 0.01


def test_cameras_at_one_place_cannot_be_laid_over():
    cameras = orbit(3, (8, 8))[[0, 0, 0]]
    with pytest.raises(ValueError, match="two or more places"):
        lay_over(cameras, cameras)
    with pytest.raises(ValueError, match="as many of both"):
        lay_over(orbit(3, (8, 8)), orbit(4, (8, 8)))


# Figures
def test_right_matches_are_green_and_wrong_ones_vermilion():
    picture = torch.rand(3, 20, 30)
    a, b = torch.rand(5, 2) * 18, torch.rand(5, 2) * 18
    right = torch.tensor([True, True, False, True, False])
    fig = figures.matches_figure(picture, picture, a, b, right, "title")
    lines = [c for c in fig.axes[0].collections if isinstance(c, LineCollection)]
    assert [len(c.get_segments()) for c in lines] == [3, 2]
    assert [tuple(c.get_colors()[0][:3]) for c in lines] == [rgb(GREEN), rgb(VERMILION)]


def test_wrong_disparity_is_vermilion_and_unknown_truth_is_white():
    truth, found = torch.full((4, 5), 5.0), torch.full((4, 5), 5.0)
    truth[0, 2], found[0, 1], found[1, 0], found[1, 1] = torch.nan, 10.0, 8.9, torch.nan
    drawn = figures.wrong_picture(torch.zeros(3, 4, 5), truth, found, 4.0)
    vermilion = torch.tensor(rgb(VERMILION)).double()
    hit = (torch.tensor(drawn) - vermilion).abs().amax(-1) < 1e-6
    assert hit.nonzero().tolist() == [[0, 1], [1, 1]]
    assert (drawn[0, 2] == 1).all()


def test_a_box_has_twelve_edges_of_its_three_lengths():
    boxes = solids.room(0, 64, split="test", count=2).boxes
    ends = cloud_figures.box_edges(boxes, GREEN).ends
    length = (ends[:, 0] - ends[:, 1]).norm(dim=1).reshape(2, 12).sort(dim=1).values
    wanted = boxes[:, 3:6].repeat_interleave(4, 1).sort(dim=1).values
    assert torch.allclose(length, wanted, atol=1e-5)
