"""Precision, recall, nearest rows: scikit-learn, sets made to fail in one way, planted faults."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from lecture_utils.metrics.nearest import nearest_rows
from lecture_utils.metrics.precision_recall import precision_recall
from tests.mutants import planted

pytestmark = pytest.mark.system("S15.7")


def two_sets() -> tuple[torch.Tensor, torch.Tensor]:
    """Generated rows (120, 3), some off the real ones (90, 3), and missing a part of them."""
    made = torch.Generator().manual_seed(0)
    real = torch.randn(90, 3, generator=made)
    return torch.randn(120, 3, generator=made) * torch.tensor([0.5, 0.7, 1.6]) + 0.3, real


def by_sklearn(generated: torch.Tensor, real: torch.Tensor, k: int) -> tuple[float, float]:
    def covered(rows: np.ndarray, centres: np.ndarray) -> float:
        known = NearestNeighbors(n_neighbors=k).fit(centres)
        radii = known.kneighbors()[0][:, -1]  # a row is no neighbour of itself here
        gaps = np.linalg.norm(rows[:, None] - centres, axis=2)
        return float((gaps <= radii).any(axis=1).mean())

    a, b = (x.double().numpy() for x in (generated, real))
    return covered(a, b), covered(b, a)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_equals_scikit_learns_neighbours(k: int) -> None:
    want = by_sklearn(*two_sets(), k)
    assert 0.1 < min(want) <= max(want) < 1
    assert want[0] != want[1]
    assert precision_recall(*two_sets(), k=k) == pytest.approx(want)


FAULTS = (
    ("nearest_rows(real, real, k + 1)", "nearest_rows(real, real, k)"),  # a row as its own neighbour
    ("_inside(generated, real, radius_real)", "_inside(generated, real, radius_real.mean())"),
    ("recall = _inside(real, generated, radius_generated)", "recall = _inside(generated, real, radius_real)"),
    ("any(dim=1)", "all(dim=1)"),
)


@pytest.mark.parametrize("fault", FAULTS, ids=[wrong for _, wrong in FAULTS])
def test_a_planted_fault_is_seen(fault: tuple[str, str]) -> None:
    got = planted("lecture_utils.metrics.precision_recall", fault).precision_recall(*two_sets())
    assert got != pytest.approx(by_sklearn(*two_sets(), 3), abs=1e-3)


def test_a_collapsed_generator_is_precise_and_recalls_nothing_and_a_scattered_one_the_reverse() -> None:
    made = torch.Generator().manual_seed(0)
    real = torch.randn(200, 2, generator=made)
    collapsed = real[:1] + 1e-3 * torch.randn(200, 2, generator=made)
    precision, recall = precision_recall(collapsed, real)
    assert precision > 0.9
    assert recall < 0.1
    scattered = 6 * torch.randn(200, 2, generator=made)
    precision, recall = precision_recall(scattered, real)
    assert precision < 0.4
    assert recall > 0.9


def test_the_same_set_has_both_and_copies_lie_in_balls_without_width() -> None:
    real = torch.randn(30, 5)
    assert precision_recall(real, real) == (1.0, 1.0)
    copies = real[:1].expand(30, 5)
    assert precision_recall(copies, real)[0] == 1
    assert precision_recall(real, copies) == (
        pytest.approx(1 / 30),
        1.0,
    )  # balls of radius 0 hold the one row


def test_nearest_rows_are_scikit_learns_and_a_copy_is_at_distance_zero() -> None:
    made = torch.Generator().manual_seed(0)
    rows, pool = torch.rand(700, 48, generator=made), torch.rand(90, 48, generator=made)
    rows[600] = pool[7]
    for k in (1, 4):
        gaps, index = NearestNeighbors(n_neighbors=k).fit(pool.numpy()).kneighbors(rows.numpy())
        got, at = nearest_rows(rows, pool, k)
        np.testing.assert_allclose(got, gaps[:, -1], atol=1e-5)
        assert (at.numpy() == index[:, -1]).all()
    distance, index = nearest_rows(rows, pool)
    assert (distance[600], index[600]) == (0, 7)
    assert nearest_rows(pool, pool, 2)[0].min() > 0


def test_bad_input() -> None:
    good = torch.randn(5, 3)
    with pytest.raises(ValueError, match="k: got 5, want less than the 5 rows"):
        precision_recall(good, good, k=5)
    with pytest.raises(ValueError, match=r"real: got shape \(5, 2\)"):
        precision_recall(good, good[:, :2])
    with pytest.raises(ValueError, match="rows: got NaN"):
        nearest_rows(good * torch.nan, good)
    with pytest.raises(ValueError, match="k: got 6, want 1 to the pool's 5"):
        nearest_rows(good, good, 6)
    with pytest.raises(ValueError, match="uint8"):
        nearest_rows(good.to(torch.uint8), good)
