"""Fast R-CNN's heads against torchvision's: sampling, loss, post-processing; the whole on a small net."""

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import roi_heads as tv
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import MultiScaleRoIAlign

from lecture_utils.detection import fast_rcnn, roi_heads, roi_pooling
from lecture_utils.ops.boxes import box_iou
from tests.detection.cases import IMAGE, PICTURES, as_dicts, draw_weights, maps, renamed, truth
from tests.mutants import planted

pytestmark = pytest.mark.system("S07.6")
CLASSES, CHANNELS = 4, 5
LEVELS = {"finest": 2, "coarsest": 4}


def pair(module: object, **settings: object) -> tuple[nn.Module, nn.Module]:
    """Our heads and torchvision's, in double precision, with one set of lively weights."""
    settings = {"beta": 1 / 9, "nms_threshold": 0.4, "number": 20, **settings}
    pooling = roi_pooling.PyramidPooling((3, 3), aligned=False, canonical_size=40.0, **LEVELS)
    ours = module.RoIHeads(pooling, module.BoxHead(CHANNELS * 9, hidden=16, classes=CLASSES), **settings)
    align = MultiScaleRoIAlign(["0", "1", "2"], 3, 2, canonical_scale=40, canonical_level=4)
    theirs = tv.RoIHeads(
        align, TwoMLPHead(CHANNELS * 9, 16), FastRCNNPredictor(16, CLASSES + 1),
        fg_iou_thresh=ours.foreground, bg_iou_thresh=ours.foreground, batch_size_per_image=ours.number,
        positive_fraction=ours.positive_share, bbox_reg_weights=None, score_thresh=ours.score_threshold,
        nms_thresh=ours.nms_threshold, detections_per_img=ours.most,
    )  # fmt: skip
    ours, theirs = ours.double(), theirs.double()
    draw_weights(ours, 0.4)
    names = {"fc6": "box_head.fc6", "fc7": "box_head.fc7"}
    names |= {"scores": "box_predictor.cls_score", "deltas": "box_predictor.bbox_pred"}
    theirs.load_state_dict(renamed(ours.head, names))
    return ours, theirs


