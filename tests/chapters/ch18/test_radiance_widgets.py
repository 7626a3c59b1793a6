"""Chapter 18b's widgets show what the package computes, and what their captions say is so."""

import pytest
import torch

from lecture_utils.chapters.ch18.widgets import frequencies, one_gaussian, ray_samples, splat_count
from lecture_utils.rendering.radiance_field import positional_encoding

# --- samples along a ray


def test_twelve_samples_miss_the_wall_and_twenty_meet_it():
    true, missed, met = (ray_samples.seen(n, 1.0, "none") for n in (2000, 12, 20))
    assert (true - missed).abs().max() > 0.4 > 0.15 > (true - met).abs().max()
    inside = [(t >= 3.1) & (t < 3.16) for t in (ray_samples.placed(n, 1.0, "none") for n in (12, 20))]
    assert [int(own.sum()) for own in inside] == [0, 1]


def test_a_second_pass_finds_only_what_the_first_has_seen():
    second = ray_samples.SECOND[1]
    blind, seeing = (ray_samples.placed(n, 1.0, second)[0] for n in (12, 20))
    assert not bool(((blind >= 3.1) & (blind < 3.16)).any())
    assert len(seeing) == 40 and int(((seeing > 3.0) & (seeing < 3.3)).sum()) > 10


def test_denser_fog_hides_the_wall_and_no_fog_is_white():
    assert torch.allclose(ray_samples.seen(64, 0.0, "none"), torch.ones(3))
    dense, thin = ray_samples.seen(64, 8.0, "none"), ray_samples.seen(64, 0.1, "none")
    green = ray_samples.colour_at(torch.tensor(2.3))
    assert (dense - green).abs().max() < 0.1 and thin.min() > 0.5


# --- frequencies


def test_the_kernel_is_that_of_wide_networks():
    """The tangent kernel of one hidden layer, against the gradients of a wide network with random weights."""
    generator = torch.Generator().manual_seed(0)
    places = torch.rand(6, 2, generator=generator).double()
    x = torch.cat([positional_encoding(places, 2), torch.ones(6, 1).double()], dim=1)
    first = torch.randn(200_000, x.shape[1], generator=generator).double()
    second = torch.randn(200_000, generator=generator).double()
    hidden = x @ first.T  # (6, W)
    to_second = hidden.relu() @ hidden.relu().T
    slope = (hidden > 0) * second
    to_first = (slope @ slope.T) * (x @ x.T)
    want = 2 * (to_second + to_first) / len(second)
    kept = frequencies.HIDDEN
    try:
        frequencies.HIDDEN = 1
        got = frequencies.kernel(x, x)
    finally:
        frequencies.HIDDEN = kept
    assert torch.allclose(got, want, rtol=0.03, atol=0.1)  # of 10 on the diagonal; 200,000 draws err by 0.03


def test_more_waves_fit_what_is_trained_and_too_many_lose_what_lies_between():
    told = {n: frequencies.decibels("coffee", n, 4.0) for n in (0, 2, 4, 7)}
    assert told[0][0] < told[2][0] < told[4][0]
    assert told[2][1] > told[0][1] > told[7][1] + 3 and told[4][1] > told[7][1] + 3
    assert frequencies.decibels("coffee", 4, 2.5)[0] < told[4][0]


# --- one Gaussian


@pytest.mark.parametrize("place", [(0.12, 0.0, 0.0, 0.0), (0.42, 30.0, 45.0, -0.8), (0.3, 0.0, 0.0, 0.4)])
def test_the_ellipse_has_the_covariance_of_the_dots(place):
    mean, root, _ = one_gaussian.gaussian(*place)
    points = mean + 0.1 * torch.randn(40_000, 3, generator=torch.Generator().manual_seed(1)) @ root.T
    pixels = one_gaussian.project(points, one_gaussian.camera())[0][0]
    want = torch.cov(pixels.T) / 0.01
    assert torch.allclose(one_gaussian.shadow(*place)[1], want, rtol=0.06, atol=1.0)


def test_a_ball_is_round_in_the_middle_and_wide_at_the_edge():
    middle, edge = (one_gaussian.shadow(0.12, 0.0, 0.0, x)[1] for x in (0.0, -1.6))
    assert torch.allclose(middle[0, 0], middle[1, 1]) and edge[0, 0] > 1.5 * edge[1, 1]


# --- how many splats


def test_all_of_them_are_the_shipped_scene():
    model, cameras, _ = splat_count.scene()
    with torch.no_grad():
        want = model(cameras[splat_count.VIEW])[0].clamp(0, 1)
    assert torch.allclose(splat_count.kept("chance", len(model)), want, atol=1e-5)


def test_those_that_contribute_are_worth_more_than_any_others():
    told = {name: splat_count.decibels(name, 1000) for name in splat_count.ORDERS}
    assert all(told[splat_count.ORDERS[0]] > told[name] + 2 for name in splat_count.ORDERS[1:])
    assert splat_count.decibels(splat_count.ORDERS[0], 1500) > splat_count.decibels("chance", 2000) - 2.5
