"""Samplers side by side: the same network, the same noise, and what is believed on the way."""

import dataclasses
import math

import pytest
import torch
from matplotlib.figure import Figure

from lecture_utils.chapters.ch16 import (
    denoising_study,
    guidance_study,
    steps_claims,
    steps_figures,
    steps_study,
)
from lecture_utils.data import digits
from lecture_utils.experiments import ledger
from lecture_utils.generative.diffusion.samplers import ddim_sample, ddpm_sample, spaced_steps
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, linear_betas

pytestmark = pytest.mark.system("S16.1")
LINEAR = NoiseSchedule(linear_betas())


def test_each_name_is_its_sampler() -> None:
    mixture = steps_study.grid_mixture(3)
    predict = mixture.predictor(LINEAR)
    noise = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    times = spaced_steps(1000, 10)

    def want(how: str) -> torch.Tensor:
        draw = torch.Generator().manual_seed(5)
        if how == "DDIM":
            return ddim_sample(predict, LINEAR, noise, times)
        return ddpm_sample(predict, LINEAR, noise, times, variance=how.split()[1], draw=draw)

    made = {
        how: steps_study.sample_with(how, predict, LINEAR, noise, 10, seed=5) for how in steps_study.SAMPLERS
    }
    for how, x in made.items():
        torch.testing.assert_close(x, want(how))
    assert (made["DDPM, small variance"] - made["DDPM, large variance"]).abs().max() > 0.01
    with pytest.raises(ValueError, match="sampler: got 'ddim'"):
        steps_study.sample_with("ddim", predict, LINEAR, noise, 10)


def test_the_sliced_distance_of_a_shift() -> None:
    """Points shifted by d along an axis: the mean of |d cos a| over directions, 2 d / π."""
    points = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    got = steps_study.sliced_distance(points, points[torch.randperm(500)] + torch.tensor([0.6, 0.0]))
    assert got == pytest.approx(2 * 0.6 / math.pi, rel=1e-3)
    with pytest.raises(ValueError, match="points: got"):
        steps_study.sliced_distance(points, points[:3])


def test_more_steps_come_nearer_to_the_points() -> None:
    """With the perfect denoiser only the sampler errs."""
    mixture = steps_study.grid_mixture()
    draw = torch.Generator().manual_seed(0)
    real, noise = mixture.sample(1000, draw), torch.randn(1000, 2, generator=draw)
    few, many = (
        steps_study.sliced_distance(
            steps_study.sample_with("DDIM", mixture.predictor(LINEAR), LINEAR, noise, count), real
        )
        for count in (5, 100)
    )
    assert few > 4 * many


def test_a_trajectory_keeps_what_was_believed() -> None:
    """x_t is made of the believed picture and noise, and ends at the last belief."""
    mixture = steps_study.grid_mixture(3)
    noise = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    way = denoising_study.trajectory(mixture.predictor(LINEAR), LINEAR, noise, 10, kind="epsilon")
    assert way.times == [*range(1000, 0, -100), 0]
    assert way.x.shape == (11, 6, 2) and way.x0.shape == way.epsilon.shape == (10, 6, 2)
    alpha_bar = LINEAR.alpha_bar[way.times[:-1]].float()[:, None, None]
    torch.testing.assert_close(way.x[:-1], alpha_bar.sqrt() * way.x0 + (1 - alpha_bar).sqrt() * way.epsilon)
    torch.testing.assert_close(way.x[-1], way.x0[-1])
    torch.testing.assert_close(way.x0[3], mixture.denoise(way.x[3], 700, LINEAR))


def test_the_perfect_belief_goes_from_the_mean_to_the_digit() -> None:
    image = digits.load(8)[0][7]
    _, guess = denoising_study.perfect_beliefs(image, (1000, 1), LINEAR)
    mean = 2 * digits.load(8)[0].mean(0) - 1
    torch.testing.assert_close(guess[0], mean, atol=0.03, rtol=0)
    torch.testing.assert_close(guess[1], 2 * image - 1, atol=1e-4, rtol=0)


def test_noises_between_two_keep_their_length() -> None:
    a, b = torch.randn(2, 1, 4000, generator=torch.Generator().manual_seed(0))
    half = denoising_study.slerp(a, b, 0.5)
    assert half.norm().item() == pytest.approx(a.norm().item(), rel=0.05)
    assert (a / 2 + b / 2).norm().item() < 0.8 * a.norm().item()
    torch.testing.assert_close(denoising_study.slerp(a, b, 0.0), a)
    torch.testing.assert_close(denoising_study.slerp(a, b, 1.0), b)


