"""Chapter 04: the checked exercises about looking inside networks; the lab stands in `lab.py`.

The references, which the notebook shows as solutions, stand in `solutions.py`. Here are inputs to try
(smallest first), general hints that say more each time, and the usual mistakes, each with its own hint.
Shapes: N rows of a database or images, Q queries, D features, B pictures, C channels, K classes, h × w a map,
H × W the image, T tokens, L layers.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch04.lab import LAB
from lecture_utils.chapters.ch04.solutions import (
    attention_rollout,
    grad_cam_map,
    neighbour_probabilities,
    precision_at_k,
    unit_iou,
    unit_iou_faulty,
    where_it_points,
)
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISES", "LAB"]


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


# --- 04.1 how good are the neighbours? -------------------------------------------------------------
def _databases(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    rows = torch.tensor([[5.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
    yield rows, torch.tensor([0, 1, 1]), torch.tensor([[0.0, 3.0]]), torch.tensor([1]), 2
    yield rows, torch.tensor([0, 1, 0]), torch.tensor([[0.1, 0.3]]), torch.tensor([1]), 1
    for number, queries, features, k, classes in [(8, 3, 3, 2, 2), (20, 5, 5, 5, 3), (40, 12, 4, 3, 4)]:
        scale = torch.tensor(rng.uniform(0.1, 10, size=(number, 1)), dtype=torch.float32)
        labels, asked = (torch.tensor(rng.integers(0, classes, n)) for n in (number, queries))
        yield _normal(rng, number, features) * scale, labels, 3 * _normal(rng, queries, features), asked, k


def _share(rows: Tensor, labels: Tensor, asked: Tensor) -> float:
    return (labels[rows] == asked[:, None]).float().mean().item()


@mistake(
    "Long rows win in your lists: an inner product grows with a vector's length. Only the direction should "
    "count."
)
def _inner_product(database: Tensor, labels: Tensor, queries: Tensor, asked: Tensor, k: int) -> float:
    return _share((queries @ database.T).topk(k, 1).indices, labels, asked)


@mistake(
    "You compared by distance, so a row in the right direction but of another length falls back. Only the "
    "direction should count."
)
def _euclidean(database: Tensor, labels: Tensor, queries: Tensor, asked: Tensor, k: int) -> float:
    return _share(torch.cdist(queries, database).topk(k, 1, largest=False).indices, labels, asked)


@mistake(
    "Your lists begin with the rows that are least alike. A large cosine means that two vectors point the "
    "same way."
)
def _least_alike(database: Tensor, labels: Tensor, queries: Tensor, asked: Tensor, k: int) -> float:
    return precision_at_k(database, labels, -queries, asked, k)


@mistake(
    "You brought each column (one feature over all rows) to length 1. It is each row, the vector of one "
    "picture, that needs length 1."
)
def _features_normalised(database: Tensor, labels: Tensor, queries: Tensor, asked: Tensor, k: int) -> float:
    similarity = F.normalize(queries, dim=0) @ F.normalize(database, dim=0).T
    return _share(similarity.topk(k, 1).indices, labels, asked)


@mistake(
    "You ask whether *any* of the k neighbours has the label. Wanted is the share of all neighbours that "
    "have it: one right of five is 0.2."
)
def _any_of_k(database: Tensor, labels: Tensor, queries: Tensor, asked: Tensor, k: int) -> float:
    rows = (F.normalize(queries, dim=1) @ F.normalize(database, dim=1).T).topk(k, 1).indices
    return (labels[rows] == asked[:, None]).any(1).float().mean().item()


@mistake(
    "You let the neighbours vote and counted right votes. Wanted is the share of the neighbours themselves "
    "that have the query's label."
)
def _votes(database: Tensor, labels: Tensor, queries: Tensor, asked: Tensor, k: int) -> float:
    rows = (F.normalize(queries, dim=1) @ F.normalize(database, dim=1).T).topk(k, 1).indices
    return (labels[rows].mode(1).values == asked).float().mean().item()


@mistake("You looked at the nearest row alone. The k nearest all count.")
def _nearest_only(database: Tensor, labels: Tensor, queries: Tensor, asked: Tensor, k: int) -> float:
    return precision_at_k(database, labels, queries, asked, 1)


# --- 04.2 perplexity -------------------------------------------------------------------------------
def _distances(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([1.0, 2.0, 4.0]), 2.0
    yield torch.tensor([0.5, 0.6, 3.0, 9.0]), 1.5
    for count, perplexity, scale in [(10, 5.0, 1.0), (40, 30.0, 0.01), (60, 10.0, 500.0)]:
        yield scale * _normal(rng, count).square(), perplexity


def _close(got: Any, want: Tensor) -> bool:
    """A search may stop early: agree to a thousandth."""
    return bool(got.shape == want.shape and torch.allclose(got.to(want), want, atol=1e-3))


@mistake(
    "You searched until the entropy itself is as large as the perplexity. Perplexity is the exponential "
    "of the entropy: the effective number of neighbours."
)
def _entropy_for_perplexity(squared: Tensor, perplexity: float) -> Tensor:
    return neighbour_probabilities(squared, float(np.exp(min(perplexity, 20))))


@mistake(
    "You searched until the entropy in bits is as large as the perplexity. The perplexity is 2 to the "
    "power of that entropy (or e, if you measure it in nats): the effective number of neighbours."
)
def _perplexity_is_entropy(squared: Tensor, perplexity: float) -> Tensor:
    return neighbour_probabilities(squared, 2.0 ** min(perplexity, 4))


@mistake(
    "Your search ran away to an ever narrower bell, until one neighbour has everything. If there are too "
    "few neighbours, which way must the precision go?"
)
def _searched_the_wrong_way(squared: Tensor, perplexity: float) -> Tensor:
    return torch.softmax(-(2.0**100) * squared, dim=0)


@mistake(
    "You used the perplexity as a width. The width has to be searched, until the effective number of "
    "neighbours is the one that is wanted."
)
def _one_width_for_all(squared: Tensor, perplexity: float) -> Tensor:
    return torch.softmax(-squared / (2 * perplexity), dim=0)


@mistake(
    "You took the root of what came in. The bell needs squared distances, and `squared` already holds them."
)
def _distances_not_squared(squared: Tensor, perplexity: float) -> Tensor:
    return neighbour_probabilities(squared.sqrt(), perplexity)


@mistake(
    "You gave the nearest few points equal shares and the others none. A point's share falls smoothly "
    "with its distance, by a bell, and only its width is searched."
)
def _nearest_alike(squared: Tensor, perplexity: float) -> Tensor:
    p = torch.zeros_like(squared)
    p[squared.topk(max(1, round(perplexity)), largest=False).indices] = 1
    return p / p.sum()


@mistake(
    "You squared what came in. The numbers are squared distances already: the bell falls with them as they "
    "are."
)
def _squared_again(squared: Tensor, perplexity: float) -> Tensor:
    return neighbour_probabilities(squared.square(), perplexity)


@mistake(
    "You measured the entropy in bits (log2) and took exp of it. The two have to belong together: natural "
    "logarithms with exp, or bits with a power of 2."
)
def _bits_and_exp(squared: Tensor, perplexity: float) -> Tensor:
    return neighbour_probabilities(squared, max(perplexity, 1.0) ** float(np.log(2)))


# --- 04.3 unit IoU ---------------------------------------------------------------------------------
def _maps_and_concepts(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]), 0.5, torch.tensor([[[False, True], [False, False]]])
    half = torch.zeros(1, 4, 4, dtype=torch.bool)
    half[:, :, 2:] = True
    yield torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]), 0.2, half
    yield torch.zeros(1, 2, 2), 0.5, torch.zeros(1, 4, 4, dtype=torch.bool)
    for images, side, size, threshold in [(3, 2, 8, 0.3), (4, 4, 16, 0.8), (5, 3, 12, 0.0)]:
        concept = torch.tensor(rng.random((images, size, size)) < 0.4)
        concept[0] = False  # absent from one picture
        yield _normal(rng, images, side, side), threshold, concept


@mistake(
    "That is the colleague's version as it was. Which of its steps decides where a unit fires, and over what "
    "does it take the mean?"
)
def _as_it_was(maps: Tensor, threshold: float, concept: Tensor) -> float:
    return unit_iou_faulty(maps, threshold, concept)


@mistake(
    "One fault is mended. The other is still there: your enlarged mask has stairs, a block for each value "
    "of the small map. Enlarge the values smoothly, and threshold what comes out."
)
def _enlarged_last(maps: Tensor, threshold: float, concept: Tensor) -> float:
    small = F.interpolate((maps[:, None] > threshold).float(), concept.shape[-2:], mode="nearest")[:, 0] > 0.5
    union = (small | concept).sum()
    return ((small & concept).sum() / union).item() if union else 0.0


@mistake(
    "One fault is mended. You still take the mean over the pictures that have the concept. In the others "
    "every pixel at which the unit fires counts against it."
)
def _mean_where_present(maps: Tensor, threshold: float, concept: Tensor) -> float:
    there = concept.flatten(1).any(1)
    each = [unit_iou(m[None], threshold, c[None]) for m, c in zip(maps[there], concept[there], strict=True)]
    return float(np.mean(each)) if each else float("nan")


@mistake(
    "You take an IoU for each picture and average. Count the pixels of all pictures together, and divide "
    "once."
)
def _mean_over_pictures(maps: Tensor, threshold: float, concept: Tensor) -> float:
    return float(np.mean([unit_iou(m[None], threshold, c[None]) for m, c in zip(maps, concept, strict=True)]))


@mistake("Your number counts the overlap twice: it is Dice. An IoU divides the intersection by the union.")
def _dice(maps: Tensor, threshold: float, concept: Tensor) -> float:
    iou = unit_iou(maps, threshold, concept)
    return 2 * iou / (1 + iou)


@mistake(
    "You divided by where the unit fires. An IoU divides by the union, so that missing half of the "
    "concept costs too."
)
def _precision(maps: Tensor, threshold: float, concept: Tensor) -> float:
    large = F.interpolate(maps[:, None], concept.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    fires = large > threshold
    return ((fires & concept).sum() / fires.sum().clamp_min(1)).item()


@mistake(
    "You left out the pictures without the concept. There, every pixel at which the unit fires counts "
    "against it."
)
def _absent_pictures_left_out(maps: Tensor, threshold: float, concept: Tensor) -> float:
    there = concept.flatten(1).any(1)
    return unit_iou(maps[there], threshold, concept[there])


@mistake(
    "Where the unit fires nowhere and the concept is nowhere, you divide 0 by 0. The text counts an empty "
    "union as 0."
)
def _empty_union(maps: Tensor, threshold: float, concept: Tensor) -> float:
    large = F.interpolate(maps[:, None], concept.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    fires = large > threshold
    return ((fires & concept).sum() / (fires | concept).sum()).item()


@mistake(
    "You enlarged the mask, though smoothly, so its border lies half-way between two values whatever they "
    "are. "
    "Enlarge the values and threshold afterwards: a high one reaches further."
)
def _mask_enlarged_smoothly(maps: Tensor, threshold: float, concept: Tensor) -> float:
    return unit_iou((maps > threshold).float(), 0.5, concept)


@mistake(
    "You set align_corners=True, which puts the outer values onto the picture's border. A value of the small "
    "map stands for the middle of its cell: align_corners=False."
)
def _corners_aligned(maps: Tensor, threshold: float, concept: Tensor) -> float:
    large = F.interpolate(maps[:, None], concept.shape[-2:], mode="bilinear", align_corners=True)[:, 0]
    return unit_iou(large, threshold, concept)


@mistake(
    "You divided by where the concept is. An IoU divides by the union, so that firing outside of it costs "
    "too."
)
def _recall(maps: Tensor, threshold: float, concept: Tensor) -> float:
    large = F.interpolate(maps[:, None], concept.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    return (((large > threshold) & concept).sum() / concept.sum().clamp_min(1)).item()


@mistake(
    "You shrank the concept to the size of the map. It is the other way round: the map is brought to the "
    "size "
    "of the picture, where the labels are exact."
)
def _concept_shrunk(maps: Tensor, threshold: float, concept: Tensor) -> float:
    small = F.interpolate(concept[:, None].float(), maps.shape[-2:], mode="nearest")[:, 0] > 0.5
    return unit_iou(maps, threshold, small)


# --- 04.4 Grad-CAM ---------------------------------------------------------------------------------
def _networks(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    maps = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 3.0]]]])
    yield maps, torch.ones(2, 2, 2, 2) * torch.tensor([1.0, -1.0])[:, None, None], 0
    yield maps, torch.tensor([[[[0.0, 4.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]]]), 0
    for batch, channels, side, classes in [(1, 3, (3, 4), 2), (2, 4, (3, 3), 3), (3, 5, (4, 4), 4)]:
        weight = _normal(rng, classes, channels, *side)
        yield _normal(rng, batch, channels, *side).relu(), weight, int(rng.integers(0, classes))


def explained(answer: Callable[..., Any], maps: Tensor, weight: Tensor, k: int) -> Any:
    """Ask an answer why class k: the rest of the network sums with weights (K, C, h, w), and bends a "
    "little."""

    def rest(maps: Tensor) -> Tensor:
        said = torch.einsum("bchw,kchw->bk", maps, weight)
        return said + 0.1 * said.square()  # so that the gradient depends on the picture

    found = answer(maps, rest, lambda output: output[:, k])
    return found.detach() if isinstance(found, Tensor) else found


