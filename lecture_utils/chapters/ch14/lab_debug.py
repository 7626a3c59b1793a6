"""Chapter 14's lab, step 2: a model that has learned to see, asked by code that makes it look blind.

A colleague asks several questions about each picture, all at once. In training the model's loss was low.

Shapes: S pictures, E questions about each, P picture tokens, N tokens of text, D width, V vocabulary.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.chapters.ch14.lab_eyes import Talks, exam
from lecture_utils.multimodal.language_model import LanguageModel

__all__ = ["Asking", "Questions", "Symptoms", "next_words", "next_words_faulty", "questions", "symptoms"]

Asking = Callable[[LanguageModel, Tensor, Tensor, Tensor], Tensor]


def next_words_faulty(lm: LanguageModel, image: Tensor, ids: Tensor, length: Tensor) -> Tensor:
    """Logits of the word after each prompt, (S · E, V).

    The prompts `ids` (S · E, N) ask E questions about each picture, picture by picture; `length` (S · E,)
    tokens of each are the prompt, and the rest is filling. `image` (S, P, D) are the pictures' tokens.
    """
    image = image.repeat(len(ids) // len(image), 1, 1)  # (S · E, P, D): a picture to each question
    words = lm.token(ids)  # (S · E, N, D)
    x = torch.cat([words[:, :1], image, words[:, 1:]], 1)  # start, picture, prompt
    return lm.from_embeddings(x)[:, -1]  # what comes after all that was read


def next_words(lm: LanguageModel, image: Tensor, ids: Tensor, length: Tensor) -> Tensor:
    """Logits of the word after each prompt, (S · E, V).

    The prompts `ids` (S · E, N) ask E questions about each picture, picture by picture; `length` (S · E,)
    tokens of each are the prompt, and the rest is filling. `image` (S, P, D) are the pictures' tokens.
    """
    image = image.repeat_interleave(len(ids) // len(image), 0)  # (S · E, P, D): one picture E times, the next
    words = lm.token(ids)  # (S · E, N, D)
    x = torch.cat([words[:, :1], image, words[:, 1:]], 1)  # start, picture, prompt
    last = image.shape[1] + length - 1  # where each prompt ends
    return lm.from_embeddings(x)[torch.arange(len(ids)), last]


class Questions(NamedTuple):
    """E questions about each of S pictures, picture by picture.

    Attributes
    ----------
    grid : Tensor
        (S, P, F), what the eye saw.
    ids, length, right : Tensor
        (S · E, N), (S · E,) and (S · E,): prompts, how many tokens each has, and the answers' tokens.
    """

    grid: Tensor
    ids: Tensor
    length: Tensor
    right: Tensor


def questions(count: int = 40, its: Talks | None = None) -> Questions:
    """Ask four questions about each of `count` pictures, those of an exam."""
    its = exam() if its is None else its
    each = its.scene.bincount(minlength=len(its.grid))
    chosen = (each == each.max()).nonzero()[:count, 0]  # about the others fewer could be asked
    rows = torch.isin(its.scene, chosen)
    return Questions(its.grid[chosen], its.ids[rows], its.length[rows], its.right[rows])


class Symptoms(NamedTuple):
    """How often the answers are right.

    Attributes
    ----------
    alone : float
        Where each question is asked by itself.
    by_picture : float
        Where the questions about one picture are asked together.
    together : float
        Where all are asked together.
    exchanged : float
        The same, but each picture has been given to the questions about another.
    """

    alone: float
    by_picture: float
    together: float
    exchanged: float


@torch.no_grad()
def symptoms(asking: Asking, lm: LanguageModel, image: Tensor, its: Questions) -> Symptoms:
    """Ask in four ways; `image` (S, P, D) are the pictures' tokens, as the projection has made them."""
    each, everything = len(its.ids) // len(image), len(its.ids)

    def share(at_once: int, image: Tensor) -> float:
        """How often it is right where so many questions are asked at once."""
        said = []
        for first in range(0, everything, at_once):
            rows = slice(first, first + at_once)
            about = image[first // each : (first + at_once - 1) // each + 1]
            longest = int(its.length[rows].max())
            said.append(asking(lm, about, its.ids[rows, :longest], its.length[rows]).argmax(-1))
        return float((torch.cat(said) == its.right).double().mean())

    exchanged = image.roll(len(image) // 2, 0)
    return Symptoms(
        share(1, image), share(each, image), share(everything, image), share(everything, exchanged)
    )
