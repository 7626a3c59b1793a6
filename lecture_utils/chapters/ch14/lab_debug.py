"""Chapter 14's lab, step 2: a model that has learned to see, asked by code that makes it look blind.

A colleague asks several questions about each picture, all at once. In training the model's loss was low.

Shapes: S pictures, E questions about each, P picture tokens, N tokens of text, D width, V vocabulary.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.asked import asked
from lecture_utils.data.toyworld.language.prompts import short
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.recipes import _scenes

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
    kind : list of str
        Of each question.
    """

    grid: Tensor
    ids: Tensor
    length: Tensor
    right: Tensor
    kind: list[str]


def questions(count: int = 100, each: int = 4, *, split: str = "val") -> Questions:
    """Ask `each` questions about every picture; of `count`, those about which so many can be asked."""
    drawn = asked(count, split=split, each=each)
    words = _scenes.words()
    of = torch.tensor([q.scene for q in drawn.questions])
    whole = of.bincount(minlength=count) == each
    put = [q for q in drawn.questions if whole[q.scene]]
    rows = [torch.tensor([words.start, *words.encode(short(q.text))]) for q in put]
    return Questions(
        _scenes.grids(drawn.image[whole]),
        nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=words.pad),
        torch.tensor([len(row) for row in rows]),
        torch.tensor([words.encode(f" {q.answer}")[0] for q in put]),
        [q.asked for q in put],
    )


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
    each = len(its.ids) // len(image)

    def share(asked_at_once: int, image: Tensor) -> float:
        """How often it is right where so many pictures come at once; 0 is for one question at a time."""
        right = []
        for at in range(0, len(image), max(asked_at_once, 1)):
            some = slice(at, at + max(asked_at_once, 1))
            rows = slice(at * each, (at + max(asked_at_once, 1)) * each)
            if asked_at_once:
                longest = int(its.length[rows].max())
                said = asking(lm, image[some], its.ids[rows, :longest], its.length[rows])
            else:
                one = [
                    asking(lm, image[some], its.ids[i : i + 1, :n], its.length[i : i + 1])
                    for i, n in zip(range(rows.start, rows.stop), its.length[rows].tolist(), strict=True)
                ]
                said = torch.cat(one)
            right.append(said.argmax(-1) == its.right[rows])
        return float(torch.cat(right).double().mean())

    everything = len(image)
    exchanged = image.roll(everything // 2, 0)
    return Symptoms(share(0, image), share(1, image), share(everything, image), share(everything, exchanged))
