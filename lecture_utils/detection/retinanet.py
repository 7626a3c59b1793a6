"""RetinaNet: every anchor of every level is asked for its class and its box at once, with no second stage.

T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, "Focal Loss for Dense Object Detection", ICCV 2017:
pyramid, anchors and two subnets (section 4, figure 3), the start at a prior (section 3.3), how detections are
chosen and what losses are divided by (section 4.1).

Departures, as in torchvision: the anchors that overlap an object most are positive even where they overlap it
by less than 0.5, so that no object goes without; the box loss is L1 where the paper has smooth L1; losses are
divided by the positives of each picture, then averaged over pictures.

Shapes: B pictures, C channels, h × w map, A anchors a place, N anchors of all maps, K classes, G true boxes.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.backbones.resnet import resnet50
from lecture_utils.detection.anchors import BETWEEN, Anchors, match_anchors
from lecture_utils.detection.fpn import ResNetPyramid
from lecture_utils.detection.structures import (
    Detections,
    Sizes,
    Targets,
    check_picture_sizes,
    check_targets,
)
from lecture_utils.detection.subnet import Subnet
from lecture_utils.nn.frozen_norm import FrozenBatchNorm2d
from lecture_utils.ops.boxes import box_iou, clip_boxes, decode_boxes, encode_boxes
from lecture_utils.ops.checks import (
    check_images,
    check_number,
    check_size,
    check_sizes,
    check_tensor,
    check_whole,
)
from lecture_utils.ops.focal_loss import check_balance, focal_loss
from lecture_utils.ops.nms import batched_nms

# Three sizes an octave, on each of five levels; torchvision cuts them to whole pixels, centred on the corner.
RETINA_ANCHORS = Anchors(
    sizes=tuple((x, int(x * 2 ** (1 / 3)), int(x * 2 ** (2 / 3))) for x in (32, 64, 128, 256, 512)),
    offset=0.0,
)


class RetinaNet(nn.Module):
    """A backbone's pyramid, and two subnets that read it: one for classes, one for boxes.

    Parameters
    ----------
    backbone : nn.Module
        (B, 3, H, W) to a list of maps of one width, finest first.
    channels : int
        C of these maps.
    anchors : Anchors
        One tuple of sizes a map.
    classes : int
        K.
    prior : float
        π: the probability that each anchor shows each class, at the start. At 1/2, the mass of background
        would make the first losses huge (section 3.3).
    std
        As for `Subnet`.
    alpha, gamma
        As for `focal_loss`.
    high, low : float
        IoU from which on an anchor is positive, and below which it is background; between, it is left out.
    every_object : bool
        Make the anchors positive that overlap an object most, however little that is.
    beta : float
        Where the box loss turns from square to straight; 0 is L1.
    score_threshold, nms_threshold : float
        What becomes a detection, and IoU from which on two of one class are doubles.
    most_of_level, most : int
        Candidates a level, before boxes are computed; detections a picture.

    Raises
    ------
    ValueError
        For settings out of range, input that is not floating point (B, C, H, W), maps that do not fit the
        anchors, or not one pair of boxes and labels a picture.
    """

    def __init__(
        self,
        backbone: nn.Module,
        channels: int,
        anchors: Anchors,
        classes: int,
        *,
        prior: float = 0.01,
        std: float = 0.01,
        alpha: float | None = 0.25,
        gamma: float = 2.0,
        high: float = 0.5,
        low: float = 0.4,
        every_object: bool = True,
        beta: float = 0.0,
        score_threshold: float = 0.05,
        nms_threshold: float = 0.5,
        most_of_level: int = 1000,
        most: int = 100,
    ) -> None:
        super().__init__()
        check_sizes("RetinaNet", channels=channels, classes=classes, most_of_level=most_of_level, most=most)
        check_balance(alpha, gamma)
        check_number(beta, "beta", 0)
        for name, value in (("low", low), ("score_threshold", score_threshold)):
            check_number(value, name, 0, 1)
        check_number(high, "high", low, 1)
        check_number(nms_threshold, "nms_threshold", 0, 1)
        self.backbone, self.anchors = backbone, anchors
        self.class_subnet = Subnet(channels, anchors.per_place, classes, start=prior, std=std)
        self.box_subnet = Subnet(channels, anchors.per_place, 4, std=std)
        self.alpha, self.gamma, self.beta = alpha, gamma, beta
        self.high, self.low, self.every_object = high, low, every_object
        self.score_threshold, self.nms_threshold = score_threshold, nms_threshold
        self.most_of_level, self.most = most_of_level, most

    def forward(self, images: Tensor, sizes: Sizes | None = None) -> list[Detections]:
        """Detect in pictures (B, 3, H, W); `sizes` are their heights and widths where some are padded."""
        check_images(images)
        size = (images.shape[2], images.shape[3])
        sizes = sizes or [size] * len(images)
        check_picture_sizes(sizes, len(images))
        features = self.backbone(images)  # a list of (B, C, h, w)
        logits, deltas = self.class_subnet(features), self.box_subnet(features)
        anchors = self.anchors(features, size)  # a list of (h·w·A, 4)
        return [
            self.detections([x[i] for x in logits], [x[i] for x in deltas], anchors, own)
            for i, own in enumerate(sizes)
        ]

    def detections(
        self,
        logits: Sequence[Tensor],
        deltas: Sequence[Tensor],
        anchors: Sequence[Tensor],
        size: tuple[int, int],
    ) -> Detections:
        """Choose one picture's detections: the best of each level, then NMS for each class over all levels.

        Parameters
        ----------
        logits, deltas, anchors : sequence of Tensor
            A level: (n, K), (n, 4) and (n, 4), n = h·w·A.
        size : (int, int)
            Height and width, at which boxes are cut off.
        """
        height, width = check_size(size)
        if not len(logits) == len(deltas) == len(anchors):
            got = (len(logits), len(deltas), len(anchors))
            raise ValueError(f"logits, deltas, anchors: got {got} levels, want as many of each")
        boxes, labels, scores = [], [], []
        for logit, delta, laid in zip(logits, deltas, anchors, strict=True):
            check_tensor(laid, "anchors", "n", 4)
            check_tensor(logit, "logits", len(laid), "K", finite=True)
            check_tensor(delta, "deltas", len(laid), 4, finite=True)
            score = logit.sigmoid()  # (n, K)
            anchor, label = (score > self.score_threshold).nonzero().unbind(1)  # (candidates,) each
            score, best = score[anchor, label].topk(min(self.most_of_level, len(anchor)))
            anchor, label = anchor[best], label[best]
            boxes.append(clip_boxes(decode_boxes(delta[anchor], laid[anchor]), height, width))
            labels.append(label)
            scores.append(score)
        box, label, score = torch.cat(boxes), torch.cat(labels), torch.cat(scores)
        kept = batched_nms(box, score, label, self.nms_threshold)[: self.most]
        return Detections(box[kept], label[kept], score[kept])

    def losses(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Give the losses "class" and "box"; their sum is what to descend.

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W).
        targets : sequence of (Tensor, Tensor)
            A picture: boxes (G, 4) x1, y1, x2, y2 in pixels, and classes (G,) from 0; G may be 0.
        """
        check_images(images)
        features = self.backbone(images)
        logits, deltas = self.class_subnet(features), self.box_subnet(features)
        anchors = self.anchors(features, (images.shape[2], images.shape[3]))
        return self.loss(torch.cat(logits, dim=1), torch.cat(deltas, dim=1), torch.cat(anchors), targets)

    def loss(self, logits: Tensor, deltas: Tensor, anchors: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Match anchors with objects, and compare what the subnets say with what they should.

        Parameters
        ----------
        logits, deltas, anchors : Tensor
            (B, N, K), (B, N, 4) and (N, 4).
        targets
            As for `losses`.
        """
        check_tensor(anchors, "anchors", "N", 4)
        check_tensor(logits, "logits", "B", len(anchors), self.class_subnet.outputs)
        check_tensor(deltas, "deltas", len(logits), len(anchors), 4)
        check_targets(targets, len(logits), self.class_subnet.outputs)
        class_losses, box_losses = [], []
        for logit, delta, (boxes, labels) in zip(logits, deltas, targets, strict=True):
            iou = box_iou(boxes.to(anchors), anchors)  # (G, N)
            match = match_anchors(iou, high=self.high, low=self.low, allow_low_quality=self.every_object)
            positive, trained = (match >= 0).nonzero()[:, 0], match != BETWEEN
            own = match[positive]  # (P,) the object of each positive anchor
            wanted = torch.zeros_like(logit)  # (N, K): all 0 for background
            wanted[positive, labels[own].long()] = 1
            focal = focal_loss(
                logit[trained], wanted[trained], alpha=self.alpha, gamma=self.gamma, reduction="sum"
            )
            offsets = encode_boxes(boxes.to(anchors)[own], anchors[positive])  # (P, 4)
            off = F.smooth_l1_loss(delta[positive], offsets, beta=self.beta, reduction="sum")
            number = max(1, len(positive))  # not N: nearly all of the N are easy background
            class_losses.append(focal / number)
            box_losses.append(off / number)
        return {"class": torch.stack(class_losses).mean(), "box": torch.stack(box_losses).mean()}


def retinanet_resnet50(
    classes: int = 91,
    *,
    anchors: Anchors = RETINA_ANCHORS,
    eps: float = 1e-5,
    from_c5: bool = False,
    score_threshold: float = 0.05,
    nms_threshold: float = 0.5,
    most_of_level: int = 1000,
    most: int = 300,
) -> RetinaNet:
    """RetinaNet on ResNet-50 with frozen batch norm, as torchvision sets up its `retinanet_resnet50_fpn`.

    Parameters
    ----------
    classes : int
        K: 91 numbers for COCO's 80 classes. torchvision counts background as class 0; nothing is that class.
    anchors : Anchors
        For the five levels of the pyramid.
    eps : float
        Of batch norm.
    from_c5
        As for `ResNetPyramid`.
    score_threshold, nms_threshold, most_of_level, most
        As for `RetinaNet`.

    Raises
    ------
    ValueError
        For settings out of range.
    """
    check_whole(classes, "classes")
    resnet = resnet50(norm=lambda channels: FrozenBatchNorm2d(channels, eps=eps))  # type: ignore[arg-type]
    backbone = ResNetPyramid(resnet, from_c5=from_c5)
    return RetinaNet(
        backbone, backbone.channels, anchors, classes,
        score_threshold=score_threshold, nms_threshold=nms_threshold, most_of_level=most_of_level, most=most,
    )  # fmt: skip
