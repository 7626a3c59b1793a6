"""The losses of YOLACT: classes with hard negatives, boxes, masks cropped by the true box, semantic maps.

D. Bolya, C. Zhou, F. Xiao, Y. J. Lee, "YOLACT: Real-time Instance Segmentation", ICCV 2019: weights, mask
loss and crop (section 3.3), three negatives to a positive (section 4), semantic segmentation loss (section
5). How anchors are matched, hard negatives are mined and losses are divided is as in W. Liu et al., "SSD:
Single Shot MultiBox Detector", ECCV 2016, section 2.2: a picture without an object teaches the classes
nothing.

What the papers leave open is as in YOLACT's code: offsets are multiplied by 10, 10, 5, 5; true masks are
brought to the maps' size and cut at one half; the semantic loss is a mean over places and a sum over classes.
Departures: the anchor that overlaps an object most is positive for the object that *it* overlaps most; the
box that divides a mask's loss counts as one cell at least.

Shapes: B pictures of H × W, K classes (column 0 of the logits is background), N anchors, P positive ones,
G objects of a picture, k prototypes, h × w map.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.detection.anchors import BACKGROUND, match_anchors
from lecture_utils.ops.boxes import box_iou, check_box_set, encode_boxes
from lecture_utils.ops.checks import check_images, check_size, check_tensor, check_whole
from lecture_utils.segmentation.protonet import Raw, check_raw, inside_boxes, mix
from lecture_utils.segmentation.structures import MaskTargets, check_mask_targets

WEIGHTS = {"class": 1.0, "box": 1.5, "mask": 6.125, "semantic": 1.0}  # sections 3.3 and 5
NEGATIVES = 3  # to a positive, section 4
Four = tuple[float, float, float, float]


def yolact_loss(
    raw: Raw, semantic: Tensor, targets: MaskTargets, *, high: float, low: float, weights: Four
) -> dict[str, Tensor]:
    """Match anchors with objects, and compare what the network says with what it should.

    Parameters
    ----------
    raw : Raw
        Of the batch.
    semantic : Tensor
        (B, K, h, w) logits.
    targets : sequence of (Tensor, Tensor, Tensor)
        A picture: boxes (G, 4) x1, y1, x2, y2 in pixels, classes (G,) from 0, masks (G, H, W) bool; G may
        be 0.
    high, low, weights
        As for `Yolact`.

    Returns
    -------
    dict
        "class", "box", "mask" and "semantic", scalars with their weights. The first three are sums over the
        batch, divided by its positive anchors.

    Raises
    ------
    ValueError
        For shapes that do not fit together, or targets that are none.
    """
    check_images(semantic, maps=True)
    classes = semantic.shape[1]
    check_raw(raw, classes)
    check_mask_targets(targets, len(raw.logits), classes, raw.size)
    sums: dict[str, list[Tensor]] = {"class": [], "box": [], "mask": []}
    number = 0  # of positive anchors in the batch
    for i, (boxes, labels, masks) in enumerate(targets):
        boxes = boxes.to(raw.anchors)
        match = match_anchors(box_iou(boxes, raw.anchors), high=high, low=low, allow_low_quality=True)  # (N,)
        positive = (match >= 0).nonzero()[:, 0]  # (P,)
        own = match[positive]  # the object of each
        hard = hard_negatives(raw.logits[i], match == BACKGROUND, NEGATIVES * len(positive))
        asked = raw.logits[i, torch.cat([positive, hard])]  # (4 P, K + 1)
        wanted = torch.cat([labels.long()[own] + 1, torch.zeros_like(hard)])
        offsets = encode_boxes(boxes[own], raw.anchors[positive], weights=weights)  # (P, 4)
        size = (raw.prototypes.shape[2], raw.prototypes.shape[3])
        small, cells = shrink_masks(masks, size), to_cells(boxes, raw.size, size)
        sums["class"].append(F.cross_entropy(asked, wanted, reduction="sum"))
        sums["box"].append(F.smooth_l1_loss(raw.deltas[i, positive], offsets, reduction="sum"))
        sums["mask"].append(
            mask_loss(raw.prototypes[i], raw.coefficients[i, positive], small[own], cells[own])
        )
        number += len(positive)
    losses = {name: WEIGHTS[name] * torch.stack(of).sum() / max(number, 1) for name, of in sums.items()}
    return losses | {"semantic": WEIGHTS["semantic"] * semantic_loss(semantic, targets)}


def hard_negatives(logits: Tensor, negative: Tensor, number: int) -> Tensor:
    """Find the background that is least taken for background.

    Parameters
    ----------
    logits : Tensor
        (N, K + 1), column 0 for background.
    negative : Tensor
        (N,) bool: the anchors to choose from.
    number : int
        How many to choose: three times as many as there are positives, in the paper.

    Returns
    -------
    Tensor
        (n,) int64 indices, the hardest first; n is `number`, or less where there are not so many.

    Raises
    ------
    ValueError
        For other shapes or types, or a number below 0.
    """
    check_tensor(logits, "logits", "N", "K + 1", finite=True)
    check_tensor(negative, "negative", len(logits), kind="bool")
    check_whole(number, "number", 0)
    able = negative.nonzero()[:, 0]
    loss = -logits.detach()[able].log_softmax(1)[:, 0]  # of saying "background"
    return able[loss.topk(min(number, len(able))).indices]


def shrink_masks(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring masks (G, H, W) bool to a map's size (h, w): a cell belongs where at least half of it does.

    Raises ValueError for masks that are not bool (G, H, W), or a size below 1.
    """
    check_tensor(masks, "masks", "G", "H", "W", kind="bool")
    height, width = check_size(size)
    if len(masks) == 0:
        return masks.new_zeros(0, height, width)
    return F.interpolate(masks[:, None].float(), (height, width), mode="area")[:, 0] >= 0.5


