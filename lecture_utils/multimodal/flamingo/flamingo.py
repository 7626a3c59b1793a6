"""Flamingo (S14.3): a language model that has only read is given eyes, and none of its weights is touched.

J.-B. Alayrac et al., "Flamingo: a Visual Language Model for Few-Shot Learning", NeurIPS 2022, sections 2.1 to
2.3. Pictures pass a frozen eye and the resampler, which is learned; their latents enter the frozen language
model through gated cross-attention, which is learned, before every k-th of its layers.

Simplified: no token says "here is a picture"; `which` tells it to each token of the text. One width for all.

Shapes: B batch, N new tokens, T tokens in the cache, V vocabulary, M pictures in a text, P tokens a picture,
C their width, R latents a picture, D model width.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from lecture_utils.multimodal.flamingo.gated_cross_attention import (
    Combine,
    GatedCrossAttention,
    gated_cross_attention,
)
from lecture_utils.multimodal.flamingo.resampler import PerceiverResampler
from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.ops.checks import check_ids, check_sizes, check_tensor


class Flamingo(nn.Module):
    """Scores for the next token of a text with pictures in it.

    Parameters
    ----------
    lm : LanguageModel
        Frozen from here on: its parameters ask for no gradient any more.
    resampler : PerceiverResampler
        Of the language model's width.
    every : int
        A new layer stands before the LM's layers 0, every, 2 · every, …
    heads : int
        Of the new layers.
    combine : callable
        How a new layer adds its branches; see `GatedCrossAttention`.

    Raises
    ------
    ValueError
        If widths do not fit, or for sizes below 1; when called, for what the parts refuse.
    """

    def __init__(
        self,
        lm: LanguageModel,
        resampler: PerceiverResampler,
        *,
        every: int = 1,
        heads: int = 4,
        combine: Combine = gated_cross_attention,
    ) -> None:
        super().__init__()
        check_sizes("Flamingo", every=every)
        if resampler.dim != lm.dim:
            raise ValueError(f"resampler: got latents of width {resampler.dim}, want {lm.dim}, the LM's")
        self.lm = lm.requires_grad_(False)
        self.resampler = resampler
        self.gated = nn.ModuleDict(
            {
                str(i): GatedCrossAttention(lm.dim, heads, combine=combine)
                for i in range(0, len(lm.layers), every)
            }
        )

    def forward(self, ids: Tensor, media: Tensor | None, which: Tensor) -> Tensor:
        """Return logits (B, N, V) of the token after each.

        Parameters
        ----------
        ids : Tensor
            (B, N) int64.
        media : Tensor or None
            (B, M, P, C), what the eye makes of the M pictures of each text, or (B, M, T, P, C) of clips; None
            for text without pictures.
        which : Tensor
            (B, N) int64: the number of the last picture before each token, from 1; 0 for none.
        """
        return self.read(ids, self.look(media), which)

    def look(self, media: Tensor | None) -> Tensor | None:
        """Return the pictures' latents (B, M, R, D): to be had once, however often the text is read."""
        if media is None:
            return None
        shape = ("P", self.resampler.features) if media.ndim == 4 else ("T", "P", self.resampler.features)
        check_tensor(media, "media", "B", "M", *shape, some=True, finite=True)
        return self.resampler(media.flatten(0, 1)).unflatten(0, media.shape[:2])  # each picture by itself

    def read(
        self, ids: Tensor, latents: Tensor | None, which: Tensor, cache: KVCache | None = None
    ) -> Tensor:
        """As `forward`, with the latents (B, M, R, D), and behind the tokens of a cache, which grows."""
        lm = self.lm
        check_tensor(ids, "ids", "B", "N", kind="any", some=True)
        check_ids(ids, lm.vocabulary)
        cache = KVCache() if cache is None else cache
        first, last = len(cache), len(cache) + ids.shape[1]
        lm.check_cache(cache, len(ids), last)
        x = lm.token(ids) + lm.position.weight[first:last]  # (B, N, D)
        for i, frozen in enumerate(lm.layers):
            if str(i) in self.gated:
                x = self.gated[str(i)](x, latents, which)  # learned
            x = frozen(x, cache, i)
        return lm.norm(x) @ lm.token.weight.T  # (B, N, V)

    @torch.no_grad()
    def write(self, ids: Tensor, media: Tensor | None, which: Tensor, steps: int) -> Tensor:
        """Write on by the likeliest token, (B, N + steps). New tokens look at the last picture."""
        check_sizes("write", steps=steps)
        latents, cache = self.look(media), KVCache()
        new, seen = ids, which  # what is not yet in the cache
        for _ in range(steps):
            new = self.read(new, latents, seen, cache)[:, -1:].argmax(dim=-1)  # (B, 1)
            ids, seen = torch.cat([ids, new], dim=1), which[:, -1:]
        return ids

    def learned(self) -> Iterable[nn.Parameter]:
        """The parameters that training moves: the resampler's and the new layers'."""
        return (p for p in self.parameters() if p.requires_grad)

    def new_layers(self) -> list[GatedCrossAttention]:
        """The gated layers, from the first to the last."""
        return [layer for layer in self.gated.values() if isinstance(layer, GatedCrossAttention)]

    def gates(self) -> Tensor:
        """How far each new layer's gates are open, tanh(alpha), of attention and MLP: (new layers, 2)."""
        return torch.stack([layer.alpha.detach() for layer in self.new_layers()]).tanh()


def last_picture(marks: Tensor) -> Tensor:
    """Return, for each token, how many pictures stand before it, (B, N) int64.

    Parameters
    ----------
    marks : Tensor
        (B, N) bool, True at a token in front of which a picture stands.
    """
    check_tensor(marks, "marks", "B", "N", kind="bool", some=True)
    return marks.cumsum(dim=1)
