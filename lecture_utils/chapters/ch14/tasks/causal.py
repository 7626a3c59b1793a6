"""Chapter 14, exercise 14.3: attention that does not see ahead (reference: `solutions.causal_attention`)."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch14.solutions import causal_attention
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _tokens(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[[[0.0], [0.0]]]]), floats([[[[1.0], [1.0]]]]), floats([[[[1.0], [3.0]]]])  # sees all alike
    for batch, heads, new, cached, dim in (
        (1, 1, 3, 0, 1),  # no cache yet
        (1, 1, 1, 2, 4),  # one token behind two
        (1, 1, 2, 2, 3),
        (1, 2, 3, 1, 4),
        (2, 2, 4, 0, 2),
        (2, 3, 2, 4, 5),
    ):
        one, all_ = (batch, heads, new, dim), (batch, heads, cached + new, dim)
        yield normal(rng, *one, scale=1.5), normal(rng, *all_, scale=1.5), normal(rng, *all_)


def _mask(new: int, total: int) -> Tensor:
    return torch.ones(new, total, dtype=torch.bool).tril(total - new)


def _masked_softmax(scores: Tensor, see: Tensor) -> Tensor:
    return scores.masked_fill(~see, -math.inf).softmax(-1)


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    scale: Callable[[Tensor], float] = lambda query: 1 / math.sqrt(query.shape[-1]),
    mask: Callable[[int, int], Tensor] = _mask,
    weigh: Callable[[Tensor, Tensor], Tensor] = _masked_softmax,
) -> Tensor:
    """The attention with one part exchanged."""
    scores = scale(query) * query @ key.transpose(-2, -1)
    return weigh(scores, mask(*scores.shape[-2:])) @ value


@mistake(
    "Each token sees all others, also those that come after it. In training the answer then stands in front "
    "of it, and when it writes there is none."
)
def _no_mask(*given: Tensor) -> Tensor:
    return _attend(*given, mask=lambda new, total: torch.ones(new, total, dtype=torch.bool))


@mistake(
    "Your mask counts the queries from the first key on. With T tokens in the cache, query i is token T + i: "
    "it also sees the T before it. (`is_causal` of PyTorch has this slip too.)"
)
def _no_offset(*given: Tensor) -> Tensor:
    return _attend(*given, mask=lambda new, total: torch.ones(new, total, dtype=torch.bool).tril())


@mistake("Your tokens do not see themselves: the diagonal belongs to what may be seen.")
def _not_itself(*given: Tensor) -> Tensor:
    return _attend(
        *given, mask=lambda new, total: torch.ones(new, total, dtype=torch.bool).tril(total - new - 1)
    )


@mistake("Your tokens see one too far: the next token is the one that they are to guess.")
def _one_ahead(*given: Tensor) -> Tensor:
    return _attend(
        *given, mask=lambda new, total: torch.ones(new, total, dtype=torch.bool).tril(total - new + 1)
    )


@mistake("Your mask is turned over: what may be seen is shut out, and what comes later is seen.")
def _inverted(*given: Tensor) -> Tensor:
    return _attend(*given, mask=lambda new, total: ~_mask(new, total))


@mistake(
    "Your tokens see themselves and what comes later: the triangle is the wrong one. What lies on and below "
    "the diagonal may be seen."
)
def _upper(*given: Tensor) -> Tensor:
    return _attend(*given, mask=lambda new, total: torch.ones(new, total, dtype=torch.bool).triu(total - new))


@mistake("The cached tokens are shut out: a new token sees them all.")
def _cache_shut(*given: Tensor) -> Tensor:
    return _attend(*given, mask=lambda new, total: _mask(new, total).triu(total - new - new + 1)
                   & (torch.arange(total) >= total - new))  # fmt: skip


@mistake(
    "Each new token sees the cache and itself with you, but not the new ones between. All that came before "
    "it counts."
)
def _itself_alone(*given: Tensor) -> Tensor:
    return _attend(
        *given,
        mask=lambda new, total: (
            (torch.arange(total) < total - new)
            | (torch.arange(total) == torch.arange(new)[:, None] + total - new)
        ),
    )


@mistake(
    "You set weights to 0 after the softmax. What is left does not sum to 1: what must not be seen has to go "
    "before it, as minus infinity."
)
def _after_softmax(*given: Tensor) -> Tensor:
    return _attend(*given, weigh=lambda scores, see: scores.softmax(-1) * see)


@mistake(
    "You put the score 0 where nothing may be seen. exp(0) is 1, so it is seen: minus infinity becomes 0."
)
def _zero_score(*given: Tensor) -> Tensor:
    return _attend(*given, weigh=lambda scores, see: (scores * see).softmax(-1))


@mistake("Your scores are not divided by √d: the longer the vectors, the harder the softmax.")
def _no_scale(*given: Tensor) -> Tensor:
    return _attend(*given, scale=lambda query: 1.0)


@mistake("You divide by d. The products of d random numbers grow like its root: divide by √d.")
def _by_dim(*given: Tensor) -> Tensor:
    return _attend(*given, scale=lambda query: 1 / query.shape[-1])


@mistake("You multiply by √d. The scores are divided by it.")
def _multiplied(*given: Tensor) -> Tensor:
    return _attend(*given, scale=lambda query: math.sqrt(query.shape[-1]))


@mistake("You divide by the root of the model's width, all heads together. d is the width of one head.")
def _by_width(*given: Tensor) -> Tensor:
    return _attend(*given, scale=lambda query: 1 / math.sqrt(query.shape[1] * query.shape[-1]))


@mistake(
    "Your softmax runs over the queries. Each query shares itself out among the keys: along the last axis."
)
def _over_queries(*given: Tensor) -> Tensor:
    return _attend(
        *given, weigh=lambda scores, see: scores.masked_fill(~see, -math.inf).softmax(-2).nan_to_num()
    )


@mistake("There is no softmax in your attention: the scores themselves weigh the values.")
def _no_softmax(*given: Tensor) -> Tensor:
    return _attend(*given, weigh=lambda scores, see: scores * see)


@mistake("Your query and your key are mixed up with the values: the softmax weighs `value`, not `key`.")
def _keys_weighed(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return causal_attention(query, key, key)


WRONG: Any = (
    _no_mask, _no_offset, _not_itself, _one_ahead, _inverted, _upper, _cache_shut, _itself_alone,
    _after_softmax, _zero_score, _no_scale, _by_dim, _multiplied, _by_width, _over_queries, _no_softmax,
    _keys_weighed,
)  # fmt: skip
EXERCISE = Exercise(
    "14.3",
    "Not a look ahead",
    causal_attention,
    _tokens,
    difficulty=2,
    minutes=10,
    hints=(
        "Draw the table for T of 2 and N of 2: two queries down, four keys across. Which fields may be seen? "
        "Row 0 is the third token of all.",
        "torch.ones(N, T + N, dtype=torch.bool).tril(T) is that table. masked_fill(~see, -math.inf) comes "
        "before the softmax over the keys.",
        "scores are query @ key.transpose(-2, -1) / math.sqrt(d). T is the number of keys less the number of "
        "queries. The softmax of the masked scores, times value, is the answer.",
    ),
    mistakes=WRONG,
)
