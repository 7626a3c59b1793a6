"""S04.3: planted detectors are recovered, and the IoU is that of a loop."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.explain.dissection import Dissection, dissect, unit_masks, unit_thresholds

pytestmark = pytest.mark.system("S04.3")
NAMES = ("circle", "left", "rare", "absent")


def concepts(n: int = 80, side: int = 24) -> Tensor:
    """Four concepts (n, 4, side, side): a wandering disc, the left column, a small square in few, nothing."""
    generator = torch.Generator().manual_seed(0)
    at = torch.arange(side)
    y, x = (torch.randint(5, side - 5, (n, 1, 1), generator=generator) for _ in range(2))
    disc = (at[:, None] - y).square() + (at - x).square() <= 9
    left = (at < 2).expand(n, side, side)
    rare = (
        ((at[:, None] - y).abs().clamp(min=0) < 2)
        & ((at - x).abs() < 2)
        & (torch.arange(n) < 8)[:, None, None]
    )
    return torch.stack([disc, left, rare, torch.zeros_like(disc)], dim=1)


def planted(masks: Tensor, *, stride: int = 1) -> Tensor:
    """Maps (n, 6, …): unit 1 shows the disc, unit 4 the rare square; the others are smooth noise."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(len(masks), 6, 6, 6, generator=generator)
    maps = F.interpolate(noise, size=masks.shape[-2:], mode="bilinear")
    for unit, concept in ((1, 0), (4, 2)):
        maps[:, unit] = 5 * masks[:, concept] + 0.1 * maps[:, unit]
    return F.avg_pool2d(maps, stride)


def test_planted_detectors_are_recovered() -> None:
    masks = concepts()
    area = float(masks[:, 0].float().mean())
    found = dissect(planted(masks), masks, NAMES, share=area)
    assert found.iou[1, 0] > 0.99  # the unit fires on as many pixels as the disc has, and on those
    best = found.labels(minimum=0.3)
    assert [(label.unit, label.concept) for label in best] == [(1, "circle")]
    rare = dissect(planted(masks), masks, NAMES, share=float(masks[:, 2].float().mean()))
    assert rare.labels(0.5)[0][:2] == (4, "rare") and rare.iou[4, 2] > 0.99
    assert bool((rare.iou[:, 3] == 0).all())  # nothing detects what is never there


def test_a_coarse_layer_still_finds_its_concept() -> None:
    masks = concepts()
    found = dissect(planted(masks, stride=4), masks, NAMES, share=0.04)
    label = found.labels()[0]
    assert (label.unit, label.concept) == (1, "circle") and label.iou > 0.3
    assert 1 in found.detectors()["circle"]


def test_a_perfect_unit_reaches_the_share_that_it_may_fire_on() -> None:
    """With the paper's 0.5 % the best possible IoU with a concept of area a is 0.005 / a."""
    masks = concepts()
    maps = planted(masks)
    maps += 1e-3 * torch.rand(maps.shape, generator=torch.Generator().manual_seed(2))  # no ties
    area = float(masks[:, 0].float().mean())
    found = dissect(maps, masks, NAMES)
    assert abs(float(found.iou[1, 0]) - 0.005 / area) < 0.02 * 0.005 / area


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_iou_equals_a_loop(batch: int) -> None:
    masks = concepts(20, 13)
    maps = planted(masks)[:, :, ::3, ::2].contiguous()  # odd sizes
    found = dissect(maps, masks, NAMES, share=0.05, batch=batch)
    for unit in range(maps.shape[1]):
        level = found.thresholds[unit].item()
        for concept in range(len(NAMES)):
            both = either = 0
            for image in range(len(maps)):
                large = F.interpolate(
                    maps[image : image + 1, unit : unit + 1], size=(13, 13), mode="bilinear"
                )
                fires = large[0, 0] > level
                both += int((fires & masks[image, concept]).sum())
                either += int((fires | masks[image, concept]).sum())
            assert abs(found.iou[unit, concept].item() - both / max(either, 1)) < 1e-6


