"""YOLACT: its four losses and what it chooses, against the paper told in loops; one batch learned; faults."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.anchors import Anchors
from lecture_utils.ops.boxes import box_iou, clip_boxes, decode_boxes, encode_boxes
from lecture_utils.segmentation import yolact, yolact_losses
from lecture_utils.segmentation.protonet import Raw
from tests.mutants import planted
from tests.parity import liven

pytestmark = pytest.mark.system("S09.3")
CLASSES, SIZE = 3, (32, 48)


class SmallBackbone(nn.Module):
    """Maps of strides 4 and 8."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(3, width // 2, 3, 2, 1), nn.ReLU(), nn.Conv2d(width // 2, width, 3, 2, 1), nn.ReLU()
        )
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 2, padding=1), nn.ReLU())

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.first(x)
        return [x, self.second(x)]


def toy(its=yolact, **settings) -> nn.Module:
    torch.manual_seed(0)
    given = {"prototypes": 8, "hidden": 16, "convs": 1} | settings
    return its.Yolact(SmallBackbone(), 16, Anchors(((10,), (20,))), CLASSES, **given)


def truth() -> tuple[Tensor, list[tuple[Tensor, Tensor, Tensor]]]:
    """Two pictures: two ellipses of two classes, of which one laps over the other; and a triangle."""
    y, x = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(48) + 0.5, indexing="ij")
    front = ((x - 13) / 10) ** 2 + ((y - 14) / 8) ** 2 <= 1
    behind = (((x - 27) / 12) ** 2 + ((y - 17) / 9) ** 2 <= 1) & ~front
    corner = (x > 8) & (y > 6) & (x + y < 42)
    images = torch.zeros(2, 3, *SIZE)
    images[0, 0][front] = images[0, 1][behind] = images[1, 2][corner] = 1
    targets = []
    for masks, labels in (([front, behind], [0, 1]), ([corner], [2])):
        boxes = [[m.any(0).nonzero().min(), m.any(1).nonzero().min(), m.any(0).nonzero().max() + 1,
                  m.any(1).nonzero().max() + 1] for m in masks]  # fmt: skip
        targets.append((torch.tensor(boxes).float(), torch.tensor(labels), torch.stack(masks)))
    return images, targets


def lively() -> tuple[nn.Module, Raw, Tensor]:
    """A network whose answers depend on the picture, what it says, and its semantic logits."""
    net = toy().double().eval()
    images = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(1)).double()
    liven(Said(net), images[:1], images[1:])
    with torch.no_grad():
        return net, net.raw(images), net.semantic(net.backbone(images)[0])


