"""Whole RetinaNets against torchvision's: detections, losses and gradients with copied weights; faults."""

import functools
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import resnet as tv_resnet
from torchvision.models.detection import retinanet as tv
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from lecture_utils.backbones.resnet import BasicBlock, ResNet
from lecture_utils.detection import anchors, fpn, resize, retinanet, subnet
from lecture_utils.detection.structures import Detections
from lecture_utils.hub import detector_weights, retinanet_weights
from lecture_utils.nn.frozen_norm import FrozenBatchNorm2d
from tests.detection.cases import (
    assert_equal_detections,
    assert_learned,
    assert_pictures_matter,
    batch_of_two,
    pictures,
)
from tests.mutants import planted
from tests.parity import liven

pytestmark = pytest.mark.system("S08.3")
CLASSES, SHORTEST, LONGEST = 4, 64, 96
TOLERANCE = 1e-5
SIZES = tuple((side, int(1.26 * side), int(1.59 * side)) for side in (10, 16, 24, 48, 96))
SETTINGS = {"score_thresh": 0.6, "nms_thresh": 0.4, "topk_candidates": 60, "detections_per_img": 1000}


class Probe(nn.Module):
    """What a detector says before anything is sorted or dropped, for `liven`."""

    def __init__(self, theirs: nn.Module) -> None:
        super().__init__()
        self.theirs = theirs

    def forward(self, x: Tensor) -> Tensor:
        said = self.theirs.head(list(self.theirs.backbone(x).values()))
        return torch.cat([said["cls_logits"].flatten(), said["bbox_regression"].flatten()])


def settle(theirs: nn.Module) -> nn.Module:
    """Make weights lively, then scale both outputs: scores spread by logits, boxes move by a share."""
    theirs = theirs.double().eval()
    a, b = torch.randn(2, 1, 3, SHORTEST, LONGEST, dtype=torch.float64)
    liven(Probe(theirs), a, b)
    classes, boxes = theirs.head.classification_head.cls_logits, theirs.head.regression_head.bbox_reg
    with torch.inference_mode():
        said = theirs.head(list(theirs.backbone(a).values()))
    with torch.no_grad():
        classes.weight.mul_(4.0 / said["cls_logits"].std())
        boxes.weight.mul_(0.3 / said["bbox_regression"].std())
    return theirs


@functools.cache
def small_one() -> nn.Module:
    """torchvision's RetinaNet on a small ResNet."""
    torch.manual_seed(0)
    body = tv_resnet.ResNet(tv_resnet.BasicBlock, [1, 1, 1, 1])
    backbone = _resnet_fpn_extractor(body, 5, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256))
    laid = AnchorGenerator(SIZES, ((0.5, 1.0, 2.0),) * 5)
    return settle(
        tv.RetinaNet(
            backbone, CLASSES, min_size=SHORTEST, max_size=LONGEST, anchor_generator=laid, **SETTINGS
        )
    )


def build(modules: dict[str, Any] | None = None) -> nn.Module:
    """Ours, with the same settings and weights; some modules may be planted copies."""
    use = {"fpn": fpn, "retinanet": retinanet, "subnet": subnet} | (modules or {})
    body = ResNet(BasicBlock, (1, 1, 1, 1), norm=FrozenBatchNorm2d)
    model = use["retinanet"].RetinaNet(
        use["fpn"].ResNetPyramid(body, from_c5=False), 256, anchors.Anchors(SIZES, offset=0.0), CLASSES,
        score_threshold=0.6, nms_threshold=0.4, most_of_level=60, most=1000,
    )  # fmt: skip
    model.class_subnet = use["subnet"].Subnet(256, 9, CLASSES)
    model.box_subnet = use["subnet"].Subnet(256, 9, 4)
    return detector_weights.with_weights_of(small_one(), model, retinanet_weights.our_name)


@functools.cache
@torch.inference_mode()
def wanted(theirs: nn.Module) -> list[dict[str, Tensor]]:
    """What torchvision's model detects."""
    return theirs(pictures())


def compare(ours: nn.Module, theirs: nn.Module) -> list[Detections]:
    """Hold detections against torchvision's, on pictures of several sizes in one batch."""
    want = wanted(theirs)
    got = detect(ours)
    assert_equal_detections(got, want, tolerance=TOLERANCE, first=0)
    return got


def test_detections_equal_torchvision():
    assert_pictures_matter(compare(build(), small_one()), TOLERANCE)


def test_the_best_of_a_picture_equal_torchvision():
    ours, (full, *_) = build(), wanted(small_one())
    ours.most = 20
    for found, want in zip(detect(ours), wanted(small_one()), strict=True):
        assert len(full["boxes"]) > 20
        torch.testing.assert_close(found.scores, want["scores"][:20])
        torch.testing.assert_close(found.boxes, want["boxes"][:20], rtol=0, atol=TOLERANCE)


@torch.inference_mode()
def detect(model: nn.Module) -> list[Detections]:
    """Detect in the three pictures."""
    return resize.detect(model, pictures(), shortest=SHORTEST, longest=LONGEST)


