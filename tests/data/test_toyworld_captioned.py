"""Captioned pictures: each sentence is true of its scene, in the grammar, held-out pairs stay out."""

import re

import pytest
import torch

from lecture_utils.data.toyworld.language.captioned import OPENINGS, Captioned, captioned, sentences, thing
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT, STUFF

pytestmark = pytest.mark.system("S00.3")

COLOUR, CLASS, GROUND = ("|".join(names) for names in (COLOURS, CLASSES, STUFF[1:]))
GRAMMAR = re.compile(
    rf"(?:{'|'.join(OPENINGS)}) "
    rf"(?:something (?P<alone>{COLOUR})|an? (?:(?P<colour>{COLOUR}) )?(?P<name>{CLASS}))"
    rf"(?: on (?P<ground>{GROUND}))?(?: under a (?P<sky>clear|cloudy) sky)?"
)


@pytest.fixture(scope="module")
def some() -> Captioned:
    return captioned(600, seed=5)


def test_each_caption_is_true_of_its_picture(some: Captioned) -> None:
    for i, text in enumerate(some.text):
        said = GRAMMAR.fullmatch(text)
        assert said, text
        colour = said["alone"] or said["colour"]
        assert colour in (None, COLOURS[int(some.colour_id[i])]), text
        assert said["name"] in (None, CLASSES[int(some.class_id[i])]), text
        assert said["ground"] in (None, STUFF[int(some.ground_id[i])]), text
        assert said["sky"] in (None, "cloudy" if some.cloudy[i] else "clear"), text
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", text), text


def test_captions_leave_things_out_as_often_as_stated(some: Captioned) -> None:
    said = [m for text in some.text if (m := GRAMMAR.fullmatch(text))]
    for share, want in (
        (sum(m["alone"] is not None for m in said), 0.1),
        (sum(m["alone"] is None and m["colour"] is None for m in said), 0.2),
        (sum(m["ground"] is not None for m in said), 0.5),
        (sum(m["sky"] is not None for m in said), 0.3),
    ):
        assert share / len(said) == pytest.approx(want, abs=4 * (want * (1 - want) / len(said)) ** 0.5)


def test_held_out_pairs_are_never_in_ordinary_pictures_and_alone_in_the_others(some: Captioned) -> None:
    held = set(HELD_OUT)
    assert not held & set(zip(some.class_id.tolist(), some.colour_id.tolist(), strict=True))
    other = captioned(300, held_out=True, split="test")
    assert set(zip(other.class_id.tolist(), other.colour_id.tolist(), strict=True)) <= held


def test_splits_share_no_scene_and_a_scene_does_not_hang_on_the_count(some: Captioned) -> None:
    keys = [
        set(captioned(200, seed=5, split=split).scenes.key.tolist()) for split in ("train", "val", "test")
    ]
    assert len(set.union(*keys)) == 600
    few = captioned(7, seed=5)
    assert few.text == some.text[:7]
    assert torch.equal(few.image, some.image[:7])


def test_another_telling_says_other_words_about_the_same_things(some: Captioned) -> None:
    again = sentences(some.scenes, telling=1)
    assert sum(a != b for a, b in zip(again, some.text, strict=True)) > 500
    assert sentences(some.scenes) == list(some.text)


def test_articles_and_bad_counts() -> None:
    assert thing("star", "orange") == "an orange star"
    assert thing("star", "red", 0.25) == "something red"
    assert thing("star", "red", 0.1) == "a star"
    with pytest.raises(ValueError, match="count"):
        captioned(0)
