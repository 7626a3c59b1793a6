"""Figures of chapter 18b's claims: every seed is drawn, and means are means."""

from types import SimpleNamespace

import numpy as np

from lecture_utils.chapters.ch18 import radiance_claim_figures as figures
from lecture_utils.experiments.rules import Rule
from lecture_utils.plotting.style import GREEN


def test_pairs_show_every_seed_and_the_means():
    figure = figures.pairs_figure({"a": ([1.0, 3.0], [4.0, 6.0]), "b": ([0.0], [1.0])}, ("x", "y"), "dB", "t")
    (ax,) = figure.axes
    means = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "D"]
    assert [float(m) for m in means] == [0, 1, 2, 5]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "a"]


def test_scores_by_views_are_meant_over_seeds():
    scores = [{"NeRF": {"3": a, "6": 20.0}, "splatting": {"3": 9.0, "6": 11.0}} for a in (10.0, 14.0)]
    (ax,) = figures.by_views_figure(scores, "title").axes
    thick = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    assert np.allclose(thick["NeRF"].get_ydata(), [12, 20]) and thick["splatting"].get_color() == GREEN


def test_a_boundary_is_drawn_in_order_with_its_claim():
    points = [{"at": at, "figures": [{"gain_db": at}, {"gain_db": at + 1}]} for at in (1.0, 10.0)]
    record = SimpleNamespace(
        rule=Rule("gain_db", above=0.0),
        figures=[{"gain_db": 5.0}, {"gain_db": 6.0}],
        boundary={"points": points},
    )
    (ax,) = figures.gain_figure(record, 6.0, "x", "y", "title").axes
    assert np.allclose(ax.lines[1].get_xdata(), [1, 6, 10]) and np.allclose(
        ax.lines[1].get_ydata(), [1.5, 5.5, 10.5]
    )
