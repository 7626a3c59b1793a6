"""S01.5: residual networks against torchvision, and the plain networks they are compared with."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from lecture_utils.backbones import resnet
from lecture_utils.backbones.resnet import (
    BasicBlock,
    Bottleneck,
    CifarNet,
    PadShortcut,
    ResNet,
    make_shortcut,
    resnet18,
    resnet50,
)
from lecture_utils.nn.norm import BatchNorm2d, FusedBatchNorm2d
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S01.5")
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")),
]


def from_torchvision(theirs: nn.Module) -> dict[str, Tensor]:
    """torchvision's names → ours. Their batch norm also counts batches, which nothing reads."""
    ours = {}
    for name, value in theirs.state_dict().items():
        parts = name.split(".")
        if parts[-1] == "num_batches_tracked":
            continue
        if parts[0] in ("conv1", "bn1"):
            parts = ["stem", {"conv1": "0", "bn1": "1"}[parts[0]], *parts[1:]]
        elif parts[0].startswith("layer"):
            parts = ["stages", str(int(parts[0][-1]) - 1), *parts[1:]]
            parts = [p.replace("bn", "norm").replace("downsample", "shortcut") for p in parts]
        else:
            parts[0] = "head"
        ours[".".join(parts)] = value
    return ours


BLOCKS = {
    "BasicBlock": torchvision.models.resnet.BasicBlock,
    "Bottleneck": torchvision.models.resnet.Bottleneck,
}


