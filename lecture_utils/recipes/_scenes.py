"""What chapter 14's models share: the frozen eye and language model, lessons, and how answers are judged.

Pictures are rendered once and turned into the eye's tokens once; both are kept in memory. Training uses split
"train", choices "val", and figures that are told "test".

Shapes: N pictures, P = 36 cells of the eye's grid, B batch, L tokens.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.asked import Asked, asked
from lecture_utils.data.toyworld.language.facts import Facts
from lecture_utils.data.toyworld.language.prompts import short, tokens
from lecture_utils.data.toyworld.language.questions import ASKED, Question
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.scene_eye import SceneEye
from lecture_utils.multimodal.tokenizer import Tokenizer

M = TypeVar("M", bound=nn.Module)
IGNORE = -100  # a target that costs nothing
SCENES, EACH = 6000, 6  # of the training material: 15 s of processor time, once a process
DEEP = ("exists", "count", "what", "is")  # kinds of question that can follow relations
Answers = Callable[[Tensor, list[str]], list[str]]  # grids (B, P, D), questions -> words


class Portion(NamedTuple):
    """Pictures as the eye's tokens (N, P, D) in half floats, what they show, and what is asked of them."""

    grid: Tensor
    facts: tuple[Facts, ...]
    questions: tuple[Question, ...]


def frozen(model: M) -> M:
    """The model in evaluation mode, with no parameter that asks for a gradient."""
    return model.eval().requires_grad_(False)


