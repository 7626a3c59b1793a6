"""Label map → scene: the pairs, the arms, the measures, and the recipes in a few steps."""

import pytest
import torch

from lecture_utils.data import toyworld
from lecture_utils.recipes import _translated, scenes_pix2pix, scenes_pix2pix_arms
from lecture_utils.recipes._translated import (
    ARMS,
    CLASSES,
    LABELS,
    LOOSE,
    one_hot,
    outputs,
    started,
    train_arm,
    translated,
)
from lecture_utils.recipes._translated_measured import (
    agreement,
    colour_overlap,
    colourfulness,
    detail,
    measured,
)

pytestmark = pytest.mark.system("S15.5")


def test_pairs_belong_together_and_splits_share_none() -> None:
    one, again = translated(20, seed=3), translated(20, seed=3)
    assert torch.equal(one.labels, again.labels) and torch.equal(one.image, again.image)
    assert one.labels.shape == (20, 32, 32) and one.image.shape == (20, 3, 32, 32)
    keys = [set(_translated.scenes(50, split=split).key.tolist()) for split in ("train", "val", "test")]
    assert not (keys[0] & keys[1] or keys[0] & keys[2] or keys[1] & keys[2])
    objects = (one.labels >= len(toyworld.STUFF)).flatten(1).float().mean(1)
    assert objects.min() > 0.01  # one object or more


def test_the_map_does_not_tell_the_colour() -> None:
    pairs = translated(300, seed=0)
    stars = pairs.labels == toyworld.SEMANTIC.index("star")
    means = torch.stack(
        [image[:, where].mean(1) for image, where in zip(pairs.image, stars, strict=True) if where.sum() > 20]
    )
    assert len(means) > 20 and means.std(0).min() > 0.15  # the same class in many colours


def test_one_hot_is_one_in_its_class() -> None:
    labels = translated(4).labels
    hot = one_hot(labels)
    assert hot.shape == (4, CLASSES, 32, 32)
    assert torch.equal(hot.argmax(1), labels) and hot.amax(1).eq(1).all()
    assert hot.unique().numel() == 2
    with pytest.raises(ValueError, match="labels: got"):
        one_hot(labels + CLASSES)


def test_arms_begin_alike_and_differ_in_their_objective(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_translated, "PORTION", 8)
    made = [train_arm(arm, 0, steps=2) for arm in ARMS.values()]
    assert len({losses[0]["l1"] for _, losses in made}) == 1  # same generator, same pairs, same dropout
    ends = [generator.state_dict()["up.3.conv.weight"] for generator, _ in made]
    assert all(not torch.equal(a, b) for i, a in enumerate(ends) for b in ends[:i])
    assert [arm.sees_input for arm in ARMS.values()] == [False, False, True, False, True]


def test_a_start_is_not_changed_by_going_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_translated, "PORTION", 8)
    first = started(0, steps=1)
    before = {name: value.clone() for name, value in first.state_dict().items()}
    after, losses = train_arm(ARMS["cGAN"], 0, steps=2, setting=LOOSE, start=first)
    assert all(torch.equal(before[name], value) for name, value in first.state_dict().items())
    assert any(not torch.equal(before[name], value) for name, value in after.state_dict().items())
    assert len(losses) == 2 and set(losses[0]) == {"discriminator", "generator", "l1"}


def test_batches_are_of_the_training_split_and_never_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_translated, "PORTION", 16)
    drawn = [target for _, (_, target) in zip(range(4), LABELS.batches(1), strict=False)]
    assert all(not torch.equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i])
    assert torch.equal(drawn[0], translated(16, seed=1000).image[:8])


def test_measures_know_blur_grey_and_the_wrong_map() -> None:
    pairs, others = translated(60, seed=0, split="test"), translated(60, seed=1, split="test")
    padded = torch.nn.functional.pad(pairs.image, (1, 1, 1, 1), mode="reflect")
    blurred = torch.nn.functional.avg_pool2d(padded, 3, 1)
    grey = pairs.image.mean(1, keepdim=True).expand_as(pairs.image)
    assert detail(blurred) < 0.7 * detail(pairs.image)
    assert colourfulness(grey, pairs.labels) < 1e-6 < colourfulness(pairs.image, pairs.labels)
    assert colour_overlap(pairs.image, pairs.image) == pytest.approx(1)
    assert colour_overlap(grey, pairs.image) < colour_overlap(others.image, pairs.image)
    right, wrong = agreement(pairs.image, pairs.labels), agreement(others.image, pairs.labels)
    assert right["pixels"] > 0.97 and right["mean_iou"] > 0.9  # the reader reads real pictures of this world
    assert wrong["pixels"] < 0.75
    own = measured(pairs.image, pairs)
    assert own["detail"] == own["colour"] == 1 and own["l1"] == 0 and own["frechet"] < 1e-3


def test_outputs_are_the_same_for_the_same_seed() -> None:
    model, labels = scenes_pix2pix.build(), translated(3).labels
    assert torch.equal(outputs(model, labels), outputs(model, labels))
    assert not torch.equal(outputs(model, labels), outputs(model, labels, seed=1))


def test_enlarged_pictures_keep_the_small_ones() -> None:
    image = translated(2).image
    seen = scenes_pix2pix_arms.enlarged(image)
    assert seen.shape == image.shape and detail(seen) < 0.7 * detail(image)
    torch.testing.assert_close(seen.mean((2, 3)), image.mean((2, 3)), rtol=0, atol=0.01)


def test_gallery_keeps_pictures_by_name() -> None:
    gallery = scenes_pix2pix_arms.build()
    images = translated(scenes_pix2pix_arms.SHOWN).image
    gallery.keep("L1 + cGAN", images)
    torch.testing.assert_close(gallery.pictures("L1 + cGAN"), images, rtol=0, atol=1 / 255)
    assert not gallery.pictures("34 × 34").any()
    with pytest.raises(ValueError, match="pictures: got 'L2'"):
        gallery.pictures("L2")
