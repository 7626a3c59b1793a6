"""The pose prior: its likelihood against scikit-learn's, its energy against equation 4, its gradient."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture
from torch import Tensor

from lecture_utils.body.smplify import prior as module
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.4")
TOLERANCE = 1e-8


def fitted(seed: int = 0) -> tuple[GaussianMixture, Tensor]:
    """scikit-learn's mixture of three clouds in five dimensions, and points that it has not seen."""
    random = np.random.default_rng(seed)
    clouds = [
        random.normal(size=(200, 5)) @ random.normal(size=(5, 5)) + 3 * random.normal(size=5)
        for _ in range(3)
    ]
    points = torch.from_numpy(2 * random.normal(size=(40, 5)))
    return GaussianMixture(3, random_state=seed, reg_covar=1e-3).fit(np.concatenate(clouds)), points


def ours(mixture: GaussianMixture, source: Any = module) -> GaussianMixturePrior:
    parts = (mixture.means_, mixture.covariances_, mixture.weights_)
    return source.GaussianMixturePrior(*(torch.from_numpy(part) for part in parts))


def gap(source: Any) -> float:
    mixture, points = fitted()
    want = torch.from_numpy(mixture.score_samples(points.numpy()))
    assert float(want.std()) > 100 * TOLERANCE, "points must matter"
    return float((ours(mixture, source).log_likelihood(points) - want).abs().max())


def test_likelihood_is_that_of_scikit_learn() -> None:
    assert gap(module) < TOLERANCE


@pytest.mark.parametrize(
    "fault",
    [
        ('"mde,bme->bmd"', '"med,bme->bmd"'),
        ("constant = self.log_weights + log_det", "constant = self.log_weights - log_det"),
        ("return constant - distance / 2", "return constant - distance"),
        ("self.means.shape[1] / 2 * math.log", "self.means.shape[1] * math.log"),
        ("torch.logsumexp(self.components(body_pose), dim=1)", "self.components(body_pose).amax(1)"),
    ],
)
def test_a_fault_is_seen(fault: tuple[str, str]) -> None:
    assert gap(planted("lecture_utils.body.smplify.prior", fault)) > 100 * TOLERANCE


def test_energy_is_equation_4_up_to_one_constant() -> None:
    mixture, points = fitted()
    each = np.stack([
        -np.log(g) - multivariate_normal(mean, cov).logpdf(points.numpy())
        for g, mean, cov in zip(mixture.weights_, mixture.means_, mixture.covariances_, strict=True)
    ])  # fmt: skip
    off = ours(mixture).energy(points) - torch.from_numpy(each.min(0))
    assert float(off.std()) < TOLERANCE
    assert float(torch.from_numpy(each.min(0)).std()) > 1
    assert len(set(each.argmin(0))) > 1, "several components must be nearest to some point"


def test_the_likeliest_peak_costs_nothing_and_none_costs_less() -> None:
    prior = ours(fitted()[0])
    at_means = prior.energy(prior.means)
    assert float(at_means.min()) == pytest.approx(0, abs=1e-12)
    assert float(prior.energy(fitted()[1]).min()) >= 0


def test_gradient_by_finite_differences() -> None:
    prior, points = ours(fitted()[0]), fitted()[1][:5].clone().requires_grad_()
    assert torch.autograd.gradcheck(prior.energy, points, atol=1e-6)
    assert torch.autograd.gradcheck(prior.log_likelihood, points, atol=1e-6)


def test_mean_pose_is_the_mixture_s_mean() -> None:
    mixture = fitted()[0]
    assert np.allclose(ours(mixture).mean_pose(), mixture.weights_ @ mixture.means_)


def test_bad_mixtures_are_refused() -> None:
    means, eye, half = torch.zeros(2, 3), torch.eye(3).repeat(2, 1, 1), torch.full((2,), 0.5)
    GaussianMixturePrior(means, eye, half)
    with pytest.raises(ValueError, match=r"weights: got .* want all above 0"):
        GaussianMixturePrior(means, eye, half * 1.5)
    with pytest.raises(ValueError, match="covariances: got one that is not positive definite"):
        GaussianMixturePrior(means, -eye, half)
    skewed = eye.clone()
    skewed[0, 0, 1] = 0.4
    with pytest.raises(ValueError, match="covariances: got one that is not positive definite"):
        GaussianMixturePrior(means, skewed, half)
    with pytest.raises(ValueError, match="means: got NaN"):
        GaussianMixturePrior(means * math.nan, eye, half)
