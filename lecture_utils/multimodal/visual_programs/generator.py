"""Program writers (S14.7): from a question to a program's text.

T. Gupta and A. Kembhavi, "Visual Programming", CVPR 2023, section 3: a large language model (GPT-3) reads
pairs of instructions and programs as examples, then the new instruction, and writes on. It has read the whole
web; ours has read the pairs alone, as text, and learned from them.

`WholeWriter` writes all lines at one go, as in the paper. `LineWriter` takes a question apart: it names the
phrase that is to be taken up next, and what it shall be called, reads that phrase alone and writes its lines;
a name takes the phrase's place, and what is left is read afresh (D. Zhou et al., "Least-to-Most Prompting
Enables Complex Reasoning in Large Language Models", ICLR 2023). What is next stands on the right, so it reads
from right to left: then a longer question begins as a shorter one does. `RetrievingWriter` has no network: it
takes the program of an example that is built alike.

Shapes: B texts, N tokens.
"""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lecture_utils.multimodal.decoding import generate
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.ops.checks import check_whole

BREAK, IS = " ; ", " = "  # between lines; between a name and the phrase that it stands for
QUOTES = (("='", "= ' "), ("')", " ')"), ("',", " ',"))
ROOM = (
    36  # tokens that are kept for a prompt: what it does not need is padding, and the answer begins behind it
)


def backwards(text: str) -> str:
    """The words of a text from right to left."""
    return " ".join(reversed(text.split()))


def as_prompt(text: str) -> str:
    """A text as the model reads it, with a space before each word."""
    return f" {text}"


def as_completion(lines: Sequence[str]) -> str:
    """Lines as the model writes them.

    Words in quotes stand apart from the quotes, so that they are the same tokens as in the question.
    """
    text = BREAK.join(lines)
    for close, wide in QUOTES:
        text = text.replace(close, wide)
    return f" {text}"


def from_completion(text: str) -> list[str]:
    """The lines of what the model wrote."""
    text = text.strip()
    for close, wide in QUOTES:
        text = text.replace(wide, close)
    return text.split(BREAK)


def with_name(question: str, phrase: str, name: str) -> str:
    """Put a name where a phrase stands for the last time; ValueError where it does not stand."""
    words, taken = question.split(), phrase.split()
    for start in range(len(words) - len(taken), -1, -1):
        if taken and words[start : start + len(taken)] == taken:
            return " ".join([*words[:start], name, *words[start + len(taken) :]])
    raise ValueError(f"phrase: got {phrase!r}, want words that stand in {question!r}")


@torch.no_grad()
def complete(lm: LanguageModel, prompts: Sequence[str], *, most: int = 64) -> list[str]:
    """Let a model write on after each prompt, greedily, until it writes the end.

    Parameters
    ----------
    lm : LanguageModel
        Taught on such rows as `rows_of` makes.
    prompts : sequence of str
        B of them.
    most : int
        Tokens that are written, at most.

    Returns
    -------
    list of B str

    Raises
    ------
    ValueError
        For no prompt, one of more than 36 tokens, or a model that has no room behind it.
    """
    check_whole(most, "most")
    different = list(dict.fromkeys(prompts))
    if not different:
        raise ValueError("prompts: got none, want one or more")
    x = torch.tensor([opening(lm, prompt) for prompt in different])  # (B, ROOM + 2)
    if lm.length <= x.shape[1]:
        raise ValueError(f"model: got a length of {lm.length}, want more than {x.shape[1]}")
    y = generate(lm, x, min(most, lm.length - x.shape[1]), temperature=0, end=lm.tokenizer.end)
    written = [lm.tokenizer.decode(row) for row in y[:, x.shape[1] :]]
    of = dict(zip(different, written, strict=True))
    return [of[prompt] for prompt in prompts]


def opening(lm: LanguageModel, prompt: str) -> list[int]:
    """The ids before what is to be written: start, the prompt, padding, end; always as many."""
    tokenizer = lm.tokenizer
    ids = tokenizer.encode(prompt)
    if len(ids) > ROOM:
        raise ValueError(f"prompt: got {len(ids)} tokens, want {ROOM} at most: {prompt!r}")
    return [tokenizer.start, *ids, *[tokenizer.pad] * (ROOM - len(ids)), tokenizer.end]


class WholeWriter:
    """Writes all of a program at one go."""

    def __init__(self, lm: LanguageModel) -> None:
        self.lm = lm

    def write(self, questions: Sequence[str]) -> list[str]:
        """Return each question's program as text, which may be none that runs."""
        written = complete(self.lm, [as_prompt(q) for q in questions], most=self.lm.length)
        return ["\n".join(from_completion(text)) for text in written]


