"""What frozen features know: nearest neighbours and a linear classifier on top of them.

Weighted k-NN: Z. Wu, Y. Xiong, S. Yu, D. Lin, "Unsupervised Feature Learning via Non-Parametric Instance
Discrimination", CVPR 2018, section 3.4; as used by Caron et al., ICCV 2021 (DINO), section 4.

Shapes: N training samples, M test samples, D features, K classes.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_classes, check_number, check_whole
from lecture_utils.ops.neighbours import check_features, cosine_similarity, vote
from lecture_utils.ops.precision import at_least_single, precise


def check_labelled(x: Tensor, y: Tensor, name: str = "features") -> None:
    """Raise ValueError unless x is finite floating point (N, D) and y integers from 0 (N,), with N ≥ 1."""
    check_features(x, name=name)
    check_classes(y, f"labels of {name}", len(x))


def count_classes(classes: int | None, *labels: Tensor) -> int:
    """Return K: what is given, if all labels lie below it, else the largest label plus one."""
    least = max(int(y.max()) for y in labels) + 1
    if classes is not None:
        check_whole(classes, "classes", least)
    return least if classes is None else classes


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
        Training features (N, D) and classes (N,); half precision is computed as float32.
    queries : Tensor
        (M, D), of any float type.
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
        If the shapes do not fit, a feature is not finite, or a number is out of range.
    """
    check_labelled(x, y)
    check_features(queries, x.shape[1], name="queries")
    check_whole(k, "k")
    check_number(temperature, "temperature", 0, above=True)
    x = at_least_single(x)
    similar, nearest = cosine_similarity(queries.to(x), x).topk(min(k, len(x)), dim=1)  # (M, k)
    return vote(y.to(x.device)[nearest], count_classes(classes, y), (similar / temperature).exp())


def knn_accuracy(
    x: Tensor, y: Tensor, queries: Tensor, answers: Tensor, *, k: int = 20, temperature: float = 0.07
) -> float:
    """Share of queries (M, D) whose class (M,) wins the vote of `knn_scores`, in [0, 1]."""
    check_labelled(x, y)
    check_labelled(queries, answers, "queries")
    classes = count_classes(None, y, answers)
    scores = knn_scores(x, y, queries, k=k, temperature=temperature, classes=classes)
    return precise(scores.argmax(dim=1) == answers.to(scores.device)).mean().item()


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

    Raises
    ------
    ValueError
        If the shapes do not fit, a feature is not finite, or a number is out of range.
    """
    check_labelled(x, y)
    check_number(decay, "decay", 0)
    count = count_classes(classes, y)
    x, y = at_least_single(x), y.long().to(x.device)
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
        Penalties to try, at least one.

    Raises
    ------
    ValueError
        As `fit_linear` does.
    """
    sets = {"train": train, "val": val, "test": test}
    for name, pair in sets.items():
        if len(pair) != 2:
            raise ValueError(f"{name}: got {len(pair)} tensors, want (features, classes)")
        x, y = pair
        check_labelled(x, y, name)
        check_features(x, train[0].shape[1], name=name)
    if len(decays) == 0:
        raise ValueError("decays: got none, want at least one")
    train, val, test = ((at_least_single(x), y.to(x.device)) for x, y in sets.values())
    mean, spread = train[0].mean(dim=0), train[0].std(dim=0, correction=0).clamp(min=1e-6)
    parts = [((x - mean) / spread, y) for x, y in (train, val, test)]
    classes = count_classes(None, *(y for _, y in parts))
    trials = []
    for decay in decays:
        weight, bias = fit_linear(*parts[0], decay=decay, classes=classes)
        scores = [precise((x @ weight.T + bias).argmax(dim=1) == y).mean().item() for x, y in parts[1:]]
        trials.append((scores[0], decay, scores[1]))
    on_val, _, on_test = max(trials)
    return on_val, on_test
