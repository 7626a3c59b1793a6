"""CenterNet with triplets: a pair of corners counts only if the middle of its box shows an object's centre.

K. Duan, S. Bai, L. Xie, H. Qi, Q. Huang, Q. Tian, "CenterNet: Keypoint Triplets for Object Detection", ICCV
2019, which extends CornerNet: a third head for centres (section 3.2), the central region (equation 1), centre
pooling and cascade corner pooling (section 3.3), the loss (section 3.4, equation 2).

Simplified: as CornerNet. Offsets of all three kinds are learned with smooth L1.

Shapes: B pictures, C channels, H × W pixels, K classes, D boxes of a picture, P centres of it.
"""

import torch
from torch import Tensor, nn

from lecture_utils.detection.corner_pairs import key_points_of
from lecture_utils.detection.cornernet import CornerNet
from lecture_utils.detection.heatmaps import heatmap_focal_loss, pick_peaks
from lecture_utils.detection.key_point_heads import (
    CascadeCornerPooling,
    CentrePooling,
    CornerPooling,
    KeyPointHead,
    KeyPointMaps,
    Norm,
    check_maps,
)
from lecture_utils.detection.key_points import Objects, offset_loss
from lecture_utils.detection.structures import Detections, Sizes
from lecture_utils.ops.boxes import check_box_set
from lecture_utils.ops.checks import check_classes, check_number, check_sizes, check_tensor

FEW, MANY = 3, 5  # n: the central region of a small box is a third of its side, that of a large one a fifth


def central_regions(boxes: Tensor, *, scale: float = 150.0) -> Tensor:
    """The middle of each box, in which its centre must be found (equation 1).

    A region that grows with its box would let many wrong centres in, so large boxes get a smaller share.

    Parameters
    ----------
    boxes : Tensor
        (D, 4) x1, y1, x2, y2 in pixels.
    scale : float
        Boxes with √(w·h) below it have n = 3, others n = 5. 150 pixels in the paper.

    Returns
    -------
    Tensor
        (D, 4): the same centre, sides of one n-th.

    Raises
    ------
    ValueError
        For what is no set of boxes, or a scale below 0.
    """
    check_box_set(boxes)
    check_number(scale, "scale", 0)
    top_left, bottom_right = boxes[:, :2], boxes[:, 2:]
    size = (bottom_right - top_left).prod(1).sqrt()  # (D,)
    n = torch.where(size < scale, FEW, MANY)[:, None]
    start = ((n + 1) * top_left + (n - 1) * bottom_right) / (2 * n)
    end = ((n - 1) * top_left + (n + 1) * bottom_right) / (2 * n)
    return torch.cat([start, end], dim=1)


def keep_triplets(
    pairs: Detections, points: Tensor, labels: Tensor, scores: Tensor, *, scale: float = 150.0
) -> Detections:
    """Keep the pairs in whose central region a centre of their class lies; score them anew.

    Parameters
    ----------
    pairs : Detections
        Of one picture, scored with the mean of two corners.
    points, labels, scores : Tensor
        (P, 2) x, y in pixels, (P,) classes and (P,) scores of the centres.
    scale : float
        As for `central_regions`.

    Returns
    -------
    Detections
        By falling score, which is the mean of all three; of several centres the best counts.

    Raises
    ------
    ValueError
        For shapes that do not fit, or a scale below 0.
    """
    check_tensor(points, "points", "P", 2, finite=True)
    check_classes(labels, "labels", len(points))
    check_tensor(scores, "scores", len(points), finite=True)
    check_tensor(pairs.scores, "pairs, scores", len(pairs.boxes), finite=True)
    check_classes(pairs.labels, "pairs, labels", len(pairs.boxes))
    region = central_regions(pairs.boxes, scale=scale)[:, None]  # (D, 1, 4)
    inside = ((points >= region[..., :2]) & (points <= region[..., 2:])).all(-1)  # (D, P)
    inside &= pairs.labels[:, None] == labels
    kept = inside.any(1).nonzero()[:, 0]
    if len(kept) == 0:
        return Detections(*(part[:0] for part in pairs))
    best = torch.where(inside[kept], scores, 0).amax(1)  # the centre's score
    score = (2 * pairs.scores[kept] + best) / 3
    order = score.argsort(descending=True, stable=True)
    return Detections(pairs.boxes[kept[order]], pairs.labels[kept[order]], score[order])


