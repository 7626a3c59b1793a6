"""Pictures of any size to one batch, and boxes back again.

S. Ren et al., "Faster R-CNN", NeurIPS 2015, section 3.3: every picture is scaled until its shorter side has
600 pixels; T.-Y. Lin et al., "Feature Pyramid Networks", CVPR 2017, section 5: 800. Zeros fill up the batch.

Shapes: H × W a picture's own size, h × w the scaled one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.structures import Detections
from lecture_utils.ops.boxes import check_box_set
from lecture_utils.ops.checks import check_numbers, check_rgb, check_size, check_tensor, check_whole

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures in [0, 1]


class Batch(NamedTuple):
    """Pictures of one size.

    Attributes
    ----------
    images : Tensor
        (B, 3, H, W), H and W multiples of 32.
    sizes : list of (int, int)
        Height and width of each picture in it.
    """

    images: Tensor
    sizes: list[tuple[int, int]]


def resize_short_side(image: Tensor, shortest: int, longest: int) -> Tensor:
    """Scale a picture (3, H, W) until its short side has `shortest` pixels, or its long side `longest`.

    Raises ValueError for another shape or type, or sizes below 1.
    """
    check_tensor(image, "image", 3, "H", "W", some=True)
    check_whole(shortest, "shortest")
    check_whole(longest, "longest")
    height, width = image.shape[1:]
    scale = min(shortest / min(height, width), longest / max(height, width))
    size = (int(height * scale), int(width * scale))
    return F.interpolate(image[None], size=size, mode="bilinear", align_corners=False)[0]


def batch_images(
    images: Sequence[Tensor],
    *,
    shortest: int = 800,
    longest: int = 1333,
    multiple: int = 32,
    mean: Sequence[float] = MEAN,
    std: Sequence[float] = STD,
) -> Batch:
    """Normalise, scale and pad pictures to one batch.

    Parameters
    ----------
    images : sequence of Tensor
        (3, H, W) in [0, 1], of any sizes.
    shortest, longest : int
        As for `resize_short_side`.
    multiple : int
        What the sides of the batch are multiples of: the coarsest stride that must fit.
    mean, std : sequence of float
        Of each channel.

    Raises
    ------
    ValueError
        For no picture, one of another shape, type or range, or settings out of range.
    """
    if not isinstance(images, Sequence) or not len(images):
        raise ValueError(f"images: got {type(images).__name__}, want a list of one or more (3, H, W)")
    check_whole(multiple, "multiple")
    check_numbers(mean, "mean", 3)
    check_numbers(std, "std", 3)
    scaled = []
    for image in images:
        check_tensor(image, "images", 3, "H", "W", some=True)
        check_rgb(image, unit_range=True)
        shift, spread = (image.new_tensor(values)[:, None, None] for values in (mean, std))
        scaled.append(resize_short_side((image - shift) / spread, shortest, longest))
    sizes = [(x.shape[1], x.shape[2]) for x in scaled]
    height, width = (-(-max(side) // multiple) * multiple for side in zip(*sizes, strict=True))
    padded = [F.pad(x, (0, width - x.shape[2], 0, height - x.shape[1])) for x in scaled]
    return Batch(torch.stack(padded), sizes)


def scale_boxes(boxes: Tensor, size: Sequence[int], to: Sequence[int]) -> Tensor:
    """Carry boxes (N, 4) from a picture of `size` (height, width) to the same picture of size `to`."""
    check_box_set(boxes)
    (height, width), (new_height, new_width) = check_size(size, "size"), check_size(to, "to")
    x, y = new_width / width, new_height / height
    return boxes * boxes.new_tensor([x, y, x, y])


def detect(
    model: nn.Module, images: Sequence[Tensor], *, shortest: int = 800, longest: int = 1333
) -> list[Detections]:
    """Detect in pictures (3, H, W) in [0, 1] of any sizes; boxes are in each picture's own pixels.

    Parameters
    ----------
    model : nn.Module
        (images, sizes) to detections, in evaluation mode, such as `faster_rcnn_resnet50`.
    images, shortest, longest
        As for `batch_images`.
    """
    batch = batch_images(images, shortest=shortest, longest=longest)
    found = model(batch.images, batch.sizes)
    return [
        one._replace(boxes=scale_boxes(one.boxes, size, image.shape[1:]))
        for one, size, image in zip(found, batch.sizes, images, strict=True)
    ]
