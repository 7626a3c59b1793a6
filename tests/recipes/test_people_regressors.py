"""Recipes on people in crops: what is learned from fits truths, batches mirror, only the regressor learns."""

import itertools

import pytest
import torch

from lecture_utils.body.spin.crop import crop_points, square_around, weak_to_translation
from lecture_utils.ops.camera import cam_to_pixel
from lecture_utils.ops.rotation import matrix_to_axis_angle
from lecture_utils.recipes import _people_crops as crops
from lecture_utils.recipes import _people_regressor as shared
from lecture_utils.recipes import people_hmr2d, people_joints, people_spin

pytestmark = pytest.mark.system("S20.5")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> crops.People:
    """Eight people, and batches of four."""
    monkeypatch.setattr(shared, "BATCH", 4)
    monkeypatch.setattr(people_joints, "BATCH", 4)
    return crops.people(8, "train", 5)


def true_pixels(its: crops.People) -> torch.Tensor:
    own = crops.views(len(its))
    seen = type(own)(own.rotation, own.translation, its.cameras.intrinsics, own.size)
    return cam_to_pixel(its.joints_m, seen)[0]


def test_crops_hold_their_person_and_joints_are_near_the_truth(few) -> None:
    true, sure = true_pixels(few), few.confidence > 0.4
    assert few.images.shape == (8, 3, 64, 64) and few.images.float().std() > 20
    assert ((true > 0) & (true < 64)).double().mean() > 0.97
    off = (few.joints2d - true).norm(dim=-1)
    assert 0.3 < off[sure].median() < 2.5 and (few.confidence == 0).double().mean() < 0.2
    assert torch.equal(few.joints2d, crops.people(8, "train", 5).joints2d)
    assert not torch.equal(few.joints2d, crops.people(8, "val", 5).joints2d)


def test_a_batch_is_the_pictures_or_their_mirror_images(few) -> None:
    for batch, _ in itertools.islice(crops.batches(few, 0, 4), 6):
        for k, row in enumerate(batch.rows.tolist()):
            plain = few.images[row].float() / 255
            assert torch.equal(batch.images[k], plain.flip(-1) if batch.mirrored[k] else plain)
    with pytest.raises(ValueError, match="got 9 of 8 people"):
        next(crops.batches(few, 0, 9))


def test_turned_and_scaled_pictures_take_their_joints_along(few, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of blots at the joints has them where the joints are said to be."""
    grid = torch.arange(64) + 0.5
    blot = [(-((grid - few.joints2d[:, 16, i, None]) ** 2) / 8).exp() for i in (0, 1)]
    images = (
        (255 * blot[1][:, None, :, None] * blot[0][:, None, None, :]).to(torch.uint8).expand(-1, 3, -1, -1)
    )
    its = crops.People(few.name, images, few.joints2d, few.confidence, few.joints_m, few.cameras)
    for pictures, (joints2d, confidence) in itertools.islice(people_joints.varied(its, 0, 4), 6):
        peak = pictures[:, 0].flatten(1).argmax(1)
        at = torch.stack([peak % 64, peak // 64], dim=1) + 0.5
        near = [(joints2d[:, j] - at).norm(dim=1) for j in (16, 17)]  # mirrored, it is the other shoulder
        inside = ((at > 4) & (at < 60)).all(1)
        assert (torch.minimum(*near)[inside] < 1.5).all() and (confidence <= 1).all()


@pytest.mark.parametrize("recipe", [people_joints, people_hmr2d])
def test_steps_move_what_is_to_learn(recipe, few) -> None:
    model, info = recipe.train(5, steps=3, count=8)
    assert info["steps"] == 3 and not model.training
    if recipe is people_joints:
        torch.manual_seed(5)
        before, learns = recipe.build(), lambda name: not name.startswith("what")
    else:
        before, learns = shared.fresh(5), lambda name: not name.startswith("encoder.")
    for (name, old), new in zip(before.named_parameters(), model.parameters(), strict=True):
        assert torch.equal(old, new) != learns(name), name


def test_the_loop_goes_round_and_the_dictionary_gets_no_worse(few, monkeypatch: pytest.MonkeyPatch) -> None:
    places = shared.fresh(0)
    with torch.no_grad():
        mean = places.read(places.start().expand(8, -1))
    start = matrix_to_axis_angle(mean.rotations)
    place = weak_to_translation(mean.camera, crops.views(8))
    monkeypatch.setattr(shared, "from_the_mean", lambda its: (start, mean.shape, place))
    first = shared.first_fits(few, people_spin.MOST_PX)
    model, info, fits = people_spin.learned(few, 5, 3)
    assert info["steps"] == 3 and (fits.error_px < first.error_px).any()
    assert (fits.error_px <= first.error_px).all()
    assert set(shared.score(model, few)) == {"mpjpe_mm", "pa_mpjpe_mm"}


def test_a_fresh_regressor_puts_people_in_the_middle(few) -> None:
    said = shared.estimates(shared.fresh(0), few)
    joints = shared.joints().of(said, crops.views(8))
    pixels, _ = cam_to_pixel(joints, crops.views(8))
    square = square_around(pixels, torch.ones(8, 24))
    assert ((square[:, :2] - 32).abs() < 10).all() and ((square[:, 2] > 30) & (square[:, 2] < 100)).all()
    assert crop_points(pixels, square, 64).isfinite().all()
