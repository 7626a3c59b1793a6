"""The bound's terms against torch.distributions, diffusers and Monte Carlo; importance weights."""

import math
from types import ModuleType

import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal, kl_divergence

from lecture_utils.chapters.ch15 import solutions
from lecture_utils.generative import elbo
from tests.mutants import planted

pytestmark = pytest.mark.system("S15.3")
MODULE = "lecture_utils.generative.elbo"


def posterior(batch: int = 5, latent: int = 3) -> tuple[Tensor, Tensor]:
    """Means and log variances (B, Z), float64, none near the prior's."""
    draw = torch.Generator().manual_seed(1)
    return tuple(1.5 * torch.randn(2, batch, latent, generator=draw, dtype=torch.float64))


def normals(mean: Tensor, log_var: Tensor) -> Independent:
    return Independent(Normal(mean, (log_var / 2).exp()), 1)


def assert_terms(module: ModuleType) -> None:
    """Assert every term against a library's."""
    mean, log_var = posterior()
    prior = Independent(Normal(torch.zeros_like(mean), 1.0), 1)
    kl = module.kl_to_standard_normal(mean, log_var)
    torch.testing.assert_close(kl, kl_divergence(normals(mean, log_var), prior))
    theirs = DiagonalGaussianDistribution(torch.cat([mean, log_var], 1)[..., None, None])
    torch.testing.assert_close(kl, theirs.kl())
    torch.testing.assert_close(module.kl_per_unit(mean, log_var).sum(1), kl)

    noise = torch.randn(4, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    z = module.reparameterise(mean, log_var, noise)
    torch.testing.assert_close(z, mean + (log_var / 2).exp() * noise)
    torch.testing.assert_close(
        module.normal_log_density(z, mean, log_var), normals(mean, log_var).log_prob(z)
    )

    x, made = torch.rand(2, 5, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    want = Normal(made, 0.3).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(module.gaussian_log_likelihood(x, made, 0.3), want)
    logits = 9 * (made - 0.5)
    want = Bernoulli(logits=logits, validate_args=False).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(module.bernoulli_log_likelihood(x, logits), want)
    on = (x > 0.5).double()
    want = Bernoulli(logits=logits).log_prob(on).sum((1, 2, 3))
    torch.testing.assert_close(module.bernoulli_log_likelihood(on, logits), want)

    log_joint, log_posterior = 30 * torch.randn(2, 6, 5, dtype=torch.float64)
    want = (log_joint - log_posterior).exp().mean(0).log()
    torch.testing.assert_close(module.importance_log_likelihood(log_joint, log_posterior), want)


def test_every_term_is_the_librarys():
    assert_terms(elbo)


@pytest.mark.parametrize(
    "fault",
    [
        ("torch.exp(log_var / 2)", "torch.exp(log_var)"),
        ("mean + deviation * noise", "mean - deviation * noise"),
        (
            "(mean.square() + log_var.exp() - 1 - log_var) / 2",
            "(mean.square() + log_var.exp() - 1 + log_var) / 2",
        ),
        ("kl_per_unit(mean, log_var).sum(dim=1)", "kl_per_unit(mean, log_var).mean(dim=1)"),
        ("math.log(deviation) + LOG_2_PI / 2", "math.log(deviation)"),
        ("(x - mean) / deviation", "(x - mean) / deviation**2"),
        ("x * logits - F.softplus(logits)", "x * logits - F.softplus(-logits)"),
        ("/ log_var.exp()", "/ (log_var / 2).exp()"),
        ("(squared + log_var + LOG_2_PI)", "(squared - log_var + LOG_2_PI)"),
        ("- math.log(len(log_weight))", "- math.log(log_weight.shape[1])"),
        ("log_joint - log_posterior", "log_joint"),
    ],
)
def test_a_planted_fault_is_seen(fault):
    with pytest.raises(AssertionError):
        assert_terms(planted(MODULE, fault))


def test_the_divergence_is_what_monte_carlo_finds():
    mean, log_var = posterior(4, 2)
    noise = torch.randn(40_000, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    z, zero = elbo.reparameterise(mean, log_var, noise), torch.zeros_like(mean)
    ratio = elbo.normal_log_density(z, mean, log_var) - elbo.normal_log_density(z, zero, zero)  # (K, B)
    error = ratio.std(0) / math.sqrt(len(ratio))
    gap = (ratio.mean(0) - elbo.kl_to_standard_normal(mean, log_var)).abs()
    assert (gap < 5 * error).all() and (error < 0.05 * ratio.mean(0)).all()


def test_the_divergence_is_zero_at_the_prior_alone():
    zero = torch.zeros(1, 3)
    assert elbo.kl_to_standard_normal(zero, zero).item() == 0
    for mean, log_var in ((0.1, 0.0), (0.0, 0.1), (0.0, -0.1)):
        assert elbo.kl_to_standard_normal(zero + mean, zero + log_var).item() > 0


def test_the_gradient_through_the_noise_is_the_analytic_one_of_a_quadratic():
    """E[(z − a)²] = (mean − a)² + exp(log_var); noise of −1 and 1 has a normal one's mean and variance."""
    mean, log_var = (part.requires_grad_() for part in posterior())
    target = torch.linspace(-1, 1, 3, dtype=torch.float64)
    noise = torch.tensor([-1.0, 1.0], dtype=torch.float64)[:, None, None].expand(2, *mean.shape)
    z = elbo.reparameterise(mean, log_var, noise)  # (2, B, Z)
    by_mean, by_log_var = torch.autograd.grad((z - target).square().mean(0).sum(), (mean, log_var))
    torch.testing.assert_close(by_mean, 2 * (mean.detach() - target))
    torch.testing.assert_close(by_log_var, log_var.detach().exp())


# --- importance weights where log p(x) is known: x = W z + σ ε ------------------------------------------
def linear_case(k: int, exact: bool) -> tuple[Tensor, Tensor]:
    """What K samples say of log p(x) (B,), with the exact posterior or one too narrow and off; log p(x)."""
    draw = torch.Generator().manual_seed(5)
    w = torch.randn(4, 1, generator=draw, dtype=torch.float64)
    x = torch.randn(300, 4, generator=draw, dtype=torch.float64)
    sigma = 0.7
    truth = MultivariateNormal(torch.zeros(4).double(), w @ w.T + sigma**2 * torch.eye(4).double())
    precision = 1 + (w.T @ w).item() / sigma**2
    mean = x @ w / sigma**2 / precision  # (B, 1)
    log_var = torch.full_like(mean, -math.log(precision))
    if not exact:
        mean, log_var = mean + 0.3, log_var - 0.5
    noise = torch.randn(k, 300, 1, generator=draw, dtype=torch.float64)
    z, zero = elbo.reparameterise(mean, log_var, noise), torch.zeros_like(mean)
    likelihood = Normal(z @ w.T, sigma).log_prob(x).sum(-1)  # (K, B)
    joint = likelihood + elbo.normal_log_density(z, zero, zero)
    found = elbo.importance_log_likelihood(joint, elbo.normal_log_density(z, mean, log_var))
    return found, truth.log_prob(x)


@pytest.mark.parametrize("k", [1, 7])
def test_with_the_exact_posterior_any_number_of_samples_gives_the_evidence(k):
    found, truth = linear_case(k, exact=True)
    torch.testing.assert_close(found, truth)


def test_with_another_posterior_the_bound_rises_with_the_samples_towards_the_evidence():
    means = [linear_case(k, exact=False)[0].mean() for k in (1, 4, 16, 400)]
    truth = linear_case(1, exact=False)[1].mean()
    assert (torch.stack(means).diff() > 0).all()
    assert means[0] < truth - 0.1
    assert abs(means[-1] - truth) < 0.02


def test_large_weights_do_not_overflow():
    log_joint = torch.tensor([[-1e4], [-1e4 + 1]])
    want = -1e4 + math.log((1 + math.e) / 2)
    assert elbo.importance_log_likelihood(log_joint, torch.zeros(2, 1)).item() == pytest.approx(want)


def test_the_exercises_solutions_are_these():
    mean, log_var = posterior()
    noise = torch.linspace(-1, 1, mean.numel(), dtype=torch.float64).reshape_as(mean)
    z, kl = solutions.draw_latent(mean, log_var, noise)
    torch.testing.assert_close(z, elbo.reparameterise(mean, log_var, noise))
    torch.testing.assert_close(kl, elbo.kl_to_standard_normal(mean, log_var))
    terms = torch.randn(2, 4, 5)
    torch.testing.assert_close(
        solutions.importance_log_likelihood(*terms), elbo.importance_log_likelihood(*terms)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: elbo.reparameterise(torch.zeros(2, 3), torch.zeros(2, 2), torch.zeros(2, 3)),
            "log_var: got",
        ),
        (lambda: elbo.reparameterise(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(3, 3)), "noise: got"),
        (
            lambda: elbo.gaussian_log_likelihood(torch.rand(1, 1, 2, 2), torch.rand(1, 1, 2, 2), 0.0),
            "above 0",
        ),
        (
            lambda: elbo.bernoulli_log_likelihood(2 * torch.ones(1, 1, 2, 2), torch.rand(1, 1, 2, 2)),
            r"in \[0, 1\]",
        ),
        (lambda: elbo.importance_log_likelihood(torch.zeros(3), torch.zeros(3)), "log_joint: got"),
        (lambda: elbo.importance_log_likelihood(torch.zeros(0, 3), torch.zeros(0, 3)), "no axis of length 0"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
