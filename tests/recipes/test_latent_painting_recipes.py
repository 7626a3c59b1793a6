"""The recipes of latent diffusion and of the prior run, repeat, and leave frozen parts out of their files."""

import pytest
import torch

from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.ops.boxes import box_iou
from lecture_utils.recipes import _latent_diffusion, shapes_latent_diffusion, shapes_prior
from lecture_utils.recipes._latent_diffusion import asked, found_boxes, lessons, painted, places, sentence

pytestmark = pytest.mark.system("S16.3")


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(_latent_diffusion, "BATCH", 8)
    monkeypatch.setattr(shapes_latent_diffusion, "lessons", lambda seed: lessons(seed, 16))
    monkeypatch.setattr(shapes_prior, "POOL", 16)
    monkeypatch.setattr(shapes_prior, "BATCH", 8)


def test_a_latent_diffusion_model_repeats_and_its_file_has_no_frozen_part(few):
    made = [shapes_latent_diffusion.train(1, steps=2)[0] for _ in range(2)]
    states = [model.state_dict() for model in made]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not [name for name in states[0] if name.startswith(("autoencoder.", "condition.text."))]
    assert {name.split(".")[0] for name in states[0]} == {"condition", "net"}
    again = shapes_latent_diffusion.build()
    again.load_state_dict(states[0])
    ids = asked(torch.tensor([0, 3]), torch.tensor([1, 4]))
    first, second = (painted(model, ids, seed=0, steps=2) for model in (made[0], again))
    torch.testing.assert_close(second, first, atol=1e-4, rtol=0)  # memory is laid out otherwise


def test_half_of_the_boxes_are_told_and_those_are_true(few):
    batches = lessons(0, 400)
    _, (ids, boxes, class_id) = next(batches)
    assert ids.shape == (8, 16) and boxes.shape == (8, 1, 4) and class_id.shape == (8, 1)
    told = torch.cat([next(batches)[1][2] for _ in range(49)])
    assert 0.35 < float((told >= 0).float().mean()) < 0.65


def test_sentences_are_those_of_the_world():
    assert sentence(0, 1) == "a photo of an orange ball" and sentence(6, 0) == "a photo of a red ring"


def test_boxes_are_found_in_real_pictures():
    some = captioned(200, seed=11, split="test")
    true = places(some)[0][:, 0]
    found = box_iou(found_boxes(some.image), true)
    assert float(found.diagonal().mean()) > 0.85  # 0.93 of 500 others
    assert float(found.mean()) < 0.6, "another picture's box is another one"


@pytest.mark.system("S16.4")
def test_a_prior_repeats_and_its_file_has_no_clip(few):
    made = [shapes_prior.train(1, steps=2)[0] for _ in range(2)]
    states = [model.state_dict() for model in made]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert {name.split(".")[0] for name in states[0]} == {"net", "null_words", "null_text", "mean", "std"}
    told = shapes_prior.told_by(_latent_diffusion.ids_of(["a photo of a red ball"]))
    assert made[0].sample(*told, steps=2).shape == (1, 64)


@pytest.mark.system("S16.4")
def test_means_of_pairs_are_of_unit_length_or_zero():
    some = captioned(300, seed=1)
    means = shapes_prior.pair_means(torch.ones(300, 64), some)
    lengths = means.norm(dim=1)
    assert means.shape == (64, 64) and int((lengths > 0.5).sum()) <= 48
    torch.testing.assert_close(lengths[lengths > 0.5], torch.ones(int((lengths > 0.5).sum())))
