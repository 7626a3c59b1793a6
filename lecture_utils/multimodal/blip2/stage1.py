"""BLIP-2's first stage (S14.5): queries learn to find what a text says, by three losses.

J. Li, D. Li, S. Savarese and S. Hoi, "BLIP-2: Bootstrapping Language-Image Pre-training with Frozen Image
Encoders and Large Language Models", ICML 2023, section 3.2 and figure 2: image-text contrast (ITC),
image-text matching (ITM, with the hard negatives of J. Li et al., ALBEF, NeurIPS 2021) and image-grounded
text generation (ITG), with one set of weights. The encoder of the features is frozen and no part of this.

Simplified: no label smoothing; the batch's own negatives, of one process; for matching one wrong partner a
pair, where the paper's code has two; the words are scored by the table that embeds them, without BERT's layer
before it.

Shapes: B pairs, P features of width D_in, Q queries, T tokens of text, D width, E width of the joint space,
V vocabulary with the decode token.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.multimodal.blip2.qformer import QFormer
from lecture_utils.multimodal.decoding import draw
from lecture_utils.ops.checks import check_ids, check_number, check_sizes, check_tensor, check_whole

START_LOG_SCALE = math.log(1 / 0.07)  # the temperature starts at 0.07


def best_query(queries: Tensor, text: Tensor) -> Tensor:
    """Similarity of each picture and each text: that of the picture's query which fits the text best.

    Parameters
    ----------
    queries : Tensor
        (B, Q, E), each query of unit length.
    text : Tensor
        (B', E) of unit length.

    Returns
    -------
    Tensor
        (B, B'), cosines in [-1, 1] (section 3.2: "we select the highest one").

    Raises
    ------
    ValueError
        If shapes do not fit, or lengths are not 1.
    """
    check_units(queries, "queries", "B", "Q", "E")
    check_units(text, "text", "B", queries.shape[2])
    each = torch.einsum("bqe,ce->bcq", queries, text)  # (B, B', Q)
    return each.max(dim=2).values  # (B, B')


def check_units(x: Tensor, name: str, *shape: int | str) -> None:
    """Raise ValueError unless `x` has this shape and rows of unit length."""
    check_tensor(x, name, *shape, some=True)
    lengths = x.detach().norm(dim=-1)
    if not bool(((lengths - 1).abs() < 1e-2).all()):
        got = f"lengths from {float(lengths.min()):.3g} to {float(lengths.max()):.3g}"
        raise ValueError(f"{name}: got {got}, want 1: F.normalize(x, dim=-1)")


def image_text_contrast(queries: Tensor, text: Tensor, scale: Tensor | float) -> Tensor:
    """Which text belongs to which picture, and the other way round: cross-entropy of the best queries (ITC).

    Parameters
    ----------
    queries, text : Tensor
        (B, Q, E) and (B, E), of unit length; picture i and text i belong together.
    scale : Tensor or float
        One over the temperature, above 0.

    Returns
    -------
    Tensor
        Scalar, the mean of both directions, in nats: log B where nothing is told apart.

    Raises
    ------
    ValueError
        For what `best_query` refuses, other numbers of texts than pictures, and a scale of 0 or less.
    """
    check_number(scale.detach() if isinstance(scale, Tensor) else scale, "scale", 0, above=True)
    check_tensor(queries, "queries", "B", "Q", "E", some=True)
    check_tensor(text, "text", len(queries), "E")
    logits = scale * best_query(queries, text)  # (B, B): picture × text
    right = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def hard_negatives(logits: Tensor, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Draw a wrong text for each picture and a wrong picture for each text, the similar ones more often.

    Parameters
    ----------
    logits : Tensor
        (B, B) scaled similarities, picture × text; the diagonal belongs together, nothing else does. B ≥ 2.
    generator : torch.Generator, optional
        Where the chance comes from.

    Returns
    -------
    text, picture : Tensor
        (B,) int64 each: text[i] is wrong for picture i, picture[j] is wrong for text j.

    Raises
    ------
    ValueError
        For what is not square or finite, or a batch of one, in which nothing is wrong.
    """
    check_tensor(logits, "logits", "B", "B", some=True, finite=True)
    if logits.shape[0] != logits.shape[1] or len(logits) < 2:
        raise ValueError(f"logits: got shape {tuple(logits.shape)}, want (B, B) with B of 2 or more")
    own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    text, picture = (
        torch.multinomial(rows.detach().masked_fill(own, -math.inf).softmax(dim=1), 1, generator=generator)
        for rows in (logits, logits.T)
    )
    return text[:, 0], picture[:, 0]


class Losses(NamedTuple):
    """The three losses of a batch, each a scalar in nats."""

    contrast: Tensor
    matching: Tensor
    generation: Tensor


class Stage1(nn.Module):
    """A Q-Former and what its three tasks need: two projections, a head for matching, a temperature.

    Parameters
    ----------
    qformer : QFormer
        Its last id of the vocabulary is the decode token, which stands in place of a text's first token when
        the text is to be written.
    joint : int
        E.
    contrast : callable
        What `image_text_contrast` is.

    Raises
    ------
    ValueError
        For a Q-Former without padding, or a width below 1.
    """

    def __init__(
        self,
        qformer: QFormer,
        *,
        joint: int = 32,
        contrast: Callable[[Tensor, Tensor, Tensor], Tensor] = image_text_contrast,
    ) -> None:
        super().__init__()
        check_sizes("stage 1", joint=joint)
        if qformer.pad is None:
            raise ValueError("Q-Former: got pad None, want the id that fills up short texts")
        self.qformer, self.contrast = qformer, contrast
        vocabulary, dim = qformer.token.weight.shape
        self.decode = vocabulary - 1
        self.of_queries, self.of_text = nn.Linear(dim, joint), nn.Linear(dim, joint)
        self.matched = nn.Linear(dim, 2)
        self.word_bias = nn.Parameter(torch.zeros(vocabulary))
        self.log_scale = nn.Parameter(torch.tensor(START_LOG_SCALE))

    def forward(self, features: Tensor, text: Tensor, generator: torch.Generator | None = None) -> Losses:
        """Features (B, P, D_in) and their texts (B, T), each with its start token → the losses."""
        queries, words = self.encode(features), self.encode_text(text)  # (B, Q, E), (B, E)
        contrast = self.contrast(queries, words, self.log_scale.exp())
        logits = self.log_scale.detach().exp() * best_query(queries.detach(), words.detach())
        wrong_text, wrong_picture = hard_negatives(logits, generator=generator)
        half = len(text) // 2  # of the pairs keep the picture and get a wrong text, the others the reverse
        pictures = torch.cat([features, features[:half], features[wrong_picture[half:]]])  # (2B, P, D_in)
        texts = torch.cat([text, text[wrong_text[:half]], text[half:]])  # (2B, T)
        fits = torch.arange(len(texts), device=text.device) < len(text)  # (2B,): the first B do
        matching = F.cross_entropy(self.match(pictures, texts), fits.long())
        return Losses(contrast, matching, self.generation_loss(features, text))

    def encode(self, features: Tensor) -> Tensor:
        """Features alone → queries of unit length (B, Q, E): the contrast's mask lets them see no text."""
        return F.normalize(self.of_queries(self.qformer(features)), dim=-1)

    def encode_text(self, text: Tensor) -> Tensor:
        """Ids (B, T) → (B, E) of unit length: what the first token became."""
        return F.normalize(self.of_text(self.qformer.read(text)[:, 0]), dim=-1)

    def match(self, features: Tensor, text: Tensor) -> Tensor:
        """Logits (B, 2), no and yes, that features and text fit: the mean of what all queries say."""
        return self.matched(self.qformer(features, text, "matching")).mean(dim=1)

    def next_words(self, features: Tensor, text: Tensor) -> Tensor:
        """Logits (B, T, V) of the token after each; the first is replaced by the decode token."""
        check_tensor(text, "text", "B", "T", kind="int", some=True)
        start = torch.full_like(text[:, :1], self.decode)
        words = self.qformer.both(features, torch.cat([start, text[:, 1:]], dim=1), "generation")[1]
        return words @ self.qformer.token.weight.T + self.word_bias

    def generation_loss(self, features: Tensor, text: Tensor) -> Tensor:
        """Cross-entropy of each token but the first, padding left out."""
        logits = self.next_words(features, text)[:, :-1]  # (B, T - 1, V)
        pad = self.qformer.pad
        assert pad is not None
        return F.cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten(), ignore_index=pad)

    @torch.no_grad()
    def write(self, features: Tensor, steps: int, *, end: int) -> Tensor:
        """Describe features (B, P, D_in): the likeliest token each time, (B, ≤ steps) ids."""
        check_sizes("write", steps=steps)
        check_ids(torch.tensor(check_whole(end, "end", 0)), self.decode, name="end")
        text = torch.full((len(features), 1), self.decode, device=features.device)
        for _ in range(steps):
            new = draw(self.next_words(features, text)[:, -1, : self.decode], temperature=0)  # (B,)
            new = new.masked_fill((text == end).any(dim=1), end)
            text = torch.cat([text, new[:, None]], dim=1)
            if bool((new == end).all()):
                break
        return text[:, 1:]
