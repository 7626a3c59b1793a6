"""Flow from features: correlation by loops, known shifts found, the error, a batch learned; faults."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.flow_warp import warp
from lecture_utils.segmentation import feature_flow as module
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.4")


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


EARLIER, NOW = drawn(1, 3, 4, 5), drawn(1, 3, 4, 6)[..., 1:]


def correlation_is_the_loop(its) -> None:
    got, vectors = its.correlate(EARLIER, NOW, 2), its.shifts(2).tolist()
    assert got.shape == (1, 25, 4, 5) and vectors == [[x, y] for y in range(-2, 3) for x in range(-2, 3)]
    for b in range(len(NOW)):
        for s, (dx, dy) in enumerate(vectors):
            for y in range(4):
                for x in range(5):
                    want = torch.tensor(0.0, dtype=torch.float64)
                    if 0 <= x + dx < 5 and 0 <= y + dy < 4:
                        want = F.cosine_similarity(NOW[b, :, y, x], EARLIER[b, :, y + dy, x + dx], dim=0)
                    torch.testing.assert_close(got[b, s, y, x], want)


def shifts_are_found(its) -> None:
    """Everything moved by whole cells: the untrained network's guess is that shift, away from the border."""
    torch.manual_seed(0)
    net = its.FeatureFlow(12, radius=3).double()
    net.log_sharpness.data.fill_(5.0)
    wide = drawn(1, 12, 20, 24)
    for dx, dy in ((0, 0), (2, -1), (-3, 3), (1, 2)):
        earlier, now = wide[:, :, 4:16, 4:18], wide[:, :, 4 + dy : 16 + dy, 4 + dx : 18 + dx]
        flow = net(earlier, now)[0, :, 3:-3, 3:-3]
        torch.testing.assert_close(
            flow, torch.tensor([dx, dy]).double()[:, None, None].expand_as(flow), atol=1e-3, rtol=0
        )
        moved = warp(earlier, net(earlier, now))[:, :, 3:-3, 3:-3]
        assert (moved - now[:, :, 3:-3, 3:-3]).abs().max() < 1e-2


def error_is_the_formula(its) -> None:
    flow, truth = drawn(2, 2, 3, 4), 3 * drawn(2, 2, 3, 5)[..., 1:]
    known = drawn(2, 3, 4) > 0
    truth[:, :, :, 0][~known[:, None, :, 0].expand(2, 2, 3)] = math.nan
    ends = [
        math.hypot(*(flow[b, :, y, x] - truth[b, :, y, x]).tolist()) for b, y, x in known.nonzero().tolist()
    ]
    torch.testing.assert_close(its.flow_loss(flow, truth, known).item(), sum(ends) / len(ends))
    assert its.flow_loss(flow, truth, known & False) == 0


CHECKS = [correlation_is_the_loop, shifts_are_found, error_is_the_formula]


