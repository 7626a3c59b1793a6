"""Principal components: the directions in which data varies most, by the singular value decomposition.

K. Pearson, "On Lines and Planes of Closest Fit to Systems of Points in Space", Philosophical Magazine, 1901;
H. Hotelling, "Analysis of a Complex of Statistical Variables into Principal Components", Journal of
Educational Psychology, 1933.

Shapes: N points, D numbers a point, k components.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_whole
from lecture_utils.ops.neighbours import check_features
from lecture_utils.ops.precision import at_least_single


class PCA(NamedTuple):
    """Mean (D,), components (k, D) of length 1, variance along each (k,), its share of the whole (k,)."""

    mean: Tensor
    components: Tensor
    variance: Tensor
    ratio: Tensor

    def transform(self, x: Tensor) -> Tensor:
        """Give points (N, D) by their k coordinates along the components, (N, k)."""
        check_features(x, len(self.mean))
        x = x.to(self.mean)
        return (x - self.mean) @ self.components.T

    def inverse(self, z: Tensor) -> Tensor:
        """Go back from k coordinates (N, k) to points (N, D) on the plane of the components."""
        check_features(z, len(self.components))
        return z.to(self.components) @ self.components + self.mean


def fit_pca(x: Tensor, k: int = 2) -> PCA:
    """Find the k directions of largest variance.

    With the centred points as rows of X = U S Vᵀ, the covariance Xᵀ X / (N − 1) is V S² Vᵀ / (N − 1): the
    rows of Vᵀ are its eigenvectors, S² / (N − 1) its eigenvalues, and no covariance need be computed.

    Parameters
    ----------
    x : Tensor
        (N, D), floating point, N ≥ 2; half precision is computed and returned as float32.
    k : int
        1 to min(N, D).

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, or k out of range.

    Notes
    -----
    A component's sign is arbitrary; here its largest entry (by size) is positive.
    """
    check_features(x)
    check_whole(k, "k", 0)
    x = at_least_single(x)
    n, most = len(x), min(x.shape)
    if n < 2 or not 1 <= k <= most:
        raise ValueError(f"PCA: got {tuple(x.shape)} and k = {k}, want N ≥ 2 points and k from 1 to {most}")
    mean = x.mean(0)
    _, singular, directions = torch.linalg.svd(x - mean, full_matrices=False)  # (min,), (min, D)
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))  # (min, 1)
    directions = directions * torch.where(largest < 0, -1, 1)
    variance = singular.square() / (n - 1)
    total = variance.sum()
    return PCA(mean, directions[:k], variance[:k], variance[:k] / total.masked_fill(total == 0, 1))
