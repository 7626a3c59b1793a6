"""What an exercise is made of: the course's answer, inputs to try, hints, and the usual mistakes.

A mistake carries its own hint. `check` shows the hint of the mistake whose results agree with the learner's,
so that a hint speaks about what is wrong, not about how often it was tried.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Case = tuple[Any, ...]
KINDS = ("assemble", "debug", "interpret")  # the three steps of a lab, in order


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that learners give, and what to say to somebody who gave it.

    Parameters
    ----------
    wrong : object
        A function, a class, or a value: an answer as a learner would hand it in.
    hint : str
        Guides to the mistake in plain words, without giving the answer.
    when : callable, optional
        ``when(answer)`` -> bool, for an answer that is measured (see `Exercise.measure`): whether it shows
        this mistake. Without, two answers show the same mistake if their results agree.

    Raises
    ------
    ValueError
        If there is no hint, or hardly one.
    """

    wrong: Any
    hint: str
    when: Callable[[Any], bool] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.hint, str) or len(self.hint.split()) < 4:
            raise ValueError(f"A mistake's hint is a sentence: got {self.hint!r}, want 4 words or more.")


def mistake(hint: str) -> Callable[[Any], Mistake]:
    """Turn the function or class below into a `Mistake` with this hint: for use as a decorator."""
    return lambda wrong: Mistake(wrong, hint)


@dataclass(frozen=True)
class Exercise:
    """One exercise with everything that its check needs.

    The answer is one of three things: a function or class that is tried on `cases`; a value (neither `cases`
    nor `measure`); or anything that `measure` can measure, such as a trained model, which has to reach a
    `bar`.

    Parameters
    ----------
    id : str
        ``"01.2"``: chapter 01; ``"01.L2"``: the second step of chapter 01's lab.
    title : str
        A few words.
    reference : object
        The course's answer: a function, a class, a value (a number, a shape, a text, an array), or a model.
    cases : callable or None
        ``cases(rng)`` -> tuples of arguments, smallest first. None where the answer is a value or is
        measured.
    hints : sequence of str
        At least 2, for an answer that shows no known mistake; each says more than the one before.
    mistakes : sequence of Mistake
        At least 3; tests prove that the check rejects each, and answers it with its own hint.
    difficulty : int
        1 (a line or two), 2 (some thought), 3 (several things at a time).
    minutes : int
        What most learners need.
    same : callable, optional
        ``same(got, want)`` -> bool, in place of `compare.difference`.
    use : callable, optional
        ``use(answer, *arguments)`` -> result, where the answer is not simply called, such as a class:
        ``use=lambda layer, x: layer(3)(x)``.
    choices : sequence of sequences of str, optional
        For a value that is chosen: the letters of each part, such as ``(("A", "B", "C"), ("1", "2", "3"))``
        for a reading and its reason. The answer is then ``("B", "2")``, or ``"B"`` where there is one part.
    measure : callable, optional
        ``measure(answer)`` -> float, higher is better and the same on every run: the accuracy of a model,
        say.
    bar : float, optional
        What `measure` has to reach.

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
    mistakes: Sequence[Mistake]
    difficulty: int
    minutes: int
    same: Callable[[Any, Any], bool] | None = None
    use: Callable[..., Any] | None = None
    choices: Sequence[Sequence[str]] | None = None
    measure: Callable[[Any], float] | None = None
    bar: float | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d\d\.(\d+|L[123])", self.id):
            raise ValueError(f"An exercise's id: got {self.id!r}, want one like '01.2' or '01.L2'.")
        if len(self.hints) < 2 or not all(isinstance(hint, str) and hint.strip() for hint in self.hints):
            raise ValueError(f"Exercise {self.id}: got the hints {self.hints!r}, want at least 2.")
        if len(self.mistakes) < 3 or not all(isinstance(one, Mistake) for one in self.mistakes):
            raise ValueError(
                f"Exercise {self.id}: got {len(self.mistakes)} mistakes, want at least 3, each a Mistake."
            )
        if self.difficulty not in (1, 2, 3):
            raise ValueError(f"Exercise {self.id}: got difficulty {self.difficulty!r}, want 1, 2 or 3.")
        if type(self.minutes) is not int or not 1 <= self.minutes <= 30:
            raise ValueError(f"Exercise {self.id}: got {self.minutes!r} minutes, want a whole number to 30.")
        if (self.measure is None) != (self.bar is None) or (
            self.measure is not None and self.cases is not None
        ):
            raise ValueError(f"Exercise {self.id}: got half a measurement, want measure, bar and cases=None.")
        if self.measure is None and (self.cases is None) == callable(self.reference):
            raise ValueError(
                f"Exercise {self.id}: got cases={self.cases!r}, want cases for a function, None for a value."
            )
        if self.choices is not None:
            chosen = parts(self.reference)
            if len(chosen) != len(self.choices) or any(
                letter not in letters for letter, letters in zip(chosen, self.choices, strict=True)
            ):
                raise ValueError(
                    f"Exercise {self.id}: got the reference {self.reference!r}, want one of {self.choices!r}."
                )

    @property
    def name(self) -> str:
        """What panels call it: ``Exercise 01.2`` or ``Lab 01, step 2 (debug)``."""
        chapter, _, number = self.id.partition(".")
        if number.startswith("L"):
            return f"Lab {chapter}, step {number[1:]} ({KINDS[int(number[1:]) - 1]})"
        return f"Exercise {self.id}"

    @property
    def effort(self) -> str:
        """Difficulty and minutes in words."""
        return f"difficulty {self.difficulty} of 3, about {self.minutes} min"


@dataclass(frozen=True)
class Lab:
    """The chapter's long exercise: three steps, each checked like any exercise.

    Parameters
    ----------
    id : str
        ``"01.L"``.
    title : str
        A few words.
    steps : sequence of Exercise
        Three, with the ids ``"01.L1"`` (assemble: write and run one training step of the system),
        ``"01.L2"`` (debug: a planted fault, found by its symptom) and ``"01.L3"`` (interpret: a number to
        reach, or a reading of a figure with its reason).

    Raises
    ------
    ValueError
        If the steps are not these three.
    """

    id: str
    title: str
    steps: Sequence[Exercise]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d\d\.L", self.id):
            raise ValueError(f"A lab's id: got {self.id!r}, want one like '01.L'.")
        got, want = [step.id for step in self.steps], [f"{self.id}{number}" for number in (1, 2, 3)]
        if got != want:
            raise ValueError(f"Lab {self.id}: got the steps {got}, want {want} ({', '.join(KINDS)}).")

    @property
    def minutes(self) -> int:
        """Of all steps together."""
        return sum(step.minutes for step in self.steps)


def parts(answer: Any) -> list[str]:
    """Return the letters of a chosen answer: ``"b"`` -> ``["B"]``, ``("b", 2)`` -> ``["B", "2"]``."""
    chosen = answer if isinstance(answer, tuple | list) else (answer,)
    return [str(letter).strip().upper() for letter in chosen]


def order(id: str) -> tuple[str, bool, int]:
    """Sort ids as they are read: chapter, then exercises by number, then the lab."""
    chapter, _, number = id.partition(".")
    return chapter, number.startswith("L"), int(number.lstrip("L"))
