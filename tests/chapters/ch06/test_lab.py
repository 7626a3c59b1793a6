"""The lab of chapter 06: its parts do what they say, and the reading that it asks for is what a run gives."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.chapters.ch06 import lab
from lecture_utils.data import toyworld
from lecture_utils.exercises import checker
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.metrics.segmentation import confusion, iou_by_class
from lecture_utils.ops.upsampling import bilinear_upsample
from lecture_utils.recipes.shapes_fcn import pixel_cross_entropy
from lecture_utils.training.loop import minibatches, predictions
from lecture_utils.training.one_cycle import one_cycle


def levels(side: int, channels: tuple[int, ...] = (2, 3, 4)) -> tuple[list[Tensor], list[nn.Conv2d]]:
    torch.manual_seed(side)
    maps = [torch.randn(2, c, -(-side // s), -(-side // s)) for c, s in zip(channels, (1, 2, 4), strict=True)]
    return maps, [nn.Conv2d(c, 5, 1) for c in channels]


def test_scores_are_fused_as_an_fcn_does() -> None:
    """The scores of the coarser level come up by a bilinear transposed convolution, as in figure 3."""
    maps, layers = levels(16)
    want = bilinear_upsample(layers[2](maps[2]), 2) + layers[1](maps[1])
    want = bilinear_upsample(want, 2) + layers[0](maps[0])
    torch.testing.assert_close(lab.fuse_scores(maps, layers), want)


@pytest.mark.parametrize("side", [1, 2, 5, 7, 13])
def test_odd_sides_keep_their_size(side: int) -> None:
    maps, layers = levels(side)
    assert lab.fuse_scores(maps, layers).shape == (2, 5, side, side)


def test_a_segmenter_begins_as_the_classifier() -> None:
    """Averaged over the picture, the coarsest scores of objects are the classifier's scores."""
    classifier = zoo.load("shapes_resnet")
    images, _ = toyworld.classification(4, split="test")
    segmenter = lab.Segmenter(classifier, lambda maps, layers: layers[-1](maps[-1])).eval()  # type: ignore[arg-type]
    with torch.inference_mode():
        coarse = segmenter(images)  # (4, 12, 8, 8)
        torch.testing.assert_close(coarse[:, lab.STUFF :].mean(dim=(2, 3)), classifier(images))
        assert (coarse[:, : lab.STUFF] == 0).all()
        segmenter.fuse = lab.fuse_scores
        assert segmenter(images).shape == (4, 12, 32, 32)


def test_the_fault_invents_classes_and_the_mended_step_does_not() -> None:
    images, labels = toyworld.segmentation(8, size=72, split="val")
    invented = 0
    for one in range(len(labels)):
        true = set(labels[one].flatten().tolist())
        _, faulty = lab.shrink_faulty(images[one : one + 1], labels[one : one + 1], 48)
        small, mended = lab.shrink(images[one : one + 1], labels[one : one + 1], 48)
        invented += len(set(faulty.flatten().tolist()) - true)
        assert set(mended.flatten().tolist()) <= true
        assert small.shape == (1, 3, 48, 48) and mended.shape == (1, 48, 48)
    assert invented >= 16  # two in each scene, or more


def test_the_mended_step_looks_up_centres() -> None:
    """Shrunk by 3 / 2, small pixel i has its centre at 1.5 i + 0.75 of the large map."""
    labels = torch.arange(9).repeat(9, 1)[None]
    _, small = lab.shrink(torch.zeros(1, 3, 9, 9), labels, 6)
    assert small[0, 0].tolist() == [0, 2, 3, 5, 6, 8]


def test_what_a_kind_of_error_costs_is_counted_on_the_table() -> None:
    table = torch.zeros(12, 12, dtype=torch.long)
    table[0, 0], table[1, 1], table[4, 4], table[5, 5] = 40, 30, 10, 20
    table[0, 1], table[4, 5], table[5, 0] = 6, 5, 2
    found = list(lab.mean_iou_without(table).values())
    assert found[0] == pytest.approx(float(iou_by_class(table).nanmean()))
    named = table.clone()
    named[4, 4], named[4, 5] = 15, 0
    assert found[3] == pytest.approx(float(iou_by_class(named).nanmean()))
    assert all(float(iou_by_class(table).nanmean()) < value for value in found[1:])


