"""YOLACT's two parallel parts, and how they meet: prototypes of the picture, and a mix of them an object.

D. Bolya, C. Zhou, F. Xiao, Y. J. Lee, "YOLACT: Real-time Instance Segmentation", ICCV 2019: the prototype
network (section 3.1, figure 3), mask coefficients (section 3.2, figure 4), their assembly and the crop
(section 3.3, equation 1).

Shapes: B pictures, C channels, h × w map, k prototypes, A anchors a place, N anchors of all maps, K classes
(column 0 of the logits is background), D objects.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.structures import check_map_list
from lecture_utils.ops.boxes import check_box_set
from lecture_utils.ops.checks import check_images, check_size, check_sizes, check_tensor, check_type


class Raw(NamedTuple):
    """What the network says of a batch before anything is chosen.

    Attributes
    ----------
    prototypes : Tensor
        (B, k, h, w), 0 or more.
    logits : Tensor
        (B, N, K + 1), background first.
    deltas : Tensor
        (B, N, 4) offsets.
    coefficients : Tensor
        (B, N, k) in [-1, 1].
    anchors : Tensor
        (N, 4) in pixels.
    size : (int, int)
        H, W of the pictures.
    """

    prototypes: Tensor
    logits: Tensor
    deltas: Tensor
    coefficients: Tensor
    anchors: Tensor
    size: tuple[int, int]


class Chosen(NamedTuple):
    """What is left of a picture after suppression, by falling score: boxes (D, 4), labels (D,), scores (D,)
    and coefficients (D, k), from which its masks are mixed."""

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    coefficients: Tensor


def check_raw(raw: Raw, classes: int) -> None:
    """Raise ValueError unless the parts of `raw` fit each other and are finite."""
    if not isinstance(raw, Raw):
        raise ValueError(f"raw: got {type(raw).__name__}, want a Raw, as `Yolact.raw` gives it")
    check_images(raw.prototypes, maps=True)
    check_tensor(raw.anchors, "anchors", "N", 4)
    batch, k = raw.prototypes.shape[:2]
    for name, numbers in (("logits", classes + 1), ("deltas", 4), ("coefficients", k)):
        check_tensor(getattr(raw, name), name, batch, len(raw.anchors), numbers, finite=True)


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3 × 3 convolution that keeps the size, its weights drawn by Glorot and Bengio's rule."""
    check_sizes("convolution", inputs=inputs, outputs=outputs)
    layer = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class ProtoNet(nn.Module):
    """From the finest map of a pyramid to k prototype masks of the whole picture, at twice its resolution.

    The last ReLU leaves prototypes unbounded above, so that the network can be very sure of one, and never
    below 0: only a negative coefficient takes something away (section 3.1).

    Parameters
    ----------
    channels : int
        C of the map.
    prototypes : int
        k: 32 in the paper.
    hidden : int
        Channels between: 256 in the paper.
    convs : int
        Convolutions before the map is enlarged: 3 in the paper.

    Raises
    ------
    ValueError
        For sizes below 1, or a map that is not floating point (B, C, h, w).
    """

    def __init__(self, channels: int, *, prototypes: int = 32, hidden: int = 256, convs: int = 3) -> None:
        super().__init__()
        check_sizes("ProtoNet", channels=channels, prototypes=prototypes, hidden=hidden, convs=convs)
        self.channels = channels
        self.before = nn.ModuleList(conv3x3(hidden if i else channels, hidden) for i in range(convs))
        self.after = conv3x3(hidden, hidden)
        self.last = nn.Conv2d(hidden, prototypes, 1)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, h, w)
        check_images(x, self.channels, like=self.last.weight, maps=True)
        for conv in self.before:
            x = F.relu(conv(x))  # (B, hidden, h, w)
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = F.relu(self.after(x))  # (B, hidden, 2h, 2w)
        return F.relu(self.last(x))  # (B, k, 2h, 2w)


