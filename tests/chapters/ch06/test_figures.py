"""Figures of chapter 06: what is drawn is what was given."""

import numpy as np
import pytest
import torch

from lecture_utils.chapters.ch06.figures import arm_dots, label_rows, named, outline_panels, u_diagram
from lecture_utils.segmentation.unet import sizes


def test_small_regions_go_without_a_name():
    labels = torch.zeros(10, 10, dtype=torch.long)
    labels[0, 0], labels[5:] = 1, 2
    assert named(labels, ["sky", "ball", "sand"]) == ["sky", "", "sand"]


def test_a_row_of_pictures_and_a_row_for_each_label_map():
    labels = torch.zeros(2, 8, 8, dtype=torch.long)
    labels[:, 4:] = 1
    figure = label_rows(
        torch.rand(2, 3, 8, 8), {"truth": labels, "net": labels}, ["sky", "sand"], "All right"
    )
    assert [ax.get_ylabel() for ax in figure.axes] == ["picture", "", "truth", "", "net", ""]
    assert [t.get_text() for t in figure.axes[2].texts] == ["sky", "sand"]
    assert figure.get_suptitle() == "All right"


def test_outlines_of_truth_and_guess_where_the_class_is():
    truth = torch.zeros(8, 8, dtype=torch.long)
    truth[2:5, 2:5] = 3
    panels = {"same": truth, "none": torch.zeros_like(truth)}
    figure = outline_panels(torch.rand(3, 8, 8), truth, panels, range(1, 5), "t")
    drawn = [len(ax.collections) for ax in figure.axes]
    assert [ax.get_title() for ax in figure.axes] == ["same", "none"]
    assert drawn[0] == 2 * drawn[1] > 0


def test_the_u_tells_every_size_and_what_is_copied():
    figure = u_diagram(sizes(572), [64, 128, 256, 512, 1024], "the U")
    told = [t.get_text() for t in figure.axes[0].texts]
    for side in (568, 280, 136, 64, 28, 52, 100, 196, 388):
        assert str(side) in told
    for cut in (392, 200, 104, 56):  # figure 1 of the paper: what meets the up-convolution
        assert f"copy, the middle {cut}" in told


def test_dots_are_the_seeds_and_the_line_their_mean():
    figure = arm_dots({"mIoU": {"32s": [0.1, 0.3], "8s": [0.5, 0.7]}}, "t")
    dots, mean = figure.axes[0].lines[0], figure.axes[0].lines[1]
    assert list(dots.get_ydata()) == [0.1, 0.3] and np.mean(mean.get_ydata()) == pytest.approx(0.2)
    assert [t.get_text() for t in figure.axes[0].texts] == ["0.20", "0.60"]
