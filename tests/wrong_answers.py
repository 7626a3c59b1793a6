"""Wrong answers that were written beforehand: does the learner get the hint for the mistake?"""

from collections.abc import Callable
from typing import Any

from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.exercise import Exercise
from lecture_utils.exercises.hints import known_mistake


def check_hint(exercise: Exercise, answer: Callable[..., Any], word: str, *reasons: str) -> None:
    """Assert that an answer is wrong for one of some reasons, and that the hint shown has a word in it."""
    found = examine(exercise, answer)
    assert found.state == "wrong" and found.reason in reasons, found
    shown = known_mistake(exercise, answer, found)
    assert shown is not None and word in shown.hint, (shown, found)