def mask_loss(prototypes: Tensor, coefficients: Tensor, masks: Tensor, boxes: Tensor) -> Tensor:
    """Add up binary cross-entropy in each true box, divided by the box's area, over a picture's positives.

    Divided so, a small object counts as much as a large one.

    Parameters
    ----------
    prototypes : Tensor
        (k, h, w).
    coefficients : Tensor
        (P, k), of the positive anchors.
    masks : Tensor
        (P, h, w) bool: the true mask of each one's object.
    boxes : Tensor
        (P, 4): its true box, in cells of the prototypes.

    Returns
    -------
    Tensor
        A scalar, not weighed.

    Raises
    ------
    ValueError
        For shapes that do not fit, masks that are not bool, or boxes that are none.
    """
    logits = mix(prototypes, coefficients)  # (P, h, w)
    check_tensor(masks, "masks", *logits.shape, kind="bool")
    check_box_set(boxes)
    check_tensor(boxes, "boxes", len(masks), 4)
    loss = F.binary_cross_entropy_with_logits(logits, masks.to(logits), reduction="none")
    inside = inside_boxes(boxes, (logits.shape[1], logits.shape[2]))  # (P, h, w)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1).clamp(min=1)  # (P,)
    return ((loss * inside).sum((1, 2)) / area.to(loss)).sum()


def semantic_loss(logits: Tensor, targets: MaskTargets) -> Tensor:
    """Ask each place of the finest map which classes it shows: K sigmoids, as a place may show several.

    Parameters
    ----------
    logits : Tensor
        (B, K, h, w).
    targets : sequence of (Tensor, Tensor, Tensor)
        A picture: boxes (G, 4), classes (G,) from 0 and masks (G, H, W) bool.

    Returns
    -------
    Tensor
        A scalar: the mean over pictures and places, the sum over classes.

    Raises
    ------
    ValueError
        For logits that are not (B, K, h, w), or targets that do not fit them.
    """
    check_images(logits, maps=True)
    check_mask_targets(targets, len(logits), logits.shape[1])
    wanted = torch.zeros_like(logits)
    for own, (_, labels, masks) in zip(wanted, targets, strict=True):
        small = shrink_masks(masks, (logits.shape[2], logits.shape[3])).to(logits)  # (G, h, w)
        own.index_add_(0, labels.long(), small)  # how many objects of each class show in a place
    return F.binary_cross_entropy_with_logits(logits, wanted.clamp(max=1)) * logits.shape[1]


def to_cells(boxes: Tensor, size: tuple[int, int], cells: tuple[int, int]) -> Tensor:
    """Count boxes (G, 4) of a picture of H × W pixels in the cells of its map of h × w."""
    check_box_set(boxes)
    (height, width), (down, across) = check_size(size), check_size(cells, "cells")
    return boxes * boxes.new_tensor([across / width, down / height] * 2)
