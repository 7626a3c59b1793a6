"""Panoptic quality as the paper tells it, mask by mask; `panoptic.py` gets all overlaps from one table.

A. Kirillov et al., "Panoptic Segmentation", CVPR 2019, sections 4.1 and 4.2.
"""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from lecture_utils.metrics.panoptic import SegmentMatches, check_maps, check_pairs
from lecture_utils.ops.checks import check_whole
from lecture_utils.segmentation.panoptic_codes import CODES, VOID, check_map, check_things


def segments(codes: Tensor, things: Collection[int]) -> dict[int, Tensor]:
    """The masks of a map by code; a class of stuff has one, whatever its instance numbers say."""
    check_map(codes, "codes")
    check_things(things)
    masks: dict[int, Tensor] = {}
    for code in codes.unique().tolist():
        if code != VOID:
            name = code if code // CODES in things else code // CODES * CODES
            masks[name] = masks.get(name, torch.zeros_like(codes, dtype=torch.bool)) | (codes == code)
    return masks


def match_segments(
    found: Tensor, truth: Tensor, *, things: Collection[int], crowds: Collection[int] = ()
) -> SegmentMatches:
    """What `panoptic.match_segments` gives, by trying each found segment on each true one."""
    check_maps(found, truth)
    check_things(things)
    void = truth == VOID
    mine, theirs = segments(found, things), segments(truth, things)
    groups = {code: mask for code, mask in theirs.items() if code in crowds}
    theirs = {code: mask for code, mask in theirs.items() if code not in crowds}
    matches = []
    for code, mask in mine.items():
        for true_code, true_mask in theirs.items():
            if code // CODES != true_code // CODES:
                continue
            both = (mask & true_mask & ~void).sum()
            either = ((mask | true_mask) & ~void).sum()
            if both / either > 0.5:
                matches.append((code, true_code, float(both.double() / either)))
    false_positives = []
    for code in mine.keys() - {own for own, _, _ in matches}:
        passed_over = void.clone()
        for group, mask in groups.items():
            if group // CODES == code // CODES:
                passed_over |= mask
        if (mine[code] & passed_over).sum() / mine[code].sum() <= 0.5:
            false_positives.append(code)
    false_negatives = theirs.keys() - {own for _, own, _ in matches}
    return SegmentMatches(
        torch.tensor([own for own, _, _ in matches], dtype=torch.int64),
        torch.tensor([own for _, own, _ in matches], dtype=torch.int64),
        torch.tensor([iou for _, _, iou in matches], dtype=torch.float64),
        torch.tensor(sorted(false_positives), dtype=torch.int64),
        torch.tensor(sorted(false_negatives), dtype=torch.int64),
    )


def panoptic_quality(
    found: Sequence[Tensor], truth: Sequence[Tensor], *, classes: int, things: Collection[int]
) -> list[tuple[float, float, float]]:
    """PQ, SQ and RQ of each class, NaN where it does not occur."""
    check_pairs(found, truth, None)
    check_whole(classes, "classes")
    matches = [match_segments(own, true, things=things) for own, true in zip(found, truth, strict=True)]
    quality = []
    for k in range(classes):
        ious = [
            float(iou)
            for m in matches
            for iou, code in zip(m.iou, m.truth, strict=True)
            if code // CODES == k
        ]
        wrong = sum(code // CODES == k for m in matches for code in m.false_positives.tolist())
        missed = sum(code // CODES == k for m in matches for code in m.false_negatives.tolist())
        if not ious and not wrong and not missed:
            quality.append((float("nan"),) * 3)
            continue
        segmentation = sum(ious) / len(ious) if ious else 0.0
        recognition = len(ious) / (len(ious) + wrong / 2 + missed / 2)
        quality.append((segmentation * recognition, segmentation, recognition))
    return quality
