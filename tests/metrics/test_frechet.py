"""The Fréchet distance against SciPy's matrix square root and closed forms."""

import numpy as np
import pytest
import torch
from scipy import linalg

from lecture_utils import zoo
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit, sqrt_psd, stage_features


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