Rest = Callable[[Tensor], Tensor]


def _gradient(maps: Tensor, rest: Rest, score: Rest, *, mean: bool = False) -> tuple[Tensor, Tensor]:
    maps = maps.detach().requires_grad_()
    y = score(rest(maps))
    (gradient,) = torch.autograd.grad(y.mean() if mean else y.sum(), maps)
    return maps.detach(), gradient


@mistake("Your map has negative values. At the very end Grad-CAM keeps only what speaks for the score.")
def _no_relu(maps: Tensor, rest: Rest, score: Rest) -> Tensor:
    maps, gradient = _gradient(maps, rest, score)
    return (gradient.mean((2, 3), keepdim=True) * maps).sum(1)


@mistake(
    "You multiplied gradient and map place by place. Grad-CAM uses one weight for each channel: the "
    "gradient's mean over the places."
)
def _gradient_times_activation(maps: Tensor, rest: Rest, score: Rest) -> Tensor:
    maps, gradient = _gradient(maps, rest, score)
    return (gradient * maps).sum(1).relu()


@mistake(
    "You set negative numbers to 0 before you summed, the weights or each channel's map. A channel that "
    "speaks "
    "against the score has to be able to cancel the others: the ReLU comes last, on the sum."
)
def _relu_on_weights(maps: Tensor, rest: Rest, score: Rest) -> Tensor:
    maps, gradient = _gradient(maps, rest, score)
    return (gradient.mean((2, 3), keepdim=True).relu() * maps).sum(1)


