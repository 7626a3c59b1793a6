"""Chapter 14's lab, step 3: for which kinds of question the eyes have a part in the answer.

An accuracy says how often an answer is right, and not what it comes from. A blind model and exchanged
pictures do (on what language alone can answer: Y. Goyal et al., "Making the V in VQA Matter", CVPR 2017).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from lecture_utils.chapters.ch14.lab_eyes import Blind, Talks, by_kind, right
from lecture_utils.exercises.exercise import Exercise, Mistake, parts
from lecture_utils.multimodal.language_model import LanguageModel

__all__ = ["READINGS", "REASONS", "STEP_3", "Kind", "kinds"]

READINGS = {
    "A": "It is as good at seeing how many things there are as at seeing what they look like.",
    "B": "It sees what things look like; in its answers to *how many* the picture has hardly a part.",
    "C": "It has learned nothing from pictures: what it says comes from the language model.",
    "D": "It sees well whatever is asked; where it errs, the question is a hard one.",
}
REASONS = {
    "1": "Of the questions of kind *count* it answers about three in four rightly.",
    "2": "A blind model answers about half of all questions rightly.",
    "3": "Exchanged pictures cost it tens of points in *what*, and in *count* only a few.",
    "4": "In most kinds of question it is better than the blind model.",
}


class Kind(NamedTuple):
    """Shares of right answers to one kind of question: with the picture, with another one, and blind."""

    seeing: float
    exchanged: float
    blind: float


def kinds(model: Any, lm: LanguageModel, its: Talks) -> dict[str, Kind]:
    """Put an exam to a model, once more with exchanged pictures, and to its language model without any."""
    ways = (
        right(model, its),
        right(model, its, exchanged=True),
        right(Blind(lm), its),
    )
    shares = [by_kind(marks, its) for marks in ways]
    return {kind: Kind(*(share[kind] for share in shares)) for kind in shares[0]}


def _reads(letter: str) -> Callable[[Any], bool]:
    return lambda answer: parts(answer)[0] == letter


STEP_3 = Exercise(
    "14.L3",
    "What do the eyes add?",
    ("B", "3"),
    None,
    difficulty=2,
    minutes=8,
    choices=(("A", "B", "C", "D"), ("1", "2", "3", "4")),
    hints=(
        "Take one kind at a time, and go along its row: with the picture, with another one, blind. What "
        "would the row look like if the picture had no part in the answer?",
        "A reason can be true and carry nothing: all four are true. Which one would be false if the picture "
        "had the same part in both kinds?",
    ),
    mistakes=(
        Mistake(
            ("B", "1"),
            "The reading is right. But that three in four are right does not show what they come from: who "
            "never looks may be as good.",
        ),
        Mistake(
            ("B", "2"),
            "The reading is right. The reason speaks of all kinds together; your reading is about what "
            "differs between two of them.",
        ),
        Mistake(
            ("B", "4"),
            "The reading is right. That eyes help in most kinds does not say in which: it cannot tell these "
            "two apart.",
        ),
        Mistake(
            ("A", "1"),
            "Look at the blind model's accuracy beside it. The answer to *how many* is usually the same "
            "small number: who never looks is right as often.",
            when=_reads("A"),
        ),
        Mistake(
            ("C", "2"),
            "Compare each row with its own blind accuracy. In which kind is the model far above it? It "
            "cannot have that from the language model.",
            when=_reads("C"),
        ),
        Mistake(
            ("D", "4"),
            "In one kind another picture changes next to nothing. Whoever sees must lose when the picture "
            "is the wrong one, however hard the question is.",
            when=_reads("D"),
        ),
    ),
)