@functools.cache
def lively(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    """A small ResNet of torchvision's in which the picture counts, and two batches of pictures."""
    torch.manual_seed(0)
    theirs = torchvision.models.ResNet(BLOCKS[name], [2, 2, 1, 1], num_classes=10).eval()
    a, b = torch.randn(2, 2, 3, 65, 96)
    liven(theirs, a, b)
    return theirs, a, b


def compare(module: Any, name: str) -> None:
    """Hold a module's ResNet against torchvision's, with the same weights."""
    theirs, *pictures = lively(name)
    ours = module.ResNet(getattr(module, name), (2, 2, 1, 1), classes=10, norm=BatchNorm2d).eval()
    ours.load_state_dict(from_torchvision(theirs))
    assert_parity(ours, theirs, *pictures)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_small_one_equals_torchvision(name: str) -> None:
    compare(resnet, name)


PLUS = "            y = y + self.shortcut(x)  # F(x) + x\n        return F.relu(y)\n\n\n"
FAULTS = {
    "no inner relu": (
        "BasicBlock",
        ("F.relu(self.norm1(self.conv1(x)))  # (B, C', H/s", "self.norm1(self.conv1(x))  # (B, C', H/s"),
    ),
    "no last relu": (
        "BasicBlock",
        (PLUS + "class Bottleneck", PLUS.replace("F.relu(y)", "y") + "class Bottleneck"),
    ),
    "shortcut subtracted": (
        "BasicBlock",
        (PLUS + "class Bottleneck", PLUS.replace("y +", "y -") + "class Bottleneck"),
    ),
    "average pool in the stem": ("BasicBlock", ("nn.MaxPool2d(3,", "nn.AvgPool2d(3,")),
    "largest in place of the mean": (
        "BasicBlock",
        ("x.mean(dim=(2, 3))  # (B, 512 or", "x.amax(dim=(2, 3))  # (B, 512 or"),
    ),
    "no norm after the 3×3": ("Bottleneck", ("F.relu(self.norm2(self.conv2(y)))", "F.relu(self.conv2(y))")),
    "stride in the first 1×1": (
        "Bottleneck",
        (
            "nn.Conv2d(in_channels, channels, 1, bias=False)",
            "nn.Conv2d(in_channels, channels, 1, stride, bias=False)",
        ),
        ("nn.Conv2d(channels, channels, 3, stride, padding=1", "nn.Conv2d(channels, channels, 3, padding=1"),
    ),
    "shortcut left out": (
        "Bottleneck",
        (PLUS + "def make_stage", PLUS.replace("self.shortcut(x)", "0") + "def make_stage"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_sees(fault: str) -> None:
    name, *faults = FAULTS[fault]
    wrong = planted("lecture_utils.backbones.resnet", *faults)
    with pytest.raises(AssertionError, match="outputs differ by"):
        compare(wrong, name)


@pytest.mark.parametrize("fault", ["variance by n - 1", "no ε", "no shift"])
def test_the_comparison_sees_in_the_norm(fault: str) -> None:
    change = {
        "variance by n - 1": ("var[:, None, None] + self.eps", "var[:, None, None] * 1.01 + self.eps"),
        "no ε": ("var[:, None, None] + self.eps", "var[:, None, None] + 100 * self.eps"),
        "no shift": (" + self.bias[:, None, None]", ""),
    }[fault]
    theirs, *pictures = lively("BasicBlock")
    norm = planted("lecture_utils.nn.norm", change).BatchNorm2d
    ours = ResNet(BasicBlock, (2, 2, 1, 1), classes=10, norm=norm).eval()
    ours.load_state_dict(from_torchvision(theirs))
    with pytest.raises(AssertionError, match="outputs differ by"):
        assert_parity(ours, theirs, *pictures)


def pair(name: str, **arguments: Any) -> tuple[nn.Module, nn.Module]:
    """A full-size ResNet of torchvision's with random numbers everywhere, and ours with the same."""
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, name)().eval()
    liven(theirs, *torch.randn(2, 1, 3, 64, 64))
    ours = {"resnet18": resnet18, "resnet50": resnet50}[name](**arguments)
    ours.load_state_dict(from_torchvision(theirs))
    return ours, theirs


@pytest.mark.slow
@pytest.mark.parametrize("norm", [BatchNorm2d, FusedBatchNorm2d])
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_outputs_equal_torchvision(name: str, norm: type[BatchNorm2d]) -> None:
    ours, theirs = pair(name, norm=norm)
    made = torch.Generator().manual_seed(1)
    pictures = [
        torch.randn(shape, generator=made) for shape in 2 * [(1, 3, 224, 224)] + 2 * [(2, 3, 97, 130)]
    ]
    assert_parity(ours.eval(), theirs, *pictures)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_training_outputs_gradients_and_statistics_equal_torchvision(name: str) -> None:
    ours, theirs = pair(name, norm=BatchNorm2d)  # the equation, not the fused kernel
    ours, theirs = ours.double().train(), theirs.double().train()
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([3, 997])
    got, want = ours(x), theirs(x)
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)
    F.cross_entropy(got, labels).backward()
    F.cross_entropy(want, labels).backward()
    for key, value in from_torchvision(theirs).items():  # the running statistics are among them
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-6, atol=1e-8)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):  # the same order of registration
        assert p.grad is not None and q.grad is not None
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-5, atol=1e-8)


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_parameter_counts() -> None:
    with torch.device("meta"):
        assert parameters(resnet18()) == parameters(torchvision.models.resnet18()) == 11_689_512
        assert parameters(resnet50()) == parameters(torchvision.models.resnet50()) == 25_557_032


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_cifar_nets_have_the_papers_depth_and_size(depth: int, millions: float) -> None:
    """Table 6 of the paper. Plain and residual have the same parameters, number for number."""
    with torch.device("meta"):
        plain, residual = CifarNet(depth, residual=False), CifarNet(depth, residual=True)
        wide = CifarNet(depth, residual=True, shortcut="projection")
    counts = parameters(plain), parameters(residual)
    assert counts[0] == counts[1] and counts[0] / 1e6 == pytest.approx(millions, rel=0.025)
    assert [n for n, _ in plain.named_parameters()] == [n for n, _ in residual.named_parameters()]
    weighted = [m for m in residual.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(weighted) == depth
    # Two 1×1 convolutions and their norms.
    assert parameters(wide) - counts[1] == 16 * 32 + 32 * 64 + 2 * (32 + 64)


@pytest.mark.parametrize("residual", [True, False])
def test_cifar_net_shapes_stage_by_stage(residual: bool) -> None:
    net = CifarNet(8, residual=residual, in_channels=1, classes=7)
    x = net.stem(torch.rand(2, 1, 32, 32))
    shapes = [tuple(x.shape)]
    for stage in net.stages:
        x = stage(x)
        shapes.append(tuple(x.shape))
    assert shapes == [(2, 16, 32, 32), (2, 16, 32, 32), (2, 32, 16, 16), (2, 64, 8, 8)]


def test_pad_shortcut_is_the_identity_and_zeros() -> None:
    x = torch.rand(2, 3, 5, 6)
    y = PadShortcut(4, 2)(x)
    assert y.shape == (2, 7, 3, 3)
    assert torch.equal(y[:, :3], x[:, :, ::2, ::2]) and not y[:, 3:].any()


def test_shortcuts_are_the_identity_where_shapes_allow() -> None:
    for kind in ("identity", "projection"):
        assert isinstance(make_shortcut(kind, 8, 8, 1, nn.BatchNorm2d), nn.Identity)
    assert make_shortcut("none", 8, 16, 2, nn.BatchNorm2d) is None
    assert isinstance(make_shortcut("identity", 8, 16, 2, nn.BatchNorm2d), PadShortcut)
    assert isinstance(make_shortcut("projection", 8, 8, 2, nn.BatchNorm2d), nn.Sequential)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_a_block_is_its_residual_plus_its_input(block: type[BasicBlock] | type[Bottleneck]) -> None:
    """y = ReLU(F(x) + x): with the last scale at zero, F is zero and a block passes what is positive."""
    channels = 4 * block.expansion
    layer = block(channels, 4).eval()
    last = layer.norm2 if isinstance(layer, BasicBlock) else layer.norm3
    x = torch.randn(2, channels, 6, 5)
    plain = block(channels, 4, shortcut="none").eval()
    plain.load_state_dict(layer.state_dict())
    before_relu = []
    last.register_forward_hook(lambda module, inputs, output: before_relu.append(output))
    torch.testing.assert_close(layer(x), F.relu(before_relu[0] + x))
    torch.testing.assert_close(plain(x), F.relu(before_relu[0]))
    nn.init.zeros_(last.weight)
    torch.testing.assert_close(layer(x), F.relu(x))


def test_zero_init_makes_every_residual_block_start_as_the_identity() -> None:
    net = CifarNet(14, residual=True, zero_init_last=True)
    x = net.stem(torch.rand(2, 3, 16, 16))
    for block in net.stages[0]:
        torch.testing.assert_close(block(x), x)
    plain = CifarNet(14, residual=False, zero_init_last=True)  # has no identity to fall back on: left alone
    assert all(bool((m.weight == 1).all()) for m in plain.modules() if isinstance(m, BatchNorm2d))
    assert all(m.weight.any() for m in CifarNet(8, residual=True).modules() if isinstance(m, BatchNorm2d))
    # Nothing to zero, no error.
    ResNet(Bottleneck, (1, 1, 1, 1), width=4, zero_init_last=True, norm=nn.Identity)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("norm", [BatchNorm2d, FusedBatchNorm2d])
def test_overfits_one_batch(residual: bool, norm: type[BatchNorm2d], overfit: Callable[..., None]) -> None:
    torch.manual_seed(0)
    net = CifarNet(8, residual=residual, width=8, norm=norm)
    x, y = torch.rand(16, 3, 12, 12), torch.arange(16) % 10
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    overfit(net, x, y, optimizer)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(7, 5), (32, 32), (33, 18)])
def test_odd_sizes_batch_of_one_types_and_devices(size: Any, dtype: torch.dtype, device: str) -> None:
    nets = [CifarNet(8, residual=r, width=4) for r in (True, False)]
    nets += [ResNet(b, (1, 1, 1, 1), width=4, classes=10) for b in (BasicBlock, Bottleneck)]
    for net in nets:
        out = net.to(device, dtype).eval()(torch.rand(1, 3, *size, dtype=dtype, device=device))
        assert out.shape == (1, 10) and out.dtype == dtype and bool(out.isfinite().all())


