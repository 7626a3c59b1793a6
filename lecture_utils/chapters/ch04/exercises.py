"""Chapter 04: the checked exercises about looking inside networks.

Each exercise holds a reference (the solution that the notebook shows), inputs to try (smallest first),
general hints that say more each time, and the usual mistakes, each with its own hint. Shapes: N rows of a
database or images, D features, C channels, K classes, h×w a map, H×W the image, T tokens, L layers.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.exercises.exercise import Exercise, mistake


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


# --- 04.1 nearest neighbours -----------------------------------------------------------------------
def nearest(database: Tensor, query: Tensor, k: int) -> Tensor:
    """Rows of the (N, D) database whose direction is most like that of the (D,) query, best first: (k,)."""
    similarity = F.normalize(database, dim=1) @ F.normalize(query, dim=0)  # (N,): cosines
    return similarity.topk(k).indices  # (k,)


def _databases(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[5.0, 0.0], [0.0, 1.0], [2.0, 2.0]]), torch.tensor([0.0, 3.0]), 2
    yield torch.tensor([[9.0, 8.0, 0.0], [0.1, 0.2, 0.1], [-1.0, -2.0, -1.0]]), torch.tensor([1.0, 2, 1]), 3
    for rows, features, k in [(6, 3, 1), (20, 5, 5), (9, 4, 9)]:
        scale = torch.tensor(rng.uniform(0.1, 10, size=(rows, 1)), dtype=torch.float32)
        yield _normal(rng, rows, features) * scale, 3 * _normal(rng, features), k


@mistake(
    "Long rows win in your list: an inner product grows with a vector's length. Only the direction should "
    "count."
)
def _inner_product(database: Tensor, query: Tensor, k: int) -> Tensor:
    return (database @ query).topk(k).indices


@mistake(
    "You compared by distance, so a row in the right direction but of another length falls back. Only the "
    "direction should count."
)
def _euclidean(database: Tensor, query: Tensor, k: int) -> Tensor:
    return (database - query).norm(dim=1).topk(k, largest=False).indices


@mistake(
    "Your list begins with the rows that are least alike. A large cosine means that two vectors point the "
    "same way."
)
def _least_alike(database: Tensor, query: Tensor, k: int) -> Tensor:
    return (F.normalize(database, dim=1) @ query).topk(k, largest=False).indices


@mistake(
    "You brought each column (one feature over all rows) to length 1. It is each row, the vector of one "
    "picture, that needs length 1."
)
def _features_normalised(database: Tensor, query: Tensor, k: int) -> Tensor:
    return (F.normalize(database, dim=0) @ F.normalize(query, dim=0)).topk(k).indices


@mistake("You returned how alike they are. Asked for is where they stand in the database: topk gives both.")
def _similarities_not_rows(database: Tensor, query: Tensor, k: int) -> Tensor:
    return (F.normalize(database, dim=1) @ F.normalize(query, dim=0)).topk(k).values


# --- 04.2 perplexity -------------------------------------------------------------------------------
def neighbour_probabilities(squared: Tensor, perplexity: float) -> Tensor:
    """Turn squared distances (N,) to the other points into probabilities (N,) of the wanted perplexity."""
    low, high, precision = 0.0, float("inf"), 1.0  # precision = 1 / (2σ²)
    for _ in range(100):
        p = torch.softmax(-precision * squared.double(), dim=0)  # (N,)
        entropy = -(p * p.clamp_min(1e-300).log()).sum()  # in nats
        if entropy.exp() > perplexity:  # too many neighbours: narrower
            low, precision = precision, 2 * precision if high == float("inf") else (precision + high) / 2
        else:
            high, precision = precision, (precision + low) / 2
    return p.to(squared.dtype)


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


# --- 04.3 unit IoU ---------------------------------------------------------------------------------
def unit_iou(maps: Tensor, threshold: float, concept: Tensor) -> float:
    """IoU between where a unit fires, maps (N, h, w), and where a concept is, bool (N, H, W)."""
    large = F.interpolate(maps[:, None], concept.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    fires = large > threshold  # (N, H, W)
    union = (fires | concept).sum()
    return ((fires & concept).sum() / union).item() if union else 0.0


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
    "You took an IoU for each picture and averaged. Count the pixels of all pictures together, and divide "
    "once."
)
def _mean_over_pictures(maps: Tensor, threshold: float, concept: Tensor) -> float:
    return float(np.mean([unit_iou(m[None], threshold, c[None]) for m, c in zip(maps, concept, strict=True)]))


@mistake(
    "You thresholded the small map and enlarged the mask, which gives stairs. Which of the two steps has "
    "to come first?"
)
def _thresholded_first(maps: Tensor, threshold: float, concept: Tensor) -> float:
    small = F.interpolate((maps[:, None] > threshold).float(), concept.shape[-2:], mode="nearest")[:, 0] > 0.5
    union = (small | concept).sum()
    return ((small & concept).sum() / union).item() if union else 0.0


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


# --- 04.4 CAM --------------------------------------------------------------------------------------
def class_activation_map(maps: Tensor, weight: Tensor, k: int) -> Tensor:
    """CAM of class k from the last maps (C, h, w) and the head's weight (K, C): (h, w)."""
    return torch.einsum("c,chw->hw", weight[k], maps)


