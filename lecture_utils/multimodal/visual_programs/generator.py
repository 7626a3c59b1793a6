"""Program writers (S14.7): from a question to a program's text.

T. Gupta and A. Kembhavi, "Visual Programming", CVPR 2023, section 3: a large language model (GPT-3) reads
pairs of instructions and programs as examples, then the new instruction, and writes on. It has read the whole
web; ours has read the pairs alone, as text, and learned from them.

`WholeWriter` writes all lines at one go, as in the paper. `LineWriter` takes a question apart: it names the
phrase that is to be taken up next and writes its lines, a name takes the phrase's place, and what is left is
read afresh (D. Zhou et al., "Least-to-Most Prompting Enables Complex Reasoning in Large Language Models",
ICLR 2023). `RetrievingWriter` has no network: it takes the program of an example that is built alike.

Shapes: B texts, N tokens.
"""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lecture_utils.multimodal.decoding import generate
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.ops.checks import check_whole

BREAK, TAKEN = " ; ", " : "  # between lines, and between a phrase and its lines: a token each
QUOTES = (("='", "= ' "), ("')", " ')"), ("',", " ',"))


def as_prompt(question: str) -> str:
    """A question as the model reads it."""
    return f" {question}"


def as_completion(lines: Sequence[str], phrase: str = "") -> str:
    """Lines as the model writes them, after the phrase that they are for, if it is to name one.

    Words in quotes stand apart from the quotes, so that they are the same tokens as in the question.
    """
    text = BREAK.join(lines)
    for close, wide in QUOTES:
        text = text.replace(close, wide)
    return f" {phrase}{TAKEN}{text}" if phrase else f" {text}"


def from_completion(text: str) -> tuple[str, list[str]]:
    """The phrase ("" for none) and the lines of what the model wrote."""
    phrase, _, rest = text.strip().rpartition(TAKEN)
    for close, wide in QUOTES:
        rest = rest.replace(wide, close)
    return phrase, rest.split(BREAK)


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
        Taught on: start, prompt, end, completion, end.
    prompts : sequence of str
        B of them; those of one length are read together.
    most : int
        Tokens that are written, at most.

    Returns
    -------
    list of B str

    Raises
    ------
    ValueError
        For a prompt that leaves no room in the model's length.
    """
    check_whole(most, "most")
    tokenizer = lm.tokenizer
    ids = {prompt: tuple(tokenizer.encode(prompt)) for prompt in set(prompts)}
    written: dict[str, str] = {}
    for length in sorted({len(own) for own in ids.values()}):
        alike = [prompt for prompt, own in ids.items() if len(own) == length]
        x = torch.tensor([[tokenizer.start, *ids[prompt], tokenizer.end] for prompt in alike])  # (B, N)
        room = lm.length - x.shape[1]
        if room < 1:
            raise ValueError(f"prompt: got {length} tokens, want {lm.length - 3} at most: {alike[0]!r}")
        y = generate(lm, x, min(most, room), temperature=0, end=tokenizer.end)
        written |= {p: tokenizer.decode(row) for p, row in zip(alike, y[:, x.shape[1] :], strict=True)}
    return [written[prompt] for prompt in prompts]


class WholeWriter:
    """Writes all of a program at one go."""

    def __init__(self, lm: LanguageModel) -> None:
        self.lm = lm

    def write(self, questions: Sequence[str]) -> list[str]:
        """Return each question's program as text, which may be none that runs."""
        written = complete(self.lm, [as_prompt(q) for q in questions], most=self.lm.length)
        return ["\n".join(from_completion(text)[1]) for text in written]


class LineWriter:
    """Writes line by line: a phrase of the question, its lines, and a name in the phrase's place.

    Parameters
    ----------
    lm : LanguageModel
        Taught to complete what is left of a question by the next phrase and its lines.
    steps : int
        Phrases at most.
    """

    def __init__(self, lm: LanguageModel, *, steps: int = 10) -> None:
        self.lm, self.steps = lm, check_whole(steps, "steps")

    def write(self, questions: Sequence[str]) -> list[str]:
        """Return each question's program as text; where it gets stuck, what it has so far."""
        left, lines = list(questions), [[] for _ in questions]  # type: list[str], list[list[str]]
        going = list(range(len(questions)))
        for _ in range(self.steps):
            if not going:
                break
            written = complete(self.lm, [as_prompt(left[i]) for i in going])
            went, going = going, []
            for i, text in zip(went, written, strict=True):
                phrase, new = from_completion(text)
                lines[i] += new
                name = lines[i][-1].split(" = ")[0]
                try:
                    left[i] = with_name(left[i], phrase, name)
                except ValueError:  # it names a phrase that is not there: no more can be written
                    continue
                if name != "FINAL":
                    going.append(i)
        return ["\n".join(own) for own in lines]


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


def rows_of(lm: LanguageModel, prompt: str, completion: str, offset: int) -> tuple[list[int], list[int]]:
    """Ids that the model reads and the ids it has to say after each, -100 where it is not asked.

    `offset` pads come first, so that training meets each place in the sequence, and a question that is longer
    than any there was stands at places that are known.
    """
    check_whole(offset, "offset", 0)
    tokenizer = lm.tokenizer
    first, then = tokenizer.encode(prompt), tokenizer.encode(completion)
    read = [*[tokenizer.pad] * offset, tokenizer.start, *first, tokenizer.end, *then]
    return read, [*[-100] * (offset + 1 + len(first)), *then, tokenizer.end]


def batch_of(lm: LanguageModel, rows: Sequence[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor]:
    """Rows of different lengths as two tensors (B, N) int64, padded on the right."""
    longest = max(len(read) for read, _ in rows)
    ids = torch.full((len(rows), longest), lm.tokenizer.pad)
    target = torch.full((len(rows), longest), -100)
    for i, (read, say) in enumerate(rows):
        ids[i, : len(read)], target[i, : len(say)] = torch.tensor(read), torch.tensor(say)
    return ids, target
