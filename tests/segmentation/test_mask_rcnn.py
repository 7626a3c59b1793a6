"""Whole Mask R-CNNs with keypoints against torchvision's: what they find, losses, slopes, planted faults."""

import functools
from types import ModuleType
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import resnet as tv_resnet
from torchvision.models.detection import faster_rcnn as tv
from torchvision.models.detection import keypoint_rcnn as tv_keypoint
from torchvision.models.detection import mask_rcnn as tv_mask
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.ops import MultiScaleRoIAlign

from lecture_utils.backbones.resnet import BasicBlock, ResNet
from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.fpn import ResNetFPN
from lecture_utils.detection.resize import batch_images, scale_boxes
from lecture_utils.detection.roi_heads import BoxHead, RoIHeads
from lecture_utils.detection.roi_pooling import MapPooling, PyramidPooling
from lecture_utils.detection.rpn import RPN
from lecture_utils.hub import mask_weights
from lecture_utils.nn.frozen_norm import FrozenBatchNorm2d
from lecture_utils.segmentation import mask_rcnn
from lecture_utils.segmentation.structures import Instances
from tests.detection.cases import assert_equal_detections, assert_pictures_matter, pictures
from tests.mutants import planted
from tests.parity import liven

pytestmark = pytest.mark.system("S09.2")
CLASSES, POINTS, SHORTEST, LONGEST = 5, 3, 96, 128
TOLERANCE = 1e-4
SIZES = ((8,), (16,), (32,), (64,), (128,))


class Probe(nn.Module):
    """What a network says before anything is sorted or dropped, for `liven`."""

    def __init__(self, theirs: nn.Module) -> None:
        super().__init__()
        self.theirs = theirs

    def forward(self, x: Tensor) -> Tensor:
        features = self.theirs.backbone(x)
        objectness, deltas = self.theirs.rpn.head(list(features.values()))
        boxes, heads = (
            x.new_tensor([[0.0, 0, 40, 50], [30, 20, 90, 96], [10, 10, 26, 30]]),
            self.theirs.roi_heads,
        )
        where = [boxes] * len(x), [tuple(x.shape[2:])] * len(x)
        said = [*objectness, *deltas]
        said += heads.box_predictor(heads.box_head(heads.box_roi_pool(features, *where)))
        if heads.has_mask():
            said.append(heads.mask_predictor(heads.mask_head(heads.mask_roi_pool(features, *where))))
        if heads.has_keypoint():
            pooled = heads.keypoint_roi_pool(features, *where)
            said.append(heads.keypoint_predictor(heads.keypoint_head(pooled)))
        return torch.cat([y.flatten() for y in said])


def settle(theirs: nn.Module) -> nn.Module:
    """Make weights lively, then scale the outputs: scores and masks spread, boxes move by a share."""
    theirs = theirs.double().eval()
    a, b = torch.randn(2, 1, 3, 96, 128, dtype=torch.float64)
    liven(Probe(theirs), a, b)
    head, last, heads = theirs.rpn.head, theirs.roi_heads.box_predictor, theirs.roi_heads
    spreads = {head.cls_logits: 2.0, head.bbox_pred: 0.3, last.cls_score: 0.5, last.bbox_pred: 2.0}
    if heads.has_mask():
        spreads[heads.mask_predictor.mask_fcn_logits] = 2.0
    if heads.has_keypoint():
        spreads[heads.keypoint_predictor.kps_score_lowres] = 2.0
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
            said = torch.cat(outputs[layer], dim=1)
            if layer is last.cls_score:  # no class is preferred before a region was seen
                said = said - said.mean(0)
                layer.bias.sub_(outputs[layer][0].mean(0)).mul_(spread / said.std())
            layer.weight.mul_(spread / said.std())
    return theirs


