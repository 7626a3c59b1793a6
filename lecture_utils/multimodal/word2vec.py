"""Word2Vec (S13.2): the skip-gram model with negative sampling (Mikolov et al. 2013).

- T. Mikolov, K. Chen, G. Corrado and J. Dean, "Efficient Estimation of Word Representations in Vector Space",
  ICLR workshop 2013, section 3.2: from the word in the middle of a window, predict each of the others.
- T. Mikolov, I. Sutskever, K. Chen, G. Corrado and J. Dean, "Distributed Representations of Words and
  Phrases and their Compositionality", NIPS 2013: the softmax over all words (equation 2), and negative
  sampling in its place (equation 4).

The pairs of words that it learns from are made in `word_pairs`.
Simplified: many pairs to a step, where the paper's program takes one after another.

Shapes: V words in the vocabulary, D numbers a word, B pairs, K noise words.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.checks import check_ids, check_sizes, check_tensor


class SkipGram(nn.Module):
    """Two vectors a word: one for when it stands in the middle, one for when it stands around.

    Parameters
    ----------
    vocabulary, dim : int
        V and D.

    Attributes
    ----------
    centre : nn.Parameter
        (V, D): the word vectors that are used afterwards. At the start even in ±1 / (2 D).
    context : nn.Parameter
        (V, D). At the start 0, as in the authors' program.

    Raises
    ------
    ValueError
        For a size below 1.
    """

    def __init__(self, vocabulary: int, dim: int) -> None:
        super().__init__()
        check_sizes("SkipGram", vocabulary=vocabulary, dim=dim)
        self.centre = nn.Parameter((torch.rand(vocabulary, dim) - 0.5) / dim)
        self.context = nn.Parameter(torch.zeros(vocabulary, dim))

    def forward(self, centre: Tensor, context: Tensor) -> Tensor:
        """Return scores (B, C): dot products of centre words (B,) with C context words each (B, C)."""
        check_tensor(centre, "centre", "B", kind="int", some=True)
        check_tensor(context, "context", len(centre), "C", kind="int", some=True)
        check_ids(centre, len(self.centre), name="centre")
        check_ids(context, len(self.context), name="context")
        return (self.centre[centre][:, None] * self.context[context]).sum(dim=-1)  # (B, C)


def softmax_loss(model: SkipGram, centre: Tensor, context: Tensor) -> Tensor:
    """Mean -log p(context | centre), a softmax over all V words (equation 2): exact, for V products a pair.

    Both are (B,); errors as in `SkipGram.forward`.
    """
    check_tensor(centre, "centre", "B", kind="int", some=True)
    check_tensor(context, "context", len(centre), kind="int")
    check_ids(context, len(model.context), name="context")
    every = torch.arange(len(model.context)).expand(len(centre), -1)  # (B, V)
    return F.cross_entropy(model(centre, every), context)


def negative_sampling_loss(model: SkipGram, centre: Tensor, context: Tensor) -> Tensor:
    """Tell the true context word from K noise words (equation 4): K + 1 products a pair.

    Parameters
    ----------
    model : SkipGram
    centre : Tensor
        (B,) int64.
    context : Tensor
        (B, 1 + K) int64: the true word first, then noise.

    Returns
    -------
    Tensor
        Scalar: the mean over pairs of -log σ(true score) - Σ log σ(-noise score).

    Raises
    ------
    ValueError
        As in `SkipGram.forward`.
    """
    scores = model(centre, context)  # (B, 1 + K)
    true, noise = scores[:, 0], scores[:, 1:]
    return -(F.logsigmoid(true) + F.logsigmoid(-noise).sum(dim=1)).mean()
