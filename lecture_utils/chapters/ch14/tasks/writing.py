"""Chapter 14, exercise 14.4: write on with a cache (reference: `solutions.write`).

What is asked to write here is no network but a rule, so that each token tells what was read before it.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch14.solutions import write
from lecture_utils.exercises.exercise import Exercise, mistake
from lecture_utils.multimodal.language_model import KVCache

__all__ = ["EXERCISE", "Rule", "use_write"]


class Rule:
    """A language model by a rule: after tokens a, b, c comes (weight 1 · a + weight 2 · b + …) mod V.

    The cache keeps each token that was read, as a key of one number, and the count of what was read is
    `read`.
    """

    def __init__(self, weights: Iterable[int], vocabulary: int) -> None:
        self.weights, self.vocabulary, self.read = tuple(int(w) for w in weights), vocabulary, 0

    def __call__(self, ids: Tensor, cache: KVCache | None = None) -> Tensor:
        """Logits (1, N, V) of the token after each of `ids` (1, N), behind those of the cache."""
        if ids.ndim != 2 or len(ids) != 1 or not ids.numel():
            raise ValueError(f"ids: got shape {tuple(ids.shape)}, want (1, N)")
        if (len(cache) if cache is not None else 0) + ids.shape[1] > len(self.weights):
            raise ValueError(f"ids: got more tokens with the cache than {len(self.weights)} places")
        self.read += ids.shape[1]
        new = ids[:, None, :, None].float()  # (1, heads, N, d), one head of one number
        known = new if cache is None else cache.append(0, new, new)[0]
        weighed = known[0, 0, :, 0].long() * torch.tensor(self.weights)[: known.shape[2]]
        after = weighed.cumsum(0)[-ids.shape[1] :] % self.vocabulary  # (N,)
        return 2 * F.one_hot(after, self.vocabulary).float()[None]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"a language model by a rule, {self.vocabulary} tokens"


def _beginnings(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for length, steps, vocabulary in ((1, 1, 3), (2, 1, 5), (2, 2, 5), (3, 3, 7), (4, 5, 11), (6, 4, 13)):
        rule = Rule(rng.integers(1, vocabulary, 3 * (length + steps)), vocabulary)
        yield rule, torch.tensor(rng.integers(1, vocabulary, (1, length))), steps


def use_write(answer: Callable[..., Any], lm: Any, ids: Tensor, steps: int) -> Any:
    """The tokens, and how many were read again: to read the newest as well does no harm."""
    before = lm.read
    made = answer(lm, ids, steps)
    if not isinstance(made, Tensor):
        return made
    return {"ids": made, "tokens read again": max(0, lm.read - before - ids.shape[1] - steps)}


def _grow(
    lm: Any,
    ids: Tensor,
    steps: int,
    *,
    first: Callable[[Tensor], Tensor] = lambda ids: ids,
    take: Callable[[Tensor], Tensor] = lambda logits: logits[:, -1:].argmax(-1),
    then: Callable[[Tensor, Tensor], Tensor] = lambda ids, new: new,
    keep: bool = True,
) -> Tensor:
    """Writing with one part exchanged."""
    cache, read = KVCache(), first(ids)
    for _ in range(steps):
        new = take(lm(read, cache if keep else KVCache()))
        ids = torch.cat([ids, new], 1)
        read = then(ids, new)
    return ids


@mistake(
    "The tokens are right. But in each step you read all of them again, and the cache is of no use: give the "
    "model only what it has not read yet."
)
def _reads_all_again(*given: Any) -> Tensor:
    return _grow(*given, then=lambda ids, new: ids, keep=False)


@mistake(
    "The cache has the beginning already, and you read it again behind itself: the model sees it twice. "
    "After the first step give it the newest token alone."
)
def _all_behind_cache(*given: Any) -> Tensor:
    return _grow(*given, then=lambda ids, new: ids)


@mistake(
    "Your model has forgotten what came before: it gets the newest token alone, and a cache that is new or "
    "none. One cache has to go through all steps."
)
def _forgets(*given: Any) -> Tensor:
    return _grow(*given, keep=False)


@mistake(
    "The last token of the beginning is read twice: once with the beginning, and once more as the first of "
    "your loop. What the first reading says after it is your first new token."
)
def _last_twice(lm: Any, ids: Tensor, steps: int) -> Tensor:
    cache = KVCache()
    lm(ids, cache)
    for _ in range(steps):
        ids = torch.cat([ids, lm(ids[:, -1:], cache)[:, -1:].argmax(-1)], 1)
    return ids


@mistake("The beginning is never read: only its last token, from which your loop starts.")
def _beginning_unread(*given: Any) -> Tensor:
    return _grow(*given, first=lambda ids: ids[:, -1:])


@mistake("You return the new tokens alone. The beginning belongs in front of them.")
def _new_alone(lm: Any, ids: Tensor, steps: int) -> Tensor:
    return write(lm, ids, steps)[:, ids.shape[1] :]


@mistake("One token is missing at the end. After the beginning come as many as `steps` says.")
def _one_short(lm: Any, ids: Tensor, steps: int) -> Tensor:
    return write(lm, ids, steps - 1)


@mistake("You write one token too many. The first reading gives a new token already.")
def _one_more(lm: Any, ids: Tensor, steps: int) -> Tensor:
    return write(lm, ids, steps + 1)


@mistake(
    "You take what the model says after the first token that it reads. What comes next stands at the last "
    "of the N places."
)
def _first_place(*given: Any) -> Tensor:
    return _grow(*given, take=lambda logits: logits[:, :1].argmax(-1))


@mistake(
    "You append what the model says after each token of the beginning. These tokens have been written long "
    "ago: take the last place alone."
)
def _every_place(*given: Any) -> Tensor:
    return _grow(*given, take=lambda logits: logits.argmax(-1))


@mistake("You draw the next token by chance. The likeliest one is asked for: argmax.")
def _draws(*given: Any) -> Tensor:
    return _grow(*given, take=lambda logits: torch.multinomial(logits[:, -1].softmax(-1), 1))


@mistake("You take the unlikeliest token: argmin in place of argmax.")
def _unlikeliest(*given: Any) -> Tensor:
    return _grow(*given, take=lambda logits: logits[:, -1:].argmin(-1))


@mistake("You put new tokens in front. They come after all others.")
def _in_front(lm: Any, ids: Tensor, steps: int) -> Tensor:
    made = write(lm, ids, steps)
    return torch.cat([made[:, ids.shape[1] :].flip(1), ids], 1)


@mistake("You read once and repeat the first new token: it has to be read too, before the next is known.")
def _repeats(lm: Any, ids: Tensor, steps: int) -> Tensor:
    new = write(lm, ids, 1)[:, -1:]
    return torch.cat([ids, new.expand(1, steps)], 1)


WRONG: Any = (
    _reads_all_again, _all_behind_cache, _forgets, _last_twice, _beginning_unread, _new_alone, _one_short,
    _one_more, _first_place, _every_place, _draws, _unlikeliest, _in_front, _repeats,
)  # fmt: skip
EXERCISE = Exercise(
    "14.4",
    "Each token is read once",
    write,
    _beginnings,
    difficulty=2,
    minutes=9,
    use=use_write,
    hints=(
        "One cache for the whole text. First the model reads all of the beginning. What does it still have "
        "to read before it can say the second new token?",
        "Before the loop: cache = KVCache(), and what is to be read are the ids. In the loop: lm(read, "
        "cache), the likeliest token at the last place, append it to ids; it is also what is read next.",
        "lm(read, cache)[:, -1:].argmax(-1) is of shape (1, 1): it goes behind ids with torch.cat(…, 1), and "
        "is the next `read`.",
    ),
    mistakes=WRONG,
)
