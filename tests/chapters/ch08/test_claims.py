"""Chapter 08's experiments: their parts do what the claims say they do, and each runs at small size."""

from collections.abc import Iterator

import pytest
import torch

from lecture_utils.chapters.ch08 import claims as ch08
from lecture_utils.chapters.ch08 import tiny_retina
from lecture_utils.detection.structures import Detections
from lecture_utils.experiments import ledger

IDS = ("C08.1", "C08.2", "C08.3")
REMEMBERING = (ch08.scenes, ch08.chosen_setting, ch08.trained_points)


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    """What is remembered of the smallest runs is forgotten before and after."""
    for function in REMEMBERING:
        function.cache_clear()
    yield
    for function in REMEMBERING:
        function.cache_clear()


@pytest.mark.parametrize("budget", ["quick", "full", "gpu"])
def test_every_budget_has_a_batch_to_learn_from_and_scenes_to_measure_on(budget: str) -> None:
    for found, quick in ((ch08.sizes(budget), ch08.sizes("quick")),
                         (ch08.point_sizes(budget), ch08.point_sizes("quick"))):  # fmt: skip
        assert min(found) >= 1
        assert budget == "quick" or all(a < b for a, b in zip(quick, found, strict=True))


def test_there_is_no_other_budget() -> None:
    for sizes in (ch08.sizes, ch08.point_sizes):
        with pytest.raises(ValueError, match="budget: got"):
            sizes("huge")


def test_both_losses_choose_among_as_many_settings() -> None:
    tried = {name: len(set(settings)) for name, settings in ch08.LOSSES.items()}
    assert set(tried.values()) == {3}
    assert all(gamma == 0 for _, gamma in ch08.LOSSES["cross-entropy"])
    assert all(gamma > 0 for _, gamma in ch08.LOSSES["focal loss"])


@pytest.mark.parametrize("id", IDS)
def test_each_runs_small(small: None, id: str) -> None:
    experiment = ledger.find(id)
    figures = experiment(0, "quick")
    for rule in experiment.claim.rules:
        assert isinstance(figures[rule.figure], float)
    assert set(experiment.claim.names) <= set(figures)
    boundary = experiment.claim.boundary
    if boundary is not None:
        at = boundary.measure(0, "quick", boundary.points[0])
        assert isinstance(at[experiment.claim.rules[0].figure], float)


def test_the_three_sets_of_scenes_are_disjoint(small: None) -> None:
    splits = ("train", "val", "test")
    drawn = {split: tiny_retina.single_objects(4, seed=0, split=split)[0] for split in splits}
    assert not any(
        torch.equal(a, b) for x in drawn for y in drawn if x < y for a in drawn[x] for b in drawn[y]
    )


def test_suppression_leaves_the_surer_of_two_and_other_classes_alone() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 9]])
    found = Detections(boxes, torch.tensor([1, 1, 2]), torch.tensor([0.9, 0.8, 0.7]))
    assert ch08.suppressed(found).labels.tolist() == [1, 2]


def test_a_window_of_one_cell_finds_more_and_is_put_back(small: None) -> None:
    model = ch08.trained_points(0, "quick")
    ch08.with_window(0, "quick", 1.0)
    assert model.window == 3
    images, _ = tiny_retina.single_objects(2, seed=0, split="test")
    with torch.inference_mode():
        peaks = model(images)
        model.window = 1
        every = model(images)
        model.window = 3
    for a, b in zip(peaks, every, strict=True):
        assert len(a.boxes) < len(b.boxes) or len(b.boxes) == model.most
