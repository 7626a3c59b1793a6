"""VPSNet: fusion that aligns, identities over a clip, its losses, planted faults."""

import pytest
import torch
from torch import nn

from lecture_utils.data import toyworld
from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.roi_heads import BoxHead, RoIHeads
from lecture_utils.detection.roi_pooling import MapPooling
from lecture_utils.detection.rpn import RPN
from lecture_utils.metrics.video_panoptic import identity_switches, video_panoptic_quality
from lecture_utils.segmentation import temporal_fusion, vpsnet
from lecture_utils.segmentation.feature_flow import FeatureFlow
from lecture_utils.segmentation.mask_heads import MaskBranch, MaskHead
from lecture_utils.segmentation.semantic_head import SemanticHead
from lecture_utils.segmentation.structures import Instances
from lecture_utils.segmentation.temporal_fusion import TemporalFusion
from lecture_utils.segmentation.tracking import TrackHead
from lecture_utils.segmentation.upsnet import PanopticResult, UPSNet
from lecture_utils.segmentation.vpsnet import known_flow_loss, renumber, shown_rows
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.7")
THINGS, CLASSES = range(4, 12), 12
WIDTH = 8


class Small(nn.Module):
    """(B, 3, H, W) → one map (B, 8, H/4, W/4)."""

    def __init__(self):
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, padding=1), nn.ReLU(), nn.Conv2d(8, WIDTH, 3, 2, padding=1), nn.ReLU()
        )

    def forward(self, x):
        return [self.convs(x)]


def build(module=vpsnet, **settings):
    torch.manual_seed(0)
    rpn = RPN(WIDTH, Anchors(((12, 24),)), number=16, keep=(30, 12), keep_training=(30, 12))
    box = BoxHead(WIDTH * 9, hidden=16, classes=8)
    heads = RoIHeads(
        MapPooling((3, 3), stride=4, operator="align"), box, number=8, positive_share=0.5, most=8
    )
    mask = MaskBranch(
        MapPooling((4, 4), stride=4, operator="align"), MaskHead(WIDTH, hidden=8, classes=8, layers=1)
    )
    semantic = SemanticHead(WIDTH, levels=1, classes=CLASSES, hidden=8)
    panoptic = UPSNet(Small(), rpn, heads, mask, semantic, stuff=4, score_threshold=0.0)
    head = TrackHead(WIDTH * 9, hidden=16)
    return module.VPSNet(panoptic, FeatureFlow(WIDTH, radius=2), TemporalFusion(WIDTH), head, **settings)


@pytest.fixture(scope="module")
def clips():
    return toyworld.render_clips(toyworld.sample_clips(8, 12, seed=5, split="val"))


def batch(clips, frame=4, pictures=4):
    parts = range(pictures)
    targets = [clips.targets(v, frame, least_seen=0.1) for v in parts]
    before = [clips.targets(v, frame - 1, least_seen=0.1) for v in parts]
    now, earlier = clips.image[:pictures, frame], clips.image[:pictures, frame - 1]
    motion = clips.flow[:pictures, frame], clips.known[:pictures, frame]
    return (now, earlier, targets, before, clips.semantic[:pictures, frame]), motion


# Fusion


def lively(module=temporal_fusion, channels=6):
    torch.manual_seed(1)
    fusion = module.TemporalFusion(channels)
    for value in fusion.parameters():
        nn.init.normal_(value, std=0.3)
    return fusion


