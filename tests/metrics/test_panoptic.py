"""Panoptic quality against torchmetrics and a brute-force matcher, and small cases worked out by hand."""

import math
from types import ModuleType

import pytest
import torch
from torch import Tensor

from lecture_utils.data import toyworld
from lecture_utils.metrics import panoptic, panoptic_plain
from lecture_utils.metrics.panoptic import PanopticQuality, match_segments, panoptic_quality
from lecture_utils.segmentation.panoptic_codes import CODES, VOID
from tests.metrics.panoptic_cases import CLASSES, THINGS, pairs
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.6")
STUFF = tuple(k for k in range(CLASSES) if k not in THINGS)
TOLERANCE = 1e-6


def quality(found: Tensor, truth: Tensor, **options: object) -> PanopticQuality:
    """Of one picture."""
    return panoptic_quality([found], [truth], classes=CLASSES, things=THINGS, **options)


def row(*codes: int) -> Tensor:
    """A picture of one row."""
    return torch.tensor([codes])


def gap(
    module: ModuleType, theirs: list[list[tuple[float, ...]]], cases: list[tuple[Tensor, Tensor]]
) -> float:
    """Largest difference in PQ, SQ and RQ of any class in any case; infinite where one is NaN alone."""
    worst = 0.0
    for (found, truth), want in zip(cases, theirs, strict=True):
        ours = module.panoptic_quality([found], [truth], classes=CLASSES, things=THINGS)
        got = torch.stack([ours.pq, ours.sq, ours.rq], dim=1)
        wanted = torch.tensor(want, dtype=torch.float64)
        if not torch.equal(got.isnan(), wanted.isnan()):
            return math.inf
        worst = max(worst, float((got - wanted).nan_to_num().abs().max()))
    return worst


def torchmetrics_quality(found: Tensor, truth: Tensor) -> Tensor:
    """(K, 3) PQ, SQ, RQ as torchmetrics has it; void in the truth is a category that it does not know."""
    functional = pytest.importorskip("torchmetrics.functional.detection")
    layers = [
        torch.stack([x.div(CODES, rounding_mode="floor"), x % CODES], dim=-1)[None] for x in (found, truth)
    ]
    answer = functional.panoptic_quality(
        *layers, things=set(THINGS), stuffs=set(STUFF), return_sq_and_rq=True, return_per_class=True
    )
    order = [*THINGS, *STUFF]  # theirs: things first
    table = torch.empty(CLASSES, 3, dtype=torch.float64)
    table[order] = answer.view(CLASSES, 3).double()
    return table


CASES = [*pairs(200, void=0.3), *pairs(200, void=0.3, found_void=0.3)]
WHOLE = list(pairs(240, void=0.3))


def plain(cases: list[tuple[Tensor, Tensor]]) -> list[list[tuple[float, ...]]]:
    """What the brute-force matcher says."""
    return [panoptic_plain.panoptic_quality([f], [t], classes=CLASSES, things=THINGS) for f, t in cases]


@pytest.fixture(scope="module")
def brute_force() -> list[list[tuple[float, ...]]]:
    return plain(CASES)


def test_quality_is_that_of_brute_force_matching(brute_force: list[list[tuple[float, ...]]]) -> None:
    assert gap(panoptic, brute_force, CASES) < TOLERANCE
    values = torch.tensor(brute_force)[..., 0]
    assert (values == 0).any() and (values == 1).any() and ((values > 0.2) & (values < 0.8)).sum() > 20


