"""The panoptic head of UPSNet: one softmax over stuff, the objects of this picture, and "unknown".

Y. Xiong et al., "UPSNet: A Unified Panoptic Segmentation Network", CVPR 2019, section 3.1 ("Panoptic
Segmentation Head", figure 3, and "Unknown Prediction"). The head has no parameters. A pixel's logits are,
with X the semantic logits and Y the mask logits,

- for a class of stuff, X_stuff as it is;
- for object i of class c, X_mask_i + Y_mask_i: the semantic logit of c inside its box, plus its mask's logit
  there, resized to the box; both are 0 outside;
- for unknown, max X_thing - max_i X_mask_i: large where the semantic head sees a thing that no object is for.

Why unknown can raise panoptic quality: a wrong object is a false positive of its class, and leaves the true
one missed; unknown leaves it missed, and no more.

Departures: a pixel is in a box if its centre is (the authors' code rounds boxes outward). Without an object,
max X_mask counts as 0, as it does outside of all boxes.

Shapes: S classes of stuff, K of things, N objects, h × w cells, m × m a mask.
"""

import torch
from torch import Tensor

from lecture_utils.ops.boxes import check_box_set
from lecture_utils.ops.checks import check_classes, check_size, check_tensor, check_whole
from lecture_utils.segmentation.panoptic_codes import CODES, VOID


def panoptic_logits(
    semantic: Tensor,
    boxes: Tensor,
    labels: Tensor,
    mask_logits: Tensor,
    *,
    stuff: int,
    unknown: bool = True,
) -> Tensor:
    """Put the logits of stuff, of each object and of unknown side by side (figure 3).

    Parameters
    ----------
    semantic : Tensor
        (S + K, h, w) X, stuff first.
    boxes : Tensor
        (N, 4) x1, y1, x2, y2 in cells of `semantic`.
    labels : Tensor
        (N,) classes of things from 0.
    mask_logits : Tensor
        (N, m, m) Y: each object's mask of its own class.
    stuff : int
        S.
    unknown : bool
        Whether there is a channel for unknown, the last.

    Returns
    -------
    Tensor
        (S + N + 1, h, w), without unknown (S + N, h, w).

    Raises
    ------
    ValueError
        For shapes that do not fit, labels out of range, or boxes that are none.
    """
    check_tensor(semantic, "semantic", "S + K", "h", "w", some=True, finite=True)
    check_stuff(stuff, len(semantic))
    check_tensor(mask_logits, "mask_logits", "N", "m", "m", finite=True)
    check_classes(labels, "labels", len(mask_logits), classes=len(semantic) - stuff)
    check_tensor(boxes, "boxes", len(mask_logits), 4)
    size = (semantic.shape[1], semantic.shape[2])
    x_stuff, x_thing = semantic[:stuff], semantic[stuff:]  # (S, h, w), (K, h, w)
    x_mask = x_thing[labels.long()] * inside_boxes(boxes, size)  # (N, h, w)
    y_mask = paste_logits(mask_logits, boxes, size)  # (N, h, w)
    z = torch.cat([x_stuff, x_mask + y_mask])
    if unknown:
        known = x_mask.amax(0) if len(x_mask) else torch.zeros_like(x_thing[0])
        z = torch.cat([z, (x_thing.amax(0) - known)[None]])
    return z


def inside_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, h, w) bool: whose centres lie in each box (N, 4), in cells."""
    check_box_set(boxes)
    height, width = check_size(size)
    x1, y1, x2, y2 = (side[:, None] for side in boxes.unbind(1))  # (N, 1)
    x, y = torch.arange(width).to(boxes) + 0.5, torch.arange(height).to(boxes) + 0.5
    return ((y1 <= y) & (y < y2))[:, :, None] & ((x1 <= x) & (x < x2))[:, None]


def paste_logits(mask_logits: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize each mask to its box, bilinearly; 0 outside. W_y · mask · W_xᵀ, for all objects at once.

    Parameters
    ----------
    mask_logits, boxes : Tensor
        (N, m, m) and (N, 4) in cells.
    size : (int, int)
        h, w.

    Returns
    -------
    Tensor
        (N, h, w). Near the edge of its box a cell takes the mask's outermost value.
    """
    check_tensor(mask_logits, "mask_logits", "N", "m", "m", finite=True)
    check_tensor(boxes, "boxes", len(mask_logits), 4)
    inside = inside_boxes(boxes, size)
    x1, y1, x2, y2 = boxes.to(mask_logits).unbind(1)
    columns = cell_weights(x1, x2, mask_logits.shape[2], size[1])  # (N, w, m)
    rows = cell_weights(y1, y2, mask_logits.shape[1], size[0])  # (N, h, m)
    return (rows @ mask_logits @ columns.mT) * inside


