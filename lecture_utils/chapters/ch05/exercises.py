"""Chapter 05: the checked exercises about data augmentation.

Each exercise holds a reference (the solution that the notebook shows), inputs to try (smallest first),
general hints that say more each time, and the usual mistakes, each with its own hint. Coordinates: pixel
(row i, column j) covers i to i + 1 and j to j + 1, so its centre is at x = j + 0.5, y = i + 0.5. Shapes: B
batch, C classes, K objects, H and W height and width.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lecture_utils.exercises.exercise import Exercise, mistake

Box = tuple[int, int, int, int]
Pair = tuple[float, float]


# --- 05.1 bilinear sampling ------------------------------------------------------------------------
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


# --- 05.2 the matrix of an inverse warp ------------------------------------------------------------
def output_to_input(degrees: float, scale: float, shift: Pair, height: int, width: int) -> Tensor:
    """Where to look, (3, 3): turn clockwise and grow about the centre, then shift (right, down); inverted."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    to_centre = torch.tensor([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    turn_grow = torch.tensor([[scale * c, -scale * s, 0], [scale * s, scale * c, 0], [0, 0, 1]])
    back_shift = torch.tensor([[1, 0, width / 2 + shift[0]], [0, 1, height / 2 + shift[1]], [0, 0, 1]])
    forward = back_shift @ turn_grow @ to_centre  # the factor at the right acts first
    return torch.linalg.inv(forward)


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
    "You inverted each factor but left them in the same order. Undoing steps begins with the last one: "
    "take off the shoes before the socks."
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
    "You undo the shift as if it had been turned and scaled about the corner: in the forward way the "
    "shift comes last, and turning and scaling happen about the picture's centre."
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


# --- 05.3 a box after a warp -----------------------------------------------------------------------
def move_boxes(boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    """Upright boxes (K, 4) x1, y1, x2, y2 around boxes moved by matrix (3, 3), cut to the image."""
    x, y = boxes[:, [0, 2, 2, 0]], boxes[:, [1, 1, 3, 3]]  # all four corners, (K, 4)
    corners = torch.stack([x, y, torch.ones_like(x)], dim=2) @ matrix.T  # (K, 4, 3)
    x, y = corners[..., 0] / corners[..., 2], corners[..., 1] / corners[..., 2]
    x, y = x.clamp(0, width), y.clamp(0, height)
    return torch.stack([x.amin(1), y.amin(1), x.amax(1), y.amax(1)], dim=1)


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


# --- 05.4 mixup's loss -----------------------------------------------------------------------------
def mixup_loss(logits: Tensor, first: Tensor, second: Tensor, lam: float) -> Tensor:
    """Mean cross-entropy of logits (B, C) with targets that are `lam` first and 1 - `lam` second, (B,)."""
    targets = torch.zeros_like(logits)  # (B, C), rows sum to 1
    rows = torch.arange(len(logits))
    targets[rows, first] += lam
    targets[rows, second] += 1 - lam  # adds up to 1 where both are of one class
    return -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()


def _mixed_logits(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[2.0, 0.0]]), torch.tensor([0]), torch.tensor([1]), 1.0
    yield torch.tensor([[2.0, 0.0]]), torch.tensor([0]), torch.tensor([1]), 0.75
    yield torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([0]), torch.tensor([0]), 0.5
    for lam in rng.uniform(0, 1, 6).tolist():
        logits = torch.tensor(3 * rng.normal(size=(4, 5)), dtype=torch.float32)
        yield logits, *(torch.tensor(rng.integers(0, 5, 4)) for _ in range(2)), lam


@mistake(
    "You used only the label with the larger share. The target is a mixture: each label counts with its "
    "share."
)
def _larger_share_only(logits: Tensor, first: Tensor, second: Tensor, lam: float) -> Tensor:
    return cross_entropy(logits, first if lam >= 0.5 else second)


@mistake("You swapped the shares: lam belongs to the first label.")
def _shares_swapped(logits: Tensor, first: Tensor, second: Tensor, lam: float) -> Tensor:
    return mixup_loss(logits, first, second, 1 - lam)


@mistake(
    "You mixed the numbers of the classes. Half-way between class 0 and class 4 is not class 2: mix the "
    "probabilities, or the two losses."
)
def _class_numbers_mixed(logits: Tensor, first: Tensor, second: Tensor, lam: float) -> Tensor:
    return cross_entropy(logits, (lam * first + (1 - lam) * second).round().long())


@mistake(
    "You put the logits through a softmax before a function that applies one itself. log_softmax and "
    "cross_entropy want raw logits."
)
def _softmax_twice(logits: Tensor, first: Tensor, second: Tensor, lam: float) -> Tensor:
    return mixup_loss(logits.softmax(1), first, second, lam)


@mistake(
    "Where both labels are the same class, your second share overwrote the first. The two shares have to "
    "be added."
)
def _overwritten(logits: Tensor, first: Tensor, second: Tensor, lam: float) -> Tensor:
    targets, rows = torch.zeros_like(logits), torch.arange(len(logits))
    targets[rows, first], targets[rows, second] = lam, 1 - lam
    return -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()


@mistake("Your loss is right but for its size: it grows with the batch. Take the mean over the batch.")
def _summed(logits: Tensor, first: Tensor, second: Tensor, lam: float) -> Tensor:
    return mixup_loss(logits, first, second, lam) * logits.numel() / logits.shape[1] ** 2