@functools.cache
def small_one() -> nn.Module:
    """torchvision's Mask R-CNN on a small ResNet with a pyramid, and its keypoint branch beside the masks."""
    torch.manual_seed(0)
    body = tv_resnet.ResNet(tv_resnet.BasicBlock, [1, 1, 1, 1])
    theirs = tv_mask.MaskRCNN(
        _resnet_fpn_extractor(body, 5), None,
        min_size=SHORTEST, max_size=LONGEST,
        rpn_anchor_generator=AnchorGenerator(SIZES, ((0.5, 1.0, 2.0),) * 5),
        box_head=tv.TwoMLPHead(256 * 49, 32), box_predictor=tv.FastRCNNPredictor(32, CLASSES + 1),
        mask_head=tv_mask.MaskRCNNHeads(256, (16, 16), 1),
        mask_predictor=tv_mask.MaskRCNNPredictor(16, 16, CLASSES + 1),
        rpn_post_nms_top_n_test=60, rpn_post_nms_top_n_train=60, rpn_pre_nms_top_n_test=100,
        rpn_pre_nms_top_n_train=100, box_score_thresh=0.02, box_detections_per_img=15,
    )  # fmt: skip
    heads = theirs.roi_heads
    heads.keypoint_roi_pool = MultiScaleRoIAlign(["0", "1", "2", "3"], 14, 2)
    heads.keypoint_head = tv_keypoint.KeypointRCNNHeads(256, (16, 16))
    heads.keypoint_predictor = tv_keypoint.KeypointRCNNPredictor(16, POINTS)
    return settle(theirs)


def build(use: ModuleType = mask_rcnn) -> nn.Module:
    """Ours, with the same settings and weights; the module may be a planted copy."""
    backbone = ResNetFPN(ResNet(BasicBlock, (1, 1, 1, 1), norm=FrozenBatchNorm2d))
    heads = RoIHeads(
        PyramidPooling(aligned=False), BoxHead(256 * 49, hidden=32, classes=CLASSES),
        beta=1 / 9, number=512, score_threshold=0.02, nms_threshold=0.5, most=15,
    )  # fmt: skip
    proposals = RPN(256, Anchors(SIZES, offset=0.0), keep=(100, 60), keep_training=(100, 60))
    mask = use.MaskHead(256, hidden=16, classes=CLASSES, layers=2)
    points = use.KeypointHead(256, hidden=16, points=POINTS, layers=2)
    model = use.MaskRCNN(
        backbone, proposals, heads,
        use.MaskBranch(PyramidPooling((14, 14), aligned=False), mask),
        use.KeypointBranch(PyramidPooling((14, 14), aligned=False), points),
        rounded=True,
    )  # fmt: skip
    return mask_weights.with_weights_of(small_one(), model)


@functools.cache
@torch.inference_mode()
def wanted(theirs: nn.Module, count: int = 3) -> list[dict[str, Tensor]]:
    """What torchvision's model finds in the first pictures."""
    return theirs(pictures()[:count])


@torch.inference_mode()
def compare(
    ours: nn.Module, theirs: nn.Module, use: ModuleType = mask_rcnn, count: int = 3
) -> list[Instances]:
    """Hold what ours finds against torchvision's, on pictures of several sizes in one batch."""
    want = wanted(theirs, count)
    got = use.segment(ours, pictures()[:count], shortest=SHORTEST, longest=LONGEST)
    assert_equal_detections(got, want, tolerance=TOLERANCE, first=1)
    for one, other, picture in zip(got, want, pictures()[:count], strict=True):
        if "masks" in other:
            assert one.masks.shape[1:] == picture.shape[1:]
            assert (one.masks - other["masks"][:, 0]).abs().max() < TOLERANCE
            assert torch.equal(one.masks >= 0.5, other["masks"][:, 0] >= 0.5)  # an IoU of 1
        if "keypoints" in other:
            assert (one.keypoints[..., :2] - other["keypoints"][..., :2]).abs().max() < TOLERANCE
            assert (one.keypoints[..., 2] - other["keypoints_scores"]).abs().max() < TOLERANCE
    return got


def test_what_is_found_equals_torchvision_s():
    found = compare(build(), small_one())
    assert_pictures_matter(found, TOLERANCE)
    for one in found:
        area = (one.masks >= 0.5).flatten(1).float().sum(1)
        assert area.std() > 5 and 0.1 < (one.masks[one.masks > 0] >= 0.5).float().mean() < 0.9
        assert one.keypoints[..., 2].std() > 100 * TOLERANCE


