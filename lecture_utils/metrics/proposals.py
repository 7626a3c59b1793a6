"""Proposals: how many of the objects the first n boxes of each picture cover.

J. Uijlings et al., "Selective Search for Object Recognition", IJCV 2013, section 5.1 (best overlap, recall);
J. Hosang, R. Benenson, P. Dollár, B. Schiele, "What Makes for Effective Detection Proposals?", TPAMI 2016.

Shapes: N boxes of a picture, the best first; G objects of a picture.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_utils.ops.boxes import box_iou, check_box_set
from lecture_utils.ops.checks import check_number, check_whole


def best_overlaps(proposals: Sequence[Tensor], truth: Sequence[Tensor], n: int) -> Tensor:
    """The largest IoU of each object with one of the first n boxes of its picture.

    Parameters
    ----------
    proposals : sequence of Tensor
        For each picture (N, 4) x1, y1, x2, y2, the best first.
    truth : sequence of Tensor
        For each picture (G, 4).
    n : int
        How many boxes of each picture count, 1 or more.

    Returns
    -------
    Tensor
        One number in [0, 1] for each object of all pictures; 0 where a picture has no box. Its mean is the
        mean best overlap.

    Raises
    ------
    ValueError
        For sets of different numbers of pictures, none, what is no set of boxes, or n below 1.
    """
    check_whole(n, "n")
    check_sets(proposals, truth)
    best = []
    for boxes, objects in zip(proposals, truth, strict=True):
        nowhere = objects.new_zeros(1, len(objects))  # for a picture without a box
        best.append(torch.cat([box_iou(boxes[:n], objects), nowhere]).amax(0))  # (G,)
    return torch.cat(best)


def recall_at(proposals: Sequence[Tensor], truth: Sequence[Tensor], n: int, iou: float = 0.5) -> float:
    """Share of the objects with which one of the first n boxes of their picture has at least this IoU.

    Parameters and errors as for `best_overlaps`; ValueError for an IoU out of [0, 1] or no object at all too.
    """
    check_number(iou, "iou", 0, 1)
    best = best_overlaps(proposals, truth, n)
    if len(best) == 0:
        raise ValueError(f"truth: got no object in {len(truth)} pictures, want one or more")
    return float((best >= iou).double().mean())


def check_sets(proposals: Sequence[Tensor], truth: Sequence[Tensor]) -> None:
    """Raise ValueError unless both have one set of boxes for each picture, one picture or more."""
    for name, sets in (("proposals", proposals), ("truth", truth)):
        if not isinstance(sets, Sequence) or len(sets) == 0 or len(sets) != len(truth):
            got = f"{len(sets)} items" if isinstance(sets, Sequence) else type(sets).__name__
            raise ValueError(f"{name}: got {got}, want one set of boxes for each picture, in both")
        for boxes in sets:
            check_box_set(boxes, name)