DETECTION_FAULTS = [
    ("subnet", "x = F.relu(conv(x))", "x = conv(x)"),
    ("subnet", "answer.permute(0, 3, 4, 1, 2)", "answer.permute(0, 4, 3, 1, 2)"),
    ("retinanet", "> self.score_threshold", ">= 0"),
    ("retinanet", "min(self.most_of_level, len(anchor))", "len(anchor)"),
    ("retinanet", "anchor, label = anchor[best],", "anchor, label = anchor[: len(best)],"),
    ("retinanet", "height, width))\n", "width, height))\n"),
    ("retinanet", "batched_nms(box, score, label, ", "batched_nms(box, score, label * 0, "),
    ("fpn", "self.p7(F.relu(p6))", "self.p7(p6)"),
    ("fpn", "pyramid = self.fpn(maps[1:])", "pyramid = self.fpn([*maps[1:3], 0 * maps[3]])"),
]  # fmt: skip


@pytest.mark.parametrize("fault", DETECTION_FAULTS, ids=[wrong for *_, wrong in DETECTION_FAULTS])
def test_the_comparison_of_detections_sees(fault):
    name, right, wrong = fault
    with pytest.raises(AssertionError):
        compare(build({name: planted(f"lecture_utils.detection.{name}", (right, wrong))}), small_one())


def truth() -> list[tuple[Tensor, Tensor]]:
    """Objects of the three pictures, in their pixels; the last has none."""
    boxes = torch.tensor([[5.0, 8, 40, 50], [30, 10, 62, 44], [50, 30, 53, 33]], dtype=torch.float64)
    labels = torch.tensor([0, 3, 2])
    return [(boxes, labels), (boxes[:1] + 3, labels[1:2]), (boxes[:0], labels[:0])]


@functools.cache
def wanted_losses() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """torchvision's losses, and the gradients of their sum by the names of its weights; batch norm frozen."""
    theirs = small_one()
    theirs.train()
    theirs.backbone.eval(), theirs.transform.eval()
    theirs.zero_grad()
    losses = theirs(pictures(), [{"boxes": boxes, "labels": labels} for boxes, labels in truth()])
    sum(losses.values()).backward()
    slopes = {name: parameter.grad.clone() for name, parameter in theirs.named_parameters()}
    theirs.eval()
    return losses, slopes


def losses_of(ours: nn.Module) -> dict[str, Tensor]:
    """Ours, on the same pictures and objects."""
    batch = resize.batch_images(pictures(), shortest=SHORTEST, longest=LONGEST)
    scaled = [
        (resize.scale_boxes(boxes, image.shape[1:], size), labels)
        for (boxes, labels), image, size in zip(truth(), pictures(), batch.sizes, strict=True)
    ]
    return ours.train().losses(batch.images, scaled)


def compare_losses(got: dict[str, Tensor]) -> None:
    want, _ = wanted_losses()
    for name, other in (("class", "classification"), ("box", "bbox_regression")):
        assert want[other] > 1e-2
        torch.testing.assert_close(got[name], want[other], rtol=1e-5, atol=1e-6, check_dtype=False)


def test_losses_and_gradients_equal_torchvision():
    ours = build()
    got = losses_of(ours)
    compare_losses(got)
    sum(got.values()).backward()
    slopes = {retinanet_weights.our_name(name): slope for name, slope in wanted_losses()[1].items()}
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, slopes[name], rtol=1e-4, atol=1e-6)


LOSS_FAULTS = [
    ("match >= 0).nonzero()[:, 0], match != BETWEEN", "match >= 0).nonzero()[:, 0], match > -9"),
    ("allow_low_quality=self.every_object", "allow_low_quality=False"),
    ("wanted[positive, labels[own].long()] = 1", "wanted[positive, labels[own * 0].long()] = 1"),
    ("alpha=self.alpha, gamma=self.gamma", "alpha=None, gamma=self.gamma"),
    ("alpha=self.alpha, gamma=self.gamma", "alpha=self.alpha, gamma=1.0"),
    ("number = max(1, len(positive))", "number = len(anchors)"),
    ("(anchors)[own], anchors[positive])", "(anchors)[own * 0], anchors[positive])"),
    ("beta=self.beta", "beta=1.0"),
    ('torch.stack(class_losses).mean()', 'torch.stack(class_losses).sum()'),
]  # fmt: skip


@pytest.mark.parametrize("fault", LOSS_FAULTS, ids=[wrong for _, wrong in LOSS_FAULTS])
def test_the_comparison_of_losses_sees(fault):
    with pytest.raises(AssertionError):
        compare_losses(losses_of(build({"retinanet": planted("lecture_utils.detection.retinanet", fault)})))


def test_detections_of_resnet50_equal_torchvision():
    torch.manual_seed(0)
    theirs = settle(
        torchvision.models.detection.retinanet_resnet50_fpn(
            weights=None, weights_backbone=None, num_classes=CLASSES, min_size=SHORTEST, max_size=LONGEST,
            anchor_generator=AnchorGenerator(SIZES, ((0.5, 1.0, 2.0),) * 5), **SETTINGS,
        )
    )  # fmt: skip
    assert_pictures_matter(compare(retinanet_weights.from_torchvision(theirs), theirs), TOLERANCE)


