"""Recipes of one-stage detectors: all start from the same classifier, and training moves all of each."""

import itertools

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.recipes import (
    _detection,
    _one_stage,
    shapes_centernet,
    shapes_centernet_triplets,
    shapes_cornernet,
    shapes_retinanet,
    shapes_yolo,
)

RECIPES = (shapes_yolo, shapes_retinanet, shapes_cornernet, shapes_centernet_triplets, shapes_centernet)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.__name__.rpartition(".")[2])
def test_steps_from_the_classifier_move_every_part(recipe, monkeypatch):
    monkeypatch.setattr(_detection, "PORTION", 16)
    model, info = recipe.train(3, steps=3)
    assert info["steps"] == 3 and not model.training
    torch.manual_seed(3)
    fresh = recipe.build()
    started = getattr(fresh.backbone, "small", fresh.backbone)
    _detection.start_from_classifier(started)
    for (name, before), after in zip(fresh.named_parameters(), model.parameters(), strict=True):
        assert not torch.equal(before, after), f"{name} has not moved"


def test_all_five_hold_the_backbone_of_the_two_stage_detectors():
    classifier = zoo.load("shapes_backbone").get_submodule("backbone").state_dict()
    for recipe in RECIPES:
        backbone = recipe.build().backbone
        small = backbone if isinstance(backbone, _detection.SmallBackbone) else backbone.small
        assert {name: value.shape for name, value in small.state_dict().items()} == {
            name: value.shape for name, value in classifier.items()
        }


def test_a_pyramid_has_two_levels_of_one_width():
    fine, coarse = _one_stage.SmallPyramid(channels=8)(torch.rand(2, 3, 64, 64))
    assert fine.shape == (2, 8, 16, 16) and coarse.shape == (2, 8, 8, 8)


def test_the_batch_may_be_smaller(monkeypatch):
    seen = []
    monkeypatch.setattr(_detection, "PORTION", 16)
    given = _detection.fresh_batches

    def watched(seed, batch):
        seen.append(batch)
        return itertools.islice(given(seed, batch), 1)

    monkeypatch.setattr(_one_stage, "fresh_batches", watched)
    shapes_retinanet.train(0, steps=1)
    shapes_centernet.train(0, steps=1)
    assert seen == [shapes_retinanet.BATCH, _one_stage.BATCH] == [8, 16]
