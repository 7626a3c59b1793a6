"""Chapter 05's experiments: their worlds, arms and figures are what the claims say they are."""

import itertools

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.chapters.ch05 import claims as ch05
from lecture_utils.chapters.ch05 import data as ch05_data
from lecture_utils.chapters.ch05 import training as ch05_training
from lecture_utils.data import toyworld
from lecture_utils.experiments.rules import Rule

TOY, DIGITS = ch05_data.WORLDS


@pytest.mark.parametrize("world", ch05_data.WORLDS, ids=lambda w: w.name)
def test_dark_pictures_are_the_bright_ones_with_an_eighth_of_the_light(world: ch05_data.World) -> None:
    bright, labels = ch05_data.pictures(world, 60, split="test", seed=3)
    dark, same = ch05_data.pictures(world, 60, split="test", seed=3, light="dark")
    assert torch.equal(labels, same)
    assert bright.shape[1] == world.channels and labels.max() < world.classes
    clear = (bright > 0.05) & (bright < 0.95)  # not cut off at white
    ratio = (dark[clear] / bright[clear]).median().item()
    assert ratio == pytest.approx((1 / 8) ** 0.5, rel=0.05)
    assert dark.min() >= 0 and dark.max() <= 0.5


def test_half_of_both_is_dark_and_all_of_it_the_same_scenes() -> None:
    images, labels = ch05.lit(TOY, 20, "both", split="train", seed=0)
    bright, same = ch05_data.pictures(TOY, 20, split="train", seed=0)
    assert torch.equal(labels, same) and torch.equal(images[:10], bright[:10])
    assert (images[10:].mean((1, 2, 3)) < 0.6 * bright[10:].mean((1, 2, 3))).all()


@pytest.mark.parametrize("world", ch05_data.WORLDS, ids=lambda w: w.name)
def test_splits_share_no_picture_and_seeds_differ(world: ch05_data.World) -> None:
    parts = [
        ch05_data.pictures(world, 100, split=split, seed=seed, light="bright")[0].flatten(1)
        for split, seed in (("train", 0), ("train", ch05.TUNING_SEED), ("val", 0), ("test", 0))
    ]
    for a, b in itertools.combinations(parts[1:], 2):
        assert torch.cdist(a, b).min() > 1e-4
    assert not torch.equal(parts[0], parts[1])


@pytest.mark.parametrize("world", ch05_data.WORLDS, ids=lambda w: w.name)
def test_scenes_have_disjoint_masks_with_the_right_labels(world: ch05_data.World) -> None:
    batch = ch05_data.scenes(world, 50, split="train", seed=1)
    assert batch.image.shape == (50, world.channels, 32, 32)
    assert batch.image.min() >= 0 and batch.image.max() <= 1
    assert (batch.masks.sum(1) <= 1).all() and batch.labels.max() < world.classes
    assert torch.equal(batch.labels >= 0, batch.masks.flatten(2).any(2))
    counts = (batch.labels >= 0).sum(1)
    assert counts.min() >= 1 and counts.max() == 3


def test_toy_scenes_agree_with_the_semantic_map() -> None:
    batch = ch05_data.toy_scenes(20, split="val", seed=2)
    again = toyworld.sample_scenes(
        20,
        seed=2,
        split="val",
        objects=toyworld.Objects(
            count=(1, 3), classes=toyworld.CLASSES[:4], size=(0.36, 0.56), distance=(2.2, 4.2)
        ),
    )
    semantic = toyworld.render(again, 32, only=("semantic",)).semantic
    assert torch.equal(
        batch.semantic(), (semantic - 3).clamp_min(0)
    )  # four kinds of stuff are one background


def test_digit_scenes_show_ink_where_their_masks_are() -> None:
    batch = ch05_data.digit_scenes(40, split="train", seed=0)
    inside = batch.masks.any(1, keepdim=True)
    assert batch.image[inside].min() > 0.5
    assert batch.image[inside].mean() > batch.image[~inside].mean() + 0.3


