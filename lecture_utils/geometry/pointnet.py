"""PointNet (S18.3): points are read one by one, and a maximum over them makes one answer of all.

C. R. Qi, H. Su, K. Mo, L. J. Guibas, "PointNet: Deep Learning on Point Sets for 3D Classification and
Segmentation", CVPR 2017: the symmetric function (section 4.2, equation 1), the two alignment networks and the
penalty on the second (equation 2), classification and segmentation (figure 2; sizes in the supplement,
section C), the points that count (section 4.3, theorem 2, and figure 7).

Simplified: one `width` scales all layers (64 in the paper); part segmentation uses the network of figure 2
with the object's class beside the pooled feature, without the supplement's wider layers and links between
them; the share of new statistics in batch normalisation stays the same throughout training.

The pooled feature does not depend on the order of the points. In floating point that holds to the last bit
after `in_one_order` (`geometry/point_layers.py` says why), in evaluation mode; in training, dropout and the
statistics of the batch speak too.

Shapes: B clouds, P points, C channels of a point (3: x, y, z), D = width, F = 16 · width, K classes.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.geometry.point_layers import (
    PointConv,
    PointConvBesideCloud,
    dense,
    matrix_times_points,
    shared_mlp,
)
from lecture_utils.ops.checks import (
    check_classes,
    check_labels,
    check_number,
    check_sizes,
    check_tensor,
    check_tokens,
)


class TransformNet(nn.Module):
    """T-Net: a small PointNet that looks at the whole cloud and says by which matrix to turn every point.

    Parameters
    ----------
    channels : int
        C: the matrix is C × C. It starts as the identity.
    width : int
        64 in the paper: layers of 1, 2 and 16 widths a point, then 8 and 4 for the cloud.
    """

    in_one_order = False

    def __init__(self, channels: int, *, width: int = 64) -> None:
        super().__init__()
        check_sizes("T-Net", channels=channels, width=width)
        self.channels = channels
        self.points = shared_mlp(channels, width, 2 * width, 16 * width)
        self.cloud = dense(16 * width, 8 * width, 4 * width)
        self.matrix = nn.Linear(4 * width, channels * channels)
        nn.init.zeros_(self.matrix.weight)
        self.matrix.bias.data = torch.eye(channels).flatten()

    def forward(self, x: Tensor) -> Tensor:  # (B, C, P)
        pooled = self.points(x).max(dim=2).values  # (B, 16 D)
        return self.matrix(self.cloud(pooled)).unflatten(1, (self.channels, self.channels))  # (B, C, C)

    def turn(self, matrix: Tensor, x: Tensor) -> Tensor:
        """Turn all points (B, C, P) by their cloud's matrix (B, C, C)."""
        check_tensor(x, "x", "B", self.channels, "P", some=True)
        check_tensor(matrix, "matrix", len(x), self.channels, self.channels)
        return matrix_times_points(matrix, x) if self.in_one_order else matrix @ x


class PointFeatures(NamedTuple):
    """What a PointNet knows of each cloud.

    Attributes
    ----------
    local : Tensor
        (B, D, P), each point by itself.
    deep : Tensor
        (B, F, P), the same after the last shared layer: not negative.
    pooled : Tensor
        (B, F), the maximum of `deep` over the points.
    transform : Tensor or None
        (B, D, D), the second alignment.
    """

    local: Tensor
    deep: Tensor
    pooled: Tensor
    transform: Tensor | None


class PointNet(nn.Module):
    """From points to one feature a cloud that does not depend on their order (figure 2, the upper row).

    Parameters
    ----------
    channels : int
        C: 3 coordinates, or 9 where colours and a place in the room come with them.
    width : int
        D.
    transforms : bool
        Use the two alignment networks. Without them it is the paper's "vanilla" PointNet.

    Raises
    ------
    ValueError
        For sizes below 1; from `forward`, for input that is not floating point (B, P, C), or one cloud alone
        in training (batch norm needs two).
    """

    def __init__(self, *, channels: int = 3, width: int = 64, transforms: bool = True) -> None:
        super().__init__()
        check_sizes("PointNet", channels=channels, width=width)
        self.channels, self.width, self.transforms = channels, width, transforms
        if transforms:
            self.align_points = TransformNet(channels, width=width)
            self.align_features = TransformNet(width, width=width)
        self.first = shared_mlp(channels, width, width)
        self.second = shared_mlp(width, width, 2 * width, 16 * width)

    def forward(self, points: Tensor) -> PointFeatures:  # (B, P, C)
        check_points(points, self)
        x, transform = points.transpose(1, 2), None  # (B, C, P)
        if self.transforms:
            x = self.align_points.turn(self.align_points(x), x)
        local = self.first(x)  # (B, D, P)
        if self.transforms:
            transform = self.align_features(local)  # (B, D, D)
            local = self.align_features.turn(transform, local)
        deep = self.second(local)  # (B, F, P): h of equation 1
        return PointFeatures(local, deep, deep.max(dim=2).values, transform)


def check_points(points: Tensor, model: PointNet) -> None:
    """Raise ValueError unless these are clouds (B, P, C) of the model's type, two or more in training."""
    check_tokens(points, model.channels, like=model.first[0].weight, name="points")  # type: ignore[arg-type]
    if model.training and len(points) < 2:
        raise ValueError("points: got one cloud in training, want two or more: batch norm compares them")


