"""Pixel and latent diffusion at equal compute: plans, what each arm sees, the gallery, figures."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch16 import compute_claims, compute_figures, compute_study
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES, HELD_OUT
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.recipes import _equal_compute, shapes_compute_arms
from lecture_utils.recipes._equal_compute import PRICES, Setting, plan
from tests.mutants import planted

pytestmark = pytest.mark.system("S16.3")
FEW = 512  # pictures in the pool of these tests


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A pool of sixteen batches."""
    monkeypatch.setattr(_equal_compute, "POOL", FEW)
    _equal_compute.pool.cache_clear()
    yield
    _equal_compute.pool.cache_clear()


def cost(steps: dict[str, int], fold: int) -> float:
    """CPU seconds by the prices, each picture of the pool encoded once at most."""
    if "pixel" in steps:
        return steps["pixel"] * PRICES[f"pixel, fold {fold}"] / 1000
    batches = min(steps["latent"], _equal_compute.POOL / _equal_compute.BATCH)
    parts = steps["auto-encoder"] * PRICES["auto-encoder"], steps["latent"] * PRICES["latent"]
    return (sum(parts) + batches * PRICES["encode"]) / 1000


@pytest.mark.parametrize("seconds", [7.5, 30.0, 120.0, 2000.0])
@pytest.mark.parametrize(("arm", "fold"), [("pixel", 2), ("pixel", 4), ("latent", 2), ("given", 2)])
def test_a_plan_costs_its_budget(arm: str, fold: int, seconds: float) -> None:
    steps = plan(arm, seconds, fold)
    assert cost(steps, fold) == pytest.approx(seconds, abs=0.09)  # half a step of each part
    coding = steps.get("auto-encoder", 0) * PRICES["auto-encoder"] / 1000
    assert coding == pytest.approx(seconds / 3 if arm == "latent" else 0, abs=0.09)


@pytest.mark.parametrize(
    "fault",
    [
        ('0 if arm == "given" else max(1,', "max(1,"),
        ('budget - coding * PRICES["auto-encoder"], POOL', "budget, POOL"),
        ("if steps > once:", "if steps < once:"),
        ('round(budget / PRICES[f"pixel, fold {fold}"])', 'round(budget / PRICES["pixel, fold 2"])'),
        ('once * PRICES["encode"]) / PRICES', 'PRICES["encode"]) / PRICES'),
    ],
    ids=lambda fault: fault[1],
)
def test_a_fault_in_the_plan_is_seen(fault: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "plan", planted(_equal_compute.__name__, fault).plan)
    with pytest.raises(AssertionError):
        for arm, fold in (("pixel", 2), ("pixel", 4), ("latent", 2), ("given", 2)):
            for seconds in (7.5, 2000.0):
                test_a_plan_costs_its_budget(arm, fold, seconds)


def test_a_plan_has_a_step_of_each_part_and_refuses_other_arms() -> None:
    assert plan("pixel", 0) == {"pixel": 1} and plan("latent", 0) == {"auto-encoder": 1, "latent": 1}
    with pytest.raises(ValueError, match="arm: got 'diffusion'"):
        plan("diffusion", 3)
    with pytest.raises(ValueError, match="seconds"):
        plan("pixel", -1)


def test_each_round_shows_each_picture_once_in_another_order(few: None) -> None:
    batches = _equal_compute.rows(5)
    first, second = (torch.cat([next(batches) for _ in range(16)]) for _ in range(2))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(FEW))
    assert first.tolist() != second.tolist()


def test_pictures_are_encoded_as_they_are_met(few: None) -> None:
    coder = _equal_compute.shipped_coder()
    mean, log_var = _equal_compute.encoded(coder, 0, 1)
    met = next(_equal_compute.rows(0))
    with torch.no_grad():
        want = coder.encode(_equal_compute.pool(0).image[met])
    torch.testing.assert_close((mean[met], log_var[met]), want)
    assert mean.abs().sum((1, 2, 3)).count_nonzero() == len(met)
    assert _equal_compute.encoded(coder, 0, 500)[0].abs().sum((1, 2, 3)).count_nonzero() == FEW


