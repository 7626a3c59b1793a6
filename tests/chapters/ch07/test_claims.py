"""Chapter 07's experiments: their parts do what the claims say they do, and each runs at small size."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch07 import claims as ch07
from lecture_utils.data import toyworld
from lecture_utils.experiments import ledger
from lecture_utils.recipes._detection import SmallBackbone

IDS = ("C07.1", "C07.2", "C07.3")


def proposed(images: Tensor) -> list[Tensor]:
    """In place of a search: boxes that lie anywhere, the same for the same number of pictures."""
    made = torch.Generator().manual_seed(len(images))
    corner = 40 * torch.rand(len(images), 12, 2, generator=made)
    side = 6 + 18 * torch.rand(len(images), 12, 2, generator=made)
    return list(torch.cat([corner, corner + side], dim=2))


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    """Two steps on 24 scenes, measured on four; what is remembered of it is forgotten afterwards."""
    remembering = (ch07.trained, ch07.held)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ch07, "sizes", lambda budget: (24, 2, 4))
        patch.setattr(ch07, "search", proposed)
        for function in remembering:
            function.cache_clear()
        yield
        for function in remembering:
            function.cache_clear()


@pytest.mark.parametrize("budget", ["quick", "full", "gpu"])
def test_every_budget_has_scenes_for_the_times_and_a_batch_to_learn_from(budget: str) -> None:
    scenes, steps, measured = ch07.sizes(budget)
    assert scenes >= max(ch07.BATCH, ch07.shapes_rcnn.BATCH) and steps >= 1
    assert measured >= (1 if budget == "quick" else ch07.TIMED)
    quick = ch07.sizes("quick")
    assert budget == "quick" or all(a < b for a, b in zip(quick, (scenes, steps, measured), strict=True))


def test_there_is_no_other_budget() -> None:
    with pytest.raises(ValueError, match="budget: got"):
        ch07.sizes("huge")


@pytest.mark.parametrize("id", IDS)
def test_each_runs_small(small: None, id: str) -> None:
    experiment = ledger.find(id)
    figures = experiment(0, "quick")
    for rule in experiment.claim.rules:
        assert isinstance(figures[rule.figure], float)
    assert set(experiment.claim.names) <= set(figures)


def test_seconds_and_recalls_are_all_there(small: None) -> None:
    seconds = ch07.c07_1_seconds(0, "quick")["seconds"]
    assert list(seconds) == ["R-CNN", "Fast R-CNN", "Faster R-CNN"]
    assert all(set(stages) == {"proposals", "network", "regions"} for stages in seconds.values())
    figures = ch07.c07_2_recall(0, "quick")
    for name, its in figures["recalls"].items():
        for shares in its.values():
            assert len(shares) == len(figures["counts"]) and shares == sorted(shares), name
        assert all(strict <= loose for strict, loose in zip(its["0.7"], its["0.5"], strict=True))
    searched, network = (figures["recalls"][name]["0.5"] for name in ("selective search", "network"))
    at = figures["counts"].index(10)
    assert figures["ahead_at_10"] == pytest.approx(network[at] - searched[at])


def test_all_three_learn_from_the_same_scenes_and_leave_the_shipped_classifier_behind(small: None) -> None:
    trio = ch07.trained(0, "quick")
    assert not any(model.training for model in trio)
    start = SmallBackbone()
    ch07.start_from_classifier(start)
    first = start.stem[0].weight
    stems = [trio.rcnn.features.backbone.stem[0].weight, trio.fast.backbone.stem[0].weight,
             trio.faster.backbone.stem[0].weight]  # fmt: skip
    for stem in stems:
        assert 0 < (stem - first).abs().max() < 0.1 * first.abs().max(), "two steps away from the same start"
    assert not torch.equal(stems[1], stems[2])


def test_measured_scenes_are_not_those_of_the_training(small: None) -> None:
    images, targets, proposals = ch07.held(0, 4)
    seen, _ = toyworld.detection(24, size=ch07.SIZE, seed=0)
    assert torch.cdist(seen.flatten(1), images.flatten(1)).min() > 1
    assert len(images) == len(targets) == len(proposals) == 4


def test_without_regression_the_boxes_are_the_proposals(small: None) -> None:
    trio = ch07.trained(0, "quick")
    images, _, proposals = ch07.held(0, 4)
    found = trio.rcnn(images[0], proposals[0], regress=False, least=-9.0)
    assert len(found.boxes) > 0
    assert (found.boxes[:, None] == proposals[0]).all(2).any(1).all()
