"""YolactEdge: what it skips, when it is YOLACT itself, and maps that move with the picture; faults."""

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.fpn import FPN
from lecture_utils.segmentation import yolact_edge as module
from lecture_utils.segmentation.feature_flow import FeatureFlow
from lecture_utils.segmentation.yolact import Yolact
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.4")
WIDTHS = (8, 10, 12)


def half(inputs: int, outputs: int) -> nn.Module:
    """To half the resolution."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 4, 2, padding=1), nn.Tanh())


def backbone(its=module, *, extra: bool = False, levels: int = 3) -> nn.Module:
    """Maps of strides 2, 4 and 8, or the first of them, and a pyramid of 6 channels."""
    torch.manual_seed(0)
    late = [half(8, 10), half(10, 12)][: levels - 1]
    return its.StagedPyramid(half(3, 8), late, FPN(WIDTHS[:levels], channels=6, extra=extra)).double()


def edge(its=module, *, flow: nn.Module | None = None, every: int = 3) -> nn.Module:
    pyramid = backbone(its)
    net = Yolact(
        pyramid, 6, Anchors(((6,), (12,), (24,))), 3, prototypes=4, hidden=6, convs=1, score_threshold=0.3
    ).double()
    return its.YolactEdge(net, flow, every=every).eval()


def clip(frames: int = 7, batch: int = 2) -> Tensor:
    made = torch.Generator().manual_seed(1)
    return torch.rand(batch, frames, 3, 32, 40, generator=made, dtype=torch.float64)


class Still(nn.Module):
    """A flow of zero."""

    def forward(self, earlier: Tensor, now: Tensor) -> Tensor:
        return torch.zeros_like(now[:, :2])


def counted(net: nn.Module) -> dict[str, int]:
    """Count the calls of the parts of its backbone."""
    calls = dict.fromkeys(("early", "late", "coarse laterals", "fine lateral", "flow"), 0)

    def watch(layer: nn.Module, name: str) -> None:
        layer.register_forward_hook(lambda *_: calls.__setitem__(name, calls[name] + 1))

    watch(net.backbone.stem, "early")
    for stage in net.backbone.late:
        watch(stage, "late")
    for lateral in net.backbone.fpn.lateral[1:]:
        watch(lateral, "coarse laterals")
    watch(net.backbone.fpn.lateral[0], "fine lateral")
    if net.flow is not None:
        watch(net.flow, "flow")
    return calls


def assert_same(found: list, wanted: list, **tolerance) -> None:
    """All fields of all pictures' instances agree; there are some."""
    for one, other in zip(found, wanted, strict=True):
        assert len(one.boxes)
        for a, b in zip(one[:4], other[:4], strict=True):
            torch.testing.assert_close(a, b, **tolerance)


@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("levels", [2, 3])
def test_the_parts_make_the_pyramid(levels, extra):
    """Bit for bit what `FPN` makes of all maps, at an odd size too."""
    net, x = backbone(extra=extra, levels=levels), clip()[:, 0, :, :30, :37]
    maps = [net.stem(x)]
    for stage in net.late:
        maps.append(stage(maps[-1]))
    for got, want in zip(net(x), net.fpn(maps), strict=True):
        assert torch.equal(got, want)


def keyframes_are_yolact(its) -> None:
    """With a keyframe each frame it is YOLACT, frame by frame, bit for bit."""
    net = edge(its, flow=Still(), every=1)
    with torch.inference_mode():
        for t, found in enumerate(net.run(clip())):
            assert_same(found, net.yolact(clip()[:, t]), rtol=0, atol=0)


def the_deep_stages_are_skipped(its) -> None:
    net = edge(its, flow=Still(), every=3)
    calls, state = counted(net), None
    ages = []
    with torch.inference_mode():
        for frame in clip().unbind(1):
            _, state = net.step(frame, state)
            ages.append(state.age)
    assert ages == [0, 1, 2, 0, 1, 2, 0]
    assert calls == {"early": 7, "late": 2 * 3, "coarse laterals": 2 * 3, "fine lateral": 7, "flow": 4}


def nothing_moves(its) -> None:
    """In a still clip all frames are the keyframe: bit for bit without a flow, nearly with one of zero."""
    still = clip()[:, :1].expand(-1, 4, -1, -1, -1)
    with torch.inference_mode():
        for flow, tolerance in ((None, 0), (Still(), 1e-9)):
            first, *others = edge(its, flow=flow, every=4).run(still)
            for found in others:
                assert_same(found, first, rtol=0, atol=tolerance)


