"""The recipes of diffusion models run, repeat, and ship what they say."""

import pytest
import torch

from lecture_utils.generative.diffusion.labelled import LabelledDiffusion
from lecture_utils.recipes import _diffusion, digits_ddpm, shapes_kl_ae

pytestmark = pytest.mark.system("S16.2")


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(shapes_kl_ae, "PORTION", 64)
    monkeypatch.setattr(shapes_kl_ae, "BATCH", 8)
    monkeypatch.setattr(shapes_kl_ae, "MEASURED", 200)


def test_batches_are_what_the_models_take(few):
    digit, label = next(digits_ddpm.drawn_batches(0))
    assert digit.shape == (digits_ddpm.BATCH, 1, 16, 16) and label.shape == (digits_ddpm.BATCH, 1)
    assert torch.isfinite(_diffusion.simple(digits_ddpm.build(), digit[:4], label[:4]))
    image, noise = next(shapes_kl_ae.fresh_batches(0))
    assert image.shape == (8, 3, 32, 32) and noise.shape == (8, *shapes_kl_ae.CODE)
    assert shapes_kl_ae.build().encode(image)[0].shape == noise.shape


def test_a_diffusion_model_repeats_and_its_moving_average_is_shipped():
    made = [digits_ddpm.train(3, steps=2)[0] for _ in range(2)]
    states = [model.state_dict() for model in made]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert isinstance(made[0], LabelledDiffusion) and not made[0].training
    assert not any(value.requires_grad for value in made[0].parameters())
    assert digits_ddpm.written(made[0], torch.arange(3), seed=0, steps=2).shape == (3, 1, 16, 16)


def test_the_auto_encoder_is_shipped_with_its_scale(few):
    model, info = shapes_kl_ae.train(0, steps=2)
    assert info["steps"] == 2 and not model.training
    assert float(model.scale) != 1
    x = shapes_kl_ae.captioned(200, seed=9, split="val").image
    noise = torch.randn(200, *shapes_kl_ae.CODE, generator=torch.Generator().manual_seed(1))
    assert model.to_latent(x, noise).std().item() == pytest.approx(1, abs=0.1)
