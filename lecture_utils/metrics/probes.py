"""What frozen features know: nearest neighbours and a linear classifier on top of them.

Weighted k-NN: Z. Wu, Y. Xiong, S. Yu, D. Lin, "Unsupervised Feature Learning via Non-Parametric Instance
Discrimination", CVPR 2018, section 3.4; as used by Caron et al., ICCV 2021 (DINO), section 4.

Shapes: N training samples, M test samples, D features, K classes.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def check_features(x: Tensor, y: Tensor) -> None:
    """Raise ValueError unless x is (N, D) and y (N,), with N ≥ 1."""
    if x.ndim != 2 or y.shape != x.shape[:1] or len(x) == 0:
        raise ValueError(
            f"features: got {tuple(x.shape)} with labels {tuple(y.shape)}, want (N, D) with (N,), N ≥ 1"
        )


def knn_scores(
    x: Tensor,
    y: Tensor,
    queries: Tensor,
    *,
    k: int = 20,
    temperature: float = 0.07,
    classes: int | None = None,
) -> Tensor:
    """Let the k most similar training samples vote, each with weight exp(cosine / temperature).

    Parameters
    ----------
    x, y : Tensor
        Training features (N, D) and classes (N,).
    queries : Tensor
        (M, D).
    k : int
        Voters; at most N are used.
    temperature : float
        The smaller, the more the nearest count; 0.07 in both papers.
    classes : int, optional
        K; default the largest label plus one.

    Returns
    -------
    Tensor
        (M, K), sums of weights.

    Raises
    ------
    ValueError
        If the shapes do not fit, or k is below 1.
    """
    check_features(x, y)
    if queries.ndim != 2 or queries.shape[1] != x.shape[1] or k < 1:
        raise ValueError(f"k-NN: got queries {tuple(queries.shape)} and k {k}, want (M, {x.shape[1]}), k ≥ 1")
    cosine = F.normalize(queries, dim=1) @ F.normalize(x, dim=1).T  # (M, N)
    similar, nearest = cosine.topk(min(k, len(x)), dim=1)  # (M, k)
    votes = torch.zeros(len(queries), classes or int(y.max()) + 1, dtype=x.dtype, device=x.device)
    return votes.scatter_add_(1, y[nearest], (similar / temperature).exp())


def knn_accuracy(
    x: Tensor, y: Tensor, queries: Tensor, answers: Tensor, *, k: int = 20, temperature: float = 0.07
) -> float:
    """Share of queries (M, D) whose class (M,) wins the vote of `knn_scores`, in [0, 1]."""
    classes = int(max(y.max(), answers.max())) + 1
    scores = knn_scores(x, y, queries, k=k, temperature=temperature, classes=classes)
    return (scores.argmax(dim=1) == answers).double().mean().item()


def fit_linear(
    x: Tensor, y: Tensor, *, decay: float = 1e-3, classes: int | None = None
) -> tuple[Tensor, Tensor]:
    """Multinomial logistic regression by L-BFGS: minimise cross-entropy + decay / 2 · ‖W‖².

    Parameters
    ----------
    x, y : Tensor
        Features (N, D) and classes (N,).
    decay : float
        Weight of the penalty; the bias has none.
    classes : int, optional
        K; default the largest label plus one.

    Returns
    -------
    weight, bias : Tensor
        (K, D) and (K,).
    """
    check_features(x, y)
    count = classes or int(y.max()) + 1
    with torch.enable_grad(), torch.inference_mode(False):
        x, y = x.clone(), y.clone()  # inference tensors may not enter a graph
        weight = torch.zeros(count, x.shape[1], dtype=x.dtype, device=x.device, requires_grad=True)
        bias = torch.zeros(count, dtype=x.dtype, device=x.device, requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [weight, bias], max_iter=300, history_size=10, tolerance_grad=1e-5, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(x @ weight.T + bias, y) + decay / 2 * weight.square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)
    return weight.detach(), bias.detach()


def linear_probe(
    train: tuple[Tensor, Tensor],
    val: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    decays: Sequence[float] = (1e-1, 1e-2, 1e-3),
) -> tuple[float, float]:
    """Accuracy of a linear classifier on frozen features, on validation and test set, in [0, 1].

    Features are brought to mean 0 and variance 1 by the training set's; the penalty that is best on the
    validation set is kept.

    Parameters
    ----------
    train, val, test : (Tensor, Tensor)
        Features (N, D) and classes (N,) of three disjoint sets.
    decays : sequence of float
        Penalties to try.
    """
    for x, y in (train, val, test):
        check_features(x, y)
    mean, spread = train[0].mean(dim=0), train[0].std(dim=0, correction=0).clamp(min=1e-6)
    parts = [((x - mean) / spread, y) for x, y in (train, val, test)]
    classes = int(max(y.max() for _, y in parts)) + 1
    trials = []
    for decay in decays:
        weight, bias = fit_linear(*parts[0], decay=decay, classes=classes)
        scores = [((x @ weight.T + bias).argmax(dim=1) == y).double().mean().item() for x, y in parts[1:]]
        trials.append((scores[0], decay, scores[1]))
    on_val, _, on_test = max(trials)
    return on_val, on_test
