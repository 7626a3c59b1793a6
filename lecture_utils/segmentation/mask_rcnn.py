"""Mask R-CNN: Faster R-CNN with a third output, a mask for each object; and a fourth, its keypoints.

K. He, G. Gkioxari, P. Dollár, R. Girshick, "Mask R-CNN", ICCV 2017: the loss L = L_cls + L_box + L_mask, a
mask branch beside the box head, which learns from regions that show an object, and in use draws the masks of
the final detections alone (section 3 and 3.1); the keypoint branch (section 5).

Departure: the four losses of Faster R-CNN and the new ones are trained jointly, as there.

Shapes: B pictures, C channels, H × W pixels, R regions, G true objects, D detections, K classes, m × m a
mask, N keypoint types.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.faster_rcnn import PYRAMID_ANCHORS, faster_rcnn_resnet50
from lecture_utils.detection.resize import batch_images
from lecture_utils.detection.roi_heads import RoIHeads, multi_task_loss
from lecture_utils.detection.roi_pooling import PyramidPooling
from lecture_utils.detection.rpn import RPN
from lecture_utils.detection.structures import Sizes, Targets, check_map_list, check_targets
from lecture_utils.ops.boxes import encode_boxes
from lecture_utils.ops.checks import check_images, check_size, check_sizes
from lecture_utils.segmentation.keypoint_branch import (
    KeypointBranch,
    KeypointHead,
    keypoint_loss,
    keypoints_from_heatmaps,
)
from lecture_utils.segmentation.mask_heads import (
    MaskBranch,
    MaskHead,
    find_objects,
    mask_loss,
    mask_targets,
    select_masks,
)
from lecture_utils.segmentation.paste import at_size
from lecture_utils.segmentation.structures import (
    Instances,
    MaskTargets,
    check_keypoints,
    check_mask_targets,
)


class MaskRCNN(nn.Module):
    """Backbone, region proposal network, box heads, and the branches that read the objects once more.

    Parameters
    ----------
    backbone : nn.Module
        (B, 3, H, W) to a list of maps, finest first.
    rpn : RPN
        From maps to proposals.
    heads : RoIHeads
        From maps and proposals to boxes and classes.
    mask : MaskBranch, optional
        From maps and boxes to masks. None: no masks, as in torchvision's Keypoint R-CNN.
    keypoints : KeypointBranch, optional
        From maps and boxes to keypoints.
    rounded : bool
        Whether masks lie as in torchvision: learned half a pixel too far to the upper left (`mask_targets`),
        and pasted over whole pixels (`paste_masks`).

    Raises
    ------
    ValueError
        For a mask branch of another number of classes; for input that is not floating point (B, C, H, W), or
        targets that do not fit.
    """

    def __init__(
        self,
        backbone: nn.Module,
        rpn: RPN,
        heads: RoIHeads,
        mask: MaskBranch | None = None,
        keypoints: KeypointBranch | None = None,
        *,
        rounded: bool = False,
    ) -> None:
        super().__init__()
        if mask is not None and mask.head.classes != heads.head.classes:
            raise ValueError(f"mask: got {mask.head.classes} classes, want {heads.head.classes}, the heads'")
        self.backbone, self.rpn, self.heads = backbone, rpn, heads
        self.mask, self.keypoints, self.rounded = mask, keypoints, rounded

    def forward(self, images: Tensor, sizes: Sizes | None = None) -> list[Instances]:
        """Find the objects in pictures (B, 3, H, W).

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W).
        sizes : sequence of (int, int), optional
            Height and width of each picture, where some are padded; masks are of that size.
        """
        check_images(images)
        size = (images.shape[2], images.shape[3])
        sizes = sizes or [size] * len(images)
        found = self.find(self.backbone(images), size, sizes)
        return [at_size(one, own, own, rounded=self.rounded) for one, own in zip(found, sizes, strict=True)]

    def find(self, features: Sequence[Tensor], size: tuple[int, int], sizes: Sizes) -> list[Instances]:
        """Find the objects in maps that are there already; masks stay as the branch draws them, (D, m, m).

        Parameters
        ----------
        features : sequence of Tensor
            Maps (B, C, h, w) of the backbone.
        size : (int, int)
            Height and width of the batch.
        sizes : sequence of (int, int)
            Those of each picture in it.
        """
        proposals = [boxes for boxes, _ in self.rpn(features, size, sizes)]
        found = self.heads(features, proposals, sizes)  # the final detections: boxes, labels, scores
        boxes, counts = [one.boxes for one in found], [len(one.boxes) for one in found]
        masks: Sequence[Tensor] = [own.new_zeros(len(own), 0, 0) for own in boxes]
        points: Sequence[Tensor | None] = [None] * len(found)
        if self.mask is not None:
            logits = self.mask(features, boxes)  # (D of all, K, m, m)
            masks = select_masks(logits, torch.cat([one.labels for one in found])).split(counts)
        if self.keypoints is not None:
            heatmaps = self.keypoints(features, boxes)  # (D of all, N, m, m)
            points = keypoints_from_heatmaps(heatmaps, torch.cat(boxes)).split(counts)
        return [
            Instances(own.boxes, own.labels, own.scores, mask, point)
            for own, mask, point in zip(found, masks, points, strict=True)
        ]

    def losses(
        self,
        images: Tensor,
        targets: MaskTargets | Targets,
        sizes: Sizes | None = None,
        generator: torch.Generator | None = None,
        *,
        keypoints: Sequence[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Give "objectness", "rpn_box", "class", "box", and "mask" and "keypoint" where there is the branch.

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W).
        targets : sequence of (Tensor, Tensor, Tensor)
            A picture: boxes (G, 4) x1, y1, x2, y2 in pixels, classes (G,) from 0, masks (G, H, W) bool; G may
            be 0. Without a mask branch, pairs will do.
        sizes : sequence of (int, int), optional
            As for `forward`; masks are of that size.
        generator : torch.Generator, optional
            Draws the samples; the global one if not given.
        keypoints : sequence of Tensor
            A picture: (G, N, 3) x, y in pixels and whether the point is seen, 1 or 0. For the keypoint branch
            alone.
        """
        check_images(images)
        size = (images.shape[2], images.shape[3])
        features = self.backbone(images)
        return self.losses_of(features, size, targets, sizes, generator, keypoints=keypoints)

    def losses_of(
        self,
        features: Sequence[Tensor],
        size: tuple[int, int],
        targets: MaskTargets | Targets,
        sizes: Sizes | None = None,
        generator: torch.Generator | None = None,
        *,
        keypoints: Sequence[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Give the losses on maps that are there already: (B, C, h, w) of a batch of `size` pixels."""
        check_map_list(features)
        check_size(size)
        sizes = sizes or [size] * len(features[0])
        self.check_truth(targets, sizes, keypoints)
        plain = [(target[0], target[1]) for target in targets]
        proposals, losses = self.rpn.losses(features, size, plain, sizes, generator)
        samples = [
            self.heads.sample(boxes, *own, generator) for boxes, own in zip(proposals, plain, strict=True)
        ]
        losses |= box_losses(self.heads, features, samples)
        shown = [label > 0 for _, label, _ in samples]  # of each region: whether it shows an object
        regions = [region[own] for (region, _, _), own in zip(samples, shown, strict=True)]
        objects = [
            find_objects(truth[own], label[own] - 1, *target)
            for (_, label, truth), own, target in zip(samples, shown, plain, strict=True)
        ]
        if self.mask is not None:
            logits = self.mask(features, regions)  # (R, K, m, m)
            side = logits.shape[-1]
            wanted = [
                mask_targets(target[2][own], region, side, aligned=not self.rounded)
                for target, own, region in zip(targets, objects, regions, strict=True)
            ]
            labels = [label[own] - 1 for (_, label, _), own in zip(samples, shown, strict=True)]
            losses["mask"] = mask_loss(logits, torch.cat(labels), torch.cat(wanted))
        if self.keypoints is not None and keypoints is not None:
            heatmaps = self.keypoints(features, regions)  # (R, N, m, m)
            points = [some[own] for some, own in zip(keypoints, objects, strict=True)]
            losses["keypoint"] = keypoint_loss(heatmaps, torch.cat(points), torch.cat(regions))
        return losses

    def check_truth(
        self, targets: MaskTargets | Targets, sizes: Sizes, keypoints: Sequence[Tensor] | None
    ) -> None:
        """Raise ValueError unless each branch has its truth: masks of the pictures' sizes, keypoints."""
        if self.mask is None:
            pairs = [target[:2] for target in targets] if isinstance(targets, Sequence) else targets
            check_targets(pairs, len(sizes), self.heads.head.classes)
        else:
            check_mask_targets(targets, len(sizes), self.heads.head.classes, sizes)  # type: ignore[arg-type]
        if (self.keypoints is None) != (keypoints is None):
            got = "none" if keypoints is None else "some, and no branch for them"
            raise ValueError(f"keypoints: got {got}, want them for a keypoint branch, and for it alone")
        if self.keypoints is not None:
            check_keypoints(keypoints, [len(target[0]) for target in targets], self.keypoints.head.points)


def box_losses(
    heads: RoIHeads, features: Sequence[Tensor], samples: Sequence[tuple[Tensor, Tensor, Tensor]]
) -> dict[str, Tensor]:
    """The losses "class" and "box" of regions that `RoIHeads.sample` drew, which the branches read too."""
    regions, labels, truths = zip(*samples, strict=True)
    scores, deltas = heads.head(heads.pooling(features, regions))
    wanted = encode_boxes(torch.cat(truths), torch.cat(regions), weights=heads.weights)
    return multi_task_loss(scores, deltas, torch.cat(labels), wanted, beta=heads.beta)


def segment(
    model: MaskRCNN, images: Sequence[Tensor], *, shortest: int = 800, longest: int = 1333
) -> list[Instances]:
    """Find the objects in pictures (3, H, W) in [0, 1] of any sizes; all is in each picture's own pixels.

    Parameters
    ----------
    model : MaskRCNN
        In evaluation mode, such as `mask_rcnn_resnet50`.
    images, shortest, longest
        As for `detection.resize.batch_images`.
    """
    batch = batch_images(images, shortest=shortest, longest=longest)
    size = (batch.images.shape[2], batch.images.shape[3])
    found = model.find(model.backbone(batch.images), size, batch.sizes)
    return [
        at_size(one, own, (image.shape[1], image.shape[2]), rounded=model.rounded)
        for one, own, image in zip(found, batch.sizes, images, strict=True)
    ]


def mask_rcnn_resnet50(
    classes: int = 90,
    *,
    anchors: Anchors = PYRAMID_ANCHORS,
    eps: float = 1e-5,
    score_threshold: float = 0.05,
    most: int = 100,
    keep: tuple[int, int] = (1000, 1000),
) -> MaskRCNN:
    """Mask R-CNN on ResNet-50 with a feature pyramid, as torchvision sets up `maskrcnn_resnet50_fpn`.

    Parameters and errors as for `faster_rcnn_resnet50`.
    """
    base = faster_rcnn_resnet50(
        classes, anchors=anchors, eps=eps, score_threshold=score_threshold, most=most, keep=keep
    )
    head = MaskHead(base.backbone.channels, hidden=256, classes=classes)  # type: ignore[arg-type]
    branch = MaskBranch(PyramidPooling((14, 14), aligned=False), head)
    return MaskRCNN(base.backbone, base.rpn, base.heads, branch, rounded=True)


def keypoint_rcnn_resnet50(
    points: int = 17,
    classes: int = 1,
    *,
    anchors: Anchors = PYRAMID_ANCHORS,
    eps: float = 1e-5,
    score_threshold: float = 0.05,
    most: int = 100,
    keep: tuple[int, int] = (1000, 1000),
) -> MaskRCNN:
    """The same with a keypoint branch in place of masks, as torchvision's `keypointrcnn_resnet50_fpn`.

    Parameters
    ----------
    points : int
        N: 17 for COCO's people.
    classes, anchors, eps, score_threshold, most, keep
        As for `faster_rcnn_resnet50`.
    """
    check_sizes("Keypoint R-CNN", points=points)
    base = faster_rcnn_resnet50(
        classes, anchors=anchors, eps=eps, score_threshold=score_threshold, most=most, keep=keep
    )
    head = KeypointHead(base.backbone.channels, hidden=512, points=points)  # type: ignore[arg-type]
    branch = KeypointBranch(PyramidPooling((14, 14), aligned=False), head)
    return MaskRCNN(base.backbone, base.rpn, base.heads, keypoints=branch)
