"""Figures of chapter 05: what is drawn is what was given."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from lecture_utils.chapters.ch05.claim_figures import (
    iou_panels,
    light_matrix,
    light_rows,
    mixing_panels,
    paired_gains,
    pixel_errors,
    size_curves,
)
from lecture_utils.chapters.ch05.figures import (
    annotated_grid,
    answers_grid,
    dots_on_diagonal,
    draw_annotated,
    draw_flow,
    draw_reliability,
    light_clouds,
    light_curves,
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


def test_answers_are_sorted_by_confidence_and_at_most_six():
    p = np.tile([[0.6, 0.4]], (10, 1))
    p[7] = [0.1, 0.9]
    fig = answers_grid(np.full((10, 3, 8, 8), 0.2), p, np.zeros(10, int), ["ball", "star"], "wrong")
    titles = [ax.get_title() for ax in fig.axes if ax.get_title()]
    assert len(titles) == 6 and titles[0] == "“star” 90%\nis ball" and titles[1] == "“ball” 60%\nis ball"
    assert fig.get_suptitle() == "wrong (10)"
    assert np.asarray(fig.axes[0].images[0].get_array()).max() == 1.0  # brightened


def test_answers_show_each_scene_once_by_its_surest_picture():
    p = np.array([[0.6, 0.4], [0.8, 0.2], [0.3, 0.7]])
    scenes = np.array([4, 4, 9])
    fig = answers_grid(np.full((3, 3, 8, 8), 0.2), p, np.ones(3, int), ["ball", "star"], "wrong", scenes)
    titles = [ax.get_title() for ax in fig.axes if ax.get_title()]
    assert titles == ["“ball” 80%\nis star", "“star” 70%\nis star"]


def test_the_matrix_shows_the_mean_of_the_seeds():
    def seed(value):
        return {"toy": {"bright": {"none": {"bright": 0.5, "dark": value}}}}

    fig = light_matrix([seed(0.2), seed(0.4)], {"toy": "toy world"}, "title")
    assert [t.get_text() for t in fig.axes[0].texts] == ["50%", "30%"]
    assert [t.get_text() for t in fig.axes[0].get_yticklabels()] == ["trained bright, none"]


def test_claims_of_mixing_become_four_panels_of_means():
    def seed(value):
        arms = {"none": [0.1, value], "mixup": [0.2, 0.3]}
        return {"accuracy": {"toy": arms, "digits": arms}, "error": {"toy": arms, "digits": arms}}

    runs = [seed(0.4), seed(0.6)]
    arms = {"no mixing": (runs, "none"), "mixup": (runs, "mixup")}
    parts = mixing_panels(arms, {"toy": "T", "digits": "D"})
    assert [(title, label) for title, label, _ in parts] == [
        ("T", "test accuracy"),
        ("D", "test accuracy"),
        ("T", "calibration error"),
        ("D", "calibration error"),
    ]
    fig = size_curves(parts, (100, 1000), "pictures", "title")
    assert fig.axes[0].lines[0].get_xydata().tolist() == [[100.0, 0.1], [1000.0, 0.5]]
    assert [ax.get_xlabel() for ax in fig.axes] == ["", "", "pictures", "pictures"]
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ["no mixing", "mixup"]
    assert not any(ax.texts or ax.get_legend() for ax in fig.axes)  # named once, below all panels


def test_dots_lie_where_both_say():
    ax = dots_on_diagonal([0.2, 0.9], [0.5, 0.9], "x", "y", "title").axes[0]
    assert ax.lines[0].get_xydata().tolist() == [[0.2, 0.5], [0.9, 0.9]]


def test_gains_are_taken_seed_by_seed_with_their_t_interval():
    def seed(none, paste):
        return {"iou": {"toy": {"none": [none], "paste": [paste]}}}

    parts = iou_panels([seed(0.1, 0.2), seed(0.5, 0.62), seed(0.9, 0.98)], {"toy": "T"})
    assert parts == [("T", "mean IoU", {"none": [[0.1], [0.5], [0.9]], "paste": [[0.2], [0.62], [0.98]]})]
    # differences 0.10, 0.12, 0.08: mean 0.1, deviation 0.02, t(2) = 4.303: half = 4.303 · 0.02 / √3
    assert paired_gains(parts, "paste") == [("T", "paste − none", "+0.100 ± 0.050")]


def test_light_rows_tell_means_over_seeds_by_size():
    def seed(right, off):
        table = {arm: {"100": {"bright": 0.9, "dark": right}} for arm in ("none", "photometric")}
        error = {arm: {"100": {"bright": 0.0, "dark": off}} for arm in ("none", "photometric")}
        return {"by_size": {"toy": table}, "error_by_size": {"toy": error}}

    rows = light_rows([seed(0.2, 0.1), seed(0.4, 0.3)], {"toy": "toy world"})
    assert rows[1] == ("toy world", "none", "dark", "30% (0.20)")
    assert [row[2] for row in rows] == ["bright", "dark", "dark"]


def test_pixel_errors_are_means_over_seeds():
    seeds = [{"error": {"toy": {"none": [0.1, 0.5], "jitter": [0.2, 0.3]}}}] * 2
    want = [("toy world", "none", "0.10", "0.50"), ("toy world", "jitter", "0.20", "0.30")]
    assert pixel_errors(seeds, {"toy": "toy world"}) == want
