"""Nearest neighbours by squared distances in portions: is a generated picture a copy of a training picture?

A generator that has learnt its training pictures by heart has a perfect Fréchet distance to them. What tells
is the distance to the *nearest* training picture, beside the same distance of real pictures that the
generator has never seen. As C. Meehan, K. Chaudhuri, S. Dasgupta, "A Non-Parametric Test to Detect
Data-Copying in Generative Models", AISTATS 2020; simplified: distances are shown, no test statistic is taken.

Shapes: N rows, M rows of a pool, F features (or pixels).
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_finite, check_float, check_whole

PORTION = 512  # rows compared at a time with the whole pool


def check_rows(x: Tensor, name: str, features: int | None = None) -> None:
    """Raise ValueError unless `x` is finite floating point (N, F), N and F ≥ 1 (and has so many features)."""
    check_float(x, name=name)
    if x.ndim != 2 or x.numel() == 0 or (features is not None and x.shape[1] != features):
        want = f"(N, {features or 'F'}) with N ≥ 1, F ≥ 1"
        raise ValueError(f"{name}: got shape {tuple(x.shape)}, want {want}")
    check_finite(x, name)


def nearest_rows(rows: Tensor, pool: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """Return the distance to each row's k-th nearest row of a pool, and which that is.

    Parameters
    ----------
    rows : Tensor, (N, F)
    pool : Tensor, (M, F)
    k : int
        1 to M: 1 for the nearest. Where `rows` is the pool itself, each row's nearest is itself, and k = 2
        gives its nearest other one.

    Returns
    -------
    distance : Tensor, (N,)
        Euclidean, in units of the features.
    index : Tensor, (N,) int64
        Into the pool.

    Raises
    ------
    ValueError
        For rows that are not finite (N, F) and (M, F), or another k.
    """
    check_rows(rows, "rows")
    check_rows(pool, "pool", rows.shape[1])
    check_whole(k, "k", 1)
    if k > len(pool):
        raise ValueError(f"k: got {k}, want 1 to the pool's {len(pool)}")
    found = []
    for part in rows.split(PORTION):
        gap = torch.cdist(part, pool, compute_mode="use_mm_for_euclid_dist")  # (B, M), rounded
        index = gap.topk(k, dim=1, largest=False).indices[:, -1]  # (B,)
        found.append((torch.linalg.vector_norm(part - pool[index], dim=1), index))  # exact: 0 for a copy
    distance, index = (torch.cat(column) for column in zip(*found, strict=True))
    return distance, index