@mistake(
    "You averaged the maps and kept the gradient as pictures. It is the other way round: the gradient "
    "gives the weights."
)
def _roles_swapped(maps: Tensor, rest: Rest, score: Rest) -> Tensor:
    maps, gradient = _gradient(maps, rest, score)
    return (maps.mean((2, 3), keepdim=True) * gradient).sum(1).relu()


@mistake(
    "You took absolute values at the end, so evidence against the score lights up too. Only what speaks "
    "for it should stay."
)
def _absolute(maps: Tensor, rest: Rest, score: Rest) -> Tensor:
    return _no_relu.wrong(maps, rest, score).abs()


@mistake(
    "Your weights are the gradient's sum over the places, h·w times too large. Its mean is wanted, as in the "
    "formula."
)
def _summed_over_places(maps: Tensor, rest: Rest, score: Rest) -> Tensor:
    return grad_cam_map(maps, rest, score) * maps.shape[2] * maps.shape[3]


@mistake(
    "Your maps shrink as the batch grows: you took the gradient of the scores' mean. Each picture's score "
    "depends on its own maps alone, so the gradient of their *sum* holds what each one wants."
)
def _mean_of_scores(maps: Tensor, rest: Rest, score: Rest) -> Tensor:
    maps, gradient = _gradient(maps, rest, score, mean=True)
    return (gradient.mean((2, 3), keepdim=True) * maps).sum(1).relu()


