"""Chapter 16's lab, step 2: wrong letters of `lab_debug.Diagnosis`, each with its hint."""

from typing import Any

from lecture_utils.chapters.ch16.lab_debug import Diagnosis
from lecture_utils.exercises.exercise import mistake

__all__ = ["LETTERS"]


@mistake(
    "The first letter: a variance for its root would make 0.64 to 0.41. Square what is wanted in a few "
    "rows of her table: is that her figure?"
)
class _FirstB(Diagnosis):
    first: Any = property(lambda first: "B")


@mistake(
    "The first letter: ᾱ_t and ᾱ_s are looked up where they belong, in the schedule that is handed in. What "
    "else does her code look up, and how often?"
)
class _FirstC(Diagnosis):
    first: Any = property(lambda first: "C")


@mistake("The first letter: with v for ε the fresh noise would be right, since it asks the network nothing.")
class _FirstD(Diagnosis):
    first: Any = property(lambda first: "D")


@mistake("The first letter: noise in the last step would show in the last row, where her step adds none.")
class _FirstE(Diagnosis):
    first: Any = property(lambda first: "E")


@mistake("The first letter: one place of a thousand changes no figure here in its second digit.")
class _FirstF(Diagnosis):
    first: Any = property(lambda first: "F")


@mistake(
    "The second letter: with single β the size would fall to 0, and no digit would be seen. His come out, "
    "and at the end they have the right size."
)
class _SecondA(Diagnosis):
    second: Any = property(lambda second: "A")


@mistake(
    "The second letter: with the linear schedule the noise is larger than wanted in most rows, not smaller."
)
class _SecondC(Diagnosis):
    second: Any = property(lambda second: "C")


@mistake("The second letter: with v for ε the fresh noise would be right. Is it, in his table?")
class _SecondD(Diagnosis):
    second: Any = property(lambda second: "D")


@mistake(
    "The second letter: noise in the last step would show in the last row alone. What does his add there?"
)
class _SecondE(Diagnosis):
    second: Any = property(lambda second: "E")


@mistake(
    "The second letter: one place of a thousand changes nothing that you could see. His figures are far off."
)
class _SecondF(Diagnosis):
    second: Any = property(lambda second: "F")


@mistake("The first letter is not there yet: set `first` to that of the fault in her code, A to F.")
class _FirstMissing(Diagnosis):
    first: Any = property(lambda first: "none")


@mistake("The second letter is not there yet: set `second` to that of the fault in his figures, A to F.")
class _SecondMissing(Diagnosis):
    second: Any = property(lambda second: "none")


LETTERS: Any = (
    _FirstB, _FirstC, _FirstD, _FirstE, _FirstF, _FirstMissing,
    _SecondA, _SecondC, _SecondD, _SecondE, _SecondF, _SecondMissing,
)  # fmt: skip
