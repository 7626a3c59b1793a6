"""UPSNet: one backbone, a semantic head and Mask R-CNN, and a head without parameters that unites them.

Y. Xiong, R. Liao, H. Zhao, R. Hu, M. Bai, E. Yumer, R. Urtasun, "UPSNet: A Unified Panoptic Segmentation
Network", CVPR 2019, section 3: the semantic head and its RoI loss, the panoptic head and its unknown class.
The panoptic head learns from true boxes and classes, with the masks that the network draws for them. All is
trained jointly, so that the panoptic loss reaches both other heads.

As in the authors' code the panoptic loss is taken at a quarter of the picture's size (`loss_stride`); in use
the logits are brought to the picture's size first. Departures: any backbone; the losses' weights are settings
(the paper chose them so that all are of one order of magnitude); the NMS over all classes comes after the
heads' own; each true object becomes unknown by itself with a chance of 30 %, since a fixed share of two
objects would be none or one.

Shapes: B pictures, H × W pixels, h × w cells, S classes of stuff, K of things, G true objects, N those with a
channel, m × m a mask. Semantic classes: stuff first, then things.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.roi_heads import RoIHeads
from lecture_utils.detection.rpn import RPN
from lecture_utils.detection.structures import check_map_list
from lecture_utils.ops.checks import (
    check_classes,
    check_images,
    check_number,
    check_numbers,
    check_size,
    check_tensor,
    check_whole,
)
from lecture_utils.segmentation.mask_heads import MaskBranch, own_masks
from lecture_utils.segmentation.mask_rcnn import MaskRCNN
from lecture_utils.segmentation.panoptic_head import (
    check_stuff,
    panoptic_map,
    panoptic_targets,
)
from lecture_utils.segmentation.panoptic_head import panoptic_logits as panoptic_logits
from lecture_utils.segmentation.panoptic_losses import (
    at_cells,
    check_semantic,
    pixel_loss,
    roi_loss,
    semantic_loss,
)
from lecture_utils.segmentation.panoptic_merge import prune_masks
from lecture_utils.segmentation.paste import paste_masks
from lecture_utils.segmentation.semantic_head import SemanticHead as SemanticHead
from lecture_utils.segmentation.structures import Instances, MaskTargets, check_mask_targets


class PanopticResult(NamedTuple):
    """What was found in one picture.

    Attributes
    ----------
    instances : Instances
        All that Mask R-CNN found, by falling score.
    semantic : Tensor
        (H, W) int64: the semantic head's classes.
    panoptic : Tensor
        (H, W) int64 codes or VOID. The object with number n is row n - 1 of `instances`.
    """

    instances: Instances
    semantic: Tensor
    panoptic: Tensor


class UPSNet(nn.Module):
    """Panoptic segmentation.

    Parameters
    ----------
    backbone, rpn, heads, mask
        As for `MaskRCNN`.
    semantic : nn.Module
        From maps to logits (B, S + K, h, w): a `SemanticHead`.
    stuff : int
        S.
    unknown : bool
        Whether a pixel may be unknown.
    unknown_share : float
        The chance that a true object is without a channel in training, so that its pixels are unknown: 0.3 in
        the paper.
    weights : tuple of 3 float
        Of the losses "semantic", "semantic_roi" and "panoptic".
    loss_stride : int
        Pixels per cell of the map on which the panoptic loss is taken.
    score_threshold, nms_threshold, overlap : float
        Which objects take part in use, as for `prune_masks`.

    Raises
    ------
    ValueError
        For settings out of range, input that is not floating point (B, C, H, W), or truth that does not fit.
    """

    def __init__(
        self,
        backbone: nn.Module,
        rpn: RPN,
        heads: RoIHeads,
        mask: MaskBranch,
        semantic: nn.Module,
        *,
        stuff: int,
        unknown: bool = True,
        unknown_share: float = 0.3,
        weights: tuple[float, float, float] = (1.0, 1.0, 1.0),
        loss_stride: int = 4,
        score_threshold: float = 0.6,
        nms_threshold: float = 0.5,
        overlap: float = 0.3,
    ) -> None:
        super().__init__()
        check_whole(stuff, "stuff", 0)
        check_whole(loss_stride, "loss_stride")
        check_numbers(weights, "weights", 3)
        settings = (("unknown_share", unknown_share), ("score_threshold", score_threshold),
                    ("nms_threshold", nms_threshold), ("overlap", overlap))  # fmt: skip
        for name, value in settings:
            check_number(value, name, 0, 1)
        self.instances, self.semantic = MaskRCNN(backbone, rpn, heads, mask), semantic
        self.stuff, self.unknown, self.unknown_share = stuff, unknown, unknown_share
        self.weights, self.loss_stride = weights, loss_stride
        self.score_threshold, self.nms_threshold, self.overlap = score_threshold, nms_threshold, overlap

    def forward(self, images: Tensor) -> list[PanopticResult]:
        """Segment pictures (B, 3, H, W)."""
        check_images(images)
        return self.find(self.instances.backbone(images), (images.shape[2], images.shape[3]))

    def find(self, features: Sequence[Tensor], size: tuple[int, int]) -> list[PanopticResult]:
        """Segment from maps (B, C, h, w) that are there already; `size` is the pictures' height and width."""
        size = check_size(size)
        x = self.semantic(features)  # (B, S + K, h, w)
        x = F.interpolate(x, size, mode="bilinear", align_corners=False)  # (B, S + K, H, W)
        found = self.instances.find(features, size, [size] * len(x))
        found = [one._replace(masks=paste_masks(one.masks, one.boxes, size)) for one in found]
        kept = [self.prune(one) for one in found]  # rows of each picture's instances
        boxes = [one.boxes[rows] for one, rows in zip(found, kept, strict=True)]
        labels = [one.labels[rows] for one, rows in zip(found, kept, strict=True)]
        masks = self.mask_logits(features, boxes, labels)
        results = []
        for i, one in enumerate(found):
            z = panoptic_logits(x[i], boxes[i], labels[i], masks[i], stuff=self.stuff, unknown=self.unknown)
            classes = x[i].argmax(0)  # (H, W)
            codes = panoptic_map(z, classes, labels[i], kept[i] + 1, stuff=self.stuff)
            results.append(PanopticResult(one, classes, codes))
        return results

    def prune(self, instances: Instances) -> Tensor:
        """The rows of the instances that take part."""
        return prune_masks(
            instances, score_threshold=self.score_threshold, nms_threshold=self.nms_threshold,
            overlap=self.overlap,
        )  # fmt: skip

    def mask_logits(
        self, features: Sequence[Tensor], boxes: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> Sequence[Tensor]:
        """Of each picture's boxes (N, 4) and labels (N,) the masks of their own class: (N, m, m) logits."""
        assert self.instances.mask is not None
        for some, own in zip(boxes, labels, strict=True):
            check_classes(own, "labels", len(some))
        every = own_masks(self.instances.mask(features, boxes), torch.cat(list(labels)))
        return every.split([len(own) for own in boxes])

    def losses(
        self,
        images: Tensor,
        targets: MaskTargets,
        semantic: Tensor,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Give the losses of Mask R-CNN, and "semantic", "semantic_roi" and "panoptic", weighted.

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W).
        targets : sequence of (Tensor, Tensor, Tensor)
            A picture: boxes (G, 4) in pixels, classes of things (G,) from 0, masks (G, H, W) bool; G may
            be 0.
        semantic : Tensor
            (B, H, W) int64 classes, stuff first; VOID where nobody labelled.
        generator : torch.Generator, optional
            Draws the samples, and which objects are unknown; the global one if not given.
        """
        check_images(images)
        features = self.instances.backbone(images)
        return self.losses_of(features, (images.shape[2], images.shape[3]), targets, semantic, generator)

    def losses_of(
        self,
        features: Sequence[Tensor],
        size: tuple[int, int],
        targets: MaskTargets,
        semantic: Tensor,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Give the losses on maps that are there already: (B, C, h, w) of a batch of `size` pixels."""
        check_map_list(features)
        size = check_size(size)
        check_tensor(semantic, "semantic", len(features[0]), *size, kind="int")
        losses = self.instances.losses_of(features, size, targets, generator=generator)
        x = self.semantic(features)  # (B, S + K, h, w)
        semantic_weight, roi_weight, panoptic_weight = self.weights
        boxes = [target[0] for target in targets]
        losses["semantic"] = semantic_weight * semantic_loss(x, semantic)
        losses["semantic_roi"] = roi_weight * roi_loss(x, semantic, boxes)
        losses["panoptic"] = panoptic_weight * self.panoptic_loss(features, x, targets, semantic, generator)
        return losses

    def panoptic_loss(
        self,
        features: Sequence[Tensor],
        x: Tensor,
        targets: MaskTargets,
        semantic: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Cross-entropy over the panoptic head's channels, a mean over pixels and pictures.

        Parameters
        ----------
        features : sequence of Tensor
            Maps (B, C, h, w).
        x : Tensor
            (B, S + K, h, w) semantic logits.
        targets, semantic, generator
            As for `losses`.
        """
        check_tensor(x, "x", "B", "S + K", "h", "w", some=True, finite=True)
        check_stuff(self.stuff, x.shape[1])
        check_semantic(semantic, x.shape[1], len(x), "H", "W")
        check_mask_targets(targets, len(x), x.shape[1] - self.stuff, (semantic.shape[1], semantic.shape[2]))
        step = self.loss_stride
        size = (semantic.shape[1] // step, semantic.shape[2] // step)
        x = F.interpolate(x, size, mode="bilinear", align_corners=False)
        kept = [self.draw_known(len(target[0]), generator).to(x.device) for target in targets]
        boxes = [target[0][own].to(x) for target, own in zip(targets, kept, strict=True)]
        labels = [target[1][own] for target, own in zip(targets, kept, strict=True)]
        masks = self.mask_logits(features, boxes, labels)
        losses = []
        for i, (_, _, truth) in enumerate(targets):
            z = panoptic_logits(
                x[i], boxes[i] / step, labels[i], masks[i], stuff=self.stuff, unknown=self.unknown
            )
            wanted = panoptic_targets(
                at_cells(semantic[i], step),
                at_cells(truth, step),
                kept[i],
                stuff=self.stuff,
                unknown=self.unknown,
            )
            losses.append(pixel_loss(z[None], wanted[None]))
        return torch.stack(losses).mean()

    def draw_known(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Which of `count` true objects have a channel: (count,) bool; all where there is no unknown."""
        check_whole(count, "count", 0)
        share = self.unknown_share if self.unknown else 0.0
        return torch.rand(count, generator=generator) >= share