@mistake(
    "All pictures of the batch share your weights. Each picture has a gradient of its own: average over the "
    "places only."
)
def _shared_weights(maps: Tensor, rest: Rest, score: Rest) -> Tensor:
    maps, gradient = _gradient(maps, rest, score)
    return (gradient.mean((0, 2, 3), keepdim=True) * maps).sum(1).relu()


@mistake(
    "You took the mean over the channels at the end. The formula has a sum: a map is as strong as all "
    "channels "
    "together."
)
def _mean_over_channels(maps: Tensor, rest: Rest, score: Rest) -> Tensor:
    return grad_cam_map(maps, rest, score) / maps.shape[1]


@mistake(
    "You scaled each map to a largest value of 1. That is for drawing; here the map keeps its size, or "
    "two of "
    "them could not be compared."
)
def _scaled(maps: Tensor, rest: Rest, score: Rest) -> Tensor:
    found = grad_cam_map(maps, rest, score)
    return found / found.amax((1, 2), keepdim=True).clamp_min(1e-12)


@mistake(
    "You took the size of the gradient without its sign. A channel that lowers the score has a negative "
    "weight, "
    "and has to keep it."
)
def _absolute_weights(maps: Tensor, rest: Rest, score: Rest) -> Tensor:
    maps, gradient = _gradient(maps, rest, score)
    return (gradient.abs().mean((2, 3), keepdim=True) * maps).sum(1).relu()


