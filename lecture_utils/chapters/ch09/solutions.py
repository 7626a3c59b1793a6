"""Chapter 09, part a: the functions that the exercises about instance segmentation ask for.

The package's own versions check their input and take more settings: `ops.roi`, `segmentation.mask_heads`,
`segmentation.yolact`, `ops.fast_nms`. The tests hold each of these four equal to its counterpart there; the
papers are named there too. `bilinear` is given to the learner.

A box is x1, y1, x2, y2. Shapes: R regions of a picture, C channels, H × W feature map, K classes, m × m a
mask, k prototypes of h × w cells, D detections, N places or boxes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.boxes import box_iou


def bilinear(features: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Read a map (C, H, W) between its cells, at places x, y (N,) told in cells: (N, C).

    At a whole number stands a cell's centre. Places outside are moved to the nearest cell of the border.
    """
    rows, columns = features.shape[1:]
    x, y = x.clamp(0, columns - 1), y.clamp(0, rows - 1)
    left, top = x.long(), y.long()  # rounded down
    right, bottom = (left + 1).clamp(max=columns - 1), (top + 1).clamp(max=rows - 1)
    cells = features.flatten(1).mT  # (H·W, C)
    across, down = (x - left)[:, None], (y - top)[:, None]  # how far on the way to the next cell, in [0, 1)
    above = (1 - across) * cells[top * columns + left] + across * cells[top * columns + right]
    below = (1 - across) * cells[bottom * columns + left] + across * cells[bottom * columns + right]
    return (1 - down) * above + down * below


def roi_align(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    """Bring what lies in each box (R, 4), in pixels, to bins × bins: (R, C, bins, bins), out of (C, H, W).

    A bin is the mean of 2 × 2 bilinear samples, spread evenly over it. Nothing is rounded. The centre of cell
    i of the map lies at (i + ½) · `stride` pixels.
    """
    x1, y1, x2, y2 = (boxes / stride - 0.5)[:, :, None].unbind(1)  # in cells, (R, 1) each
    side = 2 * bins  # samples along a side of a box
    share = (torch.arange(side) + 0.5) / side  # where they lie between its edges, 0 to 1
    x = x1 + share * (x2 - x1)  # (R, side)
    y = y1 + share * (y2 - y1)
    x = x[:, None, :].expand(-1, side, side)  # (R, side, side): the same x in every row
    y = y[:, :, None].expand(-1, side, side)
    samples = bilinear(features, x.flatten(), y.flatten())  # (R·side·side, C)
    samples = samples.view(len(boxes), side, side, len(features))
    return F.avg_pool2d(samples.movedim(-1, 1), 2)


def mask_loss(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    """Mean binary cross-entropy, a scalar, of each region's mask of its own class; other masks do not count.

    Logits (R, K, m, m), classes (R,) from 0, wanted masks (R, m, m) in [0, 1]. 0 where there is no region,
    still joined to the logits; finite for large logits.
    """
    own = logits[torch.arange(len(labels)), labels]  # (R, m, m)
    each = F.binary_cross_entropy_with_logits(own, wanted, reduction="none")
    return each.sum() / max(1, each.numel())


def assemble(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    """Masks (D, h, w) in [0, 1]: each detection's sum of prototypes (k, h, w), cut off outside its box.

    Coefficients (D, k); boxes (D, 4) in cells. A cell is inside if its centre, column + ½ and row + ½, is: x
    in [x1, x2) and y in [y1, y2).
    """
    masks = torch.einsum("dk,khw->dhw", coefficients, prototypes).sigmoid()
    x1, y1, x2, y2 = boxes[:, :, None].unbind(1)  # (D, 1) each
    x = torch.arange(prototypes.shape[2]) + 0.5  # the cells' centres, (w,)
    y = torch.arange(prototypes.shape[1]) + 0.5  # (h,)
    across = (x1 <= x) & (x < x2)  # (D, w)
    down = (y1 <= y) & (y < y2)  # (D, h)
    return masks * down[:, :, None] * across[:, None, :]


def fast_nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Indices of the boxes (N, 4) of one class that stay, by falling score (N,); all judged at once.

    A box goes if its IoU with any better one is above `threshold`, though that one may itself go. At just
    that IoU it stays.
    """
    order = scores.argsort(descending=True)  # indices, the best first
    overlaps = box_iou(boxes[order], boxes[order])  # (N, N)
    with_better = overlaps.triu(diagonal=1)  # row i, column j: i is better than j; 0 elsewhere
    stays = (with_better <= threshold).all(dim=0)  # of each column, (N,)
    return order[stays]