def test_all_arms_start_alike_and_see_the_same_pictures_in_the_same_order() -> None:
    data = ch05_data.pictures(DIGITS, 40, split="train", seed=0)
    plain, mixed = (
        list(itertools.islice(ch05_training.changed(data, 10, change, 7), 2))
        for change in (ch05.unchanged, ch05.by_cutmix)
    )
    for (x, targets), (y, soft) in zip(plain, mixed, strict=True):
        assert torch.equal(targets.sum(0).round(), soft.sum(0).round()) or not torch.equal(x, y)
        torch.testing.assert_close(soft.sum(1), torch.ones(len(soft)))
        share = (targets * soft).sum(1)  # what each kept of its own class
        kept = (x == y).flatten(1).float().mean(1)
        assert (kept >= share - 0.6).all()
    assert len(plain[0][0]) == ch05_training.BATCH


@pytest.mark.parametrize("name", list(ch05.LIGHT_CHANGES))
def test_light_arms_leave_the_targets_alone(name: str) -> None:
    x, labels = ch05_data.pictures(TOY, 8, split="train", seed=0)
    targets = torch.eye(8)[labels]
    got, same = ch05.LIGHT_CHANGES[name](x, targets, torch.Generator().manual_seed(0))
    assert torch.equal(targets, same) and got.shape == x.shape
    moved = (got.mean((1, 2, 3)) - x.mean((1, 2, 3))).abs().max()
    assert {"none": moved == 0, "geometric": 0 < moved < 0.15, "photometric": moved > 0.1}[name]


class Constant(nn.Module):
    """Always class 1."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.one_hot(torch.ones(len(x), *x.shape[2:]).long(), 9).movedim(-1, 1).float()


def test_training_reaches_evaluation_mode_and_lowers_the_loss() -> None:
    data = ch05_data.pictures(DIGITS, 32, split="train", seed=0)
    model = ch05_training.train_classifier(DIGITS, data, ch05.unchanged, 1e-2, steps=40, seed=0)
    again = ch05_training.train_classifier(DIGITS, data, ch05.unchanged, 1e-2, steps=40, seed=0)
    assert not model.training
    assert torch.equal(model(data[0]), again(data[0]))
    assert (model(data[0]).argmax(1) == data[1]).float().mean() > 0.9  # it overfits one batch


def test_the_segmenter_overfits_four_scenes() -> None:
    data = ch05_data.toy_scenes(4, split="train", seed=0)
    torch.manual_seed(0)
    model = ch05_training.SmallSegmenter(3, 9)
    batches = ch05.scene_batches(data, "none", "none", flip=False, seed=0)
    ch05_training.train(model, batches, ch05_training.pixel_loss, 1e-2, 80)
    assert (model(data.image).argmax(1) == data.semantic()).float().mean() > 0.97
    assert model(torch.rand(1, 3, 8, 12)).shape == (1, 9, 8, 12)


@pytest.mark.parametrize("arm", list(ch05.CHOICES))
def test_scene_batches_of_every_arm_are_pictures_with_their_maps(arm: str) -> None:
    data = ch05_data.toy_scenes(5, split="train", seed=0)
    for jitter in ch05.JITTERS:
        x, target = next(ch05.scene_batches(data, arm, jitter, flip=True, seed=0))
        assert x.shape == (5, 3, 32, 32) and target.shape == (5, 32, 32)
        assert target.min() >= 0 and target.max() <= 8
    if arm == "copy-paste":
        many = [
            next(ch05.scene_batches(data, a, "standard", flip=True, seed=s))[1]
            for s in range(20)
            for a in (arm,)
        ]
        few = [next(ch05.scene_batches(data, "jitter", "standard", flip=True, seed=s))[1] for s in range(20)]
        assert (torch.stack(many) > 0).float().mean() > (torch.stack(few) > 0).float().mean()


def test_every_arm_chooses_among_as_many_settings() -> None:
    assert len({len(choices) for choices in ch05.CHOICES.values()}) == 1


def test_rules_ask_both_worlds() -> None:
    for function in (ch05.c05_1_light, ch05.c05_2_mixup, ch05.c05_3_cutmix, ch05.c05_4_copy_paste):
        rules: tuple[Rule, ...] = function.claim.rules  # type: ignore[attr-defined]
        worlds = [rule.figure.partition("_")[0] for rule in rules]
        assert worlds.count("toy") == worlds.count("digits") >= 1