def resnet50(name: str) -> nn.Module:
    """One of torchvision's builders, with random weights and few detections."""
    torch.manual_seed(0)
    build = getattr(torchvision.models.detection, name)
    return settle(
        build(
            weights=None, weights_backbone=None, num_classes=CLASSES + 1, min_size=SHORTEST, max_size=LONGEST,
            box_score_thresh=0.02, rpn_post_nms_top_n_test=60, box_detections_per_img=12,
            rpn_anchor_generator=AnchorGenerator(SIZES, ((0.5, 1.0, 2.0),) * 5),
        )
    )  # fmt: skip


@pytest.mark.nightly
def test_what_resnet50_finds_equals_torchvision_s():
    theirs = resnet50("maskrcnn_resnet50_fpn")
    found = compare(mask_weights.from_torchvision_mask(theirs), theirs)
    assert_pictures_matter(found, TOLERANCE)
    assert found[0].keypoints is None


@pytest.mark.nightly
def test_the_keypoints_that_resnet50_finds_equal_torchvision_s():
    theirs = resnet50("keypointrcnn_resnet50_fpn")
    one, other = compare(mask_weights.from_torchvision_keypoints(theirs), theirs, count=2)
    assert one.masks.shape == (12, 0, 0) and one.keypoints.shape == (12, 17, 3)
    assert (one.keypoints - other.keypoints)[..., 2].abs().max() > 100 * TOLERANCE


FAULTS = [
    ("mask_heads", "labels.long()]", "labels.long() - 1]"),
    ("mask_heads", "x = F.relu(self.doubling(x))", "x = self.doubling(x)"),
    ("mask_heads", "own_masks(logits, labels).sigmoid()", "own_masks(logits.softmax(1), labels)"),
    ("paste", "first.trunc(), ", "first.round(), "),
    ("paste", "((side + 2) / side)", "1.0"),
    ("paste", "boxes, to, rounded", "found.boxes, to, rounded"),
    ("paste", "keypoints=found.keypoints * scale", "keypoints=found.keypoints"),
    ("keypoint_branch", 'mode="bicubic"', 'mode="bilinear"'),
    ("keypoint_branch", "scale_factor=2.0, mode", "scale_factor=2.0001, mode"),
    ("keypoint_branch", "+ boxes[i, :2]", ""),
    ("mask_rcnn", "= self.mask(features, boxes)", "= self.mask(features, [x.round() for x in boxes])"),
    ("mask_rcnn", "rounded=model.rounded", "rounded=False"),
]  # fmt: skip


def with_fault(name: str, *texts: str) -> ModuleType:
    """A copy of `mask_rcnn` with a fault of its own, or with what another module has, fault included."""
    copy = planted(f"lecture_utils.segmentation.{name}", texts)
    if name == "mask_rcnn":
        return copy
    whole = planted("lecture_utils.segmentation.mask_rcnn")
    for key, item in vars(copy).items():
        if getattr(item, "__module__", "") == copy.__name__ and key in vars(whole):
            setattr(whole, key, item)
    return whole