# --- 04.5 rollout ----------------------------------------------------------------------------------
def _attentions(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield (torch.tensor([[[[0.25, 0.75], [1.0, 0.0]]]]),)
    yield (torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]], [[[1.0, 0.0], [1.0, 0.0]]]]),)
    for layers, heads, tokens in [(1, 3, 4), (3, 2, 5), (6, 4, 10)]:
        yield ((2 * _normal(rng, layers, heads, tokens, tokens)).softmax(-1),)


@mistake(
    "You multiplied the layers in the wrong order. Row i of a layer says what token i reads from the "
    "layer before, so a later layer stands at the left."
)
def _last_layer_first(attention: Tensor) -> Tensor:
    return attention_rollout(attention.flip(0))


@mistake(
    "You used the attention alone. Half of what leaves a block went around it by the shortcut, where each "
    "token reads itself."
)
def _no_shortcut(attention: Tensor) -> Tensor:
    total = torch.eye(attention.shape[-1])
    for layer in attention.mean(dim=1):
        total = layer @ total
    return total


@mistake(
    "You added the identity, but your rows no longer sum to 1. Attention and shortcut carry one half each."
)
def _rows_sum_to_two(attention: Tensor) -> Tensor:
    total = torch.eye(attention.shape[-1])
    for layer in attention.mean(dim=1):
        total = (layer + torch.eye(attention.shape[-1])) @ total
    return total


@mistake("You averaged the layers. They act one after the other, so they are multiplied, as matrices.")
def _averaged_layers(attention: Tensor) -> Tensor:
    return 0.5 * attention.mean(dim=(0, 1)) + 0.5 * torch.eye(attention.shape[-1])


@mistake(
    "You multiplied entry by entry. A way through two layers goes over any token in between: that is a "
    "matrix product."
)
def _elementwise(attention: Tensor) -> Tensor:
    total = torch.ones(attention.shape[-1], attention.shape[-1])
    for layer in attention.mean(dim=1):
        total = (0.5 * layer + 0.5 * torch.eye(attention.shape[-1])) * total
    return total


@mistake(
    "You added the shortcut once, to the product of all layers. Each block has a shortcut of its own, so "
    "each "
    "layer is half attention and half identity before they are multiplied."
)
def _one_shortcut(attention: Tensor) -> Tensor:
    return 0.5 * _no_shortcut.wrong(attention) + 0.5 * torch.eye(attention.shape[-1])


@mistake(
    "You took the largest of the heads. The text takes their mean: then the rows of a layer still sum to 1."
)
def _largest_head(attention: Tensor) -> Tensor:
    return attention_rollout(attention.amax(1, keepdim=True))


@mistake(
    "You rolled out each head by itself and averaged at the end. From layer to layer the signal changes "
    "heads: "
    "average the heads of a layer first."
)
def _head_by_head(attention: Tensor) -> Tensor:
    return torch.stack([attention_rollout(attention[:, [h]]) for h in range(attention.shape[1])]).mean(0)


@mistake(
    "You used the last layer alone. What its tokens hold was mixed by all the layers before: multiply "
    "them all."
)
def _last_layer_only(attention: Tensor) -> Tensor:
    return attention_rollout(attention[-1:])


