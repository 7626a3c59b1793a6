"""The Fréchet distance against SciPy's matrix square root, torchmetrics, closed forms; its bias."""

import numpy as np
import pytest
import torch
from scipy import linalg
from torchmetrics.image.fid import FrechetInceptionDistance

from lecture_utils import zoo
from lecture_utils.metrics.frechet import (
    frechet_at_sizes,
    frechet_distance,
    gaussian_fit,
    sqrt_psd,
    stage_features,
    without_bias,
)
from tests.mutants import planted

pytestmark = pytest.mark.system("S15.7")


def by_scipy(a: tuple[torch.Tensor, torch.Tensor], b: tuple[torch.Tensor, torch.Tensor]) -> float:
    (mean_a, cov_a), (mean_b, cov_b) = (tuple(t.numpy() for t in pair) for pair in (a, b))
    root = linalg.sqrtm(cov_a @ cov_b)
    return float(((mean_a - mean_b) ** 2).sum() + np.trace(cov_a + cov_b - 2 * np.real(root)))


@pytest.mark.parametrize("features", [1, 3, 40])
def test_equals_scipys_square_root(features: int) -> None:
    torch.manual_seed(features)
    mix = torch.randn(features, features)
    a, b = gaussian_fit(torch.randn(300, features)), gaussian_fit(torch.randn(200, features) @ mix + 0.5)
    assert frechet_distance(a, b) == pytest.approx(by_scipy(a, b), rel=1e-6)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_gaussians_of_one_number() -> None:
    """(μ₁ - μ₂)² + (σ₁ - σ₂)²."""
    a, b = (torch.tensor([1.0]), torch.tensor([[4.0]])), (torch.tensor([4.0]), torch.tensor([[25.0]]))
    a, b = (tuple(t.double() for t in pair) for pair in (a, b))
    assert frechet_distance(a, b) == pytest.approx(9 + 9)


def test_nothing_between_equals_and_a_shift_counts_squared() -> None:
    x = torch.randn(500, 6)
    assert frechet_distance(gaussian_fit(x), gaussian_fit(x)) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(gaussian_fit(x), gaussian_fit(x + 2)) == pytest.approx(6 * 4, rel=1e-4)


def test_fewer_pictures_than_features() -> None:
    """The covariances have no full rank: SciPy's root goes complex, this one does not."""
    torch.manual_seed(0)
    a, b = gaussian_fit(torch.randn(5, 20)), gaussian_fit(torch.randn(5, 20))
    root_a = sqrt_psd(a[1])
    torch.testing.assert_close(root_a @ root_a, a[1])
    assert 0 < frechet_distance(a, b) < 200


def test_fit_is_numpys() -> None:
    x = torch.randn(50, 4)
    mean, cov = gaussian_fit(x)
    np.testing.assert_allclose(mean, x.double().mean(0))
    np.testing.assert_allclose(cov, np.cov(x.numpy().T.astype(np.float64)), rtol=1e-9)


def test_features_are_the_means_of_the_stages() -> None:
    net, x = zoo.load("shapes_resnet"), torch.rand(3, 3, 32, 32)
    features = stage_features(net, x, batch_size=2)
    assert features.shape == (3, 112)
    with torch.no_grad():
        last = net.stages(net.stem(x)).mean((2, 3))
    torch.testing.assert_close(features[:, -64:], last, rtol=1e-4, atol=1e-5)


class Flat(torch.nn.Module):
    """Pictures (N, 3, 2, 2) as features (N, 12), for torchmetrics, which wants to make features itself."""

    num_features = 12

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)


def by_torchmetrics(a: torch.Tensor, b: torch.Tensor) -> float:
    metric = FrechetInceptionDistance(Flat(), normalize=True).set_dtype(torch.float64)
    metric.update(a.reshape(-1, 3, 2, 2), real=True)
    metric.update(b.reshape(-1, 3, 2, 2), real=False)
    return metric.compute().item()


def two_sets() -> tuple[torch.Tensor, torch.Tensor]:
    """Features in [0, 1] of unlike means, spreads and correlations, (300, 12) and (200, 12)."""
    made = torch.Generator().manual_seed(0)
    a = torch.rand(300, 12, generator=made, dtype=torch.float64)
    mix = torch.softmax(2 * torch.randn(12, 12, generator=made, dtype=torch.float64), dim=1)
    return a, torch.rand(200, 12, generator=made, dtype=torch.float64).square() @ mix.T


FAULTS = (
    ("centred.T @ centred / (len(x) - 1)", "centred.T @ centred / len(x)"),  # the biased covariance
    ("root @ cov_b @ root", "root @ cov_b"),  # not symmetric: other eigenvalues
    ("clamp(min=0).sqrt().sum()", "clamp(min=0).sum()"),  # the trace of the product, not of its root
    ("- 2 * cross", "- cross"),
    ("(mean_a - mean_b).square().sum()", "(mean_a - mean_b).norm()"),
    ("vectors * values.clamp(min=0).sqrt() @ vectors.T", "matrix.clamp(min=0).sqrt()"),  # entry by entry
)


def test_equals_torchmetrics() -> None:
    a, b = two_sets()
    want = by_torchmetrics(a, b)
    assert want > 0.1  # of a trace of about 1: there is something to get wrong
    assert frechet_distance(gaussian_fit(a), gaussian_fit(b)) == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("fault", FAULTS, ids=[wrong for _, wrong in FAULTS])
