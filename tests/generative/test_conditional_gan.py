"""The conditional GAN (S15.4) against twins in plain torch, and what happens to a player that is not told."""

import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.generative import conditional_gan as module
from lecture_utils.generative.conditional_gan import (
    ConcatDiscriminator,
    ConditionalGenerator,
    Given,
    ProjectionDiscriminator,
)
from lecture_utils.generative.gan_loss import discriminator_loss, generator_loss, play_round
from tests.mutants import planted
from tests.parity import parity_gap

pytestmark = pytest.mark.system("S15.4")
COUNTS = (3, 4)
LABELS = torch.tensor([[0, 1], [2, 1], [1, 3], [0, 0], [2, 2]])
OTHERS = torch.tensor([[1, 1], [2, 3], [1, 0], [2, 0], [0, 2]])  # each differs in one place at least
TOLERANCE = 1e-5


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def lively(net: nn.Module) -> nn.Module:
    """All weights drawn anew: large enough that labels and latent numbers count."""
    made = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for value in net.parameters():
            fan = value[0].numel() if value.ndim > 1 else 4
            value.copy_(1.5 * torch.randn(value.shape, generator=made) / fan**0.5)
    return net


def generator(of: types.ModuleType = module) -> Any:
    return lively(of.ConditionalGenerator(COUNTS, latent=6, embed=4, widths=(8, 6, 4), channels=2))


def projection(of: types.ModuleType = module) -> Any:
    return lively(of.ProjectionDiscriminator(COUNTS, widths=(5, 6), channels=2))


def concat(of: types.ModuleType = module) -> Any:
    return lively(of.ConcatDiscriminator(COUNTS, widths=(5, 6), channels=2))


class TwinGenerator(nn.Module):
    """The same in torch's own layers, its weights in the same order."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(3, 4), nn.Embedding(4, 4)])
        self.stem = nn.Linear(14, 128, bias=False)
        self.body = nn.Sequential(
            *(nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.ConvTranspose2d(8, 6, 4, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU()),
            *(nn.ConvTranspose2d(6, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
            *(nn.Conv2d(4, 2, 3, padding=1), nn.Sigmoid()),
        )

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        told = torch.cat([z, self.tables[0](labels[:, 0]), self.tables[1](labels[:, 1])], 1)
        return self.body(self.stem(told).view(-1, 8, 4, 4))


class TwinDiscriminator(nn.Module):
    """Either of both: φ by torch's layers; the labels as maps, or as rows of one matrix V of all labels."""

    def __init__(self, maps: bool) -> None:
        super().__init__()
        self.maps = maps
        self.convs = nn.Sequential(
            *(nn.Conv2d(2 + 7 * maps, 5, 4, 2, 1), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(5, 6, 4, 2, 1), nn.LeakyReLU(0.2)),
        )
        self.psi = nn.Linear(7 * 16, 1)
        if not maps:
            self.v = nn.ParameterList([torch.empty(3, 112), torch.empty(4, 112)])

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        y = torch.zeros(len(x), 7)
        for row, (first, second) in enumerate(labels.tolist()):
            y[row, first] = y[row, 3 + second] = 1
        if self.maps:
            x = torch.cat([x, y[:, :, None, None] * torch.ones(1, 1, *x.shape[2:])], 1)
        h = self.convs(x * 2 - 1)
        spread = (h.var(0, unbiased=False) + 1e-8).sqrt().mean() * torch.ones(len(x), 1, 4, 4)
        phi = torch.cat([h, spread], 1).reshape(len(x), -1)
        score = self.psi(phi)[:, 0]
        return score if self.maps else score + torch.einsum("bk,kf,bf->b", y, torch.cat([*self.v]), phi)


