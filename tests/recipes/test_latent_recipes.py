"""Recipes of the auto-encoders: the two compared differ in the loss and one layer alone."""

import pytest
import torch

from lecture_utils.generative.vae import elbo
from lecture_utils.recipes import _latent, digits_vae, shapes_ae, shapes_vae

pytestmark = pytest.mark.system("S15.3")


@pytest.fixture(autouse=True)
def _few_pictures(monkeypatch):
    monkeypatch.setattr(_latent, "PORTION", 64)


def test_both_have_the_same_layers_but_for_the_encoders_last():
    ae, vae = shapes_ae.build(), shapes_vae.build()
    shapes = [{name: tuple(value.shape) for name, value in model.state_dict().items()} for model in (ae, vae)]
    differ = {name for name in shapes[0] | shapes[1] if shapes[0].get(name) != shapes[1].get(name)}
    assert differ == {"encoder.head.weight", "encoder.head.bias"}
    assert shapes[1]["encoder.head.bias"] == (2 * _latent.LATENT,)


def test_both_see_the_same_pictures_for_as_many_steps():
    assert shapes_ae.STEPS == shapes_vae.STEPS
    first, again = (next(_latent.fresh_batches(3, 4)) for _ in range(2))
    assert torch.equal(first[0], again[0]) and first[0] is first[1]
    other = next(_latent.fresh_batches(4, 4))
    assert not torch.equal(first[0], other[0])


def test_the_losses_are_what_they_are_called():
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(3, 3, 32, 32, generator=draw)
    torch.manual_seed(0)
    ae, vae = shapes_ae.build(), shapes_vae.build()
    torch.testing.assert_close(_latent.squared_error(ae, x, x), (ae(x) - x).square().mean())
    torch.manual_seed(7)
    loss = _latent.negative_elbo(2.0)(vae, x, x)
    torch.manual_seed(7)
    noise = torch.randn(3, _latent.LATENT)
    torch.testing.assert_close(loss, -elbo(vae, x, noise, beta=2.0).value.mean() / 3072)


@pytest.mark.parametrize("recipe", [shapes_ae, shapes_vae, digits_vae])
def test_a_step_of_training_moves_all_weights(recipe):
    torch.manual_seed(0)
    before = recipe.build()
    model, info = recipe.train(0, steps=2)
    assert info["steps"] == 2 and not model.training
    moved = [not torch.equal(a, b) for a, b in zip(before.parameters(), model.parameters(), strict=True)]
    assert all(moved)


def test_bound_measures_are_those_of_the_bound():
    model = digits_vae.build().eval()
    x = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = _latent.bound_measures(model, x, samples=16)
    assert found["elbo"] == pytest.approx(found["log_likelihood"] - found["kl"], abs=1e-3)
    assert found["importance"] >= found["elbo"] - 0.05
    assert 0 <= found["active"] <= 2
