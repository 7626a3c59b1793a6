"""Chapter 09, part a: the checked exercises about instance segmentation.

The references, which the notebook shows as solutions, stand in `solutions.py`. Here are inputs to try
(smallest first), general hints that say more each time, and the usual mistakes, each with its own hint.
Shapes as there: R regions of a picture, C channels, H × W feature map, K classes, m × m a mask, k prototypes
of h × w cells, D detections, N boxes.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch09.solutions import assemble, bilinear, fast_nms, mask_loss, roi_align
from lecture_utils.exercises.exercise import Exercise, mistake
from lecture_utils.ops.boxes import box_iou
from lecture_utils.ops.nms import nms

__all__ = ["EXERCISES"]


def normal(rng: np.random.Generator, *shape: int) -> Tensor:
    """Draw a tensor of normally distributed numbers."""
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


def random_boxes(
    rng: np.random.Generator, number: int, width: float, height: float, least: float = 0.1
) -> Tensor:
    """Draw boxes (N, 4) inside a picture, their sides from `least` to three quarters of its own."""
    picture = np.array([width, height])
    sides = rng.uniform(least * picture, 0.75 * picture, size=(number, 2))
    corner = rng.uniform(0, picture - sides)
    return torch.tensor(np.concatenate([corner, corner + sides], axis=1), dtype=torch.float32)


# --- 09.1 RoIAlign ---------------------------------------------------------------------------------
def _maps_and_boxes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[[0.0, 1], [2, 3]]]), torch.tensor([[0.0, 0, 2, 2]]), 1, 1.0  # a sample in each cell
    ramp = torch.arange(4.0).expand(1, 4, 4)  # a cell's value is its column
    yield ramp, torch.tensor([[4.0, 4, 12, 12]]), 2, 4.0  # a bin a cell: columns 1 and 2
    yield ramp.mT.clone(), torch.tensor([[5.0, 5, 11, 11]]), 2, 4.0  # its row; corners inside cells
    yield normal(rng, 1, 4, 4), torch.tensor([[3.0, 1, 13, 12]]), 1, 4.0
    yield normal(rng, 2, 3, 3), torch.tensor([[9.0, 9.5, 11, 12.5]]), 2, 8.0  # smaller than a cell
    yield normal(rng, 1, 3, 5), torch.tensor([[0.0, 0, 40, 24]]), 3, 8.0  # the whole picture
    yield normal(rng, 2, 4, 4), torch.zeros(0, 4), 2, 4.0  # no box
    for channels, rows, columns, number, bins, stride in (
        (1, 4, 6, 2, 2, 4.0),
        (2, 8, 5, 3, 3, 4.0),
        (3, 16, 16, 6, 7, 4.0),
        (4, 5, 7, 5, 4, 16.0),
    ):
        boxes = random_boxes(rng, number, columns * stride, rows * stride)
        yield normal(rng, channels, rows, columns), boxes, bins, stride


def _samples(features: Tensor, cells: Tensor, share: Tensor) -> Tensor:
    """Samples (R, C, n, n) at shares (n,) of the sides of boxes (R, 4), told in cells."""
    x1, y1, x2, y2 = cells[:, :, None].unbind(1)
    side = len(share)
    x = (x1 + share * (x2 - x1))[:, None, :].expand(-1, side, side)
    y = (y1 + share * (y2 - y1))[:, :, None].expand(-1, side, side)
    return bilinear(features, x.flatten(), y.flatten()).view(-1, side, side, len(features)).movedim(-1, 1)


def _shares(number: int) -> Tensor:
    """The middles of so many equal parts of a line from 0 to 1."""
    return (torch.arange(number) + 0.5) / number


def _four_a_bin(features: Tensor, cells: Tensor, bins: int) -> Tensor:
    """All right but for where the boxes (R, 4) lie, told in cells."""
    return F.avg_pool2d(_samples(features, cells, _shares(2 * bins)), 2)


@mistake(
    "You round the corners to whole cells, as RoIPool does. RoIAlign keeps the fractions: they are what puts "
    "a mask in its place."
)
def _rounded_corners(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    return _four_a_bin(features, (boxes / stride).round() - 0.5, bins)


@mistake(
    "All samples lie half a cell too far right and down. The centre of cell 0 lies at half a stride: which "
    "number has a place at pixel 0 then, told in cells?"
)
def _without_the_half_cell(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    return _four_a_bin(features, boxes / stride, bins)


@mistake(
    "You move by half a cell, but the wrong way. The picture's left edge is at pixel 0, and the centre of "
    "the first cell, number 0, lies to its right: told in cells, is pixel 0 below 0 or above?"
)
def _half_a_cell_the_wrong_way(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    return _four_a_bin(features, boxes / stride + 0.5, bins)


@mistake("You take half a pixel off before you divide. It is half a cell that has to come off.")
def _half_a_pixel(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    return _four_a_bin(features, (boxes - 0.5) / stride, bins)


@mistake("Your boxes are still told in pixels, and `bilinear` wants cells. How many pixels wide is a cell?")
def _still_in_pixels(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    return _four_a_bin(features, boxes - 0.5, bins)


@mistake(
    "You take one sample a bin, at its upper left corner. Four are wanted: in the middles of the bin's four "
    "quarters."
)
def _one_at_the_corner(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    return _samples(features, boxes / stride - 0.5, torch.arange(bins) / bins)


@mistake(
    "You take one sample in the middle of a bin. Where a bin is larger than a cell, it overlooks the rest: "
    "cut the bin in four quarters, and take the middle of each."
)
def _one_in_the_middle(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    return _samples(features, boxes / stride - 0.5, _shares(bins))


@mistake(
    "Your outer samples lie on the edges of the box, with the others spread between. Each should lie in the "
    "middle of its own part of the box: how far from the edge is the first?"
)
def _from_edge_to_edge(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    return F.avg_pool2d(_samples(features, boxes / stride - 0.5, torch.linspace(0, 1, 2 * bins)), 2)


@mistake(
    "Your four samples are the corners of a bin, so that neighbouring bins share them. They belong inside, "
    "in the middles of its four quarters."
)
def _the_corners_of_a_bin(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    edges = torch.arange(bins + 1) / bins
    share = torch.stack([edges[:-1], edges[1:]], 1).flatten()
    return F.avg_pool2d(_samples(features, boxes / stride - 0.5, share), 2)


@mistake(
    "Two samples a side is right, but yours lie at ⅓ and ⅔ of the bin. They belong in the middles of its two "
    "halves, at ¼ and ¾: so all samples of a box are equally far apart."
)
def _at_thirds(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    share = ((torch.arange(bins)[:, None] + torch.tensor([1 / 3, 2 / 3])) / bins).flatten()
    return F.avg_pool2d(_samples(features, boxes / stride - 0.5, share), 2)


@mistake(
    "Your result is mirrored, x for y. Its last axis runs to the right, the one before it down: which of the "
    "two goes with x?"
)
def _x_for_y(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    return roi_align(features, boxes, bins, stride).mT


@mistake(
    "You keep the largest sample of a bin. That is how RoIPool picks among cells; here the mean is wanted."
)
def _the_largest(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    return F.max_pool2d(_samples(features, boxes / stride - 0.5, _shares(2 * bins)), 2)


@mistake(
    "You take x2 and y2 for the width and the height. They are the other corner: how long is a side of the "
    "box?"
)
def _corner_for_size(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    cells = boxes / stride - 0.5
    return _four_a_bin(features, torch.cat([cells[:, :2], cells[:, :2] + cells[:, 2:]], 1), bins)


@mistake(
    "You take the mean of samples that lie in different bins. Along each side, samples 0 and 1 belong to the "
    "first bin, 2 and 3 to the second: which axis of your view counts bins, and which the two samples?"
)
def _samples_of_other_bins(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    samples = _samples(features, boxes / stride - 0.5, _shares(2 * bins))
    return samples.reshape(len(boxes), len(features), 2, bins, 2, bins).mean((2, 4))


# --- 09.2 the mask loss ----------------------------------------------------------------------------
def _masks(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[[[2.0]], [[-1.0]]]]), torch.tensor([0]), torch.ones(1, 1, 1)
    yield torch.tensor([[[[2.0]], [[-1.0]], [[0.5]]]]), torch.tensor([1]), torch.zeros(1, 1, 1)
    yield torch.zeros(0, 3, 2, 2), torch.zeros(0, dtype=torch.long), torch.zeros(0, 2, 2)  # no region
    yield torch.tensor([[[[3.0, -3.0]], [[0.0, 1.0]]]]), torch.tensor([0]), torch.tensor([[[1.0, 0.3]]])
    sure = torch.tensor([[[[100.0, -100.0], [100.0, -100.0]], [[0.0, 0.0], [0.0, 0.0]]]])
    yield sure, torch.tensor([0]), torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])  # right twice, wrong twice
    for regions, classes, side in ((2, 2, 2), (3, 4, 2), (4, 3, 4), (6, 8, 3)):
        wanted = torch.tensor(rng.uniform(size=(regions, side, side)), dtype=torch.float32)
        wanted = torch.where(wanted > 0.7, 1.0, torch.where(wanted < 0.4, 0.0, wanted))
        labels = torch.tensor(rng.integers(0, classes, size=regions))
        labels[:2] = torch.tensor([0, classes - 1])
        yield 2 * normal(rng, regions, classes, side, side), labels, wanted


def loss_and_path(answer: Callable[..., Any], logits: Tensor, labels: Tensor, wanted: Tensor) -> Any:
    """Return the loss, and whether a gradient can flow from it back to the logits."""
    loss = answer(logits.clone().requires_grad_(), labels, wanted)
    if loss is None or loss is ...:
        return loss
    if not isinstance(loss, Tensor):  # the comparison will say what is wrong with it
        return {"loss": loss, "a gradient flows back": False}
    return {"loss": loss.detach(), "a gradient flows back": loss.requires_grad}


def _own(logits: Tensor, labels: Tensor) -> Tensor:
    return logits[torch.arange(len(labels)), labels]


def _mean(each: Tensor) -> Tensor:
    return each.sum() / max(1, each.numel())


@mistake(
    "Your softmax makes the classes of a pixel compete. Here each mask answers for itself, by yes or no: "
    "which class it is has been decided elsewhere."
)
def _softmax_over_classes(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    own = _own(logits.softmax(1), labels)
    return _mean(F.binary_cross_entropy(own, wanted, reduction="none"))


@mistake(
    "You compare the masks of all classes with the wanted one. Only the mask of the region's own class is "
    "asked to show it; the others play no part."
)
def _all_classes_alike(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    all_alike = wanted[:, None].expand_as(logits)
    return _mean(F.binary_cross_entropy_with_logits(logits, all_alike, reduction="none"))


@mistake(
    "You teach the masks of the other classes to be empty, so that classes compete again. They are not in "
    "the loss at all: pick the own one first."
)
def _others_empty(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    one_hot = F.one_hot(labels, logits.shape[1])[:, :, None, None]
    return _mean(F.binary_cross_entropy_with_logits(logits, one_hot * wanted[:, None], reduction="none"))


@mistake(
    "Where a picture has no region, your loss is NaN: it divides 0 by 0. One such step would spoil all "
    "weights. Sum up, and divide by 1 or more."
)
def _nan_without_regions(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(_own(logits, labels), wanted)


@mistake(
    "Where there is no region, backward() must still work. Your 0 is a fresh one that does not hang on the "
    "logits, so it would raise. Which sum over the logits is 0 as well, and does hang on them?"
)
def _a_zero_by_itself(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    return mask_loss(logits, labels, wanted) if len(labels) else torch.tensor(0.0)


@mistake(
    "You hold the probability a little off 0 and 1. No number is infinite any more, but from there on a "
    "worse answer costs no more and teaches nothing. Which function takes the logits themselves?"
)
def _held_off_zero(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    p = _own(logits, labels).sigmoid().clamp(1e-6, 1 - 1e-6)
    return _mean(-wanted * p.log() - (1 - wanted) * (1 - p).log())


@mistake(
    "At logits of ±100 your loss is infinite or NaN: the sigmoid has become just 0 or 1, and you take its "
    "logarithm. Which function takes the logits themselves?"
)
def _log_of_a_sigmoid(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    p = _own(logits, labels).sigmoid()
    return _mean(-wanted * p.log() - (1 - wanted) * (1 - p).log())


@mistake(
    "You count pixels that belong to the object, and no others. A mask that covers all of its box would then"
    " cost nothing: what should the rest of the box say?"
)
def _the_object_only(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    return _mean(-wanted * F.logsigmoid(_own(logits, labels)))


@mistake("You sum over all pixels. With the mean a picture of many regions weighs no more than one of few.")
def _the_sum(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(_own(logits, labels), wanted, reduction="sum")


@mistake("You divide by the number of regions only. The mean runs over their pixels, too: R·m·m numbers.")
def _mean_over_regions(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    each = F.binary_cross_entropy_with_logits(_own(logits, labels), wanted, reduction="none")
    return each.sum() / max(1, len(labels))


@mistake(
    "You take the mask before the one that is meant, as if class 0 were the background. Masks are drawn of "
    "objects only: here class 0 is the first of them."
)
def _counted_from_one(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    return mask_loss(logits, labels - 1, wanted)


# --- 09.3 prototypes and coefficients --------------------------------------------------------------
def _prototypes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[[2.0, -3.0]]]), torch.tensor([[1.0]]), torch.tensor([[0.0, 0, 1, 1]])
    balls = torch.tensor([[[4.0, -1, 4]], [[0.0, 0, 9]]])  # both balls, and the right one
    yield balls, torch.tensor([[1.0, -1], [0, 1]]), torch.tensor([[0.0, 0, 3, 1], [2, 0, 3, 1]])
    edges = torch.tensor([[0.5, 0, 2.5, 1], [0.6, 0, 2.4, 1], [0.4, 0, 3.6, 1]])  # of these, two on centres
    yield torch.tensor([[[1.0, 2, 3, 4]]]), torch.tensor([[1.0], [1], [1]]), edges
    yield torch.ones(1, 3, 2), torch.tensor([[0.5]]), torch.tensor([[0.0, 0.5, 2.0, 2.5]])  # on rows' centres
    yield normal(rng, 2, 2, 4), torch.tensor([[0.9, -0.8]]), torch.tensor([[1.0, 0, 4, 1]])  # wide, not high
    beyond = torch.tensor([[-2.0, -1, 2, 2], [1, 1, 9, 9], [3, 3, 3, 3]])  # over the edges, and without area
    yield normal(rng, 2, 4, 3), torch.tanh(normal(rng, 3, 2)), beyond
    yield normal(rng, 3, 2, 2), torch.zeros(0, 3), torch.zeros(0, 4)  # no detection
    for number, prototypes, height, width in ((1, 3, 5, 4), (2, 4, 6, 8), (5, 8, 12, 9)):
        boxes = random_boxes(rng, number, width, height, 0.3)
        coefficients = torch.tanh(normal(rng, number, prototypes))
        yield 2 * normal(rng, prototypes, height, width), coefficients, boxes


def _combined(prototypes: Tensor, coefficients: Tensor) -> Tensor:
    """Sums of prototypes (D, h, w), before the sigmoid."""
    return torch.einsum("dk,khw->dhw", coefficients, prototypes)


def _inside(masks: Tensor, boxes: Tensor, centre: float = 0.5) -> Tensor:
    """Which cells of masks (D, h, w) have their place, column and row + `centre`, in the box."""
    x = torch.arange(masks.shape[2]) + centre
    y = torch.arange(masks.shape[1]) + centre
    x1, y1, x2, y2 = boxes[:, :, None].unbind(1)
    return ((y1 <= y) & (y < y2))[:, :, None] & ((x1 <= x) & (x < x2))[:, None, :]


@mistake(
    "Outside the boxes you have ½: you cut off first, and the sigmoid of 0 is ½. Which of the two has to "
    "come first?"
)
def _cut_off_too_early(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    masks = _combined(prototypes, coefficients)
    return (masks * _inside(masks, boxes)).sigmoid()


@mistake(
    "You leave the boxes out. The prototypes are of the whole picture, and so a mask may light up on another "
    "object far away: it is cut off outside its box."
)
def _not_cut_off(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    return _combined(prototypes, coefficients).sigmoid()


@mistake(
    "You put the coefficients through a softmax, which leaves none below 0. A detection must be able to take "
    "a prototype away: they are used as they come in."
)
def _softmax_of_coefficients(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    return assemble(prototypes, coefficients.softmax(1), boxes)


@mistake(
    "You put the coefficients through tanh. They have been through it when they come here, and a second time "
    "makes them smaller: use them as they come in."
)
def _tanh_again(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    return assemble(prototypes, coefficients.tanh(), boxes)


@mistake(
    "Your softmax runs over the detections, so that they compete for each cell, and a detection alone has 1 "
    "everywhere. Each mask answers for itself, by yes or no: two may claim one cell."
)
def _softmax_over_detections(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    masks = _combined(prototypes, coefficients)
    return masks.softmax(0) * _inside(masks, boxes)


@mistake(
    "You drop what is negative among the coefficients. A neighbour is taken out of the mask by just those: "
    "they are used as they come in."
)
def _only_added(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    return assemble(prototypes, coefficients.clamp(min=0), boxes)


@mistake("You cut off at y where x is meant. A box is x1, y1, x2, y2, and x runs along the last axis.")
def _x_for_y_in_boxes(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    return assemble(prototypes, coefficients, boxes[:, [1, 0, 3, 2]])


@mistake("Your masks are not in [0, 1]. What turns a sum of prototypes into a probability?")
def _no_sigmoid(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    masks = _combined(prototypes, coefficients)
    return masks * _inside(masks, boxes)


@mistake(
    "You put each prototype through the sigmoid before you sum up. They are combined as they are, and only "
    "the sum becomes a probability."
)
def _sigmoid_of_prototypes(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    return assemble(prototypes.sigmoid(), coefficients, boxes)


@mistake(
    "You round the boxes down and cut out whole cells, and those at the right and lower ends are lost. "
    "Whether a cell's centre lies inside decides; for that nothing is rounded."
)
def _boxes_rounded_down(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    return assemble(prototypes, coefficients, boxes.floor())


@mistake(
    "You keep each cell that the box touches. A cell counts as inside only if its centre is: more than half "
    "of it along each side, roughly."
)
def _every_cell_touched(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    grown = torch.cat([boxes[:, :2].floor(), boxes[:, 2:].ceil()], 1)
    return assemble(prototypes, coefficients, grown)


@mistake(
    "You compare the number of a cell with the box. Cell 0 reaches from 0 to 1: where does its centre lie?"
)
def _number_for_centre(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    masks = _combined(prototypes, coefficients).sigmoid()
    return masks * _inside(masks, boxes, centre=0.0)


@mistake(
    "At the edges: x2 itself lies outside, and so does y2; x1 and y1 lie inside. Two boxes that touch share "
    "no cell: which of your comparisons lets a centre just on the right or lower edge in?"
)
def _both_edges_inside(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    masks = _combined(prototypes, coefficients).sigmoid()
    x, y = torch.arange(masks.shape[2]) + 0.5, torch.arange(masks.shape[1]) + 0.5
    x1, y1, x2, y2 = boxes[:, :, None].unbind(1)
    return masks * ((y1 <= y) & (y <= y2))[:, :, None] * ((x1 <= x) & (x <= x2))[:, None, :]


@mistake("You read x2 and y2 as width and height. They are the box's other corner.")
def _size_for_corner(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    return assemble(prototypes, coefficients, torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1))


# --- 09.4 fast NMS ---------------------------------------------------------------------------------
def _rivals(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[0.0, 0, 4, 3], [0, 0, 4, 4]]), torch.tensor([0.6, 0.9]), 0.5  # IoU ¾: the second
    row = torch.tensor([[0.0, 0, 8, 4], [2, 0, 10, 4], [4, 0, 12, 4]])  # IoU 0.6, 0.6 and, of the ends, ⅓
    yield row, torch.tensor([0.9, 0.8, 0.7]), 0.5  # the second goes, and takes the third along
    yield row[[1, 2, 0]], torch.tensor([0.7, 0.8, 0.9]), 0.5  # the third box overlaps no better one
    yield torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 2]]), torch.tensor([0.9, 0.8]), 0.5  # IoU just ½: both
    apart = torch.tensor([[0.0, 0, 2, 2], [5, 0, 7, 2], [0, 5, 2, 7]])
    yield apart, torch.tensor([0.2, 0.9, 0.5]), 0.3
    yield torch.zeros(0, 4), torch.zeros(0), 0.5
    for number, threshold in ((4, 0.3), (6, 0.5), (12, 0.2), (20, 0.5)):
        scores = torch.tensor(rng.permutation(number) + 1) / (number + 1)  # all different
        yield random_boxes(rng, number, 12, 12, 0.4), scores.float(), threshold


def _sorted_overlaps(boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Indices (N,), the best first, and the IoUs (N, N) of the boxes in that order."""
    order = scores.argsort(descending=True)
    return order, box_iou(boxes[order], boxes[order])