def cell_weights(start: Tensor, stop: Tensor, side: int, length: int) -> Tensor:
    """How much each of `side` cells from start to stop (N,) counts at each of `length` centres of an axis.

    Returns (N, length, side), rows that sum to 1.
    """
    check_tensor(start, "start", "N", finite=True)
    check_tensor(stop, "stop", len(start), finite=True)
    check_whole(side, "side")
    check_whole(length, "length")
    centre = torch.arange(length).to(start) + 0.5
    extent = (stop - start).clamp(min=1e-6)[:, None]
    at = (centre - start[:, None]) / extent * side - 0.5  # (N, length), in cells of the mask
    cell = torch.arange(side).to(start)
    return (1 - (at.clamp(0, side - 1)[..., None] - cell).abs()).clamp(min=0)  # linear between two cells


def panoptic_targets(
    semantic: Tensor, masks: Tensor, kept: Tensor, *, stuff: int, unknown: bool = True
) -> Tensor:
    """The channel of `panoptic_logits` that each pixel should choose.

    Parameters
    ----------
    semantic : Tensor
        (h, w) int64 true classes, stuff first; VOID where nobody labelled.
    masks : Tensor
        (G, h, w) bool, of all true objects.
    kept : Tensor
        (G,) bool: those that have a channel, in this order.
    stuff : int
        S.
    unknown : bool
        Whether there is a channel for pixels of a thing that no kept mask covers. Else they are VOID.

    Returns
    -------
    Tensor
        (h, w) int64: the class of stuff, or S + the number among the kept, or S + N for unknown; VOID, which
        the loss leaves out.

    Raises
    ------
    ValueError
        For shapes and types that do not fit.
    """
    check_whole(stuff, "stuff", 0)
    check_tensor(semantic, "semantic", "h", "w", kind="int", some=True)
    check_tensor(masks, "masks", "G", *semantic.shape, kind="bool")
    check_tensor(kept, "kept", len(masks), kind="bool")
    own = masks[kept]  # (N, h, w)
    target = torch.where(semantic < stuff, semantic, stuff + len(own) if unknown else VOID)
    for i, mask in enumerate(own):
        target = torch.where(mask, stuff + i, target)
    return torch.where(semantic == VOID, VOID, target).long()


def panoptic_map(logits: Tensor, semantic: Tensor, labels: Tensor, numbers: Tensor, *, stuff: int) -> Tensor:
    """From the head's logits to codes: the largest channel, and for each object a class.

    An object has the class that Mask R-CNN gave it, unless more than half of its pixels are, to the semantic
    head, of one class of stuff: then it is that (section 3.1).

    Parameters
    ----------
    logits : Tensor
        (S + N, H, W) or, with unknown, (S + N + 1, H, W).
    semantic : Tensor
        (H, W) integers: the semantic head's class of each pixel.
    labels, numbers : Tensor
        (N,) classes of things from 0, and instance numbers from 1.
    stuff : int
        S.

    Returns
    -------
    Tensor
        (H, W) int64 codes; unknown is VOID.

    Raises
    ------
    ValueError
        For shapes that do not fit.
    """
    check_tensor(logits, "logits", "S + N", "H", "W", some=True, finite=True)
    check_whole(stuff, "stuff", 0)
    check_classes(semantic, "semantic", *logits.shape[1:])
    check_classes(labels, "labels", "N")
    check_classes(numbers, "numbers", len(labels))
    if len(logits) - stuff - len(labels) not in (0, 1):
        raise ValueError(f"logits: got {len(logits)} channels, want {stuff} + {len(labels)}, or one more")
    best = logits.argmax(0)  # (H, W): softmax would not change which is largest
    panoptic = torch.where(best < stuff, best * CODES, VOID)
    for i, (label, number) in enumerate(zip(labels.tolist(), numbers.tolist(), strict=True)):
        own = best == stuff + i
        votes = semantic[own].long().bincount(minlength=1)  # (classes that occur,)
        winner = int(votes.argmax())
        is_stuff = winner < stuff and 2 * votes[winner] > own.sum()
        panoptic[own] = winner * CODES if is_stuff else (stuff + label) * CODES + number
    return panoptic


def check_stuff(stuff: int, classes: int) -> None:
    """Raise ValueError unless `stuff` is 0 or more and leaves a class for things."""
    if check_whole(stuff, "stuff", 0) >= classes:
        raise ValueError(f"stuff: got {stuff} of {classes} classes, want fewer, so that some are things")
