"""The heuristic merge and UPSNet's pruning, against loops over pixels and by hand."""

import itertools
from types import ModuleType

import pytest
import torch
from torch import Tensor

from lecture_utils.segmentation import panoptic_merge
from lecture_utils.segmentation.panoptic_codes import CODES, VOID
from lecture_utils.segmentation.panoptic_merge import fill_stuff, merge_panoptic, prune_masks
from lecture_utils.segmentation.structures import Instances
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.6")
STUFF = 2


def instances(n: int, seed: int, size: tuple[int, int] = (7, 9)) -> Instances:
    """Rectangles with soft edges, that overlap, by falling score."""
    made = torch.Generator().manual_seed(seed)
    height, width = size
    corner = torch.rand(n, 2, generator=made) * torch.tensor([width - 2.0, height - 2.0])
    side = 1 + torch.rand(n, 2, generator=made) * 5
    boxes = torch.cat([corner, corner + side], dim=1)
    y, x = torch.arange(height)[:, None] + 0.5, torch.arange(width) + 0.5
    inside = [(x >= a) & (x < c) & (y >= b) & (y < d) for a, b, c, d in boxes.tolist()]
    masks = torch.stack(inside).float() if n else torch.zeros(0, *size)
    masks = masks * (0.3 + 0.7 * torch.rand(n, *size, generator=made))  # some pixels fall below one half
    labels = torch.randint(3, (n,), generator=made)
    return Instances(boxes, labels, torch.rand(n, generator=made).sort(descending=True).values, masks)


def by_loop(found: Instances, semantic: Tensor, score: float, overlap: float, least: int) -> Tensor:
    """The merge as Kirillov et al. tell it, pixel by pixel."""
    height, width = semantic.shape
    owner: dict[tuple[int, int], int] = {}
    for i in sorted(range(len(found.scores)), key=lambda i: -float(found.scores[i])):
        if float(found.scores[i]) < score:
            continue
        own = [
            (y, x) for y, x in itertools.product(range(height), range(width)) if found.masks[i, y, x] >= 0.5
        ]
        taken = [place for place in own if place in owner]
        if len(taken) > overlap * len(own):
            continue
        for place in own:
            if place not in owner:
                owner[place] = i
    out = torch.full((height, width), VOID)
    for (y, x), i in owner.items():
        out[y, x] = (STUFF + int(found.labels[i])) * CODES + i + 1
    for k in range(STUFF):
        free = [(y, x) for y, x in itertools.product(range(height), range(width))
                if (y, x) not in owner and semantic[y, x] == k]  # fmt: skip
        for y, x in free if len(free) >= least else []:
            out[y, x] = k * CODES
    return out


SETTINGS = [(0.0, 0.5, 0), (0.5, 0.5, 0), (0.3, 0.2, 9), (0.0, 0.0, 30), (0.0, 1.0, 0)]


def differences(module: ModuleType) -> int:
    """In how many of many cases the merge is not the loop's."""
    wrong = 0
    for seed, (score, overlap, least) in itertools.product(range(12), SETTINGS):
        found = instances(seed % 6, seed)
        semantic = torch.randint(STUFF + 3, (7, 9), generator=torch.Generator().manual_seed(seed))
        got = module.merge_panoptic(
            found, semantic, stuff=STUFF, score_threshold=score, overlap=overlap, least_stuff=least
        )
        wrong += not torch.equal(got, by_loop(found, semantic, score, overlap, least))
    return wrong


def test_the_merge_is_the_loop() -> None:
    assert differences(panoptic_merge) == 0


@pytest.mark.parametrize(
    "fault",
    [
        ("panoptic[mask & ~claimed] =", "panoptic[mask] ="),
        ("claimed.sum() > overlap * mask.sum()", "claimed.sum() >= overlap * mask.sum()"),
        ("instances.scores[i] < score_threshold or too_much", "too_much"),
        ("* CODES + i + 1", "* CODES + len(rows) - i"),
        ("free & (semantic == k)", "semantic == k"),
        ("area.sum() >= least", "area.sum() > least"),
    ],
)
def test_a_planted_fault_is_seen(fault: tuple[str, str]) -> None:
    assert differences(planted("lecture_utils.segmentation.panoptic_merge", fault)) > 0


def two_that_overlap() -> Instances:
    """A square of class 0 with the higher score, and one of class 1 that shares a third of its pixels."""
    masks = torch.zeros(2, 4, 6)
    masks[0, :, :3], masks[1, :, 2:5] = 1, 1
    boxes = torch.tensor([[0.0, 0, 3, 4], [2, 0, 5, 4]])
    return Instances(boxes, torch.tensor([0, 1]), torch.tensor([0.9, 0.8]), masks)


