"""The mask branch of Mask R-CNN: a small FCN that draws, for each region, a mask for every class.

K. He, G. Gkioxari, P. Dollár, R. Girshick, "Mask R-CNN", ICCV 2017: the head (figure 4, right), a mask for
every class from a sigmoid a pixel, of which only the true class's counts in the loss, so that classes do not
compete (section 3, "L_mask"), and targets cropped by the region's box (section 3.1).

As in torchvision the target keeps the fractions that RoIAlign gives along an object's outline.

Shapes: R regions of all pictures, C channels, P × P bins, K classes, m × m a mask (m = 2P), H × W picture.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.boxes import check_box_set
from lecture_utils.ops.checks import check_classes, check_float, check_sizes, check_tensor, check_whole
from lecture_utils.ops.roi import bin_weights

CHUNK = 2**25  # numbers held at a time


class MaskHead(nn.Module):
    """Convolutions that keep the P × P of a region, one that doubles it, and K masks.

    Parameters
    ----------
    channels : int
        C of the pooled regions.
    hidden : int
        Channels of all layers: 256 in the paper.
    classes : int
        K, background not among them.
    layers : int
        3 × 3 convolutions: four in the paper.

    Raises
    ------
    ValueError
        For sizes below 1, or from `forward` for regions that are not floating point (R, C, P, Q).
    """

    def __init__(self, channels: int, *, hidden: int, classes: int, layers: int = 4) -> None:
        super().__init__()
        check_sizes("mask head", channels=channels, hidden=hidden, classes=classes, layers=layers)
        widths = [channels] + [hidden] * layers
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.doubling = nn.ConvTranspose2d(hidden, hidden, 2, stride=2)
        self.last = nn.Conv2d(hidden, classes, 1)
        for layer in (*self.convs, self.doubling, self.last):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    @property
    def channels(self) -> int:
        """C."""
        return self.convs[0].in_channels  # type: ignore[return-value]

    @property
    def classes(self) -> int:
        """K."""
        return self.last.out_channels

    def forward(self, regions: Tensor) -> Tensor:  # (R, C, P, P)
        check_tensor(regions, "regions", "R", self.channels, "P", "Q")
        x = regions
        for conv in self.convs:
            x = F.relu(conv(x))  # (R, hidden, P, P)
        x = F.relu(self.doubling(x))  # (R, hidden, 2P, 2P)
        return self.last(x)  # (R, K, m, m): logits, one mask a class


class MaskBranch(nn.Module):
    """Cuts its own regions out of the maps, finer than the box head's, and draws their masks.

    Parameters
    ----------
    pooling : nn.Module
        From maps and boxes to (R, C, P, P): `MapPooling` or `PyramidPooling`, 14 × 14 in the paper.
    head : MaskHead
        From there to masks.
    """

    def __init__(self, pooling: nn.Module, head: MaskHead) -> None:
        super().__init__()
        self.pooling, self.head = pooling, head

    def forward(self, features: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """From maps (B, C, h, w) and a picture's boxes (R, 4) in pixels to logits (R, K, m, m) of all."""
        return self.head(self.pooling(features, boxes))


def find_objects(truths: Tensor, labels: Tensor, boxes: Tensor, classes: Tensor) -> Tensor:
    """Say which object each region shows, from the true box that `RoIHeads.sample` gave it.

    That box is a copy, so it is found by equality, number by number. Of several objects with the same box and
    class the first is taken, as `match_anchors` does.

    Parameters
    ----------
    truths, labels : Tensor
        (R, 4) and (R,): the true box and the class of each region.
    boxes, classes : Tensor
        (G, 4) and (G,): those of the picture's objects.

    Returns
    -------
    Tensor
        (R,) int64 from 0 to G - 1.

    Raises
    ------
    ValueError
        For shapes that do not fit, or a region whose object is not there.
    """
    check_tensor(truths, "truths", "R", 4)
    check_tensor(labels, "labels", len(truths), kind="any")
    check_tensor(boxes, "boxes", "G", 4)
    check_tensor(classes, "classes", len(boxes), kind="any")
    same = (truths[:, None] == boxes.to(truths)).all(-1) & (labels[:, None] == classes)  # (R, G)
    if not bool(same.any(1).all()):
        raise ValueError(f"truths: got one that is none of the {len(boxes)} boxes, want copies of them")
    return same.int().argmax(1) if len(boxes) else same.new_zeros(len(truths), dtype=torch.long)


