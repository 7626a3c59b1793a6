"""Chapter 08: the checked exercises about one-stage detection and key points; the lab stands in `lab.py`.

The references, which the notebook shows as solutions, stand in `solutions.py`. Here are inputs to try
(smallest first), general hints that say more each time, and the usual mistakes, each with its own hint. A box
is x1, y1, x2, y2 in pixels. Shapes: G objects of a picture, S × S cells, C channels or classes, B pictures,
K classes, h × w or H × W a map, P peaks.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch08.lab import LAB
from lecture_utils.chapters.ch08.solutions import (
    find_peaks,
    focal_loss,
    heat_loss,
    to_grid,
    top_down,
    top_left_pool,
)
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISES", "LAB"]


def normal(rng: np.random.Generator, *shape: int) -> Tensor:
    """Draw a tensor of normally distributed numbers."""
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


# --- 08.1 YOLO's grid ------------------------------------------------------------------------------
def _scenes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    one = torch.tensor([[34.0, 12.0, 42.0, 28.0]])  # centre at 38, 20: column 1, row 0 of two
    yield one, torch.tensor([0]), 2, 64.0, 1
    yield one, torch.tensor([1]), 4, 64.0, 2
    both = torch.tensor([[0.0, 0.0, 20.0, 30.0], [6.0, 4.0, 16.0, 24.0]])  # two centres in one cell
    yield both, torch.tensor([1, 0]), 2, 64.0, 2
    yield both, torch.tensor([1, 1]), 8, 64.0, 2  # and in two
    yield torch.tensor([[56.0, 40.0, 72.0, 50.0]]), torch.tensor([2]), 4, 64.0, 3  # centre on the last edge
    yield torch.tensor([[10.0, 56.0, 22.0, 72.0]]), torch.tensor([0]), 4, 64.0, 3
    yield torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), 3, 64.0, 2
    for number, cells, size in ((2, 7, 448.0), (4, 5, 64.0), (12, 4, 64.0), (30, 7, 64.0)):
        sides = rng.uniform(0.1 * size, 0.5 * size, size=(number, 2))
        corner = rng.uniform(0, size - sides)
        boxes = torch.tensor(np.concatenate([corner, corner + sides], axis=1), dtype=torch.float32)
        yield boxes, torch.tensor(rng.integers(0, 3, size=number)), cells, size, 3


def _changed(block: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Change x, y, √w, √h (N, 4) of the cells that hold an object."""
    full = block[..., 4] == 1
    block[..., :4][full] = change(block[..., :4][full])
    return block


@mistake(
    "Your object stands in the mirrored cell, row for column. x runs to the right: does it choose the row or "
    "the column, and which index of the block comes first?"
)
def _row_for_column(boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int) -> Tensor:
    return to_grid(boxes, labels, cells, size, classes).transpose(0, 1)


@mistake(
    "Width and height go in as they are. An error of 2 pixels weighs more on a small box than on a large one:"
    " what does YOLO do with both sides for that?"
)
def _without_roots(boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int) -> Tensor:
    block = to_grid(boxes, labels, cells, size, classes)
    return _changed(block, lambda box: torch.cat([box[:, :2], box[:, 2:] ** 2], 1))


@mistake(
    "Your x and y are shares of the picture. They are wanted inside the cell: 0 at its left or upper edge, "
    "1 at the other one."
)
def _shares_of_the_picture(boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int) -> Tensor:
    block = to_grid(boxes, labels, cells, size, classes)
    row, column = (block[..., 4] == 1).nonzero().unbind(1)
    corner = torch.stack([column, row], 1)
    return _changed(block, lambda box: torch.cat([(box[:, :2] + corner) / cells, box[:, 2:]], 1))


@mistake(
    "You take the upper left corner of the box for its place. The cell in which the centre lies answers for "
    "the object."
)
def _corner_for_centre(boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int) -> Tensor:
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    return to_grid(boxes - half.repeat(1, 2), labels, cells, size, classes)


@mistake(
    "Your width and height are shares of a cell, so that a large object gets more than 1. They are wanted as "
    "shares of the picture."
)
def _sides_in_cells(boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int) -> Tensor:
    block = to_grid(boxes, labels, cells, size, classes)
    return _changed(block, lambda box: torch.cat([box[:, :2], box[:, 2:] * cells**0.5], 1))


