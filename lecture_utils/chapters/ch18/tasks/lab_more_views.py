"""Chapter 18, step 3 of the lab: three more pictures (`lab_places` measures an answer)."""

from collections.abc import Iterable
from typing import Any

from lecture_utils.chapters.ch18.lab_places import BAR, GIVEN, MORE, valid, worst_view
from lecture_utils.exercises.exercise import Exercise, Mistake

__all__ = ["STEP_3"]


def _azimuths(answer: Any) -> list[int]:
    """All pictures' places on their circle, 0 to 11, in order."""
    return sorted({int(number) % 12 for number in (*GIVEN, *answer)})


def _wasted(answer: Any) -> bool:
    return len({int(number) for number in (*GIVEN, *answer)}) < len(GIVEN) + MORE


def _high(answer: Any) -> int:
    return sum(int(number) >= 12 for number in answer)


def _gap(azimuths: Iterable[int]) -> int:
    """The largest step, in places of 30°, around the circle."""
    own = sorted(azimuths)
    return max((after - before) % 12 or 12 for before, after in zip(own, own[1:] + own[:1], strict=True))


def _beside(answer: Any) -> bool:
    return all(int(number) % 12 in (10, 11, 0, 1, 2, 3) for number in answer)


def _crowded(answer: Any) -> bool:
    return _gap({int(number) % 12 for number in answer}) >= 9


STEP_3 = Exercise(
    "18.L3",
    "Three more pictures",
    (4, 8, 20),
    None,
    difficulty=2,
    minutes=10,
    hints=(
        "Begin with no picture more, and look at the eight views beside their truths. White where an object "
        "should be is a surface that no picture has seen. Which ones are these: upright or level?",
        "An upright side is seen from low places on its own side, a top from any high one. Neighbours a "
        "third of the circle apart see all sides between them.",
    ),
    mistakes=(
        Mistake(
            (0, 4, 8),
            "One of your three pictures is there already. It shows nothing new: where has nobody stood yet?",
            when=lambda answer: valid(answer) and _wasted(answer),
        ),
        Mistake(
            (14, 18, 22),
            "From high up you see all tops, and upright sides only at a grazing angle. Which of your "
            "pictures have to be low ones?",
            when=lambda answer: valid(answer) and _high(answer) >= 2,
        ),
        Mistake(
            (2, 3, 11),
            "Your pictures stand beside those that are there already. What is white when seen from "
            "the other side?",
            when=lambda answer: valid(answer) and _beside(answer),
        ),
        Mistake(
            (6, 7, 8),
            "Your three pictures stand side by side and see nearly the same. Which views are still poor, and "
            "from which side do they look?",
            when=lambda answer: valid(answer) and _crowded(answer),
        ),
        Mistake(
            (2, 4, 18),
            "More than a third of the circle has no picture, and the solids' sides there are white. Which "
            "held-out view is the worst, and where does it look from?",
            when=lambda answer: valid(answer) and _gap(_azimuths(answer)) > 4,
        ),
        Mistake(
            (3, 6, 9),
            "All sides are there now. Look at the worst view again: it looks down on the solids, and what is "
            "missing is level. From where would one see that?",
            when=lambda answer: valid(answer) and not _high(answer),
        ),
        Mistake(
            (3, 9, 18),
            "Two low ones and a high one: that is the right mix, and little is missing. Places 0 and 1 see "
            "one side already. Where do the two low ones have to stand to share the rest of the circle?",
            when=lambda answer: valid(answer) and _high(answer) == 1,
        ),
    ),
    measure=worst_view,
    bar=BAR,
)
