"""CornerNet: an object is a pair of corners, found on two heat maps; no anchors.

H. Law, J. Deng, "CornerNet: Detecting Objects as Paired Keypoints", ECCV 2018. One head finds top-left
corners and one bottom-right corners (section 3.2), tags say which belong together (section 3.3), and corner
pooling lets a corner see the object that it does not lie on (section 3.4).

Simplified: any backbone that gives maps, in place of two stacked hourglasses, so no intermediate supervision;
no second pass over the mirrored picture at test time; soft-NMS is an option.

Shapes: B pictures, C channels, H × W pixels, h × w map, K classes, N objects of all pictures.
"""

from torch import Tensor, nn

from lecture_utils.detection.corner_pairs import best_of, pair_corners, pull_push_loss, soften
from lecture_utils.detection.heatmaps import heatmap_focal_loss
from lecture_utils.detection.key_point_heads import CornerPooling, KeyPointHead, KeyPointMaps, Norm
from lecture_utils.detection.key_points import (
    KeyPoints,
    Objects,
    encode_key_points,
    gather_at,
    in_a_row,
    last_map,
    offset_loss,
)
from lecture_utils.detection.structures import Detections, Sizes, Targets
from lecture_utils.ops.checks import check_images, check_number, check_sizes, check_whole


class CornerNet(nn.Module):
    """A backbone and a head for each of the two corners.

    Parameters
    ----------
    backbone : nn.Module
        (B, 3, H, W) to a list of maps; the last one is read.
    top_left, bottom_right : KeyPointHead
        With tags.
    stride : int
        Pixels a cell of that map: 4 in the paper.
    iou : float
        t: corners within a radius that keeps this IoU are punished less (section 3.2). 0.3 in the version of
        the paper in IJCV 2020.
    peaks, tag_distance
        As for `pair_corners`.
    soft_sigma : float, optional
        Lower the scores of overlapping boxes by soft-NMS with this σ.
    most : int
        Detections a picture.
    pull, push, offset : float
        Weights of the losses: α, β and γ of equation 6.

    Raises
    ------
    ValueError
        For settings out of range; from `forward` and `losses`, for input that is not floating point
        (B, 3, H, W), a map of another stride, or targets that are none.
    """

    def __init__(
        self,
        backbone: nn.Module,
        top_left: KeyPointHead,
        bottom_right: KeyPointHead,
        *,
        stride: int = 4,
        iou: float = 0.3,
        peaks: int = 100,
        tag_distance: float = 0.5,
        soft_sigma: float | None = None,
        most: int = 100,
        pull: float = 0.1,
        push: float = 0.1,
        offset: float = 1.0,
    ) -> None:
        super().__init__()
        for name, whole in (("stride", stride), ("peaks", peaks), ("most", most)):
            check_whole(whole, name)
        check_number(iou, "iou", 0, 1, above=True)
        if soft_sigma is not None:
            check_number(soft_sigma, "soft_sigma", 0, above=True)
        check_number(tag_distance, "tag_distance", 0)
        for name, value in (("pull", pull), ("push", push), ("offset", offset)):
            check_number(value, name, 0)
        self.backbone, self.top_left, self.bottom_right = backbone, top_left, bottom_right
        self.stride, self.iou, self.peaks, self.tag_distance = stride, iou, peaks, tag_distance
        self.soft_sigma, self.most = soft_sigma, most
        self.weights = {"pull": pull, "push": push, "offset": offset}

    def features(self, images: Tensor) -> Tensor:
        """Read the map (B, C, h, w) that the heads look at."""
        check_images(images)
        return last_map(self.backbone(images), images, self.stride)

    def forward(self, images: Tensor, sizes: Sizes | None = None) -> list[Detections]:
        """Detect in pictures (B, 3, H, W); `sizes` are their heights and widths where some are padded."""
        x = self.features(images)  # (B, C, h, w)
        sizes = sizes or [(images.shape[2], images.shape[3])] * len(images)
        return self.finish(self.pairs(self.top_left(x), self.bottom_right(x), sizes))

    def pairs(self, top_left: KeyPointMaps, bottom_right: KeyPointMaps, sizes: Sizes) -> list[Detections]:
        """Pair corners with this detector's settings: all pairs, by falling score."""
        return pair_corners(
            top_left, bottom_right, sizes,
            stride=self.stride, peaks=self.peaks, tag_distance=self.tag_distance,
        )  # fmt: skip

    def finish(self, found: list[Detections]) -> list[Detections]:
        """Lower the scores of overlapping boxes, if asked, and keep the best."""
        if self.soft_sigma is not None:
            found = [soften(best_of(own, 10 * self.most), self.soft_sigma) for own in found]
        return [best_of(own, self.most) for own in found]

    def losses(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Give the losses of equation 6, weighted: "corners", "pull", "push", "offset".

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W).
        targets : sequence of (Tensor, Tensor)
            A picture: boxes (G, 4) x1, y1, x2, y2 in pixels, and classes (G,) from 0; G may be 0.
        """
        x = self.features(images)
        return self.corner_losses(x, in_a_row(targets, x, self.top_left.classes))

    def corner_losses(self, x: Tensor, objects: Objects) -> dict[str, Tensor]:
        """Give them for maps (B, C, h, w) of the backbone."""
        first, second = self.top_left(x), self.bottom_right(x)
        start = self.encode(objects.boxes[:, :2], objects, x)  # x1, y1
        end = self.encode(objects.boxes[:, 2:], objects, x)  # x2, y2
        n = len(objects.labels)
        heat = heatmap_focal_loss(first.heat, start.heat, n) + heatmap_focal_loss(second.heat, end.heat, n)
        tags = [
            gather_at(maps.tags, points.picture, points.cells)[:, 0]
            for maps, points in ((first, start), (second, end))
        ]
        grouping = pull_push_loss(tags[0], tags[1], objects.picture, len(x))  # equations 4 and 5
        offset = offset_loss(first.offsets, start) + offset_loss(second.offsets, end)  # equation 3
        losses = {**grouping, "offset": offset}
        return {"corners": heat} | {name: self.weights[name] * loss for name, loss in losses.items()}

    def encode(self, points: Tensor, objects: Objects, x: Tensor) -> KeyPoints:
        """Make the targets of one kind of key point for maps like `x`."""
        return encode_key_points(
            points, objects,
            batch=len(x), classes=self.top_left.classes, size=(x.shape[2], x.shape[3]),
            stride=self.stride, iou=self.iou,
        )  # fmt: skip


def corner_net(
    backbone: nn.Module,
    *,
    channels: int,
    classes: int,
    width: int = 128,
    norm: Norm = nn.BatchNorm2d,
    **settings: float,
) -> CornerNet:
    """CornerNet with two heads as in the paper.

    Parameters
    ----------
    backbone : nn.Module
        (B, 3, H, W) to a list of maps, the last with C channels.
    channels, classes, width : int
        C, K, and the channels that are pooled.
    norm : callable
        Makes the norm of so many channels.
    **settings
        As for `CornerNet`.

    Raises
    ------
    ValueError
        For settings out of range.
    """
    check_sizes("CornerNet", channels=channels, classes=classes, width=width)
    heads = [
        KeyPointHead(CornerPooling(channels, width, corner, norm=norm), classes, norm=norm)
        for corner in ("top-left", "bottom-right")
    ]
    return CornerNet(backbone, heads[0], heads[1], **settings)  # type: ignore[arg-type]
