"""Exercises and their check.

A check runs the learner's answer on the exercise's cases, says what is wrong with the first that fails, and
gives a hint that says more with each new attempt. It never blocks: where the answer fails it returns the
course's version.
"""

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lecture_utils.exercises import answers, compare, guard
from lecture_utils.exercises.progress import record
from lecture_utils.kernel.panel import Panel
from lecture_utils.provenance.modules import chapter_modules

Case = tuple[Any, ...]


@dataclass(frozen=True)
class Exercise:
    """One exercise with everything that its check needs.

    Parameters
    ----------
    id : str
        ``"01.2"``: chapter 01.
    title : str
        A few words.
    reference : object
        The course's answer: a function, a class, or a value (a number, a shape, a text, an array).
    cases : callable or None
        ``cases(rng)`` -> tuples of arguments, smallest first. None where the answer is a value.
    hints : sequence of str
        At least 2; each says more than the one before.
    mistakes : sequence
        At least 3 wrong answers that learners give; a test proves that the check rejects them.
    same : callable, optional
        ``same(got, want)`` -> bool, in place of `compare.difference`.
    use : callable, optional
        ``use(answer, *arguments)`` -> result, where the answer is not simply called, such as a class:
        ``use=lambda layer, x: layer(3)(x)``.

    Raises
    ------
    ValueError
        If a field is not as described.
    """

    id: str
    title: str
    reference: Any
    cases: Callable[[np.random.Generator], Iterable[Case]] | None
    hints: Sequence[str]
    mistakes: Sequence[Any]
    same: Callable[[Any, Any], bool] | None = None
    use: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d\d\.\d+", self.id):
            raise ValueError(f"An exercise's id looks like '01.2', got {self.id!r}.")
        if len(self.hints) < 2 or not all(isinstance(hint, str) and hint.strip() for hint in self.hints):
            raise ValueError(f"Exercise {self.id} wants at least 2 hints, got {self.hints!r}.")
        if len(self.mistakes) < 3:
            raise ValueError(f"Exercise {self.id} wants at least 3 mistakes, got {len(self.mistakes)}.")
        if (self.cases is None) == callable(self.reference):
            raise ValueError(f"Exercise {self.id}: functions and classes want cases, values want cases=None.")


@dataclass(frozen=True)
class Verdict:
    """What a check found: "right", "untouched" or "wrong", and for "wrong" the first case that failed."""

    state: str
    passed: int = 0
    case: str = ""
    want: str = ""
    got: str = ""
    problem: str = ""
    printed: str = ""


def exercises(chapter: str = "??") -> list[Exercise]:
    """Return the exercises of all chapters, or of one, in order."""
    found = [e for module in chapter_modules("exercises", chapter) for e in module.EXERCISES]
    return sorted(found, key=lambda e: [int(part) for part in e.id.split(".")])


def find(id: str) -> Exercise:
    """Return an exercise.

    Raises
    ------
    ValueError
        If there is none with this id; the message lists the nearest.
    """
    chapter = str(id).partition(".")[0]
    known = (exercises(chapter) if re.fullmatch(r"\d\d", chapter) else []) or exercises()
    for exercise in known:
        if exercise.id == id:
            return exercise
    ids = [exercise.id for exercise in known]
    near = difflib.get_close_matches(str(id), ids, n=3, cutoff=0.3) or ids
    raise ValueError(
        f"There is no exercise {id!r}. Did you mean {' or '.join(near) or '(there are none yet)'}?"
    )


