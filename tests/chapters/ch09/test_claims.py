"""Chapter 09's experiments: their parts do what the claims say they do, and each runs at small size."""

from collections.abc import Iterator

import pytest
import torch

from lecture_utils.chapters.ch09 import claims as ch09
from lecture_utils.chapters.ch09.memory import peak_bytes
from lecture_utils.experiments import ledger
from lecture_utils.recipes._masks import labelled

IDS = ("C09.1", "C09.2", "C09.3", "C09.4")
REMEMBERING = (ch09.trained_upsnet, ch09.trained_vpsnet)
SIZES = (ch09.pooling_sizes, ch09.speed_sizes, ch09.panoptic_sizes, ch09.video_sizes)


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
    for sizes in SIZES:
        found, quick = sizes(budget), sizes("quick")
        assert min(found) >= 1
        assert budget == "quick" or all(a < b for a, b in zip(quick, found, strict=True))


def test_there_is_no_other_budget() -> None:
    for sizes in SIZES:
        with pytest.raises(ValueError, match="budget: got"):
            sizes("huge")


@pytest.mark.parametrize("id", IDS)
def test_each_runs_small(small: None, id: str) -> None:
    experiment = ledger.find(id)
    figures = experiment(0, "quick")
    for rule in experiment.claim.rules:
        assert isinstance(figures[rule.figure], float)
    assert set(experiment.claim.names) <= set(figures)
    boundary = experiment.claim.boundary
    assert boundary is not None
    at = boundary.measure(0, "quick", boundary.points[0])
    assert isinstance(at[experiment.claim.rules[0].figure], float)


def test_both_heads_read_regions_with_the_operator_asked_for() -> None:
    for operator in ("pool", "align"):
        for stride in (4, 8, 16):
            model = ch09.one_map(operator, stride)
            assert model.mask is not None
            for pooling in (model.heads.pooling, model.mask.pooling):
                assert pooling.operator == operator and pooling.stride == stride
            (features,) = model.backbone(torch.rand(1, 3, 64, 64))
            assert features.shape[2:] == (64 // stride, 64 // stride)


def test_settings_are_put_back_after_the_boundary(small: None) -> None:
    model = ch09.trained_upsnet(0, "quick", True)
    ch09.with_objects(0, "quick", 0.05)
    assert model.score_threshold == 0.6
    before = [(part.score_threshold, part.most) for part in ch09.choosers(ch09.shipped())]
    ch09.for_one_scene(0, "quick", 32.0)
    assert before == [(part.score_threshold, part.most) for part in ch09.choosers(ch09.shipped())]


def test_the_sets_of_scenes_are_disjoint() -> None:
    drawn = {split: labelled(4, seed=0, split=split)[0] for split in ("train", "test")}
    assert not any(torch.equal(a, b) for a in drawn["train"] for b in drawn["test"])


def test_peak_bytes_counts_what_is_there_at_once() -> None:
    def one_after_the_other() -> None:
        for _ in range(5):
            torch.ones(1000, 100)

    def all_at_once() -> None:
        kept = [torch.ones(1000, 100) for _ in range(5)]
        assert kept

    one = 4 * 1000 * 100
    assert one <= peak_bytes(one_after_the_other) < 2 * one
    assert 5 * one <= peak_bytes(all_at_once) < 6 * one
