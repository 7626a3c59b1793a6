"""Figures of chapter 05: what is drawn is what was given."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from lecture_utils.plotting.augment import annotated_grid, draw_annotated, draw_flow, draw_reliability


def annotated(**changes):
    values = {
        "image": np.full((1, 3, 20, 30), 0.5, np.float32),
        "masks": np.zeros((1, 2, 20, 30), bool),
        "boxes": np.array([[[3.0, 4.0, 13.0, 12.0], [0.0, 0.0, 0.0, 0.0]]]),
        "keypoints": np.array([[[[5.0, 6.0, 1.0], [7.0, 8.0, 0.0]], [[1.0, 1.0, 1.0], [2.0, 2.0, 1.0]]]]),
    }
    return SimpleNamespace(**(values | changes))


def axes():
    return Figure().subplots()


def test_boxes_and_visible_keypoints_are_drawn_where_they_are():
    ax = axes()
    draw_annotated(ax, annotated())
    corners = {(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in ax.patches}
    assert corners == {(2.5, 3.5, 10.0, 8.0)}  # the empty place has no box
    points = np.concatenate([c.get_offsets() for c in ax.collections])
    assert points.tolist() == [[4.5, 5.5], [0.5, 0.5], [1.5, 1.5]]  # the hidden one is left out


def test_broken_lines_are_only_for_the_second_kind_of_box():
    ax = axes()
    draw_annotated(ax, annotated(), dashed=np.array([[1.0, 2.0, 20.0, 18.0], [0.0, 0.0, 0.0, 0.0]]))
    broken = [p for p in ax.patches if p.get_linestyle() == "--"]
    assert [(p.get_x(), p.get_y()) for p in broken] == [(0.5, 1.5)]


def test_masks_colour_their_pixels_and_no_others():
    masks = np.zeros((1, 2, 20, 30), bool)
    masks[0, 1, 5:9, 5:9] = True
    ax = axes()
    draw_annotated(ax, annotated(masks=masks, boxes=None, keypoints=None), alpha=0.5)
    drawn = np.asarray(ax.images[0].get_array())
    changed = np.abs(drawn - 0.5).max(-1) > 0.01
    assert np.array_equal(changed, masks[0, 1]) and not ax.patches


def test_one_title_a_sample():
    figure = annotated_grid([annotated(), annotated(masks=None)], ["a", "b"], 2, 1.0)
    assert [ax.get_title() for ax in figure.axes] == ["a", "b"]
    with pytest.raises(ValueError, match="one title a sample, got 1 for 2"):
        annotated_grid([annotated()] * 2, ["a"])
    with pytest.raises(ValueError, match="got 0 for 0"):
        annotated_grid([], [])


def test_arrows_stand_only_where_something_moves():
    flow = np.zeros((2, 16, 16))
    flow[0, 4, 12], flow[1, 4, 12] = 3.0, -2.0
    ax = axes()
    draw_flow(ax, flow, step=8, scale=2.0)
    (arrows,) = ax.collections
    assert (arrows.X.tolist(), arrows.Y.tolist()) == ([12], [4])
    assert (arrows.U.tolist(), arrows.V.tolist()) == ([6.0], [-4.0])
    with pytest.raises(ValueError, match=r"flow wants shape \(2, H, W\), got \(3, 16, 16\)"):
        draw_flow(axes(), np.zeros((3, 16, 16)))


def test_empty_bins_have_no_bar():
    bins = SimpleNamespace(
        confidence=[0.0, 0.3, 0.9],
        accuracy=[0.0, 0.5, 0.8],
        share=[0.0, 0.25, 0.75],
        edges=[0.0, 0.2, 0.6, 1.0],
    )
    ax = axes()
    draw_reliability(ax, bins, "two bins")
    assert [p.get_height() for p in ax.patches] == [0.5, 0.8]
    assert ax.patches[0].get_alpha() < ax.patches[1].get_alpha()  # fuller is darker
    assert ax.patches[0].get_x() >= 0.2 and ax.get_title() == "two bins"