@mistake(
    "This is greedy NMS: a box that is itself removed spares those after it. Here all are judged at once, "
    "and every better box counts, whether it stays or not. It takes no loop."
)
def _greedy(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    return nms(boxes, scores, threshold)


@mistake(
    "Each box removes itself: its IoU with itself is 1, and that stands on the diagonal. What has to become "
    "of it?"
)
def _removed_by_itself(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    order, overlaps = _sorted_overlaps(boxes, scores)
    return order[(overlaps.triu() <= threshold).all(0)]


@mistake(
    "Worse boxes remove better ones. You look at the wrong half of the matrix, or along the wrong axis: for "
    "each box, which of the others are better?"
)
def _the_worse_remove(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    order, overlaps = _sorted_overlaps(boxes, scores)
    return order[(overlaps.triu(1) <= threshold).all(1)]


@mistake(
    "Two boxes that overlap remove one another, and none is left. The matrix tells of each pair twice: which "
    "half counts, if only the better one may remove the other?"
)
def _remove_one_another(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    order, overlaps = _sorted_overlaps(boxes, scores)
    return order[(overlaps - torch.eye(len(boxes)) <= threshold).all(0)]


@mistake(
    "You judge boxes in the order in which they are listed. Which comes first in the matrix must be the "
    "better one: what has to be done with them before?"
)
def _as_listed(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    return (box_iou(boxes, boxes).triu(1) <= threshold).all(0).nonzero()[:, 0]


@mistake("You begin with the worst box: sorting goes from small to large unless it is told otherwise.")
def _the_worst_first(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    return fast_nms(boxes, -scores, threshold)


@mistake(
    "Your numbers are places in the sorted list. Wanted are indices of the boxes as they came in: what leads "
    "from the one to the other?"
)
def _places_when_sorted(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    _, overlaps = _sorted_overlaps(boxes, scores)
    return (overlaps.triu(1) <= threshold).all(0).nonzero()[:, 0]


@mistake(
    "The right boxes stay, but by falling index or as they came in. They are wanted by falling score, the "
    "best first."
)
def _in_order_of_index(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    return fast_nms(boxes, scores, threshold).sort().values


@mistake("You return the boxes that go. Those that stay are wanted.")
def _those_that_go(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    order, overlaps = _sorted_overlaps(boxes, scores)
    return order[(overlaps.triu(1) > threshold).any(0)]


@mistake(
    "Your rule is right, but without any box your code stops: there is no largest of nothing. Ask for no "
    "largest number then, but whether all in a column are small enough: of none that is true."
)
def _no_boxes(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    order, overlaps = _sorted_overlaps(boxes, scores)
    return order[overlaps.triu(1).amax(0) <= threshold]


@mistake("Two boxes have an IoU of just the threshold, and you remove one. Only what is above it goes.")
def _removed_at_the_threshold(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    order, overlaps = _sorted_overlaps(boxes, scores)
    return order[(overlaps.triu(1) < threshold).all(0)]


EXERCISES = [
    Exercise(
        "09.1",
        "Nothing is rounded",
        roi_align,
        _maps_and_boxes,
        difficulty=3,
        minutes=15,
        hints=(
            "First bring the boxes into cells: divide by `stride`, and take off the half cell by which a "
            "cell's centre lies inside its edge.",
            "2 × 2 samples a bin are 2 · bins samples along each side of a box. They lie in the middles of "
            "as many equal parts: at (i + ½) / (2 · bins) of the way from x1 to x2, and from y1 to y2.",
            "Each x goes with each y: expand both to (R, 2 · bins, 2 · bins), flatten, and ask `bilinear` "
            "once. Then .view and .movedim give (R, C, 2 · bins, 2 · bins).",
            "F.avg_pool2d(samples, 2) is the mean of each 2 × 2: from samples to bins.",
        ),
        mistakes=(
            _rounded_corners,
            _without_the_half_cell,
            _half_a_cell_the_wrong_way,
            _half_a_pixel,
            _still_in_pixels,
            _one_at_the_corner,
            _one_in_the_middle,
            _from_edge_to_edge,
            _the_corners_of_a_bin,
            _at_thirds,
            _x_for_y,
            _the_largest,
            _corner_for_size,
            _samples_of_other_bins,
        ),
    ),
    Exercise(
        "09.2",
        "Only the mask of its own class",
        mask_loss,
        _masks,
        difficulty=2,
        minutes=10,
        use=loss_and_path,
        hints=(
            "First pick of each region the mask of its class: (R, K, m, m) becomes (R, m, m). Indexing with "
            "two lists, one of regions and one of classes, does that.",
            "logits[torch.arange(R), labels] picks them. F.binary_cross_entropy_with_logits takes logits and "
            "targets between 0 and 1, and is finite for large logits.",
            "With reduction='none' it gives the loss of each pixel. Sum up, and divide by their number, or "
            "by 1 if there are none: max(1, each.numel()).",
        ),
        mistakes=(
            _softmax_over_classes,
            _all_classes_alike,
            _others_empty,
            _nan_without_regions,
            _a_zero_by_itself,
            _held_off_zero,
            _log_of_a_sigmoid,
            _the_object_only,
            _the_sum,
            _mean_over_regions,
            _counted_from_one,
        ),
    ),
    Exercise(
        "09.3",
        "A mask is a sum of prototypes",
        assemble,
        _prototypes,
        difficulty=2,
        minutes=12,
        hints=(
            "Each detection has k numbers, one a prototype. Multiply, sum over the prototypes, and take the "
            "sigmoid: torch.einsum or a matrix product of (D, k) with (k, h·w).",
            "Then the box. torch.arange(w) + 0.5 are the x of all centres; compared with x1 and x2 as (D, 1) "
            "they give (D, w). The same with y gives (D, h).",
            "A cell is inside if its column and its row are: multiply the masks by (D, h, 1) and by "
            "(D, 1, w).",
        ),
        mistakes=(
            _cut_off_too_early,
            _not_cut_off,
            _softmax_of_coefficients,
            _tanh_again,
            _softmax_over_detections,
            _only_added,
            _x_for_y_in_boxes,
            _no_sigmoid,
            _sigmoid_of_prototypes,
            _boxes_rounded_down,
            _every_cell_touched,
            _number_for_centre,
            _both_edges_inside,
            _size_for_corner,
        ),
    ),
    Exercise(
        "09.4",
        "All judged at once",
        fast_nms,
        _rivals,
        difficulty=2,
        minutes=10,
        hints=(
            "Sort the boxes by score, the best first, and let box_iou compare the sorted boxes with "
            "themselves: one matrix (N, N), no loop.",
            "In row i, column j stand boxes i and j. i is better than j above the diagonal: "
            ".triu(diagonal=1) keeps that part and makes the rest 0.",
            "A box stays if no number of its column is above the threshold: (… <= threshold).all(dim=0). "
            "With no boxes, N = 0, this gives no index, where .amax or .max would stop. Use it to choose "
            "from the sorted indices.",
        ),
        mistakes=(
            _greedy,
            _removed_by_itself,
            _the_worse_remove,
            _remove_one_another,
            _as_listed,
            _the_worst_first,
            _places_when_sorted,
            _in_order_of_index,
            _those_that_go,
            _removed_at_the_threshold,
            _no_boxes,
        ),
    ),
]
