"""Run an answer on an exercise's inputs up to the first that fails, and say what is wrong there.

Everything that could run the learner's code, also the comparison and the showing of a result, is guarded: a
wrong answer never stops the notebook.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lecture_utils.exercises import answers, compare, guard
from lecture_utils.exercises.exercise import Case, Exercise, parts

MEASURE_SECONDS = 120.0


@dataclass(frozen=True)
class Verdict:
    """What was found: "right", "untouched" or "wrong", and for "wrong" the first case that failed.

    `reason` of "wrong": "value" (of the right kind, but not the right one), "kind", "none", "raises",
    "loops", "unfinished", "altered" (an input was changed), "answer" (no function, or no choice that there
    is), "opaque" (a result that cannot be looked at). Only "value" is a matter for hints.
    """

    state: str
    passed: int = 0
    case: str = ""
    want: str = ""
    got: str = ""
    problem: str = ""
    printed: str = ""
    reason: str = ""


def examine(exercise: Exercise, answer: Any, *, seconds: float = 10.0) -> Verdict:
    """Run an answer on an exercise's cases up to the first that fails; show and record nothing."""
    if exercise.measure is not None:
        return _examine_measured(exercise, answer, seconds)
    if exercise.cases is None:
        return _examine_value(exercise, answer, seconds)
    if answers.untouched(answer):
        return Verdict("untouched")
    if not callable(answer):
        wanted = "class" if isinstance(exercise.reference, type) else "function"
        problem = f"check wants the {wanted} itself, without brackets, got {compare.describe_kind(answer)}."
        return Verdict("wrong", problem=problem, reason="answer")
    names, printed, passed = _names(exercise), "", 0
    for passed, case in enumerate(cases(exercise)):
        theirs, ours = compare.clone(case), compare.clone(case)
        best = best_result(exercise, ours, passed)
        made = run(exercise, answer, theirs, passed, seconds)
        printed += made.printed[: guard.PRINTED - len(printed)]
        if made.kind == "unfinished" and passed == 0:
            return Verdict("untouched")
        if made.kind:
            reason, problem, got = made.kind, made.problem, ""
        else:
            judge = lambda: _judge(exercise, made.result, best, case, theirs, ours, names)  # noqa: B023, E731
            judged = guard.call_safely(judge, seconds=seconds, seed=passed, file=None)
            reason, problem, got = judged.result or ("opaque", _opaque(judged.problem), "")
        if problem:
            inputs = _together([f"{n} = {compare.show(v)}" for n, v in zip(names, case, strict=False)])
            return Verdict("wrong", passed, inputs, compare.show(best), got, problem, printed, reason)
    return Verdict("right", passed + 1, printed=printed)


def cases(exercise: Exercise) -> list[Case]:
    """Return the inputs of an exercise, the same on every call."""
    return [] if exercise.cases is None else list(exercise.cases(np.random.default_rng(0)))


def run(exercise: Exercise, answer: Any, case: Case, number: int, seconds: float) -> guard.Outcome:
    """Run an answer on one case, which it may change."""
    use: Callable[..., Any] = exercise.use or (lambda function, *arguments: function(*arguments))
    file = answers.source_file(answer)
    return guard.call_safely(lambda: use(answer, *case), seconds=seconds, seed=number, file=file)


def best_result(exercise: Exercise, case: Case, number: int) -> Any:
    """Return what the course's own version answers on a case."""
    best = run(exercise, exercise.reference, case, number, 60.0)
    if best.kind:
        raise RuntimeError(
            f"Exercise {exercise.id}: the course's own version fails on a case. {best.problem}"
        )
    return best.result


def problem_of(exercise: Exercise, got: Any, want: Any) -> str:
    """Say how a result differs from the one that is wanted, or return an empty text."""
    if got is None and want is not None:
        return "It returned None. Is a return statement missing?"
    if exercise.same is None:
        text = compare.difference(got, want)
        return text[0].upper() + text[1:] if text else ""
    try:
        if exercise.same(got, want):
            return ""
    except Exception:  # a result of a kind that the comparison does not know
        pass
    text = compare.difference(got, want) or "The result is not the one that is wanted."
    return text[0].upper() + text[1:]


def _judge(
    exercise: Exercise, got: Any, want: Any, case: Case, theirs: Case, ours: Case, names: Sequence[str]
) -> tuple[str, str, str]:
    """Return the reason, the problem in words, and the result as it is shown."""
    if problem := problem_of(exercise, got, want):
        reason = "none" if got is None else "value" if compare.same_kind(got, want) else "kind"
        return reason, problem, compare.show(got)
    if which := changed_inputs(case, theirs, ours):
        changed = " and ".join(names[i] for i in which)
        problem = (
            f"The result is right, but your code changed its input {changed}: work on a copy (.clone())."
        )
        return "altered", problem, compare.show(got)
    return "", "", ""