@mistake(
    "A second object in a cell has pushed out the one that was there. Whoever is listed first keeps the cell:"
    " how can you see that it is taken?"
)
def _the_last_wins(boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int) -> Tensor:
    return to_grid(boxes.flip(0), labels.flip(0), cells, size, classes)


@mistake(
    "A cell with two centres says both classes, though it has the box of one object only. An object that "
    "finds no room leaves nothing behind, its class neither."
)
def _class_of_both(boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int) -> Tensor:
    block = to_grid(boxes, labels, cells, size, classes)
    for box, label in zip(boxes, labels, strict=True):
        alone = to_grid(box[None], label[None], cells, size, classes)
        block[..., 5:] = torch.maximum(block[..., 5:], alone[..., 5:])
    return block


def _by_place(
    boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int, cell: Callable[[Tensor], Tensor]
) -> Tensor:
    """The grid with another rule for the cell of a place (2,), told in cells."""
    block = torch.zeros(cells, cells, 5 + classes)
    for box, label in zip(boxes, labels, strict=True):
        place = (box[:2] + box[2:]) / 2 / size * cells
        column, row = cell(place).long().tolist()
        if block[row, column, 4] == 0:
            block[row, column, :2] = place - cell(place)
            block[row, column, 2:4] = ((box[2:] - box[:2]) / size).sqrt()
            block[row, column, 4] = block[row, column, 5 + label] = 1
    return block


@mistake(
    "A centre just on the right or lower edge of the picture comes to a cell that is not there. Which cell "
    "should take it?"
)
def _beyond_the_last_cell(boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int) -> Tensor:
    return _by_place(boxes, labels, cells, size, classes, torch.floor)


@mistake(
    "You round to the nearest number, and half of all centres come to a cell in which they do not lie. The "
    "cell number 0 reaches from 0 to 1."
)
def _nearest_cell(boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int) -> Tensor:
    nearest = lambda place: place.round().clamp(max=cells - 1)  # noqa: E731
    return _by_place(boxes, labels, cells, size, classes, nearest)


@mistake(
    "The confidence stays 0 where there is an object. What else would tell a cell with an object from an "
    "empty one?"
)
def _no_confidence(boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int) -> Tensor:
    block = to_grid(boxes, labels, cells, size, classes)
    block[..., 4] = 0
    return block


# --- 08.2 focal loss -------------------------------------------------------------------------------
def _decisions(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([1.0]), torch.tensor([1.0]), 0.25, 2.0
    yield torch.tensor([1.0]), torch.tensor([0.0]), 0.25, 2.0
    yield torch.tensor([-2.0, 3.0]), torch.tensor([1.0, 0.0]), 0.25, 2.0  # both wrong
    yield torch.tensor([2.0, -3.0]), torch.tensor([1.0, 0.0]), 0.25, 2.0  # both right
    yield torch.tensor([0.5, -0.5]), torch.tensor([1.0, 0.0]), 0.5, 0.0  # half of cross-entropy
    large = torch.tensor([100.0, -100.0, 100.0, -100.0, 200.0, -200.0])
    yield large, torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 1.0]), 0.25, 2.0
    for shape, alpha, gamma in (
        ((4,), 0.25, 2.0),
        ((2, 3), 0.75, 1.0),
        ((3, 4), 0.5, 5.0),
        ((2, 9), 0.9, 0.5),
    ):
        targets = torch.tensor(rng.integers(0, 2, size=shape), dtype=torch.float32)
        targets.view(-1)[:2] = torch.tensor([0.0, 1.0])
        yield 2 * normal(rng, *shape), targets, alpha, gamma


def _turned(logits: Tensor, targets: Tensor) -> Tensor:
    """Logits z (…) that speak for the truth: p_t = σ(z)."""
    return torch.where(targets == 1, logits, -logits)


def _weights(targets: Tensor, alpha: float) -> Tensor:
    return torch.where(targets == 1, alpha, 1 - alpha)


