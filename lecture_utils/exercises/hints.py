"""Which known mistake does a wrong answer show? The one whose results agree with the answer's."""

import time
from typing import Any

from lecture_utils.exercises import compare, examine
from lecture_utils.exercises.exercise import Exercise, Mistake
from lecture_utils.exercises.guard import Outcome, call_safely

SECONDS = 3.0  # for all further runs of the learner's answer together
_HOPELESS = ("none", "loops", "unfinished", "altered", "answer", "opaque")


def known_mistake(exercise: Exercise, answer: Any, found: examine.Verdict) -> Mistake | None:
    """Return the known mistake that a wrong answer shows, or None.

    A mistake is shown if its result is the answer's on the case that failed, and on more than half of the
    cases on which one of the two is wrong: on one small input two different slips can agree by chance. Of
    several the one that agrees most often counts.

    Parameters
    ----------
    exercise : Exercise
    answer : object
        A wrong answer.
    found : Verdict
        What `examine` said of it.
    """
    if found.state != "wrong" or found.reason in _HOPELESS:
        return None
    if exercise.measure is not None:
        return _by_measure(exercise, answer)
    if exercise.cases is None:
        return next((known for known in exercise.mistakes if _same_value(known, answer)), None)
    theirs, ours = (_results(exercise, one, SECONDS) for one in (answer, exercise.reference))
    best, best_share = None, 0.5
    for known in exercise.mistakes:
        share = _agreement(exercise, theirs, ours, known, found.passed)
        if share > best_share:
            best, best_share = known, share
    return best


def _agreement(
    exercise: Exercise, theirs: list[Outcome], ours: list[Outcome], known: Mistake, failed: int
) -> float:
    """Return on what share of the cases that tell something a mistake's results are the answer's."""
    if known.when is not None:
        return 0.0
    counted, agreed, results = 0, 0, 0
    for number, case in enumerate(zip(theirs, _results(exercise, known.wrong, SECONDS), ours, strict=False)):
        answer, mistaken, right = case
        agree = _same_outcome(exercise, answer, mistaken)
        if number == failed and not agree:
            return 0.0
        tells = not (agree and _same_outcome(exercise, answer, right))
        counted, agreed = counted + tells, agreed + (tells and agree)
        results += agree and not answer.kind
    # An exception alone says little: many a slip raises the same one. At least one result has to agree too.
    return agreed / counted if counted and results and agreed else 0.0


def _results(exercise: Exercise, answer: Any, seconds: float) -> list[Outcome]:
    """Run an answer on every case while the time lasts."""
    found: list[Outcome] = []
    end = time.monotonic() + seconds
    for number, case in enumerate(examine.cases(exercise)):
        left = end - time.monotonic()
        if left <= 0 or (found and found[-1].kind == "loops"):
            break
        found.append(examine.run(exercise, answer, compare.clone(case), number, left))
    return found


def _same_outcome(exercise: Exercise, one: Outcome, other: Outcome) -> bool:
    if one.kind or other.kind:
        return one.kind == other.kind and one.error == other.error
    return _quietly(lambda: _same_result(exercise, one.result, other.result))


def _same_result(exercise: Exercise, one: Any, other: Any) -> bool:
    if compare.difference(one, other) is None:
        return True
    return exercise.same is not None and exercise.same(one, other)


def _same_value(known: Mistake, answer: Any) -> bool:
    if known.when is not None:
        when = known.when
        return _quietly(lambda: bool(when(answer)))
    return _quietly(
        lambda: compare.same_kind(answer, known.wrong) and compare.difference(answer, known.wrong) is None
    )


def _by_measure(exercise: Exercise, answer: Any) -> Mistake | None:
    """First by what can be seen on the answer, then by an equal measurement."""
    for known in exercise.mistakes:
        if known.when is not None and _same_value(known, answer):
            return known
    theirs = examine.measured(exercise, answer, examine.MEASURE_SECONDS)
    for known in exercise.mistakes:
        if known.when is None:
            other = examine.measured(exercise, known.wrong, examine.MEASURE_SECONDS)
            if not theirs.kind and not other.kind and compare.difference(theirs.result, other.result) is None:
                return known
    return None


def _quietly(question: Any) -> bool:
    """Ask something about the learner's result, which may raise whatever it likes."""
    return bool(call_safely(question, seconds=SECONDS, seed=0, file=None).result)
