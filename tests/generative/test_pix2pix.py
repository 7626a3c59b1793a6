"""Pix2Pix: the generator against a twin written by recursion, its losses and a round of the game by hand."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.generative.pix2pix import generator as module
from lecture_utils.generative.pix2pix.generator import PAPER, Generator, drop
from lecture_utils.generative.pix2pix.losses import (
    adversarial_loss,
    discriminator_loss,
    generator_objective,
    l1_loss,
)
from lecture_utils.generative.pix2pix.patchgan import PatchGAN
from lecture_utils.generative.pix2pix.training_round import play_round
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S15.5")
WIDTHS = (4, 5, 6, 7, 8)


class TwinBlock(nn.Module):
    """As the authors build it: a block that holds the next inner block and hands its own input across."""

    def __init__(
        self, outer: int, inner: int, sub: nn.Module | None, given: int, end: bool, norm: str
    ) -> None:
        super().__init__()

        def normed(c: int) -> nn.Module:
            return nn.BatchNorm2d(c) if norm == "batch" else nn.GroupNorm(c, c)

        self.end = end
        down: list[nn.Module] = [] if end else [nn.LeakyReLU(0.2)]
        down.append(nn.Conv2d(given, inner, 4, 2, 1, bias=end or sub is None))
        if not end and sub is not None:
            down.append(normed(inner))
        up: list[nn.Module] = [nn.ReLU()]
        up.append(nn.ConvTranspose2d(inner * (1 if sub is None else 2), outer, 4, 2, 1, bias=end))
        up.append(nn.Tanh() if end else normed(outer))
        self.down, self.sub, self.up = nn.Sequential(*down), sub, nn.Sequential(*up)

    def forward(self, x: Tensor) -> Tensor:
        inside = self.down(x)
        made = self.up(inside if self.sub is None else self.sub(inside))
        return made if self.end else torch.cat([x, made], dim=1)


def twin_of(widths: tuple[int, ...], given: int, channels: int, norm: str) -> nn.Module:
    block = None
    for i in range(len(widths) - 1, 0, -1):
        block = TwinBlock(widths[i - 1], widths[i], block, widths[i - 1], False, norm)
    return TwinBlock(channels, widths[0], block, given, True, norm)


def copied(ours: nn.Module, twin: nn.Module) -> nn.Module:
    """Ours with the twin's weights: down from the outermost block, then up from the innermost."""
    blocks, block = [], twin
    while block is not None:
        blocks.append(block)
        block = block.sub
    for halve, block in zip(ours.down, blocks, strict=True):
        parts = [part for part in block.down if len(list(part.parameters()))]
        halve.conv.load_state_dict(parts[0].state_dict())
        if len(parts) > 1:
            halve.norm.load_state_dict(parts[1].state_dict(), strict=False)
    for double, block in zip(ours.up, reversed(blocks), strict=True):
        parts = [part for part in block.up if len(list(part.parameters()))]
        double.conv.load_state_dict(parts[0].state_dict())
        if len(parts) > 1:
            double.norm.load_state_dict(parts[1].state_dict(), strict=False)
    return ours


def compare(norm: str = "batch", source: object = module, widths: tuple[int, ...] = WIDTHS) -> None:
    torch.manual_seed(0)
    twin = twin_of(widths, 2, 3, norm).train()
    a, b = torch.rand(2, 3, 2, 32, 64)
    liven(twin, a * 2 - 1, b * 2 - 1)
    ours = source.Generator(2, 3, widths=widths, norm=norm, dropout=0.0).eval()  # type: ignore[attr-defined]
    ours = copied(ours, twin)
    assert_parity(ours, lambda x: twin(2 * x - 1) / 2 + 0.5, a, b)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_whole_generator_equals_the_recursive_twin(norm: str) -> None:
    compare(norm)


def test_gradients_equal_the_twins() -> None:
    torch.manual_seed(0)
    twin = twin_of(WIDTHS, 2, 3, "batch").double().train()
    a, aim = torch.rand(3, 2, 32, 32).double(), torch.rand(3, 3, 32, 32).double()
    liven(twin, a * 2 - 1)
    ours = copied(Generator(2, 3, widths=WIDTHS, dropout=0.0).double(), twin)
    l1_loss(ours(a), aim).backward()
    F.l1_loss(twin(2 * a - 1) / 2 + 0.5, aim).backward()
    want = {id(p): p.grad for p in twin.parameters()}
    got = [p.grad for p in ours.parameters()]
    assert len(want) == len(got)
    total = sum(float(g.square().sum()) for g in got)
    assert total == pytest.approx(sum(float(g.square().sum()) for g in want.values()), rel=1e-8)
    torch.testing.assert_close(ours.down[0].conv.weight.grad, twin.down[0].weight.grad)
    torch.testing.assert_close(ours.up[-1].conv.weight.grad, twin.up[1].weight.grad)


