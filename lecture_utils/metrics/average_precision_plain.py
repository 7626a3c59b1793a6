"""Which detection finds which object, at one IoU: `average_precision.py` has it for several at once."""

import torch
from torch import Tensor


def match_detections(ious: Tensor, threshold: float) -> Tensor:
    """The object that each detection finds, best detection first: (D, G) IoUs to (D,), -1 for none."""
    free = torch.ones(ious.shape[1], dtype=torch.bool)  # (G,) objects that nobody has found yet
    matched = torch.full((len(ious),), -1)
    for d in range(len(ious)):
        fits = free & (ious[d] >= threshold)
        if fits.any():
            best = torch.where(fits, ious[d], -1).argmax()
            matched[d] = best
            free[best] = False  # a second detection of it counts as wrong
    return matched
