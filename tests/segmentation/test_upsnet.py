"""UPSNet whole: what it gives, what its panoptic loss teaches, and a batch that it learns by heart."""

import functools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.roi_heads import BoxHead, RoIHeads
from lecture_utils.detection.roi_pooling import MapPooling
from lecture_utils.detection.rpn import RPN
from lecture_utils.metrics.panoptic import panoptic_quality
from lecture_utils.segmentation.mask_heads import MaskBranch, MaskHead
from lecture_utils.segmentation.panoptic_codes import CODES, VOID
from lecture_utils.segmentation.panoptic_losses import at_cells, pixel_loss
from lecture_utils.segmentation.structures import MaskTargets
from lecture_utils.segmentation.upsnet import SemanticHead, UPSNet, panoptic_logits
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.5")
STUFF, THINGS = 2, 3


class Backbone(nn.Module):
    """Pictures to one map of stride 4 with 24 channels."""

    def __init__(self) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        for inputs, outputs, stride in ((3, 16, 2), (16, 24, 2), (24, 24, 1)):
            steps += [nn.Conv2d(inputs, outputs, 3, stride, 1), nn.ReLU()]
        self.layers = nn.Sequential(*steps)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.layers(x)]


def network(make: type[UPSNet] = UPSNet, **options: object) -> UPSNet:
    """A small one, the same at each call but for the options."""
    torch.manual_seed(0)
    head = BoxHead(24 * 16, hidden=32, classes=THINGS)
    heads = RoIHeads(MapPooling((4, 4), stride=4, operator="align"), head, number=16, positive_share=0.5)
    rpn = RPN(24, Anchors(((14,),), ratios=(1.0,)), number=32, keep=(40, 20), keep_training=(40, 20))
    mask = MaskBranch(
        MapPooling((4, 4), stride=4, operator="align"), MaskHead(24, hidden=16, classes=THINGS, layers=1)
    )
    semantic = SemanticHead(24, levels=1, classes=STUFF + THINGS, hidden=16)
    return make(Backbone(), rpn, heads, mask, semantic, stuff=STUFF, **options)  # type: ignore[arg-type]


def batch() -> tuple[Tensor, MaskTargets, Tensor, Tensor]:
    """Two pictures of two kinds of stuff, with two and one rectangles: images, targets, classes, codes."""
    boxes = [torch.tensor([[4.0, 4, 20, 20], [28, 8, 44, 28]]), torch.tensor([[8.0, 8, 28, 24]])]
    labels = [torch.tensor([0, 1]), torch.tensor([2])]
    images, semantic = torch.zeros(2, 3, 32, 48), torch.zeros(2, 32, 48, dtype=torch.int64)
    semantic[:, 16:] = 1
    images[:, 0, :16], images[:, 1, 16:] = 0.3, 0.3
    codes, targets = semantic * CODES, []
    for i in range(2):
        masks = torch.zeros(len(boxes[i]), 32, 48, dtype=torch.bool)
        for n, (x1, y1, x2, y2) in enumerate(boxes[i].int().tolist()):
            masks[n, y1:y2, x1:x2] = True
            images[i, labels[i][n], y1:y2, x1:x2] = 1
            semantic[i][masks[n]] = STUFF + int(labels[i][n])
            codes[i][masks[n]] = (STUFF + int(labels[i][n])) * CODES + n + 1
        targets.append((boxes[i], labels[i], masks))
    return images, targets, semantic, codes


@functools.cache
def trained() -> UPSNet:
    """A network that knows the batch."""
    images, targets, semantic, _ = batch()
    net, generator = network(), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(net.parameters(), 4e-3)
    for _ in range(120):
        optimizer.zero_grad()
        sum(net.losses(images, targets, semantic, generator).values()).backward()
        optimizer.step()
    return net.eval()


