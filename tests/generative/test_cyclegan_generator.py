"""CycleGAN's generator against a twin in the authors' layers, and instance norm against torch's."""

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.generative.cyclegan import generator
from lecture_utils.generative.cyclegan.generator import (
    FusedInstanceNorm2d,
    Generator,
    InstanceNorm2d,
    R,
    c7s1,
    conv,
    d,
    u,
)
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S15.6")


class TwinBlock(nn.Module):
    """A residual block with its mirrored edges as layers of their own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=False), nn.InstanceNorm2d(width)]
        other = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=False), nn.InstanceNorm2d(width)]
        self.body = nn.Sequential(*half, nn.ReLU(True), *other)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + x


class Twin(nn.Module):
    """One long row of layers, for pictures in [-1, 1] (as in the authors' ResnetGenerator)."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        row: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7, bias=False)]
        row += [nn.InstanceNorm2d(width), nn.ReLU(True)]
        for wide in (width, 2 * width):
            row += [nn.ReflectionPad2d(1), nn.Conv2d(wide, 2 * wide, 3, stride=2, bias=False)]
            row += [nn.InstanceNorm2d(2 * wide), nn.ReLU(True)]
        row += [TwinBlock(4 * width) for _ in range(blocks)]
        for wide in (4 * width, 2 * width):
            up = nn.ConvTranspose2d(wide, wide // 2, 3, stride=2, padding=1, output_padding=1, bias=False)
            row += [up, nn.InstanceNorm2d(wide // 2), nn.ReLU(True)]
        row += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
        self.row = nn.Sequential(*row)

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 + 0.5 * self.row((x - 0.5) / 0.5)


def twins(module: object = generator) -> tuple[nn.Module, nn.Module, Tensor, Tensor]:
    """Both with the same lively weights, in float64, and two batches."""
    torch.manual_seed(0)
    theirs = Twin(4, 2).double().eval()
    a, b = torch.rand(2, 2, 3, 24, 32, dtype=torch.float64)
    liven(theirs, a, b)
    ours = module.Generator(width=4, blocks=2).double().eval()  # type: ignore[attr-defined]
    states = [model.state_dict().values() for model in (ours, theirs)]
    assert [tuple(x.shape) for x in states[0]] == [tuple(x.shape) for x in states[1]]
    for mine, own in zip(*states, strict=True):
        mine.copy_(own)
    return ours, theirs, a, b


def test_generator_equals_its_twin_in_values_and_gradients() -> None:
    ours, theirs, a, b = twins()
    assert_parity(ours, theirs, a, b, tolerance=1e-9)
    for model in (ours, theirs):
        model(a).square().sum().backward()
    for mine, own in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, own.grad)


FAULTS = {
    "edges of zeros": ('padding_mode="reflect"', 'padding_mode="zeros"'),
    "no shortcut": ("return x + y if self.shortcut else y", "return y"),
    "ReLU after the sum": ("return x + y if self.shortcut else y", "return F.relu(x + y)"),
    "no ReLU within the block": ("F.relu(self.norm(self.first(x)))", "self.norm(self.first(x))"),
    "the first convolution twice": ("self.norm(self.second(y))", "self.norm(self.first(y))"),
    "not put into [-1, 1]": ("self.down(2 * x - 1)", "self.down(x)"),
    "not put back into [0, 1]": ("(torch.tanh(self.head(x)) + 1) / 2", "torch.tanh(self.head(x))"),
    "a sigmoid": ("(torch.tanh(self.head(x)) + 1) / 2", "torch.sigmoid(self.head(x))"),
    "norm of another eps": ("F.instance_norm(x, eps=self.eps)", "F.instance_norm(x, eps=1.0)"),
    "no norm": ("return F.instance_norm(x, eps=self.eps)", "return x"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen(fault: str) -> None:
    ours, theirs, a, b = twins(planted(generator.__name__, FAULTS[fault]))
    with pytest.raises(AssertionError, match="outputs differ"):
        assert_parity(ours, theirs, a, b, tolerance=1e-9)


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (1, 1, 1, 2)])
def test_instance_norm_equals_torchs(shape: tuple[int, ...]) -> None:
    x = (5 * torch.rand(shape, dtype=torch.float64) + 2).requires_grad_(True)
    want = nn.InstanceNorm2d(shape[1])(x)
    (slope,) = torch.autograd.grad((want**3).sum(), x)
    for ours in (InstanceNorm2d(), FusedInstanceNorm2d()):
        torch.testing.assert_close(ours(x), want)
        torch.testing.assert_close(torch.autograd.grad((ours(x) ** 3).sum(), x)[0], slope)


def test_instance_norm_leaves_mean_0_and_variance_1_and_forgets_brightness() -> None:
    x = torch.rand(3, 4, 8, 8, dtype=torch.float64)
    y = InstanceNorm2d()(x)
    torch.testing.assert_close(y.mean(dim=(2, 3)), torch.zeros(3, 4, dtype=torch.float64))
    torch.testing.assert_close(
        y.var(dim=(2, 3), correction=0), torch.ones(3, 4, dtype=torch.float64), atol=1e-3, rtol=0
    )
    torch.testing.assert_close(InstanceNorm2d()(3 * x + 1), y, atol=1e-3, rtol=0)
    torch.testing.assert_close(InstanceNorm2d()(x[:1]), y[:1])  # others in the batch do not matter


def test_shapes_and_number_of_weights_of_the_paper() -> None:
    with torch.device("meta"):
        model = Generator(width=64, blocks=9)
        layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        assert model(torch.rand(1, 3, 256, 256)).shape == (1, 3, 256, 256)
        assert model.down(torch.rand(1, 3, 256, 256)).shape == (1, 256, 64, 64)
    assert len(layers) == 3 + 18 + 2 + 1
    # The authors' network of 9 blocks has 11.378 million with the biases that a norm takes away.
    idle = sum(layer.out_channels for layer in layers[:-1])
    assert sum(p.numel() for p in model.parameters()) + idle == 11_378_179


@pytest.mark.parametrize("size", [(8, 8), (12, 20), (4, 4)])
def test_small_and_odd_sizes(size: tuple[int, int]) -> None:
    model = Generator(width=2, blocks=1, halvings=1, kernel=3)
    made = model(torch.rand(1, 3, *size))
    assert made.shape == (1, 3, *size)
    assert bool((made >= 0).all()) and bool((made <= 1).all())


def test_a_picture_does_not_depend_on_others_of_the_batch() -> None:
    model, x = Generator(width=4, blocks=1).double(), torch.rand(3, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(model(x)[1:2], model(x[1:2]))


def test_without_shortcut_a_block_gives_its_convolutions_alone() -> None:
    torch.manual_seed(0)
    with_it, without = R(3), R(3, shortcut=False)
    without.load_state_dict(with_it.state_dict())
    x = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(with_it(x) - x, without(x))


def test_it_learns_one_batch_by_heart() -> None:
    torch.manual_seed(0)
    model, x = Generator(width=8, blocks=1, halvings=1, kernel=3), torch.rand(2, 3, 8, 8)
    adam = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for _ in range(150):
        loss = (model(x) - x.flip(-1)).abs().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4


def test_what_is_refused() -> None:
    model = Generator(width=2, blocks=1)
    for call, message in (
        (lambda: model(torch.rand(1, 3, 10, 8)), r"got \(1, 3, 10, 8\), want sides of 8 or more that 4"),
        (lambda: model(torch.rand(1, 3, 4, 8)), "want sides of 8 or more"),
        (lambda: model(torch.rand(3, 8, 8)), "got shape"),
        (lambda: model(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)), "divide 8-bit"),
        (lambda: Generator(width=0), "width"),
        (lambda: Generator(blocks=2.5), "blocks"),  # type: ignore[arg-type]
        (lambda: conv(3, 4, 4), "kernel: got 4, want an odd number"),
        (lambda: InstanceNorm2d()(torch.rand(1, 2, 1, 1)), "want more than one place"),
        (lambda: FusedInstanceNorm2d()(torch.rand(1, 2, 1, 1)), "want more than one place"),
        (lambda: InstanceNorm2d(eps=0.0), "eps"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_the_parts_have_the_sizes_of_their_names() -> None:
    x = torch.rand(1, 4, 8, 12)
    assert c7s1(4, 6)(x).shape == (1, 6, 8, 12)
    assert d(4, 6)(x).shape == (1, 6, 4, 6)
    assert u(4, 6)(x).shape == (1, 6, 16, 24)
