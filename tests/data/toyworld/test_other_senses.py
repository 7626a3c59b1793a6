"""What is heard and measured in chapter 14: it is of the very scenes that are asked about, and in metres."""

import pytest
import torch

from lecture_utils.data.toyworld.language.asked import asked_scenes
from lecture_utils.data.toyworld.language.programs import run
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.data.toyworld.other_senses import heard, lifted, measured, together
from lecture_utils.data.toyworld.sampling import Objects, sample_scenes

pytestmark = pytest.mark.system("S14.6")


def test_no_word_is_about_what_a_sense_cannot_tell() -> None:
    for made in (heard(40, seed=1), measured(40, seed=1)):
        assert len(made.questions) > 40
        for q in made.questions:
            assert run(q.program, made.facts[q.scene]) == q.answer
            assert not set(COLOURS) & set(q.text.split())


def test_points_are_metres_on_the_objects() -> None:
    scenes, told = asked_scenes(40, seed=2)
    points, owner = lifted(scenes)
    for i, scene in enumerate(told):
        for thing in scene.things:
            own = points[i][owner[i] == thing.place]  # (Q, 3)
            assert len(own) > 8 and bool((own[:, 1] > 0).all())
            assert abs(float(own[:, 2].median()) - thing.depth_m) < 0.8  # it has a front and a back
            middle = (thing.x - 0.5) * thing.depth_m
            assert abs(float(own[:, 0].mean()) - middle) < 0.5


def test_ground_lies_at_height_zero() -> None:
    scenes = sample_scenes(4, objects=Objects(count=0))
    points, owner = lifted(scenes)
    ground = points[(points[..., 2] < 20) & (owner < 0)]
    assert len(ground) > 500 and float(ground[:, 1].abs().max()) < 0.35  # half a pixel at twenty metres


def test_each_point_knows_its_shape_and_none_is_twice_while_there_are_enough() -> None:
    made = measured(30, seed=3, objects=3, points=64)
    assert made.points.shape == (30, 64, 3) and made.points.isfinite().all()
    for cloud, ids, scene in zip(made.points, made.shape_id, made.facts, strict=True):
        assert {CLASSES[i] for i in ids.tolist()} <= {t.shape for t in scene.things}
        assert len(cloud.unique(dim=0)) == 64


def test_what_is_heard_is_the_scenes_object() -> None:
    made = heard(20, seed=4)
    assert made.mel.shape == (20, 1, 64, 32)
    assert [CLASSES[i] for i in made.shape_id] == [f.things[0].shape for f in made.facts]


def test_both_together_ask_about_the_things_of_both() -> None:
    one, other = heard(30, seed=5), measured(30, seed=6)
    put = together(one, other)
    assert len(put) > 30 and {q.asked for q in put} == {"exists", "count", "compare"}
    counts = [int(q.answer) for q in put if q.asked == "count"]
    assert max(counts) >= 1
    for q in put:
        both = one.facts[q.scene].things + other.facts[q.scene].things
        words = {t.shape for t in both}
        if q.answer == "yes" and q.asked == "exists" and "not" not in q.text.split():
            assert any(word in q.text for word in words)
    with pytest.raises(ValueError, match="as many"):
        together(one, heard(3))


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="count"):
        heard(0)
    with pytest.raises(ValueError, match="points"):
        measured(3, points=0)
    assert torch.equal(measured(4, seed=9).points, measured(4, seed=9).points)
