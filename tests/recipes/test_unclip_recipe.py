"""The recipe of DALL-E 2's decoder: it repeats, learns its own layer only, and ships nothing else."""

import pytest
import torch

from lecture_utils.recipes import _latent_diffusion, shapes_unclip
from lecture_utils.recipes._latent_diffusion import painted

pytestmark = pytest.mark.system("S16.4")


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(_latent_diffusion, "BATCH", 8)
    lessons = shapes_unclip.lessons
    monkeypatch.setattr(shapes_unclip, "lessons", lambda seed: lessons(seed, 16))


def test_a_decoder_repeats_and_its_file_has_no_frozen_part(few):
    made = [shapes_unclip.train(1, steps=2)[0] for _ in range(2)]
    states = [model.state_dict() for model in made]
    assert set(states[0]) == {"condition.project.weight", "condition.project.bias", "condition.null"}
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    painter = shapes_unclip.painter().net.state_dict()
    assert all(torch.equal(value, painter[name]) for name, value in made[0].net.state_dict().items())
    again = shapes_unclip.build()
    assert not torch.equal(again.state_dict()["condition.null"], states[0]["condition.null"])
    again.load_state_dict(states[0])
    told = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))
    first, second = (painted(model, told, seed=0, steps=2) for model in (made[0], again))
    torch.testing.assert_close(second, first, atol=1e-4, rtol=0)  # memory is laid out otherwise


def test_a_lesson_tells_of_each_picture_its_own_embedding(few):
    (mean, log_var), (embedding,) = next(shapes_unclip.lessons(0))
    assert mean.shape == log_var.shape == (8, 4, 8, 8)
    with torch.no_grad():
        pictures = shapes_unclip.coder().decode(mean).clamp(0, 1)
    near = shapes_unclip.embedded(pictures) @ embedding.T  # (8, 8)
    assert torch.equal(near.diagonal(), near.max(dim=1).values) and near.diagonal().min() > 0.9
