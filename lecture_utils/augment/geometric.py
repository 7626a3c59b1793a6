"""Geometric augmentation (S05.1): a picture moves, and its masks, boxes, keypoints and flow move with it.

Flips, crops, changes of size and random affine or perspective warps, each one 3×3 matrix. Several of them are
multiplied first and the picture is read once, so that it is blurred once. The machinery is in `warp`, with
the convention for coordinates. C. Shorten, T. M. Khoshgoftaar, A survey on Image Data Augmentation for Deep
Learning, Journal of Big Data 2019 (section on geometric transformations).

Shapes: B pictures, C channels, H and W height and width, K places for objects, P keypoints an object.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lecture_utils.augment.annotations import move_boxes, move_flow, move_keypoints
from lecture_utils.augment.warp import (
    flip_matrix,
    homography,
    rotation,
    scaling,
    shearing,
    translation,
    warp_image,
)
from lecture_utils.ops.checks import (
    check_boxes,
    check_images,
    check_number,
    check_numbers,
    check_size,
    check_tensor,
    check_whole,
)


@dataclass(frozen=True, eq=False)
class Annotated:
    """Pictures with what is known of them; None where nothing is.

    Attributes
    ----------
    image : (B, C, H, W) floating point.
    masks : (B, K, H, W) bool, one for each object; nothing set where a place is empty.
    boxes : (B, K, 4) floating point x1, y1, x2, y2 in pixels; zeros where a place is empty.
    keypoints : (B, K, P, 3) floating point x, y in pixels, and 1 where visible, else 0.
    flow : (B, 2, H, W) how far each pixel moves until the next frame, right and down, in pixels.
    """

    image: Tensor
    masks: Tensor | None = None
    boxes: Tensor | None = None
    keypoints: Tensor | None = None
    flow: Tensor | None = None

    def __post_init__(self) -> None:
        check_images(self.image)
        b, _, h, w = self.image.shape
        if self.masks is not None:
            check_tensor(self.masks, "masks", b, "K", h, w, kind="bool")
        if self.boxes is not None:
            check_tensor(self.boxes, "boxes", b, "K", 4)
            check_boxes(self.boxes, b, "K")
        if self.keypoints is not None:
            check_tensor(self.keypoints, "keypoints", b, "K", "P", 3, finite=True)
        if self.flow is not None:
            check_tensor(self.flow, "flow", b, 2, h, w, finite=True)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.image.shape[-2], self.image.shape[-1]


def warp(
    sample: Annotated,
    matrix: Tensor,
    size: tuple[int, int] | None = None,
    *,
    fill: float | None = 0.0,
    swap: Tensor | None = None,
) -> Annotated:
    """Move pictures and everything that is annotated on them by one matrix each.

    Parameters
    ----------
    sample : Annotated
        What is None stays None.
    matrix : Tensor
        (B, 3, 3) or (1, 3, 3), from source points to result points.
    size : tuple of int, optional
        (H', W') of the result, default unchanged.
    fill : float, optional
        Colour of what comes in from outside. None: the edge of the picture goes on.
    swap : Tensor, optional
        As in `move_keypoints`.

    Raises
    ------
    ValueError
        For a matrix that cannot be inverted or does not fit the batch.
    """
    check_sample(sample)
    size = sample.size if size is None else size
    return Annotated(
        image=warp_image(sample.image, matrix, size, fill=fill),
        masks=None if sample.masks is None else warp_image(sample.masks, matrix, size, nearest=True),
        boxes=None if sample.boxes is None else move_boxes(sample.boxes, matrix, size),
        keypoints=None if sample.keypoints is None else move_keypoints(sample.keypoints, matrix, size, swap),
        flow=None if sample.flow is None else move_flow(sample.flow, matrix, size),
    )


def flip(sample: Annotated, *, swap: Tensor | None = None) -> Annotated:
    """Mirror left and right, pixel for pixel; `swap` as in `move_keypoints`."""
    check_sample(sample)
    matrix, size = flip_matrix(sample.size[1]).to(sample.image.device), sample.size
    moved = replace(sample, image=sample.image.flip(-1))
    if sample.masks is not None:
        moved = replace(moved, masks=sample.masks.flip(-1))
    if sample.boxes is not None:
        moved = replace(moved, boxes=move_boxes(sample.boxes, matrix, size))
    if sample.keypoints is not None:
        moved = replace(moved, keypoints=move_keypoints(sample.keypoints, matrix, size, swap))
    if sample.flow is not None:
        moved = replace(moved, flow=sample.flow.flip(-1) * sample.flow.new_tensor([-1.0, 1.0])[:, None, None])
    return moved


def crop(sample: Annotated, top: int, left: int, height: int, width: int) -> Annotated:
    """Cut a window out of all pictures; boxes are cut off at its edge, keypoints outside are not visible."""
    check_sample(sample)
    for number, name in ((top, "top"), (left, "left"), (height, "height"), (width, "width")):
        check_whole(number, f"crop, {name}", None)
    full_height, full_width = sample.size
    fits = 1 <= height <= full_height - top and 1 <= width <= full_width - left
    if top < 0 or left < 0 or not fits:
        window = (top, left, height, width)
        raise ValueError(f"crop: got top, left, height, width {window}, want it within {sample.size}")
    rows, columns = slice(top, top + height), slice(left, left + width)
    matrix, size = translation(-float(left), -float(top)).to(sample.image.device), (height, width)
    return Annotated(
        image=sample.image[..., rows, columns],
        masks=None if sample.masks is None else sample.masks[..., rows, columns],
        boxes=None if sample.boxes is None else move_boxes(sample.boxes, matrix, size),
        keypoints=None if sample.keypoints is None else move_keypoints(sample.keypoints, matrix, size),
        flow=None if sample.flow is None else sample.flow[..., rows, columns],
    )


def resize(sample: Annotated, size: tuple[int, int]) -> Annotated:
    """Stretch all pictures to (H', W')."""
    check_sample(sample)
    check_size(size)
    return warp(sample, scaling(size[1] / sample.size[1], size[0] / sample.size[0]), size, fill=None)


def random_affine(
    n: int,
    size: tuple[int, int],
    generator: torch.Generator,
    *,
    degrees: float = 30.0,
    translate: float = 0.1,
    scale: tuple[float, float] = (0.8, 1.25),
    shear: float = 10.0,
) -> Tensor:
    """Draw affine warps about the picture's middle.

    Parameters
    ----------
    n : int
        How many.
    size : tuple of int
        (H, W).
    generator : torch.Generator
        Source of the random numbers.
    degrees, shear : float
        Largest angles, to either side; a shear stays below 90.
    translate : float
        Largest shift as a share of the side.
    scale : tuple of float
        Least and largest factor; its logarithm is drawn evenly.

    Returns
    -------
    Tensor
        (n, 3, 3).

    Raises
    ------
    ValueError
        For a setting out of its range.
    """
    check_whole(n, "n", 0)
    check_size(size)
    check_factors(scale)
    for name, value in (("degrees", degrees), ("translate", translate), ("shear", shear)):
        check_number(value, name, 0, 89.9 if name == "shear" else math.inf)
    (height, width), u = size, 2 * torch.rand(n, 5, generator=generator) - 1  # (n, 5) in [-1, 1)
    middle = (width / 2, height / 2)
    low, high = torch.tensor(scale).log()
    factor = (low + (high - low) * (u[:, 4] + 1) / 2).exp()
    turn = rotation(degrees * u[:, 0], middle) @ shearing(shear * u[:, 1], 0.0, middle)
    move = translation(translate * width * u[:, 2], translate * height * u[:, 3])
    return move @ turn @ scaling(factor, factor, middle)


def random_perspective(
    n: int, size: tuple[int, int], generator: torch.Generator, *, distortion: float = 0.3
) -> Tensor:
    """Draw perspectives (n, 3, 3): each corner moves inwards by up to `distortion` of half a side."""
    check_whole(n, "n", 0)
    if check_number(distortion, "distortion", 0) >= 1:
        raise ValueError(f"distortion: got {distortion}, want a number from 0 to below 1")
    height, width = check_size(size)
    corners = torch.tensor([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]])
    inwards = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    most = distortion / 2 * torch.tensor([width, height])
    moved = corners + inwards * most * torch.rand(n, 4, 2, generator=generator)
    return homography(corners.expand(n, 4, 2), moved)


def check_sample(sample: Annotated) -> None:
    """Raise ValueError unless it is an `Annotated`."""
    if not isinstance(sample, Annotated):
        raise ValueError(f"sample: got {type(sample).__name__}, want Annotated(image, …)")


def check_factors(scale: tuple[float, float]) -> None:
    """Raise ValueError unless `scale` is two positive, finite factors, the smaller first."""
    check_numbers(scale, "scale", 2)
    if not 0 < scale[0] <= scale[1]:
        raise ValueError(f"scale: got {scale}, want two positive factors, the smaller first")