@mistake(
    "You use p where p_t is wanted. For a target of 0 the truth is that there is nothing: which probability "
    "does the network give to that?"
)
def _p_for_p_t(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    return -_weights(targets, alpha) * (-logits).sigmoid() ** gamma * F.logsigmoid(logits)


@mistake(
    "Targets of 0 get the same weight as targets of 1. What the one kind loses by α, the other gains: which "
    "weight is left for targets of 0?"
)
def _alpha_for_both(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    return focal_loss(logits, targets, alpha, gamma) / _weights(targets, alpha) * alpha


@mistake(
    "Your two weights are exchanged: `alpha` belongs to the targets of 1, what is left of 1 to those of 0."
)
def _alpha_exchanged(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    return focal_loss(logits, targets, 1 - alpha, gamma)


@mistake(
    "You leave the weight α_t out. The factor that spares easy examples is one thing, the balance between "
    "objects and background another: both are in the loss."
)
def _no_alpha(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    return focal_loss(logits, targets, alpha, gamma) / _weights(targets, alpha)


@mistake(
    "At logits of ±100 your loss is infinite or NaN: the sigmoid has become just 0 or 1, and you take its "
    "logarithm. Which function of PyTorch gives the logarithm from the logit itself?"
)
def _log_of_a_sigmoid(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    p = logits.sigmoid()
    p_t = torch.where(targets == 1, p, 1 - p)
    return -_weights(targets, alpha) * (1 - p_t) ** gamma * p_t.log()


@mistake(
    "You hold the probability a little off 0 before the logarithm. No number is infinite any more, but from "
    "there on a worse answer costs no more and teaches nothing. Can you do without the probability?"
)
def _held_off_zero(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    p_t = _turned(logits, targets).sigmoid().clamp(1e-7, 1 - 1e-7)
    return -_weights(targets, alpha) * (1 - p_t) ** gamma * p_t.log()


@mistake(
    "Your factor spares the hard examples and keeps the easy ones. It should be small where p_t is near 1."
)
def _spares_the_hard(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    z = _turned(logits, targets)
    return -_weights(targets, alpha) * z.sigmoid() ** gamma * F.logsigmoid(z)


@mistake("Your loss is below 0. The logarithm of a probability is: what turns it into a cost?")
def _no_minus(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    return -focal_loss(logits, targets, alpha, gamma)


@mistake(
    "You return one number. Wanted is the loss of each logit by itself, in their shape: how it is added up is"
    " decided elsewhere."
)
def _one_number(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    return focal_loss(logits, targets, alpha, gamma).mean()


# --- 08.3 the top-down path ------------------------------------------------------------------------
def _pyramids(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield ([torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 1, 1)],)
    yield ([torch.arange(16.0).view(1, 1, 4, 4), torch.tensor([[[[100.0, 200], [300, 400]]]])],)
    yield ([torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 2, 2), 10 * torch.ones(1, 1, 1, 1)],)  # three levels
    yield ([normal(rng, 1, 2, 3, 3)],)  # one level
    yield ([normal(rng, 1, 2, 5, 5), normal(rng, 1, 2, 3, 3), normal(rng, 1, 2, 2, 2)],)  # odd sizes
    yield ([normal(rng, 2, 3, 8, 6), normal(rng, 2, 3, 4, 3)],)
    yield ([normal(rng, 2, 3, side, side + side // 2) for side in (16, 8, 4, 2)],)
    yield ([normal(rng, 1, 4, rows, columns) for rows, columns in ((9, 13), (5, 7), (3, 4))],)


def _handed(maps: list[Tensor], join: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
    """Hand maps down; `join` makes a level of its lateral and of what was made before."""
    merged = [maps[-1]]
    for lateral in reversed(maps[:-1]):
        merged.insert(0, join(lateral, merged[0]))
    return merged


def _resized(x: Tensor, like: Tensor, mode: str = "nearest") -> Tensor:
    return F.interpolate(x, size=like.shape[2:], mode=mode)


@mistake(
    "You add the lateral map one level up as it came in. The finest map then hears only from its neighbour: "
    "through what does the coarsest level's news reach it?"
)
def _from_the_neighbour_only(maps: list[Tensor]) -> list[Tensor]:
    return [fine + _resized(coarse, fine) for fine, coarse in pairwise(maps)] + [maps[-1]]


@mistake(
    "You stack the two maps, and channels grow with each level. Where do FPN's two paths meet: by which sign?"
)
def _stacked(maps: list[Tensor]) -> list[Tensor]:
    return _handed(maps, lambda lateral, above: torch.cat([lateral, _resized(above, lateral)], 1))


@mistake(
    "You blend neighbouring cells when you enlarge a map. FPN's way is simpler: each coarse cell is repeated."
)
def _blended(maps: list[Tensor]) -> list[Tensor]:
    return _handed(maps, lambda lateral, above: lateral + _resized(above, lateral, "bilinear"))


@mistake(
    "You go from fine to coarse. The deep, coarse map knows what there is, and the fine one where: in which "
    "direction must the news go?"
)
def _from_the_bottom_up(maps: list[Tensor]) -> list[Tensor]:
    merged = [maps[0]]
    for lateral in maps[1:]:
        size = (lateral.shape[2], lateral.shape[3])
        merged.append(lateral + F.adaptive_max_pool2d(merged[-1], size))
    return merged


@mistake(
    "Doubling 3 gives 6, and the finer map has 5. Enlarge to the size that is wanted, whatever the factor."
)
def _always_twice(maps: list[Tensor]) -> list[Tensor]:
    return _handed(maps, lambda lateral, above: lateral + F.interpolate(above, scale_factor=2.0))


@mistake("You take the mean of the two maps. They are added, so that neither fades on the way down.")
def _mean_of_both(maps: list[Tensor]) -> list[Tensor]:
    return _handed(maps, lambda lateral, above: (lateral + _resized(above, lateral)) / 2)


@mistake("Your list begins with the coarsest map. It is wanted in the order that came in, the finest first.")
def _coarsest_first(maps: list[Tensor]) -> list[Tensor]:
    return top_down(maps)[::-1]


@mistake(
    "A lateral map is lost on the way: you hand the coarsest down and leave out what each level has to say "
    "itself."
)
def _nothing_of_their_own(maps: list[Tensor]) -> list[Tensor]:
    return _handed(maps, lambda lateral, above: _resized(above, lateral))


# --- 08.4 corner pooling ---------------------------------------------------------------------------
def _corner_maps(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([1.0, 3, 2]).view(1, 1, 3, 1), torch.zeros(1, 1, 3, 1)  # down a column
    yield torch.zeros(1, 1, 1, 3), torch.tensor([1.0, 3, 2]).view(1, 1, 1, 3)  # along a row
    up, left = torch.zeros(2, 1, 1, 3, 3)
    up[0, 0, 2, 1], left[0, 0, 1, 2] = 5, 7  # an object's lower and right end
    yield up, left
    yield -torch.arange(1.0, 10).view(1, 1, 3, 3), -torch.arange(1.0, 10).view(1, 1, 3, 3)  # all below 0
    for shape in ((1, 1, 2, 3), (1, 2, 4, 3), (2, 3, 5, 6), (2, 2, 7, 9)):
        yield normal(rng, *shape), normal(rng, *shape)


def _down(x: Tensor) -> Tensor:
    return top_left_pool(x, torch.zeros_like(x))


def _right(x: Tensor) -> Tensor:
    return top_left_pool(torch.zeros_like(x), x)


@mistake(
    "You look up and to the left: that is what a bottom-right corner needs. Where, seen from a top-left "
    "corner, does its object lie?"
)
def _up_and_left(vertical: Tensor, horizontal: Tensor) -> Tensor:
    return vertical.cummax(2).values + horizontal.cummax(3).values


@mistake(
    "Your two maps are read along the wrong axes. In (B, C, H, W), which axis counts the rows, and along "
    "which do you go when you walk down a column?"
)
def _axes_exchanged(vertical: Tensor, horizontal: Tensor) -> Tensor:
    return _down(horizontal) + _right(vertical)


@mistake(
    "You take the whole column and the whole row: that is centre pooling. A corner looks only from itself "
    "onwards."
)
def _whole_lines(vertical: Tensor, horizontal: Tensor) -> Tensor:
    return vertical.amax(2, keepdim=True) + horizontal.amax(3, keepdim=True)


@mistake(
    "You keep the larger of the two. A corner is where both are there, an edge below and an edge to the "
    "right: how do you join them so that both count?"
)
def _larger_of_both(vertical: Tensor, horizontal: Tensor) -> Tensor:
    return torch.maximum(_down(vertical), _right(horizontal))


@mistake("You begin with the next cell and leave out the cell itself. What it sees of the edge counts, too.")
def _without_itself(vertical: Tensor, horizontal: Tensor) -> Tensor:
    below = torch.cat([_down(vertical)[:, :, 1:], torch.zeros_like(vertical[:, :, :1])], 2)
    beside = torch.cat([_right(horizontal)[..., 1:], torch.zeros_like(horizontal[..., :1])], 3)
    return below + beside


@mistake(
    "Your result is upside down and mirrored: you turned the maps so that the running maximum goes the right "
    "way. What is left to be done afterwards?"
)
def _not_turned_back(vertical: Tensor, horizontal: Tensor) -> Tensor:
    return vertical.flip(2).cummax(2).values + horizontal.flip(3).cummax(3).values


@mistake(
    "Your largest value never falls below 0, although a map may be negative everywhere. Begin with a value of"
    " the map, not with 0."
)
def _largest_from_zero(vertical: Tensor, horizontal: Tensor) -> Tensor:
    return _down(vertical).clamp(min=0) + _right(horizontal).clamp(min=0)


# --- 08.5 the loss on heat maps --------------------------------------------------------------------
def _heats(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    point = torch.tensor([[[[0.5, 1.0, 0.5]]]])
    yield torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1), 1
    yield torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), 1
    yield torch.tensor([[[[1.0, 2.0, -1.0]]]]), point, 1  # slopes beside a key point
    yield torch.tensor([[[[100.0, -100.0, 100.0]]]]), point, 1  # as wrong as can be
    yield torch.tensor([[[[1.0, -2.0]]]]), torch.zeros(1, 1, 1, 2), 0  # a picture without objects
    for shape, objects in (((1, 1, 3, 4), 2), ((2, 2, 4, 5), 3), ((2, 3, 6, 6), 5)):
        heat = torch.tensor(rng.uniform(size=shape) ** 3, dtype=torch.float32)
        heat.view(-1)[torch.tensor(rng.permutation(heat.numel())[:objects])] = 1
        yield 2 * normal(rng, *shape), heat, objects


def _heat_loss(
    logits: Tensor,
    heat: Tensor,
    objects: float,
    *,
    spared: Callable[[Tensor], Tensor] = lambda heat: (1 - heat) ** 4,
    points: Callable[[Tensor], Tensor] = lambda heat: heat == 1,
) -> Tensor:
    """The loss with one of its parts exchanged."""
    p, q = logits.sigmoid(), (-logits).sigmoid()
    at_points, elsewhere = q**2 * F.logsigmoid(logits), spared(heat) * p**2 * F.logsigmoid(-logits)
    return -torch.where(points(heat), at_points, elsewhere).sum() / objects


@mistake(
    "A cell right beside a key point costs you as much as one far away. A corner found one cell off still "
    "makes a good box: which factor spares it?"
)
def _slopes_not_spared(logits: Tensor, heat: Tensor, objects: int) -> Tensor:
    return _heat_loss(logits, heat, max(1, objects), spared=torch.ones_like)


@mistake(
    "You treat each cell of a slope as a key point. Only where the heat is just 1 is one; all other cells "
    "should answer no, though some are spared."
)
def _all_slopes_are_points(logits: Tensor, heat: Tensor, objects: int) -> Tensor:
    return _heat_loss(logits, heat, max(1, objects), points=lambda heat: heat > 0)


@mistake(
    "Your factor is turned round: cells near a key point count in full, those far from any not at all. Near "
    "it, where y is almost 1, the factor should be almost 0."
)
def _spared_far_away(logits: Tensor, heat: Tensor, objects: int) -> Tensor:
    return _heat_loss(logits, heat, max(1, objects), spared=lambda heat: heat**4)


@mistake(
    "You divide by the number of cells. A larger map has more cells and no more objects, and the few that it "
    "has would hardly count. By what does CornerNet divide?"
)
def _mean_over_cells(logits: Tensor, heat: Tensor, objects: int) -> Tensor:
    return _heat_loss(logits, heat, heat.numel())


@mistake("You add all cells and leave it at that. Pictures with many objects then weigh more than others.")
def _only_added(logits: Tensor, heat: Tensor, objects: int) -> Tensor:
    return _heat_loss(logits, heat, 1)


@mistake(
    "Without any object you divide by 0. Such a picture still has cells that should answer no: what do you "
    "divide by there?"
)
def _divided_by_none(logits: Tensor, heat: Tensor, objects: int) -> Tensor:
    return _heat_loss(logits, heat, torch.tensor(float(objects)))  # type: ignore[arg-type]


@mistake(
    "You have exchanged p and 1 - p: who is sure of a key point pays for it. What should a p near 1 cost at "
    "a key point, and what elsewhere?"
)
def _the_wrong_way_round(logits: Tensor, heat: Tensor, objects: int) -> Tensor:
    return _heat_loss(-logits, heat, max(1, objects))


@mistake(
    "At logits of ±100 your loss is infinite or NaN: p has become just 0 or 1, and you take its logarithm. "
    "F.logsigmoid needs no p."
)
def _log_of_p(logits: Tensor, heat: Tensor, objects: int) -> Tensor:
    p = logits.sigmoid()
    at_points, elsewhere = (1 - p) ** 2 * p.log(), (1 - heat) ** 4 * p**2 * (1 - p).log()
    return -torch.where(heat == 1, at_points, elsewhere).sum() / max(1, objects)


@mistake(
    "What the network already has right is not spared: the power of 2 is missing from your two terms. Which "
    "of p and 1 - p is small there, at a key point and elsewhere?"
)
def _the_right_ones_not_spared(logits: Tensor, heat: Tensor, objects: int) -> Tensor:
    at_points, elsewhere = F.logsigmoid(logits), (1 - heat) ** 4 * F.logsigmoid(-logits)
    return -torch.where(heat == 1, at_points, elsewhere).sum() / max(1, objects)


# --- 08.6 peaks in place of NMS --------------------------------------------------------------------
def _heat_maps(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[[0.1, 0.2, 0.9], [0.1, 0.3, 0.4]]]), 10
    yield torch.tensor([[[0.9, 0.3, 0.1, 0.8], [0.2, 0.1, 0.1, 0.3]]]), 10
    yield torch.tensor([[[0.9, 0.1], [0.1, 0.7], [0.1, 0.1]]]), 10  # neighbours by their corners
    yield torch.tensor([[[0.1, 0.9, 0.2]], [[0.1, 0.2, 0.8]]]), 10  # two classes, almost at one place
    yield torch.tensor([[[0.2, 0.7, 0.7, 0.1], [0.1, 0.3, 0.2, 0.1]]]), 10  # two cells alike: both are peaks
    yield torch.zeros(1, 2, 3), 10
    yield torch.tensor([[[0.0, 0, 0, 0, 0.4, 0.1, 0.9]], [[0.6, 0.1, 0, 0, 0, 0, 0]]]), 2  # the best two
    for shape, most in (((1, 4, 5), 3), ((2, 5, 4), 100), ((3, 7, 9), 8), ((3, 8, 12), 100)):
        yield torch.tensor(rng.uniform(0.01, 1, size=shape), dtype=torch.float32), most


def same_peaks(got: Any, want: Any) -> bool:
    """Whether two answers hold the same peaks by falling score; among equal scores any order will do."""
    rows = []
    for scores, labels, cells in (got, want):
        if bool((scores[1:] > scores[:-1]).any()) or len(scores) != len(labels) or cells.shape[1:] != (2,):
            return False
        numbers = zip(scores.tolist(), labels.tolist(), cells.tolist(), strict=True)
        rows.append(sorted((round(score, 4), label, *cell) for score, label, cell in numbers))
    return rows[0] == rows[1]


def _of_those(heat: Tensor, peaks: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """The highest of the cells (K, h, w) that are said to be peaks."""
    label, y, x = peaks.nonzero().unbind(1)
    score = heat[label, y, x]
    order = score.argsort(descending=True, stable=True)[:most]
    return score[order], label[order], torch.stack([x, y], 1)[order]


def _around(heat: Tensor, which: str) -> Tensor:
    """The largest neighbour of each cell, itself left out: all "eight", or the "four" that share an edge."""
    padded = F.pad(heat, (1, 1, 1, 1), value=-1.0)
    height, width = heat.shape[1:]
    steps = [
        (dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy or dx) and (which == "eight" or not dy * dx)
    ]
    shifted = [padded[:, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] for dy, dx in steps]
    return torch.stack(shifted).amax(0)


@mistake("Your cells are row and column. Wanted is x and y: which of the two runs to the right?")
def _row_and_column(heat: Tensor, most: int) -> Any:
    scores, labels, cells = find_peaks(heat, most)
    return scores, labels, cells.flip(1)


@mistake(
    "A peak of one class has suppressed a peak of another. A ball may lie before a star: compare each cell "
    "with its neighbours on its own map only."
)
def _across_classes(heat: Tensor, most: int) -> Any:
    highest = F.max_pool2d(heat, 3, 1, 1).amax(0)
    return _of_those(heat, (heat == highest) & (heat > 0), most)


@mistake(
    "Two neighbours that are equal have both lost. A peak is as large as its neighbours, and need not be "
    "larger."
)
def _above_all_neighbours(heat: Tensor, most: int) -> Any:
    return _of_those(heat, (heat > _around(heat, "eight")) & (heat > 0), most)


@mistake(
    "You take the highest cells, and the slopes of a high peak come before the next peak. Which cells does a "
    "peak have to be compared with?"
)
def _the_highest_cells(heat: Tensor, most: int) -> Any:
    return _of_those(heat, heat > 0, most)


@mistake("You look above, below, left and right. A cell has eight neighbours, four of them by a corner.")
def _four_neighbours(heat: Tensor, most: int) -> Any:
    return _of_those(heat, (heat >= _around(heat, "four")) & (heat > 0), most)


@mistake(
    "Where a map is 0 all around, each of its cells is as large as its neighbours, and you call it a peak. "
    "A score of 0 is no find."
)
def _zeros_are_peaks(heat: Tensor, most: int) -> Any:
    return _of_those(heat, heat == F.max_pool2d(heat, 3, 1, 1), most)


@mistake("You keep `most` peaks of each class. It holds for all classes of the picture together.")
def _so_many_a_class(heat: Tensor, most: int) -> Any:
    each = []
    for label, own in enumerate(heat):
        scores, zeros, cells = find_peaks(own[None], most)
        each.append((scores, zeros + label, cells))
    scores, labels, cells = (torch.cat(parts) for parts in zip(*each, strict=True))
    order = scores.argsort(descending=True, stable=True)
    return scores[order], labels[order], cells[order]


@mistake(
    "You list peaks in the order in which they stand on the map. They are wanted by falling score, so that "
    "the first ones are the best."
)
def _as_they_stand(heat: Tensor, most: int) -> Any:
    label, y, x = ((heat == F.max_pool2d(heat, 3, 1, 1)) & (heat > 0)).nonzero()[:most].unbind(1)
    return heat[label, y, x], label, torch.stack([x, y], 1)


EXERCISES = [
    Exercise(
        "08.1",
        "A scene as one block of numbers",
        to_grid,
        _scenes,
        difficulty=2,
        minutes=12,
        hints=(
            "Begin with zeros of (S, S, 5 + C), and go through the objects one by one. First find the centre "
            "in cells: divide by the picture's size, times S.",
            "Rounded down, that is the cell: x gives the column, y the row. What rounding took away is the "
            "share of the cell. At the last edge stay in the last cell.",
            "Write only where the confidence is still 0. The five numbers are x, y, √w, √h, 1; then 1 at 5 + "
            "label.",
        ),
        mistakes=(
            _row_for_column,
            _without_roots,
            _shares_of_the_picture,
            _corner_for_centre,
            _sides_in_cells,
            _the_last_wins,
            _class_of_both,
            _beyond_the_last_cell,
            _nearest_cell,
            _no_confidence,
        ),
    ),
    Exercise(
        "08.2",
        "Focal loss",
        focal_loss,
        _decisions,
        difficulty=2,
        minutes=10,
        hints=(
            "Turn each logit so that it speaks for the truth: as it is where the target is 1, with the other "
            "sign where it is 0. The sigmoid of that is p_t.",
            "log p_t comes from F.logsigmoid of the turned logit, and 1 - p_t from the sigmoid of its "
            "negative: nothing rounds to 0 there before its logarithm is taken.",
            "torch.where(targets == 1, a, b) chooses twice: between the logit and its negative, and between "
            "alpha and 1 - alpha.",
        ),
        mistakes=(
            _p_for_p_t,
            _alpha_for_both,
            _alpha_exchanged,
            _no_alpha,
            _log_of_a_sigmoid,
            _held_off_zero,
            _spares_the_hard,
            _no_minus,
            _one_number,
        ),
    ),
    Exercise(
        "08.3",
        "From coarse to fine",
        top_down,
        _pyramids,
        difficulty=1,
        minutes=8,
        hints=(
            "Start with the coarsest map, as it is, and go through the others from coarse to fine.",
            "Enlarge what you made last to the size of the next map, with F.interpolate(…, size=…, "
            "mode='nearest'), and add that map.",
            "Keep the results in a list with the finest first: insert each new one at place 0, which is also "
            "where the last one made then stands.",
        ),
        mistakes=(
            _from_the_neighbour_only,
            _stacked,
            _blended,
            _from_the_bottom_up,
            _always_twice,
            _mean_of_both,
            _coarsest_first,
            _nothing_of_their_own,
        ),
    ),
    Exercise(
        "08.4",
        "What a corner has to look at",
        top_left_pool,
        _corner_maps,
        difficulty=2,
        minutes=8,
        hints=(
            "Two walks: down each column of `vertical`, and to the right along each row of `horizontal`. The "
            "results are added.",
            "x.cummax(dim).values is the largest value from the start of an axis up to each cell. You need it"
            " from each cell to the end.",
            "Turn the map with .flip(dim), run the maximum, and turn the result back. Axis 2 counts rows, "
            "axis 3 columns.",
        ),
        mistakes=(
            _up_and_left,
            _axes_exchanged,
            _whole_lines,
            _larger_of_both,
            _without_itself,
            _not_turned_back,
            _largest_from_zero,
        ),
    ),
    Exercise(
        "08.5",
        "A loss that forgives near misses",
        heat_loss,
        _heats,
        difficulty=3,
        minutes=12,
        hints=(
            "It is the focal loss of two kinds of cells. At key points, where the heat is just 1, p should be"
            " 1; everywhere else it should be 0.",
            "At key points: -(1 - p)² log p. Elsewhere: -(1 - y)⁴ p² log(1 - p). The logarithms come from "
            "F.logsigmoid of the logit and of its negative.",
            "torch.where(heat == 1, …, …) chooses for each cell; sum it, and divide by max(1, objects).",
        ),
        mistakes=(
            _slopes_not_spared,
            _all_slopes_are_points,
            _spared_far_away,
            _mean_over_cells,
            _only_added,
            _divided_by_none,
            _the_wrong_way_round,
            _log_of_p,
            _the_right_ones_not_spared,
        ),
    ),
    Exercise(
        "08.6",
        "Peaks in place of suppression",
        find_peaks,
        _heat_maps,
        difficulty=2,
        minutes=12,
        same=same_peaks,
        hints=(
            "F.max_pool2d(heat, 3, stride=1, padding=1) has the shape of `heat`, and holds the largest of "
            "each cell and its neighbours. Where are the two equal?",
            "Set all cells that are no peaks to 0, flatten, and take the highest with topk; no more than "
            "there are cells. Drop what is 0.",
            "A place in the flattened (K, h, w) is label, row and column: torch.unravel_index(place, "
            "heat.shape) gives them back. x is the column.",
        ),
        mistakes=(
            _row_and_column,
            _across_classes,
            _above_all_neighbours,
            _the_highest_cells,
            _four_neighbours,
            _zeros_are_peaks,
            _so_many_a_class,
            _as_they_stand,
        ),
    ),
]
