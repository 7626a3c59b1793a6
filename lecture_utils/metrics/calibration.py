"""Calibration: of all answers given with 80 % confidence, 80 % should be right.

C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On Calibration of Modern Neural Networks, ICML 2017 (section 2);
the error in bins is from M. P. Naeini, G. F. Cooper, M. Hauskrecht, AAAI 2015.

Shapes: N samples, K classes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_classes, check_float, check_whole
from lecture_utils.ops.precision import precise


@dataclass(frozen=True, eq=False)
class Reliability:
    """Answers sorted into equal bins by their confidence.

    Attributes
    ----------
    edges : Tensor
        (bins + 1,) from 0 to 1.
    confidence, accuracy : Tensor
        (bins,) means in each bin; 0 where it is empty.
    share : Tensor
        (bins,) of all answers, with sum 1.
    error : float
        The expected calibration error: mean of |accuracy - confidence| with the shares as weights.
    """

    edges: Tensor
    confidence: Tensor
    accuracy: Tensor
    share: Tensor

    @property
    def error(self) -> float:
        """Expected calibration error, in [0, 1]."""
        return float((self.share * (self.accuracy - self.confidence).abs()).sum())


def reliability(probabilities: Tensor, labels: Tensor, bins: int = 15) -> Reliability:
    """Compare how sure a classifier was with how often it was right.

    Parameters
    ----------
    probabilities : Tensor
        (N, K), each row with sum 1.
    labels : Tensor
        (N,) class numbers.
    bins : int
        Number of bins, each open below and closed above.

    Returns
    -------
    Reliability

    Raises
    ------
    ValueError
        For other shapes, no samples, rows that do not sum to 1, labels that are no classes, or no bins.
    """
    check_float(probabilities, name="probabilities")
    check_whole(bins, "bins", 0)
    check_classes(labels, "labels", "N")
    if probabilities.ndim != 2 or labels.shape != (len(probabilities),) or not len(labels) or bins < 1:
        raise ValueError(
            f"got probabilities {tuple(probabilities.shape)}, labels {tuple(labels.shape)} and {bins} bins, "
            "want (N, K), (N,) with N of 1 or more, and 1 bin or more"
        )
    check_classes(labels, "labels", "N", classes=probabilities.shape[1])
    p = precise(probabilities)
    labels = labels.to(p.device)
    if not bool(((p.sum(1) - 1).abs() < 1e-3).all()) or bool((p < 0).any()):
        raise ValueError("probabilities: got a row that does not sum to 1, want a softmax's output")
    confidence, answer = p.max(dim=1)  # (N,)
    right = precise(answer == labels)
    edges = torch.linspace(0, 1, bins + 1, dtype=p.dtype, device=p.device)
    # (N,): the bin whose lower edge < confidence ≤ its upper edge
    place = (torch.bucketize(confidence.clamp_max(1), edges) - 1).clamp_min(0)
    count = precise(torch.bincount(place, minlength=bins))  # (bins,)
    sums = [torch.zeros_like(count).index_add_(0, place, v) for v in (confidence, right)]
    sure, correct = (s / count.clamp_min(1) for s in sums)
    return Reliability(edges, sure, correct, count / len(labels))


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = 15) -> float:
    """The error of `reliability`, in [0, 1]: 0 for a classifier that is as sure as it is right."""
    return reliability(probabilities, labels, bins).error
