"""A small language model that says what token comes next (S14.2): the decoder-only transformer of GPT-2.

A. Radford, J. Wu, R. Child, D. Luan, D. Amodei and I. Sutskever, "Language Models are Unsupervised Multitask
Learners", OpenAI 2019, section 2.3: learned positions, layer norms before each branch and one after the last
layer, residual branches that start small, and one table that embeds tokens and scores them.

The keys and values of the tokens so far are an object of their own, `KVCache`: a token is computed once, and
what it left behind can be read, moved (ZeroCap) or passed on.

Simplified: no dropout, no padding on the left (a causal model never sees what is padded on the right).

Shapes: B batch, N new tokens, T tokens in the cache, V vocabulary, D model width, d = D / heads.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.nn.attention import MultiHeadAttention, causal_mask
from lecture_utils.nn.transformer import MLP
from lecture_utils.ops.checks import (
    check_ids,
    check_sizes,
    check_tensor,
    check_tokens,
)


class KVCache:
    """What a causal transformer keeps of the tokens it has read: each layer's keys and values.

    Attributes
    ----------
    keys, values : list of Tensor
        One (B, heads, T, d) a layer; empty before the first token.
    """

    def __init__(self, keys: Sequence[Tensor] = (), values: Sequence[Tensor] = ()) -> None:
        if len(keys) != len(values) or any(
            k.ndim != 4 or k.shape[:3] != v.shape[:3] for k, v in zip(keys, values, strict=True)
        ):
            got = f"{[tuple(k.shape) for k in keys]} and {[tuple(v.shape) for v in values]}"
            raise ValueError(f"cache: got keys and values {got}, want one (B, heads, T, d) a layer")
        self.keys, self.values = list(keys), list(values)

    def __len__(self) -> int:
        """T, the number of tokens read."""
        return self.keys[0].shape[2] if self.keys else 0

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add a layer's keys and values (B, heads, N, d) of new tokens; return all, (B, heads, T + N, d)."""
        if layer == len(self.keys):  # the first tokens
            self.keys.append(key)
            self.values.append(value)
        else:
            self.keys[layer] = torch.cat([self.keys[layer], key], dim=2)
            self.values[layer] = torch.cat([self.values[layer], value], dim=2)
        return self.keys[layer], self.values[layer]

    def copy(self) -> "KVCache":
        """Return a cache that grows on its own; the tensors so far are shared."""
        return KVCache(self.keys, self.values)

    def rows(self, chosen: Tensor) -> "KVCache":
        """Return the cache of some sequences of the batch, (M,) int64, each as often as it is named."""
        if self.keys:
            check_ids(chosen, len(self.keys[0]), name="rows")
            check_tensor(chosen, "rows", "M", kind="int")
        return KVCache([k[chosen] for k in self.keys], [v[chosen] for v in self.values])


class TanhGELU(nn.GELU):
    """GELU by the hyperbolic tangent, as GPT-2 computes it."""

    def __init__(self) -> None:
        super().__init__(approximate="tanh")


