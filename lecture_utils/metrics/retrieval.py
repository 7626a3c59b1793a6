"""Retrieval and tags: recall@k, median rank; precision and recall of words put to pictures (S13.4).

A. Frome et al., "DeViSE", NIPS 2013; A. Karpathy, L. Fei-Fei, CVPR 2015, section 4.2: recall@k is the share
of the queries for which something relevant is among the first k. Where several items are relevant (equal
captions, five captions of a picture), one of them is enough, as in the benchmarks of Flickr30k and COCO.

Equal similarities count against the model: what is relevant comes after all else that is as similar. So a
model that finds everything alike has no recall, whatever the order in which a sort leaves ties.

Shapes: N queries, M items, K words.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_tensor, check_whole


def ranks(similarity: Tensor, relevant: Tensor | None = None) -> Tensor:
    """Rank of the best relevant item for each query, (N,) int64 from 1.

    Parameters
    ----------
    similarity : Tensor
        (N, M), queries × items.
    relevant : Tensor, optional
        (N, M) bool, at least one a row. Left out: item i belongs to query i, so N must be M.

    Raises
    ------
    ValueError
        For other shapes or types, no query, NaN, a query to which nothing is relevant, or N ≠ M without
        `relevant`.
    """
    check_tensor(similarity, "similarity", "N", "M", finite=True, some=True)
    if relevant is None:
        if similarity.shape[0] != similarity.shape[1]:
            raise ValueError(
                f"similarity: got {tuple(similarity.shape)}, want (N, N), or relevant (N, M) too"
            )
        relevant = torch.eye(len(similarity), dtype=torch.bool, device=similarity.device)
    check_tensor(relevant, "relevant", *similarity.shape, kind="bool")
    if not bool(relevant.any(1).all()):
        lost = int((~relevant.any(1)).sum())
        raise ValueError(f"relevant: got {lost} queries without a relevant item, want at least one for each")
    best = similarity.masked_fill(~relevant, -torch.inf).amax(1, keepdim=True)  # (N, 1)
    return 1 + ((similarity >= best) & ~relevant).sum(1)


def recall_at(similarity: Tensor, k: int, relevant: Tensor | None = None) -> float:
    """Share of the queries with something relevant among the first k items, in [0, 1].

    Parameters and errors as for `ranks`; k is 1 or more.
    """
    check_whole(k, "k")
    return float((ranks(similarity, relevant) <= k).double().mean())


def median_rank(similarity: Tensor, relevant: Tensor | None = None) -> float:
    """Median of `ranks`: 1 is best; of an even number of queries the mean of the middle two."""
    return float(ranks(similarity, relevant).double().quantile(0.5))


def tag_precision(tags: Tensor, true: Tensor) -> float:
    """Share of the tags given that are true, over all pictures and words.

    Parameters
    ----------
    tags, true : Tensor
        (N, K) bool.

    Raises
    ------
    ValueError
        For other shapes or types, or where no tag is given: then there is nothing to be precise about.
    """
    _check_tags(tags, true)
    if not bool(tags.any()):
        raise ValueError(f"tags: got none in {tuple(tags.shape)}, want at least one")
    return float((tags & true).sum() / tags.sum())


def tag_recall(tags: Tensor, true: Tensor) -> float:
    """Share of the true words that are given, over all pictures and words; errors as for `tag_precision`."""
    _check_tags(tags, true)
    if not bool(true.any()):
        raise ValueError(f"true: got no true word in {tuple(true.shape)}, want at least one")
    return float((tags & true).sum() / true.sum())


def thresholds(similarity: Tensor, true: Tensor) -> Tensor:
    """For each word the similarity from which it should be given: where its F1 is largest.

    F1 is 2 · precision · recall / (precision + recall). For validation pictures; the largest of equal ones.

    Parameters
    ----------
    similarity : Tensor
        (N, K), pictures × words.
    true : Tensor
        (N, K) bool, each word true of one picture or more.

    Returns
    -------
    Tensor
        (K,), each one of its column's similarities.
    """
    check_tensor(similarity, "similarity", "N", "K", finite=True, some=True)
    check_tensor(true, "true", *similarity.shape, kind="bool")
    if not bool(true.any(0).all()):
        raise ValueError("true: got a word that is true of no picture, want each true of one or more")
    best = []
    for own, right in zip(similarity.T.contiguous(), true.T, strict=True):
        given = len(own) - torch.searchsorted(own.sort().values, own)  # (N,): how many are as similar or more
        hits = int(right.sum()) - torch.searchsorted(own[right].sort().values, own)
        f1 = 2 * hits / (given + right.sum())
        best.append(own[f1 >= f1.max()].max())
    return torch.stack(best)


def _check_tags(tags: Tensor, true: Tensor) -> None:
    check_tensor(tags, "tags", "N", "K", kind="bool", some=True)
    check_tensor(true, "true", *tags.shape, kind="bool")
