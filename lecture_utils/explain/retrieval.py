"""Retrieval: keep the features of a data set, and look up those nearest to a new one.

Nearest neighbours in feature space are the first look into a network: A. Krizhevsky, I. Sutskever,
G. Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NeurIPS 2012, figure 4 (right).
Voting among them, k nearest neighbours, is T. Cover, P. Hart, "Nearest Neighbor Pattern Classification",
IEEE Transactions on Information Theory, 1967.

Simplified: compares with every row (exact), one vote a neighbour.

Shapes: N rows of the database, B queries, D numbers a feature, K classes, k neighbours.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_choice, check_classes, check_whole
from lecture_utils.ops.neighbours import check_features, vote
from lecture_utils.ops.precision import at_least_single, precise


class Neighbours(NamedTuple):
    """For each query its k nearest rows, nearest first: their numbers (B, k), how alike they are (B, k)."""

    rows: Tensor
    similarity: Tensor


class FeatureDatabase:
    """Features of a data set, ready to be searched.

    Parameters
    ----------
    features : Tensor
        (N, D), floating point; half precision is kept as float32. Maps or images: `flatten(1)` them first.
    labels : Tensor, optional
        (N,) integers from 0: needed to vote and to judge.
    metric : "cosine" or "euclidean"
        What alike means: the cosine of the angle, or minus the distance.

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, or labels that do not fit.
    """

    def __init__(self, features: Tensor, labels: Tensor | None = None, *, metric: str = "cosine") -> None:
        check_choice(metric, "metric", "cosine", "euclidean")
        check_features(features)
        if labels is not None:
            check_classes(labels, "labels", len(features))
        features = at_least_single(features)
        self.metric, self.labels = metric, None if labels is None else labels.long().to(features.device)
        self.features = F.normalize(features, dim=1) if metric == "cosine" else features

    def __len__(self) -> int:
        """Return N."""
        return len(self.features)

    def similarity(self, x: Tensor) -> Tensor:
        """Return how alike queries (B, D), of any float type, are to all rows, (B, N): more is larger."""
        check_features(x, self.features.shape[1])
        x = x.to(self.features)
        if self.metric == "cosine":
            return F.normalize(x, dim=1) @ self.features.T  # the rows have length 1 already
        return -torch.cdist(x, self.features, compute_mode="donot_use_mm_for_euclid_dist")

    def query(self, x: Tensor, k: int = 5, *, exclude: Tensor | None = None) -> Neighbours:
        """Find the k rows most like each query.

        Parameters
        ----------
        x : Tensor
            (B, D).
        k : int
            1 to N.
        exclude : Tensor, optional
            (B,) a row that each query may not get: itself, where it stands in the database too.

        Raises
        ------
        ValueError
            If the shapes do not fit, or there are fewer than k rows to give.
        """
        check_whole(k, "k", 0)
        most = len(self) - (exclude is not None)
        if not 1 <= k <= most:
            raise ValueError(f"query: got k = {k}, want 1 to {most}, the rows there are")
        similarity = self.similarity(x)  # (B, N)
        if exclude is not None:
            check_classes(exclude, "exclude", len(x), classes=len(self))
            similarity.scatter_(1, exclude.long()[:, None].to(similarity.device), -torch.inf)
        best = similarity.topk(k, dim=1)  # sorted, the most alike first
        return Neighbours(best.indices, best.values)

    def knn_predict(self, x: Tensor, k: int = 5, *, exclude: Tensor | None = None) -> Tensor:
        """Classify queries (B, D) by a vote of their k nearest rows, (B,); of tied classes, the lowest."""
        labels = self._labels()
        found = labels[self.query(x, k, exclude=exclude).rows]  # (B, k)
        return vote(found, int(labels.max()) + 1).argmax(1)  # (B, K) votes → (B,)

    def precision_at_k(
        self, x: Tensor, labels: Tensor, k: int = 5, *, exclude: Tensor | None = None
    ) -> float:
        """Return the share of the k nearest rows that have the query's label, the mean over queries."""
        check_features(x, self.features.shape[1])
        check_classes(labels, "labels", len(x))
        found = self._labels()[self.query(x, k, exclude=exclude).rows]  # (B, k)
        return precise(found == labels[:, None].to(found.device)).mean().item()

    def _labels(self) -> Tensor:
        if self.labels is None:
            raise ValueError("this database has no labels; want FeatureDatabase(features, labels)")
        return self.labels
