"""Chapter 05: the functions that the exercises ask for, as short as they can be said.

The package's own versions check their input and run on batches: `augment.warp`, `augment.annotations`,
`augment.cutmix`, `augment.copy_paste`. The tests hold these equal to their counterparts there; the papers are
named there too.

Coordinates: pixel (row i, column j) covers i to i + 1 and j to j + 1, so its centre is at x = j + 0.5,
y = i + 0.5. Shapes: K objects, H and W height and width.
"""

import math

import torch
from torch import Tensor

from lecture_utils.augment.annotations import boxes_from_masks

Box = tuple[int, int, int, int]
Pair = tuple[float, float]


def bilinear(image: Tensor, x: float, y: float) -> float:
    """Value of an (H, W) image at the point (x, y); everything outside the image is 0."""
    left, top = math.floor(x - 0.5), math.floor(y - 0.5)  # the pixel whose centre is up and left of the point
    right, down = x - 0.5 - left, y - 0.5 - top  # how far the point is beyond that centre, 0 to 1
    value = 0.0
    for i, weight_i in ((top, 1 - down), (top + 1, down)):
        for j, weight_j in ((left, 1 - right), (left + 1, right)):
            if 0 <= i < image.shape[0] and 0 <= j < image.shape[1]:
                value += weight_i * weight_j * image[i, j].item()
    return value


def output_to_input(degrees: float, scale: float, shift: Pair, height: int, width: int) -> Tensor:
    """Where to look, (3, 3): turn clockwise and grow about the centre, then shift (right, down); inverted."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    to_centre = torch.tensor([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    turn_grow = torch.tensor([[scale * c, -scale * s, 0], [scale * s, scale * c, 0], [0, 0, 1]])
    back_shift = torch.tensor([[1, 0, width / 2 + shift[0]], [0, 1, height / 2 + shift[1]], [0, 0, 1]])
    forward = back_shift @ turn_grow @ to_centre  # the factor at the right acts first
    return torch.linalg.inv(forward)


def move_boxes(boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    """Upright boxes (K, 4) x1, y1, x2, y2 around boxes moved by matrix (3, 3), cut to the image."""
    x, y = boxes[:, [0, 2, 2, 0]], boxes[:, [1, 1, 3, 3]]  # all four corners, (K, 4)
    corners = torch.stack([x, y, torch.ones_like(x)], dim=2) @ matrix.T  # (K, 4, 3)
    x, y = corners[..., 0] / corners[..., 2], corners[..., 1] / corners[..., 2]
    x, y = x.clamp(0, width), y.clamp(0, height)
    return torch.stack([x.amin(1), y.amin(1), x.amax(1), y.amax(1)], dim=1)


def cutmix_box(height: int, width: int, lam: float, x: int, y: int) -> tuple[Box, float]:
    """Box x1, y1, x2, y2, a share 1 - `lam` of the image, about (x, y), cut to it; and what share stays."""
    w, h = int(math.sqrt(1 - lam) * width), int(math.sqrt(1 - lam) * height)
    left, top = x - w // 2, y - h // 2
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + w, width), min(top + h, height)
    return (x1, y1, x2, y2), 1 - (x2 - x1) * (y2 - y1) / (height * width)


def after_paste(masks: Tensor, labels: Tensor, pasted: Tensor, label: int) -> tuple[Tensor, Tensor, Tensor]:
    """What is left when `pasted` (H, W) covers `masks` (K, H, W): masks (K', H, W), boxes (K', 4), labels."""
    masks = torch.cat([masks & ~pasted, pasted[None]])  # the newcomer is in front, and last in the list
    labels = torch.cat([labels, torch.tensor([label])])
    seen = masks.flatten(1).any(1)  # who has vanished is no object any more
    return masks[seen], boxes_from_masks(masks[seen]), labels[seen]


def after_paste_faulty(
    masks: Tensor, labels: Tensor, pasted: Tensor, label: int
) -> tuple[Tensor, Tensor, Tensor]:
    """What is left when `pasted` (H, W) covers `masks` (K, H, W): masks (K', H, W), boxes (K', 4), labels."""
    masks = torch.cat([masks, pasted[None]])  # the newcomer is last in the list
    labels = torch.cat([labels, torch.tensor([label])])
    boxes = boxes_from_masks(masks)
    masks[:-1] &= ~pasted  # and in front
    seen = masks.flatten(1).any(1)
    masks, boxes = masks[seen], boxes[seen]
    return masks, boxes, labels[: len(masks)]