def maps(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def alignment_gap(module=temporal_fusion):
    """Fuse with an earlier map that is shifted, told so, and with one that is not: how far apart inside."""
    now, flow = maps(0, 1, 6, 28, 28), torch.zeros(1, 2, 28, 28)
    fusion = lively(module)
    with torch.no_grad():
        want = fusion([now], [now], flow)[0]
        flow[:, 0], flow[:, 1] = -2, 3
        moved = torch.roll(now, (3, -2), (2, 3))  # what is at (x, y) now was at (x − 2, y + 3)
        got = fusion([now], [moved], flow)[0]
    return float((got - want)[..., 12:16, 12:16].abs().max() / want.std())


def test_the_earlier_frame_is_brought_to_where_it_is_now():
    assert alignment_gap() < 1e-4


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("warp(before, flow)", "warp(before, -flow)"),
        ("warp(before, flow)", "before"),
        ("warp(before, flow)", "warp(before, flow.flip(1))"),
    ],
)
def test_a_wrong_alignment_is_seen(right, wrong):
    assert alignment_gap(planted("lecture_utils.segmentation.temporal_fusion", (right, wrong))) > 1e-2


def test_equal_frames_without_motion_count_alike():
    now = maps(2, 2, 6, 9, 7)
    weights = lively().weights(now, now)
    torch.testing.assert_close(weights[:, 0], weights[:, 1])


def test_what_is_alike_counts_more():
    fusion = TemporalFusion(6)
    for conv in (fusion.query, fusion.key):
        nn.init.dirac_(conv.weight)
        nn.init.zeros_(conv.bias)
    now = maps(3, 1, 6, 8, 8)
    aligned = now.clone()
    aligned[..., 4:] = maps(4, 1, 6, 8, 4)
    weights = fusion.weights(now, aligned)
    torch.testing.assert_close(weights[:, 0], (now.square().sum(1)).sigmoid())
    assert (weights[:, 1, :, :4] == weights[:, 0, :, :4]).all()
    assert weights[:, 1, :, 4:].mean() < weights[:, 1, :, :4].mean() - 0.2


def test_fusion_starts_as_nothing_and_reaches_all_levels():
    now = [maps(5, 2, 6, 8, 12), maps(6, 2, 6, 4, 6), maps(7, 2, 6, 2, 3)]
    earlier = [x.flip(0) for x in now]
    fusion = TemporalFusion(6, middle=1)
    flow = torch.zeros(2, 2, 4, 6)
    for got, want in zip(fusion(now, earlier, flow), now, strict=True):
        assert torch.equal(got, want)
    gathered = fusion.gather(now)
    want = (
        nn.functional.max_pool2d(now[0], 2) + now[1] + now[2].repeat_interleave(2, 2).repeat_interleave(2, 3)
    )
    torch.testing.assert_close(gathered, want / 3)
    nn.init.normal_(fusion.refine.weight)
    out = fusion(now, earlier, flow)
    added = [a - b for a, b in zip(out, now, strict=True)]
    torch.testing.assert_close(added[0], added[1].repeat_interleave(2, 2).repeat_interleave(2, 3))
    torch.testing.assert_close(added[2], nn.functional.max_pool2d(added[1], 2))


# The network


def test_without_fusion_and_tracking_frames_are_upsnet_s(clips):
    net = build(fuse=False, track=False).eval()
    codes = net.run(clips.image[0])
    want = torch.stack([one.panoptic for one in net.panoptic(clips.image[0])])
    assert torch.equal(codes, want)
    net.fuse = True  # and at the start fusion changes nothing
    assert torch.equal(net.run(clips.image[0]), want)
    net.track = True
    tracked = net.run(clips.image[0])
    assert torch.equal(tracked.div(1000, rounding_mode="floor"), want.div(1000, rounding_mode="floor"))


def test_a_frame_is_fused_with_the_one_before_it(clips):
    net = build(track=False).eval()
    nn.init.normal_(net.fusion.refine.weight, std=0.3)
    seen = []
    net.panoptic.find = lambda features, size: seen.append(features) or []
    with pytest.raises(RuntimeError):  # there is nothing to stack
        net.run(clips.image[0, :3])
    own = net.panoptic.instances.backbone(clips.image[0, :3])[0]
    for t, before in ((0, 0), (1, 0), (2, 1)):
        want = net.fused([own[t : t + 1]], [own[before : before + 1]])[0]
        torch.testing.assert_close(seen[0][0][t : t + 1], want, atol=1e-5, rtol=1e-4)


