"""The study of S13.7: chance is chance, what physics ties is told, what it does not tie is not."""

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.chapters.ch13 import senses_study as study
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.recipes import _speakers as people
from lecture_utils.recipes import _struck, _told

pytestmark = pytest.mark.system("S13.7")


def test_a_guess_that_knows_nothing_has_one_over_answers_whatever_it_prefers():
    made = torch.Generator().manual_seed(0)
    right = torch.multinomial(torch.tensor([0.7, 0.2, 0.1]), 60_000, True, generator=made)
    for taste in ([0.9, 0.05, 0.05], [0.2, 0.4, 0.4], [1.0, 0.0, 0.0]):
        guess = torch.multinomial(torch.tensor(taste), 60_000, True, generator=made)
        assert people.balanced_accuracy(guess, right) == pytest.approx(1 / 3, abs=0.02)
    assert people.balanced_accuracy(right, right) == 1


def test_who_knows_the_class_guesses_the_colour_at_one_in_six():
    scenes = captioned(6000, seed=3, size=8)
    assert study.colour_chance(scenes.class_id, scenes.colour_id) == pytest.approx(1 / 6, abs=0.006)
    every = torch.cartesian_prod(torch.arange(8), torch.arange(8)).repeat(50, 1)
    assert study.colour_chance(every[:, 0], every[:, 1]) == pytest.approx(1 / 8, abs=0.003)


def test_voices_tell_of_bodies_and_of_nothing_else():
    rows = study.what_voices_tell(zoo.load("faces_from_voices"), study.unmet_speakers(300), draws=200)
    assert [row.question for row in rows] == list(people.QUESTIONS)
    for row in rows:
        assert row.low <= row.voice <= row.high
        if row.physical:
            assert row.low > row.chance, row.question
        else:
            assert abs(row.voice - row.chance) < 0.1, row.question  # about three standard errors
            assert row.face > 0.9


def test_sounds_bring_the_class_into_a_drawing_and_not_the_colour():
    scenes = _struck.struck(200, 4, "test")
    rows, pictures = study.drawings(scenes, {"sound": zoo.load("shapes_sound_image").sound_encoder})
    real, seen, heard = rows
    assert [row.source for row in rows] == list(pictures) == ["real", "picture", "sound"]
    assert real.by_resnet > 0.98 and seen.by_resnet > 0.9 and seen.colour > 0.95
    assert heard.by_resnet > 0.5 and heard.colour < 0.3


def test_a_network_that_names_shapes_forgets_colours():
    figures = study.forgotten_colours(400)
    assert figures["first stage"] > figures["last stage"] + 0.3


def test_what_is_fitted_and_listened_to():
    mel = torch.zeros(64, 10)
    assert _told.fitted(mel, 16).shape == (64, 16) and _told.fitted(mel, 6).shape == (64, 6)
    assert _told.fitted(mel, 16)[0, 0] == _told.QUIET
    assert len(_told.told()) == 48 and all(len(m) == 64 for m in _told.told().values())
