"""The widget of the guidance scale: one noise at all scales, a learner's model, frames of one size."""

import copy

import pytest
import torch

from lecture_utils.chapters.ch16.guidance_study import shipped_digits
from lecture_utils.chapters.ch16.widgets.guidance_scale import (
    COUNT,
    DIGITS,
    SCENES,
    TOUR,
    guidance_scale,
    seen_rightly,
    strip,
    strip_figure,
)
from lecture_utils.data import digits
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES

pytestmark = pytest.mark.system("S16.2")


@pytest.fixture(scope="module")
def model():
    """A labelled diffusion model that is not the shipped one, though it learnt the same."""
    return copy.deepcopy(shipped_digits())


def test_the_noise_stays_and_the_scale_moves(model):
    first, same, more, other = (strip("digit 3", w, n, model) for w, n in ((2, 1), (2, 1), (6, 1), (2, 2)))
    assert first.shape == (COUNT, 1, 16, 16)
    torch.testing.assert_close(first, same)
    assert (first - more).abs().max() > 1e-3 and (first - other).abs().max() > 1e-3
    nothing = [strip(f"digit {k}", 0.0, 1, model) for k in (3, 8)]
    torch.testing.assert_close(*nothing)  # with nothing told, it does not matter what was asked for
    told = [strip(f"digit {k}", 1.0, 1, model) for k in (3, 8)]
    assert (told[0] - told[1]).abs().max() > 1e-3


def test_the_judge_is_asked_for_the_right_class():
    images, labels = digits.load(16, "test")
    threes = images[labels == 3][:COUNT]
    assert seen_rightly("digit 3", threes) >= 4 and seen_rightly("digit 8", threes) <= 1
    some = captioned(200, seed=0, split="test")
    for what in SCENES:
        own = some.image[some.class_id == CLASSES.index(what.split()[1])][:COUNT]
        assert seen_rightly(what, own) >= 4


def test_the_figure_has_a_panel_a_noise(model):
    fig = strip_figure(DIGITS[2], 2.0, 0, model)
    assert len(fig.axes) == COUNT
    shown = torch.tensor(fig.axes[0].images[0].get_array()[..., 0]).float()
    assert (shown - strip(DIGITS[2], 2.0, 0, model)[0, 0]).abs().max() < 0.04
    widths = [ax.get_position().width * fig.get_figwidth() * 100 for ax in fig.axes]
    assert min(widths) >= 150


def test_the_widget_takes_a_learners_model(model):
    widget = guidance_scale(model)
    assert widget.tour[0][0] == "yellow star, w = 4."
    sizes = {widget.picture(what=what, scale=2.0, noise=0).shape for what in ("digit 1", "red ring")}
    assert len(sizes) == 1


def test_the_tour_says_of_stars_what_the_judge_sees():
    guided, plain = (seen_rightly(what, strip(what, w, noise)) for _, w, what, noise in TOUR[:2])
    assert TOUR[0][2] == TOUR[1][2] == "yellow star" and "nearly all" in TOUR[0][0]
    assert plain < guided and guided > COUNT / 2
