"""YOLACT: a one-stage detector that also says of each object how to mix the picture's prototypes to its mask.

D. Bolya, C. Zhou, F. Xiao, Y. J. Lee, "YOLACT: Real-time Instance Segmentation", ICCV 2019: prototypes,
coefficients and their assembly (section 3, equation 1), the detector (section 4), Fast NMS and the semantic
loss (section 5). The parts are in `protonet.py`, the losses in `yolact_losses.py`.

Departures: masks are enlarged to the picture before they are cropped (the authors' code crops first, a cell
wider); anchors lie as many whole pixels apart as fit (`detection/anchors.py`), so choose pictures whose sides
are multiples of the coarsest stride.

Shapes: B pictures of H × W, C channels, h × w prototypes, k of them, N anchors of all maps, K classes (column
0 of the logits is background), G true objects, D detections.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.anchors import Anchors
from lecture_utils.ops.boxes import check_weights, clip_boxes, decode_boxes
from lecture_utils.ops.checks import (
    check_choice,
    check_images,
    check_number,
    check_size,
    check_sizes,
    check_tensor,
)
from lecture_utils.ops.fast_nms import fast_nms_by_class
from lecture_utils.ops.nms import batched_nms
from lecture_utils.segmentation.protonet import (
    Chosen,
    PredictionHead,
    ProtoNet,
    Raw,
    assemble,
    check_raw,
    crop_masks,
)
from lecture_utils.segmentation.structures import Instances, MaskTargets
from lecture_utils.segmentation.yolact_losses import yolact_loss


class Yolact(nn.Module):
    """A backbone's pyramid, prototypes from its finest map, and a head that reads all of them.

    Parameters
    ----------
    backbone : nn.Module
        (B, 3, H, W) to a list of maps of one width, finest first.
    channels : int
        C of these maps.
    anchors : Anchors
        One tuple of sizes a map: in the paper 24 pixels on P3 and twice as many each level up, of ratios 1,
        1/2 and 2.
    classes : int
        K.
    prototypes : int
        k.
    hidden, convs
        As for `ProtoNet`; 256 channels and 3 convolutions in the paper.
    high, low : float
        IoU from which on an anchor is positive, and below which it is background; between, it is left out.
    weights : tuple of 4 float
        What offsets are multiplied by.
    score_threshold, nms_threshold : float
        What becomes a detection, and IoU above which two of one class are doubles.
    most_of_class, most : int
        Candidates a class, before suppression; detections a picture.
    nms : {"fast", "greedy"}
        Which suppression.

    Raises
    ------
    ValueError
        For settings out of range, input that is not floating point (B, 3, H, W), maps that do not fit the
        anchors, or targets that are not one triple of boxes, labels and masks a picture.
    """

    def __init__(
        self,
        backbone: nn.Module,
        channels: int,
        anchors: Anchors,
        classes: int,
        *,
        prototypes: int = 32,
        hidden: int = 256,
        convs: int = 3,
        high: float = 0.5,
        low: float = 0.4,
        weights: tuple[float, float, float, float] = (10, 10, 5, 5),
        score_threshold: float = 0.05,
        nms_threshold: float = 0.5,
        most_of_class: int = 200,
        most: int = 100,
        nms: str = "fast",
    ) -> None:
        super().__init__()
        check_sizes("Yolact", channels=channels, classes=classes, most_of_class=most_of_class, most=most)
        for name, value in (("low", low), ("score_threshold", score_threshold)):
            check_number(value, name, 0, 1)
        check_number(high, "high", low, 1)
        check_number(nms_threshold, "nms_threshold", 0, 1)
        check_weights(weights)
        check_choice(nms, "nms", "fast", "greedy")
        self.backbone, self.anchors, self.classes = backbone, anchors, classes
        self.protonet = ProtoNet(channels, prototypes=prototypes, hidden=hidden, convs=convs)
        self.head = PredictionHead(channels, anchors.per_place, classes, prototypes)
        self.semantic = nn.Conv2d(channels, classes, 1)  # used in training alone
        self.high, self.low, self.weights = high, low, weights
        self.score_threshold, self.nms_threshold, self.nms = score_threshold, nms_threshold, nms
        self.most_of_class, self.most = most_of_class, most

    def forward(self, images: Tensor) -> list[Instances]:
        """Find the objects of pictures (B, 3, H, W), each with a mask of the picture's size."""
        return self.instances(self.raw(images))

    def raw(self, images: Tensor) -> Raw:
        """Read pictures (B, 3, H, W), and choose nothing yet."""
        check_images(images)
        return self.read(self.backbone(images), (images.shape[2], images.shape[3]))

    def read(self, features: Sequence[Tensor], size: tuple[int, int]) -> Raw:
        """Read the maps of a pyramid, a list of (B, C, h, w), finest first, of pictures of H × W."""
        size = check_size(size)
        logits, deltas, coefficients = self.head(features)
        prototypes = self.protonet(features[0])  # (B, k, 2h, 2w)
        anchors = torch.cat(self.anchors(features, size))  # (N, 4)
        return Raw(prototypes, logits, deltas, coefficients, anchors, size)

    def instances(self, raw: Raw) -> list[Instances]:
        """Choose each picture's objects, and mix their masks."""
        found = []
        for prototypes, chosen in zip(raw.prototypes, self.choose(raw), strict=True):
            masks = make_masks(prototypes, chosen.coefficients, chosen.boxes, raw.size)
            found.append(Instances(chosen.boxes, chosen.labels, chosen.scores, masks))
        return found

    def choose(self, raw: Raw) -> list[Chosen]:
        """Say which anchors are objects, of which class, and with which coefficients: one a picture."""
        check_raw(raw, self.classes)
        chosen = []
        for logits, deltas, coefficients in zip(raw.logits, raw.deltas, raw.coefficients, strict=True):
            scores = logits.softmax(1)[:, 1:]  # (N, K), without the background
            able = (scores.amax(1) > self.score_threshold).nonzero()[:, 0]
            scores = scores[able]
            boxes = decode_boxes(deltas[able], raw.anchors[able], weights=self.weights)
            boxes = clip_boxes(boxes, *raw.size)
            index, label = self.suppress(boxes, scores)
            score = scores[index, label]
            index, label, score = (
                x[score > self.score_threshold][: self.most] for x in (index, label, score)
            )
            chosen.append(Chosen(boxes[index], label, score, coefficients[able][index]))
        return chosen

    def suppress(self, boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Drop doubles among boxes (N, 4) with scores (N, K); give boxes' numbers and classes, best first."""
        check_tensor(scores, "scores", len(boxes), self.classes)
        if self.nms == "fast":
            return fast_nms_by_class(boxes, scores.T, self.nms_threshold, most_of_class=self.most_of_class)
        index, label = (scores > self.score_threshold).nonzero().unbind(1)
        kept = batched_nms(boxes[index], scores[index, label], label, self.nms_threshold)
        return index[kept], label[kept]

    def losses(self, images: Tensor, targets: MaskTargets) -> dict[str, Tensor]:
        """Give the weighed losses "class", "box", "mask" and "semantic"; their sum is what to descend.

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W).
        targets : sequence of (Tensor, Tensor, Tensor)
            A picture: boxes (G, 4) x1, y1, x2, y2 in pixels, classes (G,) from 0, masks (G, H, W) bool; G may
            be 0.
        """
        check_images(images)
        features = self.backbone(images)
        raw = self.read(features, (images.shape[2], images.shape[3]))
        return self.loss(raw, features[0], targets)

    def loss(self, raw: Raw, finest: Tensor, targets: MaskTargets) -> dict[str, Tensor]:
        """Compare what the network says with what it should; see `yolact_loss`.

        Parameters
        ----------
        raw : Raw
            Of the batch.
        finest : Tensor
            (B, C, h, w), the finest map: the semantic loss reads it.
        targets
            As for `losses`.
        """
        check_images(finest, self.semantic.in_channels, like=self.semantic.weight, maps=True)
        semantic = self.semantic(finest)  # (B, K, h, w)
        return yolact_loss(raw, semantic, targets, high=self.high, low=self.low, weights=self.weights)


def make_masks(prototypes: Tensor, coefficients: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Mix a picture's masks, enlarge them to its size and crop each by its box.

    Parameters
    ----------
    prototypes : Tensor
        (k, h, w).
    coefficients : Tensor
        (D, k).
    boxes : Tensor
        (D, 4) in pixels of the picture.
    size : (int, int)
        H, W.

    Returns
    -------
    Tensor
        (D, H, W) in [0, 1].

    Raises
    ------
    ValueError
        For shapes or types that do not fit, boxes that are none, or a size below 1.
    """
    size = check_size(size)
    masks = assemble(prototypes, coefficients)  # (D, h, w), equation 1
    masks = F.interpolate(masks[:, None], size, mode="bilinear", align_corners=False)[:, 0]
    return crop_masks(masks, boxes)
