"""Chapter 05: the checked exercises about data augmentation.

Each exercise holds a reference (`solutions`, which the notebook shows), inputs to try (smallest first),
general hints that say more each time, and the usual mistakes, each with its own hint. Coordinates: pixel
(row i, column j) covers i to i + 1 and j to j + 1, so its centre is at x = j + 0.5, y = i + 0.5. Shapes: K
objects, H and W height and width.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.augment.annotations import boxes_from_masks
from lecture_utils.chapters.ch05.lab import LAB
from lecture_utils.chapters.ch05.solutions import (
    Pair,
    after_paste,
    after_paste_faulty,
    bilinear,
    cutmix_box,
    move_boxes,
    output_to_input,
)
from lecture_utils.exercises.exercise import Exercise, Mistake, mistake

__all__ = ["EXERCISES", "LAB"]


# --- 05.1 bilinear sampling ------------------------------------------------------------------------
def _points(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[0.0, 10.0]]), 1.0, 0.5
    yield torch.tensor([[0.0, 10.0]]), 1.5, 0.5
    yield torch.tensor([[8.0]]), 0.25, 0.5
    yield torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 0.9, 1.2
    image = torch.tensor(rng.normal(size=(3, 5)), dtype=torch.float32)
    for x, y in rng.uniform((-0.6, -0.6), (5.6, 3.6), size=(12, 2)).tolist():
        yield image, x, y


@mistake("Your pixels have their centres at whole numbers. Here pixel 0 covers 0 to 1: where is its middle?")
def _centres_at_whole_numbers(image: Tensor, x: float, y: float) -> float:
    return bilinear(image, x + 0.5, y + 0.5)


@mistake(
    "You used x for the row and y for the column. image[i, j] is row, then column, and x runs to the right."
)
def _row_and_column_swapped(image: Tensor, x: float, y: float) -> float:
    return bilinear(image, y, x)


@mistake(
    "You took the one pixel that covers the point. Between two centres the value changes gradually: four "
    "pixels have a share."
)
def _nearest(image: Tensor, x: float, y: float) -> float:
    return bilinear(image, math.floor(x) + 0.5, math.floor(y) + 0.5)


@mistake(
    "Near one pixel you take most of the other one. A pixel weighs more the nearer the point is to its "
    "centre."
)
def _weights_swapped(image: Tensor, x: float, y: float) -> float:
    left, top = math.floor(x - 0.5), math.floor(y - 0.5)
    return bilinear(image, 2 * left + 2 - x, 2 * top + 2 - y)


@mistake(
    "Outside the picture you repeat the border's pixels. Here everything outside counts as 0, also as one "
    "of the four."
)
def _border_repeated(image: Tensor, x: float, y: float) -> float:
    height, width = image.shape
    return bilinear(image, min(max(x, 0.5), width - 0.5), min(max(y, 0.5), height - 0.5))


def _four(image: Tensor, x: float, y: float, left: int, top: int, *, wrap: bool = False) -> float:
    """The formula of `bilinear` with `left` and `top` given; `wrap`: a negative index is no error."""
    right, down = x - 0.5 - left, y - 0.5 - top
    total, (height, width) = 0.0, image.shape
    for i, j, weight in (
        (top, left, (1 - right) * (1 - down)),
        (top, left + 1, right * (1 - down)),
        (top + 1, left, (1 - right) * down),
        (top + 1, left + 1, right * down),
    ):
        if (wrap or min(i, j) >= 0) and i < height and j < width:
            total += weight * float(image[i, j])
    return total


@mistake(
    "Your int() cuts towards 0: int(-0.25) is 0, while floor(-0.25) is -1. Which of the two is left of it?"
)
def _int_for_floor(image: Tensor, x: float, y: float) -> float:
    return _four(image, x, y, int(x - 0.5), int(y - 0.5))


@mistake("Your image[-1] is the last row, not the one outside: test 0 <= i < H, and j likewise.")
def _wrapped_round(image: Tensor, x: float, y: float) -> float:
    return _four(image, x, y, math.floor(x - 0.5), math.floor(y - 0.5), wrap=True)


@mistake(
    "You give 0 as soon as one of the four lies outside. Only that one counts as 0: the others keep their "
    "share."
)
def _nothing_at_the_border(image: Tensor, x: float, y: float) -> float:
    left, top = math.floor(x - 0.5), math.floor(y - 0.5)
    inside = min(left, top) >= 0 and left + 1 < image.shape[1] and top + 1 < image.shape[0]
    return bilinear(image, x, y) if inside else 0.0


@mistake(
    "You added the half where it has to be taken off. Pixel 0 has its centre at x of 0.5: which number "
    "has to "
    "come out for that point?"
)
def _half_added(image: Tensor, x: float, y: float) -> float:
    return bilinear(image, x + 1, y + 1)


@mistake("You rounded the value. Between two pixels the value lies between, and need not be a whole number.")
def _rounded(image: Tensor, x: float, y: float) -> float:
    return float(round(bilinear(image, x, y)))


# --- 05.2 the matrix of an inverse warp ------------------------------------------------------------
def _warps(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield 0.0, 1.0, (3.0, 0.0), 4, 4
    yield 0.0, 2.0, (0.0, 0.0), 4, 8
    yield 90.0, 1.0, (0.0, 0.0), 4, 4
    yield 90.0, 1.0, (2.0, 1.0), 4, 6
    for _ in range(8):
        angle, scale = float(rng.uniform(-180, 180)), float(rng.uniform(0.5, 2))
        yield angle, scale, tuple(rng.uniform(-9, 9, 2).tolist()), int(rng.integers(5, 40)), 32


@mistake(
    "Your matrix takes a point of the input to the output. The warp asks for each output pixel where to "
    "look in the input."
)
def _forward_returned(degrees: float, scale: float, shift: Pair, height: int, width: int) -> Tensor:
    return torch.linalg.inv(output_to_input(degrees, scale, shift, height, width))


@mistake(
    "Your factors stand in the wrong order. Either your forward matrix has its first step at the left (it "
    "belongs at the right), or you inverted each factor and kept the order: undoing begins with the last "
    "step, shoes before socks."
)
def _factors_inverted_order_kept(
    degrees: float, scale: float, shift: Pair, height: int, width: int
) -> Tensor:
    to = torch.tensor([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    turn = output_to_input(degrees, scale, (0, 0), 0, 0)
    back = torch.tensor([[1, 0, width / 2 + shift[0]], [0, 1, height / 2 + shift[1]], [0, 0, 1]])
    return torch.linalg.inv(back) @ turn @ torch.linalg.inv(to)


@mistake(
    "You turned and scaled about the corner (0, 0). Before that the centre of the picture has to be moved "
    "there, and back afterwards."
)
def _about_the_corner(degrees: float, scale: float, shift: Pair, height: int, width: int) -> Tensor:
    return output_to_input(degrees, scale, shift, 0, 0)


@mistake(
    "The scale acts the wrong way round: your picture shrinks where it should grow. Look at what the "
    "inverse does to `scale`."
)
def _scale_not_inverted(degrees: float, scale: float, shift: Pair, height: int, width: int) -> Tensor:
    return output_to_input(degrees, 1 / scale, shift, height, width)


@mistake(
    "Your picture turns counter-clockwise. With y pointing down, the matrix that turns counter-clockwise "
    "in school turns clockwise here: check your signs, and invert only once."
)
def _counter_clockwise(degrees: float, scale: float, shift: Pair, height: int, width: int) -> Tensor:
    return output_to_input(-degrees, scale, shift, height, width)


@mistake(
    "Your shift comes first, so it is turned and grown with the picture. Wanted: turn and grow about the "
    "centre, then shift."
)
def _shifted_first(degrees: float, scale: float, shift: Pair, height: int, width: int) -> Tensor:
    first = torch.tensor([[1, 0, -shift[0]], [0, 1, -shift[1]], [0, 0, 1.0]])
    return first @ output_to_input(degrees, scale, (0, 0), height, width)


@mistake(
    "Your centre is half a pixel off. Pixel j covers j to j + 1, so a picture W wide reaches from 0 to W, "
    "and its middle is W / 2."
)
def _half_a_pixel_off(degrees: float, scale: float, shift: Pair, height: int, width: int) -> Tensor:
    return output_to_input(degrees, scale, shift, height - 1, width - 1)


@mistake("You took the height for x. The centre is (W / 2, H / 2): x runs along the width.")
def _height_for_x(degrees: float, scale: float, shift: Pair, height: int, width: int) -> Tensor:
    return output_to_input(degrees, scale, shift, width, height)


@mistake("Your angle is in degrees, and cos and sin want radians: math.radians turns the one into the other.")
def _degrees_for_radians(degrees: float, scale: float, shift: Pair, height: int, width: int) -> Tensor:
    return output_to_input(math.degrees(degrees), scale, shift, height, width)


@mistake("You took the shift as (down, right). It is (right, down): the first number belongs to x.")
def _down_first(degrees: float, scale: float, shift: Pair, height: int, width: int) -> Tensor:
    return output_to_input(degrees, scale, (shift[1], shift[0]), height, width)


@mistake(
    "Your shift goes the other way. Going there it moves right and down; the inverse of the whole turns that "
    "over by itself, so do it only once."
)
def _shift_turned_over(degrees: float, scale: float, shift: Pair, height: int, width: int) -> Tensor:
    return output_to_input(degrees, scale, (-shift[0], -shift[1]), height, width)


# --- 05.3 a box after a warp -----------------------------------------------------------------------
def _boxes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    one = torch.tensor([[1.0, 2.0, 3.0, 6.0]])
    yield one, torch.tensor([[1.0, 0, 2], [0, 1, 0], [0, 0, 1]]), 8, 8
    yield one, torch.tensor([[-1.0, 0, 8], [0, 1, 0], [0, 0, 1]]), 8, 8  # a flip
    yield one, torch.tensor([[1.0, 0, -2], [0, 1, 0], [0, 0, 1]]), 8, 8  # over the left edge
    yield one, torch.tensor([[0.6, -0.8, 3], [0.8, 0.6, 0], [0, 0, 1]]), 8, 8  # a rotation
    yield one, torch.tensor([[1.0, 0, 0], [0, 1, 0], [0.05, 0.02, 1]]), 8, 8  # a homography
    for _ in range(6):
        low = rng.uniform(2, 12, size=(3, 2))
        box = np.concatenate([low, low + rng.uniform(1, 8, size=(3, 2))], axis=1)
        warp = np.eye(3) + rng.normal(scale=[[0.3, 0.3, 3], [0.3, 0.3, 3], [0.005, 0.005, 0]], size=(3, 3))
        yield (*(torch.tensor(part, dtype=torch.float32) for part in (box, warp)), 20, 24)


@mistake("You moved two corners. After a turn another one can be the leftmost: all four have to be moved.")
def _two_corners(boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    points = torch.cat([boxes.reshape(-1, 2, 2), torch.ones(len(boxes), 2, 1)], dim=2) @ matrix.T
    points = points[..., :2] / points[..., 2:]
    low, high = points.amin(1), points.amax(1)
    return torch.cat([low, high], dim=1).clamp(torch.zeros(4), torch.tensor([width, height] * 2))


@mistake("Your box reaches out of the picture. An annotation ends where the picture ends.")
def _not_cut(boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    x, y = boxes[:, [0, 2, 2, 0]], boxes[:, [1, 1, 3, 3]]
    corners = torch.stack([x, y, torch.ones_like(x)], dim=2) @ matrix.T
    points = corners[..., :2] / corners[..., 2:]
    return torch.cat([points.amin(1), points.amax(1)], dim=1)


@mistake(
    "You moved two corners and kept their order. After a flip x1 is larger than x2, and after a turn two "
    "corners do not tell."
)
def _ends_not_sorted(boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    points = torch.cat([boxes.reshape(-1, 2, 2), torch.ones(len(boxes), 2, 1)], dim=2) @ matrix.T
    points = points[..., :2] / points[..., 2:]
    return points.reshape(-1, 4).clamp(torch.zeros(4), torch.tensor([width, height] * 2))


@mistake(
    "You left out the third coordinate. Under a homography it is not 1, and x and y have to be divided by it."
)
def _not_divided(boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    affine = matrix.clone()
    affine[2] = torch.tensor([0.0, 0.0, 1.0])
    return move_boxes(boxes, affine, height, width)


@mistake(
    "You moved the boxes by the inverse matrix. The inverse is for looking up pixels; a point of the "
    "picture moves by the matrix itself."
)
def _matrix_of_the_image(boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    return move_boxes(boxes, torch.linalg.inv(matrix), height, width)


@mistake("You cut x by the height and y by the width. x runs along the width.")
def _cut_by_the_other_side(boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    return move_boxes(boxes, matrix, width, height)


@mistake("Your matrix multiplies from the wrong side: for points in rows it is corners @ matrix.T.")
def _not_transposed(boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    return move_boxes(boxes, matrix.T, height, width)


@mistake(
    "You cut at W - 1 and H - 1, the number of the last pixel. That pixel reaches one further, so a "
    "picture ends "
    "at W and H."
)
def _cut_a_pixel_early(boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    return move_boxes(boxes, matrix, height - 1, width - 1)


@mistake(
    "You rounded the corners to whole pixels. A box may end between two pixels, and here it stays exact."
)
def _whole_pixels(boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    return move_boxes(boxes, matrix, height, width).round()


# --- 05.5 CutMix's box and share -------------------------------------------------------------------
def _cuts(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield 8, 8, 0.75, 4, 4
    yield 8, 8, 0.75, 0, 4
    yield 8, 8, 1.0, 3, 3
    yield 8, 8, 0.0, 4, 4
    yield 32, 32, 0.5, 0, 0
    yield 10, 20, 0.4, 12, 5
    for _ in range(8):
        height, width = (int(v) for v in rng.integers(8, 64, 2))
        yield height, width, float(rng.uniform()), int(rng.integers(width)), int(rng.integers(height))


@mistake(
    "The box is right, but you returned λ as it was drawn. The box was cut at the border and in whole "
    "pixels, so the share that stays is another one: count it from the box."
)
def _lam_as_drawn(height: int, width: int, lam: float, x: int, y: int) -> Any:
    return cutmix_box(height, width, lam, x, y)[0], lam


@mistake("Your box is too small. If its area is to be a share of the image, what share of each side is that?")
def _no_square_root(height: int, width: int, lam: float, x: int, y: int) -> Any:
    return cutmix_box(height, width, 1 - (1 - lam) ** 2, x, y)


@mistake("You cut out a share λ. λ is what stays of the first image, and 1 - λ is cut out.")
def _lam_is_cut_out(height: int, width: int, lam: float, x: int, y: int) -> Any:
    return cutmix_box(height, width, 1 - lam, x, y)


@mistake(
    "The box is right, but the number that you returned is the share of the patch. Asked for is what "
    "stays of the first image."
)
def _share_of_the_patch(height: int, width: int, lam: float, x: int, y: int) -> Any:
    box, share = cutmix_box(height, width, lam, x, y)
    return box, 1 - share


@mistake(
    "You moved the box so that all of it lies inside the image. The box stays where it was drawn, and "
    "what hangs over is cut off."
)
def _pushed_inside(height: int, width: int, lam: float, x: int, y: int) -> Any:
    w, h = (int(math.sqrt(1 - lam) * side) for side in (width, height))
    x, y = min(max(x, w // 2), width - (w + 1) // 2), min(max(y, h // 2), height - (h + 1) // 2)
    return cutmix_box(height, width, lam, x, y)


@mistake(
    "Your box reaches out of the image. Cut it at 0 and at the image's sides, and count the share afterwards."
)
def _box_not_cut(height: int, width: int, lam: float, x: int, y: int) -> Any:
    w, h = (int(math.sqrt(1 - lam) * side) for side in (width, height))
    left, top = x - w // 2, y - h // 2
    return (left, top, left + w, top + h), 1 - w * h / (height * width)


@mistake(
    "Where a side of the box is odd, yours is a pixel short: it ends w pixels after it begins, which is not "
    "x + w // 2."
)
def _halves_on_both_sides(height: int, width: int, lam: float, x: int, y: int) -> Any:
    half_w, half_h = (int(math.sqrt(1 - lam) * side) // 2 for side in (width, height))
    left, right = (min(max(v, 0), width) for v in (x - half_w, x + half_w))
    top, bottom = (min(max(v, 0), height) for v in (y - half_h, y + half_h))
    return (left, top, right, bottom), 1 - (right - left) * (bottom - top) / (height * width)


def _about(height: int, width: int, lam: float, left: int, top: int, w: int, h: int) -> Any:
    """The box of w × h pixels that begins at (left, top), cut, and what stays."""
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + w, width), min(top + h, height)
    return (x1, y1, x2, y2), 1 - (x2 - x1) * (y2 - y1) / (height * width)


@mistake(
    "You rounded the sides to the nearest pixel. The text cuts them off, int(…), so that all boxes agree."
)
def _sides_rounded(height: int, width: int, lam: float, x: int, y: int) -> Any:
    w, h = (round(math.sqrt(1 - lam) * side) for side in (width, height))
    return _about(height, width, lam, x - w // 2, y - h // 2, w, h)


@mistake(
    "Your box begins at (x, y). That point is its middle: it begins half of its width and height before."
)
def _begins_at_the_centre(height: int, width: int, lam: float, x: int, y: int) -> Any:
    w, h = (int(math.sqrt(1 - lam) * side) for side in (width, height))
    return _about(height, width, lam, x, y, w, h)


@mistake("Your box has its width from the picture's height, or is cut by it. x runs along the width.")
def _sides_exchanged(height: int, width: int, lam: float, x: int, y: int) -> Any:
    h, w = (int(math.sqrt(1 - lam) * side) for side in (width, height))
    return _about(height, width, lam, x - w // 2, y - h // 2, w, h)


@mistake(
    "Your box is a square. Each side is the same share of the picture's: a wide picture gets a wide box."
)
def _square(height: int, width: int, lam: float, x: int, y: int) -> Any:
    side = int(math.sqrt((1 - lam) * height * width))
    return _about(height, width, lam, x - side // 2, y - side // 2, side, side)


# --- 05.6 annotations after a paste: two faults ----------------------------------------------------
def _mask(height: int, width: int, x1: int, y1: int, x2: int, y2: int) -> Tensor:
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[y1:y2, x1:x2] = True
    return mask


def _pastes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    five = torch.tensor([5])
    yield _mask(3, 4, 0, 0, 2, 2)[None], five, _mask(3, 4, 3, 1, 4, 3), 2  # apart
    yield _mask(3, 4, 0, 0, 3, 2)[None], five, _mask(3, 4, 2, 0, 4, 3), 2  # half hidden
    yield _mask(3, 4, 1, 1, 2, 2)[None], five, _mask(3, 4, 0, 0, 3, 3), 2  # covered
    yield torch.zeros(0, 3, 4, dtype=torch.bool), five[:0], _mask(3, 4, 1, 0, 3, 2), 2  # none before
    yield _mask(5, 5, 0, 0, 5, 5)[None], five, _mask(5, 5, 1, 1, 4, 4), 2  # a ring stays, and its box
    whole = torch.stack([_mask(4, 6, 2, 1, 4, 3), _mask(4, 6, 0, 0, 1, 4)])
    yield whole, torch.tensor([5, 7]), _mask(4, 6, 2, 0, 5, 4), 2  # the first of two is covered
    for _ in range(5):
        corners = rng.integers(0, 6, size=(4, 2))
        sizes = rng.integers(1, 5, size=(4, 2))
        drawn = [_mask(8, 9, *c, *(c + s)) for c, s in zip(corners.tolist(), sizes, strict=True)]
        yield torch.stack(drawn[:3]), torch.tensor(rng.integers(0, 8, 3)), drawn[3], int(rng.integers(8))


def _left(masks: Tensor, labels: Tensor, pasted: Tensor, label: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """All masks before and after the paste, the newcomer's last, all labels, and which are still seen."""
    before = torch.cat([masks, pasted[None]])
    after = torch.cat([masks & ~pasted, pasted[None]])
    return before, after, torch.cat([labels, torch.tensor([label])]), after.flatten(1).any(1)


