"""Chapter 13, exercise 13.6: recall at k (reference: `crossing_solutions.recall_at`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch13.crossing_solutions import recall_at
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _tables(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[0.9, 0.1]]), torch.tensor([[False, True]]), 1  # the second best is the one
    yield floats([[0.9, 0.1], [0.2, 0.4]]), torch.tensor([[True, False], [True, False]]), 1
    yield floats([[0.9, 0.5, 0.1]]), torch.tensor([[False, True, True]]), 2  # two are relevant
    yield floats([[0.9, 0.1], [0.3, 0.8]]), torch.tensor([[True, False], [False, False]]), 1  # none is
    yield floats([[0.5, 0.5, 0.5]]), torch.tensor([[True, False, False]]), 1  # all alike
    yield floats([[0.7, 0.7, 0.7], [0.9, 0.2, 0.2]]), torch.tensor([[True, True, False]] * 2), 2
    for queries, items, k in ((4, 5, 1), (6, 4, 2), (8, 8, 3), (12, 9, 2), (12, 20, 5)):
        yield normal(rng, queries, items), torch.tensor(rng.random((queries, items)) < 0.25), k
    ties = floats(rng.integers(0, 3, (10, 8)))  # many are alike
    yield ties, torch.tensor(rng.random((10, 8)) < 0.3), 2


def _recall(
    similarity: Tensor,
    relevant: Tensor,
    k: int,
    *,
    asked: Callable[[Tensor], Tensor] = lambda relevant: relevant.any(1),
    before: Callable[[Tensor, Tensor], Tensor] = torch.ge,
    found: Callable[[Tensor, int], Tensor] = lambda before, k: before < k,
) -> float:
    """The measure with one part exchanged."""
    rows = asked(relevant)
    similarity, relevant = similarity[rows], relevant[rows]
    best = similarity.masked_fill(~relevant, -torch.inf).amax(1, keepdim=True)
    count = (before(similarity, best) & ~relevant).sum(1)
    return float(found(count, k).float().mean())


def _first(similarity: Tensor, relevant: Tensor, k: int) -> Tensor:
    """Which of the first k are relevant, of queries that have something relevant: (N, k)."""
    rows = relevant.any(1)
    order = similarity[rows].sort(dim=1, descending=True, stable=True).indices[:, :k]
    return relevant[rows].gather(1, order)


@mistake(
    "A query to which nothing is relevant counts as missed. It cannot be answered, so it does not count at "
    "all."
)
def _hopeless_count(*given: Any) -> float:
    return _recall(*given, asked=lambda relevant: torch.ones(len(relevant), dtype=torch.bool))


@mistake(
    "You count one item too many: k others before the best relevant one, and it is no longer among the "
    "first k."
)
def _one_too_many(*given: Any) -> float:
    return _recall(*given, found=lambda before, k: before <= k)


@mistake(
    "Ties are settled in your favour. A model that finds everything alike would find everything: what is "
    "as similar comes first, and what is relevant after it."
)
def _ties_for_us(*given: Any) -> float:
    return _recall(*given, before=torch.gt)


@mistake(
    "Ties are left to the order in which sort or topk leaves them: the same table with its columns exchanged "
    "would give another result. Count what is at least as similar."
)
def _ties_by_order(similarity: Tensor, relevant: Tensor, k: int) -> float:
    return float(_first(similarity, relevant, k).any(1).float().mean())


@mistake(
    "You measure which share of the first k are relevant. That is precision; here one relevant among them "
    "is enough."
)
def _precision(similarity: Tensor, relevant: Tensor, k: int) -> float:
    return float(_first(similarity, relevant, k).float().mean())


@mistake(
    "You measure which share of all relevant items are found. In retrieval's recall at k a query is found or "
    "not: one relevant item is enough."
)
def _share_of_relevant(similarity: Tensor, relevant: Tensor, k: int) -> float:
    rows = relevant.any(1)
    return float((_first(similarity, relevant, k).sum(1) / relevant[rows].sum(1)).mean())


@mistake("You ask that all relevant items be among the first k. One of them is enough.")
def _all_of_them(similarity: Tensor, relevant: Tensor, k: int) -> float:
    rows = relevant.any(1)
    similarity, relevant = similarity[rows], relevant[rows]
    worst = similarity.masked_fill(~relevant, torch.inf).amin(1, keepdim=True)
    return float((((similarity >= worst) & ~relevant).sum(1) < k).float().mean())


@mistake("You look at the k items that are least similar. Nearest is where the similarity is largest.")
def _farthest(similarity: Tensor, relevant: Tensor, k: int) -> float:
    return recall_at(-similarity, relevant, k)


@mistake("Your queries are the columns. A row of the table is one query, with all items beside it.")
def _columns(similarity: Tensor, relevant: Tensor, k: int) -> float:
    return recall_at(similarity.T, relevant.T, k)


@mistake("You count the queries that found something. Asked is their share, from 0 to 1.")
def _count(similarity: Tensor, relevant: Tensor, k: int) -> float:
    return recall_at(similarity, relevant, k) * int(relevant.any(1).sum())


@mistake("Only the k-th item counts with you. Any of the first k may be the one.")
def _kth_alone(*given: Any) -> float:
    return _recall(*given, found=lambda before, k: before == k - 1)


@mistake(
    "You look only at the first item that is marked relevant, by its number. Of several the one that is most "
    "similar decides."
)
def _first_marked(similarity: Tensor, relevant: Tensor, k: int) -> float:
    rows = relevant.any(1)
    similarity, relevant = similarity[rows], relevant[rows]
    own = similarity.gather(1, relevant.float().argmax(1, keepdim=True))
    return float((((similarity >= own) & ~relevant).sum(1) < k).float().mean())


@mistake("Your k is without effect: you look at the nearest item alone.")
def _k_unused(similarity: Tensor, relevant: Tensor, k: int) -> float:
    return recall_at(similarity, relevant, 1)


WRONG: Any = (
    _hopeless_count, _one_too_many, _ties_for_us, _ties_by_order, _precision, _share_of_relevant,
    _all_of_them, _farthest, _columns, _count, _kth_alone, _first_marked, _k_unused,
)  # fmt: skip
EXERCISE = Exercise(
    "13.6",
    "Recall at k",
    recall_at,
    _tables,
    difficulty=2,
    minutes=9,
    hints=(
        "Take one query. Which of its relevant items has the best chance? How many items that are not "
        "relevant come before that one, and how many may there be at most?",
        "masked_fill(~relevant, -torch.inf) leaves the similarities of what is relevant; their maximum is "
        "the best one. Counting instead of sorting settles ties: >= lets the others go first.",
        "Leave out rows where relevant.any(1) is False. Then ((similarity >= best) & ~relevant).sum(1) has "
        "to be smaller than k; its mean as a float is the answer.",
    ),
    mistakes=WRONG,
)
