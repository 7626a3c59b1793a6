"""k-NN and linear probes against scikit-learn."""

import math

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from lecture_utils.metrics.probes import fit_linear, knn_accuracy, knn_scores, linear_probe

pytestmark = pytest.mark.system("S03.2")


def clouds(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 3
    centres = torch.randn(3, 6, generator=torch.Generator().manual_seed(99), dtype=torch.float64)
    return centres[y] + torch.randn(n, 6, generator=generator, dtype=torch.float64), y


def test_votes_equal_scikit_learns() -> None:
    (x, y), (queries, _) = clouds(60, 0), clouds(25, 1)
    ours = knn_scores(x, y, queries, k=7, temperature=0.2)
    theirs = KNeighborsClassifier(
        7, metric="cosine", algorithm="brute", weights=lambda distance: pow(math.e, (1 - distance) / 0.2)
    ).fit(x.numpy(), y.numpy())
    share = torch.from_numpy(theirs.predict_proba(queries.numpy()))
    torch.testing.assert_close(ours / ours.sum(1, keepdim=True), share)


def test_one_neighbour_of_the_training_set_is_right_and_k_is_capped() -> None:
    x, y = clouds(30, 0)
    assert knn_accuracy(x, y, x, y, k=1) == 1
    assert torch.equal(knn_scores(x, y, x, k=30), knn_scores(x, y, x, k=500))
    assert torch.equal(knn_scores(x, y, x), knn_scores(x, y, x, k=20, temperature=0.07))
    assert not torch.equal(knn_scores(x, y, x, k=19), knn_scores(x, y, x, k=20))
    assert knn_scores(x, y, x, classes=7).shape == (30, 7)


def test_the_linear_fit_equals_scikit_learns() -> None:
    x, y = clouds(90, 2)
    decay = 1e-2
    weight, bias = fit_linear(x, y, decay=decay)
    theirs = LogisticRegression(C=1 / (decay * len(x)), tol=1e-10, max_iter=5000).fit(x.numpy(), y.numpy())
    ours = (x @ weight.T + bias).softmax(1)
    torch.testing.assert_close(ours, torch.from_numpy(theirs.predict_proba(x.numpy())), atol=1e-3, rtol=0)


def test_probe_beats_chance_on_clouds_and_not_on_noise() -> None:
    _, good = linear_probe(clouds(300, 0), clouds(150, 1), clouds(300, 2))
    noise = [(torch.randn(300, 6, dtype=torch.float64), torch.arange(300) % 3) for _ in range(3)]
    assert good > 0.6
    assert abs(linear_probe(*noise)[1] - 1 / 3) < 5 * (2 / 9 / 300) ** 0.5  # five standard errors


def test_features_from_inference_mode_can_be_probed() -> None:
    with torch.inference_mode():
        parts = [clouds(30, seed) for seed in range(3)]
        assert 0 <= linear_probe(*parts)[1] <= 1


def test_bad_input_is_told() -> None:
    x, y = clouds(9, 0)
    hurt = x.clone()
    hurt[3, 2] = torch.nan
    sets = (x, y), (x, y)
    for bad, message in (
        (lambda: fit_linear(x, y[:8]), r"labels of features: got torch.int64 \(8,\), want numbers \(9,\)"),
        (lambda: fit_linear(x, y[:, None]), r"\(9, 1\)"),
        (lambda: fit_linear(x, y.double()), "float64"),
        (lambda: fit_linear(x, y.numpy()), "got ndarray"),
        (lambda: fit_linear(x, y - 1), "from -1 to 1, want 0 or more"),
        (lambda: fit_linear(x, y, decay=-1), "decay: got -1"),
        (lambda: fit_linear(x, y, classes=2), "classes: got 2, want a whole number of 3"),
        (lambda: fit_linear(hurt, y), "features: got NaN"),
        (lambda: knn_scores(x[:0], y[:0], x), "not empty"),
        (lambda: knn_scores(x, y, x, k=0), "k: got 0"),
        (lambda: knn_scores(x, y, x, temperature=0), "temperature: got 0"),
        (lambda: knn_scores(x, y, x, temperature=-1), "temperature: got -1"),
        (lambda: knn_scores(x, y, x[:, :5]), r"queries: got shape \(9, 5\), want \(N, 6\)"),
        (lambda: knn_scores(x, y, hurt), "queries: got NaN"),
        (lambda: knn_scores(x, y, x, classes=2), "classes: got 2"),
        (lambda: knn_accuracy(hurt, y, x, y), "features: got NaN"),
        (lambda: knn_accuracy(x, y, x, y[:3]), "labels of queries"),
        (lambda: linear_probe((hurt, y), *sets), "train: got NaN"),
        (lambda: linear_probe(*sets, (x[:, :5], y)), r"test: got shape \(9, 5\)"),
        (lambda: linear_probe(*sets, (x, y), decays=()), "decays: got none"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()


def test_half_precision_and_mixed_types_are_computed_in_single() -> None:
    (x, y), (queries, answers) = clouds(60, 0), clouds(25, 1)
    want = knn_scores(x.float(), y, queries.float())
    got = knn_scores(x.half(), y.int(), queries)  # exp(1 / 0.07) overflows in half
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want, rtol=0.05, atol=0)
    single = [(part.float(), label) for part, label in (clouds(60, 0), clouds(25, 1), clouds(40, 2))]
    half = [(part.half(), label.to(torch.uint8)) for part, label in single]
    assert linear_probe(*half) == pytest.approx(linear_probe(*single), abs=0.05)
    assert knn_accuracy(x, y, queries, answers) > 0.5