def test_matches_and_mistakes_are_those_of_brute_force() -> None:
    found_all = [0, 0, 0]
    for found, truth in CASES[:200]:
        groups = truth[truth // CODES >= 2].unique()[:1].tolist()
        ours = match_segments(found, truth, things=THINGS, crowds=groups)
        want = panoptic_plain.match_segments(found, truth, things=THINGS, crowds=groups)
        order = want.found.argsort()
        assert torch.equal(ours.found, want.found[order]) and torch.equal(ours.truth, want.truth[order])
        assert torch.allclose(ours.iou, want.iou[order], rtol=0, atol=1e-12)
        assert torch.equal(ours.false_positives, want.false_positives)
        assert torch.equal(ours.false_negatives, want.false_negatives)
        assert len(ours.found.unique()) == len(ours.found) and len(ours.truth.unique()) == len(ours.truth)
        for i, part in enumerate((ours.found, ours.false_positives, ours.false_negatives)):
            found_all[i] += len(part)
    assert min(found_all) > 50


def test_quality_is_that_of_torchmetrics_where_everything_is_said() -> None:
    """Compared only where the found map has no void, and the truth may have.

    There torchmetrics follows the paper. A void pixel in what was found it treats like one in the truth: it
    leaves the pixel out of a true segment's area, and forgives a missed segment most of which is void. Here
    saying nothing is no excuse. Its means are over the classes that occur, as ours; such a class has 0 by
    itself where ours has NaN.
    """
    for found, truth in WHOLE:
        ours = quality(found, truth)
        want = torchmetrics_quality(found, truth)
        got = torch.stack([ours.pq, ours.sq, ours.rq], dim=1)
        assert torch.allclose(got.nan_to_num(), want, rtol=0, atol=TOLERANCE)
    functional = pytest.importorskip("torchmetrics.functional.detection")
    square = [(f, t) for f, t in WHOLE if f.shape == (8, 9)]
    layers = [
        torch.stack([torch.stack([x.div(CODES, rounding_mode="floor"), x % CODES], -1) for x in side])
        for side in zip(*square, strict=True)
    ]
    mean = functional.panoptic_quality(*layers, things=set(THINGS), stuffs=set(STUFF), return_sq_and_rq=True)
    ours = panoptic_quality(*map(list, zip(*square, strict=True)), classes=CLASSES, things=THINGS)
    assert torch.allclose(torch.tensor(ours.all).double(), mean.flatten().double(), rtol=0, atol=TOLERANCE)


FAULTS = {
    "half is enough": ("(2 * shared > union)", "(2 * shared >= union)"),
    "void counts in the union": ("(area - on_void)[:, None]", "area[:, None]"),
    "void excuses nothing": ("passed_over = on_void +", "passed_over = 0 * on_void +"),
    "classes do not matter": ("fits = same_class & (", "fits = ("),
    "each instance of stuff for itself": ("one_segment_of_stuff(found, things).unique", "found.unique"),
    "misses count double": ("tp + fp / 2 + fn / 2", "tp + fp / 2 + fn"),
    "the IoU of a class is not averaged": ("iou / tp.clamp_min(1)", "iou"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault: str, brute_force: list[list[tuple[float, ...]]]) -> None:
    assert (
        gap(planted("lecture_utils.metrics.panoptic", FAULTS[fault]), brute_force, CASES) > 1000 * TOLERANCE
    )


def test_a_picture_worked_out_by_hand() -> None:
    truth = row(0, 0, 0, 0, 2001, 2001, 2001, 2001, 2002, 2002)
    found = row(0, 0, 0, 2005, 2005, 2005, 2005, 3001, 3001, 3001)
    answer = quality(found, truth)
    match = match_segments(found, truth, things=THINGS)
    assert match.found.tolist() == [0, 2005] and match.truth.tolist() == [0, 2001]
    assert match.false_positives.tolist() == [3001] and match.false_negatives.tolist() == [2002]
    assert torch.allclose(match.iou, torch.tensor([3 / 4, 3 / 5], dtype=torch.float64))
    assert answer.sq[2] == pytest.approx(3 / 5) and answer.rq[2] == pytest.approx(1 / 1.5)
    assert answer.pq[[0, 2, 3]].tolist() == pytest.approx([3 / 4, 0.6 / 1.5, 0])
    assert answer.all.pq == pytest.approx((3 / 4 + 0.4 + 0) / 3)
    assert answer.things.pq == pytest.approx(0.2) and answer.stuff.pq == pytest.approx(3 / 4)
    assert answer.pq[[1, 4]].isnan().all()
    assert [answer.tp.tolist(), answer.fp.tolist(), answer.fn.tolist()] == [
        [1, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 1, 0, 0]]  # fmt: skip


def test_half_is_no_match_and_a_little_more_is() -> None:
    assert quality(row(2001, 2001, 0, 0), row(2001, 0, 0, 0)).tp[2] == 0  # IoU 1/2
    assert quality(row(2001, 2001, 2001, 0, 0), row(2001, 2001, 0, 0, 0)).tp[2] == 1  # IoU 2/3


def test_one_pixel_is_a_segment() -> None:
    assert quality(row(2001), row(2007)).all == (1, 1, 1)


def test_void_in_the_truth_counts_neither_for_nor_against() -> None:
    truth = row(2001, 2001, VOID, VOID, VOID, 0)
    spilled = row(2001, 2001, 2001, 2001, 2001, 0)
    assert quality(spilled, truth).pq[2] == 1  # what lies on void is left out of the union
    more_than_half = row(3001, 3001, 3001, 0, 0, 0)
    assert quality(more_than_half, row(VOID, VOID, 0, 0, 0, 0)).fp[3] == 0  # two of three pixels on void
    assert quality(row(3001, 3001, 0), row(VOID, 0, 0)).fp[3] == 1  # one half is not more than one half
    assert quality(row(2001, 0), row(VOID, VOID)).all.pq != quality(row(2001, 0), row(0, 0)).all.pq
    assert math.isnan(quality(row(2001, 0), row(VOID, VOID)).all.pq)


def test_void_in_what_was_found_is_no_segment_and_no_excuse() -> None:
    truth = row(2001, 2001, 2001, 0, 0)
    nothing = quality(torch.full_like(truth, VOID), truth)
    assert nothing.all == (0, 0, 0) and nothing.fp.sum() == 0 and nothing.fn.tolist() == [1, 0, 1, 0, 0]
    assert quality(row(2001, 2001, VOID, 0, 0), truth).pq[2] == pytest.approx(2 / 3)


def test_saying_nothing_costs_less_than_a_wrong_class() -> None:
    """The reason for UPSNet's unknown class: a miss without a false positive of another class."""
    truth = row(2001, 2001, 3001, 3001, 0, 0)
    silent, wrong = row(2001, 2001, VOID, VOID, 0, 0), row(2001, 2001, 2002, 2002, 0, 0)
    assert quality(silent, truth).all.pq > quality(wrong, truth).all.pq


def test_a_group_excuses_segments_of_its_class_alone() -> None:
    truth = row(2009, 2009, 2009, 2009, 0, 0)
    found = row(2001, 2001, 2002, 2002, 0, 0)
    other = row(3001, 3001, 3001, 3001, 0, 0)
    assert quality(found, truth).fp[2] == 2  # one half of an ordinary segment is no match
    grouped = quality(found, truth, crowds=[[2009]])
    assert grouped.fp[2] == 0 and grouped.fn[2] == 0 and grouped.pq[2].isnan()
    assert quality(other, truth, crowds=[[2009]]).fp[3] == 1
    assert quality(row(2001, 2001, 2001, 2001, 0, 0), truth, crowds=[[2009]]).tp[2] == 0


def test_numbers_of_instances_and_the_order_of_pictures_do_not_matter_nor_the_side() -> None:
    maps = [(f, t) for f, t in WHOLE if f.shape == (8, 9)][:30]
    found, truth = (list(side) for side in zip(*maps, strict=True))
    first = panoptic_quality(found, truth, classes=CLASSES, things=THINGS)
    renamed = [torch.where(f % CODES > 0, f + 400, f) for f in found]
    again = panoptic_quality(renamed[::-1], truth[::-1], classes=CLASSES, things=THINGS)
    assert torch.allclose(first.pq, again.pq, equal_nan=True)
    assert torch.allclose(first.pq, first.sq * first.rq, equal_nan=True)
    back = panoptic_quality([*map(whole, truth)], found, classes=CLASSES, things=THINGS)
    forth = panoptic_quality(found, [*map(whole, truth)], classes=CLASSES, things=THINGS)
    assert torch.equal(back.fp, forth.fn) and torch.allclose(back.pq, forth.pq, equal_nan=True)


def whole(codes: Tensor) -> Tensor:
    """A map without void."""
    return torch.where(codes == VOID, 0, codes)


def test_the_toy_world_against_itself_is_perfect() -> None:
    sample = toyworld.render(toyworld.sample_scenes(6, seed=0), 64)
    things = range(len(toyworld.STUFF), len(toyworld.SEMANTIC))
    answer = panoptic_quality(sample.panoptic, sample.panoptic, classes=len(toyworld.SEMANTIC), things=things)
    assert answer.all == answer.things == answer.stuff == (1, 1, 1)
    without = sample.panoptic.clone()
    without[sample.instance > 0] = VOID
    answer = panoptic_quality(without, sample.panoptic, classes=len(toyworld.SEMANTIC), things=things)
    assert answer.things.pq == 0 and answer.stuff.pq == 1


@pytest.mark.parametrize(
    "found, truth, options, told",
    [
        (row(0).float(), row(0), {}, "found: got torch.float32"),
        (row(0, 1), row(0), {}, "found: got shape"),
        (row(5000), row(0), {}, "found: got codes from 5000"),
        (row(-2), row(0), {}, "found: got codes from -2"),
        (row(0), row(0), {"things": (5,)}, "things: got class 5"),
        (row(0), row(0), {"things": ("a",)}, "things: got 'a'"),
        (row(0), row(0), {"classes": 0}, "classes: got 0"),
        (row(0), row(0), {"crowds": []}, "crowds: got 0"),
        (torch.empty(1, 0, 3).long()[0], torch.empty(1, 0, 3).long()[0], {}, "truth: got the empty shape"),
    ],
)
def test_bad_input_is_refused(found: Tensor, truth: Tensor, options: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        panoptic_quality([found], [truth], **{"classes": CLASSES, "things": THINGS, **options})  # type: ignore[arg-type]
