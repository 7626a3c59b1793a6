"""Identities through a video: whose mask is whose, and how often that changes.

K. Bernardin, R. Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics",
EURASIP Journal on Image and Video Processing 2008, section 2.1: a mismatch is counted where a person's track
is another than the last one that it was matched with; frames without a match count neither way.

Shapes: F frames, P tracks, G people, H and W height and width.
"""

import itertools

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor

MOST = 6  # tracks: all one-to-one matches are tried


def mask_ious(masks: Tensor, truth: Tensor) -> Tensor:
    """Return the IoU of each track's mask with each person's, (F, P, G); 0 where both are empty.

    Parameters
    ----------
    masks : Tensor
        (F, P, H, W) bool, the tracks'.
    truth : Tensor
        (F, G, H, W) bool, the people's.
    """
    check_tensor(masks, "masks", "F", "P", "H", "W", kind="bool")
    check_tensor(truth, "truth", len(masks), "G", *masks.shape[2:], kind="bool")
    a, b = (x.flatten(2).float() for x in (masks, truth))
    both = a @ b.mT  # (F, P, G)
    either = a.sum(2)[:, :, None] + b.sum(2)[:, None] - both
    return both / either.clamp_min(1)


def identity_switches(ious: Tensor, *, threshold: float = 0.5) -> int:
    """Count how often a person's track changes.

    Parameters
    ----------
    ious : Tensor
        (F, P, G), of `mask_ious`; P and G up to 6.
    threshold : float
        Below this IoU nobody is matched.

    Raises
    ------
    ValueError
        For another shape, values outside [0, 1], or more than 6 tracks or people.
    """
    check_tensor(ious, "ious", "F", "P", "G", finite=True)
    check_number(threshold, "threshold", 0, 1, above=True)
    if max(ious.shape[1:]) > MOST:
        raise ValueError(f"ious: got {tuple(ious.shape)}, want {MOST} tracks and people at most")
    if ious.numel() and not (float(ious.min()) >= 0 and float(ious.max()) <= 1 + 1e-6):
        raise ValueError(f"ious: got {float(ious.min()):.3g} to {float(ious.max()):.3g}, want all in [0, 1]")
    last: dict[int, int] = {}
    switches = 0
    for frame in ious:
        for person, track in best_match(frame, threshold).items():
            switches += last.get(person, track) != track
            last[person] = track
    return switches


def best_match(ious: Tensor, threshold: float) -> dict[int, int]:
    """Match tracks and people (P, G) one to one for the largest sum of IoUs: {person: track}."""
    check_tensor(ious, "ious", "P", "G", finite=True)
    check_number(threshold, "threshold", 0, 1, above=True)
    counted = torch.where(ious >= threshold, ious, 0.0)
    tracks, people = counted.shape
    side = max(tracks, people)
    square = torch.nn.functional.pad(counted, (0, side - people, 0, side - tracks))  # (side, side)
    orders = list(itertools.permutations(range(side)))  # orders[i][person] is a track
    sums = torch.stack([square[list(order), torch.arange(side)].sum() for order in orders])
    best = orders[int(sums.argmax())]
    return {person: track for person, track in enumerate(best) if square[track, person] > 0}
