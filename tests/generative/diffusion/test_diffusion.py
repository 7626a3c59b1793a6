"""Noising, its posterior, the bound and the samplers against what is known exactly."""

import itertools
import math

import pytest
import torch

from lecture_utils.generative.diffusion import bound, forward_process, prediction, samplers
from lecture_utils.generative.diffusion.mixture import GaussianMixture
from lecture_utils.generative.diffusion.schedule import (
    NoiseSchedule,
    cosine_betas,
    linear_betas,
    scaled_linear_betas,
    zero_terminal_snr,
)
from tests.mutants import planted

pytestmark = pytest.mark.system("S16.1")
PLACE = "lecture_utils.generative.diffusion"
BETAS = {
    "linear": linear_betas,
    "cosine": cosine_betas,
    "scaled": scaled_linear_betas,
    "bent": lambda steps: zero_terminal_snr(linear_betas(steps)),
}
KINDS = ("epsilon", "sample", "v")
CLUSTERS = GaussianMixture(
    torch.tensor([[-1.5], [0.5], [2.0]], dtype=torch.float64),
    torch.tensor([0.15, 0.4, 0.1], dtype=torch.float64),
    torch.tensor([0.3, 0.5, 0.2], dtype=torch.float64),
)


def drawer(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(seed, *shape):
    return torch.randn(shape, dtype=torch.float64, generator=drawer(seed))


def iterated_moments(module, schedule, steps):
    """By what one step does to a 1 and to the noise: the factor of x_0 and the variance after `steps`."""
    one, none = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    factor, variance = one, none
    for t in range(1, steps + 1):
        factor = factor * module.noise_step(schedule, one, t, none)
        variance = variance * module.noise_step(schedule, one, t, none) ** 2
        variance = variance + module.noise_step(schedule, none, t, one) ** 2
    return factor, variance


@pytest.mark.parametrize("name", BETAS)
def test_steps_one_by_one_and_all_at_once_are_one_distribution(name):
    schedule = NoiseSchedule(BETAS[name](1000))
    one, none = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for steps in (1, 2, 500, 1000):
        factor, variance = iterated_moments(forward_process, schedule, steps)
        torch.testing.assert_close(factor, forward_process.noised(schedule, one, steps, none))
        torch.testing.assert_close(variance, forward_process.noised(schedule, none, steps, one) ** 2)
        torch.testing.assert_close(factor**2 + variance, one)  # variance preserving


@pytest.mark.parametrize(
    "fault",
    [
        ("beta.sqrt() * noise", "beta * noise"),
        ("(1 - beta).sqrt() * x", "(1 - beta) * x"),
        ("alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt()", "alpha_bar.sqrt() * x0 + (1 - alpha_bar)"),
        ("beta = schedule.beta_at(t, x)", "beta = schedule.beta_at(t - 1, x) + 1e-9"),
    ],
)
def test_a_planted_fault_of_the_noising_is_seen(fault):
    bad, schedule = planted(f"{PLACE}.forward_process", fault), NoiseSchedule(linear_betas())
    one, none = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    factor, variance = iterated_moments(bad, schedule, 500)
    want = bad.noised(schedule, one, 500, none), bad.noised(schedule, none, 500, one) ** 2
    assert max(float((factor / want[0] - 1).abs()), float((variance / want[1] - 1).abs())) > 1e-3


def test_schedules_end_in_noise_and_the_cosine_is_clipped():
    for betas in (linear_betas(), cosine_betas(), zero_terminal_snr(scaled_linear_betas())):
        assert NoiseSchedule(betas).alpha_bar[-1] < 1e-4
    assert NoiseSchedule(scaled_linear_betas()).alpha_bar[-1] > 4e-3  # latent diffusion's does not quite
    assert (cosine_betas() == 0.999).sum() == 1
    schedule = NoiseSchedule(cosine_betas())
    t = torch.arange(1000) / 1000
    want = (torch.cos((t + 0.008) / 1.008 * math.pi / 2) / math.cos(0.008 / 1.008 * math.pi / 2)) ** 2
    torch.testing.assert_close(schedule.alpha_bar[:-1], want.double(), rtol=1e-4, atol=1e-7)
    snr = schedule.snr()
    assert (snr[1:] < snr[:-1]).all() and len(snr) == 1000


def posterior_by_bayes(schedule, x0, x, t, s):
    """On a grid of x_s: q(x_s | x_0) q(x_t | x_s), normalised."""
    grid = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    before, now = float(schedule.alpha_bar[s]), float(schedule.alpha_bar[t])
    alpha = now / before
    log = -((grid - math.sqrt(before) * x0) ** 2) / (2 * (1 - before))
    log = log - (x - math.sqrt(alpha) * grid) ** 2 / (2 * (1 - alpha))
    weight = log.softmax(0)
    mean = (weight * grid).sum()
    return mean, (weight * (grid - mean) ** 2).sum()


@pytest.mark.parametrize(("t", "s"), [(2, 1), (40, 39), (100, 99), (80, 20)])
def test_the_posterior_is_bayes_rule(t, s):
    schedule = NoiseSchedule(linear_betas(100, start=1e-3, end=0.2))
    x0, x = torch.tensor([0.7], dtype=torch.float64), torch.tensor([-0.4], dtype=torch.float64)
    got = forward_process.posterior(schedule, x0, x, t, s)
    mean, variance = posterior_by_bayes(schedule, 0.7, -0.4, t, s)
    torch.testing.assert_close(got.mean[0], mean, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(got.variance[0], variance, rtol=1e-6, atol=1e-9)
    large = forward_process.posterior(schedule, x0, x, t, s, variance="large")
    assert large.variance > got.variance  # β > β̃
    if s == t - 1:
        torch.testing.assert_close(large.variance[0], schedule.beta[t])


def test_into_the_clean_picture_the_posterior_is_the_picture():
    schedule, x0, x = NoiseSchedule(cosine_betas(50)), normal(0, 2, 3), normal(1, 2, 3)
    got = forward_process.posterior(schedule, x0, x, 1)
    torch.testing.assert_close(got.mean, x0)
    assert (got.variance == 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", KINDS)
def test_predictions_of_all_kinds_say_the_same(kind, to):
    schedule, x0, noise = NoiseSchedule(cosine_betas(50)), normal(0, 4, 2, 3), normal(1, 4, 2, 3)
    t = torch.tensor([1, 7, 30, 49])
    x = forward_process.noised(schedule, x0, t, noise)
    said, want = (prediction.target(schedule, x0, t, noise, kind=k) for k in (kind, to))
    torch.testing.assert_close(prediction.convert(schedule, said, x, t, kind=kind, to=to), want)
    torch.testing.assert_close(prediction.to_sample(schedule, said, x, t, kind=kind), x0)
    torch.testing.assert_close(prediction.to_epsilon(schedule, said, x, t, kind=kind), noise)


def test_x_and_v_are_picture_and_noise_turned_by_an_angle():
    schedule, x0, noise = NoiseSchedule(cosine_betas(50)), normal(0, 1, 6), normal(1, 1, 6)
    x = forward_process.noised(schedule, x0, 20, noise)
    v = prediction.target(schedule, x0, 20, noise, kind="v")
    torch.testing.assert_close(x**2 + v**2, x0**2 + noise**2)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_of_the_perfect_network_is_what_cannot_be_known(kind):
    """For one point the network can know all, and its loss is 0; predicting another kind is not."""
    schedule = NoiseSchedule(cosine_betas(50))
    point = GaussianMixture(torch.tensor([[0.3, -0.6]], dtype=torch.float64), torch.zeros(1).double())
    x0, noise = point.means.expand(50, 2), normal(1, 50, 2)
    t = torch.arange(1, 51)
    losses = {
        k: float(prediction.simple_loss(point.predictor(schedule, kind=k), schedule, x0, t, noise, kind=kind))
        for k in KINDS
    }
    assert losses.pop(kind) < 1e-15 and min(losses.values()) > 0.1


def ks_distance(x, mixture):
    """The largest difference of the share of points below and the mixture's distribution function."""
    x = x.flatten().sort().values
    away = (x[:, None] - mixture.means[:, 0]) / (mixture.spreads * math.sqrt(2))
    want = (mixture.weights * (1 + torch.erf(away)) / 2).sum(1)
    ranks = torch.arange(len(x) + 1, dtype=torch.float64) / len(x)
    return float(torch.maximum((want - ranks[:-1]).abs(), (want - ranks[1:]).abs()).max())


N = 2000
CHANCE = 1.95 / math.sqrt(N)  # Kolmogorov: exceeded once in a thousand draws from the mixture itself


def made(module=samplers, *, sampler="ddim", count=None, seed=0, schedule=None, predictor=None, **more):
    """N points from noise by the perfect network."""
    schedule = schedule or NoiseSchedule(cosine_betas(1000))
    predict = (predictor or CLUSTERS).predictor(schedule, kind=more.get("kind", "epsilon"))
    times = None if count is None else samplers.spaced_steps(schedule.steps, count, "trailing")
    run = module.ddpm_sample if sampler == "ddpm" else module.ddim_sample
    return run(predict, schedule, normal(seed, N, 1), times, draw=drawer(seed + 1), **more)


def test_the_test_of_the_samplers_knows_the_mixture():
    assert ks_distance(CLUSTERS.sample(N, drawer(3)), CLUSTERS) < CHANCE
    assert ks_distance(1.05 * CLUSTERS.sample(N, drawer(3)) + 0.05, CLUSTERS) > CHANCE


@pytest.mark.parametrize("variance", ["small", "large"])
def test_ddpm_in_a_thousand_steps_draws_from_the_mixture(variance):
    assert ks_distance(made(sampler="ddpm", variance=variance), CLUSTERS) < CHANCE


@pytest.mark.parametrize(("kind", "eta"), [("epsilon", 0.0), ("v", 0.0), ("sample", 0.0), ("v", 1.0)])
def test_ddim_in_many_steps_draws_from_the_mixture(kind, eta):
    assert ks_distance(made(kind=kind, eta=eta, count=500), CLUSTERS) < CHANCE


def test_ddim_in_twenty_steps_is_near_and_in_five_is_not():
    twenty, five = (ks_distance(made(count=count), CLUSTERS) for count in (20, 5))
    assert twenty < 1.5 * CHANCE and five > 2 * CHANCE


CALL = "noise, kind=kind, variance=variance, clip=clip)\n        if keep"
SAMPLER_FAULTS = {
    "no noise is added": ("mean if s == 0 else mean + spread.sqrt() * noise", "mean"),
    "each step goes to the clean picture": (f"t, s, {CALL}", f"t, 0, {CALL}"),
    "half the noise": ("spread.sqrt() * noise", "spread.sqrt() * noise / 2"),
}


@pytest.mark.parametrize("fault", SAMPLER_FAULTS)
def test_a_planted_fault_of_the_sampler_is_seen(fault):
    bad, schedule = planted(f"{PLACE}.samplers", SAMPLER_FAULTS[fault]), NoiseSchedule(cosine_betas(200))
    assert ks_distance(made(sampler="ddpm", schedule=schedule), CLUSTERS) < CHANCE
    assert ks_distance(made(bad, sampler="ddpm", schedule=schedule), CLUSTERS) > 2 * CHANCE


def test_a_network_of_the_wrong_kind_is_seen():
    schedule = NoiseSchedule(cosine_betas(200))
    x = samplers.ddim_sample(CLUSTERS.predictor(schedule, kind="sample"), schedule, normal(0, N, 1), kind="v")
    assert ks_distance(x, CLUSTERS) > 2 * CHANCE


def test_with_eta_1_the_ddim_step_is_the_ancestral_step():
    schedule = NoiseSchedule(linear_betas(1000))
    x, said, noise = normal(0, 2, 3), normal(1, 2, 3), normal(2, 2, 3)
    for t, s in [(1000, 999), (500, 499), (700, 300), (2, 1)]:
        ddim = samplers.ddim_step(schedule, x, said, t, s, noise, eta=1.0)
        torch.testing.assert_close(ddim, samplers.ddpm_step(schedule, x, said, t, s, noise))


def test_without_eta_the_same_noise_gives_the_same_picture_and_ddpm_another():
    a, b = (made(count=20, seed=0)[:5] for _ in range(2))
    assert torch.equal(a, b)
    schedule = NoiseSchedule(cosine_betas(100))
    predict = CLUSTERS.predictor(schedule)
    a, b = (samplers.ddpm_sample(predict, schedule, normal(0, 5, 1), draw=drawer(s)) for s in (1, 2))
    assert not torch.equal(a, b)


def test_encoding_and_decoding_give_the_point_back_the_better_the_more_steps():
    schedule = NoiseSchedule(cosine_betas(1000))
    predict, x0 = CLUSTERS.predictor(schedule, kind="v"), CLUSTERS.sample(200, drawer(5))
    away = []
    for count in (20, 100, 500):
        times = samplers.spaced_steps(1000, count, "linspace")
        noise = samplers.ddim_encode(predict, schedule, x0, times, kind="v")
        away.append(
            float((samplers.ddim_sample(predict, schedule, noise, times, kind="v") - x0).abs().mean())
        )
    assert away[0] > 2 * away[1] > 4 * away[2] and away[2] < 0.05
    assert noise.mean().abs() < 0.25 and (noise.std() - 1).abs() < 0.2


def test_clipping_holds_the_picture():
    schedule, x = NoiseSchedule(cosine_betas(100)), normal(0, 50, 1)
    far = GaussianMixture(torch.tensor([[3.0]]).double(), torch.tensor([0.1]).double()).predictor(schedule)
    for run in (samplers.ddpm_sample, samplers.ddim_sample):
        kept = []
        assert (run(far, schedule, x, clip=1.0, keep=kept) - 1).abs().max() < 1e-9
        assert len(kept) == 100 and run(far, schedule, x).min() > 2.5


def test_the_perfect_denoiser_is_the_mean_of_what_could_have_been():
    """Against points drawn, noised, and kept where they fell close by."""
    schedule = NoiseSchedule(cosine_betas(100))
    x0 = CLUSTERS.sample(400_000, drawer(0))
    x = forward_process.noised(schedule, x0, 45, normal(1, *x0.shape))
    for place in (-0.8, 0.1, 1.0):
        near = (x[:, 0] - place).abs() < 0.02
        want = x0[near]
        got = CLUSTERS.denoise(torch.tensor([[place]], dtype=torch.float64), 45, schedule)
        assert (got - want.mean()).abs() < 4 * want.std() / math.sqrt(len(want)) + 0.005
    grid = torch.linspace(-9, 9, 20_001, dtype=torch.float64)[:, None]
    mass = CLUSTERS.log_density(grid, 45, schedule).exp().sum() * (grid[1] - grid[0])
    torch.testing.assert_close(mass, torch.ones(1).double())


def log_normal(x, mean, variance):
    return -((x - mean) ** 2 / variance + (2 * math.pi * variance).log()) / 2


@pytest.mark.parametrize("variance", ["small", "large"])
def test_the_terms_of_the_bound_sum_to_the_log_ratio_of_the_chains(variance):
    """E[log q(x_1…x_T | x_0) - log p(x_0 … x_T)] over whole chains, for one x_0."""
    schedule = NoiseSchedule(linear_betas(6, start=0.1, end=0.6))
    predict = GaussianMixture(torch.tensor([[0.2]]).double(), torch.tensor([0.7]).double()).predictor(
        schedule
    )
    x0 = torch.full((20_000, 1), 0.9, dtype=torch.float64)
    got = bound.variational_bound(predict, schedule, x0, variance=variance, levels=None, draw=drawer(0))
    chain = [x0]
    log_q = torch.zeros_like(x0)
    for t in range(1, 7):
        chain.append(forward_process.noise_step(schedule, chain[-1], t, normal(t, *x0.shape)))
        beta = schedule.beta[t]
        log_q = log_q + log_normal(chain[t], (1 - beta).sqrt() * chain[t - 1], beta)
    log_p = log_normal(chain[6], torch.zeros(1).double(), torch.ones(1).double())
    for t in range(6, 0, -1):
        guess = prediction.to_sample(
            schedule, predict(chain[t], torch.full((len(x0),), t)), chain[t], t, kind="epsilon"
        )
        its = forward_process.posterior(schedule, guess, chain[t], t, variance=variance)
        spread = schedule.alpha_bar[1], schedule.alpha_bar[2]
        first = (1 - spread[0]) / (1 - spread[1]) * schedule.beta[2]  # β̃ of step 2, for step 1
        its_variance = first if t == 1 and variance == "small" else its.variance
        log_p = log_p + log_normal(chain[t - 1], its.mean, its_variance)
    want = (log_q - log_p).flatten()
    total = got.total()
    assert got.steps.shape == (20_000, 5)
    assert (got.prior == got.prior[0]).all() and got.prior[0] > 0 and (got.steps >= 0).all()
    error = (want.var() / len(want) + total.var() / len(total)).sqrt()
    assert (total.mean() - want.mean()).abs() < 4 * error


def test_the_bound_of_the_perfect_network_is_the_entropy_and_of_a_worse_one_lies_above():
    data = GaussianMixture(torch.tensor([[0.2]]).double(), torch.tensor([0.7]).double())
    schedule, x0 = NoiseSchedule(linear_betas(50, start=0.002, end=0.4)), data.sample(8000, drawer(0))
    entropy = -float(log_normal(x0, 0.2, torch.tensor(0.49).double()).mean())
    perfect = data.predictor(schedule, kind="v")

    def gap(predict, **more):
        terms = bound.variational_bound(
            predict, schedule, x0, kind="v", levels=None, draw=drawer(1), **{"variance": "large", **more}
        )
        return float(terms.total().mean()) - entropy

    assert abs(gap(perfect)) < 0.05
    assert gap(lambda x, t: perfect(x, t) + 0.3) > 0.2
    assert gap(perfect, variance="small") > 0.2  # β̃ is right for one picture only


def test_probabilities_of_all_grey_values_sum_to_one():
    levels = 5
    grey = torch.linspace(-1, 1, levels).double()
    p = forward_process.Gaussian(torch.full((levels, 1), 0.3).double(), torch.full((levels, 1), 0.2).double())
    total = bound.log_grey_values(grey[:, None], p, levels).exp().sum()
    torch.testing.assert_close(total, torch.ones(()).double())


def test_every_step_must_be_one():
    schedule, x = NoiseSchedule(cosine_betas(10)), normal(0, 2, 3)
    calls = [
        lambda: forward_process.noised(schedule, x, 11, x),
        lambda: forward_process.noised(schedule, x, torch.tensor([1, 11]), x),
        lambda: forward_process.noised(schedule, x, torch.tensor([1]), x),
        lambda: forward_process.noise_step(schedule, x, 0, x),
        lambda: forward_process.posterior(schedule, x, x, 3, 3),
        lambda: samplers.ddim_step(schedule, x, x, 3, 4, x, eta=0.5),
        lambda: samplers.ddim_step(schedule, x, x, 4, 3, eta=0.5),
        lambda: samplers.ddim_sample(lambda x, t: x, schedule, x, [1, 5]),
        lambda: samplers.ddim_sample(lambda x, t: x[:1], schedule, x, [5, 1]),
        lambda: prediction.to_epsilon(schedule, x, x, 0, kind="sample"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"got .*want"):
            call()
    assert all(a > b for a, b in itertools.pairwise(samplers.spaced_steps(10, 4, "trailing")))
