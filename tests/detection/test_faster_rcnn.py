"""Whole Faster R-CNNs against torchvision's: detections and losses, copied weights and planted faults."""

import functools
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import resnet as tv_resnet
from torchvision.models.detection import faster_rcnn as tv
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor

from lecture_utils.backbones.resnet import BasicBlock, ResNet
from lecture_utils.detection import anchors, faster_rcnn, fpn, resize, roi_heads, roi_pooling, rpn
from lecture_utils.detection.structures import Detections
from lecture_utils.hub import detector_weights
from lecture_utils.nn import frozen_norm
from tests.detection.cases import (
    assert_equal_detections,
    assert_learned,
    assert_pictures_matter,
    pictures,
)
from tests.mutants import planted
from tests.parity import liven

pytestmark = pytest.mark.system("S07.7")
CLASSES, SHORTEST, LONGEST = 5, 96, 128
TOLERANCE = 1e-4
SIZES = ((8,), (16,), (32,), (64,), (128,))
MODULES = {
    "anchors": anchors, "faster_rcnn": faster_rcnn, "fpn": fpn, "resize": resize, "roi_heads": roi_heads,
    "roi_pooling": roi_pooling, "rpn": rpn, "frozen_norm": frozen_norm,
}  # fmt: skip


class Probe(nn.Module):
    """What a detector says before anything is sorted or dropped, for `liven`."""

    def __init__(self, theirs: nn.Module) -> None:
        super().__init__()
        self.theirs = theirs

    def forward(self, x: Tensor) -> Tensor:
        features = self.theirs.backbone(x)
        objectness, deltas = self.theirs.rpn.head(list(features.values()))
        boxes = x.new_tensor([[0.0, 0, 40, 50], [30, 20, 90, 96], [10, 10, 26, 30]])
        heads = self.theirs.roi_heads
        pooled = heads.box_roi_pool(features, [boxes] * len(x), [tuple(x.shape[2:])] * len(x))
        scores, moves = heads.box_predictor(heads.box_head(pooled))
        return torch.cat([y.flatten() for y in (*objectness, *deltas, scores, moves)])


def settle(theirs: nn.Module) -> nn.Module:
    """Make weights lively, then scale the four outputs: scores spread by logits, boxes move by a share."""
    theirs = theirs.double().eval()
    a, b = torch.randn(2, 1, 3, 96, 128, dtype=torch.float64)
    liven(Probe(theirs), a, b)
    head, last = theirs.rpn.head, theirs.roi_heads.box_predictor
    spreads = {head.cls_logits: 2.0, head.bbox_pred: 0.3, last.cls_score: 2.0, last.bbox_pred: 2.0}
    outputs: dict[nn.Module, list[Tensor]] = {layer: [] for layer in spreads}
    hooks = [
        layer.register_forward_hook(lambda m, _, y: outputs[m].append(y.flatten(1))) for layer in spreads
    ]
    with torch.inference_mode():
        Probe(theirs)(a)
    for hook in hooks:
        hook.remove()
    with torch.no_grad():
        for layer, spread in spreads.items():
            layer.weight.mul_(spread / torch.cat(outputs[layer], dim=1).std())
    return theirs


@functools.cache
def small_one() -> nn.Module:
    """torchvision's Faster R-CNN on a small ResNet with a pyramid."""
    torch.manual_seed(0)
    body = tv_resnet.ResNet(tv_resnet.BasicBlock, [1, 1, 1, 1])
    return settle(
        tv.FasterRCNN(
            _resnet_fpn_extractor(body, 5), None,
            min_size=SHORTEST, max_size=LONGEST,
            rpn_anchor_generator=AnchorGenerator(SIZES, ((0.5, 1.0, 2.0),) * 5),
            box_head=tv.TwoMLPHead(256 * 49, 32), box_predictor=tv.FastRCNNPredictor(32, CLASSES + 1),
            rpn_post_nms_top_n_test=60, rpn_post_nms_top_n_train=60, rpn_pre_nms_top_n_test=100,
            rpn_pre_nms_top_n_train=100, box_score_thresh=0.02,
        )
    )  # fmt: skip