def mask_targets(masks: Tensor, boxes: Tensor, side: int, *, aligned: bool = True) -> Tensor:
    """Crop each true mask by its box and bring it to side × side, as RoIAlign brings features (section 3.1).

    Parameters
    ----------
    masks : Tensor
        (R, H, W) bool: of each region the object that it shows.
    boxes : Tensor
        (R, 4) x1, y1, x2, y2 in pixels: the regions, that is the proposals, not the true boxes.
    side : int
        m.
    aligned : bool
        As for `roi_align`: take the centre of pixel 0 as lying half a pixel inside the picture. False, as in
        torchvision, draws every object half a pixel too far to the upper left, which small masks feel.

    Returns
    -------
    Tensor
        (R, m, m) in [0, 1], of the boxes' type: the object's share of each bin.

    Raises
    ------
    ValueError
        For other shapes or types, or a side below 1.

    Notes
    -----
    As many points a bin are taken as it has pixels. The mean over a grid of points is a product,
    W_y · mask · W_xᵀ (`ops.roi.roi_align`).
    """
    check_tensor(masks, "masks", "R", "H", "W", kind="bool")
    check_box_set(boxes)
    check_tensor(boxes, "boxes", len(masks), 4)
    check_whole(side, "side")
    height, width = masks.shape[1:]
    step = max(1, CHUNK // max(height, width) ** 2)  # not shown
    crops = [boxes.new_zeros(0, side, side)]
    for mask, box in zip(masks.split(step), boxes.split(step), strict=True):
        x1, y1, x2, y2 = (box - (0.5 if aligned else 0)).unbind(1)
        rows = bin_weights(y1, y2, side, height, 0, aligned)  # (R, m, H)
        columns = bin_weights(x1, x2, side, width, 0, aligned)  # (R, m, W)
        crops.append(rows @ mask.to(boxes) @ columns.mT)
    return torch.cat(crops)  # (R, m, m)


def mask_loss(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    """L_mask: the mean binary cross-entropy over the pixels of each region's own class; others play no part.

    Parameters
    ----------
    logits : Tensor
        (R, K, m, m) of regions that show an object.
    labels : Tensor
        (R,) integers: its class, from 0.
    wanted : Tensor
        (R, m, m) in [0, 1], as `mask_targets` gives.

    Returns
    -------
    Tensor
        A scalar: the mean over R·m·m numbers, 0 where there is no region.

    Raises
    ------
    ValueError
        For shapes that do not fit, or labels and targets out of range.
    """
    own = own_masks(logits, labels)  # (R, m, m)
    check_tensor(wanted, "wanted", *own.shape)
    check_float(wanted, unit_range=True, name="wanted")
    if not len(own):
        return logits.sum()  # of nothing: 0, with a gradient for the optimizer
    return F.binary_cross_entropy_with_logits(own, wanted.to(own))


def select_masks(logits: Tensor, labels: Tensor) -> Tensor:
    """The masks that the classification picks: (R, K, m, m) logits, (R,) classes → (R, m, m) probabilities.

    Raises ValueError for shapes that do not fit, or labels out of range.
    """
    return own_masks(logits, labels).sigmoid()


def own_masks(logits: Tensor, labels: Tensor) -> Tensor:
    """Of (R, K, m, m) each region's mask of its own class (R,): (R, m, m)."""
    check_tensor(logits, "logits", "R", "K", "m", "m")
    check_classes(labels, "labels", len(logits), classes=logits.shape[1])
    return logits[torch.arange(len(logits), device=logits.device), labels.long()]
