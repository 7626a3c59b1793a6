"""The transformer: encoder and decoder layers, and the two stacked into a sequence-to-sequence model.

A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3 and figure 1. Pre-norm, the order most
later models use: R. Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020.

Simplified: no dropout; greedy decoding only.

Shapes: B batch, N target tokens, M source tokens, D model width, V vocabulary.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.nn.attention import MultiHeadAttention, causal_mask
from lecture_utils.nn.positions import sinusoidal_encoding
from lecture_utils.ops.checks import (
    check_ids,
    check_number,
    check_sizes,
    check_tensor,
    check_tokens,
    check_whole,
)


class MLP(nn.Module):
    """Two linear layers with a nonlinearity between, on each token alone (section 3.3).

    `activation` is `nn.ReLU` in the paper; the default, as in all layers here, is the later `nn.GELU`.
    """

    def __init__(self, dim: int, hidden: int, *, activation: type[nn.Module] = nn.GELU) -> None:
        super().__init__()
        check_sizes("MLP", dim=dim, hidden=hidden)
        self.fc1 = nn.Linear(dim, hidden)
        self.activation = activation()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:  # (B, N, D)
        check_tensor(x, "tokens", "…", self.fc1.in_features, some=True)
        return self.fc2(self.activation(self.fc1(x)))


class EncoderLayer(nn.Module):
    """Self-attention, then an MLP, each with a residual connection and a layer norm.

    Parameters
    ----------
    dim, heads, hidden : int
        Model width D, attention heads, width of the MLP's middle.
    pre_norm : bool
        Normalise what enters each branch (pre-norm) or what leaves each sum (post-norm, as the 2017 paper).
    activation : type
        Nonlinearity of the MLP: `nn.ReLU` in the paper, `nn.GELU` in vision transformers.
    eps : float
        Of the layer norms.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        hidden: int,
        *,
        pre_norm: bool = True,
        activation: type[nn.Module] = nn.GELU,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        check_sizes("transformer layer", dim=dim)
        check_number(eps, "transformer layer, eps", 0)
        self.pre_norm = pre_norm
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=eps), nn.LayerNorm(dim, eps=eps)
        self.attention = MultiHeadAttention(dim, heads)
        self.mlp = MLP(dim, hidden, activation=activation)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, N, D)
        check_tokens(x, self.attention.dim, like=self.attention.to_query.weight)
        if self.pre_norm:
            x = x + self.attention(self.norm1(x), mask=mask)
            return x + self.mlp(self.norm2(x))
        x = self.norm1(x + self.attention(x, mask=mask))
        return self.norm2(x + self.mlp(x))