def build(modules: dict[str, Any] | None = None) -> nn.Module:
    """Ours, with the same settings and weights; some modules may be planted copies."""
    use = MODULES | (modules or {})
    body = ResNet(BasicBlock, (1, 1, 1, 1), norm=use["frozen_norm"].FrozenBatchNorm2d)
    backbone, laid = use["fpn"].ResNetFPN(body), use["anchors"].Anchors(SIZES, offset=0.0)
    model = use["faster_rcnn"].FasterRCNN(
        backbone,
        use["rpn"].RPN(256, laid, keep=(100, 60), keep_training=(100, 60)),
        use["roi_heads"].RoIHeads(
            use["roi_pooling"].PyramidPooling(aligned=False),
            use["roi_heads"].BoxHead(256 * 49, hidden=32, classes=CLASSES),
            beta=1 / 9, number=512, score_threshold=0.02, nms_threshold=0.5,
        ),
    )  # fmt: skip
    return detector_weights.with_weights_of(small_one(), model, detector_weights.our_name)


@functools.cache
@torch.inference_mode()
def wanted(theirs: nn.Module) -> list[dict[str, Tensor]]:
    """What torchvision's model detects."""
    return theirs(pictures())


@torch.inference_mode()
def compare(ours: nn.Module, theirs: nn.Module, module: Any = resize) -> list[Detections]:
    """Hold detections against torchvision's, on pictures of several sizes in one batch."""
    want = wanted(theirs)
    got = module.detect(ours, pictures(), shortest=SHORTEST, longest=LONGEST)
    assert_equal_detections(got, want, tolerance=TOLERANCE, first=1)
    return got


def test_detections_equal_torchvision():
    assert_pictures_matter(compare(build(), small_one()), TOLERANCE)


@pytest.mark.nightly
def test_detections_of_resnet50_with_a_pyramid_equal_torchvision():
    torch.manual_seed(0)
    theirs = torchvision.models.detection.fasterrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=CLASSES + 1, min_size=SHORTEST, max_size=LONGEST,
        box_score_thresh=0.02, rpn_post_nms_top_n_test=60,
        rpn_anchor_generator=AnchorGenerator(SIZES, ((0.5, 1.0, 2.0),) * 5),
    )  # fmt: skip
    theirs = settle(theirs)
    assert_pictures_matter(compare(detector_weights.from_torchvision(theirs), theirs), TOLERANCE)


def test_the_renamed_weights_are_all_of_ours():
    with torch.device("meta"):
        theirs = torchvision.models.detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None)
        ours = faster_rcnn.faster_rcnn_resnet50(90)
    state = detector_weights.renamed(theirs.state_dict(), detector_weights.our_name)
    want = {name: value.shape for name, value in ours.state_dict().items()}
    assert {name: value.shape for name, value in state.items()} == want
    assert sum(value.numel() for value in ours.parameters()) == 41_755_286  # as torchvision counts its own