def test_a_batch_is_learned_by_heart() -> None:
    images, targets, semantic, codes = batch()
    net = trained()
    with torch.inference_mode():
        found = net(images)
    panoptic = torch.stack([one.panoptic for one in found])
    quality = panoptic_quality(panoptic, codes, classes=STUFF + THINGS, things=range(STUFF, STUFF + THINGS))
    assert quality.all.pq > 0.8 and quality.things.rq == 1 and quality.stuff.rq == 1
    for one, (_, labels, _) in zip(found, targets, strict=True):
        numbers = (one.panoptic[one.panoptic % CODES > 0] % CODES).unique()  # VOID % CODES is 999
        numbers = numbers[numbers != CODES - 1]
        assert sorted(one.instances.labels[numbers - 1].tolist()) == sorted(labels.tolist())
        assert (one.instances.masks[numbers - 1] >= 0.5).flatten(1).any(1).all()
    assert (torch.stack([one.semantic for one in found]) == semantic).double().mean() > 0.9


def test_without_its_objects_the_trained_network_says_unknown_where_they_are() -> None:
    images, _, semantic, codes = batch()
    net = trained()
    before, net.score_threshold = net.score_threshold, 1.0  # no object takes part
    with torch.inference_mode():
        panoptic = torch.stack([one.panoptic for one in net(images)])
        net.unknown = False
        forced = torch.stack([one.panoptic for one in net(images)])
    net.score_threshold, net.unknown = before, True
    thing = semantic >= STUFF
    assert (panoptic[thing] == VOID).double().mean() > 0.8
    assert (panoptic[~thing] == codes[~thing]).double().mean() > 0.9
    assert (forced != VOID).all()


def test_losses_have_their_names_and_weights_and_unknown_changes_one_of_them() -> None:
    images, targets, semantic, _ = batch()

    def losses(**options: object) -> dict[str, float]:
        made = torch.Generator().manual_seed(1)
        return {k: v.item() for k, v in network(**options).losses(images, targets, semantic, made).items()}

    base, weighted, closed = losses(), losses(weights=(2.0, 3.0, 0.5)), losses(unknown=False)
    assert list(base) == [
        "objectness",
        "rpn_box",
        "class",
        "box",
        "mask",
        "semantic",
        "semantic_roi",
        "panoptic",
    ]
    ratios = {name: weighted[name] / base[name] for name in base}
    want = {"semantic": 2, "semantic_roi": 3, "panoptic": 0.5}
    assert ratios == pytest.approx({name: want.get(name, 1) for name in base}, rel=1e-5)
    assert {name for name in base if abs(closed[name] - base[name]) > 1e-6} == {"panoptic"}


def test_panoptic_loss_is_the_cross_entropy_of_the_heads_logits() -> None:
    images, targets, semantic, _ = batch()
    net = network(unknown=False)
    features = net.instances.backbone(images)
    x = net.semantic(features)
    total = 0.0
    for i, (boxes, labels, masks) in enumerate(targets):
        every = net.instances.mask([features[0][i : i + 1]], [boxes])
        own = torch.stack([every[n, label] for n, label in enumerate(labels.tolist())])
        z = panoptic_logits(x[i], boxes / 4, labels, own, stuff=STUFF, unknown=False)
        wanted = at_cells(semantic[i], 4).clone()
        for n, mask in enumerate(masks):
            wanted[at_cells(mask, 4)] = STUFF + n
        total += F.cross_entropy(z[None], wanted[None]).item() / len(targets)
    assert net.panoptic_loss(features, x, targets, semantic).item() == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize(
    "fault",
    [
        ("boxes[i] / step,", "boxes[i],"),
        ("at_cells(truth, step)", "at_cells(truth.flip(-1), step)"),
        ("F.interpolate(x, size, mode=\"bilinear\", align_corners=False)\n        kept",
         "F.interpolate(x.flip(1), size, mode=\"bilinear\", align_corners=False)\n        kept"),
        ("every.split([len(own) for own in boxes])", "[every[: len(own)] for own in boxes]"),
    ],
)  # fmt: skip
def test_a_planted_fault_in_the_panoptic_loss_is_seen(fault: tuple[str, str]) -> None:
    images, targets, semantic, _ = batch()
    net = network(unknown=False)
    broken = network(planted("lecture_utils.segmentation.upsnet", fault).UPSNet, unknown=False)
    features = net.instances.backbone(images)
    x = net.semantic(features) + torch.linspace(-1, 1, STUFF + THINGS)[:, None, None]
    for layer in (net, broken):
        nn.init.normal_(
            layer.instances.mask.head.last.weight, std=9.0, generator=torch.Generator().manual_seed(0)
        )
    want = net.panoptic_loss(features, x, targets, semantic).item()
    assert abs(broken.panoptic_loss(features, x, targets, semantic).item() - want) > 1e-3