@mistake(
    "Both symptoms are still there. Which masks are the boxes made of, those before the paste or those after "
    "it? And which of the labels does the last line throw away?"
)
def _both_faults(masks: Tensor, labels: Tensor, pasted: Tensor, label: int) -> Any:
    return after_paste_faulty(masks, labels, pasted, label)


@mistake(
    "The boxes are right now. But where an object has vanished, the names behind it are those of their "
    "neighbours: one list was cut at its end, the others where nothing is seen."
)
def _names_out_of_step(masks: Tensor, labels: Tensor, pasted: Tensor, label: int) -> Any:
    _, after, names, seen = _left(masks, labels, pasted, label)
    return after[seen], boxes_from_masks(after[seen]), names[: int(seen.sum())]


@mistake(
    "The names are right now, but the boxes are those of before the paste. A box is drawn around what is "
    "still seen."
)
def _boxes_as_before(masks: Tensor, labels: Tensor, pasted: Tensor, label: int) -> Any:
    before, after, names, seen = _left(masks, labels, pasted, label)
    return after[seen], boxes_from_masks(before[seen]), names[seen]


@mistake(
    "You kept an object of which no pixel is left. What has vanished is no object any more: drop its mask, "
    "its box and its name."
)
def _vanished_kept(masks: Tensor, labels: Tensor, pasted: Tensor, label: int) -> Any:
    _, after, names, _ = _left(masks, labels, pasted, label)
    return after, boxes_from_masks(after), names