def test_order_decides_who_has_the_pixels_in_dispute_and_numbers_stay() -> None:
    found, semantic = two_that_overlap(), torch.zeros(4, 6, dtype=torch.int64)
    first = merge_panoptic(found, semantic, stuff=STUFF)
    second = merge_panoptic(found, semantic, stuff=STUFF, order=[1, 0])
    assert first[0].tolist() == [2001, 2001, 2001, 3002, 3002, 0]
    assert second[0].tolist() == [2001, 2001, 3002, 3002, 3002, 0]
    only = merge_panoptic(found, semantic, stuff=STUFF, order=torch.tensor([1]))
    assert only[0].tolist() == [0, 0, 3002, 3002, 3002, 0]
    assert (merge_panoptic(found, semantic, stuff=STUFF, order=[]) == 0).all()


def test_logits_and_classes_are_the_same_and_things_without_an_object_are_void() -> None:
    found = two_that_overlap()
    logits = torch.randn(STUFF + 2, 4, 6, generator=torch.Generator().manual_seed(0))
    got = merge_panoptic(found, logits, stuff=STUFF)
    assert torch.equal(got, merge_panoptic(found, logits.argmax(0), stuff=STUFF))
    alone = logits.argmax(0)[:, 5]
    assert torch.equal(got[:, 5], torch.where(alone < STUFF, alone * CODES, VOID))


def test_no_instances_leave_the_stuff() -> None:
    none = Instances(
        torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0), torch.zeros(0, 4, 6)
    )
    semantic = torch.arange(24).reshape(4, 6) % 3
    assert torch.equal(merge_panoptic(none, semantic, stuff=3), semantic * CODES)
    assert torch.equal(fill_stuff(torch.full((4, 6), VOID), semantic, 3, least=9), torch.full((4, 6), VOID))
    assert len(prune_masks(none)) == 0


def test_pruning_by_box_score_and_mask() -> None:
    masks = torch.zeros(6, 8, 8)
    masks[0, :4], masks[1, :4, :7], masks[2, 3:7], masks[3, 2:6], masks[4, 7], masks[5, 7, 4:] = (
        1,
        1,
        1,
        1,
        1,
        1,
    )
    boxes = torch.tensor(
        [[0.0, 0, 8, 4], [0, 0, 7, 4], [0, 3, 8, 7], [0, 2, 8, 6], [0, 7, 8, 8], [4, 7, 8, 8]]
    )
    found = Instances(
        boxes, torch.tensor([0, 1, 0, 1, 0, 0]), torch.tensor([0.9, 0.8, 0.7, 0.65, 0.61, 0.5]), masks
    )
    # 1 is a double of 0, whatever its class; 3 one of 2; 5 is unsure. 2 shares a quarter of its mask with 0.
    assert prune_masks(found).tolist() == [0, 2, 4]
    assert prune_masks(found, overlap=0.2).tolist() == [0, 4]
    # Without suppression, 3 is of another class than 0 and 2, and 14 of its 32 pixels are behind 1.
    assert prune_masks(found, nms_threshold=1.0).tolist() == [0, 1, 2, 4]
    assert prune_masks(found, nms_threshold=1.0, overlap=0.5).tolist() == [0, 1, 2, 3, 4]
    assert prune_masks(found, score_threshold=0.0, nms_threshold=1.0).tolist() == [0, 1, 2, 4]
    empty = found._replace(masks=0.4 * masks)
    assert prune_masks(empty).tolist() == []


def test_bad_input_is_refused() -> None:
    found, semantic = two_that_overlap(), torch.zeros(4, 6, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"order: got .*want each row at most once"):
        merge_panoptic(found, semantic, stuff=STUFF, order=[0, 0])
    with pytest.raises(ValueError, match=r"order: got class numbers from 2"):
        merge_panoptic(found, semantic, stuff=STUFF, order=[2])
    with pytest.raises(ValueError, match=r"semantic: got torch.int64 \(4, 5\)"):
        merge_panoptic(found, semantic[:, 1:], stuff=STUFF)
    with pytest.raises(ValueError, match=r"overlap: got 1\.5"):
        merge_panoptic(found, semantic, stuff=STUFF, overlap=1.5)
    with pytest.raises(ValueError, match="instances: got tuple"):
        merge_panoptic(tuple(found), semantic, stuff=STUFF)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="instances, labels"):
        prune_masks(found._replace(labels=found.labels[:1]))
