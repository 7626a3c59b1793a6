"""Chapter 14, exercise 14.7: the Q-Former's three masks (reference: `asked_solutions.qformer_mask`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch14.asked_solutions import qformer_mask
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

NAMES = ("matching", "generation", "contrast")


def _sizes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for queries, text in ((1, 2), (2, 3), (3, 2), (4, 4)):
        for kind in NAMES:
            yield kind, queries, text


def _ones(rows: int, columns: int) -> Tensor:
    return torch.ones(rows, columns, dtype=torch.bool)


def _mask(
    kind: str,
    queries: int,
    text: int,
    *,
    among_words: Callable[[str, int], Tensor] = lambda kind, text: (
        _ones(text, text).tril() if kind == "generation" else _ones(text, text)
    ),
    query_sees_word: tuple[str, ...] = ("matching",),
    word_sees_query: tuple[str, ...] = ("matching", "generation"),
    among_queries: Callable[[str, int], Tensor] = lambda kind, queries: _ones(queries, queries),
) -> Tensor:
    """The mask with one part exchanged."""
    see = torch.zeros(queries + text, queries + text, dtype=torch.bool)
    see[:queries, :queries] = among_queries(kind, queries)
    see[queries:, queries:] = among_words(kind, text)
    see[:queries, queries:] = kind in query_sees_word
    see[queries:, :queries] = kind in word_sees_query
    return see


@mistake(
    "In generation your queries see the text. What they know would then be the sentence itself, and not what "
    "the picture shows."
)
def _queries_read(*given: Any) -> Tensor:
    return _mask(*given, query_sees_word=("matching", "generation"))


@mistake(
    "In generation your words see those that come after them: each is to be guessed from those before it."
)
def _words_ahead(*given: Any) -> Tensor:
    return _mask(*given, among_words=lambda kind, text: _ones(text, text))


@mistake(
    "In generation a word does not see itself with you. The diagonal is open: what it is to guess is the "
    "next."
)
def _not_itself(*given: Any) -> Tensor:
    return _mask(
        *given,
        among_words=lambda kind, text: (
            _ones(text, text).tril(-1) if kind == "generation" else _ones(text, text)
        ),
    )


@mistake("In generation your words do not see the queries: nothing of the picture would reach the sentence.")
def _words_blind(*given: Any) -> Tensor:
    return _mask(*given, word_sees_query=("matching",))


@mistake(
    "In generation one causal triangle goes over all, so that queries see only the queries before them. They "
    "are a set, and see one another."
)
def _triangle_over_all(*given: Any) -> Tensor:
    return _mask(
        *given,
        among_queries=lambda kind, queries: (
            _ones(queries, queries).tril() if kind == "generation" else _ones(queries, queries)
        ),
    )


@mistake("Rows and columns are exchanged. Row i says whom token i may look at.")
def _turned(*given: Any) -> Tensor:
    return qformer_mask(*given).T


@mistake(
    "In contrast your words see the queries. The text's side would know the picture, and could not fail to "
    "fit it."
)
def _contrast_words_see(*given: Any) -> Tensor:
    return _mask(*given, word_sees_query=NAMES)


@mistake(
    "In contrast your queries see the text. The picture's side would know the sentence, and could not fail "
    "to fit it."
)
def _contrast_queries_see(*given: Any) -> Tensor:
    return _mask(*given, query_sees_word=("matching", "contrast"))


@mistake("In contrast your words see only those before them. Both sides are whole here: words see all words.")
def _contrast_causal(*given: Any) -> Tensor:
    return _mask(
        *given,
        among_words=lambda kind, text: _ones(text, text) if kind == "matching" else _ones(text, text).tril(),
    )


@mistake(
    "In matching something is shut with you. Whether both fit can only be judged by seeing both: all is open."
)
def _matching_shut(*given: Any) -> Tensor:
    return _mask(*given, query_sees_word=())


@mistake(
    "Contrast and matching are exchanged: to match, both are seen at once; to contrast, each for itself."
)
def _contrast_and_matching(kind: str, queries: int, text: int) -> Tensor:
    other = {"matching": "contrast", "contrast": "matching"}.get(kind, kind)
    return qformer_mask(other, queries, text)


@mistake("Your mask is True where nobody may look. It is to be True where one may.")
def _inverted(*given: Any) -> Tensor:
    return ~qformer_mask(*given)


@mistake("The text comes first with you. Queries come first, in rows and columns.")
def _text_first(kind: str, queries: int, text: int) -> Tensor:
    see = qformer_mask(kind, queries, text)
    order = torch.tensor([*range(queries, queries + text), *range(queries)])
    return see[order][:, order]


@mistake("Your mask is the same for all three losses: all is open. Only in matching it is.")
def _all_open(kind: str, queries: int, text: int) -> Tensor:
    return _ones(queries + text, queries + text)


WRONG: Any = (
    _queries_read, _words_ahead, _not_itself, _words_blind, _triangle_over_all, _turned, _contrast_words_see,
    _contrast_queries_see, _contrast_causal, _matching_shut, _contrast_and_matching, _inverted, _text_first,
    _all_open,
)  # fmt: skip
EXERCISE = Exercise(
    "14.7",
    "Three masks, one network",
    qformer_mask,
    _sizes,
    difficulty=2,
    minutes=9,
    hints=(
        "Cut the table into four blocks: queries and words down, queries and words across. For each loss say "
        "of each block whether it is open, shut, or open on and below its diagonal.",
        "Begin with torch.ones(Q + T, Q + T, dtype=torch.bool). see[:queries, queries:] is what queries see "
        "of the words, see[queries:, :queries] what words see of the queries.",
        "Matching leaves all open. Generation and contrast shut the words to the queries. Generation makes a "
        "triangle (.tril()) of the words among themselves; contrast shuts the queries to the words.",
    ),
    mistakes=WRONG,
)
