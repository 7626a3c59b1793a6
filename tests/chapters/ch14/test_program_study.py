"""Chapter 14's study of programs: exams, arms that need no training, figures, and the detector as LOC."""

import pytest
import torch
from matplotlib.figure import Figure

from lecture_utils.chapters.ch14.program_figures import (
    ARMS,
    edits_figure,
    hops_figure,
    lines_figure,
    trace_figure,
)
from lecture_utils.chapters.ch14.program_study import accuracy, exams, prior_of
from lecture_utils.data.toyworld.language.program_text import program_text
from lecture_utils.multimodal.visual_programs.values import Picture
from lecture_utils.recipes._program_training import build_vqa, read_questions, simple_questions
from lecture_utils.recipes._programs import answer_of, answers_from, exact_modules, found_in, modules_for

pytestmark = pytest.mark.system("S14.7")


def test_exams_of_all_lengths_are_about_the_same_scenes_and_ask_so_far() -> None:
    of = exams(12, 0)
    for hops, drawn in of.items():
        assert torch.equal(drawn.image, of[0].image)
        assert {q.hops for q in drawn.questions} == {hops}


def test_exact_programs_over_exact_modules_are_right_and_the_prior_is_not() -> None:
    drawn = exams(20, 0)[2]
    texts = [program_text(q.program) for q in drawn.questions]
    said = [answer for answer, _, _ in answers_from(texts, drawn, exact_modules(drawn))]
    assert accuracy(said, drawn) == 1.0
    assert accuracy(prior_of(read_questions(200))(drawn), drawn) < 0.7


def test_the_detector_finds_what_is_there() -> None:
    drawn = exams(25, 1)[0]
    found = found_in(drawn.image)
    right = 0
    for things, fact in zip(found, drawn.facts, strict=True):
        there = sorted(f"{t.colour} {t.shape}" for t in fact.things)
        right += sorted(f"{t.colour} {t.shape}" for t in things) == there
    assert right >= 20
    depths = [
        abs(t.depth_m - s.depth_m)
        for things, fact in zip(found, drawn.facts, strict=True)
        for s in fact.things
        for t in things
        if (t.colour, t.shape) == (s.colour, s.shape) and abs(t.x - s.x) < 0.05
    ]
    assert sorted(depths)[len(depths) // 2] < 0.15  # metres


def test_a_text_that_is_no_program_is_no_answer_and_says_why() -> None:
    drawn = exams(2, 0)[0]
    modules = modules_for(drawn.image, build_vqa().eval())
    answer, trace, problem = answer_of("import os", Picture(drawn.image[0]), modules[0])
    assert answer == "" and trace == [] and "got 'import os'" in problem


def test_simple_questions_are_four_to_a_scene() -> None:
    pictures, put, answers = simple_questions(6, 0)
    assert pictures.shape == (24, 3, 48, 48) and len(put) == len(answers) == 24
    assert put[2::4] == ["what colour is it ?"] * 6 and put[3::4] == ["what shape is it ?"] * 6
    assert set(answers) <= set(build_vqa().answers)


def test_figures_are_drawn() -> None:
    drawn = exams(4, 0)[1]
    question = drawn.questions[0]
    image = Picture(drawn.image[question.scene])
    modules = modules_for(drawn.image, build_vqa().eval())
    _, trace, _ = answer_of(program_text(question.program), image, modules[question.scene])
    assert isinstance(trace_figure(image, trace, title=question.text, wrong=0, note="so"), Figure)
    assert isinstance(lines_figure(trace, image), Figure)
    thing = found_in(drawn.image[:1])[0][0]
    find = f"BOX0 = LOC(image=IMAGE, object='{thing.colour} {thing.shape}')"
    assert isinstance(edits_figure(drawn.image[0], find), Figure)
    scores = {arm: dict.fromkeys("0123", 0.5) for arm in ARMS}
    assert isinstance(hops_figure([{"accuracy": scores}]), Figure)
