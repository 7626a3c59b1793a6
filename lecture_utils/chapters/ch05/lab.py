"""The lab of chapter 05: an augmentation pipeline whose boxes move with the pixels, in three checked steps.

It fills the gap between one lunch break and the whole day for a small network that finds an object:
`tiny_finder.py`. The danger is the chapter's: what is known of a picture has to follow each change.

A box is x1, y1, x2, y2 in pixels. Shapes: B pictures, H and W height and width.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.augment.photometric import brightness
from lecture_utils.augment.warp import flip_matrix, scaling, translation, warp_image
from lecture_utils.chapters.ch05 import tiny_finder
from lecture_utils.chapters.ch05.solutions import move_boxes
from lecture_utils.chapters.ch05.tiny_finder import around_white, painted
from lecture_utils.exercises.exercise import Exercise, Lab, Mistake, mistake

Examples = tuple[Tensor, Tensor]  # pictures (B, 3, H, W) and their boxes (B, 4)


# --- step 1: pictures and boxes, moved together ----------------------------------------------------
def move_examples(images: Tensor, boxes: Tensor, matrices: Tensor, least: float) -> Examples:
    """Pictures (B, 3, H, W) and boxes (B, 4), each moved by its own matrix (B, 3, 3); what is empty is grey.

    An example whose moved box is less than `least` pixels wide or high stays as it was.
    """
    height, width = images.shape[-2:]
    moved = warp_image(images, matrices, fill=0.5)
    each = [move_boxes(box[None], own, height, width) for box, own in zip(boxes, matrices, strict=True)]
    there = torch.cat(each)  # (B, 4)
    fits = ((there[:, 2:] - there[:, :2]) >= least).all(dim=1)  # (B,)
    return torch.where(fits[:, None, None, None], moved, images), torch.where(fits[:, None], there, boxes)


def _moves(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    one = torch.tensor([[1.0, 1.0, 3.0, 4.0]])
    yield painted(one, 4, 6), one, translation(2.0, 0.0), 1.0
    yield painted(one, 4, 6), one, flip_matrix(6), 1.0
    yield painted(one, 4, 6), one, translation(5.0, 0.0), 1.0  # out of the picture
    yield painted(one, 4, 6), one, translation(-2.0, 0.0), 2.0  # too little of its width is left
    flat = torch.tensor([[2.0, 1.0, 20.0, 4.0]])  # long, but only 3 high
    yield painted(flat, 8, 24), flat, translation(1.0, 0.0), 4.0
    two = torch.tensor([[1.0, 1.0, 3.0, 4.0], [2.0, 0.0, 5.0, 3.0]])
    pair = torch.cat([translation(0.0, 3.0), translation(1.0, 0.0)])  # one leaves, one stays
    yield painted(two, 4, 6), two, pair, 2.0
    for height, width in ((6, 8), (8, 6), (7, 7), (6, 9)):
        low = torch.tensor(rng.integers(0, 3, size=(3, 2)))
        boxes = torch.cat([low, low + torch.tensor(rng.integers(2, 4, size=(3, 2)))], dim=1).float()
        factors = torch.tensor(rng.uniform(0.6, 1.6, 3), dtype=torch.float32)
        shifts = torch.tensor(rng.uniform(-3, 3, (2, 3)), dtype=torch.float32)
        matrices = translation(*shifts) @ scaling(factors, factors, (width / 2, height / 2))
        matrices[0] = flip_matrix(width)[0]
        yield torch.tensor(rng.uniform(size=(3, 3, height, width)), dtype=torch.float32), boxes, matrices, 2.0


def _together(
    images: Tensor,
    boxes: Tensor,
    matrices: Tensor,
    least: float,
    *,
    fill: float = 0.5,
    boxes_by: Tensor | None = None,
    stays: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Moved pictures, moved boxes, and which examples stay as they were, with one part exchanged."""
    height, width = images.shape[-2:]
    moved = warp_image(images, matrices, fill=fill)
    by = matrices if boxes_by is None else boxes_by
    there = torch.cat([move_boxes(box[None], m, height, width) for box, m in zip(boxes, by, strict=True)])
    sides = there[:, 2:] - there[:, :2]
    kept = (sides < least).any(dim=1) if stays is None else stays(sides)
    return moved, there, kept


