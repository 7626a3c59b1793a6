"""Chapter 05's experiments: their worlds, arms and figures are what the claims say they are."""

import itertools

import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch05 import claims as ch05
from lecture_utils.chapters.ch05 import data as ch05_data
from lecture_utils.chapters.ch05 import training as ch05_training
from lecture_utils.data import toyworld
from lecture_utils.experiments.rules import Boundary, Rule

TOY, DIGITS = ch05_data.WORLDS


@pytest.mark.parametrize("world", ch05_data.WORLDS, ids=lambda w: w.name)
def test_dark_pictures_are_the_bright_ones_with_an_eighth_of_the_light(world: ch05_data.World) -> None:
    bright, labels = ch05.pictures(world, 60, "train", 3, 0)
    dark, same = ch05.pictures(world, 60, "train", 3, ch05_data.DARK)
    assert torch.equal(labels, same)
    assert bright.shape[1] == world.channels and labels.max() < world.classes
    clear = (bright > 0.05) & (bright < 0.95)  # not cut off at white
    ratio = (dark[clear] / bright[clear]).median().item()
    assert ratio == pytest.approx((1 / 8) ** 0.5, rel=0.05)
    assert dark.min() >= 0 and dark.max() <= 0.5


@pytest.mark.parametrize("world", ch05_data.WORLDS, ids=lambda w: w.name)
def test_no_question_is_among_the_lessons_and_seeds_differ(world: ch05_data.World) -> None:
    light = (1.0, 1.0)  # no exposure of its own, so that the same digit would be the same picture
    taught, _ = ch05_data.lessons(world, 60, seed=0, light=light)
    other, _ = ch05_data.lessons(world, 60, seed=1, light=light)
    asked, _ = ch05_data.questions(world, 60, seed=0, light=light, asked=100)
    if world.name == "digits":
        assert len(taught) + len(asked) == 1797
    assert torch.cdist(taught.flatten(1), asked.flatten(1)).min() > 1e-4
    assert not torch.equal(taught, other)


