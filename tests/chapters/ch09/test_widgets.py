"""Chapter 09's widgets show what the package computes, and what their captions say is so."""

import pytest
import torch

from lecture_utils.chapters.ch09.widgets import clip_player, merge_order, prototypes, roi_shift
from lecture_utils.data.toyworld import CLASSES
from lecture_utils.metrics.panoptic import VOID
from lecture_utils.ops import roi_plain
from lecture_utils.recipes._masks import labelled, panoptic_score
from lecture_utils.zoo import load


def words(figure):
    """All that is written on a figure."""
    said = [t.get_text() for t in figure.texts]
    for ax in figure.axes:
        said += [t.get_text() for t in ax.texts] + [ax.get_title(loc=side) for side in ("left", "center")]
    return said


# RoIPool and RoIAlign


def bins(name, shift, way="right"):
    """What both operators give after a shift, (5, 5) each."""
    features, box = roi_shift.region(name)[1:]
    return [x[0] for x in roi_shift.pooled(features, roi_shift.shifted(box, way, torch.tensor([shift])))]


@pytest.mark.parametrize("name", roi_shift.MAPS)
@pytest.mark.parametrize("way", roi_shift.WAYS)
def test_the_bins_are_those_of_the_plain_operators(name, way):
    features, box = roi_shift.region(name)[1:]
    own = roi_shift.shifted(box, way, torch.tensor([1.25])), torch.tensor([0]), (5, 5), 0.25
    pool, align = bins(name, 1.25, way)
    assert torch.allclose(pool, roi_plain.roi_pool(features, *own)[0, 0], atol=1e-6)
    assert torch.allclose(align, roi_plain.roi_align(features, *own)[0, 0], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "jumps"), (("a drawn disc", (1.5, 3.0)), ("a network's channel", (1.0, 3.0)))
)
def test_roipool_stands_still_and_jumps_where_roialign_glides(name, jumps):
    pool, align = roi_shift.changes(name, "right", roi_shift.SHIFTS)
    step = float(roi_shift.SHIFTS[1])
    moved = (pool.diff().abs() > 1e-6).nonzero()[:, 0]
    assert [(int(k) + 1) * step for k in moved] == list(jumps)
    assert pool.diff().abs().max() > 4 * align.diff().abs().max() > 0
    assert (align.diff() > 0).all()


def test_a_box_moved_right_and_down_jumps_four_times():
    pool, _ = roi_shift.changes("a drawn disc", "both", roi_shift.SHIFTS)
    assert len((pool.diff().abs() > 1e-6).nonzero()) == 4


def test_at_the_first_frame_roipool_gives_what_it_gave_before_the_shift():
    before, now = bins("a drawn disc", 0.0), bins("a drawn disc", 1.25)
    assert torch.equal(before[0], now[0]) and not torch.allclose(before[1], now[1], atol=0.02)
    said = words(roi_shift.shifts(1.25, "right", "a drawn disc"))
    assert "RoIPool: change 0.000" in said and "RoIAlign: change 0.000" not in said
    assert "RoIPool's box: up to 3.5 pixels off" in words(roi_shift.shifts(0.0, "right", "a drawn disc"))


