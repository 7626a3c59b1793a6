"""Chapter 15's auto-encoders and VAEs: trainings in the open, breaks, walks, figures, the claim's parts."""

import math

import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch15 import (
    latent_bound_figures,
    latent_claims,
    latent_figures,
    latent_study,
    solutions,
)
from lecture_utils.data import digits
from lecture_utils.recipes import _latent, digits_vae

pytestmark = pytest.mark.system("S15.3")


@pytest.fixture(scope="module")
def broken():
    """A right VAE and one whose code has no slope, trained for two seconds each."""
    return latent_study.broken("z detached", steps=250)


def test_without_the_moved_noise_the_encoder_learns_to_say_nothing(broken):
    right, wrong = (broken[name][1] for name in ("as it should be", "z detached"))
    assert float(right.kl.sum()) > 2 and float(wrong.kl.sum()) < 0.05
    assert right.psnr > right.psnr_shuffled + 3  # its decoder listens to the code
    assert abs(wrong.psnr - wrong.psnr_shuffled) < 0.1


def test_the_learners_draw_is_what_trains():
    seen = []

    def draw(mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(mean.shape)
        return solutions.draw_latent(mean, log_var, noise)

    ours = latent_study.train_digits(latent_study.new_arm("VAE", 4), steps=3)
    theirs = latent_study.train_digits(latent_study.new_arm("VAE", 4), draw=draw, steps=3)
    assert seen == [(64, 4)] * 3
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_more_samples_raise_the_bound(broken):
    model, x = broken["as it should be"][0], digits.load(8, "test")[0][:40]
    found = latent_study.by_samples(model, x, (1, 4, 32), importance=solutions.importance_log_likelihood)
    values = [found[k] for k in (1, 4, 32)]
    assert values == sorted(values) and values[-1] > values[0] + 0.2
    assert _latent.bound_measures(model, x)["elbo"] == pytest.approx(values[0], abs=1.0)


def test_fitted_noise_has_the_mean_and_the_covariance_of_the_codes():
    draw = torch.Generator().manual_seed(0)
    codes = torch.randn(5000, 3, generator=draw) @ torch.tensor([[2.0, 0, 0], [1, 0.3, 0], [0, 0, 0]]) + 4
    noise = _latent.fitted_noise(codes, 5000, 1)
    torch.testing.assert_close(noise.mean(0), codes.mean(0), atol=0.15, rtol=0)
    torch.testing.assert_close(torch.cov(noise.T), torch.cov(codes.T), atol=0.25, rtol=0)
    assert noise[:, 2].std() < 1e-3  # a code that never varies does not vary here


def test_walks_begin_and_end_at_the_reconstructions(broken):
    model, x = broken["as it should be"][0], digits.load(8, "test")[0]
    steps = latent_study.walk(model, x[0], x[1], 5)
    torch.testing.assert_close(steps[[0, -1]], _latent.reconstructed(model, x[:2]))
    torch.testing.assert_close(latent_study.pixel_mix(x[0], x[1], 5)[[0, -1]], x[:2])


def test_a_traversal_changes_one_latent_number(broken):
    model, x = broken["as it should be"][0], digits.load(8, "test")[0][0]
    code = _latent.codes(model, x[None])[0]
    made = latent_study.traversal(model, x, [2], [float(code[2]), 3.0])
    assert made.shape == (1, 2, 1, 8, 8)
    torch.testing.assert_close(made[0, 0], _latent.reconstructed(model, x[None])[0])
    assert not torch.allclose(made[0, 1], made[0, 0], atol=1e-3)


def test_every_figure_draws(broken):
    model, images = broken["as it should be"][0], digits.load(8, "test")[0]
    labels = digits.load(8, "test")[1]
    plane = digits_vae.build().eval()
    said = {name: one for name, (_, one) in broken.items()}
    points = {2.0: [latent_claims.compared(0, "quick", 2)], 8.0: [latent_claims.compared(0, "quick", 8)]}
    made = [
        latent_figures.units_figure(said, "t"),
        latent_figures.plane_figure(plane, images, labels, "t", side=4),
        latent_figures.reconstructions_figure({"VAE": model}, images[:5], "t"),
        latent_figures.rows_figure({"codes": latent_study.walk(model, images[0], images[1])}, "t"),
        latent_figures.traversal_figure(
            latent_study.traversal(model, images[0], [0], [-1, 1]), ["z"], [-1, 1], "t"
        ),
        latent_figures.blur_figure(latent_study.unsure(model, images[0], images[1:50]), "t"),
        latent_figures.widths_figure(latent_study.by_width((1, 2), steps=2), "t"),
        latent_bound_figures.beta_figure(latent_study.by_beta((1.0, 2.0), steps=2), "t"),
        latent_bound_figures.samples_bound_figure({1: -3.0, 4: -2.0}, -3.1, "t"),
        latent_bound_figures.noise_claim_figure(points, "t"),
    ]
    for fig in made:
        fig.canvas.draw()
        texts = [fig.get_suptitle(), *(text.get_text() for text in fig.texts)]
        assert fig.axes and "t" in texts


def test_the_claim_measures_what_its_rules_ask_for():
    rules = latent_claims.c15_1_noise.claim.rules
    found = latent_claims.c15_1_noise(0, "quick")
    assert {rule.figure for rule in rules} <= set(found)
    assert all(math.isfinite(value) for value in found.values())
    assert found["gain"] == pytest.approx(found["ae_standard"] - found["vae_standard"])
    assert 0 <= found["real"] < found["ae_standard"]  # two steps of training make no digits


def test_another_kind_of_break_is_refused():
    with pytest.raises(ValueError, match="want 'z detached' or 'beta too large'"):
        latent_study.broken("nothing")