def check(id: str, answer: Any, *, seconds: float = 10.0) -> Any:
    """Check an answer, show what was found, and return what the notebook goes on with.

    Parameters
    ----------
    id : str
        The exercise, such as ``"01.2"``.
    answer : object
        The function itself (without brackets), the class, or the value.
    seconds : float
        The longest that one call may take.

    Returns
    -------
    object
        `answer` if it is right, else the course's own version. An exercise never blocks a later cell.

    Raises
    ------
    ValueError
        If there is no such exercise.
    """
    exercise = find(id)
    found = examine(exercise, answer, seconds=seconds)
    name = f"Exercise {exercise.id}, {exercise.title}"
    if found.state == "untouched":
        Panel("open", f"{name}: yours to write.").say(
            "Until then the notebook uses the course's version."
        ).show()
        return exercise.reference
    entry = record(exercise.id, done=found.state == "right", fingerprint=answers.fingerprint(answer))
    if found.state == "right":
        panel = Panel("good", f"{name}: right!")
        count = f"{found.passed} inputs, all as they should be. " if exercise.cases else ""
        panel.say(f"{count}The notebook goes on with your version.")
        _printed(panel, found).show()
        return answer
    panel = Panel("bad", f"{name}: not yet")
    if found.passed:
        panel.say(f"Right on the first {found.passed} inputs, but not on this one."
                  if found.passed > 1 else "Right on the first input, but not on this one.")  # fmt: skip
    for label, text in (("Input:", found.case), ("Expected:", found.want), ("Got:", found.got)):
        if text:
            panel.code(label, text)
    panel.say(found.problem)
    shown = min(max(entry["attempts"], 1), len(exercise.hints))
    panel.stress(f"Hint {shown} of {len(exercise.hints)}:", exercise.hints[shown - 1])
    if shown > 1:
        earlier = [f"{i}. {hint}" for i, hint in enumerate(exercise.hints[: shown - 1], start=1)]
        panel.fold("Earlier hints", "\n".join(earlier))
    more = (
        "A changed answer gets the next hint." if shown < len(exercise.hints) else "That was the last hint."
    )
    more += " The solution stands folded below the cell. Until then the notebook uses the course's version."
    panel.say(more, faint=True)
    _printed(panel, found).show()
    return exercise.reference


def _printed(panel: Panel, found: Verdict) -> Panel:
    return (
        panel.fold("What your code printed", found.printed.rstrip("\n")) if found.printed.strip() else panel
    )


def examine(exercise: Exercise, answer: Any, *, seconds: float = 10.0) -> Verdict:
    """Run an answer on an exercise's cases up to the first that fails; show and record nothing."""
    if exercise.cases is None:
        return _examine_value(exercise, answer)
    if answers.untouched(answer):
        return Verdict("untouched")
    if not callable(answer):
        wanted = "class" if isinstance(exercise.reference, type) else "function"
        problem = f"check wants the {wanted} itself, without brackets, got {compare.kind(answer)}."
        return Verdict("wrong", problem=problem)
    use = exercise.use or (lambda function, *arguments: function(*arguments))
    names, file, printed, passed = _names(exercise), answers.source_file(answer), "", 0
    for passed, case in enumerate(exercise.cases(np.random.default_rng(0))):
        theirs, ours = compare.clone(case), compare.clone(case)
        best = guard.call(lambda: use(exercise.reference, *ours), seconds=60.0, seed=passed, file=None)  # noqa: B023
        if best.kind:
            raise RuntimeError(
                f"Exercise {exercise.id}: the course's own version fails on a case. {best.problem}"
            )
        made = guard.call(lambda: use(answer, *theirs), seconds=seconds, seed=passed, file=file)  # noqa: B023
        printed += made.printed[: guard.PRINTED - len(printed)]
        if made.kind == "unfinished" and passed == 0:
            return Verdict("untouched")
        problem = made.problem or _problem(exercise, made.result, best.result)
        if not problem and changed_inputs(case, theirs, ours):
            problem = _altered(names, case, theirs, ours)
        if problem:
            inputs = _together(
                [f"{n} = {compare.show(value)}" for n, value in zip(names, case, strict=False)]
            )
            got = "" if made.kind else compare.show(made.result)
            return Verdict("wrong", passed, inputs, compare.show(best.result), got, problem, printed)
    return Verdict("right", passed + 1, printed=printed)


def _examine_value(exercise: Exercise, answer: Any) -> Verdict:
    if answer is ... or answer is None:
        return Verdict("untouched")
    problem = _problem(exercise, answer, exercise.reference)
    if not problem:
        return Verdict("right", 1)
    # The value that is wanted would give the answer away: say only what kind it is.
    different_kind = compare.kind(answer) != compare.kind(exercise.reference)
    wanted = (
        f"The answer is {compare.kind(exercise.reference)}."
        if different_kind
        else "The kind of value is right."
    )
    return Verdict("wrong", got=compare.show(answer), problem=wanted)


def _problem(exercise: Exercise, got: Any, want: Any) -> str:
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


def changed_inputs(case: Case, theirs: Case, ours: Case) -> list[int]:
    """Return which arguments the learner's code altered though the reference left them alone."""
    trios = enumerate(zip(case, theirs, ours, strict=True))
    return [
        i
        for i, (before, after, kept) in trios
        if compare.changed(before, after) and not compare.changed(before, kept)
    ]


def _altered(names: Sequence[str], case: Case, theirs: Case, ours: Case) -> str:
    which = " and ".join(names[i] for i in changed_inputs(case, theirs, ours))
    return f"The result is right, but your code changed its input {which}: work on a copy (.clone())."


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