class Said(nn.Module):
    """What a part without a fault has said before."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, *_: object) -> Any:
        return self.answer


@functools.cache
@torch.inference_mode()
def before_the_branches() -> tuple[Said, Said, Said]:
    """Maps, proposals and detections of ours, in which no fault is planted here."""
    batch, ours = batch_images(pictures(), shortest=SHORTEST, longest=LONGEST), build()
    features = ours.backbone(batch.images)
    proposals = ours.rpn(features, tuple(batch.images.shape[2:]), batch.sizes)
    found = ours.heads(features, [boxes for boxes, _ in proposals], batch.sizes)
    return Said(features), Said(proposals), Said(found)


def quick(use: ModuleType) -> nn.Module:
    """Ours, with these answers."""
    model = build(use)
    model.backbone, model.rpn, model.heads = before_the_branches()
    return model


def test_the_quick_comparison_finds_no_fault_where_there_is_none():
    compare(quick(mask_rcnn), small_one())


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{name}: {wrong}" for name, _, wrong in FAULTS])
def test_the_comparison_sees(fault):
    use = with_fault(*fault)
    with pytest.raises(AssertionError):
        compare(quick(use), small_one(), use)


def truth() -> list[dict[str, Tensor]]:
    """Objects of three pictures in their own pixels, as torchvision takes them, with proposals near."""
    _, proposals, _ = before_the_branches()
    batch = batch_images(pictures(), shortest=SHORTEST, longest=LONGEST)
    labels, made, out = torch.tensor([1, 4, 3]), torch.Generator().manual_seed(0), []
    for image, size, (boxes, _), count in zip(
        pictures(), batch.sizes, proposals.answer, (3, 1, 0), strict=True
    ):
        height, width = image.shape[1:]
        largest = (boxes[:, 2:] - boxes[:, :2]).amin(1).argsort(descending=True)[:count]
        moved = boxes[largest] + boxes.new_tensor([1.0, 0.5, -0.5, -1.0])
        own = scale_boxes(moved, size, (height, width))
        y, x = torch.arange(height)[:, None], torch.arange(width)
        slant = (x + 2 * y) % 7 < 4  # no mask fills its box
        inside = [(x >= b[0]) & (x < b[2]) & (y >= b[1]) & (y < b[3]) & slant for b in own]
        share = 1.2 * torch.rand(count, POINTS, 2, generator=made, dtype=torch.float64) - 0.1
        points = own[:, None, :2] + share * (own[:, None, 2:] - own[:, None, :2])
        seen = (torch.rand(count, POINTS, 1, generator=made) < 0.8).double()
        masks = torch.stack(inside) if count else torch.zeros(0, height, width, dtype=torch.bool)
        keypoints = torch.cat([points, seen], dim=2).float()
        out.append({"boxes": own, "labels": labels[:count], "masks": masks.byte(), "keypoints": keypoints})
    return out


@functools.cache
@torch.enable_grad()  # whichever test asks first
def their_losses() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """torchvision's losses, and their slopes by our names, in training with batch norm frozen."""
    theirs = small_one().train()
    theirs.backbone.eval(), theirs.transform.eval()
    try:
        torch.manual_seed(3)
        losses = theirs(pictures(), truth())
        theirs.zero_grad()
        sum(losses.values()).backward()
    finally:
        theirs.eval()
    slopes = {mask_weights.our_name(name): p.grad for name, p in theirs.named_parameters()}
    return {name: value.detach() for name, value in losses.items()}, slopes


def our_losses(ours: nn.Module) -> dict[str, Tensor]:
    """Ours for the same pictures; samples are drawn in the same order."""
    batch, targets, keypoints = batch_images(pictures(), shortest=SHORTEST, longest=LONGEST), [], []
    for own, image, size in zip(truth(), pictures(), batch.sizes, strict=True):
        shape = (image.shape[1], image.shape[2])
        masks = nn.functional.interpolate(own["masks"][:, None].float(), size=size)[:, 0] > 0
        targets.append((scale_boxes(own["boxes"], shape, size), own["labels"] - 1, masks))
        scale = torch.tensor([size[1] / shape[1], size[0] / shape[0], 1])
        keypoints.append(own["keypoints"] * scale)
    torch.manual_seed(3)
    return ours.train().losses(batch.images, targets, batch.sizes, keypoints=keypoints)


def compare_losses(got: dict[str, Tensor]) -> None:
    """Hold losses against torchvision's."""
    want, _ = their_losses()
    names = {
        "class": "classifier", "box": "box_reg", "objectness": "objectness", "rpn_box": "rpn_box_reg",
        "mask": "mask", "keypoint": "keypoint",
    }  # fmt: skip
    assert set(got) == set(names)
    for name, other in names.items():
        value = want[f"loss_{other}"]
        assert value > 1e-3
        torch.testing.assert_close(got[name], value, rtol=1e-5, atol=1e-6, check_dtype=False)


def test_losses_and_slopes_equal_torchvision_s():
    ours = build()
    losses = our_losses(ours)
    compare_losses(losses)
    sum(losses.values()).backward()
    _, slopes = their_losses()
    for name, parameter in ours.named_parameters():
        slope = slopes[name][1:] if name in mask_weights.WITH_BACKGROUND else slopes[name]
        torch.testing.assert_close(parameter.grad, slope, rtol=1e-4, atol=1e-6)


LOSS_FAULTS = [
    ("mask_heads", "same.int().argmax(1)", "same.int().argmin(1)"),
    ("mask_rcnn", "target[2][own], region, side", "target[2][own], target[0][own], side"),
    ("mask_rcnn", "shown = [label > 0", "shown = [label > 2"),
    ("keypoint_branch", "side / (far - corner)", "(side - 1) / (far - corner)"),
]


