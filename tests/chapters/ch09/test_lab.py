"""Chapter 09's lab: the merge is the package's, the fault shows where it should, the advice is sound."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch09 import lab
from lecture_utils.data import toyworld
from lecture_utils.exercises.checker import labs
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.metrics.panoptic import panoptic_quality
from lecture_utils.segmentation.panoptic_codes import CODES, VOID
from lecture_utils.segmentation.panoptic_merge import merge_panoptic
from lecture_utils.segmentation.structures import Instances


def test_the_lab_is_the_chapters() -> None:
    assert labs("09") == [lab.LAB]


# --- step 1 ----------------------------------------------------------------------------------------
def test_the_merge_is_the_packages() -> None:
    cases = lab.STEP_1.cases
    assert cases is not None
    for seed in range(5):
        for case in cases(np.random.default_rng(seed)):
            masks, labels, scores, semantic, least, overlap, area = case
            order = scores.argsort(descending=True, stable=True)
            found = Instances(torch.zeros(len(masks), 4), labels, scores, masks)
            theirs = merge_panoptic(
                found,
                semantic,
                stuff=lab.STUFF,
                score_threshold=least,
                overlap=overlap,
                least_stuff=area,
                order=order,
            )
            ours = lab.merge(masks, labels, scores, semantic, least, overlap, area)
            assert torch.equal(ours, theirs)


def test_true_instances_and_true_stuff_give_the_true_map() -> None:
    scenes = toyworld.sample_scenes(20, seed=5, objects=toyworld.Objects(count=(1, 4)))
    sample = toyworld.render(scenes, 64, only=("class_id", "instance", "semantic", "panoptic", "present"))
    for n in range(20):
        shows = [k for k in range(sample.class_id.shape[1]) if (sample.instance[n] == k + 1).any()]
        masks = torch.stack([(sample.instance[n] == k + 1).float() for k in shows])
        labels = sample.class_id[n, shows]
        made = lab.merge(masks, labels, torch.ones(len(shows)), sample.semantic[n], 0.5, 0.5, 1)
        quality = panoptic_quality([made], [sample.panoptic[n]], classes=12, things=range(4, 12))
        assert quality.all.pq == pytest.approx(1.0)


def test_what_the_semantic_map_alone_calls_a_thing_is_void() -> None:
    semantic = torch.tensor([[0, 1, 7, 7]])
    none = torch.zeros(0)
    made = lab.merge(torch.zeros(0, 1, 4), none.long(), none, semantic, 0.5, 0.5, 1)
    assert made.tolist() == [[0, 1000, VOID, VOID]]


# --- step 2 ----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def scenes() -> list[lab.Scene]:
    return lab.outlines(150, seed=9)


def test_the_mended_rule_finds_all_that_is_at_most_half_hidden(scenes: list[lab.Scene]) -> None:
    good = lab.quality_by_hidden(scenes, lab.visible_parts)
    assert sum(quality.scenes for quality in good.values()) == len(scenes) > 140
    for name in ("nothing hidden", "at most a third", "a third to a half"):
        assert good[name].scenes >= 15 and good[name][1:] == pytest.approx((1.0, 1.0, 1.0))
    assert good["more than half"].rq < 0.9


def test_the_fault_shows_in_rq_where_more_than_a_third_is_hidden(scenes: list[lab.Scene]) -> None:
    bad = lab.quality_by_hidden(scenes, lab.visible_parts_faulty)
    for name in ("nothing hidden", "at most a third"):
        assert bad[name][1:] == pytest.approx((1.0, 1.0, 1.0))
    hit = bad["a third to a half"]
    assert hit.rq < 0.9 and hit.sq > 0.95
    good = lab.quality_by_hidden(scenes, lab.visible_parts)
    assert bad["more than half"].rq < good["more than half"].rq - 0.03


def test_without_the_rule_the_second_finds_stay(scenes: list[lab.Scene]) -> None:
    def all_stay(masks: Tensor, scores: Tensor, overlap: float) -> Tensor:
        return lab.visible_parts(masks, scores, 1.0)

    loose = lab.quality_by_hidden(scenes, all_stay)
    assert all(quality.rq < 0.95 for quality in loose.values())


def test_outlines_hold_each_object_that_shows_and_one_more(scenes: list[lab.Scene]) -> None:
    for scene in scenes:
        numbers = scene.truth.unique()
        assert numbers[numbers > 0].tolist() == list(range(1, len(scene.masks)))
        assert (scene.scores.diff() < 0).all() and len(scene.scores) == len(scene.masks)
        shows = lab.visible_parts(scene.masks[:-1], scene.scores[:-1], 1.0)
        assert torch.equal(lab._numbered(shows), scene.truth)


def test_a_group_without_scenes_has_no_number() -> None:
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[:, :2] = True
    scene = lab.Scene(mask, torch.tensor([0.9]), mask[0].long(), 0.0)
    each = lab.quality_by_hidden([scene], lab.visible_parts)
    assert each["nothing hidden"] == (1, 1.0, 1.0, 1.0)
    assert each["more than half"].scenes == 0 and math.isnan(each["more than half"].pq)


def test_the_fault_is_a_third_in_place_of_a_half() -> None:
    """Hidden / shown ≤ ½ is hidden / all ≤ ⅓."""
    for hidden in range(13):
        masks = torch.zeros(2, 1, 24, dtype=torch.bool)
        masks[0, :, :hidden], masks[1, :, :12] = True, True
        scores = torch.tensor([0.9, 0.8])
        for parts, most in ((lab.visible_parts, 1 / 2), (lab.visible_parts_faulty, 1 / 3)):
            stays = bool(parts(masks, scores, 0.5)[1].any()) or hidden == 12 * most
            assert stays == (hidden <= 12 * most)


# --- step 3 ----------------------------------------------------------------------------------------
def test_drawn_perfectly_is_the_quality_of_a_map_in_which_it_is() -> None:
    """Objects of two classes: some are missed, some false, the others drawn one column too far right."""
    rng = np.random.default_rng(3)
    found, truth, better = [], [], []
    for _ in range(20):
        true = torch.full((12, 40), 3 * CODES)
        for number in range(4):
            width = int(rng.integers(4, 9))
            true[:8, 10 * number : 10 * number + width] = int(rng.integers(0, 2)) * CODES + number + 1
        kept = torch.tensor(rng.random(5) < 0.7)  # by number; 0 is stuff
        perfect = torch.where(kept[true % CODES], true, 3 * CODES)
        perfect[10:, : int(rng.integers(0, 9))] = 9  # a false one, where nothing is
        own = perfect.roll(1, dims=1)
        found.append(own)
        truth.append(true)
        better.append(perfect)
    before, after = (panoptic_quality(maps, truth, classes=4, things=(0, 1)) for maps in (found, better))
    now, drawn, _, _ = lab.what_to_mend(before.sq[:3], before.rq[:3])
    assert before.rq[2].isnan() and bool((before.rq[:2] < 0.95).all())
    assert now == pytest.approx(before.things.pq) and drawn > now + 0.1
    assert after.things.pq == pytest.approx(drawn)


def test_no_input_ties_and_most_have_neither_nan_nor_a_class_never_found() -> None:
    cases = lab.STEP_3.cases
    assert cases is not None
    plain: list[Tensor] = []
    rest: list[Tensor] = []
    for sq, rq in cases(np.random.default_rng(0)):
        _, drawn, found, _ = lab.what_to_mend(sq, rq)
        assert abs(drawn - found) > 0.02
        (plain if bool((rq > 0).all()) else rest).append(sq)
    assert len(plain) > len(rest) >= 4


def test_either_sign_of_the_advice_is_right() -> None:
    def at_least(sq: Tensor, rq: Tensor) -> tuple[float, float, float, str]:
        now, drawn, found, _ = lab.what_to_mend(sq, rq)
        return now, drawn, found, "drawing" if drawn >= found else "finding"

    assert examine(lab.STEP_3, at_least).state == "right"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda sq, rq: (sq.mean() * rq.mean(), rq.mean(), sq.mean()), "You multiply the means"),
        (lambda sq, rq: ((sq * rq).mean(), sq.mean(), rq.mean()), "Your second and third number"),
    ],
)
def test_a_slip_is_told_also_where_nan_was_kept(answer: Callable[..., Any], hint: str) -> None:
    def with_advice(sq: Tensor, rq: Tensor) -> tuple[float, float, float, str]:
        now, drawn, found = (float(number) for number in answer(sq, rq))
        return now, drawn, found, "drawing" if drawn > found else "finding"

    shown = known_mistake(lab.STEP_3, with_advice, examine(lab.STEP_3, with_advice))
    assert shown is not None and shown.hint.startswith(hint)


def test_hints_of_the_merge_use_the_words_of_its_docstring() -> None:
    for hint in (*lab.STEP_1.hints, *(known.hint for known in lab.STEP_1.mistakes)):
        assert "VOID" not in hint and "`panoptic`" not in hint and "STUFF" not in hint


def test_the_advice_is_whichever_gives_more() -> None:
    sq, rq = torch.tensor([0.9, 0.8, 0.0, torch.nan]), torch.tensor([0.5, 0.6, 0.0, torch.nan])
    now, drawn, found, first = lab.what_to_mend(sq, rq)
    assert (now, drawn, found) == pytest.approx((0.31, 1.1 / 3, 0.85))
    assert first == "finding" and lab.what_to_mend(rq[:2], sq[:2])[3] == "drawing"
