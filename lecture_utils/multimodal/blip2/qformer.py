"""Q-Former (S14.5): learned queries that look at features, and share their self-attention with a text.

J. Li, D. Li, S. Savarese and S. Hoi, "BLIP-2: Bootstrapping Language-Image Pre-training with Frozen Image
Encoders and Large Language Models", ICML 2023, section 3.1 and figure 2. The layers are BERT's (J. Devlin et
al., NAACL 2019): the sum is normalised after each branch. Every second layer has a cross-attention, by which
the queries, and they alone, look at the features; queries and text have feed-forwards of their own.

Nothing here knows where the features come from: cells of a picture, pieces of a sound, points.

Simplified: no dropout; trained from random weights, where the paper begins with BERT's.

Shapes: B batch, P features of width D_in, Q queries, T tokens of text, N = Q + T, D width, d = D / heads.
"""

from typing import cast

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.multimodal.blip2.masks import Mask, hide_padding, qformer_mask
from lecture_utils.nn.attention import MultiHeadAttention, attention
from lecture_utils.nn.transformer import MLP
from lecture_utils.ops.checks import check_ids, check_number, check_sizes, check_tensor, check_tokens

EPS = 1e-12  # of BERT's layer norms


class CrossAttention(nn.Module):
    """Queries of width D look at features of another width.

    Parameters
    ----------
    dim, features, heads : int
        D, D_in, and the number of heads.
    """

    def __init__(self, dim: int, features: int, heads: int) -> None:
        super().__init__()
        check_sizes("cross-attention", dim=dim, features=features, heads=heads)
        if dim % heads:
            raise ValueError(f"cross-attention: got width {dim} and {heads} heads, want a multiple")
        self.heads = heads
        self.to_query, self.to_output = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.to_key, self.to_value = nn.Linear(features, dim), nn.Linear(features, dim)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """From queries (B, Q, D) to features (B, P, D_in): (B, Q, D)."""
        y = F.scaled_dot_product_attention(*self.project(x, features))  # (B, heads, Q, d)
        return self.to_output(rearrange(y, "b h q d -> b q (h d)"))

    def weights(self, x: Tensor, features: Tensor) -> Tensor:
        """Where each query looks: (B, heads, Q, P), rows that sum to 1."""
        return attention(*self.project(x, features))[1]

    def project(self, x: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries (B, heads, Q, d), keys and values (B, heads, P, d)."""
        like = self.to_query.weight
        check_tokens(x, like.shape[0], like=like)
        check_tokens(features, self.to_key.in_features, like=like, batch=len(x), name="features")
        if bool(x.isnan().any()):  # the fused kernel would answer a NaN query with zeros
            raise ValueError("tokens: got NaN, want numbers")
        parts = self.to_query(x), self.to_key(features), self.to_value(features)
        query, key, value = (rearrange(p, "b n (h d) -> b h n d", h=self.heads) for p in parts)
        return query, key, value


class QFormerLayer(nn.Module):
    """One layer: self-attention of all, cross-attention of the queries, a feed-forward for each of the two.

    Parameters
    ----------
    dim, features, heads, hidden : int
        D, D_in, heads, and the width within the feed-forwards.
    looks : bool
        Whether it has a cross-attention.
    eps : float
        Of the layer norms.
    """

    def __init__(
        self, dim: int, features: int, heads: int, hidden: int, *, looks: bool, eps: float = EPS
    ) -> None:
        super().__init__()
        check_number(eps, "Q-Former layer, eps", 0)
        self.self_attention = MultiHeadAttention(dim, heads)
        self.cross_attention = CrossAttention(dim, features, heads) if looks else None
        self.mlp_query, self.mlp_text = MLP(dim, hidden), MLP(dim, hidden)
        self.norm_self, self.norm_query, self.norm_text = (nn.LayerNorm(dim, eps=eps) for _ in range(3))
        self.norm_cross = nn.LayerNorm(dim, eps=eps) if looks else None

    def forward(self, x: Tensor, features: Tensor | None, mask: Tensor, queries: int) -> Tensor:
        """Let N tokens (B, N, D), the first Q of them queries, look at each other and at the features."""
        x = self.norm_self(x + self.self_attention(x, mask=mask))  # (B, N, D): one attention for both
        query, text = x[:, :queries], x[:, queries:]  # (B, Q, D), (B, T, D)
        if queries and self.cross_attention is not None and self.norm_cross is not None:
            query = self.norm_cross(query + self.cross_attention(query, features))
        if queries:
            query = self.norm_query(query + self.mlp_query(query))
        if text.shape[1]:
            text = self.norm_text(text + self.mlp_text(text))
        return torch.cat([query, text], dim=1)


class QFormer(nn.Module):
    """Read features of any number into Q vectors, perhaps in the light of a text.

    Parameters
    ----------
    vocabulary : int
        Ids that a text may have.
    dim, features, heads, layers, hidden : int
        D, D_in, heads, layers, and the width within the feed-forwards (4 D where None).
    queries : int
        Q.
    length : int
        The longest text.
    places : int, optional
        The most features, where these do not say themselves where they lie: each place's embedding is added.
    pad : int, optional
        The id at which nobody looks.
    every : int
        Layers 0, `every`, 2 `every`, … look at the features.
    eps : float
        Of the layer norms.
    mask : callable
        What `qformer_mask` is.

    Raises
    ------
    ValueError
        For sizes that do not fit; when called, for features that are not (B, P, D_in), and for texts that
        are not int64 (B, T) below the vocabulary, of at most `length` tokens.
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        dim: int = 96,
        features: int = 128,
        heads: int = 4,
        layers: int = 4,
        queries: int = 16,
        length: int = 64,
        hidden: int | None = None,
        places: int | None = None,
        pad: int | None = None,
        every: int = 2,  # not shown
        eps: float = EPS,  # not shown
        mask: Mask = qformer_mask,
    ) -> None:
        super().__init__()
        check_sizes("Q-Former", vocabulary=vocabulary, dim=dim, layers=layers, queries=queries)
        check_sizes("Q-Former", features=features)
        check_sizes("Q-Former", length=length, every=every, places=1 if places is None else places)
        self.features, self.length, self.pad, self.mask = features, length, pad, mask
        hidden = 4 * dim if hidden is None else hidden
        self.queries = nn.Parameter(0.02 * torch.randn(queries, dim))
        self.place = None if places is None else nn.Parameter(0.5 * torch.randn(places, features))
        self.token, self.position = nn.Embedding(vocabulary, dim), nn.Embedding(length, dim)
        for table in (self.token, self.position):
            nn.init.normal_(table.weight, std=0.02)
        self.norm = nn.LayerNorm(dim, eps=eps)
        self.layers = nn.ModuleList(
            QFormerLayer(dim, features, heads, hidden, looks=i % every == 0, eps=eps) for i in range(layers)
        )

    def forward(self, features: Tensor, text: Tensor | None = None, kind: str = "matching") -> Tensor:
        """Features (B, P, D_in), and perhaps ids (B, T) → what the queries became, (B, Q, D)."""
        return self.both(features, text, kind)[0]

    def both(self, features: Tensor, text: Tensor | None, kind: str) -> tuple[Tensor, Tensor]:
        """As `forward`, with what the text became: (B, Q, D) and (B, T, D); `kind` as `qformer_mask`'s."""
        features = self.placed(features)  # (B, P, D_in)
        query = self.queries.expand(len(features), -1, -1)  # (B, Q, D)
        if text is None:
            return self.run(query, features, self.mask("matching", query.shape[1], 0)), query[:, :0]
        words = self.embed(text, batch=len(features))  # (B, T, D)
        mask = self.mask(kind, query.shape[1], words.shape[1])  # (N, N)
        x = torch.cat([query, words], dim=1)  # (B, N, D)
        x = self.run(x, features, self.hide(mask, text))
        return x[:, : query.shape[1]], x[:, query.shape[1] :]

    def placed(self, features: Tensor) -> Tensor:
        """Features (B, P, D_in), told where they lie if this one has places."""
        check_tokens(features, self.features, like=self.queries, name="features")
        if self.place is None:
            return features
        if features.shape[1] > len(self.place):
            raise ValueError(f"features: got {features.shape[1]} places, want at most {len(self.place)}")
        return features + self.place[: features.shape[1]]

    def read(self, text: Tensor) -> Tensor:
        """Ids (B, T) alone → (B, T, D): what the contrast's mask makes of a text beside any features."""
        words = self.embed(text)
        return self.run(words, None, self.hide(self.mask("contrast", 0, words.shape[1]), text))

    def run(self, x: Tensor, features: Tensor | None, mask: Tensor) -> Tensor:
        """Pass all tokens (B, N, D) through the layers; without features, all of them are text."""
        x, queries = self.norm(x), 0 if features is None else len(self.queries)
        for layer in self.layers:
            x = layer(x, features, mask.to(x.device), queries)
        return x

    def embed(self, text: Tensor, batch: int | None = None) -> Tensor:
        """Ids (B, T) → (B, T, D), with their positions. Queries have none: they are a set."""
        check_tensor(text, "text", batch or "B", "T", kind="int", some=True)
        check_ids(text, self.token.num_embeddings, name="text")
        if text.shape[1] > self.length:
            raise ValueError(f"text: got {text.shape[1]} tokens, want at most {self.length}")
        return self.token(text) + self.position.weight[: text.shape[1]]

    def hide(self, mask: Tensor, text: Tensor) -> Tensor:
        """Take padding out of everyone's sight, where there may be some: (N, N) or (B, 1, N, N)."""
        return mask if self.pad is None else hide_padding(mask, text != self.pad)

    @torch.no_grad()
    def looks(self, features: Tensor, text: Tensor | None = None, kind: str = "matching") -> Tensor:
        """Where each query looks in the last layer that looks, the mean of its heads: (B, Q, P)."""
        last = max(i for i, layer in enumerate(self.layers) if layer.cross_attention is not None)
        seen: list[Tensor] = []

        def keep(module: nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
            seen.append(module.weights(*inputs).mean(dim=1))  # type: ignore[operator]

        hook = cast(nn.Module, self.layers[last].cross_attention).register_forward_pre_hook(keep)
        try:
            self(features, text, kind)
        finally:
            hook.remove()
        return seen[0]