@pytest.mark.parametrize("fault", LOSS_FAULTS, ids=[f"{name}: {wrong}" for name, _, wrong in LOSS_FAULTS])
@torch.no_grad()
def test_the_comparison_of_losses_sees(fault):
    with pytest.raises(AssertionError):
        compare_losses(our_losses(build(with_fault(*fault))))


class SmallBackbone(nn.Module):
    """One map of stride 4."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 12, 3, 2, padding=1), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, padding=1), nn.ReLU()
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.layers(x)]


def toy(*, masks: bool = True, keypoints: bool = True, operator: str = "align") -> mask_rcnn.MaskRCNN:
    """Three classes, two keypoints, on one map."""
    torch.manual_seed(0)
    head = BoxHead(24 * 9, hidden=32, classes=3)
    heads = RoIHeads(MapPooling((3, 3), stride=4), head, number=32, positive_share=0.5)
    proposals = RPN(24, Anchors(((10, 20),)), number=32, keep=(60, 20), keep_training=(60, 20))
    pooling = MapPooling((7, 7), stride=4, operator=operator)
    mask = mask_rcnn.MaskBranch(pooling, mask_rcnn.MaskHead(24, hidden=16, classes=3, layers=2))
    points = mask_rcnn.KeypointBranch(
        pooling, mask_rcnn.KeypointHead(24, hidden=16, points=2, layers=2)
    )  # fmt: skip
    return mask_rcnn.MaskRCNN(
        SmallBackbone(), proposals, heads, mask if masks else None, points if keypoints else None
    )


def scenes() -> tuple[Tensor, list[tuple[Tensor, Tensor, Tensor]], list[Tensor]]:
    """Two pictures of coloured triangles, three objects, each with its two left corners."""
    boxes = torch.tensor([[4.0, 4, 20, 20], [24, 8, 44, 28]])
    y, x = torch.arange(32)[:, None], torch.arange(48)
    masks = torch.stack(
        [(x >= x1) & (y < y2) & (x - x1 <= y - y1) & (y >= y1) for x1, y1, _, y2 in boxes.long().tolist()]
    )
    points = torch.stack([boxes[:, [0, 3]], boxes[:, :2]], dim=1) + torch.tensor([[0.5, -0.5], [0.5, 0.5]])
    points = torch.cat([points, torch.ones(2, 2, 1)], dim=2)
    images = torch.zeros(2, 3, 32, 48)
    images[0, 0][masks[0]] = images[0, 1][masks[1]] = images[1, 2][masks[0]] = 1
    targets = [(boxes, torch.tensor([0, 1]), masks), (boxes[:1], torch.tensor([2]), masks[:1])]
    return images, targets, [points, points[:1]]


def learned(model: mask_rcnn.MaskRCNN, steps: int, keypoints: list[Tensor] | None) -> list[Instances]:
    """Train on the scenes; of each true object, the best found one of its class."""
    made, (images, targets, _) = torch.Generator().manual_seed(0), scenes()
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    slower = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.2, total_iters=steps)
    for _ in range(steps):
        optimizer.zero_grad()
        sum(model.losses(images, targets, generator=made, keypoints=keypoints).values()).backward()
        optimizer.step()
        slower.step()
    with torch.no_grad():
        found = model.eval()(images)
    best = [
        [int((one.labels == k).nonzero()[0, 0]) for k in labels]
        for one, (_, labels, _) in zip(found, targets, strict=True)
    ]
    return [
        Instances(*(x if x is None else x[own] for x in one)) for one, own in zip(found, best, strict=True)
    ]


def test_the_masks_of_one_batch_are_learned():
    for found, (_, _, masks) in zip(learned(toy(keypoints=False), 120, None), scenes()[1], strict=True):
        drawn = found.masks >= 0.5
        iou = (drawn & masks).flatten(1).sum(1) / (drawn | masks).flatten(1).sum(1)
        assert iou.min() > 0.75


def test_the_keypoints_of_one_batch_are_learned():
    keypoints = scenes()[2]
    for found, points in zip(learned(toy(masks=False), 100, keypoints), keypoints, strict=True):
        assert (found.keypoints - points)[..., :2].norm(dim=-1).mean() < 2.5  # pixels


def test_a_picture_s_answer_does_not_depend_on_its_batch():
    model, images = toy().eval(), torch.rand(3, 3, 33, 46, generator=torch.Generator().manual_seed(0))
    model.heads.score_threshold = 0.0
    for image, found in zip(images, model(images), strict=True):
        (alone,) = model(image[None])
        assert found.masks.shape == (len(found.boxes), 33, 46)
        torch.testing.assert_close(alone.masks, found.masks, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(alone.keypoints[..., 2], found.keypoints[..., 2], rtol=1e-3, atol=1e-3)


def test_a_padded_picture_s_masks_have_its_own_size():
    model = toy().eval()
    model.heads.score_threshold = 0.0
    first, second = model(torch.rand(2, 3, 32, 48), [(32, 48), (20, 30)])
    assert first.masks.shape[1:] == (32, 48) and second.masks.shape[1:] == (20, 30)


@pytest.mark.parametrize(("masks", "keypoints"), [(True, False), (False, True), (False, False)])
def test_each_branch_can_be_left_out(masks, keypoints):
    model = toy(masks=masks, keypoints=keypoints, operator="pool")
    images, targets, points = scenes()
    given = targets if masks else [target[:2] for target in targets]
    losses = model.losses(images, given, keypoints=points if keypoints else None)
    assert ("mask" in losses) == masks and ("keypoint" in losses) == keypoints
    sum(losses.values()).backward()
    model.eval().heads.score_threshold = 0.0
    (found, _) = model(images)
    assert found.masks.shape[1:] == ((32, 48) if masks else (0, 0))
    assert (found.keypoints is not None) == keypoints


def test_where_nothing_is_found_masks_are_empty():
    model = toy().eval()
    model.heads.score_threshold = 1.0
    (found,) = model(torch.rand(1, 3, 32, 48))
    assert found.masks.shape == (0, 32, 48) and found.keypoints.shape == (0, 2, 3)


def test_losses_where_no_picture_has_an_object():
    nothing = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(0, 32, 32, dtype=torch.bool))
    model = toy()
    losses = model.losses(torch.rand(2, 3, 32, 32), [nothing] * 2, keypoints=[torch.zeros(0, 2, 3)] * 2)
    assert losses["box"] == losses["mask"] == losses["keypoint"] == 0
    sum(losses.values()).backward()


def refused(**other) -> None:
    """Losses on the scenes, with some arguments replaced."""
    images, targets, keypoints = scenes()
    given = {"targets": targets, "keypoints": keypoints} | other
    toy().losses(images, given.pop("targets"), **given)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: toy()(torch.rand(3, 32, 32)), "for one image"),
        (lambda: refused(targets=[]), "got 0, want 2 triples"),
        (lambda: refused(targets=[t[:2] for t in scenes()[1]]), "2 parts, want triples"),
        (lambda: refused(targets=[(*t[:2], t[2][:, :-1]) for t in scenes()[1]]), "32, 48"),
        (lambda: refused(targets=[(*t[:2], t[2] & False) for t in scenes()[1]]), "without a pixel"),
        (lambda: refused(targets=[(*t[:2], t[2].float()) for t in scenes()[1]]), "bool"),
        (lambda: refused(targets=[(t[0], t[1] + 2, t[2]) for t in scenes()[1]]), "0 to 2"),
        (lambda: refused(keypoints=None), "keypoints: got none"),
        (lambda: refused(keypoints=scenes()[2][:1]), "got 1, want 2 sets"),
        (lambda: refused(keypoints=[x[:, :1] for x in scenes()[2]]), "2, 2, 3"),
        (
            lambda: mask_rcnn.MaskRCNN(
                SmallBackbone(), toy().rpn, toy().heads,
                mask_rcnn.MaskBranch(nn.Identity(), mask_rcnn.MaskHead(24, hidden=4, classes=4)),
            ),
            "got 4 classes, want 3",
        ),
        (lambda: mask_rcnn.mask_rcnn_resnet50(0), "classes"),
        (lambda: mask_rcnn.keypoint_rcnn_resnet50(0), "points"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