def weights(model: torch.nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("arm", ["pixel", "latent", "given"])
def test_an_arm_is_trained_and_paints(few: None, arm: str) -> None:
    shipped = weights(_equal_compute.shipped_coder())
    done = _equal_compute.trained(arm, 0, 0.3, Setting(1e-3, 4))
    assert done.steps == plan(arm, 0.3, 4)
    assert set(done.seconds) == ({"pixel"} if arm == "pixel" else {"auto-encoder", "latent"})
    labels = torch.tensor([[0, 1], [7, 2]])
    made = _equal_compute.painted(done.model, labels, seed=0, steps=2)
    assert made.shape == (2, 3, 32, 32) and made.min() >= 0 and made.max() <= 1 and made.std() > 0.01
    if arm == "pixel":
        again = _equal_compute.trained(arm, 0, 0.3, Setting(1e-3, 4))
        assert torch.equal(weights(done.model), weights(again.model)), "a training can be repeated"
    assert torch.equal(shipped, weights(_equal_compute.shipped_coder())), "the shipped one does not learn"
    if isinstance(done.model, LatentDiffusion):
        assert torch.equal(weights(done.model.autoencoder), shipped) == (arm == "given")
        assert done.model.autoencoder.scale != 1
        rebuilt = compute_claims.rebuilt(done.model, captioned(12, seed=3, split="test"))
        assert (rebuilt["psnr"] > 25) == (arm == "given")


def test_the_rate_with_the_lowest_loss_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    best = {"pixel": 2e-3, "latent": 4e-3, "auto-encoder": 8e-3}
    monkeypatch.setattr(compute_claims, "validated", lambda part, rate, *_: abs(rate - best[part]))
    assert {part: compute_claims.rate_of.__wrapped__(part, "full") for part in best} == best


@pytest.mark.parametrize("part", ["pixel", "latent", "auto-encoder"])
def test_a_trial_says_what_was_learnt(few: None, part: str) -> None:
    short, longer = (compute_claims.validated(part, 4e-3, seconds, 16) for seconds in (0.1, 2.0))
    assert 0 < longer < 0.95 * short


def test_prices_are_measured_by_stage() -> None:
    found = compute_study.stages(1, 0)
    assert set(found) == set(PRICES) and set(found["encode"]) == {"forward"}
    assert all(taken > 0 for parts in found.values() for taken in parts.values())
    kept = {name: compute_study.kept_bytes(name) for name in PRICES if name != "encode"}
    assert kept["latent"] < kept["pixel, fold 4"] < kept["pixel, fold 2"] < kept["auto-encoder"]
    assert all(speed > 0 for speed in compute_study.speeds(2, 1).values())


def test_the_gallery_keeps_what_is_put_in_and_asks_for_every_seen_pair() -> None:
    gallery = shapes_compute_arms.build()
    images = captioned(16, seed=0).image
    gallery.keep("latent", 7.5, images)
    torch.testing.assert_close(gallery.pictures("latent", 7.5), images, atol=0.5 / 255 + 1e-6, rtol=0)
    assert sum(b.numel() for b in gallery.buffers()) < 700_000
    with pytest.raises(ValueError, match="pictures: got latent 8"):
        gallery.pictures("latent", 8)
    pairs = [tuple(pair) for pair in shapes_compute_arms.asked(6).tolist()]
    assert len(set(pairs)) == len(pairs) == 48 and not set(pairs) & set(HELD_OUT)
    assert [c for c, _ in pairs[:8]] == list(range(len(CLASSES)))


def row(pixel: float, latent: float, given: float | None = None) -> dict[str, Any]:
    def arm(right: float, *parts: str) -> dict[str, Any]:
        spent = {"seconds": dict.fromkeys(parts, 60.0), "steps": dict.fromkeys(parts, 500)}
        return {"class": right, "frechet_course": 9.0, "frechet_course_real": 0.2} | spent

    arms = {"pixel": arm(pixel, "pixel"), "latent": arm(latent, "auto-encoder", "latent")}
    return {"arms": arms | ({"given": arm(given, "latent")} if given else {})}


def test_figures_show_each_arm_and_seed() -> None:
    boundary = {"points": [{"at": at, "figures": [row(0.1, 0.2)] * 3} for at in (7.5, 30.0)]}
    record = SimpleNamespace(figures=[row(0.2, 0.3, 0.4)] * 3, boundary=boundary)
    found = dict(compute_figures.points(record, "latent", "class"))
    assert found == {7.5: [0.2] * 3, 30.0: [0.2] * 3, 120.0: [0.3] * 3}
    assert list(compute_figures.points(record, "given", "class")) == [(120.0, [0.4] * 3)]
    curves = compute_figures.curves_figure(record, "curves")
    assert [len(ax.lines) for ax in curves.axes] == [3 + 7 + 1] * 2  # means, dots a budget, a limit
    assert len(compute_figures.spent_figure(record, "spent").axes[0].patches) == 4
    stages = {"latent": {"forward": 20.0, "backward": 30.0}, "encode": {"forward": 9.0}}
    assert len(compute_figures.stages_figure(stages, "stages").axes[0].patches) == 3 + 3  # and the legend's
    gallery = shapes_compute_arms.build()
    assert len(compute_figures.sheets_figure(gallery, "sheets").axes) == 3
    assert len(compute_figures.growth_figure(gallery, "growth").axes) == 6


@pytest.mark.nightly
def test_the_claim_returns_its_figures_in_the_quick_budget(few: None) -> None:
    compute_claims.rate_of.cache_clear()
    found = compute_claims.c16_3_compute(0, "quick")
    assert found["gain"] == found["arms"]["latent"]["class"] - found["arms"]["pixel"]["class"]
    assert set(found["arms"]) == {"pixel", "latent", "given"}
    assert "unguided" in found["arms"]["given"] and found["arms"]["latent"]["rebuilt"]["psnr"] > 5
    swept = compute_claims.compared(0, "quick", 7.5)
    assert set(swept["arms"]) == {"pixel", "latent"} and "gain" in swept
    compute_claims.rate_of.cache_clear()
