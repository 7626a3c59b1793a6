"""RANSAC: lines through planted outliers, the number of rounds, clear failures."""

import math

import pytest
import torch

from lecture_utils.geometry.degenerate import DegenerateViews
from lecture_utils.geometry.ransac import Consensus, ransac, rounds_needed

pytestmark = pytest.mark.system("S18.2")


def data(wrong: float, count: int = 200, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Points (P, 2) on y = 2 x + 1 with noise of 0.01, a share of them anywhere; which are right."""
    random = torch.Generator().manual_seed(seed)
    x = 10 * torch.rand(count, generator=random)
    y = 2 * x + 1 + 0.01 * torch.randn(count, generator=random)
    right = torch.rand(count, generator=random) >= wrong
    return torch.stack([x, torch.where(right, y, 20 * torch.rand(count, generator=random))], dim=1), right


def line(points: torch.Tensor, **settings: float) -> Consensus:
    """Fit slope and height to two points a sample."""

    def fit(chosen: torch.Tensor) -> torch.Tensor:
        (x, y), (u, v) = points[chosen].unbind(1)[0].T, points[chosen].unbind(1)[1].T
        slope = (v - y) / (u - x)
        return torch.stack([slope, y - slope * x], dim=1)

    def distance(models: torch.Tensor) -> torch.Tensor:
        return (models[:, :1] * points[:, 0] + models[:, 1:] - points[:, 1]).abs()

    return ransac(fit, distance, len(points), **{"sample": 2, "threshold": 0.1, "least": 20, **settings})


@pytest.mark.parametrize("wrong", [0.0, 0.3, 0.6, 0.8])
def test_the_line_is_found_among_outliers(wrong: float) -> None:
    points, right = data(wrong)
    found = line(points)
    assert abs(float(found.model[0]) - 2) < 0.05 and abs(float(found.model[1]) - 1) < 0.2
    assert bool(found.inliers[right].float().mean() > 0.95)
    assert int((found.inliers & ~right).sum()) <= 0.05 * len(points)


def test_more_outliers_take_more_rounds_and_a_seed_the_same() -> None:
    few, many = (line(data(wrong)[0], batch=1) for wrong in (0.1, 0.8))
    assert few.rounds < many.rounds
    again = line(data(0.8)[0], batch=1)
    assert again.rounds == many.rounds and torch.equal(again.model, many.model)


def test_rounds_are_those_of_the_formula() -> None:
    assert rounds_needed(0.5, 8, 0.99) == pytest.approx(1177, abs=1)  # Hartley and Zisserman, table 4.3
    assert rounds_needed(0.8, 2, 0.99) == pytest.approx(5, abs=1)
    assert rounds_needed(1.0, 4) == 1
    assert rounds_needed(0.0, 4) == math.inf


def test_failures_are_clear() -> None:
    with pytest.raises(DegenerateViews, match="got 1, want 2"):
        line(data(0)[0][:1])
    with pytest.raises(DegenerateViews, match="that agree, want 60"):
        line(data(1.0)[0], least=60)
    with pytest.raises(DegenerateViews, match="got 0 of 4"):  # a fit that never succeeds
        ransac(
            lambda chosen: torch.full((len(chosen), 1), torch.nan), lambda m: m.expand(-1, 4), 4,
            sample=2, threshold=1.0, least=1, most_rounds=10,
        )  # fmt: skip
    with pytest.raises(ValueError, match="distance"):
        ransac(lambda chosen: chosen, lambda m: torch.zeros(3, 5), 4, sample=2, threshold=1.0, least=1)
    with pytest.raises(ValueError, match="threshold"):
        line(data(0)[0], threshold=0.0)
    with pytest.raises(ValueError, match="confidence"):
        line(data(0)[0], confidence=1.0)
