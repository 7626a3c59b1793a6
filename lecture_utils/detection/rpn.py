"""Region proposal network: at every place, for every anchor, is there an object, and how must the box move?

S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN", NeurIPS 2015, section 3.1: the head (figure 3), the loss
(equation 1), sampling, and the filtering of proposals (section 3.3).

Departures, as in torchvision: objectness is one logit with a sigmoid where the paper has two with a softmax,
which is the same model; the box loss is divided by the number of sampled anchors, where the paper divides by
the number of places and multiplies by λ = 10, which weighs nearly the same; anchors that cross the border
train too.

Shapes: B pictures, C channels, h × w map, A anchors a place, N anchors of all maps, R proposals of a picture.
"""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.anchors import BACKGROUND, BETWEEN, Anchors, match_anchors, sample_balanced
from lecture_utils.detection.structures import (
    Sizes,
    Targets,
    check_map_list,
    check_picture_sizes,
    check_targets,
)
from lecture_utils.ops.boxes import box_iou, decode_boxes, encode_boxes
from lecture_utils.ops.checks import check_number, check_sizes, check_tensor, check_whole, check_wholes
from lecture_utils.ops.nms import batched_nms

LEAST_SIDE = 1e-3  # pixels; thinner proposals are dropped


class RPNHead(nn.Module):
    """A 3 × 3 convolution, then two of 1 × 1: a small network that slides over every map.

    Parameters
    ----------
    channels : int
        C.
    anchors : int
        A.

    Raises
    ------
    ValueError
        For sizes below 1, or maps that are not (B, C, h, w).
    """

    def __init__(self, channels: int, anchors: int) -> None:
        super().__init__()
        check_sizes("RPN head", channels=channels, anchors=anchors)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.objectness = nn.Conv2d(channels, anchors, 1)
        self.deltas = nn.Conv2d(channels, 4 * anchors, 1)
        for layer in (self.conv, self.objectness, self.deltas):
            nn.init.normal_(layer.weight, std=0.01)  # section 3.1.3
            nn.init.constant_(layer.bias, 0)  # type: ignore[arg-type]

    def forward(self, features: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Give each map's logits (B, h·w·A) and offsets (B, h·w·A, 4), in the order of the anchors."""
        check_map_list(features)
        objectness, deltas = [], []
        for x in features:
            hidden = F.relu(self.conv(x))  # (B, C, h, w)
            objectness.append(self.objectness(hidden).permute(0, 2, 3, 1).flatten(1))  # (B, h·w·A)
            offsets = self.deltas(hidden).unflatten(1, (-1, 4))  # (B, A, 4, h, w)
            deltas.append(offsets.permute(0, 3, 4, 1, 2).flatten(1, 3))  # (B, h·w·A, 4)
        return objectness, deltas


def filter_proposals(
    boxes: Tensor,
    objectness: Tensor,
    counts: Sequence[int],
    sizes: Sizes,
    *,
    before: int,
    after: int,
    nms_threshold: float = 0.7,
) -> list[tuple[Tensor, Tensor]]:
    """Choose proposals: the best of each map, cut off at the border, without doubles, the best of all.

    Parameters
    ----------
    boxes : Tensor
        (B, N, 4) x1, y1, x2, y2 in pixels.
    objectness : Tensor
        (B, N) logits.
    counts : sequence of int
        How many of the N belong to each map.
    sizes : sequence of (int, int)
        Height and width of each picture.
    before, after : int
        How many to keep of each map before NMS, and of all maps after it.
    nms_threshold : float
        IoU from which on two proposals of one map are doubles.

    Returns
    -------
    list of (Tensor, Tensor)
        A picture: boxes (R, 4) and scores (R,) in [0, 1], best first.

    Raises
    ------
    ValueError
        For shapes that do not fit, or settings out of range.
    """
    check_tensor(objectness, "objectness", "B", "N", finite=True)
    check_tensor(boxes, "boxes", *objectness.shape, 4, finite=True)
    check_wholes(counts, "counts")
    if sum(counts) != objectness.shape[1]:
        raise ValueError(f"counts: got {list(counts)}, want numbers that add up to {objectness.shape[1]}")
    check_picture_sizes(sizes, len(boxes))
    check_whole(before, "before")
    check_whole(after, "after")
    best = []
    for first, own in zip(
        itertools.accumulate([0, *counts]), objectness.split(list(counts), dim=1), strict=False
    ):
        best.append(first + own.topk(min(before, own.shape[1]), dim=1).indices)  # (B, before) of this map
    level = torch.cat([torch.full_like(own[0], k) for k, own in enumerate(best)])  # (M,)
    kept = torch.cat(best, dim=1)  # (B, M)
    boxes = boxes.gather(1, kept[..., None].expand(-1, -1, 4))  # (B, M, 4)
    scores = objectness.gather(1, kept).sigmoid()
    border = boxes.new_tensor([(width, height, width, height) for height, width in sizes])
    boxes = boxes.clamp(min=0).minimum(border[:, None])
    large = (boxes[..., 2:] - boxes[..., :2] >= LEAST_SIDE).all(-1)  # (B, M)
    found = []
    for box, score, some in zip(boxes, scores, large, strict=True):
        box, score = box[some], score[some]
        alone = batched_nms(box, score, level[some], nms_threshold)[:after]  # best first
        found.append((box[alone], score[alone]))
    return found


class RPN(nn.Module):
    """Proposals from feature maps, and the loss that teaches them.

    Parameters
    ----------
    channels : int
        C of the maps.
    anchors : Anchors
        One tuple of sizes a map.
    high, low : float
        IoU from which on an anchor is positive, and below which it is negative.
    number, positive_share
        Anchors trained on a picture, and the share that may be positive (section 3.1.3).
    keep, keep_training : (int, int)
        Proposals before (a map) and after NMS, in use and in training. The paper trains with 2,000 after it
        and tests with 300.
    nms_threshold : float
        0.7 in the paper.

    Raises
    ------
    ValueError
        For settings out of range, maps that do not fit the anchors, or targets that are none.
    """

    def __init__(
        self,
        channels: int,
        anchors: Anchors,
        *,
        high: float = 0.7,
        low: float = 0.3,
        number: int = 256,
        positive_share: float = 0.5,
        keep: tuple[int, int] = (1000, 1000),
        keep_training: tuple[int, int] = (2000, 2000),
        nms_threshold: float = 0.7,
    ) -> None:
        super().__init__()
        check_number(low, "low", 0, 1)
        check_number(high, "high", low, 1)
        check_whole(number, "number")
        check_number(positive_share, "positive_share", 0, 1)
        check_wholes(keep, "keep", 2)
        check_wholes(keep_training, "keep_training", 2)
        check_number(nms_threshold, "nms_threshold", 0, 1)
        self.head = RPNHead(channels, anchors.per_place)
        self.anchors, self.high, self.low = anchors, high, low
        self.number, self.positive_share = number, positive_share
        self.keep, self.keep_training, self.nms_threshold = keep, keep_training, nms_threshold

    def forward(
        self, features: Sequence[Tensor], image_size: tuple[int, int], sizes: Sizes | None = None
    ) -> list[tuple[Tensor, Tensor]]:
        """Propose boxes.

        Parameters
        ----------
        features : sequence of Tensor
            Maps (B, C, h, w), finest first.
        image_size : (int, int)
            Height and width of the batch.
        sizes : sequence of (int, int), optional
            Those of each picture in it, where some are padded.

        Returns
        -------
        list of (Tensor, Tensor)
            As `filter_proposals`.
        """
        objectness, deltas = self.head(features)
        anchors = self.anchors(features, image_size)
        return self.propose(objectness, deltas, anchors, sizes or [image_size] * len(features[0]), self.keep)

    def propose(
        self,
        objectness: list[Tensor],
        deltas: list[Tensor],
        anchors: list[Tensor],
        sizes: Sizes,
        keep: tuple[int, int],
    ) -> list[tuple[Tensor, Tensor]]:
        """Move the anchors and filter what comes out; no gradient flows into proposals (section 3.2)."""
        offsets = torch.cat(deltas, dim=1).detach()  # (B, N, 4)
        laid = torch.cat(anchors).expand(len(offsets), -1, -1)  # (B, N, 4)
        boxes = decode_boxes(offsets.flatten(0, 1), laid.flatten(0, 1)).view_as(offsets)
        return filter_proposals(
            boxes, torch.cat(objectness, dim=1).detach(), [len(some) for some in anchors], sizes,
            before=keep[0], after=keep[1], nms_threshold=self.nms_threshold,
        )  # fmt: skip

    def losses(
        self,
        features: Sequence[Tensor],
        image_size: tuple[int, int],
        targets: Targets,
        sizes: Sizes | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Propose boxes for training (a list of (R, 4)), and give the losses "objectness" and "rpn_box"."""
        check_map_list(features, len(self.anchors.sizes))
        objectness, deltas = self.head(features)
        anchors = self.anchors(features, image_size)
        sizes = sizes or [image_size] * len(features[0])
        proposals = self.propose(objectness, deltas, anchors, sizes, self.keep_training)
        losses = self.loss(
            torch.cat(objectness, dim=1), torch.cat(deltas, dim=1), torch.cat(anchors), targets, generator
        )
        return [boxes for boxes, _ in proposals], losses

    def loss(
        self,
        objectness: Tensor,
        deltas: Tensor,
        anchors: Tensor,
        targets: Targets,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Compute equation 1 on sampled anchors.

        Parameters
        ----------
        objectness, deltas : Tensor
            (B, N) and (B, N, 4).
        anchors : Tensor
            (N, 4).
        targets : sequence of (Tensor, Tensor)
            Boxes (G, 4) and labels of each picture; the labels play no part here.
        generator : torch.Generator, optional
            Draws the sample.
        """
        check_tensor(anchors, "anchors", "N", 4)
        check_tensor(objectness, "objectness", "B", len(anchors))
        check_tensor(deltas, "deltas", *objectness.shape, 4)
        check_targets(targets, len(objectness))
        logits, truths, offsets, laid, boxes_ = [], [], [], [], []
        every = torch.cat([boxes.to(anchors) for boxes, _ in targets])  # of all pictures
        overlaps = box_iou(every, anchors).split([len(boxes) for boxes, _ in targets])  # (G, N) a picture
        for logit, offset, iou, (boxes, _) in zip(objectness, deltas, overlaps, targets, strict=True):
            match = match_anchors(iou, high=self.high, low=self.low, allow_low_quality=True)
            label = (match >= 0).long().masked_fill(match == BETWEEN, BACKGROUND)  # 1, 0, -1: left out
            positive, negative = sample_balanced(label, self.number, self.positive_share, generator)
            chosen = torch.cat([positive, negative])
            logits.append(logit[chosen])
            truths.append(label[chosen].to(logit))  # p*: 1 or 0
            offsets.append(offset[positive])  # t
            laid.append(anchors[positive])
            boxes_.append(boxes.to(anchors)[match[positive]])
        wanted = encode_boxes(torch.cat(boxes_), torch.cat(laid))  # t*
        box_loss = F.smooth_l1_loss(torch.cat(offsets), wanted, beta=1 / 9, reduction="sum")
        return {
            "objectness": F.binary_cross_entropy_with_logits(torch.cat(logits), torch.cat(truths)),
            "rpn_box": box_loss / sum(len(some) for some in logits),
        }
