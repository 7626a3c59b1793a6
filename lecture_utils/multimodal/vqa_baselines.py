"""Baselines of visual question answering: what can be answered without looking, or with a glance (S14.2).

- `AnswerPrior`: the commonest answer to questions that open alike. S. Antol et al., "VQA: Visual Question
  Answering", ICCV 2015, section 4.1 ("per Q-type prior").
- `BagOfWords`: a linear classifier on the words of the question; Antol et al., section 4.2 ("BoW Q"). With
  the picture's mean token beside the words it is iBOWIMG: B. Zhou et al., "Simple Baseline for Visual
  Question Answering", arXiv 1512.02167, 2015, section 2.

A system that looks and thinks has to beat both: what it gains over them is what it has seen.

Simplified: Zhou et al. embed each word before the bag, which a linear classifier does not need; Antol et al.
put an MLP on the bag.

Shapes: B questions, W words, A answers, P tokens of a picture, D their width.
"""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_choice, check_tensor, check_whole


class AnswerPrior(nn.Module):
    """Answer each question by what was most often right among those that open with the same words.

    Parameters
    ----------
    openings : sequence of O str
        Words with which questions begin, such as "how many"; the first that fits counts.
    answers : sequence of A str
        All answers.

    Attributes
    ----------
    counts : Tensor
        (O, A) int64: how often each answer was right in `count`; none before.
    """

    counts: Tensor

    def __init__(self, openings: Sequence[str], answers: Sequence[str]) -> None:
        super().__init__()
        self.openings, self.answers = check_words(openings, "openings"), check_words(answers, "answers")
        self.register_buffer("counts", torch.zeros(len(self.openings), len(self.answers), dtype=torch.long))

    def opening(self, question: str) -> int:
        """Number of the opening of a question; ValueError where it has none."""
        for number, words in enumerate(self.openings):
            if f"{question} ".startswith(f"{words} "):
                return number
        raise ValueError(f"question: got {question!r}, want one that begins with {', '.join(self.openings)}")

    def count(self, questions: Sequence[str], answers: Sequence[str]) -> None:
        """Add training questions and their answers to the counts."""
        check_pairs(questions, answers)
        for (row, answer), times in Counter(zip(map(self.opening, questions), answers, strict=True)).items():
            check_choice(answer, "answer", *self.answers)
            self.counts[row, self.answers.index(answer)] += times

    def forward(self, questions: Sequence[str]) -> Tensor:
        """Return the share of each answer, (B, A); of equals the first counts as the likeliest."""
        check_words(questions, "questions", once=False)
        counts = self.counts[[self.opening(question) for question in questions]].double()  # (B, A)
        if bool((counts.sum(dim=1) == 0).any()):
            raise ValueError("questions: got an opening that was never counted, want those of training")
        return counts / counts.sum(dim=1, keepdim=True)


class BagOfWords(nn.Module):
    """Scores of all answers, linear in which words a question has, and perhaps in the picture's mean token.

    Parameters
    ----------
    words : sequence of W str
        Others are passed over.
    answers : sequence of A str
        What the scores are of.
    picture : int
        D, the width of the picture's tokens; 0 does not look.
    """

    def __init__(self, words: Sequence[str], answers: Sequence[str], picture: int = 0) -> None:
        super().__init__()
        self.words, self.answers = check_words(words, "words"), check_words(answers, "answers")
        self.picture = check_whole(picture, "picture", 0)
        self.index = {word: i for i, word in enumerate(self.words)}
        self.score = nn.Linear(len(self.words) + picture, len(self.answers))

    def bag(self, questions: Sequence[str]) -> Tensor:
        """Count the words of each question: (B, W) float; their order is lost."""
        check_words(questions, "questions", once=False)
        rows = torch.zeros(len(questions), len(self.words))
        for row, question in zip(rows, questions, strict=True):
            for word in question.split():
                if word in self.index:
                    row[self.index[word]] += 1
        return rows

    def forward(self, questions: Sequence[str], grid: Tensor | None = None) -> Tensor:
        """Return logits (B, A) of questions, and the tokens of their pictures (B, P, D) if it looks."""
        return self.from_bag(self.bag(questions), grid)

    def from_bag(self, bag: Tensor, grid: Tensor | None = None) -> Tensor:
        """As `forward`, from counted words (B, W)."""
        check_tensor(bag, "bag", "B", len(self.words), some=True, finite=True)
        if (grid is not None) != (self.picture > 0):
            raise ValueError(f"grid: got {'one' if grid is not None else 'none'}, want the contrary")
        if grid is None:
            return self.score(bag)
        check_tensor(grid, "grid", len(bag), "P", self.picture, some=True, finite=True)
        return self.score(torch.cat([bag, grid.mean(dim=1)], dim=1))  # where things are is lost


def check_words(texts: Sequence[str], name: str, *, once: bool = True) -> tuple[str, ...]:
    """Return texts as a tuple; ValueError for one str, none, what is no str, or (if `once`) one twice."""
    if isinstance(texts, str) or not isinstance(texts, Sequence) or not texts:
        raise ValueError(f"{name}: got {texts!r}, want several str")
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{name}: got {[type(t).__name__ for t in texts][:4]}, want str")
    if once and len(set(texts)) != len(texts):
        raise ValueError(f"{name}: got {len(texts) - len(set(texts))} twice, want each once")
    return tuple(texts)


def check_pairs(questions: Sequence[str], answers: Sequence[str]) -> None:
    """Raise ValueError unless there are as many answers as questions, one or more."""
    check_words(questions, "questions", once=False)
    check_words(answers, "answers", once=False)
    if len(questions) != len(answers):
        raise ValueError(f"answers: got {len(answers)}, want one to each of {len(questions)} questions")
