"""Sampling of rays: as distributions, in order, within their bins; rays against the ball."""

import math

import pytest
import torch
from scipy import stats

from lecture_utils.rendering import ray_sampling
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.4")
RAYS = 4000
EDGES, WEIGHTS = [2.0, 2.1, 2.5, 2.6, 4.0], [0.1, 0.0, 0.7, 0.2]


def many(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).expand(RAYS, -1)


def stratified(module, count: int = 6) -> torch.Tensor:
    """(RAYS, count) between 2 and 4 metres."""
    draw = torch.Generator().manual_seed(0)
    return module.stratified(many(2.0)[:, 0], many(4.0)[:, 0], count, generator=draw)


def stratified_is_right(module) -> bool:
    """In its own bin each; and there uniform, by Kolmogorov and Smirnov at 1 in 10,000."""
    t = stratified(module)
    bins = torch.linspace(2, 4, 7, dtype=torch.float64)
    inside = bool(((t >= bins[:-1]) & (t <= bins[1:])).all())
    p = [stats.kstest((t[:, i] - bins[i]) / (bins[1] - bins[0]), "uniform").pvalue for i in range(6)]
    apart = [abs(float(torch.corrcoef(t[:, [i, i + 1]].T)[0, 1])) < 0.1 for i in range(5)]
    return inside and min(p) > 1e-4 and all(apart)


def test_stratified_is_uniform_in_each_bin():
    assert stratified_is_right(ray_sampling)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (
            "share = (torch.arange(count).to(near_m) + within) / count",
            "share = (torch.arange(count).to(near_m) + within) / (count - 1)",
        ),
        (
            "share = (torch.arange(count).to(near_m) + within) / count",
            "share = (torch.arange(count).to(near_m) + within[:, :1]) / count",  # one draw a ray
        ),
        ("torch.rand(rays, count,", "0.5 * torch.rand(rays, count,"),
    ],
)
def test_a_planted_fault_in_stratified_sampling_is_seen(right, wrong):
    assert not stratified_is_right(planted("lecture_utils.rendering.ray_sampling", (right, wrong)))


def test_without_jitter_samples_are_the_middles():
    t = ray_sampling.stratified(torch.tensor([0.0, 1.0]), torch.tensor([4.0, 1.0]), 4, jitter=False)
    torch.testing.assert_close(t, torch.tensor([[0.5, 1.5, 2.5, 3.5], [1.0] * 4]))


def hierarchical(module, count: int = 8, **more) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    return module.hierarchical(many(*EDGES), many(*WEIGHTS), count, generator=draw, **more)


def cdf(t) -> object:
    """Of the piecewise constant density that EDGES and WEIGHTS describe."""
    weights = torch.tensor(WEIGHTS, dtype=torch.float64) + ray_sampling.FLOOR
    heights = torch.cat([torch.zeros(1), (weights / weights.sum()).cumsum(0)])
    import numpy as np

    return np.interp(t, EDGES, heights.numpy())


def hierarchical_is_right(module) -> bool:
    """All draws of a ray together have the density asked for, and are in order and within the edges.

    From each ray one of its draws at random, so that what is tested is independent.
    """
    t = hierarchical(module)
    ordered = bool((t.diff(dim=1) >= 0).all()) and bool(((t >= 2) & (t <= 4)).all())
    which = torch.randint(t.shape[1], (RAYS, 1), generator=torch.Generator().manual_seed(2))
    return ordered and stats.kstest(t.gather(1, which)[:, 0].numpy(), cdf).pvalue > 1e-4


def test_hierarchical_samples_have_the_density_of_the_weights():
    assert hierarchical_is_right(ray_sampling)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("return start + share * (end - start)", "return start + 0 * share"),
        ("share = ((u - low) /", "share = ((high - u) /"),
        (
            "cdf = torch.cat([torch.zeros_like(cdf[:, :1]), cdf], dim=1)",
            "cdf = torch.cat([cdf, torch.ones_like(cdf[:, :1])], dim=1)",
        ),
        ("weights = weights.detach() + FLOOR", "weights = 1 + 0 * weights.detach()"),
        ("left = right - 1", "left = right = right - 1 + (right < 2)"),
    ],
)
def test_a_planted_fault_in_hierarchical_sampling_is_seen(right, wrong):
    assert not hierarchical_is_right(planted("lecture_utils.rendering.ray_sampling", (right, wrong)))