@mistake(
    "Your rows sum to the number of heads: you summed the heads of a layer. Their mean keeps a row's sum "
    "at 1."
)
def _heads_summed(attention: Tensor) -> Tensor:
    return attention_rollout(attention.sum(1, keepdim=True))


# --- 04.6 what kind of miss? -----------------------------------------------------------------------
def _pointed(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    strip = torch.tensor([[[True, False, False, False]]])
    other = torch.tensor([[[False, False, False, True]]])
    for peak in range(4):  # on it, one beside it, two beside it, on the other
        yield F.one_hot(torch.tensor([[peak]]), 4).float(), strip, other, 1.0
    diagonal = torch.zeros(1, 3, 3, dtype=torch.bool)
    diagonal[0, 0, 0] = True
    yield torch.eye(3)[None] * torch.tensor([0.0, 1.0, 0.0]), diagonal, ~diagonal & False, 1.0  # √2 away
    touching = torch.tensor([[[False, True, False]]])
    yield torch.tensor([[[1.0, 0.0, 0.0]]]), touching, torch.tensor([[[True, False, False]]]), 1.5
    for number, height, width, near in [(6, 4, 5, 1.0), (20, 5, 3, 1.5), (40, 6, 8, 2.0)]:
        own = torch.tensor(rng.random((number, height, width)) < 0.12)
        own[:, 0, 0] = True
        others = torch.tensor(rng.random((number, height, width)) < 0.2) & ~own
        yield _normal(rng, number, height, width), own, others, near


def _kinds(on: Tensor, astray: Tensor, beside: Tensor) -> dict[str, float]:
    nowhere = ~(on | astray | beside)
    kinds = {"on it": on, "on the other": astray, "beside it": beside, "nowhere": nowhere}
    return {name: kind.float().mean().item() for name, kind in kinds.items()}


def _looked_up(maps: Tensor, own: Tensor, other: Tensor, metric: str = "euclidean") -> tuple[Tensor, ...]:
    """Whether each peak is on its own object and on the other (B,), and how far from its own (B,)."""
    width = maps.shape[2]
    peak = maps.flatten(1).argmax(1)
    on, astray = (mask.flatten(1).gather(1, peak[:, None])[:, 0] for mask in (own, other))
    y, x = torch.meshgrid(torch.arange(maps.shape[1]), torch.arange(width), indexing="ij")
    dy, dx = (y - (peak // width)[:, None, None]).abs(), (x - (peak % width)[:, None, None]).abs()
    away = (dy**2 + dx**2).float().sqrt() if metric == "euclidean" else (dy + dx).float()
    if metric == "square":
        away = torch.maximum(dy, dx).float()
    return on, astray & ~on, away.masked_fill(~own, torch.inf).flatten(1).amin(1)


@mistake(
    "You counted steps up, down, left and right. `near` is a distance: a pixel at the corner of another is "
    "√2 away, not 2."
)
def _city_blocks(maps: Tensor, own: Tensor, other: Tensor, near: float) -> dict[str, float]:
    on, astray, away = _looked_up(maps, own, other, "blocks")
    return _kinds(on, astray, (away <= near) & ~on & ~astray)


@mistake(
    "You grew the object by a square. `near` is a distance: a pixel at the corner of another is √2 away, "
    "more than 1."
)
def _by_a_square(maps: Tensor, own: Tensor, other: Tensor, near: float) -> dict[str, float]:
    on, astray, away = _looked_up(maps, own, other, "square")
    return _kinds(on, astray, (away <= near) & ~on & ~astray)


@mistake("A peak just `near` pixels away is still beside its object: at most, not less than.")
def _strictly(maps: Tensor, own: Tensor, other: Tensor, near: float) -> dict[str, float]:
    on, astray, away = _looked_up(maps, own, other)
    return _kinds(on, astray, (away < near) & ~on & ~astray)


@mistake(
    "A peak on the other object that is also near its own counts as beside it with you. It points at the "
    "other: that is looked at first."
)
def _beside_first(maps: Tensor, own: Tensor, other: Tensor, near: float) -> dict[str, float]:
    on, astray, away = _looked_up(maps, own, other)
    beside = (away <= near) & ~on
    return _kinds(on, astray & ~beside, beside)


@mistake(
    "Your shares sum to more than 1: a peak on its object is no further than `near` from it, and you count "
    "it as beside it too."
)
def _counted_twice(maps: Tensor, own: Tensor, other: Tensor, near: float) -> dict[str, float]:
    on, astray, away = _looked_up(maps, own, other)
    return _kinds(on, astray, (away <= near) & ~astray)


@mistake(
    "Row and column of your peak are mixed up. Of a flattened map, the row is the number divided by the "
    "*width*, the column what is left."
)
def _rows_for_columns(maps: Tensor, own: Tensor, other: Tensor, near: float) -> dict[str, float]:
    height, width = maps.shape[1:]
    peak = maps.flatten(1).argmax(1)
    turned = (peak // height).clamp(max=height - 1) * width + peak % height
    fake = F.one_hot(turned.clamp(max=height * width - 1), height * width).float().view_as(maps)
    return where_it_points(fake, own, other, near)


@mistake(
    "You took row for column: after argmax, the number divided by the width is the row (y), and what is left "
    "is the column (x)."
)
def _turned_over(maps: Tensor, own: Tensor, other: Tensor, near: float) -> dict[str, float]:
    height, width = maps.shape[1:]
    peak = maps.flatten(1).argmax(1)
    row, column = peak % width, peak // width
    inside = (row < height) & (column < width)
    fake = F.one_hot(row.clamp(max=height - 1) * width + column.clamp(max=width - 1), height * width)
    found = [
        where_it_points(f.view(1, height, width).float(), a[None], b[None], near)
        if ok
        else dict.fromkeys(("on it", "on the other", "beside it"), 0.0) | {"nowhere": 1.0}
        for f, a, b, ok in zip(fake, own, other, inside, strict=True)
    ]
    return {kind: sum(one[kind] for one in found) / len(found) for kind in found[0]}


@mistake(
    "A peak near the *other* object counts as beside it with you. That says nothing about the object that "
    "was "
    "asked for: only a peak near its own is a near miss."
)
def _beside_either(maps: Tensor, own: Tensor, other: Tensor, near: float) -> dict[str, float]:
    on, astray, away = _looked_up(maps, own, other)
    close = torch.minimum(away, _looked_up(maps, other, own)[2])
    return _kinds(on, astray, (close <= near) & ~on & ~astray)


@mistake(
    "You measured from the middle of the object. A peak beside a large object is far from its middle: the "
    "nearest of its pixels counts."
)
def _from_the_middle(maps: Tensor, own: Tensor, other: Tensor, near: float) -> dict[str, float]:
    on, astray, _ = _looked_up(maps, own, other)
    peak = maps.flatten(1).argmax(1)
    at = torch.stack([peak // maps.shape[2], peak % maps.shape[2]], 1).float()
    middle = torch.stack([mask.nonzero().float().mean(0) for mask in own])
    return _kinds(on, astray, ((at - middle).square().sum(1).sqrt() <= near) & ~on & ~astray)


@mistake("You count maps. Wanted are shares: divide by the number of maps.")
def _counts(maps: Tensor, own: Tensor, other: Tensor, near: float) -> dict[str, float]:
    return {kind: share * len(maps) for kind, share in where_it_points(maps, own, other, near).items()}


EXERCISES = [
    Exercise(
        "04.1",
        "How good are the neighbours?",
        precision_at_k,
        _databases,
        difficulty=2,
        minutes=10,
        hints=(
            "The cosine of two vectors does not care how long they are. An inner product does: what must "
            "happen to rows and queries first?",
            "F.normalize(…, dim=1) for both; then one matrix product gives all Q × N cosines, and topk(k, "
            "dim=1) the k nearest rows of each query.",
            "labels[rows] is (Q, k): compare it with asked_labels[:, None]; take the mean of all answers "
            "as a float.",
        ),
        mistakes=(
            _inner_product,
            _euclidean,
            _least_alike,
            _features_normalised,
            _any_of_k,
            _votes,
            _nearest_only,
        ),
    ),
    Exercise(
        "04.2",
        "The width that gives a perplexity",
        neighbour_probabilities,
        _distances,
        difficulty=3,
        minutes=15,
        hints=(
            "For a given β the probabilities are softmax(-β · squared distances). Perplexity is the "
            "exponential of their entropy, -Σ p log p in nats: the effective number of neighbours.",
            "A larger β is a narrower bell: fewer neighbours, a lower perplexity. So you can search: too "
            "many neighbours, raise β; too few, lower it.",
            "Bisection: keep a lower and an upper bound for β. While no upper bound is known, double β; "
            "after that, go to the middle. 50 rounds are plenty; in float64 nothing underflows.",
        ),
        mistakes=(
            _entropy_for_perplexity,
            _perplexity_is_entropy,
            _searched_the_wrong_way,
            _one_width_for_all,
            _distances_not_squared,
            _nearest_alike,
            _squared_again,
            _bits_and_exp,
        ),
        same=_close,
    ),
    Exercise(
        "04.3",
        "An IoU that is too good",
        unit_iou,
        _maps_and_concepts,
        difficulty=2,
        minutes=12,
        hints=(
            "Walk through the three steps of the text and hold the code against each: bring the map to the "
            "picture's size, threshold it there, compare two masks over the whole data set.",
            "Enlarge first, then threshold: F.interpolate(maps[:, None], size, mode='bilinear', "
            "align_corners=False). The other way round the mask has stairs.",
            "One intersection and one union over the pixels of *all* pictures, also of those without the "
            "concept: there every firing pixel counts against the unit. An empty union gives 0.",
        ),
        mistakes=(
            _as_it_was,
            _enlarged_last,
            _mean_where_present,
            _mean_over_pictures,
            _dice,
            _precision,
            _absent_pictures_left_out,
            _empty_union,
            _mask_enlarged_smoothly,
            _corners_aligned,
            _recall,
            _concept_shrunk,
        ),
    ),
    Exercise(
        "04.4",
        "Grad-CAM for any score",
        grad_cam_map,
        _networks,
        difficulty=2,
        minutes=12,
        hints=(
            "You need the gradient of the score with respect to the maps: make them a leaf, "
            "maps.detach().requires_grad_(), before they go through `rest` and `score`.",
            "torch.autograd.grad(score(rest(maps)).sum(), maps) holds every picture's own gradient. Its mean "
            "over the places is one weight for each picture and channel.",
            "Weight times map, summed over the channels, and the ReLU last, on the sum; .detach() at the "
            "end.",
        ),
        mistakes=(
            _no_relu,
            _gradient_times_activation,
            _relu_on_weights,
            _roles_swapped,
            _absolute,
            _summed_over_places,
            _mean_of_scores,
            _shared_weights,
            _mean_over_channels,
            _scaled,
            _absolute_weights,
        ),
        use=explained,
    ),
    Exercise(
        "04.5",
        "Attention rollout",
        attention_rollout,
        _attentions,
        difficulty=2,
        minutes=10,
        hints=(
            "Average the heads of a layer first: (T, T), rows sum to 1.",
            "Half of what leaves a block came around it by the shortcut: 0.5 · attention + 0.5 · "
            "identity. Its rows still sum to 1.",
            "Row i of a layer says where token i read from, so a later layer multiplies from the left: "
            "total = layer @ total.",
        ),
        mistakes=(
            _last_layer_first,
            _no_shortcut,
            _one_shortcut,
            _rows_sum_to_two,
            _averaged_layers,
            _elementwise,
            _largest_head,
            _head_by_head,
            _heads_summed,
            _last_layer_only,
        ),
    ),
    Exercise(
        "04.6",
        "What kind of miss?",
        where_it_points,
        _pointed,
        difficulty=2,
        minutes=12,
        hints=(
            "First the peaks: maps.flatten(1).argmax(1) is a number for each map; divided by the width it is "
            "the row, and what is left is the column.",
            "The distance from the peak to an object is the smallest of the distances to its pixels: all "
            "distances (B, H, W) from torch.meshgrid, infinity outside the mask, then the minimum.",
            "Each map counts once, in this order: on its own object, on the other, beside its own (at most "
            "`near` away), nowhere. The four shares sum to 1.",
        ),
        mistakes=(
            _city_blocks,
            _by_a_square,
            _strictly,
            _beside_first,
            _counted_twice,
            _rows_for_columns,
            _turned_over,
            _beside_either,
            _from_the_middle,
            _counts,
        ),
    ),
]