@pytest.mark.parametrize("shift", (0.0, 1.25, 1.5, 3.0))
def test_roipool_reads_the_cells_that_are_drawn_and_no_other(shift):
    box = roi_shift.shifted(roi_shift.region("a drawn disc").box, "right", torch.tensor([shift]))
    x1, y1, x2, y2 = (int(v) // roi_shift.STRIDE for v in roi_shift.whole_cells(box[0]))
    cells = torch.zeros(1, 1, 16, 16)
    cells[..., y1:y2, x1:x2] = 1
    assert roi_shift.pooled(cells, box)[0].eq(1).all()
    assert roi_shift.pooled(1 - cells, box)[0].eq(0).all()


# Prototypes


def mask_iou(object, crop, **factors):
    """The IoU that is written over the mask."""
    figure = prototypes.mixing(object, crop, **({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0} | factors))
    return float(figure.axes[0].get_title(loc="center").split()[-1])


def test_with_the_networks_own_coefficients_the_masks_are_its_own():
    images, truth = labelled(prototypes.SCENE + 1, seed=0, split="test")
    with torch.no_grad():
        found = load("shapes_yolact")(images[-1:])[0]
    masks = truth.targets[-1][2]
    assert int((found.scores >= 0.5).sum()) == len(masks) == 2
    assert [CLASSES[k] for k in found.labels[:2]] == ["ring", "square"]
    for k in range(2):
        mask = prototypes.mixed(k + 1, (1.0,) * 4)[1]
        cropped = prototypes.crop_masks(mask[None], prototypes.seen().boxes[k : k + 1])[0]
        assert torch.allclose(cropped, found.masks[k], atol=1e-4)
        best = float(prototypes.iou(found.masks[k] >= 0.5, masks).max())
        assert mask_iou(k + 1, "by its box") == pytest.approx(best, abs=0.006)


def test_a_factor_changes_the_mask_by_its_prototype_alone():
    scene = prototypes.seen()
    own, _ = prototypes.mixed(1, (1.0,) * 4)
    turned, _ = prototypes.mixed(1, (1.0, 1.0, -1.0, 1.0))
    third = prototypes.ranked(1)[2]
    assert turned[third] == -own[third] and (turned != own).sum() == 1
    weight = scene.coefficients[0].abs() * scene.prototypes.mean((1, 2))
    assert weight[prototypes.ranked(1)].min() >= weight.sort(descending=True).values[5]


def test_what_the_captions_say_of_the_ring():
    own = prototypes.seen().coefficients[0][prototypes.ranked(1)]
    assert (own[:2] < -0.9).all()
    assert mask_iou(1, "by its box") > 0.85 > mask_iou(1, "by its box", a=0.0) > 0.7
    full = prototypes.mixed(1, (-1.0, 1.0, 1.0, 1.0))[1]
    box = prototypes.seen().boxes[0].round().int().tolist()
    assert (full[box[1] : box[3], box[0] : box[2]] >= 0.5).float().mean() > 0.97
    loose = prototypes.mixed(1, (1.0,) * 4)[1] >= 0.5
    assert (loose & prototypes.seen().truth[1]).sum() > 0.7 * prototypes.seen().truth[
        1
    ].sum()  # the neighbour
    assert loose[:4].float().mean() > 0.7  # the sky
    assert mask_iou(1, "not at all") < 0.7


def test_what_the_captions_say_of_the_square():
    assert prototypes.ranked(2)[3] == prototypes.ranked(1)[3]
    signs = [float(prototypes.seen().coefficients[k][prototypes.ranked(1)[3]]) for k in range(2)]
    assert signs[0] > 0.9 and signs[1] < -0.9
    ring = prototypes.seen().truth[0]
    covered = [(prototypes.mixed(2, (1.0, 1.0, 1.0, d))[1] >= 0.5)[ring].float().mean() for d in (1.0, -1.0)]
    assert 0.02 < covered[0] < 0.4 and covered[1] > 0.9
    assert mask_iou(2, "by its box", d=-1.0) < mask_iou(2, "by its box") - 0.05


# The merge


@pytest.mark.parametrize("least", (0.0, 0.05, 0.5, 0.9, 1.0))
@pytest.mark.parametrize("overlap", (0.0, 0.1, 0.5, 0.95))
@pytest.mark.parametrize("order", merge_order.ORDERS)
def test_the_list_tells_what_the_merge_does(order, overlap, least):
    codes = merge_order.merged(order, overlap, least)
    told = merge_order.turns(order, overlap, least)
    numbers = (codes[codes >= 4000] % 1000).unique().tolist()
    assert numbers == sorted(turn.row + 1 for turn in told if turn.kept)
    assert len(told) == int((merge_order.scene().found.scores >= least).sum())


def test_the_scene_and_its_quality_are_the_recipes():
    images, truth = labelled(merge_order.SCENE + 1, seed=0, split="test")
    with torch.no_grad():
        found = load("shapes_mask_rcnn")(images[-1:])[0]
    own = merge_order.scene()
    assert torch.equal(own.panoptic, truth.panoptic[-1]) and not (own.panoptic == VOID).any()
    assert torch.allclose(own.found.masks, found.masks, atol=1e-4)
    for order in merge_order.ORDERS:
        codes = merge_order.merged(order, 0.5, 0.5)
        want = panoptic_score([codes], truth.panoptic[-1:])
        assert merge_order.quality(codes).pq == pytest.approx(want["PQ"])
        said = words(merge_order.merging(order, 0.5, 0.5))
        assert f"PQ {want['PQ']:.2f}, SQ {want['SQ']:.2f}, RQ {want['RQ']:.2f}" in said


def kept(order, overlap, least):
    """The numbers of the objects that are kept, in the order of the merge."""
    return [turn.row + 1 for turn in merge_order.turns(order, overlap, least) if turn.kept]


def test_what_the_captions_say_of_the_merge():
    labels = [CLASSES[k] for k in merge_order.scene().found.labels]
    assert labels[:4] == ["star", "heart", "triangle", "capsule"]
    assert kept("largest mask", 0.5, 0.5) == [4, 1]  # the wrong one takes the places of 2 and 3
    assert kept("highest score", 0.5, 0.5) == [1, 2, 3]
    wider = kept("highest score", 0.5, 0.05)
    assert wider[:3] == [1, 2, 3] and [labels[k - 1] for k in wider[3:]] == ["heart"]
    assert labels[kept("smallest mask", 0.5, 0.05)[0] - 1] == "star"
    assert kept("lowest score", 0.5, 0.05)[0] == len(merge_order.turns("lowest score", 0.5, 0.05))
    assert len(kept("highest score", 1.0, 0.05)) == len(merge_order.turns("highest score", 1.0, 0.05))
    assert kept("highest score", 0.1, 0.5) == kept("highest score", 0.5, 0.9) == [1, 2]
    covered = [turn.covered for turn in merge_order.turns("highest score", 0.1, 0.5)]
    assert 0.25 < covered[2] < 0.4


def test_by_score_the_quality_is_above_that_of_the_worst_orders():
    pq = {order: merge_order.quality(merge_order.merged(order, 0.5, 0.5)).pq for order in merge_order.ORDERS}
    assert pq["highest score"] > 0.8 and pq["largest mask"] < 0.6 and pq["lowest score"] < 0.6
    assert merge_order.quality(merge_order.merged("highest score", 1.0, 0.05)).pq < 0.6


# The player


@pytest.mark.parametrize("clip", clip_player.CLIPS)
def test_the_frame_before_moved_by_the_flow_is_this_frame_where_it_is_known(clip):
    sample = clip_player.rendered(clip)
    for frame in (2, 5, 8):
        known = sample.known[0, frame - 1]
        away = (clip_player.moved(clip, frame) - sample.image[0, frame - 1]).abs().mean(0)
        still = (sample.image[0, frame - 2] - sample.image[0, frame - 1]).abs().mean(0)
        assert away[known].mean() < 0.5 * still[known].mean()  # what is left: shading, shadows and edges
        assert away[known].mean() < 0.02 < away[~known].mean()


def test_what_the_captions_say_of_the_clips():
    behind = "one passes behind"
    assert [clip_player.in_sight(behind, k) for k in (4, 5, 7)] == [[1, 2, 3], [1, 2], [1, 2, 3]]
    assert clip_player.rendered(behind).visibility[0, 3, 2] < 0.1
    sample = clip_player.rendered(behind)
    share = sample.known[0, 6][sample.instance[0, 6] == 3].float().mean()
    assert 0.1 < share < 0.9
    assert [clip_player.in_sight("out and in", k) for k in range(1, 8)] == [
        [1, 2], [1, 2], [2], [2], [1, 2], [1, 2], [1, 2]
    ]  # fmt: skip
    back = clip_player.rendered("out and in")
    assert back.known[0, 4][back.instance[0, 4] == 1].float().mean() < 0.02


def test_where_only_the_camera_moves_near_points_shift_more_than_far_ones():
    sample = clip_player.rendered("the camera moves")
    flow, ground = sample.flow[0, 4, 0], sample.instance[0, 4] == 0
    rows = [float(flow[row][ground[row]].mean()) for row in (20, 130, 180, 250)]
    assert rows[0] == 0 and rows[3] < rows[2] < rows[1] < 0  # it came from the left: the camera went there


def test_the_first_frame_has_none_before_it():
    for clip in clip_player.CLIPS:
        assert not clip_player.rendered(clip).known[0, 0].any()
        said = words(clip_player.play(clip, 1, clip_player.BEFORE[0]))
        assert "no frame before" in said and not any("vermilion" in text for text in said)