@pytest.mark.parametrize(
    "fault",
    [
        ("finer = maps[-1 - i]", "finer = maps[-1 - i].flip(2)"),
        ("torch.cat([finer if self.skips else torch.zeros_like(finer), x], dim=1)",
         "torch.cat([x, finer if self.skips else torch.zeros_like(finer)], dim=1)"),
        ("x = halve(x if i == 0 else F.leaky_relu(x, SLOPE))", "x = halve(x if i == 0 else F.relu(x))"),
        ("x = double(F.relu(x))", "x = double(F.leaky_relu(x, SLOPE))"),
        ("return (torch.tanh(x) + 1) / 2", "return torch.sigmoid(x)"),
        ("norm if 0 < i < last else", "norm if i < last else"),
        ("x = 2 * x - 1", "x = x - 0.5"),
    ],
)  # fmt: skip
def test_planted_faults_are_seen(fault: tuple[str, str]) -> None:
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        compare(source=planted("lecture_utils.generative.pix2pix.generator", fault), widths=(4, 4, 4, 4))


def test_the_papers_generator() -> None:
    with torch.device("meta"):
        net = Generator(widths=PAPER)
    # 54,413,955 in the authors' code, which gives the first and the innermost convolution no bias
    assert sum(p.numel() for p in net.parameters()) == 54_413_955 + 64 + 512
    down = [halve.conv.out_channels for halve in net.down]
    up = [(double.conv.in_channels, double.conv.out_channels) for double in net.up]
    assert down == [64, 128, 256, 512, 512, 512, 512, 512]
    assert [a for a, _ in up] == [512, 1024, 1024, 1024, 1024, 512, 256, 128]  # what section 6.1.1 lists
    assert [b for _, b in up] == [512, 512, 512, 512, 256, 128, 64, 3]


def test_skips_by_gradient() -> None:
    torch.manual_seed(0)
    for skips in (True, False):
        net = Generator(1, 1, widths=(4, 4, 4), dropout=0.0, skips=skips)
        with torch.no_grad():
            net.up[1].conv.weight.zero_()  # nothing comes up from below
            net.up[1].norm.bias.zero_()
        x = torch.rand(2, 1, 16, 16, requires_grad=True)
        (slope,) = torch.autograd.grad(net(x).square().sum(), x)
        assert bool(slope.any()) == skips  # the finest skip is the only way left
    net = Generator(1, 1, widths=(4, 4, 4), dropout=0.0)
    x = torch.rand(1, 1, 16, 16)
    maps: list[Tensor] = []
    for part in net.up[1:]:
        part.register_forward_pre_hook(lambda _, args: maps.append(args[0]))
    net(x)
    finest = net.down[0].conv(2 * x - 1)
    torch.testing.assert_close(maps[-1][:, :4], finest.relu())  # before any norm, handed across as it is


