"""How Flamingo is taught and examined: texts with several pictures in them, each followed by what is asked.

J.-B. Alayrac et al., "Flamingo: a Visual Language Model for Few-Shot Learning", NeurIPS 2022, section 2.4 and
appendix A.2 (a prompt: examples, each a picture with its text, then the picture that is asked about). Two
tasks can only be told from the examples:

- unnamed: the question is "what ?", and the answers of the examples show what is meant, such as the ground;
- binding: two shapes are called by two words that mean something else, and new ones each time (M.
  Tsimpoukelli et al., "Multimodal Few-Shot Learning with Frozen Language Models", NeurIPS 2021, section 4.2).

Shapes: B texts, M pictures in a text, P = 36 cells of the eye's grid, C = 128 features, N tokens.
"""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.facts import Facts
from lecture_utils.data.toyworld.language.prompts import short
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.recipes._scenes import IGNORE, Portion, words

T = TypeVar("T")
UNNAMED: dict[str, Callable[[Facts], str]] = {
    "ground": lambda scene: scene.ground,
    "sky": lambda scene: scene.sky,
    "number": lambda scene: str(len(scene.things)),
    "colour": lambda scene: scene.things[0].colour,  # of the nearest thing
    "shape": lambda scene: scene.things[0].shape,
}
NAMES = ("red", "green", "blue", "pink", "yellow", "cyan")  # what shapes are called in training
NEW_NAMES = ("water", "sand", "grass", "2", "3")  # and in the exam
ANSWERS = 60  # so many answers a step, however many stand in one text


class Turn(NamedTuple):
    """A picture, by its row among others, what is asked about it, and the answer."""

    picture: int
    asked: str
    answer: str


class Told(NamedTuple):
    """Texts with pictures.

    Attributes
    ----------
    media : Tensor
        (B, M, P, C).
    ids, which, target : Tensor
        (B, N) int64: tokens; the number of the last picture before each; and at each place the answer that
        comes next, where one comes, or else IGNORE. Padded on the right.
    """

    media: Tensor
    ids: Tensor
    which: Tensor
    target: Tensor


@functools.cache
def coded(text: str) -> tuple[int, ...]:
    """The tokens of a short text; there are few, and they come again and again."""
    return tuple(words().encode(text))


def interleave(texts: Sequence[Sequence[Turn]], grid: Tensor) -> Told:
    """Make of each row of turns one text: start, then for each picture the question and its answer.

    A picture stands before its question, so that it is the last one before all of that question's tokens and
    its answer. The last answer is only a target. `grid` (pictures, P, C) is what the eye sees.
    """
    ids, which, target = [], [], []
    for turns in texts:
        tokens, number, after = [words().start], [0], [IGNORE]
        for k, turn in enumerate(turns, start=1):
            asked, answer = coded(short(turn.asked)), coded(f" {turn.answer}")
            tokens += [*asked, *answer]
            number += [k] * (len(asked) + len(answer))
            after += [IGNORE] * (len(asked) - 1) + [*answer, IGNORE]
        left = len(answer)
        ids.append(torch.tensor(tokens[:-left]))
        which.append(torch.tensor(number[:-left]))
        target.append(torch.tensor(after[:-left]))
    pad = functools.partial(nn.utils.rnn.pad_sequence, batch_first=True)
    numbers = pad(which).cummax(dim=1).values  # padding is behind the last picture too
    media = grid[torch.tensor([[turn.picture for turn in turns] for turns in texts])].float()
    return Told(media, pad(ids, padding_value=words().pad), numbers, pad(target, padding_value=IGNORE))


class Tutor:
    """Draws texts about the pictures of one portion.

    Parameters
    ----------
    portion : Portion
        Pictures, their facts and questions.
    seed : int
        Of what is drawn.
    """

    def __init__(self, portion: Portion, seed: int) -> None:
        self.portion, self.made = portion, torch.Generator().manual_seed(seed)
        alone = [(i, s.things[0].shape) for i, s in enumerate(portion.facts) if len(s.things) == 1]
        self.of_shape = {shape: [i for i, own in alone if own == shape] for shape in CLASSES}

    def some(self, choices: Sequence[T], count: int = 1) -> list[T]:
        """Draw some of the choices, none of them twice."""
        return [choices[i] for i in torch.randperm(len(choices), generator=self.made)[:count].tolist()]

    def one(self, choices: Sequence[T]) -> T:
        """Draw one of many, without going through them."""
        return choices[int(torch.randint(len(choices), (), generator=self.made))]

    def named(self, turns: int) -> list[Turn]:
        """Pictures with a question each that says what it asks."""
        drawn = [self.one(self.portion.questions) for _ in range(turns)]
        return [Turn(q.scene, q.text, q.answer) for q in drawn]

    def unnamed(self, turns: int, task: str = "") -> list[Turn]:
        """Pictures with the same unnamed question each."""
        tell, facts = UNNAMED[task or self.one(list(UNNAMED))], self.portion.facts
        drawn = torch.randint(len(facts), (turns,), generator=self.made).tolist()
        return [Turn(i, "what ?", tell(facts[i])) for i in drawn]

    def binding(self, turns: int, names: Sequence[str] = NAMES) -> list[Turn]:
        """Pictures of two shapes under two new names, both in each two turns, in any order."""
        shapes, called = self.some(CLASSES, 2), self.some(names, 2)
        order = list(itertools.chain(*(self.some((0, 1), 2) for _ in range(turns))))[:turns]
        return [Turn(self.one(self.of_shape[shapes[k]]), "what thing ?", called[k]) for k in order]


def lessons(
    tutor: Tutor, *, kinds: Sequence[tuple[str, int, float]], answers: int = ANSWERS
) -> Iterator[tuple[Told, Tensor]]:
    """Yield batches for ever, each of one kind: (kind of text, pictures in each, share of the batches)."""
    shares = torch.tensor([share for _, _, share in kinds])
    while True:
        name, turns, _ = kinds[int(torch.multinomial(shares, 1, generator=tutor.made))]
        texts = [getattr(tutor, name)(turns) for _ in range(max(1, answers // turns))]
        told = interleave(texts, tutor.portion.grid)
        yield told, told.target
