"""Asked pictures: answers follow from the facts, splits share nothing, held-out pairs stay held out."""

import pytest
import torch

from lecture_utils.data.toyworld.language.asked import (
    SEEN,
    SIZE,
    asked,
    asked_scenes,
    described,
    instructions,
)
from lecture_utils.data.toyworld.language.programs import run
from lecture_utils.data.toyworld.language.telling import true_of
from lecture_utils.data.toyworld.language.wording import parse
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT, MATERIALS
from lecture_utils.data.toyworld.render import render

pytestmark = pytest.mark.system("S14.4")
PAIRS = {(CLASSES[c], COLOURS[k]) for c, k in HELD_OUT}


def test_every_answer_follows_from_the_facts() -> None:
    made = asked(60, seed=3)
    assert made.image.shape == (60, 3, SIZE, SIZE) and len(made.facts) == 60
    assert len(made.questions) > 150
    for q in made.questions:
        assert run(q.program, made.facts[q.scene]) == q.answer and parse(q.text) == q.program and q.hops <= 1
        assert not set(MATERIALS) & set(q.text.split())  # all are plain, so no word is said about it


def test_each_object_is_in_view_and_counted() -> None:
    scenes, told = asked_scenes(80, seed=1, objects=3)
    visible = render(scenes, SIZE, only="visibility").visibility
    assert bool((visible[scenes.present] >= SEEN).all())
    assert [len(f.things) for f in told] == scenes.present.sum(dim=1).tolist()


@pytest.mark.parametrize("held_out", [False, True])
def test_held_out_pairs_are_only_where_they_are_asked_for(held_out: bool) -> None:
    for f in asked_scenes(100, held_out=held_out)[1]:
        assert all(((t.shape, t.colour) in PAIRS) == held_out for t in f.things)


def test_splits_share_no_scene_and_a_seed_gives_the_same_again() -> None:
    keys = [set(asked_scenes(50, split=split)[0].key.tolist()) for split in ("train", "val", "test")]
    assert not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]
    assert torch.equal(asked(5, seed=2).image, asked(5, seed=2).image)
    assert asked(5, seed=2).questions == asked(5, seed=2).questions


def test_what_is_told_is_true_and_plain() -> None:
    for f in asked_scenes(30, seed=4)[1]:
        for sentence in described(f).split(" . "):
            assert true_of(sentence.removesuffix(" .") + " .", f)
        for kind in ("conversation", "detail", "reasoning"):
            assert not set(MATERIALS) & {w for turn in instructions(f, kind) for w in turn.told.split()}


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="count"):
        asked(0)
    with pytest.raises(ValueError, match="asked"):
        asked(3, kinds=("riddle",))
