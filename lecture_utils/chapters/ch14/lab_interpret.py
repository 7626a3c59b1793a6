"""Chapter 14's lab, step 3: in which kinds of question the eyes have helped.

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
    "A": "It counts as well as it names.",
    "B": "From pictures it has learned to name things, and not, or not yet, to count them.",
    "C": "It has learned nothing from pictures: what it says comes from the language model.",
    "D": "It has learned from pictures whatever is asked here; where it errs, the question is a hard one.",
}
REASONS = {
    "1": "Of the questions of kind *count* it answers about three in four rightly.",
    "2": "The blind model answers about half of all questions rightly.",
    "3": "In *what* it is tens of points above the blind model, in *count* it is not, or by a few points.",
    "4": "With another picture in place of the right one it is worse in most kinds of question.",
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
        "Take one kind at a time, and go along its row: with the picture, with another one, blind. What has "
        "the model gained by its eyes in this kind?",
        "A reason can be true and carry nothing: all four are true. Which one would be false if the eyes had "
        "helped as much in counting as in naming?",
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
            "The reading is right. The reason says that the picture has a part in the answers. Whether it "
            "makes them better than a blind model's is another matter.",
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
            "In one kind it is no better than the blind model, which has no picture at all. What has it "
            "learned from pictures there?",
            when=_reads("D"),
        ),
    ),
)
