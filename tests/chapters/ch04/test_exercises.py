"""The references of chapter 04's exercises are what the package computes."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.chapters.ch04 import solutions
from lecture_utils.chapters.ch04.exercises import EXERCISES, LAB
from lecture_utils.data import toyworld
from lecture_utils.data.concepts import CONCEPTS, FIELDS, concept_masks
from lecture_utils.explain.attention_maps import rollout
from lecture_utils.explain.cam import class_activation_maps
from lecture_utils.explain.dissection import dissect, unit_thresholds
from lecture_utils.explain.grad_cam import grad_cam
from lecture_utils.explain.hooks import activations
from lecture_utils.explain.maps import upsample
from lecture_utils.explain.retrieval import FeatureDatabase
from lecture_utils.metrics.localisation import pointing_game
from lecture_utils.recipes import shapes_multilabel

BY_ID = {exercise.id: exercise for exercise in (*EXERCISES, *LAB.steps)}


def cases(id: str, seed: int = 1) -> list[tuple]:
    return list(BY_ID[id].cases(np.random.default_rng(seed)))


def test_neighbours_are_the_databases() -> None:
    for database, labels, queries, asked, k in cases("04.1"):
        want = FeatureDatabase(database, labels).precision_at_k(queries, asked, k)
        assert solutions.precision_at_k(database, labels, queries, asked, k) == pytest.approx(want, abs=1e-6)


def test_the_width_gives_the_perplexity() -> None:
    for squared, perplexity in cases("04.2"):
        p = solutions.neighbour_probabilities(squared, perplexity).double()
        assert torch.special.entr(p).sum().exp().item() == pytest.approx(perplexity, rel=1e-3)
        assert p.sum().item() == pytest.approx(1, abs=1e-5)


def test_an_iou_is_dissections() -> None:
    torch.manual_seed(0)
    maps, concepts = torch.randn(6, 3, 4, 4), torch.rand(6, 2, 16, 16) < 0.3
    found = dissect(maps, concepts, ("a", "b"), share=0.2)
    for unit in range(3):
        for k in range(2):
            level = found.thresholds[unit].item()
            own = solutions.unit_iou(maps[:, unit], level, concepts[:, k])
            assert own == pytest.approx(found.iou[unit, k].item(), abs=1e-5)


@pytest.mark.parametrize(("unit", "name"), [(51, "triangle"), (12, "heart")])
def test_the_faulty_iou_is_more_than_can_be_where_the_notebook_says_so(unit: int, name: str) -> None:
    """A unit that fires on f of the pixels and a concept on c > f of them: at most f / c."""
    net = zoo.load("shapes_multilabel")
    scenes = shapes_multilabel.scenes(300, seed=1, split="test", objects=(2, 3))
    maps = activations(net, toyworld.render(scenes, 48, only=("image",)).image, "stages")
    place = concept_masks(toyworld.render(scenes, 48, only=FIELDS))[:, CONCEPTS.index(name)]
    level = unit_thresholds(maps)[unit].item()
    fires = (upsample(maps[:, unit], 48) > level).float().mean().item()
    most = fires / place.float().mean().item()
    assert solutions.unit_iou(maps[:, unit], level, place) < most
    assert solutions.unit_iou_faulty(maps[:, unit], level, place) > most


def test_a_cam_is_the_packages() -> None:
    maps, weight = torch.randn(5, 3, 4), torch.randn(7, 5)
    for k in range(7):
        want = class_activation_maps(maps[None], weight)[0, k]
        torch.testing.assert_close(solutions.class_activation_map(maps, weight, k), want)


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    conv, head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(4, 3)
    return nn.Sequential(conv, nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Tanh(), head).eval()


def test_grad_cam_through_the_rest_is_the_packages_with_its_hook() -> None:
    model, x = small_network(), torch.randn(5, 1, 6, 6)
    maps = model[:2](x)

    def contrast(output: Tensor) -> Tensor:
        return output[:, 2] - output[:, 0]

    for score in (lambda output: output[:, 1], contrast):
        want = grad_cam(model, x, score, layer="1")
        torch.testing.assert_close(solutions.grad_cam_map(maps, model[2:], score), want)
    assert all(p.grad is None for p in model.parameters())


def test_rollout_is_the_packages() -> None:
    for (attention,) in cases("04.5"):
        torch.testing.assert_close(solutions.attention_rollout(attention), rollout(attention[:, None])[0])


@pytest.mark.parametrize("near", [0.0, 1.0, 1.5, 3.0])
def test_peaks_are_counted_as_in_the_pointing_game(near: float) -> None:
    torch.manual_seed(1)
    maps = torch.rand(60, 7, 9)
    own = torch.rand(60, 7, 9) < 0.08
    own[:, 3, 4] = True
    other = (torch.rand(60, 7, 9) < 0.1) & ~own
    own[:, 0, 0] = False
    other[:, 0, 0] = True
    kinds = solutions.where_it_points(maps, own, other, near)
    on, astray = pointing_game(maps, own), pointing_game(maps, other)
    within = pointing_game(maps, own, tolerance=near)
    assert sum(kinds.values()) == pytest.approx(1, abs=1e-5)
    assert kinds["on it"] == pytest.approx(on.mean().item(), abs=1e-6)
    assert kinds["on the other"] == pytest.approx(astray.mean().item(), abs=1e-6)
    beside = (within.bool() & ~on.bool() & ~astray.bool()).float().mean().item()
    assert kinds["beside it"] == pytest.approx(beside, abs=1e-6)
