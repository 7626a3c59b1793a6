"""Unpaired worlds: no scene in both domains, exact partners; the recipes of CycleGAN in a few steps."""

import itertools

import pytest
import torch

from lecture_utils.generative.cyclegan.cyclegan import CycleGAN, Game
from lecture_utils.recipes import _unpaired, shapes_cyclegan, shapes_cyclegan_arms
from lecture_utils.recipes._unpaired import (
    DOMAINS,
    OTHER,
    WORLDS,
    scenes_of,
    unpaired_batches,
    with_partners,
)
from lecture_utils.recipes.shapes_cyclegan import measured, pair, played, sides

pytestmark = pytest.mark.system("S15.6")


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_partner_is_the_same_scene_in_the_other_domain(domain: str) -> None:
    own, other = scenes_of(domain, 12, seed=5), scenes_of(OTHER[domain], 12, seed=5)
    for name in ("key", "horizon", "ground", "centre", "radius", "turn", "rgb", "light", "class_id"):
        assert torch.equal(getattr(own.scenes, name), getattr(other.scenes, name)), name
    both = with_partners(domain, 12, seed=5, split="train")
    assert torch.equal(both.image, own.image) and torch.equal(both.partner, other.image)
    changed = (both.image - both.partner).abs().amax(dim=1) > 0.02  # (N, S, S)
    if domain in WORLDS["light"]:
        assert (changed.flatten(1).float().mean(1) > 0.9).all()  # the whole picture
    else:
        share = changed.flatten(1).float().mean(1)
        assert (share > 0.01).all() and (share < 0.4).all()  # the object alone


def test_light_of_a_partner_is_as_far_up_in_the_other_range() -> None:
    day, dusk = (scenes_of(domain, 20, seed=1).scenes for domain in WORLDS["light"])
    assert (day.brightness > 0.9).all() and (dusk.brightness < 0.55).all()
    up = [
        (scenes.brightness - low) / (high - low)
        for scenes, (low, high) in zip(
            (day, dusk), (_unpaired.LIGHTS[name].brightness for name in WORLDS["light"]), strict=True
        )
    ]
    torch.testing.assert_close(*up)


@pytest.mark.parametrize("world", WORLDS)
def test_no_scene_is_in_both_domains_of_a_training(world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: dict[str, set[int]] = {domain: set() for domain in WORLDS[world]}

    def noted(domain: str, count: int, *, seed: int, size: int) -> object:
        made = scenes_of(domain, count, seed=seed, size=size)
        keys[domain] |= set(made.scenes.key.tolist())
        return made

    monkeypatch.setattr(_unpaired, "PORTION", 8)
    monkeypatch.setattr(_unpaired, "scenes_of", noted)
    batches = list(itertools.islice(unpaired_batches(world, 3, batch=4), 6))
    assert all(a.shape == b.shape == (4, 3, 32, 32) for a, b in batches)
    first, second = keys.values()
    assert len(first) == len(second) == 24 and not first & second


def test_a_training_of_two_steps_is_the_same_twice_and_differs_by_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_unpaired, "PORTION", 8)

    def run(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        model = played(pair(), "material", seed=seed, steps=2, size=16)
        return next(model.to_b.parameters()).detach()

    assert torch.equal(run(0), run(0)) and not torch.equal(run(0), run(1))


def test_the_rate_is_constant_and_then_falls_in_a_straight_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_unpaired, "PORTION", 8)
    rates: list[float] = []

    class Spied(Game):
        def play(self, a: torch.Tensor, b: torch.Tensor) -> dict[str, float]:
            rates.append(self.generator_optimizer.param_groups[0]["lr"])
            for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
                optimizer.step()
            return {}

    monkeypatch.setattr(shapes_cyclegan, "Game", Spied)
    played(pair(), "light", seed=0, steps=8, size=16)
    want = [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert rates == pytest.approx([shapes_cyclegan.RATE * share for share in want])


def test_measures_of_a_pair_that_changes_nothing() -> None:
    class Same(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    model = CycleGAN(Same(), Same())
    found = measured(model, "dusk", count=40)
    assert found["off"] == found["copied"] > 0.1
    assert found["frechet"] == found["frechet_of_copies"] > 0
    assert found["back"] == 0 < found["back_noisy"] < 0.03
    assert found["class_of_real"] > 0.9 and found["colour_of_real"] > 0.9


def test_sides_lead_out_of_a_domain_and_back() -> None:
    model = pair()
    for domain, there, back in (
        ("day", model.to_b, model.to_a),
        ("striped", model.to_a, model.to_b),
    ):
        assert sides(model, domain) == (there, back)
    with pytest.raises(ValueError, match="domain: got 'night', want"):
        sides(model, "night")


def test_recipes_in_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_unpaired, "PORTION", 8)
    monkeypatch.setattr(shapes_cyclegan, "measured", lambda model, domain: {"off": 1.0})
    model, info = shapes_cyclegan.train(0, steps=1)
    assert info["steps"] == 2
    assert shapes_cyclegan.evaluate(model) == {f"{domain}_off": 1.0 for domain in DOMAINS}
    shapes_cyclegan.build().load_state_dict(model.state_dict())


def test_gallery_in_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_unpaired, "PORTION", 8)
    gallery, _ = shapes_cyclegan_arms.train(0, steps=1)
    assert isinstance(gallery, shapes_cyclegan_arms.Gallery)
    exact = with_partners("dusk", shapes_cyclegan_arms.SHOWN, seed=1, size=16)
    assert (gallery.pictures("dusk", "start") - exact.image).abs().max() <= 0.5 / 255 + 1e-6
    assert (gallery.pictures("dusk", "exact") - exact.partner).abs().max() <= 0.5 / 255 + 1e-6
    scores = shapes_cyclegan_arms.evaluate(gallery)
    assert len(scores) == len(shapes_cyclegan_arms.ARMS) and all(0 < value < 0.5 for value in scores.values())
    with pytest.raises(ValueError, match="pictures: got 'day', 'no arm', want"):
        gallery.pictures("day", "no arm")