def test_the_renamed_weights_and_the_anchors_are_all_of_ours():
    with torch.device("meta"):
        theirs = torchvision.models.detection.retinanet_resnet50_fpn(weights=None, weights_backbone=None)
        ours = retinanet.retinanet_resnet50()
    state = detector_weights.renamed(theirs.state_dict(), retinanet_weights.our_name)
    want = {name: value.shape for name, value in ours.state_dict().items()}
    assert {name: value.shape for name, value in state.items()} == want
    assert sum(value.numel() for value in ours.parameters()) == 34_014_999  # as torchvision counts its own
    assert retinanet.RETINA_ANCHORS.sizes == theirs.anchor_generator.sizes
    assert retinanet.RETINA_ANCHORS.per_place == 9
    assert (ours.score_threshold, ours.nms_threshold) == (theirs.score_thresh, theirs.nms_thresh)
    assert (ours.most_of_level, ours.most) == (theirs.topk_candidates, theirs.detections_per_img)


class SmallBackbone(nn.Module):
    """Maps of strides 4 and 8."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(3, 12, 3, 2, padding=1), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, padding=1), nn.ReLU()
        )
        self.second = nn.Sequential(nn.Conv2d(24, 24, 3, 2, padding=1), nn.ReLU())

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.first(x)
        return [x, self.second(x)]


def toy(**settings: Any) -> retinanet.RetinaNet:
    torch.manual_seed(0)
    return retinanet.RetinaNet(SmallBackbone(), 24, anchors.Anchors(((10,), (20,))), 3, **settings)


def test_one_batch_is_learned():
    assert_learned(toy(std=0.1), rate=3e-3, steps=100, least=0.5)


def test_it_starts_at_the_prior():
    """Each anchor says 0.01 for each class, and the first loss is small: section 3.3."""
    model, (images, targets) = toy(), batch_of_two()
    said = torch.cat(model.class_subnet(model.backbone(images)), dim=1).sigmoid()
    assert (said - 0.01).abs().max() < 1e-3
    even = toy(prior=0.5).losses(images, targets)["class"]
    assert model.losses(images, targets)["class"] < 0.5 * even


def test_the_loss_is_divided_by_the_positives_not_by_the_anchors():
    """More background around the same object changes the loss of a net that sees it as background hardly."""
    model, (images, targets) = toy(), batch_of_two()
    wide = torch.cat([images, torch.zeros(2, 3, 32, 48 * 3)], dim=3)
    one, other = model.losses(images, targets)["class"], model.losses(wide, targets)["class"]
    torch.testing.assert_close(one, other, rtol=0.05, atol=0)


def test_a_picture_s_answer_does_not_depend_on_its_batch():
    model, images = toy(score_threshold=0.0).eval(), torch.rand(3, 3, 33, 46)
    together = model(images)
    for image, found in zip(images, together, strict=True):
        (alone,) = model(image[None])
        torch.testing.assert_close(alone.scores, found.scores, rtol=1e-4, atol=1e-5)


def test_padding_is_no_place_for_boxes_and_nothing_found_is_an_answer():
    model = toy(score_threshold=0.0).eval()
    found = model(torch.rand(2, 3, 32, 48), [(20, 30), (32, 48)])
    assert found[0].boxes[:, 2].max() <= 30 and found[0].boxes[:, 3].max() <= 20
    model.score_threshold = 0.9
    (none,) = model(torch.rand(1, 3, 31, 9))
    assert none.boxes.shape == (0, 4) and none.labels.dtype == torch.int64


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_losses_where_no_picture_has_an_object(kind):
    nothing = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    model = toy().to(kind)
    losses = model.losses(torch.rand(2, 3, 32, 32, dtype=kind), [nothing] * 2)
    assert losses["box"] == 0 and losses["class"].dtype == kind
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.class_subnet.parameters())


def test_the_paper_s_pyramid_makes_p6_from_c5():
    body = ResNet(BasicBlock, (1, 1, 1, 1), width=4, norm=FrozenBatchNorm2d)
    for from_c5, inputs in ((True, 32), (False, 8)):
        model = fpn.ResNetPyramid(body, channels=8, from_c5=from_c5)
        assert model.coarser.p6.in_channels == inputs
        sizes = [tuple(x.shape[1:]) for x in model(torch.rand(1, 3, 70, 133))]
        assert sizes == [(8, -(-70 // s), -(-133 // s)) for s in (8, 16, 32, 64, 128)]


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
        (lambda: toy(prior=0.0), "start"),
        (lambda: toy(high=0.3), "high"),
        (lambda: toy(most=0), "most"),
        (lambda: toy(gamma=-1.0), "gamma"),
        (lambda: subnet.Subnet(0, 9, 4), "channels"),
        (lambda: fpn.CoarserLevels(4, 0), "channels"),
        (lambda: retinanet.retinanet_resnet50(0), "classes"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
