"""Every exercise of every chapter: the check accepts the reference and rejects the mistakes that learners
make."""

import re

import numpy as np
import pytest

from lecture_utils.exercises import answers, checker, compare
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.exercise import Exercise
from lecture_utils.exercises.hints import known_mistake

EXERCISES = checker.exercises()
each = pytest.mark.parametrize("exercise", EXERCISES, ids=[e.id for e in EXERCISES])


def test_ids_are_unique_and_count_up() -> None:
    ids = [exercise.id for exercise in EXERCISES]
    assert len(ids) == len(set(ids))
    for chapter in {id.partition(".")[0] for id in ids}:
        numbers = [id.partition(".")[2] for id in ids if id.startswith(chapter + ".")]
        short = [int(number) for number in numbers if not number.startswith("L")]
        assert short == list(range(1, len(short) + 1))
        assert [number for number in numbers if number.startswith("L")] in ([], ["L1", "L2", "L3"])


def test_labs_take_half_an_hour_or_a_little_more() -> None:
    assert all(30 <= lab.minutes <= 40 for lab in checker.labs())


@each
def test_the_reference_is_right(exercise: Exercise) -> None:
    found = examine(exercise, exercise.reference)
    assert found.state == "right", found


@each
def test_each_mistake_is_rejected_and_answered_with_its_own_hint(exercise: Exercise) -> None:
    assert len(exercise.mistakes) >= 3
    for mistake in exercise.mistakes:
        name = compare.show(mistake.wrong)
        found = examine(exercise, mistake.wrong)
        assert found.state == "wrong", f"{exercise.id} let {name} pass"
        assert found.problem
        shown = known_mistake(exercise, mistake.wrong, found)
        assert shown is not None, f"{exercise.id}: no hint for {name}"
        assert shown.hint == mistake.hint, (
            f"{exercise.id}: {name} got the hint of {compare.show(shown.wrong)}"
        )


@each
def test_hints_of_mistakes_are_sentences_that_differ_and_do_not_give_the_answer(exercise: Exercise) -> None:
    hints = [mistake.hint for mistake in exercise.mistakes]
    assert len(set(hints)) == len(hints)
    for hint in hints:
        assert hint[0].isupper() and hint[-1] in ".?)", hint
        assert 6 <= len(hint.split()) <= 50, hint
        assert " = " not in hint.replace("y = ", "").replace("x = ", "").replace("tan = ", ""), hint


@each
def test_mistakes_differ_from_one_another(exercise: Exercise) -> None:
    prints = {answers.fingerprint(mistake.wrong) for mistake in exercise.mistakes}
    assert len(prints) == len(exercise.mistakes)
    assert answers.fingerprint(exercise.reference) not in prints


@each
def test_hints_escalate(exercise: Exercise) -> None:
    assert len(exercise.hints) >= 2
    assert len(set(exercise.hints)) == len(exercise.hints)
    assert all(len(hint.split()) >= 4 for hint in exercise.hints)


@each
def test_cases_come_out_the_same_twice_and_smallest_first(exercise: Exercise) -> None:
    if exercise.cases is None:
        return
    first, second = (list(exercise.cases(np.random.default_rng(0))) for _ in range(2))
    assert len(first) >= 3, "three inputs at least, edges among them"
    assert all(isinstance(case, tuple) for case in first)
    assert compare.difference(second, first) is None
    sizes = [sum(part.numel() for part in case if hasattr(part, "numel")) for case in first]
    assert sizes[0] <= sorted(sizes)[len(sizes) // 2], "a learner sees the first that fails: begin small"


@each
def test_the_reference_leaves_its_inputs_alone_or_says_so(exercise: Exercise) -> None:
    if exercise.cases is None:
        return
    for case in exercise.cases(np.random.default_rng(0)):
        use = exercise.use or (lambda function, *arguments: function(*arguments))
        copy = compare.clone(case)
        use(exercise.reference, *copy)
        assert not compare.changed(case, copy)


def test_solutions_can_be_shown() -> None:
    """The solution stands folded in the notebook, so the reference must be a named definition of the
    package."""
    for exercise in EXERCISES:
        if callable(exercise.reference):
            assert re.fullmatch(r"lecture_utils\..+", exercise.reference.__module__), exercise.id
            assert exercise.reference.__name__ != "<lambda>", exercise.id
