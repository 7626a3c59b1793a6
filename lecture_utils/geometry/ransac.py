"""RANSAC (S18.2): fit a model to data of which many are wrong, by many guesses from few samples.

M. Fischler, R. Bolles, "Random Sample Consensus", Communications of the ACM 1981. The number of rounds adapts
to the best share of inliers yet: R. Hartley, A. Zisserman, "Multiple View Geometry in Computer Vision", 2nd
edition, 2004, algorithm 4.5.

Simplified: what is kept is the model with most inliers, each counted alike; B models are fitted and judged at
once, which changes nothing but the time.

Shapes: B samples of S data each, which give M models; P data.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.geometry.degenerate import DegenerateViews
from lecture_utils.ops.checks import check_number, check_tensor, check_whole


class Consensus(NamedTuple):
    """The best model (…), which data agree with it (P,) bool, and how many guesses were made."""

    model: Tensor
    inliers: Tensor
    rounds: int


def rounds_needed(share: float, sample: int, confidence: float = 0.999) -> float:
    """How many samples make sure, to this confidence, that one is all inliers: log(1 - p) / log(1 - wˢ).

    Infinite where the share of inliers w is 0.
    """
    check_number(share, "share", 0, 1)
    check_whole(sample, "sample")
    if not check_number(confidence, "confidence", 0, above=True) < 1:
        raise ValueError(f"confidence: got {confidence}, want above 0 and below 1")
    pure = share**sample  # that a sample has no outlier
    if pure < 1e-15:
        return math.inf
    return math.log(1 - confidence) / math.log1p(-pure) if pure < 1 else 1.0


def ransac(
    fit: Callable[[Tensor], Tensor],
    distance: Callable[[Tensor], Tensor],
    count: int,
    *,
    sample: int,
    threshold: float,
    least: int,
    confidence: float = 0.999,
    most_rounds: int = 4096,
    batch: int = 64,
    seed: int = 0,
) -> Consensus:
    """Guess from random samples; keep the model that most data agree with.

    Parameters
    ----------
    fit : callable
        Indices (B, S) → M models (M, …), one a sample or several; NaN for a sample that fixes none.
    distance : callable
        Models (M, …) → (M, P): how far each datum is from each model.
    count : int
        P.
    sample : int
        S, the fewest data that fix a model.
    threshold : float
        A datum nearer than this agrees.
    least : int
        Fewer inliers are taken for chance.
    confidence : float
        That some sample was free of outliers, if the share of inliers is the best seen.
    most_rounds : int
        Guesses at most, if that is never reached.
    batch : int
        B.
    seed : int
        For the samples.

    Raises
    ------
    DegenerateViews
        With fewer data than a sample, or where no model has `least` inliers.
    ValueError
        For settings out of range, or distances of another shape.
    """
    for name, whole in {"sample": sample, "least": least, "most_rounds": most_rounds, "batch": batch}.items():
        check_whole(whole, name)
    check_whole(count, "count", 0)
    check_whole(seed, "seed", None)
    check_number(threshold, "threshold", 0, above=True)
    rounds_needed(0.5, sample, confidence)
    if count < sample:
        raise DegenerateViews(f"matches: got {count}, want {sample} or more")
    random = torch.Generator().manual_seed(seed)
    best, inliers, rounds, needed = torch.empty(0), torch.zeros(count, dtype=torch.bool), 0, 1.0 * most_rounds
    while rounds < min(needed, most_rounds):
        chosen = torch.rand(batch, count, generator=random).topk(sample, dim=1).indices  # (B, S)
        models = fit(chosen)  # (M, …)
        agree = check_distances(distance(models), count) < threshold  # (M, P); NaN agrees with none
        most = int(agree.sum(1).argmax())
        if agree[most].sum() > inliers.sum():
            best, inliers = models[most], agree[most]
            needed = rounds_needed(float(inliers.float().mean()), sample, confidence)
        rounds += batch
    if (found := int(inliers.sum())) < least:
        raise DegenerateViews(f"matches: got {found} of {count} that agree, want {least} or more")
    return Consensus(best, inliers, rounds)


def check_distances(distances: Tensor, count: int) -> Tensor:
    """Return what `distance` gave, or raise ValueError unless it is (M, P)."""
    check_tensor(distances, "distance(models)", "M", count)
    return distances