def _chosen(stay: Tensor, before: Tensor, after: Tensor) -> Tensor:
    return torch.where(stay.view(-1, *[1] * (before.ndim - 1)), before, after)


@mistake(
    "Your pictures move and their boxes stay behind. The matrix that moves a picture's pixels moves its box "
    "as well: you have written that function in exercise 05.3."
)
def _boxes_left_behind(images: Tensor, boxes: Tensor, matrices: Tensor, least: float) -> Any:
    moved, _, stay = _together(images, boxes, matrices, least)
    return _chosen(stay, images, moved), boxes


@mistake(
    "The first matrix has moved every picture, or every box. Each example has a matrix of its own: row b of "
    "the one belongs to row b of the others."
)
def _one_matrix_for_all(images: Tensor, boxes: Tensor, matrices: Tensor, least: float) -> Any:
    moved, there, stay = _together(images, boxes, matrices[:1].expand(len(boxes), 3, 3), least)
    return _chosen(stay, images, moved), _chosen(stay, boxes, there)


@mistake(
    "You hand on examples whose object has left the picture, or nearly so: a box that is less than `least` "
    "wide or high. These stay as they were."
)
def _empty_ones_too(images: Tensor, boxes: Tensor, matrices: Tensor, least: float) -> Any:
    moved, there, _ = _together(images, boxes, matrices, least)
    return moved, there


@mistake(
    "Where the object has left, the box is the old one but the picture is the moved one. They belong "
    "together: both stay as they were, or neither."
)
def _only_the_box_stays(images: Tensor, boxes: Tensor, matrices: Tensor, least: float) -> Any:
    moved, there, stay = _together(images, boxes, matrices, least)
    return moved, _chosen(stay, boxes, there)


@mistake(
    "You leave out the examples whose object has left the picture, so the batch gets smaller. They stay in "
    "it as they were."
)
def _left_out(images: Tensor, boxes: Tensor, matrices: Tensor, least: float) -> Any:
    moved, there, stay = _together(images, boxes, matrices, least)
    return moved[~stay], there[~stay]


@mistake(
    "You keep an example if one of its box's sides is long enough. A box one pixel wide shows next to "
    "nothing, however high it is: both sides count."
)
def _one_side_is_enough(images: Tensor, boxes: Tensor, matrices: Tensor, least: float) -> Any:
    moved, there, stay = _together(images, boxes, matrices, least, stays=lambda s: (s < least).all(1))
    return _chosen(stay, images, moved), _chosen(stay, boxes, there)


@mistake(
    "You measure the box's area. A long and flat box has area enough, and still shows next to nothing: each "
    "side counts by itself."
)
def _area_for_sides(images: Tensor, boxes: Tensor, matrices: Tensor, least: float) -> Any:
    moved, there, stay = _together(images, boxes, matrices, least, stays=lambda s: s.prod(1) < least**2)
    return _chosen(stay, images, moved), _chosen(stay, boxes, there)


@mistake("A box of just `least` pixels is large enough: only one of *less* stays as it was.")
def _just_enough_is_too_little(images: Tensor, boxes: Tensor, matrices: Tensor, least: float) -> Any:
    moved, there, stay = _together(images, boxes, matrices, least, stays=lambda s: (s <= least).any(1))
    return _chosen(stay, images, moved), _chosen(stay, boxes, there)


@mistake(
    "Your boxes move the other way. The inverse matrix is for looking up pixels, and warp_image inverts by "
    "itself; a point moves by the matrix as it is."
)
def _boxes_by_the_inverse(images: Tensor, boxes: Tensor, matrices: Tensor, least: float) -> Any:
    moved, there, stay = _together(images, boxes, matrices, least, boxes_by=torch.linalg.inv(matrices))
    return _chosen(stay, images, moved), _chosen(stay, boxes, there)


@mistake("What lies beyond the picture is black with you. Wanted is a middle grey, which is 0.5.")
def _black_beyond(images: Tensor, boxes: Tensor, matrices: Tensor, least: float) -> Any:
    moved, there, stay = _together(images, boxes, matrices, least, fill=0.0)
    return _chosen(stay, images, moved), _chosen(stay, boxes, there)


