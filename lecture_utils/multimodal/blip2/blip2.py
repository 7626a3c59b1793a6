"""BLIP-2's second stage (S14.5): what the queries saw stands before the text of a frozen language model.

J. Li, D. Li, S. Savarese and S. Hoi, "BLIP-2: Bootstrapping Language-Image Pre-training with Frozen Image
Encoders and Large Language Models", ICML 2023, section 3.3 and figure 3 (top, a decoder-only model). One
linear layer turns queries into vectors of the width of the model's tokens: a soft prompt.

Shapes: B batch, P features of width D_in, Q queries, N tokens of text, D_lm the language model's width, V its
vocabulary.
"""

from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.multimodal.blip2.qformer import QFormer
from lecture_utils.multimodal.decoding import draw
from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.ops.checks import check_ids, check_sizes, check_tensor, check_tokens, check_whole


class BLIP2(nn.Module):
    """A frozen language model that is told by a Q-Former what there is to see.

    Parameters
    ----------
    lm : LanguageModel
        Its weights are frozen, in place. It is no submodule: neither an optimiser nor a weight file has it.
    qformer : QFormer
        Is trained, with the projection.

    Raises
    ------
    ValueError
        When called, for features and ids that do not fit, or more tokens than the model can read.
    """

    def __init__(self, lm: LanguageModel, qformer: QFormer) -> None:
        super().__init__()
        self._frozen = (lm.requires_grad_(False).eval(),)  # in a tuple: not registered
        self.qformer = qformer
        self.projection = nn.Linear(qformer.queries.shape[1], lm.dim)

    @property
    def lm(self) -> LanguageModel:
        """The frozen language model."""
        return self._frozen[0]

    def _apply(self, fn: Any, recurse: bool = True) -> "BLIP2":
        """Take the language model along to another device or type."""
        self.lm._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def forward(self, features: Tensor, ids: Tensor) -> Tensor:
        """Features (B, P, D_in) and text (B, N) → logits (B, N, V) of the token after each of the text's."""
        return self.read(self.soft_prompt(features), ids, KVCache())

    def soft_prompt(self, features: Tensor) -> Tensor:
        """Features (B, P, D_in) → (B, Q, D_lm), what stands before the text."""
        return self.projection(self.qformer(features))

    def read(self, prompt: Tensor, ids: Tensor, cache: KVCache) -> Tensor:
        """Let the language model read a soft prompt (B, Q, D_lm), then a text (B, N): the text's logits."""
        check_tokens(prompt, self.lm.dim, like=self.projection.weight, name="soft prompt")
        check_tensor(ids, "ids", len(prompt), "N", kind="int", some=True)
        check_ids(ids, self.lm.vocabulary)
        x = torch.cat([prompt, self.lm.token(ids)], dim=1)  # (B, Q + N, D_lm)
        return self.lm.from_embeddings(x, cache)[:, prompt.shape[1] :]  # (B, N, V)

    @torch.no_grad()
    def generate(self, features: Tensor, ids: Tensor, steps: int, *, end: int, **prompt: Tensor) -> Tensor:
        """Write on after `ids` (B, N), the likeliest token each time: (B, N + ≤ steps) ids."""
        check_sizes("generate", steps=steps)
        check_tensor(ids, "ids", "B", "N", kind="int", some=True)
        check_ids(torch.tensor(check_whole(end, "end", 0)), self.lm.vocabulary, name="end")
        cache, begun = KVCache(), ids.shape[1]
        logits = self.read(self.soft_prompt(features, **prompt), ids, cache)[:, -1]  # (B, V)
        for step in range(steps):
            ended = (ids[:, begun:] == end).any(dim=1)
            ids = torch.cat([ids, draw(logits, temperature=0).masked_fill(ended, end)[:, None]], dim=1)
            if step == steps - 1 or bool((ids[:, begun:] == end).any(dim=1).all()):
                break
            logits = self.lm(ids[:, -1:], cache)[:, -1]  # one token is read, the rest is in the cache
        return ids