class Block(nn.Module):
    """Causal self-attention, then an MLP, each on normalised tokens and added to them.

    Parameters
    ----------
    dim, heads : int
        D and the number of heads; the MLP is four times as wide.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        check_sizes("block", dim=dim, heads=heads)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = MultiHeadAttention(dim, heads)
        self.mlp = MLP(dim, 4 * dim, activation=TanhGELU)

    def forward(self, x: Tensor, cache: KVCache, layer: int = 0) -> Tensor:
        """Read N new tokens (B, N, D) behind those of the cache, which grows by them."""
        check_tokens(x, self.attention.dim, like=self.attention.to_query.weight)
        x = x + self.attend(self.norm1(x), cache, layer)
        return x + self.mlp(self.norm2(x))

    def attend(self, x: Tensor, cache: KVCache, layer: int) -> Tensor:
        """Each new token looks at all before it, at itself, and at none after it."""
        query, key, value = self.attention.project(x)  # (B, heads, N, d)
        key, value = cache.append(layer, key, value)  # (B, heads, T + N, d)
        see = causal_mask(key.shape[2])[-query.shape[2] :].to(x.device)  # (N, T + N): row i is token T + i
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=see)  # (B, heads, N, d)
        return self.attention.to_output(rearrange(y, "b h n d -> b n (h d)"))


class LanguageModel(nn.Module):
    """Scores for the next token, given those before it.

    Parameters
    ----------
    vocabulary : int
        V.
    dim, heads, layers : int
        D, attention heads, blocks.
    length : int
        The longest sequence, cache included: so many positions are learned.
    tokenizer : Tokenizer, optional
        What makes ids of texts. Its merges are stored with the weights.

    Raises
    ------
    ValueError
        For a size below 1, or a width that is no multiple of the heads; when called, for ids that are not
        int64 (B, N) below V, or for more tokens than `length`.
    """

    merges: Tensor

    def __init__(
        self,
        vocabulary: int,
        *,
        dim: int = 64,
        heads: int = 4,
        layers: int = 3,
        length: int = 32,
        tokenizer: Tokenizer | None = None,  # not shown
    ) -> None:
        super().__init__()
        check_sizes("language model", vocabulary=vocabulary, dim=dim, layers=layers, length=length)
        if tokenizer is not None and tokenizer.vocabulary != vocabulary:
            raise ValueError(f"vocabulary: got {vocabulary}, want the tokenizer's {tokenizer.vocabulary}")
        self.vocabulary, self.dim, self.length = vocabulary, dim, length
        self.token = nn.Embedding(vocabulary, dim)
        self.position = nn.Embedding(length, dim)
        self.layers = nn.ModuleList(Block(dim, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        merges = torch.empty(0, 2, dtype=torch.long) if tokenizer is None else tokenizer.merges.clone()
        self.register_buffer("merges", merges)
        self.init_()

    def forward(self, ids: Tensor, cache: KVCache | None = None) -> Tensor:
        """Return logits (B, N, V) of the token after each of `ids` (B, N); the cache grows by these N."""
        check_tensor(ids, "ids", "B", "N", kind="any", some=True)
        check_ids(ids, self.vocabulary)
        return self.from_embeddings(self.token(ids), cache)

    def from_embeddings(self, x: Tensor, cache: KVCache | None = None) -> Tensor:
        """As `forward`, for what is already embedded, (B, N, D): tokens, or pictures in their place."""
        check_tokens(x, self.dim, like=self.token.weight)
        cache = KVCache() if cache is None else cache
        first, last = len(cache), len(cache) + x.shape[1]
        self.check_cache(cache, len(x), last)
        x = x + self.position.weight[first:last]  # (B, N, D)
        for layer, block in enumerate(self.layers):
            x = block(x, cache, layer)
        return self.norm(x) @ self.token.weight.T  # (B, N, V): the table of tokens, the other way round

    def check_cache(self, cache: KVCache, batch: int, total: int) -> None:
        """Raise ValueError unless the cache is this model's, of this batch, and `total` tokens fit."""
        if total > self.length:
            raise ValueError(f"ids: got {total} tokens with the cache, want at most {self.length}")
        if cache.keys and (len(cache.keys) != len(self.layers) or len(cache.keys[0]) != batch):
            got = f"{len(cache.keys)} layers of {len(cache.keys[0])} sequences"
            raise ValueError(f"cache: got {got}, want {len(self.layers)} layers of {batch}")

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that the stored merges make."""
        return Tokenizer(self.merges.cpu())

    @torch.no_grad()
    def init_(self) -> None:
        """Draw the weights: all from N(0, 0.02²), what ends a branch smaller, so that depth adds up to 1."""
        for name, value in self.named_parameters():
            if value.ndim == 2:
                ends = name.endswith(("to_output.weight", "fc2.weight"))
                value.normal_(std=0.02 / math.sqrt(2 * len(self.layers)) if ends else 0.02)
            elif name.endswith("bias"):
                value.zero_()