# --- step 2: a fast version, with a fault ----------------------------------------------------------
def shake_faulty(
    images: Tensor, boxes: Tensor, mirrored: Tensor, factors: Tensor, shifts: Tensor
) -> Examples:
    """Mirror where `mirrored` (B,), then grow by `factors` (B,), then shift by `shifts` (B, 2): boxes too."""
    height, width = images.shape[-2:]
    middle, limit = torch.tensor([width, height]) / 2, torch.tensor([width, height, width, height])
    flip = torch.where(mirrored[:, None, None], flip_matrix(width), torch.eye(3))
    grow = scaling(factors, factors, (width / 2, height / 2))
    images = warp_image(images, translation(*shifts.T) @ grow @ flip, fill=0.5)
    corners = boxes.view(-1, 2, 2)  # (B, 2, 2): each box's two corners x, y
    corners = (corners - middle) * factors[:, None, None] + middle + shifts[:, None]
    boxes = corners.reshape(-1, 4)
    x1, y1, x2, y2 = boxes.unbind(1)
    boxes = torch.where(mirrored[:, None], torch.stack([width - x2, y1, width - x1, y2], 1), boxes)
    return images, boxes.clamp_min(0).minimum(limit)


def shake(images: Tensor, boxes: Tensor, mirrored: Tensor, factors: Tensor, shifts: Tensor) -> Examples:
    """Mirror where `mirrored` (B,), then grow by `factors` (B,), then shift by `shifts` (B, 2): boxes too."""
    height, width = images.shape[-2:]
    middle, limit = torch.tensor([width, height]) / 2, torch.tensor([width, height, width, height])
    flip = torch.where(mirrored[:, None, None], flip_matrix(width), torch.eye(3))
    grow = scaling(factors, factors, (width / 2, height / 2))
    images = warp_image(images, translation(*shifts.T) @ grow @ flip, fill=0.5)
    x1, y1, x2, y2 = boxes.unbind(1)  # the mirror comes first, as it does for the pixels
    boxes = torch.where(mirrored[:, None], torch.stack([width - x2, y1, width - x1, y2], 1), boxes)
    corners = boxes.view(-1, 2, 2)  # (B, 2, 2): each box's two corners x, y
    corners = (corners - middle) * factors[:, None, None] + middle + shifts[:, None]
    return images, corners.reshape(-1, 4).clamp_min(0).minimum(limit)


