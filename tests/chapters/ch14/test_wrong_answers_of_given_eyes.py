"""Chapter 14, part a: wrong answers, written before any was tried, get the hint for their mistake.

Each comes with a word that the hint has to have.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.exercises.checker import exercises
from lecture_utils.multimodal.language_model import KVCache
from tests.wrong_answers import check_hint

BY_ID = {exercise.id: exercise for exercise in exercises("14")}


def order_of_another_library(x: Tensor, state: Any, wx: Tensor, wh: Tensor, b: Tensor) -> Any:
    h, c = state
    i, f, o, g = (F.linear(x, wx, b) + F.linear(h, wh)).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def h_of_the_old_cell(x: Tensor, state: Any, wx: Tensor, wh: Tensor, b: Tensor) -> Any:
    h, c = state
    i, f, g, o = torch.split(x @ wx.T + h @ wh.T + b, h.shape[1], dim=1)
    h = torch.sigmoid(o) * torch.tanh(c)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return h, c


def forgets_what_it_should_keep(x: Tensor, state: Any, wx: Tensor, wh: Tensor, b: Tensor) -> Any:
    h, c = state
    i, f, g, o = (x @ wx.T + h @ wh.T + b).chunk(4, 1)
    c = (1 - f.sigmoid()) * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def default_softmax(scores: Tensor, features: Tensor) -> Any:
    a = torch.softmax(scores, dim=0)
    return (a.unsqueeze(-1) * features).sum(dim=1), a


def mean_of_products(scores: Tensor, features: Tensor) -> Any:
    a = F.softmax(scores, -1)
    return torch.mean(a.unsqueeze(2) * features, 1), a


def naive_exponentials(scores: Tensor, features: Tensor) -> Any:
    e = torch.exp(scores)
    a = e / e.sum(1, keepdim=True)
    return torch.einsum("bl,bld->bd", a, features), a


def by_is_causal(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def square_triangle(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = query @ key.mT / query.shape[-1] ** 0.5
    above = torch.ones_like(scores).triu(1) == 1
    return scores.masked_fill(above, float("-inf")).softmax(-1) @ value


def bidirectional(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value)


def unscaled(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    n, m = query.shape[2], key.shape[2]
    mask = torch.triu(torch.ones(n, m), m - n + 1) == 1
    return (query @ key.mT).masked_fill(mask, -1e9).softmax(-1) @ value


def mask_after(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)
    return torch.tril(weights, key.shape[2] - query.shape[2]) @ value


def without_cache(lm: Any, ids: Tensor, steps: int) -> Tensor:
    for _ in range(steps):
        ids = torch.cat([ids, lm(ids)[:, -1].argmax(-1)[:, None]], 1)
    return ids


def everything_with_cache(lm: Any, ids: Tensor, steps: int) -> Tensor:
    cache = KVCache()
    for _ in range(steps):
        ids = torch.cat([ids, lm(ids, cache)[:, -1].argmax(-1)[:, None]], 1)
    return ids


def last_token_always(lm: Any, ids: Tensor, steps: int) -> Tensor:
    cache = KVCache()
    for _ in range(steps):
        ids = torch.cat([ids, lm(ids[:, -1:], cache)[:, -1].argmax(-1)[:, None]], 1)
    return ids


def one_token_too_many(lm: Any, ids: Tensor, steps: int) -> Tensor:
    cache = KVCache()
    new = lm(ids, cache)[:, -1:].argmax(-1)
    ids = torch.cat([ids, new], 1)
    for _ in range(steps):
        new = lm(new, cache)[:, -1:].argmax(-1)
        ids = torch.cat([ids, new], 1)
    return ids


def half_open(text: Tensor, latents: Tensor, attend: Any, mlp: Any, alpha: Tensor) -> Tensor:
    text = text + torch.sigmoid(alpha[0]) * attend(text, latents)
    return text + torch.sigmoid(alpha[1]) * mlp(text)


def one_gate_alone(text: Tensor, latents: Tensor, attend: Any, mlp: Any, alpha: Tensor) -> Tensor:
    text = text + alpha[0].tanh() * attend(text, latents)
    return text + mlp(text)


def both_of_the_text(text: Tensor, latents: Tensor, attend: Any, mlp: Any, alpha: Tensor) -> Tensor:
    a, b = torch.tanh(alpha)
    return text + a * attend(text, latents) + b * mlp(text)


def no_shift(image: Tensor, embed: Any, ids: Tensor, answer: Tensor) -> Any:
    words = embed(ids)
    x = torch.cat([words[:, :1], image, words[:, 1:]], 1)
    told = torch.where(answer, ids, -100)
    return x, torch.cat([told[:, :1], torch.full(image.shape[:2], -100), told[:, 1:]], 1)


def behind_the_question(image: Tensor, embed: Any, ids: Tensor, answer: Tensor) -> Any:
    x = torch.cat([embed(ids), image], 1)
    target = torch.full(x.shape[:2], -100)
    target[:, image.shape[1] : -1] = torch.where(answer[:, 1:], ids[:, 1:], -100)
    return x, target


def all_words(image: Tensor, embed: Any, ids: Tensor, answer: Tensor) -> Any:
    words = embed(ids)
    x = torch.cat([words[:, :1], image, words[:, 1:]], 1)
    target = torch.full(x.shape[:2], -100)
    target[:, image.shape[1] : -1] = ids[:, 1:]
    return x, target


def marks_left_where_they_were(image: Tensor, embed: Any, ids: Tensor, answer: Tensor) -> Any:
    words = embed(ids)
    x = torch.cat([words[:, :1], image, words[:, 1:]], 1)
    target = torch.full(x.shape[:2], -100)
    target[:, image.shape[1] : -1] = torch.where(answer[:, :-1], ids[:, 1:], -100)
    return x, target


WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("14.1", order_of_another_library, "libraries"),
    ("14.1", h_of_the_old_cell, "before this step"),
    ("14.1", forgets_what_it_should_keep, "misleads"),
    ("14.2", default_softmax, "over the batch"),
    ("14.2", mean_of_products, "number of places"),
    ("14.2", naive_exponentials, "NaN"),
    ("14.3", by_is_causal, "is_causal"),
    ("14.3", square_triangle, "first key"),
    ("14.3", bidirectional, "come after it"),
    ("14.3", unscaled, "not divided"),
    ("14.3", mask_after, "after the softmax"),
    ("14.4", without_cache, "of no use"),
    ("14.4", everything_with_cache, "behind itself"),
    ("14.4", last_token_always, "never read"),
    ("14.4", one_token_too_many, "too many"),
    ("14.5", half_open, "half open"),
    ("14.5", one_gate_alone, "without a gate"),
    ("14.5", both_of_the_text, "as it came"),
    ("14.6", no_shift, "not shifted"),
    ("14.6", behind_the_question, "after all words"),
    ("14.6", all_words, "the question as well"),
    ("14.6", marks_left_where_they_were, "first word of the answer is not"),
]


@pytest.mark.parametrize(("id", "answer", "word"), WRONG, ids=[f"{id} {a.__name__}" for id, a, _ in WRONG])
def test_a_wrong_answer_gets_the_hint_for_its_mistake(id: str, answer: Callable[..., Any], word: str) -> None:
    check_hint(BY_ID[id], answer, word, "value")
