"""S01.2: the receptive field by arithmetic equals the one that gradients show, and the published ones."""

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

from lecture_utils.backbones.alexnet import AlexNet, alexnet, alexnet_2012
from lecture_utils.backbones.resnet import BasicBlock, Bottleneck, CifarNet, ResNet, resnet18, resnet50
from lecture_utils.backbones.vgg import VGG, vgg16
from lecture_utils.ops.receptive_field import (
    Field,
    Layer,
    empirical_receptive_field,
    gradient_support,
    layers_of,
    positive_twin,
    receptive_field,
)

pytestmark = pytest.mark.system("S01.2")


def trunk(net: ResNet | CifarNet) -> nn.Sequential:
    return nn.Sequential(net.stem, net.stages)


def narrow_alexnet(lrn: bool) -> nn.Module:
    return AlexNet(widths=(4, 8, 8, 8, 8), hidden=8, lrn=lrn, groups=2 if lrn else 1).features


def chain(*layers: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*layers)


# name, network, side of a square input that holds the whole field, published size where there is one
NETWORKS: list[tuple[str, Callable[[], nn.Module], int, int | None]] = [
    ("three 3x3", chain(*[nn.Conv2d(1, 1, 3) for _ in range(3)]), 15, 7),
    ("one 7x7", chain(nn.Conv2d(1, 2, 7, padding=3)), 15, 7),
    ("dilated 1, 2, 4", chain(*[nn.Conv2d(2, 2, 3, padding=d, dilation=d) for d in (1, 2, 4)]), 31, 15),
    (
        "strided and even",
        chain(nn.Conv2d(1, 3, 4, 2, 1), nn.ReLU(), nn.Conv2d(3, 2, 5, 3, 2), nn.AvgPool2d(2)),
        60,
        None,
    ),
    ("one by one", chain(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1)), 5, 1),
    ("AlexNet 2014", lambda: narrow_alexnet(lrn=False), 400, 195),
    ("AlexNet 2012", lambda: narrow_alexnet(lrn=True), 400, 195),
    ("VGG-16", lambda: VGG("D", width=2, hidden=8).stages, 320, 212),
    ("VGG-11", lambda: VGG("A", width=2, hidden=8).stages, 320, None),
    ("ResNet-18", lambda: trunk(ResNet(BasicBlock, (2, 2, 2, 2), width=2)), 640, 435),
    ("ResNet-50", lambda: trunk(ResNet(Bottleneck, (3, 4, 6, 3), width=2)), 640, None),
    ("plain-20", lambda: trunk(CifarNet(20, residual=False, width=2)), 140, None),
    ("resnet-20", lambda: trunk(CifarNet(20, residual=True, width=2)), 140, None),
    ("plain-8 stage", lambda: CifarNet(14, residual=False, width=2).stages[0], 15, 9),
]


@pytest.mark.parametrize(
    ("make", "side", "published"), [n[1:] for n in NETWORKS], ids=[n[0] for n in NETWORKS]
)
def test_arithmetic_equals_gradients(make: Callable[[], nn.Module], side: int, published: int | None) -> None:
    net = make()
    last = receptive_field(layers_of(net))[-1]
    channels = next(m.in_channels for m in net.modules() if isinstance(m, nn.Conv2d))
    assert empirical_receptive_field(net, (channels, side, side)) == (last.size, last.size)
    assert published is None or last.size == published


@pytest.mark.parametrize(
    ("make", "side", "published"), [n[1:] for n in NETWORKS], ids=[n[0] for n in NETWORKS]
)
def test_position_and_jump_equal_gradients(
    make: Callable[[], nn.Module], side: int, published: int | None
) -> None:
    """Two neighbouring outputs see boxes that start where `start` and `jump` say."""
    net = make()
    last = receptive_field(layers_of(net))[-1]
    channels = next(m.in_channels for m in net.modules() if isinstance(m, nn.Conv2d))
    middle = net.eval()(torch.zeros(1, channels, side, side)).shape[-1] // 2
    for unit in (middle, middle + 1):
        support = gradient_support(net, (channels, side, side), (middle, unit))
        columns = support.any(dim=0).nonzero()
        left = last.start + unit * last.jump - (last.size - 1) / 2
        # The field of the second one may stick out of the image on the right, never on the left.
        assert int(columns.min()) == left
        assert int(columns.max()) == min(left + last.size - 1, side - 1)


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("pool", [2, 3, 4])
@pytest.mark.parametrize("pool_type", [nn.MaxPool2d, nn.AvgPool2d])
def test_a_pool_after_a_convolution(kernel: int, pool: int, pool_type: type[nn.Module]) -> None:
    """A P-pool after a K-convolution sees (P + K - 1) x (P + K - 1) pixels."""
    net = nn.Sequential(nn.Conv2d(1, 1, kernel), nn.ReLU(), pool_type(pool))
    want = pool + kernel - 1
    assert receptive_field(layers_of(net))[-1].size == want
    assert empirical_receptive_field(net, (1, 4 * want, 5 * want)) == (want, want)