def _heads(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.tensor([[[1.0, 0.0]], [[0.0, 2.0]]]), torch.tensor([[1.0, -1.0], [0.5, 3.0]]), 0
    yield torch.tensor([[[1.0, 0.0]], [[0.0, 2.0]]]), torch.tensor([[1.0, -1.0], [0.5, 3.0]]), 1
    for channels, classes, side, k in [(3, 3, (4, 5), 2), (8, 4, (3, 3), 1), (5, 10, (8, 8), 9)]:
        yield _normal(rng, channels, *side).relu(), _normal(rng, classes, channels), k


@mistake(
    "You set the negative values to 0. A CAM keeps them: they say where the evidence is against the "
    "class. (The ReLU belongs to Grad-CAM.)"
)
def _positive_only(maps: Tensor, weight: Tensor, k: int) -> Tensor:
    return class_activation_map(maps, weight, k).relu()


@mistake("You took a column of the weights. A class is a row: weight is (classes, channels).")
def _wrong_axis(maps: Tensor, weight: Tensor, k: int) -> Tensor:
    return torch.einsum("k,khw->hw", weight[:, k % weight.shape[1]][: len(maps)], maps[: len(weight)])


@mistake(
    "You showed the one channel with the largest weight. All channels add to the class's score, each with "
    "its own weight."
)
def _strongest_channel(maps: Tensor, weight: Tensor, k: int) -> Tensor:
    return maps[weight[k].argmax()]


@mistake(
    "Your map is the same everywhere: the averaging came first. Weight and add the maps themselves, and "
    "leave the average over the places out."
)
def _pooled_first(maps: Tensor, weight: Tensor, k: int) -> Tensor:
    return (weight[k] * maps.mean((1, 2))).sum().expand(maps.shape[1:]).clone()


@mistake(
    "You used the size of the weights without their sign. A negative weight means that its channel speaks "
    "against the class."
)
def _magnitudes(maps: Tensor, weight: Tensor, k: int) -> Tensor:
    return class_activation_map(maps, weight.abs(), k)


# --- 04.5 Grad-CAM ---------------------------------------------------------------------------------
def grad_cam_map(maps: Tensor, gradient: Tensor) -> Tensor:
    """Grad-CAM from a layer's maps (C, h, w) and the score's gradient there (C, h, w): (h, w)."""
    alpha = gradient.mean(dim=(1, 2))  # (C,): how much the score gains from each channel
    return torch.einsum("c,chw->hw", alpha, maps).relu()


def _maps_and_gradients(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    first = torch.tensor([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 3.0]]])
    yield first, torch.tensor([[[1.0, 1.0], [1.0, 1.0]], [[-1.0, -1.0], [-1.0, -1.0]]])
    yield first, torch.tensor([[[0.0, 4.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]])
    for channels, side in [(3, (3, 4)), (6, (5, 5)), (4, (8, 8))]:
        yield _normal(rng, channels, *side).relu(), _normal(rng, channels, *side)


@mistake("Your map has negative values. At the very end Grad-CAM keeps only what speaks for the class.")
def _no_relu(maps: Tensor, gradient: Tensor) -> Tensor:
    return torch.einsum("c,chw->hw", gradient.mean(dim=(1, 2)), maps)


@mistake(
    "You multiplied gradient and map place by place. Grad-CAM uses one weight for each channel: the "
    "gradient's mean over the places."
)
def _gradient_times_activation(maps: Tensor, gradient: Tensor) -> Tensor:
    return (gradient * maps).sum(0).relu()


@mistake(
    "You set negative weights to 0 before you summed. A channel that speaks against the class has to be "
    "able to cancel the others: the ReLU comes last, on the sum."
)
def _relu_on_weights(maps: Tensor, gradient: Tensor) -> Tensor:
    return torch.einsum("c,chw->hw", gradient.mean(dim=(1, 2)).relu(), maps)


@mistake(
    "You averaged the maps and kept the gradient as pictures. It is the other way round: the gradient "
    "gives the weights."
)
def _roles_swapped(maps: Tensor, gradient: Tensor) -> Tensor:
    return grad_cam_map(gradient, maps)


@mistake(
    "You took absolute values at the end, so evidence against the class lights up too. Only what speaks "
    "for it should stay."
)
def _absolute(maps: Tensor, gradient: Tensor) -> Tensor:
    return torch.einsum("c,chw->hw", gradient.mean(dim=(1, 2)), maps).abs()


# --- 04.6 rollout ----------------------------------------------------------------------------------
def attention_rollout(attention: Tensor) -> Tensor:
    """Combine the attention (L, heads, T, T) of all layers, first layer first: (T, T), rows sum to 1."""
    tokens = attention.shape[-1]
    total = torch.eye(tokens)
    for layer in attention.mean(dim=1):  # (T, T): mean over heads
        total = (0.5 * layer + 0.5 * torch.eye(tokens)) @ total  # half the signal takes the shortcut
    return total


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


EXERCISES = [
    Exercise(
        "04.1",
        "Nearest neighbours by direction",
        nearest,
        _databases,
        difficulty=1,
        minutes=6,
        hints=(
            "The cosine of two vectors does not care how long they are. An inner product does: what must "
            "happen to the vectors first?",
            "Divide every row of the database by its own length (F.normalize(…, dim=1)), and the query by "
            "its. Then one matrix product gives all N cosines.",
            "similarity.topk(k) has .values and .indices, largest first; asked for are the rows.",
        ),
        mistakes=(_inner_product, _euclidean, _least_alike, _features_normalised, _similarities_not_rows),
    ),
    Exercise(
        "04.2",
        "The width that gives a perplexity",
        neighbour_probabilities,
        _distances,
        difficulty=3,
        minutes=15,
        hints=(
            "For a precision β the probabilities are softmax(-β · squared distances). Perplexity is the "
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
        ),
        same=_close,
    ),
    Exercise(
        "04.3",
        "Does a unit detect a concept?",
        unit_iou,
        _maps_and_concepts,
        difficulty=2,
        minutes=10,
        hints=(
            "Three steps: bring the map to the image's size, threshold it, compare two masks.",
            "Enlarge first, then threshold: F.interpolate(maps[:, None], size, mode='bilinear'). The "
            "other way round the mask has stairs.",
            "One intersection and one union over the pixels of *all* pictures, also of those without the "
            "concept: there every firing pixel counts against the unit. An empty union gives 0.",
        ),
        mistakes=(_mean_over_pictures, _thresholded_first, _dice, _precision, _absent_pictures_left_out),
    ),
    Exercise(
        "04.4",
        "Class activation map",
        class_activation_map,
        _heads,
        difficulty=1,
        minutes=5,
        hints=(
            "The head adds up channels with weights: logit = Σ_c weight[k, c] · mean(maps[c]) + bias. "
            "Take the mean out of the sum.",
            "One number weight[k, c] for each channel, times that channel's whole map, summed over channels.",
            "torch.einsum('c,chw->hw', weight[k], maps). No ReLU: a CAM also says where the evidence is "
            "against the class.",
        ),
        mistakes=(_positive_only, _wrong_axis, _strongest_channel, _pooled_first, _magnitudes),
    ),
    Exercise(
        "04.5",
        "Grad-CAM",
        grad_cam_map,
        _maps_and_gradients,
        difficulty=1,
        minutes=6,
        hints=(
            "CAM takes a channel's weight from the head. Grad-CAM asks the gradient for it: one number "
            "for each channel, so average the gradient over the places.",
            "Then as before: weight times map, summed over the channels.",
            "The ReLU comes last, on the sum. Put on the weights or on the single maps it would keep "
            "channels from cancelling.",
        ),
        mistakes=(_no_relu, _gradient_times_activation, _relu_on_weights, _roles_swapped, _absolute),
    ),
    Exercise(
        "04.6",
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
        mistakes=(_last_layer_first, _no_shortcut, _rows_sum_to_two, _averaged_layers, _elementwise),
    ),
]