def left_out(model: nn.Module, part: str) -> None:
    """Leave a frozen part that has a file of its own out of a model's state, in and out."""

    def drop(_: nn.Module, state: dict[str, Tensor], prefix: str, __: object) -> None:
        for key in [key for key in state if key.startswith(f"{prefix}{part}.")]:
            del state[key]

    def fill(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
        state.update({f"{prefix}{part}.{k}": v for k, v in module.get_submodule(part).state_dict().items()})

    model.register_state_dict_post_hook(drop)
    model.register_load_state_dict_pre_hook(fill)


@functools.cache
def eye() -> SceneEye:
    """The frozen eye, loaded once."""
    model = zoo.load("scenes_eye")
    assert isinstance(model, SceneEye)
    return frozen(model)


@functools.cache
def language_model() -> LanguageModel:
    """The frozen language model that has read about scenes, loaded once; copy it before you train it."""
    model = zoo.load("scenes_lm")
    assert isinstance(model, LanguageModel)
    return frozen(model)


@functools.cache
def words() -> Tokenizer:
    """The language model's tokenizer: each word with the space before it is one token."""
    return tokens()


@torch.no_grad()
def grids(images: Tensor) -> Tensor:
    """What the frozen eye sees of pictures (N, 3, 48, 48): tokens (N, P, D), no part of any graph."""
    return torch.cat([eye()(part) for part in images.split(250)])


@functools.lru_cache(maxsize=3)
def material(
    count: int = SCENES,
    *,
    seed: int = 0,
    split: str = "train",
    each: int = EACH,
    kinds: tuple[str, ...] = ASKED,
    hops: tuple[int, int] = (0, 1),
    held_out: bool = False,
) -> Portion:
    """Draw scenes and questions as `asked` does, and let the eye see them; the pixels are not kept."""
    drawn = asked(count, seed=seed, split=split, each=each, kinds=kinds, hops=hops, held_out=held_out)
    return Portion(grids(drawn.image).half(), drawn.facts, drawn.questions)


@functools.lru_cache(maxsize=4)
def exam(count: int = 800, *, split: str = "test", deep: bool = False, seed: int = 0) -> Asked:
    """Draw what models are compared by: questions of all kinds, over 0 and 1 relation; or deep: 2 and 3."""
    kinds, hops = (DEEP, (2, 3)) if deep else (ASKED, (0, 1))
    return asked(count, seed=seed, split=split, each=4, kinds=kinds, hops=hops)


def spoken(asked: Sequence[str], told: Sequence[str], *, end: bool = False) -> tuple[Tensor, Tensor]:
    """Encode what is asked and what is to be answered.

    Parameters
    ----------
    asked, told : sequence of B str
        Prompts, such as `short` makes, and answers; each begins with a space.
    end : bool
        Let the end token follow each answer, and have it learned.

    Returns
    -------
    ids, target : Tensor
        (B, L) int64: the start token, the prompt and the answer but for its last token; and at each place the
        token that comes next, where it is of the answer, or else IGNORE. Padded on the right.
    """
    tokenizer = words()
    rows, targets = [], []
    for prompt, answer in zip(asked, told, strict=True):
        before = [tokenizer.start, *tokenizer.encode(prompt)]
        after = tokenizer.encode(answer) + [tokenizer.end] * end
        rows.append(torch.tensor((before + after)[:-1]))
        targets.append(torch.tensor([IGNORE] * (len(before) - 1) + after))
    pad = functools.partial(nn.utils.rnn.pad_sequence, batch_first=True)
    return pad(rows, padding_value=tokenizer.pad), pad(targets, padding_value=IGNORE)


def lessons(
    seed: int, batch: int, *, scenes: int = SCENES, kinds: tuple[str, ...] = ASKED
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield training questions in the short form for ever: grid (B, P, D), ids and target (B, L) of `spoken`.

    The text alone: where the picture's tokens go is each model's affair, which has to put as many IGNOREs
    into the target. The order is the seed's.
    """
    grid, _, put = material(scenes, kinds=kinds)
    scene = torch.tensor([q.scene for q in put])
    ids, target = spoken([short(q.text) for q in put], [f" {q.answer}" for q in put])
    made = torch.Generator().manual_seed(seed)
    while True:
        for rows in torch.randperm(len(ids), generator=made).split(batch):
            if len(rows) == batch:
                longest = int((target[rows] != IGNORE).nonzero()[:, 1].max()) + 1
                yield grid[scene[rows]].float(), ids[rows, :longest], target[rows, :longest]


def next_words(logits: Tensor) -> list[str]:
    """The likeliest next token (B, V) as a word, without its space."""
    return [words().decode([i]).strip() for i in logits.argmax(dim=-1).tolist()]


@torch.no_grad()
def marks(answers: Answers, drawn: Asked, *, portion: int = 256) -> list[bool]:
    """Put every question to a model, and mark each answer: right or wrong."""
    grid = seen(drawn)
    right: list[bool] = []
    for start in range(0, len(drawn.questions), portion):
        part = drawn.questions[start : start + portion]
        said = answers(grid[[q.scene for q in part]].float(), [q.text for q in part])
        if len(said) != len(part):
            raise ValueError(f"answers: got {len(said)}, want one to each of {len(part)} questions")
        right += [word == q.answer for word, q in zip(said, part, strict=True)]
    return right


@functools.lru_cache(maxsize=4)
def seen(drawn: Asked) -> Tensor:
    """The eye's tokens of an exam's pictures, (N, P, D) half floats."""
    return grids(drawn.image).half()


def judge(answers: Answers, drawn: Asked) -> dict[str, float]:
    """Put an exam to a model.

    Parameters
    ----------
    answers : callable
        (grid (B, P, D), B questions) -> B words of `programs.ANSWERS`; any other word is a wrong answer.
    drawn : Asked
        Such as `exam()` draws.

    Returns
    -------
    dict
        Accuracies: "all", the mean over the kinds asked; one a kind; and "hops0" to "hops3", over the
        questions of those four kinds that can follow relations, where there are any.
    """
    return summary(marks(answers, drawn), drawn)


def summary(right: Sequence[bool], drawn: Asked) -> dict[str, float]:
    """Mean marks by kind and by number of relations, as `judge` has them."""
    of: dict[str, list[bool]] = {}
    for mark, question in zip(right, drawn.questions, strict=True):
        of.setdefault(question.asked, []).append(mark)
        if question.asked in DEEP:
            of.setdefault(f"hops{question.hops}", []).append(mark)
    share = {name: sum(of[name]) / len(of[name]) for name in sorted(of)}
    kinds = [share[kind] for kind in ASKED if kind in share]
    return {"all": sum(kinds) / len(kinds), **share}
