"""How a question is put to a language model: two forms, and documents that a model may read to learn them.

- short: " question : is the ball red ? answer :", after which comes one word (VQA, Flamingo, BLIP-2);
- long: " user : is the ball red ? assistant :", after which come statements (LLaVA's conversations).

Every piece begins with a space, so that pieces are put one behind the other, and each word with the space
before it is one token of `tokens()`.
"""

from dataclasses import dataclass

import numpy as np

from lecture_utils.data.toyworld.language.asked import ABOUT, asked_scenes, described
from lecture_utils.data.toyworld.language.facts import RELATIONS, Facts
from lecture_utils.data.toyworld.language.programs import ANSWERS
from lecture_utils.data.toyworld.language.questions import Question, questions
from lecture_utils.data.toyworld.language.telling import reason, tell
from lecture_utils.data.toyworld.language.wording import PLURAL
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.ops.checks import check_choice, check_number, check_sizes

SHORT, LONG = (" question :", " answer :"), (" user :", " assistant :")
GRAMMAR = (
    "a an and are as clear cloudy colour ground how is many more no not of or shape sky so than that the"
)
TALK = "there thing things what ? . : question answer user assistant describe picture in tell me you see"
ORDERS = "put pick up down it place move to on next done task plan step gripper hand holds nothing far"
FORMS = ("short", "told", "reasoned")
RETELL = "describe the picture ."


def short(question: str) -> str:
    """Put a question so that one word answers it."""
    check_line(question, "question")
    return f"{SHORT[0]} {question}{SHORT[1]}"


def long(request: str) -> str:
    """Put a question or a request so that statements answer it."""
    check_line(request, "request")
    return f"{LONG[0]} {request}{LONG[1]}"


def check_line(text: str, name: str) -> None:
    """Raise ValueError unless this is a str that neither is empty nor begins or ends with a space."""
    if not isinstance(text, str) or not text or text != text.strip():
        raise ValueError(f"{name}: got {text!r}, want words without a space before or after them")


def vocabulary() -> tuple[str, ...]:
    """All words of the questions, statements, prompts and orders of chapter 14, each once."""
    words = [*ANSWERS, *PLURAL.values(), *" ".join(RELATIONS).split(), *f"{GRAMMAR} {TALK} {ORDERS}".split()]
    return tuple(dict.fromkeys(words))


def tokens() -> Tokenizer:
    """Learn the merges that make each word of `vocabulary`, with the space before it, one token."""
    return Tokenizer.train([f" {word}" for word in vocabulary()], 1000)


@dataclass(frozen=True)
class Document:
    """What a language model reads: perhaps a description of a scene, then questions and their answers.

    Attributes
    ----------
    description : str
        Empty, or all that is plain of the scene, the nearest thing first.
    turns : tuple of (str, str)
        Each a prompt, `short` or `long`, and what is answered; both begin with a space.
    """

    description: str
    turns: tuple[tuple[str, str], ...]


def answered(question: Question, scene: Facts, form: str) -> tuple[str, str]:
    """Put one question in a form, and answer it: by a word, by a sentence, or by its reasons and a word."""
    check_choice(form, "form", *FORMS)
    if form == "short":
        return short(question.text), f" {question.answer}"
    if form == "told":
        return long(question.text), f" {tell(question.program, question.answer)}"
    steps = " ".join(reason(question.program, scene))
    return long(question.text), f" {steps} so {question.answer} ."


def documents(
    count: int,
    *,
    seed: int = 0,
    split: str = "train",
    each: int = 5,
    described_share: float = 0.8,
    long_share: float = 0.25,
    retold_share: float = 0.0,
    objects: int | tuple[int, int] = (1, 3),
    hops: int | tuple[int, int] = (0, 1),
) -> list[Document]:
    """Write N documents about scenes that nobody has rendered.

    Parameters
    ----------
    count : int
        N.
    seed, split, objects
        As for `asked_scenes`.
    each, hops
        Questions a document, at most, and the relations that these follow, as for `questions`.
    described_share : float
        How many documents begin with a description.
    long_share : float
        How many of the questions are put in the long form, half of these with reasons.
    retold_share : float
        How many of the descriptions are asked for, before all questions or after them, and given once more.

    Raises
    ------
    ValueError
        For numbers out of range.
    """
    check_sizes("documents", each=each)
    check_number(described_share, "described share", 0, 1)
    check_number(long_share, "long share", 0, 1)
    check_number(retold_share, "retold share", 0, 1)
    _, scenes = asked_scenes(count, seed=seed, split=split, objects=objects)
    random = np.random.default_rng([seed, count])
    turns: list[list[tuple[str, str]]] = [[] for _ in scenes]
    for question in questions(scenes, each, hops=hops, about=ABOUT):
        form = FORMS[0] if random.random() >= long_share else FORMS[1 + int(random.integers(2))]
        turns[question.scene].append(answered(question, scenes[question.scene], form))
    told = [f" {described(scene)}" if random.random() < described_share else "" for scene in scenes]
    for text, turn in zip(told, turns, strict=True):
        if text and random.random() < retold_share:
            turn.insert(len(turn) if random.random() < 0.5 else 0, (long(RETELL), text))
    return [Document(text, tuple(turn)) for text, turn in zip(told, turns, strict=True)]


def encoded(document: Document, tokenizer: Tokenizer) -> tuple[list[int], list[bool]]:
    """Return a document's ids, and which of them are answers.

    Start; the description; each turn's prompt and answer; end after each long answer and at the end of all.
    """
    ids = [tokenizer.start, *tokenizer.encode(document.description)]
    answer = [False] * len(ids)
    for prompt, told in document.turns:
        asked, said = tokenizer.encode(prompt), tokenizer.encode(told)
        if prompt.endswith(LONG[1]):
            said.append(tokenizer.end)
        ids += asked + said
        answer += [False] * len(asked) + [True] * len(said)
    if ids[-1] != tokenizer.end:
        ids.append(tokenizer.end)
        answer.append(False)
    return ids, answer