def test_whole_networks_are_read_up_to_the_head() -> None:
    with torch.device("meta"):
        nets = alexnet(), alexnet_2012(), vgg16(), resnet18(), resnet50()
    last = [receptive_field(layers_of(net))[-1] for net in nets]
    assert [(f.size, f.jump) for f in last] == [(195, 32), (195, 32), (212, 32), (435, 32), (427, 32)]


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "resnet18", "resnet50"])
def test_ours_and_torchvisions_layers_are_the_same(name: str) -> None:
    ours = {"alexnet": alexnet, "vgg16": vgg16, "resnet18": resnet18, "resnet50": resnet50}[name]
    with torch.device("meta"):
        mine, theirs = layers_of(ours()), layers_of(getattr(torchvision.models, name)())
    assert [layer[:4] for layer in mine] == [layer[:4] for layer in theirs]


def test_by_hand() -> None:
    rows = receptive_field([Layer(3, 2, 1, name="a"), Layer(2, 2), Layer(3, padding=2, dilation=2)])
    assert rows == [Field("a", 3, 2, 0.0), Field("", 5, 4, 1.0), Field("", 21, 4, 1.0)]
    assert receptive_field([]) == []


def test_a_transposed_convolution_s_field_is_measured() -> None:
    """Its weights have both signs; the twin's do not, so nothing cancels. Overlaps see two inputs an axis."""
    net = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ConvTranspose2d(3, 1, 4, stride=2, padding=1))
    assert empirical_receptive_field(net, (1, 9, 9)) == (4, 4)


def test_dilation_leaves_holes() -> None:
    support = gradient_support(nn.Conv2d(1, 1, 3, dilation=2), (1, 9, 9))
    assert support.sum() == 9 and support[::2, ::2].sum() == 9
    full = gradient_support(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3, dilation=2)), (1, 9, 9))
    assert full.sum() == 49


def test_the_field_of_a_border_unit_is_cut_off() -> None:
    support = gradient_support(nn.Conv2d(1, 1, 5, padding=2), (1, 9, 9), (0, 8))
    assert support.sum() == 9 and bool(support[:3, 6:].all())


def test_why_the_twin_is_needed() -> None:
    """A max-pool's own gradient reaches one place of its window; the twin's, a copy's, reaches all."""
    net = nn.Sequential(nn.Conv2d(1, 1, 3, bias=False), nn.MaxPool2d(2))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    x = torch.rand(1, 1, 12, 12, requires_grad=True)
    net(x)[0, 0, 2, 2].backward()
    assert x.grad is not None and int((x.grad != 0).sum()) == 9
    assert int(gradient_support(net, (1, 12, 12)).sum()) == 16
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert type(net[1]) is nn.MaxPool2d
    assert not any(isinstance(m, nn.MaxPool2d) for m in positive_twin(net).modules())
    assert empirical_receptive_field(nn.MaxPool2d(3), (2, 9, 9)) == (3, 3)


def test_bad_input_is_named() -> None:
    for layer in (Layer(0), Layer(3, 0), Layer(3, 1, -1), Layer(3, 1, 1, 0)):
        with pytest.raises(ValueError, match=r"got Layer\(.*want kernel, stride, dilation"):
            receptive_field([layer])
    with pytest.raises(ValueError, match=r"got the setting \(3, 5\), want one integer"):
        layers_of(nn.Conv2d(1, 1, (3, 5)))
    for other in (
        nn.ConvTranspose2d(4, 1, 4, 2),
        nn.Upsample(scale_factor=2),
        nn.PixelShuffle(2),
        nn.Conv1d(4, 1, 3),
    ):
        with pytest.raises(ValueError, match=rf"got {type(other).__name__} '1', want Conv2d, MaxPool2d or"):
            layers_of(nn.Sequential(nn.Conv2d(1, 4, 3), other))
    with pytest.raises(ValueError, match="want whole numbers"):
        receptive_field([Layer(3.0)])  # type: ignore[arg-type]
    for shape in ((3, 8), (0, 8, 8), (3, 8, -1)):
        with pytest.raises(ValueError, match="in_shape: got"):
            gradient_support(nn.Conv2d(3, 1, 3), shape)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="got the setting 'same'"):
        layers_of(nn.Conv2d(1, 1, 3, padding="same"))
    with pytest.raises(ValueError, match=r"got output shape \(1, 10\), want a map"):
        gradient_support(CifarNet(8, residual=True, width=2), (3, 16, 16))
    with pytest.raises(ValueError, match=r"unit: got \(9, 0\), want a place inside the 7 × 7 output"):
        gradient_support(nn.Conv2d(1, 1, 3), (1, 9, 9), (9, 0))
    with pytest.raises(ValueError, match="dilation 2, want 1"):
        gradient_support(nn.MaxPool2d(3, dilation=2), (1, 9, 9))