class DecoderLayer(nn.Module):
    """Masked self-attention, attention to the encoder's memory, then an MLP (figure 1, right).

    Parameters are those of `EncoderLayer`.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        hidden: int,
        *,
        pre_norm: bool = True,
        activation: type[nn.Module] = nn.GELU,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        check_sizes("transformer layer", dim=dim)
        check_number(eps, "transformer layer, eps", 0)
        self.pre_norm = pre_norm
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(dim, eps=eps) for _ in range(3))
        self.self_attention = MultiHeadAttention(dim, heads)
        self.cross_attention = MultiHeadAttention(dim, heads)
        self.mlp = MLP(dim, hidden, activation=activation)

    def forward(
        self, x: Tensor, memory: Tensor, mask: Tensor | None = None, memory_mask: Tensor | None = None
    ) -> Tensor:  # x (B, N, D), memory (B, M, D)
        check_tokens(x, self.self_attention.dim, like=self.self_attention.to_query.weight)
        if self.pre_norm:
            x = x + self.self_attention(self.norm1(x), mask=mask)
            x = x + self.cross_attention(self.norm2(x), memory, memory_mask)
            return x + self.mlp(self.norm3(x))
        x = self.norm1(x + self.self_attention(x, mask=mask))
        x = self.norm2(x + self.cross_attention(x, memory, memory_mask))
        return self.norm3(x + self.mlp(x))


class Transformer(nn.Module):
    """Encoder and decoder over token ids: maps one sequence to another, a token at a time.

    Parameters
    ----------
    vocabulary : int
        V, shared by source and target.
    dim, heads, hidden, layers : int
        Width, heads, MLP width, and layers in each of encoder and decoder.
    max_length : int
        Longest sequence for which positions are kept.
    pre_norm : bool
        As for `EncoderLayer`.
    """

    positions: Tensor

    def __init__(
        self,
        vocabulary: int,
        *,
        dim: int = 64,
        heads: int = 4,
        hidden: int = 128,
        layers: int = 2,
        max_length: int = 64,
        pre_norm: bool = True,
    ) -> None:
        super().__init__()
        check_sizes("transformer", vocabulary=vocabulary, dim=dim, layers=layers, max_length=max_length)
        self.scale = dim**0.5  # section 3.4: embeddings are multiplied by √D
        self.embed = nn.Embedding(vocabulary, dim)
        nn.init.normal_(self.embed.weight, std=dim**-0.5)
        self.register_buffer("positions", sinusoidal_encoding(max_length, dim), persistent=False)
        self.encoder = nn.ModuleList(
            EncoderLayer(dim, heads, hidden, pre_norm=pre_norm, activation=nn.ReLU) for _ in range(layers)
        )
        self.decoder = nn.ModuleList(
            DecoderLayer(dim, heads, hidden, pre_norm=pre_norm, activation=nn.ReLU) for _ in range(layers)
        )
        self.norm_encoder = nn.LayerNorm(dim) if pre_norm else nn.Identity()
        self.norm_decoder = nn.LayerNorm(dim) if pre_norm else nn.Identity()
        self.head = nn.Linear(dim, vocabulary)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return logits (B, N, V) for the token after each of `target` (B, N), given `source` (B, M)."""
        return self.decode(self.encode(source), target)

    def encode(self, source: Tensor) -> Tensor:
        """Turn source ids (B, M) into the memory (B, M, D)."""
        x = self.tokens(source)  # (B, M, D)
        for layer in self.encoder:
            x = layer(x)
        return self.norm_encoder(x)

    def decode(self, memory: Tensor, target: Tensor) -> Tensor:
        """Return logits (B, N, V); position i sees target tokens 0 to i and all of the memory (B, M, D)."""
        x = self.tokens(target)  # (B, N, D)
        mask = causal_mask(target.shape[1]).to(x.device)
        for layer in self.decoder:
            x = layer(x, memory, mask)
        return self.head(self.norm_decoder(x))

    def tokens(self, ids: Tensor) -> Tensor:
        """Embed ids (B, N) and add their positions: (B, N, D)."""
        if ids.ndim != 2 or ids.dtype != torch.long or ids.shape[1] > len(self.positions):
            want = f"int64 (B, N ≤ {len(self.positions)})"
            raise ValueError(f"tokens: got {ids.dtype} of shape {tuple(ids.shape)}, want {want}")
        check_ids(ids, self.embed.num_embeddings, name="tokens")
        return self.embed(ids) * self.scale + self.positions[: ids.shape[1]]

    @torch.inference_mode()
    def generate(self, source: Tensor, start: int, length: int) -> Tensor:
        """Decode greedily: (B, length) ids, each the likeliest after those before it."""
        check_sizes("generate", length=length)
        check_whole(start, "start", 0)
        memory = self.encode(source)
        ids = torch.full((len(source), 1), start, dtype=torch.long, device=source.device)
        for _ in range(length):
            logits = self.decode(memory, ids)[:, -1]  # (B, V)
            ids = torch.cat([ids, logits.argmax(dim=-1, keepdim=True)], dim=1)
        return ids[:, 1:]


def next_token_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of logits (B, N, V) against the ids (B, N) that should have come next."""
    check_tokens(logits, name="logits")
    if target.shape != logits.shape[:2]:
        raise ValueError(f"target: got shape {tuple(target.shape)}, want {tuple(logits.shape[:2])}")
    check_ids(target, logits.shape[2], name="target")
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())
