"""What guidance does to points and digits, the break-its, the claim's parts and the figures of both."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch

from lecture_utils.chapters.ch16 import (
    broken_figures,
    broken_study,
    guidance_claims,
    guidance_compared,
    guidance_figures,
    guidance_parts,
    guidance_points,
    guidance_sheets,
    guidance_study,
    solutions,
)
from lecture_utils.generative.diffusion.guidance import guide
from lecture_utils.generative.diffusion.unet import ConditionalUNet

pytestmark = pytest.mark.system("S16.2")


# --- points: the theory ---------------------------------------------------------------------------------
def test_without_guidance_points_are_those_of_the_class():
    found = guidance_points.points_measured(guidance_points.guided_points(1.0, 4000))
    real = guidance_points.points_of("blue").sample(4000, torch.Generator().manual_seed(3))
    own = guidance_points.points_measured(real)
    assert own["off"] == pytest.approx(guidance_points.EDGE, abs=0.006)
    for key in ("sure", "near", "spread"):
        assert found[key] == pytest.approx(own[key], abs=0.05)
    assert found["off"] < 0.02


def test_guided_points_are_surer_of_fewer_kinds_and_leave_the_class():
    found = [guidance_points.points_measured(guidance_points.guided_points(w, 1000)) for w in (1, 2, 4, 16)]
    sure, near, off = ([one[key] for one in found] for key in ("sure", "near", "off"))
    assert sure == sorted(sure) and near == sorted(near, reverse=True)
    assert near[-1] < 0.02 and off[-1] > 0.5


def test_the_sharpened_density_keeps_both_groups():
    points, shape = guidance_figures.grid(81)
    for w in (4.0, 16.0):
        density = guidance_points.sharpened_density(points, w)
        group = torch.cdist(points, guidance_points.points_of("blue").means).argmin(dim=1)
        share = density[group == guidance_points.NEAR].sum() / density.sum()
        assert share > 0.3  # of which guided points keep 0.16 and 0.00
    assert shape == (81, 81)


def test_the_score_is_the_slope_of_the_log_density():
    blue, at = (
        guidance_points.points_of("blue"),
        torch.tensor([[0.3, -0.2], [-1.0, 1.0]], dtype=torch.float64),
    )
    x = at.clone().requires_grad_()
    blue.log_density(x, 400, guidance_points.points_schedule()).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(guidance_points.score(blue, at, 400), x.grad)


def test_the_learners_guide_is_called():
    seen = []

    def learner(without, given, scale):
        seen.append(scale)
        return solutions.Guidance.guide(without, given, scale)

    ours = guidance_points.guided_points(3.0, 20, steps=5)
    torch.testing.assert_close(guidance_points.guided_points(3.0, 20, steps=5, guide=learner), ours)
    strips = guidance_study.digit_strips((2,), (0.0, 3.0), guide=learner)
    assert seen == [3.0] * 5 + [0.0] * 20 + [3.0] * 20
    labels, model = torch.tensor([[2]]), guidance_study.shipped_digits()
    noise = torch.randn(1, *model.shape, generator=torch.Generator().manual_seed(0))
    for scale, made in strips.items():  # the same as the model's own way to sample
        torch.testing.assert_close(made, model.sample(labels, noise=noise, scale=scale).clamp(0, 1))


# --- what is measured -----------------------------------------------------------------------------------
def test_spread_is_within_classes():
    features = torch.tensor([[0.0], [2.0], [10.0], [14.0]])
    assert guidance_study.spread(features, torch.tensor([0, 0, 1, 1])) == pytest.approx((1 + 1 + 4 + 4) / 4)
    real = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(60) % 3
    found = guidance_study.features_measured(real, labels, real, labels)
    assert found["precision"] == found["recall"] == found["spread"] == 1
    assert found["frechet"] == pytest.approx(0, abs=1e-6)
    narrow = guidance_study.features_measured(0.1 * real, labels, real, labels)
    assert narrow["recall"] < 0.5 < narrow["precision"] and narrow["spread"] == pytest.approx(0.01)


def test_the_claim_measures_what_its_rules_ask_for():
    claim = guidance_claims.c16_4_guidance.claim
    found = guidance_claims.c16_4_guidance(0, "quick")
    assert {rule.figure for rule in claim.rules} <= set(found)
    assert {"small", "digits", "points", "scenes"} == set(found["guided"]) == set(found["plain"])
    assert found["lost"] == found["plain"]["small"]["recall"] - found["guided"]["small"]["recall"]
    at_two = guidance_claims.compared(0, "quick", 2.0)
    assert at_two["plain"] == found["plain"] and at_two["guided"] != found["guided"]
    assert all(math.isfinite(v) for world in found["guided"].values() for v in world.values())
    points = claim.boundary.points
    assert max(points) / min(points) >= 16


# --- break-its ------------------------------------------------------------------------------------------
def test_mistaken_targets_show_and_one_step_off_does_not():
    made = broken_study.mistaken_targets(60)
    right = made["ε taken for ε"]
    assert (
        right.accuracy > 0.9
        and right.frechet < made["v taken for ε"].frechet < made["ε taken for x₀"].frechet
    )
    wrong = broken_study.wrong_schedules(60)
    torch.testing.assert_close(wrong["as trained"].images, right.images, atol=1e-3, rtol=0)
    assert wrong["one step off"].frechet == pytest.approx(wrong["as trained"].frechet, abs=0.1)
    assert wrong["linear schedule"].frechet > wrong["as trained"].frechet + 0.2


def test_guidance_needs_a_model_that_was_also_told_nothing():
    found = broken_study.without_drops((1.0, 3.0), n=300, steps=800)
    assert abs(found[0.0][1.0][1]["off"] - found[0.1][1.0][1]["off"]) < 0.1
    assert found[0.0][3.0][1]["off"] > found[0.1][3.0][1]["off"] + 0.4


def test_codes_have_no_bounds_and_the_model_is_left_as_it_was():
    made = broken_study.codes_clipped(("a photo of a red ring",))
    free, held = made.values()
    assert held.std() < free.std()
    assert guidance_study.shipped_scenes().clip is None


# --- figures --------------------------------------------------------------------------------------------
def test_stops_are_those_that_ran():
    net = ConditionalUNet(3, (32, 64), context=16).eval()
    given = torch.rand(1, 3, 16, 16), torch.tensor([5]), torch.randn(1, 7, 16)
    seen = guidance_parts.stops(net, *given)
    assert [stop.side for stop in seen][:2] == [16, 8] and seen[-1].side == 16
    assert sum(stop.context for stop in seen) == 4  # one down, the middle, two up
    assert all(stop.step for stop in seen if stop.kind == "residual block")
    assert not any(part._forward_hooks for part in net.modules())
    texts = [text.get_text() for text in guidance_parts.unet_figure(net, *given).axes[0].texts]
    assert texts.count("c") == 4 and "handed across" in texts


def test_what_pixels_look_at_sums_to_one():
    image, share = guidance_parts.looked_at("a red ring", steps=2)
    assert image.shape == (3, 32, 32) and share.shape[1:] == (8, 8)
    torch.testing.assert_close(share.sum(dim=0), torch.ones(8, 8))


def test_every_figure_draws():
    found = guidance_claims.c16_4_guidance(0, "quick")
    swept = [{"at": 2.0, "figures": [guidance_claims.compared(0, "quick", 2.0)]}]
    record = SimpleNamespace(figures=[found], boundary={"points": swept})
    assert list(guidance_figures.by_scale(record)) == [1.0, 2.0, 4.0]
    model = guidance_study.shipped_digits()
    strips = guidance_study.digit_strips((2, 5), (0.0, 4.0))
    made = [
        guidance_figures.arrows_figure(guide=guide),
        guidance_figures.points_figure((1.0, 4.0), n=20),
        guidance_sheets.strips_figure(strips, ["2", "5"], "t"),
        guidance_sheets.tables_figure(guidance_study.digit_tables((2.0,), 1), list("0123456789"), ["t"]),
        guidance_figures.trade_figure(record),
        guidance_parts.step_code_figure(),
        guidance_parts.attention_figure("a red ring"),
        broken_figures.faults_figure(broken_study.unclipped((8.0,), n=10), "t"),
        broken_figures.drops_figure(broken_study.without_drops((1.0, 3.0), n=300, steps=800)),
        broken_figures.codes_figure(strips),
    ]
    for fig in made:
        fig.canvas.draw()
        assert fig.axes
    assert "t = 450" in made[0].axes[0].get_title(loc="left"), "at which step the arrows hold"
    copied = copy.deepcopy(model)
    torch.testing.assert_close(guidance_study.digit_strips((2, 5), (4.0,), model=copied)[4.0], strips[4.0])


@pytest.mark.nightly
def test_makers_are_judged_alike():
    found = guidance_compared.makers_judged(24, scales=(3.0,))
    assert next(iter(found)) == "real pictures" and [*found][2:] == ["conditional GAN", "diffusion, w = 3"]
    assert found["real pictures"]["class"] > 0.9 and found["real pictures"]["spread"] == 1