def test_a_planted_fault_is_seen(fault: tuple[str, str]) -> None:
    a, b = two_sets()
    module = planted("lecture_utils.metrics.frechet", fault)
    got = module.frechet_distance(module.gaussian_fit(a), module.gaussian_fit(b))
    assert abs(got - by_torchmetrics(a, b)) > 1e-4


def test_equal_covariances_leave_the_means_and_diagonal_ones_the_spreads() -> None:
    made = torch.Generator().manual_seed(1)
    mix = torch.randn(5, 5, generator=made, dtype=torch.float64)
    mean_a, mean_b = torch.randn(2, 5, generator=made, dtype=torch.float64)
    std_a, std_b = 0.5 + torch.rand(2, 5, generator=made, dtype=torch.float64)
    apart = (mean_a - mean_b).square().sum().item()
    assert frechet_distance((mean_a, mix @ mix.T), (mean_b, mix @ mix.T)) == pytest.approx(apart)
    spread = (std_a - std_b).square().sum().item()
    got = frechet_distance((mean_a, std_a.square().diag()), (mean_b, std_b.square().diag()))
    assert got == pytest.approx(apart + spread)


def test_turning_both_sets_changes_nothing_and_scaling_counts_squared() -> None:
    a, b = two_sets()
    turn, _ = torch.linalg.qr(torch.randn(12, 12, dtype=torch.float64))
    plain = frechet_distance(gaussian_fit(a), gaussian_fit(b))
    assert frechet_distance(gaussian_fit(a @ turn + 3), gaussian_fit(b @ turn + 3)) == pytest.approx(plain)
    assert frechet_distance(gaussian_fit(10 * a), gaussian_fit(10 * b)) == pytest.approx(100 * plain)


def test_never_below_zero_and_the_same_both_ways_on_covariances_of_low_rank() -> None:
    for seed in range(5):
        made = torch.Generator().manual_seed(seed)
        a, b = (gaussian_fit(torch.randn(4, 30, generator=made)) for _ in range(2))
        assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)
        assert frechet_distance(a, b) > 1
        assert 0 <= frechet_distance(a, a) < 1e-5


def test_fewer_rows_push_the_distance_up_and_the_line_takes_it_back() -> None:
    """Two sets of one distribution: the truth is 0, each estimate is above it, the extrapolation is near."""
    made = torch.Generator().manual_seed(0)
    rows, other = torch.randn(2, 8000, 20, generator=made)
    reference = (torch.zeros(20).double(), torch.eye(20).double())  # the truth: no bias of its own
    sizes = [250, 500, 1000, 2000, 4000, 8000]
    distances = frechet_at_sizes(rows, reference, sizes)
    assert distances == sorted(distances, reverse=True)
    at_infinity, slope = without_bias(sizes, distances)
    assert slope > 0
    assert abs(at_infinity) < 0.2 * distances[-1] + 0.1 * distances[0]
    assert frechet_at_sizes(rows, reference, [8000])[0] == pytest.approx(distances[-1])  # all rows: no chance
    assert frechet_at_sizes(other, reference, [250], seed=1) != frechet_at_sizes(other, reference, [250])


def test_the_line_is_numpys() -> None:
    sizes, distances = [100, 300, 500, 2000], [5.0, 3.1, 2.4, 2.2]
    slope, at_infinity = np.polyfit(1 / np.array(sizes), distances, 1)
    assert without_bias(sizes, distances) == pytest.approx((at_infinity, slope))
    assert without_bias([10, 20], [3.0, 2.0]) == pytest.approx((1.0, 20.0))


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="N ≥ 2"):
        gaussian_fit(torch.randn(1, 3))
    with pytest.raises(ValueError, match="NaN or infinite"):
        gaussian_fit(torch.full((3, 2), torch.nan))
    with pytest.raises(ValueError, match="gaussians: got shapes"):
        frechet_distance(gaussian_fit(torch.randn(9, 3)), gaussian_fit(torch.randn(9, 2)))
    with pytest.raises(ValueError, match="images"):
        stage_features(torch.nn.Identity(), torch.rand(3, 8))
    with pytest.raises(ValueError, match="want one with 'stem' and 'stages'"):
        stage_features(torch.nn.Identity(), torch.rand(1, 3, 8, 8))
    with pytest.raises(ValueError, match="batch_size: got 0"):
        stage_features(torch.nn.Identity(), torch.rand(1, 3, 8, 8), batch_size=0)
    with pytest.raises(ValueError, match="uint8"):
        gaussian_fit(torch.ones(4, 3, dtype=torch.uint8))
    mean, cov = gaussian_fit(torch.randn(9, 3))
    with pytest.raises(ValueError, match="gaussians: got NaN"):
        frechet_distance((mean, cov), (mean * torch.nan, cov))
    with pytest.raises(ValueError, match=r"matrix: got shape \(3, 2\)"):
        sqrt_psd(cov[:, :2])
    with pytest.raises(ValueError, match="sizes: got 10, want at most the 9 rows"):
        frechet_at_sizes(torch.randn(9, 3), (mean, cov), [10])
    with pytest.raises(ValueError, match="two different ones"):
        without_bias([5, 5], [1.0, 2.0])
    with pytest.raises(ValueError, match="distances: got"):
        without_bias([5, 6], [1.0])