class CenterNetTriplets(CornerNet):
    """CornerNet with a third head, whose centres confirm or drop its pairs.

    Parameters
    ----------
    backbone, top_left, bottom_right, **settings
        As for `CornerNet`.
    centre : KeyPointHead
        Without tags.
    scale : float
        As for `central_regions`.

    Raises
    ------
    ValueError
        As `CornerNet`.
    """

    def __init__(
        self,
        backbone: nn.Module,
        top_left: KeyPointHead,
        bottom_right: KeyPointHead,
        centre: KeyPointHead,
        *,
        scale: float = 150.0,
        **settings: float,
    ) -> None:
        super().__init__(backbone, top_left, bottom_right, **settings)  # type: ignore[arg-type]
        check_number(scale, "scale", 0)
        self.centre, self.scale = centre, scale

    def forward(self, images: Tensor, sizes: Sizes | None = None) -> list[Detections]:
        """Detect in pictures (B, 3, H, W); `sizes` are their heights and widths where some are padded."""
        x = self.features(images)  # (B, C, h, w)
        sizes = sizes or [(images.shape[2], images.shape[3])] * len(images)
        pairs = self.pairs(self.top_left(x), self.bottom_right(x), sizes)
        return self.finish(self.triplets(pairs, self.centre(x)))

    def triplets(self, pairs: list[Detections], maps: KeyPointMaps) -> list[Detections]:
        """Find centres in what their head says, and keep the pairs that they confirm."""
        check_maps(maps, tags=False)
        if len(pairs) != len(maps.heat):
            raise ValueError(f"pairs: got {len(pairs)}, want {len(maps.heat)}, one set a picture")
        kept = []
        for number, (own, peaks) in enumerate(
            zip(pairs, pick_peaks(maps.heat.sigmoid(), self.peaks), strict=True)
        ):
            points = key_points_of(peaks, maps, number, self.stride)  # (P, 2) in pixels
            kept.append(keep_triplets(own, points, peaks.labels, peaks.scores, scale=self.scale))
        return kept

    def corner_losses(self, x: Tensor, objects: Objects) -> dict[str, Tensor]:
        """Give CornerNet's losses for maps (B, C, h, w), and those of centres (equation 2)."""
        losses = super().corner_losses(x, objects)
        maps = self.centre(x)
        middle = self.encode((objects.boxes[:, :2] + objects.boxes[:, 2:]) / 2, objects, x)
        losses["centres"] = heatmap_focal_loss(maps.heat, middle.heat, len(objects.labels))
        losses["offset"] = losses["offset"] + self.weights["offset"] * offset_loss(maps.offsets, middle)
        return losses


def center_net_triplets(
    backbone: nn.Module,
    *,
    channels: int,
    classes: int,
    width: int = 128,
    cascade: bool = True,
    norm: Norm = nn.BatchNorm2d,
    **settings: float,
) -> CenterNetTriplets:
    """CenterNet with triplets as in the paper: cascade corner pooling, and centre pooling.

    Parameters
    ----------
    backbone : nn.Module
        (B, 3, H, W) to a list of maps, the last with C channels.
    channels, classes, width : int
        C, K, and the channels that are pooled.
    cascade : bool
        Cascade corner pooling; without, the corners are CornerNet's.
    norm : callable
        Makes the norm of so many channels.
    **settings
        As for `CenterNetTriplets`.

    Raises
    ------
    ValueError
        For settings out of range.
    """
    check_sizes("CenterNet", channels=channels, classes=classes, width=width)
    pooling = CascadeCornerPooling if cascade else CornerPooling
    corners = [
        KeyPointHead(pooling(channels, width, corner, norm=norm), classes, norm=norm)
        for corner in ("top-left", "bottom-right")
    ]
    centre = KeyPointHead(CentrePooling(channels, width, norm=norm), classes, tags=False, norm=norm)
    return CenterNetTriplets(backbone, corners[0], corners[1], centre, **settings)
