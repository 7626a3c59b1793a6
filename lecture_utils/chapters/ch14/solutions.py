"""Chapter 14, part a: the functions that its exercises ask for, as short as they can be said.

The package's own versions check their input and take more settings: `multimodal.show_attend_tell`,
`multimodal.language_model`, `multimodal.decoding`, `multimodal.flamingo`, `multimodal.llava`. The tests hold
each of these equal to its counterpart there; the papers are named there too.

Shapes: B pictures or sequences, I inputs of a cell, H its state, L places of a picture, N new tokens, T
tokens in a cache, R latents, P picture tokens, D numbers a token, h heads of d numbers each.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils.multimodal.language_model import KVCache, LanguageModel

__all__ = [
    "causal_attention",
    "gated_cross_attention",
    "llava_inputs",
    "lstm_step",
    "soft_attention",
    "write",
]

State = tuple[Tensor, Tensor]


def lstm_step(x: Tensor, state: State, weight_x: Tensor, weight_h: Tensor, bias: Tensor) -> State:
    """One step of an LSTM: what it says and what it keeps, h and c, (B, H) each.

    `x` (B, I) is what it reads now, `state` the h and c of the step before. Four blocks of H rows stand one
    above the other in `weight_x` (4H, I), `weight_h` (4H, H) and `bias` (4H,): the input gate, the forget
    gate, what is new, and the output gate. Gates are sigmoids; what is new goes through tanh, and so does c
    before it is let out.
    """
    h, c = state
    blocks = x @ weight_x.T + h @ weight_h.T + bias  # (B, 4H)
    let_in, keep, new, let_out = blocks.chunk(4, dim=-1)  # (B, H) each
    c = keep.sigmoid() * c + let_in.sigmoid() * new.tanh()
    return let_out.sigmoid() * c.tanh(), c


def soft_attention(scores: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
    """What is looked at, and how much each place counts: the context (B, D) and the weights (B, L).

    `scores` (B, L) say how well each of L places suits the next word, `features` (B, L, D) what is there. The
    weights are the scores' softmax over the places, the context is the features' mean under these weights.
    """
    weights = scores.softmax(-1)  # (B, L)
    return (weights[..., None] * features).sum(1), weights


def causal_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention that does not see what comes later, (B, h, N, d).

    `query` (B, h, N, d) are those of the N newest tokens, `key` and `value` (B, h, T + N, d) those of all:
    the T that a cache has kept, then the N. Query i belongs to token T + i. It looks at this token and at
    all before it: the softmax of the products with their keys, over √d, weighs their values.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, h, N, T + N)
    new, total = scores.shape[-2:]
    see = torch.ones(new, total, dtype=torch.bool).tril(total - new)  # row i: T + i + 1 times True
    return scores.masked_fill(~see, -math.inf).softmax(-1) @ value


def write(lm: LanguageModel, ids: Tensor, steps: int) -> Tensor:
    """Write on by the likeliest token, `steps` times: ids (1, N) -> (1, N + steps).

    `lm(ids, cache)` reads tokens behind those that the `KVCache` has, gives logits (1, number read, V) of
    what comes after each, and lets the cache grow. No token is read twice.
    """
    cache = KVCache()
    read = ids
    for _ in range(steps):
        read = lm(read, cache)[:, -1:].argmax(-1)  # (1, 1): the newest, all that is not yet in the cache
        ids = torch.cat([ids, read], 1)
    return ids


def gated_cross_attention(
    text: Tensor,
    latents: Tensor,
    attend: Callable[[Tensor, Tensor], Tensor],
    mlp: Callable[[Tensor], Tensor],
    alpha: Tensor,
) -> Tensor:
    """Flamingo's layer between two layers of a frozen language model, (B, N, D).

    To `text` (B, N, D) it adds what its tokens find in the picture, `attend(text, latents)`, and to the sum
    what `mlp` makes of it. `latents` are (B, R, D). Each of the two comes through a gate of its own, the tanh
    of one of the two numbers in `alpha`: at 0 the text leaves as it came.
    """
    text = text + alpha[0].tanh() * attend(text, latents)
    return text + alpha[1].tanh() * mlp(text)


def llava_inputs(
    image: Tensor, embed: Callable[[Tensor], Tensor], ids: Tensor, answer: Tensor
) -> tuple[Tensor, Tensor]:
    """What LLaVA reads, (B, P + N, D), and what it is to say after each of these, (B, P + N).

    `ids` (B, N) are the start token, the prompt and the answer; `embed(ids)` gives (B, N, D). The P tokens of
    the picture, `image` (B, P, D), come after the start and before all else. After each token the next one is
    to be said, but only what is marked in `answer` (B, N) bool is judged: where anything else comes next, or
    nothing, the target is -100.
    """
    words = embed(ids)  # (B, N, D)
    x = torch.cat([words[:, :1], image, words[:, 1:]], 1)  # (B, P + N, D)
    target = torch.full(x.shape[:2], -100)
    target[:, image.shape[1] : -1] = ids[:, 1:].masked_fill(
        ~answer[:, 1:], -100
    )  # what stands one to the right
    return x, target
