"""Chapter 04: the functions that the exercises ask for, as short as they can be said.

The package's own versions check their input and run on batches: `explain.retrieval`, `explain.tsne`,
`explain.dissection`, `explain.cam`, `explain.grad_cam`, `explain.attention_maps`, `metrics.localisation`. The
tests hold each of these equal to its counterpart there; the papers are named there too.

Shapes: N rows of a database or images, Q queries, D features, B pictures, C channels, K classes, h × w a map,
H × W the image, T tokens, L layers.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def precision_at_k(database: Tensor, labels: Tensor, queries: Tensor, asked_labels: Tensor, k: int) -> float:
    """Share of the k rows of the (N, D) database nearest to each query (Q, D) that have its label.

    Nearest by direction (cosine); labels (N,) of the rows, asked_labels (Q,) of the queries; mean over all.
    """
    similarity = F.normalize(queries, dim=1) @ F.normalize(database, dim=1).T  # (Q, N): cosines
    rows = similarity.topk(k, dim=1).indices  # (Q, k)
    return (labels[rows] == asked_labels[:, None]).float().mean().item()


def neighbour_probabilities(squared: Tensor, perplexity: float) -> Tensor:
    """Turn squared distances (N,) to the other points into probabilities (N,) of the wanted perplexity."""
    low, high, beta = 0.0, float("inf"), 1.0  # beta = 1 / (2σ²)
    for _ in range(100):
        p = torch.softmax(-beta * squared.double(), dim=0)  # (N,)
        entropy = -(p * p.clamp_min(1e-300).log()).sum()  # in nats
        if entropy.exp() > perplexity:  # too many neighbours: narrower
            low, beta = beta, 2 * beta if high == float("inf") else (beta + high) / 2
        else:
            high, beta = beta, (beta + low) / 2
    return p.to(squared.dtype)


def unit_iou_faulty(maps: Tensor, threshold: float, concept: Tensor) -> float:
    """IoU between where a unit fires, maps (N, h, w), and where a concept is, bool (N, H, W)."""
    small = (maps[:, None] > threshold).float()  # (N, 1, h, w)
    fires = F.interpolate(small, concept.shape[-2:], mode="nearest")[:, 0] > 0.5  # (N, H, W)
    both, either = (fires & concept).flatten(1).sum(1), (fires | concept).flatten(1).sum(1)  # (N,)
    present = concept.flatten(1).any(1)
    return (both / either.clamp(min=1))[present].mean().item()


def unit_iou(maps: Tensor, threshold: float, concept: Tensor) -> float:
    """IoU between where a unit fires, maps (N, h, w), and where a concept is, bool (N, H, W)."""
    large = F.interpolate(maps[:, None], concept.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    fires = large > threshold  # (N, H, W)
    union = (fires | concept).sum()
    return ((fires & concept).sum() / union).item() if union else 0.0


def class_activation_map(maps: Tensor, weight: Tensor, k: int) -> Tensor:
    """CAM of class k from the last maps (C, h, w) and the head's weight (K, C): (h, w)."""
    return torch.einsum("c,chw->hw", weight[k], maps)


def grad_cam_map(maps: Tensor, rest: Callable[[Tensor], Tensor], score: Callable[[Tensor], Tensor]) -> Tensor:
    """Grad-CAM (B, h, w) of maps (B, C, h, w): `rest` leads from maps to output, `score` on to y (B,)."""
    maps = maps.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score(rest(maps)).sum(), maps)  # (B, C, h, w)
    alpha = gradient.mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1): what the score gains from a channel
    return (alpha * maps).sum(1).relu().detach()


def attention_rollout(attention: Tensor) -> Tensor:
    """Combine the attention (L, heads, T, T) of all layers, first layer first: (T, T), rows sum to 1."""
    tokens = attention.shape[-1]
    total = torch.eye(tokens)
    for layer in attention.mean(dim=1):  # (T, T): mean over heads
        total = (0.5 * layer + 0.5 * torch.eye(tokens)) @ total  # half the signal takes the shortcut
    return total


def where_it_points(maps: Tensor, own: Tensor, other: Tensor, near: float) -> dict[str, float]:
    """Shares of maps (B, H, W) whose highest point is on its object, on the other, beside its own, nowhere.

    Masks (B, H, W) bool. "beside" means within `near` pixels of its own object, but on neither.
    """
    width = maps.shape[2]
    peak = maps.flatten(1).argmax(1)  # (B,)
    y, x = torch.meshgrid(*map(torch.arange, maps.shape[1:]), indexing="ij")  # (H, W) each
    away = (y - (peak // width)[:, None, None]) ** 2 + (x - (peak % width)[:, None, None]) ** 2  # (B, H, W)
    to_own, to_other = (
        away.float().masked_fill(~mask, math.inf).flatten(1).amin(1).sqrt() for mask in (own, other)
    )
    on, astray = to_own == 0, (to_other == 0) & (to_own > 0)
    beside = (to_own <= near) & ~on & ~astray
    kinds = {"on it": on, "on the other": astray, "beside it": beside, "nowhere": ~(on | astray | beside)}
    return {name: kind.float().mean().item() for name, kind in kinds.items()}
