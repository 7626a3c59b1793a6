"""Figures of chapter 08: what is drawn is what was given."""

import torch
from matplotlib.colors import to_hex

from lecture_utils.chapters.ch08 import figures
from lecture_utils.plotting.style import BLUE, VERMILION


def test_each_object_has_both_its_tags_in_the_row_of_its_picture():
    figure = figures.tag_figure(
        torch.tensor([0.0, 2.0, 1.0]), torch.tensor([0.1, 2.5, 1.0]), torch.tensor([0, 0, 1]), "t"
    )
    lines = [(tuple(map(float, line.get_xdata())), tuple(line.get_ydata())) for line in figure.axes[0].lines]
    joins = [x for x, y in lines if len(x) == 2]
    assert torch.allclose(torch.tensor(joins), torch.tensor([[0.0, 0.1], [2.0, 2.5], [1.0, 1.0]]))
    assert [y[0] for x, y in lines if len(x) == 2] == [0, 0, 1]


def test_a_detector_stands_at_its_speed_and_precision():
    figure = figures.speed_figure({"a": (100.0, 0.5), "b": (20.0, 0.7)}, "b", "t")
    points = {
        tuple(map(float, (line.get_xdata()[0], line.get_ydata()[0]))): to_hex(line.get_color())
        for line in figure.axes[0].lines
    }
    assert points == {(100.0, 0.5): to_hex(BLUE), (20.0, 0.7): to_hex(VERMILION)}