def maps_move_with_the_picture(its) -> None:
    """A view that pans by whole cells of all levels: away from the border, what is warped is what would be
    computed, frame after frame; unwarped it is not. The flow is found by an untrained network."""
    flow = FeatureFlow(8, radius=8).double()
    flow.log_sharpness.data.fill_(7.0)
    world = torch.randn(1, 3, 96, 160, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    frames = [world[:, :, :96, 8 * t : 8 * t + 128] for t in range(3)]  # 4 cells of stride 2, 1 of stride 8
    moving, still = edge(its, flow=flow, every=3), edge(its, flow=None, every=3)
    with torch.inference_mode():
        state = stood = None
        for t, frame in enumerate(frames):
            got, state = moving.pyramid(frame, state)
            unmoved, stood = still.pyramid(frame, stood)
            want = moving.backbone(frame)
            for level, (x, y, z) in enumerate(zip(got, want, unmoved, strict=True)):
                m = (24, 12, 6)[level]  # cells that the border reaches, or the flow there
                x, y, z = (part[:, :, m // 2 : -m // 2, m:-m] for part in (x, y, z))
                assert (x - y).abs().max() < 1e-3 * y.std(), (t, level)
                assert t == 0 or (z - y).abs().max() > 0.1 * y.std()
        assert state.age == 2
        torch.testing.assert_close(
            state.flow[0, :, 24, 32], torch.tensor([8.0, 0]).double(), rtol=0, atol=1e-3
        )


CHECKS = [keyframes_are_yolact, the_deep_stages_are_skipped, nothing_moves, maps_move_with_the_picture]


@pytest.mark.parametrize("check", CHECKS)
def test_what_holds(check):
    check(module)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (0, "state.age + 1 >= self.every", "state.age >= self.every"),
        (1, "state.age + 1 >= self.every", "state.age + 1 > self.every"),
        (1, "age=state.age + 1, flow=flow", "age=state.age, flow=flow"),
        (1, "return self.backbone.finish(fine, warp_levels(state.coarse, flow)), state",
            "return self.backbone.finish(fine, warp_levels(self.backbone.coarse(fine), flow)), state"),
        (2, "return list(levels)", "return [0 * x for x in levels]"),
        (3, "self.flow(state.fine, fine)", "self.flow(fine, state.fine)"),
        (3, "finish(fine, warp_levels(", "finish(state.fine, warp_levels("),
        (3, "finish(fine, warp_levels(state.coarse, flow))", "finish(fine, state.coarse)"),
        (3, "age=state.age + 1, flow=flow", "age=state.age + 1, fine=fine, flow=flow"),
        (3, "resize_flow(flow, (x.shape[2], x.shape[3]))",
            "F.interpolate(flow, (x.shape[2], x.shape[3]), mode='area')"),
        (0, 'size=lateral.shape[2:], mode="nearest"', 'size=lateral.shape[2:], mode="bilinear"'),
    ],
)  # fmt: skip
def test_a_planted_fault_is_seen(check, right, wrong):
    fault = planted("lecture_utils.segmentation.yolact_edge", (right, wrong))
    with pytest.raises(AssertionError):
        CHECKS[check](fault)
        for level, want in zip(backbone(fault)(clip()[:, 0]), backbone()(clip()[:, 0]), strict=True):
            assert torch.equal(level, want)


def test_videos_side_by_side_do_not_meet():
    net = edge(flow=FeatureFlow(8, radius=2).double())
    with torch.inference_mode():
        together, alone = net(clip(4, 2)), net(clip(4, 2)[1:])
    for t in range(4):
        assert_same(together[t][1:], alone[t], rtol=1e-6, atol=1e-7)


def test_losses_reach_the_flow_through_the_warp():
    """What is found on a frame between keyframes teaches the flow network, too."""
    net = edge(flow=FeatureFlow(8, radius=2).double()).train()
    frames = clip(2)
    _, state = net.pyramid(frames[:, 0])
    features, _ = net.pyramid(frames[:, 1], state)
    mask = torch.zeros(1, 32, 40, dtype=torch.bool)
    mask[0, 8:20, 10:26] = True
    targets = [(torch.tensor([[10.0, 8, 26, 20]]), torch.tensor([1]), mask)] * 2
    raw = net.yolact.read(features, (32, 40))
    sum(net.yolact.loss(raw, features[0], targets).values()).backward()
    assert net.flow.last.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: module.StagedPyramid(half(3, 8), [half(8, 10)], FPN(WIDTHS)), "fpn: got 3 maps, want"),
        (lambda: module.StagedPyramid(half(3, 8), [half(8, 10)], nn.Identity()), "fpn: got Identity, want"),
        (lambda: backbone().finish(torch.rand(1, 8, 4, 4).double(), []), "coarse: got 0, want"),
        (lambda: backbone().coarse(torch.rand(1, 7, 4, 4)), "got 7 channels"),
        (lambda: module.YolactEdge(nn.Identity(), None), "want a StagedPyramid"),
        (lambda: edge(every=0), "every: got 0, want"),
        (lambda: edge().run(clip()[0]), "clip: got"),
        (lambda: edge().step(clip()[0, 0]), "for one image"),
        (lambda: edge().step(clip()[:, 0], (1, 2)), "state: got tuple, want"),
        (
            lambda: edge().step(clip()[:, 0], edge().step(clip()[:1, 0])[1]),
            "state, fine: got",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
