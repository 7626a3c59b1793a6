"""t-SNE: a map of points in the plane that keeps neighbours together.

L. van der Maaten, G. Hinton, "Visualizing Data using t-SNE", JMLR 9, 2008: section 2 and equation 1 (one
Gaussian a point, set by the perplexity), section 3.1 (symmetric joint probabilities), section 3.3 and
equations 4 and 5 (Student t, gradient), section 3.4 (momentum, gains, early exaggeration). The learning rate
is that of A. Belkina et al., "Automated optimized parameters for t-distributed stochastic neighbor
embedding…", Nature Communications, 2019; the start from PCA is after D. Kobak, P. Berens, "The art of using
t-SNE for single-cell transcriptomics", same journal and year. The paper exaggerates 4 times for 50 steps,
we, as later code does, 12 times for 250.

Simplified: exact, so N² work a step; no Barnes-Hut tree (which is faster from some thousands of points on).

Shapes: N points, D numbers a point, d dimensions of the map (2), b points at a time, F frames.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.explain.pca import fit_pca
from lecture_utils.ops.checks import check_choice, check_finite, check_float, check_number, check_whole
from lecture_utils.ops.neighbours import check_features
from lecture_utils.ops.precision import at_least_single, precise

BLOCK = 128  # rows of the N × N matrix at a time: what they need stays in the processor's cache


class TSNE(NamedTuple):
    """The map (N, d), its divergence from the data in nats, and frames (F, N, d) after so many steps."""

    embedding: Tensor
    kl: float
    frames: Tensor
    frame_steps: list[int]


def conditional_probabilities(x: Tensor, perplexity: float = 30.0, *, tolerance: float = 1e-5) -> Tensor:
    """Share of each other point in a point's neighbourhood: p(j|i) ∝ exp(−β_i ‖x_i − x_j‖²) (equation 1).

    Each point has its own width, β = 1 / 2σ². Bisection finds, for all points at once, the one at which the
    entropy of the point's row is log(perplexity): about that many points count as neighbours.

    Parameters
    ----------
    x : Tensor
        (N, D), floating point; half precision is computed as float32.
    perplexity : float
        1 < perplexity < N − 1, the most that N − 1 neighbours can have.
    tolerance : float
        Of the entropy, in nats.

    Returns
    -------
    Tensor
        (N, N), of x's type (float32 at least), zero on the diagonal; each row sums to 1.

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, or a perplexity out of range.

    Notes
    -----
    A point with more copies than the perplexity shares its neighbourhood evenly among them.
    """
    check_features(x)
    check_number(perplexity, "perplexity")
    check_number(tolerance, "tolerance", 0)
    x = at_least_single(x)
    if not 1 < perplexity < len(x) - 1:
        wanted = f"more than 1 and less than {len(x) - 1}, one below the number of points"
        raise ValueError(f"perplexity: got {perplexity} for {len(x)} points, want {wanted}")
    distance = torch.cdist(precise(x), precise(x)).square()  # (N, N)
    distance.fill_diagonal_(math.inf)  # a point is not its own neighbour
    distance -= distance.amin(1, keepdim=True)  # cancels in the ratio, and keeps the sum of exp above 1
    distance.fill_diagonal_(0)
    distance = distance.to(x.dtype)
    beta = 1 / distance.mean(1, keepdim=True).clamp_min(1e-12)  # (N, 1)
    low, high = torch.zeros_like(beta), torch.full_like(beta, math.inf)
    for _ in range(100):
        p = (-beta * distance).exp_().fill_diagonal_(0)
        total = p.sum(1, keepdim=True)
        entropy = total.log() + beta * (p * distance).sum(1, keepdim=True) / total  # −Σ p log p of p / total
        excess = entropy - math.log(perplexity)
        if bool((excess.abs() < tolerance).all()):
            break
        low = torch.where(excess > 0, beta, low)  # too many neighbours: narrower, so a larger β
        high = torch.where(excess > 0, high, beta)
        beta = torch.where(high.isinf(), beta * 2, (low + high) / 2).clamp_max_(1e30)  # copies never suffice
    return p / total


def joint_probabilities(x: Tensor, perplexity: float = 30.0) -> Tensor:
    """Symmetric neighbourhoods P (N, N): (p(j|i) + p(i|j)) / 2N, which sum to 1 (section 3.1)."""
    p = conditional_probabilities(x, perplexity)
    return (p + p.T) / (2 * len(x))


def kl_divergence(p: Tensor, y: Tensor) -> float:
    """How badly the map shows the data: KL(P ‖ Q) = Σ p_ij log(p_ij / q_ij) in nats.

    It is computed in double precision where the device has it.

    Parameters
    ----------
    p : Tensor
        (N, N), from `joint_probabilities`.
    y : Tensor
        (N, d), the map; its neighbourhoods Q are q_ij ∝ 1 / (1 + ‖y_i − y_j‖²) (equation 4).
    """
    check_pair(p, y)
    check_finite(p, "P")
    check_finite(y, "map")
    p, y = precise(p), precise(y)
    w = 1 / (1 + torch.cdist(y, y, compute_mode="donot_use_mm_for_euclid_dist").square())
    w.fill_diagonal_(0)
    return (torch.xlogy(p, p) - torch.xlogy(p, w / w.sum())).sum().item()


def tsne_gradient(p: Tensor, y: Tensor, exaggeration: float = 1.0) -> Tensor:
    """Gradient of KL(P ‖ Q) with respect to the map: 4 Σ_j (p_ij − q_ij) w_ij (y_i − y_j) (equation 5).

    Here w_ij = 1 / (1 + ‖y_i − y_j‖²), Z = Σ w and q = w / Z. Sums over j of a_ij (y_i − y_j) are
    rowsum(A) y_i − A Y, so that one product with [Y, 1] gives both. p w pulls neighbours together and w² / Z
    pushes all apart; Z is known only after the last block of rows, and so stays outside.

    Parameters
    ----------
    p : Tensor
        (N, N), symmetric.
    y : Tensor
        (N, d), of p's type.
    exaggeration : float
        Factor of P.
    """
    check_pair(p, y)
    check_number(exaggeration, "exaggeration", 0, above=True)
    if p.dtype != y.dtype:
        raise ValueError(f"got P of {p.dtype} and a map of {y.dtype}, want the same type")
    sq, one = y.square().sum(1, keepdim=True), torch.ones_like(y[:, :1])  # (N, 1)
    left, right = torch.cat([-2 * y, sq + 1, one], 1), torch.cat([y, one, sq], 1).T
    yone = torch.cat([y, one], 1).T.contiguous()  # (d + 1, N): in this order products are three times as fast
    pull, push, z = torch.empty_like(yone), torch.empty_like(yone), -float(len(y))  # w_ii = 1 is not in Z
    for i in range(0, len(y), BLOCK):
        rows = slice(i, i + BLOCK)
        w = (left[rows] @ right).reciprocal_()  # (b, N): 1 / (1 + |y_i|² − 2 y_i·y_j + |y_j|²)
        z += w.sum().item()
        pull[:, rows] = yone @ (p[rows] * w).T
        push[:, rows] = yone @ w.square_().T
    force = (exaggeration * pull - push / z).T  # (N, d + 1): A Y and rowsum(A); i = j adds nothing to them
    return 4 * (force[:, -1:] * y - force[:, :-1])


def tsne(
    x: Tensor,
    *,
    perplexity: float = 30.0,
    dims: int = 2,
    steps: int = 1000,
    exaggeration: float = 12.0,
    exaggeration_steps: int = 250,
    learning_rate: float | None = None,
    init: str = "pca",
    seed: int = 0,
    every: int = 0,
) -> TSNE:
    """Lay points out in the plane so that KL(P ‖ Q) is small.

    Parameters
    ----------
    x : Tensor
        (N, D), floating point.
    perplexity : float
        About how many neighbours count; 1 < perplexity < N − 1.
    dims, steps : int
        d and the number of steps.
    exaggeration, exaggeration_steps : float, int
        P is multiplied by the one for the first so many steps: groups form, with room to pass each other.
    learning_rate : float, optional
        max(N / exaggeration / 4, 50) if omitted.
    init : "pca" or "random"
        Start from the first components or from a Gaussian; either with a spread of 1e-4.
    seed : int
        Of the random start.
    every : int
        Keep a frame every so many steps, and the start; 0 keeps none.

    Raises
    ------
    ValueError
        As `conditional_probabilities`, for a setting out of range, or if the map flies apart, as it does at
        too high a learning rate.
    """
    check_choice(init, "init", "pca", "random")
    check_whole(dims, "dims")
    for name, count in (("steps", steps), ("exaggeration_steps", exaggeration_steps), ("every", every)):
        check_whole(count, name, 0)
    check_number(exaggeration, "exaggeration", 0, above=True)
    if learning_rate is not None:
        check_number(learning_rate, "learning_rate", 0, above=True)
    check_whole(seed, "seed", None)
    p = joint_probabilities(x, perplexity).float()
    y = start(x, dims, init, seed)
    rate = learning_rate if learning_rate is not None else max(len(x) / exaggeration / 4, 50.0)
    velocity, gain = torch.zeros_like(y), torch.ones_like(y)
    frames, frame_steps = [y.clone()] if every else [], [0] if every else []
    for step in range(1, steps + 1):
        early = step <= exaggeration_steps
        gradient = tsne_gradient(p, y, exaggeration if early else 1.0)
        agrees = gradient * velocity < 0  # still downhill in the direction of travel: longer steps there
        gain = torch.where(agrees, gain + 0.2, gain * 0.8).clamp_min_(0.01)
        velocity = (0.5 if early else 0.8) * velocity - rate * gain * gradient
        y = y + velocity
        if every and step % every == 0:
            frames.append(y.clone())
            frame_steps.append(step)
    y -= y.mean(0)
    if not bool(torch.isfinite(y).all()):
        raise ValueError(f"t-SNE: got a map that flew apart at learning rate {rate:g}, want a lower rate")
    kept = torch.stack(frames) if frames else y.new_empty(0, *y.shape)
    return TSNE(y, kl_divergence(p, y), kept, frame_steps)


def start(x: Tensor, dims: int, init: str, seed: int) -> Tensor:
    """Return the first map (N, d), float32, with a spread of 1e-4, by "pca" or "random"."""
    check_choice(init, "init", "pca", "random")
    if init == "random":
        generator = torch.Generator().manual_seed(seed)
        return 1e-4 * torch.randn(len(x), dims, generator=generator).to(x.device)
    y = fit_pca(x, dims).transform(x).float()
    return 1e-4 * y / y[:, 0].std(correction=0).clamp_min(1e-12)


def check_pair(p: Tensor, y: Tensor) -> None:
    """Raise ValueError unless P is (N, N) and the map (N, d)."""
    check_float(p, name="P")
    check_float(y, name="map")
    if y.ndim != 2 or p.shape != (len(y), len(y)):
        raise ValueError(f"got P {tuple(p.shape)} and a map {tuple(y.shape)}, want (N, N) and (N, d)")
