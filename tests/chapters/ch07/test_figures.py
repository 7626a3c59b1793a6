"""Figures of chapter 07: what is drawn is what was given."""

import numpy as np
import torch

from lecture_utils.chapters.ch07 import figures


def test_recall_is_told_at_the_marked_number():
    numbers = [1, 10, 100]
    figure = figures.curves_recall(
        {"a": (numbers, [0.1, 0.5, 0.9]), "b": (numbers, [0, 0.2, 0.6])}, "t", mark=10
    )
    ax = figure.axes[0]
    assert {t.get_text() for t in ax.texts} >= {"0.50", "0.20"}
    assert np.allclose(ax.lines[1].get_ydata(), [0, 0.2, 0.6]) and ax.get_xscale() == "log"


def test_stages_stand_end_to_end_and_keep_their_colours():
    table = {"slow": {"propose": 0.5, "look": 2.0}, "quick": {"look": 0.25}}
    figure = figures.stage_times(table, "t", ap={"slow": 0.6, "quick": 0.7})
    bars = figure.axes[0].patches
    assert [(b.get_x(), b.get_width()) for b in bars] == [(0, 0.5), (0.5, 2.0), (0, 0.25)]
    assert bars[1].get_facecolor() == bars[2].get_facecolor() != bars[0].get_facecolor()
    words = [t.get_text() for t in figure.axes[0].texts]
    assert "2.5 s, AP50 0.60" in words and "250 ms, AP50 0.70" in words


def test_times_can_be_read():
    assert [figures.in_time(t) for t in (12.34, 1.0, 0.0452, 0.0056)] == [
        "12.3 s",
        "1.0 s",
        "45 ms",
        "5.6 ms",
    ]


def test_the_anchors_of_the_middle_and_those_that_answer():
    place = torch.tensor([[0.0, 0, 8, 8], [-4, -4, 12, 12]])
    shift = torch.tensor([[x, y, x, y] for y in (0, 8, 16) for x in (0, 8, 16)], dtype=torch.float32)
    anchors = (place + shift[:, None]).flatten(0, 1)
    match = torch.full((18,), -1)
    match[3] = 0
    figure = figures.anchors_figure(
        torch.rand(3, 24, 24), anchors, torch.tensor([[5.0, 0, 19, 14]]), match, "t", per_place=2
    )
    left, right = ({(p.get_x() + 0.5, p.get_width()) for p in ax.patches} for ax in figure.axes)
    assert left == {(8, 8), (4, 16)}
    assert right == {(4, 16), (5, 14)}
    assert "1 of 18" in figure.axes[1].get_title() + figure.axes[1].get_title(loc="left")