def trained(steps: int, scenes: int) -> Tensor:
    """Run the notebook's lab with the course's versions; the table on a quarter as many held-out scenes."""
    torch.manual_seed(0)
    images, labels = lab.shrink(*toyworld.segmentation(scenes, size=72), 48)
    model = lab.Segmenter(zoo.load("shapes_resnet"), lab.fuse_scores).train()  # type: ignore[arg-type]
    rates = [{"params": model.layers.parameters(), "lr": 1e-2}]
    rates += [{"params": part.parameters(), "lr": 2e-3} for part in (model.stem, model.stages)]
    one_cycle(
        model, minibatches(images, labels, batch_size=4, seed=0), loss=pixel_cross_entropy,
        optimizer=torch.optim.AdamW(rates), steps=steps, warm_up=0.15, label="lab",
    )  # fmt: skip
    images, labels = lab.shrink(*toyworld.segmentation(scenes // 4, size=72, split="val"), 48)
    return confusion(predictions(model, images).argmax(1), labels, 12)


def gains(table: Tensor) -> tuple[float, float, float]:
    """How much mIoU each kind of error costs: among kinds of ground, at outlines, in the names of objects."""
    now, ground, outlines, names = lab.mean_iou_without(table).values()
    return ground - now, outlines - now, names - now


def test_names_cost_most_after_a_short_run() -> None:
    """The key of step 3, reading B and reason 2; reason 1 is true as well, and speaks for another reading."""
    ground, outlines, names = gains(trained(40, 160))
    assert names > ground and names > outlines > 0


@pytest.mark.nightly
def test_the_lab_reaches_its_bar_and_the_names_cost_twice_as_much_as_all_else() -> None:
    table = trained(160, 400)
    assert float(iou_by_class(table).nanmean()) >= 0.55
    ground, outlines, names = gains(table)
    assert names > 2 * ground and names > 2 * outlines and outlines > 0


def test_each_wrong_reading_gets_a_hint_and_no_hint_names_the_key() -> None:
    step = checker.find("06.L3")
    for mistake in step.mistakes:
        assert known_mistake(step, mistake.wrong, examine(step, mistake.wrong)) is mistake
        assert not any(key in mistake.hint for key in (" B ", "(B", " 2 ", "(2"))
    assert step.reference not in [mistake.wrong for mistake in step.mistakes]


# In other words than the reference: what a learner would write.
def fuse_by_hand(maps: list[Tensor], layers: list[nn.Module]) -> Tensor:
    coarse, middle, fine = (layers[k](maps[k]) for k in (2, 1, 0))
    up = F.interpolate(coarse, size=middle.shape[-2:], mode="bilinear")
    return fine + F.interpolate(up + middle, size=fine.shape[-2:], mode="bilinear")


def features_brought_up(maps: list[Tensor], layers: list[nn.Module]) -> Tensor:
    """Right for the last level, since a 1 × 1 layer may come before or after: but not for the middle one."""
    size = maps[0].shape[-2:]
    return sum(
        (layer(F.interpolate(x, size=size, mode="bilinear")) for x, layer in zip(maps, layers, strict=True)),
        torch.zeros(()),
    )


def shrink_by_index(images: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    centre = ((torch.arange(size) + 0.5) * labels.shape[1] / size).long()
    images = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
    return images, labels[:, centre][:, :, centre]


def test_right_answers_in_other_words_are_right() -> None:
    assert examine(checker.find("06.L1"), fuse_by_hand).state == "right"
    assert examine(checker.find("06.L2"), shrink_by_index).state == "right"


def test_a_slip_in_other_words_gets_its_hint() -> None:
    step = checker.find("06.L1")
    shown = known_mistake(step, features_brought_up, examine(step, features_brought_up))
    assert shown is not None and "by itself" in shown.hint
