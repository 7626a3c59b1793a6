"""Towards a sentence: panels show the picture and what is painted of it; nothing turned is no change."""

import pytest
import torch

from lecture_utils.chapters.ch16.unclip_study import picture_of
from lecture_utils.chapters.ch16.widgets.towards_a_sentence import (
    THINGS,
    WISHES,
    sentences,
    towards_a_sentence,
    turn,
)
from lecture_utils.recipes.shapes_unclip import build

pytestmark = pytest.mark.system("S16.4")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build().eval()


def panels(*what) -> list[torch.Tensor]:
    return [torch.tensor(ax.images[0].get_array()).movedim(-1, 0) for ax in turn(*what).axes]


def test_panels_show_the_picture_and_what_is_painted_of_it(model):
    picture, plain, made = panels(1, "a star", 0, model)
    torch.testing.assert_close(picture, picture_of("green", "heart"))
    torch.testing.assert_close(plain, made, atol=1e-5, rtol=0)  # turned by 0
    other = panels(1, "a star", 12, model)
    torch.testing.assert_close(other[1], plain, atol=1e-5, rtol=0)
    assert (other[2] - plain).abs().max() > 0.01


def test_a_sentence_that_fits_and_one_that_should(model):
    assert sentences(4, "blue") == ("a photo of an orange square", "a photo of a blue square")
    assert sentences(0, "a star") == ("a photo of a red ring", "a photo of a red star")
    assert sentences(2, "on water")[1] == "a photo of a yellow cross on water"
    pairs = [sentences(number, wish) for number in range(len(THINGS)) for wish in WISHES]
    assert all(before != after for before, after in pairs)


def test_the_widget_takes_a_learners_decoder(model):
    widget = towards_a_sentence(model)
    shapes = {widget.picture(**values).shape for _, values in widget.tour[:2]}
    assert len(shapes) == 1 and all(said.startswith("Towards ") for said, _ in widget.tour)