class LineWriter:
    """Writes phrase by phrase: names the phrase that is next, writes its lines, and reads what is left.

    Parameters
    ----------
    lm : LanguageModel
        Taught two things: to complete a question, read backwards, by its next phrase and the name for it,
        backwards too; and to complete "BOX0 = the ball" by its lines.
    steps : int
        Phrases at most.
    """

    def __init__(self, lm: LanguageModel, *, steps: int = 10) -> None:
        self.lm, self.steps = lm, check_whole(steps, "steps")

    def write(self, questions: Sequence[str]) -> list[str]:
        """Return each question's program as text; where it gets stuck, what it has so far."""
        left = list(questions)
        lines: list[list[str]] = [[] for _ in questions]
        going = list(range(len(questions)))
        for _ in range(self.steps):
            if not going:
                break
            going = [i for i, more in zip(going, self.step(left, lines, going), strict=True) if more]
        return ["\n".join(own) for own in lines]

    def step(self, left: list[str], lines: list[list[str]], going: Sequence[int]) -> list[bool]:
        """Take up one phrase of each question that is going on; tell which have more to come."""
        named = complete(self.lm, [as_prompt(backwards(left[i])) for i in going])
        tasks = {}
        for i, text in zip(going, named, strict=True):
            task = backwards(text)  # such as "BOX0 = the ball"
            name, _, phrase = task.partition(IS)
            try:
                left[i] = with_name(left[i], phrase, name)
                opening(self.lm, as_prompt(task))
                tasks[i] = task
            except (
                ValueError
            ):  # it names a phrase that is not there, or too long a one: no more can be written
                continue
        written = complete(self.lm, [as_prompt(task) for task in tasks.values()]) if tasks else []
        for i, text in zip(tasks, written, strict=True):
            lines[i] += from_completion(text)
        return [i in tasks and not tasks[i].startswith(f"FINAL{IS}") for i in going]


class RetrievingWriter:
    """Takes the program of an example: of one built alike, its words exchanged, or of the nearest as it is.

    Parameters
    ----------
    examples : sequence of (str, str)
        Questions and programs.
    kinds : mapping of str to (str, str)
        Of each word that may be exchanged its kind, and the word that programs have for it:
        {"red": ("colour", "red"), "stars": ("shapes", "star"), …}.
    """

    def __init__(self, examples: Sequence[tuple[str, str]], kinds: Mapping[str, tuple[str, str]]) -> None:
        if not examples:
            raise ValueError("examples: got none, want one or more")
        self.kinds = kinds
        self.examples = list(examples)
        self.alike: dict[str, tuple[str, str]] = {}
        for question, program in examples:
            filled = self.words(question)
            if len(set(filled)) == len(filled):  # no word twice, so that each has one place
                self.alike.setdefault(self.skeleton(question), (question, program))

    def words(self, question: str) -> list[str]:
        """The words that may be exchanged, in their order, as programs have them."""
        return [self.kinds[word][1] for word in question.split() if word in self.kinds]

    def skeleton(self, question: str) -> str:
        """The question with kinds in the place of such words."""
        return " ".join(f"<{self.kinds[w][0]}>" if w in self.kinds else w for w in question.split())

    def write(self, questions: Sequence[str]) -> list[str]:
        """Return a program's text for each question."""
        return [self.one(question) for question in questions]

    def one(self, question: str) -> str:
        """Return the program of the example that fits best."""
        if (own := self.alike.get(self.skeleton(question))) is not None:
            exchange = dict(zip(self.words(own[0]), self.words(question), strict=True))
            return re.sub(r"[a-z]+", lambda word: exchange.get(word.group(), word.group()), own[1])
        said = set(question.split())

        def shared(example: tuple[str, str]) -> float:
            words = set(example[0].split())
            return len(words & said) / len(words | said)

        return max(self.examples, key=shared)[1]


def rows_of(lm: LanguageModel, prompt: str, completion: str) -> tuple[list[int], list[int]]:
    """Ids that the model reads and the ids it has to say after each, -100 where it is not asked."""
    before, then = opening(lm, prompt), lm.tokenizer.encode(completion)
    return [*before, *then], [*[-100] * (len(before) - 1), *then, lm.tokenizer.end]


def batch_of(lm: LanguageModel, rows: Sequence[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor]:
    """Rows of different lengths as two tensors (B, N) int64, padded on the right."""
    longest = max(len(read) for read, _ in rows)
    ids = torch.full((len(rows), longest), lm.tokenizer.pad)
    target = torch.full((len(rows), longest), -100)
    for i, (read, say) in enumerate(rows):
        ids[i, : len(read)], target[i, : len(say)] = torch.tensor(read), torch.tensor(say)
    return ids, target
