"""Chapter 13: what the prediction questions say is so, where no record of a claim or of weights says it."""

import math

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.chapters.ch13 import solutions, style_study
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.sound import impact
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.questions import questions
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.styles import ColourMap, Pixels
from lecture_utils.multimodal.stylisation import StyleWeights, stylise
from lecture_utils.recipes._clip import tokenizer


def test_each_question_has_four_options() -> None:
    asked = {id: q for id, q in questions().items() if id.startswith("13.")}
    assert all(len(question["answers"]) == 4 for question in asked.values())


def test_question_1_a_word_never_seen_comes_back_whole() -> None:
    words = tokenizer()
    ids = words.encode(" turquoise")
    assert len(ids) > 1 and words.decode(ids) == " turquoise"
    assert len(words.encode(" purple")) == 1


def test_question_4_colour_is_not_heard() -> None:
    its = captioned(60, seed=3)
    ball = its.scenes[[int((its.class_id == 0).nonzero()[0, 0])]]
    other = its.scenes[[int((its.class_id == 0).nonzero()[0, 0])]]
    other.colour_id[:] = (other.colour_id + 3) % 8
    torch.testing.assert_close(impact(ball, 0.2), impact(other, 0.2))


def test_question_5_one_in_each_row() -> None:
    logits = torch.eye(64)
    assert (int(logits.sum()), logits.numel() - int(logits.sum())) == (64, 4032)


def test_question_9_with_shuffled_captions_the_best_is_to_know_nothing() -> None:
    """The loss of a space in which all is alike is log 64."""
    same = torch.ones(64, 8)
    made = solutions.clip_loss(same, same, floats(math.log(20)))
    assert made.item() == pytest.approx(math.log(64), abs=1e-4)


@pytest.mark.nightly
def test_question_16_free_pixels_please_clip_and_the_map_of_colours_recolours() -> None:
    """As the notebook has it: the global loss, and a little of what SSIM says is lost."""
    clip = zoo.load("shapes_clip").eval()
    assert isinstance(clip, CLIP)
    order = style_study.commission(16)
    images = order.pictures.image
    with torch.no_grad():
        source, target = (clip.texts(texts) for texts in order.texts())
    judged = []
    for style, content, rate in ((Pixels(16, 32), 0.5, 0.02), (ColourMap(16), 0.2, 0.01)):
        weights = StyleWeights(globally=1.0, direction=0.0, patch=0.0, content=content, variation=0.0)
        made = stylise(images, clip.encode_image, source, target, style, weights=weights, steps=60, rate=rate)
        judged.append(style_study.judged(clip, order, made.images))
    free, mapped = judged
    assert free["CLIP's cosine"] > mapped["CLIP's cosine"]
    assert mapped["object has the colour"] > free["object has the colour"]