FAULTS = [
    ("resize", "(image - shift) / spread", "image - shift"),
    ("resize", "max(height, width))\n    size", "min(height, width))\n    size"),
    ("resize", "boxes=scale_boxes(one.boxes, size, image.shape[1:])", "boxes=one.boxes"),
    (
        "fpn",
        "merged = self.lateral[level](maps[level]) + coarser",
        "merged = self.lateral[level](maps[level])",
    ),
    ("fpn", "maps.append(x)  #", "maps.append(F.relu(x - 0.1))  #"),
    ("rpn", ".clamp(min=0).minimum(border[:, None])", ""),
    ("anchors", "stride = (height // x.shape[2], width // x.shape[3])", "stride = (4, 4)"),
    ("roi_pooling", "2.0**-k", "2.0**-(k + 1)"),
    ("roi_pooling", "index_copy(0, own, cut)", "index_copy(0, own, cut.flip(0))"),
    ("roi_heads", "deltas[region, label + 1]", "deltas[region, label]"),
    ("frozen_norm", "self.bias - self.running_mean * scale", "self.bias"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{name}: {wrong}" for name, _, wrong in FAULTS])
def test_the_comparison_sees(fault):
    name, right, wrong = fault
    module = planted(f"lecture_utils.{'nn' if name == 'frozen_norm' else 'detection'}.{name}", (right, wrong))
    with pytest.raises(AssertionError):
        compare(build({name: module}), small_one(), module if name == "resize" else resize)


def test_losses_and_gradients_equal_torchvision():
    """In training, with batch norm frozen; samples are drawn from one generator in one order."""
    theirs, ours = small_one(), build().train()
    boxes = torch.tensor([[5.0, 8, 40, 50], [30, 10, 62, 44], [50, 30, 60, 38]], dtype=torch.float64)
    labels = torch.tensor([0, 3, 2])
    targets = [(boxes, labels), (boxes[:1] + 3, labels[:1]), (boxes[:0], labels[:0])]
    batch = resize.batch_images(pictures(), shortest=SHORTEST, longest=LONGEST)
    scaled = [
        (resize.scale_boxes(own, image.shape[1:], size), label)
        for (own, label), image, size in zip(targets, pictures(), batch.sizes, strict=True)
    ]
    theirs.train()
    theirs.backbone.eval(), theirs.transform.eval()
    try:
        torch.manual_seed(3)
        want = theirs(pictures(), [{"boxes": own, "labels": label + 1} for own, label in targets])
        torch.manual_seed(3)
        got = ours.losses(batch.images, scaled, batch.sizes)
        names = {
            "class": "classifier",
            "box": "box_reg",
            "objectness": "objectness",
            "rpn_box": "rpn_box_reg",
        }
        for name, other in names.items():
            assert want[f"loss_{other}"] > 1e-3
            torch.testing.assert_close(
                got[name], want[f"loss_{other}"], rtol=1e-5, atol=1e-6, check_dtype=False
            )
        theirs.zero_grad()
        sum(got.values()).backward(), sum(want.values()).backward()
        slopes = {name: p.grad for name, p in theirs.named_parameters()}
        for name, parameter in ours.named_parameters():
            (mine,) = (slope for other, slope in slopes.items() if detector_weights.our_name(other) == name)
            torch.testing.assert_close(parameter.grad, mine, rtol=1e-4, atol=1e-6)
    finally:
        theirs.eval()


class SmallBackbone(nn.Module):
    """One map of stride 4."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 12, 3, 2, padding=1), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, padding=1), nn.ReLU()
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.layers(x)]


def toy() -> faster_rcnn.FasterRCNN:
    torch.manual_seed(0)
    head = roi_heads.BoxHead(24 * 9, hidden=32, classes=3)
    heads = roi_heads.RoIHeads(roi_pooling.MapPooling((3, 3), stride=4), head, number=32, positive_share=0.5)
    proposals = rpn.RPN(24, anchors.Anchors(((10, 20),)), number=32, keep=(60, 20), keep_training=(60, 20))
    return faster_rcnn.FasterRCNN(SmallBackbone(), proposals, heads)


def test_one_batch_is_learned():
    made = torch.Generator().manual_seed(0)
    assert_learned(toy(), rate=5e-3, steps=140, least=0.5, generator=made)


def test_a_picture_s_answer_does_not_depend_on_its_batch():
    model, images = toy().eval(), torch.rand(3, 3, 33, 46, generator=torch.Generator().manual_seed(0))
    model.heads.score_threshold = 0.0
    together = model(images)
    for image, found in zip(images, together, strict=True):
        (alone,) = model(image[None])
        torch.testing.assert_close(alone.scores, found.scores, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.boxes, found.boxes, rtol=1e-4, atol=1e-3)


def test_losses_where_no_picture_has_an_object():
    nothing = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    losses = toy().losses(torch.rand(2, 3, 32, 32), [nothing] * 2)
    assert losses["box"] == losses["rpn_box"] == 0
    sum(losses.values()).backward()


def test_a_batch_of_pictures_of_any_size():
    batch = resize.batch_images([torch.rand(3, 50, 80), torch.rand(3, 90, 30)], shortest=40, longest=100)
    assert batch.images.shape == (2, 3, 128, 64)
    assert batch.sizes == [(40, 64), (100, 33)]
    assert not batch.images[0, :, 40:].any() and not batch.images[1, :, :, 33:].any()
    boxes = torch.tensor([[5.0, 4, 80, 50]])
    there = resize.scale_boxes(boxes, (50, 80), (40, 64))
    torch.testing.assert_close(there, boxes * 0.8)
    torch.testing.assert_close(resize.scale_boxes(there, (40, 64), (50, 80)), boxes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: toy()(torch.rand(3, 32, 32)), "for one image"),
        (lambda: toy()(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)), "255"),
        (lambda: toy()(torch.rand(2, 3, 32, 32), [(32, 32)]), "sizes"),
        (lambda: toy().losses(torch.rand(2, 3, 32, 32), []), "got 0, want 2 pairs"),
        (
            lambda: toy().losses(
                torch.rand(1, 3, 32, 32), [(torch.tensor([[1.0, 1, 9, 9]]), torch.tensor([3]))]
            ),
            "0 to 2",
        ),
        (lambda: faster_rcnn.faster_rcnn_resnet50(0), "classes"),
        (lambda: resize.batch_images([]), "one or more"),
        (lambda: resize.batch_images([torch.rand(3, 8, 8) * 255]), r"\[0, 1\]"),
        (lambda: resize.batch_images([torch.rand(8, 8, 3)]), "3, H, W"),
        (lambda: resize.scale_boxes(torch.rand(1, 4) + torch.arange(4), (0, 4), (3, 3)), "size"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