@mistake(
    "You left the old masks as they were. The pasted object is in front: what it covers is no longer seen."
)
def _masks_as_before(masks: Tensor, labels: Tensor, pasted: Tensor, label: int) -> Any:
    before, _, names, _ = _left(masks, labels, pasted, label)
    return before, boxes_from_masks(before), names


@mistake(
    "Your boxes end where the last pixel begins. Pixel i covers i to i + 1, so the right and the lower "
    "end lie one further."
)
def _pixel_short(masks: Tensor, labels: Tensor, pasted: Tensor, label: int) -> Any:
    left, boxes, names = after_paste(masks, labels, pasted, label)
    return left, boxes - torch.tensor([0.0, 0.0, 1.0, 1.0]), names


@mistake("You put the pasted object behind the others. It is in front, so the old masks lose what it covers.")
def _newcomer_behind(masks: Tensor, labels: Tensor, pasted: Tensor, label: int) -> Any:
    every = torch.cat([masks, (pasted & ~masks.any(0))[None]])
    seen = every.flatten(1).any(1)
    return every[seen], boxes_from_masks(every[seen]), torch.cat([labels, torch.tensor([label])])[seen]


@mistake("You put the newcomer first in the lists. Keep the order of the others, and put it last.")
def _newcomer_first(masks: Tensor, labels: Tensor, pasted: Tensor, label: int) -> Any:
    left, boxes, names = after_paste(masks, labels, pasted, label)
    return left.roll(1, 0), boxes.roll(1, 0), names.roll(1, 0)


