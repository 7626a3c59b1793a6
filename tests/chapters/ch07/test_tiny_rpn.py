"""The lab's small network: targets as the package has them, and it learns."""

import torch

from lecture_utils.chapters.ch07 import tiny_rpn
from lecture_utils.chapters.ch07.lab import match_batch, match_batch_faulty, rpn_targets


def test_targets_of_a_batch_are_those_of_its_pictures():
    _, boxes = tiny_rpn.scenes(6, split="val", seed=1)
    labels, wanted = tiny_rpn.targets_of(match_batch(tiny_rpn.anchors(), boxes), boxes)
    for own, label, offsets in zip(boxes, labels, wanted, strict=True):
        there = own[tiny_rpn.side_of(own) > 0]
        ours = rpn_targets(tiny_rpn.anchors(), there)
        assert torch.equal(label, ours[0])
        torch.testing.assert_close(offsets, ours[1])


def test_the_fault_takes_the_anchors_from_the_small_objects():
    _, boxes = tiny_rpn.scenes(100, split="val")
    right, faulty = (
        tiny_rpn.answered_by_size(match(tiny_rpn.anchors(), boxes), boxes)
        for match in (match_batch, match_batch_faulty)
    )
    assert min(right.values()) > 0.95
    assert faulty["small"] < 0.3 < 0.5 < faulty["large"]


def test_one_batch_is_learned():
    torch.manual_seed(0)
    images, boxes = tiny_rpn.scenes(8)
    labels, wanted = tiny_rpn.targets_of(match_batch(tiny_rpn.anchors(), boxes), boxes)
    net = tiny_rpn.TinyRPN()
    optimizer = torch.optim.Adam(net.parameters(), 4e-3)
    losses = []
    for _ in range(20):
        loss = tiny_rpn.rpn_loss(*net(images), labels, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]


def test_left_out_anchors_do_not_train():
    labels, wanted = torch.tensor([[1, 0, -1]]), torch.zeros(1, 3, 4)
    objectness, offsets = torch.zeros(1, 3, requires_grad=True), torch.zeros(1, 3, 4, requires_grad=True)
    tiny_rpn.rpn_loss(objectness, offsets + 1, labels, wanted).backward()
    assert (objectness.grad != 0).tolist() == [[True, True, False]]
    assert (offsets.grad != 0).all(2).tolist() == [[True, False, False]]


def test_a_hit_is_the_first_to_find_its_object():
    boxes = torch.tensor([[[0.0, 0, 20, 20], [0, 0, 0, 0]]])
    proposals = [
        (torch.tensor([[0.0, 0, 20, 20], [0, 0, 19, 20], [40, 40, 60, 60]]), torch.tensor([0.9, 0.8, 0.7]))
    ]
    scores, hits = tiny_rpn.scored_hits(proposals, boxes)
    assert hits.tolist() == [True, False, False] and len(scores) == 3
    found = tiny_rpn.recall_by_size(proposals, boxes)
    assert found["middle"] == 1.0 and found["small"] != found["small"]  # no small object: NaN


def test_a_recall_curve_counts_the_objects_that_are_there(monkeypatch):
    boxes = torch.tensor([[[0.0, 0, 10, 10], [20, 20, 40, 40]], [[5.0, 5, 15, 15], [0, 0, 0, 0]]])
    found = [(boxes[0].flip(0), torch.ones(2)), (boxes[1, :1] + 30, torch.ones(1))]
    monkeypatch.setattr(tiny_rpn, "propose", lambda net, images, count: found)
    counts, recalls = tiny_rpn.recall_curve(torch.nn.Identity(), torch.zeros(2, 3, 64, 64), boxes, (1, 2))
    assert (counts, recalls) == ((1, 2), [1 / 3, 2 / 3])  # three objects; the second scene's is not found
