"""Prediction questions: well made, answerable offline, and readable where scripts are off."""

import random
import re
from typing import Any

import pytest

from lecture_utils.exercises import predict, quiz

QUESTIONS = quiz.questions()
each = pytest.mark.parametrize("id", sorted(QUESTIONS))


def test_there_are_questions_and_their_ids_count_up() -> None:
    for chapter in {id.partition(".")[0] for id in QUESTIONS}:
        numbers = sorted(int(id.partition(".")[2]) for id in QUESTIONS if id.startswith(chapter + "."))
        assert numbers == list(range(1, len(numbers) + 1))
    assert QUESTIONS


@each
def test_questions_are_well_made(id: str) -> None:
    for question in QUESTIONS[id]:
        assert question["type"] in ("multiple_choice", "many_choice", "numeric")
        answers = question["answers"]
        right = [answer for answer in answers if answer.get("correct")]
        if question["type"] == "numeric":
            assert right and any(answer["type"] == "default" for answer in answers)
        else:
            assert len(answers) >= 3 and len({answer["answer"] for answer in answers}) == len(answers)
            assert len(right) == 1 if question["type"] == "multiple_choice" else len(right) >= 2
        assert all(answer.get("feedback", "").strip() for answer in answers), "each answer is told why"
        assert "$" not in str(question), "no TeX: a quiz must not need MathJax"


@each
def test_static_form_has_question_options_and_folded_answer(id: str) -> None:
    page, text = quiz.static_html(id, QUESTIONS[id]), quiz.plain_text(id, QUESTIONS[id])
    assert "<script" not in page and "<details" in page and "open" not in page.partition("<details")[2][:20]
    assert 'role="group"' in page
    for question in QUESTIONS[id]:
        assert page.count("<li>") >= sum("answer" in answer for answer in question["answers"])
        assert all(line for line in quiz.answer_lines(question))
    assert text.splitlines()[-1].strip().startswith("(Answer: ")
    assert quiz.static_html(id, QUESTIONS[id]) == page


@each
def test_live_form_needs_no_network(id: str) -> None:
    page, script = quiz.live_parts(id, QUESTIONS[id])
    element = re.search(r'<div id="(\w+)"', page)
    assert element and element[1] in script and f"#{element[1]}" in page
    assert "<link" not in page and "src=" not in page and "@import" not in page
    # The one address in jupyterquiz's script is MathJax's, behind `typeof MathJax`, which is undefined in
    # here.
    assert script.startswith("(function () {\nvar MathJax = undefined;")
    assert script.rstrip().endswith("})();")
    assert not re.search(r"\b(fetch|XMLHttpRequest|import)\s*\(", script)
    assert "window.MathJax." not in script.replace("window.MathJax = {", "")
    assert "aria-live" in script
    assert page.count("<div") == page.count("</div")


def test_two_quizzes_differ_and_the_learners_random_numbers_do_not() -> None:
    id = sorted(QUESTIONS)[0]
    random.seed(3)
    expected = random.random()
    pages = []
    for _ in range(2):
        random.seed(3)
        pages.append(quiz.live_parts(id, QUESTIONS[id])[0])
        assert random.random() == expected
    assert pages[0] != pages[1]


def test_answers_in_words() -> None:
    number: dict[str, Any] = {
        "question": "How many?",
        "type": "numeric",
        "answers": [
            {"type": "value", "value": 2432, "correct": True, "feedback": "Yes."},
            {"type": "range", "range": [10, 20], "correct": True, "feedback": "Near."},
            {"type": "default", "feedback": "No."},
        ],
    }
    assert quiz.answer_lines(number) == ["2,432. Yes.", "from 10 to 20. Near."]
    choice: dict[str, Any] = {
        "answers": [{"answer": "x", "correct": False}, {"answer": "y", "correct": True}]
    }
    assert quiz.answer_lines(choice) == ["B."]


def test_unknown_question_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"00\.99.*00\."):
        predict("00.99")


def test_outside_a_notebook_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    predict(sorted(QUESTIONS)[0])
    assert "? Predict" in capsys.readouterr().out