def test_the_panoptic_loss_reaches_both_heads_and_the_backbone() -> None:
    images, targets, semantic, _ = batch()
    net = network()
    losses = net.losses(images, targets, semantic, torch.Generator().manual_seed(0))
    losses["panoptic"].backward()
    for part in (net.semantic, net.instances.mask, net.instances.backbone):
        assert all(p.grad is not None for p in part.parameters())
        assert sum(float(p.grad.abs().sum()) for p in part.parameters()) > 0
    assert all(p.grad is None for p in net.instances.rpn.parameters())


def test_three_in_ten_objects_are_unknown_in_training_and_none_without_the_class() -> None:
    made = torch.Generator().manual_seed(0)
    assert network().draw_known(20_000, made).double().mean() == pytest.approx(0.7, abs=0.01)
    assert network(unknown=False).draw_known(1000).all()
    assert network(unknown_share=1.0).draw_known(9).sum() == 0


def test_unknown_pixels_are_those_of_the_objects_without_a_channel() -> None:
    images, targets, semantic, _ = batch()
    net = network(unknown_share=1.0)
    features = net.instances.backbone(images)
    x = net.semantic(features)
    wanted = at_cells(torch.where(semantic < STUFF, semantic, STUFF), 4)
    z = torch.cat([x[:, :STUFF], x[:, STUFF:].amax(1, keepdim=True)], 1)  # no object: max X_mask is 0
    got = net.panoptic_loss(features, x, targets, semantic).item()
    assert got == pytest.approx(pixel_loss(z, wanted).item(), rel=1e-5)


def test_pictures_without_objects_and_of_other_sizes() -> None:
    net = network()
    images = torch.rand(1, 3, 36, 52)
    none = [(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 36, 52, dtype=torch.bool))]
    semantic = torch.zeros(1, 36, 52, dtype=torch.int64)
    losses = net.losses(images, none, semantic)
    assert all(value.isfinite() for value in losses.values()) and losses["semantic_roi"] == 0
    sum(losses.values()).backward()
    void = net.losses(images, none, torch.full_like(semantic, VOID))
    assert void["semantic"] == void["panoptic"] == 0
    with torch.inference_mode():
        (one,) = net.eval()(images)
    assert one.panoptic.shape == one.semantic.shape == (36, 52) and one.panoptic.dtype == torch.int64


def test_bad_input_is_refused() -> None:
    images, targets, semantic, _ = batch()
    net = network()
    with pytest.raises(ValueError, match="semantic: got"):
        net.losses(images, targets, semantic[:1])
    with pytest.raises(ValueError, match="semantic: got 0 to 9"):
        net.losses(images, targets, torch.where(semantic == 4, 9, semantic))
    with pytest.raises(ValueError, match="targets: got 1"):
        net.losses(images, targets[:1], semantic)
    with pytest.raises(ValueError, match=r"unknown_share: got 1\.5"):
        network(unknown_share=1.5)
    with pytest.raises(ValueError, match="weights: got"):
        network(weights=(1.0, 1.0))