def test_evaluation_does_not_mix_images_and_training_does() -> None:
    torch.manual_seed(0)
    net, x = CifarNet(8, residual=True), torch.rand(4, 3, 16, 16)
    assert not torch.allclose(net(x)[:1], net(torch.cat([x[:1], 1 - x[1:]]))[:1], atol=1e-4)
    net.eval()
    torch.testing.assert_close(net(x)[:1], net(x[:1]), rtol=1e-4, atol=1e-5)


def test_bad_input_is_named() -> None:
    for depth in (2, 7, 18, 21, 0, -4):
        with pytest.raises(ValueError, match=f"depth: got {depth}, want 6n"):
            CifarNet(depth, residual=True)
    with pytest.raises(ValueError, match="shortcut: got 'add', want 'identity'"):
        CifarNet(8, residual=True, shortcut="add")
    with pytest.raises(ValueError, match="shortcut: got 'none'"):
        CifarNet(8, residual=True, shortcut="none")  # a plain net is residual=False, never a residual in name
    for net in (CifarNet(8, residual=True), ResNet(BasicBlock, (1, 1, 1, 1), width=4)):
        for bad, message in [
            (torch.zeros(3, 32, 32), "for one image use x"),
            (torch.zeros(1, 1, 32, 32), r"got 1 channels in shape \(1, 1, 32, 32\), want \(B, 3, H, W\)"),
            (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "divide 8-bit values by 255"),
            (torch.zeros(0, 3, 32, 32), "empty shape"),
        ]:
            with pytest.raises(ValueError, match=message):
                net(bad)