def proposals(count: int = 60) -> list[Tensor]:
    """Boxes all over the pictures, a third of them near a true one."""
    made = torch.Generator().manual_seed(2)
    found = []
    for boxes, _ in truth():
        corner = torch.rand(count, 2, generator=made, dtype=torch.float64) * 45
        side = 6 + torch.rand(count, 2, generator=made, dtype=torch.float64) * 40
        some = torch.cat([corner, corner + side], dim=1)
        near = boxes[torch.arange(count // 3) % len(boxes)]
        some[: count // 3] = near + 2 * torch.rand(count // 3, 4, generator=made) - 1
        found.append(some)
    return found


def named(features: list[Tensor]) -> dict[str, Tensor]:
    return {str(k): x for k, x in enumerate(features)}


def compare_detections(module: object, most: int = 500) -> None:
    ours, theirs = pair(module, most=most)
    want, _ = theirs.eval()(named(maps(CHANNELS)), proposals(), PICTURES)
    got = ours(maps(CHANNELS), proposals(), PICTURES)
    assert sum(len(one["boxes"]) for one in want) > 30
    for one, other in zip(got, want, strict=True):
        assert torch.equal(one.labels + 1, other["labels"])
        torch.testing.assert_close(one.boxes, other["boxes"])
        torch.testing.assert_close(one.scores, other["scores"])


def compare_losses(module: object, targets: list[tuple[Tensor, Tensor]], **settings: object) -> None:
    """Values and gradients; both draw from the global generator, in the same order."""
    ours, theirs = pair(module, **settings)
    torch.manual_seed(3)
    _, want = theirs.train()(named(maps(CHANNELS)), proposals(), PICTURES, as_dicts(targets))
    torch.manual_seed(3)
    got = ours.losses(maps(CHANNELS), proposals(), targets)
    torch.testing.assert_close(got["class"], want["loss_classifier"], check_dtype=False)
    torch.testing.assert_close(got["box"], want["loss_box_reg"], check_dtype=False)
    sum(got.values()).backward(), sum(want.values()).backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


@pytest.mark.parametrize("most", [20, 500])
def test_detections_equal_torchvision(most):
    compare_detections(roi_heads, most)


@pytest.mark.parametrize("number", [20, 100_000])  # drawn; all regions
@pytest.mark.parametrize("share", [0.25, 1.0])
def test_losses_equal_torchvision(number, share):
    compare_losses(roi_heads, truth(), number=number, positive_share=share)


def test_losses_equal_torchvision_where_a_picture_is_empty():
    nothing = (torch.zeros(0, 4, dtype=torch.float64), torch.zeros(0, dtype=torch.long))
    compare_losses(roi_heads, [truth()[0], nothing])
    compare_losses(roi_heads, [nothing, nothing])


@pytest.mark.parametrize(
    "fault",
    [
        ("scores.softmax(dim=1)[:, 1:]", "scores[:, 1:].softmax(dim=1)"),
        ("deltas[region, label + 1]", "deltas[region, label]"),
        ("proposals[region], weights=self.weights", "proposals[region]"),
        ("boxes = clip_boxes(boxes, height, width)", "pass"),
        ("batched_nms(boxes, score, label, ", "batched_nms(boxes, score, label * 0, "),
        ("x = F.relu(self.fc7(x))", "x = self.fc7(x)"),
        ("score > self.score_threshold", "score > 3 * self.score_threshold"),
    ],
)
def test_the_comparison_of_detections_sees(fault):
    with pytest.raises(AssertionError):
        compare_detections(planted("lecture_utils.detection.roi_heads", fault))


@pytest.mark.parametrize(
    "fault",
    [
        ("own = deltas[object_, labels[object_]]", "own = deltas[object_, labels[object_] - 1]"),
        ("/ len(labels)", "/ len(object_)"),
        ("proposals = torch.cat([proposals, boxes])", "pass"),
        (".long() + 1\n        if", ".long()\n        if"),
        ("torch.cat(regions), weights=self.weights", "torch.cat(regions)"),
        ("beta=beta, reduction", "beta=1.0, reduction"),
    ],
)
def test_the_comparison_of_losses_sees(fault):
    with pytest.raises(AssertionError):
        compare_losses(planted("lecture_utils.detection.roi_heads", fault), truth(), number=100_000)


def test_pyramid_pooling_reads_each_region_from_the_level_that_fits_and_in_their_order():
    pooling = roi_pooling.PyramidPooling((2, 2), aligned=False, canonical_size=40.0, **LEVELS)
    theirs = MultiScaleRoIAlign(["0", "1", "2"], 2, 2, canonical_scale=40, canonical_level=4)
    want = theirs(named(maps(CHANNELS)), proposals(), [IMAGE] * 2)
    torch.testing.assert_close(pooling(maps(CHANNELS), proposals()), want)
    flat = [torch.full_like(x, k) for k, x in enumerate(maps(CHANNELS))]
    assert set(pooling(flat, proposals())[:, 0, 0, 0].round().tolist()) == {0, 1, 2}


def test_multi_task_loss_by_hand():
    """Equations 1 to 3: three regions, of which one is background and so has no box to learn."""
    scores = torch.tensor([[0.0, 2, 1], [1, 0, 0], [0, 0, 3]])
    deltas = torch.zeros(3, 3, 4)
    deltas[0, 1] = torch.tensor([0.5, 0, 0, 3])
    deltas[2, 2] = torch.tensor([0, 0, -1, 0])
    deltas[1] = 100  # of background: not looked at
    got = roi_heads.multi_task_loss(scores, deltas, torch.tensor([1, 0, 2]), torch.zeros(3, 4))
    straight, square = 3 - 0.5, 0.5 * 0.5**2
    torch.testing.assert_close(got["box"], torch.tensor((straight + square + (1 - 0.5)) / 3))
    p = scores.softmax(1)
    torch.testing.assert_close(got["class"], -(p[0, 1].log() + p[1, 0].log() + p[2, 2].log()) / 3)


def test_a_sample_keeps_to_its_shares_and_leaves_out_what_is_too_far():
    ours, _ = pair(roi_heads, number=16, background=0.1)
    boxes, labels = truth()[0]
    regions, label, wanted = ours.sample(proposals()[0], boxes, labels, torch.Generator().manual_seed(0))
    iou = box_iou(regions, boxes)
    assert len(regions) == 16 and int((label > 0).sum()) == 4
    own = iou.argmax(1)
    assert (iou.amax(1)[:4] >= 0.5).all() and torch.equal(label[:4], labels[own[:4]] + 1)
    assert torch.equal(wanted[:4], boxes[own[:4]])
    assert ((iou.amax(1)[4:] < 0.5) & (iou.amax(1)[4:] >= 0.1)).all()


class Backbone(nn.Module):
    """One map of stride 4."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 12, 3, 2, padding=1), nn.ReLU(), nn.Conv2d(12, 16, 3, 2, padding=1), nn.ReLU()
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.layers(x)]


def small(operator: str = "pool") -> fast_rcnn.FastRCNN:
    torch.manual_seed(0)
    pooling = roi_pooling.MapPooling((3, 3), stride=4, operator=operator)
    head = roi_heads.BoxHead(16 * 9, hidden=32, classes=CLASSES)
    return fast_rcnn.FastRCNN(Backbone(), roi_heads.RoIHeads(pooling, head, background=0.1))


@pytest.mark.parametrize("operator", ["pool", "align"])
def test_one_batch_is_learned(operator):
    """After that each true box is found from proposals near it, named rightly, and nothing else is."""
    model, made = small(operator), torch.Generator().manual_seed(0)
    model.heads.background = 0.0  # far regions are background too
    boxes = torch.tensor([[3.0, 4, 17, 20], [24, 8, 44, 26]])
    targets = [(boxes, torch.tensor([0, 3])), (boxes[:1], torch.tensor([2]))]
    images = torch.zeros(2, 3, 32, 48)
    images[0, 0, 4:20, 3:17] = images[0, 1, 8:26, 24:44] = images[1, 2, 4:20, 3:17] = 1
    near = [b.repeat(4, 1) + 4 * torch.rand(4 * len(b), 4, generator=made) - 2 for b, _ in targets]
    far = torch.tensor([[20.0, 0, 30, 10], [0, 20, 20, 32], [30, 20, 48, 32], [0, 0, 48, 32]])
    regions = [torch.cat([some, far]) for some in near]
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        loss = sum(model.losses(images, regions, targets, made).values())
        loss.backward()
        optimizer.step()
    for found, (want, labels) in zip(model(images, regions), targets, strict=True):
        sure = found.scores > 0.5
        iou, own = box_iou(found.boxes[sure], want).max(1)
        assert set(own.tolist()) == set(range(len(want))) and iou.min() > 0.5
        assert torch.equal(labels[own], found.labels[sure])


def test_the_convolutions_run_once_whatever_the_number_of_regions():
    model, calls = small(), []
    model.backbone.register_forward_hook(lambda *_: calls.append(1))
    model(torch.rand(2, 3, *IMAGE), [boxes.float() for boxes in proposals(90)])
    assert len(calls) == 1


def test_no_proposals_one_picture_odd_sizes():
    model = small()
    model.heads.score_threshold = 0.0
    found = model(torch.rand(2, 3, 33, 47), [torch.zeros(0, 4), torch.tensor([[1.0, 2, 20, 30]])])
    assert [len(one.boxes) for one in found] == [0, CLASSES]
    assert found[1].boxes[:, 2].max() <= 47 and found[1].boxes[:, 3].max() <= 33
    (alone,) = model(torch.rand(1, 3, 33, 47), [torch.tensor([[1.0, 2, 20, 30]])])
    assert alone.labels.dtype == torch.long and len(alone.scores) == CLASSES


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: roi_heads.BoxHead(0, hidden=4, classes=2), "inputs"),
        (lambda: roi_heads.BoxHead(8, hidden=4, classes=2)(torch.rand(2, 3, 2, 2)), "want 8 numbers"),
        (lambda: roi_pooling.MapPooling((3, 3), stride=4, operator="crop"), "operator"),
        (lambda: roi_pooling.PyramidPooling(finest=4, coarsest=3), "coarsest"),
        (lambda: pair(roi_heads, foreground=0.05, background=0.1), "foreground"),
        (lambda: pair(roi_heads, positive_share=1.5), "positive_share"),
        (lambda: small()(torch.rand(2, 3, 32, 32), [torch.zeros(0, 4)]), "want 2 sets of boxes"),
        (lambda: small()(torch.rand(1, 3, 32, 32), [torch.tensor([[5.0, 5, 1, 9]])]), "x2 < x1"),
        (
            lambda: small().losses(
                torch.rand(1, 3, 32, 32), [torch.zeros(0, 4)], [(truth()[1][0], torch.tensor([CLASSES]))]
            ),
            "0 to 3",
        ),
        (
            lambda: roi_heads.multi_task_loss(
                torch.rand(2, 3), torch.rand(2, 3, 4), torch.tensor([0, 3]), torch.rand(2, 4)
            ),
            "0 to 2",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