class PointNetClassifier(nn.Module):
    """One class for the whole cloud: the pooled feature, and three linear layers.

    Parameters
    ----------
    classes : int
        K.
    channels, width, transforms
        As for `PointNet`.
    dropout : float
        Before the last layer; 0.3 in the paper.
    """

    def __init__(
        self,
        classes: int,
        *,
        channels: int = 3,
        width: int = 64,
        transforms: bool = True,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        check_sizes("PointNet", classes=classes)
        check_number(dropout, "dropout", 0, 1)
        self.features = PointNet(channels=channels, width=width, transforms=transforms)
        self.cloud = dense(16 * width, 8 * width, 4 * width)
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(4 * width, classes)

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor | None]:  # (B, P, C)
        """Return scores (B, K) and the second alignment (B, D, D), None without."""
        features = self.features(points)
        x = self.dropout(self.cloud(features.pooled))  # (B, 4 D)
        return self.score(x), features.transform


class PointNetSegmenter(nn.Module):
    """One class for each point: what the point is by itself, beside what the whole cloud is.

    Parameters
    ----------
    classes : int
        K: of parts, or of things in a scene.
    categories : int
        How many classes of objects there are, where the object's own is told (part segmentation); else 0.
    channels, width, transforms
        As for `PointNet`.
    """

    def __init__(
        self,
        classes: int,
        *,
        categories: int = 0,
        channels: int = 3,
        width: int = 64,
        transforms: bool = True,
    ) -> None:
        super().__init__()
        check_sizes("PointNet", classes=classes)
        check_sizes("PointNet", least=0, categories=categories)
        self.categories = categories
        self.features = PointNet(channels=channels, width=width, transforms=transforms)
        self.join = PointConvBesideCloud(width, 16 * width + categories, 8 * width)
        self.points = nn.Sequential(
            nn.BatchNorm1d(8 * width), nn.ReLU(), shared_mlp(8 * width, 4 * width, 2 * width, 2 * width)
        )
        self.score = PointConv(2 * width, classes)

    def forward(self, points: Tensor, category: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return scores (B, K, P) and the second alignment for points (B, P, C), object classes (B,)."""
        features = self.features(points)
        cloud = features.pooled  # (B, F)
        if self.categories == 0 and category is not None:
            raise ValueError("category: got some, want none: this network was made for no categories")
        if self.categories:
            check_labels(category, "category", len(points), self.categories)  # type: ignore[arg-type]
            told = F.one_hot(category, self.categories).to(cloud)  # type: ignore[arg-type]
            cloud = torch.cat([cloud, told], dim=1)  # (B, F + categories)
        x = self.join(features.local, cloud)  # of D + F numbers a point, 1088 in the paper: (B, 8 D, P)
        return self.score(self.points(x)), features.transform


def orthogonality_penalty(transform: Tensor) -> Tensor:
    """‖I − A Aᵀ‖² summed over the matrix's entries, mean over clouds (equation 2).

    A matrix that turns and does not squash loses nothing of what it is given. Raises ValueError for what is
    no batch of square matrices (B, D, D).
    """
    side = transform.shape[-1] if isinstance(transform, Tensor) and transform.ndim else "D"
    check_tensor(transform, "transform", "B", side, side, some=True, finite=True)
    identity = torch.eye(transform.shape[1], dtype=transform.dtype, device=transform.device)
    return (identity - transform @ transform.transpose(1, 2)).square().sum(dim=(1, 2)).mean()


def pointnet_loss(
    scores: Tensor, labels: Tensor, transform: Tensor | None = None, *, penalty: float = 0.001
) -> Tensor:
    """Cross-entropy of clouds or of points, and the penalty on the second alignment.

    Parameters
    ----------
    scores : Tensor
        (B, K) or (B, K, P).
    labels : Tensor
        (B,) or (B, P) int64.
    transform : Tensor, optional
        (B, D, D).
    penalty : float
        Its weight: 0.001 in the paper.

    Raises
    ------
    ValueError
        For other shapes or types, labels that are no class, or a weight below 0.
    """
    check_number(penalty, "penalty", 0)
    shape = ("B", "K", "P") if isinstance(scores, Tensor) and scores.ndim == 3 else ("B", "K")
    check_tensor(scores, "scores", *shape, some=True, finite=True)
    check_classes(labels, "labels", len(scores), *scores.shape[2:], classes=scores.shape[1])
    loss = F.cross_entropy(scores, labels)
    return loss if transform is None else loss + penalty * orthogonality_penalty(transform)


def critical_points(features: PointFeatures) -> Tensor:
    """Mark the points that win the maximum in some channel: (B, P) bool (theorem 2, figure 7).

    They alone make the pooled feature: it is the same without all others, as long as the alignments stay.
    Of points that win together each is marked. A channel in which all points have 0 says nothing of any.

    Raises ValueError for what is no `PointFeatures`.
    """
    if not isinstance(features, PointFeatures):
        raise ValueError(f"features: got {type(features).__name__}, want what a PointNet returns")
    wins = (features.deep == features.pooled[:, :, None]) & (features.deep > 0)  # (B, F, P)
    return wins.any(dim=1)