def perfect(net, clips, v):
    """Let the network find what is there, in another order in each frame, and tell it by its colour."""
    made = torch.Generator().manual_seed(v)
    colours = 4 * torch.nn.functional.normalize(
        torch.randn(len(clips.class_id[v]), 16, generator=made), dim=1
    )
    order, results = [], []
    for t in range(clips.instance.shape[1]):
        boxes, labels, masks, identities = clips.targets(v, t)
        scores = torch.rand(len(boxes), generator=made).sort(descending=True).values
        rows = torch.randperm(len(boxes), generator=made)
        found = Instances(boxes[rows], labels[rows], scores, masks[rows].float())
        odd = (torch.tensor([[0.0, 0.0, 9.0, 9.0]]), torch.tensor([7]), torch.ones(1), torch.zeros(1, 64, 64))
        found = Instances(*(torch.cat(pair) for pair in zip(odd, found[:4], strict=True)))  # not shown: row 0
        old, new = identities[rows], torch.arange(2, len(rows) + 2)
        results.append(PanopticResult(found, clips.semantic[v, t], renumber(clips.panoptic[v, t], old, new)))
        order.append(old)
    net.panoptic.find = lambda features, size: results

    def embed(features, boxes):
        shown = [old[shown_rows(one.panoptic) - 1] for old, one in zip(order, results, strict=True)]
        for t, (own, who) in enumerate(zip(boxes, shown, strict=True)):
            assert torch.equal(own, clips.boxes[v, t, who - 1])
        return colours[torch.cat(shown) - 1]

    net.embed = embed


def followed(clips, module=vpsnet, **settings):
    net = build(module, **settings).eval()
    maps = []
    for v in range(len(clips.image)):
        perfect(net, clips, v)
        maps.append(net.run(clips.image[v]))
    return maps


def test_an_object_keeps_its_number(clips):
    truth = list(clips.panoptic)
    found = followed(clips)
    assert identity_switches(found, truth, things=THINGS) == 0
    quality = video_panoptic_quality(found, truth, window=4, classes=CLASSES, things=THINGS)
    assert quality.all.pq == pytest.approx(1.0)
    lost = identity_switches(followed(clips, track=False), truth, things=THINGS)
    assert lost > 20


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("renumber(result.panoptic, row + 1, identities)", "renumber(result.panoptic, row, identities)"),
        ("renumber(result.panoptic, row + 1, identities)", "result.panoptic"),
        ("found.labels[row], found.scores[row]", "found.labels, found.scores"),
        ("table[old] = new", "table[new] = old"),
        ("result.instances.boxes[row] for", "result.instances.boxes.flip(0)[row] for"),
        ("numbers[numbers > 0] - 1", "numbers[numbers > 0]"),
    ],
)
def test_wrong_numbers_are_seen(right, wrong, clips):
    broken = planted("lecture_utils.segmentation.vpsnet", (right, wrong))
    try:
        found = followed(clips, broken)
    except (ValueError, IndexError, AssertionError):
        return
    assert identity_switches(found, list(clips.panoptic), things=THINGS) > 0


def test_losses_reach_every_part(clips):
    net = build()
    nn.init.normal_(net.fusion.refine.weight, std=0.1)
    nn.init.normal_(net.flow.last.weight, std=0.1)
    arguments, motion = batch(clips)
    made = torch.Generator().manual_seed(0)
    losses = net.losses(*arguments, made, motion=motion)
    base = {"objectness", "rpn_box", "class", "box", "mask", "semantic", "semantic_roi", "panoptic"}
    assert set(losses) == base | {"track", "flow"}
    assert all(loss.ndim == 0 and loss.isfinite() for loss in losses.values())
    torch.stack(list(losses.values())).sum().backward()
    still = [name for name, value in net.named_parameters() if value.grad is None or not value.grad.any()]
    assert not [name for name in still if not name.endswith("offsets.bias")], still
    net.zero_grad()
    net.losses(*arguments, made)["semantic"].backward()
    assert net.flow.last.weight.grad.any()  # without true flow it learns from what it is good for


