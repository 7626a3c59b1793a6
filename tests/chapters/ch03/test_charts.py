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


def test_seed_bars_show_the_mean_and_every_seed():
    figure = charts.seed_bars({"a": [0.2, 0.4], "b": [0.1, 0.1]}, "share", first="a")
    (ax,) = figure.axes
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.3, 0.1])
    assert [list(line.get_xdata()) for line in ax.lines] == [[0.2, 0.4], [0.1, 0.1]]


def test_pictures_are_hot_where_the_weight_is_and_the_object_is_outlined():
    images, outline = torch.full((2, 3, 8, 8), 0.8), torch.zeros(2, 8, 8, dtype=torch.bool)
    outline[:, 2:5, 2:5] = True
    weights = torch.tensor([[[1.0, 0], [0, 0]], [[0, 0], [0, 1.0]]])
    figure = charts.looked_at(images, weights, outline, {"a": [0], "b": [1]})
    for ax, hot, cold in zip(figure.axes, ((0, 0), (7, 7)), ((7, 7), (0, 0)), strict=True):
        drawn = np.asarray(ax.images[0].get_array())
        assert np.ptp(drawn[hot]) > 0.3 and np.ptp(drawn[cold]) < 1e-6  # colour, and none
        assert len(ax.collections) == 1