def test_ddim_gives_the_same_digit_and_comes_back() -> None:
    """One noise: 20 and 40 steps are nearer to one another than DDPM's; and back from a digit's noise."""
    gaps = []
    for sampler in ("DDIM", "DDPM, small variance"):
        made = denoising_study.same_noise(torch.arange(10), (20, 40), sampler)
        gaps.append((made[20] - made[40]).square().mean().sqrt().item())
    assert gaps[1] > 2 * gaps[0]
    images, labels = (part[:3] for part in digits.load(16, "test"))
    back = denoising_study.there_and_back(images, labels, (5, 30))
    assert back[30][2] > back[5][2] + 5
    assert 0.3 < back[30][0].std().item() < 1.2  # smoother than white noise


def test_losses_say_the_same_in_three_ways() -> None:
    """The error of ε is that of x_0 times ᾱ / (1 - ᾱ)."""
    found = denoising_study.loss_by_step((100, 500), n=8)
    ratio = guidance_study.shipped_digits().schedule.snr()[[99, 499]]
    torch.testing.assert_close(
        torch.tensor(found["epsilon"]), (torch.tensor(found["sample"]) * ratio).float(), rtol=1e-3, atol=0
    )


def test_the_claim_counts_steps_of_one_network() -> None:
    found = steps_claims.c16_2_steps(0, "quick")
    assert found["excess"] == pytest.approx(
        found["ddim"] / min(found["ddpm_small_1000"], found["ddpm_large_1000"]) - 1
    )
    other = steps_claims.on_digits(0, "quick", 5.0)
    assert other["ddpm_small_1000"] == found["ddpm_small_1000"] and other["ddim"] != found["ddim"]


def test_every_figure_is_drawn() -> None:
    mixture = steps_study.grid_mixture(3)
    image = digits.load(8)[0][3]
    labels = torch.arange(2)
    times = (900, 100)
    figures = [
        steps_figures.clouds(mixture, (1000, 0), n=20),
        steps_figures.paths(mixture, (("DDIM", 10),)),
        steps_figures.beliefs(denoising_study.perfect_beliefs(image, times, LINEAR), times, "guess"),
        steps_figures.trajectory_figure(denoising_study.digit_trajectory(3, 0, 4), (0, 3), "a 3"),
        steps_figures.rows_figure(
            {str(c): x for c, x in denoising_study.same_noise(labels, (1, 2)).items()}, "same"
        ),
        steps_figures.sheets_figure(denoising_study.sheets((1, 2), ("DDIM",), 10), "sheets", shown=10),
        steps_figures.losses_figure(times, denoising_study.loss_by_step(times, n=4), "which t"),
        steps_figures.steps_curve({"DDIM": {5: [1.0, 1.1], 20: [0.5, 0.6]}}, 0.2, "over steps"),
    ]
    assert all(isinstance(figure, Figure) for figure in figures)
    assert "1 steps" in figures[5].axes[0].get_title()
    told = steps_figures.bound_figure(mixture, "bound", n=5).axes[0].texts[-1].get_text()
    assert "exact" in told


def test_between_asks_for_one_digit() -> None:
    made = denoising_study.between(7, (0.0, 0.5, 1.0))
    assert made.shape == (3, 1, 16, 16)
    alone = denoising_study.drawn(torch.tensor([7, 7]), "DDIM", 20, noise=denoising_study.starting_noise(2))
    torch.testing.assert_close(made[[0, 2]], alone, atol=1e-3, rtol=0)
    assert denoising_study.real_distance(20) > 0


def test_the_claims_curve_has_every_training_and_every_count() -> None:
    """A record made by hand: three curves, each with its points."""
    row = {f"{key}": 1.0 + i for i, key in enumerate(steps_claims.SHORT.values())}
    row |= {"ddpm_small_1000": 0.4, "ddpm_large_1000": 0.3, "real": 0.2}
    record = dataclasses.replace(
        ledger.load("C16.1"),
        figures=[row, row],
        boundary={"axis": "steps", "points": [{"at": 5.0, "figures": [row]}]},
    )
    lines = [
        line
        for line in steps_figures.claim_curve(record, "curve").axes[0].lines
        if line.get_linestyle() == "-"
    ]
    assert [line.get_xdata().tolist() for line in lines] == [[5, 20], [5, 20, 1000], [5, 20, 1000]]
    assert lines[2].get_ydata()[-1] == pytest.approx(0.3)