def twin_of(net: Any) -> nn.Module:
    name = type(net).__name__
    twin = TwinGenerator() if name == "ConditionalGenerator" else TwinDiscriminator(name.startswith("Concat"))
    if name == "ProjectionDiscriminator":  # torch lists a parameter list before the layers
        body, rest = dict(net.body.named_parameters()), list(net.directions.parameters())
        ours = [*body.values(), *rest]
        theirs = [*twin.convs.parameters(), *twin.psi.parameters(), *twin.v]
    else:
        ours, theirs = list(net.parameters()), list(twin.parameters())
    with torch.no_grad():
        for a, b in zip(ours, theirs, strict=True):
            b.copy_(a.reshape(b.shape))
    return twin


def inputs(make: Callable[..., Any]) -> tuple[Tensor, ...]:
    if make is generator:
        return tuple(2 * drawn(5, 6, seed=s) - 1 for s in (1, 2))
    return tuple(drawn(5, 2, 16, 16, seed=s) for s in (1, 2))


FAULTS = {
    generator: [
        ("embed(labels[:, k])", "embed(labels[:, 0])"),
        ("torch.cat([z, *told], dim=1)", "torch.cat([*told, z], dim=1)"),
        ("embed(labels[:, k])", "embed(0 * labels[:, k])"),
    ],
    concat: [
        ("[x, maps.to(x)]", "[maps.to(x), x]"),
        ("[x, maps.to(x)]", "[x, 0 * maps.to(x)]"),
        ("torch.cat(told, dim=1)", "torch.cat(told[::-1], dim=1)"),
    ],
    projection: [
        ("score = score + (table", "score = score + 0 * (table"),
        ("score = score + (table", "score = (table"),
        ("table(labels[:, k])", "table(labels[:, k] % 2)"),
    ],
}


@pytest.mark.parametrize("make", [generator, concat, projection])
@torch.no_grad()
def test_as_the_twin(make: Callable[..., Any]) -> None:
    net = make()
    twin = twin_of(net)
    first, second = inputs(make)
    wants = [twin(first, LABELS), twin(second, LABELS), twin(first, OTHERS)]
    for x, y, want in ((first, LABELS, wants[0]), (second, LABELS, wants[1]), (first, OTHERS, wants[2])):
        assert parity_gap(net(x, y), want) < TOLERANCE
    assert parity_gap(wants[1], wants[0]) > 100 * TOLERANCE  # the input counts
    assert parity_gap(wants[2], wants[0]) > 100 * TOLERANCE  # and the label
    for fault in FAULTS[make]:
        wrong = make(planted(module.__name__, fault))
        gaps = [parity_gap(wrong(first, y), want) for y, want in ((LABELS, wants[0]), (OTHERS, wants[2]))]
        assert max(gaps) > 100 * TOLERANCE, fault


@pytest.mark.parametrize("make", [concat, projection])
def test_losses_and_gradients_as_with_bce(make: Callable[..., Any]) -> None:
    net, painter = make(), generator()
    twin = twin_of(net)
    real, z = drawn(5, 2, 16, 16), 2 * drawn(5, 6, seed=3) - 1
    fake = painter(z, LABELS)
    entropy = nn.BCEWithLogitsLoss()
    one, zero = torch.ones(5), torch.zeros(5)
    ours = discriminator_loss(net(real, LABELS), net(fake.detach(), LABELS))
    theirs = entropy(twin(real, LABELS), one) + entropy(twin(fake.detach(), LABELS), zero)
    torch.testing.assert_close(ours, theirs)
    ours.backward()
    theirs.backward()
    got, want = (sum(p.grad.square().sum() for p in n.parameters()) for n in (net, twin))
    torch.testing.assert_close(got, want, rtol=1e-4, atol=0)
    weight = painter.body.head.weight
    (a,) = torch.autograd.grad(generator_loss(net(fake, LABELS)), weight, retain_graph=True)
    (b,) = torch.autograd.grad(entropy(twin(fake, LABELS), one), weight)
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("column", [0, 1])
def test_each_label_changes_pictures_and_scores(column: int) -> None:
    z, x = inputs(generator)[0], inputs(concat)[0]
    other = LABELS.clone()
    other[:, column] = (other[:, column] + 1) % COUNTS[column]
    for make, given in ((generator, z), (concat, x), (projection, x)):
        net = make()
        apart = (net(given, LABELS) - net(given, other)).abs().flatten(1) if make is generator else None
        apart = (net(given, LABELS) - net(given, other)).abs()[:, None] if apart is None else apart
        assert (apart.amax(dim=1) > 1e-3).all(), make.__name__