@pytest.mark.parametrize("share", [0.005, 0.1, 0.5])
def test_thresholds_leave_the_share_above(share: float) -> None:
    maps = torch.randn(9, 4, 11, 13, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    level = unit_thresholds(maps, share)
    above = (maps > level[:, None, None]).transpose(0, 1).flatten(1).sum(1)
    assert above.tolist() == [int(share * 9 * 11 * 13)] * 4
    values = np.sort(maps.transpose(0, 1).flatten(1).numpy(), axis=1)
    assert level.tolist() == values[:, -int(share * values.shape[1]) - 1].tolist()


def test_scaling_a_unit_changes_nothing_and_order_follows_units() -> None:
    masks = concepts()
    maps = planted(masks)
    a = dissect(maps, masks, NAMES, share=0.03)
    scale = torch.tensor([3.0, 0.1, 7, 1, 2, 5])[:, None, None]
    b = dissect(maps * scale, masks, NAMES, share=0.03)
    torch.testing.assert_close(a.iou, b.iou, atol=1e-3, rtol=0)
    turned = dissect(maps.flip(1), masks, NAMES, share=0.03)
    torch.testing.assert_close(turned.iou, a.iou.flip(0))


def test_thresholds_from_other_images_and_a_dead_unit() -> None:
    masks = concepts(10)
    maps = planted(masks)
    maps[:, 0] = 0  # dead: never above its threshold
    level = unit_thresholds(maps, 0.02)
    assert not bool(unit_masks(maps, level, (30, 17))[:, 0].any())
    one = dissect(maps[:1], masks[:1], NAMES, thresholds=level)
    assert torch.equal(one.thresholds, level) and bool((one.iou[0] == 0).all())
    assert all(label.unit != 0 for label in one.labels(0.0))


def test_the_paper_s_share_and_least_iou_are_the_defaults_and_the_names_are_kept() -> None:
    masks = concepts()
    maps, names = planted(masks), list(NAMES)
    torch.testing.assert_close(unit_thresholds(maps), unit_thresholds(maps, 0.005))
    found = dissect(maps, masks, names)
    assert torch.equal(found.thresholds, unit_thresholds(maps, 0.005))
    names.clear()  # the list is the caller's to use again
    assert found.names == NAMES
    at_the_edge = Dissection(torch.tensor([[0.04, 0.0], [0.01, 0.05]]), torch.zeros(2), ("a", "b"))
    assert at_the_edge.labels() == [(1, "b", pytest.approx(0.05))] and at_the_edge.detectors() == {"b": [1]}


def test_bad_input_is_told() -> None:
    masks = concepts(4)
    maps = planted(masks)
    hurt = maps.clone()
    hurt[2, 3, 4, 5] = torch.nan  # one value of many
    for bad, message in (
        (lambda: dissect(maps, masks.float(), NAMES), "torch.float32"),
        (lambda: dissect(maps, masks[:3], NAMES), r"\(3, 4, 24, 24\), want torch.bool \(4, K, H, W\)"),
        (lambda: dissect(maps, masks, NAMES[:2]), "2 names, want 4"),
        (lambda: dissect(maps[0], masks, NAMES), r"want \(B, C, H, W\)"),
        (lambda: unit_thresholds(maps[0]), r"want \(B, C, H, W\)"),
        (lambda: unit_thresholds(maps, 0.0), "share"),
        (lambda: unit_thresholds(maps[:1, :, :5, :5]), "0.005 of 25 values"),
        (lambda: unit_masks(maps, torch.zeros(3), 8), r"\(3,\), want \(6,\)"),
        (lambda: unit_masks(maps, torch.full((6,), torch.nan), 8), "thresholds: got NaN"),
        (lambda: unit_masks(maps, torch.zeros(6), 0), "size, height: got 0"),
        (lambda: unit_masks(hurt, torch.zeros(6), 8), "maps: got NaN"),
        (lambda: unit_thresholds(hurt, 0.1), "maps: got NaN"),
        (lambda: unit_thresholds(maps, 1.0), "share"),
        (lambda: unit_thresholds(maps, float("nan")), "share: got nan"),
        (lambda: dissect(hurt, masks, NAMES, share=0.1), "maps: got NaN"),
        (lambda: dissect(maps / 0, masks, NAMES), "NaN or infinite"),
        (lambda: dissect(maps, masks, NAMES, batch=0), "batch: got 0"),
        (lambda: dissect(maps, masks[:, 0], NAMES), r"\(4, 24, 24\), want torch.bool"),
        (lambda: dissect(maps, masks.numpy(), NAMES), "concepts: got ndarray"),
        (lambda: dissect(maps, masks, NAMES, share=0.1).labels(float("nan")), "minimum: got nan"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
