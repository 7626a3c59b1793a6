"""The second stage: what each proposed region shows, and where exactly it is.

R. Girshick, "Fast R-CNN", ICCV 2015: two dense layers and their two outputs (section 2.1), the loss of both
tasks (section 2.3, equations 1 to 3), sampling by picture (section 2.3), one box a class and NMS a class
(section 2.4).

Departure: with `beta` below 1 the box loss turns from square to straight earlier, as torchvision's does.

Shapes: B pictures, R regions, C × P × Q numbers a region, K classes; column 0 of scores is background.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.anchors import BACKGROUND, match_anchors, sample_balanced
from lecture_utils.detection.structures import (
    Detections,
    Sizes,
    Targets,
    check_picture_sizes,
    check_proposals,
    check_targets,
)
from lecture_utils.ops.boxes import (
    box_iou,
    check_weights,
    clip_boxes,
    decode_boxes,
    encode_boxes,
    remove_small_boxes,
)
from lecture_utils.ops.checks import (
    check_classes,
    check_number,
    check_size,
    check_sizes,
    check_tensor,
    check_whole,
)
from lecture_utils.ops.nms import batched_nms

LEAST_SIDE = 1e-2  # pixels; thinner detections are dropped


class BoxHead(nn.Module):
    """Two dense layers, then class scores and, for every class, four offsets.

    Parameters
    ----------
    inputs : int
        C·P·Q.
    hidden : int
        4096 in the paper (VGG's), 1024 with FPN.
    classes : int
        K.

    Raises
    ------
    ValueError
        For sizes below 1, or regions that are not (R, C, P, Q) with that many numbers.
    """

    def __init__(self, inputs: int, *, hidden: int, classes: int) -> None:
        super().__init__()
        check_sizes("box head", inputs=inputs, hidden=hidden, classes=classes)
        self.fc6, self.fc7 = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)
        self.scores = nn.Linear(hidden, classes + 1)
        self.deltas = nn.Linear(hidden, 4 * (classes + 1))
        nn.init.normal_(self.scores.weight, std=0.01)  # section 2.3
        nn.init.normal_(self.deltas.weight, std=0.001)
        for layer in (self.scores, self.deltas):
            nn.init.zeros_(layer.bias)

    @property
    def classes(self) -> int:
        """K."""
        return self.scores.out_features - 1

    def forward(self, regions: Tensor) -> tuple[Tensor, Tensor]:  # (R, C, P, Q)
        check_tensor(regions, "regions", "R", "C", "P", "Q")
        if regions[0:1].numel() not in (0, self.fc6.in_features):
            got = tuple(regions.shape)
            raise ValueError(f"regions: got shape {got}, want {self.fc6.in_features} numbers a region")
        x = F.relu(self.fc6(regions.flatten(1)))  # (R, hidden)
        x = F.relu(self.fc7(x))
        return self.scores(x), self.deltas(x).unflatten(1, (-1, 4))  # (R, K + 1), (R, K + 1, 4)


def multi_task_loss(
    scores: Tensor, deltas: Tensor, labels: Tensor, wanted: Tensor, *, beta: float = 1.0
) -> dict[str, Tensor]:
    """Add up equation 1: L_cls(p, u) + [u ≥ 1] L_loc(t^u, v), each as a mean over the regions.

    Parameters
    ----------
    scores : Tensor
        (R, K + 1) logits of p.
    deltas : Tensor
        (R, K + 1, 4) t: offsets for each class.
    labels : Tensor
        (R,) int64 u: 0 for background, k + 1 for class k.
    wanted : Tensor
        (R, 4) v: the offsets to the true box; ignored for background.
    beta : float
        Where smooth L1 turns from square to straight: 1 in equation 3.

    Returns
    -------
    dict
        "class" and "box", scalars.

    Raises
    ------
    ValueError
        For shapes that do not fit, none of a region, or labels out of range.
    """
    check_tensor(scores, "scores", "R", "K + 1", some=True)
    check_tensor(deltas, "deltas", *scores.shape, 4)
    check_tensor(wanted, "wanted", len(scores), 4)
    check_classes(labels, "labels", len(scores), classes=scores.shape[1])
    check_number(beta, "beta", 0)
    object_ = (labels > 0).nonzero()[:, 0]
    own = deltas[object_, labels[object_]]  # (objects, 4): t^u, the offsets of the true class alone
    box = F.smooth_l1_loss(own, wanted[object_], beta=beta, reduction="sum") / len(labels)
    return {"class": F.cross_entropy(scores, labels.long()), "box": box}


class RoIHeads(nn.Module):
    """Reads regions, names them and moves their boxes; learns both at once.

    Parameters
    ----------
    pooling : nn.Module
        From maps and boxes to (R, C, P, Q): `MapPooling` or `PyramidPooling`.
    head : BoxHead
        From there to scores and offsets.
    weights : tuple of 4 float
        What offsets are multiplied by, so that they vary by about 1.
    beta : float
        As for `multi_task_loss`.
    foreground : float
        IoU with a true box from which on a region shows its object: 0.5.
    background : float
        Below `foreground`, IoU from which on a region is background; those under it are left out. The paper
        takes 0.1, a cheap way to find hard examples; Faster R-CNN 0.
    number, positive_share
        Regions trained on a picture, and the share that may show objects (section 2.3).
    score_threshold, nms_threshold : float
        What becomes a detection, and IoU from which on two of one class are doubles: 0.3 in the paper.
    most : int
        Detections a picture.

    Raises
    ------
    ValueError
        For settings out of range, and as `multi_task_loss` and `check_targets`.
    """

    def __init__(
        self,
        pooling: nn.Module,
        head: BoxHead,
        *,
        weights: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0),
        beta: float = 1.0,
        foreground: float = 0.5,
        background: float = 0.0,
        number: int = 64,
        positive_share: float = 0.25,
        score_threshold: float = 0.05,
        nms_threshold: float = 0.3,
        most: int = 100,
    ) -> None:
        super().__init__()
        check_number(background, "background", 0, 1)
        check_number(foreground, "foreground", background, 1)
        check_whole(number, "number")
        check_whole(most, "most")
        for name, value in (("positive_share", positive_share), ("nms_threshold", nms_threshold)):
            check_number(value, name, 0, 1)
        check_number(score_threshold, "score_threshold", 0, 1)
        check_number(beta, "beta", 0)
        check_weights(weights)
        self.pooling, self.head = pooling, head
        self.weights, self.beta = weights, beta
        self.foreground, self.background = foreground, background
        self.number, self.positive_share = number, positive_share
        self.score_threshold, self.nms_threshold, self.most = score_threshold, nms_threshold, most

    def forward(
        self, features: Sequence[Tensor], proposals: Sequence[Tensor], sizes: Sizes
    ) -> list[Detections]:
        """Detect.

        Parameters
        ----------
        features : sequence of Tensor
            Maps (B, C, h, w).
        proposals : sequence of Tensor
            A picture: boxes (R, 4) in pixels.
        sizes : sequence of (int, int)
            Height and width of each picture.
        """
        check_picture_sizes(sizes, len(proposals))
        scores, deltas = self.head(self.pooling(features, proposals))
        counts = [len(boxes) for boxes in proposals]
        return [
            self.detections(*own)
            for own in zip(proposals, scores.split(counts), deltas.split(counts), sizes, strict=True)
        ]

    def detections(
        self, proposals: Tensor, scores: Tensor, deltas: Tensor, size: tuple[int, int]
    ) -> Detections:
        """Turn one picture's regions into detections: every class has its own box, score and NMS.

        Parameters
        ----------
        proposals, scores, deltas : Tensor
            (R, 4), (R, K + 1) logits, (R, K + 1, 4).
        size : (int, int)
            Height and width, at which boxes are cut off.
        """
        check_tensor(scores, "scores", len(proposals), "K + 1", finite=True)
        check_tensor(deltas, "deltas", *scores.shape, 4, finite=True)
        height, width = check_size(size)
        score = scores.softmax(dim=1)[:, 1:]  # (R, K): without background
        region, label = (score > self.score_threshold).nonzero().unbind(1)  # (D,) each
        score = score[region, label]
        boxes = decode_boxes(deltas[region, label + 1], proposals[region], weights=self.weights)  # (D, 4)
        boxes = clip_boxes(boxes, height, width)
        large = remove_small_boxes(boxes, LEAST_SIDE)
        boxes, label, score = boxes[large], label[large], score[large]
        kept = batched_nms(boxes, score, label, self.nms_threshold)[: self.most]
        return Detections(boxes[kept], label[kept], score[kept])

    def losses(
        self,
        features: Sequence[Tensor],
        proposals: Sequence[Tensor],
        targets: Targets,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Sample regions of each picture, true boxes among them, and give the losses "class" and "box"."""
        if len(proposals) != len(targets):
            raise ValueError(f"proposals: got {len(proposals)}, want {len(targets)}, as many as targets")
        samples = [
            self.sample(boxes, *target, generator) for boxes, target in zip(proposals, targets, strict=True)
        ]
        regions, labels, truths = zip(*samples, strict=True)
        scores, deltas = self.head(self.pooling(features, regions))
        wanted = encode_boxes(torch.cat(truths), torch.cat(regions), weights=self.weights)
        return multi_task_loss(scores, deltas, torch.cat(labels), wanted, beta=self.beta)

    def sample(
        self, proposals: Tensor, boxes: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw the regions of one picture to train on.

        Returns
        -------
        regions, labels, truths : Tensor
            (R, 4), (R,) with 0 for background and k + 1 for class k, and (R, 4) each region's true box; for
            background, which learns no box, the region itself.
        """
        check_proposals([proposals], 1)
        check_targets([(boxes, labels)], 1, self.head.classes)
        boxes = boxes.to(proposals)
        proposals = torch.cat([proposals, boxes])
        iou = box_iou(boxes, proposals)  # (G, R)
        match = match_anchors(iou, high=self.foreground, low=self.foreground)  # (R,)
        label = torch.zeros_like(match)
        label[match >= 0] = labels[match[match >= 0]].long() + 1
        if len(boxes):
            label[(match < 0) & (iou.amax(0) < self.background)] = BACKGROUND  # left out
        positive, negative = sample_balanced(label, self.number, self.positive_share, generator)
        truths = torch.cat([boxes[match[positive]], proposals[negative]])
        chosen = torch.cat([positive, negative])
        return proposals[chosen], label[chosen], truths
