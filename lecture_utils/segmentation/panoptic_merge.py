"""From instances and a semantic map to a panoptic map, by a rule of thumb instead of a network.

A. Kirillov, K. He, R. Girshick, C. Rother, P. Dollár, "Panoptic Segmentation", CVPR 2019, section 7: objects
claim pixels by falling score, as in non-maximum suppression, so that no pixel has two; then stuff takes what
things have left. A. Kirillov et al., "Panoptic Feature Pyramid Networks", CVPR 2019, section 3, adds the
least area of stuff.

`prune_masks` is UPSNet's choice of the objects that its panoptic head decides between (Y. Xiong et al., CVPR
2019, section 3.2, inference). Its score is asked for after the non-maximum suppression, as there.

Pixels that the semantic map gives to a thing, and that no object claimed, say nothing: VOID.

Shapes: D instances, S classes of stuff, K classes of things, H × W pixels. In the panoptic map the classes of
stuff come first: thing k has the class S + k.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_utils.ops.checks import (
    check_classes,
    check_float,
    check_number,
    check_size,
    check_tensor,
    check_whole,
)
from lecture_utils.ops.nms import nms
from lecture_utils.segmentation.panoptic_codes import CODES, VOID
from lecture_utils.segmentation.structures import Instances


def merge_panoptic(
    instances: Instances,
    semantic: Tensor,
    *,
    stuff: int,
    score_threshold: float = 0.5,
    overlap: float = 0.5,
    least_stuff: int = 0,
    order: Tensor | Sequence[int] | None = None,
) -> Tensor:
    """Let the objects claim their pixels one after the other, then give the rest to stuff.

    Parameters
    ----------
    instances : Instances
        Masks (D, H, W) in [0, 1], labels from 0 to K - 1.
    semantic : Tensor
        (S + K, H, W) logits, or (H, W) integers: the class of each pixel, stuff first.
    stuff : int
        S.
    score_threshold : float
        Objects below it are left out.
    overlap : float
        The share of a mask that earlier objects may have claimed already; a mask with more is left out.
    least_stuff : int
        Pixels: a class of stuff that has fewer is left out (VOID). 4096 in Panoptic FPN, on large pictures.
    order : Tensor or sequence of int, optional
        Rows of `instances`, first come first served; those not named are left out. By falling score if not
        given.

    Returns
    -------
    Tensor
        (H, W) int64 codes: the object of row i has the number i + 1, whatever the order. VOID where nothing
        is said.

    Raises
    ------
    ValueError
        For shapes that do not fit, settings out of range, or an order that names a row twice or none.
    """
    check_instances(instances)
    size = instances.masks.shape[1:]
    class_ = semantic_labels(semantic, stuff, (size[0], size[1]))
    check_settings(score_threshold, overlap, least_stuff)
    rows = rows_in_order(instances.scores, order)
    panoptic = torch.full_like(class_, VOID)
    for i in rows:
        mask = instances.masks[i] >= 0.5
        claimed = mask & (panoptic != VOID)
        too_much = claimed.sum() > overlap * mask.sum()
        if instances.scores[i] < score_threshold or too_much:
            continue
        panoptic[mask & ~claimed] = (stuff + int(instances.labels[i])) * CODES + i + 1
    return fill_stuff(panoptic, class_, stuff, least_stuff)


def prune_masks(
    instances: Instances,
    *,
    score_threshold: float = 0.6,
    nms_threshold: float = 0.5,
    overlap: float = 0.3,
) -> Tensor:
    """Choose the objects that take part: no doubles, none that is unsure, none mostly covered by its class.

    Parameters
    ----------
    instances : Instances
        Masks (D, H, W) in [0, 1].
    score_threshold : float
        Objects below it are left out.
    nms_threshold : float
        IoU of boxes, whatever their classes, above which the lower score is left out.
    overlap : float
        The share of a mask that masks of its class with a higher score may cover.

    Returns
    -------
    Tensor
        (N,) int64 rows of `instances`, by falling score.

    Raises
    ------
    ValueError
        For instances that do not fit, or settings outside [0, 1].
    """
    check_instances(instances)
    check_number(score_threshold, "score_threshold", 0, 1)
    check_number(overlap, "overlap", 0, 1)
    kept = []
    canvas: dict[int, Tensor] = {}  # class: (H, W) what its masks cover so far
    for i in nms(instances.boxes, instances.scores, nms_threshold).tolist():
        mask, label = instances.masks[i] >= 0.5, int(instances.labels[i])
        covered = canvas.get(label, torch.zeros_like(mask))
        too_much = (mask & covered).sum() > overlap * mask.sum()
        if instances.scores[i] >= score_threshold and mask.any() and not too_much:
            kept.append(i)
            canvas[label] = covered | mask
    return torch.tensor(kept, dtype=torch.int64, device=instances.boxes.device)


def fill_stuff(panoptic: Tensor, semantic: Tensor, stuff: int, least: int = 0) -> Tensor:
    """Give the pixels that are VOID to their class of stuff, where it then has `least` pixels or more.

    Parameters
    ----------
    panoptic, semantic : Tensor
        (H, W) int64 codes or VOID, and (H, W) integer classes.
    stuff, least : int
        S, and pixels.
    """
    check_whole(stuff, "stuff", 0)
    check_whole(least, "least", 0)
    check_tensor(panoptic, "panoptic", "H", "W", kind="int")
    check_classes(semantic, "semantic", *panoptic.shape)
    free = panoptic == VOID
    panoptic = panoptic.clone()
    for k in range(stuff):
        area = free & (semantic == k)
        if area.sum() >= least:
            panoptic[area] = k * CODES
    return panoptic


def semantic_labels(semantic: Tensor, stuff: int, size: tuple[int, int]) -> Tensor:
    """Classes (H, W) int64, from logits (S + K, H, W) or from classes."""
    check_whole(stuff, "stuff", 0)
    check_size(size)
    if isinstance(semantic, Tensor) and semantic.is_floating_point():
        check_tensor(semantic, "semantic", "S + K", *size, some=True, finite=True)
        semantic = semantic.argmax(0)
    check_classes(semantic, "semantic", *size)
    return semantic.long()


def rows_in_order(scores: Tensor, order: Tensor | Sequence[int] | None) -> list[int]:
    """The rows to go through: all by falling score, or those that are named."""
    check_tensor(scores, "scores", "D", finite=True)
    if order is None:
        return scores.argsort(descending=True, stable=True).tolist()
    rows = torch.as_tensor(order)
    if rows.ndim == 1 and not len(rows):
        return []
    check_classes(rows, "order", "N", classes=len(scores))
    if len(rows.unique()) < len(rows):
        raise ValueError(f"order: got {rows.tolist()}, want each row at most once")
    return rows.tolist()


def check_settings(score_threshold: float, overlap: float, least_stuff: int) -> None:
    """Raise ValueError unless the first two lie in [0, 1] and the last is a number of pixels."""
    check_number(score_threshold, "score_threshold", 0, 1)
    check_number(overlap, "overlap", 0, 1)
    check_whole(least_stuff, "least_stuff", 0)


def check_instances(instances: Instances) -> None:
    """Raise ValueError unless boxes, labels, scores and masks are of the same D objects."""
    if not isinstance(instances, Instances):
        raise ValueError(f"instances: got {type(instances).__name__}, want Instances")
    check_tensor(instances.masks, "instances, masks", "D", "H", "W")
    check_float(instances.masks, unit_range=True, name="instances, masks")
    count = len(instances.masks)
    check_tensor(instances.boxes, "instances, boxes", count, 4, finite=True)
    check_tensor(instances.scores, "instances, scores", count, finite=True)
    check_classes(instances.labels, "instances, labels", count)
