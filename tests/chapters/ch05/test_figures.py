"""Figures of chapter 05: what is drawn is what was given."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from lecture_utils.chapters.ch05.claim_figures import arm_curves, light_panels, mixing_panels, paste_panels
from lecture_utils.chapters.ch05.figures import (
    annotated_grid,
    answers_grid,
    dots_on_diagonal,
    draw_annotated,
    draw_flow,
    draw_reliability,
    light_clouds,
    light_curves,
    pasted_panels,
    shift_panels,
    training_panels,
)


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


def test_an_outline_leaves_the_picture_as_it_is_and_runs_around_each_mask():
    masks = np.zeros((1, 2, 20, 30), bool)
    masks[0, 1, 5:9, 6:12] = True
    masks[0, 0, 15:, 25:] = True  # touches the lower right corner of the picture
    ax = axes()
    draw_annotated(ax, annotated(masks=masks, boxes=None, keypoints=None), outline=True)
    assert np.allclose(np.asarray(ax.images[0].get_array()), 0.5)
    spans = sorted(np.concatenate([p.vertices for p in c.get_paths()]).T.tolist() for c in ax.collections)
    ends = [[min(x), max(x), min(y), max(y)] for x, y in spans]
    assert ends == [[5.5, 11.5, 4.5, 8.5], [24.5, 29.5, 14.5, 19.5]]


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
    assert ax.patches[0].get_x() >= 0.2 and "two bins" in (ax.get_title(loc="left"), ax.get_title())


def test_light_curves_mark_the_training_band_and_every_level():
    fig = light_curves([0.1, 0.5, 1.0], {"a": [0.2, 0.5, 0.9]}, (0.8, 1.2), "accuracy", "title")
    ax = fig.axes[0]
    assert ax.lines[0].get_xydata().tolist() == [[0.1, 0.2], [0.5, 0.5], [1.0, 0.9]]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0.1", "0.5", "1"]
    assert any(np.allclose([p.get_x(), p.get_x() + p.get_width()], [0.8, 1.2]) for p in ax.patches)


def test_clouds_show_mean_and_spread_of_each_picture():
    pictures = np.stack([np.zeros((1, 2, 2)), np.array([[[0.0, 1.0], [0.0, 1.0]]])])
    fig = light_clouds(pictures[:1], {"a": (pictures, "first"), "b": (pictures[1:], "second")})
    assert [ax.get_title(loc="left") or ax.get_title() for ax in fig.axes] == ["first", "second"]
    assert fig.axes[0].lines[0].get_xydata().tolist() == [[0.0, 0.0], [0.5, 0.5]]
    assert fig.axes[1].lines[1].get_xydata().tolist() == [[0.0, 0.0]]


def test_answers_are_sorted_by_confidence_and_at_most_five():
    p = np.tile([[0.6, 0.4]], (10, 1))
    p[7] = [0.1, 0.9]
    fig = answers_grid(np.full((10, 3, 8, 8), 0.2), p, np.zeros(10, int), ["ball", "star"], "wrong")
    titles = [ax.get_title() for ax in fig.axes if ax.get_title()]
    assert len(titles) == 5 and titles[0] == "“star” 90%\nis ball" and titles[1] == "“ball” 60%\nis ball"
    assert fig.get_suptitle() == "wrong (10)"
    assert np.asarray(fig.axes[0].images[0].get_array()).max() == 1.0  # brightened


def test_answers_show_each_scene_once_by_its_surest_picture():
    p = np.array([[0.6, 0.4], [0.8, 0.2], [0.3, 0.7]])
    scenes = np.array([4, 4, 9])
    fig = answers_grid(np.full((3, 3, 8, 8), 0.2), p, np.ones(3, int), ["ball", "star"], "wrong", scenes)
    titles = [ax.get_title() for ax in fig.axes if ax.get_title()]
    assert titles == ["“ball” 80%\nis star", "“star” 70%\nis star"]


def test_dots_lie_where_both_say():
    ax = dots_on_diagonal([0.2, 0.9], [0.5, 0.9], "x", "y", "title").axes[0]
    assert ax.lines[0].get_xydata().tolist() == [[0.2, 0.5], [0.9, 0.9]]


def test_names_are_those_that_the_list_tells():
    standing = np.zeros((2, 8, 10), bool)
    standing[0, 1:3, 1:3], standing[1, 5:7, 5:9] = True, True
    newcomer = np.zeros((8, 10), bool)
    newcomer[0:4, 0:4] = True
    boxes = np.array([[5.0, 5.0, 9.0, 7.0], [0.0, 0.0, 4.0, 4.0]])
    told = {"case": (None, boxes, np.array([1, 2]))}
    ax = pasted_panels(standing, {"case": newcomer}, told, ["ball", "heart", "ring"], "title").axes[0]
    assert {text.get_text() for text in ax.texts} == {"heart", "ring"}
    assert len({(p.get_x(), p.get_y(), p.get_width()) for p in ax.patches}) == 2  # each with a white rim
    drawn = np.asarray(ax.images[0].get_array())
    assert not np.allclose(drawn[1, 1], drawn[5, 5])  # the newcomer covers the first object
    assert np.allclose(drawn[1, 1], drawn[3, 3])


def swept(points, figures):
    """A record with two seeds at each point."""
    return SimpleNamespace(boundary={"points": [{"at": at, "figures": figures(at)} for at in points]})


def test_light_begins_with_no_halving():
    def seen(value):
        return {"toy": {"bright": value, "photometric": value + 0.1}}

    record = swept([1, 2], lambda at: [{"accuracy": seen(0.5 / at)}, {"accuracy": seen(0.3 / at)}])
    record.figures = [{"light": seen(0.8)}, {"light": seen(0.6)}]
    ((title, _, arms),), stops = light_panels(record, {"toy": "T"})
    assert (title, stops) == ("T", [0.0, 1.0, 2.0])
    assert arms["bright pictures only"].tolist() == [[0.8, 0.5, 0.25], [0.6, 0.3, 0.15]]


def test_gains_of_mixing_are_read_from_the_boundary():
    def rows(at):
        return [
            {"digits_gain": at / 100, "digits_calibration": -at},
            {"digits_gain": 0.0, "digits_calibration": 0.0},
        ]

    parts, counts = mixing_panels({"mixup": swept([30, 480], rows)})
    assert counts == [30.0, 480.0]
    assert parts[0][2]["mixup"].tolist() == [[0.3, 4.8], [0.0, 0.0]]
    assert parts[1][2]["mixup"].tolist() == [[-30, -480], [0, 0]]
    fig = arm_curves(parts, counts, "labels", "title")
    assert fig.axes[0].lines[0].get_xydata().tolist() == [[30.0, 0.15], [480.0, 2.4]]
    assert len(fig.axes[1].lines) == 2 and len(fig.axes[0].lines) == 1  # a line at 0 where something is below
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ["mixup"]
    assert not any(ax.texts or ax.get_legend() for ax in fig.axes)  # named once, below all panels


def test_pasting_has_a_panel_for_test_and_one_for_training_scenes():
    def rows(at):
        return [
            {"arms": {arm: {"iou": 0.1 * at, "fits": 0.2 * at} for arm in ("none", "jitter", "copy-paste")}}
        ]

    parts, steps = paste_panels(swept([1, 2], rows))
    assert steps == [1.0, 2.0] and next(title for title, *_ in parts) == "on test scenes"
    assert parts[1][2]["and copy-paste"].tolist() == [[0.2, 0.4]]


def test_shifts_stand_at_equal_distances_under_their_values():
    held = {"degrees": ([0, 15, 90], {"cat": [0.9, 0.5, 0.1]}), "blur": ([0, 1, 8], {"cat": [0.9, 0.4, 0.0]})}
    fig = shift_panels(held, "probability", "title")
    assert [ax.get_xlabel() for ax in fig.axes] == ["degrees", "blur"]
    assert fig.axes[0].lines[0].get_xydata().tolist() == [[0, 0.9], [1, 0.5], [2, 0.1]]
    assert [t.get_text() for t in fig.axes[1].get_xticklabels()] == ["0", "1", "8"]
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ["cat"]


def test_trainings_show_mean_losses_and_accuracies():
    one = SimpleNamespace(losses=[1.0, 3.0, 5.0], evaluations=[(1, 0.2), (3, 0.4)])
    two = SimpleNamespace(losses=[2.0, 2.0, 2.0], evaluations=[(1, 0.5), (3, 0.9)])
    left, right = training_panels({"plain": one, "augmented": two}, width=2).axes
    assert left.lines[0].get_ydata().tolist() == [2.0, 4.0] and left.lines[1].get_ydata().tolist() == [
        2.0,
        2.0,
    ]
    assert right.lines[1].get_xydata().tolist() == [[1, 0.5], [3, 0.9]]
    assert left.lines[0].get_color() != left.lines[1].get_color() == right.lines[1].get_color()
