"""The check that a learner calls, with what it shows.

It never blocks: where the answer fails it returns the course's version. A wrong answer is shown the smallest
input that fails, and a hint for the mistake that it shows; where it shows no known one, the next general
hint. Errors, a missing return and results of a wrong kind explain themselves and take no hint.
"""

import difflib
import re
from typing import Any

from lecture_utils.exercises import answers, fallback, guard
from lecture_utils.exercises.examine import Verdict, examine
from lecture_utils.exercises.exercise import Exercise, Lab, Mistake, order
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.exercises.place import Place
from lecture_utils.exercises.progress import Entry, record
from lecture_utils.kernel.panel import Panel
from lecture_utils.provenance.modules import chapter_modules


def labs(chapter: str = "??") -> list[Lab]:
    """Return the labs of all chapters, or of one: a chapter's exercises module may define a `LAB`."""
    found = [module.LAB for module in chapter_modules("exercises", chapter) if hasattr(module, "LAB")]
    return sorted(found, key=lambda lab: lab.id)


def exercises(chapter: str = "??") -> list[Exercise]:
    """Return the exercises of all chapters, or of one, in order, the steps of the labs among them."""
    found = [e for module in chapter_modules("exercises", chapter) for e in module.EXERCISES]
    found += [step for lab in labs(chapter) for step in lab.steps]
    return sorted(found, key=lambda exercise: order(exercise.id))


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
        The exercise, such as ``"01.2"``, or the step of a lab, such as ``"01.L1"``.
    answer : object
        The function itself (without brackets), the class, the model, or the value.
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
    place = Place(seconds)
    try:
        return _check(exercise, answer, seconds, place)
    except BaseException:
        place.clear()
        raise


def _check(exercise: Exercise, answer: Any, seconds: float, place: Place) -> Any:
    found = examine(exercise, answer, seconds=seconds)
    name = f"{exercise.name}, {exercise.title}"
    if found.state == "untouched":
        panel = Panel("open", f"{name}: yours to write ({exercise.effort}).")
        place.show(panel.say("Until then the notebook uses the course's version."))
        return fallback.hand_out(exercise.id, exercise.reference)
    if found.state == "right" and fallback.is_ours(exercise.id, answer, exercise.reference):
        panel = Panel("open", f"{name}: this is the course's own version, not yet yours.")
        place.show(
            panel.say(
                "check returned it in place of an answer that did not pass, and the name now stands for it. "
                "Run the cell with your own answer again, and then this check."
            )
        )
        return answer
    known = known_mistake(exercise, answer, found)
    general = found.reason == "value" and known is None
    done = found.state == "right"
    entry = record(exercise.id, done=done, fingerprint=_fingerprint(answer, found), hint=general)
    panel = _right(name, exercise, found) if done else _wrong(name, exercise, found, known, entry, general)
    if found.printed.strip():
        panel.fold("What your code printed", found.printed.rstrip("\n"))
    place.show(panel)
    return answer if done else fallback.hand_out(exercise.id, exercise.reference)


def _right(name: str, exercise: Exercise, found: Verdict) -> Panel:
    count = f"{found.passed} inputs, all as they should be. " if exercise.cases else ""
    reached = f"It reaches {found.got} (wanted: {found.want}). " if exercise.measure else ""
    return Panel("good", f"{name}: right!").say(f"{count}{reached}The notebook goes on with your version.")


def _wrong(
    name: str, exercise: Exercise, found: Verdict, known: Mistake | None, entry: Entry, general: bool
) -> Panel:
    """The smallest input that fails, what was wanted and what came, and then one hint."""
    panel = Panel("bad", f"{name}: not yet")
    if found.passed:
        so_far = "input" if found.passed == 1 else f"{found.passed} inputs"
        panel.say(f"Right on the first {so_far}, but not on this one.")
    for label, text in (("Input:", found.case), ("Expected:", found.want), ("Got:", found.got)):
        if text:
            panel.code(label, text)
    panel.say(found.problem)
    if known is not None:
        panel.stress("Hint:", known.hint)
    _general_hints(panel, exercise, entry, newest=general)
    return panel.say(
        _what_next(exercise, entry, general, free=found.reason != "value" and known is None), faint=True
    )


def _general_hints(panel: Panel, exercise: Exercise, entry: Entry, *, newest: bool) -> None:
    """Add the general hint whose turn it is, and fold those that were shown before."""
    shown = min(int(entry.get("hints", 0)), len(exercise.hints))
    if newest:
        panel.stress(f"Hint {shown} of {len(exercise.hints)}:", exercise.hints[shown - 1])
    if earlier := exercise.hints[: shown - 1 if newest else shown]:
        panel.fold("Earlier hints", "\n".join(f"{i}. {hint}" for i, hint in enumerate(earlier, start=1)))


def _what_next(exercise: Exercise, entry: Entry, general: bool, *, free: bool) -> str:
    more = ""
    if general:
        last = int(entry.get("hints", 0)) >= len(exercise.hints)
        more = "That was the last hint. " if last else "A changed answer gets the next hint. "
    elif free:
        more = "This takes no hint: mend it and run the cell again. "
    return (
        more + "The solution stands folded below the cell. Until then the notebook uses the course's version."
    )


def _fingerprint(answer: Any, found: Verdict) -> str:
    """Identify an answer; one that cannot even be shown is known by what was said of it."""
    asked = guard.call_safely(lambda: answers.fingerprint(answer), seconds=10.0, seed=0, file=None)
    return asked.result or answers.digest(found.problem)