class Said(nn.Module):
    """All that the network says, in a row, for `liven`."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([part.flatten() for part in self.net.raw(x)[:4]])


NET, RAW, SEMANTIC = lively()


def told_losses(raw: Raw, semantic: Tensor, targets, high: float, low: float) -> dict[str, float]:
    """Sections 3.3, 4 and 5 in loops."""
    sums, number, anchors = {"class": 0.0, "box": 0.0, "mask": 0.0}, 0, raw.anchors
    per_place = 0.0
    for b, (boxes, labels, masks) in enumerate(targets):
        boxes = boxes.double()
        iou = box_iou(boxes, anchors)
        positive, negative = [], []
        for n in range(len(anchors)):
            best = max(range(len(boxes)), key=lambda g: iou[g, n]) if len(boxes) else -1
            overlap = iou[best, n] if len(boxes) else 0
            favourite = any(iou[g, n] == iou[g].max() for g in range(len(boxes)))
            if favourite or overlap >= high:
                positive.append((n, best))
            elif overlap < low:
                negative.append(n)
        surprise = -raw.logits[b].log_softmax(1)  # (N, K + 1): the loss, for each answer
        hard = sorted(negative, key=lambda n: -surprise[n, 0])[: 3 * len(positive)]
        sums["class"] += sum(surprise[n, labels[g] + 1].item() for n, g in positive)
        sums["class"] += sum(surprise[n, 0].item() for n in hard)
        height, width = raw.prototypes.shape[2:]
        small = masks.double().unflatten(1, (height, -1)).unflatten(3, (width, -1)).mean((2, 4)) >= 0.5
        for n, g in positive:
            wanted = encode_boxes(boxes[g : g + 1], anchors[n : n + 1])[0] * torch.tensor([10.0, 10, 5, 5])
            off = (raw.deltas[b, n] - wanted).abs()
            sums["box"] += sum((0.5 * d * d if d < 1 else d - 0.5).item() for d in off)
            mask = torch.sigmoid(torch.tensordot(raw.coefficients[b, n], raw.prototypes[b], dims=1))
            x1, y1, x2, y2 = (boxes[g] / 2).tolist()  # prototypes are of stride 2
            total = 0.0
            for i in range(height):
                for j in range(width):
                    if x1 <= j + 0.5 <= x2 and y1 <= i + 0.5 <= y2:
                        total -= math.log(mask[i, j] if small[g, i, j] else 1 - mask[i, j])
            sums["mask"] += total / ((x2 - x1) * (y2 - y1))
        number += len(positive)
        h, w = semantic.shape[2:]
        shown = masks.double().unflatten(1, (h, -1)).unflatten(3, (w, -1)).mean((2, 4)) >= 0.5
        for k in range(CLASSES):
            own = shown[labels == k].any(0).double()
            per_place += F.binary_cross_entropy_with_logits(semantic[b, k], own).item() / len(targets)
    out = {name: total / number for name, total in sums.items()}
    return {
        "class": out["class"],
        "box": 1.5 * out["box"],
        "mask": 6.125 * out["mask"],
        "semantic": per_place,
    }


TARGETS = truth()[1]
SPECK = torch.zeros(1, *SIZE, dtype=torch.bool)
SPECK[0, 20:24, 40:46] = True  # no anchor overlaps it by one half
CROWDED = [
    tuple(torch.cat([x, x[:1]]) for x in TARGETS[0]),  # an object twice: one class in one place
    (torch.tensor([[40.0, 20, 46, 24]]), torch.tensor([1]), SPECK),
]
CASES = [(TARGETS, 0.5, 0.4), (CROWDED, 0.7, 0.2)]
WANTED = [told_losses(RAW, SEMANTIC, *case) for case in CASES]


def losses_are_the_loops(its) -> None:
    for (targets, high, low), wanted in zip(CASES, WANTED, strict=True):
        got = its.yolact_loss(RAW, SEMANTIC, targets, high=high, low=low, weights=(10, 10, 5, 5))
        assert list(got) == list(wanted)
        for key, value in got.items():
            torch.testing.assert_close(value.item(), wanted[key], rtol=1e-6, atol=1e-6)


def test_losses_are_the_paper_s_in_loops():
    losses_are_the_loops(yolact_losses)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("NEGATIVES = 3", "NEGATIVES = 1"),
        ('"mask": 6.125', '"mask": 1.0'),
        ("labels.long()[own] + 1", "labels.long()[own]"),
        ("match == BACKGROUND, NEGATIVES", "match < 0, NEGATIVES"),
        ("allow_low_quality=True", "allow_low_quality=False"),
        ("anchors[positive], weights=weights)", "anchors[positive])"),
        ("loss = -logits.detach()", "loss = logits.detach()"),
        (".log_softmax(1)[:, 0]  # of", ".log_softmax(1)[:, 1]  # of"),
        ("(loss * inside)", "loss"),
        (" / area.to(loss)", ""),
        ("small[own], cells[own])", "small[own], boxes[own])"),
        ('mode="area")[:, 0] >= 0.5', 'mode="area")[:, 0] > 0'),
        ("wanted.clamp(max=1)", "wanted"),
        (") * logits.shape[1]", ")"),
        ("/ max(number, 1)", "/ len(raw.anchors)"),
    ],
)  # fmt: skip
def test_a_fault_in_the_losses_is_seen(right, wrong):
    with pytest.raises(AssertionError):
        losses_are_the_loops(planted("lecture_utils.segmentation.yolact_losses", (right, wrong)))


def told_choice(net, raw: Raw, b: int) -> list[tuple[int, int, float]]:
    """(anchor, class, score) of what is left: Fast NMS of each class, then all by falling score."""
    scores = raw.logits[b].softmax(1)
    boxes = clip_boxes(decode_boxes(raw.deltas[b], raw.anchors, weights=(10, 10, 5, 5)), *SIZE)
    overlap, left = box_iou(boxes, boxes), []
    for k in range(CLASSES):
        own = scores[:, k + 1]
        for n in range(len(own)):
            beaten = (own > own[n]) & (overlap[n] > net.nms_threshold)
            if own[n] > net.score_threshold and not beaten.any():
                left.append((n, k, own[n].item()))
    return sorted(left, key=lambda one: -one[2])[: net.most]


def choice_is_the_loop(its) -> None:
    net = toy(its, score_threshold=0.3, most=30).double()
    net.load_state_dict(NET.state_dict())
    found = net.instances(RAW)
    for b, (chosen, instances) in enumerate(zip(net.choose(RAW), found, strict=True)):
        want = told_choice(net, RAW, b)
        assert len(want) == 30
        at, labels, scores = zip(*want, strict=True)
        boxes = decode_boxes(RAW.deltas[b], RAW.anchors, weights=(10, 10, 5, 5))[list(at)]
        torch.testing.assert_close(chosen.scores, torch.tensor(scores, dtype=torch.float64))
        assert chosen.labels.tolist() == list(labels)
        torch.testing.assert_close(chosen.boxes, clip_boxes(boxes, *SIZE))
        torch.testing.assert_close(chosen.coefficients, RAW.coefficients[b, list(at)])
        for i, box in enumerate(chosen.boxes):
            mask = torch.tensordot(chosen.coefficients[i], RAW.prototypes[b], dims=1).sigmoid()
            mask = F.interpolate(mask[None, None], SIZE, mode="bilinear", align_corners=False)[0, 0]
            y, x = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(48) + 0.5, indexing="ij")
            inside = (box[0] <= x) & (x <= box[2]) & (box[1] <= y) & (y <= box[3])
            torch.testing.assert_close(instances.masks[i], mask * inside)
        for name in ("boxes", "labels", "scores"):
            assert torch.equal(getattr(instances, name), getattr(chosen, name))


def test_what_is_chosen_is_the_loop():
    choice_is_the_loop(yolact)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("logits.softmax(1)[:, 1:]", "logits.softmax(1)[:, :-1]"),
        ("logits.softmax(1)[:, 1:]", "logits[:, 1:].softmax(1)"),
        ("coefficients[able][index]", "coefficients[index]"),
        ("raw.anchors[able], weights=self.weights", "raw.anchors[able]"),
        ("[: self.most] for x", " for x"),
        ("boxes = clip_boxes(boxes, *raw.size)", "boxes = boxes + 0"),
        ("return crop_masks(masks, boxes)", "return masks"),
        ("boxes, scores.T, self.nms_threshold", "boxes, scores.T, 1.0"),
    ],
)  # fmt: skip
def test_a_fault_in_the_choice_is_seen(right, wrong):
    with pytest.raises(AssertionError):
        choice_is_the_loop(planted("lecture_utils.segmentation.yolact", (right, wrong)))


def test_greedy_suppression_keeps_all_that_fast_keeps():
    fast, greedy = (toy(score_threshold=0.3, most=1000, nms=nms).double() for nms in ("fast", "greedy"))
    sets = []
    for net in (fast, greedy):
        sets.append(
            {
                tuple(row)
                for c in net.choose(RAW)
                for row in torch.cat([c.boxes, c.labels[:, None]], 1).tolist()
            }
        )
    assert sets[0] < sets[1]


def test_one_batch_is_learned():
    images, targets = truth()
    net = toy()
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(80):
        optimizer.zero_grad()
        sum(net.losses(images, targets).values()).backward()
        optimizer.step()
    for found, (boxes, labels, masks) in zip(net.eval()(images), targets, strict=True):
        sure = found.scores > 0.5
        own = box_iou(found.boxes[sure], boxes).argmax(1)
        assert set(own.tolist()) == set(range(len(boxes)))
        assert torch.equal(found.labels[sure], labels[own])
        said = found.masks[sure] >= 0.5
        iou = (said & masks[own]).sum((1, 2)) / (said | masks[own]).sum((1, 2))
        assert iou.min() > 0.8


def test_gradients_reach_every_weight_and_no_further_than_the_true_box():
    images, targets = truth()
    net = toy()
    sum(net.losses(images, targets).values()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    prototypes = torch.rand(2, 8, 8, requires_grad=True)
    masks, boxes = torch.zeros(1, 8, 8, dtype=torch.bool), torch.tensor([[2.0, 3, 5, 6]])
    yolact_losses.mask_loss(prototypes, torch.rand(1, 2), masks, boxes).backward()
    assert set(map(tuple, prototypes.grad[0].nonzero().tolist())) == {
        (y, x) for y in (3, 4, 5) for x in (2, 3, 4)
    }


def test_small_objects_count_as_much_as_large_ones():
    """A net that says 0.5 everywhere loses log 2 an object, whatever its size."""
    for side in (2.0, 7.0):
        loss = yolact_losses.mask_loss(
            torch.zeros(2, 8, 8),
            torch.ones(1, 2),
            torch.ones(1, 8, 8) > 0,
            torch.tensor([[0, 0, side, side]]),
        )
        torch.testing.assert_close(loss.item(), math.log(2))


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_losses_where_no_picture_has_an_object(kind):
    nothing = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(0, 32, 32, dtype=torch.bool))
    net = toy().to(kind)
    losses = net.losses(torch.rand(2, 3, 32, 32, dtype=kind), [nothing] * 2)
    assert losses["class"] == losses["box"] == losses["mask"] == 0 and losses["semantic"] > 0
    assert all(loss.dtype == kind for loss in losses.values())
    sum(losses.values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


def test_a_picture_s_answer_does_not_depend_on_its_batch_and_nothing_found_is_an_answer():
    net, images = toy(score_threshold=0.2).eval(), torch.rand(3, 3, 33, 46)
    for image, found in zip(images, net(images), strict=True):
        (alone,) = net(image[None])
        assert found.masks.shape == (len(found.boxes), 33, 46) and len(found.boxes)
        torch.testing.assert_close(alone.scores, found.scores, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.masks, found.masks, rtol=1e-3, atol=1e-4)
    net.score_threshold = 1.0
    (none,) = net(images[:1])
    assert none.masks.shape == (0, 33, 46) and none.labels.dtype == torch.int64


ONE = [(torch.tensor([[1.0, 1, 9, 9]]), torch.tensor([0]), torch.ones(1, 32, 32, dtype=torch.bool))]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: toy()(torch.rand(3, 32, 32)), "for one image"),
        (lambda: toy()(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)), "255"),
        (lambda: toy().losses(torch.rand(2, 3, 32, 32), ONE), "got 1, want 2 triples"),
        (lambda: toy().losses(torch.rand(1, 3, 32, 48), ONE), "targets, masks: got"),
        (lambda: toy().losses(torch.rand(1, 3, 32, 32), [(ONE[0][0], ONE[0][1] + 3, ONE[0][2])]), "0 to 2"),
        (lambda: toy(high=0.3), "high"),
        (lambda: toy(most=0), "most"),
        (lambda: toy(nms="soft"), "nms: got 'soft', want"),
        (lambda: toy(weights=(1, 1, 1)), "weights"),
        (lambda: toy().choose(RAW[:3]), "raw: got tuple, want"),
        (lambda: toy().choose(RAW._replace(logits=RAW.logits[:, :-1])), "logits: got"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