def test_flags_leave_parts_out(clips):
    arguments, motion = batch(clips)
    losses = build(fuse=False, track=False).losses(*arguments, motion=motion)
    assert not {"track", "flow"} & set(losses)
    assert "flow" not in build().losses(*arguments)
    assert "track" in build(fuse=False).losses(*arguments)


def test_one_batch_can_be_learned(clips):
    net = build()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    arguments, motion = batch(clips, pictures=2)
    curve = []
    for _ in range(25):
        losses = net.losses(*arguments, torch.Generator().manual_seed(0), motion=motion)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        curve.append({name: float(loss.detach()) for name, loss in losses.items()})
    assert curve[-1]["track"] < 0.6 * curve[0]["track"], curve[-1]
    assert curve[-1]["semantic"] < 0.7 * curve[0]["semantic"], curve[-1]
    assert sum(curve[-1].values()) < 0.7 * sum(curve[0].values())


def test_the_true_flow_costs_nothing():
    truth = torch.zeros(1, 2, 16, 24)
    truth[:, 0], truth[:, 1] = 4.0, -2.0
    known = torch.ones(1, 16, 24, dtype=torch.bool)
    flow = torch.zeros(1, 2, 4, 6)
    flow[:, 0], flow[:, 1] = 1.0, -0.5
    assert float(known_flow_loss(flow, truth, known)) == pytest.approx(0, abs=1e-5)
    assert float(known_flow_loss(-flow, truth, known)) == pytest.approx(2 * 1.25**0.5, rel=1e-4)
    known[:, :, :12] = False
    flow[..., :3] = 9  # where nothing is known
    assert float(known_flow_loss(flow, truth, known)) == pytest.approx(0, abs=1e-5)
    known[:, 0] = False  # a cell counts where all of it is known
    flow[:, :, 0] = 9
    assert float(known_flow_loss(flow, truth, known)) == pytest.approx(0, abs=1e-5)


def test_codes_get_other_numbers():
    codes = torch.tensor([[4001, 4002], [-1, 2000]])
    assert shown_rows(codes).tolist() == [0, 1]
    assert shown_rows(torch.full((2, 2), -1)).tolist() == []
    got = renumber(codes, torch.tensor([1, 2]), torch.tensor([2, 7]))
    assert got.tolist() == [[4002, 4007], [-1, 2000]]
    with pytest.raises(ValueError, match="new"):
        renumber(codes, torch.tensor([1]), torch.tensor([1000]))


def test_what_does_not_fit_is_refused(clips):
    net = build()
    (now, earlier, targets, before, semantic), _ = batch(clips)
    twice = [(b, y, m, 0 * i) for b, y, m, i in targets]
    fusion, x, flow = net.fusion, torch.rand(1, WIDTH, 4, 4), torch.zeros(1, 2, 4, 4)
    for bad, message in [
        (lambda: net.losses(now[0], earlier, targets, before, semantic), "images: got shape"),
        (lambda: net.losses(now, earlier[:2], targets, before, semantic), "earlier: got"),
        (lambda: net.losses(now, earlier, targets[:2], before, semantic), "targets: got 2"),
        (lambda: net.losses(now, earlier, [t[:3] for t in targets], before, semantic), "identities"),
        (lambda: net.losses(now, earlier, twice, before, semantic), "want each once"),
        (lambda: net.losses(now, earlier, targets, before, semantic[:2]), "semantic: got"),
        (lambda: net.run(clips.image), "images: got shape"),
        (lambda: build(remember=-1), "remember"),
        (lambda: fusion([x], [x[:, :4]], flow), "maps: got"),
        (lambda: fusion([x], [x], flow[:, :, :2]), "flow: got"),
        (lambda: fusion([x], [x[..., :2]], flow), "earlier: got"),
        (lambda: TemporalFusion(4, middle=2)([x, x], [x, x], flow), "maps: got"),
        (lambda: TemporalFusion(0), "channels 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            bad()