@mistake("Your boxes are y, x, y, x: rows first. A box is x1, y1, x2, y2, and x is the column.")
def _rows_first(masks: Tensor, labels: Tensor, pasted: Tensor, label: int) -> Any:
    left, boxes, names = after_paste(masks, labels, pasted, label)
    return left, boxes[:, [1, 0, 3, 2]], names


@mistake("The newcomer itself is missing from your lists. It is an object of the new picture: put it last.")
def _newcomer_missing(masks: Tensor, labels: Tensor, pasted: Tensor, label: int) -> Any:
    left, boxes, names = after_paste(masks, labels, pasted, label)
    return left[:-1], boxes[:-1], names[:-1]


@mistake(
    "You dropped an object that is only partly covered. As long as one pixel of it is seen it stays in "
    "the list."
)
def _touched_dropped(masks: Tensor, labels: Tensor, pasted: Tensor, label: int) -> Any:
    _, after, names, _ = _left(masks, labels, pasted, label)
    whole = torch.cat([~(masks & pasted).flatten(1).any(1), torch.tensor([True])])
    return after[whole], boxes_from_masks(after[whole]), names[whole]


EXERCISES = [
    Exercise(
        "05.1",
        "A value between the pixels",
        bilinear,
        _points,
        difficulty=2,
        minutes=10,
        hints=(
            "Pixel (i, j) has its centre at x = j + 0.5, y = i + 0.5. Which four centres lie around the "
            "point?",
            "With left = floor(x - 0.5) and right = x - 0.5 - left, the left column has weight 1 - right "
            "and the next one weight right. Rows work in the same way; a pixel's weight is the product of "
            "both.",
            "image[i, j] is row, then column. Pixels outside count as 0: test 0 <= i < H, since image[-1] "
            "is the last row and no error.",
        ),
        mistakes=(
            _centres_at_whole_numbers,
            _row_and_column_swapped,
            _nearest,
            _weights_swapped,
            _border_repeated,
            _int_for_floor,
            _wrapped_round,
            _nothing_at_the_border,
            _half_added,
            _rounded,
        ),
    ),
    Exercise(
        "05.2",
        "The matrix that an inverse warp needs",
        output_to_input,
        _warps,
        difficulty=3,
        minutes=15,
        hints=(
            "First write the way there, input to output: move the centre (W/2, H/2) to the origin, turn "
            "and grow, move back, shift.",
            "In A @ B @ p it is B that acts first. So the first step stands at the right: back_and_shift "
            "@ turn_and_grow @ to_centre.",
            "With y pointing down, [[cos, -sin], [sin, cos]] turns clockwise. The warp asks the other way "
            "round: return torch.linalg.inv of the product.",
        ),
        mistakes=(
            _forward_returned,
            _factors_inverted_order_kept,
            _about_the_corner,
            _scale_not_inverted,
            _counter_clockwise,
            _shifted_first,
            _half_a_pixel_off,
            _height_for_x,
            _degrees_for_radians,
            _down_first,
            _shift_turned_over,
        ),
    ),
    Exercise(
        "05.3",
        "A box after a warp",
        move_boxes,
        _boxes,
        difficulty=2,
        minutes=12,
        hints=(
            "Turn a rectangle by 45°: which of its corners is now the leftmost? Two corners do not tell.",
            "Move all four corners (x, y, 1) by the matrix, divide by the third coordinate, take the "
            "least and the largest x and y.",
            "Cut the result to 0..width and 0..height: an annotation ends where the image ends.",
        ),
        mistakes=(
            _two_corners,
            _not_cut,
            _ends_not_sorted,
            _not_divided,
            _matrix_of_the_image,
            _cut_by_the_other_side,
            _not_transposed,
            _cut_a_pixel_early,
            _whole_pixels,
        ),
    ),
    Exercise(
        "05.4",
        "Which change makes the label a lie?",
        ("A", "3"),
        None,
        difficulty=2,
        minutes=8,
        hints=(
            "A classifier errs for two reasons: the picture has become one of another class, or it is like "
            "nothing that the classifier knows. Which of the columns tells the two apart?",
            "Look at the pairs of pictures: in which of them would you yourself give the changed picture the "
            "name of its neighbour?",
        ),
        mistakes=(
            Mistake(
                ("A", "1"),
                "None of them keeps its name, but look down that column: is this the only change of which "
                "that is true?",
            ),
            Mistake(
                ("A", "2"),
                "That most agree on another name is needed, but is it enough? Another change has a larger "
                "share of one other name, and you would still call those pictures sixes.",
            ),
            Mistake(
                ("B", "1"),
                "A six at the edge of the picture is still a six to you. That the classifier names none of "
                "them right says something about the classifier.",
            ),
            Mistake(
                ("B", "2"),
                "They agree completely, on a digit that they do not look like. How far away is the digit "
                "that gives them its name?",
            ),
            Mistake(
                ("B", "3"),
                "Your reason names the right sign. But look up the distance again: of the three changes this "
                "one lies furthest from all that is known.",
            ),
            Mistake(
                ("C", "1"),
                "Some of these do keep their name. And would you call a tilted six by another name?",
            ),
            Mistake(
                ("C", "2"),
                "Here the answers are scattered over several names: the classifier does not know these "
                "pictures, rather than knowing them as something else.",
            ),
            Mistake(
                ("C", "3"),
                "Your reason names the right sign, but it does not hold of this change: no other name takes "
                "most of its answers.",
            ),
        ),
        choices=(("A", "B", "C"), ("1", "2", "3")),
    ),
    Exercise(
        "05.5",
        "CutMix's box, and what is left of λ",
        cutmix_box,
        _cuts,
        difficulty=2,
        minutes=10,
        hints=(
            "A box with a share 1 - lam of the area has sides of sqrt(1 - lam) times the image's sides.",
            "With w = int(sqrt(1 - lam) * width) the box begins at x - w // 2 and ends w pixels later; "
            "then cut it at 0 and at the image's side.",
            "What was cut off covers nothing. So count again: lam = 1 - (x2 - x1) * (y2 - y1) / (height * "
            "width).",
        ),
        mistakes=(
            _lam_as_drawn,
            _no_square_root,
            _lam_is_cut_out,
            _share_of_the_patch,
            _pushed_inside,
            _box_not_cut,
            _halves_on_both_sides,
            _sides_rounded,
            _begins_at_the_centre,
            _sides_exchanged,
            _square,
        ),
    ),
    Exercise(
        "05.6",
        "A colleague's paste, with two faults",
        after_paste,
        _pastes,
        difficulty=3,
        minutes=15,
        hints=(
            "Take the symptoms one by one. In what order are boxes made and pixels covered? And what happens "
            "to each of the three lists when an object vanishes from the middle?",
            "Cover first, then ask which masks have a pixel left, and only then make boxes, of what is left.",
            "One mask of what is still seen, `seen`, has to pick from all three lists alike: masks[seen] and "
            "labels[seen], and the boxes of masks[seen].",
        ),
        mistakes=(
            _both_faults,
            _names_out_of_step,
            _boxes_as_before,
            _vanished_kept,
            _masks_as_before,
            _pixel_short,
            _newcomer_behind,
            _newcomer_first,
            _rows_first,
            _newcomer_missing,
            _touched_dropped,
        ),
    ),
]
