"""R-CNN (S07.5): every proposal is cut out, warped, run through a CNN, and judged by one SVM a class.

R. Girshick, J. Donahue, T. Darrell, J. Malik, "Rich Feature Hierarchies for Accurate Object Detection and
Semantic Segmentation", CVPR 2014: section 2, appendices A (warp), B (labels), C (boxes). `rcnn_fit.py` has
what needs no network.

The CNN is given: `rcnn_fit.region_examples` draws what it is fine-tuned on beforehand. Simplified: SVMs and
box regression read the same features. (In the paper: layer fc7, and pool5.)

Shapes: N proposals of a picture, S × S warped region, D features, K classes.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.rcnn_fit import Linear, background, box_examples, mine_hard_negatives, ridge
from lecture_utils.detection.structures import Detections, Targets, check_proposals, check_targets
from lecture_utils.ops.boxes import check_box_set, clip_boxes, decode_boxes
from lecture_utils.ops.checks import (
    check_images,
    check_number,
    check_numbers,
    check_rgb,
    check_sizes,
    check_tensor,
)
from lecture_utils.ops.nms import batched_nms

CONTEXT = 16 / 227  # of the warped side, on each edge: 16 of the paper's 227 pixels
LENGTH = 20  # mean length of the features, as in the authors' code: λ and C are chosen for it


def warp_regions(
    image: Tensor, boxes: Tensor, size: int, *, context: float = CONTEXT, fill: Sequence[float] | None = None
) -> Tensor:
    """Cut out boxes with some context and stretch each to a square (appendix A).

    Parameters
    ----------
    image : Tensor
        (3, H, W), floating point.
    boxes : Tensor
        (N, 4) x1, y1, x2, y2, of some area; they may reach out of the picture.
    size : int
        S.
    context : float
        Share of S that the surroundings take on each side, in [0, 0.5).
    fill : sequence of float, optional
        Colour of what lies outside the picture; its mean colour if omitted. (In the paper: all pictures'.)

    Returns
    -------
    Tensor
        (N, 3, S, S), bilinear samples: where a pixel's centre falls in the picture, what is there.

    Raises
    ------
    ValueError
        For other shapes or types, NaN in the boxes, one without area, or settings out of range.
    """
    check_rgb(image)
    check_tensor(image, "image", 3, "H", "W")
    check_box_set(boxes, some_area=True)
    check_sizes("warp", size=size)
    check_context(context)
    if fill is not None:
        check_numbers(fill, "fill", 3)
    outside = image.mean((1, 2)) if fill is None else image.new_tensor(fill)
    height, width = image.shape[1:]
    place = (torch.arange(size).to(image) + 0.5) / size  # centres of the pixels of a side, in [0, 1]
    place = (place - context) / (1 - 2 * context)  # now 0 and 1 are the edges of the box
    x1, y1, x2, y2 = boxes.to(image)[:, :, None].unbind(1)  # (N, 1) each
    x, y = x1 + (x2 - x1) * place, y1 + (y2 - y1) * place  # (N, S) in pixels of the picture
    x, y = 2 * x / width - 1, 2 * y / height - 1  # grid_sample's: -1 and 1 are the picture's edges
    grid = torch.stack([x[:, None, :].expand(-1, size, -1), y[:, :, None].expand(-1, -1, size)], dim=-1)
    shifted = (image - outside[:, None, None])[None]  # so that grid_sample's 0 outside is the fill
    warped = F.grid_sample(shifted, grid.reshape(1, -1, size, 2), mode="bilinear", align_corners=False)
    return warped[0].unflatten(1, (-1, size)).movedim(0, 1) + outside[:, None, None]  # (N, 3, S, S)


def check_context(context: float) -> None:
    """Raise ValueError unless this is a share in [0, 0.5)."""
    if check_number(context, "context", 0) >= 0.5:
        raise ValueError(f"context: got {context}, want a share below 0.5")


class RCNN(nn.Module):
    """Proposals in, detections out.

    Parameters
    ----------
    features : callable
        The CNN without its last layer: (N, 3, S, S) to (N, D), finite. A module is used in evaluation mode.
    width : int
        D.
    classes : int
        K.
    size : int
        S, in pixels.
    context : float
        As for `warp_regions`.

    Raises
    ------
    ValueError
        For sizes below 1; from the methods for what `fit` and `forward` say.
    """

    svm_weight: Tensor
    svm_bias: Tensor
    box_weight: Tensor
    box_bias: Tensor
    scale: Tensor

    def __init__(
        self,
        features: Callable[[Tensor], Tensor],
        *,
        width: int,
        classes: int,
        size: int = 227,
        context: float = CONTEXT,
    ) -> None:
        super().__init__()
        check_sizes("R-CNN", width=width, classes=classes, size=size)
        check_context(context)
        self.features, self.classes, self.size, self.context = features, classes, size, context
        self.register_buffer("svm_weight", torch.zeros(width, classes))
        self.register_buffer("svm_bias", torch.zeros(classes))
        self.register_buffer("box_weight", torch.zeros(width, classes, 4))
        self.register_buffer("box_bias", torch.zeros(classes, 4))
        self.register_buffer("scale", torch.ones(()))

    @torch.no_grad()
    def describe(self, image: Tensor, boxes: Tensor, *, batch: int = 128) -> Tensor:
        """Features of each region, (N, D), scaled by what `fit` found: (3, H, W) and (N, 4)."""
        check_box_set(boxes, some_area=True)
        check_sizes("R-CNN", batch=batch)
        if isinstance(self.features, nn.Module):
            self.features.eval()
        rows = [self.svm_weight.new_zeros(0, len(self.svm_weight))]
        for some in boxes.split(batch):
            regions = warp_regions(image, some, self.size, context=self.context)  # (n, 3, S, S)
            rows.append(self.features(regions).to(self.svm_weight))
            check_tensor(rows[-1], "features", len(some), len(self.svm_weight), finite=True)
        return torch.cat(rows) * self.scale

    def fit(
        self,
        images: Tensor,
        proposals: Sequence[Tensor],
        targets: Targets,
        *,
        passes: int = 1,
        c: float = 1e-3,
        decay: float = 1000,
    ) -> "RCNN":
        """Train an SVM and a box regression for each class.

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W), floating point.
        proposals : sequence of Tensor
            For each picture (N, 4).
        targets : sequence of (boxes, labels)
            For each picture (G, 4) and (G,) below K.
        passes, c, decay
            As for `mine_hard_negatives` and `ridge`.

        Raises
        ------
        ValueError
            For other shapes or types, or a class of which there is no object.
        """
        check_images(images, 3)
        check_proposals(proposals, len(images))
        check_targets(targets, len(images), self.classes)
        self.scale.fill_(1)
        found = [self.describe(*pair) for pair in zip(images, proposals, strict=True)]  # (N, D) each
        there = [self.describe(image, boxes) for image, (boxes, _) in zip(images, targets, strict=True)]
        self.scale.fill_(LENGTH / torch.cat(found + there).norm(dim=1).mean().clamp_min(1e-12))
        found, there = ([x * self.scale for x in rows] for rows in (found, there))
        for k in range(self.classes):
            objects = [boxes[labels == k] for boxes, labels in targets]
            positives = torch.cat([x[labels == k] for x, (_, labels) in zip(there, targets, strict=True)])
            if len(positives) == 0:
                raise ValueError(f"targets: got no object of class {k}, want one or more of each")
            pairs = list(zip(proposals, objects, strict=True))
            negatives = [x[background(*pair)] for x, pair in zip(found, pairs, strict=True)]
            self._set(k, mine_hard_negatives(positives, negatives, passes=passes, c=c))
            near = [box_examples(*pair) for pair in pairs]
            x = torch.cat([rows[indices] for rows, (indices, _) in zip(found, near, strict=True)])
            if len(x):
                self._set_box(k, ridge(x, torch.cat([offsets for _, offsets in near]).to(x), decay=decay))
        return self

    def forward(
        self,
        image: Tensor,
        proposals: Tensor,
        *,
        regress: bool = True,
        least: float = -1.0,
        iou_threshold: float = 0.3,
        most: int = 100,
    ) -> Detections:
        """What is in one picture.

        Parameters
        ----------
        image : Tensor
            (3, H, W), floating point.
        proposals : Tensor
            (N, 4) x1, y1, x2, y2.
        regress : bool
            Correct the boxes.
        least : float
            Least score: an SVM's, 1 and more for what is surely an object, -1 and less for background.
        iou_threshold : float
            For NMS within each class.
        most : int
            Detections kept.

        Returns
        -------
        Detections
            By falling score; the scores are the SVMs', any real number.
        """
        check_number(least, "least")
        check_sizes("R-CNN", most=most)
        x = self.describe(image, proposals)
        scores = x @ self.svm_weight + self.svm_bias  # (N, K): all classes in one product
        rows, labels = (scores > least).nonzero().unbind(1)
        scores, boxes = scores[rows, labels], proposals[rows].to(x)
        if regress:
            offsets = torch.einsum("nd,dkt->nkt", x, self.box_weight) + self.box_bias  # (N, K, 4)
            boxes = clip_boxes(decode_boxes(offsets[rows, labels], boxes), *image.shape[1:])
        kept = batched_nms(boxes, scores, labels, iou_threshold)[:most]
        return Detections(boxes[kept], labels[kept], scores[kept])

    def _set(self, k: int, svm: Linear) -> None:
        self.svm_weight[:, k], self.svm_bias[k] = svm

    def _set_box(self, k: int, box: Linear) -> None:
        self.box_weight[:, k], self.box_bias[k] = box
