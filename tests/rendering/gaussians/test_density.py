"""Density control: what is cloned, split, pruned and reset; Adam's state goes with its Gaussians."""

import math

import pytest
import torch

from lecture_utils.ops.camera import orbit
from lecture_utils.rendering.gaussians import density
from lecture_utils.rendering.gaussians.fit import FitSettings, adam_for, fit_step
from lecture_utils.rendering.gaussians.gaussians import NAMES, Gaussians, covariance, random_gaussians
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.5")
MODULE = "lecture_utils.rendering.gaussians.density"


def trained(
    n: int = 10, *, steps: int = 2, **settings: float
) -> tuple[Gaussians, torch.optim.Adam, density.DensityControl]:
    """A scene with Adam's moments in it."""
    made = torch.Generator().manual_seed(0)
    scene = random_gaussians(n, radius_m=0.6, degree=1, generator=made)
    with torch.no_grad():
        scene.log_scales += 0.5 * torch.randn(n, 3, generator=made)  # a ball's axes would get no gradient
    optimizer, cameras = adam_for(scene, FitSettings()), orbit(2, (24, 24))
    control = density.DensityControl(scene, optimizer, generator=made, **settings)
    for step in range(steps):
        target = torch.rand(3, 24, 24, generator=made)
        view, _ = fit_step(scene, optimizer, cameras[step % 2], target)
        control.observe(view)
    return scene, optimizer, control


def set_case(scene: Gaussians, control: density.DensityControl) -> None:
    """1 is small and pulled, 2 large and pulled, 3 small, pulled and transparent, 4 huge; the rest stays."""
    with torch.no_grad():
        scene.log_scales.fill_(math.log(0.01))
        scene.log_scales[2] = math.log(0.05)
        scene.log_scales[4] = math.log(0.9)
        scene.opacity_logits.fill_(2.0)
        scene.opacity_logits[3] = -7.0
    control.seen = torch.full_like(control.seen, 4.0)
    control.pull = torch.zeros_like(control.pull)
    control.pull[1:4] = 4 * 1e-3


def test_small_ones_are_cloned_large_ones_split_transparent_and_huge_ones_pruned():
    scene, optimizer, control = trained(gradient_threshold=5e-4, size_threshold_m=0.03, largest_m=0.5)
    set_case(scene, control)
    before = {name: getattr(scene, name).detach().clone() for name in NAMES}
    moments = {name: optimizer.state[getattr(scene, name)]["exp_avg"].clone() for name in NAMES}
    assert all(float(m.abs().max()) > 0 for m in moments.values())
    change = control.densify_and_prune()
    # 3 is cloned, then both are pruned, and so is 4: 10 + 1 (clone of 1) + 1 (2 halves) + 1 - 3
    assert change == density.Change(cloned=2, split=1, pruned=3, count=10) == control.history[-1]
    kept = [0, 1, 5, 6, 7, 8, 9, 1]  # the last is the clone
    for name in NAMES:
        now = getattr(scene, name)
        torch.testing.assert_close(now[:8], before[name][kept], msg=name)
        state = optimizer.state[now]["exp_avg"]
        torch.testing.assert_close(state[:7], moments[name][kept[:7]], msg=name)
        assert float(state[7:].abs().max()) == 0, "what is new has no history"
        assert now.requires_grad and now.is_leaf
    torch.testing.assert_close(scene.log_scales[8:], before["log_scales"][[2, 2]] - math.log(1.6))
    offset = (scene.means[8:] - before["means"][2]).norm(dim=1)
    assert bool((offset > 0).all()) and offset.max().item() < 4 * math.sqrt(3) * 0.05
    assert control.pull.tolist() == [0] * 10 == control.seen.tolist()
    assert len(optimizer.state) == len(NAMES)


@pytest.mark.parametrize(
    "fault",
    [
        ("<= self.size_threshold_m", ">= self.size_threshold_m"),
        ("moved[taken] = value[source[taken]]", "moved[taken] = value[: int(taken.sum())]"),
        ('doubled["log_scales"] - math.log(SHRINK)', 'doubled["log_scales"]'),
        ("kept = (~(wanted & ~small))", "kept = (~(wanted & small))"),
        ("opacities >= self.least_opacity", "opacities >= 0"),
        ("        self.forget()\n        return self", "        return self"),
    ],
)
def test_a_planted_fault_is_seen(fault, monkeypatch):
    monkeypatch.setitem(globals(), "density", planted(MODULE, fault))
    with pytest.raises((AssertionError, IndexError, ValueError)):
        test_small_ones_are_cloned_large_ones_split_transparent_and_huge_ones_pruned()


