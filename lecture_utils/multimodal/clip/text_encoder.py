"""CLIP's text encoder (S13.4): a transformer with a causal mask, read at the end token.

A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, section
2.4: the activations of the last layer at the end token are the text's features; they are layer normalised and
projected into the joint space.

Shapes: B texts, N ≤ L tokens, W width of the tokens, D width of the joint space.
"""

import torch
from torch import Tensor, nn

from lecture_utils.nn.attention import causal_mask
from lecture_utils.nn.transformer import EncoderLayer
from lecture_utils.ops.checks import check_ids, check_sizes, check_whole


class TextEncoder(nn.Module):
    """Token ids → a point of the joint space.

    Parameters
    ----------
    vocabulary, length : int
        Token ids are below the one; L, the most tokens of a text, is the other.
    end : int
        The end token's id. What follows it in a text is padding: behind the causal mask, nothing sees it.
    width, heads, layers, out : int
        W, attention heads, their layers, D.
    hidden : int, optional
        Of the MLPs; 4·W where none is given.
    activation : type
        `QuickGELU` for the paper's weights.

    Raises
    ------
    ValueError
        For sizes that do not fit; when called, for ids out of range, too long a text, or one without an end.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        length: int,
        end: int,
        width: int,
        heads: int,
        layers: int,
        out: int,
        hidden: int | None = None,
        activation: type[nn.Module] = nn.GELU,
    ) -> None:
        super().__init__()
        check_sizes("text encoder", vocabulary=vocabulary, length=length, width=width, layers=layers, out=out)
        check_whole(end, "text encoder, end", 0)
        hidden = 4 * width if hidden is None else hidden
        self.vocabulary, self.length, self.end = vocabulary, length, end
        self.embed = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.position = nn.Parameter(torch.randn(length, width) * 0.01)
        self.layers = nn.ModuleList(
            EncoderLayer(width, heads, hidden, activation=activation) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, out, bias=False)
        nn.init.normal_(self.projection.weight, std=width**-0.5)

    def forward(self, ids: Tensor) -> Tensor:  # (B, N)
        tokens = self.tokens(ids)  # (B, N, W)
        end = (ids == self.end).int().argmax(dim=1)  # (B,): the first end token
        features = tokens[torch.arange(len(ids), device=ids.device), end]  # (B, W)
        return self.projection(self.norm(features))  # (B, D)

    def tokens(self, ids: Tensor) -> Tensor:
        """Return the last layer's tokens (B, N, W), before the last norm."""
        self.check(ids)
        tokens = self.embed(ids) + self.position[: ids.shape[1]]  # (B, N, W)
        mask = causal_mask(ids.shape[1]).to(ids.device)
        for layer in self.layers:
            tokens = layer(tokens, mask)
        return tokens

    def check(self, ids: Tensor) -> None:
        """Raise ValueError unless these are texts with an end."""
        check_ids(ids, self.vocabulary, name="token ids")
        if ids.ndim != 2 or ids.shape[1] > self.length:
            raise ValueError(f"token ids: got shape {tuple(ids.shape)}, want (B, {self.length} or fewer)")
        if not bool((ids == self.end).any(dim=1).all()):
            raise ValueError(f"token ids: got a text without the end token, want {self.end} in each")
