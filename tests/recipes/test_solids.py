"""Recipes on points and volumes: what is turned stays true, splits share nothing, all parts are trained."""

import itertools
import math

import pytest
import torch

from lecture_utils.data.toyworld import CLASSES, solids
from lecture_utils.geometry.point_blocks import turned
from lecture_utils.ops.boxes_3d import box_corners_3d, paired_iou_3d
from lecture_utils.recipes import (
    _solids,
    brain_unet3d,
    solids_boxes,
    solids_parts,
    solids_pointnet,
    solids_room,
)

pytestmark = pytest.mark.system("S18.3")

RECIPES = {
    solids_pointnet: 64,
    solids_parts: 64,
    solids_boxes: 64,
    solids_room: 10,
    brain_unet3d: 4,
}  # how many of their data suffice for a few steps


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.__name__.rpartition(".")[2])
def test_steps_move_every_part(recipe) -> None:
    model, info = recipe.train(3, steps=3, count=RECIPES[recipe])
    assert info["steps"] == 3 and not model.training
    torch.manual_seed(3)
    for (name, before), after in zip(recipe.build().named_parameters(), model.parameters(), strict=True):
        assert not torch.equal(before, after), f"{name} has not moved"


def test_a_turn_takes_points_normals_and_boxes_along() -> None:
    its = _solids.clouds(64, "val", max_tilt_deg=0)
    for batch in itertools.islice(_solids.batches(its, 0, 32), 2):
        torch.testing.assert_close(batch.normals.norm(dim=2), torch.ones(32, 128))
        low, high = box_corners_3d(batch.boxes).unflatten(1, (2, 4))[:, :, 0].unbind(1)
        assert (batch.points[:, :, 2].amax(1) < high[:, 2] + 0.08).all()
        assert (batch.points[:, :, 2].amin(1) > low[:, 2] - 0.08).all()
        away = (batch.points - batch.boxes[:, None, :3])[..., :2]
        cos, sin = batch.boxes[:, 6].cos()[:, None], batch.boxes[:, 6].sin()[:, None]
        along, across = away[..., 0] * cos + away[..., 1] * sin, away[..., 1] * cos - away[..., 0] * sin
        half = batch.boxes[:, 3:5] / 2 + 0.08  # noise and jitter reach over the edge: 1.4 cm a coordinate
        assert (along.abs() < half[:, :1]).all() and (across.abs() < half[:, 1:]).all()


def test_yaw_stays_within_the_period_and_covers_the_same_space() -> None:
    its = solids.point_clouds(1, 64, 8, max_tilt_deg=0)
    angle = torch.linspace(-4, 4, 64)
    got = _solids.turned_boxes(its.boxes, its.class_id, angle)
    period = torch.tensor([math.radians(solids.YAW_PERIOD_DEG[CLASSES[c]]) for c in its.class_id])
    assert (got[:, 6].abs() <= period / 2 + 1e-6).all()
    plain = its.boxes.clone()
    plain[:, :3], plain[:, 6] = turned(its.boxes[:, None, :3], angle)[:, 0], its.boxes[:, 6] + angle
    fixed = period > 0  # a ball or a cone has no heading: its box does not turn
    assert paired_iou_3d(got, plain)[fixed].min() > 0.999


def test_splits_share_no_cloud_no_room_and_no_brain() -> None:
    one, other = (_solids.clouds(40, split) for split in ("train", "test"))
    assert (torch.cdist(one.boxes[:, :6], other.boxes[:, :6]) > 1e-4).all()
    assert not torch.equal(solids_room.rooms(1, "train")[0].boxes, solids_room.rooms(1, "test")[0].boxes)
    assert not torch.equal(brain_unet3d.volumes(1, "train")[1], brain_unet3d.volumes(1, "test")[1])


def test_a_point_is_given_a_part_of_its_own_solid() -> None:
    scores, class_id = torch.randn(8, len(solids.PARTS), 30), torch.arange(8)
    guess = solids_parts.own_parts(scores, class_id)
    for c in range(8):
        assert set(guess[c].tolist()) <= set(solids.parts_of(c))
    assert len(guess.unique()) == len(solids.PARTS)


def test_shape_iou_is_the_mean_over_the_solids_own_parts() -> None:
    square = list(solids.parts_of(CLASSES.index("square")))
    truth = torch.tensor([[square[0]] * 4 + [square[1]] * 4])
    guess = torch.tensor([[square[0]] * 2 + [square[1]] * 6])
    got = solids_parts.shape_ious(guess, truth, torch.tensor([CLASSES.index("square")]))
    assert float(got) == pytest.approx((2 / 4 + 4 / 6 + 1) / 3)


def test_each_point_of_a_room_is_labelled_by_its_own_block() -> None:
    its = solids_room.rooms(1, "train")[0]
    seen = torch.zeros(len(its.points), dtype=torch.long)
    for block, numbers in solids_room.blocks(its, 0.7):
        assert numbers.shape == (len(block.rows), 9)
        assert (numbers[:, :2].abs() <= 0.3 + 0.4 + 1e-5).all()
        seen[block.rows[block.own]] += 1
    assert (seen == 1).all()
    guess = solids_room.segment(solids_room.build().eval(), its)
    assert guess.shape == its.semantic.shape


def test_a_batch_of_blocks_is_half_their_own_points_where_they_have_so_many() -> None:
    its = solids_room.rooms(10, "train")
    x, (labels, own) = next(solids_room.block_batches(its, 0))
    assert x.shape == (24, 256, 9) and labels.shape == own.shape == (24, 256)
    assert own.any(1).all() and (~own).any()
    assert (x[own][:, :2].abs() <= 0.3 + 1e-5).all() and (x[~own][:, :2].abs().amax(1) >= 0.3 - 1e-5).all()
    with_solids = (labels * own).amax(1) > 0
    assert 12 < int(with_solids.sum()) <= 24


def test_three_slices_along_each_axis_are_labelled_and_no_more_is_learned() -> None:
    _, labels = brain_unet3d.volumes(2, "train")
    known = brain_unet3d.labelled_slices(labels, 0)
    assert abs(float(known.float().mean()) - (1 - (29 / 32) ** 3)) < 1e-6
    for axis in (1, 2, 3):
        others = [a for a in (1, 2, 3) if a != axis]
        assert (known.all(dim=others[1]).all(dim=others[0]).sum(1) == 3).all()
    weights = brain_unet3d.class_weights(labels)
    counts = torch.bincount(labels.flatten(), minlength=6)
    assert float(weights.mean()) == pytest.approx(1) and weights.argmin() == counts.argmax()


def test_every_second_cube_holds_a_labelled_lesion() -> None:
    x, labels = brain_unet3d.volumes(16, "train")
    known = brain_unet3d.labelled_slices(labels, 0)
    lesion = brain_unet3d.TISSUES.index("lesion")
    assert ((labels == lesion) & known).any()
    for own, (truth, some, _) in itertools.islice(brain_unet3d.cube_batches(x, labels, known, 0), 20):
        assert own.shape == (2, 1, 20, 20, 20) and truth.shape == some.shape == (2, 20, 20, 20)
        assert ((truth[1] == lesion) & some[1]).any()
        dark = own[:, 0][truth == 0]  # what is background is dark: picture and labels were cut alike
        assert len(dark) == 0 or float(dark.mean()) < 0.1


def test_the_box_around_the_points_is_what_it_says() -> None:
    box = solids_boxes.around_points(torch.tensor([[[0.0, 1, 2], [2, 5, 3], [1, 2, 2.5]]]))
    assert box.tolist() == [[1, 3, 2.5, 2, 4, 1, 0]]
