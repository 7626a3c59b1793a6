"""The keypoint branch of Mask R-CNN: a point is a mask with a single pixel.

K. He, G. Gkioxari, P. Dollár, R. Girshick, "Mask R-CNN", ICCV 2017, section 5: a map a keypoint type, taught
as a one-hot m × m mask by cross-entropy over its m² places, for visible points alone.

The details are torchvision's: which place a point falls in, points outside their region left out, and
positions read from the map after it was resized, bicubically, to the box's size in pixels.

Shapes: R regions of all pictures, C channels, P × P bins, N keypoint types, m × m places (m = 4P).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.boxes import check_box_set
from lecture_utils.ops.checks import check_sizes, check_tensor, check_whole


class KeypointHead(nn.Module):
    """Convolutions, a transposed one that doubles the map and makes N of it, and bilinear doubling.

    Parameters
    ----------
    channels : int
        C of the pooled regions.
    hidden : int
        Channels of all layers: 512 in the paper.
    points : int
        N: 17 for COCO's people.
    layers : int
        3 × 3 convolutions: eight in the paper.

    Raises
    ------
    ValueError
        For sizes below 1, or from `forward` for regions that are not floating point (R, C, P, Q).
    """

    def __init__(self, channels: int, *, hidden: int, points: int, layers: int = 8) -> None:
        super().__init__()
        check_sizes("keypoint head", channels=channels, hidden=hidden, points=points, layers=layers)
        widths = [channels] + [hidden] * layers
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.doubling = nn.ConvTranspose2d(hidden, points, 4, stride=2, padding=1)
        for layer in (*self.convs, self.doubling):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    @property
    def channels(self) -> int:
        """C."""
        return self.convs[0].in_channels  # type: ignore[return-value]

    @property
    def points(self) -> int:
        """N."""
        return self.doubling.out_channels

    def forward(self, regions: Tensor) -> Tensor:  # (R, C, P, P)
        check_tensor(regions, "regions", "R", self.channels, "P", "Q")
        x = regions
        for conv in self.convs:
            x = F.relu(conv(x))  # (R, hidden, P, P)
        x = self.doubling(x)  # (R, N, 2P, 2P)
        if not len(x):
            return x.new_zeros(0, x.shape[1], 2 * x.shape[2], 2 * x.shape[3]) + x.sum()
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)  # (R, N, m, m)


class KeypointBranch(nn.Module):
    """Cuts its own regions out of the maps, and says for each keypoint type how likely each place is.

    Parameters
    ----------
    pooling : nn.Module
        From maps and boxes to (R, C, P, P): `MapPooling` or `PyramidPooling`, 14 × 14 in the paper.
    head : KeypointHead
        From there to maps.
    """

    def __init__(self, pooling: nn.Module, head: KeypointHead) -> None:
        super().__init__()
        self.pooling, self.head = pooling, head

    def forward(self, features: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """From maps (B, C, h, w) and a picture's boxes (R, 4) in pixels to logits (R, N, m, m) of all."""
        return self.head(self.pooling(features, boxes))


def keypoint_places(keypoints: Tensor, boxes: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Say in which of a region's m × m places each of its points falls.

    Parameters
    ----------
    keypoints : Tensor
        (R, N, 3) x, y in pixels, and whether the point is seen (above 0).
    boxes : Tensor
        (R, 4) x1, y1, x2, y2 in pixels, each with an area.
    side : int
        m.

    Returns
    -------
    places : Tensor
        (R, N) int64: row · m + column; 0 for points that do not count.
    counts : Tensor
        (R, N) bool: seen, and inside the region. A point on its right or lower edge is inside.

    Raises
    ------
    ValueError
        For other shapes or types, boxes without area, or a side below 1.
    """
    check_tensor(keypoints, "keypoints", "R", "N", 3, finite=True)
    check_box_set(boxes, some_area=True)
    check_tensor(boxes, "boxes", len(keypoints), 4)
    check_whole(side, "side")
    corner, far = boxes[:, None, :2], boxes[:, None, 2:]  # (R, 1, 2)
    place = ((keypoints[..., :2] - corner) * (side / (far - corner))).floor().long()  # (R, N, 2) column, row
    place = place.masked_fill(keypoints[..., :2] == far, side - 1)
    counts = ((place >= 0) & (place < side)).all(-1) & (keypoints[..., 2] > 0)  # (R, N)
    return (place[..., 1] * side + place[..., 0]) * counts, counts


def keypoint_loss(logits: Tensor, keypoints: Tensor, boxes: Tensor) -> Tensor:
    """Cross-entropy over the m² places of each point that counts, on average.

    Parameters
    ----------
    logits : Tensor
        (R, N, m, m) of regions that show an object.
    keypoints, boxes : Tensor
        (R, N, 3) the object's true points, and (R, 4) the regions, as for `keypoint_places`.

    Returns
    -------
    Tensor
        A scalar; 0 where no point counts.

    Raises
    ------
    ValueError
        For shapes that do not fit, and as `keypoint_places`.
    """
    check_tensor(logits, "logits", "R", "N", "m", "m")
    check_tensor(keypoints, "keypoints", *logits.shape[:2], 3)
    places, counts = keypoint_places(keypoints, boxes, logits.shape[-1])
    if not bool(counts.any()):
        return logits.sum() * 0
    return F.cross_entropy(logits.flatten(2)[counts], places[counts])  # m² classes


@torch.no_grad()
def keypoints_from_heatmaps(logits: Tensor, boxes: Tensor) -> Tensor:
    """Find where each map is highest, after it was resized to its box's size in pixels.

    Parameters
    ----------
    logits : Tensor
        (D, N, m, m).
    boxes : Tensor
        (D, 4) x1, y1, x2, y2 in pixels; less than a pixel wide counts as a pixel.

    Returns
    -------
    Tensor
        (D, N, 3) x, y in pixels, and the height of the map there, a logit.

    Raises
    ------
    ValueError
        For shapes that do not fit, NaN, or boxes with x2 < x1.
    """
    check_tensor(logits, "logits", "D", "N", "m", "m", finite=True)
    check_box_set(boxes)
    check_tensor(boxes, "boxes", len(logits), 4)
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1)  # (D, 2) width, height
    pixels = sides.ceil()
    found = logits.new_zeros(*logits.shape[:2], 3)
    for i, (width, height) in enumerate(pixels.long().tolist()):
        heat = F.interpolate(logits[i][None], (height, width), mode="bicubic", align_corners=False)[0]
        place = heat.flatten(1).argmax(1)  # (N,)
        at = torch.stack([place % width, place // width], dim=1) + 0.5  # the centre of that pixel
        found[i, :, :2] = at * (sides[i] / pixels[i]) + boxes[i, :2]
        found[i, :, 2] = heat.flatten(1).amax(1)
    return found