@pytest.mark.parametrize("check", CHECKS)
def test_against_what_is_known(check):
    check(module)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (0, "= F.normalize(earlier, dim=1), F.normalize(now, dim=1)", "= F.normalize(earlier, dim=1), now"),
        (0, "+ vectors[:, 1] + radius", "+ vectors[:, 0] + radius"),
        (0, "stack([x.flatten(), y.flatten()], dim=1)", "stack([y.flatten(), x.flatten()], dim=1)"),
        (1, "alike = correlate(earlier, now,", "alike = correlate(now, earlier,"),
        (1, "(sharpness * correlation).softmax(1)", "correlation.softmax(1)"),
        (1, "self.log_sharpness.exp(), self.radius)", "-self.log_sharpness.exp(), self.radius)"),
        (1, "return guess + self.last", "return 0.5 * guess + self.last"),
        (2, "off.square().sum(1)", "off.abs().sum(1)"),
        (2, "/ max(len(off), 1)", "/ known.numel()"),
        (2, "movedim(1, 3)[known]", "movedim(1, 3)[~known]"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_seen(check, right, wrong):
    with pytest.raises((AssertionError, ValueError)):
        CHECKS[check](planted("lecture_utils.segmentation.feature_flow", (right, wrong)))


def scene(batch: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Smooth maps, each with a square that moves before a still ground: maps of both moments, flow, known."""
    made = torch.Generator().manual_seed(seed)
    ground = F.interpolate(torch.randn(batch, 8, 6, 6, generator=made), (12, 12), mode="bicubic")
    object_ = F.interpolate(torch.randn(batch, 8, 6, 6, generator=made), (12, 12), mode="bicubic")
    move = 4 * torch.rand(batch, 2, generator=made) - 2  # where the square was, minus where it is
    flow = move[:, :, None, None].expand(batch, 2, 12, 12)
    there = torch.zeros(batch, 1, 12, 12)
    there[:, :, 3:9, 3:9] = 1
    was = warp(there, -flow)  # the square in the earlier frame
    earlier = ground * (1 - was) + warp(object_, -flow) * was
    now = ground * (1 - there) + object_ * there
    hidden = (warp(was, torch.zeros_like(flow)) > 0.01) & (there < 1)  # ground that the square covered before
    return earlier, now, flow * there, ~hidden[:, 0]


def test_a_batch_is_learned_and_the_net_is_small():
    torch.manual_seed(0)
    net = module.FeatureFlow(8, radius=3)
    assert sum(p.numel() for p in module.FeatureFlow(48).parameters()) < 60_000
    earlier, now, flow, known = scene(4, 0)
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    first = module.flow_loss(net(earlier, now), flow, known).item()
    still = module.flow_loss(torch.zeros_like(flow), flow, known).item()
    for _ in range(40):
        optimizer.zero_grad()
        loss = module.flow_loss(net(earlier, now), flow, known)
        loss.backward()
        optimizer.step()
    assert loss < 0.1 and min(first, still) > 0.3
    assert all(p.grad.abs().sum() > 0 for p in net.parameters())


def test_the_flow_moves_with_the_map():
    torch.manual_seed(0)
    net = module.FeatureFlow(6, radius=1).double()
    torch.nn.init.normal_(net.last.weight, std=0.1)
    a, b = drawn(1, 6, 14, 14), drawn(1, 6, 14, 15)[..., 1:]
    here, there = net(a[..., :-1], b[..., :-1]), net(a[..., 1:], b[..., 1:])
    assert here.std() > 0.05
    torch.testing.assert_close(here[..., 5:-4], there[..., 4:-5])


def test_gradients_of_a_flow_without_error_are_finite():
    flow = torch.zeros(1, 2, 3, 3, requires_grad=True)
    module.flow_loss(flow, torch.zeros(1, 2, 3, 3), torch.ones(1, 3, 3) > 0).backward()
    assert flow.grad.isfinite().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: module.FeatureFlow(0), "channels 0, want"),
        (lambda: module.FeatureFlow(3, radius=0), "radius 0, want"),
        (lambda: module.FeatureFlow(4)(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)), "got 3 channels"),
        (lambda: module.correlate(EARLIER[..., 1:], NOW, 1), "earlier: got"),
        (lambda: module.correlate(EARLIER * math.nan, NOW, 1), "earlier: got NaN"),
        (lambda: module.correlate(EARLIER, NOW, -1), "radius: got -1, want"),
        (lambda: module.expected_shift(torch.rand(1, 8, 3, 3), 1.0, 1), "correlation: got"),
        (lambda: module.flow_loss(drawn(1, 3, 4, 4), drawn(1, 3, 4, 4), drawn(1, 4, 4) > 0), "flow: got"),
        (lambda: module.flow_loss(drawn(1, 2, 4, 4), drawn(1, 2, 4, 4), drawn(1, 4, 4)), "known: got"),
        (
            lambda: module.flow_loss(drawn(1, 2, 4, 4), drawn(1, 2, 4, 4) * math.nan, drawn(1, 4, 4) > 0),
            "truth, where known: got NaN",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