def test_digits_come_in_equal_numbers() -> None:
    for n in ch05.FEW:
        (_, labels), (_, rest) = ch05_data.digit_pictures(n, seed=4)
        assert torch.equal(torch.bincount(labels), torch.full((10,), n // 10))
        assert len(rest) == 1797 - n


def test_scenes_have_disjoint_masks_with_the_right_labels() -> None:
    batch = ch05_data.toy_scenes(50, split="train", seed=1)
    assert batch.image.shape == (50, 3, 32, 32)
    assert batch.image.min() >= 0 and batch.image.max() <= 1
    assert (batch.masks.sum(1) <= 1).all() and batch.labels.max() < ch05_data.SCENE_CLASSES
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


def test_shifts_move_whole_pictures_by_whole_pixels() -> None:
    x = torch.arange(2 * 3 * 6 * 5, dtype=torch.float32).reshape(2, 3, 6, 5)
    moved = ch05_training.shifted(x, 2, torch.Generator().manual_seed(1))
    wide = torch.nn.functional.pad(x, (2, 2, 2, 2), mode="replicate")
    for one, other in zip(moved, wide, strict=True):
        places = [
            (i, j) for i in range(5) for j in range(5) if torch.equal(one, other[:, i : i + 6, j : j + 5])
        ]
        assert len(places) == 1
    assert torch.equal(ch05_training.shifted(x, 0, torch.Generator()), x)


def test_digits_are_never_mirrored() -> None:
    x = torch.zeros(400, 1, 8, 8)
    x[..., 1] = 1.0  # a line at the left
    assert ch05_training.usual(DIGITS, x, torch.Generator().manual_seed(0))[..., 4:].sum() == 0
    assert ch05_training.usual(TOY, x, torch.Generator().manual_seed(0))[..., 4:].sum() > 0


@pytest.mark.parametrize("change", [ch05.by_mixup, ch05.by_cutmix])
def test_both_arms_see_the_same_pictures_in_the_same_order_with_the_same_shifts(change) -> None:
    data = ch05_data.lessons(DIGITS, 40, seed=0)
    plain, mixed = (
        list(itertools.islice(ch05_training.changed(DIGITS, data, how, 7), 2))
        for how in (ch05.unchanged, change)
    )
    for (x, targets), (y, soft) in zip(plain, mixed, strict=True):
        torch.testing.assert_close(soft.sum(1), torch.ones(len(soft)))
        torch.testing.assert_close(soft.sum(0).sum(), targets.sum())
        alone = soft.amax(1) == 1  # mixed with its own kind, or not at all
        assert not torch.equal(x, y) and alone.float().mean() < 0.6
        if change is ch05.by_cutmix:
            own = (x == y).flatten(1).float().mean(1)
            assert (own >= (targets * soft).sum(1) - 0.75).all()
    assert len(plain[0][0]) == ch05_training.BATCH


@pytest.mark.parametrize("name", list(ch05.LIGHT_CHANGES))
def test_light_arms_leave_the_targets_alone(name: str) -> None:
    x, labels = ch05_data.lessons(TOY, 8, seed=0)
    targets = torch.eye(8)[labels]
    got, same = ch05.LIGHT_CHANGES[name](x, targets, torch.Generator().manual_seed(0))
    assert torch.equal(targets, same) and got.shape == x.shape
    assert ((got.mean((1, 2, 3)) - x.mean((1, 2, 3))).abs().max() > 0.1) == (name == "photometric")


def test_training_reaches_evaluation_mode_and_learns_its_lessons() -> None:
    data = ch05_data.lessons(DIGITS, 30, seed=0)
    model = ch05_training.train_classifier(DIGITS, data, ch05.unchanged, 0.1, steps=60, seed=0)
    again = ch05_training.train_classifier(DIGITS, data, ch05.unchanged, 0.1, steps=60, seed=0)
    assert not model.training
    assert torch.equal(model(data[0]), again(data[0]))
    assert (model(data[0]).argmax(1) == data[1]).float().mean() > 0.9


def test_the_segmenter_overfits_four_scenes() -> None:
    data = ch05_data.toy_scenes(4, split="train", seed=0)
    model = ch05_training.train_segmenter(
        3, 9, ch05.scene_batches(data, "none", seed=0), 3e-3, steps=60, seed=0
    )
    assert (model(data.image).argmax(1) == data.semantic()).float().mean() > 0.97
    assert model(torch.rand(1, 3, 8, 16)).shape == (1, 9, 8, 16)
    assert 0.29e6 < sum(p.numel() for p in model.parameters()) < 0.31e6


@pytest.mark.parametrize("arm", ch05.ARMS)
def test_scene_batches_of_every_arm_are_pictures_with_their_maps(arm: str) -> None:
    data = ch05_data.toy_scenes(5, split="train", seed=0)
    x, target = next(ch05.scene_batches(data, arm, seed=0))
    assert x.shape == (5, 3, 32, 32) and target.shape == (5, 32, 32)
    assert target.min() >= 0 and target.max() <= 4
    if arm == "copy-paste":

        def covered(how: str) -> Tensor:
            maps = [next(ch05.scene_batches(data, how, seed=seed))[1] for seed in range(12)]
            return (torch.stack(maps) > 0).float().mean()

        assert covered(arm) > covered("jitter")


def test_rules_ask_that_the_net_without_augmentation_fits_what_is_regularised() -> None:
    for function in (ch05.c05_2_mixup, ch05.c05_3_cutmix, ch05.c05_4_copy_paste):
        rules: tuple[Rule, ...] = function.claim.rules  # type: ignore[attr-defined]
        (fits,) = [rule for rule in rules if rule.figure.endswith("fits")]
        assert fits.above is not None and fits.above >= 0.95


def test_boundaries_span_a_factor_of_sixteen_nearly() -> None:
    for function in (ch05.c05_1_light, ch05.c05_2_mixup, ch05.c05_3_cutmix, ch05.c05_4_copy_paste):
        boundary: Boundary = function.claim.boundary  # type: ignore[attr-defined]
        points = boundary.points
        span = 2 ** (points[-1] - points[0]) if "halvings" in boundary.axis else points[-1] / points[0]
        assert span >= 15
