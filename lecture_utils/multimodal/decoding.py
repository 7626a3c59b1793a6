"""Let a language model write (S14.2): greedily, or by drawing at a temperature, perhaps from the likeliest k.

A. Radford et al., "Language Models are Unsupervised Multitask Learners", OpenAI 2019 (top-k sampling: A. Fan,
M. Lewis and Y. Dauphin, "Hierarchical Neural Story Generation", ACL 2018). Each token is read once, and what
came before it is in the cache.

Shapes: B batch, N tokens, V vocabulary.
"""

import math

import torch
from torch import Tensor

from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.ops.checks import check_ids, check_number, check_sizes, check_tensor, check_whole


@torch.no_grad()
def generate(
    lm: LanguageModel,
    ids: Tensor,
    steps: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    end: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Write on: each token is drawn from what the model says of those before it, and read from the cache.

    Parameters
    ----------
    lm : LanguageModel
    ids : Tensor
        (B, N) int64, how the sequences begin.
    steps : int
        Tokens to add, at most.
    temperature : float
        0 or more: the logits are divided by it; 0 takes the likeliest token (greedy).
    top_k : int, optional
        Draw from the likeliest k tokens only.
    end : int, optional
        The token that ends a sequence: what follows it is filled with it, and all ended is the end.
    generator : torch.Generator, optional
        Where the chance comes from.

    Returns
    -------
    Tensor
        (B, N + steps) int64, or shorter where all have ended.

    Raises
    ------
    ValueError
        For what `lm` refuses, and for numbers out of range.
    """
    check_sizes("generate", steps=steps)
    check_number(temperature, "temperature", 0)
    if top_k is not None:
        check_sizes("generate", top_k=top_k)
    if end is not None:
        check_ids(torch.tensor(check_whole(end, "end", 0)), lm.vocabulary, name="end")
    cache = KVCache()
    logits = lm(ids, cache)[:, -1]  # (B, V)
    ended = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    for step in range(steps):
        new = draw(logits, temperature, top_k, generator)  # (B,)
        if end is not None:
            new = new.masked_fill(ended, end)
            ended = new == end
        ids = torch.cat([ids, new[:, None]], dim=1)
        if bool(ended.all()) or step == steps - 1:
            break
        logits = lm(new[:, None], cache)[:, -1]  # one token is read, the rest is in the cache
    return ids


def draw(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw one token a row, (B,), from logits (B, V): the likeliest at temperature 0."""
    check_tensor(logits, "logits", "B", "V", some=True, finite=True)
    check_number(temperature, "temperature", 0)
    if temperature == 0:
        return logits.argmax(dim=-1)
    logits = logits / temperature
    if top_k is not None:
        check_sizes("draw", top_k=top_k)
        least = logits.topk(min(top_k, logits.shape[1])).values[:, -1:]  # (B, 1)
        logits = logits.masked_fill(logits < least, -math.inf)
    return torch.multinomial(logits.softmax(dim=-1), 1, generator=generator)[:, 0]