# --- 05.5 CutMix's box and share -------------------------------------------------------------------
def cutmix_box(height: int, width: int, lam: float, x: int, y: int) -> tuple[Box, float]:
    """Box x1, y1, x2, y2, a share 1 - `lam` of the image, about (x, y), cut to it; and what share stays."""
    w, h = int(math.sqrt(1 - lam) * width), int(math.sqrt(1 - lam) * height)
    left, top = x - w // 2, y - h // 2
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + w, width), min(top + h, height)
    return (x1, y1, x2, y2), 1 - (x2 - x1) * (y2 - y1) / (height * width)


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


# --- 05.6 annotations after a paste ----------------------------------------------------------------
def after_paste(masks: Tensor, pasted: Tensor) -> tuple[Tensor, Tensor]:
    """Masks (K', H, W) and boxes (K', 4) that are left when `pasted` (H, W) covers `masks` (K, H, W)."""
    masks = torch.cat([masks & ~pasted, pasted[None]])  # the newcomer is in front, and last in the list
    masks = masks[masks.flatten(1).any(1)]  # who has vanished is no object any more
    boxes = torch.zeros(len(masks), 4)
    for k, mask in enumerate(masks):
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        boxes[k] = torch.tensor([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    return masks, boxes


def _mask(height: int, width: int, x1: int, y1: int, x2: int, y2: int) -> Tensor:
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[y1:y2, x1:x2] = True
    return mask


def _pastes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield _mask(3, 4, 0, 0, 2, 2)[None], _mask(3, 4, 3, 1, 4, 3)  # apart
    yield _mask(3, 4, 0, 0, 3, 2)[None], _mask(3, 4, 2, 0, 4, 3)  # half hidden
    yield _mask(3, 4, 1, 1, 2, 2)[None], _mask(3, 4, 0, 0, 3, 3)  # covered
    yield torch.zeros(0, 3, 4, dtype=torch.bool), _mask(3, 4, 1, 0, 3, 2)  # none before
    yield _mask(5, 5, 0, 0, 5, 5)[None], _mask(5, 5, 1, 1, 4, 4)  # a ring stays, and its box
    for _ in range(5):
        corners = rng.integers(0, 6, size=(4, 2))
        sizes = rng.integers(1, 5, size=(4, 2))
        drawn = [_mask(8, 9, *c, *(c + s)) for c, s in zip(corners.tolist(), sizes, strict=True)]
        yield torch.stack(drawn[:3]), drawn[3]


@mistake(
    "You left the old masks as they were. The pasted object is in front: what it covers is no longer seen."
)
def _masks_as_before(masks: Tensor, pasted: Tensor) -> Any:
    whole = torch.cat([masks, pasted[None]])
    boxes = torch.cat([after_paste(mask[None], mask)[1] for mask in whole])
    return whole, boxes


@mistake(
    "The masks are right, but the boxes are those of before the paste. A box is drawn around what is "
    "still seen."
)
def _boxes_as_before(masks: Tensor, pasted: Tensor) -> Any:
    left, boxes = after_paste(masks, pasted)
    kept = (masks & ~pasted).flatten(1).any(1)
    old = [after_paste(mask[None], mask)[1] for mask in masks[kept]]
    return left, torch.cat([*old, boxes[-1:]])


@mistake(
    "You kept an object of which no pixel is left. What has vanished is no object any more: drop its mask "
    "and its box."
)
def _vanished_kept(masks: Tensor, pasted: Tensor) -> Any:
    boxes = after_paste(masks, pasted)[1]
    every = torch.cat([masks & ~pasted, pasted[None]])
    all_boxes = torch.zeros(len(every), 4)
    all_boxes[every.flatten(1).any(1)] = boxes
    return every, all_boxes


@mistake(
    "Your boxes end where the last pixel begins. Pixel i covers i to i + 1, so the right and the lower "
    "end lie one further."
)
def _pixel_short(masks: Tensor, pasted: Tensor) -> Any:
    left, boxes = after_paste(masks, pasted)
    return left, boxes - torch.tensor([0.0, 0.0, 1.0, 1.0])


@mistake("You put the pasted object behind the others. It is in front, so the old masks lose what it covers.")
def _newcomer_behind(masks: Tensor, pasted: Tensor) -> Any:
    behind = pasted & ~masks.any(0)
    left, boxes = after_paste(masks, torch.zeros_like(pasted))
    return (torch.cat([left, behind[None]]), torch.cat([boxes, after_paste(behind[None], behind)[1]]))


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
        mistakes=(_two_corners, _not_cut, _ends_not_sorted, _not_divided, _matrix_of_the_image),
    ),
    Exercise(
        "05.4",
        "The loss of a mixed picture",
        mixup_loss,
        _mixed_logits,
        difficulty=2,
        minutes=8,
        hints=(
            "The target is no longer one class but a distribution: lam on the first label, 1 - lam on the "
            "second.",
            "Cross-entropy with a distribution t is -sum over classes of t * log_softmax(logits); then "
            "the mean over the batch.",
            "It is linear in t, so lam * CE(first) + (1 - lam) * CE(second) is the same number. Where "
            "both labels agree, t has a single 1.",
        ),
        mistakes=(
            _larger_share_only,
            _shares_swapped,
            _class_numbers_mixed,
            _softmax_twice,
            _overwritten,
            _summed,
        ),
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
        ),
    ),
    Exercise(
        "05.6",
        "Annotations after a paste",
        after_paste,
        _pastes,
        difficulty=3,
        minutes=15,
        hints=(
            "The pasted object is in front: a pixel of an old mask stays only where `pasted` is False.",
            "Put the pasted mask last, drop every mask that has no pixel left, and only then look for the "
            "boxes.",
            "A box is around what is seen now: first and last column and row with a pixel, and since "
            "pixel i covers i to i + 1, the right and lower ends are last + 1.",
        ),
        mistakes=(_masks_as_before, _boxes_as_before, _vanished_kept, _pixel_short, _newcomer_behind),
    ),
]
