"""Every exercise of every chapter: the check accepts the reference and rejects the mistakes that learners
make."""

import re

import numpy as np
import pytest

from lecture_utils.exercises import answers, checker, compare

EXERCISES = checker.exercises()
each = pytest.mark.parametrize("exercise", EXERCISES, ids=[e.id for e in EXERCISES])


def test_ids_are_unique_and_count_up() -> None:
    ids = [exercise.id for exercise in EXERCISES]
    assert len(ids) == len(set(ids))
    for chapter in {id.partition(".")[0] for id in ids}:
        numbers = sorted(int(id.partition(".")[2]) for id in ids if id.startswith(chapter + "."))
        assert numbers == list(range(1, len(numbers) + 1))


@each
def test_the_reference_is_right(exercise: checker.Exercise) -> None:
    found = checker.examine(exercise, exercise.reference)
    assert found.state == "right", found


@each
def test_three_mistakes_are_rejected(exercise: checker.Exercise) -> None:
    assert len(exercise.mistakes) >= 3
    for mistake in exercise.mistakes:
        found = checker.examine(exercise, mistake)
        assert found.state == "wrong", f"{exercise.id} let {compare.show(mistake)} pass"
        assert found.problem


@each
def test_mistakes_differ_from_one_another(exercise: checker.Exercise) -> None:
    prints = {answers.fingerprint(mistake) for mistake in exercise.mistakes}
    assert len(prints) == len(exercise.mistakes)
    assert answers.fingerprint(exercise.reference) not in prints


@each
def test_hints_escalate(exercise: checker.Exercise) -> None:
    assert len(exercise.hints) >= 2
    assert len(set(exercise.hints)) == len(exercise.hints)
    assert all(len(hint.split()) >= 4 for hint in exercise.hints)


@each
def test_cases_come_out_the_same_twice_and_smallest_first(exercise: checker.Exercise) -> None:
    if exercise.cases is None:
        return
    first, second = (list(exercise.cases(np.random.default_rng(0))) for _ in range(2))
    assert len(first) >= 3, "three inputs at least, edges among them"
    assert all(isinstance(case, tuple) for case in first)
    assert compare.difference(second, first) is None
    sizes = [sum(part.numel() for part in case if hasattr(part, "numel")) for case in first]
    assert sizes[0] <= sorted(sizes)[len(sizes) // 2], "a learner sees the first that fails: begin small"


@each
def test_the_reference_leaves_its_inputs_alone_or_says_so(exercise: checker.Exercise) -> None:
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