def _opaque(problem: str) -> str:
    return f"Its result cannot be compared or shown. {problem}"


def _examine_value(exercise: Exercise, answer: Any, seconds: float) -> Verdict:
    if answer is ... or answer is None:
        return Verdict("untouched")
    if exercise.choices is not None:
        return _examine_choice(exercise, answer)
    names: Case = ()
    judged = guard.call_safely(
        lambda: _judge(exercise, answer, exercise.reference, names, names, names, ()),
        seconds=seconds,
        seed=0,
        file=None,
    )
    if judged.result is None:
        return Verdict("wrong", problem=_opaque(judged.problem), reason="opaque")
    reason, problem, got = judged.result
    if not problem:
        return Verdict("right", 1)
    # The value that is wanted would give the answer away: say only what kind it is.
    kinds = [compare.describe_kind(value) for value in (answer, exercise.reference)]
    wanted = "The kind of value is right." if kinds[0] == kinds[1] else f"The answer is {kinds[1]}."
    return Verdict("wrong", got=got, problem=wanted, reason=reason)


def _examine_choice(exercise: Exercise, answer: Any) -> Verdict:
    """Judge a reading and its reason apart, so that a right reading with a wrong reason is told."""
    assert exercise.choices is not None
    chosen, right = parts(answer), parts(exercise.reference)
    shown = ", ".join(chosen)[: compare.SHOWN_CHARACTERS]
    if len(chosen) != len(right) or any(c not in o for c, o in zip(chosen, exercise.choices, strict=True)):
        each = " and one of ".join(", ".join(letters) for letters in exercise.choices)
        return Verdict("wrong", got=shown, problem=f"Choose one of {each}.", reason="answer")
    if chosen == right:
        return Verdict("right", 1)
    problem = "It is another one."
    if len(right) == 2 and chosen[0] == right[0]:
        problem = "The reading is right, but this reason does not carry it."
    elif len(right) == 2 and chosen[1] == right[1]:
        problem = "The reason is true, but it speaks for another reading."
    return Verdict("wrong", got=shown, problem=problem, reason="value")


def _examine_measured(exercise: Exercise, answer: Any, seconds: float) -> Verdict:
    if answers.untouched(answer):
        return Verdict("untouched")
    made = measured(exercise, answer, max(seconds, MEASURE_SECONDS))
    if made.kind:
        return Verdict("wrong", problem=made.problem, printed=made.printed, reason=made.kind)
    bar = f"{exercise.bar:.4g} or more"
    if not isinstance(made.result, float):
        problem = f"Measuring it gave {made.problem or compare.describe_kind(made.result)}, no number."
        return Verdict("wrong", want=bar, problem=problem, printed=made.printed, reason="opaque")
    if exercise.bar is not None and made.result >= exercise.bar:
        return Verdict("right", 1, got=f"{made.result:.4g}", want=bar, printed=made.printed)
    problem = "It works, but it does not reach the bar yet."
    return Verdict(
        "wrong", want=bar, got=f"{made.result:.4g}", problem=problem, printed=made.printed, reason="value"
    )


def measured(exercise: Exercise, answer: Any, seconds: float) -> guard.Outcome:
    """Measure an answer: a float in `result`, or what went wrong."""
    measure = exercise.measure
    assert measure is not None
    file = answers.source_file(answer)
    return guard.call_safely(lambda: float(measure(answer)), seconds=seconds, seed=0, file=file)


def changed_inputs(case: Case, theirs: Case, ours: Case) -> list[int]:
    """Return which arguments the learner's code altered though the reference left them alone."""
    trios = enumerate(zip(case, theirs, ours, strict=True))
    return [
        i
        for i, (before, after, kept) in trios
        if compare.changed(before, after) and not compare.changed(before, kept)
    ]


def _together(parts: list[str]) -> str:
    """Set the arguments on one line if they are short."""
    line = ", ".join(parts)
    return (
        line
        if len(line) <= 90 and not any(word in line for word in ("\n", "tensor", "array"))
        else "\n".join(parts)
    )


def _names(exercise: Exercise) -> list[str]:
    """Names of the arguments, for messages."""
    skip = 1 if exercise.use else 0
    try:
        names = list(inspect.signature(exercise.use or exercise.reference).parameters)[skip:]
    except (TypeError, ValueError):
        names = []
    return names + [f"argument {i + 1}" for i in range(len(names), 20)]
