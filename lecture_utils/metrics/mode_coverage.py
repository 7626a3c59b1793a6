"""Mode coverage: how many of a mixture's modes a generator hits, and how well (S15.4).

A. Srivastava et al., "VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning", NeurIPS
2017, section 4.1: a sample is of high quality if it lies within three standard deviations of the nearest
mode. A mode counts as hit if at least one sample of high quality is nearest to it. The reverse
Kullback-Leibler divergence over modes is what Z. Lin et al., "PacGAN", NeurIPS 2018, report beside both.

Simplified: modes of one round shape and equal weight. Of real samples in two dimensions 1 - exp(-9/2) =
98.9 % are of high quality, not all: that is the figure to compare with.

Shapes: N samples, D dimensions, M modes.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor


@dataclass(frozen=True)
class Coverage:
    """What a set of samples covers of a mixture.

    Attributes
    ----------
    modes : int
        Modes hit, 0 to M.
    high_quality : float
        Share of the samples within reach of their nearest mode, in [0, 1].
    reverse_kl : float
        Σ q log(q / p) over modes, in nats: q the share of the samples nearest to each mode, p = 1 / M. 0
        where all modes get their share, log M where one gets all.
    """

    modes: int
    high_quality: float
    reverse_kl: float


def mode_coverage(samples: Tensor, centres: Tensor, deviation: float, *, within: float = 3.0) -> Coverage:
    """Count the modes that samples hit, and the samples that hit one.

    Parameters
    ----------
    samples : Tensor, (N, D)
        N ≥ 1, finite.
    centres : Tensor, (M, D)
        Of the modes, M ≥ 1.
    deviation : float
        Standard deviation of a mode along each axis, above 0.
    within : float
        Reach, in deviations.

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, or a deviation or reach that is not above 0.
    """
    check_tensor(samples, "samples", "N", "D", finite=True, some=True)
    check_tensor(centres, "centres", "M", samples.shape[1], finite=True, some=True)
    check_number(deviation, "deviation", 0, above=True)
    check_number(within, "within", 0, above=True)
    apart = torch.cdist(samples.double(), centres.double())  # (N, M)
    distance, nearest = apart.min(dim=1)  # (N,), (N,)
    good = distance <= within * deviation  # (N,)
    counts = torch.bincount(nearest, minlength=len(centres)).double()  # (M,)
    share = counts / len(samples)
    return Coverage(
        modes=int(nearest[good].unique().numel()),
        high_quality=float(good.double().mean()),
        reverse_kl=float(torch.xlogy(share, share).sum()) + math.log(len(centres)),
    )