def _shaken(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    one, no, yes = torch.tensor([[1.0, 1.0, 3.0, 4.0]]), torch.tensor([False]), torch.tensor([True])
    still, same = torch.zeros(1, 2), torch.ones(1)
    yield painted(one, 4, 6), one, no, same, torch.tensor([[2.0, 0.0]])
    yield painted(one, 4, 6), one, yes, same, still
    yield painted(one, 4, 6), one, no, torch.tensor([0.5]), still
    yield painted(one, 4, 6), one, no, torch.tensor([2.0]), torch.tensor([[1.0, 0.0]])
    yield painted(one, 4, 6), one, yes, same, torch.tensor([[1.0, 0.0]])
    yield painted(one, 4, 6), one, yes, torch.tensor([1.5]), torch.tensor([[-1.0, 1.0]])
    for height, width in ((6, 8), (8, 6), (7, 7), (6, 9)):
        low = torch.tensor(rng.integers(0, 3, size=(3, 2)))
        boxes = torch.cat([low, low + torch.tensor(rng.integers(1, 4, size=(3, 2)))], dim=1).float()
        numbers = [rng.uniform(0.6, 1.6, 3), rng.uniform(-3, 3, (3, 2))]
        factors, shifts = (torch.tensor(part, dtype=torch.float32) for part in numbers)
        images = torch.tensor(rng.uniform(size=(3, 3, height, width)), dtype=torch.float32)
        yield images, boxes, torch.tensor([True, False, True]), factors, shifts


@mistake(
    "A mirrored picture that is also shifted still has its box on the wrong side. In which order do the "
    "pixels go through mirror, growth and shift, and in which order does the box?"
)
def _fault_kept(images: Tensor, boxes: Tensor, mirrored: Tensor, factors: Tensor, shifts: Tensor) -> Any:
    return shake_faulty(images, boxes, mirrored, factors, shifts)


@mistake(
    "Now pictures and boxes agree, but on another order: yours shifts first and mirrors last. The docstring "
    "says mirror, then grow, then shift, and it was the boxes that broke it."
)
def _pixels_changed_instead(
    images: Tensor, boxes: Tensor, mirrored: Tensor, factors: Tensor, shifts: Tensor
) -> Any:
    back = torch.where(mirrored[:, None], shifts * torch.tensor([-1.0, 1.0]), shifts)
    return shake(images, boxes, mirrored, factors, back)


@mistake(
    "Your shift grows with the picture: you shift the box before you grow it. A shift that comes last is not "
    "multiplied by anything."
)
def _shift_grows(images: Tensor, boxes: Tensor, mirrored: Tensor, factors: Tensor, shifts: Tensor) -> Any:
    return shake(images, boxes, mirrored, factors, shifts)[0], shake(
        images, boxes, mirrored, factors, shifts * factors[:, None]
    )[1]


@mistake(
    "A mirrored box of yours has its left end right of its right one. In a mirror the two ends change "
    "places: the new x1 comes from the old x2."
)
def _ends_not_exchanged(
    images: Tensor, boxes: Tensor, mirrored: Tensor, factors: Tensor, shifts: Tensor
) -> Any:
    moved, there = shake(images, boxes, mirrored, factors, shifts)
    return moved, torch.where(mirrored[:, None], there[:, [2, 1, 0, 3]], there)


@mistake("Your boxes reach out of the picture. An annotation ends where the picture ends.")
def _not_cut(images: Tensor, boxes: Tensor, mirrored: Tensor, factors: Tensor, shifts: Tensor) -> Any:
    height, width = images.shape[-2:]
    room = torch.tensor([width, height, width, height]) * 10.0
    wide = shake(
        images.new_zeros(len(boxes), 3, 21 * height, 21 * width), boxes + room, mirrored, factors, shifts
    )[1]
    return shake(images, boxes, mirrored, factors, shifts)[0], wide - room


@mistake(
    "You mirror every picture of the batch, or none. Row b of `mirrored` says it for picture b alone: "
    "torch.where picks row by row."
)
def _none_mirrored(images: Tensor, boxes: Tensor, mirrored: Tensor, factors: Tensor, shifts: Tensor) -> Any:
    return shake(images, boxes, torch.zeros_like(mirrored), factors, shifts)


@mistake(
    "Your box grows about the corner (0, 0), the picture about its middle. Take the middle off, multiply, "
    "and "
    "put it back."
)
def _grows_about_the_corner(
    images: Tensor, boxes: Tensor, mirrored: Tensor, factors: Tensor, shifts: Tensor
) -> Any:
    middle = torch.tensor([images.shape[-1], images.shape[-2]]) / 2
    off = shifts + middle * (factors[:, None] - 1)
    return shake(images, boxes, mirrored, factors, shifts)[0], shake(images, boxes, mirrored, factors, off)[1]


@mistake(
    "Your mirrored box is a pixel off: you mirrored at W - 1. Pixels are areas, and a picture reaches "
    "from 0 to "
    "W, so x becomes W - x."
)
def _mirrored_a_pixel_off(
    images: Tensor, boxes: Tensor, mirrored: Tensor, factors: Tensor, shifts: Tensor
) -> Any:
    off = shifts - torch.stack([mirrored * factors, torch.zeros_like(factors)], 1)
    return shake(images, boxes, mirrored, factors, shifts)[0], shake(images, boxes, mirrored, factors, off)[1]


# --- step 3: beat the colleague's score ------------------------------------------------------------
LEAST = 4.0  # pixels of width and height that must be left of an object

# How much step 3 asks for. The rule was written down before any picture of the exams "bar" and "test" was
# looked at: of the way from no augmentation to `augment`, both the mean IoU on the exam "bar" averaged over
# SEEDS trainings, the first four fifths, rounded to a hundredth. The exam "test" has no say in it.
FIFTHS, SEEDS = 4, 3
BAR = 0.54


def augment(images: Tensor, boxes: Tensor, generator: torch.Generator) -> Examples:
    """Noon at the left, near, becomes any hour, any place, near and far: pictures (B, 3, 32, 32), boxes."""

    def even(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(images), generator=generator)

    flip = torch.where(even(0, 1)[:, None, None] < 0.5, flip_matrix(32), torch.eye(3))
    factors = even(0.5, 1.1)  # the exam's objects are further away
    matrices = translation(even(-6, 6), even(-4, 4)) @ scaling(factors, factors, (16, 16)) @ flip
    images, boxes = move_examples(images, boxes, matrices, LEAST)
    return brightness(images, even(-1.9, 0.2).exp()), boxes  # from 0.15 to 1.2, evenly on a logarithmic scale


def bar() -> float:
    """Derive `BAR` by its rule: six trainings."""
    low, high = (
        sum(tiny_finder.score(tiny_finder.train(how, seed=seed), "bar") for seed in range(SEEDS)) / SEEDS
        for how in (None, augment)
    )
    return round(low + FIFTHS / 5 * (high - low), 2)


def exam_score(pipeline: Callable[[Tensor, Tensor, torch.Generator], Examples]) -> float:
    """Mean IoU on the test pictures of a finder that was trained with this pipeline."""
    return tiny_finder.score(tiny_finder.train(pipeline))


def unchanged(images: Tensor, boxes: Tensor, generator: torch.Generator) -> Examples:
    """No augmentation."""
    return images, boxes


def only_light(images: Tensor, boxes: Tensor, generator: torch.Generator) -> Examples:
    """Brightness alone: nothing moves."""
    return brightness(images, 0.2 + torch.rand(len(images), generator=generator)), boxes


def moved_only(
    images: Tensor, boxes: Tensor, generator: torch.Generator, *, factors: tuple[float, float] = (0.9, 1.1)
) -> Examples:
    """Mirror, growth and shift in the light of noon: the colleague's pipeline, mended."""
    count, (low, high) = len(images), factors
    mirrored = torch.rand(count, generator=generator) < 0.5
    grown = low + (high - low) * torch.rand(count, generator=generator)
    shifts = (2 * torch.rand(count, 2, generator=generator) - 1) * torch.tensor([6.0, 4.0])
    moved, there = shake(images, boxes, mirrored, grown, shifts)
    stay = ((there[:, 2:] - there[:, :2]) < LEAST).any(dim=1)
    return _chosen(stay, images, moved), _chosen(stay, boxes, there)


def left_behind(images: Tensor, boxes: Tensor, generator: torch.Generator) -> Examples:
    """All of it, but for the boxes, which stay where they were."""
    return augment(images, boxes, generator)[0], boxes


def too_wild(images: Tensor, boxes: Tensor, generator: torch.Generator) -> Examples:
    """Growth from a third to three times: most of what comes out is nothing that the exam shows."""
    moved, there = moved_only(images, boxes, generator, factors=(0.33, 3.0))
    return brightness(moved, 0.2 + torch.rand(len(images), generator=generator)), there


def _probe(pipeline: Any) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What a pipeline does: boxes before and after, boxes around painted boxes, light before and after."""
    images, boxes = tiny_finder.lunch_break()
    changed, after = pipeline(images.clone(), boxes.clone(), torch.Generator().manual_seed(1))
    whole = boxes.round()
    shown, told = pipeline(painted(whole, 32, 32), whole, torch.Generator().manual_seed(2))
    fits = tiny_finder.overlap(around_white(shown), told)
    return boxes, after, fits, images.mean(dim=(1, 2, 3)), changed.mean(dim=(1, 2, 3))


def _still(pipeline: Any) -> bool:
    before, after, fits, light, new = _probe(pipeline)
    return bool(torch.allclose(before, after) and fits.median() > 0.9 and torch.allclose(light, new))


def _never_dark(pipeline: Any) -> bool:
    _, _, fits, light, new = _probe(pipeline)
    return bool(fits.median() > 0.7 and (new / light).quantile(0.1) > 0.7)


def _never_right(pipeline: Any) -> bool:
    _, after, fits, _, _ = _probe(pipeline)
    return bool(fits.median() > 0.7 and (after[:, ::2].mean(dim=1) > 18).float().mean() < 0.15)


def _behind(pipeline: Any) -> bool:
    return bool(_probe(pipeline)[2].quantile(0.3) < 0.5)  # also where only every second box is left behind


def _wild(pipeline: Any) -> bool:
    after = _probe(pipeline)[1]
    sides = (after[:, 2:] - after[:, :2]).prod(dim=1).sqrt()
    return bool(((sides > 19) | (sides < 6)).float().mean() > 0.3)


# --- the three steps -------------------------------------------------------------------------------
STEP_1 = Exercise(
    "05.L1",
    "Pictures and boxes, moved together",
    move_examples,
    _moves,
    difficulty=2,
    minutes=12,
    hints=(
        "warp_image(images, matrices, fill=0.5) moves all pictures, each by its own matrix. move_boxes takes "
        "one matrix, so call it picture by picture, boxes[b : b + 1] by matrices[b], and put the rows "
        "together with torch.cat.",
        "Then measure the moved boxes: both sides of at least `least`? That is a row of yes and no, (B,).",
        "torch.where(fits[:, None, None, None], moved, images) chooses pictures, with fits[:, None] it "
        "chooses boxes.",
    ),
    mistakes=(
        _boxes_left_behind,
        _one_matrix_for_all,
        _empty_ones_too,
        _only_the_box_stays,
        _left_out,
        _one_side_is_enough,
        _area_for_sides,
        _just_enough_is_too_little,
        _boxes_by_the_inverse,
        _black_beyond,
    ),
)
STEP_2 = Exercise(
    "05.L2",
    "The fast version goes astray",
    shake,
    _shaken,
    difficulty=2,
    minutes=12,
    hints=(
        "Paint the box into the picture and let both go through your function. In the colleague's each "
        "change "
        "by itself comes out right, and two at a time do not: try both kinds with yours.",
        "Mirrored and shifted is the pair that goes wrong. Of the matrices the one at the right acts first: "
        "what happens first to the pixels, and what happens first to the box?",
        "Move the two lines that mirror the box in front of those that grow and shift its corners.",
    ),
    mistakes=(
        _fault_kept,
        _pixels_changed_instead,
        _shift_grows,
        _ends_not_exchanged,
        _not_cut,
        _none_mirrored,
        _grows_about_the_corner,
        _mirrored_a_pixel_off,
    ),
)
STEP_3 = Exercise(
    "05.L3",
    "Beat the colleague's score",
    augment,
    None,
    difficulty=3,
    minutes=15,
    hints=(
        "The table tells where the finder fails: what have those pictures that the lunch break's had not? "
        "Each such row asks for one change in your pipeline, with a range that reaches as far as the exam.",
        "Draw one number for each picture with torch.rand(len(images), generator=generator). Mirror, growth "
        "and shift make a matrix; move_examples moves by it; brightness(images, factors) comes last.",
        "The exam's light goes down to 0.05, which makes stored values about a quarter of noon's; its "
        "objects are as small as half of the lunch break's.",
    ),
    mistakes=(
        Mistake(
            unchanged,
            "Your pipeline changes nothing: what goes in comes out. Then the finder learns the lunch break "
            "by heart, and has never seen the right half of a picture.",
            when=_still,
        ),
        Mistake(
            left_behind,
            "A box that is painted into the picture does not end up where your pipeline says that its box is."
            " Pixels and boxes do not move together.",
            when=_behind,
        ),
        Mistake(
            too_wild,
            "Many of your objects fill the whole picture or nearly vanish. The exam shows no such pictures; "
            "what a short training spends on them is lost for those that it shows.",
            when=_wild,
        ),
        Mistake(
            moved_only,
            "All that you hand on is as bright as noon. Look at the row for dusk: in what light is a third "
            "of the exam?",
            when=_never_dark,
        ),
        Mistake(
            only_light,
            "Hardly an object of yours stands in the right half of a picture. In the exam every second one "
            "does.",
            when=_never_right,
        ),
    ),
    measure=exam_score,
    bar=BAR,
)
LAB = Lab("05.L", "An augmentation pipeline that beats a given score", (STEP_1, STEP_2, STEP_3))
