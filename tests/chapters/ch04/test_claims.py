"""Chapter 04's experiments: their parts do what the claims say they do, and each runs at small size."""

import pytest
import torch
from torch import nn

from lecture_utils import zoo
from lecture_utils.chapters.ch04 import claims as ch04
from lecture_utils.chapters.ch04.localisation import (
    TARGETED,
    UNTARGETED,
    explanations,
    pairs,
    place_prior,
    score,
)
from lecture_utils.data import toyworld
from lecture_utils.experiments import ledger
from lecture_utils.recipes import shapes_gan, shapes_multilabel, shapes_segmenter


def test_untrained_has_other_weights_and_statistics_of_the_pictures() -> None:
    net, images = zoo.load("shapes_multilabel"), shapes_multilabel.labelled(64, seed=0, split="val")[0]
    fresh = ch04.untrained(net, images, seed=0)
    assert not fresh.training and net.stem[1].momentum != 1.0  # the given net stays as it was
    for (name, a), b in zip(net.named_parameters(), fresh.parameters(), strict=True):
        assert not torch.equal(a, b), name
    with torch.no_grad():
        maps = fresh.stem[1](fresh.stem[0](images))  # after the first batch norm
    torch.testing.assert_close(maps.mean((0, 2, 3)), torch.zeros(24), atol=1e-4, rtol=0)
    torch.testing.assert_close(maps.std((0, 2, 3)), torch.ones(24), atol=1e-2, rtol=0)


def test_objects_are_those_of_the_classification_set() -> None:
    images, facts = ch04.objects(5, seed=3, split="test")
    same, labels = toyworld.classification(5, seed=3, split="test")
    assert torch.equal(images, same) and torch.equal(facts["class"], labels)


def test_new_pairs_are_new() -> None:
    _, facts = ch04.objects(200, seed=0, split="test", held_out=True)
    found = set(zip(facts["class"].tolist(), facts["colour"].tolist(), strict=True))
    assert found <= set(toyworld.HELD_OUT)


def test_pixel_features_shrink_and_centre() -> None:
    x = torch.rand(4, 3, 32, 32)
    assert torch.equal(ch04.pixel_features(32, None)(x), x.flatten(1))
    small = ch04.pixel_features(8, x.mean(0))(x)
    assert small.shape == (4, 192)
    torch.testing.assert_close(small.mean(0), torch.zeros(192), atol=1e-6, rtol=0)


def test_pairs_are_of_two_classes_both_in_sight() -> None:
    scenes = pairs(20, seed=0, split="test")
    assert scenes.images.shape == (20, 3, 48, 48) and scenes.small.shape == (20, 3, 32, 32)
    assert (scenes.classes[:, 0] != scenes.classes[:, 1]).all() and scenes.classes.min() >= 0
    assert not (scenes.masks[:, 0] & scenes.masks[:, 1]).any()
    assert scenes.masks.flatten(2).sum(2).min() > 0


def test_the_prior_is_a_share_and_lies_below_the_horizon() -> None:
    prior = place_prior(50, seed=0)
    assert prior.min() >= 0 and prior.max() <= 1
    assert prior[24:].sum() > prior[:24].sum()


def test_a_map_that_takes_no_class_has_no_selectivity_and_a_perfect_one_has_one() -> None:
    scenes = pairs(6, seed=1, split="test")
    blind = torch.rand(6, 1, 48, 48).expand(-1, 2, -1, -1)
    assert score(blind, scenes.masks)["selectivity"] == pytest.approx(0, abs=1e-6)
    perfect = score(scenes.masks.float(), scenes.masks)
    assert perfect == {"pointing": 1, "energy": 1, "selectivity": 1}
    swapped = score(scenes.masks.flip(1).float(), scenes.masks)
    assert swapped == {"pointing": 0, "energy": 0, "selectivity": -1}


def test_every_method_gives_two_maps_and_the_blind_ones_the_same_twice() -> None:
    net, vit = zoo.load("shapes_multilabel"), zoo.load("shapes_vit")
    scenes = pairs(3, seed=2, split="test")
    found = explanations(net, vit, net, scenes, place_prior(10, seed=0), samples=2, seed=0)
    assert set(found) == {*TARGETED, *UNTARGETED}
    for name, maps in found.items():
        assert maps.shape == (3, 2, 48, 48) and maps.isfinite().all()
        assert torch.equal(maps[:, 0], maps[:, 1]) == (name in UNTARGETED), name


def test_on_a_net_that_averages_grad_cam_is_the_positive_part_of_cam() -> None:
    net, vit = zoo.load("shapes_multilabel"), zoo.load("shapes_vit")
    found = explanations(net, vit, net, pairs(3, seed=2, split="test"), torch.rand(48, 48), samples=1, seed=0)
    assert torch.equal(found["Grad-CAM"], found["Grad-CAM, weights scrambled"])  # given the same net
    low = found["CAM"].clamp_min(0).amax((2, 3)) / 144
    torch.testing.assert_close(found["Grad-CAM"].amax((2, 3)), low, rtol=0.2, atol=1e-3)


@pytest.mark.parametrize("id", ["C04.1", "C04.2", "C04.3", "C04.4", "C04.5"])
def test_each_runs_small(id: str) -> None:
    experiment = ledger.find(id)
    figures = experiment(0, "quick")
    for rule in experiment.claim.rules:
        assert isinstance(figures[rule.figure], float)


@pytest.mark.system("S04.8")
def test_segmenter_is_right_on_pictures_that_it_has_not_seen() -> None:
    images, truth = shapes_segmenter.labelled(40, seed=9, split="val")
    assert (ch04.segment(images) == truth).double().mean() > 0.98
    assert set(truth.unique().tolist()) == set(range(5))


def test_softened_pictures_keep_their_mean_and_lose_their_edges() -> None:
    images = shapes_gan.pictures(64, seed=0)
    soft = shapes_segmenter.soften(images, torch.Generator().manual_seed(0))
    assert soft.mean().item() == pytest.approx(images.mean().item(), abs=2e-3)
    blur = nn.functional.avg_pool2d(images, 3, 1)
    middle = images[..., 1:-1, 1:-1]
    assert (soft[..., 1:-1, 1:-1] - blur).abs().mean() < (middle - blur).abs().mean() + 0.01


def test_a_class_counts_where_a_quarter_of_an_object_shows() -> None:
    ids, seen = torch.tensor([[2, 5, -1], [2, 2, 7]]), torch.tensor([[0.3, 0.1, 0.0], [0.0, 1.0, 0.25]])
    present = shapes_multilabel.classes_in(ids, seen)
    assert present.shape == (2, 8)
    assert [row.nonzero().flatten().tolist() for row in present] == [[2], [2, 7]]


def test_the_segmenter_takes_other_sizes_and_rejects_odd_ones() -> None:
    net = shapes_segmenter.build().eval()
    assert net(torch.rand(1, 3, 20, 36)).shape == (1, 5, 20, 36)
    with pytest.raises(ValueError, match="multiples of 4"):
        net(torch.rand(1, 3, 30, 32))
