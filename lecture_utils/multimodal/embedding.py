"""Embedding (S13.1): a learned vector for each token id, looked up in a table.

Y. Bengio et al., "A Neural Probabilistic Language Model", JMLR 2003, section 2: a matrix with a row for each
word, of which a word picks its own. Looking a row up is the product of a one-hot vector with the matrix; the
product costs V times as much, and its gradient is the same: what came back for a token is added to its row.

Shapes: V tokens in the vocabulary, D numbers a token; "…" any axes, such as B texts of L ids.
"""

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_ids, check_sizes, check_tensor


def one_hot(ids: Tensor, vocabulary: int) -> Tensor:
    """Return (…, V) float32: in each place 1 at the id, else 0.

    Parameters
    ----------
    ids : Tensor
        (…) int64 from 0 to V - 1.
    vocabulary : int
        V.

    Raises
    ------
    ValueError
        For ids of another type or out of range, or a vocabulary below 1.
    """
    check_sizes("one_hot", vocabulary=vocabulary)
    check_ids(ids, vocabulary)
    return (ids[..., None] == torch.arange(vocabulary, device=ids.device)).float()


def embed_by_product(ids: Tensor, weight: Tensor) -> Tensor:
    """Return (…, D): the one-hot vectors of ids (…) times the matrix `weight` (V, D).

    Raises
    ------
    ValueError
        For a weight that is no floating-point (V, D), and as `one_hot` does.
    """
    check_tensor(weight, "weight", "V", "D", some=True)
    return one_hot(ids, len(weight)).to(weight.dtype) @ weight  # (…, V) @ (V, D)


class Embedding(nn.Module):
    """A table of V vectors, looked up by id; `nn.Embedding` without its options.

    Parameters
    ----------
    vocabulary, dim : int
        V and D.

    Attributes
    ----------
    weight : nn.Parameter
        (V, D), drawn from a standard normal distribution.

    Raises
    ------
    ValueError
        For a size below 1.
    """

    def __init__(self, vocabulary: int, dim: int) -> None:
        super().__init__()
        check_sizes("Embedding", vocabulary=vocabulary, dim=dim)
        self.weight = nn.Parameter(torch.randn(vocabulary, dim))

    def forward(self, ids: Tensor) -> Tensor:
        """Return (…, D) for ids (…), int64; ValueError for ids out of the table."""
        check_ids(ids, len(self.weight))
        return self.weight[ids]
