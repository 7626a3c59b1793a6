"""Panoptic quality (S09.6): one number for stuff and things, found and drawn.

A. Kirillov, K. He, R. Girshick, C. Rother, P. Dollár, "Panoptic Segmentation", CVPR 2019, section 4: segment
matching (4.1), PQ = SQ · RQ (equations 1 and 2), void pixels and groups (4.2). `video_panoptic.py` has the
measure over several frames, `panoptic_plain.py` the matching as the paper tells it, with masks and loops.

A panoptic map gives each pixel a code, class · 1000 + instance (`segmentation/panoptic_codes.py`). Of a class
of stuff a picture has one segment, so its instance number plays no part. VOID is no class: in the truth,
what nobody labelled; in what was found, where nothing is said.

Why a match is unique: segments of one map do not overlap. If two found segments both had an IoU above 0.5
with one true segment, each would hold more than half of it, so they would share a pixel. The same holds for
two true segments and a found one. No assignment problem has to be solved.

What the paper leaves open is as in its authors' published evaluation: the void and the group pixels of a
found segment are added up before their share is held against one half; a class that occurs in neither truth
nor finds stays out of the means (here it has NaN); a class without a match has SQ 0.

Shapes: … any axes of a map (H, W; or T, H, W for a window of a video), F found and G true segments,
N matches, K classes.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_tensor, check_whole
from lecture_utils.segmentation.panoptic_codes import CODES as CODES
from lecture_utils.segmentation.panoptic_codes import VOID as VOID
from lecture_utils.segmentation.panoptic_codes import check_map, check_things, one_segment_of_stuff


class SegmentMatches(NamedTuple):
    """What became of the segments of one map.

    Attributes
    ----------
    found, truth : Tensor
        (N,) int64 codes of the segments that match: the true positives.
    iou : Tensor
        (N,) double, above 0.5.
    false_positives : Tensor
        Codes of found segments without a match, less those that lie mostly on void or on a group.
    false_negatives : Tensor
        Codes of true segments without a match.
    """

    found: Tensor
    truth: Tensor
    iou: Tensor
    false_positives: Tensor
    false_negatives: Tensor


class Means(NamedTuple):
    """Means over classes, each in [0, 1]; NaN where none of the classes occurs."""

    pq: float
    sq: float
    rq: float


class PanopticQuality(NamedTuple):
    """Panoptic quality by class and on average.

    Attributes
    ----------
    pq, sq, rq : Tensor
        (K,) double in [0, 1], NaN for classes that occur in neither truth nor finds.
    tp, fp, fn : Tensor
        (K,) int64: matches, false positives, false negatives.
    all, things, stuff : Means
        Over all classes that occur, over those of them that are things, over those that are stuff.
    """

    pq: Tensor
    sq: Tensor
    rq: Tensor
    tp: Tensor
    fp: Tensor
    fn: Tensor
    all: Means
    things: Means
    stuff: Means


def match_segments(
    found: Tensor, truth: Tensor, *, things: Collection[int], crowds: Collection[int] = ()
) -> SegmentMatches:
    """Match the found segments of one map to the true ones: same class, IoU above 0.5.

    Parameters
    ----------
    found, truth : Tensor
        (…) int64 codes, or VOID, of one shape.
    things : collection of int
        The classes whose instances are told apart.
    crowds : collection of int
        Codes of true segments that are a group of objects which nobody told apart. They match nothing, and
        no segment of their class that lies mostly on them is wrong.

    Returns
    -------
    SegmentMatches
        By rising code.

    Raises
    ------
    ValueError
        For what are no such maps, or classes that are no whole numbers.
    """
    check_maps(found, truth)
    check_things(things)
    found_codes, f = one_segment_of_stuff(found, things).unique(return_inverse=True)  # (F,) and (…)
    true_codes, g = one_segment_of_stuff(truth, things).unique(return_inverse=True)  # (G,) and (…)
    size = (len(found_codes), len(true_codes))
    shared = torch.bincount((f * size[1] + g).flatten(), minlength=size[0] * size[1]).view(size)  # (F, G)
    area, true_area = shared.sum(1), shared.sum(0)  # pixels
    crowd = torch.isin(true_codes, true_codes.new_tensor(list(crowds)))
    same_class = found_codes[:, None] // CODES == true_codes // CODES  # VOID is its own class, -1

    on_void = shared[:, true_codes == VOID].sum(1)  # (F,) these pixels do not count: section 4.2
    union = (area - on_void)[:, None] + true_area - shared
    fits = same_class & (true_codes != VOID) & ~crowd
    matched = fits & (2 * shared > union)  # (F, G): IoU above 0.5, in whole numbers

    passed_over = on_void + (shared * (same_class & crowd)).sum(1)
    excused = (found_codes == VOID) | (2 * passed_over > area)
    absent = (true_codes == VOID) | crowd
    i, j = matched.nonzero().unbind(1)
    return SegmentMatches(
        found_codes[i],
        true_codes[j],
        shared[i, j].double() / union[i, j].double(),
        found_codes[~matched.any(1) & ~excused],
        true_codes[~matched.any(0) & ~absent],
    )


def panoptic_quality(
    found: Sequence[Tensor],
    truth: Sequence[Tensor],
    *,
    classes: int,
    things: Collection[int],
    crowds: Sequence[Collection[int]] | None = None,
) -> PanopticQuality:
    """Panoptic quality of a data set: PQ = Σ IoU of the matches / (TP + FP / 2 + FN / 2), class by class.

    Parameters
    ----------
    found, truth : sequence of Tensor
        A picture: (…) int64 codes or VOID, of one shape. Segments are counted over all pictures together.
    classes : int
        K.
    things : collection of int
        The classes whose instances are told apart; the others are stuff.
    crowds : sequence of collections of int, optional
        A picture: the codes of its groups, as for `match_segments`.

    Returns
    -------
    PanopticQuality
        On the CPU.

    Raises
    ------
    ValueError
        For maps of other shapes or types, codes of no class, or lists that do not go together.
    """
    check_pairs(found, truth, crowds)
    check_whole(classes, "classes")
    check_things(things, classes)
    groups = crowds or [()] * len(found)
    iou, tp, fp, fn = (torch.zeros(classes, dtype=torch.float64) for _ in range(4))
    for one, true, group in zip(found, truth, groups, strict=True):
        check_map(one, "found", classes)
        check_map(true, "truth", classes)
        match = match_segments(one, true, things=things, crowds=group)
        iou += count_classes(match.truth, classes, match.iou)
        tp += count_classes(match.truth, classes)
        fp += count_classes(match.false_positives, classes)
        fn += count_classes(match.false_negatives, classes)
    weight = tp + fp / 2 + fn / 2
    seen = weight > 0
    sq = torch.where(seen, iou / tp.clamp_min(1), torch.nan)  # segmentation quality: how well it is drawn
    rq = torch.where(seen, tp / weight, torch.nan)  # recognition quality: the F1 score of finding it
    quality = torch.stack([sq * rq, sq, rq])  # (3, K)
    thing = torch.isin(torch.arange(classes), torch.tensor(list(things), dtype=torch.int64))
    every, own, rest = (
        Means(*quality[:, some].nanmean(1).tolist()) for some in (thing | True, thing, ~thing)
    )
    return PanopticQuality(sq * rq, sq, rq, tp.long(), fp.long(), fn.long(), every, own, rest)


def count_classes(codes: Tensor, classes: int, weights: Tensor | None = None) -> Tensor:
    """How many of the codes (N,) belong to each class, or the sum of their weights (N,): (K,) double."""
    check_whole(classes, "classes")
    check_tensor(codes, "codes", "N", kind="int")
    check_map(codes, "codes", classes)
    if weights is not None:
        check_tensor(weights, "weights", len(codes), finite=True)
    some = codes[codes != VOID] // CODES
    own = None if weights is None else weights[codes != VOID].double().cpu()
    return torch.bincount(some.cpu(), own, minlength=classes).double()


def check_maps(found: Tensor, truth: Tensor) -> None:
    """Raise ValueError unless both are maps of codes of one shape."""
    check_map(truth, "truth")
    check_map(found, "found")
    if found.shape != truth.shape:
        raise ValueError(
            f"found: got shape {tuple(found.shape)}, want {tuple(truth.shape)}, that of the truth"
        )
    if truth.numel() == 0:
        raise ValueError(f"truth: got the empty shape {tuple(truth.shape)}, want at least one pixel")


def check_pairs(
    found: Sequence[Tensor], truth: Sequence[Tensor], crowds: Sequence[Collection[int]] | None
) -> None:
    """Raise ValueError unless there is one found map, and one set of groups if any, to each true map."""
    for name, maps in (("truth", truth), ("found", found), ("crowds", crowds)):
        if maps is None and name == "crowds":
            continue
        if not isinstance(maps, Sequence | Tensor) or not len(maps) or len(maps) != len(truth):
            got = len(maps) if isinstance(maps, Sequence | Tensor) else type(maps).__name__
            raise ValueError(f"{name}: got {got}, want a list of one or more, as many as true maps")
