"""How alike two surfaces are, by points on them (S18.1): Chamfer distance, F-score, agreement of normals.

Chamfer distance, as a loss: H. Fan, H. Su and L. Guibas, "A Point Set Generation Network for 3D Object
Reconstruction from a Single Image", CVPR 2017, eq. 2. F-score at a threshold: A. Knapitsch et al., "Tanks and
Temples", SIGGRAPH 2017, section 4; M. Tatarchenko et al., "What Do Single-View 3D Reconstruction Networks
Learn?", CVPR 2019, section 5, on why: one far point spoils a mean, but only one point of a share. Normal
consistency: L. Mescheder et al., "Occupancy Networks", CVPR 2019, section 4.

Conventions differ by squares, sums and halves, so that numbers of two papers can seldom be compared; ours are
said below.

Shapes: B pairs of sets, P and Q points.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor, check_type

ROOM = 20_000_000  # distances held at once


class Nearest(NamedTuple):
    """The nearest point of the other set: its distance (B, P), squared, and its number (B, P) int64."""

    squared: Tensor
    which: Tensor


class FScore(NamedTuple):
    """Shares of points within the threshold, (B,) each, in [0, 1].

    precision : of the predicted points, those near the truth.
    recall : of the true points, those near the prediction.
    f_score : their harmonic mean; 0 where both are 0.
    """

    precision: Tensor
    recall: Tensor
    f_score: Tensor


def nearest(a: Tensor, b: Tensor) -> Nearest:
    """Find for each point of `a` the nearest of `b`.

    Parameters
    ----------
    a, b : Tensor
        (B, P, 3) and (B, Q, 3), Q 1 or more.

    Returns
    -------
    Nearest
        Of the squared distances gradients flow to both sets; that another point might become the nearest is
        not part of them.
    """
    _check_sets(a, b)
    with torch.no_grad():
        rows = max(ROOM // max(len(b) * b.shape[1], 1), 1)
        exact = "donot_use_mm_for_euclid_dist"  # |a|² − 2ab + |b|² loses half the digits
        found = [torch.cdist(part, b, compute_mode=exact).argmin(2) for part in a.split(rows, 1)]
        index = torch.cat(found, 1)  # (B, P)
    partner = b.gather(1, index[..., None].expand(-1, -1, 3))  # (B, P, 3)
    return Nearest((a - partner).square().sum(-1), index)


def chamfer_distance(a: Tensor, b: Tensor, *, squared: bool = True) -> Tensor:
    """Mean distance to the nearest point of the other set, both ways, added.

    Parameters
    ----------
    a, b : Tensor
        (B, P, 3) and (B, Q, 3).
    squared : bool
        Squares of distances (the usual loss, m²), or distances (m).

    Returns
    -------
    Tensor
        (B,); differentiable (with `squared=False` not where two points coincide: there the slope is 0).
    """
    _check_sets(a, b)
    there, back = nearest(a, b).squared, nearest(b, a).squared  # (B, P), (B, Q)
    if not squared:
        there, back = _root(there), _root(back)
    return there.mean(1) + back.mean(1)


def f_score(predicted: Tensor, true: Tensor, threshold_m: float) -> FScore:
    """Count points that have one of the other set within a threshold.

    Parameters
    ----------
    predicted, true : Tensor
        (B, P, 3) and (B, Q, 3), points spread evenly over the surfaces.
    threshold_m : float
        τ. 1 % of the object's size is usual.

    Returns
    -------
    FScore
    """
    _check_sets(predicted, true)
    check_number(threshold_m, "threshold_m", 0, above=True)
    precision = (nearest(predicted, true).squared <= threshold_m**2).to(true.dtype).mean(1)
    recall = (nearest(true, predicted).squared <= threshold_m**2).to(true.dtype).mean(1)
    both = precision + recall
    return FScore(precision, recall, torch.where(both > 0, 2 * precision * recall / both, 0.0))


def normal_consistency(a: Tensor, normals_a: Tensor, b: Tensor, normals_b: Tensor) -> Tensor:
    """Mean |cosine| between a point's normal and that of the nearest point of the other set, both ways.

    Parameters
    ----------
    a, normals_a : Tensor
        (B, P, 3): points, and normals of length 1.
    b, normals_b : Tensor
        (B, Q, 3).

    Returns
    -------
    Tensor
        (B,) in [0, 1]; about ½ for normals that have nothing to do with one another.
    """
    _check_sets(a, b)
    check_tensor(normals_a, "normals_a", *a.shape, finite=True)
    check_tensor(normals_b, "normals_b", *b.shape, finite=True)
    ways = []
    for x, nx, y, ny in ((a, normals_a, b, normals_b), (b, normals_b, a, normals_a)):
        partner = ny.gather(1, nearest(x, y).which[..., None].expand(-1, -1, 3))
        ways.append((nx * partner).sum(-1).abs().mean(1))
    return (ways[0] + ways[1]) / 2


def _root(squared: Tensor) -> Tensor:
    """The square root, with slope 0 instead of infinity at 0."""
    apart = squared > 0
    return torch.where(apart, torch.where(apart, squared, 1.0).sqrt(), 0.0)


def _check_sets(a: Tensor, b: Tensor) -> None:
    """Two batches of finite points, of one type."""
    check_tensor(a, "a", "B", "P", 3, finite=True, some=True)
    check_tensor(b, "b", len(a), "Q", 3, finite=True, some=True)
    check_type(b, a, name="b")
