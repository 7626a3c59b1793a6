"""S04.1: the feature database against scikit-learn's nearest neighbours."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from lecture_utils.data import digits
from lecture_utils.explain.retrieval import FeatureDatabase

pytestmark = pytest.mark.system("S04.1")


def split() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    (x, y), (test, truth) = digits.load(split="train"), digits.load(split="test")
    x, test = x.flatten(1).double(), test.flatten(1).double()
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return x + 1e-4 * noise, y, test, truth  # else many distances of these small whole numbers tie


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_neighbours_equal_scikit_learn(metric: str) -> None:
    x, y, test, _ = split()
    found = FeatureDatabase(x, y, metric=metric).query(test, 7)
    distance, rows = NearestNeighbors(n_neighbors=7, metric=metric, algorithm="brute").fit(x).kneighbors(test)
    assert np.array_equal(found.rows.numpy(), rows)
    similarity = 1 - distance if metric == "cosine" else -distance
    np.testing.assert_allclose(found.similarity.numpy(), similarity, rtol=0, atol=1e-7)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 2, 5, 10])
def test_votes_equal_scikit_learn(metric: str, k: int) -> None:
    x, y, test, truth = split()
    got = FeatureDatabase(x, y, metric=metric).knn_predict(test, k)
    theirs = KNeighborsClassifier(k, metric=metric, algorithm="brute").fit(x, y)
    assert np.array_equal(got.numpy(), theirs.predict(test))
    assert (got == truth).double().mean() > 0.95


def test_precision_by_hand_and_by_loop() -> None:
    x = torch.tensor([[1.0, 0], [2, 0.1], [0, 3], [0.1, 4]])
    labels = torch.tensor([0, 1, 1, 1])
    database = FeatureDatabase(x, labels)
    queries = torch.tensor([[1.0, 0], [0, 1]])  # nearest rows: 0, 1 and 2, 3
    assert database.precision_at_k(queries, torch.tensor([0, 1]), 2) == (1 / 2 + 2 / 2) / 2
    data, y, test, truth = split()
    large = FeatureDatabase(data, y)
    want = np.mean([[y[r] == t for r in rows] for rows, t in zip(large.query(test).rows, truth, strict=True)])
    assert abs(large.precision_at_k(test, truth) - want) < 1e-12


def test_a_query_finds_itself_unless_it_is_left_out() -> None:
    x, y, _, _ = split()
    database, rows = FeatureDatabase(x, y), torch.arange(len(x))
    alone = database.query(x, 1)
    assert torch.equal(alone.rows[:, 0], rows)
    torch.testing.assert_close(alone.similarity, torch.ones(len(x), 1, dtype=torch.float64))
    without = database.query(x, 3, exclude=rows)
    assert not bool((without.rows == rows[:, None]).any())
    assert torch.equal(without.rows[:, :2], database.query(x, 3).rows[:, 1:])


def test_cosine_ignores_length_and_the_best_come_first() -> None:
    x, y, test, _ = split()
    scale = torch.rand(len(x), 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.5
    plain = FeatureDatabase(x, y).query(test)
    scaled = FeatureDatabase(scale * x, y).query(3 * test)
    assert torch.equal(plain.rows, scaled.rows)
    assert bool((plain.similarity.diff(dim=1) <= 0).all())


def test_small_databases_and_zeros() -> None:
    one = FeatureDatabase(torch.ones(1, 3), torch.tensor([4]))
    assert len(one) == 1 and one.query(torch.randn(2, 3), 1).rows.tolist() == [[0], [0]]
    assert one.knn_predict(torch.zeros(1, 3), 1).tolist() == [4]  # a feature of zeros is as far from all
    tied = FeatureDatabase(torch.eye(3), torch.tensor([2, 1, 0]))
    assert tied.knn_predict(torch.ones(1, 3), 3).tolist() == [0]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_half_and_mixed_types(metric: str) -> None:
    x, y, test, _ = split()
    want = FeatureDatabase(x.float(), y, metric=metric).query(test[:20].float(), 3)
    for queries in (test[:20], test[:20].float()):
        got = FeatureDatabase(x.float(), y.int(), metric=metric).query(queries, 3)
        assert torch.equal(got.rows, want.rows) and got.similarity.dtype == torch.float32
    half = FeatureDatabase(x.bfloat16(), y, metric=metric)
    assert half.features.dtype == torch.float32 and half.query(test[:20].half(), 3).rows.shape == (20, 3)


def test_five_neighbours_are_asked_unless_told() -> None:
    x, y, test, truth = split()
    database = FeatureDatabase(x, y)
    assert database.query(test).rows.shape == (300, 5)
    assert torch.equal(database.knn_predict(test), database.knn_predict(test, 5))
    assert database.precision_at_k(test, truth) == database.precision_at_k(test, truth, 5)


def test_bad_input_is_told() -> None:
    x, labels = torch.randn(4, 3), torch.arange(4)
    database = FeatureDatabase(x, labels)
    for bad, message in (
        (lambda: FeatureDatabase(torch.zeros(4, 3, 2)), r"\(4, 3, 2\), want \(N, D\).*flatten"),
        (lambda: FeatureDatabase(torch.zeros(0, 3)), "not empty"),
        (lambda: FeatureDatabase(torch.zeros(4, 3, dtype=torch.uint8)), "uint8"),
        (lambda: FeatureDatabase(torch.full((4, 3), torch.nan)), "NaN"),
        (lambda: FeatureDatabase(x, torch.arange(3)), r"labels: got torch.int64 \(3,\), want numbers \(4,\)"),
        (lambda: FeatureDatabase(x, metric="dot"), "'dot', want 'cosine' or 'euclidean'"),
        (lambda: FeatureDatabase(x, labels.numpy()), "labels: got ndarray, want a torch.Tensor"),
        (lambda: FeatureDatabase(x, labels - 1), "labels: got class numbers from -1 to 2, want 0 or more"),
        (lambda: FeatureDatabase(x, labels > 1), "labels: got torch.bool"),
        (lambda: FeatureDatabase(x, labels.float()), "labels: got torch.float32"),
        (lambda: database.query(x, 1.5), "k: got 1.5"),
        (lambda: database.query(x, 0), "k = 0, want 1 to 4"),
        (lambda: database.query(x, 1, exclude=labels + 1), "exclude: got class numbers from 1 to 4"),
        (lambda: database.query(x * torch.nan, 1), "NaN"),
        (lambda: database.precision_at_k(x, labels[:, None], 1), r"labels: got torch.int64 \(4, 1\)"),
        (lambda: database.precision_at_k(x, labels.numpy(), 1), "labels: got ndarray"),
        (lambda: database.query(torch.zeros(1, 4), 1), r"\(1, 4\), want \(N, 3\)"),
        (lambda: database.query(x, 5), "k = 5, want 1 to 4"),
        (lambda: database.query(x, 4, exclude=labels), "k = 4, want 1 to 3"),
        (lambda: database.query(x, 1, exclude=labels[:2]), r"\(2,\), want numbers \(4,\)"),
        (lambda: database.precision_at_k(x, labels[:2], 1), r"\(2,\), want numbers \(4,\)"),
        (lambda: FeatureDatabase(x).knn_predict(x, 1), "no labels"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
