"""The small RetinaNet that compares two losses: its decisions are those of the loss, and it learns."""

import torch

from lecture_utils.chapters.ch08 import tiny_retina
from lecture_utils.detection.anchors import BETWEEN, match_anchors
from lecture_utils.ops.boxes import box_iou
from lecture_utils.ops.focal_loss import focal_loss


def scenes(n: int = 6) -> tuple[torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]:
    images, targets = tiny_retina.single_objects(n, seed=1)
    return tiny_retina.maps_of(images).clone(), targets


def test_a_picture_has_one_object_or_none_that_shows():
    images, targets = tiny_retina.single_objects(30, seed=2)
    assert images.shape == (30, 3, 64, 64)
    assert {len(labels) for _, labels in targets} <= {0, 1}
    assert sum(len(labels) for _, labels in targets) > 25


def test_decisions_are_what_the_class_loss_is_made_of():
    torch.manual_seed(0)
    maps, targets = scenes(1)
    net = tiny_retina.build(alpha=None, gamma=2.0)
    asked = tiny_retina.decisions(net, maps, targets)
    said = tiny_retina.say(net, maps)
    with torch.no_grad():
        logits, deltas = torch.cat(said.logits, 1), torch.cat(said.deltas, 1)
        both = net.loss(logits, deltas, torch.cat(said.anchors), targets)
    match = match_anchors(
        box_iou(targets[0][0], torch.cat(said.anchors)), high=0.5, low=0.4, allow_low_quality=True
    )
    assert len(asked.logits) == int((match != BETWEEN).sum()) * tiny_retina.CLASSES
    assert int(asked.yes.sum()) == int((match >= 0).sum())
    whole = focal_loss(asked.logits, asked.yes.float(), alpha=None, gamma=2.0, reduction="sum")
    torch.testing.assert_close(both["class"], whole / asked.yes.sum())


def test_easy_are_noes_that_are_held_with_nine_tenths():
    asked = tiny_retina.Decisions(torch.tensor([-3.0, -2.0, -3.0]), torch.tensor([False, False, True]))
    assert asked.easy.tolist() == [True, False, False]


def test_a_prior_of_one_half_makes_the_first_loss_many_times_larger():
    maps, targets = scenes()
    first = {}
    for prior in (0.01, 0.5):
        torch.manual_seed(0)
        net = tiny_retina.build(prior=prior, alpha=None, gamma=0.0)
        first[prior] = float(tiny_retina.loss(net, maps, targets).detach())
    assert first[0.5] > 5 * first[0.01]


def test_one_batch_is_learned():
    torch.manual_seed(0)
    maps, targets = scenes()
    net = tiny_retina.build()
    before = float(tiny_retina.loss(net, maps, targets).detach())
    tiny_retina.train(net, maps, targets, steps=25)
    assert float(tiny_retina.loss(net, maps, targets).detach()) < 0.6 * before
    assert not net.training
    assert len(tiny_retina.detect(net, maps)) == len(maps)
