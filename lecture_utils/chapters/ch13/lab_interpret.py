"""Chapter 13's lab, step 3: 64 pictures against their 64 captions, and what the misses are.

Retrieval counts a picture as missed if another caption is nearer than its own (A. Karpathy, L. Fei-Fei, "Deep
Visual-Semantic Alignments for Generating Image Descriptions", CVPR 2015, section 4.2). Here it is known which
captions are true of which pictures.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.exercises.exercise import Exercise, Mistake, parts
from lecture_utils.multimodal.clip.clip import CLIP

__all__ = ["COUNT", "STEP_3", "Matrix", "false_words", "matrix"]

COUNT = 64
SKIES = ("clear", "cloudy")


class Matrix(NamedTuple):
    """Pictures against captions, sorted by class and then by colour.

    Attributes
    ----------
    its : Captioned
        The 64 pictures and captions, in their own order.
    order : Tensor
        (64,): which of them stands where, class by class.
    cosine : Tensor
        (64, 64): pictures down and captions across, so sorted.
    missed : list of (int, int)
        Rows whose nearest caption is another text than their own, and that caption's column.
    false : list of str
        What is false of the picture in the captions found for these: "class", "colour", "ground" or "sky".
    """

    its: Captioned
    order: Tensor
    cosine: Tensor
    missed: list[tuple[int, int]]
    false: list[list[str]]


def false_words(text: str, its: Captioned, i: int) -> list[str]:
    """Return what a caption says that is false of picture i."""
    said = set(text.split())
    sky = SKIES[int(its.cloudy[i])]
    true = (CLASSES[its.class_id[i]], COLOURS[its.colour_id[i]], STUFF[its.ground_id[i]], sky)
    kinds = {"class": CLASSES, "colour": COLOURS, "ground": STUFF[1:], "sky": SKIES}
    return [kind for (kind, words), own in zip(kinds.items(), true, strict=True) if said & set(words) - {own}]


@lru_cache(maxsize=2)
def matrix(held_out: bool = False) -> Matrix:
    """Compare 64 test pictures with their 64 captions, by the course's CLIP."""
    clip = zoo.load("shapes_clip")
    assert isinstance(clip, CLIP)
    its = captioned(COUNT, seed=1, split="test", held_out=held_out)
    order = (len(COLOURS) * its.class_id + its.colour_id).argsort(stable=True)
    texts = [its.text[i] for i in order.tolist()]
    with torch.no_grad():
        cosine = clip.encode_image(its.image[order]) @ clip.texts(texts).T  # (64, 64)
    nearest = cosine.argmax(1).tolist()
    missed = [(row, column) for row, column in enumerate(nearest) if texts[row] != texts[column]]
    false = [false_words(texts[column], its, int(order[row])) for row, column in missed]
    return Matrix(its, order, cosine, missed, false)


def _reads(letter: str) -> Callable[[Any], bool]:
    return lambda answer: parts(answer)[0] == letter


STEP_3 = Exercise(
    "13.L3",
    "What is a miss?",
    ("B", "1"),
    None,
    difficulty=2,
    minutes=10,
    choices=(("A", "B", "C", "D"), ("1", "2", "3", "4")),
    hints=(
        "Go through the misses one by one: read the caption that was found, and look at the picture. Is it "
        "true? Then ask which of the four reasons only holds if your reading does.",
        "A reason can be true and carry nothing: all of the four are true. Which one would be false if CLIP "
        "mixed up what it sees?",
    ),
    mistakes=(
        Mistake(
            ("B", "2"),
            "The reading is right. But blocks off the diagonal would be there as well if CLIP mixed up "
            "colours within a class: they do not tell whether what it found is true.",
        ),
        Mistake(
            ("B", "3"),
            "The reading is right. But among five there is always more found than among one, whatever the "
            "reason: this would be so with any model.",
        ),
        Mistake(
            ("B", "4"),
            "The reading is right. The reason speaks of the temperature, and rules out another reading; it "
            "says nothing of what the captions tell.",
        ),
        Mistake(
            ("A", "2"),
            "Read the captions that were found. Does one of them name a class that is not in the picture? "
            "Blocks are pictures of one class, whose captions suit each other's pictures.",
            when=_reads("A"),
        ),
        Mistake(
            ("C", "3"),
            "Equal texts already count as found in this table: what is missed has other words than the "
            "picture's own caption. Compare the two texts of a miss.",
            when=_reads("C"),
        ),
        Mistake(
            ("D", "4"),
            "Which caption is the nearest does not depend on the temperature: it makes all scores of a row "
            "larger, and changes no order. So it cannot be what makes them miss.",
            when=_reads("D"),
        ),
    ),
)
