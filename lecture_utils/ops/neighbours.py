"""Nearest neighbours: how alike two sets of features are, and a vote among those that are most alike.

T. Cover, P. Hart, "Nearest Neighbor Pattern Classification", IEEE Transactions on Information Theory, 1967.

Shapes: N rows to search, B queries, D numbers a feature, k neighbours, K classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_classes, check_float, check_tensor, check_whole


def check_features(x: Tensor, width: int | None = None, *, name: str = "features") -> None:
    """Raise ValueError unless these are finite floating-point features (N, D), D = `width` where given."""
    check_float(x, name=name)
    wanted = f"(N, {'D' if width is None else width})"
    if x.ndim != 2 or 0 in x.shape or (width is not None and x.shape[1] != width):
        hint = "; flatten(1) makes rows of maps" if x.ndim > 2 else ""
        raise ValueError(f"{name}: got shape {tuple(x.shape)}, want {wanted}, not empty{hint}")
    if not bool(torch.isfinite(x).all()):
        raise ValueError(f"{name}: got NaN or infinite values, want finite numbers")


def cosine_similarity(queries: Tensor, rows: Tensor) -> Tensor:
    """Cosine of the angle of each pair of queries (B, D) and rows (N, D), (B, N); 0 for a row of zeros."""
    check_tensor(queries, "queries", "B", "D", some=True)
    check_tensor(rows, "rows", "N", queries.shape[1], some=True)
    return F.normalize(queries, dim=1) @ F.normalize(rows, dim=1).T  # q·r / (|q| |r|)


def vote(labels: Tensor, classes: int, weights: Tensor | None = None) -> Tensor:
    """Add up the votes of each query's neighbours.

    Parameters
    ----------
    labels : Tensor
        (B, k), the class of each neighbour.
    classes : int
        K.
    weights : Tensor, optional
        (B, k), how much each vote counts; 1 if omitted.

    Returns
    -------
    Tensor
        (B, K), of the weights' type; int64 without weights.

    Raises
    ------
    ValueError
        For other shapes, or a label that is no class.
    """
    check_whole(classes, "classes")
    check_classes(labels, "labels", "B", "k", classes=classes)
    weights = torch.ones_like(labels) if weights is None else weights
    check_tensor(weights, "weights", *labels.shape, kind="any", finite=True)
    votes = torch.zeros(len(labels), classes, dtype=weights.dtype, device=labels.device)
    return votes.scatter_add_(1, labels.long(), weights)
