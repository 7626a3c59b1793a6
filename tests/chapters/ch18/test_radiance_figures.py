"""Figures of chapter 18b: what is drawn is what was given."""

from types import SimpleNamespace

import numpy as np
import torch
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure

from lecture_utils.chapters.ch18 import radiance_figures as figures


def test_the_middle_is_cut_evenly():
    assert figures.middle(torch.zeros(2, 3, 64, 64)).shape == (2, 3, 44, 44)
    assert figures.middle(torch.zeros(96, 96)).shape == (66, 66)


def test_rows_have_names_and_pictures_have_titles():
    picture, error = torch.rand(3, 8, 8), torch.rand(8, 8)
    figure = figures.view_rows({"one": [picture] * 2, "two": [error] * 2}, "title", titles=["a", "b"])
    assert [ax.get_ylabel() for ax in figure.axes] == ["one", "", "two", ""]
    assert [ax.get_title() for ax in figure.axes[:2]] == ["a", "b"]
    assert figure.axes[2].images[0].get_clim() == (0, 0.3)


def test_samples_and_weights_are_where_they_were_said_to_be():
    edges, weights = torch.linspace(2, 4, 5), torch.tensor([0.0, 0.5, 0.4, 0.0])
    figure = figures.sample_figure(edges, weights, {"mine": torch.tensor([2.6, 3.1])}, 3.0, "title")
    (ax,) = figure.axes
    assert [patch.get_height() for patch in ax.patches] == weights.tolist()
    assert np.allclose(ax.lines[0].get_xdata(), [2.6, 3.1])
    assert "mine" in [label.get_text() for label in ax.get_yticklabels()]


def test_a_ray_shows_density_and_light():
    t = torch.linspace(2, 4, 9)
    figure = figures.ray_figure(t, t, t / 4, {"coarse": t[:3]}, "title")
    assert np.allclose(figure.axes[1].lines[0].get_ydata(), t / 4)


def test_a_matrix_that_is_no_covariance_is_vermilion_where_it_exceeds_one():
    bad = torch.tensor([[1.0, 2.0], [2.0, 1.0]])
    figure = figures.alpha_figure({"good": torch.eye(2), "bad": bad}, "title")
    good, wrong = (np.asarray(ax.images[0].get_array()) for ax in figure.axes)
    red = [np.isclose(image[..., 0] - image[..., 2], 0.835, atol=1e-3) for image in (good, wrong)]
    assert not red[0].any() and 0.2 < red[1].mean() < 0.9
    assert red[1][0, -1] and red[1][-1, 0] and not red[1][0, 0]  # along (1, -1), not along (1, 1)


def test_ellipses_have_the_sizes_and_turns_of_their_covariances():
    ax = Figure().subplots()
    long_across = torch.tensor([[[9.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 9.0]]])
    figures.draw_ellipses(ax, torch.zeros(2, 2), long_across, torch.ones(2, 3), (10, 20), times=2.0)
    (drawn,) = (c for c in ax.collections if isinstance(c, EllipseCollection))
    assert np.allclose(2 * drawn._widths, 12) and np.allclose(2 * drawn._heights, 4)
    angles = np.degrees(drawn._angles) % 180
    assert np.allclose(np.minimum(angles, 180 - angles), [0, 90])
    assert ax.get_ylim() == (10, 0)


def test_a_function_of_the_direction_is_drawn_on_a_disc():
    figure = figures.sphere_figure({"up": lambda ways: (1 + ways[:, 1]) / 2}, "title")
    image = np.asarray(figure.axes[0].images[0].get_array())
    assert image[2, 60] > 0.95 > 0.05 > image[118, 60] and image[0, 0] == 1


def test_who_came_and_went():
    changes = [(9, SimpleNamespace(cloned=2, split=3, pruned=1, count=14))] * 2
    changes[1] = (19, SimpleNamespace(cloned=0, split=0, pruned=4, count=10))
    figure = figures.control_figure(changes, "title")
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert heights == [2, 0, 3, 0, -1, -4]


def test_speed_is_drawn_in_the_colour_of_its_kind():
    figure = figures.speed_figure({"a NeRF": (5.0, 30.0), "splats": (100.0, 31.0)}, "title")
    lines = figure.axes[0].lines
    assert [line.get_color() for line in lines] == [figures.BLUE, figures.GREEN]
    assert figure.axes[0].get_xscale() == "log"