def test_dropout_is_the_noise_and_stays_on() -> None:
    torch.manual_seed(0)
    net, x = Generator(2, 3, widths=WIDTHS).eval(), torch.rand(2, 2, 32, 32)
    a, b = net(x), net(x)
    assert (a - b).abs().max() > 1e-4  # in evaluation mode
    one, other = (net(x, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, other)
    net.dropout = 0.0
    assert torch.equal(net(x), net(x))
    levels: list[int] = []
    paper = Generator(1, 1, widths=(2,) * 6)
    keep = module.drop
    try:
        module.drop = lambda x, share, noise: levels.append(x.shape[2]) or x  # type: ignore[assignment]
        paper(torch.rand(2, 1, 64, 64))
    finally:
        module.drop = keep
    assert levels == [2, 4, 8]  # the decoder's first three


def test_dropped_share_and_scale() -> None:
    x = torch.ones(4, 8, 32, 32)
    out = drop(x, 0.25, torch.Generator().manual_seed(0))
    assert out.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (out == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert out.mean().item() == pytest.approx(1, abs=0.03)
    assert torch.equal(drop(x, 0.0), x)


def test_statistics_are_those_of_the_batch_at_hand() -> None:
    torch.manual_seed(0)
    x = torch.rand(3, 2, 32, 32)
    batch = Generator(2, 3, widths=WIDTHS, dropout=0.0)
    instance = Generator(2, 3, widths=WIDTHS, norm="instance", dropout=0.0)
    instance.load_state_dict(batch.state_dict())
    torch.testing.assert_close(batch(x[:1]), instance(x[:1]))  # one picture: the same thing
    assert torch.equal(batch.eval()(x), batch.train()(x))
    assert (batch(x)[:1] - batch(x[:1])).abs().max() > 1e-3  # the others in the batch count
    torch.testing.assert_close(instance(x)[:1], instance(x[:1]), rtol=1e-4, atol=1e-6)


def test_losses_are_cross_entropies_over_patches() -> None:
    real, fake = (torch.randn(2, 1, 5, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    entropy, one = nn.BCEWithLogitsLoss(), torch.ones_like(real)
    pairs = [
        (discriminator_loss(real, fake), 0.5 * (entropy(real, one) + entropy(fake, 0 * one))),
        (adversarial_loss(fake), entropy(fake, one)),
    ]
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs)
        (a,), (b,) = (torch.autograd.grad(value, fake) for value in (ours, theirs))
        torch.testing.assert_close(a, b)
    a, b = torch.rand(2, 3, 3, 6, 6)
    want = entropy(fake, one) + 100 * F.l1_loss(a, b)
    torch.testing.assert_close(generator_objective(fake, a.double(), b.double()), want)
    torch.testing.assert_close(generator_objective(fake, a, b, weight=0.0), entropy(fake, one))
    assert adversarial_loss(torch.full((1, 1, 2, 2), -1e4)).isfinite()


@pytest.mark.parametrize(
    ("condition", "weight", "r1"), [(0, 0.0, 0.0), (0, 30.0, 2.0), (2, 0.0, 3.0), (2, 30.0, 0.0)]
)
def test_a_round_is_a_step_of_each(condition: int, weight: float, r1: float) -> None:
    torch.manual_seed(0)
    net, judge = Generator(2, 3, widths=(3, 4), dropout=0.0), PatchGAN(3, condition, layers=1, width=2)
    net, judge = net.double(), judge.double()
    hand_g, hand_d = copy.deepcopy(net), copy.deepcopy(judge)
    x, y = torch.rand(4, 2, 16, 16).double(), torch.rand(4, 3, 16, 16).double()
    beside = (x,) if condition else ()

    def log_sigmoid(s: Tensor) -> Tensor:
        return torch.sigmoid(s).log().mean()

    made = hand_g(x).detach()
    real = y.clone().requires_grad_()
    told = hand_d(real, *beside)
    loss = -(log_sigmoid(told) + log_sigmoid(-hand_d(made, *beside))) / 2
    (slope,) = torch.autograd.grad(told.mean((1, 2, 3)).sum(), real, create_graph=True)
    loss = loss + r1 * slope.flatten(1).norm(dim=1).square().mean() / 2
    slopes = torch.autograd.grad(loss, list(hand_d.parameters()))
    with torch.no_grad():
        for value, slope in zip(hand_d.parameters(), slopes, strict=True):
            value -= 0.1 * slope
    made = hand_g(x)
    loss = -log_sigmoid(hand_d(made, *beside)) + weight * (made - y).abs().mean()
    slopes = torch.autograd.grad(loss, list(hand_g.parameters()))
    with torch.no_grad():
        for value, slope in zip(hand_g.parameters(), slopes, strict=True):
            value -= 0.1 * slope
    sgd = [torch.optim.SGD(part.parameters(), 0.1) for part in (net, judge)]
    told = play_round(
        net, judge, x, y, weight=weight, r1=r1, generator_optimizer=sgd[0], discriminator_optimizer=sgd[1]
    )
    for ours, theirs in ((net, hand_g), (judge, hand_d)):
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b)
            assert a.requires_grad
    assert told["generator"] == pytest.approx(loss.item()) and set(told) == {
        "discriminator",
        "generator",
        "l1",
    }


def test_one_pair_is_learned() -> None:
    torch.manual_seed(0)
    net, judge = Generator(2, 3, widths=(8, 12, 16), norm="instance"), PatchGAN(3, 2, layers=1, width=4)
    x = torch.zeros(1, 2, 16, 16)
    x[:, 0, :6], x[:, 1, 6:, 4:] = 1, 1
    y = torch.stack([0.2 + 0.6 * x[:, 0], 0.3 + 0.5 * x[:, 1], 0.9 - 0.7 * x[:, 0]], dim=1)
    adam = [torch.optim.Adam(part.parameters(), 2e-3, betas=(0.5, 0.999)) for part in (net, judge)]
    losses = [
        play_round(net, judge, x, y, generator_optimizer=adam[0], discriminator_optimizer=adam[1])["l1"]
        for _ in range(150)
    ]
    assert losses[0] > 0.15 and sum(losses[-10:]) / 10 < 0.04


def test_bad_input() -> None:
    net = Generator(2, widths=(2, 2))
    with pytest.raises(ValueError, match="want multiples of 4 for 2 halvings"):
        net(torch.rand(1, 2, 18, 16))
    with pytest.raises(ValueError, match="widths: got"):
        Generator(widths=(8,))
    with pytest.raises(ValueError, match="dropout: got"):
        Generator(widths=(2, 2), dropout=1.0)
    with pytest.raises(ValueError, match="norm: got"):
        Generator(widths=(2, 2), norm="none")
    with pytest.raises(ValueError, match="scores: got"):
        adversarial_loss(torch.zeros(3))
    with pytest.raises(ValueError, match="target: got"):
        l1_loss(torch.rand(2, 3, 4, 4), torch.rand(1, 3, 4, 4))
    with pytest.raises(ValueError, match="weight: got"):
        generator_objective(
            torch.zeros(1, 1, 2, 2), torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4), weight=-1
        )
