"""Faster R-CNN: the network proposes its regions itself, from the maps that it reads them from.

S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: Towards Real-Time Object Detection with Region Proposal
Networks", NeurIPS 2015, section 3.2: a region proposal network and Fast R-CNN's heads on one backbone. The
two are trained jointly ("approximate joint training"): their losses are added, and proposals count as fixed.

`faster_rcnn_resnet50` is the same on a feature pyramid, as T.-Y. Lin et al., "Feature Pyramid Networks for
Object Detection", CVPR 2017, section 4, put it, with the settings of torchvision's `fasterrcnn_resnet50_fpn`.

Shapes: B pictures, C channels, H × W pixels, K classes.
"""

import torch
from torch import Tensor, nn

from lecture_utils.backbones.resnet import resnet50
from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.fpn import ResNetFPN
from lecture_utils.detection.roi_heads import BoxHead, RoIHeads
from lecture_utils.detection.roi_pooling import PyramidPooling
from lecture_utils.detection.rpn import RPN
from lecture_utils.detection.structures import Detections, Sizes, Targets
from lecture_utils.nn.frozen_norm import FrozenBatchNorm2d
from lecture_utils.ops.checks import check_images, check_sizes

# One size a level of the pyramid; torchvision centres anchors on the corner of their cell.
PYRAMID_ANCHORS = Anchors(sizes=((32,), (64,), (128,), (256,), (512,)), offset=0.0)


class FasterRCNN(nn.Module):
    """Backbone, region proposal network, heads.

    Parameters
    ----------
    backbone : nn.Module
        (B, 3, H, W) to a list of maps, finest first.
    rpn : RPN
        From maps to proposals.
    heads : RoIHeads
        From maps and proposals to detections.

    Raises
    ------
    ValueError
        For input that is not floating point (B, C, H, W), or not one pair of boxes and labels a picture.
    """

    def __init__(self, backbone: nn.Module, rpn: RPN, heads: RoIHeads) -> None:
        super().__init__()
        self.backbone, self.rpn, self.heads = backbone, rpn, heads

    def forward(self, images: Tensor, sizes: Sizes | None = None) -> list[Detections]:
        """Detect in pictures (B, 3, H, W); `sizes` are their heights and widths where some are padded."""
        check_images(images)
        size = (images.shape[2], images.shape[3])
        sizes = sizes or [size] * len(images)
        features = self.backbone(images)  # a list of (B, C, h, w)
        proposals = self.rpn(features, size, sizes)  # boxes (R, 4) and scores (R,)
        return self.heads(features, [boxes for boxes, _ in proposals], sizes)

    def losses(
        self,
        images: Tensor,
        targets: Targets,
        sizes: Sizes | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Give the four losses of joint training: "objectness", "rpn_box", "class", "box".

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W).
        targets : sequence of (Tensor, Tensor)
            A picture: boxes (G, 4) x1, y1, x2, y2 in pixels, and classes (G,) from 0; G may be 0.
        sizes : sequence of (int, int), optional
            As for `forward`.
        generator : torch.Generator, optional
            Draws the samples; the global one if not given.
        """
        check_images(images)
        size, features = (images.shape[2], images.shape[3]), self.backbone(images)
        proposals, losses = self.rpn.losses(features, size, targets, sizes, generator)
        return losses | self.heads.losses(features, proposals, targets, generator)


def faster_rcnn_resnet50(
    classes: int = 90,
    *,
    anchors: Anchors = PYRAMID_ANCHORS,
    eps: float = 1e-5,
    score_threshold: float = 0.05,
    most: int = 100,
    keep: tuple[int, int] = (1000, 1000),
) -> FasterRCNN:
    """Faster R-CNN on ResNet-50 with a feature pyramid and frozen batch norm, as torchvision sets it up.

    Parameters
    ----------
    classes : int
        K: 90 numbers for COCO's 80 classes.
    anchors : Anchors
        For the five levels of the pyramid.
    eps : float
        Of batch norm.
    score_threshold, most, keep
        As for `RoIHeads` and `RPN`.

    Raises
    ------
    ValueError
        For settings out of range.
    """
    check_sizes("Faster R-CNN", classes=classes)
    backbone = ResNetFPN(resnet50(norm=lambda channels: FrozenBatchNorm2d(channels, eps=eps)))  # type: ignore[arg-type]
    rpn = RPN(backbone.channels, anchors, keep=keep)
    head = BoxHead(7 * 7 * backbone.channels, hidden=1024, classes=classes)
    heads = RoIHeads(
        PyramidPooling(aligned=False), head,
        beta=1 / 9, number=512, score_threshold=score_threshold, nms_threshold=0.5, most=most,
    )  # fmt: skip
    return FasterRCNN(backbone, rpn, heads)
