"""Word vectors by counting: pointwise mutual information and its singular vectors, S13.2's baseline.

O. Levy and Y. Goldberg, "Neural Word Embedding as Implicit Matrix Factorization", NIPS 2014: skip-gram with K
noise words is at its best where w · c = PMI(w, c) - log K (section 3.1). So count the pairs, take the PMI,
and factorise it (section 4.2): such vectors without a network.

Shapes: P pairs, V words, D numbers a word.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_ids, check_number, check_sizes, check_tensor


def cooccurrence(pairs: Tensor, vocabulary: int) -> Tensor:
    """Count pairs (P, 2) int64 of centre and context words; (V, V) float32, centres in rows.

    Raises ValueError for pairs of another shape or type, or ids out of range.
    """
    check_sizes("cooccurrence", vocabulary=vocabulary)
    check_tensor(pairs, "pairs", "P", 2, kind="int", some=True)
    check_ids(pairs, vocabulary, name="pairs")
    cells = pairs[:, 0] * vocabulary + pairs[:, 1]
    return torch.bincount(cells, minlength=vocabulary**2).reshape(vocabulary, vocabulary).float()


def pointwise_mutual_information(counts: Tensor, power: float = 1.0) -> Tensor:
    """Return (V, V): log p(w, c) / (p(w) p(c)), -∞ where two words were never seen together.

    Parameters
    ----------
    counts : Tensor
        (V, V) of pairs, centres in rows; each word in one pair or more.
    power : float
        Of the counts in p(c), as in `noise_distribution`; 1 for the textbook's PMI.

    Raises
    ------
    ValueError
        For counts of another shape, below 0, not finite, or with an empty row or column.
    """
    check_tensor(counts, "counts", "V", "V", finite=True, some=True)
    check_number(power, "power")
    rows, columns = counts.sum(1), counts.sum(0)
    if counts.shape[0] != counts.shape[1] or bool((counts < 0).any()) or not bool((rows * columns > 0).all()):
        got = f"{tuple(counts.shape)} from {float(counts.min()):g}, {int((rows == 0).sum())} rows empty"
        raise ValueError(f"counts: got {got}, want (V, V) of 0 or more, each word in some pair")
    context = columns**power / (columns**power).sum()  # p(c)
    joint = counts / counts.sum()  # p(w, c)
    return (joint / (rows / counts.sum())[:, None] / context).log()


def ppmi_vectors(counts: Tensor, dim: int, *, shift: float = 1.0, power: float = 1.0) -> Tensor:
    """Factorise the positive part of PMI - log(shift); vectors (V, D) are U √S of its singular values.

    Parameters
    ----------
    counts, power : Tensor, float
        As for `pointwise_mutual_information`.
    dim : int
        D, at most V.
    shift : float
        Above 0; the K noise words of skip-gram, or 1 for none.

    Raises
    ------
    ValueError
        As above, or for D or a shift out of range.
    """
    check_sizes("ppmi_vectors", dim=dim)
    check_number(shift, "shift", 0, above=True)
    positive = (pointwise_mutual_information(counts, power) - torch.tensor(shift).log()).clamp(min=0)
    if dim > len(counts):
        raise ValueError(f"dim: got {dim}, want at most {len(counts)}, the number of words")
    u, s, _ = torch.linalg.svd(positive)  # (V, V), (V,)
    return u[:, :dim] * s[:dim].sqrt()