def test_shares_of_the_bins_are_those_of_the_weights():
    """Stratified shares: of 8 draws a ray, bin k gets 8 w_k give or take one, and on average just that."""
    t = hierarchical(ray_sampling)
    for k, weight in enumerate(WEIGHTS):
        inside = ((t >= EDGES[k]) & (t < EDGES[k + 1])).sum(1).double()
        assert abs(float(inside.mean()) - 8 * weight) < 4 * 0.5 / math.sqrt(RAYS) + 1e-3
        assert bool(((inside - 8 * weight).abs() < 2).all())


def test_an_empty_ray_is_sampled_evenly_and_an_empty_bin_next_to_never():
    edges = torch.linspace(0, 1, 5)[None]
    t = ray_sampling.hierarchical(edges, torch.zeros(1, 4), 8, jitter=False)
    torch.testing.assert_close(t, (torch.arange(8) + 0.5)[None] / 8)
    t = ray_sampling.hierarchical(edges, torch.tensor([[0.0, 1.0, 0.0, 0.0]]), 100, jitter=False)
    assert bool(((t >= 0.25) & (t <= 0.5)).all())


def leaves_its_bins(module, monkeypatch) -> bool:
    """Whether the greatest draw that there is comes out beyond 4 m, where the last bins are next to empty."""
    greatest = 1 - 2.0**-24
    monkeypatch.setattr(module, "_uniform", lambda rays, count, *_: torch.full((rays, count), greatest))
    weights = torch.rand(2000, 24, generator=torch.Generator().manual_seed(0)) ** 8
    weights[:, 12:] = 0
    t = module.hierarchical(torch.linspace(2, 4, 25).expand(2000, 25), weights, 1)
    return not bool(((t >= 2) & (t <= 4)).all())


def test_rounding_carries_no_sample_out_of_the_ray(monkeypatch):
    assert not leaves_its_bins(ray_sampling, monkeypatch)
    fault = planted("lecture_utils.rendering.ray_sampling", (".clamp(0, 1)  #", "  #"))
    assert leaves_its_bins(fault, monkeypatch)


def test_no_gradient_flows_into_the_coarse_weights():
    weights = torch.rand(2, 4, requires_grad=True)
    edges = torch.linspace(0, 1, 5).expand(2, 5)
    assert not ray_sampling.hierarchical(edges, weights, 3).requires_grad


def test_edges_lie_between_the_samples():
    edges = ray_sampling.bin_edges(torch.tensor([[1.0, 2.0, 4.0]]), torch.zeros(1), torch.tensor([5.0]))
    torch.testing.assert_close(edges, torch.tensor([[0.0, 1.5, 3.0, 5.0]]))


def test_a_ray_meets_the_ball_where_geometry_says():
    origins = torch.tensor([[3.0, 0, 0], [3.0, 0, 0], [0.2, 0, 0], [3.0, 0, 0], [3.0, 0.6, 0]])
    directions = torch.tensor([[-1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [-1, 0, 0]])
    near, far, hit = ray_sampling.ball_interval(origins, directions)
    assert hit.tolist() == [True, False, True, False, True]
    torch.testing.assert_close(near[hit], torch.tensor([2.0, 0.0, 2.2]))
    torch.testing.assert_close(far[hit], torch.tensor([4.0, math.sqrt(0.96), 3.8]))
    torch.testing.assert_close(near[~hit], far[~hit])
    ends = origins + far[:, None] * directions
    torch.testing.assert_close(ends[hit].norm(dim=1), torch.ones(3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ray_sampling.stratified(torch.ones(2), torch.zeros(2), 3), "far_m: got"),
        (lambda: ray_sampling.stratified(torch.ones(2), torch.ones(3), 3), "far_m: got"),
        (lambda: ray_sampling.hierarchical(torch.rand(2, 4), torch.rand(2, 4), 3), "edges_m: got"),
        (
            lambda: ray_sampling.hierarchical(torch.linspace(0, 1, 5)[None], -torch.ones(1, 4), 3),
            "negative weight",
        ),
        (lambda: ray_sampling.ball_interval(torch.ones(1, 3), torch.ones(1, 3)), "length"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
