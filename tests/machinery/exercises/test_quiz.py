"""Prediction questions: well made, answerable offline, and readable where scripts are off."""

import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lecture_utils.exercises import predict, questions, quiz

QUESTIONS = questions.questions()
PLACES_OF_03 = [1, 2, 0, 2, 1, 0]
each = pytest.mark.parametrize("id", sorted(QUESTIONS))


def test_there_are_questions_and_their_ids_count_up() -> None:
    for chapter in {id.partition(".")[0] for id in QUESTIONS}:
        numbers = sorted(int(id.partition(".")[2]) for id in QUESTIONS if id.startswith(chapter + "."))
        assert numbers == list(range(1, len(numbers) + 1))
    assert QUESTIONS


def keys(chapter: str = "") -> list[str]:
    """The letters of the right options, of all questions that have one."""
    chosen = [q for id, q in QUESTIONS.items() if id.startswith(chapter) and q["type"] == "multiple_choice"]
    return [quiz.LETTERS[[a["correct"] for a in question["answers"]].index(True)] for question in chosen]


def test_no_letter_is_the_key_in_more_than_two_fifths_of_the_course() -> None:
    counts = Counter(keys())
    assert max(counts.values()) <= 0.4 * counts.total(), counts


@pytest.mark.parametrize("chapter", sorted({id[:2] for id in QUESTIONS}))
def test_in_each_chapter_the_keys_are_dealt_out_evenly(chapter: str) -> None:
    counts = Counter(keys(chapter))
    assert max(counts.values()) <= -(-counts.total() // 3), counts


@pytest.mark.parametrize("options", [3, 4, 5])
def test_places_are_dealt_in_blocks_and_never_change(options: int) -> None:
    for chapter in ("00", "07", "20"):
        places = [questions.key_place(chapter, number, options) for number in range(4 * options)]
        for block in range(4):
            assert sorted(places[block * options : (block + 1) * options]) == list(range(options))
    # As on every machine: a built notebook holds these letters.
    assert [questions.key_place("03", number, 3) for number in range(6)] == PLACES_OF_03


def test_a_question_added_at_the_end_moves_no_other(tmp_path: Path) -> None:
    text = CHOICE + CHOICE.replace("90.1", "90.2")
    (tmp_path / "questions.toml").write_text(text)
    before = questions.load(tmp_path / "questions.toml")
    (tmp_path / "questions.toml").write_text(text + CHOICE.replace("90.1", "90.3"))
    after = questions.load(tmp_path / "questions.toml")
    assert {id: after[id] for id in before} == before


CHOICE = """
[[question]]
id = "90.1"
question = "Which?"
type = "multiple_choice"
  [[question.answers]]
  answer = "one"
  correct = true
  feedback = "Yes."
  [[question.answers]]
  answer = "two"
  correct = false
  feedback = "No."
  [[question.answers]]
  answer = "three"
  correct = false
  feedback = "No."
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[[question]]", "[[question"), "questions.toml"),
        (('id = "90.1"', ""), "want the field 'id' too"),
        (('id = "90.1"', 'id = "9.1"'), "got '9.1', want an id"),
        (('question = "Which?"', 'question = " "'), "want a question"),
        (("multiple_choice", "choice"), "got 'choice', want one of the types"),
        (("multiple_choice", "many_choice"), "got '1 right options'"),
        (("correct = true", "correct = false"), "got '0 right options'"),
        (("correct = true", 'correct = "yes"'), "correct = true or false"),
        (('answer = "two"', 'answer = "one"'), "at least 3 different options"),
        (('feedback = "Yes."', ""), "feedback for each answer"),
        (("id = ", "colour = 3\nid = "), "got ['colour'], want only the fields"),
        (("multiple_choice", "numeric"), "a right answer with a value or a range"),
        (
            ('type = "multiple_choice"', 'type = "multiple_choice"\nmeasured = [{claim = "C"}]'),
            "claim or weights",
        ),
    ],
)
def test_a_badly_made_question_is_refused_by_name(
    change: tuple[str, str], words: str, tmp_path: Path
) -> None:
    (tmp_path / "questions.toml").write_text(CHOICE)
    assert list(questions.load(tmp_path / "questions.toml")) == ["90.1"]
    (tmp_path / "questions.toml").write_text(CHOICE.replace(*change))
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        questions.load(tmp_path / "questions.toml")
    assert "questions.toml" in str(caught.value)
    (tmp_path / "questions.toml").write_text(CHOICE + CHOICE)
    with pytest.raises(ValueError, match="got this id twice"):
        questions.load(tmp_path / "questions.toml")


TIED = [id for id in sorted(QUESTIONS) if "measured" in QUESTIONS[id]]


@pytest.mark.parametrize("id", TIED)
def test_a_key_that_rests_on_a_measured_value_agrees_with_the_record(id: str) -> None:
    for figure, measured, bound, side in questions.ties(QUESTIONS[id]):
        holds = measured > bound if side == "above" else measured < bound
        assert holds, f"question {id}: {figure} is {measured:.4g}, and its key wants it {side} {bound:.4g}"


def test_keys_can_be_tied_to_the_card_of_a_weight_file() -> None:
    tie = {"weights": "shapes_vit", "figure": "test_accuracy", "above": 0.9}
    ((figure, measured, bound, side),) = questions.ties({"measured": [tie]})
    assert (figure, side) == ("shapes_vit test_accuracy", "above") and 1 >= measured > bound == 0.9
    assert len(TIED) >= 9


@each
def test_questions_hold_no_tex(id: str) -> None:
    assert "$" not in str(QUESTIONS[id]), "a quiz must not need MathJax"


@each
def test_static_form_has_question_options_and_folded_answer(id: str) -> None:
    question = QUESTIONS[id]
    page, text = quiz.static_html(id, question), quiz.plain_text(id, question)
    assert "<script" not in page and "<details" in page and "open" not in page.partition("<details")[2][:20]
    assert 'role="group"' in page and f"Predict {id}:" in page
    assert "<ol" not in page, "a page's style turns a list's letters into numbers"
    options = [answer["answer"] for answer in question["answers"] if "answer" in answer]
    for letter, option in zip(quiz.LETTERS, options, strict=False):
        assert f"<b>{letter}.</b> {quiz.markdown(option)}" in page and f"  {letter}. {option}" in text
    assert all(line for line in quiz.answer_lines(question))
    assert text.splitlines()[-1].strip().startswith("(Answer: ")
    assert quiz.static_html(id, question) == page
    assert "*" not in page and "`" not in page, "Markdown is drawn"


@each
def test_live_form_needs_no_network(id: str) -> None:
    page, script = quiz.live_parts(id, QUESTIONS[id])
    element = re.search(r'<div id="(\w+)"', page)
    assert element and element[1] in script and f"#{element[1]}" in page
    assert "<link" not in page and "src=" not in page and "@import" not in page
    # The one address in jupyterquiz's script is MathJax's, behind `typeof MathJax`, which is undefined here.
    assert script.startswith("(function () {\nvar MathJax = undefined;")
    assert script.rstrip().endswith("})();")
    assert not re.search(r"\b(fetch|XMLHttpRequest|import)\s*\(", script)
    assert "window.MathJax." not in script.replace("window.MathJax = {", "")
    assert "aria-live" in script
    assert page.count("<div") == page.count("</div")


def test_the_live_form_shows_number_letters_and_markdown_as_the_static_one_does() -> None:
    question = {
        "question": "What does `x < 1` do to *this* $5?",
        "type": "multiple_choice",
        "measured": [],
        "answers": [
            {"answer": "**All** of it", "correct": True, "feedback": "`yes`"},
            {"answer": "<script>", "correct": False, "feedback": "*no*"},
        ],
    }
    drawn = quiz._drawn("90.1", question)
    assert drawn["question"] == (
        "<b>Predict 90.1:</b> What does <code>x &lt; 1</code> do to <em>this</em> &#36;5?"
    )
    assert [a["answer"] for a in drawn["answers"]] == [
        "<b>A.</b>&nbsp; <strong>All</strong> of it",
        "<b>B.</b>&nbsp; &lt;script&gt;",
    ]
    assert drawn["answers"][0]["feedback"] == "<code>yes</code>" and "measured" not in drawn
    page = quiz.static_html("90.1", question)
    assert "<b>B.</b> &lt;script&gt;" in page and "A. <code>yes</code>" in page
    _, script = quiz.live_parts("90.1", question)
    assert "Predict 90.1:" in script and "<code>x &lt; 1</code>" in script.replace("\\u003c", "<")


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