def test_halves_are_drawn_from_the_gaussian():
    torch.manual_seed(0)
    scene = random_gaussians(4, generator=torch.Generator().manual_seed(3))
    rows = {
        name: getattr(scene, name).detach()[:1].repeat(20_000, *[1] * (getattr(scene, name).ndim - 1))
        for name in NAMES
    }
    rows["log_scales"] = torch.tensor([[0.5, 0.1, 0.02]]).log().repeat(20_000, 1)
    rows["quaternions"] = torch.randn(1, 4).repeat(20_000, 1)
    halves = density.split_in_two(rows, torch.Generator().manual_seed(0))
    want = covariance(rows["log_scales"][:1], rows["quaternions"][:1])[0]
    torch.testing.assert_close(torch.cov(halves["means"].T), want, rtol=0.05, atol=2e-3)
    torch.testing.assert_close(halves["means"].mean(dim=0), rows["means"][0], rtol=0, atol=0.02)


def test_training_goes_on_after_a_round_as_if_only_the_new_were_new():
    """A round that adds and removes nothing changes no later step."""
    ends = []
    for act in (False, True):
        scene, optimizer, control = trained(gradient_threshold=1e9, least_opacity=0.0)
        if act:
            assert control.densify_and_prune() == density.Change(0, 0, 0, 10)
        fit_step(scene, optimizer, orbit(1, (24, 24)), torch.zeros(3, 24, 24))
        ends.append([getattr(scene, name).detach() for name in NAMES])
    for a, b in zip(*ends, strict=True):
        assert torch.equal(a, b)


def test_room_goes_to_those_that_are_pulled_the_hardest():
    wanted, pull = torch.tensor([True, True, False, True]), torch.tensor([1.0, 3.0, 9.0, 2.0])
    assert density.within(wanted, pull, 2).tolist() == [False, True, False, True]
    assert density.within(wanted, pull, -3).tolist() == [False] * 4
    scene, _, control = trained(gradient_threshold=0.0, most=12, least_opacity=0.0)
    control.densify_and_prune()
    assert len(scene) == 12


def test_reset_lowers_opacities_and_forgets_their_moments_alone():
    scene, optimizer, control = trained()
    with torch.no_grad():
        scene.opacity_logits[0] = -8.0
    control.reset_opacities(0.01)
    assert scene.opacities.max().item() == pytest.approx(0.01)
    assert scene.opacity_logits[0].item() == -8.0, "what was lower stays"
    assert float(optimizer.state[scene.opacity_logits]["exp_avg"].abs().max()) == 0
    assert float(optimizer.state[scene.means]["exp_avg"].abs().max()) > 0


def test_gradients_are_measured_over_the_picture_from_minus_1_to_1():
    scene, _, control = trained(steps=0)
    view = scene.view(orbit(1, (20, 40)))
    view.means.retain_grad()
    (view.image * torch.rand(3, 20, 40)).sum().backward()
    control.observe(view)
    want = (view.means.grad * torch.tensor([20.0, 10.0])).norm(dim=1)
    torch.testing.assert_close(control.pull[view.chosen], want)
    control.observe(view)
    assert control.seen.tolist() == [2] * len(scene)


def test_the_last_one_is_never_pruned():
    scene, _, control = trained(least_opacity=1.0)
    control.densify_and_prune()
    assert len(scene) == 1


def test_what_does_not_fit_is_refused():
    scene, optimizer, control = trained(steps=0)
    with pytest.raises(ValueError, match="retain_grad"):
        control.observe(scene.view(orbit(1, (16, 16))))
    with pytest.raises(ValueError, match="got 0 groups with means alone, want one"):
        density.DensityControl(scene, torch.optim.Adam(scene.parameters()))
    with pytest.raises(ValueError, match="size_threshold_m: got 0"):
        density.DensityControl(scene, optimizer, size_threshold_m=0)
    with pytest.raises(ValueError, match="sh: got"):
        rows = {name: getattr(scene, name).detach() for name in NAMES}
        density.replace_rows(scene, optimizer, {**rows, "sh": rows["sh"][:3]}, torch.arange(10))
