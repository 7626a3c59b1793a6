"""The transformer of DALL-E 2's prior: from a sentence and a noised embedding to the picture's, S16.4.

A. Ramesh et al., "Hierarchical Text-Conditional Image Generation with CLIP Latents", arXiv 2204.06125,
section 2.2: a transformer with a causal mask reads, in this order, the sentence's tokens, CLIP's embedding of
the sentence, the diffusion step, the noised embedding of the picture, and a last token of its own, whose
output is the prediction.

Shapes: B batch, L tokens of a sentence of width C, D width of CLIP's embeddings, W width of the transformer.
"""

import torch
from torch import Tensor, nn

from lecture_utils.generative.diffusion.resnet_blocks import StepEmbedding
from lecture_utils.nn.attention import causal_mask
from lecture_utils.nn.transformer import EncoderLayer
from lecture_utils.ops.checks import check_sizes, check_tensor, check_tokens

ADDED = 4  # tokens after the sentence's: its embedding, the step, the noised embedding, the last one


class PriorTransformer(nn.Module):
    """Noised embeddings (B, D) at steps (B,), told by (B, L, C) and (B, D) → predicted embeddings (B, D).

    Parameters
    ----------
    dim : int
        D.
    words, length : int
        C and L.
    width, heads, layers : int
        W, even and a multiple of the heads, attention heads, and the transformer's layers.

    Raises
    ------
    ValueError
        For sizes that do not fit; when called, for embeddings, steps or sentences that do not.
    """

    def __init__(
        self, dim: int, *, words: int, length: int, width: int = 64, heads: int = 4, layers: int = 2
    ) -> None:
        super().__init__()
        check_sizes("prior", dim=dim, words=words, length=length, width=width, layers=layers)
        self.dim, self.words, self.length = dim, words, length
        self.embed_word, self.embed_text = nn.Linear(words, width), nn.Linear(dim, width)
        self.embed_step, self.embed_noised = StepEmbedding(width, width), nn.Linear(dim, width)
        self.last = nn.Parameter(torch.randn(width) * 0.02)
        self.position = nn.Parameter(torch.randn(length + ADDED, width) * 0.02)
        self.layers = nn.ModuleList(EncoderLayer(width, heads, 4 * width) for _ in range(layers))
        self.norm, self.leave = nn.LayerNorm(width), nn.Linear(width, dim)

    def forward(self, x: Tensor, t: Tensor, words: Tensor, text: Tensor) -> Tensor:
        """Predict the clean embedding from its noised one `x`, the step, and the sentence."""
        self.check(x, t, words, text)
        tokens = torch.cat(
            [
                self.embed_word(words),  # (B, L, W)
                self.embed_text(text)[:, None],
                self.embed_step(t)[:, None],
                self.embed_noised(x)[:, None],
                self.last.expand(len(x), 1, -1),
            ],
            dim=1,
        )  # (B, L + 4, W)
        tokens = tokens + self.position
        mask = causal_mask(tokens.shape[1]).to(x.device)
        for layer in self.layers:
            tokens = layer(tokens, mask)
        return self.leave(self.norm(tokens[:, -1]))  # (B, D)

    def check(self, x: Tensor, t: Tensor, words: Tensor, text: Tensor) -> None:
        """Raise ValueError unless embeddings, steps and sentence fit."""
        check_tensor(x, "x", "B", self.dim, some=True)
        check_tensor(t, "t", len(x), kind="any")
        check_tokens(words, self.words, like=self.leave.weight, batch=len(x), name="words")
        check_tensor(words, "words", len(x), self.length, self.words)
        check_tensor(text, "text", len(x), self.dim)