class PredictionHead(nn.Module):
    """Reads every map of a pyramid with the same weights: classes, boxes and k coefficients an anchor.

    One 3 × 3 convolution is shared by the three branches, which are one more each (figure 4).

    Parameters
    ----------
    channels : int
        C of the maps, and of the shared layer.
    anchors : int
        A.
    classes : int
        K.
    prototypes : int
        k.

    Raises
    ------
    ValueError
        For sizes below 1, or maps that are not (B, C, h, w).
    """

    def __init__(self, channels: int, anchors: int, classes: int, prototypes: int) -> None:
        super().__init__()
        check_sizes("head", channels=channels, anchors=anchors, classes=classes, prototypes=prototypes)
        self.channels = channels
        self.numbers = (classes + 1, 4, prototypes)  # of an anchor
        self.shared = conv3x3(channels, channels)
        self.logits = conv3x3(channels, anchors * (classes + 1))
        self.deltas = conv3x3(channels, anchors * 4)
        self.coefficients = conv3x3(channels, anchors * prototypes)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Give logits (B, N, K + 1), offsets (B, N, 4) and coefficients (B, N, k), in the anchors' order.

        Coefficients lie in [-1, 1]: tanh lets an object subtract prototypes as well as add them.
        """
        check_map_list(features)
        check_images(features[0], self.channels, like=self.shared.weight, maps=True)
        logits, deltas, coefficients = [], [], []
        for x in features:
            x = F.relu(self.shared(x))  # (B, C, h, w)
            logits.append(by_anchor(self.logits(x), self.numbers[0]))
            deltas.append(by_anchor(self.deltas(x), self.numbers[1]))
            coefficients.append(by_anchor(self.coefficients(x).tanh(), self.numbers[2]))
        return torch.cat(logits, dim=1), torch.cat(deltas, dim=1), torch.cat(coefficients, dim=1)


def by_anchor(answer: Tensor, numbers: int) -> Tensor:
    """Put a map (B, A·numbers, h, w) in the order of the anchors: (B, h·w·A, numbers)."""
    return answer.unflatten(1, (-1, numbers)).permute(0, 3, 4, 1, 2).flatten(1, 3)


def mix(prototypes: Tensor, coefficients: Tensor) -> Tensor:
    """Add up the prototypes of a picture with each object's coefficients: P Cᵀ, the masks as logits.

    Parameters
    ----------
    prototypes : Tensor
        (k, h, w) P.
    coefficients : Tensor
        (D, k) C.

    Returns
    -------
    Tensor
        (D, h, w), one matrix product for all objects.

    Raises
    ------
    ValueError
        For shapes or types that do not fit together.
    """
    check_tensor(prototypes, "prototypes", "k", "h", "w", some=True)
    check_tensor(coefficients, "coefficients", "D", len(prototypes))
    check_type(coefficients, prototypes, name="coefficients")
    return torch.einsum("khw,dk->dhw", prototypes, coefficients)


def assemble(prototypes: Tensor, coefficients: Tensor) -> Tensor:
    """Make the masks of a picture's objects, equation 1: M = σ(P Cᵀ), (D, h, w) in [0, 1].

    Parameters and errors are those of `mix`.
    """
    return mix(prototypes, coefficients).sigmoid()


def inside_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Say which cells of a map h × w have their centre in each box (D, 4), in cells: (D, h, w) bool."""
    check_box_set(boxes)
    height, width = check_size(size)
    x = torch.arange(width, device=boxes.device) + 0.5  # (w,)
    y = torch.arange(height, device=boxes.device) + 0.5
    x1, y1, x2, y2 = boxes[:, :, None].unbind(1)  # (D, 1) each
    across, down = (x1 <= x) & (x <= x2), (y1 <= y) & (y <= y2)  # (D, w) and (D, h)
    return down[:, :, None] & across[:, None, :]


def crop_masks(masks: Tensor, boxes: Tensor) -> Tensor:
    """Set each mask to 0 outside its box (section 3.3, "Cropping Masks").

    Parameters
    ----------
    masks : Tensor
        (D, h, w).
    boxes : Tensor
        (D, 4) x1, y1, x2, y2 in cells of the masks: cell j covers j to j + 1, and belongs to the box if its
        centre does.

    Returns
    -------
    Tensor
        (D, h, w).

    Raises
    ------
    ValueError
        For shapes or types that do not fit, or boxes that are none.
    """
    check_tensor(masks, "masks", "D", "h", "w")
    check_tensor(boxes, "boxes", len(masks), 4)
    return masks * inside_boxes(boxes, (masks.shape[1], masks.shape[2]))