def test_a_label_pulls_by_its_own_direction_only() -> None:
    """With the projection, scores of one picture for two labels differ by φ times the rows' difference."""
    net, x = projection(), inputs(projection)[0]
    phi = net.body.features(x)
    a, b = LABELS, LABELS.clone()
    b[:, 0] = (b[:, 0] + 1) % 3
    rows = net.directions[0].weight
    torch.testing.assert_close(net(x, b) - net(x, a), ((rows[b[:, 0]] - rows[a[:, 0]]) * phi).sum(1))


def test_a_generator_paints_what_its_judge_was_told() -> None:
    """Label 0 is black, label 1 white; a judge who is told the other label turns the pictures round."""
    labels = torch.arange(2).repeat(8)[:, None]
    real = labels[:, :, None, None].float().expand(-1, 1, 8, 8) * 0.8 + 0.1

    def white_less_black(told: Tensor) -> float:
        torch.manual_seed(0)
        painter = ConditionalGenerator((2,), latent=2, embed=4, widths=(8, 8), channels=1)
        judge = ProjectionDiscriminator((2,), widths=(8,), channels=1)
        adams = [torch.optim.Adam(net.parameters(), 5e-3, betas=(0.0, 0.99)) for net in (painter, judge)]
        optimizers = {"generator_optimizer": adams[0], "discriminator_optimizer": adams[1]}
        for _ in range(80):
            z = torch.randn(16, 2)
            # the generator plays with `told`, the real pictures are shown with their own labels
            play_round(Given(painter, told), Given(judge, labels), real, z, r1=0.05, **optimizers)
        with torch.no_grad():
            made = painter(torch.randn(16, 2), labels)
        return float(made[1::2].mean() - made[::2].mean())

    assert white_less_black(labels) > 0.4  # the truth is 0.8
    assert white_less_black(1 - labels) < -0.4


def test_one_picture_and_sides() -> None:
    for widths, side in (((8, 6), 8), ((8, 6, 4, 3), 32)):
        net = ConditionalGenerator((10,), latent=3, embed=2, widths=widths, channels=1).eval()
        made = net(net.sample(1, seed=0), torch.tensor([[7]]))
        assert made.shape == (1, 1, side, side)
        assert torch.equal(net.sample(2, seed=4), net.sample(2, seed=4))
        for kind in (ConcatDiscriminator, ProjectionDiscriminator):
            assert (
                kind((10,), widths=(4,) * (len(widths) - 1), channels=1)(made, torch.tensor([[7]])).ndim == 1
            )


def test_bad_input() -> None:
    net, x, z = generator(), drawn(5, 2, 16, 16), drawn(5, 6)
    for wrong, message in (
        (LABELS[:, 0], r"labels: got torch.int64 \(5,\)"),
        (LABELS[:4], r"labels: got torch.int64 \(4, 2\)"),
        (LABELS.float(), "labels: got torch.float32"),
        (LABELS + 2, r"labels\[:, 0\]: got class numbers from 2 to 4, want 0 to 2"),
        (LABELS - 1, "got class numbers from -1"),
    ):
        for player, given in ((net, z), (concat(), x), (projection(), x)):
            with pytest.raises(ValueError, match=message):
                player(given, wrong)
    with pytest.raises(ValueError, match="latent numbers: got"):
        net(z[:, :5], LABELS)
    for kind in (ConditionalGenerator, ConcatDiscriminator, ProjectionDiscriminator):
        with pytest.raises(ValueError, match="counts: got"):
            kind(())
    with pytest.raises(ValueError, match="labels: got"):
        Given(net, LABELS[:, 0])
