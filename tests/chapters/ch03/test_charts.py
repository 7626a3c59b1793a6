"""Chapter 03's charts show the numbers that they are given."""

import numpy as np
import pytest
import torch

from lecture_utils.chapters.ch03 import charts


def test_bars_are_the_softmax_and_the_title_its_entropy():
    logits = torch.tensor([0.3, -0.1, 0.0, 0.2])
    centre = torch.tensor([0.3, 0.0, 0.0, 0.0])
    figure = charts.softmax_bars(logits, {"plain": (0, 1.0), "centred": (centre, 0.05)})
    for ax, (c, t) in zip(figure.axes, ((0, 1.0), (centre, 0.05)), strict=True):
        p = ((logits - c) / t).softmax(0)
        assert np.allclose([bar.get_height() for bar in ax.patches], p, atol=1e-6)
        assert f"{-(p * p.log()).sum():.2f}" in ax.get_title(loc="left") + ax.get_title()


def test_a_higher_temperature_is_flatter():
    figure = charts.softened(torch.rand(3, 8, 8), torch.tensor([4.0, 1.0, 0.0]), ["a", "b", "c"], (1, 4))
    widths = [[bar.get_width() for bar in ax.patches] for ax in figure.axes[1:]]
    assert widths[0][0] > widths[1][0] > 1 / 3 and all(sum(w) == pytest.approx(1) for w in widths)


def test_panels_hold_their_series_and_bands():
    lines = {"one": [1.0, 2.0], "two": [0.0, 3.0]}
    figure = charts.curve_panels({"x": lines, "y": lines}, "Two", bands={"y": {"one": ([0, 1], [2, 3])}})
    assert [ax.get_ylabel() for ax in figure.axes] == ["x", "y"]
    assert [len(ax.lines) for ax in figure.axes] == [2, 2]
    assert [len(ax.collections) for ax in figure.axes] == [0, 1]


def test_pictures_are_hot_where_the_weight_is_and_the_object_is_outlined():
    images, outline = torch.full((2, 3, 8, 8), 0.8), torch.zeros(2, 8, 8, dtype=torch.bool)
    outline[:, 2:5, 2:5] = True
    weights = torch.tensor([[[1.0, 0], [0, 0]], [[0, 0], [0, 1.0]]])
    figure = charts.looked_at(images, weights, outline, {"a": [0], "b": [1]})
    for ax, hot, cold in zip(figure.axes, ((0, 0), (7, 7)), ((7, 7), (0, 0)), strict=True):
        drawn = np.asarray(ax.images[0].get_array())
        assert np.ptp(drawn[hot]) > 0.3 and np.ptp(drawn[cold]) < 1e-6  # colour, and none
        assert len(ax.collections) == 1


def test_only_the_likeliest_are_drawn_of_many_classes():
    logits, names = torch.tensor([0.0, 5.0, 1.0, 4.0]), list("abcd")
    figure = charts.softened(torch.rand(3, 8, 8), logits, names, (1,), best=2)
    ax = figure.axes[1]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["b", "d"]
    assert np.allclose([bar.get_width() for bar in ax.patches], logits[[1, 3]].softmax(0), atol=1e-6)


def test_answers_are_counted_and_the_right_one_named():
    figure = charts.answer_bars({"a": torch.tensor([0.2, 0.8]), "b": torch.tensor([1.0, 0.0])}, 1)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a\n80% right", "b\n0% right"]
    colours = [bar.get_facecolor() for bar in figure.axes[0].patches]
    assert colours[0] != colours[1]


def test_the_two_panels_of_distillation_show_every_seed_and_the_levels():
    gains = {60: [1.0, -1.0], 960: [0.5, 1.5]}
    figure = charts.distillation_panels(gains, {"1": 95.0, "32": 96.0}, {"alone": 94.0, "smoothed": 95.5})
    left, right = figure.axes
    assert np.allclose(left.lines[2].get_ydata(), [0.0, 1.0])  # the means, after a dot for every seed
    assert np.allclose(left.lines[0].get_ydata(), gains[60])
    assert [line.get_label() for line in right.lines] == ["with the teacher", "alone", "smoothed"]


def test_collapse_panels_have_the_mean_of_the_seeds():
    runs = [{"both": {"steps": [0, 10], "kl": [k, 2.0 * k]}} for k in (1.0, 3.0)]
    figure = charts.collapse_panels(runs, {"kl": "KL"})
    assert (
        np.allclose(figure.axes[0].lines[0].get_ydata(), [2.0, 4.0]) and len(figure.axes[0].collections) == 1
    )
